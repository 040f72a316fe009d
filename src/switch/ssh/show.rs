//! The text of a show as records. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::switch::model::mac_format::parse_mac;
use crate::switch::profile::ssh::rules::{Layout, Meaning, Show};

/// One record: field names and their texts.
pub type Record = BTreeMap<String, String>;

/// Reads what a show printed.
///
/// Rows that do not match are no records, so that "no record" may mean that there is nothing or that the profile does
/// not fit: fields and JSON that cannot be read are errors instead. A field named `mac` is written
/// `xx:xx:xx:xx:xx:xx`, in whatever notation the switch has it.
///
/// # Errors
///
/// Says what was expected and is not there.
pub fn parse(show: &Show, text: &str) -> Result<Vec<Record>, String> {
    let mut records = match &show.layout {
        Layout::Raw => vec![Record::from([("text".to_owned(), text.to_owned())])],
        Layout::Row(row) => {
            let lines: Vec<&str> = text.lines().collect();
            let records = lines.iter().enumerate().filter_map(|(i, line)| {
                let c = row.captures(line)?;
                let field = |n: &str| {
                    let found = c.name(n)?;
                    let more = goes_on(n, &line[found.end()..], lines[i + 1..].iter().copied());
                    Some((n.to_owned(), found.as_str().trim().to_owned() + &more))
                };
                Some(row.capture_names().flatten().filter_map(field).collect())
            });
            records.collect()
        }
        Layout::Fields(fields) => {
            let record: Record = fields
                .iter()
                .filter_map(|(name, regex)| {
                    let mut all = regex.captures_iter(text);
                    let found = all.next()?;
                    let group = (1..found.len()).find(|g| found.get(*g).is_some())?;
                    let value = |found: regex::Captures<'_>| {
                        let value = found.get(group)?;
                        let mut rest = text[value.end()..].lines();
                        let more = goes_on(name, rest.next().unwrap_or_default(), rest);
                        Some(value.as_str().trim().to_owned() + &more)
                    };
                    let mut values = vec![value(found)?];
                    if name == "tagged" {
                        // Comware writes a long list of VLANs as several commands.
                        values.extend(all.filter_map(value));
                    }
                    Some((name.clone(), values.join(" ")))
                })
                .collect();
            if record.is_empty() {
                let names: Vec<_> = fields.keys().map(String::as_str).collect();
                return Err(format!("none of {} is in it", names.join(", ")));
            }
            vec![record]
        }
        Layout::Json { list, fields } => json(text, list, fields)?,
    };
    for record in &mut records {
        if let Some(mac) = record.get_mut("mac")
            && let Some(read) = parse_mac(mac)
        {
            *mac = read.to_string();
        }
        for (field, meaning) in &show.map {
            translate(record, field, meaning);
        }
    }
    Ok(records)
}

/// The lines with a MAC address that a show's row does not read: of another layout, or of another kind.
pub fn unread_macs<'a>(show: &Show, text: &'a str) -> Vec<&'a str> {
    let Layout::Row(row) = &show.layout else {
        return Vec::new();
    };
    let bare = |word: &str| parse_mac(word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let has_mac = |line: &&str| line.split_whitespace().any(|word| bare(word).is_some());
    let unread = |line: &&str| has_mac(line) && !row.is_match(line);
    text.lines().filter(unread).collect()
}

/// What a list of VLANs that is too long for one line has in the lines after it: indented, and of nothing but numbers,
/// ranges and commas. `rest` is what follows it in its own line.
fn goes_on<'a>(field: &str, rest: &str, next: impl Iterator<Item = &'a str>) -> String {
    if field != "tagged" || !rest.trim().is_empty() {
        return String::new();
    }
    let is_list = |line: &&str| {
        line.starts_with([' ', '\t'])
            && line.contains(|c: char| c.is_ascii_digit())
            && line
                .chars()
                .all(|c| c.is_ascii_digit() || ", \t-".contains(c))
    };
    next.take_while(is_list)
        .map(|line| format!(" {}", line.trim()))
        .collect()
}

fn translate(record: &mut Record, field: &str, meaning: &Meaning) {
    let Some(text) = record.get(field) else {
        return;
    };
    let set = meaning
        .get(&text.trim().to_lowercase())
        .or_else(|| meaning.get("*"));
    if let Some(set) = set {
        record.extend(set.clone());
    }
}

