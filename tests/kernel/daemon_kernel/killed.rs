//! The daemon is killed, and does not come back: what is left is told with what to type, and nothing goes by itself.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::daemon_kernel::site::Site;
use crate::lab::nft_is_there;

const UNIT: &str = include_str!("../../../config/standin.service");

fn of_kind(answer: &Value, kind: &str) -> Vec<Value> {
    let left = answer["left"].as_array().unwrap();
    left.iter().filter(|l| l["kind"] == kind).cloned().collect()
}

/// Types what takes it away, as a person would.
fn type_in(site: &Site, left: &[Value]) {
    let commands = left.iter().flat_map(|l| l["commands"].as_array().unwrap());
    for command in commands {
        site.standby(command.as_str().unwrap());
    }
}

#[test]
fn what_a_killed_owner_leaves_is_told_and_goes_by_what_is_told() {
    if !nft_is_there() {
        return;
    }
    let Some(mut site) = Site::new("", "timeout = \"60s\"") else {
        return;
    };
    site.start();
    site.healthy();
    site.take_over();
    site.until_says("nft list tables", "standin_cctv");
    site.signal(Signal::SIGKILL);
    site.standby("nft add table arp standinmute_other; nft add table ip standinmute_other");
    // What systemd runs then, with the configuration of this test.
    let line = UNIT.lines().find_map(|l| l.strip_prefix("ExecStopPost="));
    let line = line.expect("the unit says what is left");
    let words = line
        .strip_prefix("-/usr/sbin/standin ")
        .expect("no failure of the unit");
    let words = words.split(" --config ").next().unwrap().split(' ');
    let words: Vec<&str> = words.collect();
    let (code, said) = site.say(&words);
    assert_eq!(code, Some(3));
    for told in [
        "10.99.0.101/24 is on s0",
        "standin unfence core:ge1",
        "systemctl start standin",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let (code, answer) = site.ask(&words);
    assert_eq!(code, Some(3), "{answer:#}");
    for (kind, n) in [("address", 1), ("gate", 1), ("mute", 1), ("fence", 1)] {
        assert_eq!(of_kind(&answer, kind).len(), n, "{kind}: {answer:#}");
    }
    assert_eq!(answer["unread"], Value::Array(Vec::new()));
    // It has only looked.
    assert!(site.standby("ip -4 addr show").contains("10.99.0.101/24"));
    for kind in ["address", "gate", "mute"] {
        type_in(&site, &of_kind(&answer, kind));
    }
    let (_, answer) = site.ask(&["status"]);
    let left = answer["left"].as_array().unwrap();
    assert!(left.len() == 1 && left[0]["kind"] == "fence", "{answer:#}");
    let kernel = site.standby("ip -4 addr show; nft list tables");
    assert!(
        !kernel.contains("10.99.0.101") && !kernel.contains("standin"),
        "{kernel}"
    );
    let unfence = left[0]["commands"][0].as_str().unwrap();
    let words: Vec<&str> = unfence.split(' ').skip(1).collect();
    let (code, answer) = site.ask(&words);
    assert_eq!(code, Some(0), "{answer:#}");
    assert_eq!(site.fake.with(|s| s.port("ge1").admin), 1);
}

#[test]
fn a_killed_standby_leaves_nothing() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    site.signal(Signal::SIGKILL);
    let (code, answer) = site.ask(&["status"]);
    assert_eq!(code, Some(3));
    assert_eq!(answer["left"], Value::Array(Vec::new()), "{answer:#}");
    assert!(
        answer["next"]
            .as_str()
            .unwrap()
            .contains("nobody stands by")
    );
}

#[test]
fn a_daemon_that_runs_tells_for_itself() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    let (code, answer) = site.ask(&["status"]);
    assert_eq!(code, Some(0));
    assert!(answer["left"].is_null() && answer["peers"].is_array());
}
