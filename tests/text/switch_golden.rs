//! What every shipped profile sends, for one fixed scene, line by line beside what was reviewed: `tests/text/golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo nextest run --test text switch_golden::` writes the files anew; the difference is then for review.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use standin::switch::Profile;
use standin::switch::model::value::{Oid, Value};
use standin::switch::profile::ssh::fill::Vars;
use standin::switch::profile::{BUILT_IN, Encoding, Kind};
use standin::switch::render::{Expected, PortNumbers, Rendered, Renderer, Scene};
use standin::types::{IfIndex, MacAddr};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0x5e, 1]);

/// ifName as the family writes it; port 7 of the first unit.
fn port_name(profile: &str) -> &'static str {
    match profile {
        "arista-eos" | "cisco-nxos" => "Ethernet7",
        "aruba-aos-s" => "7",
        "aruba-cx" => "1/1/7",
        "cisco-ios" => "Gi1/0/7",
        "cisco-smb" => "gi7",
        "cumulus-nvue" => "swp7",
        "dell-os9" => "TenGigabitEthernet 0/7",
        "dell-os10" => "ethernet1/1/7",
        "dlink-dgs" => "1/7",
        "extreme-exos" => "1:7",
        "hpe-comware" => "GigabitEthernet1/0/7",
        "huawei-vrp" | "huawei-vrp8" => "GigabitEthernet0/0/7",
        "juniper-junos" => "ge-0/0/7",
        "mikrotik-routeros" => "ether7",
        "netgear-fastpath" | "ubiquiti-edgeswitch" => "0/7",
        "ruckus-icx" => "ethernet1/1/7",
        "tplink-jetstream" => "gigabitEthernet 1/0/7 : copper",
        "zyxel" => "swp06",
        _ => "ge7",
    }
}

/// The port is ifIndex 7 and bridge port 3; it leaves VLAN 10 for VLAN 20.
fn scene(profile: &Profile) -> Scene {
    Scene {
        port: Some(PortNumbers {
            if_name: port_name(&profile.name).into(),
            if_index: IfIndex(7),
            bridge_port: Some(3),
        }),
        new: Some(20),
        old: vec![10],
        vlan_if: BTreeMap::from([(10, 1010), (20, 1020)]),
        vlan_names: BTreeMap::from([(10, "cameras".into()), (20, "quarantine".into())]),
        alias: b"slave-a [standin:standby-b:7]".to_vec(),
        mac: Some(MAC),
        ip: Some([192, 168, 1, 101].into()),
        random: 4711,
        ..Scene::default()
    }
}

/// What the switch had: in every list ports 1 and 9 of four octets, in those of VLAN 10 the port itself too.
fn received(profile: &Profile, op: &Renderer<'_>) -> BTreeMap<Oid, Value> {
    let mut out = BTreeMap::new();
    let port = op.list_number().unwrap_or(3);
    for (name, oid) in op.instances().unwrap_or_default() {
        if profile.object(&name).map(|o| o.kind) != Some(Kind::PortList) {
            continue;
        }
        let old = matches!(oid.arcs().last(), Some(10 | 1010));
        let list = match (profile.snmp.portlist.encoding, old) {
            (Encoding::Bitmap, false) => vec![0x80, 0x80, 0, 0],
            (Encoding::Bitmap, true) => {
                let rule = profile.snmp.portlist;
                standin::switch::render::portlist::with(rule, &[0x80, 0x80, 0, 0], port, true)
                    .unwrap()
            }
            (_, false) => b"1,9".to_vec(),
            (_, true) => format!("1,{port},9").into_bytes(),
        };
        out.insert(oid, Value::Bytes(list));
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::Bytes(b) if b.iter().all(|c| (0x20..0x7f).contains(c)) && !b.is_empty() => {
            format!("\"{}\"", String::from_utf8_lossy(b))
        }
        Value::Bytes(b) => b.iter().fold("0x".to_owned(), |mut s, o| {
            write!(s, "{o:02x}").unwrap();
            s
        }),
        other => other.to_string(),
    }
}

