//! Whether the levels' ports are the peer's, as one look sees it: plain values for the core.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::super::auto::Auto;
use super::{Fencing, Level};
use crate::config;
use crate::rt::Instant;
use crate::switch::placing::Placing;
use crate::takeover::placement::{Seen, Sight};
use crate::types::MacAddr;

/// Whether the forwarding table's port numbers are to be believed is looked at again after this: it takes whole tables.
const NUMBERED_FOR: Duration = Duration::from_secs(3600);

/// How the core and people call a level: the switch and its ports.
pub fn level_name(fence: &config::Fence) -> String {
    let ports = if fence.auto {
        "auto".to_owned()
    } else {
        fence.ports.join(",")
    };
    let how = if fence.quarantine.is_some() {
        " (quarantine)"
    } else {
        ""
    };
    format!("{}:{ports}{how}", fence.switch)
}

/// A fence is under way as long as this lives.
pub(super) struct Urgent(Arc<AtomicU32>);

impl Urgent {
    pub(super) fn begin(count: &Arc<AtomicU32>) -> Urgent {
        count.fetch_add(1, Ordering::SeqCst);
        Urgent(count.clone())
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fencing {
    /// One look at every level, while the peer answers. It ends after the request that is on its way when a fence is
    /// ordered: what was not looked at by then is unread.
    pub async fn sights(&self, mac: MacAddr) -> Vec<Sight> {
        let mut out = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let (identity, seen) = if self.urgent.load(Ordering::SeqCst) > 0 {
                let why = "a fence is under way".to_owned();
                (String::new(), Seen::Unread { why })
            } else {
                self.sight(level, mac).await
            };
            out.push(Sight {
                level: level.name.clone(),
                identity,
                seen,
            });
        }
        out
    }

    async fn sight(&self, level: &Level, mac: MacAddr) -> (String, Seen) {
        if let (Auto::Unknown { why, .. }, true) = (&level.auto, level.fence.ports.is_empty()) {
            return (String::new(), Seen::Unread { why: why.clone() });
        }
        let ports: Vec<&str> = level.fence.ports.iter().map(String::as_str).collect();
        match level.switch.place(&ports, &[mac], &self.own_macs).await {
            Err(e) => (String::new(), Seen::Unread { why: e.to_string() }),
            Ok(look) => {
                let identity = look.identity();
                let seen = match look.placing {
                    Placing::Here { how, aggregate } => {
                        self.note_aggregate(level, aggregate);
                        match self.misread(level).await {
                            None => Seen::Here { how },
                            Some(why) => Seen::Elsewhere {
                                at: "a misread table".to_owned(),
                                why: format!("switch {}: {why}", level.fence.switch),
                            },
                        }
                    }
                    Placing::Elsewhere { at, why } => Seen::Elsewhere { at, why },
                    Placing::Nowhere => Seen::Nowhere,
                    Placing::Untold => Seen::Untold,
                };
                (identity, seen)
            }
        }
    }

    /// Why the switch's port numbers are not believed. Looked at anew after [`NUMBERED_FOR`], or if it was so before.
    async fn misread(&self, level: &Level) -> Option<String> {
        let name = &level.fence.switch;
        let known = |all: &BTreeMap<String, Instant>| {
            all.get(name).is_some_and(|at| at.elapsed() < NUMBERED_FOR)
        };
        if known(&self.numbered.lock().unwrap_or_else(PoisonError::into_inner)) {
            return None;
        }
        // A switch that cannot be walked contradicts nothing.
        let why = level.switch.numbering().await.ok()?;
        let mut all = self.numbered.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            None => all.insert(name.clone(), Instant::now()),
            Some(_) => all.remove(name),
        };
        why
    }

    fn note_aggregate(&self, level: &Level, aggregate: Option<String>) {
        let mut all = self
            .aggregates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match aggregate {
            Some(name) => all.insert(level.name.clone(), name),
            None => all.remove(&level.name),
        };
    }

    /// Ports of the level's switch that are no others than the fenced ones, whatever their names: an aggregate of them, and
    /// where the tables have the peer although a person says that it is here.
    pub(super) fn counted_as_fenced(&self, level: &Level, in_spite_of: &[String]) -> Vec<String> {
        let all = self
            .aggregates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let switch = format!("{}:", level.fence.switch);
        let wrong = in_spite_of.iter().filter_map(|at| {
            let port = at.strip_prefix(&switch)?;
            Some(port.split(" (").next().unwrap_or(port).to_owned())
        });
        all.get(&level.name)
            .cloned()
            .into_iter()
            .chain(wrong)
            .collect()
    }

    /// The levels' names, in their order.
    pub fn level_names(&self) -> Vec<String> {
        self.levels.iter().map(|l| l.name.clone()).collect()
    }
}
