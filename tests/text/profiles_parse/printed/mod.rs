//! Lines that switches printed, and what must be read from them.

mod others;
mod software_and_cisco;

use standin::switch::profile::ssh::rules::CliRules;
use standin::switch::profile::ssh::rules::Show;
use standin::switch::ssh::{Record, show};

use crate::profiles_parse::{folder, parse};

type Fields = &'static [(&'static str, &'static str)];

/// Profile, show, what was printed, what must be read from it.
type Line = (&'static str, &'static str, &'static str, Fields);

/// The first record of a show whose text is `output`, in the switch's own words.
fn record(show: &Show, output: &str) -> Record {
    let mut show = show.clone();
    show.map.clear();
    let records = show::parse(&show, output).unwrap_or_default();
    records.into_iter().next().unwrap_or_default()
}

#[test]
fn lines_that_switches_printed_are_read() {
    let mut wrong = Vec::new();
    for (profile, show, output, want) in software_and_cisco::READ.iter().chain(others::READ) {
        let text = std::fs::read_to_string(folder().join(format!("{profile}.toml"))).unwrap();
        let file = parse(profile, &text);
        let ssh = file.ssh.unwrap().into_inner();
        let rules = CliRules::compile(&ssh).unwrap();
        let got = record(&rules.shows[*show], output);
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
