//! Tables that follow the code: exit codes, and the configuration.

use std::collections::BTreeSet;

use standin::config::SAMPLE;
use standin::exit::TABLE;

use super::{pages, read, spans};

#[test]
fn the_exit_codes_are_those_of_the_program() {
    let page = read("src/manual/exit-codes.md");
    let rows: Vec<(u8, &str)> = page
        .lines()
        .filter_map(|l| {
            let cells: Vec<&str> = l.trim_matches('|').split(" | ").map(str::trim).collect();
            let [code, meaning, what_to_do] = cells[..] else {
                return None;
            };
            assert!(!what_to_do.is_empty(), "{l}");
            Some((code.parse().ok()?, meaning))
        })
        .collect();
    let expected: Vec<(u8, &str)> = TABLE.iter().map(|(_, n, words)| (*n, *words)).collect();
    assert_eq!(rows, expected);
}

/// Tables and keys of the sample, as in `peer.NAME.policy.unproven`. The sample has every key (`tests/text/config_sample.rs`).
fn sample() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut tables, mut keys) = (BTreeSet::new(), BTreeSet::new());
    let mut table = String::new();
    for line in SAMPLE.lines() {
        let line = line.trim_start_matches('#').trim_start();
        if line.starts_with('[') && line.contains(']') {
            table = line.trim_matches('[').split(']').next().unwrap().to_owned();
            table = table.replace("peer.cctv", "peer.NAME");
            table = table.replace("switch.core", "switch.NAME");
            tables.insert(table.clone());
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.trim().contains(' ')
        {
            keys.insert(format!("{table}.{}", key.trim()));
        }
    }
    (tables, keys)
}

#[test]
fn configure_has_every_table_of_the_configuration_and_no_other() {
    let page = read("src/manual/configure.md");
    let rows = page.lines().filter(|l| l.starts_with("| `["));
    let named: BTreeSet<String> = rows
        .flat_map(|row| {
            row.split(" | ")
                .next()
                .unwrap()
                .split('`')
                .skip(1)
                .step_by(2)
        })
        .map(|name| name.trim_matches(['[', ']']).to_owned())
        .collect();
    assert_eq!(named, sample().0);
}

#[test]
fn every_key_that_a_page_names_is_one_of_the_configuration() {
    let (tables, keys) = sample();
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let short: BTreeSet<String> = tables.iter().map(|t| last(t)).collect();
    let alone: BTreeSet<String> = keys.iter().map(|k| last(k)).collect();
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let mut seen = 0;
    for (page, text) in pages() {
        // Fields of JSON are written in the same way.
        if page.ends_with("json.md") {
            continue;
        }
        for span in spans(&text) {
            let (key, value) = match span.split_once(" = ") {
                Some((key, value)) => (key, Some(value)),
                None => (span, None),
            };
            match key.split_once('.') {
                Some((table, of)) if word(table) && word(of) && short.contains(table) => {
                    let end = format!("{table}.{of}");
                    let known = keys
                        .iter()
                        .any(|k| k == &end || k.ends_with(&format!(".{end}")));
                    assert!(known, "{page}: there is no key `{end}`");
                    seen += 1;
                }
                None if word(key) && value.is_some() => {
                    assert!(alone.contains(key), "{page}: there is no key `{key}`");
                    seen += 1;
                }
                _ => {}
            }
        }
        for table in text.split("```toml\n").skip(1) {
            let block: toml::Table = table.split("```").next().unwrap().parse().unwrap();
            for path in paths("", &toml::Value::Table(block)) {
                let path = path.replace("peer.cctv", "peer.NAME");
                assert!(keys.contains(&path), "{page}: there is no key `{path}`");
                seen += 1;
            }
        }
    }
    assert!(seen > 25, "only {seen} keys were looked for");
}

/// The paths of what has a value.
fn paths(at: &str, value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Table(table) => table
            .iter()
            .flat_map(|(key, value)| paths(format!("{at}.{key}").trim_start_matches('.'), value))
            .collect(),
        toml::Value::Array(all)
            if all.iter().all(toml::Value::is_table) && !at.ends_with("also") =>
        {
            all.iter().flat_map(|value| paths(at, value)).collect()
        }
        _ => vec![at.to_owned()],
    }
}
