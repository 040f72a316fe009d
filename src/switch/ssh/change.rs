//! Commands that change something: judged one by one, retried while the configuration is locked, committed, armed,
//! aborted.

use std::time::Duration;

use super::cli::{Cli, Command, Open};
use super::error::CliError;
use super::random::{named, random};
use super::shell::Output;
use super::text::Judgement;
use crate::rt::{Instant, sleep};
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::ssh::rules::{Line, Transaction, When};

/// Shortest and longest pause before a locked configuration is tried again, in milliseconds.
const JITTER: (u64, u64) = (150, 600);

/// What is done with the profile's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Nothing: the commands do not change the configuration.
    No,
    /// Committed after the commands, where the platform has a candidate configuration.
    Now,
    /// Armed: undoes itself after this many minutes unless [`Cli::confirm`] is called. Committed as with `Now` where
    /// the profile cannot arm.
    Armed {
        /// Minutes until it undoes itself.
        minutes: u32,
    },
}

/// A command that was sent, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The command as it was sent.
    pub command: String,
    /// What the switch said.
    pub output: Output,
}

/// What became of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The commands that the switch answered, in order, the refused one last.
    pub sent: Vec<Sent>,
    /// Why it ended early.
    pub error: Option<CliError>,
    /// True if it undoes itself unless it is confirmed: the arming command was sent, whatever came back.
    pub armed: bool,
    /// After an error: whether what was pending was aborted, where the platform can.
    pub aborted: Option<Result<(), CliError>>,
}

impl Report {
    /// True if every command was accepted.
    pub fn is_complete(&self) -> bool {
        self.error.is_none()
    }

    /// True if something may have been changed: a command was accepted, or the one that failed may have been carried
    /// out.
    pub fn may_have_changed(&self) -> bool {
        let failed = self.error.as_ref();
        self.sent
            .iter()
            .any(|s| s.output.judgement == Judgement::Accepted)
            || failed.is_some_and(CliError::may_have_been_applied)
    }
}

/// A command, filled in.
struct Step<'a> {
    text: String,
    command: Command,
    mode: Option<&'a str>,
    arms: bool,
}

fn of_line(line: &Line) -> Command {
    Command {
        text: line.send.clone(),
        asks: Vec::new(),
        within: line.within,
        expect: line.see.clone(),
        mode: line.mode.clone(),
        lands: line.lands.clone(),
    }
}

impl Cli {
    /// Sends commands in `mode`, each judged before the next is sent, and commits them as the profile says. A locked
    /// configuration is tried again, with jitter, for `patience`. Afterwards the session has left the mode.
    ///
    /// Placeholders are all filled in before anything is sent. A session that breaks is not taken up again: what is
    /// there has to be read back.
    pub async fn send(
        &self,
        mode: Option<&str>,
        commands: &[Command],
        vars: &Vars,
        commit: Commit,
        patience: Duration,
    ) -> Report {
        let rules = self.rules.clone();
        let transaction = rules.transaction.as_ref().filter(|_| commit != Commit::No);
        let all = arrange(commands, transaction, commit, mode);
        let minutes = match commit {
            Commit::Armed { minutes } => minutes,
            Commit::No | Commit::Now => 0,
        };
        let vars = named(vars).or_with("minutes", &minutes.to_string());
        let steps = match self.steps(&all, mode, &vars) {
            Ok(steps) => steps,
            Err(e) => return failed(e),
        };
        let abort = transaction.map(aborting).unwrap_or_default();
        self.carry_out(&steps, &abort, mode, &vars, patience).await
    }

    /// Confirms an armed change, over a new session if the one before is gone.
    pub async fn confirm(&self, mode: Option<&str>, vars: &Vars, patience: Duration) -> Report {
        let rules = self.rules.clone();
        let line = rules
            .transaction
            .as_ref()
            .and_then(|t| t.confirm.as_ref().or(t.commit.as_ref()));
        let Some(line) = line else {
            return failed(self.no("confirm a change"));
        };
        let all = [(of_line(line), false)];
        let vars = named(vars);
        match self.steps(&all, mode, &vars) {
            Ok(steps) => self.carry_out(&steps, &[], mode, &vars, patience).await,
            Err(e) => failed(e),
        }
    }

