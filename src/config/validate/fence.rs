//! `[[peer.NAME.fence]]`: what may be written to a switch, and what never.

use std::time::Duration;

use super::names;
use super::range::{self, ms};
use crate::config::problem::Check;
use crate::config::resolved::{Fence, SwitchPorts};
use crate::config::schema::{self, FenceKind, Ports};
use crate::config::suggest::{nearest, quoted_list};
use crate::config::surroundings::{Persistence, ProfileFacts, Surroundings};
use crate::config::text::show;
use crate::types::{PortName, Quarantine, VlanId};

pub(super) fn levels(
    at: &str,
    peer: &schema::Peer,
    file: &schema::File,
    around: &Surroundings,
    check: &mut Check<'_>,
) -> Option<Vec<Fence>> {
    let key = format!("{at}.fence");
    if peer.fence.is_empty() && !check.refused.iter().any(|r| r.starts_with(&key)) {
        check.error(
            at,
            "no fence: nothing would keep the dead machine from coming back beside us",
            format!("add [[{key}]] with switch, ports and persist"),
        );
    }
    let levels: Vec<Option<Fence>> = peer
        .fence
        .iter()
        .enumerate()
        .map(|(i, level)| {
            let at = format!("{key}[{i}]");
            let level_ok = one(&at, level, file, around, check);
            let quarantine = quarantine(&at, level, peer, check);
            level_ok.map(|f| Fence { quarantine, ..f })
        })
        .collect();
    levels.into_iter().collect()
}

fn one(
    at: &str,
    level: &schema::Fence,
    file: &schema::File,
    around: &Surroundings,
    check: &mut Check<'_>,
) -> Option<Fence> {
    let key = |k: &str| format!("{at}.{k}");
    let name = check.require(
        &key("switch"),
        level.switch.clone(),
        "the NAME of a [switch.NAME] table",
    );
    let switch = name.as_ref().and_then(|name| {
        let switch = file.switch.get(name);
        if switch.is_none() {
            unknown_switch(&key("switch"), name, file, check);
        }
        switch
    });
    if let Ports::Named(names) = &level.ports {
        ports(&key("ports"), names, name.as_deref(), switch, check);
    }
    let also = also(at, level, file, check);
    if level.alias.contains(char::is_control) {
        check.error(
            &key("alias"),
            "this cannot be an ifAlias",
            "one line of text",
        );
    }
    let persist = check.require(
        &key("persist"),
        level.persist,
        "true: the fence is saved on the switch and outlives its reboot; \
         false: a reboot of the switch lifts it, and we fence again",
    );
    let on: Vec<&schema::Switch> = level
        .named()
        .filter_map(|(_, switch, _)| file.switch.get(switch?))
        .collect();
    for switch in persist.iter().flat_map(|_| &on) {
        persistence(
            &key("persist"),
            persist == Some(true),
            switch,
            around,
            check,
        );
    }
    range::duration(
        &key("timeout"),
        level.timeout,
        (ms(500), ms(120_000)),
        check,
    );
    // All switches of a level are written and read at the same time.
    let least = on.iter().map(|s| one_answer(s)).max().unwrap_or_default();
    if level.timeout < least {
        check.warn(
            &key("timeout"),
            format!(
                "{} is over before the switch is known not to answer",
                show(level.timeout)
            ),
            format!(
                "more than {}: snmp.timeout x (retries + 1) or ssh.timeout, and oper-staleness",
                show(least)
            ),
        );
    }
    Some(Fence {
        switch: name?,
        ports: level.ports.names().to_vec(),
        also: also?,
        auto: level.ports == Ports::Auto,
        quarantine: None,
        alias: Some(level.alias.clone()).filter(|a| !a.is_empty()),
        persist: persist?,
        timeout: level.timeout,
    })
}

/// How long it takes until a switch is known not to answer, or what it said is new.
fn one_answer(switch: &schema::Switch) -> Duration {
    let by_snmp = switch.snmp.as_ref().map(|s| s.timeout * (s.retries + 1));
    let by_ssh = switch.ssh.as_ref().map(|s| s.timeout);
    let one_answer = by_snmp.or(by_ssh).unwrap_or_default();
    switch.oper_staleness.unwrap_or_default() + one_answer
}

/// The peer's ports on further switches.
fn also(
    at: &str,
    level: &schema::Fence,
    file: &schema::File,
    check: &mut Check<'_>,
) -> Option<Vec<SwitchPorts>> {
    let list = format!("{at}.also");
    if level.also.is_empty() {
        return Some(Vec::new());
    }
    if level.ports == Ports::Auto {
        check.error(
            &list,
            "ports = \"auto\" finds the one port of a machine, and with `also` it has several",
            "name the ports on every switch",
        );
    }
    if level.kind == FenceKind::Quarantine {
        check.error(
            &list,
            "kind = \"quarantine\" moves ports of one switch; over several switches they are shut",
            "kind = \"off\", or one level for the ports of one switch",
        );
    }
    let mut out: Vec<Option<SwitchPorts>> = Vec::new();
    let mut before: Vec<(&str, String)> = Vec::new();
    if let Some(first) = &level.switch {
        before.push((first, format!("{at}.switch")));
    }
    for (i, more) in level.also.iter().enumerate() {
        let key = |k: &str| format!("{list}[{i}].{k}");
        let name = check.require(
            &key("switch"),
            more.switch.clone(),
            "the NAME of another [switch.NAME] table",
        );
        let switch = name.as_ref().and_then(|n| file.switch.get(n));
        if let (Some(name), None) = (&name, switch) {
            unknown_switch(&key("switch"), name, file, check);
        }
        if let Some(name) = &more.switch {
            match before.iter().find(|(other, _)| other == name) {
                Some((_, first)) => check.clash(
                    &key("switch"),
                    (first, "here already"),
                    format!("switch `{name}` is named twice in this level"),
                    "all of its ports on one switch in one list",
                ),
                None => before.push((name, key("switch"))),
            }
        }
        match &more.ports {
            Ports::Named(names) => ports(&key("ports"), names, name.as_deref(), switch, check),
            Ports::Auto => check.error(
                &key("ports"),
                "\"auto\" is for a machine with one port",
                "the ifNames of its ports on this switch",
            ),
        }
        out.push(name.map(|switch| SwitchPorts {
            switch,
            ports: more.ports.names().to_vec(),
        }));
    }
    out.into_iter().collect()
}

