//! `standin switch ports` and `find`: what is where. Reads, and writes nothing.

use std::path::Path;

use serde_json::json;

use super::reach::{at, at_target, configured, unreadable};
use crate::cli::args::{FindArgs, PortsArgs};
use crate::cli::common::{answer, refuse, say, say_json, table};
use crate::exit::ExitCode;
use crate::switch::read::table::PortRow;
use crate::types::MacAddr;

pub async fn run(path: &Path, args: &PortsArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let switch = at(path, &args.at, json).await?;
    let mut rows = switch
        .port_table()
        .await
        .map_err(|e| unreadable(&e, json))?;
    if let Some(port) = &args.port {
        let names: Vec<String> = rows.iter().map(|r| r.if_name.clone()).collect();
        rows = switch
            .rows_named(&rows, port)
            .into_iter()
            .cloned()
            .collect();
        if rows.is_empty() {
            let told = format!(
                "switch {} has no port named `{port}`; it has: {}",
                switch.target().name,
                names.join(", ")
            );
            return Err(refuse(ExitCode::Usage, &told, json));
        }
    }
    if json {
        // Exactly the ports: this is the shape that scripts were promised.
        say_json(&json!(rows));
    } else {
        text(&rows).iter().for_each(|l| say(l));
    }
    Ok(ExitCode::Ok)
}

/// The port table as a person reads it.
pub fn text(rows: &[PortRow]) -> Vec<String> {
    let head = [
        "PORT", "INDEX", "BRIDGE", "ADMIN", "OPER", "PVID", "UNTAGGED", "TAGGED", "MACS", "ALIAS",
    ];
    let mut out = vec![head.map(str::to_owned).to_vec()];
    let unknown = || "-".to_owned();
    let list = |l: &Option<Vec<u32>>| {
        l.as_ref().map_or_else(unknown, |l| {
            l.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
        })
    };
    let word = |w: Option<String>| w.unwrap_or_else(unknown);
    for r in rows {
        out.push(vec![
            r.if_name.clone(),
            word(Some(r.if_index).filter(|i| *i != 0).map(|i| i.to_string())),
            word(r.bridge_port.map(|b| b.to_string())),
            word(r.admin.map(|a| format!("{a:?}").to_lowercase())),
            word(r.oper.map(|o| format!("{o:?}").to_lowercase())),
            word(r.pvid.map(|p| p.to_string())),
            list(&r.untagged),
            list(&r.tagged),
            word(r.macs.as_ref().map(|macs| {
                match macs.as_slice() {
                    many if many.len() > 2 => many.len().to_string(),
                    few => few
                        .iter()
                        .map(|m| m.mac.to_string())
                        .collect::<Vec<_>>()
                        .join(","),
                }
            })),
            word(r.if_alias.clone()),
        ]);
    }
    table(&out)
}

pub async fn find(path: &Path, args: &FindArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let usage = |told: &str| refuse(ExitCode::Usage, told, json);
    let (switch, mac) = match (args.words.as_slice(), &args.target.target) {
        ([mac], Some(_)) => (at_target(&args.target, json).await?, mac),
        ([name, mac], None) => (configured(path, name, json).await?.2, mac),
        (_, Some(_)) => {
            return Err(usage(
                "with --target only the MAC address is given: standin switch find --target HOST --community-file FILE MAC",
            ));
        }
        (_, None) => return Err(usage("say where and what: standin switch find SWITCH MAC")),
    };
    let mac: MacAddr = mac
        .parse()
        .map_err(|e: crate::types::ParseValueError| usage(&e.to_string()))?;
    let places = switch
        .where_is(mac, None)
        .await
        .map_err(|e| unreadable(&e, json))?;
    let name = &switch.target().name;
    let rows: Vec<_> = places
        .iter()
        .map(|p| json!({ "if_name": p.if_name, "if_index": p.if_index, "fdb_id": p.fdb_id, "port_number": p.port_number }))
        .collect();
    let mut text: Vec<String> = places
        .iter()
        .map(|p| match (&p.if_name, p.fdb_id) {
            (Some(port), Some(id)) => {
                format!("{mac} is on {name} port {port} (filtering database {id})")
            }
            (Some(port), None) => format!("{mac} is on {name} port {port}"),
            (None, _) => format!(
                "{mac} is on {name}, forwarding port {}, which has no name (0: the switch itself)",
                p.port_number
            ),
        })
        .collect();
    if text.is_empty() {
        text.push(format!("{mac} is not in the forwarding table of {name}: it has been silent, it is elsewhere, or the switch does not show its table"));
    }
    answer(
        json,
        &json!({ "ok": !places.is_empty(), "switch": name, "mac": mac, "places": rows }),
        &text,
    );
    Ok(if places.is_empty() {
        ExitCode::NotReached
    } else {
        ExitCode::Ok
    })
}