    /// Undoes what was not committed or not confirmed.
    pub async fn abort(&self, mode: Option<&str>, vars: &Vars, patience: Duration) -> Report {
        let rules = self.rules.clone();
        let Some(transaction) = rules.transaction.as_ref().filter(|t| !t.abort.is_empty()) else {
            return failed(self.no("abort a change"));
        };
        let all = aborting(transaction);
        let vars = named(vars);
        match self.steps(&all, mode, &vars) {
            Ok(steps) => self.carry_out(&steps, &[], mode, &vars, patience).await,
            Err(e) => failed(e),
        }
    }

    fn no(&self, what: &str) -> CliError {
        CliError::Profile {
            switch: self.target.name.clone(),
            why: format!("its profile cannot {what} ([ssh.transaction])"),
        }
    }

    fn steps<'a>(
        &self,
        commands: &'a [(Command, bool)],
        mode: Option<&'a str>,
        vars: &Vars,
    ) -> Result<Vec<Step<'a>>, CliError> {
        commands
            .iter()
            .map(|(command, arms)| {
                Ok(Step {
                    text: self.fill(&command.text, vars)?,
                    command: command.clone(),
                    mode: command.mode.as_deref().or(mode),
                    arms: *arms,
                })
            })
            .collect()
    }

    async fn carry_out(
        &self,
        steps: &[Step<'_>],
        abort: &[(Command, bool)],
        mode: Option<&str>,
        vars: &Vars,
        patience: Duration,
    ) -> Report {
        let until = Instant::now() + patience;
        let mut slot = self.open.lock().await;
        let mut report = Report::default();
        let (mut open, mut kept) = match self.take(&mut slot).await {
            Ok(taken) => taken,
            Err(e) => return failed(e),
        };
        for step in steps {
            let (first, mut written) = (report.sent.is_empty(), false);
            let done = loop {
                let tried = self.step(&mut open, step, vars, &mut written).await;
                match tried {
                    Err(CliError::Busy { .. }) if Instant::now() < until => {
                        sleep(jitter().min(until - Instant::now())).await;
                    }
                    // Nothing was sent yet: the session that was kept has ended meanwhile.
                    Err(e) if kept && first && !written && e.is_silence() => {
                        kept = false;
                        match Open::new(&self.target, &self.rules).await {
                            Ok(new) => open = new,
                            Err(e) => break Err(e),
                        }
                    }
                    other => break other,
                }
            };
            // What arms may have armed although its answer was lost, or sounds like a refusal.
            let written = written && !matches!(done, Err(CliError::Busy { .. }));
            report.armed |= step.arms && written;
            match done {
                Ok(sent) => report.sent.push(sent),
                Err(e) => {
                    report.error = Some(e);
                    break;
                }
            }
            if let Some(error) = report.sent.last().and_then(|s| self.judged(step, s)) {
                report.error = Some(error);
                break;
            }
        }
        let alive = report.error.as_ref().is_none_or(|e| !e.is_silence());
        if alive && report.error.is_some() && !report.sent.is_empty() && !abort.is_empty() {
            report.aborted = Some(self.roll_back(&mut open, abort, mode, vars).await);
        }
        // A session that cannot leave its mode, or hangs, is closed: that leaves the mode, and frees what it holds.
        if alive && open.rest(&self.rules).await.is_ok() {
            self.keep(&mut slot, open);
        } else {
            open.close().await;
        }
        report
    }

    async fn step(
        &self,
        open: &mut Open,
        step: &Step<'_>,
        vars: &Vars,
        written: &mut bool,
    ) -> Result<Sent, CliError> {
        open.go(step.mode, vars).await?;
        *written = true;
        let output = open.run(self, &step.text, &step.command).await?;
        if let Judgement::Busy(line) = &output.judgement {
            return Err(CliError::Busy {
                switch: self.target.name.clone(),
                command: step.text.clone(),
                line: self.target.mask(line),
            });
        }
        Ok(Sent {
            command: step.text.clone(),
            output,
        })
    }

    /// What is wrong with an answer.
    fn judged(&self, step: &Step<'_>, sent: &Sent) -> Option<CliError> {
        let output = &sent.output;
        let line = match &output.judgement {
            Judgement::Refused(line) | Judgement::Busy(line) => line.clone(),
            Judgement::Accepted => {
                let missing = step
                    .command
                    .expect
                    .as_ref()
                    .filter(|e| !e.is_match(&output.text));
                let elsewhere = step
                    .command
                    .lands
                    .as_ref()
                    .filter(|l| output.mode.is_some() && output.mode.as_ref() != Some(l));
                match (missing, elsewhere) {
                    (Some(expect), _) => format!(
                        "it does not say `{expect}`, but {:?}",
                        // Before it is cut and escaped: half a secret is not recognised.
                        self.target
                            .mask(&output.text)
                            .chars()
                            .take(200)
                            .collect::<String>()
                    ),
                    (None, Some(lands)) => format!(
                        "it does not lead to mode `{lands}`, but to `{}`",
                        output.mode.as_deref().unwrap_or("none")
                    ),
                    (None, None) => return None,
                }
            }
        };
        Some(CliError::Refused {
            switch: self.target.name.clone(),
            command: sent.command.clone(),
            line: self.target.mask(&line),
        })
    }

    async fn roll_back(
        &self,
        open: &mut Open,
        abort: &[(Command, bool)],
        mode: Option<&str>,
        vars: &Vars,
    ) -> Result<(), CliError> {
        for step in self.steps(abort, mode, vars)? {
            let mut written = false;
            let sent = self.step(open, &step, vars, &mut written).await?;
            if let Some(error) = self.judged(&step, &sent) {
                return Err(error);
            }
        }
        Ok(())
    }
}

