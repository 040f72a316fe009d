//! `kind = "dns"`: read from a configuration, changed, changed again, given back, over a restart, at the real BIND.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use standin::config::{Config, SAMPLE, Surroundings};
use standin::host::real::{RealDisk, RealPrograms};
use standin::steps::{self, Facts, Kit, Memory, SiteStep};
use standin::takeover::event::Outcome;

use super::bind::usual_key_text;
use super::{change_at, live, proxy, usual};

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cameras.csv"), "name,address\n").unwrap();
        let site = Site(folder);
        site.key(0o600);
        site
    }

    fn key(&self, mode: u32) {
        let path = self.0.path().join("dns.key");
        fs::write(&path, usual_key_text()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn step(&self, server: std::net::SocketAddr) -> Arc<dyn SiteStep> {
        let text = format!(
            r#"{SAMPLE}
[[peer.cctv.step]]
kind = "dns"
name = "names"
zone = "example.test"
servers = ["{server}"]
key-file = "dns.key"
records = ["live.example.test A 5 10.0.0.5", "old.example.test A 5 10.0.0.8", "new.example.test A 5 10.0.0.9"]
"#
        );
        let around = Surroundings {
            steps: steps::READER,
            ..Surroundings::default()
        };
        let file = self.0.path().join("standin.toml");
        let read = Config::from_text(&file, &text, &around);
        let config = read.unwrap_or_else(|e| panic!("{}", e.render(false))).0;
        let peer = &config.peers["cctv"];
        let steps = steps::of_peer(peer, &config.origin).unwrap();
        steps.into_values().next().unwrap()
    }

    fn kit(&self, undo: bool) -> Kit {
        Kit {
            facts: Facts {
                peer: "slave".to_owned(),
                vip: "10.0.0.5".to_owned(),
                node: "spare".to_owned(),
                epoch: 7,
                step: "dns:names".to_owned(),
                undo,
                time: String::new(),
            },
            within: Duration::from_secs(10),
            programs: Arc::new(RealPrograms),
            memory: Memory::new(
                Arc::new(RealDisk),
                self.0.path(),
                "slave",
                "dns:names".parse().unwrap(),
            ),
        }
    }
}

#[track_caller]
fn done(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done(how) => how,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_step_changes_names_and_gives_them_back_also_after_a_restart() {
    let (Some(server), site) = (usual(), Site::new()) else {
        return;
    };
    let seen = site.step(server.at).check(&site.kit(false)).await.unwrap();
    assert!(
        seen.contains("10.0.0.11") && seen.contains("nothing stands at new"),
        "{seen}"
    );
    assert_eq!(server.dig("live", "A"), ["300 A 10.0.0.11"]);
    done(site.step(server.at).apply(&site.kit(false)).await);
    assert_eq!(server.dig("live", "A"), ["5 A 10.0.0.5"]);
    assert_eq!(server.dig("old", "A"), ["5 A 10.0.0.8"]);
    // Another daemon tries again: what stood there before is not forgotten.
    let again = done(site.step(server.at).apply(&site.kit(false)).await);
    assert!(again.contains("already"), "{again}");
    done(site.step(server.at).undo(&site.kit(true)).await);
    assert_eq!(server.dig("live", "A"), ["300 A 10.0.0.11"]);
    assert_eq!(
        server.dig("old", "A"),
        ["120 CNAME elsewhere.example.test."]
    );
    assert!(server.dig("new", "A").is_empty());
    let again = done(site.step(server.at).undo(&site.kit(true)).await);
    assert!(again.contains("nothing of ours"), "{again}");
}

#[tokio::test]
async fn the_step_says_what_is_in_the_way() {
    let (Some(server), site) = (usual(), Site::new()) else {
        return;
    };
    // Somebody else changes the name while it is ours: it is not overwritten.
    done(site.step(server.at).apply(&site.kit(false)).await);
    change_at(server.at, &[live("10.0.0.77")]).await.unwrap();
    let why = failed(site.step(server.at).undo(&site.kit(true)).await);
    assert!(why.contains("10.0.0.77"), "{why}");
    assert_eq!(server.dig("live", "A"), ["5 A 10.0.0.77"]);
    // A key that others may read is refused, and its secret stands in no word.
    site.key(0o644);
    let why = site
        .step(server.at)
        .check(&site.kit(false))
        .await
        .unwrap_err();
    assert!(why.contains("dns.key") && !why.contains("c3Rhbm"), "{why}");
    let plan = format!("{:?}", site.step(server.at).plan(&site.kit(false).facts));
    assert!(
        plan.contains("nsupdate") && !plan.contains("c3Rhbm"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_lost_reply_of_the_step_is_no_failure() {
    let (Some(server), site) = (usual(), Site::new()) else {
        return;
    };
    let proxy = proxy::proxy(server.at, proxy::Fault::LosesReply(1)).await;
    let how = done(site.step(proxy.at).apply(&site.kit(false)).await);
    assert!(how.contains("read back"), "{how}");
    assert_eq!(server.dig("live", "A"), ["5 A 10.0.0.5"]);
}
