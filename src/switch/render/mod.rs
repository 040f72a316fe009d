//! From a profile's operation and what was read to the varbinds that are sent and to what must read back. Pure.

mod instance;
pub mod portlist;
mod renderer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

pub use renderer::Renderer;

use crate::switch::model::op::Operation;
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::{Kind, Profile, Want};
use crate::types::{IfIndex, MacAddr};

/// One varbind of a SET, with the name of its object for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetVar {
    /// Name of the object in the profile.
    pub object: String,
    /// Its instance.
    pub oid: Oid,
    /// The type it is sent with.
    pub kind: Kind,
    /// The value.
    pub value: Value,
}

/// One thing to do over SNMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rendered {
    /// One SET.
    Pdu {
        /// Its varbinds, in order.
        vars: Vec<SetVar>,
        /// False if the answer's error status says nothing.
        reply_counts: bool,
    },
    /// Read until it has one of `until`; one of `fail` means failure.
    Poll {
        /// The instance.
        oid: Oid,
        /// Values that end it.
        until: Vec<i64>,
        /// Values that mean failure.
        fail: Vec<i64>,
        /// For so long.
        within: Duration,
    },
    /// A pause.
    Wait(Duration),
}

/// One thing that must read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Name of the object.
    pub object: String,
    /// Its instance.
    pub oid: Oid,
    /// What it must be.
    pub want: Expected,
    /// It counts only while the port's oper state reads up.
    pub while_up: bool,
}

/// What must be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One of these numbers.
    Numbers(Vec<i64>),
    /// One of these strings.
    Octets(Vec<Vec<u8>>),
    /// A PortList in which this port's bit is set or not.
    Bit {
        /// The number that stands for the port.
        number: u32,
        /// Set or not.
        on: bool,
    },
}

/// The port that an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortNumbers {
    /// ifName.
    pub if_name: String,
    /// ifIndex.
    pub if_index: IfIndex,
    /// dot1dBasePort, where the switch tells.
    pub bridge_port: Option<u32>,
}

/// What an operation is about, and what was read before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// The port.
    pub port: Option<PortNumbers>,
    /// The VLAN that is set, allowed, removed or flushed.
    pub new: Option<u16>,
    /// The VLANs that the port leaves, its PVID first.
    pub old: Vec<u16>,
    /// VLAN to the ifIndex of its interface.
    pub vlan_if: BTreeMap<u16, u32>,
    /// VLAN to its name.
    pub vlan_names: BTreeMap<u16, String>,
    /// The description that is written.
    pub alias: Vec<u8>,
    /// The MAC address that is meant.
    pub mac: Option<MacAddr>,
    /// The IPv4 address that is meant.
    pub ip: Option<Ipv4Addr>,
    /// Row number for index part `random`.
    pub random: u32,
    /// Of objects with index part `timemark`: VLAN to the mark that its row had.
    pub marks: BTreeMap<String, BTreeMap<u16, u32>>,
    /// Objects of which the agent has no row at all: what counts `where_told` does not count.
    pub untold: BTreeSet<String>,
    /// The instances as they were read.
    pub now: BTreeMap<Oid, Value>,
}

impl Scene {
    /// What is ordered; nothing of it is read yet.
    pub fn ordered(operation: Operation) -> Scene {
        Scene {
            new: operation.vlan().map(|v| v.0),
            mac: operation.mac(),
            ip: operation.ip(),
            ..Scene::default()
        }
    }

    /// The VLAN of a row: by the ifIndex of its interface where VLANs are interfaces, or the number itself.
    pub fn vlan_of(&self, row: u32, by_interface: bool) -> Option<u16> {
        if by_interface {
            let mut interfaces = self.vlan_if.iter();
            return interfaces.find(|(_, i)| **i == row).map(|(vlan, _)| *vlan);
        }
        u16::try_from(row).ok()
    }
}

/// An operation that cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the profile {profile} cannot do {op}: {why}")]
pub struct RenderError {
    /// Name of the profile.
    pub profile: String,
    /// Name of the operation.
    pub op: String,
    /// What is missing.
    pub why: String,
}

impl Expected {
    /// True if `value`, as it was read, is what was wanted.
    pub fn is_met(&self, profile: &Profile, value: &Value) -> bool {
        match self {
            Expected::Numbers(any) => value.number().is_some_and(|n| any.contains(&n)),
            Expected::Octets(any) => value.bytes().is_some_and(|b| any.iter().any(|a| a == b)),
            Expected::Bit { number, on } => match value {
                Value::Bytes(octets) => {
                    portlist::contains(profile.snmp.portlist, octets, *number) == Some(*on)
                }
                // A VLAN that has no row has no members.
                Value::Absent => !on,
                _ => false,
            },
        }
    }
}

/// The PDUs of `op` for one port that need nothing but its ifIndex, in order; `alias` fills in `{alias}`.
///
/// # Errors
/// The profile has no such operation, or it needs more.
pub fn render(
    profile: &Profile,
    op: &str,
    if_index: IfIndex,
    alias: &[u8],
) -> Result<Vec<Vec<SetVar>>, RenderError> {
    let port = PortNumbers {
        if_name: String::new(),
        if_index,
        bridge_port: None,
    };
    let scene = Scene {
        port: Some(port),
        alias: alias.to_vec(),
        ..Scene::default()
    };
    let steps = Renderer::new(profile, op, &scene)?.steps()?;
    Ok(steps
        .into_iter()
        .filter_map(|s| match s {
            Rendered::Pdu { vars, .. } => Some(vars),
            Rendered::Poll { .. } | Rendered::Wait(_) => None,
        })
        .collect())
}

/// The PDUs of `op` for several ports: where each port needs one PDU, all ports share it.
///
/// # Errors
/// As [`render`].
pub fn render_together(
    profile: &Profile,
    op: &str,
    ports: &[IfIndex],
) -> Result<Vec<Vec<SetVar>>, RenderError> {
    let mut together: Vec<Vec<SetVar>> = Vec::new();
    for port in ports {
        for (step, rows) in render(profile, op, *port, b"")?.into_iter().enumerate() {
            match together.get_mut(step) {
                Some(pdu) => pdu.extend(rows),
                None => together.push(rows),
            }
        }
    }
    Ok(together)
}

/// The numbers that prove `object` in `op`; empty if the operation does not read it back.
pub fn proving(profile: &Profile, op: &str, object: &str) -> Vec<i64> {
    let rows = profile.snmp_op(op).into_iter().flat_map(|op| &op.prove);
    rows.filter(|row| row.object == object)
        .flat_map(|row| match &row.want {
            Want::Any(values) => values.iter().filter_map(|v| v.parse().ok()).collect(),
            Want::Bit(_) => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
