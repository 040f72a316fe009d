//! `check` and `preflight` ask on the wire who answers.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;
use standin::net::arp::ArpFrame;
use standin::net::arp_socket::ArpSocket;

use crate::daemon_kernel::site::Site;
use crate::lab::{Host, VIP};

/// The lines of `check` about who answers: state and words.
fn check(site: &Site) -> Vec<(String, String)> {
    let (_, said) = site.ask(&["check"]);
    let lines = said["checks"].as_array().cloned().unwrap_or_default();
    let about = lines
        .iter()
        .filter(|l| l["check"] == "who answers for cctv");
    let word = |l: &Value, key: &str| l[key].as_str().unwrap_or_default().to_owned();
    let all: Vec<_> = about
        .map(|l| (word(l, "state"), word(l, "detail")))
        .collect();
    assert!(!all.is_empty(), "nothing about who answers: {said:#}");
    all
}

fn failed(site: &Site, parts: &[&str]) {
    let all = check(site);
    let fits = |(state, text): &(String, String)| {
        state == "failed" && parts.iter().all(|p| text.contains(p))
    };
    assert!(all.iter().any(fits), "{parts:?}: {all:#?}");
}

#[test]
fn one_owner_is_right_and_nothing_is_sent_that_says_who_we_are_not() {
    let Some(site) = Site::new("", "") else {
        return;
    };
    let heard = std::thread::scope(|scope| {
        let camera = &site.lab.camera;
        let (ready, opened) = std::sync::mpsc::channel();
        let listener = scope.spawn(move || {
            camera.run(|| {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_all().build().unwrap();
                runtime.block_on(async {
                    let socket = ArpSocket::open("c0").unwrap();
                    ready.send(()).unwrap();
                    let until = Instant::now() + Duration::from_secs(6);
                    let mut heard: Vec<ArpFrame> = Vec::new();
                    while let Ok(frame) = tokio::time::timeout_at(until.into(), socket.recv()).await
                    {
                        heard.push(frame.unwrap());
                    }
                    heard
                })
            })
        });
        opened.recv().unwrap();
        let all = check(&site);
        assert!(all.iter().all(|(state, _)| state != "failed"), "{all:#?}");
        let right = "alone answers for 10.99.0.101; nobody for 10.99.0.51, ";
        assert!(
            all.iter().any(|(s, t)| s == "ok" && t.contains(right)),
            "{all:#?}"
        );
        listener.join().unwrap()
    });
    let asked = heard.iter().filter(|f| f.tpa == VIP.addr).count();
    assert!(asked >= 2, "it was asked: {heard:?}");
    let wrong = |f: &&ArpFrame| [VIP.addr, Ipv4Addr::UNSPECIFIED].contains(&f.spa);
    assert_eq!(heard.iter().find(wrong), None);
}

#[test]
fn a_neighbour_that_answers_for_others_is_named() {
    let Some(site) = Site::new("", "") else {
        return;
    };
    // It answers for what it would send out elsewhere: the upper half of the network, after up to 0.8 s.
    site.lab.camera.sh(
        "ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up; ip route add 10.99.0.128/25 dev d0;
         echo 1 > /proc/sys/net/ipv4/conf/c0/forwarding; echo 1 > /proc/sys/net/ipv4/conf/c0/proxy_arp",
    );
    let parts = [
        "proxy ARP: ",
        " at core:ge1",
        "10.99.0.178, 10.99.0.242, and for 10.99.0.101",
        "no ip proxy-arp",
    ];
    failed(&site, &parts);
    let (code, said) = site.ask(&["switch", "preflight", "core", "--no-write"]);
    let network = &said["peers"][0];
    assert_eq!(
        (code, &network["ok"]),
        (Some(1), &Value::Bool(false)),
        "{said:#}"
    );
    let line = &network["lines"][0];
    assert_eq!(
        (&line["check"], &line["verdict"]),
        (&"who answers".into(), &"failed".into()),
        "{said:#}"
    );
    assert!(
        line["todo"]
            .as_str()
            .unwrap_or_default()
            .contains("proxy_arp = 0"),
        "{line:#}"
    );
}

#[test]
fn two_machines_with_the_vip_are_named_both() {
    let Some(site) = Site::new("", "") else {
        return;
    };
    let other = Host::new().unwrap();
    other.run(|| {
        let thread = nix::unistd::gettid();
        site.lab.camera.sh(&format!(
            "ip link add m0 link c0 address 02:00:00:00:00:77 netns {thread} type macvlan mode bridge"
        ));
    });
    other.sh("ip addr add 10.99.0.101/24 dev m0; ip link set m0 up");
    let first = site.lab.camera.sh("ip -br link show c0 | awk '{print $3}'");
    failed(
        &site,
        &[
            "2 machines answer one question for 10.99.0.101",
            "02:00:00:00:00:77",
            first.trim(),
            "arp_ignore = 1",
        ],
    );
}

#[test]
fn a_gateway_that_answers_for_the_vip_is_named() {
    let Some(site) = Site::new("", "") else {
        return;
    };
    site.standby("ip route add default via 10.99.0.1");
    failed(
        &site,
        &[
            "which is the gateway 10.99.0.1, answers for 10.99.0.101",
            "no ip proxy-arp",
            "set its `mac`",
        ],
    );
}