fn json(text: &str, list: &str, fields: &BTreeMap<String, String>) -> Result<Vec<Record>, String> {
    let document: Value =
        serde_json::from_str(text.trim()).map_err(|e| format!("it is not JSON: {e}"))?;
    let found = resolve(&document, list);
    if found.is_empty() {
        return Err(format!("there is nothing at `{list}` of its JSON"));
    }
    let named = list.rsplit('/').next() == Some("*");
    let mut records = Vec::new();
    for (key, value) in found {
        match value {
            Value::Array(items) => records.extend(items.iter().map(|v| (None, v))),
            // An object of objects holds records by name; any other is one record.
            Value::Object(o) if !named && o.values().all(|v| v.is_object() || v.is_array()) => {
                records.extend(o.iter().map(|(k, v)| (Some(k.as_str()), v)));
            }
            other => records.push((key, other)),
        }
    }
    Ok(records
        .into_iter()
        .map(|(key, value)| {
            fields
                .iter()
                .filter_map(|(name, pointer)| {
                    if pointer == "*" {
                        return Some((name.clone(), key?.to_owned()));
                    }
                    let texts: Vec<String> = resolve(value, pointer)
                        .into_iter()
                        .filter_map(|(_, v)| plain(v))
                        .collect();
                    (!texts.is_empty()).then(|| (name.clone(), texts.join(",")))
                })
                .collect::<Record>()
        })
        .filter(|record| !record.is_empty())
        .collect())
}

/// What a pointer (RFC 6901) leads to; `*` matches any one key. With each value comes the key that a final `*` took.
fn resolve<'a>(document: &'a Value, pointer: &str) -> Vec<(Option<&'a str>, &'a Value)> {
    let mut at = vec![(None, document)];
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let mut next = Vec::new();
        for (_, value) in at {
            match value {
                Value::Object(o) if token == "*" => {
                    next.extend(o.iter().map(|(k, v)| (Some(k.as_str()), v)));
                }
                Value::Array(a) if token == "*" => next.extend(a.iter().map(|v| (None, v))),
                Value::Object(o) => next.extend(o.get(&token).map(|v| (None, v))),
                Value::Array(a) => {
                    let item = token.parse::<usize>().ok().and_then(|i| a.get(i));
                    next.extend(item.map(|v| (None, v)));
                }
                _ => {}
            }
        }
        at = next;
    }
    at
}

/// A value as text: arrays as lists, OVSDB's sets and UUIDs (RFC 7047, 5.1) as what is in them, null as nothing.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::String(s) => Some(s.clone()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Number(n) => Some(n.to_string()),
        Value::Array(items) => match items.as_slice() {
            [Value::String(kind), inner @ Value::Array(_)] if kind == "set" => plain(inner),
            [Value::String(kind), Value::String(id)] if kind == "uuid" => Some(id.clone()),
            items => {
                let texts: Vec<String> = items.iter().filter_map(plain).collect();
                Some(texts.join(","))
            }
        },
    }
}

