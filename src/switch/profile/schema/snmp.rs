//! The SNMP side of a profile file.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// Objects and rules of the SNMP side.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snmp {
    /// How a set of ports is written; not given: `bitmap`, `baseport`, first 1.
    pub portlist: Option<PortList>,
    /// How the agent is asked about one VLAN where its bridge tables are per VLAN (Cisco).
    pub per_vlan: Option<PerVlan>,
    /// How the forwarding table is indexed.
    pub fdb: Option<FdbRule>,
    /// How a VLAN's ifIndex is found (index part `vlanif`).
    pub vlanif: Option<VlanIf>,
    /// A regular expression with the captures `slot` and `port` over ifName (index part `slot`, PortList bit
    /// `slotport`). A missing `slot` is 1.
    pub slot_port: Option<Spanned<String>>,
    /// How POWER-ETHERNET-MIB's (group, port) is found (index part `poe`).
    pub poe: Option<PoeRule>,
    /// The objects, by the name that rows use.
    pub object: BTreeMap<Spanned<String>, Object>,
}

/// How a set of ports is written (Q-BRIDGE-MIB PortList and its relatives).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortList {
    /// `bitmap` (MSB first), `csv` (`0,4097,4099`, Junos) or `ranges` (`1, 3, 4-7`, TP-Link).
    pub encoding: Spanned<String>,
    /// What a bit or a number stands for: `baseport`, `ifindex` or `slotport`.
    pub bit: Spanned<String>,
    /// The number of the first bit: 1 (RFC 4363) or 0 (Nortel, Dell OS9 E-/C-Series).
    pub first: Spanned<u32>,
}

/// How the agent is asked about one VLAN; `{community}` and `{vlan}` are filled in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerVlan {
    /// The community for SNMPv1 and v2c, such as `{community}@{vlan}`.
    pub v2c: Spanned<String>,
    /// The context name for SNMPv3, such as `vlan-{vlan}`.
    pub v3: Spanned<String>,
}

/// How the forwarding table is indexed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FdbRule {
    /// How the filtering database of a VLAN is found: `table` (object `vlan_fdb`), `vlan` (the same number) or
    /// `shift16` (Junos: the upper 16 bits are an internal VLAN number, which object `fdb_vlan` maps to the tag).
    pub id: Spanned<String>,
    /// What the value is: `baseport`, `ifindex` or `panel` (the last number of ifName, TP-Link).
    pub port: Spanned<String>,
}

/// How a VLAN's ifIndex is found; exactly one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlanIf {
    /// The ifName or ifDescr of the VLAN's interface, `{vlan}` filled in: `Vlan {vlan}`.
    pub name: Option<Spanned<String>>,
    /// An object indexed by that ifIndex whose value is the VLAN's tag.
    pub object: Option<Spanned<String>>,
}

/// How (group, port) of a powered port is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoeRule {
    /// A regular expression over ifName with the captures `group` (missing: 1) and `port`.
    pub from: Spanned<String>,
}

/// One MIB object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The column without an index, or a scalar without its `.0`.
    pub oid: Spanned<String>,
    /// What the index is made of, in order: `ifindex`, `baseport`, `vlan`, `vlanif`, `slot`, `fdbid`, `mac`,
    /// `timemark`, `poe`, `ip`, `random`, or a fixed number. Empty: a scalar.
    #[serde(default)]
    pub index: Vec<Spanned<String>>,
    /// The type that a SET must carry: `i32`, `u32`, `text`, `ticks`, `portlist`, `octets`, `ip`.
    #[serde(rename = "type")]
    pub kind: Spanned<String>,
    /// True if the object has to be asked per VLAN (`[snmp.per_vlan]`).
    #[serde(default)]
    pub per_vlan: bool,
    /// Of an object that tells a protection: what its values mean, `on`, `off`, `trusted` or `untrusted`; `absent` is
    /// a row that is not there. Any other value says nothing.
    #[serde(default)]
    pub says: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// One operation over SNMP.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpSnmp {
    /// Objects that are read together in one GET (`port-status` only).
    #[serde(default)]
    pub read: Vec<Spanned<String>>,
    /// What must hold before: `vlan-exists`, `not-forbidden`, `access-port`, `trunk-port`.
    #[serde(default)]
    pub need: Vec<Spanned<String>>,
    /// How long the switch may take until what was set reads back; not given: 2 s.
    pub settle: Option<Spanned<String>>,
    /// The steps, in order.
    #[serde(default, rename = "do")]
    pub steps: Vec<Spanned<Step>>,
    /// What must be true afterwards.
    #[serde(default)]
    pub prove: Vec<Spanned<Row>>,
}

/// One step; exactly one of `pdu`, `poll` and `wait`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The rows of one SET PDU, in this order.
    #[serde(default)]
    pub pdu: Vec<Spanned<Row>>,
    /// `ignore`: the switch may answer with an error although it did it (Foundry, ICX): only the proof counts.
    pub reply: Option<Spanned<String>>,
    /// `old`: the step is repeated for every VLAN the port leaves, `{old}` filled in each time.
    pub each: Option<Spanned<String>>,
    /// An object that is read until it has one of the values `until`.
    pub poll: Option<Spanned<String>>,
    /// The values that end the polling.
    #[serde(default)]
    pub until: Vec<String>,
    /// The values that mean that it failed.
    #[serde(default)]
    pub fail: Vec<String>,
    /// How long it is polled.
    pub within: Option<Spanned<String>>,
    /// A pause, such as `5s`.
    pub wait: Option<Spanned<String>>,
}

/// One row; exactly one of `set` and `get`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The object that is written.
    pub set: Option<String>,
    /// The value that is written; see switch-profiles/README.md for what may be filled in.
    pub value: Option<String>,
    /// The object that is read.
    pub get: Option<String>,
    /// The one value that proves it.
    pub is: Option<String>,
    /// The values any of which proves it.
    pub any: Option<Vec<String>>,
    /// PortList only: this port's bit, 1 or 0. Written by read-modify-write of the octets as received.
    pub bit: Option<u8>,
    /// The VLAN whose row is meant, for index parts `vlan` and `vlanif`: `new`, `old`, or a number.
    pub vlan: Option<String>,
    /// The row is left out if its VLAN is one of these (VLAN 1 on RADLAN, ICX).
    #[serde(default)]
    pub unless_vlan: Vec<u16>,
    /// `prove` only: the row counts only where the agent has any row of the object (dot1qVlanCurrentTable).
    #[serde(default)]
    pub where_told: bool,
    /// `prove` only: the row counts only while the port's `oper` reads up (a table of what is transmitted now may lack
    /// a port without a link).
    #[serde(default)]
    pub while_up: bool,
}
