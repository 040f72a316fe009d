//! The steps of a redirect's places, and what they are run with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::{self, Origin, Problem};
use crate::health;
use crate::host::{Disk, Host, Programs};
use crate::redirect::Settled;
use crate::rt;
use crate::steps::{self, Facts, Kit, Memory, SiteStep};
use crate::takeover::event::Outcome;
use crate::types::StepName;

pub(super) fn words(problems: Vec<Problem>) -> String {
    let words: Vec<String> = problems.iter().map(Problem::to_string).collect();
    words.join("; ")
}

/// A step that was built, with its time for one try.
pub(crate) type Step = (StepName, Duration, Arc<dyn SiteStep>);

/// The steps of one place, built.
pub(crate) fn steps_of(
    place: &config::RedirectPlace,
    origin: &Origin,
) -> Result<Vec<Step>, String> {
    let each = place.steps.iter().map(|s| {
        let step = steps::of_redirect(s, origin).map_err(words)?;
        Ok((s.name, s.within, step))
    });
    each.collect()
}

/// What is true of one move, as a step may tell it on. There is no address: `vip` is empty.
pub(crate) fn facts(node: &str, redirect: &str, epoch: u64, step: StepName) -> Facts {
    Facts {
        peer: redirect.to_owned(),
        vip: String::new(),
        node: node.to_owned(),
        epoch,
        step: step.to_string(),
        undo: false,
        time: rt::wall_text(),
    }
}

/// What one try of a step works with. Each place keeps what it keeps for itself.
pub(crate) fn step_kit(
    facts: Facts,
    within: Duration,
    programs: Arc<dyn Programs>,
    (disk, folder): &(Arc<dyn Disk>, PathBuf),
    (redirect, place, step): (&str, &str, StepName),
) -> Kit {
    Kit {
        facts,
        within,
        programs,
        memory: Memory::new(
            disk.clone(),
            &folder.join("redirects").join(redirect),
            place,
            step,
        ),
    }
}

/// What a check of a redirect is run with.
pub(crate) fn check_kit(
    node: &str,
    redirect: &str,
    (health, name): (&config::Health, StepName),
    host: &Host,
    disk: &(Arc<dyn Disk>, PathBuf),
) -> health::Kit {
    let programs = host.programs.clone();
    let facts = facts(node, redirect, 0, name);
    let whose = (redirect, "health", name);
    health::Kit {
        within: health.timeout,
        programs: programs.clone(),
        wire: host.wire.clone(),
        of_step: step_kit(facts, health.timeout, programs, disk, whose),
    }
}

pub(super) async fn run_steps(
    all: Vec<(Kit, Arc<dyn SiteStep>)>,
    told: Arc<Mutex<Vec<Value>>>,
) -> Settled {
    let tell =
        |all: &[Value]| all.clone_into(&mut told.lock().unwrap_or_else(PoisonError::into_inner));
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    tell(&lines);
    for (kit, step) in all {
        // What stood there before another move is no matter: a place is pointed at as it is.
        kit.memory.forget();
        let begun = rt::Instant::now();
        let outcome = rt::timeout(kit.within, step.apply(&kit)).await;
        let (state, detail) = match outcome {
            Ok(Outcome::Done(how)) => ("done", how),
            Ok(Outcome::Failed(why) | Outcome::Refused(why)) => ("failed", why),
            Ok(Outcome::Cancelled) => ("failed", "it was stopped".to_owned()),
            Err(_) => (
                "failed",
                format!("no answer within {} ms", kit.within.as_millis()),
            ),
        };
        if state == "failed" {
            failed.push(format!("step {}: {detail}", kit.facts.step));
        }
        let took = begun.elapsed().as_millis() as u64;
        lines.push(
            json!({ "step": kit.facts.step, "state": state, "detail": detail, "took_ms": took }),
        );
        tell(&lines);
    }
    match failed.is_empty() {
        true => Settled::Done,
        false => Settled::Failed(failed.join("; ")),
    }
}
