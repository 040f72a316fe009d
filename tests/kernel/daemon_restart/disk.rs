//! A disk that takes nothing keeps nobody from starting, from taking over, or from being told.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::daemon_restart::site::{Site, alarm, alone, fenced, sh};

/// Mounts a small file system of its own as the state folder, with what an earlier start left there.
fn small_disk(site: &Site) {
    let state = site.path("state");
    sh(&format!(
        "mkdir {0}; mount -t tmpfs -o size=256k,mode=0750 state {0}; echo 7 > {0}/boot-counter; touch {0}/lock",
        state.display()
    ));
}

fn fill(site: &Site) {
    let _ = std::fs::write(site.path("state/big"), vec![0u8; 1 << 20]);
}

fn pair(text: String) -> String {
    let text = text.replace(
        "kind = \"agentless\"",
        "kind = \"pair\"\naddresses = [\"192.0.2.21\"]",
    );
    format!("{text}[heartbeat]\nkey-file = \"key\"\n")
}

#[test]
fn a_full_disk_keeps_nobody_from_starting_and_status_tells_until_there_is_room() {
    alone(async |mut site| {
        small_disk(&site);
        fill(&site);
        // The pair needs its boot counter.
        site.write(pair);
        site.start().await;
        let status = site
            .status_where("told", |s| alarm(s, "journal").is_some())
            .await;
        let said = alarm(&status, "journal").unwrap();
        assert!(said.contains("No space left"), "{said}");
        let hold = site.ask(&["hold", "cctv", "on", "--json"]).await;
        let answer: Value = serde_json::from_slice(&hold.stdout).unwrap();
        assert_eq!(answer["durable"], false, "{answer}");
        // There is room again: what was not kept is kept now, without any further event.
        std::fs::remove_file(site.path("state/big")).unwrap();
        site.status_where("durable again", |s| alarm(s, "journal").is_none())
            .await;
        site.end(Signal::SIGKILL).await;
        site.start().await;
        let status = site.status().await;
        assert_eq!(status["peers"][0]["hold"], true, "{status}");
        let hold = site.ask(&["hold", "cctv", "off", "--json"]).await;
        let answer: Value = serde_json::from_slice(&hold.stdout).unwrap();
        assert_eq!(answer["durable"], true, "{answer}");
    });
}

#[test]
fn a_disk_that_is_read_only_keeps_nobody_from_starting_and_its_journal_is_read() {
    alone(async |mut site| {
        small_disk(&site);
        site.start().await;
        site.take_over().await;
        // The daemon that holds the lock and the journal open for writing is gone first.
        site.end(Signal::SIGKILL).await;
        remount_when_free(&site, "ro");
        site.start().await;
        let status = site
            .status_where("told", |s| alarm(s, "journal").is_some())
            .await;
        let said = alarm(&status, "journal").unwrap();
        assert!(said.contains("Read-only file system"), "{said}");
        // It knows what it did before.
        assert_ne!(status["peers"][0]["state"], "standby", "{status}");
        assert_eq!(site.shut(), ["ge1"]);
        remount_when_free(&site, "rw");
        site.status_where("durable again", |s| alarm(s, "journal").is_none())
            .await;
    });
}

fn remount_when_free(site: &Site, how: &str) {
    let state = site.path("state");
    for _ in 0..200 {
        let command = format!("mount -o remount,{how} {}", state.display());
        let done = std::process::Command::new("sh")
            .args(["-c", &command])
            .status();
        if done.unwrap().success() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{} stays busy", state.display());
}

#[test]
fn what_is_not_there_yet_ends_with_a_code_that_systemd_starts_again() {
    alone(async |mut site| {
        let unit = include_str!("../../../config/standin.service");
        let never = unit
            .lines()
            .find_map(|l| l.strip_prefix("RestartPreventExitStatus="));
        let never: Vec<i32> = never
            .unwrap()
            .split(' ')
            .map(|n| n.parse().unwrap())
            .collect();
        for name in ["cameras.csv", "community"] {
            let (here, away) = (site.path(name), site.path("away"));
            std::fs::rename(&here, &away).unwrap();
            let out = site.ask(&["run"]).await;
            let code = out.status.code().unwrap();
            assert!(!never.contains(&code), "{name}: {code}: {out:?}");
            std::fs::rename(&away, &here).unwrap();
        }
        // What no time cures is not tried again.
        site.write(|text| text.replace("\"agentless\"", "\"agentles\""));
        let out = site.ask(&["run"]).await;
        assert!(never.contains(&out.status.code().unwrap()), "{out:?}");
        site.filter = None;
    });
}

#[test]
fn a_journal_that_is_lost_adopts_what_is_tagged_as_ours() {
    alone(async |mut site| {
        site.start().await;
        site.take_over().await;
        site.status_where("it owns the address", |s| s["peers"][0]["owner"] == true)
            .await;
        assert!(has_vip());
        for what in ["journal.jsonl", "."] {
            site.end(Signal::SIGKILL).await;
            let gone = site.path("state").join(what);
            match what {
                "." => std::fs::remove_dir_all(site.path("state")).unwrap(),
                _ => std::fs::remove_file(gone).unwrap(),
            }
            site.start().await;
            for _ in 0..60 {
                assert!(has_vip(), "{what}: the only owner's address went");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            let status = site
                .status_where("it owns it still", |s| {
                    s["peers"][0]["owner"] == true && fenced(s)
                })
                .await;
            assert!(status["peers"][0]["epoch"].as_u64() > Some(0), "{status}");
            assert_eq!(site.shut(), ["ge1"]);
        }
    });
}

fn has_vip() -> bool {
    let said = std::process::Command::new("ip")
        .args(["address", "show", "d0"])
        .output();
    String::from_utf8(said.unwrap().stdout)
        .unwrap()
        .contains(crate::daemon_restart::site::VIP)
}
