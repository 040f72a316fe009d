//! The sub-tables of `[peer.NAME]`, used as they are by the daemon once [`super::validate`] has seen them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::text;

/// Whether the peer runs standin too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing is installed on the peer; the address belongs to its operating system.
    Agentless,
    /// standin runs on both machines and holds the address on both.
    Pair,
}

/// Whether a takeover starts by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takeover {
    /// On the verdict "dead", or what the policy says.
    #[default]
    Auto,
    /// Only by `standin takeover NAME`.
    Manual,
}

/// `[peer.NAME.detect]`: when a peer is suspected, and what confirms it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Detect {
    /// Time between two ARP probes (and ICMP) of a healthy peer.
    #[serde(deserialize_with = "text::one")]
    pub probe_interval: Duration,
    /// Silence after which the peer is suspected.
    #[serde(deserialize_with = "text::one")]
    pub suspect_after: Duration,
    /// Probes of the confirm burst.
    pub confirm_probes: u32,
    /// Time between two probes of the burst.
    #[serde(deserialize_with = "text::one")]
    pub confirm_interval: Duration,
    /// A silence is a death when a living peer would be this silent with a probability below this.
    pub false_death: f64,
    /// A burst that has not come to that by then leaves the peer suspected.
    #[serde(deserialize_with = "text::one")]
    pub confirm_limit: Duration,
    /// Time between two RTMP handshakes with the peer's service.
    #[serde(deserialize_with = "text::one")]
    pub service_interval: Duration,
    /// Time within which a handshake must reach S0/S1.
    #[serde(deserialize_with = "text::one")]
    pub service_timeout: Duration,
    /// Failed handshakes in a row that make "service dead".
    pub service_failures: u32,
    /// Time between two reads of the peer's switch port.
    #[serde(deserialize_with = "text::one")]
    pub switch_poll: Duration,
    /// A timer noticed this late means that we stalled: no verdict from it.
    #[serde(deserialize_with = "text::one")]
    pub stall: Duration,
    /// After our boot or the switch's: no automatic takeover of a peer not seen healthy since.
    #[serde(deserialize_with = "text::one")]
    pub startup_grace: Duration,
    /// Cameras asked in each check that we are not the isolated one.
    pub witnesses: u32,
    /// How many of them must answer.
    pub min_cameras: u32,
    /// Gateway asked as a witness where there are too few cameras; empty: none.
    #[serde(deserialize_with = "text::or_empty")]
    pub gateway: Option<std::net::Ipv4Addr>,
}

impl Default for Detect {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Detect {
            probe_interval: ms(100),
            suspect_after: ms(250),
            confirm_probes: 4,
            confirm_interval: ms(25),
            false_death: 1e-6,
            confirm_limit: ms(5_000),
            service_interval: ms(1000),
            service_timeout: ms(1000),
            service_failures: 3,
            switch_poll: ms(250),
            stall: ms(100),
            startup_grace: ms(300_000),
            witnesses: 8,
            min_cameras: 3,
            gateway: None,
        }
    }
}

/// `[peer.NAME.policy]`: what is done on a verdict other than "dead".
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Policy {
    /// The machine is up, its service is dead.
    pub service_dead: ServiceDead,
    /// It answers on its management path only.
    pub alive_elsewhere: AliveElsewhere,
    /// Another MAC answers for the address.
    pub conflict: Conflict,
    /// The fence cannot be proven.
    pub unproven: Unproven,
    /// `claim-anyway`: silence on all paths that is waited for first.
    #[serde(deserialize_with = "text::one")]
    pub claim_anyway_after: Duration,
    /// How long after `standin takeover` the peer may still be fenced for it; then the order has expired.
    #[serde(deserialize_with = "text::one")]
    pub order_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            service_dead: ServiceDead::Alert,
            alive_elsewhere: AliveElsewhere::Takeover,
            conflict: Conflict::Alert,
            unproven: Unproven::Hold,
            claim_anyway_after: Duration::from_secs(10),
            order_timeout: Duration::from_secs(30),
        }
    }
}

/// What is done when the machine is up and its service is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceDead {
    /// Say so.
    Alert,
    /// Fence it and take over.
    Takeover,
}

/// What is done when the peer answers on its management path only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AliveElsewhere {
    /// Ask it to give the address up, then fence it and take over.
    Takeover,
    /// Say so.
    Alert,
}

