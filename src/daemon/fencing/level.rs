//! One level of a fence: its ports, on one switch or on several.

use std::collections::BTreeMap;

use super::level_name;
use crate::config;
use crate::daemon::auto::Auto;
use crate::switch::Switch;
use crate::types::PortRef;

/// One level. Where its ports are found by itself, `fence.ports` has them as soon as they are known.
#[derive(Clone)]
pub(in crate::daemon) struct Level {
    /// As the core calls it, whatever its ports are by now.
    pub name: String,
    pub switch: Switch,
    /// The switches of `fence.also`, in its order.
    pub also: Vec<Switch>,
    pub fence: config::Fence,
    pub auto: Auto,
}

/// The ports of a level on one switch.
pub(in crate::daemon) struct Part<'a> {
    pub switch: &'a Switch,
    /// The switch's name in the configuration.
    pub on: &'a str,
    pub ports: Vec<&'a str>,
}

impl Part<'_> {
    /// One of its ports, with its switch.
    pub fn at(&self, port: &str) -> PortRef {
        PortRef {
            switch: self.on.to_owned(),
            port: port.to_owned(),
        }
    }
}

impl Level {
    /// `None` if a switch of it is not among `switches`.
    pub fn new(fence: &config::Fence, switches: &BTreeMap<String, Switch>) -> Option<Level> {
        let also = fence.also.iter().map(|a| switches.get(&a.switch).cloned());
        Some(Level {
            name: level_name(fence),
            switch: switches.get(&fence.switch)?.clone(),
            also: also.collect::<Option<_>>()?,
            fence: fence.clone(),
            auto: Auto::new(fence.auto),
        })
    }

    /// Its ports, switch by switch.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let switches = std::iter::once(&self.switch).chain(&self.also);
        let parts = switches.zip(self.fence.by_switch());
        parts.map(|(switch, (on, ports))| Part {
            switch,
            on,
            ports: ports.iter().map(String::as_str).collect(),
        })
    }

    /// True if its ports hang on more switches than one.
    pub fn is_spread(&self) -> bool {
        !self.also.is_empty()
    }
}
