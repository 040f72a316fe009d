//! The profile file exactly as it is written: serde types, nothing else. Pure.
//!
//! No tagged enums and no `flatten` here: they lose the position that an error message needs. A row has optional
//! fields instead, and [`crate::switch::profile`] checks by hand that exactly one verb is there. `switch-profiles/README.md`
//! says the same for people.

mod snmp;
mod ssh;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

pub use snmp::{FdbRule, Object, OpSnmp, PerVlan, PoeRule, PortList, Row, Snmp, Step, VlanIf};
pub use ssh::{Answer, CliStep, Line, Mode, OpSsh, Replace, Show, ShowProof, Ssh, Transaction};

/// A whole profile file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// Version of the format; 1.
    pub format: Spanned<u32>,
    /// What was really run against what, in words; empty means untested.
    #[serde(default)]
    pub tested: Vec<String>,
    /// Whether a change survives a reboot of the switch: `instant`, `save` or `unknown`.
    pub persistence: Spanned<String>,
    /// How old a value of `oper` may be when it is read over SNMP, such as `3s`, `500ms` or `0`. A CLI is live.
    pub oper_staleness: Spanned<String>,
    /// Transports (`snmp`, `ssh`) in the order they are tried, per operation; `default` is for all others. Not given:
    /// SNMP first where the operation has it, then SSH.
    #[serde(default)]
    pub prefer: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    /// How the family is recognised.
    #[serde(default)]
    pub identify: Identify,
    /// Objects and rules of the SNMP side; not given: nothing is done over SNMP.
    pub snmp: Option<Spanned<Snmp>>,
    /// Rules of the command line; not given: nothing is done over SSH.
    pub ssh: Option<Spanned<Ssh>>,
    /// The operations, by name.
    #[serde(default)]
    pub op: BTreeMap<Spanned<String>, Op>,
}

/// How the family is recognised.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identify {
    /// Prefixes of sysObjectID; the longest match over all profiles wins.
    #[serde(default)]
    pub sysobjectid: Vec<Spanned<String>>,
    /// A regular expression that sysDescr must match too, where families share a prefix.
    pub sysdescr: Option<Spanned<String>>,
    /// Models under a prefix of another family, which the whole of sysDescr tells apart.
    #[serde(default)]
    pub also: Vec<Also>,
}

/// Models of the family under a prefix of another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// The prefix of sysObjectID.
    pub sysobjectid: Spanned<String>,
    /// What sysDescr must match.
    pub sysdescr: Spanned<String>,
}

/// One operation over its transports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Op {
    /// How it is done over SNMP.
    pub snmp: Option<Spanned<OpSnmp>>,
    /// How it is done over SSH.
    pub ssh: Option<Spanned<OpSsh>>,
}
