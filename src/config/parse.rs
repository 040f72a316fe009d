//! From text to [`File`]: every key that serde refuses is said and taken out, until the rest is accepted.
//!
//! serde stops at its first error. What it stopped at is found by its span, noted, and removed; then it is asked
//! again. So all unknown keys and wrong types are said at once, and the rest of the file can still be examined.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::origin::Origin;
use super::problem::{Problem, at_span};
use super::schema::File;
use super::suggest::{nearest, quoted_list};

/// A file as far as it could be read.
pub(super) struct Parsed {
    pub file: File,
    pub origin: Origin,
    /// What serde refused.
    pub problems: Vec<Problem>,
    /// Keys of the refused values.
    pub refused: Vec<String>,
}

/// Syntax errors are returned as `Err`: nothing else can be said about such a file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Parsed, Vec<Problem>> {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|e| syntax(path, text, e)).collect());
    }
    let origin = Origin::new(path, text, table.get_ref());
    let (mut problems, mut refused) = (Vec::new(), Vec::new());
    loop {
        let error = match File::deserialize(toml::Deserializer::from(table.clone())) {
            Ok(file) => {
                return Ok(Parsed {
                    file,
                    origin,
                    problems,
                    refused,
                });
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let Some(hit) = take_out("", table.get_mut(), &span) else {
            problems.push(refusal(path, text, &error, span, String::new(), false));
            return Err(problems);
        };
        problems.push(refusal(
            path,
            text,
            &error,
            span,
            hit.key.clone(),
            hit.table,
        ));
        refused.push(hit.key);
    }
}

fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(text.len()..text.len());
    let what = format!("this is not TOML: {}", error.message().trim_end());
    at_span(path, text, span, String::new(), what, String::new())
}

/// An entry that was taken out of the table.
struct Hit {
    key: String,
    table: bool,
}

/// Removes the entry whose key or value has exactly this span, and gives its path.
fn take_out(prefix: &str, table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Hit> {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let path = match prefix {
            "" => key.get_ref().to_string(),
            _ => format!("{prefix}.{}", key.get_ref()),
        };
        if key.span() == *span || value.span() == *span {
            found = Some((key.clone(), path, value.get_ref().is_table()));
            break;
        }
        if let Some(hit) = take_out_of_value(&path, value, span) {
            return Some(hit);
        }
    }
    let (key, path, is_table) = found?;
    table.remove(&key);
    Some(Hit {
        key: path,
        table: is_table,
    })
}

fn take_out_of_value(
    path: &str,
    value: &mut Spanned<DeValue<'_>>,
    span: &Range<usize>,
) -> Option<Hit> {
    match value.get_mut() {
        DeValue::Table(inner) => take_out(path, inner, span),
        DeValue::Array(array) => {
            let mut at = None;
            for (index, item) in array.iter_mut().enumerate() {
                let path = format!("{path}[{index}]");
                if item.span() == *span {
                    at = Some((index, path));
                    break;
                }
                if let Some(hit) = take_out_of_value(&path, item, span) {
                    return Some(hit);
                }
            }
            // The place is kept, or the indices of its neighbours would be wrong: the list is emptied instead.
            let (_, key) = at?;
            *array = toml::de::DeArray::default();
            Some(Hit { key, table: false })
        }
        _ => None,
    }
}

/// serde's words turned into ours.
fn refusal(
    path: &Path,
    text: &str,
    error: &toml::de::Error,
    span: Range<usize>,
    key: String,
    table: bool,
) -> Problem {
    let said = error.message().trim_end();
    let (what, help) = if said.starts_with("unknown field") {
        unknown(said, if table { "table" } else { "key" })
    } else if said.starts_with("unknown variant") {
        unknown(said, "value")
    } else if let Some(rest) = said.strip_prefix("invalid type: ") {
        wrong_type(rest, &key)
    } else if let Some(rest) = said.strip_prefix("invalid value: ") {
        wrong_type(rest, &key)
    } else {
        (said.to_owned(), String::new())
    };
    at_span(path, text, span, key, what, help)
}

/// "unknown field `a`, expected one of `b`, `c`" with the nearest named first.
fn unknown(said: &str, what: &str) -> (String, String) {
    let mut quoted = said.split('`').skip(1).step_by(2);
    let given = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let help = match nearest(given, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => format!("known here: {}", quoted_list(&known)),
    };
    (format!("unknown {what} `{given}`"), help)
}

fn wrong_type(rest: &str, key: &str) -> (String, String) {
    let (given, expected) = rest.split_once(", expected ").unwrap_or((rest, ""));
    let given = match given.split_once(' ').unwrap_or((given, "")) {
        ("string", text) => format!("{text} is a text"),
        ("integer", n) => format!("{n} is a number"),
        ("boolean", b) => format!("{b} is true-or-false"),
        ("floating", f) => format!("{f} is a number with a point"),
        ("map", _) => "this is a table".to_owned(),
        ("sequence", _) => "this is a list".to_owned(),
        _ => format!("this is {given}"),
    };
    let expected = match expected {
        "a boolean" => "true or false, without quotes",
        "a sequence" if key.ends_with(".fence") => {
            "a list of tables: write its header with double brackets, [[peer.NAME.fence]]"
        }
        "a sequence" => "a list, such as [\"a\", \"b\"]",
        "u16" => "a whole number from 0 to 65535, without quotes",
        "u32" => "a whole number from 0 up, without quotes",
        "a string" | "path string" | "string or table" => "a text in quotes",
        other if other.starts_with("struct ") || other == "a map" => "a table",
        other => other,
    };
    (given, format!("expected {expected}"))
}
