//! Every command, option and topic that is named somewhere is there.

use std::collections::BTreeSet;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, Parser};
use serde_json::Value;
use standin::cli::Cli;
use standin::manual::{self, TOPICS};

use super::{files, pages, read, spans, standin};

/// Words that stand for something: `NAME`, `ID`, and what the program fills in, `{name}`.
fn stands_for(word: &str) -> bool {
    let capital = |c: char| c.is_ascii_uppercase() || "|:-_.".contains(c);
    word.contains('{') || (word.chars().all(capital) && !word.starts_with('-'))
}

/// Why a person who types this would be refused by the command line.
fn refused(line: &str) -> Option<String> {
    let line = line.split(" #").next().unwrap_or_default();
    let line = line.split([';', '|', '>']).next().unwrap_or_default();
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|w| w.trim_matches(['[', ']']).trim_end_matches(','))
        .filter(|w| *w != "...")
        .collect();
    if let ["standin", "help", about @ ..] = &words[..] {
        let known = |path: &[&str]| {
            let mut at = Cli::command();
            path.iter().all(|name| match at.find_subcommand(name) {
                Some(next) => {
                    at = next.clone();
                    true
                }
                None => false,
            })
        };
        let about: Vec<&str> = about.iter().copied().filter(|w| *w != "--json").collect();
        let fine = about.iter().all(|w| stands_for(w))
            || known(&about)
            || (about.len() == 1 && manual::find(about[0]).is_some());
        return (!fine).then(|| format!("no topic or command {about:?}"));
    }
    let error = Cli::try_parse_from(&words).err()?;
    let value = || match error.get(ContextKind::InvalidValue) {
        Some(clap::error::ContextValue::String(v)) => v.clone(),
        _ => String::new(),
    };
    match error.kind() {
        // A command that is only named, without what it is about.
        ErrorKind::MissingRequiredArgument
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if stands_for(&value()) => None,
        // An option that is named without its value.
        ErrorKind::InvalidValue if value().is_empty() => None,
        kind => Some(format!("{kind:?}: {error}")),
    }
}

