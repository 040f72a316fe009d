//! `ports = "auto"`: the port of a fence is found while the peer is healthy, remembered, and confirmed again and again;
//! a fence whose port is not known is not there, and says so. Nothing is looked for once the peer is suspected.

mod looking;
mod usable;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fencing::Fencing;
use crate::rt;
use crate::switch::Switch;
use crate::switch::read::locate;
use crate::switch::read::locate::{AutoError, FoundPort, Wanted};
use crate::types::{BootTime, MacAddr, PortRef};

/// A port that could not be confirmed for this long, while the peer was healthy, is not known any more. What the
/// journal has may be this old, too.
const TOO_OLD: Duration = Duration::from_secs(600);

/// Added to how a port is known.
const FROM_JOURNAL: &str = " (as the journal has it, and it still is so)";

pub(super) use usable::{usable, with_found};

/// What is known of one level's port.
#[derive(Clone, Debug, PartialEq)]
pub enum Auto {
    /// The configuration names the ports.
    Off,
    /// Not known, and why. The fence is not there.
    Unknown {
        /// In words.
        why: String,
        /// What the journal had; to be confirmed before it is used.
        kept: Option<Box<Kept>>,
    },
    /// Known.
    Known(Box<Kept>),
}

/// A port that was found, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Name of the switch.
    pub switch: String,
    /// The port, and how it is known.
    pub found: FoundPort,
    /// When that was last seen to be so.
    pub confirmed: BootTime,
}

/// The answer of one look.
pub struct Looked {
    /// Of which fence, and which level of it.
    at: (u64, usize),
    /// The port, or why there is none.
    result: Result<FoundPort, AutoError>,
    /// It is what the journal had.
    from_journal: bool,
}

impl Auto {
    /// At the start.
    pub fn new(auto: bool) -> Auto {
        if auto {
            Auto::unknown("the peer was not seen healthy yet")
        } else {
            Auto::Off
        }
    }

    /// The ports are those of the fence that stands, and nothing is looked for before it is lifted.
    pub(super) fn kept_from_before() -> Auto {
        Auto::unknown("the ports are kept from the configuration before")
    }

    fn unknown(why: impl Into<String>) -> Auto {
        Auto::Unknown {
            why: why.into(),
            kept: None,
        }
    }
}

impl Fencing {
    /// Takes over what the journal has: to be confirmed first. A fence that is in place is carried over as it is
    /// (`standing::carry_over`).
    pub fn recall(&mut self, kept: &[Kept], same_boot: bool) {
        let now = rt::boot();
        for level in &mut self.levels {
            let Auto::Unknown {
                why,
                kept: candidate,
            } = &mut level.auto
            else {
                continue;
            };
            let Some(k) = kept.iter().find(|k| k.switch == level.fence.switch) else {
                continue;
            };
            if !same_boot || now.since(k.confirmed) > TOO_OLD {
                *why = format!(
                    "the journal has {}, but that is too old to be used; the peer must be seen healthy first",
                    k.found.port
                );
            } else {
                *why = format!(
                    "the journal has {}, which is not confirmed yet",
                    k.found.port
                );
                *candidate = Some(Box::new(k.clone()));
            }
        }
    }

    /// Takes over what the fence of the configuration before had found.
    pub fn inherit(&mut self, old: &Fencing) {
        for level in &mut self.levels {
            let before = old.levels.iter();
            let mut before = before.filter(|o| o.fence.switch == level.fence.switch);
            let found = before.next().filter(|o| o.auto != Auto::Off);
            if let Some(o) = found.filter(|_| level.auto != Auto::Off) {
                level.auto = o.auto.clone();
                level.fence.ports.clone_from(&o.fence.ports);
            }
        }
    }

    /// The ports that were found, for the journal.
    pub fn found(&self) -> Vec<Kept> {
        let known = self.levels.iter().filter_map(|l| match &l.auto {
            Auto::Known(k) => Some((**k).clone()),
            Auto::Unknown { kept, .. } => kept.as_ref().map(|k| (**k).clone()),
            Auto::Off => None,
        });
        known.collect()
    }

    /// Looks for every port that is to be found: where the peer's MAC is now.
    pub async fn look(&self, mac: MacAddr) -> Vec<Looked> {
        let mut out = Vec::new();
        for (level, l) in self.levels.iter().enumerate() {
            if l.auto != Auto::Off {
                out.push(Looked {
                    at: (self.made, level),
                    result: locate::find(&l.switch, &self.wanted(mac, &l.switch)).await,
                    from_journal: false,
                });
            }
        }
        out
    }

