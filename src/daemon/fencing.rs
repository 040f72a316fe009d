//! One peer's fence, over all its levels: set, lift, read. Plain values in, plain outcomes out; runs off the fast path.

mod lift;
mod locating;
mod placing;
mod ports;
mod read_each;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

pub use self::locating::{Located, locate_on};
use self::placing::Urgent;
pub use self::placing::level_name;
use super::auto::{Auto, usable, with_found};
use super::quarantine;
use super::saving;
use super::standing::{Marks, StandingLevel};
use crate::config;
use crate::rt::{self, Instant};
use crate::switch::{
    FenceError, FencePort, FenceProgress, FenceRequest, FenceTag, Oper, PortIdentity, Switch,
    fence, read_fence,
};
use crate::takeover::event::{FenceRead, Outcome};
use crate::types::{Epoch, MacAddr, PortRef};

/// The levels of one peer's fence.
#[derive(Clone)]
pub struct Fencing {
    pub(super) node: String,
    pub(super) levels: Vec<Level>,
    pub(super) own_macs: Vec<MacAddr>,
    /// Which configuration it is of: an answer for an earlier one may be about another switch.
    pub(super) made: u64,
    /// Ports that are never found to be the peer's: our parked one.
    pub(super) never: Vec<PortRef>,
    /// The peer may fence us as well.
    pub(super) in_pair: bool,
    /// A fence is under way: looks at the switch stop after the request that is on its way.
    pub(super) urgent: Arc<AtomicU32>,
    /// When the port numbers of a switch were last found to be right, by its name.
    pub(super) numbered: Arc<Mutex<BTreeMap<String, Instant>>>,
    /// Aggregates that consist of the ports of a level alone, as last seen: by the level's name.
    pub(super) aggregates: Arc<Mutex<BTreeMap<String, String>>>,
    /// Which levels are, or may be, in place.
    pub(super) marks: Marks,
    /// Levels in place on switches that the configuration does not have any more.
    pub(super) orphans: Vec<StandingLevel>,
}

/// One level. Where its ports are found by itself, `fence.ports` has them as soon as they are known.
#[derive(Clone)]
pub(super) struct Level {
    /// As the core calls it, whatever its ports are by now.
    pub name: String,
    pub switch: Switch,
    pub fence: config::Fence,
    pub auto: Auto,
}

/// One read of the peer's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortsRead {
    /// False if every port reads `ifOperStatus` not up.
    pub up: bool,
    /// Lowest sysUpTime over the switches, hundredths of a second.
    pub sys_uptime_cs: Option<u32>,
}

/// Why the peer's ports could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// No port is known yet (`ports = "auto"`), and why.
    NoPort(String),
    /// A switch does not answer, or not with what was asked for: what it was, in words.
    Fault(String),
}

impl Fencing {
    /// Puts the levels of `peer` on `switches`; `own_macs` are refused on a port.
    pub fn new(
        node: &str,
        levels: &[config::Fence],
        switches: &BTreeMap<String, Switch>,
        own_macs: Vec<MacAddr>,
    ) -> Fencing {
        let levels = levels
            .iter()
            .filter_map(|f| {
                Some(Level {
                    name: level_name(f),
                    switch: switches.get(&f.switch)?.clone(),
                    fence: f.clone(),
                    auto: Auto::new(f.auto),
                })
            })
            .collect();
        Fencing {
            node: node.to_owned(),
            levels,
            own_macs,
            made: rt::random(),
            never: Vec::new(),
            in_pair: false,
            urgent: Arc::default(),
            aggregates: Arc::default(),
            numbered: Arc::default(),
            marks: Marks::default(),
            orphans: Vec::new(),
        }
    }

    /// The same levels, of which none is in place; answers of looks that were meant for this one are not taken.
    pub(super) fn renewed(&self) -> Fencing {
        Fencing {
            made: rt::random(),
            marks: Marks::default(),
            orphans: Vec::new(),
            ..self.clone()
        }
    }

    /// Our own parked port is never found to be the peer's.
    pub fn but_not(mut self, own: Option<&config::PortTakeover>) -> Fencing {
        self.never.extend(own.map(|t| PortRef {
            switch: t.switch.clone(),
            port: t.port.clone(),
        }));
        self
    }

