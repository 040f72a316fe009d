//! The VLANs of the switch in the test's process: static and current rows of Q-BRIDGE-MIB as agents serve them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_snmp::handler::SetTestError;
use async_snmp::{Oid, Value};
use standin::rt::Instant;

const QBRIDGE: [u32; 8] = [1, 3, 6, 1, 2, 1, 17, 7];
/// dot1qVlanCurrentTable's first index is a TimeFilter: anything but zero, as several families send it.
const TIME_MARK: u32 = 117_070;
/// Octets that hold every port.
const NEEDED: usize = 6;

/// One VLAN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vlan {
    pub name: String,
    pub fdb: u32,
    pub egress: BTreeSet<u32>,
    pub untagged: BTreeSet<u32>,
    pub forbidden: BTreeSet<u32>,
}

/// How long the agent's PortLists are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lists {
    /// As long as the ports need; takes any length.
    #[default]
    Plain,
    /// Without trailing zero octets; takes any length.
    Trimmed,
    /// This long, and refuses any other length.
    Exactly(usize),
}

/// What the switch really does, which dot1qVlanCurrentTable tells, when its static rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follows {
    /// What the rows say.
    #[default]
    AtOnce,
    /// What they say, this much later.
    After(Duration),
    /// What it did before.
    Never,
    /// What they say, but a port that it ever had in a VLAN stays in it.
    AddsOnly,
}

/// dot1qVlanCurrentTable, and what is behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Current {
    pub follows: Follows,
    /// The agent has no such lists.
    pub untold: bool,
    /// Each row gets another time mark when it changes, and is not found under an old one.
    pub marks_move: bool,
    /// Ports without a link, which are in no list.
    pub linkless: BTreeSet<u32>,
    /// The static rows before each write, and when it was.
    was: Vec<(Instant, BTreeMap<u16, Vlan>)>,
}

/// All VLANs, and the PVID of each bridge port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    pub current: Current,
    pub vlans: BTreeMap<u16, Vlan>,
    pub pvid: BTreeMap<u32, u16>,
    pub lists: Lists,
    /// dot1dStpPortState of ports that are not forwarding; 0: it does not tell.
    pub stp: BTreeMap<u32, i32>,
}

impl Bridge {
    /// VLANs 10 (ports 1 to 4 untagged), 20 (empty), 30 (2 and the uplink 48 tagged), 40 (48 tagged), each with a
    /// filtering database of another number.
    pub fn new() -> Bridge {
        let vlan = |name: &str, fdb, egress: &[u32], untagged: &[u32]| Vlan {
            name: name.into(),
            fdb,
            egress: egress.iter().copied().collect(),
            untagged: untagged.iter().copied().collect(),
            forbidden: BTreeSet::new(),
        };
        Bridge {
            vlans: BTreeMap::from([
                (10, vlan("cameras", 1, &[1, 2, 3, 4, 48], &[1, 2, 3, 4])),
                (20, vlan("quarantine", 2, &[48], &[])),
                (30, vlan("voice", 7, &[2, 48], &[])),
                (40, vlan("backup", 9, &[48], &[])),
            ]),
            pvid: BTreeMap::from([(1, 10), (2, 10), (3, 10), (4, 10), (48, 1)]),
            lists: Lists::Plain,
            current: Current::default(),
            stp: BTreeMap::new(),
        }
    }

    /// The VLANs as frames have them.
    pub fn now(&self) -> BTreeMap<u16, Vlan> {
        let was = &self.current.was;
        match self.current.follows {
            Follows::AtOnce => self.vlans.clone(),
            Follows::After(late) => {
                // The oldest state that a write younger than that replaced.
                let young = was.iter().find(|(at, _)| at.elapsed() < late);
                young.map_or_else(|| self.vlans.clone(), |(_, old)| old.clone())
            }
            Follows::Never => was.first().map_or(&self.vlans, |(_, old)| old).clone(),
            Follows::AddsOnly => {
                let mut all = self.vlans.clone();
                for (id, v) in was.iter().flat_map(|(_, old)| old) {
                    if let Some(row) = all.get_mut(id) {
                        row.egress.extend(&v.egress);
                        row.untagged.extend(&v.untagged);
                    }
                }
                all
            }
        }
    }

    /// The VLANs whose frames leave at this port: all, and untagged.
    pub fn frames_of(&self, port: u32) -> (BTreeSet<u16>, BTreeSet<u16>) {
        let now = self.now();
        let of = |list: fn(&Vlan) -> &BTreeSet<u32>| {
            let there = now.iter().filter(|(_, v)| list(v).contains(&port));
            there.map(|(id, _)| *id).collect()
        };
        (of(|v| &v.egress), of(|v| &v.untagged))
    }

