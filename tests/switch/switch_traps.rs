//! Notifications of switches, sent by net-snmp's own tools: traps and informs, v2c and v3.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;

use secrecy::SecretString;
use standin::switch::snmp::traps::{Ignored, TrapRules, TrapUser, Traps};
use standin::switch::{AuthAlgorithm, PrivAlgorithm};
use tokio::time::timeout;

const LINK_DOWN: &str = "1.3.6.1.6.3.1.1.5.3";
const LINK_UP: &str = "1.3.6.1.6.3.1.1.5.4";
const V3: &[&str] = &[
    "-v3",
    "-u",
    "traps",
    "-l",
    "authPriv",
    "-a",
    "SHA-256",
    "-A",
    "SENTINEL-auth",
    "-x",
    "AES",
    "-X",
    "SENTINEL-priv",
];

fn has_tools() -> bool {
    let there = Command::new("snmptrap").arg("-V").output().is_ok();
    if !there {
        assert!(
            std::env::var_os("REQUIRE_LAB").is_none(),
            "snmptrap is not installed"
        );
        eprintln!("skipped: snmptrap is not installed (apt-get install snmp)");
    }
    there
}

async fn traps(dir: &std::path::Path, from: Ipv4Addr) -> Traps {
    let rules = TrapRules {
        listen: "127.0.0.1:0".parse().unwrap(),
        community: Some(SecretString::from("SENTINEL-traps")),
        user: Some(TrapUser {
            user: "traps".into(),
            auth: (AuthAlgorithm::Sha256, SecretString::from("SENTINEL-auth")),
            privacy: Some((PrivAlgorithm::Aes128, SecretString::from("SENTINEL-priv"))),
        }),
        state_dir: dir.to_path_buf(),
        from: vec![IpAddr::V4(from)],
    };
    assert!(!format!("{rules:?}").contains("SENTINEL"), "a secret shows");
    Traps::open(rules).await.unwrap()
}

/// Runs one of net-snmp's tools while the receiver is served; whether it was content (an inform was acknowledged).
async fn send(tool: &'static str, how: Vec<String>, to: &Traps, oid: &str, index: u32) -> bool {
    let (to, oid) = (to.local_addr().to_string(), oid.to_owned());
    tokio::task::spawn_blocking(move || {
        let column = format!("1.3.6.1.2.1.2.2.1.1.{index}");
        let mut c = Command::new(tool);
        c.env("MIBS", "").args(&how).args([
            "-r",
            "0",
            "-t",
            "2",
            &to,
            "",
            &oid,
            &column,
            "i",
            &index.to_string(),
        ]);
        let dir = tempfile::tempdir().unwrap();
        c.env("SNMP_PERSISTENT_DIR", dir.path())
            .output()
            .unwrap()
            .status
            .success()
    })
    .await
    .unwrap()
}

