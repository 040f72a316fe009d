//! From the configuration to the core's policy.

use std::time::Duration;

use super::fencing::level_name;
use crate::config::{self, AliveElsewhere, Config, Kind, Peer, ServiceDead, Start};
use crate::takeover::notice::BEATS_MISSED;
use crate::takeover::policy::{Detect, MANAGEMENT_ANSWERS, Policy, React, Unproven};
use crate::types::MacAddr;

/// While we own the VIP, a lost fence that cannot be proven within this makes us give it up (DESIGN.md, step 4).
const REFENCE_WITHIN: Duration = Duration::from_secs(5);
/// The preferred node of a pair takes a VIP that nobody answered for this long.
const VACANT_AFTER: Duration = Duration::from_secs(1);

/// The policy for one peer; `own_mac` is the MAC address of our interface on the VIP's network.
pub fn policy(config: &Config, peer: &Peer, own_mac: MacAddr) -> Policy {
    let d = &peer.detect;
    let interval = config
        .heartbeat
        .as_ref()
        .map_or(d.probe_interval, |h| h.interval);
    Policy {
        vip: peer.vip,
        node: config.node.name.clone(),
        own_mac,
        peer_mac: peer.macs.clone(),
        pair: peer.kind == Kind::Pair,
        auto: peer.takeover == config::Takeover::Auto,
        preferred: peer.preferred,
        detect: Detect {
            probe_interval: config.pace(peer).interval(),
            suspect_after: d.suspect_after,
            beat_timeout: interval * BEATS_MISSED,
            confirm_probes: d.confirm_probes,
            confirm_interval: d.confirm_interval,
            service_interval: d.service_interval,
            service_failures: d.service_failures,
            switch_poll: d.switch_poll,
            stall: d.stall,
            startup_grace: d.startup_grace,
            min_cameras: d.min_cameras,
            false_death: d.false_death,
            confirm_limit: d.confirm_limit,
            vacant_after: VACANT_AFTER,
        },
        service_dead: match peer.policy.service_dead {
            ServiceDead::Alert => React::Alert,
            ServiceDead::Takeover => React::Takeover,
        },
        alive_elsewhere: match peer.policy.alive_elsewhere {
            AliveElsewhere::Alert => React::Alert,
            AliveElsewhere::Takeover => React::Takeover,
        },
        management: peer.management.is_some(),
        unproven: match peer.policy.unproven {
            config::Unproven::Hold => Unproven::Hold,
            config::Unproven::ClaimAnyway => Unproven::ClaimAnyway(peer.policy.claim_anyway_after),
        },
        fence: !peer.fence.is_empty(),
        levels: peer.fence.iter().map(level_name).collect(),
        fence_timeout: peer.fence.iter().map(|f| f.timeout).sum(),
        refence_within: REFENCE_WITHIN,
        lifetime: peer.address.lifetime,
        rewire: peer.port_takeover.is_some(),
        rewire_timeout: peer
            .port_takeover
            .as_ref()
            .map_or(REFENCE_WITHIN, |t| t.timeout),
        forward_within: peer
            .port_takeover
            .as_ref()
            .map_or(Duration::ZERO, |t| t.forwarding),
        warm: peer.service.start == Start::Warm,
        service_timeout: peer.service.timeout,
        verify_within: peer.verify.within,
        order_timeout: peer.policy.order_timeout,
        release_timeout: peer.release.timeout,
        site: peer.site.clone(),
    }
}

/// Whether anything asks if an agentless peer is alive off the data path, in words; an error where its policy does
/// nothing. `None`: nobody wants to know.
pub fn asked_elsewhere(peer: &Peer) -> Option<Result<String, String>> {
    let alert = peer.policy.alive_elsewhere == AliveElsewhere::Alert;
    match (peer.kind, peer.management) {
        (Kind::Pair, _) => None,
        (Kind::Agentless, Some(at)) if alert => Some(Ok(format!(
            "{at} is pinged while a death is confirmed, which then takes {} ms at least; if it answers, a person is told and nothing is taken over (policy.alive-elsewhere = \"alert\")",
            MANAGEMENT_ANSWERS.as_millis()
        ))),
        (Kind::Agentless, Some(at)) => Some(Ok(format!(
            "{at} is not asked while a death is confirmed: a peer that is alive there only is fenced and taken over like a dead one (policy.alive-elsewhere = \"takeover\")"
        ))),
        (Kind::Agentless, None) if alert => Some(Err(
            "policy.alive-elsewhere = \"alert\" does nothing here: the peer is agentless and has no `management` address, so nothing is asked off the data path, and it is fenced when it is silent there"
                .to_owned(),
        )),
        (Kind::Agentless, None) => None,
    }
}
