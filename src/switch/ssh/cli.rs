//! The command line of one switch: one session at a time, kept open for a short while between uses.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use tokio::sync::Mutex;

use super::error::CliError;
use super::exec::exec;
use super::random::named;
use super::session::Session;
use super::shell::{Output, Shell};
use super::show;
use super::show::Record;
use super::target::SshTarget;
use super::text::Judgement;
use crate::rt::{self, Instant};
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::ssh::rules::{Answer, ChannelKind, CliRules, Show};

/// One command to send.
#[derive(Clone, Debug)]
pub struct Command {
    /// The command, with placeholders.
    pub text: String,
    /// Questions that it may ask.
    pub asks: Vec<Answer>,
    /// How long it may take; `None`: as the rules say.
    pub within: Option<Duration>,
    /// What its output must match.
    pub expect: Option<Regex>,
    /// The mode it is sent in; `None`: the one the others are sent in.
    pub mode: Option<String>,
    /// The mode it leads to, which must then be there.
    pub lands: Option<String>,
}

impl Command {
    /// A command without questions.
    pub fn new(text: impl Into<String>) -> Command {
        Command {
            text: text.into(),
            asks: Vec::new(),
            within: None,
            expect: None,
            mode: None,
            lands: None,
        }
    }
}

/// An open session.
pub(super) struct Open {
    session: Session,
    shell: Option<Shell>,
    used: Instant,
}

impl Open {
    pub(super) async fn new(
        target: &Arc<SshTarget>,
        rules: &Arc<CliRules>,
    ) -> Result<Open, CliError> {
        let session = Session::open(target, rules).await?;
        let shell = match rules.channel {
            ChannelKind::Exec => None,
            ChannelKind::Shell => Some(Shell::open(&session, target.clone(), rules.clone()).await?),
        };
        let used = Instant::now();
        Ok(Open {
            session,
            shell,
            used,
        })
    }

    /// Ends the session, whatever state it is in.
    pub(super) async fn close(self) {
        self.session.close().await;
    }

    pub(super) async fn go(&mut self, mode: Option<&str>, vars: &Vars) -> Result<(), CliError> {
        match (&mut self.shell, mode) {
            (Some(shell), Some(mode)) => shell.go(mode, vars).await,
            _ => Ok(()),
        }
    }

    /// Leaves configuration modes, so that nothing stays locked.
    pub(super) async fn rest(&mut self, rules: &CliRules) -> Result<(), CliError> {
        match &mut self.shell {
            Some(shell) => {
                let to = rules.resting(shell.mode()).to_owned();
                shell.go(&to, &Vars::new()).await
            }
            None => Ok(()),
        }
    }

    pub(super) async fn run(
        &mut self,
        cli: &Cli,
        text: &str,
        command: &Command,
    ) -> Result<Output, CliError> {
        let within = command.within.unwrap_or(cli.rules.within);
        let lands: Vec<&str> = command.lands.as_deref().into_iter().collect();
        let output = match &mut self.shell {
            Some(shell) => shell.expecting(text, &command.asks, within, &lands).await?,
            None => exec(&self.session, &cli.target, &cli.rules, text, within, false).await?,
        };
        Ok(output)
    }

    async fn show(&mut self, cli: &Cli, show: &Show, text: &str) -> Result<Output, CliError> {
        self.go(show.mode.as_deref(), &named(&Vars::new())).await?;
        let within = cli.rules.within;
        match &mut self.shell {
            Some(shell) => shell.long(text, within).await,
            None => exec(&self.session, &cli.target, &cli.rules, text, within, true).await,
        }
    }
}

/// The command line of one switch. Cheap to clone; all clones share one session.
#[derive(Clone)]
pub struct Cli {
    pub(super) target: Arc<SshTarget>,
    pub(super) rules: Arc<CliRules>,
    pub(super) open: Arc<Mutex<Option<Open>>>,
}

impl std::fmt::Debug for Cli {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cli")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Cli {
    /// For this switch; connects when it is first used.
    pub fn new(target: SshTarget, rules: Arc<CliRules>) -> Cli {
        Cli {
            target: Arc::new(target),
            rules,
            open: Arc::default(),
        }
    }

    /// How it is reached.
    pub fn target(&self) -> &SshTarget {
        &self.target
    }

    /// Its rules.
    pub fn rules(&self) -> &CliRules {
        &self.rules
    }

    /// Logs in and gets to a prompt, which proves reachability, host key and credentials.
    ///
    /// # Errors
    ///
    /// Whatever keeps us out.
    pub async fn login(&self) -> Result<(), CliError> {
        let mut slot = self.open.lock().await;
        let (open, _) = self.take(&mut slot).await?;
        self.keep(&mut slot, open);
        Ok(())
    }