fn words(of: &[&str]) -> Vec<String> {
    of.iter().map(|s| (*s).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traps_and_informs_of_both_versions_arrive_with_their_port() {
    if !has_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let traps = traps(dir.path(), Ipv4Addr::LOCALHOST).await;
    let v2c = words(&["-v2c", "-c", "SENTINEL-traps"]);
    let engine = [words(V3), words(&["-e", "0x8000000001020304"])].concat();
    for (tool, how, oid, index, authentic) in [
        ("snmptrap", v2c.clone(), LINK_DOWN, 7, false),
        ("snmpinform", v2c, LINK_UP, 8, false),
        ("snmptrap", engine, LINK_DOWN, 9, true),
        ("snmpinform", words(V3), LINK_UP, 10101, true),
    ] {
        let (sent, got) = tokio::join!(
            send(tool, how, &traps, oid, index),
            timeout(Duration::from_secs(5), traps.next())
        );
        let got = got.unwrap_or_else(|_| panic!("{tool} {oid} did not arrive"));
        assert!(sent, "{tool} was not answered");
        assert_eq!(
            (got.if_index, got.up, got.authentic),
            (Some(index), oid == LINK_UP, authentic),
            "{tool}"
        );
    }
    let kept = std::fs::read_to_string(dir.path().join("snmp-engine")).unwrap();
    assert!(kept.trim_end().ends_with(" 1"), "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_of_version_1_arrives_with_its_port() {
    if !has_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let traps = traps(dir.path(), Ipv4Addr::LOCALHOST).await;
    let to = traps.local_addr().to_string();
    // Enterprise, agent, generic trap 2 (linkDown), specific trap, uptime.
    let sent = tokio::task::spawn_blocking(move || {
        let how = [
            "-v1",
            "-c",
            "SENTINEL-traps",
            &to,
            "1.3.6.1.4.1.8072",
            "127.0.0.1",
            "2",
            "0",
            "",
        ];
        let bind = ["1.3.6.1.2.1.2.2.1.1.7", "i", "7"];
        Command::new("snmptrap")
            .env("MIBS", "")
            .args(how)
            .args(bind)
            .status()
    });
    let got = timeout(Duration::from_secs(5), traps.next()).await.unwrap();
    assert!(sent.await.unwrap().unwrap().success());
    assert_eq!(
        (got.if_index, got.up, got.authentic),
        (Some(7), false, false)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_trusted_or_not_about_a_link_does_not_arrive() {
    if !has_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let traps = traps(dir.path(), Ipv4Addr::LOCALHOST).await;
    let v2c = |c: &str| words(&["-v2c", "-c", c]);
    let wrong = [
        words(V3),
        words(&["-A", "not-the-password", "-e", "0x8000000001020304"]),
    ]
    .concat();
    let none = words(&[
        "-v3",
        "-u",
        "traps",
        "-l",
        "noAuthNoPriv",
        "-e",
        "0x8000000001020304",
    ]);
    for (how, oid) in [
        (v2c("not-it"), LINK_DOWN),
        (wrong, LINK_DOWN),
        (none, LINK_DOWN),
        (v2c("SENTINEL-traps"), "1.3.6.1.6.3.1.1.5.1"),
    ] {
        send("snmptrap", how, &traps, oid, 7).await;
    }
    let got = timeout(Duration::from_millis(300), traps.next()).await;
    assert!(got.is_err(), "{got:?} arrived");
    let not_taken = traps.not_taken();
    assert_eq!(not_taken.count, 4, "{not_taken:?}");
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(not_taken.last, Some((local, Ignored::Other)));
    let elsewhere = self::traps(dir.path(), Ipv4Addr::new(127, 0, 0, 9)).await;
    send("snmptrap", v2c("SENTINEL-traps"), &elsewhere, LINK_DOWN, 7).await;
    let got = timeout(Duration::from_millis(300), elsewhere.next()).await;
    assert!(
        got.is_err(),
        "{got:?} came from a machine that is no switch of ours"
    );
    assert_eq!(elsewhere.not_taken().last, Some((local, Ignored::Foreign)));
}

#[tokio::test]
async fn boots_grow_with_each_start_and_a_damaged_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for boots in 1..4 {
        let _ = traps(dir.path(), Ipv4Addr::LOCALHOST).await;
        let kept = std::fs::read_to_string(dir.path().join("snmp-engine")).unwrap();
        assert!(kept.trim_end().ends_with(&format!(" {boots}")), "{kept}");
    }
    std::fs::write(dir.path().join("snmp-engine"), "garbage").unwrap();
    let rules = TrapRules {
        listen: "127.0.0.1:0".parse().unwrap(),
        community: None,
        user: Some(TrapUser {
            user: "traps".into(),
            auth: (AuthAlgorithm::Sha256, SecretString::from("SENTINEL-auth")),
            privacy: None,
        }),
        state_dir: dir.path().to_path_buf(),
        from: Vec::new(),
    };
    let err = Traps::open(rules)
        .await
        .err()
        .expect("it was accepted")
        .to_string();
    assert!(
        err.contains("snmp-engine") && err.contains("damaged"),
        "{err}"
    );
}
