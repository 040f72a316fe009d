//! The configuration as the daemon uses it: plain values, paths absolute, nothing left to look up.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::resolved_health::{Health, Redirect};
use super::schema::{
    Address, Announce, AuthProtocol, Detect, Kind, Legacy, Policy, PrivProtocol, Release, Service,
    Takeover, Verify, Way,
};
use super::section::KindTable;
use crate::takeover::action::Level;
use crate::takeover::recipe::SiteSpec;
use crate::types::{PeerMacs, PortRef, Quarantine, Vip, VlanId};

/// A configuration that passed every check.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// This machine and the daemon on it.
    pub node: Node,
    /// Present if any peer is of kind [`Kind::Pair`]; otherwise only if the file has the table.
    pub heartbeat: Option<Heartbeat>,
    /// How notifications of switches are received; `None`: they are not.
    pub traps: Option<Traps>,
    /// Who is told of alarms, in the order of the file.
    pub sinks: Vec<AlertSink>,
    /// Switches by name.
    pub switches: BTreeMap<String, Switch>,
    /// Peers by name.
    pub peers: BTreeMap<String, Peer>,
    /// What points at machines that have no address to move, by name.
    pub redirects: BTreeMap<String, Redirect>,
    /// Where each key stands in the file, for messages.
    pub origin: Arc<Origin>,
}

impl Config {
    /// Every port that any peer's fence would write, with the peer that it belongs to.
    pub fn fence_ports(&self) -> impl Iterator<Item = (&Peer, PortRef)> {
        self.peers.values().flat_map(|peer| {
            peer.fence
                .iter()
                .flat_map(move |fence| fence.port_refs().map(move |port| (peer, port)))
        })
    }
}

/// This machine and the daemon on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// At most 32 letters, digits, `-` and `_`.
    pub name: String,
    /// Folder of the journal and the boot counter.
    pub state_dir: PathBuf,
    /// The unix socket the commands talk to.
    pub socket: PathBuf,
    /// Group that may use the socket; `None`: root only.
    pub socket_group: Option<String>,
    /// A filter that `tracing_subscriber::EnvFilter` takes.
    pub log: String,
    /// Real-time priority and locked memory, where allowed.
    pub realtime: bool,
}

/// How machines that run standin hear each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// UDP port, the same on both machines.
    pub port: u16,
    /// File with the shared key.
    pub key_file: PathBuf,
    /// Time between two heartbeats.
    pub interval: Duration,
}

/// How linkDown and linkUp notifications of switches are received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traps {
    /// Address and UDP port to listen on.
    pub listen: SocketAddrV4,
    /// File with the community of version 1 and 2c; `None`: those are not taken.
    pub community_file: Option<PathBuf>,
    /// The user of version 3, who always has authentication; `None`: those are not taken.
    pub user: Option<Usm>,
}

/// Somebody who is told of alarms: `[[alert.sink]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSink {
    /// Its name, at most 32 letters, digits, `-` and `_`.
    pub name: String,
    /// What is less urgent is not sent.
    pub level: Level,
    /// How long one try may take.
    pub timeout: Duration,
    /// What stands is sent again after this.
    pub repeat: Duration,
    /// When only what is critical is sent, as it is written; empty: never.
    pub quiet: String,
    /// All of it, for its kind.
    pub table: KindTable,
}

/// A switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// NAME of `[switch.NAME]`.
    pub name: String,
    /// Management address and UDP port.
    pub address: SocketAddrV4,
    /// Name of its profile.
    pub profile: String,
    /// How old a reported oper state may be; `None`: what the profile says.
    pub oper_staleness: Option<Duration>,
    /// ifNames of ports that are never written.
    pub uplinks: Vec<String>,
    /// ifNames of the ports this machine hangs on.
    pub own_ports: Vec<String>,
    /// Ways to talk to it, in the order they are tried; empty: what the profile says.
    pub prefer: Vec<Way>,
    /// How it is talked to by SNMP; this or `ssh` is there.
    pub snmp: Option<Snmp>,
    /// How it is talked to over SSH; this or `snmp` is there.
    pub ssh: Option<Ssh>,
}

/// How a switch is talked to over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// Management address and TCP port.
    pub address: SocketAddrV4,
    /// User name.
    pub user: String,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// File with the private key.
    pub key_file: Option<PathBuf>,
    /// File with the pass phrase of that key.
    pub passphrase_file: Option<PathBuf>,
    /// File with the password of `enable`.
    pub enable_file: Option<PathBuf>,
    /// Whether keys of the ssh-agent are tried.
    pub agent: bool,
    /// File with the host keys.
    pub known_hosts: PathBuf,
    /// Kinds of algorithms for which old ones are allowed too, each once.
    pub legacy: Vec<Legacy>,
    /// Time for one answer, a prompt or a step of the login.
    pub timeout: Duration,
}

/// How a switch is talked to by SNMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snmp {
    /// Version and where its secrets are.
    pub auth: SnmpAuth,
    /// Time to wait for one answer.
    pub timeout: Duration,
    /// Requests sent again after the first went unanswered.
    pub retries: u32,
}

