//! Every shipped switch profile as text: it parses, its regular expressions compile, and what it names is declared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};
use standin::switch::schema::{Answer, OpSnmp, OpSsh, ProfileFile, Row, Show, Snmp, Ssh};
use toml::Spanned;

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

/// What may stand in braces.
const VARIABLES: &[&str] = &[
    "port", "new", "old", "vlan", "new.name", "old.name", "mac", "ip", "alias", "random",
    "minutes", "user",
];

/// What a show may tell about a port.
const PORT_FIELDS: &[&str] = &[
    "port", "admin", "oper", "pvid", "mode", "tagged", "alias", "reason",
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

/// Everything that is wrong with one profile.
fn problems(file: &ProfileFile) -> Vec<String> {
    let mut out = Vec::new();
    if *file.format.get_ref() != 1 {
        out.push("format is not 1".to_owned());
    }
    let snmp = file.snmp.as_ref().map(Spanned::get_ref);
    let ssh = file.ssh.as_ref().map(Spanned::get_ref);
    for must in ["port-off", "port-on"] {
        if !file.op.keys().any(|n| n.get_ref() == must) {
            out.push(format!("there is no {must}"));
        }
    }
    for (name, op) in &file.op {
        let name = name.get_ref();
        match (&op.snmp, snmp) {
            (Some(op), Some(snmp)) => snmp_op(name, op.get_ref(), snmp, &mut out),
            (Some(_), None) => out.push(format!("{name} over SNMP, and there is no [snmp]")),
            (None, _) => {}
        }
        match (&op.ssh, ssh) {
            (Some(op), Some(ssh)) => ssh_op(name, op.get_ref(), ssh, &mut out),
            (Some(_), None) => out.push(format!("{name} over SSH, and there is no [ssh]")),
            (None, _) => {}
        }
    }
    if let Some(snmp) = snmp {
        for must in ["name", "admin", "oper"] {
            if !objects(snmp).contains(must) {
                out.push(format!("object {must} is missing"));
            }
        }
        for (name, object) in &snmp.object {
            let oid = object.oid.get_ref();
            let index_of_one = oid.split('.').all(|arc| arc.parse::<u32>().is_ok());
            if !index_of_one {
                out.push(format!("{}: `{oid}` is no OID", name.get_ref()));
            }
        }
    }
    if let Some(ssh) = ssh {
        ssh_rules(ssh, &mut out);
    }
    out
}

fn objects(snmp: &Snmp) -> BTreeSet<&str> {
    snmp.object.keys().map(|n| n.get_ref().as_str()).collect()
}

fn braces(what: &str, text: &str, out: &mut Vec<String>) {
    let inside = regex(r"\{([a-z.]+)\}").unwrap();
    for found in inside.captures_iter(text) {
        if !VARIABLES.contains(&&found[1]) {
            out.push(format!("{what}: there is no variable {}", &found[0]));
        }
    }
}

fn snmp_op(name: &str, op: &OpSnmp, snmp: &Snmp, out: &mut Vec<String>) {
    let there = objects(snmp);
    let mut declared = |object: &str| {
        if !there.contains(object) {
            out.push(format!("{name}: object {object} is not declared"));
        }
    };
    op.read.iter().for_each(|o| declared(o.get_ref()));
    for step in op.steps.iter().map(Spanned::get_ref) {
        step.poll.iter().for_each(|o| declared(o.get_ref()));
    }
    let set = |r: &Row| {
        (r.set.is_some(), r.get.is_none()) == (true, true) && (r.value.is_some() != r.bit.is_some())
    };
    let get = |r: &Row| {
        let wants = [r.is.is_some(), r.any.is_some(), r.bit.is_some()];
        r.set.is_none() && r.get.is_some() && wants.iter().filter(|w| **w).count() == 1
    };
    let pdus = op.steps.iter().flat_map(|s| &s.get_ref().pdu);
    let rows: Vec<(bool, &Row)> = pdus
        .map(|r| (set(r.get_ref()), r.get_ref()))
        .chain(op.prove.iter().map(|r| (get(r.get_ref()), r.get_ref())))
        .collect();
    for (well_formed, row) in rows {
        let object = row.set.as_deref().or(row.get.as_deref()).unwrap_or("");
        if !there.contains(object) {
            out.push(format!("{name}: object `{object}` is not declared"));
        }
        if !well_formed {
            out.push(format!(
                "{name}: the row about `{object}` is not well formed"
            ));
        }
        braces(name, row.value.as_deref().unwrap_or(""), out);
        braces(name, row.is.as_deref().unwrap_or(""), out);
        let by_vlan = snmp
            .object
            .iter()
            .find(|(n, _)| n.get_ref() == object)
            .is_some_and(|(_, o)| {
                let parts = o.index.iter().map(|i| i.get_ref().as_str());
                parts.into_iter().any(|i| i == "vlan" || i == "vlanif")
            });
        if by_vlan != row.vlan.is_some() {
            out.push(format!(
                "{name}: `{object}`: `vlan` is given without need, or missing"
            ));
        }
    }
    if name != "port-status" && op.steps.is_empty() {
        out.push(format!("{name} over SNMP does nothing"));
    }
    if name.starts_with("port-o") && op.prove.is_empty() {
        out.push(format!("{name} over SNMP proves nothing"));
    }
}

fn answer(what: &str, answer: &Answer, out: &mut Vec<String>) {
    compiles(what, answer.see.get_ref(), out);
    let ways = [
        answer.key.is_some(),
        answer.say.is_some(),
        answer.secret.is_some(),
    ];
    if ways.iter().filter(|w| **w).count() != 1 {
        out.push(format!("{what}: not exactly one of key, say, secret"));
    }
    if answer
        .secret
        .as_ref()
        .is_some_and(|s| !["password", "enable"].contains(&s.get_ref().as_str()))
    {
        out.push(format!("{what}: there is no such secret"));
    }
}

fn compiles(what: &str, pattern: &str, out: &mut Vec<String>) {
    if let Err(e) = regex(pattern) {
        out.push(format!("{what}: {e}"));
    }
}

fn ssh_op(name: &str, op: &OpSsh, ssh: &Ssh, out: &mut Vec<String>) {
    let is_shell = ssh.channel.get_ref() == "shell";
    match (&op.mode, is_shell) {
        (Some(mode), true) if ssh.mode.keys().any(|m| m.get_ref() == mode.get_ref()) => {}
        (None, false) => {}
        (mode, _) => out.push(format!("{name} over SSH: mode {mode:?} does not fit")),
    }
    if op.steps.is_empty() {
        out.push(format!("{name} over SSH does nothing"));
    }
    for step in op.steps.iter().map(Spanned::get_ref) {
        if step.cli.is_empty() == step.wait.is_none() {
            out.push(format!(
                "{name} over SSH: a step has either commands or a pause"
            ));
        }
        for line in &step.cli {
            braces(name, line.get_ref(), out);
            if line.get_ref().contains('\n') {
                out.push(format!("{name} over SSH: one command a line"));
            }
        }
        for a in &step.ask {
            answer(name, a.get_ref(), out);
        }
        if let Some(expect) = &step.expect {
            compiles(name, expect.get_ref(), out);
        }
    }
    for proof in op.prove.iter().map(Spanned::get_ref) {
        let show = ssh.show.iter().find(|(n, _)| *n.get_ref() == proof.show);
        let Some((_, show)) = show else {
            out.push(format!(
                "{name} over SSH: show `{}` is not declared",
                proof.show
            ));
            continue;
        };
        let told = fields(show);
        for (wanted, field) in [
            (proof.admin.is_some(), "admin"),
            (proof.oper.is_some(), "oper"),
            (proof.pvid.is_some(), "pvid"),
            (proof.mode.is_some(), "mode"),
            (
                proof.tagged.is_some() || proof.not_tagged.is_some(),
                "tagged",
            ),
        ] {
            if wanted && !told.contains(field) {
                out.push(format!(
                    "{name} over SSH: show `{}` does not tell {field}",
                    proof.show
                ));
            }
        }
    }
    let proven: Vec<_> = op.prove.iter().map(Spanned::get_ref).collect();
    if name == "port-off"
        && !(proven.iter().any(|p| p.admin.is_some()) && proven.iter().any(|p| p.oper.is_some()))
    {
        out.push("port-off over SSH does not prove admin and oper".to_owned());
    }
}

/// The fields that a show can tell, including those that only its map sets.
fn fields(show: &Show) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = BTreeSet::new();
    if let Some(row) = &show.row
        && let Ok(row) = regex(row.get_ref())
    {
        out.extend(row.capture_names().flatten().map(str::to_owned));
    }
    out.extend(show.fields.keys().map(|f| f.get_ref().clone()));
    out.extend(
        show.json
            .keys()
            .map(|f| f.get_ref().clone())
            .filter(|f| f != "list"),
    );
    for texts in show.map.values() {
        for value in texts.values() {
            if let toml::Value::Table(several) = value.get_ref() {
                out.extend(several.keys().cloned());
            }
        }
    }
    out
}

