//! What is filled into commands: ports as the command line names them, MAC addresses as it writes them. Pure.

use std::collections::BTreeMap;

use super::rules::CliRules;
use crate::types::MacAddr;

/// The placeholders that the program fills into commands: the one list that all checks of the command line ask.
pub const KNOWN: &[&str] = &[
    "port", "vlan", "mac", "ip", "new", "old", "new.name", "old.name", "minutes", "user", "random",
];

/// A placeholder that cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// No value for it.
    #[error("`{command}` needs {{{name}}}, which is not known here")]
    Missing {
        /// The placeholder.
        name: String,
        /// The command.
        command: String,
    },
    /// Its value would mean more to a command line than itself.
    #[error(
        "{{{name}}} of `{command}` would be `{value}`: a command line would read `{found}` in it as more than a name, so it is not sent"
    )]
    Unsafe {
        /// The placeholder.
        name: String,
        /// The command.
        command: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        found: String,
    },
}

/// Values for placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    texts: BTreeMap<String, String>,
    mac: Option<MacAddr>,
    port: Option<String>,
}

impl Vars {
    /// No value at all.
    pub fn new() -> Vars {
        Vars::default()
    }

    /// `{port}`, by its ifName; rewritten by the rules when it is filled in.
    pub fn port(mut self, if_name: &str) -> Vars {
        self.port = Some(if_name.to_owned());
        self
    }

    /// `{mac}`, written as the rules say.
    pub fn mac(mut self, mac: MacAddr) -> Vars {
        self.mac = Some(mac);
        self
    }

    /// Any other placeholder: `vlan`, `new`, `old`, `ip`, `minutes`, ...
    pub fn with(mut self, name: &str, value: impl ToString) -> Vars {
        self.texts.insert(name.to_owned(), value.to_string());
        self
    }

    /// As [`Vars::with`], unless there is a value already.
    pub(in crate::switch) fn or_with(mut self, name: &str, value: &str) -> Vars {
        self.texts
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
        self
    }

    fn value(&self, name: &str, rules: &CliRules) -> Option<String> {
        match name {
            "port" => self.port.as_deref().map(|p| rules.port_name(p)),
            "mac" => self.mac.map(|m| rules.mac.write(m)),
            _ => None,
        }
        .or_else(|| self.texts.get(name).cloned())
    }
}

/// The placeholders in a command: `{name}` with letters, digits, `.`, `_` or `-` in it.
pub fn placeholders(command: &str) -> impl Iterator<Item = &str> {
    pieces(command).filter_map(|p| match p {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(command: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = command;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('{')
            && let Some((name, after)) = inner.split_once('}')
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_' | '-'))
        {
            rest = after;
            return Some(Piece::Name(name));
        }
        let skip = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest
            .get(skip..)
            .and_then(|r| r.find('{'))
            .map_or(rest.len(), |i| i + skip);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}

impl CliRules {
    /// Fills a command's placeholders in.
    ///
    /// # Errors
    ///
    /// A value is missing, or has a character in it that a command line gives a meaning: `?` completes, `;` separates,
    /// a line end sends.
    pub fn fill(&self, command: &str, vars: &Vars) -> Result<String, FillError> {
        let mut out = String::with_capacity(command.len());
        for piece in pieces(command) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) => {
                    let value = vars.value(name, self).ok_or_else(|| FillError::Missing {
                        name: name.to_owned(),
                        command: command.to_owned(),
                    })?;
                    if let Some(found) = value.chars().find(|c| !harmless(*c)) {
                        return Err(FillError::Unsafe {
                            name: name.to_owned(),
                            command: command.to_owned(),
                            found: found.escape_default().to_string(),
                            value: value.escape_default().to_string(),
                        });
                    }
                    match self.quote.filter(|_| name == "port" && !is_plain(&value)) {
                        Some(quote) => {
                            out.extend([quote].into_iter().chain(value.chars()).chain([quote]))
                        }
                        None => out.push_str(&value),
                    }
                }
            }
        }
        Ok(out)
    }
}

/// True if it is one word to any command line.
fn is_plain(value: &str) -> bool {
    value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".-_/".contains(c))
}

fn harmless(c: char) -> bool {
    c.is_ascii_alphanumeric() || " _-./:,+()[]@#=".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_braces_are_placeholders() {
        let all = |t| placeholders(t).collect::<Vec<_>>();
        assert_eq!(all("x {port} {new.name}{old}"), ["port", "new.name", "old"]);
        assert!(all("awk '{print $1}' {} { {\"a\":1} ${X}").is_empty());
    }
}
