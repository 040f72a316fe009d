//! An interactive session: login questions, modes, commands. A hang ends in an error that shows the last lines, never
//! in a guess.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use russh::Pty;

use super::error::{CliError, unreachable};
use super::session::Session;
use super::target::SshTarget;
use super::text;
use super::text::Judgement;
use super::wire::{Patience, Wait, Wire};
use crate::rt::timeout;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::ssh::rules::{Answer, CliRules, Mode, Move, Reply, SecretName};

/// Terminal width: no command is so long that its echo would be wrapped.
const COLUMNS: u32 = 511;
/// Terminal height: few outputs are so long that a pager would stop them.
const ROWS: u32 = 1000;
/// Moves between modes before it is said that a mode cannot be reached.
const MOVES: usize = 8;

/// What a command printed, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Without echo, prompt, control codes and log lines.
    pub text: String,
    /// Whether it was accepted.
    pub judgement: Judgement,
    /// The mode the session is in now; `None` for a command on a channel of its own.
    pub mode: Option<String>,
    /// The exit status, where there is one.
    pub status: Option<u32>,
}

/// An interactive session that is at a prompt.
pub struct Shell {
    wire: Wire,
    rules: Arc<CliRules>,
    target: Arc<SshTarget>,
    mode: String,
    entered: BTreeSet<String>,
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl Shell {
    /// Starts the shell and answers its questions until there is a prompt.
    ///
    /// # Errors
    ///
    /// It offers no shell, asks something that is not known, refuses the answers, or shows no prompt in time.
    pub async fn open(
        session: &Session,
        target: Arc<SshTarget>,
        rules: Arc<CliRules>,
    ) -> Result<Shell, CliError> {
        let channel = session.channel(&target).await?;
        let started = async {
            // No echo is asked for; switches that echo all the same are understood too.
            let modes = [(Pty::ECHO, 0)];
            channel
                .request_pty(false, "vt100", COLUMNS, ROWS, 0, 0, &modes)
                .await?;
            channel.request_shell(true).await
        };
        match timeout(target.timeout, started).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(unreachable(&target, format!("it starts no shell: {e}"))),
            Err(_) => return Err(unreachable(&target, "it starts no shell")),
        }
        let mut shell = Shell {
            wire: Wire::new(channel, target.clone(), rules.clone()),
            mode: String::new(),
            entered: BTreeSet::new(),
            rules: rules.clone(),
            target,
        };
        let within = rules.within.max(shell.target.timeout);
        let asks: Vec<&Answer> = rules.login.iter().collect();
        let start: Vec<&str> = rules
            .modes
            .iter()
            .filter(|(_, m)| m.from.is_none())
            .map(|(n, _)| n.as_str())
            .collect();
        let wait = Wait {
            during: "login",
            command: "",
            asks: &asks,
            expect: &start,
            within,
            patience: Patience::Login,
        };
        let ended = shell.wire.wait(&wait).await?;
        shell.mode = ended.mode;
        shell.first().await?;
        Ok(shell)
    }

    /// The mode it is in.
    pub fn mode(&self) -> &str {
        &self.mode
    }

    /// Sends what the mode wants to have first, once.
    async fn first(&mut self) -> Result<(), CliError> {
        if !self.entered.insert(self.mode.clone()) {
            return Ok(());
        }
        let rules = self.rules.clone();
        let Some(mode) = rules.modes.get(&self.mode) else {
            return Ok(());
        };
        for command in &mode.first {
            let done = self.run(command, &[], rules.within).await?;
            if let Judgement::Refused(line) = done.judgement {
                let line = self.target.mask(&line);
                tracing::debug!(switch = %self.target.name, command, line, "not taken, which is tolerated");
            }
        }
        Ok(())
    }

    /// Goes to a mode, by the commands that the profile gives, filled in with `vars`.
    ///
    /// # Errors
    ///
    /// The switch refuses, or asks for a secret again, or the mode cannot be reached from here.
    pub async fn go(&mut self, to: &str, vars: &Vars) -> Result<(), CliError> {
        let rules = self.rules.clone();
        for _ in 0..MOVES {
            let path = rules.path(&self.mode, to).ok_or_else(|| self.no_way(to))?;
            let Some(next) = path.into_iter().next() else {
                return Ok(());
            };
            match next {
                Move::Enter(name) => {
                    let mode = rules.modes.get(&name).ok_or_else(|| self.no_way(to))?;
                    self.enter(&name, mode, vars).await?;
                }
                Move::Leave(name) => {
                    let mode = rules.modes.get(&name).ok_or_else(|| self.no_way(to))?;
                    let leave = mode.leave.as_deref().unwrap_or_default();
                    let above = mode.from.as_deref().unwrap_or_default();
                    let done = self
                        .expecting(leave, &mode.ask, rules.within, &[above])
                        .await?;
                    if done.mode.as_deref() == Some(name.as_str()) {
                        return Err(self.refused(leave, &done));
                    }
                }
            }
        }
        Err(self.no_way(to))
    }

