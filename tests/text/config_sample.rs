//! The shipped sample: it is accepted, it names every key, and what it says is the default.

use std::collections::BTreeSet;
use std::path::Path;

use standin::config::{Config, ConfigErrors, Persistence, ProfileFacts, SAMPLE, Surroundings};

const SAMPLE_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/standin.toml");

/// Keys without a default, or whose absence means something of its own.
const NO_DEFAULT: [&str; 10] = [
    "address",
    "profile",
    "community-file",
    "kind",
    "vip",
    "interface",
    "switch",
    "ports",
    "persist",
    "oper-staleness",
];

fn load(text: &str) -> Config {
    let around = Surroundings {
        profiles: Some(vec![ProfileFacts::snmp_only(
            "generic-qbridge",
            Persistence::Unknown,
        )]),
        ..Surroundings::default()
    };
    match Config::from_text(Path::new(SAMPLE_PATH), text, &around) {
        Ok((config, warnings)) => {
            assert!(warnings.is_empty(), "{warnings:?}");
            config
        }
        Err(e) => panic!("{}", e.render(false)),
    }
}

#[test]
fn the_sample_is_accepted_without_a_warning() {
    let config = load(SAMPLE);
    let peer = &config.peers["cctv"];
    assert_eq!(peer.vip.to_string(), "192.168.1.101/24");
    assert_eq!(peer.fence[0].ports, ["p-prim"]);
    assert!(peer.verify.cameras.ends_with("config/cameras.csv"));
}

#[test]
fn what_the_sample_says_is_the_default() {
    let required = |line: &&str| match line.split_once(" = ") {
        Some((key, _)) if !line.starts_with('#') => NO_DEFAULT.contains(&key.trim()),
        _ => true,
    };
    let lines: Vec<&str> = SAMPLE.lines().filter(required).collect();
    let only_required = lines.join("\n");
    assert!(!only_required.contains("probe-interval ="));
    let (said, default) = (load(SAMPLE), load(&only_required));
    assert_eq!(said.node, default.node);
    assert_eq!(said.heartbeat, default.heartbeat);
    assert_eq!((&said.traps, &default.traps), (&None, &None));
    assert_eq!(said.switches, default.switches);
    assert_eq!(said.peers, default.peers);
}

/// The keys of one table as serde knows them: an unknown key makes it name the known ones.
fn keys_of(header: &str) -> Vec<String> {
    let text = format!("{header}\nqqqqqqqqqqqqqqqq = 1\n");
    let read = Config::from_text(Path::new("x.toml"), &text, &Surroundings::default());
    let Err(ConfigErrors::Invalid { problems, .. }) = read else {
        panic!("an unknown key in {header} was accepted");
    };
    let unknown = problems.iter().find(|p| p.what.contains("qqqq")).unwrap();
    let quoted = unknown.help.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

#[test]
fn the_sample_names_every_key_of_the_schema() {
    let mut in_sample = BTreeSet::new();
    let mut table = String::new();
    for line in SAMPLE.lines() {
        let line = line.trim_start_matches('#').trim_start();
        if line.starts_with('[') && line.contains(']') {
            table = line.trim_matches('[').split(']').next().unwrap().to_owned();
            in_sample.insert(table.clone());
            if let Some((outer, _)) = table.rsplit_once('.') {
                in_sample.insert(outer.to_owned());
            }
        } else if let Some((key, _)) = line.split_once(" = ") {
            in_sample.insert(format!("{table}.{key}"));
        }
    }
    let mut seen = 0;
    for header in [
        "",
        "[node]",
        "[heartbeat]",
        "[traps]",
        "[alert]",
        "[switch.core]",
        "[switch.core.snmp]",
        "[switch.core.ssh]",
        "[peer.cctv]",
        "[peer.cctv.detect]",
        "[peer.cctv.policy]",
        "[[peer.cctv.fence]]",
        "[peer.cctv.service]",
        "[peer.cctv.announce]",
        "[peer.cctv.address]",
        "[peer.cctv.verify]",
        "[peer.cctv.release]",
    ] {
        let table = header.trim_matches(['[', ']']);
        for key in keys_of(header) {
            let path = format!("{table}.{key}");
            let path = path.trim_start_matches('.');
            assert!(in_sample.contains(path), "`{path}` is not in the sample");
            // A table is no key of its own.
            let table = in_sample.iter().any(|k| k.starts_with(&format!("{path}.")));
            let when = standin::daemon::in_force::when(path);
            assert!(
                table || when.is_some(),
                "a reload does not know from when on `{path}` is in force"
            );
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} keys were looked for");
}
