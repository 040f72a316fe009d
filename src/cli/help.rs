//! `standin help`: a page of the manual, how a command is used, or what there is of both.

use std::ffi::{OsStr, OsString};

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use super::args::Cli;
use super::common::{refuse, say_json};
use super::pager;
use crate::exit::ExitCode;
use crate::manual::{self, TOPICS, Topic};

/// Of a group's commands the group too may be asked, as clap has it: `switch help apply` is `help switch apply`.
pub fn first(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if let [_, group, help, ..] = &arguments[..]
        && help == "help"
        && Cli::command()
            .find_subcommand(group)
            .is_some_and(clap::Command::has_subcommands)
    {
        arguments.swap(1, 2);
    }
    arguments
}

/// Prints it; on a terminal through a pager.
pub fn run(about: &[String], as_json: bool) -> ExitCode {
    let topic = match about {
        [] => return everything(as_json),
        [name] => manual::find(name),
        [..] => None,
    };
    match (topic, command(about)) {
        (Some(topic), _) => page(topic, as_json),
        (None, Some(command)) => usage(about, &command, as_json),
        (None, None) => unknown(about, as_json),
    }
}

fn everything(as_json: bool) -> ExitCode {
    let mut cli = Cli::command();
    if as_json {
        let commands = cli.get_subcommands();
        let commands: Vec<Value> = commands
            .map(|c| json!({ "name": c.get_name(), "about": about_of(c) }))
            .collect();
        let topics = TOPICS.map(|t| json!({ "name": t.name, "about": t.about }));
        say_json(&json!({ "ok": true, "commands": commands, "topics": topics }));
    } else {
        pager::show(&cli.render_long_help().to_string());
    }
    ExitCode::Ok
}

fn page(topic: &Topic, as_json: bool) -> ExitCode {
    if as_json {
        let Topic { name, about, text } = topic;
        say_json(&json!({ "ok": true, "name": name, "about": about, "text": text }));
    } else {
        pager::show(&topic.laid_out(pager::width()));
    }
    ExitCode::Ok
}

/// As the command's own `--help` prints it.
fn usage(path: &[String], command: &clap::Command, as_json: bool) -> ExitCode {
    let words = ["standin"]
        .into_iter()
        .chain(path.iter().map(String::as_str));
    let Err(help) = Cli::try_parse_from(words.chain(["--help"])) else {
        // Every command has --help (tested).
        return ExitCode::Internal;
    };
    if as_json {
        let (name, text) = (path.join(" "), help.to_string());
        say_json(&json!({ "ok": true, "name": name, "about": about_of(command), "text": text }));
    } else {
        let _ = help.print();
    }
    ExitCode::Ok
}

fn unknown(about: &[String], as_json: bool) -> ExitCode {
    let topics: Vec<&str> = TOPICS.iter().map(|t| t.name).collect();
    let cli = Cli::command();
    let commands: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let text = format!(
        "there is neither a topic nor a command `{}`. Topics: {}. Commands: {}",
        about.join(" "),
        topics.join(", "),
        commands.join(", ")
    );
    refuse(ExitCode::Usage, &text, as_json)
}

/// The command that `path` names, such as `switch apply`.
fn command(path: &[String]) -> Option<clap::Command> {
    let mut at = Cli::command();
    for name in path {
        at = at.find_subcommand(OsStr::new(name))?.clone();
    }
    Some(at)
}

fn about_of(command: &clap::Command) -> Option<String> {
    command.get_about().map(ToString::to_string)
}
