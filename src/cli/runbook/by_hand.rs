//! What a person does when this program is gone: a takeover and a release, command by command.

use std::path::Path;

use serde_json::Value;

use super::super::plan::by_hand::PortByHand;
use super::document::Block;
use crate::config::{Config, Peer, SnmpAuth};
use crate::types::quoted;

/// Steps that a person does; the rest is standin's own watching.
fn is_done_by_hand(step: &str) -> bool {
    !matches!(
        step,
        "watch"
            | "gate"
            | "yield"
            | "fence"
            | "silence"
            | "forward"
            | "announce"
            | "open"
            | "verify"
    )
}

/// The takeover, in the order of the plan.
pub(super) fn takeover(
    config: &Config,
    peer: &Peer,
    plan: &[Value],
    ports: &[PortByHand],
    cameras: usize,
) -> Vec<Block> {
    let (addr, interface) = (peer.vip.addr, &peer.interface);
    let mut steps = vec![
        (
            format!(
                "On {}, as root. Does the other machine really not answer? **If it answers, stop here**: two machines with one address are worse than none.",
                config.node.name
            ),
            vec![format!("arping -I {interface} -c 3 {addr}")],
        ),
        (
            "standin must not come in between:".to_owned(),
            vec!["systemctl stop standin".to_owned()],
        ),
    ];
    for port in ports {
        let place = format!("port {} of switch {}", port.port, port.switch);
        let mut lines = secrets_of(config, &port.switch, &port.shut);
        lines.extend(port.shut.iter().flat_map(line_of));
        steps.push((
            format!("**Make sure that it stays dead**: {place}. Where the switch does not answer, pull the cable out of that port; not the power cord alone."),
            lines,
        ));
    }
    if ports.is_empty() {
        steps.push((
            "**Make sure that it stays dead**: pull its network cable out of the switch. Its port is found by its MAC address, and was not known when this was written.".to_owned(),
            Vec::new(),
        ));
    }
    let reads = ports.iter().map(|p| match &p.read {
        Ok(command) => format!("{command}   # {} of {}", p.port, p.switch),
        Err(why) => format!(
            "# {} of {}: could not be read when this was written: {why}",
            p.port, p.switch
        ),
    });
    steps.push((
        "**Prove it.** Go on only when each port reads down (2, for a port that is shut), or you hold its cable in your hand.".to_owned(),
        reads.collect(),
    ));
    for step in plan {
        let kind = step["step"].as_str().unwrap_or_default();
        if is_done_by_hand(kind) {
            let what = step["what"]
                .as_str()
                .or(step["error"].as_str())
                .unwrap_or("?");
            let command = step["command"].as_str();
            let typed = command.and_then(|c| typed(kind, c));
            let what = match command.filter(|_| typed.is_none()) {
                Some(remark) => remark,
                None => what,
            };
            steps.push((
                format!("{}: {what}", capital(kind)),
                typed.into_iter().collect(),
            ));
        }
        if kind == "claim" {
            steps.push((
                "Tell the network where the address is now:".to_owned(),
                vec![
                    format!("arping -U -I {interface} -c 3 -s {addr} {addr}"),
                    format!("arping -A -I {interface} -c 3 -s {addr} {addr}"),
                ],
            ));
        }
    }
    let port = peer.service.port;
    steps.push((
        format!("**See them come back**: {cameras} cameras. Which are missing: compare with the list at the end."),
        vec![
            format!("ss -Hnt state established '( sport = :{port} )' | awk '{{print $4}}' | cut -d: -f1 | sort -u | wc -l"),
            format!("# who dials in vain: tcpdump -ni {interface} 'tcp[tcpflags] & tcp-syn != 0 and dst host {addr} and dst port {port}'"),
        ],
    ));
    vec![
        Block::Heading(3, format!("standin does not run: {} by hand", peer.name)),
        Block::Warning("In this order. Nothing of it before the port is proven shut.".into()),
        Block::Steps(steps),
    ]
}

