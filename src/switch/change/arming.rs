//! How a change over the command line becomes final, or is taken back: confirmed, aborted, done the other way round, or
//! left to the switch's own timer. What is shown in the end decides.

use std::time::Duration;

use super::ChangeError;
use super::commands;
use super::commands::ARMED_MINUTES;
use super::over_snmp::{PAUSE, Read};
use super::over_ssh::CliRun;
use crate::rt::{Instant, sleep_until};
use crate::switch::model::op::Operation;
use crate::switch::profile::ssh::rules::{Transaction, When};
use crate::switch::read::error::SwitchError;
use crate::switch::ssh::{CliError, Commit, Record, Report, random, vlan_list};
use crate::types::VlanId;

/// Whether something on the switch takes itself back unless it is confirmed.
pub(super) enum Pending {
    No,
    /// It does, in words.
    Yes(String),
    /// The family, or this switch, does not show it.
    NotShown,
}

/// After the timer of an armed change, how long the switch may take to be as before.
const AFTER_TIMER: Duration = Duration::from_secs(20);

impl CliRun<'_> {
    /// Looks for an armed change, whoever armed it: it would take back what is done meanwhile.
    pub(super) async fn pending(&self) -> Pending {
        let cli = match self.switch.cli() {
            Ok(cli) if cli.rules().shows.contains_key("pending") => cli,
            _ => return Pending::NotShown,
        };
        match cli.show("pending", &self.shown.vars).await {
            Ok(records) => match records.first() {
                None => Pending::No,
                Some(record) => {
                    let told: Vec<&str> = record.values().map(String::as_str).collect();
                    Pending::Yes(format!(
                        "an armed change takes itself, and this with it, back ({}) unless it is confirmed",
                        told.join(", ")
                    ))
                }
            },
            Err(CliError::Refused { .. } | CliError::Unparsable { .. }) => Pending::NotShown,
            Err(e) => Pending::Yes(format!(
                "whether an armed change is pending could not be read: {e}"
            )),
        }
    }

    /// Confirms, and looks again: what could not be confirmed undoes itself. Says what a person should know.
    pub(super) async fn confirm(&self) -> Result<String, ChangeError> {
        let unclear = |why: String| {
            self.unclear(
                why,
                format!(
                    "It was armed: unless it was confirmed, it undoes itself after {ARMED_MINUTES} minutes. "
                ),
            )
        };
        let mut failed = self.confirm_once().await?;
        if failed.as_ref().is_some_and(CliError::is_silence) {
            // The answer was lost; to confirm twice does no harm.
            failed = self.confirm_once().await?;
        }
        let pending = self.pending().await;
        match (&failed, &pending) {
            (Some(_), Pending::No) | (None, Pending::No | Pending::NotShown) => {}
            (Some(e), Pending::Yes(_) | Pending::NotShown) => return Err(unclear(e.to_string())),
            (None, Pending::Yes(left)) => return Err(unclear(left.clone())),
        }
        if let Read::No(seen) = self.until_proven(&self.op.prove).await {
            return Err(unclear(seen));
        }
        let mut told =
            format!("armed for {ARMED_MINUTES} minutes, and confirmed when it was proven");
        let says_so = self.transaction().is_some_and(|t| {
            let line = t.confirm.as_ref().or(t.commit.as_ref());
            line.is_some_and(|l| l.see.is_some())
        });
        if !says_so && matches!(pending, Pending::NotShown) {
            told.push_str(&format!(
                "; this family does not show that a confirmation took: look at the port again after {ARMED_MINUTES} minutes"
            ));
        }
        Ok(told)
    }

    async fn confirm_once(&self) -> Result<Option<CliError>, ChangeError> {
        let cli = self.switch.cli()?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mode = self.op.mode.as_deref();
        Ok(cli.confirm(mode, &self.shown.vars, left).await.error)
    }

    pub(super) fn unclear(&self, why: String, seen: String) -> ChangeError {
        ChangeError::Unclear {
            switch: self.switch.target().name.clone(),
            operation: self.request.operation.to_string(),
            why,
            seen,
        }
    }

    /// Takes a move back, by what the platform has for it and by the inverse operation, or waits until an armed one
    /// takes itself back; and looks whether all is as before.
    pub(super) async fn give_up(&self, why: String, report: &Report) -> ChangeError {
        let armed = report.armed;
        if !self.request.operation.is_move() {
            return self.unclear(why, "What was done stays as it is. ".into());
        }
        let undone = |why: String| ChangeError::Undone {
            switch: self.switch.target().name.clone(),
            operation: self.request.operation.to_string(),
            why,
        };
        let fires = Instant::now() + Duration::from_secs(60 * u64::from(ARMED_MINUTES));
        let left = self.deadline.max(Instant::now() + self.op.settle) + Duration::from_secs(5);
        // What was not committed may outlive the session that broke. Where arming comes first, nothing of ours is there.
        let arms_last = |t: &Transaction| t.arm.as_ref().is_some_and(|a| a.when == When::After);
        let left_behind = report.aborted.is_none() && self.transaction().is_some_and(arms_last);
        if armed || left_behind {
            self.abort(left).await;
        }
        // What is committed already is not what an abort takes back: the inverse goes out in any case.
        let failed = self.send_inverse(left).await;
        if self.is_as_before(self.op.settle).await {
            if armed && failed.is_none() {
                self.disarm().await;
            }
            return undone(why);
        }
        if armed {
            let end = self.deadline.min(fires + AFTER_TIMER);
            let patience = end.saturating_duration_since(Instant::now());
            if self.is_as_before(patience).await {
                return undone(why);
            }
            let seen = format!(
                "It was not confirmed, so that it undoes itself after {ARMED_MINUTES} minutes. "
            );
            return self.unclear(why, seen);
        }
        let seen = match failed {
            Some(e) => format!("It could not be taken back either: {e}. "),
            None => "It was taken back, but does not show as before. ".into(),
        };
        self.unclear(why, seen)
    }

    async fn abort(&self, until: Instant) {
        let Some(cli) = self.switch.cli_if_any() else {
            return;
        };
        if self.transaction().is_none_or(|t| t.abort.is_empty()) {
            return;
        }
        let patience = until.saturating_duration_since(Instant::now());
        let mode = self.op.mode.as_deref();
        let report = cli.abort(mode, &self.shown.vars, patience).await;
        if let Some(e) = report.error {
            tracing::debug!(switch = %self.switch.target().name, error = %e, "not aborted");
        }
    }

    /// All is as before: the timer has nothing to take back but what others do meanwhile. Where a commit confirms, the
    /// inverse operation did it.
    async fn disarm(&self) {
        let by_commit = |t: &Transaction| match (&t.commit, &t.confirm) {
            (Some(commit), Some(confirm)) => commit.send == confirm.send,
            (commit, _) => commit.is_some(),
        };
        if self.transaction().is_none_or(by_commit) {
            return;
        }
        if let Ok(Some(e)) = self.confirm_once().await {
            tracing::debug!(switch = %self.switch.target().name, error = %e, "the timer was not ended");
        }
    }

    /// Why the inverse operation could not be sent, or was not taken.
    async fn send_inverse(&self, until: Instant) -> Option<String> {
        let old = self.shown.old.first().copied();
        let operation = self.request.operation;
        let known = match operation {
            Operation::TrunkAllow(_) | Operation::TrunkRemove(_) => {
                self.shown.before.tagged.is_some()
            }
            _ => true,
        };
        let inverse = operation
            .inverse(old.map(VlanId))
            .filter(|_| known)
            .and_then(|i| Some((i, self.switch.profile().ssh_ops.get(i.name())?)));
        let Some((inverse, op)) = inverse else {
            return Some("what was there before is not known".into());
        };
        // What the change was named is taken.
        let mut vars = self.shown.vars.clone().with("random", random());
        if let Some(vlan) = inverse.vlan() {
            vars = vars.with("new", vlan.0).with("vlan", vlan.0);
        }
        let leaves: Vec<u16> = operation.vlan().map(|v| v.0).into_iter().collect();
        commands::send(self.switch, op, &vars, &leaves, Commit::Now, until)
            .await
            .error
            .map(|e| e.to_string())
    }

    /// Whether the port shows as before, now or within `patience`.
    pub(super) async fn is_as_before(&self, patience: Duration) -> bool {
        let (Some(port), Some(before)) = (&self.request.port, &self.shown.record) else {
            return false;
        };
        let end = Instant::now() + patience;
        loop {
            let now: Result<Record, SwitchError> = self.switch.shown_port(port).await;
            if now.is_ok_and(|now| is_same(self.request.operation, before, &now)) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep_until((Instant::now() + PAUSE.1).min(end)).await;
        }
    }
}

