//! The faults that `scripts/bench mutants` plants still have their places.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where the old text stands in the file: begin and end. What stands in `within` is looked for there.
fn place(text: &str, within: &str, old: &str) -> Result<(usize, usize), String> {
    for (what, text) in [(within, text), (old, within)] {
        let times = text.matches(what).count();
        if times != 1 {
            return Err(format!("{what:?} occurs {times} times, not once"));
        }
    }
    let begin = text.find(within).unwrap_or_default() + within.find(old).unwrap_or_default();
    Ok((begin, begin + old.len()))
}

#[test]
fn each_fault_that_is_planted_has_its_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).expect("the file can be read");
    let table: toml::Table = read("benches/mutants/mutants.toml")
        .parse()
        .expect("it is TOML");
    let mutants = table["mutant"].as_array().expect("a list");
    let mut ids = Vec::new();
    let mut places: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for mutant in mutants {
        let key = |key: &str| mutant.get(key).and_then(toml::Value::as_str);
        let id = mutant["id"].as_integer().expect("a number");
        for needed in ["of", "what", "new"] {
            assert!(key(needed).is_some(), "mutant {id} has no {needed}");
        }
        let file = key("file").expect("a file");
        let old = key("old").expect("an old text");
        ids.push(id);
        match place(&read(file), key("within").unwrap_or(old), old) {
            Ok(place) => places.entry(file.to_owned()).or_default().push(place),
            Err(why) => wrong.push(format!("mutant {id}, {file}: {why}")),
        }
    }
    for (file, places) in &mut places {
        places.sort_unstable();
        let overlaps = places.windows(2).any(|two| two[0].1 > two[1].0);
        wrong.extend(overlaps.then(|| format!("{file}: two faults overlap")));
    }
    let many = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), many, "two faults have one id");
    assert!(many >= 25, "{many} faults");
    let wrong = wrong.join("\n");
    assert!(
        wrong.is_empty(),
        "{wrong}\nput each where its code has gone, or take it out with it (benches/mutants/mutants.toml)"
    );
}