fn failed(error: CliError) -> Report {
    Report {
        error: Some(error),
        ..Report::default()
    }
}

/// The commands that abort a transaction.
fn aborting(transaction: &Transaction) -> Vec<(Command, bool)> {
    let command = |text: &String| Command {
        mode: transaction.abort_mode.clone(),
        asks: transaction.abort_asks.clone(),
        ..Command::new(text)
    };
    let all = transaction.abort.iter();
    all.map(|a| (command(a), false)).collect()
}

/// The commands with the transaction's around them; true where a command arms.
fn arrange(
    commands: &[Command],
    transaction: Option<&Transaction>,
    commit: Commit,
    mode: Option<&str>,
) -> Vec<(Command, bool)> {
    let mut all: Vec<(Command, bool)> = commands.iter().map(|c| (c.clone(), false)).collect();
    let Some(transaction) = transaction else {
        return all;
    };
    let arm = transaction
        .arm
        .as_ref()
        .filter(|_| matches!(commit, Commit::Armed { .. }));
    if let Some(arm) = arm.filter(|a| a.when == When::Before) {
        all.insert(0, (of_line(arm), true));
    }
    match arm.filter(|a| a.when == When::After) {
        Some(arm) => all.push((of_line(arm), true)),
        None => {
            // What is done in another mode than the one that is committed counts at once.
            let of_mode = |c: &&Line| c.mode.is_none() || c.mode.as_deref() == mode;
            let commit = transaction.commit.as_ref().filter(of_mode);
            all.extend(commit.map(|c| (of_line(c), false)));
        }
    }
    all
}

fn jitter() -> Duration {
    let (shortest, longest) = JITTER;
    Duration::from_millis(shortest + u64::from(random()) % (longest - shortest))
}
