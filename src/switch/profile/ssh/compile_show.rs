//! The checks of `[ssh.show]` and `[ssh.transaction]`. Pure.

use std::collections::BTreeMap;

use toml::Spanned;

use super::compile::{Compiler, Text};
use super::fill::{KNOWN, placeholders};
use super::rules::{Layout, Line, Meaning, Show, Transaction, When};
use crate::switch::profile::schema;

impl Compiler<'_> {
    pub(super) fn show(
        &mut self,
        name: &Text,
        key: &str,
        show: &schema::Show,
        raw: &schema::Ssh,
    ) -> Option<Show> {
        let mode = self.known_mode(show.mode.as_ref(), &format!("{key}.mode"), raw);
        for word in placeholders(show.send.get_ref()) {
            if !KNOWN.contains(&word) {
                self.problem(
                    show.send.span(),
                    &format!("{key}.send"),
                    format!("`{{{word}}}` is not known; there is: {}", KNOWN.join(", ")),
                );
            }
        }
        let ways = [
            show.row.is_some(),
            !show.fields.is_empty(),
            !show.json.is_empty(),
            show.raw,
        ];
        if ways.iter().filter(|w| **w).count() != 1 {
            self.problem(name.span(), key, "needs exactly one of `row` (a record per line), `fields` (one record), `json` and `raw = true`");
            return None;
        }
        let layout = if let Some(row) = &show.row {
            let regex = self.regex(row, &format!("{key}.row"))?;
            if regex.capture_names().flatten().next().is_none() {
                self.problem(row.span(), &format!("{key}.row"), "has no named capture, so that nothing would be read: name them, such as `(?<port>\\S+)`");
            }
            Layout::Row(regex)
        } else if !show.json.is_empty() {
            self.json(key, show)
        } else if show.raw {
            Layout::Raw
        } else {
            let mut fields = BTreeMap::new();
            for (field, pattern) in &show.fields {
                let key = format!("{key}.fields.{}", field.get_ref());
                let Some(regex) = self.regex(pattern, &key) else {
                    continue;
                };
                if regex.captures_len() < 2 {
                    self.problem(
                        pattern.span(),
                        &key,
                        "has no capture: put what is the field into ( )",
                    );
                }
                fields.insert(field.get_ref().clone(), regex);
            }
            Layout::Fields(fields)
        };
        let map = show
            .map
            .iter()
            .map(|(field, texts)| {
                let field = field.get_ref();
                let key = format!("{key}.map.{field}");
                (field.clone(), self.meaning(field, &key, texts))
            })
            .collect();
        Some(Show {
            mode,
            send: show.send.get_ref().clone(),
            layout,
            map,
        })
    }

    fn json(&mut self, key: &str, show: &schema::Show) -> Layout {
        let (mut list, mut fields) = (String::new(), BTreeMap::new());
        for (field, pointer) in &show.json {
            let text = pointer.get_ref();
            let fine = text.is_empty()
                || text.starts_with('/')
                || (text == "*" && field.get_ref() != "list");
            if !fine {
                self.problem(pointer.span(), &format!("{key}.json.{}", field.get_ref()), format!("`{text}` is not a pointer (RFC 6901): it is empty or begins with `/`; a field may also be `*`, the key of its record"));
            }
            if field.get_ref() == "list" {
                list.clone_from(text);
            } else {
                fields.insert(field.get_ref().clone(), text.clone());
            }
        }
        if fields.is_empty() {
            let span = show.send.span();
            self.problem(span, &format!("{key}.json"), "names no field, so that nothing would be read: give at least one, such as `port = \"/ifname\"`");
        }
        Layout::Json { list, fields }
    }

    fn meaning(
        &mut self,
        field: &str,
        key: &str,
        texts: &BTreeMap<Text, Spanned<toml::Value>>,
    ) -> Meaning {
        let mut meaning = Meaning::new();
        for (text, value) in texts {
            let mut set = BTreeMap::new();
            match value.get_ref() {
                toml::Value::String(s) => {
                    set.insert(field.to_owned(), s.clone());
                }
                toml::Value::Table(table) if table.values().all(toml::Value::is_str) => {
                    for (other, value) in table {
                        set.extend(value.as_str().map(|v| (other.clone(), v.to_owned())));
                    }
                }
                _ => self.problem(value.span(), &format!("{key}.{}", text.get_ref()), "is neither a text nor a table of texts, such as `{ admin = \"down\", oper = \"down\" }`"),
            }
            meaning.insert(text.get_ref().trim().to_lowercase(), set);
        }
        meaning
    }

    pub(super) fn transaction(
        &mut self,
        raw: &Spanned<schema::Transaction>,
        ssh: &schema::Ssh,
    ) -> Transaction {
        let span = raw.span();
        let raw = raw.get_ref();
        let key = "ssh.transaction";
        if raw.arm.is_some() && raw.confirm.is_none() && raw.commit.is_none() {
            self.problem(span.clone(), key, "has `arm` but neither `confirm` nor `commit`: an armed change would always undo itself");
        }
        if raw.arm.is_none() && !raw.arm_for.is_empty() {
            self.problem(span, key, "has `arm_for` but no `arm`");
        }
        for name in &raw.arm_for {
            if name.get_ref() == "port-off" {
                self.problem(name.span(), "ssh.transaction.arm_for", "`port-off` is never armed: a fence that lifts itself would let the dead machine back. Take it out");
            }
        }
        let mut line = |name: &str, line: &Option<schema::Line>| {
            let line = line.as_ref()?;
            Some(self.line(line, &format!("{key}.{name}"), ssh))
        };
        Transaction {
            commit: line("commit", &raw.commit),
            arm: line("arm", &raw.arm),
            confirm: line("confirm", &raw.confirm),
            abort: raw.abort.clone(),
            abort_asks: self.answers(&raw.abort_ask, &format!("{key}.abort_ask")),
            abort_mode: self.known_mode(raw.abort_mode.as_ref(), &format!("{key}.abort_mode"), ssh),
            arm_for: raw.arm_for.iter().map(|n| n.get_ref().clone()).collect(),
        }
    }

    fn line(&mut self, raw: &schema::Line, key: &str, ssh: &schema::Ssh) -> Line {
        let when = match raw.when.as_ref().map(|w| (w, w.get_ref().as_str())) {
            None | Some((_, "after")) => When::After,
            Some((_, "before")) => When::Before,
            Some((w, other)) => {
                self.problem(
                    w.span(),
                    &format!("{key}.when"),
                    format!("`{other}` is neither `before` nor `after`"),
                );
                When::After
            }
        };
        Line {
            send: raw.send.clone(),
            see: raw
                .see
                .as_ref()
                .and_then(|s| self.regex(s, &format!("{key}.see"))),
            within: self.duration(raw.within.as_ref(), &format!("{key}.within")),
            mode: self.known_mode(raw.mode.as_ref(), &format!("{key}.mode"), ssh),
            lands: self.known_mode(raw.lands.as_ref(), &format!("{key}.lands"), ssh),
            when,
        }
    }
}
