//! Checks a profile as a whole: every mistake at once, each at its place. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use toml::Spanned;

use super::model::*;
use super::schema::ProfileFile;
use super::{Problem, Profile, Transport};
use crate::switch::model::value::Oid;

/// The operations there are.
pub(super) const OPS: &[&str] = &[
    "port-status",
    "port-off",
    "port-on",
    "tag",
    "set-access-vlan",
    "trunk-allow",
    "trunk-remove",
    "flush-mac",
    "clear-arp",
    "poe-cycle",
    "save",
];

/// Turns what the file says into a profile, or says everything that is wrong with it.
pub(super) fn check(
    name: &str,
    file: &str,
    text: &str,
    raw: ProfileFile,
) -> Result<Profile, Vec<Problem>> {
    let check = Check {
        file,
        text,
        problems: Vec::new(),
    };
    check.profile(name, raw)
}

/// Line and column (from 1, in characters) of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (
        before.matches('\n').count() + 1,
        before[start..].chars().count() + 1,
    )
}

/// The key on a line, for what serde found: it tells the place but not the path.
pub(super) fn key_at(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let table = lines
        .iter()
        .rev()
        .find_map(|l| l.trim().strip_prefix('[')?.split(']').next())
        .unwrap_or("");
    let key = lines
        .last()
        .and_then(|l| l.split_once('='))
        .map_or("", |(k, _)| k.trim());
    match (table, key) {
        ("", "") => "profile".to_owned(),
        (t, "") => t.to_owned(),
        ("", k) => k.to_owned(),
        (t, k) => format!("{t}.{k}"),
    }
}