    /// Goes to a mode and out of it again, and sends nothing there: whether this user may configure at all.
    ///
    /// # Errors
    ///
    /// Whatever keeps us out.
    pub async fn visit(&self, mode: &str) -> Result<(), CliError> {
        let mut slot = self.open.lock().await;
        let (mut open, _) = self.take(&mut slot).await?;
        let done = open.go(Some(mode), &named(&Vars::new())).await;
        if open.rest(&self.rules).await.is_ok() {
            self.keep(&mut slot, open);
        } else {
            open.close().await;
        }
        done
    }

    /// Asks for something that the profile knows to show, and reads it.
    ///
    /// # Errors
    ///
    /// The profile does not know it, the switch does not answer or refuses, or its answer cannot be read.
    pub async fn show(&self, name: &str, vars: &Vars) -> Result<Vec<Record>, CliError> {
        Ok(self.show_with_text(name, vars).await?.0)
    }

    /// The same, and the text that it was read from.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn show_with_text(
        &self,
        name: &str,
        vars: &Vars,
    ) -> Result<(Vec<Record>, String), CliError> {
        let rules = self.rules.clone();
        let show = rules.shows.get(name).ok_or_else(|| CliError::Profile {
            switch: self.target.name.clone(),
            why: format!("its profile cannot show `{name}` ([ssh.show.{name}] is missing)"),
        })?;
        let command = self.fill(&show.send, vars)?;
        let output = self.shown(show, &command).await?;
        let refused = |line: &String| CliError::Refused {
            switch: self.target.name.clone(),
            command: command.clone(),
            line: self.target.mask(line),
        };
        match &output.judgement {
            Judgement::Accepted => {}
            Judgement::Refused(line) => return Err(refused(line)),
            Judgement::Busy(line) => {
                return Err(CliError::Busy {
                    switch: self.target.name.clone(),
                    command,
                    line: self.target.mask(line),
                });
            }
        }
        let records = show::parse(show, &output.text).map_err(|why| CliError::Unparsable {
            switch: self.target.name.clone(),
            command: command.clone(),
            why,
            begins: beginning(&self.target.mask(&output.text)),
        })?;
        Ok((records, output.text))
    }

    async fn shown(&self, show: &Show, command: &str) -> Result<Output, CliError> {
        let mut slot = self.open.lock().await;
        let (mut open, kept) = self.take(&mut slot).await?;
        match open.show(self, show, command).await {
            // Reading again does no harm; a session that was kept may have ended meanwhile.
            Err(CliError::Broken { .. } | CliError::Unreachable { .. }) if kept => {
                let (mut open, _) = self.take(&mut slot).await?;
                let output = open.show(self, show, command).await?;
                self.keep(&mut slot, open);
                Ok(output)
            }
            Err(e) => {
                if matches!(e, CliError::Refused { .. } | CliError::Busy { .. }) {
                    self.keep(&mut slot, open);
                } else {
                    open.close().await;
                }
                Err(e)
            }
            Ok(output) => {
                self.keep(&mut slot, open);
                Ok(output)
            }
        }
    }

    pub(super) fn fill(&self, command: &str, vars: &Vars) -> Result<String, CliError> {
        let vars = vars.clone().or_with("user", &self.target.user);
        self.rules
            .fill(command, &vars)
            .map_err(|problem| CliError::Fill {
                switch: self.target.name.clone(),
                problem,
            })
    }

    /// The session that is open, or a new one; true if it was kept from before.
    pub(super) async fn take(&self, slot: &mut Option<Open>) -> Result<(Open, bool), CliError> {
        match slot.take().filter(|o| !o.session.is_closed()) {
            Some(open) => Ok((open, true)),
            None => Ok((Open::new(&self.target, &self.rules).await?, false)),
        }
    }

    /// Keeps a session for the next use, for [`SshTarget::keep`].
    pub(super) fn keep(&self, slot: &mut Option<Open>, mut open: Open) {
        open.used = Instant::now();
        *slot = Some(open);
        let (shared, keep) = (Arc::downgrade(&self.open), self.target.keep);
        rt::spawn(async move {
            rt::sleep(keep).await;
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut slot = shared.lock().await;
            let idle = slot.as_ref().is_some_and(|o| o.used.elapsed() >= keep);
            if idle && let Some(open) = slot.take() {
                open.close().await;
            }
        });
    }

    /// Ends the session, if one is open.
    pub async fn close(&self) {
        let open = self.open.lock().await.take();
        if let Some(open) = open {
            open.close().await;
        }
    }
}

fn beginning(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "nothing".into();
    }
    format!("{:?}", text.chars().take(200).collect::<String>())
}
