//! Exactly the TOML of `config/standin.toml`: every key, its type, its default.
//!
//! No key is required here: what is missing is said by [`super::validate`], together with everything else that is
//! wrong. Tables whose values need no second look are used as they are in [`super::Config`].

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::text;
use crate::types::{MacAddr, Vip};

pub use super::schema_peer::*;
pub use super::schema_ports::*;
pub use super::schema_redirect::*;
pub use super::schema_ssh::*;
pub use super::schema_traps::*;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct File {
    /// `[node]`
    pub node: Node,
    /// `[heartbeat]`, needed only where a peer is of kind `pair`.
    pub heartbeat: Option<Heartbeat>,
    /// `[traps]`, where notifications of switches are received.
    pub traps: Traps,
    /// `[[alert.sink]]`, who is told of alarms.
    pub alert: Alert,
    /// `[switch.NAME]`
    pub switch: BTreeMap<String, Switch>,
    /// `[peer.NAME]`
    pub peer: BTreeMap<String, Peer>,
    /// `[redirect.NAME]`
    pub redirect: BTreeMap<String, Redirect>,
}

/// `[alert]`: who is told of what a person must know.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Alert {
    /// `[[alert.sink]]`. The keys depend on the kind.
    pub sink: Vec<toml::Table>,
}

/// `[node]`: this machine and the daemon on it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Node {
    /// Name of this machine in logs, fence tags and heartbeats; empty: the host name up to its first dot.
    pub name: String,
    /// Folder of the journal and the boot counter.
    pub state_dir: PathBuf,
    /// The unix socket the commands talk to.
    pub socket: PathBuf,
    /// Group that may use the socket; empty: root only.
    pub socket_group: String,
    /// Log level, or a filter such as `standin=debug`.
    pub log: String,
    /// Real-time priority and locked memory, where the kernel allows them.
    pub realtime: bool,
}

impl Default for Node {
    fn default() -> Self {
        Node {
            name: String::new(),
            state_dir: "/var/lib/standin".into(),
            socket: "/run/standin/standin.sock".into(),
            socket_group: String::new(),
            log: "info".into(),
            realtime: true,
        }
    }
}

/// `[heartbeat]`: how two machines that both run standin hear each other.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Heartbeat {
    /// UDP port, the same on both machines.
    pub port: u16,
    /// File with the key both machines share, at least 16 bytes.
    pub key_file: PathBuf,
    /// Time between two heartbeats.
    #[serde(deserialize_with = "text::one")]
    pub interval: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Heartbeat {
            port: 4117,
            key_file: "/etc/standin/heartbeat.key".into(),
            interval: Duration::from_millis(50),
        }
    }
}

/// `[switch.NAME]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Switch {
    /// Management address, with its port if that is not 161. Required.
    #[serde(deserialize_with = "text::some")]
    pub address: Option<SocketAddrV4>,
    /// Name of a file in `switch-profiles/`. Required.
    pub profile: Option<String>,
    /// How old a reported oper state may be; not given: what the profile says; 0: the column is live.
    #[serde(deserialize_with = "text::some")]
    pub oper_staleness: Option<Duration>,
    /// ifNames of ports that are never written: they carry other switches.
    pub uplinks: Vec<String>,
    /// ifNames of the ports this machine hangs on, never written as a fence.
    pub own_ports: Vec<String>,
    /// Ways to talk to it, in the order they are tried; empty: what the profile says.
    pub prefer: Vec<Way>,
    /// `[switch.NAME.snmp]`; it or `ssh` is required.
    pub snmp: Option<Snmp>,
    /// `[switch.NAME.ssh]`; it or `snmp` is required.
    pub ssh: Option<Ssh>,
}

/// A way to talk to a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// By SNMP.
    Snmp,
    /// By a command line over SSH.
    Ssh,
}

/// `[switch.NAME.snmp]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Snmp {
    /// Protocol version.
    pub version: SnmpVersion,
    /// File with the community (versions 1 and 2c). Required there.
    pub community_file: Option<PathBuf>,
    /// User name (version 3). Required there.
    pub user: String,
    /// Authentication protocol (version 3).
    pub auth: AuthProtocol,
    /// File with the authentication pass phrase (version 3); not given: no authentication.
    pub auth_file: Option<PathBuf>,
    /// Privacy protocol (version 3).
    #[serde(rename = "priv")]
    pub privacy: PrivProtocol,
    /// Whether `priv = "des"` is meant.
    pub allow_des: bool,
    /// File with the privacy pass phrase (version 3); not given: no encryption.
    pub priv_file: Option<PathBuf>,
    /// Context name (version 3).
    pub context: String,
    /// Time to wait for one answer.
    #[serde(deserialize_with = "text::one")]
    pub timeout: Duration,
    /// Requests sent again after the first went unanswered.
    pub retries: u32,
}

impl Default for Snmp {
    fn default() -> Self {
        Snmp {
            version: SnmpVersion::V2c,
            community_file: None,
            user: String::new(),
            auth: AuthProtocol::Sha256,
            auth_file: None,
            privacy: PrivProtocol::Aes128,
            allow_des: false,
            priv_file: None,
            context: String::new(),
            timeout: Duration::from_millis(300),
            retries: 2,
        }
    }
}