    /// What one port is in: PVID, egress, untagged.
    pub fn of(&self, port: u32) -> (u16, BTreeSet<u16>, BTreeSet<u16>) {
        let of = |list: fn(&Vlan) -> &BTreeSet<u32>| {
            let there = self.vlans.iter().filter(|(_, v)| list(v).contains(&port));
            there.map(|(id, _)| *id).collect()
        };
        (self.pvid[&port], of(|v| &v.egress), of(|v| &v.untagged))
    }

    fn octets(&self, ports: &BTreeSet<u32>) -> Value {
        let length = match self.lists {
            Lists::Exactly(n) => n,
            Lists::Plain | Lists::Trimmed => NEEDED,
        };
        let mut out = vec![0u8; length];
        for p in ports {
            out[(*p as usize - 1) / 8] |= 0x80 >> ((p - 1) % 8);
        }
        if self.lists == Lists::Trimmed {
            out.truncate(out.iter().rposition(|o| *o != 0).map_or(0, |at| at + 1));
        }
        Value::OctetString(out.into())
    }

    pub fn rows(&self) -> Vec<(Oid, Value)> {
        let at = |arcs: &[u32]| Oid::from_slice(&[&QBRIDGE[..], arcs].concat());
        let mut out = Vec::new();
        let current = self.now();
        for (id, v) in &self.vlans {
            let i = u32::from(*id);
            let mark = match self.current.marks_move {
                true => TIME_MARK + self.current.was.len() as u32,
                false => TIME_MARK,
            };
            let now = |column| at(&[1, 4, 2, 1, column, mark, i]);
            let row = |column| at(&[1, 4, 3, 1, column, i]);
            out.push((now(3), Value::Gauge32(v.fdb)));
            if let (false, Some(is)) = (self.current.untold, current.get(id)) {
                let shown = |list: &BTreeSet<u32>| list - &self.current.linkless;
                out.push((now(4), self.octets(&shown(&is.egress))));
                out.push((now(5), self.octets(&shown(&is.untagged))));
            }
            out.push((row(1), Value::from(v.name.as_str())));
            out.push((row(2), self.octets(&v.egress)));
            out.push((row(3), self.octets(&v.forbidden)));
            out.push((row(4), self.octets(&v.untagged)));
            out.push((row(5), Value::Integer(1)));
        }
        for (port, vlan) in &self.pvid {
            out.push((
                at(&[1, 4, 5, 1, 1, *port]),
                Value::Gauge32(u32::from(*vlan)),
            ));
            let stp = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 17, 2, 15, 1, 3, *port]);
            match self.stp.get(port) {
                Some(0) => {}
                state => out.push((stp, Value::Integer(state.copied().unwrap_or(5)))),
            }
        }
        out
    }

    /// Column and index below Q-BRIDGE-MIB's VLAN objects.
    fn place(oid: &Oid) -> Option<(&[u32], u32)> {
        let rest = oid.arcs().strip_prefix(&QBRIDGE)?.strip_prefix(&[1, 4])?;
        let (index, column) = rest.split_last()?;
        Some((column, *index))
    }

    /// True if it is one of its objects.
    pub fn has(oid: &Oid) -> bool {
        Self::place(oid).is_some()
    }

    /// What an agent checks before it applies anything.
    pub fn test(&self, oid: &Oid, value: &Value) -> Result<(), SetTestError> {
        match (Self::place(oid), value) {
            (Some(([5, 1, 1], port)), Value::Gauge32(vlan)) => {
                let there = u16::try_from(*vlan).is_ok_and(|v| self.vlans.contains_key(&v));
                match there && self.pvid.contains_key(&port) {
                    true => Ok(()),
                    false => Err(SetTestError::InconsistentValue),
                }
            }
            (Some(([3, 1, 2 | 4], vlan)), Value::OctetString(octets)) => {
                if !u16::try_from(vlan).is_ok_and(|v| self.vlans.contains_key(&v)) {
                    return Err(SetTestError::NoCreation);
                }
                match self.lists {
                    Lists::Exactly(n) if octets.len() != n => Err(SetTestError::WrongLength),
                    _ => Ok(()),
                }
            }
            (Some(([5, 1, 1] | [3, 1, 2 | 4], _)), _) => Err(SetTestError::WrongType),
            _ => Err(SetTestError::NotWritable),
        }
    }

    pub fn apply(&mut self, oid: &Oid, value: &Value) {
        let was = self.vlans.clone();
        self.current.was.push((Instant::now(), was));
        match (Self::place(oid), value) {
            (Some(([5, 1, 1], port)), Value::Gauge32(vlan)) => {
                self.pvid.insert(port, *vlan as u16);
            }
            (Some(([3, 1, column], vlan)), Value::OctetString(octets)) => {
                let ports = (1..=octets.len() as u32 * 8)
                    .filter(|p| octets[(*p as usize - 1) / 8] & (0x80 >> ((p - 1) % 8)) != 0)
                    .collect();
                let Some(row) = self.vlans.get_mut(&(vlan as u16)) else {
                    return;
                };
                match column {
                    2 => row.egress = ports,
                    _ => row.untagged = ports,
                }
            }
            _ => {}
        }
    }
}
