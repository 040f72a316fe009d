//! `standin plan NAME`: everything a takeover would do, in order, before anybody trusts it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::auto;
use super::common::{fail, say, say_json, with_config};
use super::exit::ExitCode;
use crate::config::{Config, Peer, Start};
use crate::daemon::switches;
use crate::net::{gate, mute};
use crate::switch::change::plan_change;
use crate::switch::profile::Transport;
use crate::switch::{ChangeRequest, FenceTag, Operation, PlanOp, Switch, plan};
use crate::types::Epoch;
use crate::verify::Inventory;

/// Unused by a plan, which only reads.
const WITHIN: Duration = Duration::from_secs(10);

/// Prints the plan. Reads the switch, writes nothing.
pub fn run(path: &Path, name: &str, as_json: bool) -> ExitCode {
    with_config(path, as_json, async |mut config, secrets| {
        if !config.peers.contains_key(name) {
            let known: Vec<&str> = config.peers.keys().map(String::as_str).collect();
            return fail(
                ExitCode::Usage,
                &format!(
                    "there is no peer `{name}`; the configuration has: {}",
                    known.join(", ")
                ),
            );
        }
        let switches = match switches::build(&config, &secrets) {
            Ok(switches) => switches,
            Err(e) => return fail(ExitCode::BadConfig, &e.to_string()),
        };
        let mut steps = Vec::new();
        let mut complete = true;
        let found = auto::fill_in(&mut config, &switches).await;
        let Some(peer) = config.peers.get(name) else {
            return fail(ExitCode::Internal, "the peer is gone");
        };
        for (i, level) in peer.fence.iter().enumerate() {
            let Some(switch) = switches.get(&level.switch) else {
                continue;
            };
            if let Some(f) = found.iter().find(|f| f.peer == name && f.level == i) {
                let (key, text) = match f.words() {
                    Ok(text) => ("what", text),
                    Err(text) => ("error", text),
                };
                steps.push(json!({ "step": "fence", "level": i + 1, key: text }));
                if f.result.is_err() {
                    complete = false;
                    continue;
                }
            }
            let by_ssh = switch.route(Operation::PortOff.name()).first() == Some(&Transport::Ssh);
            let change = match level.quarantine {
                Some(vlans) => Some(Operation::SetAccessVlan(vlans.quarantine)),
                None => by_ssh.then_some(Operation::PortOff),
            };
            if let Some(operation) = change {
                for port in &level.ports {
                    let alias = level.alias.clone();
                    complete &= changed(
                        switch,
                        ("fence", i + 1),
                        (port, operation),
                        alias,
                        &mut steps,
                    )
                    .await;
                }
                continue;
            }
            let ports: Vec<&str> = level.ports.iter().map(String::as_str).collect();
            let tag = FenceTag {
                node: config.node.name.clone(),
                epoch: Epoch(0),
            };
            match plan(switch, &ports, &PlanOp::Fence { tag }).await {
                Ok(sets) => {
                    for set in sets {
                        steps.push(json!({
                            "step": "fence", "level": i + 1, "what": format!("{} := {} (now {}) on {} {}",
                                set.object, set.value, set.now.as_deref().unwrap_or("unknown"), set.switch, set.port),
                            "command": set.command, "set": set,
                        }));
                    }
                }
                Err(e) => {
                    complete = false;
                    steps.push(json!({ "step": "fence", "level": i + 1, "error": e.to_string() }));
                }
            }
        }
        let mut local = local(&config, peer);
        if let Some(t) = &peer.port_takeover
            && let Some(switch) = switches.get(&t.switch)
        {
            let mut rewire = Vec::new();
            let operation = Operation::SetAccessVlan(t.production);
            complete &= changed(
                switch,
                ("rewire", 1),
                (&t.port, operation),
                None,
                &mut rewire,
            )
            .await;
            if !t.forwarding.is_zero() {
                rewire.push(json!({ "step": "forward", "command": null, "what": format!(
                    "wait until spanning tree forwards on {}:{}, where the switch tells, at most {} s", t.switch, t.port, t.forwarding.as_secs()
                ) }));
            }
            let announce = local
                .iter()
                .position(|s| s["step"] == "announce")
                .unwrap_or(local.len());
            local.splice(announce..announce, rewire);
        }
        steps.extend(local);
        if as_json {
            say_json(&json!({ "ok": complete, "peer": name, "vip": peer.vip, "steps": steps }));
        } else {
            print(name, peer, &steps);
        }
        if complete {
            ExitCode::Ok
        } else {
            ExitCode::Unavailable
        }
    })
}

