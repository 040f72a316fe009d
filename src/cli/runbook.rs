//! `standin runbook`: the site's own recovery procedure, written from the configuration and what the switches say. For the
//! night on which this program is gone too; printed, and kept beside the machines.

mod by_hand;
mod document;

use std::path::Path;

use serde_json::{Value, json};

use self::document::Block;
use super::common::{fail, refuse, say_json, with_config};
use super::plan::{self, by_hand as ports_by_hand};
use crate::config::{Config, Peer, Secrets, Takeover};
use crate::exit::ExitCode;
use crate::manual;
use crate::rt;
use crate::verify::Inventory;

/// Prints it, of one peer or of all. Reads the switches, writes nothing.
pub fn run(path: &Path, name: Option<&str>, html: bool, as_json: bool) -> ExitCode {
    with_config(path, as_json, async |mut config, secrets| {
        let names: Vec<String> = config.peers.keys().cloned().collect();
        let wanted = match name {
            Some(name) if !config.peers.contains_key(name) => {
                let message = format!(
                    "there is no peer `{name}`; the configuration has: {}",
                    names.join(", ")
                );
                return refuse(ExitCode::Usage, &message, as_json);
            }
            Some(name) => vec![name.to_owned()],
            None => names,
        };
        let title = format!("Runbook: {}", wanted.join(", "));
        let mut blocks = vec![
            Block::Heading(1, title.clone()),
            Block::Text(format!(
                "Written {} by standin {} on {}, from {}. After each change of the site or of that file, write it again (`standin runbook --html`), print it, and keep it beside the machines.",
                rt::wall_text(),
                env!("CARGO_PKG_VERSION"),
                config.node.name,
                path.display()
            )),
        ];
        let mut missing = Vec::new();
        for name in &wanted {
            match of_peer(&mut config, &secrets, name, &mut missing).await {
                Ok(more) => blocks.extend(more),
                Err(code) => return code,
            }
        }
        blocks.extend(alarms());
        let text = match html {
            true => document::html(&title, &blocks),
            false => document::markdown(&blocks),
        };
        if as_json {
            let format = if html { "html" } else { "markdown" };
            say_json(
                &json!({ "ok": missing.is_empty(), "peers": wanted, "format": format, "missing": missing, "text": text }),
            );
        } else {
            super::print(&text);
        }
        if missing.is_empty() {
            return ExitCode::Ok;
        }
        let message = format!(
            "the runbook is not whole, and says so where something is missing: {}",
            missing.join("; ")
        );
        fail(ExitCode::Unavailable, &message)
    })
}

async fn of_peer(
    config: &mut Config,
    secrets: &Secrets,
    name: &str,
    missing: &mut Vec<String>,
) -> Result<Vec<Block>, ExitCode> {
    let plan = plan::collect(config, secrets, name).await?;
    let Some(peer) = config.peers.get(name) else {
        return Err(fail(ExitCode::Internal, "the peer is gone"));
    };
    let ports = ports_by_hand::ports(config, secrets, peer, &plan.tag).await;
    missing.extend(plan.steps.iter().filter_map(|s| error_of(name, s)));
    for port in &ports {
        missing.extend(port.open.iter().filter_map(|s| error_of(name, s)));
        missing.extend(port.read.as_ref().err().map(|e| format!("{name}: {e}")));
    }
    missing.dedup();
    let cameras = Inventory::load(&peer.verify.cameras);
    let count = cameras.as_ref().map_or(0, |i| i.cameras().len());
    let mut blocks = what_is_what(config, peer, count);
    blocks.extend(with_standin(peer, &plan.notice));
    blocks.extend(by_hand::takeover(config, peer, &plan.steps, &ports, count));
    blocks.extend(by_hand::release(config, peer, &plan.steps, &ports));
    if let Ok(inventory) = cameras {
        blocks.push(Block::Heading(3, format!("The cameras of {name}")));
        let rows = inventory.cameras().iter().map(|c| {
            let stream = c.stream.clone().unwrap_or_else(|| "any".to_owned());
            vec![c.name.clone(), c.address.to_string(), stream]
        });
        let head = ["Camera", "Address", "Stream"].map(str::to_owned);
        blocks.push(Block::Table(head.into(), rows.collect()));
    }
    Ok(blocks)
}

/// What could not be said of a step.
fn error_of(peer: &str, step: &Value) -> Option<String> {
    step["error"].as_str().map(|e| format!("{peer}: {e}"))
}

