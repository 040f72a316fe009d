//! `standin switch identify`: who a switch is, which profile fits it, who its neighbours are.

use std::path::Path;

use serde_json::json;

use super::reach::{at, unreadable};
use crate::cli::args::AtArgs;
use crate::cli::common::{answer, table};
use crate::daemon::switches::PROFILES;
use crate::exit::ExitCode;
use crate::switch::profile::identify;
use crate::switch::read::lldp::neighbours;

pub async fn run(path: &Path, args: &AtArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let switch = at(path, args, json).await?;
    let system = switch.system().await.map_err(|e| unreadable(&e, json))?;
    let fit = identify::choose(&identify::all(Some(Path::new(PROFILES))), &system);
    let around = neighbours(&switch)
        .await
        .map_err(|e| unreadable(&e, json))?;
    let target = switch.target();
    let value = json!({
        "ok": true, "switch": target.name, "address": target.address.to_string(),
        "profile": target.profile.name, "fits": fit, "system": system, "neighbours": around,
    });
    let mut text = vec![
        format!("switch     {} ({})", target.name, target.address),
        format!("sysName    {}", system.sys_name),
        format!("sysDescr   {}", system.sys_descr.replace(['\r', '\n'], " ")),
        format!("sysObjectID {}", system.sys_object_id),
        format!(
            "profile    {} is used; {} fits: {}",
            target.profile.name, fit.profile, fit.why
        ),
    ];
    if around.is_empty() {
        text.push("neighbours none is told by LLDP".to_owned());
    } else {
        let rows = around.iter().map(|n| {
            vec![
                "neighbour".to_owned(),
                n.if_name.clone().unwrap_or_else(|| {
                    n.local_port.map_or_else(
                        || "(unknown port)".to_owned(),
                        |p| format!("(LLDP port {p})"),
                    )
                }),
                n.sys_name.clone(),
                n.port.clone(),
                n.chassis.clone(),
                n.capabilities.join(", "),
            ]
        });
        text.extend(table(&rows.collect::<Vec<_>>()));
    }
    answer(json, &value, &text);
    Ok(ExitCode::Ok)
}
