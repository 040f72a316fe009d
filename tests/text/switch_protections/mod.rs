//! What tells the protections of a port, in the shipped profiles: outputs and configurations as they are published, and
//! what must be read from them.
//!
//! Where each was found stands beside it; some are shortened. "Composed": nobody printed it, it was put together here from
//! commands that a source names, or that nobody names ("from memory"). STIG: the Security Technical Implementation Guides
//! of DISA, which print configurations in one line; they are broken into lines again here.

mod printed;

use std::collections::{BTreeMap, BTreeSet};

use printed::PRINTED;
use standin::switch::Profile;
use standin::switch::profile::BUILT_IN;
use standin::switch::profile::ssh::rules::{Layout, Show};
use standin::switch::ssh::show::parse;

/// Lists that a switch broke, and shows of something else: the port or the VLAN must not be told by them.
const ODD: &[(&str, &str, &str)] = &[
    (
        "aruba-aos-s",
        "protections_vlan",
        " Enabled Vlans : 1-4,\n  7\n Validate : dest-mac\n",
    ),
    (
        "aruba-aos-s",
        "protections_vlan",
        " Enabled Vlans :\n Validate : dest-mac\n",
    ),
    ("arista-eos", "protections_vlan", "\n"),
    ("cisco-nxos", "protections_vlan", "\n"),
    ("juniper-junos", "protections_dot1x", "\n"),
    ("huawei-vrp", "protections_port", "#\nreturn\n"),
];

fn show(profile: &str, name: &str) -> Show {
    let profile = Profile::find(profile, None).unwrap();
    let cli = profile.cli.as_ref().unwrap();
    cli.shows
        .get(name)
        .unwrap_or_else(|| panic!("{} shows no {name}", profile.name))
        .clone()
}

fn told(show: &Show) -> BTreeSet<String> {
    match &show.layout {
        Layout::Row(row) => row.capture_names().flatten().map(str::to_owned).collect(),
        Layout::Fields(fields) => fields.keys().cloned().collect(),
        Layout::Json { fields, .. } => fields.keys().cloned().collect(),
        Layout::Raw => BTreeSet::new(),
    }
}

#[test]
fn what_switches_printed_of_their_protections_is_read() {
    let mut wrong = Vec::new();
    for (profile, name, text, want) in PRINTED {
        let got = parse(&show(profile, name), text).unwrap_or_default();
        let want: Vec<BTreeMap<String, String>> = (want.iter())
            .map(|r| r.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
            .collect();
        if got != want {
            wrong.push(format!(
                "{profile}, {name}: {text:?}\n  is   {got:?}\n  must {want:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_says_nothing_is_not_read_as_off() {
    for (profile, name, text) in ODD {
        let got = parse(&show(profile, name), text).unwrap_or_default();
        let readable = got.iter().any(|r| {
            ["port", "vlan", "arp_vlans"]
                .iter()
                .any(|f| r.contains_key(*f))
        });
        assert!(!readable, "{profile}, {name}: {text:?} is {got:?}");
    }
}

#[test]
fn every_field_of_every_such_show_has_a_text_that_is_read() {
    let mut seen = BTreeSet::new();
    for (profile, name, _, want) in PRINTED {
        for (field, _) in want.iter().copied().flatten() {
            seen.insert((*profile, *name, *field));
        }
    }
    let mut unseen = Vec::new();
    for (name, _) in BUILT_IN {
        let profile = Profile::find(name, None).unwrap();
        for (show, rules) in profile.cli.iter().flat_map(|cli| &cli.shows) {
            if !show.starts_with("protections") {
                continue;
            }
            unseen.extend(
                (told(rules).iter())
                    .filter(|f| !seen.contains(&(*name, show.as_str(), f.as_str())))
                    .map(|f| format!("{name}, {show}: {f}")),
            );
        }
    }
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
}
