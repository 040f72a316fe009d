//! A fence in place is the journal's: neither SIGHUP nor a restart with another file moves it.

use nix::sys::signal::Signal;

use crate::daemon_restart::site::{Site, alarm, alone};

fn other_port(text: String) -> String {
    text.replace("ports = [\"ge1\"]", "ports = [\"ge2\"]")
}

/// The same agent under another name: the fence's switch is gone.
fn other_switch(site: &Site) -> impl Fn(String) -> String + use<> {
    let core = site.switch("core", &site.fake.address.to_string());
    let edge = site.switch("edge", &site.fake.address.to_string());
    move |text| {
        let text = text.replace(&core, &edge);
        text.replace("switch = \"core\"", "switch = \"edge\"")
    }
}

async fn stays(site: &Site, when: &str) {
    // Longer than a fence takes, and than what looks for a lost one.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(site.shut(), ["ge1"], "{when}: {}", site.log());
}

#[test]
fn a_reload_leaves_the_ports_of_a_fence_in_place_and_the_files_come_after_it() {
    alone(async |mut site| {
        site.start().await;
        site.take_over().await;
        let said = site.reload(other_port).await;
        assert!(!said.contains("NOT in force"), "{said}");
        stays(&site, "after the reload").await;
        let status = site.status().await;
        assert_eq!(status["peers"][0]["fence_ports"][0]["ports"][0], "ge1");
        let said = alarm(&status, "fence-of-the-journal").unwrap_or_default();
        assert!(
            said.contains("core:ge2") && said.contains("core:ge1"),
            "{said}: {status}"
        );
        // A restart with that file does the same.
        site.end(Signal::SIGKILL).await;
        site.start().await;
        stays(&site, "after the restart").await;
        let unfence = site.ask(&["unfence", "core:ge1", "--force"]).await;
        assert!(unfence.status.success(), "{unfence:?}");
    });
}

#[test]
fn a_reload_without_the_switch_or_the_peer_of_a_fence_is_refused_with_what_lifts_it() {
    alone(async |mut site| {
        site.start().await;
        site.take_over().await;
        let without = other_switch(&site);
        let said = site.reload(&without).await;
        assert!(
            said.contains("NOT in force") && said.contains("standin unfence core:ge1"),
            "{said}"
        );
        stays(&site, "without its switch").await;
        let said = site
            .reload(|text| text.replace("peer.cctv", "peer.other"))
            .await;
        assert!(
            said.contains("NOT in force") && said.contains("standin unfence core:ge1"),
            "{said}"
        );
        stays(&site, "without its peer").await;
        // A restart cannot be refused: it is told for as long as it lasts.
        site.write(&without);
        site.end(Signal::SIGKILL).await;
        site.start().await;
        let status = site
            .status_where("told", |s| alarm(s, "fence-orphaned").is_some())
            .await;
        let said = alarm(&status, "fence-orphaned").unwrap();
        assert!(said.contains("standin unfence core:ge1"), "{said}");
        stays(&site, "after a restart without its switch").await;
        // And it is found again, from the journal, when the switch is back.
        let said = site.reload(|text| text).await;
        assert!(!said.contains("NOT in force"), "{said}");
        let status = site
            .status_where("over", |s| alarm(s, "fence-orphaned").is_none())
            .await;
        assert_eq!(
            status["peers"][0]["fence_ports"][0]["switch"], "core",
            "{status}"
        );
    });
}

#[test]
fn a_restart_without_the_peer_of_a_fence_names_it() {
    alone(async |mut site| {
        site.start().await;
        site.take_over().await;
        site.end(Signal::SIGKILL).await;
        site.write(|text| text.replace("peer.cctv", "peer.other"));
        site.start().await;
        let status = site.status().await;
        let said = alarm(&status, "dropped-cctv").unwrap_or_default();
        assert!(
            said.contains("standin unfence --force core:ge1"),
            "{said}: {status}"
        );
        let refused = site.ask(&["unfence", "core:ge1"]).await;
        assert!(!refused.status.success(), "{refused:?}");
        assert_eq!(site.shut(), ["ge1"]);
    });
}

#[test]
fn another_address_of_the_switch_is_the_files_at_once() {
    alone(async |mut site| {
        site.start().await;
        site.take_over().await;
        // The agent moves; what stands on it is read at its new address.
        let moved = site.fake.restarted().await;
        let old = site.fake.address.to_string();
        let new = moved.address.to_string();
        site.fake = moved;
        let said = site.reload(|text| text.replace(&old, &new)).await;
        assert!(!said.contains("NOT in force"), "{said}");
        stays(&site, "at another address").await;
        let status = site.status().await;
        assert_eq!(status["peers"][0]["fence_ports"][0]["ports"][0], "ge1");
    });
}

#[test]
fn a_reload_says_of_each_key_from_when_on_it_is_in_force() {
    alone(async |mut site| {
        site.start().await;
        let edit = |text: String| {
            text.replace("name = \"standby-b\"", "name = \"standby-c\"")
                .replace("mac = \"02:00:00:00:00:01\"", "mac = \"02:00:00:00:00:07\"")
                + "[peer.cctv.announce]\narp-per-second = 50\n"
        };
        let said = site.reload(edit).await;
        let line = |when: &str| {
            let found = said.lines().find(|l| l.contains(when));
            found
                .unwrap_or_else(|| panic!("no {when}: {said}"))
                .to_owned()
        };
        assert!(line("in force now").contains("peer.cctv.mac"), "{said}");
        let late = line("in force only after a restart");
        for key in ["node.name", "peer.cctv.announce.arp-per-second"] {
            assert!(late.contains(key), "{late}");
        }
        let status = site.status().await;
        assert_eq!(
            status["peers"][0]["peer"]["mac"], "02:00:00:00:00:07",
            "{status}"
        );
        assert_eq!(status["node"], "standby-b");
        let told = alarm(&status, "restart-needed").unwrap_or_default();
        assert!(told.contains("node.name"), "{status}");
        // A file that is refused is told for as long as it is the last that was read.
        let said = site
            .reload(|text| text.replace("agentless", "agentles"))
            .await;
        assert!(said.contains("NOT in force"), "{said}");
        // The commands find the daemon by the file.
        site.write(edit);
        let status = site.status().await;
        assert!(alarm(&status, "reload").is_some(), "{status}");
        let said = site.reload(edit).await;
        assert!(
            said.contains("node.name"),
            "still waits for the restart: {said}"
        );
        let status = site.status().await;
        assert_eq!(alarm(&status, "reload"), None);
        site.end(Signal::SIGTERM).await;
        site.start().await;
        let status = site.status().await;
        assert_eq!(status["node"], "standby-c");
        assert_eq!(alarm(&status, "restart-needed"), None);
    });
}