/// What is done when a third machine answers for the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// Say so; there is no other choice, since nobody has proven whose the address is.
    Alert,
}

/// What is done when the fence cannot be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unproven {
    /// Stay put and say so.
    Hold,
    /// Claim after `claim-anyway-after` of silence on all paths; always ends `degraded: unfenced`.
    ClaimAnyway,
}

/// `[peer.NAME.service]`: what serves the cameras on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Service {
    /// TCP port the cameras push RTMP to.
    pub port: u16,
    /// systemd unit to start; empty: none.
    pub unit: String,
    /// Program and arguments that start the service; empty: none. Both empty: it runs already.
    pub command: Vec<String>,
    /// When it is started.
    pub start: Start,
    /// Time within which it must complete a handshake.
    #[serde(deserialize_with = "text::one")]
    pub timeout: Duration,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            port: 1935,
            unit: String::new(),
            command: Vec::new(),
            start: Start::Warm,
            timeout: Duration::from_secs(30),
        }
    }
}

/// When the service is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// While the peer is confirmed dead and fenced: the service tolerates that the address is not there yet.
    Warm,
    /// When the address is here.
    AfterClaim,
}

/// `[peer.NAME.announce]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Announce {
    /// ARP frames per second on the interface, all kinds together.
    pub arp_per_second: u32,
    /// Time between two announcements once the tail has decayed; 0: none.
    #[serde(deserialize_with = "text::one")]
    pub refresh: Duration,
}

impl Default for Announce {
    fn default() -> Self {
        Announce {
            arp_per_second: 200,
            refresh: Duration::from_secs(60),
        }
    }
}

/// `[peer.NAME.address]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Address {
    /// `valid_lft` of the address while another machine could own it, whole seconds.
    #[serde(deserialize_with = "text::one")]
    pub lifetime: Duration,
}

impl Default for Address {
    fn default() -> Self {
        Address {
            lifetime: Duration::from_secs(10),
        }
    }
}

/// `[peer.NAME.verify]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Verify {
    /// The camera inventory; relative to the configuration file's folder.
    pub cameras: PathBuf,
    /// Time within which every camera must be back.
    #[serde(deserialize_with = "text::one")]
    pub within: Duration,
}

impl Default for Verify {
    fn default() -> Self {
        Verify {
            cameras: "cameras.csv".into(),
            within: Duration::from_secs(30),
        }
    }
}

/// How a level of a fence keeps the peer away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceKind {
    /// Its ports are shut.
    #[default]
    Off,
    /// Its ports are moved to the quarantine VLAN of `[peer.NAME.port-takeover]`.
    Quarantine,
}

/// `[peer.NAME.port-takeover]`: this machine holds the same address on an interface of its own, whose switch port
/// waits in a parking VLAN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PortTakeover {
    /// Name of a `[switch.NAME]`. Required.
    pub switch: Option<String>,
    /// ifName of this machine's own parked port. Required.
    pub port: Option<String>,
    /// The interface of this machine that is plugged in there and has the address. Required.
    pub interface: Option<String>,
    /// VLAN of the cameras. Required.
    pub production: Option<u16>,
    /// VLAN in which the port waits. Required.
    pub parking: Option<u16>,
    /// VLAN in which a dead machine's ports are kept (`kind = "quarantine"`). Required.
    pub quarantine: Option<u16>,
    /// Time within which the port must be moved and proven; then it is tried again.
    #[serde(deserialize_with = "text::one")]
    pub timeout: Duration,
    /// Time for which spanning tree is waited for on the moved port before the announcement; zero: not at all.
    #[serde(deserialize_with = "text::one")]
    pub forwarding: Duration,
}

impl Default for PortTakeover {
    fn default() -> Self {
        PortTakeover {
            switch: None,
            port: None,
            interface: None,
            production: None,
            parking: None,
            quarantine: None,
            timeout: Duration::from_secs(10),
            // IEEE 802.1D: two forward delays of 15 s each, and some.
            forwarding: Duration::from_secs(35),
        }
    }
}

/// `[peer.NAME.release]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Release {
    /// Time within which the peer must serve; after it we fence, prove and claim again.
    #[serde(deserialize_with = "text::one")]
    pub timeout: Duration,
}

impl Default for Release {
    fn default() -> Self {
        Release {
            timeout: Duration::from_secs(20),
        }
    }
}
