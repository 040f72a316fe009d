//! Bytes to and from an interactive session: sends lines, reads until a prompt, answers pagers and questions.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use russh::client::Msg;
use russh::{Channel, ChannelMsg};

use super::error::CliError;
use super::habits::{Habits, reply};
use super::screen::Screen;
use super::target::SshTarget;
use super::text;
use super::text::End;
use crate::rt::{Instant, timeout, timeout_at};
use crate::switch::profile::ssh::rules::{Answer, CliRules, Reply};

/// How much of the end of the output is looked at, in bytes.
const TAIL: usize = 2048;
/// How long it must be quiet after what may be the first prompt of a session.
const QUIET_LOGIN: Duration = Duration::from_millis(100);
/// How long it must be quiet after a prompt that was not seen before, or a question that may go on.
const QUIET: Duration = Duration::from_millis(30);
/// How long it must be quiet after a prompt before which the echo is missing: it may be that of the command before.
const QUIET_NO_ECHO: Duration = Duration::from_millis(400);
/// After this time of silence at login an empty line is sent, once: some switches wait for it.
const SILENT_LOGIN: Duration = Duration::from_secs(2);
/// How often the same question is answered within one command.
const AGAIN: u32 = 4;
/// A show that goes on printing may take this many times its deadline.
const LONG: u32 = 12;

/// What is waited for.
pub(super) struct Wait<'a> {
    /// For errors.
    pub(super) during: &'a str,
    /// The command that was sent, whose echo is expected.
    pub(super) command: &'a str,
    /// Questions that may come.
    pub(super) asks: &'a [&'a Answer],
    /// The modes whose prompts are the likely ones.
    pub(super) expect: &'a [&'a str],
    /// The deadline.
    pub(super) within: Duration,
    /// What kind of wait it is.
    pub(super) patience: Patience,
}

/// What kind of wait it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// For the first prompt.
    Login,
    /// For the end of a command.
    Command,
    /// For the end of an output that may be long.
    Show,
}

/// How a wait ended.
pub(super) struct Ended {
    pub(super) mode: String,
    pub(super) text: String,
}

/// One interactive channel.
pub(super) struct Wire {
    channel: Channel<Msg>,
    target: Arc<SshTarget>,
    rules: Arc<CliRules>,
    screen: Screen,
    habits: Habits,
    answered_secret: bool,
}

impl Wire {
    pub(super) fn new(channel: Channel<Msg>, target: Arc<SshTarget>, rules: Arc<CliRules>) -> Wire {
        Wire {
            channel,
            target,
            rules,
            screen: Screen::default(),
            habits: Habits::default(),
            answered_secret: false,
        }
    }

    /// Sends a command. What came unasked before is dropped, so that a prompt in it is not taken for the command's.
    pub(super) async fn send_line(&mut self, line: &str, during: &str) -> Result<(), CliError> {
        while let Some(message) = self.channel.wait().now_or_never() {
            self.take(message, during)?;
        }
        self.screen.clear();
        tracing::debug!(switch = %self.target.name, command = line, "sent");
        let bytes = format!("{line}{}", self.rules.eol);
        self.send(bytes, during).await
    }

    async fn send(&mut self, text: String, during: &str) -> Result<(), CliError> {
        let sent = self.channel.data_bytes(text.into_bytes());
        match timeout(self.target.timeout, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(self.broken(during, &e.to_string())),
            Err(_) => Err(self.broken(during, "it takes no more input")),
        }
    }

