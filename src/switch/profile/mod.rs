//! Switch profiles: one TOML file per vendor family, checked as a whole before it is used.

mod check;
mod find;
pub mod identify;
mod model;
pub mod schema;
mod snmp;
pub mod ssh;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

pub use find::{BUILT_IN, ProfileError};
pub use model::*;

use crate::switch::model::value::Oid;
use ssh::rules::CliRules;

/// How an entry of `tested` begins whose switch was written with the tests: it says nothing of how a device behaves.
const OWN_MODEL: &str = "a model of our own";

/// How a switch is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// SNMP.
    Snmp,
    /// A command line over SSH.
    Ssh,
}

/// A profile that was found to be whole.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name: the file's name without `.toml`.
    pub name: String,
    /// What was run against what.
    pub tested: Vec<String>,
    /// Whether a change survives a reboot of the switch.
    pub persistence: Persistence,
    /// How old a value of `oper` may be when it is read.
    pub oper_staleness: Duration,
    /// Transports in the order they are tried, per operation; `default` for the others.
    pub prefer: BTreeMap<String, Vec<Transport>>,
    /// Prefixes of sysObjectID.
    pub sysobjectid: Vec<Oid>,
    /// What sysDescr must match too.
    pub sysdescr: Option<Regex>,
    /// The SNMP side. Without an `[snmp]` table it has neither objects nor operations.
    pub snmp: SnmpRules,
    /// The rules of the command line, where there is an `[ssh]` table.
    pub cli: Option<Arc<CliRules>>,
    /// The operations over SSH by name.
    pub ssh_ops: BTreeMap<String, SshOp>,
}

/// One thing that is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {key}: {message}")]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key, such as `op.port-off.snmp.prove`.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Profile {
    /// True if it was run against nothing but a switch that was written with the tests.
    pub fn is_untried(&self) -> bool {
        self.tested.iter().all(|t| t.starts_with(OWN_MODEL))
    }

    /// True if MAC addresses have to be asked for VLAN by VLAN, in tables that know no VLANs themselves.
    pub fn is_fdb_per_vlan(&self) -> bool {
        self.snmp.per_vlan.is_some() && self.object("fdb_1d").is_some_and(|o| o.per_vlan)
    }

    /// The SNMP object `name`, if this family has it.
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.snmp.objects.get(name)
    }

    /// The operation `name` over SNMP, if this family has it.
    pub fn snmp_op(&self, name: &str) -> Option<&Op> {
        self.snmp.ops.get(name)
    }

    /// True if `op` can be done, or a port be looked at, over SSH.
    fn can_ssh(&self, op: &str) -> bool {
        match &self.cli {
            Some(cli) if op == "port-status" => cli.shows.contains_key("port"),
            Some(_) => self.ssh_ops.contains_key(op),
            None => false,
        }
    }

    /// The transports that can do `op`, in the order they are tried.
    pub fn transports(&self, op: &str) -> Vec<Transport> {
        let default = [Transport::Snmp, Transport::Ssh];
        let wanted = self.prefer.get(op).or_else(|| self.prefer.get("default"));
        wanted
            .map_or(default.as_slice(), Vec::as_slice)
            .iter()
            .copied()
            .filter(|t| match t {
                Transport::Snmp => self.snmp_op(op).is_some(),
                Transport::Ssh => self.can_ssh(op),
            })
            .collect()
    }
}
