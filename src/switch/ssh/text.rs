//! Reading what a switch says: its prompt, its pager and its questions at the end of the output, the echo of the
//! command, log lines in between, and whether a command was accepted. Pure; never panics, whatever comes.

use std::collections::BTreeSet;

use regex::Regex;

use crate::switch::profile::ssh::rules::{Answer, CliRules};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing in its output says otherwise.
    Accepted,
    /// This line says that it was refused.
    Refused(String),
    /// This line says that somebody else holds the configuration.
    Busy(String),
}

/// What the end of the output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A prompt of this mode. `sure` if nothing more can follow: it is a prompt that this session has shown before,
    /// or one of the same host. `text` is the prompt.
    Prompt {
        /// The mode.
        mode: String,
        /// As it was printed.
        text: String,
        /// False: it may be a line of output that looks like one, and the rest is still to come.
        sure: bool,
    },
    /// A pager, by its number in the rules; `at` is where its text begins in the last line, in characters.
    Pager {
        /// Number of the answer.
        number: usize,
        /// Where it begins.
        at: usize,
    },
    /// A question, by its number among those that were expected.
    Question {
        /// Number of the answer.
        number: usize,
        /// True if the match reaches to the very end, so that the question is complete.
        sure: bool,
    },
}

/// Prompts that a session has shown.
#[derive(Clone, Debug, Default)]
pub struct Prompts {
    shown: BTreeSet<String>,
    host: Option<String>,
}

/// Longest host name that is compared: Cisco IOS cuts it in configuration prompts.
const HOST: usize = 16;

impl Prompts {
    /// Remembers a prompt.
    pub fn learn(&mut self, text: &str) {
        if self.host.is_none() {
            self.host = host(text);
        }
        if self.shown.len() < 64 {
            self.shown.insert(normal(text));
        }
    }

    fn knows(&self, text: &str) -> bool {
        self.shown.contains(&normal(text))
            || self
                .host
                .as_ref()
                .is_some_and(|h| text.contains(h.as_str()))
    }

    /// `line` without a known prompt at its beginning.
    fn strip<'a>(&self, line: &'a str) -> Option<&'a str> {
        self.shown
            .iter()
            .filter(|p| !p.is_empty() && !p.contains('\n'))
            .find_map(|p| {
                let end = line
                    .char_indices()
                    .nth(p.chars().count())
                    .map_or(line.len(), |(i, _)| i);
                let (head, rest) = line.split_at(end);
                (normal(head) == *p).then_some(rest)
            })
    }
}

