//! A fence in place belongs to the journal until it is lifted, whatever a changed file says: switch name, ports, kind,
//! VLANs and tag are kept; the switch's address, credentials and profile, and the times, are always the file's.
//!
//! A restart and a reload go through [`carry_over`], so that neither can forget what the other keeps.

pub(super) mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::auto::{self, Auto};
use super::fencing::{Fencing, Level};
use super::record::Kept;
use crate::config::{self, Quarantine, SwitchPorts};
use crate::switch::Switch;
use crate::takeover::state::Phase;
use crate::types::{PortRef, VlanId};

/// Time for one try where the file has no level on the fence's switch any more.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A fence, as the journal keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The name in its tags.
    pub node: String,
    /// Its levels, in the order in which they are tried.
    pub levels: Vec<StandingLevel>,
}

/// One level of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingLevel {
    /// Name of the switch.
    pub switch: String,
    /// ifNames.
    pub ports: Vec<String>,
    /// Its ports on further switches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<SwitchPorts>,
    /// The VLAN that its ports are moved out of; they are shut if either is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<VlanId>,
    /// The VLAN that they are moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<VlanId>,
    /// A SET was, or may have been, sent to it, and it was not seen lifted since.
    #[serde(default = "yes")]
    pub set: bool,
}

/// What does not say that it was never written may have been.
fn yes() -> bool {
    true
}

impl StandingLevel {
    /// Between which VLANs its ports were moved; `None`: they are shut.
    pub fn vlans(&self) -> Option<Quarantine> {
        Some(Quarantine {
            production: self.production?,
            quarantine: self.quarantine?,
        })
    }

    fn is_as(&self, fence: &config::Fence) -> bool {
        (self.switch == fence.switch)
            && (self.ports == fence.ports)
            && (self.also == fence.also)
            && (self.vlans() == fence.quarantine)
    }

    /// Its ports.
    pub fn ports(&self) -> impl Iterator<Item = PortRef> {
        let also = self.also.iter().map(|a| (&a.switch, &a.ports));
        let all = std::iter::once((&self.switch, &self.ports)).chain(also);
        all.flat_map(|(switch, ports)| {
            ports.iter().map(|port| PortRef {
                switch: switch.clone(),
                port: port.clone(),
            })
        })
    }

    /// The switch of it that is not among these, if one is not.
    fn missing(&self, switches: &BTreeMap<String, Switch>) -> Option<&str> {
        let mut all = std::iter::once(&self.switch).chain(self.also.iter().map(|a| &a.switch));
        let missing = all.find(|name| !switches.contains_key(*name));
        missing.map(String::as_str)
    }

    /// What lifts it, one command a port.
    pub fn commands(&self) -> String {
        let commands = self.ports().map(|at| format!("`standin unfence {at}`"));
        commands.collect::<Vec<_>>().join(", ")
    }
}

impl Standing {
    /// With what is in place now.
    pub(super) fn marked(&self, marks: &Marks) -> Standing {
        let mut now = self.clone();
        for (i, level) in now.levels.iter_mut().enumerate() {
            level.set = marks.is_set(i);
        }
        now
    }

    /// What a journal of an older version says: the levels are those of a switch and a kind.
    fn of_old(kept: &Kept) -> Standing {
        let mut levels: Vec<StandingLevel> = Vec::new();
        for at in &kept.fence {
            let moved = kept.quarantined.iter().find(|q| q.port == *at);
            let (production, quarantine) =
                (moved.map(|q| q.production), moved.map(|q| q.quarantine));
            let same = levels
                .iter_mut()
                .find(|l| l.switch == at.switch && l.quarantine == quarantine);
            match same {
                Some(level) => level.ports.push(at.port.clone()),
                None => levels.push(StandingLevel {
                    switch: at.switch.clone(),
                    ports: vec![at.port.clone()],
                    also: Vec::new(),
                    production,
                    quarantine,
                    set: true,
                }),
            }
        }
        Standing {
            node: String::new(),
            levels,
        }
    }
}

impl Kept {
    /// The fence as it was.
    pub fn standing(&self) -> Standing {
        match &self.standing {
            Some(standing) => standing.clone(),
            None => Standing::of_old(self),
        }
    }

    /// True if something of this peer's takeover may be in place.
    pub fn in_place(&self) -> bool {
        let set = self.standing.iter().flat_map(|s| &s.levels).any(|l| l.set);
        set || !matches!(self.phase, Phase::Standby)
    }
}

/// To which levels a SET was, or may have been, sent. Shared by all clones of a fence.
#[derive(Clone, Debug, Default)]
pub struct Marks(Arc<Mutex<BTreeSet<usize>>>);