/// Sets the variables that the commands take their secrets from; the secrets themselves stand nowhere.
fn secrets_of(config: &Config, switch: &str, lines: &[Value]) -> Vec<String> {
    let uses = |name: &str| {
        let commands = lines.iter().filter_map(|l| l["command"].as_str());
        commands.into_iter().any(|c| c.contains(name))
    };
    let auth = config.switches.get(switch).and_then(|s| s.snmp.as_ref());
    let files: Vec<(&str, Option<&Path>)> = match auth.map(|s| &s.auth) {
        Some(SnmpAuth::V1 { community_file } | SnmpAuth::V2c { community_file }) => {
            vec![("COMMUNITY", Some(community_file))]
        }
        Some(SnmpAuth::V3(usm)) => vec![
            (
                "AUTH_PASSWORD",
                usm.auth.as_ref().map(|(_, file)| file.as_path()),
            ),
            (
                "PRIV_PASSWORD",
                usm.privacy.as_ref().map(|(_, file)| file.as_path()),
            ),
        ],
        None => Vec::new(),
    };
    let known = files
        .into_iter()
        .filter(|(name, _)| uses(&format!("${name}")));
    known
        .filter_map(|(name, file)| {
            Some(format!(
                "{name}=$(cat {})",
                quoted(&file?.display().to_string())
            ))
        })
        .collect()
}

/// As a person types it. The label that the daemon knows its own address by is left out: an address that was set by hand is
/// nobody's to take off.
fn typed(kind: &str, command: &str) -> Option<String> {
    match kind {
        "claim" => Some(command.split(" noprefixroute").next()?.to_owned()),
        "service" => (!command.starts_with("nothing")).then(|| command.to_owned()),
        _ => Some(command.to_owned()),
    }
}

/// A line of a plan as something to type, or as a remark.
fn line_of(step: &Value) -> Vec<String> {
    let what = step["what"].as_str().unwrap_or_default();
    match (step["command"].as_str(), step["error"].as_str()) {
        (Some(command), _) => vec![format!("# {what}"), command.to_owned()],
        (None, Some(error)) => vec![format!(
            "# could not be read when this was written: {error}"
        )],
        (None, None) => vec![format!("# {what}")],
    }
}

/// The way back, in reverse.
pub(super) fn release(
    config: &Config,
    peer: &Peer,
    plan: &[Value],
    ports: &[PortByHand],
) -> Vec<Block> {
    let (vip, interface, name) = (peer.vip, &peer.interface, &peer.name);
    let mut steps = vec![(
        format!("{name} is repaired, runs, and its cable is where it was."),
        Vec::new(),
    )];
    for step in plan.iter().rev() {
        if let Some(undo) = step["undo"].as_str() {
            let kind = step["step"].as_str().unwrap_or_default();
            steps.push((format!("Take back {kind}, {undo}"), Vec::new()));
        }
    }
    match &peer.port_takeover {
        None => steps.push((
            "Take the address off this machine:".to_owned(),
            vec![format!("ip address del {vip} dev {interface}")],
        )),
        Some(t) => steps.push((
            format!(
                "Put {} of switch {} back into VLAN {}, as it was moved.",
                t.port, t.switch, t.parking.0
            ),
            Vec::new(),
        )),
    }
    for port in ports {
        steps.push((
            format!("Open {} of switch {}:", port.port, port.switch),
            secrets_of(config, &port.switch, &port.open)
                .into_iter()
                .chain(port.open.iter().flat_map(line_of))
                .collect(),
        ));
    }
    // It announced itself while its port was shut; and what the cameras know is the MAC of this machine.
    let addr = vip.addr;
    steps.push((
        format!("On {name} itself (its own interface in the place of `{interface}`): tell the network where the address is. Or restart that machine."),
        vec![
            format!("# on {name}, not here"),
            format!("arping -U -I {interface} -c 3 -s {addr} {addr}; arping -A -I {interface} -c 3 -s {addr} {addr}"),
        ],
    ));
    steps.push((
        format!("{name} answers for the address with its own MAC, and the cameras are at it:"),
        vec![format!("arping -I {interface} -c 3 {}", vip.addr)],
    ));
    steps.push((
        "standin watches again:".to_owned(),
        vec!["systemctl start standin; standin status".to_owned()],
    ));
    vec![
        Block::Heading(3, format!("Handing back by hand ({name})")),
        Block::Text(format!(
            "With standin running it is one command: `standin release {name}`. Without it, the way back in reverse."
        )),
        Block::Steps(steps),
    ]
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