/// Version of SNMP and the files with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnmpAuth {
    /// SNMPv1.
    V1 {
        /// File with the community.
        community_file: PathBuf,
    },
    /// SNMPv2c.
    V2c {
        /// File with the community.
        community_file: PathBuf,
    },
    /// SNMPv3.
    V3(Usm),
}

/// User-based security of SNMPv3 (RFC 3414). Privacy never comes without authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usm {
    /// User name.
    pub user: String,
    /// Authentication protocol and the file with its pass phrase.
    pub auth: Option<(AuthProtocol, PathBuf)>,
    /// Privacy protocol and the file with its pass phrase.
    pub privacy: Option<(PrivProtocol, PathBuf)>,
    /// Context name, usually empty.
    pub context: String,
}

/// A machine we stand in for.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// NAME of `[peer.NAME]`.
    pub name: String,
    /// Whether it runs standin too.
    pub kind: Kind,
    /// The service address.
    pub vip: Vip,
    /// Interface of this machine that takes it.
    pub interface: String,
    /// The peer's own MACs, by `mac` or `macs`; none: learned while it is healthy.
    pub macs: PeerMacs,
    /// An address of the peer off the data path.
    pub management: Option<Ipv4Addr>,
    /// Pair: the peer's own addresses for heartbeats, data path first.
    pub addresses: Vec<Ipv4Addr>,
    /// Whether a takeover starts by itself.
    pub takeover: Takeover,
    /// Pair: this node takes a vacant address at start.
    pub preferred: bool,
    /// When it is suspected, and what confirms it.
    pub detect: Detect,
    /// What is done on a verdict other than "dead".
    pub policy: Policy,
    /// Our own port that is moved; `None`: the address is, by rtnetlink.
    pub port_takeover: Option<PortTakeover>,
    /// Levels in the order they are tried; at least one.
    pub fence: Vec<Fence>,
    /// What the site adds to a takeover, as it stands in the file.
    pub steps: Vec<KindTable>,
    /// The same to the core.
    pub site: Vec<SiteSpec>,
    /// Services that are looked at, in the order of the file.
    pub health: Vec<Health>,
    /// What serves the cameras here.
    pub service: Service,
    /// Pace of ARP.
    pub announce: Announce,
    /// Life time of the address.
    pub address: Address,
    /// Inventory (absolute path) and its deadline.
    pub verify: Verify,
    /// Deadline of a release.
    pub release: Release,
}

/// Our own port that is moved at a takeover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortTakeover {
    /// Name of a switch in [`Config::switches`].
    pub switch: String,
    /// ifName of our parked port.
    pub port: String,
    /// The interface of ours that is plugged in there.
    pub interface: String,
    /// VLAN of the cameras.
    pub production: VlanId,
    /// VLAN in which the port waits.
    pub parking: VlanId,
    /// Time for one try.
    pub timeout: Duration,
    /// Time for which spanning tree is waited for; zero: not at all.
    pub forwarding: Duration,
}

/// One level of a fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Name of a switch in [`Config::switches`].
    pub switch: String,
    /// ifNames; none if they are found by the daemon (`auto`).
    pub ports: Vec<String>,
    /// Its ports on further switches; the fence is all of them or none.
    pub also: Vec<SwitchPorts>,
    /// True: the port is found where the peer's MAC is, while the peer is healthy.
    pub auto: bool,
    /// Where its ports go; `None`: they are shut.
    pub quarantine: Option<Quarantine>,
    /// What ifAlias must say; `None`: whatever was observed.
    pub alias: Option<String>,
    /// Whether it is saved to the start-up configuration.
    pub persist: bool,
    /// Time within which it must be proven.
    pub timeout: Duration,
}

/// Ports of one switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchPorts {
    /// Name of the switch.
    pub switch: String,
    /// ifNames.
    pub ports: Vec<String>,
}

impl Fence {
    /// Its ports, switch by switch.
    pub fn by_switch(&self) -> impl Iterator<Item = (&str, &[String])> {
        let also = self.also.iter();
        let also = also.map(|a| (a.switch.as_str(), a.ports.as_slice()));
        std::iter::once((self.switch.as_str(), self.ports.as_slice())).chain(also)
    }

    /// Its ports on this switch; none if it has none there.
    pub fn ports_on<'a>(&'a self, switch: &'a str) -> impl Iterator<Item = &'a String> {
        let here = self.by_switch().filter(move |(name, _)| *name == switch);
        here.flat_map(|(_, ports)| ports)
    }

    /// True if it is, or will be, on this switch.
    pub fn is_on(&self, switch: &str) -> bool {
        self.by_switch().any(|(name, _)| name == switch)
    }

    /// Each of its ports.
    pub fn port_refs(&self) -> impl Iterator<Item = PortRef> {
        self.by_switch().flat_map(|(switch, ports)| {
            ports.iter().map(move |port| PortRef {
                switch: switch.to_owned(),
                port: port.clone(),
            })
        })
    }
}
