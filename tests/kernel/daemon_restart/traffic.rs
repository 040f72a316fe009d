//! A switch that tells no MAC addresses, and whose counters are those of the real cable: traffic confirms the port, or says
//! that the machine hangs elsewhere.

use std::time::{Duration, Instant};

use async_snmp::{Oid, Value};
use serde_json::Value as Json;

use crate::daemon_restart::site::{Site, VIP, alarm, alone, sh};

/// ifHCInUcastPkts and ifHCOutUcastPkts.
const COLUMNS: [u32; 2] = [7, 11];

/// Frames that `d0` has received and sent.
fn passed() -> [u64; 2] {
    let all = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let line = all.lines().find_map(|l| l.trim().strip_prefix("d0:"));
    let numbers: Vec<u64> = line
        .unwrap()
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    [numbers[1], numbers[9]]
}

/// The peer answers on the other end of the cable, and what passes there is counted on the port of this ifIndex.
fn counted_on(site: &Site, port: u32) {
    let net = site.net_id();
    sh(&format!(
        "nsenter -t {net} -n sh -ec 'ip link set d1 address 02:00:00:00:00:01; ip address add {VIP}/24 dev d1'"
    ));
    site.fake.with(|s| {
        s.fdb.clear();
        s.hook = Some(Box::new(move |s, _| {
            let now = passed();
            let rows = COLUMNS.iter().zip(now).flat_map(|(column, n)| {
                [101, 102, 103, 148].map(|index| {
                    let oid = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, *column, index]);
                    (oid, Value::Counter64(if index == port { n } else { 7 }))
                })
            });
            s.more = rows.collect();
        }));
    });
}

async fn placed(site: &Site, as_: &str) -> Json {
    let began = Instant::now();
    loop {
        let status = site.status().await;
        if status["peers"][0]["placement"][0]["state"] == as_ {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{status}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[test]
fn the_port_whose_counters_follow_is_confirmed() {
    alone(async |mut site| {
        counted_on(&site, 101);
        site.start().await;
        let status = placed(&site, "unconfirmed").await;
        assert!(alarm(&status, "unconfirmed").is_some(), "{status}");
        let status = placed(&site, "confirmed").await;
        let how = status["peers"][0]["placement"][0]["detail"]
            .as_str()
            .unwrap();
        assert!(how.starts_with("by traffic: of 40 questions"), "{how}");
        assert_eq!(alarm(&status, "unconfirmed"), None);
        let check = site.ask(&["check"]).await;
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(
            said.contains("the daemon has it confirmed, by traffic"),
            "{said}"
        );
        // What it shuts is proven.
        site.take_over().await;
        assert_eq!(site.status().await["peers"][0]["fence"], "proven");
    });
}

#[test]
fn the_port_of_another_is_misplaced() {
    alone(async |mut site| {
        counted_on(&site, 103);
        site.write(|t| {
            t.replace(
                "uplinks = [\"ge48\"]",
                "uplinks = [\"ge48\"]\nown-ports = [\"ge2\"]",
            )
        });
        site.start().await;
        let status = placed(&site, "misplaced").await;
        let why = alarm(&status, "misplaced").unwrap();
        assert!(why.contains("passed core:ge3, and not ge1"), "{why}");
        let check = site.ask(&["check"]).await;
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(
            !check.status.success() && said.contains("NOT on the peer"),
            "{said}"
        );
    });
}
