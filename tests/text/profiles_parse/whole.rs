//! Everything that can be wrong with one profile, by its text alone.

use std::collections::BTreeSet;

use standin::switch::profile::schema::{Answer, OpSnmp, OpSsh, ProfileFile, Row, Show, Snmp, Ssh};
use toml::Spanned;

use crate::profiles_parse::regex;

/// What may stand in braces.
const VARIABLES: &[&str] = &[
    "port", "new", "old", "vlan", "new.name", "old.name", "mac", "ip", "alias", "random",
    "minutes", "user",
];

/// What a show may tell about a port.
const PORT_FIELDS: &[&str] = &[
    "port", "admin", "oper", "pvid", "mode", "tagged", "alias", "reason",
];

/// Everything that is wrong with one profile.
pub fn problems(file: &ProfileFile) -> Vec<String> {
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
