//! Changes over SSH against switches that misbehave: every fault, at every line that is sent, judged by the switch's
//! true state. Six families' command lines; moves are armed where the family can.
//!
//! `cargo nextest run --test switch switch_change_ssh:: --no-capture` prints a table for each family: fault by operation, one
//! letter for each line at which it struck. `SWITCH_FAULTS=all`: at every line of every operation.

mod asked;
mod faults;
mod machine;
mod odd;
mod several;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::change_table::{ASKED, Asked, MS, at_most, head, word};
use crate::cli_model::family::{FAMILIES, Family};
use crate::cli_model::truth::{Conf, Named};
use crate::cli_model::{Kind, Model};
use faults::{FAULTS, Fault, allowed};
use standin::switch::{
    ChangeRequest, Credentials, Operation, Profile, Switch, SwitchTarget, change,
};

/// The whole time that a change has: enough for an armed one to take itself back.
const WITHIN: Duration = Duration::from_secs(9);

/// The family's own profile with short times, so that the whole table takes seconds; with `archive` for the second IOS.
fn profile(family: Family) -> Arc<Profile> {
    static ALL: OnceLock<Vec<(Family, Arc<Profile>)>> = OnceLock::new();
    let all = ALL.get_or_init(|| FAMILIES.map(|f| (f, Arc::new(parsed(f)))).into());
    all.iter().find(|(f, _)| *f == family).unwrap().1.clone()
}

fn parsed(family: Family) -> Profile {
    let name = family.profile();
    let mut text = Profile::built_in_text(name).unwrap().to_owned();
    for within in ["15s", "20s", "60s", "120s"] {
        text = text.replace(&format!("within = \"{within}\""), "within = \"2s\"");
    }
    for op in &Operation::NAMES[..5] {
        let head = format!("[op.{op}.ssh]");
        let at = text.find(&head).unwrap();
        let end = at + text[at..].find('\n').unwrap();
        assert!(!text[end..].starts_with("\nsettle"), "{name}: {op}");
        text.insert_str(end, "\nsettle = \"800ms\"");
    }
    if family == Family::IosArmed {
        let moves = "arm_for = [\"set-access-vlan\", \"trunk-allow\", \"trunk-remove\"]";
        assert!(text.contains("arm_for = []"));
        text = text.replace("arm_for = []", moves);
    }
    Profile::parse(name, &format!("{name}.toml"), &text).unwrap()
}

fn over(model: &Model) -> Switch {
    let mut ssh = model.target();
    ssh.timeout = MS(1500);
    Switch::new(SwitchTarget {
        name: "core".into(),
        address: model.address,
        local: None,
        profile: profile(model.family),
        credentials: Credentials::Off,
        timeout: MS(200),
        retries: 0,
        ssh: Some(ssh),
        prefer: Vec::new(),
        oper_staleness: None,
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    })
}

/// The letter for a word.
fn letter(ended: &str) -> char {
    match ended {
        "proven" => 'p',
        "undone" => 'u',
        "unclear" => '?',
        _ => '-',
    }
}

struct Case {
    family: Family,
    fault: Fault,
    asked: Asked,
    line: usize,
    letter: char,
    said: String,
    wrong: Vec<String>,
    took: Duration,
    lines: Vec<(usize, String)>,
}

async fn run(family: Family, fault: Fault, asked: Asked, line: usize) -> Case {
    let model = Model::start(family, fault.faults(line)).await;
    let before = model.with(|s| {
        asked.configure_before(family, &mut s.truth.running);
        if fault == Fault::ReplacesVlans {
            let ports = s.truth.running.ports.values_mut();
            ports.for_each(|port| port.replaces = true);
        }
        s.truth.startup = s.truth.running.clone();
        if fault == Fault::CutsManagement {
            s.truth.cut_unless = Some(s.truth.running.clone());
        }
        s.truth.running.clone()
    });
    let switch = over(&model);
    let request = ChangeRequest::new(asked.operation(), Some(asked.port_name(family)), WITHIN);
    let began = Instant::now();
    let done = change(&switch, request).await;
    let took = began.elapsed();
    let (ended, said) = word(&done);
    let letter = letter(ended);
    let mut wrong = Vec::new();
    if !allowed(family, fault, asked).contains(letter) {
        wrong.push(format!(
            "should have ended in one of `{}`",
            allowed(family, fault, asked)
        ));
    }
    // Comware says and shows nothing of a confirmation, and the proof says that.
    let unseen = letter == 'p' && said.contains("does not show that a confirmation took");
    let confirm_ignored = model.with(|s| {
        s.faults.at.is_none()
            && fault == Fault::At(Kind::Ignores)
            && s.struck.as_deref() == Some("configuration commit")
    });
    let mut judge = |when: &str| {
        model.with(|s| {
            let now = &s.truth.running;
            match ended {
                "proven" if !asked.is_configured(family, now) => {
                    wrong.push(format!("a wrong `proven` {when}"))
                }
                "undone" | "refused" if *now != before => {
                    wrong.push(format!("a wrong `{ended}` {when}: {now:?}"));
                }
                _ => {}
            }
            let others = |c: &Conf| {
                let mut c = c.clone();
                c.ports.remove(asked.port_name(family));
                c
            };
            if others(now) != others(&before) {
                wrong.push(format!("something else was changed {when}: {now:?}"));
            }
        });
    };
    judge("at its end");
    // What is armed still may fire, and what is on its way still may arrive.
    let rest = model.with(|s| s.truth.armed.as_ref().map(|a| a.at));
    let rest = rest.map_or(Duration::ZERO, |at| {
        at.saturating_duration_since(Instant::now())
    });
    tokio::time::sleep(rest + MS(20)).await;
    // What goes back seconds after it was proven was so when it was proven.
    if fault != Fault::BouncesBackLater && !(unseen && confirm_ignored) {
        judge("afterwards");
    }
    let limit = Instant::now() + MS(1500);
    let is_held = |model: &Model| model.with(|s| s.truth.open.len() > 1 || s.truth.lock.is_some());
    while is_held(&model) && Instant::now() < limit {
        tokio::time::sleep(MS(20)).await;
    }
    model.with(|s| {
        if s.truth.open.len() > 1 {
            wrong.push(format!("{} sessions are left open", s.truth.open.len()));
        }
        if !asked.operation().is_move() && s.truth.lines.iter().any(|(_, l)| Family::is_arm(l)) {
            wrong.push("it was armed".into());
        }
        let cut = fault == Fault::CutsManagement && letter == 'u';
        if cut && asked.operation().is_move() && s.truth.rolled_back != 1 {
            wrong.push("it was not the switch's own timer that took it back".into());
        }
        // Where it could be reached, and said so.
        let pending = |n: &Named| matches!(n, Named::Pending(_));
        if letter != '?' && s.truth.named.values().any(pending) {
            wrong.push("a session of ours is pending still".into());
        }
        if s.truth.lock.is_some() && fault != Fault::CutsManagement {
            wrong.push("the configuration is still locked".into());
        }
    });
    Case {
        family,
        fault,
        asked,
        line,
        letter,
        said,
        wrong,
        took,
        lines: model.with(|s| s.truth.lines.clone()),
    }
}