    async fn enter(&mut self, name: &str, mode: &Mode, vars: &Vars) -> Result<(), CliError> {
        let enter = mode.enter.as_deref().unwrap_or_default();
        let filled = self.rules.fill(enter, vars);
        let command = &filled.map_err(|problem| CliError::Fill {
            switch: self.target.name.clone(),
            problem,
        })?;
        let within = self.rules.within;
        let done = self.expecting(command, &mode.ask, within, &[name]).await?;
        match &done.judgement {
            Judgement::Busy(line) => {
                return Err(CliError::Busy {
                    switch: self.target.name.clone(),
                    command: command.to_owned(),
                    line: self.target.mask(line),
                });
            }
            Judgement::Accepted if self.mode == name => {}
            Judgement::Accepted if self.asks_enable(mode) && self.target.enable.is_none() => {
                return Err(CliError::Auth {
                    switch: self.target.name.clone(),
                    user: self.target.user.clone(),
                    why: format!(
                        "`{command}` needs a password and none is configured; an empty one was refused"
                    ),
                });
            }
            Judgement::Accepted | Judgement::Refused(_) => {
                return Err(self.refused(command, &done));
            }
        }
        self.first().await
    }

    fn asks_enable(&self, mode: &Mode) -> bool {
        mode.ask
            .iter()
            .any(|a| a.reply == Reply::Secret(SecretName::Enable))
    }

    fn refused(&self, command: &str, done: &Output) -> CliError {
        let last = done.text.lines().rev().find(|l| !l.trim().is_empty());
        let line = match &done.judgement {
            Judgement::Refused(line) | Judgement::Busy(line) => line.clone(),
            Judgement::Accepted => last.map_or_else(
                || format!("it stays in mode `{}`", self.mode),
                |l| l.trim().to_owned(),
            ),
        };
        CliError::Refused {
            switch: self.target.name.clone(),
            command: command.to_owned(),
            line: self.target.mask(&line),
        }
    }

    fn no_way(&self, to: &str) -> CliError {
        CliError::Profile {
            switch: self.target.name.clone(),
            why: format!(
                "its profile knows no way from mode `{}` to `{to}`",
                self.mode
            ),
        }
    }

    /// Sends a command, answers its questions, waits for the prompt and judges what was printed.
    ///
    /// # Errors
    ///
    /// The connection broke, or no prompt came in time. A refusal is not an error here.
    pub async fn run(
        &mut self,
        command: &str,
        asks: &[Answer],
        within: Duration,
    ) -> Result<Output, CliError> {
        self.expecting(command, asks, within, &[]).await
    }

    /// As [`Shell::run`], where the prompt of one of these modes is expected next.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn expecting(
        &mut self,
        command: &str,
        asks: &[Answer],
        within: Duration,
        modes: &[&str],
    ) -> Result<Output, CliError> {
        self.send(command, asks, Patience::Command, within, modes)
            .await
    }

    /// As [`Shell::run`] for a command that may print much: the deadline begins anew while it prints.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn long(&mut self, command: &str, within: Duration) -> Result<Output, CliError> {
        self.send(command, &[], Patience::Show, within, &[]).await
    }

    async fn send(
        &mut self,
        command: &str,
        asks: &[Answer],
        patience: Patience,
        within: Duration,
        modes: &[&str],
    ) -> Result<Output, CliError> {
        let current = self.mode.clone();
        let mut expect = modes.to_vec();
        expect.push(&current);
        let asks: Vec<&Answer> = asks.iter().collect();
        let during = format!("`{command}`");
        self.wire.send_line(command, &during).await?;
        let wait = Wait {
            during: &during,
            command,
            asks: &asks,
            expect: &expect,
            within,
            patience,
        };
        let ended = self.wire.wait(&wait).await?;
        self.mode = ended.mode;
        let judgement = text::judge(&ended.text, &self.rules);
        Ok(Output {
            text: ended.text,
            judgement,
            mode: Some(self.mode.clone()),
            status: None,
        })
    }
}