    /// Sets the fence: the first level that can be proven wins, of those that may be used (empty: all). `on_set` is called
    /// when a SET was answered.
    pub async fn set(
        &self,
        epoch: Epoch,
        peer_mac: Option<MacAddr>,
        known: &BTreeMap<PortRef, PortIdentity>,
        (allowed, in_spite_of): (&[String], &[String]),
        on_set: impl Fn() + Clone + Send + 'static,
    ) -> Outcome {
        let _urgent = Urgent::begin(&self.urgent);
        let mut whys = Vec::new();
        let mut refused = !self.levels.is_empty();
        // Of a fence in place that is another than the file's, the core has no names: it is ours already.
        let ours = !self.levels.iter().any(|l| allowed.contains(&l.name));
        let may = |l: &Level| ours || allowed.contains(&l.name);
        for (i, level) in self.levels.iter().enumerate().filter(|(_, l)| may(l)) {
            match self
                .set_level(
                    (i, level),
                    epoch,
                    peer_mac,
                    (known, in_spite_of),
                    on_set.clone(),
                )
                .await
            {
                Ok(how) => return Outcome::Done(how),
                Err((why, guarded)) => {
                    refused &= guarded;
                    whys.push(why);
                }
            }
        }
        let why = if whys.is_empty() {
            "no fence is configured".to_owned()
        } else {
            whys.join("; ")
        };
        if refused {
            Outcome::Refused(why)
        } else {
            Outcome::Failed(why)
        }
    }

    async fn set_level(
        &self,
        (i, level): (usize, &Level),
        epoch: Epoch,
        peer_mac: Option<MacAddr>,
        (known, in_spite_of): (&BTreeMap<PortRef, PortIdentity>, &[String]),
        on_set: impl Fn() + Send + 'static,
    ) -> Result<String, (String, bool)> {
        let known = &with_found(level, known);
        usable(level, peer_mac).await.map_err(|why| (why, false))?;
        if let Some(vlans) = level.fence.quarantine {
            let counted = self.counted_as_fenced(level, in_spite_of);
            let (who, on) = (
                (peer_mac, self.own_macs.as_slice(), counted.as_slice()),
                &level.switch,
            );
            let on_set = || {
                self.marks.set(i);
                on_set();
            };
            let done = quarantine::set(on, &level.fence, vlans, who, known, on_set).await;
            if done.is_ok() && level.fence.persist {
                saving::save(on);
            }
            return done;
        }
        let (tx, mut rx) = mpsc::unbounded_channel();
        let ports = level.fence.ports.iter().map(|port| {
            let at = PortRef {
                switch: level.fence.switch.clone(),
                port: port.clone(),
            };
            FencePort {
                port: port.clone(),
                expected_identity: known.get(&at).cloned(),
                expected_alias: level.fence.alias.clone(),
            }
        });
        let request = FenceRequest {
            ports: ports.collect(),
            peer_mac,
            vlan: None,
            own_macs: self.own_macs.clone(),
            aggregates: self.counted_as_fenced(level, in_spite_of),
            tag: FenceTag {
                node: self.node.clone(),
                epoch,
            },
            within: level.fence.timeout,
            progress: Some(tx),
        };
        let told = rt::spawn(async move {
            while let Some(progress) = rx.recv().await {
                match progress {
                    FenceProgress::Sent { .. } => on_set(),
                    FenceProgress::Tagged {
                        port,
                        tagged: false,
                        why,
                    } => {
                        tracing::warn!(%port, why = why.as_deref().unwrap_or(""), "the fence is not tagged as ours");
                    }
                    FenceProgress::Sending | FenceProgress::Tagged { .. } => {}
                }
            }
        });
        // Before the SET: whoever is stopped in the middle has left it, perhaps, in place.
        let was_set = self.marks.is_set(i);
        self.marks.set(i);
        let result = fence(&level.switch, request).await;
        match result {
            Ok(proof) => {
                if level.fence.persist {
                    saving::save(&level.switch);
                }
                let ports: Vec<String> = proof
                    .ports
                    .iter()
                    .map(|p| format!("{}:{} admin down, oper down", proof.switch, p.port))
                    .collect();
                Ok(format!(
                    "{}, {:?} after the order",
                    ports.join(", "),
                    proof.proven_after
                ))
            }
            Err(e) => {
                told.abort();
                if !was_set && !matches!(e, FenceError::Unproven(_)) {
                    self.marks.lifted(i);
                }
                Err((e.to_string(), matches!(e, FenceError::Guarded { .. })))
            }
        }
    }

