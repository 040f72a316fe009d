//! What can be wrong with a step that a site adds to a takeover.

use standin::config::{SAMPLE, Surroundings};
use standin::takeover::recipe::{Failure, UndoAt};
use standin::takeover::step::Step;

use super::{Site, around, one};

/// The sample with these steps.
fn with(steps: &str) -> String {
    format!("{SAMPLE}\n{steps}")
}

/// The sample with one step of these keys.
pub(super) fn step(keys: &str) -> String {
    with(&format!("[[peer.cctv.step]]\n{keys}\n"))
}

#[test]
fn what_the_sample_says_in_comments_is_accepted_once_it_is_none() {
    let from = SAMPLE.find("# [[peer.cctv.step]]").expect("it is there");
    let steps: Vec<&str> = SAMPLE[from..]
        .lines()
        .map(|l| l.trim_start_matches("# ").trim_start_matches('#'))
        .collect();
    let (config, warnings) = Site::new()
        .load(&with(&steps.join("\n")), &around())
        .expect("it is accepted");
    assert!(warnings.is_empty(), "{warnings:?}");
    let peer = &config.peers["cctv"];
    let names: Vec<String> = peer.site.iter().map(|s| s.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "unit:recorder",
            "command:recorder",
            "compose:cctv",
            "dns:names",
            "powerdns:names",
            "http:twin",
            "wait:settle"
        ]
    );
    assert_eq!(
        standin::steps::of_peer(peer, &config.origin)
            .expect("they are built")
            .len(),
        7
    );
    assert!(
        peer.site
            .iter()
            .all(|s| s.undo == Some(UndoAt::Start) && s.needs == [Step::Claim])
    );
    assert!(
        peer.site
            .iter()
            .all(|s| s.on_failure == Failure::GoOn && s.tries == 3)
    );
}

#[test]
fn what_the_claim_waits_for_is_taken_back_last() {
    let text = step("kind = \"unit\"\nname = \"db\"\nunit = \"db.service\"\nbefore = [\"claim\"]");
    let (config, _) = Site::new().load(&text, &around()).expect("it is accepted");
    let spec = &config.peers["cctv"].site[0];
    assert!(spec.needs.is_empty());
    assert_eq!(
        (spec.undo, &spec.before[..]),
        (Some(UndoAt::End), &[Step::Claim][..])
    );
}

/// Keys of a step, the key that is refused, what is said of it, and the help.
pub(super) type Fault = (String, &'static str, &'static str, &'static str);

/// Each is refused, once, at its key and where it stands.
pub(super) fn each_is_refused(faults: &[Fault]) {
    for (keys, key, what, help) in faults {
        let key = format!("peer.cctv.step[0].{key}");
        let problem = one(&step(keys), &around(), &key, what, help);
        assert!(problem.line > SAMPLE.lines().count(), "{problem}");
    }
}

#[test]
fn each_fault_is_said_at_its_key() {
    let wait = "kind = \"wait\"\nname = \"a\"\nfor = \"1s\"\n";
    each_is_refused(&[
        (
            "name = \"a\"\nfor = \"1s\"".to_owned(),
            "kind",
            "`kind` is missing",
            "`command`, `compose`, `dns`, `http`, `powerdns`, `unit`, `wait`",
        ),
        (
            wait.replace("wait", "wiat"),
            "kind",
            "no kind of step `wiat`",
            "did you mean `wait`?",
        ),
        (
            wait.replace("\"a\"", "\"a b\""),
            "name",
            "`wait:a b` is not the name",
            "letters",
        ),
        (
            "kind = \"wait\"\nname = \"a\"".to_owned(),
            "for",
            "`for` is missing",
            "3s",
        ),
        (
            format!("{wait}fro = 3"),
            "fro",
            "unknown key `fro`",
            "did you mean `for`?",
        ),
        (
            format!("{wait}tries = \"3\""),
            "tries",
            "\"3\" is a text",
            "a whole number from 1 to 1000",
        ),
        (
            format!("{wait}tries = 0"),
            "tries",
            "0 is out of range",
            "from 1 to 1000",
        ),
        (
            format!("{wait}within = \"1s\""),
            "within",
            "ends before the wait is over",
            "more than 1s",
        ),
        (
            format!("{wait}within = \"1h\""),
            "within",
            "out of range",
            "from 100ms to 600s",
        ),
        (
            format!("{wait}pause = 3"),
            "pause",
            "3 is a number",
            "a duration",
        ),
        (
            format!("{wait}on-failure = \"stop\""),
            "on-failure",
            "unknown value `stop`",
            "`go-on`, `halt`, `undo`",
        ),
        (
            format!("{wait}needs = \"claim\""),
            "needs",
            "is a text",
            "a list of texts",
        ),
        (
            format!("{wait}needs = [\"clam\"]"),
            "needs",
            "`clam` is not a step",
            "\"claim\"",
        ),
        (
            format!("{wait}needs = [\"wait:b\"]"),
            "name",
            "needs `wait:b`, and a takeover has no such step",
            "standin plan",
        ),
        (
            format!("{wait}needs = [\"drop\"]"),
            "name",
            "needs `drop`, and a takeover has no such step",
            "standin plan",
        ),
        (
            format!("{wait}before = [\"fence\"]"),
            "name",
            "`fence` waits for no step of the site",
            "",
        ),
        (
            format!("{wait}before = [\"silence\"]"),
            "name",
            "`silence` waits for no step of the site",
            "",
        ),
        (
            format!("{wait}needs = [\"wait:a\"]"),
            "name",
            "waits for itself",
            "",
        ),
        (
            format!("{wait}needs = [\"announce\"]\nbefore = [\"claim\"]"),
            "name",
            "waits for itself",
            "",
        ),
    ]);
}

#[test]
fn two_steps_of_one_name_and_a_circle_of_two_are_refused() {
    let a = "[[peer.cctv.step]]\nkind = \"wait\"\nname = \"a\"\nfor = \"1s\"\n";
    let b = a.replace("\"a\"", "\"b\"");
    one(
        &with(&format!("{a}{a}")),
        &around(),
        "peer.cctv.step[1].name",
        "two steps have this name",
        "",
    );
    let circle = with(&format!(
        "{a}needs = [\"wait:b\"]\n{b}needs = [\"wait:a\"]\n"
    ));
    let found = Site::new().problems(&circle, &around());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|p| p.what.contains("waits for itself")));
}

#[test]
fn who_does_not_know_the_kinds_accepts_no_step() {
    let around = Surroundings {
        steps: Default::default(),
        ..around()
    };
    let text = step("kind = \"wait\"\nname = \"a\"\nfor = \"1s\"");
    one(
        &text,
        &around,
        "peer.cctv.step[0].kind",
        "there is no kind of step `wait`",
        "",
    );
}
