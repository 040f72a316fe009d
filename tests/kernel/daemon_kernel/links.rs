//! Interfaces that come late, are made anew, renamed, or get another MAC or own address.

use std::time::Duration;

use crate::daemon_kernel::site::{Site, alarm};

/// Deletes the cable's end and lays the cable anew: `s0` has another index then. The MAC of the far end stays.
fn lay_the_cable_anew(site: &Site) {
    let mac = site.lab.camera.sh("ip -br link show c0 | awk '{print $3}'");
    site.standby("ip link del s0");
    std::thread::sleep(Duration::from_millis(1500));
    site.standby(&format!(
        "ip link add s0 index 77 type veth peer name c0 address {}",
        mac.trim()
    ));
    site.lab.camera.run(|| {
        let thread = nix::unistd::gettid();
        site.standby(&format!("ip link set c0 netns {thread}"));
    });
    site.lab
        .camera
        .sh("ip link set c0 up; for n in 1 11 12 13 14; do ip addr add 10.99.0.$n/24 dev c0; done");
    site.standby("ip addr add 10.99.0.102/24 dev s0; ip link set s0 up");
}

#[test]
fn an_interface_made_anew_is_found_again_in_standby() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    lay_the_cable_anew(&site);
    site.revive_primary();
    site.until("there is carrier and the peer answers again", |s| {
        s["carrier"] == true
            && s["state"] == "standby"
            && s["peer"]["vip_answered_ms_ago"].as_u64() < Some(500)
    });
    site.take_over();
}

#[test]
fn an_interface_made_anew_while_active_gets_the_address_again() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    site.take_over();
    site.until("active", |s| s["state"] == "active");
    lay_the_cable_anew(&site);
    site.within(Duration::from_secs(30), "active again", |s| {
        s["state"] == "active" && s["owner"] == true
    });
    site.until_says("ip -4 addr show dev s0", "10.99.0.101/24");
}

#[test]
fn a_renamed_interface_is_followed_and_said() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    site.standby("ip link set s0 down; ip link set s0 name lan0; ip link set lan0 up");
    site.until("the new name is known, and the peer answers", |s| {
        s["interface"] == "lan0"
            && s["carrier"] == true
            && s["peer"]["vip_answered_ms_ago"].as_u64() < Some(500)
    });
    let (_, status) = site.ask(&["status"]);
    let text = status["alarms"].to_string();
    assert!(text.contains("s0 is called lan0 now"), "{text}");
    site.take_over();
    site.until_says("ip -4 addr show dev lan0", "10.99.0.101/24");
    // The mark names the interface as it is called now.
    site.until_says("ip -4 addr show dev lan0", "lan0:standin");
}

#[test]
fn a_carrier_that_comes_late_is_noticed() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.lab.camera.sh("ip link set c0 down");
    site.start();
    site.until("no carrier at first", |s| s["carrier"] == false);
    site.lab.camera.sh("ip link set c0 up");
    site.until("carrier", |s| s["carrier"] == true);
    site.healthy();
}

/// The switch answers late, so that the start takes its time; the carrier comes in the middle of it.
#[test]
fn a_carrier_that_comes_while_we_start_is_noticed() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.lab.camera.sh("ip link set c0 down");
    site.fake
        .with(|s| s.faults.get_delay = Duration::from_secs(4));
    site.launch();
    std::thread::sleep(Duration::from_millis(1200));
    site.lab.camera.sh("ip link set c0 up");
    site.until("the daemon answers", |s| s.is_object());
    site.fake.with(|s| s.faults.get_delay = Duration::ZERO);
    site.until("carrier", |s| s["carrier"] == true);
    site.healthy();
}

#[test]
fn our_new_mac_is_used_in_standby() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    site.standby("ip link set s0 address 02:de:ad:00:00:99");
    std::thread::sleep(Duration::from_millis(1500));
    let status = site.until("the peer answers", |s| {
        s["peer"]["vip_answered_ms_ago"].as_u64() < Some(500)
    });
    assert_eq!(status["state"], "standby", "{status:#}");
    site.take_over();
}

#[test]
fn our_new_mac_is_announced_while_active() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    site.take_over();
    let camera = |command: &str| site.lab.camera.sh(command);
    site.standby("ip link set s0 address 02:de:ad:00:00:99");
    let begun = std::time::Instant::now();
    while !camera("ip neigh show 10.99.0.101").contains("02:de:ad:00:00:99") {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{}",
            camera("ip neigh show")
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // Two refreshes later it is still so.
    std::thread::sleep(Duration::from_millis(4500));
    let neighbours = camera("ip neigh show 10.99.0.101");
    assert!(neighbours.contains("02:de:ad:00:00:99"), "{neighbours}");
}

#[test]
fn without_an_own_address_it_is_said_and_another_one_is_used() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    site.standby("ip addr del 10.99.0.102/24 dev s0");
    site.until("the alarm", |s| alarm(s, "own-address"));
    site.standby("ip addr add 10.99.0.103/24 dev s0");
    site.until("the alarm is over", |s| !alarm(s, "own-address"));
    site.healthy();
    site.take_over();
}