/// Version of SNMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum SnmpVersion {
    /// SNMPv1 (RFC 1157).
    #[serde(rename = "1")]
    V1,
    /// SNMPv2c (RFC 1901).
    #[serde(rename = "2c")]
    V2c,
    /// SNMPv3 with the user-based security model (RFC 3414).
    #[serde(rename = "3")]
    V3,
}

/// Authentication protocol of SNMPv3 (RFC 3414, RFC 7860).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it all")]
pub enum AuthProtocol {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Privacy protocol of SNMPv3 (RFC 3826 and its longer keys; RFC 3414 for DES).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivProtocol {
    /// AES-128 (RFC 3826).
    Aes128,
    /// AES-192 with the Blumenthal key extension.
    Aes192,
    /// AES-256 with the Blumenthal key extension.
    Aes256,
    /// AES-192 with the Reeder key extension, as Cisco has it.
    Aes192Cisco,
    /// AES-256 with the Reeder key extension, as Cisco has it.
    Aes256Cisco,
    /// DES in CBC mode (RFC 3414), which is broken: with `allow-des` only.
    Des,
}

/// `[peer.NAME]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Peer {
    /// Whether the peer runs standin too. Required.
    pub kind: Option<Kind>,
    /// The service address and its prefix length. Required.
    #[serde(deserialize_with = "text::some")]
    pub vip: Option<Vip>,
    /// Interface of this machine that takes the address. Required.
    pub interface: Option<String>,
    /// The peer's own MAC; empty: learned while it is healthy.
    #[serde(deserialize_with = "text::or_empty")]
    pub mac: Option<MacAddr>,
    /// The same for a peer that has several, as a bond may have.
    #[serde(deserialize_with = "text::list")]
    pub macs: Vec<MacAddr>,
    /// An address of the peer off the data path; empty: none.
    #[serde(deserialize_with = "text::or_empty")]
    pub management: Option<Ipv4Addr>,
    /// Pair: the peer's own addresses for heartbeats, data path first.
    #[serde(deserialize_with = "text::list")]
    pub addresses: Vec<Ipv4Addr>,
    /// Whether a takeover starts by itself.
    pub takeover: Takeover,
    /// Pair: this node takes a vacant address at start.
    pub preferred: bool,
    /// `[peer.NAME.detect]`
    pub detect: Detect,
    /// `[peer.NAME.policy]`
    pub policy: Policy,
    /// `[peer.NAME.port-takeover]`, where our own port is moved.
    pub port_takeover: Option<PortTakeover>,
    /// `[[peer.NAME.fence]]`, in the order they are tried.
    pub fence: Vec<Fence>,
    /// `[[peer.NAME.step]]`: what the site adds to a takeover. The keys depend on the kind.
    pub step: Vec<toml::Table>,
    /// `[[peer.NAME.health]]`: services that are looked at. The keys depend on the kind.
    pub health: Vec<toml::Table>,
    /// `[peer.NAME.service]`
    pub service: Service,
    /// `[peer.NAME.announce]`
    pub announce: Announce,
    /// `[peer.NAME.address]`
    pub address: Address,
    /// `[peer.NAME.verify]`
    pub verify: Verify,
    /// `[peer.NAME.release]`
    pub release: Release,
}

/// One entry of `also` in a `[[peer.NAME.fence]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AlsoOn {
    /// Name of another `[switch.NAME]`. Required.
    pub switch: Option<String>,
    /// ifNames of the peer's ports there. Required.
    pub ports: Ports,
}

/// One `[[peer.NAME.fence]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Fence {
    /// Name of a `[switch.NAME]`. Required.
    pub switch: Option<String>,
    /// ifNames of the peer's ports, all members of its LAG; or `"auto"`. Required.
    pub ports: Ports,
    /// The same machine's ports on further switches, as of a bond over two: a fence only as a whole.
    pub also: Vec<AlsoOn>,
    /// How the peer is kept away.
    pub kind: FenceKind,
    /// What ifAlias must say; empty: whatever was observed while the peer was healthy.
    pub alias: String,
    /// Whether the fence is saved to the switch's start-up configuration. Required, no default.
    pub persist: Option<bool>,
    /// Time within which this level must be proven.
    #[serde(deserialize_with = "text::one")]
    pub timeout: Duration,
}

impl Default for Fence {
    fn default() -> Self {
        Fence {
            switch: None,
            ports: Ports::default(),
            also: Vec::new(),
            kind: FenceKind::Off,
            alias: String::new(),
            persist: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Fence {
    /// Its ports, switch by switch: the key they stand at in this table, the switch, and the ifNames.
    pub fn named(&self) -> impl Iterator<Item = (String, Option<&str>, &[String])> {
        let first = (
            "ports".to_owned(),
            self.switch.as_deref(),
            self.ports.names(),
        );
        let also = self.also.iter().enumerate().map(|(i, a)| {
            let key = format!("also[{i}].ports");
            (key, a.switch.as_deref(), a.ports.names())
        });
        std::iter::once(first).chain(also)
    }
}