pub(super) struct Check<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    pub(super) fn wrong<T>(&mut self, at: &Spanned<T>, key: &str, message: impl Into<String>) {
        self.wrong_at(at.span().start, key, message);
    }

    /// The same by the byte offset.
    pub(super) fn wrong_at(&mut self, offset: usize, key: &str, message: impl Into<String>) {
        let (line, column) = place(self.text, offset);
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message: message.into(),
        });
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        at: &Spanned<String>,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices
            .iter()
            .find(|(word, _)| word == at.get_ref())
            .map(|(_, t)| *t);
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(w, _)| format!("`{w}`")).collect();
            self.wrong(
                at,
                key,
                format!("`{}` must be one of {}", at.get_ref(), words.join(", ")),
            );
        }
        found
    }

    /// Reads `3s`, `500ms` or `0`.
    pub(super) fn duration(&mut self, at: &Spanned<String>, key: &str) -> Option<Duration> {
        let found = parse_duration(at.get_ref());
        if found.is_none() {
            let message = format!("`{}` is not a time such as 3s, 500ms or 0", at.get_ref());
            self.wrong(at, key, message);
        }
        found
    }

    /// Compiles a regular expression that must have these named captures.
    pub(super) fn regex(
        &mut self,
        at: &Spanned<String>,
        key: &str,
        captures: &[&str],
    ) -> Option<Regex> {
        let made = RegexBuilder::new(at.get_ref())
            .case_insensitive(true)
            .build();
        let regex = made
            .map_err(|e| self.wrong(at, key, format!("not a regular expression: {e}")))
            .ok()?;
        for must in captures {
            if !regex.capture_names().flatten().any(|n| n == *must) {
                self.wrong(at, key, format!("it must have a capture (?<{must}>...)"));
            }
        }
        Some(regex)
    }

    pub(super) fn oid(&mut self, at: &Spanned<String>, key: &str) -> Option<Oid> {
        at.get_ref()
            .parse()
            .map_err(|e| self.wrong(at, key, format!("{e}")))
            .ok()
    }

    fn profile(mut self, name: &str, raw: ProfileFile) -> Result<Profile, Vec<Problem>> {
        if *raw.format.get_ref() != 1 {
            self.wrong(
                &raw.format,
                "format",
                format!("this program reads format 1, not {}", raw.format.get_ref()),
            );
        }
        let persistence = self.choice(
            &raw.persistence,
            "persistence",
            &[
                ("instant", Persistence::Instant),
                ("save", Persistence::Save),
                ("unknown", Persistence::Unknown),
            ],
        );
        let oper_staleness = self.duration(&raw.oper_staleness, "oper_staleness");
        let sysobjectid = raw
            .identify
            .sysobjectid
            .iter()
            .filter_map(|s| self.oid(s, "identify.sysobjectid"))
            .collect();
        for also in &raw.identify.also {
            self.oid(&also.sysobjectid, "identify.also.sysobjectid");
            self.regex(&also.sysdescr, "identify.also.sysdescr", &[]);
        }
        let sysdescr = raw.identify.sysdescr.as_ref();
        let sysdescr = sysdescr.and_then(|r| self.regex(r, "identify.sysdescr", &[]));
        let mut snmp = self.snmp(raw.snmp.as_ref());
        let cli = raw.ssh.as_ref().and_then(|s| self.cli(s));
        let mut ssh_ops = BTreeMap::new();
        for (name, op) in &raw.op {
            let key = format!("op.{}", name.get_ref());
            if !OPS.contains(&name.get_ref().as_str()) {
                let message = format!("there is no such operation; there are {}", OPS.join(", "));
                self.wrong(name, &key, message);
            }
            if op.snmp.is_none() && op.ssh.is_none() {
                self.wrong(
                    name,
                    &key,
                    "it says neither how it is done over SNMP nor over SSH",
                );
            }
            if let Some(op) = &op.snmp {
                let checked = self.op(name.get_ref(), op, &snmp.objects);
                snmp.ops.insert(name.get_ref().clone(), checked);
            }
            if let Some(op) = &op.ssh {
                let checked = self.ssh_op(name.get_ref(), op, cli.as_ref());
                ssh_ops.insert(name.get_ref().clone(), checked);
            }
        }
        self.required(&raw);
        let prefer = self.prefer(&raw.prefer);
        if !self.problems.is_empty() {
            self.problems.sort_by_key(|p| (p.line, p.column));
            self.problems.dedup();
            return Err(self.problems);
        }
        Ok(Profile {
            name: name.to_owned(),
            tested: raw.tested,
            // Both were reported above if they were missing, and then this line is not reached.
            persistence: persistence.unwrap_or(Persistence::Unknown),
            oper_staleness: oper_staleness.unwrap_or(Duration::from_secs(3)),
            prefer,
            sysobjectid,
            sysdescr,
            snmp,
            cli: cli.map(Arc::new),
            ssh_ops,
        })
    }

    /// A port that cannot be shut, opened and looked at is no port for standin, whichever way it is done.
    fn required(&mut self, raw: &ProfileFile) {
        let over = |op: &str, ssh: bool| {
            raw.op.iter().any(|(n, o)| {
                n.get_ref() == op
                    && if ssh {
                        o.ssh.is_some()
                    } else {
                        o.snmp.is_some()
                    }
            })
        };
        if raw.snmp.is_none() && raw.ssh.is_none() {
            self.wrong(
                &raw.format,
                "profile",
                "there must be an [snmp] or an [ssh] table",
            );
        }
        for must in ["port-off", "port-on"] {
            if !over(must, false) && !over(must, true) {
                let message = format!("there must be an [op.{must}.snmp] or [op.{must}.ssh]");
                self.wrong(&raw.format, "op", message);
            }
        }
        if let Some(snmp) = &raw.snmp
            && !over("port-status", false)
        {
            self.wrong(
                snmp,
                "op",
                "there must be an [op.port-status.snmp]: how ports are read",
            );
        }
        for (name, op) in &raw.op {
            for (there, table, at) in [
                (
                    op.snmp.as_ref().map(Spanned::span),
                    "snmp",
                    raw.snmp.is_some(),
                ),
                (op.ssh.as_ref().map(Spanned::span), "ssh", raw.ssh.is_some()),
            ] {
                if there.is_some() && !at {
                    let key = format!("op.{}.{table}", name.get_ref());
                    self.wrong(
                        name,
                        &key,
                        format!("there is no [{table}] table that it could use"),
                    );
                }
            }
        }
    }

    fn prefer(
        &mut self,
        raw: &BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    ) -> BTreeMap<String, Vec<Transport>> {
        let mut out = BTreeMap::new();
        for (op, order) in raw {
            let key = format!("prefer.{}", op.get_ref());
            if op.get_ref() != "default" && !OPS.contains(&op.get_ref().as_str()) {
                self.wrong(op, &key, "there is no such operation");
            }
            let words = [("snmp", Transport::Snmp), ("ssh", Transport::Ssh)];
            let order = order
                .iter()
                .filter_map(|t| self.choice(t, &key, &words))
                .collect();
            out.insert(op.get_ref().clone(), order);
        }
        out
    }
}

/// Reads `3s`, `500ms` or `0`.
pub(super) fn parse_duration(s: &str) -> Option<Duration> {
    if s == "0" {
        return Some(Duration::ZERO);
    }
    if let Some(ms) = s.strip_suffix("ms") {
        return ms.parse().ok().map(Duration::from_millis);
    }
    s.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}
