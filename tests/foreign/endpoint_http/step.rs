//! `kind = "http"`: read from a configuration, told, told again, taken back, over a restart, against the same server.

use std::time::Duration;

use standin::steps::Kit;

use super::server::{Fault, Server};
use super::{NEW, OLD};
use crate::steps_support::{Site, done, failed};

fn kit(site: &Site, undo: bool) -> Kit {
    site.kit("http", Duration::from_secs(3), undo)
}

/// Told with PUT, read back, and put back as it was.
fn keys(server: &Server) -> String {
    let at = server.at;
    format!(
        r#"kind = "http"
method = "PUT"
url = "http://{at}/live"
body = '{{"url": "rtmp://{{{{ vip }}}}/live", "epoch": {{{{ epoch }}}}}}'
read-url = "http://{at}/state"
read-pointer = "/live/url"
read-value = "rtmp://{{{{ vip }}}}/live"
undo-body = '{{"url": "{{{{ before }}}}"}}'
undo-read-value = "{{{{ before }}}}""#
    )
}

#[tokio::test]
async fn it_is_told_once_and_what_stood_there_is_put_back_also_after_a_restart() {
    let (server, site) = (Server::start(Fault::None).await, Site::new());
    let seen = site
        .step(&keys(&server))
        .check(&kit(&site, false))
        .await
        .unwrap();
    assert!(seen.said.contains(OLD), "{seen:?}");
    assert!(server.told().is_empty(), "a look has told something");
    done(site.step(&keys(&server)).apply(&kit(&site, false)).await);
    assert_eq!(server.holds(), NEW);
    // Another daemon, which tries again: nothing is told, and what stood there before is not forgotten.
    let again = done(site.step(&keys(&server)).apply(&kit(&site, false)).await);
    assert!(again.contains("already"), "{again}");
    assert_eq!(server.told().len(), 1);
    done(site.step(&keys(&server)).undo(&kit(&site, true)).await);
    assert_eq!(server.holds(), OLD);
    let told = server.told();
    let key = |n: usize| {
        told[n]
            .header("idempotency-key")
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        key(0).contains("slave-7-http:a") && key(0) != key(1),
        "{} {}",
        key(0),
        key(1)
    );
    // Taken back twice, as after a crash in between.
    let again = done(site.step(&keys(&server)).undo(&kit(&site, true)).await);
    assert!(again.contains("nothing of ours"), "{again}");
    assert_eq!(server.holds(), OLD);
    // Done again in the same epoch, and taken back again: other changes, which a server that knows the keys must not leave
    // out; what stood there before is known again.
    done(site.step(&keys(&server)).apply(&kit(&site, false)).await);
    assert_eq!(server.holds(), NEW);
    done(site.step(&keys(&server)).undo(&kit(&site, true)).await);
    assert_eq!(server.holds(), OLD);
    let all: Vec<String> = server
        .told()
        .iter()
        .map(|told| {
            told.header("idempotency-key")
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    let different: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (4, 4), "{all:?}");
}

#[tokio::test]
async fn tries_of_one_change_have_one_key() {
    let (server, site) = (Server::start(Fault::Status(1000, 503)).await, Site::new());
    // The second try is made by another daemon.
    for _ in 0..2 {
        let short = site.kit("http", Duration::from_millis(500), false);
        failed(site.step(&keys(&server)).apply(&short).await);
    }
    let asked = server.asked();
    let keys: Vec<&str> = asked
        .iter()
        .filter_map(|told| told.header("idempotency-key"))
        .collect();
    assert!(keys.len() >= 2, "{keys:?}");
    assert!(keys.iter().all(|k| *k == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn a_lost_reply_is_no_failure_and_a_lie_is_one() {
    let site = Site::new();
    let server = Server::start(Fault::LosesReply(1)).await;
    let how = done(site.step(&keys(&server)).apply(&kit(&site, false)).await);
    assert!(how.contains("read back"), "{how}");
    assert_eq!(server.holds(), NEW);
    for fault in [Fault::Lies, Fault::Hangs, Fault::Status(100, 503)] {
        let (server, site) = (Server::start(fault).await, Site::new());
        let why = failed(site.step(&keys(&server)).apply(&kit(&site, false)).await);
        assert!(!why.is_empty());
        assert_eq!(server.holds(), OLD, "{fault:?}: {why}");
    }
}

#[tokio::test]
async fn a_token_is_read_from_its_file_and_stands_in_no_word() {
    let (server, site) = (Server::start(Fault::Echoes).await, Site::new());
    site.file("token", "s3cr3t-t0ken\n", 0o600);
    let step = site.step(&format!("{}\nbearer-file = \"token\"", keys(&server)));
    let plan = format!("{:?}", step.plan(&kit(&site, false).facts));
    let outcome = format!("{:?}", step.apply(&kit(&site, false)).await);
    let check = format!("{:?}", step.check(&kit(&site, false)).await);
    for said in [&plan, &outcome, &check] {
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    let asked = server.asked();
    let sent = asked[0].header("authorization").unwrap_or_default();
    assert_eq!(sent, "Bearer s3cr3t-t0ken");
    site.file("token", "s3cr3t-t0ken\n", 0o644);
    let why = step.check(&kit(&site, false)).await.unwrap_err();
    assert!(why.contains("token") && !why.contains("s3cr3t"), "{why}");
}

#[tokio::test]
async fn plan_says_the_request_and_the_way_back() {
    let (server, site) = (Server::start(Fault::None).await, Site::new());
    let plan = site.step(&keys(&server)).plan(&kit(&site, false).facts);
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
