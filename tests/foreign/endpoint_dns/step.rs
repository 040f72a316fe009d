//! `kind = "dns"`: read from a configuration, changed, changed again, given back, over a restart, at the real BIND.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use standin::steps::{Kit, SiteStep};

use super::bind::usual_key_text;
use super::{change_at, live, proxy, usual};
use crate::steps_support::{self, done, failed};

struct Site(steps_support::Site);

impl Site {
    fn new() -> Site {
        let site = Site(steps_support::Site::new());
        site.key(0o600);
        site
    }

    fn key(&self, mode: u32) {
        self.0.file("dns.key", &usual_key_text(), mode);
    }

    fn step(&self, server: SocketAddr) -> Arc<dyn SiteStep> {
        self.step_with(
            server,
            r#""live.example.test A 5 10.0.0.5", "old.example.test A 5 10.0.0.8", "new.example.test A 5 10.0.0.9""#,
        )
    }

    fn step_with(&self, server: SocketAddr, records: &str) -> Arc<dyn SiteStep> {
        self.0.step(&format!(
            r#"kind = "dns"
zone = "example.test"
servers = ["{server}"]
key-file = "dns.key"
records = [{records}]"#
        ))
    }

    fn kit(&self, undo: bool) -> Kit {
        self.0.kit("dns", Duration::from_secs(10), undo)
    }
}

#[tokio::test]
async fn the_step_changes_names_and_gives_them_back_also_after_a_restart() {
    let (Some(server), site) = (usual(), Site::new()) else {
        return;
    };
    let look = site.step(server.at).check(&site.kit(false)).await.unwrap();
    assert!(
        look.said.contains("10.0.0.11") && look.said.contains("nothing stands at new"),
        "{look:?}"
    );
    // What stands is judged, each name by itself: 300 s and 120 s are too long.
    assert_eq!(look.warnings.len(), 2, "{look:?}");
    assert!(
        look.warnings[0].contains("live.example.test. A stands with a TTL of 300 s"),
        "{look:?}"
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

#[tokio::test]
async fn names_that_were_edited_while_they_stand_are_given_back_each_as_it_was() {
    let (Some(server), site) = (usual(), Site::new()) else {
        return;
    };
    done(site.step(server.at).apply(&site.kit(false)).await);
    // Another order, another value, one name less: after a restart what was written counts.
    let edited = r#""old.example.test A 5 10.0.0.18", "live.example.test A 5 10.0.0.5""#;
    done(
        site.step_with(server.at, edited)
            .undo(&site.kit(true))
            .await,
    );
    assert_eq!(server.dig("live", "A"), ["300 A 10.0.0.11"]);
    assert_eq!(
        server.dig("old", "A"),
        ["120 CNAME elsewhere.example.test."]
    );
    assert!(server.dig("new", "A").is_empty());
}

#[tokio::test]
async fn who_changed_a_name_before_a_second_try_gets_his_own_value_back() {
    let (Some(server), site) = (usual(), Site::new()) else {
        return;
    };
    // The first try comes as far as keeping what stands there.
    let proxy = proxy::proxy(server.at, proxy::Fault::LosesUpdate(1000)).await;
    failed(site.step(proxy.at).apply(&site.kit(false)).await);
    change_at(server.at, &[live("10.0.0.77")]).await.unwrap();
    done(site.step(server.at).apply(&site.kit(false)).await);
    assert_eq!(server.dig("live", "A"), ["5 A 10.0.0.5"]);
    done(site.step(server.at).undo(&site.kit(true)).await);
    assert_eq!(server.dig("live", "A"), ["5 A 10.0.0.77"]);
}