    /// Whether what the journal has is still so.
    pub async fn confirm_kept(&self) -> Vec<Looked> {
        let mut out = Vec::new();
        for (level, l) in self.levels.iter().enumerate() {
            let Auto::Unknown { kept: Some(k), .. } = &l.auto else {
                continue;
            };
            let wanted = self.wanted(k.found.mac, &l.switch);
            let result = locate::still(&l.switch, &k.found, &wanted).await;
            out.push(Looked {
                at: (self.made, level),
                result: result.map(|()| k.found.clone()),
                from_journal: true,
            });
        }
        out
    }

    fn wanted(&self, mac: MacAddr, switch: &Switch) -> Wanted {
        let target = switch.target();
        let parked = self.never.iter().filter(|p| p.switch == target.name);
        let parked = parked.map(|p| p.port.clone());
        Wanted {
            mac,
            own_macs: self.own_macs.clone(),
            never: target.own_ports.iter().cloned().chain(parked).collect(),
        }
    }

    /// Takes an answer; true if a port became known, unknown, or another. `taken` are other peers' ports.
    pub fn adopt(&mut self, looked: Looked, taken: &[PortRef], now: BootTime) -> bool {
        let (made, level) = looked.at;
        let Some(level) = self.levels.get_mut(level).filter(|_| made == self.made) else {
            return false;
        };
        let before = level.fence.ports.clone();
        let was = std::mem::replace(&mut level.auto, Auto::Off);
        let at = |port: &str| PortRef {
            switch: level.fence.switch.clone(),
            port: port.to_owned(),
        };
        level.auto = match (looked.result, was) {
            (_, Auto::Off) => Auto::Off,
            (Ok(found), _) if taken.iter().any(|t| t.is_same(&at(&found.port))) => {
                Auto::unknown(format!(
                    "{} is also the fence of another peer: fencing one would cut the other",
                    at(&found.port)
                ))
            }
            (Ok(mut found), was) => {
                if looked.from_journal && !found.how.ends_with(FROM_JOURNAL) {
                    found.how.push_str(FROM_JOURNAL);
                }
                // What the journal had is as old as it says, however often that is confirmed.
                let confirmed = match was {
                    Auto::Unknown { kept: Some(k), .. } if looked.from_journal => k.confirmed,
                    Auto::Off | Auto::Unknown { .. } | Auto::Known(_) => now,
                };
                Auto::Known(Box::new(Kept {
                    switch: level.fence.switch.clone(),
                    found,
                    confirmed,
                }))
            }
            (Err(e), _) if e.is_refusal() => Auto::unknown(e.to_string()),
            // It says nothing about where the peer is: what is known stays, until it is too old.
            (Err(_), Auto::Known(k)) => Auto::Known(k),
            (Err(e), Auto::Unknown { kept, .. }) => Auto::Unknown {
                why: e.to_string(),
                kept,
            },
        };
        match &level.auto {
            Auto::Off => {}
            Auto::Unknown { .. } => level.fence.ports.clear(),
            Auto::Known(k) => level.fence.ports = vec![k.found.port.clone()],
        }
        level.fence.ports != before
    }

    /// What was not confirmed for too long is not known any more; true if there was any.
    pub fn expire(&mut self, now: BootTime) -> bool {
        let mut any = false;
        for level in &mut self.levels {
            if let Auto::Known(k) = &level.auto
                && now.since(k.confirmed) > TOO_OLD
            {
                let why = format!(
                    "{} could not be confirmed for {} min",
                    k.found.port,
                    now.since(k.confirmed).as_secs() / 60
                );
                level.auto = Auto::unknown(why);
                level.fence.ports.clear();
                any = true;
            }
        }
        any
    }

    /// True if a port of this fence is to be found.
    pub fn is_auto(&self) -> bool {
        self.levels.iter().any(|l| l.auto != Auto::Off)
    }

    /// Why a level's port is not known: switch and reason, of the first such level.
    pub fn unknown(&self) -> Option<(&str, &str)> {
        self.levels.iter().find_map(|l| match &l.auto {
            Auto::Unknown { why, .. } if l.fence.ports.is_empty() => {
                Some((l.fence.switch.as_str(), why.as_str()))
            }
            Auto::Off | Auto::Unknown { .. } | Auto::Known(_) => None,
        })
    }

    /// For `status`: every level with its ports, and how an automatic one is known.
    pub fn told(&self) -> Vec<Value> {
        let levels = self.levels.iter().map(|l| {
            let (how, why) = match &l.auto {
                Auto::Off => (None, None),
                Auto::Unknown { why, .. } => (None, Some(why.clone())),
                Auto::Known(k) => (Some(k.found.how.clone()), None),
            };
            json!({
                "switch": l.fence.switch,
                "ports": l.fence.ports,
                "also": l.fence.also,
                "auto": l.auto != Auto::Off,
                "how": how,
                "why": why,
            })
        });
        levels.collect()
    }
}