fn quarantine(
    at: &str,
    level: &schema::Fence,
    peer: &schema::Peer,
    check: &mut Check<'_>,
) -> Option<Quarantine> {
    if level.kind == FenceKind::Off {
        return None;
    }
    let Some(takeover) = &peer.port_takeover else {
        check.error(
            &format!("{at}.kind"),
            "kind = \"quarantine\" takes its VLANs from [peer.NAME.port-takeover], and there is none",
            "add that table, or kind = \"off\"",
        );
        return None;
    };
    Some(Quarantine {
        production: VlanId(takeover.production?),
        quarantine: VlanId(takeover.quarantine?),
    })
}

pub(super) fn unknown_switch(key: &str, name: &str, file: &schema::File, check: &mut Check<'_>) {
    let refused = format!("switch.{name}");
    if check.refused.iter().any(|r| *r == refused || r == "switch") {
        return;
    }
    let known: Vec<&str> = file.switch.keys().map(String::as_str).collect();
    let help = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "add a [switch.{name}] table, or use one of: {}",
            quoted_list(&known)
        ),
    };
    check.error(key, format!("unknown switch `{name}`"), help);
}

fn ports(
    list: &str,
    names: &[String],
    name: Option<&str>,
    switch: Option<&schema::Switch>,
    check: &mut Check<'_>,
) {
    if names.is_empty() && !check.refused.iter().any(|r| r.starts_with(list)) {
        check.error(
            list,
            "no port to shut",
            "the ifNames of the peer's ports, all members of its LAG; or ports = \"auto\": where its MAC is learned while it is healthy",
        );
    }
    for (i, port) in names.iter().enumerate() {
        let key = format!("{list}[{i}]");
        names::port(&key, port, check);
        if PortName::position(&names[..i], port).is_some() {
            check.error(
                &key,
                format!("port `{port}` is listed twice"),
                "each port once",
            );
        }
        let (Some(name), Some(switch)) = (name, switch) else {
            continue;
        };
        in_neither(
            &key,
            (name, port),
            [
                (
                    "uplinks",
                    &switch.uplinks,
                    "an uplink: shutting it cuts off more than the peer",
                ),
                (
                    "own-ports",
                    &switch.own_ports,
                    "this machine's own port: shutting it cuts us off",
                ),
            ],
            "the port that the peer hangs on",
            check,
        );
    }
}

/// The port of this switch must be in neither of its lists; each has its name, its ports, and what they are.
pub(super) fn in_neither(
    key: &str,
    (switch, port): (&str, &str),
    lists: [(&str, &[String], &str); 2],
    help: &str,
    check: &mut Check<'_>,
) {
    for (list, ports, what) in lists {
        if let Some(n) = PortName::position(ports, port) {
            check.clash(
                key,
                (&format!("switch.{switch}.{list}[{n}]"), "listed here"),
                format!("port `{port}` is {what}"),
                help,
            );
        }
    }
}

fn persistence(
    key: &str,
    persist: bool,
    switch: &schema::Switch,
    around: &Surroundings,
    check: &mut Check<'_>,
) {
    let profile = around
        .profiles
        .iter()
        .flatten()
        .find(|p| Some(&p.name) == switch.profile.as_ref());
    let Some(profile) = profile else {
        return;
    };
    match (profile.persistence, persist) {
        (Persistence::Instant, false) => check.error(
            key,
            format!(
                "profile `{}` saves every change at once: the fence outlives a reboot",
                profile.name
            ),
            "persist = true",
        ),
        (Persistence::Unknown | Persistence::Save, true) if !saves(profile, switch) => check.error(
            key,
            format!(
                "profile `{}` has no way to save that is configured here: a reboot of the switch would lift the fence",
                profile.name
            ),
            how_to_save(profile),
        ),
        (Persistence::Unknown | Persistence::Save, true)
        | (Persistence::Instant, true)
        | (Persistence::Save | Persistence::Unknown, false) => {}
    }
}

/// True if the profile can save by a transport that the switch has.
fn saves(profile: &ProfileFacts, switch: &schema::Switch) -> bool {
    (profile.saves_by_snmp && switch.snmp.is_some())
        || (profile.saves_by_ssh && switch.ssh.is_some())
}

fn how_to_save(profile: &ProfileFacts) -> String {
    let table = match (profile.saves_by_snmp, profile.saves_by_ssh) {
        (true, _) => "add [switch.NAME.snmp], by which it can save; or ",
        (false, true) => "add [switch.NAME.ssh], by which it can save; or ",
        (false, false) => "",
    };
    format!("{table}persist = false; standin then notices the reboot and fences again")
}
