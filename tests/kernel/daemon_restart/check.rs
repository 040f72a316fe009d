//! `check` fails wherever `run` would.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use standin::daemon::journal::{Entry, Journal};
use standin::types::BootTime;

use crate::daemon_restart::site::{Site, alone, secret_file, sh};
use crate::switch_agent::COMMUNITY;

type Edit = fn(String) -> String;

async fn said(site: &Site, arguments: &[&str]) -> (bool, String) {
    let out = site.ask(arguments).await;
    let said = [out.stdout, out.stderr].concat();
    (
        out.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn what_keeps_the_daemon_from_starting_fails_check() {
    alone(async |site| {
        let (ok, text) = said(&site, &["check"]).await;
        assert!(ok, "{text}");
        sh("ip link add d9 type veth peer name d8; ip link set d9 up");
        let edits: [(&str, Edit, &str); 4] = [
            (
                "no interface",
                |t| t.replace("\"d0\"", "\"d7\""),
                "no interface",
            ),
            (
                "no address",
                |t| t.replace("\"d0\"", "\"d9\""),
                "no address of its own",
            ),
            (
                "lo",
                |t| t.replace("\"d0\"", "\"lo\""),
                "no address of its own",
            ),
            (
                "a /32",
                |t| t.replace("192.0.2.10/24", "192.0.2.10/32"),
                "network of one address",
            ),
        ];
        for (what, edit, words) in edits {
            site.write(edit);
            let (runs, text) = said(&site, &["run"]).await;
            assert!(!runs && text.contains(words), "{what}: {text}");
            let (ok, text) = said(&site, &["check"]).await;
            assert!(!ok && text.contains(words), "{what}: {text}");
        }
    });
}

#[test]
fn a_camera_with_the_vip_as_its_address_fails_check() {
    alone(async |site| {
        let cameras = std::fs::read_to_string(site.path("cameras.csv")).unwrap();
        std::fs::write(
            site.path("cameras.csv"),
            format!("{cameras}gate,192.0.2.10\n"),
        )
        .unwrap();
        let (ok, text) = said(&site, &["check"]).await;
        assert!(!ok && text.contains("gate has the VIP itself"), "{text}");
    });
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_secret_and_another_encoding_is_shown_where_it_stands() {
    alone(async |mut site| {
        secret_file(&site.path("community"), &format!("\u{feff}{COMMUNITY}\r\n"));
        let (ok, text) = said(&site, &["check"]).await;
        assert!(ok, "{text}");
        site.start().await;
        site.take_over().await;
        assert_eq!(site.end(Signal::SIGTERM).await, Some(0));
        let mut bytes = std::fs::read(site.path("standin.toml")).unwrap();
        bytes.extend_from_slice(b"# the peer\n# Geb\xe4ude 3\n");
        let lines = bytes.iter().filter(|b| **b == b'\n').count();
        std::fs::write(site.path("standin.toml"), bytes).unwrap();
        let (ok, text) = said(&site, &["check"]).await;
        assert!(!ok && text.contains("not UTF-8"), "{text}");
        assert!(text.contains(&format!("standin.toml:{lines}:6")), "{text}");
    });
}

#[test]
fn an_address_that_was_named_at_a_release_outranks_the_file_and_check_says_so() {
    alone(async |mut site| {
        let state = site.path("state");
        std::fs::create_dir(&state).unwrap();
        let (journal, _) = Journal::open(&state, "standby-b").unwrap();
        let named = json!({ "mac": "02:00:00:00:00:07", "instead_of": "02:00:00:00:00:01" });
        let kept = json!({ "phase": "standby", "label": "standby", "epoch": 1, "new_mac": named });
        let written = journal.append(Entry::new(BootTime(5), "cctv", "state", kept));
        assert!(written.durable(Duration::from_secs(5)).await);
        drop(journal);
        let words = "the peer's MAC address is 02:00:00:00:00:07, as named at a release";
        for arguments in [&["check", "--offline"][..], &["check"]] {
            let (ok, text) = said(&site, arguments).await;
            assert!(ok && text.contains(words), "no daemon: {text}");
        }
        site.start().await;
        let (ok, text) = said(&site, &["check"]).await;
        assert!(ok && text.contains(words), "{text}");
        let status = site.status().await;
        assert_eq!(status["peers"][0]["peer"]["mac"], "02:00:00:00:00:07");
        // Until the file is edited.
        site.reload(|t| t.replace("02:00:00:00:00:01", "02:00:00:00:00:07"))
            .await;
        let (ok, text) = said(&site, &["check"]).await;
        assert!(ok && !text.contains("MAC address of cctv"), "{text}");
    });
}
