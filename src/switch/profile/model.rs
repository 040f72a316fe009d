//! What a checked profile says, as types that cannot be wrong any more. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde::Serialize;

use super::ssh::rules::Answer;
use crate::switch::model::value::Oid;

/// Whether a change survives a reboot of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persistence {
    /// Every change is kept at once.
    Instant,
    /// A change is kept only after it was saved.
    Save,
    /// Not known.
    Unknown,
}

/// One part of an object's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// ifIndex.
    IfIndex,
    /// dot1dBasePort.
    BasePort,
    /// VLAN identifier.
    Vlan,
    /// The ifIndex of the VLAN's interface.
    VlanIf,
    /// Slot, or member of a stack.
    Slot,
    /// Filtering database identifier.
    FdbId,
    /// MAC address, six arcs.
    Mac,
    /// TimeFilter, whatever value it has.
    TimeMark,
    /// pethPsePortGroupIndex and pethPsePortIndex, two arcs.
    Poe,
    /// IPv4 address, four arcs.
    Ip,
    /// A row number of our own choice, the same in all steps of one operation.
    Random,
    /// Always this number.
    Fixed(u32),
}

/// The ASN.1 type that a SET of the object must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// INTEGER.
    I32,
    /// Gauge32/Unsigned32.
    U32,
    /// OCTET STRING of text.
    Text,
    /// TimeTicks (never written).
    Ticks,
    /// OCTET STRING that names ports (Q-BRIDGE-MIB PortList, or the profile's other encoding).
    PortList,
    /// OCTET STRING, in a row written as hexadecimal digits.
    Octets,
    /// IpAddress.
    Ip,
}

/// What a value of an object says of a protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It is on.
    On,
    /// It is off.
    Off,
    /// ARP is taken from this port as it comes.
    Trusted,
    /// ARP of this port is inspected where its VLAN is.
    Untrusted,
}

/// One MIB object of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The column, without an index.
    pub oid: Oid,
    /// What the index is made of; empty: a scalar.
    pub index: Vec<Index>,
    /// The type of its value.
    pub kind: Kind,
    /// True if the agent has to be asked per VLAN.
    pub per_vlan: bool,
    /// What its values say of a protection.
    pub says: Meanings,
}

/// What the values of an object say; any other says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meanings {
    /// By value.
    pub values: BTreeMap<i64, Says>,
    /// What it means that there is no row, where the object for the whole switch is there.
    pub absent: Option<Says>,
}

/// Which VLAN a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlanOf {
    /// The one that is set, allowed, removed or flushed.
    New,
    /// The one that the port leaves.
    Old,
    /// This one.
    Number(u16),
}

/// What a row sets or wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Any of these values (a SET has exactly one), variables still to be filled in.
    Any(Vec<String>),
    /// The port's bit of a PortList.
    Bit(bool),
}

/// One varbind of a SET, or one thing that must be read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Name of the object.
    pub object: String,
    /// The value.
    pub want: Want,
    /// The VLAN whose instance is meant.
    pub vlan: Option<VlanOf>,
    /// Left out for these VLANs.
    pub unless_vlan: Vec<u16>,
    /// Left out where the agent has no row of the object.
    pub where_told: bool,
    /// It counts only while the port's oper state reads up.
    pub while_up: bool,
}

/// One step of an operation over SNMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// One SET.
    Pdu {
        /// Its varbinds, in order.
        rows: Vec<Row>,
        /// The answer's error status says nothing: only what reads back counts.
        reply_counts: bool,
        /// Repeated for every VLAN that the port leaves.
        each_old: bool,
    },
    /// An object is read until it has a value.
    Poll {
        /// Name of the object.
        object: String,
        /// Values that end it.
        until: Vec<i64>,
        /// Values that mean failure.
        fail: Vec<i64>,
        /// For so long.
        within: Duration,
    },
    /// Nothing, for so long.
    Wait(Duration),
}

/// What must hold before an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The VLAN is there.
    VlanExists,
    /// The port is not in the VLAN's dot1qVlanForbiddenEgressPorts.
    NotForbidden,
    /// The port is an access port.
    AccessPort,
    /// The port is a trunk.
    TrunkPort,
}

/// One operation over SNMP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Op {
    /// Objects read together (`port-status`).
    pub read: Vec<String>,
    /// What must hold before.
    pub need: Vec<Need>,
    /// How long the switch may take until what was set reads back.
    pub settle: Duration,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What must be true afterwards.
    pub prove: Vec<Row>,
}

