//! `kind = "http"`: read from a configuration, told, told again, taken back, over a restart, against the same server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use standin::config::{Config, SAMPLE, Surroundings};
use standin::host::real::{RealDisk, RealPrograms};
use standin::steps::{self, Facts, Kit, Memory, SiteStep};
use standin::takeover::event::Outcome;

use super::server::{Fault, Server};
use super::{NEW, OLD};

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cameras.csv"), "name,address\n").unwrap();
        Site(folder)
    }

    fn secret(&self, text: &str, mode: u32) {
        let path = self.0.path().join("token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn step(&self, keys: &str) -> Arc<dyn SiteStep> {
        let text =
            format!("{SAMPLE}\n[[peer.cctv.step]]\nkind = \"http\"\nname = \"twin\"\n{keys}\n");
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
                step: "http:twin".to_owned(),
                undo,
                time: "2026-11-28T03:00:00Z".to_owned(),
            },
            within: Duration::from_secs(3),
            programs: Arc::new(RealPrograms),
            memory: Memory::new(
                Arc::new(RealDisk),
                self.0.path(),
                "slave",
                "http:twin".parse().unwrap(),
            ),
        }
    }
}

/// Told with PUT, read back, and put back as it was.
fn keys(server: &Server) -> String {
    let at = server.at;
    format!(
        r#"method = "PUT"
url = "http://{at}/live"
body = '{{"url": "rtmp://{{{{ vip }}}}/live", "epoch": {{{{ epoch }}}}}}'
read-url = "http://{at}/state"
read-pointer = "/live/url"
read-value = "rtmp://{{{{ vip }}}}/live"
undo-body = '{{"url": "{{{{ before }}}}"}}'
undo-read-value = "{{{{ before }}}}""#
    )
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
async fn it_is_told_once_and_what_stood_there_is_put_back_also_after_a_restart() {
    let (server, site) = (Server::start(Fault::None).await, Site::new());
    let seen = site
        .step(&keys(&server))
        .check(&site.kit(false))
        .await
        .unwrap();
    assert!(seen.contains(OLD), "{seen}");
    assert!(server.told().is_empty(), "a look has told something");
    done(site.step(&keys(&server)).apply(&site.kit(false)).await);
    assert_eq!(server.holds(), NEW);
    // Another daemon, which tries again: nothing is told, and what stood there before is not forgotten.
    let again = done(site.step(&keys(&server)).apply(&site.kit(false)).await);
    assert!(again.contains("already"), "{again}");
    assert_eq!(server.told().len(), 1);
    done(site.step(&keys(&server)).undo(&site.kit(true)).await);
    assert_eq!(server.holds(), OLD);
    let told = server.told();
    let key = |n: usize| {
        told[n]
            .header("idempotency-key")
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        key(0).contains("slave-7-http:twin") && key(0) != key(1),
        "{} {}",
        key(0),
        key(1)
    );
    // Taken back twice, as after a crash in between.
    let again = done(site.step(&keys(&server)).undo(&site.kit(true)).await);
    assert!(again.contains("nothing of ours"), "{again}");
    assert_eq!(server.holds(), OLD);
}

#[tokio::test]
async fn a_lost_reply_is_no_failure_and_a_lie_is_one() {
    let site = Site::new();
    let server = Server::start(Fault::LosesReply(1)).await;
    let how = done(site.step(&keys(&server)).apply(&site.kit(false)).await);
    assert!(how.contains("read back"), "{how}");
    assert_eq!(server.holds(), NEW);
    for fault in [Fault::Lies, Fault::Hangs, Fault::Status(100, 503)] {
        let (server, site) = (Server::start(fault).await, Site::new());
        let why = failed(site.step(&keys(&server)).apply(&site.kit(false)).await);
        assert!(!why.is_empty());
        assert_eq!(server.holds(), OLD, "{fault:?}: {why}");
    }
}

#[tokio::test]
async fn a_token_is_read_from_its_file_and_stands_in_no_word() {
    let (server, site) = (Server::start(Fault::Echoes).await, Site::new());
    site.secret("s3cr3t-t0ken\n", 0o600);
    let step = site.step(&format!("{}\nbearer-file = \"token\"", keys(&server)));
    let plan = format!("{:?}", step.plan(&site.kit(false).facts));
    let outcome = format!("{:?}", step.apply(&site.kit(false)).await);
    let check = format!("{:?}", step.check(&site.kit(false)).await);
    for said in [&plan, &outcome, &check] {
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    let asked = server.asked();
    let sent = asked[0].header("authorization").unwrap_or_default();
    assert_eq!(sent, "Bearer s3cr3t-t0ken");
    site.secret("s3cr3t-t0ken\n", 0o644);
    let why = step.check(&site.kit(false)).await.unwrap_err();
    assert!(why.contains("token") && !why.contains("s3cr3t"), "{why}");
}

#[tokio::test]
async fn plan_says_the_request_and_the_way_back() {
    let (server, site) = (Server::start(Fault::None).await, Site::new());
    let plan = site.step(&keys(&server)).plan(&site.kit(false).facts);
    assert!(
        plan.what.contains("PUT") && plan.what.contains(NEW),
        "{plan:?}"
    );
    let command = plan.command.unwrap();
    assert!(
        command.starts_with("curl --fail -X PUT") && command.contains(NEW),
        "{command}"
    );
    assert!(plan.undo.unwrap().contains("what stood there before"));
    assert!(server.asked().is_empty());
}