/// Reads a list of VLANs such as `10,20-30`; `none` and nothing are empty, `all` is 1 to 4094. One that ends with a comma
/// was cut off: it is no list.
pub fn vlan_list(text: &str) -> Option<BTreeSet<u16>> {
    let text = text.trim().to_lowercase();
    match text.as_str() {
        "" | "none" | "-" | "n/a" | "[]" => return Some(BTreeSet::new()),
        "all" => return Some((1..=4094).collect()),
        cut if cut.ends_with(',') => return None,
        _ => {}
    }
    let mut vlans = BTreeSet::new();
    let parts = text.trim_start_matches('[').trim_end_matches(']');
    // `10 to 20` is how Comware and VRP write a range.
    let parts = parts.replace(" to ", "-").replace(" - ", "-");
    for part in parts.split([',', ' ', ';']).filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |s: &str| {
            s.trim()
                .parse::<u16>()
                .ok()
                .filter(|v| (1..=4094).contains(v))
        };
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return None;
        }
        vlans.extend(first..=last);
    }
    Some(vlans)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::switch::profile::ssh::rules::CliRules;

    fn show(rules: &str) -> Show {
        let text = format!("channel = \"exec\"\nrefuse = ['x']\n[show.it]\nsend = \"x\"\n{rules}");
        let rules = CliRules::compile(&toml::from_str(&text).unwrap()).unwrap();
        rules.shows["it"].clone()
    }

    fn read(rules: &str, text: &str) -> Vec<String> {
        let records = parse(&show(rules), text).unwrap();
        records.iter().map(|r| format!("{r:?}")).collect()
    }

    #[test]
    fn rows_with_meanings_and_addresses_in_any_notation() {
        let rules = r#"
row = '^(?<mac>[\da-f.:-]+)\s+(?<state>\w+)$'
map = { state = { Disabled = { admin = "down" }, "*" = { admin = "up" } } }"#;
        assert_eq!(
            read(
                rules,
                "MAC state\n0012.e160.12ad disabled\n500000-b70008 other"
            ),
            [
                r#"{"admin": "down", "mac": "00:12:e1:60:12:ad", "state": "disabled"}"#,
                r#"{"admin": "up", "mac": "50:00:00:b7:00:08", "state": "other"}"#,
            ]
        );
        assert!(read(rules, "nothing here\n").is_empty());
    }

    #[test]
    fn fields_are_one_record_and_none_of_them_is_an_error() {
        let rules = r"fields = { pvid = '^Access Mode VLAN: (\d+)', mode = 'Mode: (\w+)$' }";
        assert_eq!(
            read(rules, "x\nAccess Mode VLAN: 20 (a)\n"),
            [r#"{"pvid": "20"}"#]
        );
        assert!(
            parse(&show(rules), "gone")
                .unwrap_err()
                .contains("mode, pvid")
        );
    }

    #[test]
    fn json_of_arista_iproute2_and_open_vswitch() {
        assert_eq!(
            read(
                r#"json = { list = "/ports", port = "*", state = "/link/state", vlans = "/vlans/*/id" }"#,
                r#"{"ports":{"Et3":{"link":{"state":"down"},"vlans":[{"id":1},{"id":2}]}}}"#,
            ),
            [r#"{"port": "Et3", "state": "down", "vlans": "1,2"}"#]
        );
        assert_eq!(
            read(
                r#"json = { list = "", port = "/ifname", up = "/up" }"#,
                r#"[{"ifname":"swp5","up":true},{}]"#,
            ),
            [r#"{"port": "swp5", "up": "true"}"#]
        );
        assert_eq!(
            read(
                r#"json = { list = "/data", port = "/0", tag = "/1", trunks = "/2" }"#,
                r#"{"data":[["p1",["set",[]],["set",[10,20]]]],"headings":[]}"#,
            ),
            [r#"{"port": "p1", "tag": "", "trunks": "10,20"}"#]
        );
        let one = show(r#"json = { list = "/x", a = "/b" }"#);
        for text in ["", "oops", "{}"] {
            assert!(parse(&one, text).is_err(), "{text}");
        }
    }

    /// Cisco IOS ends a line that is full with a comma, Huawei with nothing.
    #[test]
    fn a_list_of_vlans_may_go_on_in_the_next_lines() {
        let rows = show(r#"row = '^Enabled: (?<tagged>[\d,]+?)\s*$'"#);
        let fields = show(r#"fields = { tagged = '^Enabled: ([\d,]+)' }"#);
        let list = |show, text| vlan_list(&parse(show, text).unwrap()[0]["tagged"]);
        let all = |vlans: &[u16]| Some(vlans.iter().copied().collect());
        for show in [&rows, &fields] {
            let text = "x\nEnabled: 1,3,\n     5-6,\n\t9\nPruning: 2-10\n";
            assert_eq!(list(show, text), all(&[1, 3, 5, 6, 9]));
            let text = "Enabled: 1 \r\n     5 7-8\r\n4 ports\r\n";
            assert_eq!(list(show, text), all(&[1, 5, 7, 8]));
            // Another row of a table is none of it, and a list that ends with a comma was cut off.
            assert_eq!(list(show, "Enabled: 1\n12 13\n"), all(&[1]));
            assert_eq!(list(show, "Enabled: 1,\n%LOG-1: 3\n 2"), None);
        }
        let fields = show(r#"fields = { tagged = '^Enabled: ([\d,]+)|^(none) here' }"#);
        let text = "Enabled: 1\nEnabled: 5,6\nnone here\n";
        assert_eq!(list(&fields, text), all(&[1, 5, 6]));
    }

    #[test]
    fn lists_of_vlans() {
        let list = |t| vlan_list(t).map(|v| v.into_iter().collect::<Vec<_>>());
        assert_eq!(list("10,20-22"), Some(vec![10, 20, 21, 22]));
        assert_eq!(list("1 3 to 4"), Some(vec![1, 3, 4]));
        assert_eq!(list("none"), Some(vec![]));
        assert_eq!(list("all").map(|v| v.len()), Some(4094));
        for wrong in ["x", "0", "4095", "9-3", "10-", "10,"] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}") {
            vlan_list(&text);
            parse_mac(&text);
            static JSON: std::sync::LazyLock<Show> =
                std::sync::LazyLock::new(|| show(r#"json = { list = "/*", a = "*", b = "/0/*" }"#));
            let _ = parse(&JSON, &text);
        }
    }
}