    /// What stands of the fence now. A fence stands if every port of one level is admin down.
    pub async fn read(&self) -> FenceRead {
        let mut worst = FenceRead::Unknown;
        for level in self.levels.iter().filter(|l| !l.fence.ports.is_empty()) {
            if let Some(vlans) = level.fence.quarantine {
                match quarantine::read(&level.switch, &level.fence, vlans).await {
                    FenceRead::Present => return FenceRead::Present,
                    FenceRead::Absent if worst != FenceRead::Foreign => worst = FenceRead::Absent,
                    FenceRead::Absent | FenceRead::Foreign | FenceRead::Unknown => {}
                }
                continue;
            }
            let ports: Vec<&str> = level.fence.ports.iter().map(String::as_str).collect();
            let Ok(state) = read_fence(&level.switch, &ports, &self.node).await else {
                continue;
            };
            let read = match (state.is_down(), state.ports.iter().all(|p| p.ours)) {
                (true, true) => return FenceRead::Present,
                (true, false) => FenceRead::Foreign,
                (false, _) => FenceRead::Absent,
            };
            if worst != FenceRead::Foreign {
                worst = read;
            }
        }
        worst
    }

    /// The oper state of all ports.
    ///
    /// # Errors
    ///
    /// A switch does not answer, or no port is known.
    pub async fn poll(&self) -> Result<PortsRead, Unread> {
        let (mut up, mut uptime) = (false, None);
        if let (true, Some((_, why))) = (self.ports().is_empty(), self.unknown()) {
            return Err(Unread::NoPort(why.to_owned()));
        }
        for level in self.levels.iter().filter(|l| !l.fence.ports.is_empty()) {
            let ports: Vec<&str> = level.fence.ports.iter().map(String::as_str).collect();
            let states = level
                .switch
                .ports(&ports)
                .await
                .map_err(|e| Unread::Fault(e.to_string()))?;
            up |= states.iter().any(|p| p.oper == Oper::Up);
            let lowest = states.iter().filter_map(|p| p.sys_uptime_cs).min();
            uptime = [uptime, lowest].into_iter().flatten().min();
        }
        Ok(PortsRead {
            up,
            sys_uptime_cs: uptime,
        })
    }

    /// If a change of the link `if_index` of `switch` may be about one of the fence's ports: how old an oper state that
    /// is read now may be. A port whose ifIndex is not known may be meant by any.
    pub fn concerned(
        &self,
        switch: &str,
        if_index: Option<u32>,
        known: &BTreeMap<PortRef, PortIdentity>,
    ) -> Option<Duration> {
        let level = self.levels.iter().find(|l| {
            let index_of = |port: &String| {
                let at = PortRef {
                    switch: l.fence.switch.clone(),
                    port: port.clone(),
                };
                known.get(&at).map(|i| i.if_index.0).filter(|i| *i != 0)
            };
            let mut indexes = l.fence.ports.iter().map(index_of);
            l.fence.switch == switch
                && indexes.any(|here| here.is_none() || if_index.is_none() || here == if_index)
        });
        level.map(|l| l.switch.target().staleness())
    }

    /// The sum of snmpEngineBoots over the switches that tell it: another sum than before means that one was restarted.
    pub async fn engine_boots(&self) -> Option<u64> {
        let mut sum = None;
        for level in &self.levels {
            let system = level.switch.system().await.ok()?;
            sum = system
                .engine_boots
                .map(|b| u64::from(b) + sum.unwrap_or(0))
                .or(sum);
        }
        sum
    }

    /// What changed about the SNMPv3 engines of its switches since this was asked last.
    pub fn engine_news(&self) -> Vec<String> {
        let news = self.levels.iter().filter_map(|l| {
            let news = l.switch.engine_news()?;
            Some(format!("switch {}: {news}", l.switch.target().name))
        });
        news.collect()
    }

    /// True if a switch has learned `mac` on one of the fence's ports.
    pub async fn learned(&self, mac: MacAddr) -> Option<bool> {
        for level in &self.levels {
            for port in &level.fence.ports {
                let macs = level.switch.macs_on(port).await.ok()?;
                if macs.contains(&mac) {
                    return Some(true);
                }
            }
        }
        Some(false)
    }
}