fn what_is_what(config: &Config, peer: &Peer, cameras: usize) -> Vec<Block> {
    let or = |text: String, none: &str| match text.is_empty() {
        true => none.to_owned(),
        false => text,
    };
    let macs: Vec<String> = peer.macs.iter().map(|m| m.to_string()).collect();
    let mut rows = vec![
        row(
            "The address that the cameras send to",
            format!("`{}`, TCP port {}", peer.vip, peer.service.port),
        ),
        row("The machine that has it", peer.name.clone()),
        row(
            "Its MAC addresses",
            or(
                macs.join(", "),
                "learned while it is healthy: `standin status`",
            ),
        ),
        row(
            "Its address off the data path",
            or(
                peer.management.map(|a| a.to_string()).unwrap_or_default(),
                "none",
            ),
        ),
        row(
            "The machine that steps in",
            format!("{} (interface `{}`)", config.node.name, peer.interface),
        ),
        row(
            "Cameras",
            format!(
                "{cameras}, listed at the end ({})",
                peer.verify.cameras.display()
            ),
        ),
    ];
    for (i, level) in peer.fence.iter().enumerate() {
        for (on, ports) in level.by_switch() {
            let Some(switch) = config.switches.get(on) else {
                continue;
            };
            let where_to = match level.quarantine {
                Some(v) => format!("put into VLAN {} (from {})", v.quarantine.0, v.production.0),
                None => "shut".to_owned(),
            };
            let ports = or(
                ports.join(", "),
                "found by its MAC address while it is healthy",
            );
            rows.push(row(
                &format!("Its port, level {}", i + 1),
                format!(
                    "**{ports}** of switch {on} ({}, {}): {where_to}",
                    switch.address, switch.profile
                ),
            ));
        }
    }
    if let Some(t) = &peer.port_takeover {
        rows.push(row(
            "Our port that is moved",
            format!(
                "**{}** of switch {}: from VLAN {} into {}",
                t.port, t.switch, t.parking.0, t.production.0
            ),
        ));
    }
    vec![
        Block::Heading(2, format!("{} is dead", peer.name)),
        Block::Heading(3, "What is what".into()),
        Block::Table(vec![String::new(), String::new()], rows),
    ]
}

fn row(what: &str, is: String) -> Vec<String> {
    vec![what.to_owned(), is]
}

fn with_standin(peer: &Peer, notice: &str) -> Vec<Block> {
    let name = &peer.name;
    let first = match peer.takeover {
        Takeover::Auto => format!(
            "standin takes {} over by itself. The machine is {notice}. Look before you do anything.",
            peer.vip.addr
        ),
        Takeover::Manual => format!(
            "`takeover = \"manual\"`: standin does nothing by itself. If the machine is dead, type `standin takeover {name}`."
        ),
    };
    let command = |what: &str, line: String| (what.to_owned(), vec![line]);
    vec![
        Block::Heading(
            3,
            format!("standin runs on the machine that steps in ({name})"),
        ),
        Block::Text(first),
        Block::Steps(vec![
            command(
                "What happens, what is missing, and what to do next:",
                format!("standin status {name}"),
            ),
            command(
                "It does not act, and the machine is dead: order it.",
                format!("standin takeover {name}"),
            ),
            command(
                "It must not act (somebody works on the network): stop it. At the end `off`.",
                format!("standin hold {name} on"),
            ),
            command(
                "What happened, camera by camera:",
                "standin report".to_owned(),
            ),
            command(
                "The machine is repaired, its cable plugged in: hand back.",
                format!("standin release {name}"),
            ),
        ]),
    ]
}

/// The manual's table: each alarm with what to do.
fn alarms() -> Vec<Block> {
    let page = manual::find("operate").map_or("", |t| t.text);
    let rows: Vec<Vec<String>> = page
        .lines()
        .filter(|l| l.starts_with("| `"))
        .map(|l| {
            l.trim_matches('|')
                .split(" | ")
                .map(|c| c.trim().to_owned())
                .collect()
        })
        .filter(|cells: &Vec<String>| cells.len() == 3)
        .collect();
    vec![
        Block::Heading(2, "What standin says, and what to do".into()),
        Block::Table(
            ["It says", "It means", "Do"].map(str::to_owned).into(),
            rows,
        ),
    ]
}
