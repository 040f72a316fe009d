//! A table of the file whose keys are known by whoever reads it: the entries of `[[peer.NAME.step]]` and `[[alert.sink]]`,
//! each kind of which has keys of its own. Each key is asked for once, by its type; what was not asked for is unknown.

use std::path::PathBuf;
use std::time::Duration;

use super::problem::{Check, Problem};
use super::suggest::{nearest, quoted_list};
use super::text::{FromText, show};
use super::{Origin, validate::range};

/// The table while it is read.
pub struct Section<'a, 'b> {
    at: String,
    table: &'a toml::Table,
    check: &'a mut Check<'b>,
    known: Vec<&'static str>,
    refused: bool,
}

impl<'a, 'b> Section<'a, 'b> {
    pub(super) fn new(at: String, table: &'a toml::Table, check: &'a mut Check<'b>) -> Self {
        Section {
            at,
            table,
            check,
            known: Vec::new(),
            refused: false,
        }
    }

    /// The full name of one of its keys.
    pub fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    /// The value of `key` is refused: what is wrong, and what would be right.
    pub fn refuse(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.refused = true;
        self.check.error(&self.key(key), what, help);
    }

    /// The value of `key` is accepted, and said.
    pub fn warn(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.check.warn(&self.key(key), what, help);
    }

