//! From a profile's operation to the commands that are sent over SSH, and sending them. What is left in the end is
//! proven by shows elsewhere.

use std::time::Duration;

use crate::rt::{Instant, sleep};
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::{CliStep, SshOp};
use crate::switch::read::switch::Switch;
use crate::switch::ssh::{Command, Commit, Report};

/// Minutes after which an armed change undoes itself unless it is confirmed.
pub(crate) const ARMED_MINUTES: u32 = 2;

/// The values that an operation's commands are filled in with, one set for each VLAN that is left.
pub(crate) fn vars(base: &Vars, old: Option<u16>) -> Vars {
    match old {
        Some(old) => base.clone().with("old", old),
        None => base.clone(),
    }
}

/// The steps as they come, each with the VLAN that it leaves.
pub(crate) fn laid_out(op: &SshOp, old: &[u16]) -> Vec<(CliStep, Option<u16>)> {
    let mut out = Vec::new();
    for step in &op.steps {
        let olds: Vec<Option<u16>> = if step.each_old {
            old.iter().copied().map(Some).collect()
        } else {
            vec![old.first().copied()]
        };
        for old in olds {
            if old.is_none_or(|o| !step.unless_vlan.contains(&o)) {
                out.push((step.clone(), old));
            }
        }
    }
    out
}

/// Sends an operation's commands: all in one go, so that a platform with a candidate configuration commits them
/// together. A pause splits them.
pub(crate) async fn send(
    switch: &Switch,
    op: &SshOp,
    base: &Vars,
    old: &[u16],
    commit: Commit,
    until: Instant,
) -> Report {
    let Some(cli) = switch.cli_if_any() else {
        return Report::default();
    };
    let mut report = Report::default();
    let mut batch: Vec<Command> = Vec::new();
    let steps = laid_out(op, old);
    for (i, (step, old)) in steps.iter().enumerate() {
        for (n, text) in step.commands.iter().enumerate() {
            let mut command = Command::new(with_old(text, *old));
            command.asks = step.asks.clone();
            command.within = step.within;
            command.expect = step.expect.clone().filter(|_| n + 1 == step.commands.len());
            batch.push(command);
        }
        let last = i + 1 == steps.len();
        if (last || step.wait.is_some()) && !batch.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let part = cli
                .send(op.mode.as_deref(), &batch, base, commit, left)
                .await;
            batch.clear();
            let ended = part.error.is_some();
            report.sent.extend(part.sent);
            report.armed |= part.armed;
            (report.error, report.aborted) = (part.error, part.aborted);
            if ended {
                return report;
            }
        }
        if let Some(pause) = step.wait {
            sleep(
                pause.min(
                    until
                        .saturating_duration_since(Instant::now())
                        .max(Duration::from_millis(1)),
                ),
            )
            .await;
        }
    }
    report
}

/// The VLAN that is left differs from step to step, and is a number: it can be written in before all else is.
fn with_old(text: &str, old: Option<u16>) -> String {
    match old {
        Some(old) => text.replace("{old}", &old.to_string()),
        None => text.to_owned(),
    }
}
