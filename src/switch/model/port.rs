//! What is known of a switch and of one of its ports.

use serde::{Deserialize, Serialize};

use super::tag;
use super::tag::FenceTag;
use crate::types::{BridgePort, IfIndex, MacAddr};

/// Who the switch says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SystemInfo {
    /// sysName.
    pub sys_name: String,
    /// sysDescr.
    pub sys_descr: String,
    /// sysObjectID, dotted.
    pub sys_object_id: String,
    /// sysUpTime, hundredths of a second; goes back when the switch restarts (and every 497 days).
    pub sys_uptime_cs: u32,
    /// snmpEngineBoots, where the switch tells.
    pub engine_boots: Option<u32>,
}

macro_rules! status {
    ($(#[$doc:meta])* $name:ident, $($(#[$vdoc:meta])* $variant:ident = $n:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A number that the MIB does not have.
            Other(i64),
        }

        impl From<i64> for $name {
            fn from(n: i64) -> Self {
                match n { $($n => $name::$variant,)* other => $name::Other(other) }
            }
        }

        impl From<$name> for i64 {
            fn from(s: $name) -> i64 {
                match s { $($name::$variant => $n,)* $name::Other(other) => other }
            }
        }
    };
}

status! {
    /// ifAdminStatus: what the port is told to be.
    Admin,
    /// Passes frames, or tries to.
    Up = 1,
    /// Shut.
    Down = 2,
    /// In a test mode.
    Testing = 3,
}

status! {
    /// ifOperStatus: what the port is.
    Oper,
    /// Passes frames.
    Up = 1,
    /// Does not.
    Down = 2,
    /// In a test mode.
    Testing = 3,
    /// The switch does not know.
    Unknown = 4,
    /// Waits for an external action.
    Dormant = 5,
    /// A part is missing.
    NotPresent = 6,
    /// Down because of what is beneath it.
    LowerLayerDown = 7,
}

/// Up or down, as command lines say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Up.
    Up,
    /// Down.
    Down,
}

impl LinkState {
    /// Reads `up` or `down`, what the profile's map makes of the switch's own words.
    pub fn parse(text: &str) -> Option<LinkState> {
        match text.trim().to_ascii_lowercase().as_str() {
            "up" => Some(LinkState::Up),
            "down" => Some(LinkState::Down),
            _ => None,
        }
    }
}

impl From<LinkState> for Admin {
    fn from(s: LinkState) -> Admin {
        match s {
            LinkState::Up => Admin::Up,
            LinkState::Down => Admin::Down,
        }
    }
}

impl From<LinkState> for Oper {
    fn from(s: LinkState) -> Oper {
        match s {
            LinkState::Up => Oper::Up,
            LinkState::Down => Oper::Down,
        }
    }
}

/// One port as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortState {
    /// ifName.
    pub if_name: String,
    /// ifIndex at the moment of reading; 0 where it was read over a command line, which goes by names.
    pub if_index: IfIndex,
    /// dot1dBasePort, where the switch tells.
    pub bridge_port: Option<BridgePort>,
    /// ifAlias without our tag, where the switch has one.
    pub if_alias: Option<String>,
    /// Our tag (any machine's), if ifAlias ends with one.
    pub tag: Option<FenceTag>,
    /// ifAdminStatus.
    pub admin: Admin,
    /// ifOperStatus.
    pub oper: Oper,
    /// ifLastChange, hundredths of a second of sysUpTime.
    pub last_change_cs: Option<u32>,
    /// sysUpTime of the same answer, hundredths of a second.
    pub sys_uptime_cs: Option<u32>,
    /// What the forwarding table calls this port, where it can be told.
    #[serde(skip)]
    pub(crate) place: Option<u32>,
    /// ifAlias exactly as it was read: text need not be UTF-8 to be kept.
    #[serde(skip)]
    pub(crate) alias_octets: Option<Vec<u8>>,
}

impl PortState {
    pub(crate) fn with_alias(mut self, octets: Option<Vec<u8>>) -> PortState {
        if let Some(octets) = &octets {
            let (text, tag) = tag::split(octets);
            self.if_alias = Some(String::from_utf8_lossy(text).into_owned());
            self.tag = tag;
        }
        self.alias_octets = octets;
        self
    }
}

/// A port as it was observed while all was healthy; journaled, and compared before a fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortIdentity {
    /// ifName.
    pub if_name: String,
    /// ifIndex then; a switch may renumber, so that a difference alone refuses nothing.
    pub if_index: IfIndex,
    /// ifAlias without our tag.
    pub if_alias: Option<String>,
    /// The MAC addresses learned there, sorted; empty where the switch does not tell.
    pub macs: Vec<MacAddr>,
}

/// One entry of the forwarding table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FdbEntry {
    /// The filtering database; `None` in a table without VLANs. Not a VLAN on every switch.
    pub fdb_id: Option<u32>,
    /// What the entry says: a bridge port, or an ifIndex where the profile says so.
    pub port_number: u32,
    /// ifIndex of that port, if the map knows it.
    pub if_index: Option<IfIndex>,
    /// ifName of that port, if the map knows it.
    pub if_name: Option<String>,
}

/// Where a forwarding table has a MAC address: table and bridge port (or ifIndex, as the profile says).
pub type Place = (Option<u32>, u32);

/// More MAC addresses than this behind a port, and it is not one host.
pub const HOST_MACS: usize = 4;

/// One MAC address learned on a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LearnedMac {
    /// The address.
    pub mac: MacAddr,
    /// The VLAN, where it can be told.
    pub vlan: Option<u32>,
}

/// What is learned on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// These MAC addresses, sorted; none is an answer too.
    These(Vec<MacAddr>),
    /// It cannot be told, and why.
    Unreadable(String),
}
