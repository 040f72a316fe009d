//! `[peer.NAME.detect]` and `[peer.NAME.policy]`: times that must fit each other.

use super::range::{self, ms};
use crate::config::problem::Check;
use crate::config::schema::{self, Detect, Kind, Unproven};
use crate::config::text::show;
use crate::types::Vip;

/// Silence on all paths without which nobody claims unfenced (DESIGN.md, step 4).
const LEAST_SILENCE: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) fn detect(
    at: &str,
    peer: &schema::Peer,
    vip: Option<Vip>,
    file: &schema::File,
    check: &mut Check<'_>,
) {
    let Detect {
        probe_interval,
        suspect_after,
        confirm_probes,
        confirm_interval,
        false_death,
        confirm_limit,
        service_interval,
        service_timeout,
        service_failures,
        switch_poll,
        stall,
        startup_grace,
        witnesses,
        min_cameras,
        gateway,
    } = peer.detect.clone();
    let key = |k: &str| format!("{at}.detect.{k}");
    let durations = [
        ("probe-interval", probe_interval, (ms(20), ms(10_000))),
        ("suspect-after", suspect_after, (ms(50), ms(60_000))),
        ("confirm-interval", confirm_interval, (ms(10), ms(5_000))),
        ("confirm-limit", confirm_limit, (ms(500), ms(60_000))),
        ("service-interval", service_interval, (ms(200), ms(60_000))),
        ("service-timeout", service_timeout, (ms(50), ms(30_000))),
        ("switch-poll", switch_poll, (ms(50), ms(60_000))),
        ("stall", stall, (ms(10), ms(10_000))),
        ("startup-grace", startup_grace, (ms(0), ms(3_600_000))),
    ];
    for (name, value, limits) in durations {
        range::duration(&key(name), value, limits, check);
    }
    if !(1e-12..=0.01).contains(&false_death) {
        check.error(
            &key("false-death"),
            format!("{false_death:e} is out of range: it is the probability of a false takeover for each suspicion"),
            "from 1e-12 to 0.01",
        );
    }
    let numbers = [
        ("confirm-probes", confirm_probes, (1, 50)),
        ("service-failures", service_failures, (1, 100)),
        ("witnesses", witnesses, (1, 64)),
        ("min-cameras", min_cameras, (1, 64)),
    ];
    for (name, value, limits) in numbers {
        range::number(&key(name), value, limits, check);
    }

    let named = |name: &str, value| format!("{name} is {}", show(value));
    if suspect_after < 2 * probe_interval {
        check.clash(
            &key("suspect-after"),
            (
                &key("probe-interval"),
                &named("probe-interval", probe_interval),
            ),
            format!(
                "{} is less than two probes: one lost frame would be a suspicion",
                show(suspect_after)
            ),
            format!("at least {}", show(2 * probe_interval)),
        );
    }
    let pair = peer.kind == Some(Kind::Pair);
    if let Some(heartbeat) = file.heartbeat.as_ref().filter(|_| pair)
        && suspect_after < 2 * heartbeat.interval
    {
        check.clash(
            &key("suspect-after"),
            ("heartbeat.interval", &named("interval", heartbeat.interval)),
            format!("{} is less than two heartbeats", show(suspect_after)),
            format!("at least {}", show(2 * heartbeat.interval)),
        );
    }
    if min_cameras > witnesses {
        check.clash(
            &key("min-cameras"),
            (&key("witnesses"), &format!("{witnesses} are asked")),
            format!("{min_cameras} cameras can never answer"),
            format!("at most {witnesses}"),
        );
    } else if (1..3).contains(&min_cameras) {
        check.warn(
            &key("min-cameras"),
            format!(
                "{min_cameras} witness is little: a partial partition passes for a healthy network"
            ),
            "at least 3",
        );
    }
    if let (Some(gateway), Some(vip)) = (gateway, vip) {
        if gateway == vip.addr {
            check.error(
                &key("gateway"),
                "the service address cannot be its own witness",
                "the router of the cameras' network, or \"\"",
            );
        } else if !vip.on_link(gateway) {
            check.error(
                &key("gateway"),
                format!("{gateway} is not in the network of {vip}: ARP does not reach it"),
                "the router of the cameras' network, or \"\"",
            );
        }
    }
    policy(at, peer, check);
}

fn policy(at: &str, peer: &schema::Peer, check: &mut Check<'_>) {
    let key = format!("{at}.policy.claim-anyway-after");
    let limits = (LEAST_SILENCE, ms(3_600_000));
    range::duration(&key, peer.policy.claim_anyway_after, limits, check);
    let key = format!("{at}.policy.order-timeout");
    range::duration(
        &key,
        peer.policy.order_timeout,
        (ms(5000), ms(3_600_000)),
        check,
    );
    if peer.policy.unproven == Unproven::ClaimAnyway {
        check.warn(
            &format!("{at}.policy.unproven"),
            "the address may be claimed while the peer is not proven dead: two owners are possible",
            "\"hold\" waits for a person; such a takeover always ends degraded: unfenced",
        );
    }
}
