//! What the core is configured with in a cell: the shipped settings, or the fastest that `check` accepts.

use std::time::Duration;

use standin::takeover::policy::{Detect, Policy, React, Unproven};
use standin::types::MacAddr;

use crate::cells::Cell;
use crate::world::PEER;

/// Microseconds between two heartbeats: shipped, or the most that `check` lets a pair of the fastest settings have.
pub fn beat_interval(cell: &Cell) -> u64 {
    if cell.fastest { 25_000 } else { 50_000 }
}

pub fn policy(cell: &Cell) -> Policy {
    let s = Duration::from_secs;
    Policy {
        vip: "192.168.1.101/24".parse().expect("it is an address"),
        node: "b".to_owned(),
        own_mac: MacAddr([2, 0, 0, 0, 0, 2]),
        peer_mac: PEER.into(),
        pair: cell.pair,
        auto: true,
        preferred: false,
        detect: detect(cell),
        service_dead: React::Alert,
        alive_elsewhere: React::Takeover,
        management: false,
        unproven: Unproven::Hold,
        fence: true,
        levels: Vec::new(),
        order_timeout: s(30),
        fence_timeout: s(10),
        refence_within: s(5),
        lifetime: s(10),
        rewire: false,
        rewire_timeout: s(10),
        forward_within: s(0),
        warm: true,
        service_timeout: s(30),
        verify_within: s(30),
        release_timeout: s(20),
        site: Vec::new(),
    }
}

fn detect(c: &Cell) -> Detect {
    let ms = Duration::from_millis;
    let (probe, suspect, probes, interval) = match c.fastest {
        true => (20, 50, 1, 10),
        false => (100, 250, 4, 25),
    };
    Detect {
        probe_interval: ms(probe).max(Duration::from_secs(2) / c.per_second),
        suspect_after: ms(suspect),
        beat_timeout: 3 * Duration::from_micros(beat_interval(c)),
        confirm_probes: probes,
        confirm_interval: ms(interval),
        service_interval: Duration::from_secs(86_400 * 365),
        service_failures: 3,
        switch_poll: Duration::from_secs(86_400 * 365),
        stall: ms(100),
        startup_grace: ms(300_000),
        min_cameras: 3,
        false_death: 1e-6,
        confirm_limit: ms(5000),
        vacant_after: ms(1000),
    }
}
