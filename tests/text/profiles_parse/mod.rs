//! Every shipped switch profile as text: it parses, its regular expressions compile, and what it names is declared.

mod printed;
mod whole;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};
use standin::switch::profile::schema::ProfileFile;
use toml::Spanned;
use whole::problems;

/// Every family that issue 3 names.
const FAMILIES: &[&str] = &[
    "arista-eos",
    "aruba-aos-s",
    "aruba-cx",
    "cisco-ios",
    "cisco-nxos",
    "cisco-smb",
    "cumulus-nvue",
    "dell-os10",
    "dell-os9",
    "dlink-dgs",
    "extreme-exos",
    "generic-qbridge",
    "hpe-comware",
    "huawei-vrp",
    "huawei-vrp8",
    "juniper-junos",
    "linux-bridge",
    "mikrotik-routeros",
    "netgear-fastpath",
    "openvswitch",
    "ruckus-icx",
    "tplink-jetstream",
    "ubiquiti-edgeswitch",
    "zyxel",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("switch-profiles")
}

fn texts() -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| {
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    out.sort();
    out
}

fn parse(name: &str, text: &str) -> ProfileFile {
    toml::from_str(text).unwrap_or_else(|e| panic!("{name}.toml: {e}"))
}

fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .multi_line(true)
        .build()
}

#[test]
fn every_shipped_profile_is_whole() {
    let mut wrong = BTreeMap::new();
    for (name, text) in texts() {
        let found = problems(&parse(&name, &text));
        if !found.is_empty() {
            wrong.insert(name, found);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_family_has_its_profile() {
    let there: Vec<String> = texts().into_iter().map(|(name, _)| name).collect();
    let lacking: Vec<&&str> = FAMILIES
        .iter()
        .filter(|f| !there.contains(&(**f).to_owned()))
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn no_two_profiles_claim_the_same_prefix() {
    let mut seen: BTreeMap<(String, Option<String>), String> = BTreeMap::new();
    for (name, text) in texts() {
        let identify = parse(&name, &text).identify;
        let descr = identify.sysdescr.map(Spanned::into_inner);
        for prefix in identify.sysobjectid.into_iter().map(Spanned::into_inner) {
            if let Some(other) = seen.insert((prefix.clone(), descr.clone()), name.clone()) {
                panic!("{name} and {other} both claim {prefix}");
            }
        }
    }
}

#[test]
fn this_test_finds_what_it_looks_for() {
    let (_, good) = texts()
        .into_iter()
        .find(|(n, _)| n == "openvswitch")
        .unwrap();
    for (from, to, want) in [
        (
            "read = [\"name\"",
            "read = [\"nome\"",
            "nome is not declared",
        ),
        ("show = \"port\", pvid", "show = \"prot\", pvid", "prot"),
        (
            "'permission denied'",
            "'permission (denied'",
            "unclosed group",
        ),
        ("(?<pvid>", "(?<pwid>", "nobody reads the field"),
        ("tag={new}", "tag={now}", "there is no variable {now}"),
        (
            "channel = \"exec\"",
            "channel = \"shell\"",
            "a shell without a pager",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let found = problems(&parse("x", &good.replace(from, to)));
        assert!(found.iter().any(|p| p.contains(want)), "{from}: {found:?}");
    }
}

#[test]
fn port_names_are_quoted_where_a_command_line_would_take_them_apart() {
    use standin::switch::Profile;
    use standin::switch::profile::ssh::fill::Vars;
    let fill = |profile: &str, port: &str| {
        let rules = Profile::find(profile, None).unwrap().cli.unwrap();
        rules.fill("disable [find name={port}]", &Vars::new().port(port))
    };
    for (port, sent) in [
        ("ether1", "ether1"),
        ("sfp-sfpplus1", "sfp-sfpplus1"),
        ("ether3 UniFi1", "\"ether3 UniFi1\""),
        ("trunk: Down (eth5)", "\"trunk: Down (eth5)\""),
        ("uplink [core]", "\"uplink [core]\""),
    ] {
        let want = format!("disable [find name={sent}]");
        assert_eq!(fill("mikrotik-routeros", port).unwrap(), want);
    }
    for port in ["a\"b", "a$b", "a?", "a\\b", "a;b"] {
        assert!(fill("mikrotik-routeros", port).is_err(), "{port}");
    }
    assert_eq!(
        fill("dell-os9", "Te 0/1").unwrap(),
        "disable [find name=tengigabitethernet 0/1]"
    );
}
