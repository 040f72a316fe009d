//! `standin switch list`: what the configuration has. Asks no switch.

use std::path::Path;

use serde_json::json;

use crate::cli::common::{answer, config_errors, load_switches, table};
use crate::config::Way;
use crate::exit::ExitCode;

pub async fn run(path: &Path, json: bool) -> Result<ExitCode, ExitCode> {
    let (config, _) = load_switches(path, false)
        .await
        .map_err(|e| config_errors(&e, json))?;
    let mut rows = vec![
        ["NAME", "ADDRESS", "PROFILE", "BY", "FENCES"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut values = Vec::new();
    for s in config.switches.values() {
        let mut ways = s.prefer.clone();
        let there = [(Way::Snmp, s.snmp.is_some()), (Way::Ssh, s.ssh.is_some())];
        for (way, _) in there
            .into_iter()
            .filter(|(w, there)| *there && !s.prefer.contains(w))
        {
            ways.push(way);
        }
        let words: Vec<&str> = ways
            .iter()
            .map(|w| match w {
                Way::Snmp => "snmp",
                Way::Ssh => "ssh",
            })
            .collect();
        let named = config.fence_ports().filter(|(_, p)| p.switch == s.name);
        let mut all: Vec<(String, &str)> = named
            .map(|(peer, p)| (p.port, peer.name.as_str()))
            .collect();
        for peer in config.peers.values() {
            let here = peer.fence.iter().filter(|f| f.auto && f.switch == s.name);
            all.extend(here.map(|_| ("auto".to_owned(), peer.name.as_str())));
        }
        let fences: Vec<String> = all
            .iter()
            .map(|(port, peer)| format!("{port} ({peer})"))
            .collect();
        rows.push(vec![
            s.name.clone(),
            s.address.to_string(),
            s.profile.clone(),
            words.join(", "),
            fences.join(", "),
        ]);
        let ports: Vec<_> = all
            .iter()
            .map(|(port, peer)| json!({ "port": port, "peer": peer }))
            .collect();
        values.push(json!({
            "name": s.name, "address": s.address.to_string(), "profile": s.profile, "transports": words,
            "fence_ports": ports, "uplinks": s.uplinks, "own_ports": s.own_ports,
        }));
    }
    answer(
        json,
        &json!({ "ok": true, "switches": values }),
        &table(&rows),
    );
    Ok(ExitCode::Ok)
}
