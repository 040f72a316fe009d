//! The VIP, our own address and the route that both need, while others set and remove them.

use std::time::Duration;

use crate::daemon_kernel::site::{Site, alarm};

const ROUTE: &str = "ip -4 route show 10.99.0.0/24 dev s0";

fn active() -> Option<Site> {
    let mut site = Site::new("", "")?;
    site.start();
    site.healthy();
    site.take_over();
    site.until("active", |s| s["state"] == "active");
    Some(site)
}

/// From a camera's place: the address answers a ping, which needs the way back.
fn reaches_us(site: &Site) -> bool {
    let said = site
        .lab
        .camera
        .sh("ping -c 1 -W 1 10.99.0.101 >/dev/null 2>&1 && echo reached || echo dark");
    said.contains("reached")
}

fn until_reached(site: &Site) {
    let begun = std::time::Instant::now();
    while !reaches_us(site) {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "dark: {}",
            site.standby("ip -4 route; ip -4 addr show dev s0")
        );
    }
}

#[test]
fn our_own_address_goes_and_comes_back_while_active() {
    let Some(site) = active() else { return };
    until_reached(&site);
    site.standby("ip addr del 10.99.0.102/24 dev s0; sleep 1; ip addr add 10.99.0.102/24 dev s0");
    until_reached(&site);
    site.until_says(ROUTE, "src 10.99.0.102");
    // What the operating system sets again is enough: ours is taken away.
    site.standby("ip route append 10.99.0.0/24 dev s0 proto kernel scope link src 10.99.0.102");
    std::thread::sleep(Duration::from_millis(2500));
    let routes = site.standby(ROUTE);
    assert!(
        !routes.contains("proto 83") && routes.lines().count() == 1,
        "{routes}"
    );
    until_reached(&site);
}

#[test]
fn everything_is_flushed_and_only_our_own_address_set_again() {
    let Some(site) = active() else { return };
    site.standby("ip addr flush dev s0; sleep 1; ip addr add 10.99.0.102/24 dev s0");
    site.until_says("ip -4 addr show dev s0", "10.99.0.101/24");
    until_reached(&site);
    site.until("no alarm of the address stands", |s| {
        !alarm(s, "address") && !alarm(s, "own-address")
    });
}

#[test]
fn without_any_own_address_the_cameras_are_served_all_the_same() {
    let Some(site) = active() else { return };
    site.standby("ip addr del 10.99.0.102/24 dev s0");
    site.until("it is said", |s| alarm(s, "own-address"));
    until_reached(&site);
}

#[test]
fn after_a_release_nothing_of_ours_is_left() {
    let Some(site) = active() else { return };
    site.standby("ip addr del 10.99.0.102/24 dev s0; sleep 1; ip addr add 10.99.0.102/24 dev s0");
    site.until_says(ROUTE, "proto 83");
    site.standby("ip route append 10.99.0.0/24 dev s0 src 10.99.0.102 metric 5");
    site.revive_primary();
    let (code, answer) = site.ask(&["release", "cctv"]);
    assert_eq!(code, Some(0), "{answer}");
    site.until_says("ip -4 addr show dev s0 | grep -c 10.99.0.101 || :", "0");
    site.until_says("ip route show proto 83 | wc -l", "0");
}

#[test]
fn what_was_removed_and_is_not_wanted_does_not_come_back_and_strays_go() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    // An address with our mark for which no peer is configured, and one of this peer's on another interface.
    site.standby(
        "ip link add d0 type veth peer name d1; ip link set d0 up; \
         ip addr add 10.99.0.77/24 dev s0 label s0:standin; ip addr add 10.99.0.101/24 dev d0 label d0:standin noprefixroute",
    );
    site.start();
    site.healthy();
    site.until_says("ip -4 addr | grep -c standin || :", "0");
    assert!(site.log().contains("10.99.0.77"), "it is said");
}

#[test]
fn the_vip_was_edited_while_active() {
    let Some(mut site) = active() else { return };
    site.signal(nix::sys::signal::Signal::SIGKILL);
    site.configure("10.99.0.105/24", "", "");
    site.start();
    site.until_says("ip -4 addr | grep -c 10.99.0.101 || :", "0");
    site.until("it is said", |s| alarm(s, "edited"));
}

#[test]
fn the_vip_is_here_in_another_form() {
    for place in ["/32 dev s0", "/32 dev lo", "/24 dev s0 noprefixroute"] {
        let Some(mut site) = Site::new("", "") else {
            return;
        };
        site.start();
        site.healthy();
        site.standby(&format!("ip addr add 10.99.0.101{place}"));
        let status = site.until("the conflict is said", |s| alarm(s, "conflict-here"));
        assert!(
            status["alarms"].to_string().contains("it is here"),
            "{status:#}"
        );
        // It is not ours to remove.
        std::thread::sleep(Duration::from_millis(1500));
        site.until_says("ip -4 addr", "10.99.0.101/");
        site.take_over();
        site.until("and is over", |s| !alarm(s, "conflict-here"));
    }
}

#[test]
fn it_is_removed_in_vain_and_tried_again() {
    let Some(site) = active() else { return };
    // Somebody replaces it by one of his own, without our mark.
    site.standby("ip addr del 10.99.0.101/24 dev s0; ip addr add 10.99.0.101/24 dev s0 noprefixroute 2>/dev/null || :");
    site.until_says("ip -4 addr show dev s0", "10.99.0.101/24");
    until_reached(&site);
    site.until("active", |s| {
        s["state"] == "active" && s["owner"] == true && !alarm(s, "address")
    });
}