/// Whether a port shows the same in both records, and shows at all what the operation is about: two records that say
/// nothing of it are not the same.
fn is_same(operation: Operation, before: &Record, now: &Record) -> bool {
    let about = match operation {
        Operation::SetAccessVlan(_) => "pvid",
        Operation::TrunkAllow(_) | Operation::TrunkRemove(_) => "tagged",
        _ => "admin",
    };
    let same = |field: &str| match (before.get(field), now.get(field)) {
        (Some(a), Some(b)) if field == "tagged" => {
            let (a, b) = (vlan_list(a), vlan_list(b));
            a.is_some() && a == b
        }
        (a, b) => a == b,
    };
    now.contains_key(about) && ["admin", "pvid", "mode", "tagged"].into_iter().all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, &str)]) -> Record {
        fields
            .iter()
            .map(|(f, v)| ((*f).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn what_says_nothing_of_the_operation_is_not_as_before() {
        let remove = Operation::TrunkRemove(VlanId(30));
        let silent = record(&[("admin", "up"), ("mode", "trunk")]);
        assert!(!is_same(remove, &silent, &silent));
        assert!(is_same(Operation::PortOff, &silent, &silent));
        let (a, b) = (
            record(&[("admin", "up"), ("tagged", "30 10")]),
            record(&[("admin", "up"), ("tagged", "10 30")]),
        );
        assert!(is_same(remove, &a, &b));
        for unreadable in ["10,", "10-"] {
            let unreadable = record(&[("admin", "up"), ("tagged", unreadable)]);
            assert!(!is_same(remove, &unreadable, &unreadable));
        }
        assert!(!is_same(Operation::SetAccessVlan(VlanId(5)), &a, &a));
    }
}
