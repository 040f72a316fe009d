//! What the daemon and the commands say is true at the moment, and says what to do (the night operator's walk,
//! tests/walk.md, found the opposite).

use crate::daemon_kernel::site::{Site, alarm};

const DEAD_MANAGEMENT: &str = "management = \"10.99.0.99\"";

fn active(peer: &str) -> Option<Site> {
    let mut site = Site::new(peer, "timeout = \"1s\"")?;
    site.start();
    site.healthy();
    site.take_over();
    site.until("active", |s| s["state"] == "active");
    Some(site)
}

#[test]
fn a_release_that_failed_and_one_that_did_not_are_told_apart_from_their_takeover() {
    let Some(site) = active(DEAD_MANAGEMENT) else {
        return;
    };
    let (_, takeover) = site.ask(&["report"]);
    assert_eq!(takeover["kind"], "takeover", "{takeover}");

    let (code, _) = site.ask(&["release", "cctv"]);
    assert_eq!(code, Some(1));
    let status = site.status();
    let why = status["why"].as_str().unwrap_or_default();
    assert!(why.contains("precheck of the release failed"), "{status:#}");
    let (_, report) = site.ask(&["report"]);
    assert_eq!(report["kind"], "release", "{report}");
    assert_eq!(report["state"], "active", "{report}");
    assert!(
        report["verdict"].is_null() && report["cameras"].is_null(),
        "{report}"
    );
    let id = format!("{}-takeover", takeover["id"].as_str().unwrap());
    let (_, kept) = site.ask(&["report", &id]);
    assert_eq!(
        kept["steps"], takeover["steps"],
        "the takeover's own report stays"
    );

    site.lab.camera.sh("ip addr add 10.99.0.99/24 dev c0");
    site.revive_primary();
    let (code, answer) = site.ask(&["release", "cctv"]);
    assert_eq!(code, Some(0), "{answer}");
    let (_, report) = site.ask(&["report"]);
    assert_eq!(
        (&report["kind"], &report["fence"]),
        (&"release".into(), &"lifted".into()),
        "{report}"
    );
    let status = site.until("standby", |s| s["state"] == "standby");
    assert_eq!(
        status["cameras"]["expected"], 0,
        "nobody counts cameras now: {status:#}"
    );
    assert!(status["why"].is_null(), "{status:#}");

    // What happens afterwards is no part of it.
    let before = site.ask(&["report"]).1;
    site.ask(&["hold", "cctv", "on"]);
    site.ask(&["hold", "cctv", "off"]);
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(site.ask(&["report"]).1, before);
}

#[test]
fn an_owner_whose_own_service_does_not_serve_is_told() {
    // Nothing listens on the standby.
    let Some(site) = active("") else { return };
    let status = site.until("it is said", |s| alarm(s, "own-service"));
    assert!(status["owner"] == true, "{status:#}");
    site.serve_rtmp(&site.lab.standby, "0.0.0.0:1935");
    site.until("it is over", |s| !alarm(s, "own-service"));
}

#[test]
fn a_port_behind_a_proven_fence_is_never_said_to_be_up() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    // A panic: the port keeps its link, so that the last poll before the fence has it up.
    site.lab.camera.sh("ip addr del 10.99.0.101/24 dev c0");
    let proven = std::cell::Cell::new(0);
    site.until("active", |s| {
        if s["fence"] == "proven" {
            proven.set(proven.get() + 1);
            assert_eq!(s["peer"]["port_up"], false, "{s:#}");
        }
        s["state"] == "active" && proven.get() > 3
    });
}

#[test]
fn what_cannot_be_done_now_is_said_with_the_reason() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.start();
    site.healthy();
    let said = |arguments: &[&str]| {
        let (code, answer) = site.ask(arguments);
        (
            code,
            answer["error"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let (code, why) = said(&["release", "cctv"]);
    assert_eq!(code, Some(75));
    assert!(why.contains("nothing to hand back"), "{why}");
    // It is open: nobody is asked whether its peer serves, and nothing is written.
    let sets = site.fake.with(|s| s.sets.len());
    let (code, answer) = site.ask(&["unfence", "core:ge1"]);
    assert_eq!((code, &answer["ok"]), (Some(0), &true.into()), "{answer}");
    assert_eq!(site.fake.with(|s| s.sets.len()), sets);

    site.take_over();
    site.until("active", |s| s["state"] == "active");
    let (code, why) = said(&["takeover", "cctv"]);
    assert_eq!(code, Some(75));
    assert!(why.contains("has the address already"), "{why}");
    let (_, checked) = site.ask(&["check"]);
    assert!(
        checked
            .to_string()
            .contains("with the mark of a fence: [standin:standby:1]"),
        "{checked}"
    );
}
