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
        Ok(ended) => return Err(failed(unit, ended)),
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
    if after.active == "active" || after.active == "reloading" || done {
        return Ok(started(false, said));
    }
    Err(ServiceError::NotActive {
        unit: unit.to_owned(),
        state: after.shown(),
    })
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
        return Err(failed(unit, ended));
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
        return Err(failed(unit, ended));
    }
    Ok(state)
}

fn failed(unit: &str, ended: Ended) -> ServiceError {
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
        program: format!("systemctl start {unit}"),
        status: ended.status.to_string(),
        output: ended.output,
    }
}
