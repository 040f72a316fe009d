//! How the switch is before and after what is asked: seen in its own memory.

use std::collections::BTreeSet;

use crate::change_table::Asked;
use crate::switch_agent::bridge::{Bridge, Current};
use crate::switch_agent::{Port, State};

impl Asked {
    /// Name and bridge port.
    pub fn port(self) -> (&'static str, u32) {
        if self.is_on_trunk() {
            ("ge2", 2)
        } else {
            ("ge1", 1)
        }
    }

    pub fn before(self, s: &mut State) {
        match self {
            Asked::On => (s.port("ge1").admin, s.port("ge1").oper) = (2, 2),
            Asked::AccessBack => move_to(s, 1, 10, 20),
            _ => {}
        }
    }

    /// Whether it is really so.
    pub fn is_done(self, s: &mut State) -> bool {
        let (name, base) = self.port();
        let port = s.port(name).clone();
        let bridge = s.bridge.as_ref().unwrap();
        let (pvid, egress, untagged) = bridge.of(base);
        if bridge.frames_of(base) != (egress.clone(), untagged.clone()) {
            return !self.operation().is_move();
        }
        match self {
            Asked::Off => (port.admin, port.oper) == (2, 2),
            Asked::On => port.admin == 1,
            Asked::Access => (pvid, egress, untagged) == (20, [20].into(), [20].into()),
            Asked::AccessBack => (pvid, egress, untagged) == (10, [10].into(), [10].into()),
            Asked::Allow => egress.contains(&40) && !untagged.contains(&40),
            Asked::Remove => !egress.contains(&30),
        }
    }
}

pub fn move_to(s: &mut State, port: u32, from: u16, to: u16) {
    let b = s.bridge.as_mut().unwrap();
    b.pvid.insert(port, to);
    for (vlan, there) in [(from, false), (to, true)] {
        let v = b.vlans.get_mut(&vlan).unwrap();
        for list in [&mut v.egress, &mut v.untagged] {
            if there {
                list.insert(port);
            } else {
                list.remove(&port);
            }
        }
    }
}

/// Somebody else tags bridge port 4 in every VLAN, or takes it out.
pub fn somebody(s: &mut State) {
    for v in s.bridge.as_mut().unwrap().vlans.values_mut() {
        if !v.egress.remove(&4) {
            v.egress.insert(4);
        }
    }
}

/// Everything that must not change but by us: ports by name, and who is in which VLAN, without port 4 of somebody else.
pub fn others(s: &State, ours: u32) -> (Vec<(String, i32)>, Bridge) {
    let ports = s.ports.iter().filter(|p: &&Port| p.base != ours);
    let mut bridge = s.bridge.clone().unwrap();
    bridge.current = Current::default();
    bridge.pvid.remove(&ours);
    for v in bridge.vlans.values_mut() {
        v.egress.remove(&ours);
        v.untagged.remove(&ours);
    }
    (
        ports.map(|p| (p.name.to_owned(), p.admin)).collect(),
        bridge,
    )
}

pub fn ours(s: &mut State, port: (&str, u32)) -> (i32, u16, BTreeSet<u16>, BTreeSet<u16>) {
    let admin = s.port(port.0).admin;
    let (pvid, mut egress, untagged) = s.bridge.as_ref().unwrap().of(port.1);
    egress.extend(s.bridge.as_ref().unwrap().frames_of(port.1).0);
    (admin, pvid, egress, untagged)
}