    fn take(&mut self, message: Option<ChannelMsg>, during: &str) -> Result<(), CliError> {
        match message {
            Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) => {
                self.screen.push(&data);
                Ok(())
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                let why = format!(
                    "the switch closed it; the last that it showed is {}",
                    self.last()
                );
                Err(self.broken(during, &why))
            }
            Some(ChannelMsg::Failure) => Err(self.broken(during, "it offers no interactive shell")),
            Some(_) => Ok(()),
        }
    }

    /// Reads until there is a prompt.
    pub(super) async fn wait(&mut self, wait: &Wait<'_>) -> Result<Ended, CliError> {
        let mut deadline = Instant::now() + wait.within;
        let cap = Instant::now() + wait.within * LONG;
        let (mut mark, mut nudged, mut quiet) = (0, false, false);
        let mut answered = vec![0; wait.asks.len()];
        self.answered_secret = false;
        loop {
            let tail = self.screen.tail(mark, TAIL);
            let prompts = &self.habits.prompts;
            let found = text::end(&tail, &self.rules, wait.asks, prompts, wait.expect);
            let need = match &found {
                None => None,
                Some(End::Pager { .. } | End::Question { sure: true, .. }) => Some(Duration::ZERO),
                Some(End::Question { sure: false, .. }) => Some(QUIET),
                Some(End::Prompt { sure, .. }) => Some(self.quiet_after_prompt(wait, *sure)),
            };
            if let Some(found) = found.filter(|_| quiet || need == Some(Duration::ZERO)) {
                match found {
                    End::Prompt { mode, text, .. } => return Ok(self.end(wait, mode, &text)),
                    End::Pager { number, at } => {
                        self.screen.drop_line(at);
                        self.page(number, wait.during).await?;
                    }
                    End::Question { number, .. } => {
                        let times = answered.get_mut(number);
                        let before = times.map_or(0, |t| std::mem::replace(t, *t + 1));
                        self.answer(wait, number, before).await?;
                        mark = self.screen.settle();
                    }
                }
                quiet = false;
                continue;
            }
            let now = Instant::now();
            let nudge = wait.patience == Patience::Login && !nudged;
            let pause = need.or(nudge.then_some(SILENT_LOGIN));
            let until = pause.map_or(deadline, |p| deadline.min(now + p));
            match timeout_at(until, self.channel.wait()).await {
                Ok(message) => {
                    self.take(message, wait.during)
                        .map_err(|e| self.at_login(wait, e))?;
                    while let Some(more) = self.channel.wait().now_or_never() {
                        self.take(more, wait.during)
                            .map_err(|e| self.at_login(wait, e))?;
                    }
                    quiet = false;
                    if wait.patience == Patience::Show {
                        deadline = cap.min(Instant::now() + wait.within);
                    }
                }
                Err(_) if Instant::now() >= deadline => return Err(self.too_late(wait)),
                Err(_) if need.is_some() => quiet = true,
                Err(_) => {
                    nudged = true;
                    self.send(self.rules.eol.clone(), wait.during).await?;
                }
            }
        }
    }

    fn quiet_after_prompt(&self, wait: &Wait<'_>, sure: bool) -> Duration {
        if wait.patience == Patience::Login {
            return QUIET_LOGIN;
        }
        if self.habits.echoes == Some(true)
            && !wait.command.is_empty()
            && !text::echoed(
                &self.screen.text(),
                wait.command,
                &self.rules.noise,
                &self.habits.prompts,
            )
        {
            return QUIET_NO_ECHO;
        }
        if sure { Duration::ZERO } else { QUIET }
    }

    fn end(&mut self, wait: &Wait<'_>, mode: String, prompt: &str) -> Ended {
        let shown = self.screen.text();
        let prompts = &self.habits.prompts;
        if wait.patience != Patience::Login && self.habits.echoes.is_none() {
            self.habits.echoes = Some(text::echoed(
                &shown,
                wait.command,
                &self.rules.noise,
                prompts,
            ));
        }
        let output = text::output(&shown, wait.command, prompt, &self.rules.noise, prompts);
        self.habits.prompts.learn(prompt);
        self.screen.clear();
        let text = if self.answered_secret {
            self.target.mask(&output)
        } else {
            output
        };
        Ended { mode, text }
    }

    async fn page(&mut self, number: usize, during: &str) -> Result<(), CliError> {
        let Some(pager) = self.rules.pager.get(number) else {
            return Ok(());
        };
        let key = reply(&pager.reply, &self.target, &self.rules);
        self.send(key, during).await
    }

    async fn answer(
        &mut self,
        wait: &Wait<'_>,
        number: usize,
        before: u32,
    ) -> Result<(), CliError> {
        let Some(ask) = wait.asks.get(number) else {
            return Ok(());
        };
        let secret = matches!(ask.reply, Reply::Secret(_));
        if secret && before > 0 {
            let during = wait.during;
            return Err(CliError::Auth {
                switch: self.target.name.clone(),
                user: self.target.user.clone(),
                why: format!(
                    "at {during} it asks again for the password that it was given; what it showed is {}",
                    self.last()
                ),
            });
        }
        if before >= AGAIN {
            return Err(CliError::Refused {
                switch: self.target.name.clone(),
                command: wait.command.to_owned(),
                line: format!("it asks the same again and again: {}", self.last()),
            });
        }
        self.answered_secret |= secret;
        let text = reply(&ask.reply, &self.target, &self.rules);
        self.send(text, wait.during).await
    }

    /// A connection that is closed at login, after the password: it was the wrong one.
    fn at_login(&self, wait: &Wait<'_>, error: CliError) -> CliError {
        let asked_password = wait.patience == Patience::Login && self.answered_secret;
        match error {
            CliError::Broken { why, .. } if asked_password => CliError::Auth {
                switch: self.target.name.clone(),
                user: self.target.user.clone(),
                why: format!("the connection ended after the password was given: {why}"),
            },
            other => other,
        }
    }

    fn broken(&self, during: &str, why: &str) -> CliError {
        CliError::Broken {
            switch: self.target.name.clone(),
            during: self.target.mask(during),
            why: why.to_owned(),
        }
    }

    fn too_late(&self, wait: &Wait<'_>) -> CliError {
        CliError::TooLate {
            switch: self.target.name.clone(),
            during: self.target.mask(wait.during),
            within: wait.within,
            last: self.last(),
        }
    }

    /// The last lines, for errors.
    fn last(&self) -> String {
        last_lines(&self.target, &self.screen.tail(0, 600))
    }
}

/// The last lines of a text in quotes, secrets masked.
pub(super) fn last_lines(target: &SshTarget, text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(4);
    match lines.get(from..) {
        Some(lines) if !lines.is_empty() => format!("{:?}", target.mask(&lines.join("\n"))),
        _ => "nothing".to_owned(),
    }
}
