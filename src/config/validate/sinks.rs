//! `[[alert.sink]]`: the keys that every sink has. Those of its kind are read by whoever knows the kinds.

use std::collections::BTreeSet;
use std::time::Duration;

use super::range::ms;
use crate::config::problem::Check;
use crate::config::resolved::AlertSink;
use crate::config::section::{KindTable, Section};
use crate::config::suggest::{nearest, quoted_list};
use crate::config::surroundings::SinkReader;
use crate::takeover::action::Level;

/// Longest name: it is the name of a file.
const LONGEST_NAME: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(10);
const REPEAT: Duration = Duration::from_secs(4 * 3600);

/// Everybody who is told; one that is refused is left out, and was said.
pub(super) fn sinks(
    tables: &[toml::Table],
    reader: SinkReader,
    check: &mut Check<'_>,
) -> Vec<AlertSink> {
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for (i, table) in tables.iter().enumerate() {
        let at = format!("alert.sink[{i}]");
        let Some(sink) = sink(&at, table, reader, check) else {
            continue;
        };
        if !names.insert(sink.name.clone()) {
            let what = format!("two sinks are called `{}`", sink.name);
            check.error(&format!("{at}.name"), what, "each has a name of its own");
        }
        all.push(sink);
    }
    all
}

fn sink(
    at: &str,
    table: &toml::Table,
    reader: SinkReader,
    check: &mut Check<'_>,
) -> Option<AlertSink> {
    let mut section = Section::new(at.to_owned(), table, check);
    let known = (reader.kinds)();
    let kinds = format!("one of {}", quoted_list(&known));
    let kind = section.required_text("kind", &kinds);
    let name = section.required_text("name", "a name of its own, such as name = \"night\"");
    let level = section.choice(
        "level",
        &[
            ("info", Level::Info),
            ("warning", Level::Warning),
            ("critical", Level::Critical),
        ],
    );
    let timeout = section.duration("timeout", TIMEOUT, (ms(100), ms(300_000)));
    let repeat = section.duration("repeat", REPEAT, (ms(60_000), ms(7 * 86_400_000)));
    let quiet = section.text("quiet").unwrap_or_default();
    if !quiet.is_empty()
        && let Err(why) = (reader.quiet)(&quiet)
    {
        section.refuse("quiet", why, "such as \"22:00-06:00\", local time");
    }
    let kind = kind?;
    if !known.contains(&kind.as_str()) {
        let help = match nearest(&kind, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => kinds,
        };
        section.refuse("kind", format!("there is no kind of sink `{kind}`"), help);
        return None;
    }
    let name = name?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.len() > LONGEST_NAME || !name.chars().all(plain) {
        let help = format!("at most {LONGEST_NAME} letters, digits, `-` and `_`");
        section.refuse("name", format!("`{name}` is no name of a sink"), help);
    }
    let fine = (reader.read)(&kind, &mut section);
    let fine = section.end() && fine;
    fine.then(|| AlertSink {
        name,
        level: level.unwrap_or(Level::Warning),
        timeout,
        repeat,
        quiet,
        table: KindTable {
            at: at.to_owned(),
            kind,
            table: table.clone(),
        },
    })
}
