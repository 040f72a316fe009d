//! `standin switch list`: what the configuration has. Asks no switch.

use std::path::Path;

use serde_json::json;

use crate::cli::common::{answer, config_errors, load, table};
use crate::cli::exit::ExitCode;
use crate::config::Way;

pub async fn run(path: &Path, json: bool) -> Result<ExitCode, ExitCode> {
    let (config, _) = load(path, false)
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
        let fences: Vec<String> = config
            .fence_ports()
            .filter(|(_, p)| p.switch == s.name)
            .map(|(peer, p)| format!("{} ({})", p.port, peer.name))
            .collect();
        rows.push(vec![
            s.name.clone(),
            s.address.to_string(),
            s.profile.clone(),
            words.join(", "),
            fences.join(", "),
        ]);
        let ports: Vec<_> = config
            .fence_ports()
            .filter(|(_, p)| p.switch == s.name)
            .map(|(peer, p)| json!({ "port": p.port, "peer": peer.name }))
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
