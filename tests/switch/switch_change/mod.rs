//! Changes against switches that misbehave: every fault with every operation, judged by the switch's true state.
//!
//! `cargo nextest run --test switch switch_change:: --no-capture` prints the table of fault, operation and outcome.

mod asked;
mod faults;
mod one_by_one;

use crate::change_table::{ASKED, Asked, MS, at_most, head, word};
use crate::switch_agent::bridge::Bridge;
use crate::switch_agent::{Fake, State};
use asked::{others, ours};
use faults::{FAULTS, Fault, allowed, arm};
use standin::switch::{ChangeRequest, change};

struct Case {
    fault: Fault,
    asked: Asked,
    ended: &'static str,
    said: String,
    wrong: Vec<String>,
}

async fn run(fault: Fault, asked: Asked) -> Case {
    let fake = Fake::with_vlans().await;
    let (name, base) = asked.port();
    fake.with(|s| asked.before(s));
    let before = fake.with(|s| ours(s, asked.port()));
    let (switch, _other) = arm(fault, &fake).await;
    let around = fake.with(|s| others(s, base));
    let request = ChangeRequest::new(asked.operation(), Some(name), MS(30_000));
    let done = change(&switch, request).await;
    let (ended, said) = word(&done);
    let mut wrong = Vec::new();
    if !allowed(fault, asked).contains(&ended) {
        wrong.push(format!("should have ended {:?}", allowed(fault, asked)));
    }
    let renumbered = matches!(fault, Fault::RenumbersBeforeSet | Fault::RenumbersAfterSet);
    fake.with(|s| {
        match ended {
            "proven" if !asked.is_done(s) => wrong.push("a wrong `proven`".into()),
            "undone" if !renumbered && ours(s, asked.port()) != before => {
                wrong.push(format!("a wrong `undone`: {:?}", ours(s, asked.port())));
            }
            "refused" if !s.sets.is_empty() => wrong.push("refused, but something was sent".into()),
            _ => {}
        }
        if ended == "undone" && renumbered {
            let bridge = s.bridge.as_ref().unwrap().of(base);
            if bridge != (before.1, before.2.clone(), before.3.clone()) {
                wrong.push("undone, but the instances written are not as before".into());
            }
        }
        let somebody = matches!(fault, Fault::SomebodyElse | Fault::SomebodyElseAndWrongType);
        if !renumbered && !somebody && others(s, base) != around {
            wrong.push(format!("another port was changed: {:?}", others(s, base)));
        }
    });
    if matches!(fault, Fault::SomebodyElse | Fault::SomebodyElseAndWrongType) {
        wrong.extend(fake.with(|s| somebody_survived(s, asked)));
    }
    Case {
        fault,
        asked,
        ended,
        said,
        wrong,
    }
}

/// Somebody turned port 4 over once before our first SET and once after it, so that it is as at the start - unless one
/// of our writes put an old list back.
fn somebody_survived(s: &mut State, asked: Asked) -> Option<String> {
    // A port's state is no list: somebody came by only once or not at all.
    if !asked.operation().is_move() {
        return None;
    }
    let there: Vec<u16> = (s.bridge.as_ref().unwrap().of(4).1).into_iter().collect();
    let was: Vec<u16> = Bridge::new().of(4).1.into_iter().collect();
    let turned: Vec<u16> = [20, 30, 40].into();
    let once = s.sets.is_empty() || there == turned;
    (there != was && !once)
        .then(|| format!("somebody else's change is lost: port 4 is in {there:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_proven_undone_or_unclear_and_never_in_a_wrong_proven() {
    let pairs = FAULTS
        .into_iter()
        .flat_map(|f| ASKED.into_iter().map(move |a| (f, a)));
    let cases = at_most(10, pairs.map(|(f, a)| run(f, a))).await;
    println!("{}", head(26));
    for fault in FAULTS {
        let of = cases.iter().filter(|c| c.fault == fault);
        let cells: Vec<String> = of.map(|c| format!("{:10}", c.ended)).collect();
        println!("{:26} {}", format!("{fault:?}"), cells.join(" "));
    }
    let wrong: Vec<String> = cases
        .iter()
        .filter(|c| !c.wrong.is_empty())
        .map(|c| {
            format!(
                "{:?} x {:?}: {} ({}): {}",
                c.fault,
                c.asked,
                c.ended,
                c.said,
                c.wrong.join("; ")
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
