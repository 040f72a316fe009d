//! One peer's fence, over all its levels: set, lift, read. Plain values in, plain outcomes out; runs off the fast path.

mod level;
mod lift;
mod locating;
mod placing;
mod ports;
mod read_each;
mod setting;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;

pub(super) use self::level::{Level, Part};
pub use self::locating::{Located, locate_on};
pub use self::placing::level_name;
use super::standing::{Marks, Orphan};
use crate::config;
use crate::rt::{self, Instant};
use crate::switch::fence::quarantine;
use crate::switch::{Oper, PortIdentity, Switch, read_fence};
use crate::takeover::event::FenceRead;
use crate::types::{MacAddr, PortRef};

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
    /// Aggregates that consist of the ports of a level alone, as last seen: by the level's name and the switch's.
    pub(super) aggregates: Arc<Mutex<BTreeMap<(String, String), String>>>,
    /// Which levels are, or may be, in place.
    pub(super) marks: Marks,
    /// Levels in place on switches that the configuration does not have any more.
    pub(super) orphans: Vec<Orphan>,
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
            .filter_map(|f| Level::new(f, switches))
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

    /// What stands of the fence now. A fence stands if every port of one level is admin down.
    pub async fn read(&self) -> FenceRead {
        let mut worst = FenceRead::Unknown;
        for level in self.levels.iter().filter(|l| !l.fence.ports.is_empty()) {
            if let Some(vlans) = level.fence.quarantine {
                match quarantine::stands(&level.switch, &level.fence.ports, vlans).await {
                    Ok(true) => return FenceRead::Present,
                    Ok(false) if worst != FenceRead::Foreign => worst = FenceRead::Absent,
                    Ok(false) => {}
                    Err(why) => tracing::debug!(why, "the fence cannot be read"),
                }
                continue;
            }
            let reads = join_all(level.parts().map(|part| self.read_part(part))).await;
            let read = match as_a_whole(&reads) {
                FenceRead::Unknown => continue,
                FenceRead::Present => return FenceRead::Present,
                read @ (FenceRead::Foreign | FenceRead::Absent) => read,
            };
            if worst != FenceRead::Foreign {
                worst = read;
            }
        }
        worst
    }

    async fn read_part(&self, part: Part<'_>) -> FenceRead {
        let Ok(state) = read_fence(part.switch, &part.ports, &self.node).await else {
            return FenceRead::Unknown;
        };
        match (state.is_down(), state.ports.iter().all(|p| p.ours)) {
            (true, true) => FenceRead::Present,
            (true, false) => FenceRead::Foreign,
            (false, _) => FenceRead::Absent,
        }
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
        let levels = self.levels.iter().filter(|l| !l.fence.ports.is_empty());
        for part in levels.flat_map(Level::parts) {
            let states = part.switch.ports(&part.ports).await;
            let states = states.map_err(|e| Unread::Fault(e.to_string()))?;
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
        let mut parts = self.levels.iter().flat_map(Level::parts);
        let part = parts.find(|part| {
            let index_of = |port: &&str| {
                let identity = known.get(&part.at(port));
                identity.map(|i| i.if_index.0).filter(|i| *i != 0)
            };
            let mut indexes = part.ports.iter().map(index_of);
            part.on == switch
                && indexes.any(|here| here.is_none() || if_index.is_none() || here == if_index)
        });
        part.map(|p| p.switch.target().staleness())
    }

    /// The sum of snmpEngineBoots over the switches that tell it: another sum than before means that one was restarted.
    pub async fn engine_boots(&self) -> Option<u64> {
        let mut sum = None;
        for part in self.levels.iter().flat_map(Level::parts) {
            let system = part.switch.system().await.ok()?;
            sum = system
                .engine_boots
                .map(|b| u64::from(b) + sum.unwrap_or(0))
                .or(sum);
        }
        sum
    }

    /// What changed about the SNMPv3 engines of its switches since this was asked last.
    pub fn engine_news(&self) -> Vec<String> {
        let parts = self.levels.iter().flat_map(Level::parts);
        let news = parts.filter_map(|part| {
            let news = part.switch.engine_news()?;
            Some(format!("switch {}: {news}", part.switch.target().name))
        });
        news.collect()
    }

    /// True if a switch has learned `mac` on one of the fence's ports.
    pub async fn learned(&self, mac: MacAddr) -> Option<bool> {
        for part in self.levels.iter().flat_map(Level::parts) {
            for port in &part.ports {
                let macs = part.switch.macs_on(port).await.ok()?;
                if macs.contains(&mac) {
                    return Some(true);
                }
            }
        }
        Some(false)
    }
}

/// What stands of a level whose ports are on several switches: all of it, or none.
fn as_a_whole(parts: &[FenceRead]) -> FenceRead {
    let any = |is: FenceRead| parts.contains(&is);
    if any(FenceRead::Absent) || parts.is_empty() {
        FenceRead::Absent
    } else if any(FenceRead::Unknown) {
        FenceRead::Unknown
    } else if any(FenceRead::Foreign) {
        FenceRead::Foreign
    } else {
        FenceRead::Present
    }
}