/// How the FDB id of a VLAN is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbId {
    /// `vlan_fdb` is asked.
    Table,
    /// It is the VLAN itself.
    Vlan,
    /// Junos: upper 16 bits of it are an internal VLAN number that `fdb_vlan` maps to the tag.
    Shift16,
}

/// What an FDB entry's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbPort {
    /// dot1dBasePort.
    BasePort,
    /// ifIndex.
    IfIndex,
    /// The last number of ifName.
    Panel,
}

/// How the forwarding table is indexed, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fdb {
    /// How the FDB id of a VLAN is found.
    pub id: FdbId,
    /// What an entry's value is.
    pub port: FdbPort,
}

/// How a set of ports is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Bits, the most significant of the first octet first (RFC 4363).
    Bitmap,
    /// Decimal numbers with commas (Junos).
    Csv,
    /// Decimal numbers and ranges (TP-Link).
    Ranges,
}

/// What a bit of a PortList stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOf {
    /// dot1dBasePort.
    BasePort,
    /// ifIndex.
    IfIndex,
    /// The port's number within its slot.
    SlotPort,
}

/// How a set of ports is written, and what its bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortListRule {
    /// The encoding.
    pub encoding: Encoding,
    /// What a bit stands for.
    pub bit: BitOf,
    /// The number of the first bit.
    pub first: u32,
}

/// Community and context that ask about one VLAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerVlan {
    /// With `{community}` and `{vlan}`.
    pub v2c: String,
    /// With `{vlan}`.
    pub v3: String,
}

/// How a VLAN's ifIndex is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VlanIf {
    /// By this ifName or ifDescr, `{vlan}` filled in.
    Name(String),
    /// By an object indexed by it whose value is the tag.
    Object(String),
}

/// The SNMP side of a profile.
#[derive(Clone, Debug)]
pub struct SnmpRules {
    /// How a set of ports is written.
    pub portlist: PortListRule,
    /// How one VLAN is asked about.
    pub per_vlan: Option<PerVlan>,
    /// The forwarding table.
    pub fdb: Fdb,
    /// How a VLAN's ifIndex is found.
    pub vlanif: Option<VlanIf>,
    /// ifName to slot and port.
    pub slot_port: Option<Regex>,
    /// ifName to group and port of POWER-ETHERNET-MIB.
    pub poe: Option<Regex>,
    /// The objects by name.
    pub objects: BTreeMap<String, Object>,
    /// The operations by name.
    pub ops: BTreeMap<String, Op>,
}

/// Some commands of an operation, or a pause.
#[derive(Clone, Debug)]
pub struct CliStep {
    /// The commands, in order; empty for a pause.
    pub commands: Vec<String>,
    /// Questions that any of them may ask.
    pub asks: Vec<Answer>,
    /// Repeated for every VLAN that the port leaves.
    pub each_old: bool,
    /// What the output of the last one must match.
    pub expect: Option<Regex>,
    /// How long each may take; `None`: as the rules say.
    pub within: Option<Duration>,
    /// A pause instead.
    pub wait: Option<Duration>,
    /// Left out if the VLAN that is left is one of these.
    pub unless_vlan: Vec<u16>,
}

/// What a show must say, every field that is given; variables still to be filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShowRow {
    /// Name of the show.
    pub show: String,
    /// `up` or `down`.
    pub admin: Option<String>,
    /// `up` or `down`.
    pub oper: Option<String>,
    /// The untagged VLAN.
    pub pvid: Option<String>,
    /// `access` or `trunk`.
    pub mode: Option<String>,
    /// A VLAN that must be among the tagged ones.
    pub tagged: Option<String>,
    /// A VLAN that must not.
    pub not_tagged: Option<String>,
    /// No record may match at all.
    pub absent: bool,
}

/// One operation over SSH.
#[derive(Clone, Debug, Default)]
pub struct SshOp {
    /// The mode its commands are sent in.
    pub mode: Option<String>,
    /// What must hold before.
    pub need: Vec<Need>,
    /// How long the switch may take until what was set shows.
    pub settle: Duration,
    /// The steps, in order.
    pub steps: Vec<CliStep>,
    /// What must be true afterwards.
    pub prove: Vec<ShowRow>,
}
