//! The profile file exactly as it is written: serde types, nothing else. Pure.
//!
//! No tagged enums and no `flatten` here: they lose the position that an error message needs. A row has optional
//! fields instead, and [`super::profile`] checks by hand that exactly one verb is there.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A whole profile file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// Version of the format; 1.
    pub format: Spanned<u32>,
    /// What was really run against what, in words.
    #[serde(default)]
    pub tested: Vec<String>,
    /// Whether a change survives a reboot of the switch: `instant`, `save` or `unknown`.
    pub persistence: Spanned<String>,
    /// How old a value of `oper` may be when it is read, such as `3s`, `500ms` or `0`.
    pub oper_staleness: Spanned<String>,
    /// How the family is recognised.
    #[serde(default)]
    pub identify: Identify,
    /// Objects and rules of the SNMP side.
    pub snmp: Spanned<Snmp>,
    /// The operations, by name.
    pub op: BTreeMap<Spanned<String>, Op>,
}

/// How the family is recognised.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identify {
    /// Prefixes of sysObjectID; the longest match over all profiles wins.
    #[serde(default)]
    pub sysobjectid: Vec<Spanned<String>>,
}

/// Objects and rules of the SNMP side.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snmp {
    /// How the forwarding table is indexed.
    pub fdb: Option<FdbRule>,
    /// The objects, by the name that rows use.
    pub object: BTreeMap<Spanned<String>, Object>,
}

/// How the forwarding table is indexed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FdbRule {
    /// How the filtering database of a VLAN is found: `table` (vlan_fdb) or `vlan` (the same number).
    pub id: Spanned<String>,
    /// What the value is: `baseport` or `ifindex`.
    pub port: Spanned<String>,
}

/// One MIB object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The column, without an index.
    pub oid: Spanned<String>,
    /// What the index is made of, in order.
    #[serde(default)]
    pub index: Vec<Spanned<String>>,
    /// The type that a SET must carry: `i32`, `u32`, `text`, `ticks`.
    #[serde(rename = "type")]
    pub kind: Spanned<String>,
}

/// One operation over its transports (SNMP only, so far).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Op {
    /// How it is done over SNMP.
    pub snmp: Spanned<OpSnmp>,
}

/// One operation over SNMP.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpSnmp {
    /// Objects that are read together in one GET (`port-status` only).
    #[serde(default)]
    pub read: Vec<Spanned<String>>,
    /// The steps, in order.
    #[serde(default, rename = "do")]
    pub steps: Vec<Spanned<Step>>,
    /// What must be true afterwards.
    #[serde(default)]
    pub prove: Vec<Spanned<Row>>,
}

/// One step: one request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The rows of one SET PDU, in this order.
    pub pdu: Vec<Spanned<Row>>,
}

/// One row; exactly one of `set` and `get`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The object that is written.
    pub set: Option<String>,
    /// The value that is written; `{alias}` is filled in.
    pub value: Option<String>,
    /// The object that is read.
    pub get: Option<String>,
    /// The one value that proves it.
    pub is: Option<String>,
    /// The values any of which proves it.
    pub any: Option<Vec<String>>,
}
