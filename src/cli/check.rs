//! `standin check`: would this configuration work here? Changes nothing.

use std::path::Path;

use serde_json::{Value, json};

use super::common::{load_all, runtime, say, say_json};
use super::exit::ExitCode;
use crate::config::Config;
use crate::daemon::{privilege, switches};
use crate::net::gate;
use crate::switch::Switch;
use crate::verify::Inventory;

/// Checks configuration, profiles, cameras, capabilities, and whether the switches answer.
pub fn run(path: &Path, offline: bool, as_json: bool) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    runtime.block_on(async {
        let (config, secrets) = match load_all(path, as_json).await {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let mut lines = Lines(Vec::new());
        lines.add("configuration", Ok(format!("{} is valid", path.display())));
        cameras(&config, &mut lines);
        if offline {
            return lines.print(as_json);
        }
        match privilege::check() {
            Ok(limits) if limits.is_empty() => {
                lines.add("capabilities", Ok("all are there".to_owned()))
            }
            Ok(limits) => limits
                .into_iter()
                .for_each(|l| lines.warn("capabilities", l)),
            Err(e) => lines.add("capabilities", Err(e.to_string())),
        }
        match gate::closed().await {
            Ok(_) => lines.add("nft", Ok("answers".to_owned())),
            Err(e) => lines.add("nft", Err(e.to_string())),
        }
        match switches::build(&config, &secrets) {
            Ok(built) => {
                for (name, switch) in &built {
                    reach(&config, name, switch, &mut lines).await;
                }
            }
            Err(e) => lines.add("switches", Err(e.to_string())),
        }
        lines.print(as_json)
    })
}

fn cameras(config: &Config, lines: &mut Lines) {
    for peer in config.peers.values() {
        let what = format!("cameras of {}", peer.name);
        match Inventory::load(&peer.verify.cameras) {
            Ok(inventory) => {
                let n = inventory.cameras().len();
                lines.add(
                    &what,
                    Ok(format!("{n} in {}", peer.verify.cameras.display())),
                );
                let near = inventory
                    .cameras()
                    .iter()
                    .filter(|c| peer.vip.on_link(c.address))
                    .count();
                if (near as u64) < u64::from(peer.detect.min_cameras)
                    && peer.detect.gateway.is_none()
                {
                    lines.warn(&what, format!("only {near} are on the VIP's network: fewer than detect.min-cameras = {}, so a takeover would be refused as isolated; set detect.gateway", peer.detect.min_cameras));
                }
            }
            Err(problems) => problems
                .iter()
                .for_each(|p| lines.add(&what, Err(p.to_string()))),
        }
    }
}

async fn reach(config: &Config, name: &str, switch: &Switch, lines: &mut Lines) {
    let what = format!("switch {name}");
    match switch.system().await {
        Ok(system) => lines.add(
            &what,
            Ok(format!(
                "answers: {} ({})",
                system.sys_name, system.sys_descr
            )),
        ),
        Err(e) => return lines.add(&what, Err(e.to_string())),
    }
    for (peer, at) in config.fence_ports().filter(|(_, p)| p.switch == *name) {
        let what = format!("port {at} of {}", peer.name);
        match switch.port(&at.port).await {
            Ok(p) => lines.add(
                &what,
                Ok(format!(
                    "ifIndex {}, admin {:?}, oper {:?}, ifAlias {:?}",
                    p.if_index,
                    p.admin,
                    p.oper,
                    p.if_alias.unwrap_or_default()
                )),
            ),
            Err(e) => lines.add(&what, Err(e.to_string())),
        }
    }
}

struct Lines(Vec<(String, &'static str, String)>);

impl Lines {
    fn add(&mut self, what: &str, result: Result<String, String>) {
        let (state, text) = match result {
            Ok(text) => ("ok", text),
            Err(text) => ("failed", text),
        };
        self.0.push((what.to_owned(), state, text));
    }

    fn warn(&mut self, what: &str, text: String) {
        self.0.push((what.to_owned(), "warning", text));
    }

    fn print(&self, as_json: bool) -> ExitCode {
        let ok = self.0.iter().all(|(_, state, _)| *state != "failed");
        if as_json {
            let checks: Vec<Value> = self
                .0
                .iter()
                .map(|(what, state, text)| json!({ "check": what, "state": state, "detail": text }))
                .collect();
            say_json(&json!({ "ok": ok, "checks": checks }));
        } else {
            for (what, state, text) in &self.0 {
                say(&format!("{state:<8} {what}: {text}"));
            }
        }
        if ok {
            ExitCode::Ok
        } else {
            ExitCode::NotReached
        }
    }
}
