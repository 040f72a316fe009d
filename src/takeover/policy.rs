//! What the operator decided beforehand, as plain numbers and choices.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::recipe::SiteSpec;
use crate::types::{MacAddr, PeerMacs, Vip};

/// How long the peer's management address has to answer, where a death is not confirmed before.
pub const MANAGEMENT_ANSWERS: Duration = Duration::from_millis(500);

/// Everything a takeover of one VIP needs to know; built from the configuration, never changed by events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The address that moves.
    pub vip: Vip,
    /// This node's name; of two owners of equal epoch the smaller name keeps the address.
    pub node: String,
    /// The MAC address of our interface on the VIP's network.
    pub own_mac: MacAddr,
    /// The peer's MAC addresses where the configuration names any; otherwise one is learned while all is healthy.
    pub peer_mac: PeerMacs,
    /// True if the peer runs standin too and sends heartbeats.
    pub pair: bool,
    /// False: a takeover is only ever ordered by a person.
    pub auto: bool,
    /// In a pair: this node takes a vacant VIP at start.
    pub preferred: bool,
    /// Detection times and counts.
    pub detect: Detect,
    /// What to do when the machine is up but its service is dead.
    pub service_dead: React,
    /// What to do when the peer answers on a management path but not on the VIP's own.
    pub alive_elsewhere: React,
    /// The configuration has the peer's management address: it can be asked off the data path.
    #[serde(default)]
    pub management: bool,
    /// What to do when the fence cannot be proven.
    pub unproven: Unproven,
    /// False where no fence is configured for this peer (refused by `check` for automatic takeover).
    pub fence: bool,
    /// The names of the fence's levels, in their order: whether their ports are the peer's is looked at. (Empty only in
    /// what was recorded before that was done.)
    #[serde(default)]
    pub levels: Vec<String>,
    /// How long one attempt to prove the fence may take.
    pub fence_timeout: Duration,
    /// How long a lost fence may stay unproven while we own the address, before we give it up.
    pub refence_within: Duration,
    /// `valid_lft` of the address while another machine could own it; it is renewed every third of that.
    pub lifetime: Duration,
    /// Port takeover: our own switch port is moved as well.
    pub rewire: bool,
    /// How long one attempt to move it may take.
    pub rewire_timeout: Duration,
    /// How long spanning tree may take to forward on it before the announcement goes out all the same; zero: it is not
    /// waited for.
    #[serde(default)]
    pub forward_within: Duration,
    /// True if the service is started while the fence is still under way.
    pub warm: bool,
    /// How long the service may take until it completes a handshake.
    pub service_timeout: Duration,
    /// How long the cameras may take to come back.
    pub verify_within: Duration,
    /// How long after a takeover was ordered the peer may still be fenced for it.
    #[serde(default = "order_timeout")]
    pub order_timeout: Duration,
    /// How long a release may take before everything is taken back.
    pub release_timeout: Duration,
    /// The steps that the configuration adds, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub site: Vec<SiteSpec>,
}

fn order_timeout() -> Duration {
    Duration::from_secs(30)
}

/// Times and counts of detection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detect {
    /// Gap between two probes of the VIP.
    pub probe_interval: Duration,
    /// Silence on the data path after which the peer is suspected.
    pub suspect_after: Duration,
    /// Silence of its heartbeats on the data path after which a peer in a pair is suspected.
    pub beat_timeout: Duration,
    /// Number of probes in the confirm burst.
    pub confirm_probes: u32,
    /// Gap between two probes of the confirm burst and of the silence check after a fence.
    pub confirm_interval: Duration,
    /// Gap between two handshakes with the peer's service.
    pub service_interval: Duration,
    /// Failed handshakes in a row that make the service dead.
    pub service_failures: u32,
    /// Gap between two reads of the peer's switch port.
    pub switch_poll: Duration,
    /// A deadline noticed later than this is our own stall and proves nothing.
    pub stall: Duration,
    /// No automatic takeover of a peer not seen healthy since boot until this has passed.
    pub startup_grace: Duration,
    /// Cameras that must answer as witnesses.
    pub min_cameras: u32,
    /// A silence is a death when a living peer would have been this silent with a probability below this.
    #[serde(default = "false_death")]
    pub false_death: f64,
    /// A burst that has not come to that by then leaves the peer suspected, and a person is told.
    #[serde(default = "confirm_limit")]
    pub confirm_limit: Duration,
    /// How long the VIP must be vacant before the preferred node of a pair takes it.
    pub vacant_after: Duration,
}

fn false_death() -> f64 {
    1e-6
}

fn confirm_limit() -> Duration {
    Duration::from_secs(5)
}

/// What a verdict leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum React {
    /// Tell a person and go on watching.
    Alert,
    /// Take the address over, after a proven fence.
    Takeover,
}

/// What to do when the fence cannot be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unproven {
    /// Do not claim; go on trying to prove the fence.
    Hold,
    /// Claim after this much silence on all paths, with the peer's port seen down and witnesses; ends `degraded`.
    ClaimAnyway(Duration),
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The times and counts that are shipped.
    pub fn detect() -> Detect {
        let ms = Duration::from_millis;
        Detect {
            probe_interval: ms(100),
            suspect_after: ms(250),
            beat_timeout: ms(150),
            confirm_probes: 4,
            confirm_interval: ms(25),
            service_interval: ms(1000),
            service_failures: 3,
            switch_poll: ms(250),
            stall: ms(100),
            startup_grace: ms(300_000),
            min_cameras: 3,
            false_death: false_death(),
            confirm_limit: confirm_limit(),
            vacant_after: ms(1000),
        }
    }
}
