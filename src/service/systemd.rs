//! Starts a systemd unit with `systemctl`, and reads back whether it runs.

use std::time::Duration;

use super::{Ended, ServiceError, Started};
use crate::host::Programs;
use crate::rt::Instant;

/// Found by the search path: it is `/usr/bin` or `/bin`, and nothing else goes by this name.
const SYSTEMCTL: &str = "systemctl";
/// Reading a unit's state takes milliseconds; systemd that needs longer is not well.
const READ: Duration = Duration::from_secs(5);

/// Starts `unit` and waits until systemd says that it runs, at most `within`. A unit that runs already is fine.
///
/// # Errors
///
/// systemd does not run here, does not know the unit, could not start it, or is not done in time. A deadline does not
/// cancel systemd's job.
pub async fn start(
    programs: &dyn Programs,
    unit: &str,
    within: Duration,
) -> Result<Started, ServiceError> {
    let begun = Instant::now();
    let before = state(programs, unit, within.min(READ)).await?;
    let started = |already, output| Started {
        already,
        what: unit.to_owned(),
        took: begun.elapsed(),
        output,
    };
    match (before.load.as_str(), before.active.as_str()) {
        ("not-found", _) => {
            return Err(ServiceError::NoUnit {
                unit: unit.to_owned(),
            });
        }
        ("masked", _) => {
            return Err(ServiceError::Masked {
                unit: unit.to_owned(),
            });
        }
        (_, "active") => return Ok(started(true, String::new())),
        _ => {}
    }
    let left = within.saturating_sub(begun.elapsed());
    let arguments = ["start", "--no-ask-password", "--quiet", "--", unit].map(str::to_owned);
    let said = match programs.run(SYSTEMCTL, &arguments, left).await {
        Ok(ended) if ended.status.success() => ended.output,
        Ok(ended) => return Err(failed("start", unit, ended)),
        Err(ServiceError::Timeout { .. }) => {
            let now = state(programs, unit, READ).await?;
            return Err(ServiceError::Slow {
                unit: unit.to_owned(),
                state: now.shown(),
                after: within,
            });
        }
        Err(e) => return Err(e),
    };
    let after = state(programs, unit, READ).await?;
    // A oneshot unit without RemainAfterExit has done its work and is inactive again.
    let done = after.active == "inactive" && after.result == "success" && after.kind == "oneshot";
    if after.is_up() || done {
        return Ok(started(false, said));
    }
    Err(ServiceError::NotActive {
        unit: unit.to_owned(),
        state: after.shown(),
    })
}

/// Stops `unit` and waits until systemd says that it does not run any more, at most `within`; true if it ran.
///
/// # Errors
///
/// systemd does not run here, could not stop it, or is not done in time. A deadline does not cancel systemd's job.
pub async fn stop(
    programs: &dyn Programs,
    unit: &str,
    within: Duration,
) -> Result<bool, ServiceError> {
    let begun = Instant::now();
    let before = state(programs, unit, within.min(READ)).await?;
    if before.is_over() {
        return Ok(false);
    }
    let left = within.saturating_sub(begun.elapsed());
    let arguments = ["stop", "--no-ask-password", "--quiet", "--", unit].map(str::to_owned);
    let stopped = programs.run(SYSTEMCTL, &arguments, left).await;
    let now = state(programs, unit, READ).await?;
    match stopped {
        // What counts is what is read back.
        _ if now.is_over() => Ok(true),
        Ok(ended) if !ended.status.success() => Err(failed("stop", unit, ended)),
        Err(ServiceError::Timeout { .. }) | Ok(_) => Err(ServiceError::Slow {
            unit: unit.to_owned(),
            state: now.shown(),
            after: within,
        }),
        Err(e) => Err(e),
    }
}

/// How systemd has a unit now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitState {
    /// It runs, or is on the way.
    pub runs: bool,
    /// It does what it is there for: it runs (a oneshot unit with RemainAfterExit: it has run).
    pub is_up: bool,
    /// systemd's ActiveState and SubState.
    pub shown: String,
}

/// Reads how systemd has `unit`; an error where it could not be started.
///
/// # Errors
///
/// systemd does not run here, or does not know the unit, or it must not be started.
pub async fn read_unit(
    programs: &dyn Programs,
    unit: &str,
    within: Duration,
) -> Result<UnitState, ServiceError> {
    let now = state(programs, unit, within.min(READ)).await?;
    let unit = unit.to_owned();
    match now.load.as_str() {
        "not-found" => Err(ServiceError::NoUnit { unit }),
        "masked" => Err(ServiceError::Masked { unit }),
        _ => Ok(UnitState {
            runs: !now.is_over(),
            is_up: now.is_up(),
            shown: now.shown(),
        }),
    }
}

/// What systemd says of a unit (`systemctl show`; org.freedesktop.systemd1(5)).
#[derive(Default)]
struct State {
    load: String,
    active: String,
    sub: String,
    result: String,
    kind: String,
}

impl State {
    fn shown(&self) -> String {
        format!("{} ({})", self.active, self.sub)
    }

    fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading")
    }

    /// It does not run, and nothing of it is on the way.
    fn is_over(&self) -> bool {
        matches!(self.active.as_str(), "inactive" | "failed")
    }
}

async fn state(
    programs: &dyn Programs,
    unit: &str,
    within: Duration,
) -> Result<State, ServiceError> {
    let what = "--property=LoadState,ActiveState,SubState,Result,Type";
    let arguments = ["show", what, "--", unit].map(str::to_owned);
    let ended = programs.run(SYSTEMCTL, &arguments, within).await?;
    if !ended.status.success() {
        return Err(failed("show", unit, ended));
    }
    let mut state = State::default();
    for line in ended.output.lines() {
        match line.split_once('=') {
            Some(("LoadState", v)) => v.clone_into(&mut state.load),
            Some(("ActiveState", v)) => v.clone_into(&mut state.active),
            Some(("SubState", v)) => v.clone_into(&mut state.sub),
            Some(("Result", v)) => v.clone_into(&mut state.result),
            Some(("Type", v)) => v.clone_into(&mut state.kind),
            Some(_) | None => {}
        }
    }
    if state.load.is_empty() {
        return Err(failed("show", unit, ended));
    }
    Ok(state)
}

fn failed(verb: &str, unit: &str, ended: Ended) -> ServiceError {
    let no_systemd = [
        "System has not been booted with systemd",
        "Failed to connect to bus",
        "Failed to connect to system scope bus",
    ];
    let unit = unit.to_owned();
    if no_systemd.iter().any(|s| ended.output.contains(s)) {
        return ServiceError::NoSystemd {
            unit,
            output: ended.output,
        };
    }
    ServiceError::Failed {
        program: format!("systemctl {verb} {unit}"),
        status: ended.status.to_string(),
        output: ended.output,
    }
}
