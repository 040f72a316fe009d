//! A command on a channel of its own: no prompt, an exit status.

use std::time::Duration;

use russh::ChannelMsg;

use super::error::CliError;
use super::screen::Screen;
use super::session::Session;
use super::shell::Output;
use super::target::SshTarget;
use super::text::{Judgement, judge};
use super::wire::last_lines;
use crate::rt::{Instant, timeout_at};
use crate::switch::profile::ssh::rules::CliRules;

/// Exit statuses of shells for "cannot be executed" and "not found".
const NOT_RUN: [u32; 2] = [126, 127];

/// Runs a command. `show`: it only reads, so that an exit status such as grep's 1 without any message is no refusal.
pub(super) async fn exec(
    session: &Session,
    target: &SshTarget,
    rules: &CliRules,
    command: &str,
    within: Duration,
    show: bool,
) -> Result<Output, CliError> {
    let deadline = Instant::now() + within;
    let during = format!("`{command}`");
    let broken = |why: String| CliError::Broken {
        switch: target.name.clone(),
        during: target.mask(&during),
        why,
    };
    let mut channel = session.channel(target).await?;
    tracing::debug!(switch = %target.name, command, "sent");
    match timeout_at(deadline, channel.exec(true, command)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => return Err(broken(e.to_string())),
        Err(_) => return Err(broken("it takes no command".into())),
    }
    let (mut out, mut err) = (Screen::default(), Screen::default());
    let (mut status, mut ended) = (None, false);
    loop {
        let Ok(message) = timeout_at(deadline, channel.wait()).await else {
            let last = format!("{}{}", out.text(), err.text());
            return Err(CliError::TooLate {
                switch: target.name.clone(),
                during: target.mask(&during),
                within,
                last: last_lines(target, &last),
            });
        };
        match message {
            Some(ChannelMsg::Data { data }) => out.push(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) => err.push(&data),
            Some(ChannelMsg::ExitStatus { exit_status }) => status = Some(exit_status),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                return Err(broken(format!("it was ended by signal {signal_name:?}")));
            }
            Some(ChannelMsg::Failure) => {
                return Err(CliError::Refused {
                    switch: target.name.clone(),
                    command: command.to_owned(),
                    line: "it takes no commands on a channel of their own (`channel = \"exec\"`)"
                        .into(),
                });
            }
            Some(ChannelMsg::Eof) => ended = true,
            Some(ChannelMsg::Close) => {
                ended = true;
                break;
            }
            Some(_) => {}
            None => break,
        }
    }
    // A connection that is cut is not a command that has ended.
    if status.is_none() && !ended {
        return Err(broken("the connection ended before the command did".into()));
    }
    let (text, complaint) = (out.text(), err.text());
    let all = format!("{text}\n{complaint}");
    let judgement = match (judge(&all, rules), status) {
        (Judgement::Accepted, Some(code)) if code != 0 => {
            let silent = complaint.trim().is_empty();
            if show && silent && !NOT_RUN.contains(&code) {
                Judgement::Accepted
            } else {
                let last = all.lines().rev().find(|l| !l.trim().is_empty());
                let said = last.map_or_else(String::new, |l| format!(": {}", l.trim()));
                Judgement::Refused(format!("exit status {code}{said}"))
            }
        }
        (judged, _) => judged,
    };
    Ok(Output {
        text: text.trim_end().to_owned(),
        judgement,
        mode: None,
        status,
    })
}
