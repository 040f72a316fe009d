//! Lines that switches printed, and what must be read from them.

mod others;
mod software_and_cisco;

use std::collections::BTreeMap;

use standin::switch::schema::Show;

use crate::{folder, parse, regex};

type Fields = &'static [(&'static str, &'static str)];

/// Profile, show, what was printed, what must be read from it.
type Line = (&'static str, &'static str, &'static str, Fields);

/// The first record of a show whose text is `output`: rows and fields, before any map.
fn record(show: &Show, output: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    if let Some(row) = &show.row {
        let row = regex(row.get_ref()).unwrap();
        if let Some(found) = output.lines().find_map(|line| row.captures(line)) {
            for name in row.capture_names().flatten() {
                if let Some(m) = found.name(name) {
                    out.insert(name.to_owned(), m.as_str().to_owned());
                }
            }
        }
    }
    for (name, pattern) in &show.fields {
        let found = regex(pattern.get_ref()).unwrap().captures(output);
        if let Some(m) = found.and_then(|c| c.iter().skip(1).flatten().next()) {
            out.insert(name.get_ref().clone(), m.as_str().trim().to_owned());
        }
    }
    out
}

#[test]
fn lines_that_switches_printed_are_read() {
    let mut wrong = Vec::new();
    for (profile, show, output, want) in software_and_cisco::READ.iter().chain(others::READ) {
        let text = std::fs::read_to_string(folder().join(format!("{profile}.toml"))).unwrap();
        let file = parse(profile, &text);
        let ssh = file.ssh.unwrap().into_inner();
        let show = ssh.show.iter().find(|(n, _)| n.get_ref() == show).unwrap();
        let got = record(show.1, output);
        for (field, value) in *want {
            let got = got.get(*field).map(String::as_str);
            if got != Some(*value) {
                wrong.push(format!(
                    "{profile}: {field} of {output:?} is {got:?}, not {value:?}"
                ));
            }
        }
        if want.is_empty() && !got.is_empty() {
            wrong.push(format!("{profile}: {output:?} read as {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
