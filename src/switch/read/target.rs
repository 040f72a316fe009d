//! One switch: how it is reached, its family, and which of its ports are not ours to write.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::switch::profile::{Profile, Transport};
use crate::switch::snmp::target::{Credentials, SnmpTarget};
use crate::switch::ssh::SshTarget;
use crate::types::PortName;

/// Everything that is needed to talk to one switch.
#[derive(Clone, Debug)]
pub struct SwitchTarget {
    /// Its name in the configuration.
    pub name: String,
    /// Address and UDP port of its SNMP agent.
    pub address: SocketAddr,
    /// Our own address to send from; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
    /// Its family.
    pub profile: Arc<Profile>,
    /// SNMP version and secrets.
    pub credentials: Credentials,
    /// How long one try waits for its answer.
    pub timeout: Duration,
    /// How often a request is sent again when no answer came.
    pub retries: u32,
    /// How its command line is reached; `None`: it is not used.
    pub ssh: Option<SshTarget>,
    /// Overrides the order in which the profile tries transports; empty: as the profile says.
    pub prefer: Vec<Transport>,
    /// Overrides the profile's `oper_staleness`; zero where the column is live.
    pub oper_staleness: Option<Duration>,
    /// ifNames that lead to other switches: never fenced.
    pub uplinks: Vec<String>,
    /// ifNames that lead to this machine: never fenced.
    pub own_ports: Vec<String>,
}

impl SwitchTarget {
    /// The transports that can do `op` on this switch, in the order they are tried.
    pub fn transports(&self, op: &str) -> Vec<Transport> {
        let configured = |t: &Transport| match t {
            Transport::Snmp => !matches!(self.credentials, Credentials::Off),
            Transport::Ssh => self.ssh.is_some(),
        };
        let mut can = self.profile.transports(op);
        can.retain(configured);
        if !self.prefer.is_empty() {
            can.sort_by_key(|t| {
                self.prefer
                    .iter()
                    .position(|p| p == t)
                    .unwrap_or(usize::MAX)
            });
        }
        can
    }

    /// The transports by which all ports can be listed, in the order they are tried: over SNMP whatever the profile
    /// writes over SSH.
    pub fn readable(&self) -> Vec<Transport> {
        let mut can = Vec::new();
        if !matches!(self.credentials, Credentials::Off) && !self.profile.snmp.objects.is_empty() {
            can.push(Transport::Snmp);
        }
        let lists = self
            .profile
            .cli
            .as_ref()
            .is_some_and(|c| c.shows.contains_key("ports"));
        if self.ssh.is_some() && lists {
            can.push(Transport::Ssh);
        }
        can
    }

    /// True if the two can be names of the same port of this switch.
    pub fn same_port(&self, one: &str, other: &str) -> bool {
        match &self.profile.cli {
            Some(rules) => rules.same_port(one, other),
            None => PortName::same(one, other),
        }
    }

    /// Whether one of the two lists has this port: an uplink, or one of ours.
    pub fn listed(&self, port: &str) -> Option<Listed> {
        let has = |list: &[String]| list.iter().any(|p| self.same_port(p, port));
        if has(&self.uplinks) {
            Some(Listed::Uplink)
        } else {
            has(&self.own_ports).then_some(Listed::OwnPort)
        }
    }

    /// How its SNMP agent is reached.
    pub fn snmp(&self) -> SnmpTarget {
        SnmpTarget {
            name: self.name.clone(),
            address: self.address,
            local: self.local,
            per_vlan: self.profile.snmp.per_vlan.clone(),
            credentials: self.credentials.clone(),
            timeout: self.timeout,
            retries: self.retries,
        }
    }

    /// How old a value of ifOperStatus may be when it is read from this switch.
    pub fn staleness(&self) -> Duration {
        self.oper_staleness.unwrap_or(self.profile.oper_staleness)
    }
}

/// Which list of the configuration a port is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// `uplinks`.
    Uplink,
    /// `own-ports`.
    OwnPort,
}