/// How many lines that write a change sends when all is well.
async fn writes(family: Family, asked: Asked) -> usize {
    let case = run(family, Fault::None, asked, 0).await;
    assert_eq!(
        case.letter, 'p',
        "{family:?} {asked:?}: {}\n{:?}",
        case.said, case.lines
    );
    case.lines.iter().filter(|(_, l)| Family::writes(l)).count()
}

/// The lines at which a fault strikes: every one for three operations, one in the middle for those that are like them.
fn struck(fault: Fault, asked: Asked, count: usize) -> Vec<usize> {
    let all = matches!(asked, Asked::Off | Asked::Access | Asked::Remove)
        || std::env::var_os("SWITCH_FAULTS").is_some_and(|v| v == "all");
    match fault {
        Fault::At(_) if all => (0..count).collect(),
        Fault::At(_) => vec![count / 2],
        _ => vec![0],
    }
}

async fn table(family: Family) {
    let mut all = Vec::new();
    for asked in ASKED {
        let count = writes(family, asked).await;
        for fault in FAULTS {
            let lines = struck(fault, asked, count).into_iter();
            all.extend(lines.map(|line| run(family, fault, asked, line)));
        }
    }
    let cases = at_most(16, all).await;
    println!(
        "\n{family:?}: p proven, u undone, ? unclear, - refused with nothing written\n{}",
        head(22)
    );
    for fault in FAULTS {
        let cells = ASKED.map(|asked| {
            let of = cases
                .iter()
                .filter(|c| c.fault == fault && c.asked == asked);
            format!("{:10}", of.map(|c| c.letter).collect::<String>())
        });
        println!("{:22} {}", fault.name(), cells.join(" "));
    }
    for asked in [Asked::Access, Asked::Remove] {
        let of = cases
            .iter()
            .filter(|c| c.fault == Fault::At(Kind::DropsMid) && c.asked == asked);
        let letters: String = of.map(|c| c.letter).collect();
        assert!(
            letters.contains('p') && letters.contains('u'),
            "{asked:?}: a session that breaks before and one that breaks after the change end alike: {letters}"
        );
    }
    let wrong: Vec<String> = cases
        .iter()
        .filter(|c| !c.wrong.is_empty())
        .map(|c| {
            format!(
                "{:?} {} x {:?} at line {}: {} after {:?} ({}): {}\n    {:?}",
                c.family,
                c.fault.name(),
                c.asked,
                c.line,
                c.letter,
                c.took,
                c.said,
                c.wrong.join("; "),
                c.lines
            )
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cisco_ios_never_ends_in_a_wrong_proven() {
    table(Family::Ios).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cisco_ios_with_a_revert_timer_never_ends_in_a_wrong_proven() {
    table(Family::IosArmed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn juniper_junos_never_ends_in_a_wrong_proven() {
    table(Family::Junos).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aruba_cx_never_ends_in_a_wrong_proven() {
    table(Family::Cx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hpe_comware_never_ends_in_a_wrong_proven() {
    table(Family::Comware).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arista_eos_never_ends_in_a_wrong_proven() {
    table(Family::Eos).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huawei_vrp8_never_ends_in_a_wrong_proven() {
    table(Family::Vrp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huawei_vrp8_whose_trial_ends_with_its_session_never_ends_in_a_wrong_proven() {
    table(Family::VrpBound).await;
}
