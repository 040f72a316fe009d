//! Whatever `standin status` can show has a row in `standin help operate`, and no row is about what it cannot show.

use std::collections::BTreeSet;

use regex::Regex;

use super::{files, read};

/// The first cells of the tables whose first head is `head`.
fn rows(head: &str) -> Vec<String> {
    let (page, mut of) = (read("src/manual/operate.md"), None);
    let mut found = Vec::new();
    for line in page.lines() {
        if !line.starts_with('|') {
            of = None;
            continue;
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        match of {
            None => of = Some(cells[0] == head),
            Some(true) if !cells[0].starts_with('-') => {
                assert!(
                    cells.len() == 3 && cells.iter().all(|c| !c.is_empty()),
                    "{line}"
                );
                found.push(cells[0].to_owned());
            }
            Some(_) => {}
        }
    }
    assert!(!found.is_empty(), "no table of {head}");
    found
}

/// What stands between backticks in a first cell.
fn named(row: &str) -> &str {
    row.split('`').nth(1).unwrap_or_else(|| panic!("{row}"))
}

/// The words of every state, as they are written in the core.
fn labels() -> BTreeSet<String> {
    let state = read("src/takeover/state.rs");
    let body = |from: &str, to: &str| {
        let rest = &state[state.find(from).unwrap_or_else(|| panic!("no {from}"))..];
        rest[..rest.find(to).unwrap()].to_owned()
    };
    let variants = Regex::new(r"(?m)^    ([A-Z]\w+)").unwrap();
    let variants: BTreeSet<String> = variants
        .captures_iter(&body("pub enum State {", "\n}"))
        .map(|c| c[1].to_owned())
        .collect();
    let display = body("impl fmt::Display for State", "\n}");
    let arm = Regex::new(r#"State::(\w+)[^"]*?=>[^"]*"([a-z]+)"#).unwrap();
    let arms: Vec<(String, String)> = arm
        .captures_iter(&display)
        .map(|c| (c[1].to_owned(), c[2].to_owned()))
        .collect();
    let told: BTreeSet<String> = arms.iter().map(|(v, _)| v.clone()).collect();
    assert_eq!(told, variants, "a state whose words this test cannot read");
    let mut labels: BTreeSet<String> = arms.into_iter().map(|(_, word)| word).collect();
    // What is shown instead of a state.
    let machine = read("src/takeover/mod.rs");
    let label = &machine[machine.find("pub fn label(&self)").expect("Machine::label")..];
    let label = &label[..label.find("\n    }").unwrap()];
    let word = Regex::new(r#""([a-z]+)""#).unwrap();
    labels.extend(word.captures_iter(label).map(|c| c[1].to_owned()));
    assert!(labels.len() > variants.len(), "held: {labels:?}");
    labels
}

#[test]
fn every_state_has_a_row_and_every_row_a_state() {
    let rows = rows("State");
    let words = |row: &str| -> Vec<String> {
        let name = named(row).to_lowercase();
        name.split(' ').map(str::to_owned).collect()
    };
    let told: BTreeSet<String> = rows.iter().map(|r| words(r)[0].clone()).collect();
    assert_eq!(
        told,
        labels(),
        "the table of states in src/manual/operate.md"
    );
    let core: String = ["src/takeover", "src/steps"]
        .iter()
        .filter(|d| super::root().join(d).is_dir())
        .flat_map(|d| files(d, "rs"))
        .map(|(_, text)| text)
        .collect();
    for row in &rows {
        for step in &words(row)[1..] {
            assert!(
                core.contains(&format!("\"{step}\"")),
                "`{row}`: there is no step {step}"
            );
        }
    }
}

/// An alarm that a task has sent, as the loop takes it.
const PASSED_ON: &str = r"Input::Raise \{[\w,\s]*\}\s*=>";

/// Keys of alarms in `text`, as they are raised; a `*` for what is filled in. What cannot be read is an error.
fn keys(text: &str) -> Result<Vec<String>, String> {
    let text = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let arguments = r#"\(\s*((?:[^(),"]|\([^()]*\)|"[^"]*"|&format!\([^()]*\))*?)\s*,\s*((?:[^(),"]|\([^()]*\)|"[^"]*"|&format!\([^()]*\))*?)\s*,"#;
    let told = Regex::new(&format!(r"self\s*\.tell{arguments}")).unwrap();
    let second = Regex::new(&format!(r"\.(?:raise|tell){arguments}")).unwrap();
    let field = Regex::new(r"Input::Raise \{\s*peer(?:: [^,]+)?,\s*key(?:: ([^,]+))?,").unwrap();
    let passed_on = Regex::new(PASSED_ON).unwrap();
    let mut found = Vec::new();
    for call in second.captures_iter(text) {
        let at = call.get(0).unwrap().start();
        // In the core the key comes first; else after whose it is, or the time.
        let first = told
            .find_iter(text)
            .any(|t| t.end() == call.get(0).unwrap().end());
        found.push((at, call[if first { 1 } else { 2 }].to_owned()));
    }
    let calls = text.matches(".raise(").count() + text.matches(".tell(").count();
    if found.len() != calls {
        return Err(format!(
            "the key of {} of {calls} alarms cannot be read",
            calls - found.len()
        ));
    }
    let written = text.matches("Input::Raise {").count();
    let raised = field.captures_iter(text).count();
    if raised != written {
        return Err(format!(
            "{raised} of {written} Input::Raise begin with `peer` and `key`"
        ));
    }
    for raise in field.captures_iter(text) {
        let at = raise.get(0).unwrap().start();
        if passed_on.find_iter(text).all(|m| m.start() != at) {
            let key = raise.get(1).map_or("key", |k| k.as_str());
            found.push((at, key.to_owned()));
        }
    }
    let resolved = found.into_iter().map(|(at, key)| resolve(text, at, &key));
    Ok(resolved
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// What is written for a key, as text; `None` where it only is passed on.
fn resolve(text: &str, at: usize, key: &str) -> Result<Option<String>, String> {
    let key = key.trim().trim_start_matches('&');
    let filled = Regex::new(r"\{[^{}]*\}").unwrap();
    let literal = |t: &str| -> Option<String> {
        let t = t.trim().trim_start_matches('&');
        let inner = t.strip_prefix("format!(").unwrap_or(t);
        let inner = inner.strip_prefix('"')?;
        Some(
            filled
                .replace_all(inner.split('"').next()?, "*")
                .into_owned(),
        )
    };
    if let Some(text) = literal(key) {
        return Ok(Some(text));
    }
    if key.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        let constant = Regex::new(&format!(r#"const {key}: &str = ("[^"]*")"#)).unwrap();
        // Of its own file, or of a neighbour in the core from which it is taken.
        let taken = Regex::new(&format!(r"use super::(\w+)::{key};")).unwrap();
        let neighbour = taken
            .captures(text)
            .map(|c| read(&format!("src/takeover/{}.rs", &c[1])));
        let neighbour = neighbour.unwrap_or_default();
        let found = [text, &neighbour]
            .into_iter()
            .find_map(|t| constant.captures(t));
        let found = found.ok_or(format!("no constant {key}"))?;
        return Ok(literal(&found[1]));
    }
    // A local, or an argument: what is nearest before.
    let before = &text[..at];
    let one = Regex::new(&format!(r"let {key} = ([^;]*);")).unwrap();
    let several = Regex::new(r"let \(([\w, ]+)\) = \(((?:[^;()]|\([^()]*\))*)\);").unwrap();
    let passed = Regex::new(&format!(r"\b{key}: &(?:'static )?str")).unwrap();
    let bound = Regex::new(PASSED_ON).unwrap();
    let mut near: Vec<(usize, Option<String>)> = Vec::new();
    for c in one.captures_iter(before) {
        near.push((c.get(0).unwrap().start(), literal(&c[1])));
    }
    for c in several.captures_iter(before) {
        let place = c[1].split(',').position(|n| n.trim() == key);
        let parts: Vec<&str> = c[2].split(", ").collect();
        if let Some(place) = place {
            near.push((
                c.get(0).unwrap().start(),
                parts.get(place).and_then(|p| literal(p)),
            ));
        }
    }
    let over = passed.find_iter(before).chain(bound.find_iter(text));
    let over: Vec<usize> = over.map(|m| m.start()).filter(|s| *s < at).collect();
    let local = near.into_iter().max_by_key(|(at, _)| *at);
    match (local, over.into_iter().max()) {
        (Some((at, Some(text))), over) if over.is_none_or(|o| o < at) => Ok(Some(text)),
        (_, Some(_)) => Ok(None),
        _ => Err(format!(
            "the key `{key}` cannot be read: write it as a literal or a constant"
        )),
    }
}

#[test]
fn every_alarm_has_a_row_and_every_row_an_alarm() {
    let mut raised = BTreeSet::new();
    for (file, text) in files("src", "rs") {
        let found = keys(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        raised.extend(found.into_iter().map(|key| (key, file.clone())));
    }
    let rows: BTreeSet<String> = rows("Alarm")
        .iter()
        .map(|r| named(r).replace("NAME", "*"))
        .collect();
    for (key, file) in &raised {
        assert!(
            rows.contains(key),
            "alarm `{key}` of {file} has no row in src/manual/operate.md"
        );
    }
    let keys: BTreeSet<&String> = raised.iter().map(|(key, _)| key).collect();
    for row in &rows {
        assert!(
            keys.contains(row),
            "operate.md: no alarm `{row}` is raised any more"
        );
    }
    assert!(
        keys.len() > 35,
        "only {} alarms were found: {keys:?}",
        keys.len()
    );
}

#[test]
fn the_keys_of_alarms_are_read_however_they_are_written() {
    let text = r#"
        const KEY: &str = "by-constant";
        fn a(&mut self) { self.tell("by-literal", Level::Warning, format!("x")); self.tell(
            KEY,
            Level::Critical,
            "y",
        ); }
        fn b(l: &mut Loop) { l.raise(Some(self.peers[i].at), "second", Level::Critical, text); }
        fn c() { let key = format!("interface {}", at.configured); self.raise(None, &key, Level::Warning, text) }
        fn d(now: BootTime) { alarms.tell(now, &format!("dropped-{name}"), Urgency::Critical, text); }
        fn e() { let (peer, key, before) = (Some(self.me), "of-three", self.ping.1); tx.send(Input::Raise {
            peer,
            key,
            level: Level::Warning,
            text: format!("z {e}"),
        }); }
        fn f() { Input::Raise { peer, key: "by-field", level, text } }
        fn g(&mut self, key: &str) { self.raise(None, key, Level::Critical, e.to_string()); }
        fn h() { match input { Input::Raise { peer, key, level, text, } => self.raise(peer, key, level, text), } }
    "#;
    let mut found = keys(text).unwrap();
    found.sort();
    let expected = [
        "by-constant",
        "by-field",
        "by-literal",
        "dropped-*",
        "interface *",
        "of-three",
        "second",
    ];
    assert_eq!(found, expected);
    assert!(keys("fn a(&mut self) { self.raise(None, name_of(x), Level::Info, t); }").is_err());
}