impl Marks {
    fn with<T>(&self, f: impl FnOnce(&mut BTreeSet<usize>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A SET is about to be sent to this level.
    pub fn set(&self, level: usize) {
        self.with(|m| m.insert(level));
    }

    /// This level is seen to be lifted.
    pub fn lifted(&self, level: usize) {
        self.with(|m| m.remove(&level));
    }

    /// True if this level is, or may be, in place.
    pub fn is_set(&self, level: usize) -> bool {
        self.with(|m| m.contains(&level))
    }

    /// True if any level is, or may be, in place.
    pub fn any(&self) -> bool {
        self.with(|m| !m.is_empty())
    }
}

/// A fence of which a level stands on a switch that the file does not have any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its fence stands on {}, and the configuration has no switch {missing} any more: nobody could read or lift it. Put [switch.{missing}] back; before it may go, `standin release {peer}`, or {}",
    .level.ports().map(|p| p.to_string()).collect::<Vec<_>>().join(", "), .level.commands()
)]
pub struct Orphan {
    /// The peer.
    pub peer: String,
    /// The level.
    pub level: StandingLevel,
    /// The switch of it that is gone.
    pub missing: String,
}

/// What becomes of a fence in place when the configuration is another.
pub struct CarriedOver {
    /// The fence to go on with.
    pub fencing: Fencing,
    /// What the file names, if that is another: in force once the fence in place is lifted.
    pub later: Option<Fencing>,
    /// Levels that cannot be read or lifted with this file.
    pub orphans: Vec<Orphan>,
}

/// Goes on with the fence that stands, on the switches of the file. `file` is the fence that the file names; `found` are
/// ports that were found rather than named.
pub fn carry_over(
    peer: &str,
    file: Fencing,
    standing: &Standing,
    found: &[auto::Kept],
    switches: &BTreeMap<String, Switch>,
) -> CarriedOver {
    let mut fencing = file.renewed();
    if !standing.node.is_empty() {
        fencing.node.clone_from(&standing.node);
    }
    fencing.levels.clear();
    let mut orphans = Vec::new();
    for kept in standing.levels.iter().filter(|l| !l.ports.is_empty()) {
        let Some(level) = level(&file, kept, found, switches) else {
            if let Some(missing) = kept.missing(switches).filter(|_| kept.set) {
                orphans.push(Orphan {
                    peer: peer.to_owned(),
                    level: kept.clone(),
                    missing: missing.to_owned(),
                });
            }
            continue;
        };
        if kept.set {
            fencing.marks.set(fencing.levels.len());
        }
        fencing.levels.push(level);
    }
    // A level whose port was still to be found has nothing to be kept, and is found later as ever.
    for searched in file.levels.iter().filter(|l| l.auto != Auto::Off) {
        let known = fencing
            .levels
            .iter()
            .any(|l| l.fence.switch == searched.fence.switch);
        if !known {
            fencing.levels.push(searched.clone());
        }
    }
    for orphan in &orphans {
        fencing
            .marks
            .set(fencing.levels.len() + fencing.orphans.len());
        fencing.orphans.push(orphan.clone());
    }
    let same =
        (standing.node.is_empty() || standing.node == file.node)
            && standing.levels.len() == file.levels.len()
            && standing.levels.iter().zip(&file.levels).all(|(s, l)| {
                s.is_as(&l.fence) || (l.auto != Auto::Off && s.switch == l.fence.switch)
            });
    CarriedOver {
        fencing,
        later: (!same).then_some(file),
        orphans,
    }
}

/// A level of the journal with the file's times; `None` if the file does not have all of its switches.
fn level(
    file: &Fencing,
    kept: &StandingLevel,
    found: &[auto::Kept],
    switches: &BTreeMap<String, Switch>,
) -> Option<Level> {
    let on_it = || file.levels.iter().filter(|l| l.fence.switch == kept.switch);
    let same = on_it().find(|l| kept.is_as(&l.fence));
    let near = same.or_else(|| on_it().next());
    let known = found
        .iter()
        .find(|k| k.switch == kept.switch && kept.ports == [k.found.port.clone()]);
    let searched = near.is_some_and(|l| l.auto != Auto::Off);
    let fence = config::Fence {
        switch: kept.switch.clone(),
        ports: kept.ports.clone(),
        also: kept.also.clone(),
        auto: searched,
        quarantine: kept.vlans(),
        // A description that the file expects of other ports says nothing about these.
        alias: same.and_then(|l| l.fence.alias.clone()),
        persist: near.is_some_and(|l| l.fence.persist),
        timeout: near.map_or(TIMEOUT, |l| l.fence.timeout),
    };
    let auto = match known {
        Some(known) if searched => Auto::Known(Box::new(known.clone())),
        _ if searched => Auto::kept_from_before(),
        _ => Auto::Off,
    };
    Some(Level {
        auto,
        ..Level::new(&fence, switches)?
    })
}

impl Fencing {
    /// As the journal keeps it.
    pub fn standing(&self) -> Standing {
        let levels = self.levels.iter().enumerate().map(|(i, l)| StandingLevel {
            switch: l.fence.switch.clone(),
            ports: l.fence.ports.clone(),
            also: l.fence.also.clone(),
            production: l.fence.quarantine.map(|q| q.production),
            quarantine: l.fence.quarantine.map(|q| q.quarantine),
            set: self.marks.is_set(i),
        });
        Standing {
            node: self.node.clone(),
            levels: levels
                .chain(self.orphans.iter().map(|o| o.level.clone()))
                .collect(),
        }
    }
}
