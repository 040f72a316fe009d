//! The gate: looked after while it is closed, and opened whatever happens to us.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::daemon_kernel::site::Site;
use crate::lab::nft_is_there;

/// A takeover that has claimed, with the gate closed because the service does not serve.
fn gate_closed(service: &str, prepare: impl FnOnce(&mut Site)) -> Option<Site> {
    if !nft_is_there() {
        return None;
    }
    let mut site = Site::new("", service)?;
    prepare(&mut site);
    site.start();
    site.healthy();
    site.take_over();
    until_dropped(&site, Duration::from_secs(8));
    Some(site)
}

/// What a camera gets that dials now: "open" or refused at once (the gate is open), or nothing (it is closed).
fn dialled(site: &Site) -> String {
    site.lab.camera.sh(
        "timeout 1 bash -c '</dev/tcp/10.99.0.101/1935' 2>/dev/null && code=0 || code=$?; case $code in 124) echo dropped;; 0) echo open;; *) echo refused;; esac",
    )
}

fn until_dropped(site: &Site, within: Duration) {
    let begun = Instant::now();
    while !dialled(site).contains("dropped") {
        assert!(begun.elapsed() < within, "not closed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn until_not_dropped(site: &Site, within: Duration) {
    let begun = Instant::now();
    while dialled(site).contains("dropped") {
        assert!(
            begun.elapsed() < within,
            "still closed: {}",
            site.standby("nft list ruleset")
        );
    }
}

const LONG: &str = "timeout = \"60s\"";

#[test]
fn it_stays_closed_while_wanted_and_longer_than_its_timeout() {
    let Some(site) = gate_closed(LONG, |_| {}) else {
        return;
    };
    for _ in 0..8 {
        std::thread::sleep(Duration::from_secs(1));
        assert!(dialled(&site).contains("dropped"));
    }
}

#[test]
fn it_is_opened_by_the_kernel_after_a_crash() {
    let Some(mut site) = gate_closed(LONG, |_| {}) else {
        return;
    };
    site.signal(Signal::SIGKILL);
    until_not_dropped(&site, Duration::from_secs(9));
}

#[test]
fn a_start_that_is_refused_has_opened_it_before() {
    let Some(mut site) = gate_closed(LONG, |_| {}) else {
        return;
    };
    site.signal(Signal::SIGKILL);
    // As an older version made it: without a timeout.
    site.standby(
        "nft add table ip standin_old; nft add chain ip standin_old gate '{ type filter hook prerouting priority raw; }'; \
         nft add rule ip standin_old gate ip daddr 10.99.0.101 tcp dport 1935 drop",
    );
    assert!(dialled(&site).contains("dropped"));
    assert_eq!(site.start_in_vain(), Some(78));
    let tables = site.standby("nft list tables");
    assert!(!tables.contains("standin_"), "{tables}");
    until_not_dropped(&site, Duration::from_secs(1));
}

#[test]
fn a_stop_opens_it_and_says_what_is_left() {
    let Some(mut site) = gate_closed(LONG, |_| {}) else {
        return;
    };
    site.signal(Signal::SIGTERM);
    let tables = site.standby("nft list tables");
    assert!(!tables.contains("standin_"), "{tables}");
    assert!(!dialled(&site).contains("dropped"));
    let log = site.log();
    assert!(log.contains("stays on this machine for ever"), "{log}");
    assert!(!log.contains("nothing of ours is left"), "{log}");
}

#[test]
fn it_is_closed_again_when_the_rules_are_flushed() {
    let Some(site) = gate_closed(LONG, |_| {}) else {
        return;
    };
    site.standby("nft flush ruleset");
    let begun = Instant::now();
    until_dropped(&site, Duration::from_secs(4));
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    while !site.log().contains("was gone") {
        assert!(begun.elapsed() < Duration::from_secs(6), "it is not said");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_slow_nft_and_a_late_service_leave_it_open() {
    let nft = "sleep 0.6; exec /usr/sbin/nft \"$@\"";
    let Some(site) = gate_closed("timeout = \"3s\"", |s| s.replace_nft(nft)) else {
        return;
    };
    site.until("active", |s| s["state"] == "active");
    site.until_says("nft list tables; echo done", "done");
    let begun = Instant::now();
    while site.standby("nft list tables").contains("standin_") {
        assert!(begun.elapsed() < Duration::from_secs(6), "the table stays");
        std::thread::sleep(Duration::from_millis(100));
    }
    site.serve_rtmp(&site.lab.standby, "0.0.0.0:1935");
    assert!(dialled(&site).contains("open"));
}

#[test]
fn it_opens_when_the_service_serves_and_not_when_its_start_command_returns() {
    let service = "timeout = \"60s\"\ncommand = [\"/bin/sleep\", \"40\"]";
    let Some(site) = gate_closed(service, |_| {}) else {
        return;
    };
    site.serve_rtmp(&site.lab.standby, "0.0.0.0:1935");
    let begun = Instant::now();
    while !dialled(&site).contains("open") {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "closed until the command returns"
        );
    }
}

#[test]
fn an_nft_that_is_slow_for_good_takes_its_table_away() {
    let nft = "sleep 3; exec /usr/sbin/nft \"$@\"";
    if !nft_is_there() {
        return;
    }
    let Some(mut site) = Site::new("", "timeout = \"3s\"") else {
        return;
    };
    site.replace_nft(nft);
    // What a run before it has left, which the start cannot see in time.
    site.standby("nft add table ip standin_cctv");
    site.start();
    let begun = Instant::now();
    while site.standby("nft list tables").contains("standin_") {
        assert!(begun.elapsed() < Duration::from_secs(20), "the table stays");
        std::thread::sleep(Duration::from_millis(100));
    }
    // It cannot be closed in time, and stops nothing.
    site.healthy();
    site.take_over();
    site.until("active", |s| s["state"] == "active");
    site.serve_rtmp(&site.lab.standby, "0.0.0.0:1935");
    until_not_dropped(&site, Duration::from_secs(6));
}

#[test]
fn a_hung_nft_stops_nothing_else() {
    if !nft_is_there() {
        return;
    }
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.replace_nft("exec sleep 1000");
    site.start();
    site.healthy();
    site.take_over();
    site.until("active", |s| s["state"] == "active");
    // They hang in a PID namespace that is everybody's: those of this daemon.
    let hanging = site.children("sleep 1000");
    assert!((1..=4).contains(&hanging), "{hanging} of them");
}
