//! Backups compared with what is there, and preflights of one switch and of many.

use std::time::Duration;

use serde_json::Value;

use crate::cli_switch::site::Site;
use crate::switch_agent::mac;
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_compared_with_what_is_there_now() {
    let site = Site::new().await;
    site.ok(&["switch", "backup", "core1"]).await;
    site.files_are_clean("state/backups");
    assert!(
        site.ok(&["switch", "diff", "core1"])
            .await
            .out
            .contains("reads as in")
    );
    site.fake.with(|s| s.port("ge1").alias = b"moved".to_vec());
    let said = site.run(&["switch", "diff", "core1", "--json"]).await;
    assert_eq!(said.code, 1);
    let change = &said.json()["changes"][0];
    assert_eq!(
        (change["field"].as_str(), change["is"].as_str()),
        (Some("if_alias"), Some("moved"))
    );
    let out = site.path("b.json").display().to_string();
    site.ok(&["switch", "backup", "core1", "--out", &out]).await;
    assert_eq!(
        site.run(&["switch", "backup", "core1", "--out", &out])
            .await
            .code,
        77,
        "a backup is not overwritten"
    );
    std::fs::write(&out, "{}").unwrap();
    assert_eq!(site.run(&["switch", "diff", "core1", &out]).await.code, 65);
}

fn verdict<'a>(said: &'a Value, check: &str) -> &'a Value {
    let lines = said["switches"][0]["lines"].as_array().unwrap();
    lines
        .iter()
        .find(|l| l["check"] == check)
        .unwrap_or_else(|| panic!("no {check} in {said:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_writes_back_only_what_is_there_and_says_what_to_do() {
    let site = Site::new().await;
    let said = site
        .ok(&["switch", "preflight", "core1", "--json"])
        .await
        .json();
    for (check, want) in [
        ("reachable", "ok"),
        ("credentials", "ok"),
        ("mapping", "ok"),
        ("state", "ok"),
        ("alias", "ok"),
        ("macs", "ok"),
        ("vlans", "ok"),
        ("may-write", "ok"),
        ("save", "not-known"),
        ("arp-inspection", "not-known"),
        ("operations", "ok"),
    ] {
        assert_eq!(verdict(&said, check)["verdict"], want, "{check}: {said:#}");
    }
    let sets = site.fake.with(|s| s.sets.clone());
    assert_eq!(sets.len(), 1, "{sets:?}");
    assert!(
        sets[0].0.ends_with("2.2.1.7.101") && format!("{:?}", sets[0].1).contains('1'),
        "{sets:?}"
    );
    let lines = said["switches"][0]["lines"].as_array().unwrap();
    assert!(
        lines
            .iter()
            .all(|l| l["verdict"] == "ok" || !l["todo"].as_str().unwrap().is_empty()),
        "{said:#}"
    );

    site.fake.with(|s| s.faults.admin_read_only = true);
    let denied = site.run(&["switch", "preflight", "core1", "--json"]).await;
    assert_eq!(
        (
            denied.code,
            verdict(&denied.json(), "may-write")["verdict"].as_str()
        ),
        (1, Some("failed"))
    );
    site.fake
        .with(|s| (s.faults.admin_read_only, s.port("ge1").oper) = (false, 2));
    let before = site.fake.with(|s| s.sets.len());
    let down = site
        .ok(&["switch", "preflight", "--all", "--json"])
        .await
        .json();
    assert_eq!(verdict(&down, "may-write")["verdict"], "not-known");
    let none = site
        .at_target(&["switch", "preflight"], &["--no-write", "--port", "ge3"])
        .await;
    assert!(
        none.code == 0 && none.out.contains("--no-write"),
        "{none:?}"
    );
    assert_eq!(
        site.fake.with(|s| s.sets.len()),
        before,
        "a port that is down, and --no-write, are not written to"
    );
    assert_eq!(
        site.at_target(&["switch", "preflight"], &[]).await.code,
        2,
        "--target needs --no-write"
    );

    site.fake
        .with(|s| s.fdb.extend((10..16).map(|n| (1, mac(n), 1))));
    let crowd = site
        .run(&["switch", "preflight", "core1", "--no-write", "--json"])
        .await;
    assert_eq!(
        (
            crowd.code,
            verdict(&crowd.json(), "macs")["verdict"].as_str()
        ),
        (1, Some("failed"))
    );
}

/// The goal of the issue: 200 switches in 10 s on 2 cores. Here all of them are one agent, which answers for all.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_switches_at_once() {
    let site = Site::new().await;
    let mut text = std::fs::read_to_string(site.path("standin.toml")).unwrap();
    for i in 0..199 {
        text += &format!(
            "[switch.s{i}]\naddress = \"{}\"\nprofile = \"generic-qbridge\"\n[switch.s{i}.snmp]\ncommunity-file = \"core.community\"\ntimeout = \"5s\"\n",
            site.fake.address
        );
    }
    std::fs::write(site.path("standin.toml"), text).unwrap();
    let start = std::time::Instant::now();
    let said = site
        .run(&["switch", "preflight", "--all", "--no-write", "--json"])
        .await;
    let took = start.elapsed();
    assert_eq!(said.json()["switches"].as_array().unwrap().len(), 200);
    println!("200 switches in {took:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}