fn ssh_rules(ssh: &Ssh, out: &mut Vec<String>) {
    let is_shell = ssh.channel.get_ref() == "shell";
    let modes: BTreeSet<&str> = ssh.mode.keys().map(|m| m.get_ref().as_str()).collect();
    if ssh.refuse.is_empty() {
        out.push("refuse is empty".to_owned());
    }
    if is_shell == ssh.mode.is_empty() {
        out.push("modes are for a shell, and a shell needs them".to_owned());
    }
    if is_shell && ssh.pager.is_empty() {
        out.push("a shell without a pager".to_owned());
    }
    for (what, list) in [
        ("refuse", &ssh.refuse),
        ("allow", &ssh.allow),
        ("noise", &ssh.noise),
        ("busy", &ssh.busy),
    ] {
        list.iter().for_each(|p| compiles(what, p.get_ref(), out));
    }
    for a in ssh.pager.iter().chain(&ssh.login) {
        answer("pager or login", a.get_ref(), out);
    }
    for r in &ssh.port_name {
        compiles("port_name", r.get_ref().from.get_ref(), out);
    }
    for (name, mode) in &ssh.mode {
        let name = name.get_ref();
        compiles(name, mode.prompt.get_ref(), out);
        mode.prompt_not
            .iter()
            .for_each(|p| compiles(name, p.get_ref(), out));
        mode.ask.iter().for_each(|a| answer(name, a.get_ref(), out));
        if let Some(from) = &mode.from {
            if !modes.contains(from.get_ref().as_str()) {
                out.push(format!("mode {name} is entered from `{}`", from.get_ref()));
            }
            if mode.enter.is_none() {
                out.push(format!("mode {name} has no `enter`"));
            }
        }
    }
    for (name, show) in &ssh.show {
        let name = name.get_ref();
        let ways = [
            show.row.is_some(),
            !show.fields.is_empty(),
            !show.json.is_empty(),
            show.raw,
        ];
        if ways.iter().filter(|w| **w).count() != 1 {
            out.push(format!(
                "show {name}: not exactly one of row, fields, json, raw"
            ));
        }
        braces(name, show.send.get_ref(), out);
        match &show.mode {
            Some(mode) if modes.contains(mode.get_ref().as_str()) => {}
            None if !is_shell => {}
            mode => out.push(format!("show {name}: mode {mode:?} does not fit")),
        }
        show.row
            .iter()
            .for_each(|r| compiles(name, r.get_ref(), out));
        show.fields
            .values()
            .for_each(|r| compiles(name, r.get_ref(), out));
        let told = fields(show);
        for field in show.map.keys() {
            if !told.contains(field.get_ref()) {
                out.push(format!(
                    "show {name}: map of `{}`, which is not captured",
                    field.get_ref()
                ));
            }
        }
        if ["port", "ports", "port_vlans"].contains(&name.as_str()) {
            let odd = told
                .iter()
                .find(|f| !PORT_FIELDS.contains(&f.as_str()) && *f != "status");
            if let Some(odd) = odd {
                out.push(format!("show {name}: nobody reads the field `{odd}`"));
            }
        }
    }
    if let Some(t) = ssh.transaction.as_ref().map(Spanned::get_ref) {
        for op in &t.arm_for {
            if !["set-access-vlan", "trunk-allow", "trunk-remove"].contains(&op.get_ref().as_str())
            {
                out.push(format!("arm_for: `{}` is no move", op.get_ref()));
            }
        }
        for line in [&t.commit, &t.arm, &t.confirm].into_iter().flatten() {
            braces("transaction", &line.send, out);
            line.see
                .iter()
                .for_each(|s| compiles("transaction", s.get_ref(), out));
            for mode in line.mode.iter().chain(&line.lands) {
                if !modes.contains(mode.get_ref().as_str()) {
                    out.push(format!(
                        "transaction: there is no mode `{}`",
                        mode.get_ref()
                    ));
                }
            }
        }
    }
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
    for (profile, show, output, want) in READ {
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

type Fields = &'static [(&'static str, &'static str)];

/// Profile, show, what was printed, what must be read from it; nothing must be read where no field is named.
const READ: &[(&str, &str, &str, Fields)] = &[
    (
        "openvswitch",
        "port",
        "p3 20 native-untagged [20, 30, 31] up up",
        &[
            ("port", "p3"),
            ("pvid", "20"),
            ("mode", "native-untagged"),
            ("tagged", "20, 30, 31"),
            ("oper", "up"),
        ],
    ),
    (
        "openvswitch",
        "port",
        "p1 10 [] [] down down",
        &[
            ("pvid", "10"),
            ("mode", "[]"),
            ("admin", "down"),
            ("oper", "down"),
        ],
    ),
    (
        "openvswitch",
        "ports",
        "br0 [] [] [] down down",
        &[("port", "br0"), ("mode", "[] []")],
    ),
    (
        "openvswitch",
        "ports",
        "bond0 20 access []",
        &[("port", "bond0"), ("pvid", "20"), ("mode", "access")],
    ),
    (
        "openvswitch",
        "macs",
        "p1    10  ee:b4:6a:55:dc:31  263",
        &[("port", "p1"), ("vlan", "10"), ("mac", "ee:b4:6a:55:dc:31")],
    ),
    (
        "openvswitch",
        "macs",
        " port  VLAN  MAC                Age",
        &[],
    ),
    (
        "openvswitch",
        "stp",
        "p3 {stp_port_id=\"32770\", stp_role=designated, stp_sec_in_state=\"0\", stp_state=forwarding} {}",
        &[("port", "p3"), ("state", "forwarding")],
    ),
    (
        "openvswitch",
        "stp",
        "p3 {} {rstp_port_role=Designated, rstp_port_state=Discarding}",
        &[("state", "Discarding")],
    ),
    (
        "openvswitch",
        "identify",
        "ovs-vsctl (Open vSwitch) 3.1.0\nDB Schema 8.3.1\nvm\n",
        &[
            ("model", "Open vSwitch"),
            ("version", "3.1.0"),
            ("sysname", "vm"),
        ],
    ),
    (
        "linux-bridge",
        "port",
        "port=swp3 flags=0x1303 oper=up pvid=20 tagged=[30,31] alias=camera 4",
        &[
            ("port", "swp3"),
            ("admin", "3"),
            ("oper", "up"),
            ("pvid", "20"),
            ("mode", "["),
            ("tagged", "30,31"),
            ("alias", "camera 4"),
        ],
    ),
    (
        "linux-bridge",
        "ports",
        "port=swp1 flags=0x1302 oper=down pvid= tagged=[] alias=",
        &[("admin", "2"), ("mode", "[]")],
    ),
    (
        "linux-bridge",
        "macs",
        "96:b6:12:a4:da:97 dev swp3 master br0 ",
        &[("mac", "96:b6:12:a4:da:97"), ("port", "swp3")],
    ),
    (
        "linux-bridge",
        "macs",
        "96:b6:12:a4:da:97 dev swp3 vlan 20 master br0 ",
        &[("vlan", "20")],
    ),
    (
        "linux-bridge",
        "macs",
        "33:33:00:00:00:01 dev swp1 self permanent",
        &[],
    ),
    (
        "linux-bridge",
        "identify",
        "Linux\n6.18.44-fc-v657\nvm\n",
        &[("version", "6.18.44-fc-v657"), ("sysname", "vm")],
    ),
    (
        "cisco-ios",
        "port",
        "Gi1/0/2   AccessPoint        connected    8          a-full a-1000 10/100/1000BaseTX",
        &[
            ("port", "Gi1/0/2"),
            ("status", "connected"),
            ("pvid", "8"),
            ("mode", "8"),
        ],
    ),
    (
        "cisco-ios",
        "port",
        "Gi1/0/3   disabled camera 1  connected    trunk      a-full a-1000 10/100/1000BaseTX",
        &[("status", "connected"), ("mode", "trunk")],
    ),
    (
        "cisco-ios",
        "port",
        "Gi1/0/4                      err-disabled 20           auto   auto 10/100/1000BaseTX",
        &[("status", "err-disabled"), ("pvid", "20")],
    ),
    (
        "cisco-ios",
        "port",
        "Port      Name               Status       Vlan       Duplex  Speed Type",
        &[],
    ),
    (
        "cisco-nxos",
        "port",
        "Eth1/1        managed by puppet  disabled  routed    auto    auto    SFP-H10GB-CU2M",
        &[
            ("port", "Eth1/1"),
            ("status", "disabled"),
            ("mode", "routed"),
        ],
    ),
    (
        "cisco-nxos",
        "ports",
        "Eth1/3        --                 xcvrAbsen 1         auto    auto    --",
        &[("status", "xcvrAbsen"), ("pvid", "1")],
    ),
    (
        "cisco-nxos",
        "port_vlans",
        "Name: Ethernet1/1\n  Operational Mode: access\n  Access Mode VLAN: 3 (Vlan not created)\n",
        &[("port", "Ethernet1/1"), ("mode", "access")],
    ),
    (
        "cisco-nxos",
        "port_vlans",
        "Name: Ethernet1/1\n  Operational Mode: access\n  Access Mode VLAN: 20 (VLAN0020)\n",
        &[("pvid", "20")],
    ),
    (
        "cisco-nxos",
        "macs",
        "*    145        000e.000e.000e   static     -        F      F    Po10",
        &[("vlan", "145"), ("port", "Po10")],
    ),
    (
        "cisco-smb",
        "port",
        "gi4      1G-Copper      --      --     --     --  Down           --     --",
        &[("port", "gi4"), ("oper", "Down")],
    ),
    (
        "cisco-smb",
        "port",
        "gi1      1G-Copper    Full    100   Enabled  Off  Up          Disabled Off",
        &[("oper", "Up")],
    ),
    (
        "cisco-smb",
        "port_vlans",
        "Port : fa1\nPort Mode: Trunk\nIngress UnTagged VLAN ( NATIVE ): 203\n",
        &[("port", "fa1"), ("mode", "Trunk"), ("pvid", "203")],
    ),
    (
        "cisco-smb",
        "macs",
        "    300        00:1d:9c:a1:46:86      gi7      dynamic",
        &[("vlan", "300"), ("port", "gi7")],
    ),
    (
        "arista-eos",
        "port",
        "Et3/2/2    I am a 10G port        errdisabled  10          a-full  a-10G 40GBASE-SR",
        &[
            ("port", "Et3/2/2"),
            ("status", "errdisabled"),
            ("pvid", "10"),
        ],
    ),
    (
        "arista-eos",
        "port",
        "Et3/2/4    - DISABLED routed (    disabled     routed      a-full  a-10G 40GBASE-SR",
        &[("status", "disabled"), ("mode", "routed")],
    ),
    (
        "arista-eos",
        "macs",
        "101    001c.8224.36d7    DYNAMIC     Po2        1       9 days, 15:57:28 ago",
        &[("vlan", "101"), ("port", "Po2")],
    ),
    (
        "aruba-aos-s",
        "port",
        "  5            100/1000T  | No        No      Down   1000FDx    Auto off  0",
        &[("port", "5"), ("admin", "No"), ("oper", "Down")],
    ),
    (
        "aruba-aos-s",
        "ports",
        "  1     10/100TX   | No        Yes     Up     100FDx     MDIX off",
        &[("port", "1"), ("admin", "Yes"), ("oper", "Up")],
    ),
    (
        "aruba-aos-s",
        "macs",
        "  500000-b70008     25                              50",
        &[("port", "25"), ("vlan", "50")],
    ),
    (
        "aruba-aos-s",
        "port_vlans",
        "  20      VLAN20  | Port-based No    No    Untagged\n  30      VLAN30  | Port-based No    No    Tagged\n",
        &[("pvid", "20"), ("mode", "Tagged")],
    ),
    (
        "aruba-aos-s",
        "port_vlans",
        "  20      VLAN20  | Port-based No    No    Untagged\n",
        &[("pvid", "20"), ("mode", "Untagged")],
    ),
    (
        "aruba-cx",
        "port",
        "Interface 1/1/1 is up \n Admin state is up\n Description: \n VLAN Mode: access\n Access VLAN: 1\n",
        &[
            ("port", "1/1/1"),
            ("oper", "up"),
            ("admin", "up"),
            ("mode", "access"),
            ("pvid", "1"),
        ],
    ),
    (
        "aruba-cx",
        "port",
        "Interface 1/1/2 is down\n Admin state is down\n VLAN Mode: native-untagged\n Native VLAN: 1\n Allowed VLAN List: all\n",
        &[
            ("mode", "native-untagged"),
            ("pvid", "1"),
            ("tagged", "all"),
            ("admin", "down"),
        ],
    ),
    (
        "aruba-cx",
        "macs",
        "00:01:2e:82:0f:7b    3560     dynamic                   lag100",
        &[("vlan", "3560"), ("port", "lag100")],
    ),
    (
        "juniper-junos",
        "port",
        "Physical interface: ge-0/0/0, Administratively down, Physical link is Down",
        &[
            ("port", "ge-0/0/0"),
            ("admin", "Administratively down"),
            ("oper", "Down"),
        ],
    ),
    (
        "juniper-junos",
        "macs",
        "    Vlan100             2c:5a:0f:bc:a3:cd   DL            -   xe-0/0/51:0.0          0         0",
        &[("port", "xe-0/0/51:0"), ("mac", "2c:5a:0f:bc:a3:cd")],
    ),
    (
        "juniper-junos",
        "vlans",
        "default-switch          v100-Control           100",
        &[("name", "v100-Control"), ("vlan", "100")],
    ),
    (
        "juniper-junos",
        "port_vlans",
        "interface-mode access;\nvlan {\n    members 20;\n}\n",
        &[("mode", "access"), ("pvid", "20")],
    ),
    (
        "juniper-junos",
        "port_vlans",
        "vlan {\n    members 20;\n}\n",
        &[("mode", "vlan"), ("pvid", "20")],
    ),
    (
        "juniper-junos",
        "port_vlans",
        "interface-mode trunk;\nvlan {\n    members [ 10 20 ];\n}\n",
        &[("mode", "trunk"), ("tagged", "10 20")],
    ),
    (
        "hpe-comware",
        "port",
        "GE0/1                DOWN auto    A      A    1",
        &[
            ("port", "GE0/1"),
            ("status", "DOWN"),
            ("mode", "A"),
            ("pvid", "1"),
        ],
    ),
    (
        "hpe-comware",
        "macs",
        "fedc-ba09-8765 10       Learned        GigabitEthernet1/0/20    NOAGED",
        &[("vlan", "10"), ("port", "GigabitEthernet1/0/20")],
    ),
    (
        "huawei-vrp",
        "port_vlans",
        "GigabitEthernet0/0/1        hybrid       1     2",
        &[("mode", "hybrid"), ("pvid", "1"), ("tagged", "2")],
    ),
    (
        "huawei-vrp",
        "macs",
        "b8d6-f6ff-7390 10/-/-                            XGE0/0/1            dynamic",
        &[("vlan", "10"), ("port", "XGE0/0/1")],
    ),
    (
        "huawei-vrp",
        "ports",
        "  GigabitEthernet8/1/16     up    up           0%  0.04%          0          0",
        &[("status", "up")],
    ),
    (
        "huawei-vrp",
        "ports",
        "Aux0/0/1                    *down down         0%     0%          0          0",
        &[("port", "Aux0/0/1"), ("status", "*down")],
    ),
    (
        "huawei-vrp",
        "port",
        "40GE0/0/1 current state : DOWN\nLine protocol current state : UP\n",
        &[("port", "40GE0/0/1"), ("status", "DOWN")],
    ),
    (
        "mikrotik-routeros",
        "port",
        " 1 DR  name=ether2_UniFi2 default-name=ether2 type=ether",
        &[("status", "DR"), ("port", "ether2_UniFi2")],
    ),
    (
        "mikrotik-routeros",
        "ports",
        " 4  X  name=bridge-VLAN2 type=bridge mac-address=12:34:56:78:90:AE",
        &[("status", "X"), ("port", "bridge-VLAN2")],
    ),
    (
        "mikrotik-routeros",
        "ports",
        " 2     name=ether3 UniFi1 default-name=ether3 type=ether",
        &[("status", ""), ("port", "ether3 UniFi1")],
    ),
    (
        "mikrotik-routeros",
        "macs",
        "0 D E  mac-address=11:22:33:44:55:01 interface=ether4 bridge=lan-bridge on-interface=ether4",
        &[("port", "ether4")],
    ),
    (
        "mikrotik-routeros",
        "macs",
        "3 DL   mac-address=11:22:33:44:55:04 interface=ether4 bridge=lan-bridge on-interface=ether4",
        &[],
    ),
    (
        "extreme-exos",
        "port",
        "5         Emj-----e--fMB---x- active    - / -  1    0    1   0   9216  none",
        &[("port", "5"), ("admin", "E"), ("oper", "active")],
    ),
    (
        "extreme-exos",
        "ports",
        "1         Dmjla---e--fMB---x- ready     - / -  0    1 3288   1   9216  none    1 a",
        &[("admin", "D"), ("oper", "ready")],
    ),
    (
        "extreme-exos",
        "macs",
        "00:0c:29:4b:34:cf                             v101(0101) 0041  d m D          1:2",
        &[("vlan", "101"), ("port", "1:2")],
    ),
    (
        "extreme-exos",
        "vlans",
        "VLAN0002        2    sw-3",
        &[("name", "VLAN0002"), ("vlan", "2")],
    ),
    (
        "ruckus-icx",
        "port",
        "1/1/1      Up      Forward Full 1G    None  Yes 5    0   d4c1.9e8f.1108   ",
        &[("status", "Up"), ("mode", "Yes"), ("pvid", "5")],
    ),
    (
        "ruckus-icx",
        "macs",
        "0010.20d0.b22b  1/1/2                Dynamic      10   ",
        &[("port", "1/1/2"), ("vlan", "10")],
    ),
    (
        "ruckus-icx",
        "vlans",
        "PORT-VLAN 1, Name OPS, Priority level0, Off",
        &[("vlan", "1"), ("name", "OPS")],
    ),
    (
        "ubiquiti-edgeswitch",
        "vlans",
        "101     ip tv                            Static",
        &[("vlan", "101"), ("name", "ip tv")],
    ),
];
