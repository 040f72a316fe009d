//! `kind = "powerdns"`: read from a configuration, changed, changed again, given back, over a restart, at the real server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use standin::endpoint::dns::Kind;
use standin::steps::{Kit, SiteStep};
use tokio::net::TcpListener;

use super::{KEY, Pdns, change, lossy, pdns, stands};
use crate::endpoint_support::place;
use crate::names::{ZONE, set, to};
use crate::steps_support::{self, done, failed};

struct Site(steps_support::Site);

/// Where the step is sent.
struct To {
    api: SocketAddr,
    dns: Vec<SocketAddr>,
    zone: &'static str,
    records: &'static str,
}

impl To {
    fn usual(pdns: &Pdns) -> To {
        To {
            api: pdns.api,
            dns: vec![pdns.dns],
            zone: ZONE,
            records: r#""live.example.test A 5 10.0.0.5", "old.example.test A 5 10.0.0.8", "new.example.test A 5 10.0.0.9""#,
        }
    }
}

impl Site {
    fn new() -> Site {
        let site = Site(steps_support::Site::new());
        site.key(KEY, 0o600);
        site
    }

    fn key(&self, key: &str, mode: u32) {
        self.0.file("api.key", &format!("{key}\n"), mode);
    }

    fn step(&self, to: &To) -> Arc<dyn SiteStep> {
        let servers: Vec<String> = to.dns.iter().map(|s| format!("\"{s}\"")).collect();
        self.0.step(&format!(
            r#"kind = "powerdns"
api = "http://{}"
zone = "{}"
servers = [{}]
api-key-file = "api.key"
records = [{}]"#,
            to.api,
            to.zone,
            servers.join(", "),
            to.records
        ))
    }

    fn kit(&self, undo: bool) -> Kit {
        self.0.kit("powerdns", Duration::from_secs(4), undo)
    }
}

/// `TTL TYPE VALUES` of what the API has at a name.
async fn at(pdns: &Pdns, name: &str) -> String {
    let mut all = Vec::new();
    for kind in [Kind::A, Kind::Cname] {
        for set in stands(&pdns.usual(), name, kind).await {
            all.push(format!("{} {kind} {}", set.ttl(), set.values().join(" ")));
        }
    }
    all.join(", ")
}

async fn changed_by_somebody(pdns: &Pdns, value: &str) {
    let one = to(set("live", Kind::A, 30, &[value]));
    change(&pdns.usual(), &[one]).await.unwrap();
}

#[tokio::test]
async fn the_step_changes_names_and_gives_them_back_also_after_a_restart() {
    let (Some(pdns), site) = (pdns().await, Site::new()) else {
        return;
    };
    let usual = To::usual(&pdns);
    let look = site.step(&usual).check(&site.kit(false)).await.unwrap();
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
    assert_eq!(at(&pdns, "live").await, "300 A 10.0.0.11");
    let how = done(site.step(&usual).apply(&site.kit(false)).await);
    assert!(how.contains("read back"), "{how}");
    assert_eq!(at(&pdns, "live").await, "5 A 10.0.0.5");
    assert_eq!(at(&pdns, "old").await, "5 A 10.0.0.8");
    let look = site.step(&usual).check(&site.kit(false)).await.unwrap();
    assert!(look.warnings.is_empty(), "{look:?}");
    // Another daemon tries again: what stood there before is not forgotten.
    let again = done(site.step(&usual).apply(&site.kit(false)).await);
    assert!(again.contains("already"), "{again}");
    done(site.step(&usual).undo(&site.kit(true)).await);
    assert_eq!(at(&pdns, "live").await, "300 A 10.0.0.11");
    assert_eq!(at(&pdns, "old").await, "120 CNAME elsewhere.example.test.");
    assert_eq!(at(&pdns, "new").await, "");
    let again = done(site.step(&usual).undo(&site.kit(true)).await);
    assert!(again.contains("nothing of ours"), "{again}");
}

#[tokio::test]
async fn who_changed_a_name_while_it_is_ours_is_not_overwritten() {
    let (Some(pdns), site) = (pdns().await, Site::new()) else {
        return;
    };
    let usual = To::usual(&pdns);
    // Somebody else changes it while it is ours.
    done(site.step(&usual).apply(&site.kit(false)).await);
    changed_by_somebody(&pdns, "10.0.0.77").await;
    let why = failed(site.step(&usual).undo(&site.kit(true)).await);
    assert!(why.contains("10.0.0.77"), "{why}");
    assert_eq!(at(&pdns, "live").await, "30 A 10.0.0.77");
}

#[tokio::test]
async fn who_changed_a_name_before_a_second_try_gets_his_own_value_back() {
    let (Some(pdns), site) = (pdns().await, Site::new()) else {
        return;
    };
    let usual = To::usual(&pdns);
    // The first try comes as far as keeping what stands there.
    let refuses = refusing(pdns.api).await;
    let to = To {
        api: refuses,
        ..To::usual(&pdns)
    };
    failed(site.step(&to).apply(&site.kit(false)).await);
    changed_by_somebody(&pdns, "10.0.0.78").await;
    done(site.step(&usual).apply(&site.kit(false)).await);
    assert_eq!(at(&pdns, "live").await, "5 A 10.0.0.5");
    done(site.step(&usual).undo(&site.kit(true)).await);
    assert_eq!(at(&pdns, "live").await, "30 A 10.0.0.78");
}