/// What a page says to type: between backticks, and in its blocks of code.
fn typed(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let code = joined
        .lines()
        .filter_map(|l| l.strip_prefix("    "))
        .map(str::trim_start);
    spans(&joined)
        .chain(code)
        .filter(|l| l.starts_with("standin "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_that_a_page_names_can_be_typed() {
    let mut seen = 0;
    for (page, text) in pages() {
        for line in typed(&text) {
            seen += 1;
            assert_eq!(refused(&line), None, "{page}: `{line}`");
        }
    }
    assert!(seen > 90, "only {seen} were looked at");
}

#[test]
fn every_command_that_the_program_names_can_be_typed() {
    let mut seen = 0;
    let profiles = files("switch-profiles", "toml");
    let others = ["config/standin.toml", "config/standin.service"].map(|p| (p.to_owned(), read(p)));
    let sources = files("src", "rs").into_iter().chain(profiles).chain(others);
    for (file, text) in sources {
        for line in text.lines() {
            for span in line.split('`').skip(1).step_by(2) {
                // A pattern that is filled in with the command itself.
                let filled = span.starts_with("standin {");
                if span.starts_with("standin ") && !filled {
                    seen += 1;
                    assert_eq!(refused(span), None, "{file}: `{span}`");
                }
            }
            if let Some((_, topic)) = line.split_once("standin help ") {
                let end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
                let topic = topic.split(end).next().unwrap();
                seen += 1;
                let line = format!("standin help {topic}");
                assert_eq!(refused(&line), None, "{file}: `{line}`");
            }
        }
    }
    assert!(seen > 100, "only {seen} were looked at");
}

#[test]
fn what_cannot_be_typed_is_refused() {
    for line in [
        "standin stauts",
        "standin hold NAME maybe",
        "standin status --new-mac MAC",
        "standin switch aply core",
        "standin release NAME --mac MAC",
        "standin unfence p-prim",
        "standin help nothing",
        "standin help switch aply",
        "standin status a b",
    ] {
        assert!(refused(line).is_some(), "{line}");
    }
    for line in [
        "standin release NAME --new-mac MAC",
        "standin takeover",
        "standin unfence core:p-prim --force",
        "standin unfence --force {at}",
        "standin help TOPIC",
        "standin help switch apply",
    ] {
        assert_eq!(refused(line), None, "{line}");
    }
}

/// `--long` of every command, and of the lab's scripts.
fn options() -> BTreeSet<String> {
    fn collect(command: &clap::Command, into: &mut BTreeSet<String>) {
        let longs = command.get_arguments().filter_map(clap::Arg::get_long);
        into.extend(longs.map(|l| format!("--{l}")));
        command.get_subcommands().for_each(|c| collect(c, into));
    }
    let mut all = BTreeSet::from(["--help".to_owned()]);
    collect(&Cli::command(), &mut all);
    for (_, text) in files("tests/lab", "py") {
        let words = text.split(['"', '\'']).filter(|w| w.starts_with("--"));
        all.extend(words.map(str::to_owned));
    }
    all
}

#[test]
fn every_option_that_a_page_names_is_there() {
    let (options, mut seen) = (options(), 0);
    for (page, text) in pages() {
        for span in spans(&text).filter(|s| s.starts_with("--")) {
            let option = span.split([' ', '=']).next().unwrap();
            seen += 1;
            assert!(options.contains(option), "{page}: `{span}`");
        }
    }
    assert!(seen > 15, "only {seen} were looked at");
}

#[test]
fn no_topic_is_called_as_a_command_is() {
    for topic in TOPICS {
        let command = Cli::command();
        assert!(
            command.find_subcommand(topic.name).is_none(),
            "{}",
            topic.name
        );
    }
}

#[test]
fn help_lists_topics_beside_commands() {
    let (code, out, err) = standin(&["help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for topic in TOPICS {
        let listed = |l: &str| l.trim_start().starts_with(&format!("{} ", topic.name));
        assert!(out.lines().any(listed), "{}\n{out}", topic.name);
    }
    assert!(
        out.contains("  status  ") && out.contains("  help  "),
        "{out}"
    );
    assert_eq!(out.trim_end(), standin(&["--help"]).1.trim_end());

    let (code, out, _) = standin(&["help", "--json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    let names = |of: &str| -> BTreeSet<String> {
        let all = listed[of].as_array().unwrap().iter();
        all.map(|x| x["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(code, Some(0));
    assert_eq!(
        names("topics"),
        TOPICS.iter().map(|t| t.name.to_owned()).collect()
    );
    let commands = Cli::command();
    let commands = commands.get_subcommands().map(|c| c.get_name().to_owned());
    assert_eq!(names("commands"), commands.collect());
}

#[test]
fn help_prints_the_page_of_a_topic_and_the_usage_of_a_command() {
    for topic in TOPICS {
        let (code, out, err) = standin(&["help", topic.name]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{}", topic.name);
        assert_eq!(out, topic.laid_out(80), "{}", topic.name);
        let (_, out, _) = standin(&["--json", "help", topic.name]);
        let said: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (said["name"].as_str(), said["text"].as_str()),
            (Some(topic.name), Some(topic.text))
        );
    }
    fn every(path: &[&str], command: &clap::Command, count: &mut usize) {
        for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let path = [path, &[sub.get_name()]].concat();
            let help = [&["help"], &path[..]].concat();
            let asked = [&path[..], &["--help"]].concat();
            let usage = standin(&help);
            assert!(usage.1.ends_with('\n'), "{path:?}");
            assert_eq!(usage, standin(&asked), "{path:?}");
            *count += 1;
            every(&path, sub, count);
        }
    }
    let mut count = 0;
    every(&[], &Cli::command(), &mut count);
    assert!(count > 30, "only {count} commands");
    // As clap has it, further down.
    assert_eq!(
        standin(&["switch", "help", "apply"]),
        standin(&["switch", "apply", "--help"])
    );
    let (_, out, _) = standin(&["help", "switch", "apply", "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["name"], "switch apply");
    assert!(
        said["text"]
            .as_str()
            .unwrap()
            .contains("Usage: standin switch apply")
    );
}

#[test]
fn what_is_neither_a_topic_nor_a_command_is_refused_with_what_there_is() {
    for about in [&["oprate"][..], &["switch", "aply"], &["operate", "now"]] {
        let arguments = [&["help"], about].concat();
        let (code, out, err) = standin(&arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{about:?}");
        let names = TOPICS
            .iter()
            .map(|t| t.name)
            .chain(["status", "switch", "takeover"]);
        for name in names {
            assert!(err.contains(name), "{name}: {err}");
        }
        assert!(err.contains(&about.join(" ")), "{err}");
    }
    let (code, out, _) = standin(&["help", "oprate", "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, said["ok"].as_bool()), (Some(2), Some(false)));
}