    /// True if the table has this key.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// True if anything was refused so far.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    fn value(&mut self, key: &'static str) -> Option<&'a toml::Value> {
        self.known.push(key);
        self.table.get(key)
    }

    fn wrong(&mut self, key: &str, value: &toml::Value, expected: &str) {
        let given = match value {
            toml::Value::String(text) => format!("\"{text}\" is a text"),
            toml::Value::Integer(n) => format!("{n} is a number"),
            toml::Value::Float(n) => format!("{n} is a number with a point"),
            toml::Value::Boolean(b) => format!("{b} is true-or-false"),
            toml::Value::Datetime(at) => format!("{at} is a date"),
            toml::Value::Array(_) => "this is a list".to_owned(),
            toml::Value::Table(_) => "this is a table".to_owned(),
        };
        self.refuse(key, given, format!("expected {expected}"));
    }

    /// A text, where the table has it.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.value(key)? {
            toml::Value::String(text) => Some(text.clone()),
            other => {
                self.wrong(key, other, "a text in quotes");
                None
            }
        }
    }

    /// A text that has to be there; `help` says what belongs there.
    pub fn required_text(&mut self, key: &'static str, help: &str) -> Option<String> {
        if !self.has(key) {
            self.known.push(key);
            self.refuse(key, format!("`{key}` is missing"), help);
            return None;
        }
        let text = self.text(key)?;
        if text.is_empty() {
            self.refuse(key, format!("`{key}` is empty"), help);
            return None;
        }
        Some(text)
    }

    /// A list of texts, where the table has it.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let all = value.as_array().and_then(|items| {
            let texts = items.iter().map(|i| i.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<String>>>()
        });
        if all.is_none() {
            self.wrong(key, value, "a list of texts, such as [\"a\", \"b\"]");
        }
        all
    }

    /// A value that is written as text, where the table has it.
    pub fn parsed<T: FromText>(&mut self, key: &'static str) -> Option<T> {
        let value = self.value(key)?;
        let Some(text) = value.as_str() else {
            self.wrong(key, value, T::EXPECTED);
            return None;
        };
        match T::from_text(text) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                self.refuse(key, why, "");
                None
            }
        }
    }

    /// A duration between two limits.
    pub fn duration(
        &mut self,
        key: &'static str,
        otherwise: Duration,
        (least, most): (Duration, Duration),
    ) -> Duration {
        let value = self.parsed(key).unwrap_or(otherwise);
        if value < least || value > most {
            let help = format!("from {} to {}", show(least), show(most));
            self.refuse(key, format!("{} is out of range", show(value)), help);
        }
        value
    }

    /// How long one try may take: every step has it.
    pub fn within(&mut self) -> Duration {
        let limits = (Duration::from_millis(100), Duration::from_secs(600));
        let said = self.check.found.len();
        let again = self.known.contains(&"within");
        let within = self.duration("within", Duration::from_secs(30), limits);
        if again {
            self.check.found.truncate(said);
        }
        within
    }

    /// A whole number between two limits.
    pub fn number(&mut self, key: &'static str, otherwise: u32, limits: (u32, u32)) -> u32 {
        let Some(value) = self.value(key) else {
            return otherwise;
        };
        match value.as_integer().map(u32::try_from) {
            Some(Ok(n)) => {
                let before = self.check.found.len();
                range::number(&self.key(key), n, limits, self.check);
                self.refused |= self.check.found.len() > before;
                n
            }
            _ => {
                let expected = format!(
                    "a whole number from {} to {}, without quotes",
                    limits.0, limits.1
                );
                self.wrong(key, value, &expected);
                otherwise
            }
        }
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str, otherwise: bool) -> bool {
        let Some(value) = self.value(key) else {
            return otherwise;
        };
        value.as_bool().unwrap_or_else(|| {
            self.wrong(key, value, "true or false, without quotes");
            otherwise
        })
    }

    /// One of several words, where the table has it.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let help = match nearest(&text, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", quoted_list(&known)),
            };
            self.refuse(key, format!("unknown value `{text}`"), help);
        }
        found.map(|(_, value)| *value)
    }

    /// The path of a file, absolute: a relative one starts at the file's folder.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(key).filter(|t| !t.is_empty())?;
        Some(self.check.origin.resolve(std::path::Path::new(&text)))
    }

    /// Program and arguments, where the table has it; the program is a full path.
    pub fn command(&mut self, key: &'static str) -> Option<Vec<String>> {
        let command = self.texts(key)?;
        let before = self.check.found.len();
        if command.is_empty() {
            self.refuse(
                key,
                "there is no program in it",
                "such as [\"/usr/bin/docker\", \"compose\", \"up\", \"-d\"]",
            );
        }
        super::validate::command(&self.key(key), &command, self.check);
        self.refused |= self.check.found.len() > before;
        Some(command)
    }

    /// The name of a user of this machine, where the table has it.
    pub fn user_name(&mut self, key: &'static str) -> Option<String> {
        let user = self.text(key)?;
        if user.is_empty() || user.starts_with('-') || user.contains([':', '/', ' ']) {
            let what = format!("`{user}` is no user's name");
            self.refuse(key, what, "such as \"standin\"");
        }
        Some(user)
    }

    /// The name of a systemd unit.
    pub fn unit_name(&mut self, key: &str, unit: &str) {
        let before = self.check.found.len();
        super::validate::unit(&self.key(key), unit, self.check);
        self.refused |= self.check.found.len() > before;
    }

    /// Says what was never asked for.
    pub(super) fn end(mut self) -> bool {
        let known = std::mem::take(&mut self.known);
        let unknown: Vec<String> = (self.table.keys())
            .filter(|key| !known.contains(&key.as_str()))
            .cloned()
            .collect();
        for key in unknown {
            let help = match nearest(&key, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", quoted_list(&known)),
            };
            self.refuse(&key, format!("unknown key `{key}`"), help);
        }
        !self.refused
    }
}

/// One table that has a `kind`, as it stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct KindTable {
    /// Where it is: `peer.cctv.step[0]`, `alert.sink[0]`.
    pub at: String,
    /// Its kind.
    pub kind: String,
    /// Its keys.
    pub table: toml::Table,
}

impl KindTable {
    /// Reads it again, as it was read when the file was examined.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read<T>(
        &self,
        origin: &Origin,
        read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
    ) -> Result<T, Vec<Problem>> {
        let mut check = Check {
            origin,
            refused: Vec::new(),
            found: Vec::new(),
        };
        let mut section = Section::new(self.at.clone(), &self.table, &mut check);
        let value = read(&mut section);
        value.ok_or(check.found)
    }
}