/// A prompt without what changes in it: a counter (`* host.4 #`).
fn normal(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

fn host(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .max_by_key(|w| w.len())
        .filter(|w| w.len() >= 3)
        .map(|w| w.chars().take(HOST).collect())
}

/// Finds out what the end of the output is. `tail`: its last lines, beginning at a line's start; `expect`: the mode
/// that is preferred where a prompt fits several.
pub fn end(
    tail: &str,
    rules: &CliRules,
    asks: &[&Answer],
    prompts: &Prompts,
    expect: &[&str],
) -> Option<End> {
    if let Some(found) = question(tail, asks) {
        return Some(found);
    }
    let line_at = tail.rfind('\n').map_or(0, |i| i + 1);
    let last = tail.get(line_at..).unwrap_or_default();
    for (number, pager) in rules.pager.iter().enumerate() {
        if let Some(m) = pager.see.find(last).filter(|m| !m.is_empty()) {
            let before = last.get(..m.start()).unwrap_or_default();
            return Some(End::Pager {
                number,
                at: before.chars().count(),
            });
        }
    }
    if let Some(found) = prompt(tail, rules, prompts, expect) {
        return Some(found);
    }
    // A log line after the prompt: the switch does not print the prompt again.
    let quiet = without_noise(tail, &rules.noise, prompts)?;
    match prompt(quiet.trim_end_matches('\n'), rules, prompts, expect)? {
        End::Prompt { mode, text, .. } => Some(End::Prompt {
            mode,
            text,
            sure: false,
        }),
        other => Some(other),
    }
}

fn question(tail: &str, asks: &[&Answer]) -> Option<End> {
    let text = tail.trim_end();
    let last = text.rfind('\n').map_or(0, |i| i + 1);
    asks.iter().enumerate().find_map(|(number, ask)| {
        let m = ask.see.find_iter(tail).filter(|m| !m.is_empty()).last()?;
        (m.end() > last).then(|| End::Question {
            number,
            sure: m.end() >= text.len(),
        })
    })
}

fn prompt(tail: &str, rules: &CliRules, prompts: &Prompts, expect: &[&str]) -> Option<End> {
    let end = tail.trim_end_matches([' ', '\t']).len();
    // A prompt stands at the cursor, not on a line that has been ended.
    if end == 0 || tail.get(..end).is_some_and(|t| t.ends_with('\n')) {
        return None;
    }
    let fits = |name: &str| {
        let mode = rules.modes.get(name)?;
        let m = mode
            .prompt
            .find_iter(tail)
            .last()
            .filter(|m| m.end() >= end)?;
        let from = tail.get(..m.start())?.rfind('\n').map_or(0, |i| i + 1);
        let shown = tail.get(from..)?;
        let excluded = mode
            .prompt_not
            .as_ref()
            .is_some_and(|not| not.is_match(shown));
        let text = shown.trim().to_owned();
        (!excluded && !text.is_empty()).then(|| End::Prompt {
            mode: name.to_owned(),
            sure: prompts.knows(&text),
            text,
        })
    };
    expect
        .iter()
        .find_map(|name| fits(name))
        .or_else(|| rules.modes.keys().find_map(|name| fits(name)))
}

/// `text` without its noise lines; `None` if it has none.
fn without_noise(text: &str, noise: &[Regex], prompts: &Prompts) -> Option<String> {
    let mut found = false;
    let mut kept = Vec::new();
    for line in text.split('\n') {
        if is_noise(line, noise) {
            found = true;
        } else if let Some(rest) = prompts.strip(line)
            && !rest.trim().is_empty()
            && is_noise(rest.trim_start(), noise)
        {
            // Printed right behind a prompt.
            found = true;
            kept.push(line.get(..line.len() - rest.len()).unwrap_or_default());
        } else {
            kept.push(line);
        }
    }
    found.then(|| kept.join("\n"))
}

fn is_noise(line: &str, noise: &[Regex]) -> bool {
    !line.is_empty() && noise.iter().any(|n| n.is_match(line))
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Where the echo of `command` at the beginning of `text` ends: once, twice, wrapped over lines, with a prompt before
/// it, or not there (then `None`).
fn echo_end(text: &str, command: &str, prompts: &Prompts) -> Option<usize> {
    let wanted = squeezed(command);
    if wanted.is_empty() {
        return None;
    }
    let (mut at, mut end) = (0, None);
    let mut so_far = String::new();
    for line in text.split_inclusive('\n').take(64) {
        at += line.len();
        let shown = prompts
            .strip(line)
            .filter(|_| so_far.is_empty())
            .unwrap_or(line);
        let shown = squeezed(shown);
        if so_far.is_empty() && shown.is_empty() {
            continue;
        }
        so_far.push_str(&shown);
        if so_far == wanted {
            end = Some(at);
            so_far.clear();
        } else if !wanted.starts_with(&so_far) {
            break;
        }
    }
    end
}

/// True if `text` begins with the echo of `command`, apart from log lines.
pub fn echoed(text: &str, command: &str, noise: &[Regex], prompts: &Prompts) -> bool {
    let quiet = without_noise(text, noise, prompts);
    echo_end(quiet.as_deref().unwrap_or(text), command, prompts).is_some()
}

/// The output proper: without the echo, the prompt at its end and log lines.
pub fn output(
    text: &str,
    command: &str,
    prompt: &str,
    noise: &[Regex],
    prompts: &Prompts,
) -> String {
    let quiet = without_noise(text, noise, prompts);
    let text = quiet.as_deref().unwrap_or(text).trim_end();
    let text = text.strip_suffix(prompt.trim_end()).unwrap_or(text);
    let from = echo_end(text, command, prompts).unwrap_or(0);
    let text = text.get(from..).unwrap_or_default();
    text.trim_end().trim_start_matches(['\n', '\r']).to_owned()
}

/// Judges the output of a command, line by line: `allow` excuses, `busy` comes before `refuse`.
pub fn judge(output: &str, rules: &CliRules) -> Judgement {
    let matches = |list: &[Regex], line: &str| list.iter().any(|r| r.is_match(line));
    let mut refused = None;
    for line in output.lines().filter(|l| !l.trim().is_empty()) {
        if matches(&rules.busy, line) {
            return Judgement::Busy(line.trim().to_owned());
        }
        if refused.is_none() && matches(&rules.refuse, line) && !matches(&rules.allow, line) {
            refused = Some(line.trim().to_owned());
        }
    }
    refused.map_or(Judgement::Accepted, Judgement::Refused)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::switch::profile::ssh::rules::CliRules;
    use crate::switch::ssh::screen::Screen;

    fn rules() -> CliRules {
        let raw = toml::from_str(
            r#"
            channel = "shell"
            pager = [{ see = '--More--', key = " " }]
            refuse = ['^%', '^error:']
            allow = ['^% Access VLAN does not exist']
            busy = ['locked by']
            noise = ['^%\S+-\d-\S+:']
            [mode.exec]
            prompt = '^(\* )?[\w.\-]{1,63}[#>]\s*$'
            [mode.config]
            prompt = '\[edit[^\]]*\]\s+\S+@\S+#\s*$'
            from = "exec"
            enter = "configure"
            "#,
        )
        .unwrap();
        CliRules::compile(&raw).unwrap()
    }

    fn mode(tail: &str) -> Option<String> {
        match end(tail, &rules(), &[], &Prompts::default(), &[])? {
            End::Prompt { mode, .. } => Some(mode),
            _ => None,
        }
    }

    #[test]
    fn a_prompt_is_at_the_very_end_or_before_log_lines() {
        assert_eq!(mode("x\nsw#").as_deref(), Some("exec"));
        assert_eq!(mode("[edit]\nops@sw# ").as_deref(), Some("config"));
        assert_eq!(mode("sw#\n%LINK-5-UP: x\n").as_deref(), Some("exec"));
        assert_eq!(mode("sw#\n"), None);
        assert_eq!(mode("sw# sh"), None);
        assert_eq!(mode(""), None);
    }

    #[test]
    fn an_echo_is_taken_away_in_every_form() {
        let mut prompts = Prompts::default();
        prompts.learn("sw#");
        for text in [
            "show clock\n12:00\nsw#",
            "show clock\nshow clock\n12:00\nsw#",
            "show cl\nock\n12:00\nsw#",
            "sw#show clock\n12:00\nsw#",
            "12:00\nsw#",
            "%LINK-5-UP: x\nshow clock\n12:00\n%LINK-5-UP: y\nsw#",
        ] {
            let out = output(text, "show clock", "sw#", &rules().noise, &prompts);
            assert_eq!(out, "12:00", "{text:?}");
        }
    }

    #[test]
    fn busy_comes_before_refused_and_allowed_is_accepted() {
        let judged = |text| judge(text, &rules());
        assert_eq!(judged("fine"), Judgement::Accepted);
        assert_eq!(
            judged("% Access VLAN does not exist. Creating"),
            Judgement::Accepted
        );
        assert_eq!(judged("a\n% Bad\n"), Judgement::Refused("% Bad".into()));
        assert_eq!(
            judged("error: database locked by:\n ops"),
            Judgement::Busy("error: database locked by:".into())
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            static RULES: std::sync::LazyLock<CliRules> = std::sync::LazyLock::new(rules);
            let rules = &*RULES;
            let (mut whole, mut parts) = (Screen::default(), Screen::default());
            whole.push(&bytes);
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            parts.push(a);
            parts.push(b);
            prop_assert_eq!(whole.text(), parts.text());
            let text = whole.text();
            let mut prompts = Prompts::default();
            prompts.learn(&text);
            let asks: Vec<&Answer> = rules.pager.iter().collect();
            let _ = end(&whole.tail(0, 64), rules, &asks, &prompts, &["exec"]);
            judge(&output(&text, &text, &text, &rules.noise, &prompts), rules);
        }
    }
}
