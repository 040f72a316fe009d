//! What is wrong on our own side is never taken for the peer's service being dead: with `service-dead = "takeover"` a
//! healthy primary would be fenced.

use std::time::Duration;

use crate::daemon_kernel::site::{Site, alarm};

fn watched() -> Option<Site> {
    let mut site = Site::new("policy = { service-dead = \"takeover\" }", "")?;
    site.start();
    site.healthy();
    site.until("its service was seen", |s| {
        s["peer"]["service_ok_ms_ago"].as_u64() < Some(3000)
    });
    Some(site)
}

/// For longer than three failed handshakes take, nothing happens to the primary.
fn untaken(site: &Site) {
    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(500));
        let status = site.status();
        assert_eq!(status["owner"], false, "{status:#}");
        assert_eq!(
            site.fake.with(|s| s.admin_sets()),
            0,
            "the primary's port was written: {status:#}"
        );
    }
}

#[test]
fn another_own_address() {
    let Some(site) = watched() else { return };
    site.standby("ip addr add 10.99.0.103/24 dev s0; ip addr del 10.99.0.102/24 dev s0");
    untaken(&site);
    site.until("it is asked from the new one", |s| {
        s["state"] == "standby" && s["peer"]["service_ok_ms_ago"].as_u64() < Some(2000)
    });
}

#[test]
fn no_own_address() {
    let Some(site) = watched() else { return };
    site.standby("ip addr del 10.99.0.102/24 dev s0");
    untaken(&site);
}

#[test]
fn our_route_leads_elsewhere() {
    for route in [
        "unreachable 10.99.0.101/32",
        "blackhole 10.99.0.101/32",
        "10.99.0.101/32 dev d0",
    ] {
        let Some(site) = watched() else { return };
        site.standby("ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up");
        site.standby(&format!("ip route add {route}"));
        untaken(&site);
        site.until(route, |s| alarm(s, "cannot-ask"));
        site.standby(&format!("ip route del {route}"));
        site.until("it is over", |s| !alarm(s, "cannot-ask"));
    }
}

#[test]
fn our_firewall_drops_or_refuses_what_we_send() {
    if !crate::lab::nft_is_there() {
        return;
    }
    for verdict in ["drop", "reject", "reject with tcp reset"] {
        let Some(site) = watched() else { return };
        site.standby(&format!(
            "nft add table ip own; nft add chain ip own o '{{ type filter hook output priority 0; }}'; nft add rule ip own o ip daddr 10.99.0.101 tcp dport 1935 {verdict}"
        ));
        untaken(&site);
        site.until(verdict, |s| alarm(s, "cannot-ask"));
    }
}

#[test]
fn a_service_that_is_dead_is_still_seen() {
    let Some(site) = watched() else { return };
    site.lab.camera.sh(
        "nft add table ip own; nft add chain ip own i '{ type filter hook input priority 0; }'; nft add rule ip own i tcp dport 1935 drop",
    );
    site.until("it is taken over", |s| {
        s["state"].as_str().is_some_and(|s| s.contains("taking")) || s["owner"] == true
    });
}
