//! What can be asked of a switch: the operations by the names that profiles use. Pure.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::types::{MacAddr, VlanId};

/// A change that a switch is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// The port is shut (ifAdminStatus down).
    PortOff,
    /// The port is opened.
    PortOn,
    /// The port becomes an untagged member of this VLAN, and of no other.
    SetAccessVlan(VlanId),
    /// The port becomes a tagged member of this VLAN too.
    TrunkAllow(VlanId),
    /// The port is no member of this VLAN any more.
    TrunkRemove(VlanId),
    /// What was learned of this MAC address (in this VLAN) is forgotten.
    FlushMac(MacAddr, Option<VlanId>),
    /// The switch's own ARP entry of this address is forgotten.
    ClearArp(Ipv4Addr),
    /// The port's power over Ethernet goes off and on.
    PoeCycle,
    /// The running configuration becomes the start-up configuration.
    Save,
}

impl Operation {
    /// Its name in profiles and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Operation::PortOff => "port-off",
            Operation::PortOn => "port-on",
            Operation::SetAccessVlan(_) => "set-access-vlan",
            Operation::TrunkAllow(_) => "trunk-allow",
            Operation::TrunkRemove(_) => "trunk-remove",
            Operation::FlushMac(..) => "flush-mac",
            Operation::ClearArp(_) => "clear-arp",
            Operation::PoeCycle => "poe-cycle",
            Operation::Save => "save",
        }
    }

    /// The VLAN that it sets, allows, removes or flushes.
    pub fn vlan(self) -> Option<VlanId> {
        match self {
            Operation::SetAccessVlan(v) | Operation::TrunkAllow(v) | Operation::TrunkRemove(v) => {
                Some(v)
            }
            Operation::FlushMac(_, v) => v,
            Operation::PortOff
            | Operation::PortOn
            | Operation::ClearArp(_)
            | Operation::PoeCycle
            | Operation::Save => None,
        }
    }

    /// True if it is about a port.
    pub fn needs_port(self) -> bool {
        !matches!(
            self,
            Operation::FlushMac(..) | Operation::ClearArp(_) | Operation::Save
        )
    }

    /// True if it moves a port between VLANs: only then is a change that fails half-way undone by itself. A port that
    /// was shut stays shut.
    pub fn is_move(self) -> bool {
        matches!(
            self,
            Operation::SetAccessVlan(_) | Operation::TrunkAllow(_) | Operation::TrunkRemove(_)
        )
    }

    /// The operation that takes it back, given the untagged VLAN before.
    pub fn inverse(self, old: Option<VlanId>) -> Option<Operation> {
        match self {
            Operation::PortOff => Some(Operation::PortOn),
            Operation::PortOn => Some(Operation::PortOff),
            Operation::SetAccessVlan(_) => old.map(Operation::SetAccessVlan),
            Operation::TrunkAllow(v) => Some(Operation::TrunkRemove(v)),
            Operation::TrunkRemove(v) => Some(Operation::TrunkAllow(v)),
            Operation::FlushMac(..)
            | Operation::ClearArp(_)
            | Operation::PoeCycle
            | Operation::Save => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Operation::FlushMac(mac, vlan) => {
                write!(f, " {mac}")?;
                vlan.map_or(Ok(()), |v| write!(f, " in VLAN {}", v.0))
            }
            Operation::ClearArp(ip) => write!(f, " {ip}"),
            other => other.vlan().map_or(Ok(()), |v| write!(f, " {}", v.0)),
        }
    }
}