fn snmp(profile: &Profile, out: &mut String) {
    for name in profile.snmp.ops.keys() {
        writeln!(out, "\n[{name}, snmp]").unwrap();
        if !profile.snmp.ops[name].read.is_empty() {
            for object in &profile.snmp.ops[name].read {
                let oid = &profile.object(object).unwrap().oid;
                writeln!(out, "get {oid}.7 ({object})").unwrap();
            }
            continue;
        }
        let mut scene = scene(profile);
        scene.now = received(profile, &Renderer::new(profile, name, &scene).unwrap());
        let op = Renderer::new(profile, name, &scene).unwrap();
        let steps = op.steps().unwrap_or_else(|e| panic!("{e}"));
        for (n, step) in steps.iter().enumerate() {
            match step {
                Rendered::Pdu { vars, reply_counts } => {
                    for v in vars {
                        let lies = if *reply_counts {
                            ""
                        } else {
                            " (its reply says nothing)"
                        };
                        let kind = format!("{:?}", v.kind).to_lowercase();
                        let (value, object) = (shown(&v.value), &v.object);
                        writeln!(
                            out,
                            "pdu {} {} {kind} {value} ({object}){lies}",
                            n + 1,
                            v.oid
                        )
                        .unwrap();
                    }
                }
                Rendered::Poll {
                    oid,
                    until,
                    fail,
                    within,
                } => writeln!(
                    out,
                    "poll {oid} until {until:?}, failed if {fail:?}, within {within:?}"
                )
                .unwrap(),
                Rendered::Wait(pause) => writeln!(out, "wait {pause:?}").unwrap(),
            }
        }
        for p in op.proofs().unwrap() {
            let want = match &p.want {
                Expected::Numbers(n) => format!("in {n:?}"),
                Expected::Octets(o) => format!("is {}", shown(&Value::Bytes(o[0].clone()))),
                Expected::Bit { number, on } => {
                    format!("{} port {number}", if *on { "has" } else { "is without" })
                }
            };
            let when = if p.while_up { ", while up" } else { "" };
            writeln!(out, "prove {} {want} ({}){when}", p.oid, p.object).unwrap();
        }
    }
}

fn ssh(profile: &Profile, out: &mut String) {
    let Some(rules) = &profile.cli else { return };
    let vars = Vars::new()
        .port(port_name(&profile.name))
        .mac(MAC)
        .with("new", 20)
        .with("vlan", 20)
        .with("old", 10)
        .with("new.name", "quarantine")
        .with("old.name", "cameras")
        .with("ip", "192.168.1.101")
        .with("minutes", 2)
        .with("user", "ops")
        .with("bridge", "br0");
    for (name, op) in &profile.ssh_ops {
        let mode = op.mode.as_deref().unwrap_or("-");
        writeln!(out, "\n[{name}, ssh, mode {mode}]").unwrap();
        for step in &op.steps {
            for command in &step.commands {
                let line = rules
                    .fill(command, &vars)
                    .unwrap_or_else(|e| panic!("{}: {e}", profile.name));
                writeln!(out, "send {line}").unwrap();
            }
            for ask in &step.asks {
                writeln!(out, "answer {ask:?}").unwrap();
            }
            if let Some(pause) = step.wait {
                writeln!(out, "wait {pause:?}").unwrap();
            }
        }
        for p in &op.prove {
            let fields = [
                ("admin", &p.admin),
                ("oper", &p.oper),
                ("pvid", &p.pvid),
                ("mode", &p.mode),
                ("tagged", &p.tagged),
                ("not tagged", &p.not_tagged),
            ];
            let mut line = format!("prove show {}:", p.show);
            for (name, value) in fields {
                if let Some(value) = value {
                    write!(line, " {name} {value}").unwrap();
                }
            }
            let absent = if p.absent { " no record" } else { "" };
            writeln!(out, "{line}{absent}").unwrap();
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/text/golden")
}

#[test]
fn every_profile_sends_what_was_reviewed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|v| v == "1");
    let mut wrong = Vec::new();
    for (name, _) in BUILT_IN {
        let profile = Profile::find(name, None).unwrap();
        let mut text = format!(
            "{name}: port {} (ifIndex 7, bridge port 3), VLAN 10 to 20\n",
            port_name(name)
        );
        snmp(&profile, &mut text);
        ssh(&profile, &mut text);
        let path = folder().join(format!("{name}.txt"));
        if update {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &text).unwrap();
            continue;
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        if there != text {
            let differs = text.lines().zip(there.lines().chain(std::iter::repeat("")));
            let first = differs.into_iter().find(|(new, old)| new != old);
            wrong.push(format!("{name}: {first:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "not as in tests/text/golden (new, old); UPDATE_GOLDEN=1 writes it anew, for review:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_file_is_left_of_a_profile_that_is_gone() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(
            BUILT_IN.iter().any(|(n, _)| *n == name),
            "{}",
            path.display()
        );
    }
}