/// Hands questions on, and answers every PATCH with 503.
async fn refusing(to: SocketAddr) -> SocketAddr {
    super::between(to, |patches| {
        (patches > 0).then_some(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )
    })
    .await
}

/// Takes connections and says nothing.
async fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind(place()).await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// Step x fault x outcome: each is said in its own words, and what stands is what stood.
#[tokio::test]
async fn each_fault_is_named_and_leaves_what_stood() {
    let Some(pdns) = pdns().await else { return };
    let usual = || To::usual(&pdns);
    let (hangs, _held) = silent().await;
    let refuses = refusing(pdns.api).await;
    let dead = place();
    // Fault, the key that is shown, where the step is sent, words of `apply`. `check` tells of each before.
    let faults: [(&str, &str, To, &str); 6] = [
        ("wrong key", "geheim-and-wrong", usual(), "401"),
        (
            "no such zone",
            KEY,
            To {
                zone: "nowhere.test",
                records: r#""a.nowhere.test A 5 10.0.0.5""#,
                ..usual()
            },
            "404",
        ),
        (
            "refuses connections",
            KEY,
            To {
                api: place(),
                ..usual()
            },
            "cannot connect",
        ),
        (
            "hangs",
            KEY,
            To {
                api: hangs,
                ..usual()
            },
            "took longer than",
        ),
        (
            "takes no change",
            KEY,
            To {
                api: refuses,
                ..usual()
            },
            "503",
        ),
        (
            "a name server does not answer",
            KEY,
            To {
                dns: vec![pdns.dns, dead],
                ..usual()
            },
            &dead.to_string(),
        ),
    ];
    println!("| step | fault | outcome | check |\n| --- | --- | --- | --- |");
    for (fault, key, to, words) in faults {
        let site = Site::new();
        site.key(key, 0o600);
        let check = site.step(&to).check(&site.kit(false)).await;
        let why = failed(site.step(&to).apply(&site.kit(false)).await);
        let seen = check
            .as_ref()
            .map_or_else(|why| why.as_str(), |look| look.said.as_str());
        println!("| powerdns | {fault} | {why} | {seen} |");
        assert!(why.contains(words), "{fault}: {why}");
        assert!(check.is_err(), "{fault}: {check:?}");
        for said in [&why, &format!("{check:?}")] {
            assert!(!said.contains("geheim") && !said.contains(KEY), "{said}");
        }
        if to.dns.len() == 1 {
            assert_eq!(at(&pdns, "live").await, "300 A 10.0.0.11", "{fault}");
        } else {
            // The API has it: it is ours, and given back although one server is dead.
            assert_eq!(at(&pdns, "live").await, "5 A 10.0.0.5");
            failed(site.step(&to).undo(&site.kit(true)).await);
            assert_eq!(at(&pdns, "live").await, "300 A 10.0.0.11");
        }
    }
    // A reply that is lost is no failure.
    let site = Site::new();
    let to = To {
        api: lossy(pdns.api, 1).await,
        ..usual()
    };
    let how = done(site.step(&to).apply(&site.kit(false)).await);
    println!("| powerdns | the reply is lost | {how} | - |");
    assert!(
        how.contains("no answer said so, but it is read back"),
        "{how}"
    );
    // A key that others may read is refused.
    site.key(KEY, 0o644);
    let why = site.step(&to).check(&site.kit(false)).await.unwrap_err();
    assert!(why.contains("api.key") && !why.contains(KEY), "{why}");
    let plan = format!("{:?}", site.step(&to).plan(&site.kit(false).facts));
    assert!(
        plan.contains("curl") && plan.contains("PATCH") && !plan.contains(KEY),
        "{plan}"
    );
}

/// A look is no change: neither the names nor what stands beside them.
#[tokio::test]
async fn the_look_of_check_changes_no_name() {
    let (Some(pdns), site) = (pdns().await, Site::new()) else {
        return;
    };
    let before = pdns.zone().await;
    site.step(&To::usual(&pdns))
        .check(&site.kit(false))
        .await
        .unwrap();
    assert_eq!(pdns.zone().await, before);
}

/// They would be gone, and nobody sees them over DNS. PowerDNS 4.7 tells of them only with the whole zone.
#[tokio::test]
async fn a_name_with_disabled_records_is_refused_by_check() {
    let (Some(pdns), site) = (pdns().await, Site::new()) else {
        return;
    };
    let to = To {
        records: r#""off.example.test A 5 10.0.0.5""#,
        ..To::usual(&pdns)
    };
    let why = site.step(&to).check(&site.kit(false)).await.unwrap_err();
    assert!(
        why.contains("off.example.test. A has disabled records"),
        "{why}"
    );
}