/// Everything that changes one port; false if that cannot be said.
async fn changed(
    switch: &Switch,
    (step, level): (&str, usize),
    (port, operation): (&str, Operation),
    alias: Option<String>,
    steps: &mut Vec<Value>,
) -> bool {
    let mut request = ChangeRequest::new(operation, Some(port), WITHIN);
    request.expected_alias = alias;
    // As the daemon has it: a table that cannot be read does not stop a takeover; `preflight` says that it cannot.
    request.overrides.insert("macs-unread".to_owned());
    match plan_change(switch, &request).await {
        Ok(plan) => {
            let at = |what: String| json!({ "step": step, "level": level, "what": what });
            for line in &plan.lines {
                let now = line.now.as_deref().unwrap_or("unknown");
                // Without an object it is a command line, or a pause.
                let what = match (&line.oid, &line.command) {
                    (Some(_), _) => format!(
                        "{} := {} (now {now}) on {} {port}",
                        line.what, line.value, plan.switch
                    ),
                    (None, Some(_)) => {
                        format!("over SSH to {}, for {port}: {}", plan.switch, line.what)
                    }
                    (None, None) => line.what.clone(),
                };
                let mut said = at(what);
                (said["set"], said["command"]) = (json!(line), json!(line.command));
                steps.push(said);
            }
            if plan.lines.is_empty() {
                steps.push(at(format!(
                    "nothing would be sent to {} for {port}",
                    plan.switch
                )));
            }
            for guard in &plan.refused {
                steps.push(json!({ "step": step, "level": level, "error": format!("a guard refuses it: {guard}") }));
            }
            plan.refused.is_empty()
        }
        Err(e) => {
            steps.push(json!({ "step": step, "level": level, "error": e.to_string() }));
            false
        }
    }
}

/// What happens on this machine and its network, after the fence is proven.
fn local(config: &Config, peer: &Peer) -> Vec<Value> {
    let cameras = Inventory::load(&peer.verify.cameras).map_or(0, |i| i.cameras().len());
    let service = &peer.service;
    let start = if !service.unit.is_empty() {
        format!("systemctl start {}", service.unit)
    } else if !service.command.is_empty() {
        service.command.join(" ")
    } else {
        "nothing: it runs already".to_owned()
    };
    let when = match service.start {
        Start::Warm => "while the fence is under way",
        Start::AfterClaim => "after the claim",
    };
    let (vip, interface) = (peer.vip, &peer.interface);
    let silence = 3;
    let line = |step: &str, what: String, command: Option<String>| json!({ "step": step, "what": what, "command": command });
    vec![
        line(
            "gate",
            format!(
                "SYNs to {}:{} are dropped until the service completes a handshake",
                vip.addr, service.port
            ),
            Some(format!(
                "nft -f - <<'EOF'\n{}EOF",
                gate::rules(&peer.name, vip.addr, service.port)
            )),
        ),
        line("service", format!("start the service {when}"), Some(start)),
        line(
            "silence",
            format!(
                "{silence} ARP probes for {} go unanswered while at least {} cameras answer",
                vip.addr, peer.detect.min_cameras
            ),
            None,
        ),
        match &peer.port_takeover {
            Some(t) => line(
                "claim",
                format!("{vip} on {} is not mute any more", t.interface),
                Some(format!(
                    "nft delete table arp {0}; nft delete table ip {0}",
                    mute::table(&peer.name)
                )),
            ),
            None => line(
                "claim",
                format!("{vip} on {interface}, marked as ours, read back"),
                Some(format!(
                    "ip address add {vip} dev {interface} noprefixroute label {interface}:standin"
                )),
            ),
        },
        line(
            "announce",
            format!(
                "gratuitous ARP in both forms, then who-has to {cameras} cameras, at most {} ARP/s",
                peer.announce.arp_per_second
            ),
            None,
        ),
        line(
            "open",
            format!(
                "the gate is removed when {}:{} completes an RTMP handshake",
                vip.addr, service.port
            ),
            None,
        ),
        line(
            "verify",
            format!(
                "{cameras} cameras have {} s to come back",
                peer.verify.within.as_secs()
            ),
            None,
        ),
        line(
            "report",
            format!(
                "written to {}",
                config.node.state_dir.join("reports").display()
            ),
            None,
        ),
    ]
}

fn print(name: &str, peer: &Peer, steps: &[Value]) {
    say(&format!(
        "A takeover of {name} ({}) would do this, in this order; nothing has been changed:",
        peer.vip
    ));
    for (i, step) in steps.iter().enumerate() {
        let what = step["what"]
            .as_str()
            .or(step["error"].as_str())
            .unwrap_or("?");
        say(&format!(
            "{:>3}. {:<9} {what}",
            i + 1,
            step["step"].as_str().unwrap_or("?")
        ));
        if let Some(command) = step["command"].as_str() {
            say(&format!("               by hand: {command}"));
        }
    }
    say(
        "The fence must be proven before anything after it happens (policy.unproven says what else).",
    );
}
