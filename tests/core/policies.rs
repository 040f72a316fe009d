//! The shipped default policy, as the tests use it.

use std::time::Duration;

use standin::takeover::policy::{Detect, Policy, React, Unproven};
use standin::types::MacAddr;

pub fn mac_of(i: usize) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, [0x0a, 0x0b][i]])
}

/// The policy of host `i` (0 is the preferred one of a pair).
pub fn policy(i: usize, pair: bool) -> Policy {
    let ms = Duration::from_millis;
    Policy {
        vip: "192.168.1.101/24".parse().expect("an address"),
        node: ["a", "b"][i].to_owned(),
        own_mac: mac_of(i),
        peer_mac: standin::types::PeerMacs::default(),
        pair,
        auto: true,
        preferred: i == 0,
        detect: Detect {
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
            false_death: 1e-6,
            confirm_limit: ms(5000),
            vacant_after: ms(1000),
        },
        service_dead: React::Alert,
        alive_elsewhere: React::Takeover,
        management: false,
        unproven: Unproven::Hold,
        fence: true,
        levels: Vec::new(),
        fence_timeout: ms(10_000),
        refence_within: ms(5000),
        lifetime: ms(10_000),
        rewire: false,
        rewire_timeout: ms(10_000),
        forward_within: ms(35_000),
        warm: true,
        service_timeout: ms(30_000),
        verify_within: ms(30_000),
        order_timeout: ms(30_000),
        release_timeout: ms(20_000),
        site: Vec::new(),
    }
}
