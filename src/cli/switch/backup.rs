//! `standin switch backup` and `diff`: what a switch shows of its configuration, kept and compared.
//!
//! Over SNMP there is no configuration to be had, only what can be read: the port table. The file says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::kept;
use super::reach::{configured, unreadable};
use super::redact::redacted;
use crate::cli::args::{BackupArgs, DiffArgs};
use crate::cli::common::{answer, refuse};
use crate::exit::ExitCode;
use crate::switch::{Switch, SwitchError};

/// What is not configuration, and changes by itself.
const LIVE: [&str; 2] = ["macs", "oper"];

const KIND: &str = "port table by SNMP: VLANs, descriptions and admin states; not the switch's whole configuration";

const WHOLE: &str = "running configuration as the command line shows it, and the port table; it may contain secrets of the switch";

async fn read(switch: &Switch) -> Result<Value, SwitchError> {
    let system = switch.system().await?;
    let ports = switch.port_table().await?;
    let running = switch.running().await?;
    let kind = if running.is_some() { WHOLE } else { KIND };
    Ok(json!({
        "format": 1, "switch": switch.target().name, "profile": switch.target().profile.name,
        "written": kept::now().0, "kind": kind, "system": system, "ports": ports, "running": running,
    }))
}

pub async fn run(path: &Path, args: &BackupArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let (config, _, switch) = configured(path, &args.switch, json).await?;
    let value = read(&switch).await.map_err(|e| unreadable(&e, json))?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let folder = folder(&config.node.state_dir);
            kept::folder(&folder).map_err(|e| refuse(ExitCode::NoPermission, &e, json))?;
            folder.join(format!("{}@{}.json", args.switch, kept::now().1))
        }
    };
    let text = format!("{value:#}");
    kept::create(&out, &text).map_err(|e| refuse(ExitCode::NoPermission, &e, json))?;
    let ports = value["ports"].as_array().map_or(0, Vec::len);
    answer(
        json,
        &json!({ "ok": true, "switch": args.switch, "file": out, "kind": value["kind"], "ports": ports }),
        &[format!(
            "{}: {ports} ports of {} ({})",
            out.display(),
            args.switch,
            value["kind"].as_str().unwrap_or_default()
        )],
    );
    Ok(ExitCode::Ok)
}

fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("backups")
}

/// The newest backup of a switch: names sort by time.
fn last(state_dir: &Path, switch: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder(state_dir)).ok()?;
    let mine = entries.flatten().map(|e| e.path()).filter(|p| {
        let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name.split_once('@').is_some_and(|(s, _)| s == switch)
    });
    mine.max()
}

pub async fn diff(path: &Path, args: &DiffArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let (config, _, switch) = configured(path, &args.switch, json).await?;
    let file = args
        .file
        .clone()
        .or_else(|| last(&config.node.state_dir, &args.switch));
    let Some(file) = file else {
        let told = format!(
            "there is no backup of {0} yet: standin switch backup {0}",
            args.switch
        );
        return Err(refuse(ExitCode::NoInput, &told, json));
    };
    let text = std::fs::read_to_string(&file).map_err(|e| {
        refuse(
            ExitCode::NoInput,
            &format!("cannot read {}: {e}", file.display()),
            json,
        )
    })?;
    let bad = |why: &str| {
        refuse(
            ExitCode::BadData,
            &format!(
                "{} is no backup of `standin switch backup`: {why}",
                file.display()
            ),
            json,
        )
    };
    let old: Value = serde_json::from_str(&text).map_err(|e| bad(&e.to_string()))?;
    let before = by_port(&old).ok_or_else(|| bad("it has no `ports`"))?;
    let new = read(&switch).await.map_err(|e| unreadable(&e, json))?;
    let after = by_port(&new).unwrap_or_default();
    let mut changes = compare(&before, &after);
    changes.extend(lines_of(&old, &new));
    let mut lines: Vec<String> = changes
        .iter()
        .map(|c| {
            format!(
                "{} {}: {} -> {}",
                c["port"].as_str().unwrap_or_default(),
                c["field"].as_str().unwrap_or_default(),
                c["was"],
                c["is"]
            )
        })
        .collect();
    if lines.is_empty() {
        lines.push(format!("{} reads as in {}", args.switch, file.display()));
    }
    answer(
        json,
        &json!({ "ok": changes.is_empty(), "switch": args.switch, "file": file, "written": old["written"], "changes": changes }),
        &lines,
    );
    Ok(if changes.is_empty() {
        ExitCode::Ok
    } else {
        ExitCode::NotReached
    })
}

type Ports = BTreeMap<String, serde_json::Map<String, Value>>;

fn by_port(backup: &Value) -> Option<Ports> {
    let ports = backup.get("ports")?.as_array()?;
    ports
        .iter()
        .map(|p| {
            Some((
                p.get("if_name")?.as_str()?.to_owned(),
                p.as_object()?.clone(),
            ))
        })
        .collect()
}

/// Lines of the running configuration that are gone, and that are new.
fn lines_of(old: &Value, new: &Value) -> Vec<Value> {
    let lines = |v: &Value| -> Vec<String> {
        let text = v.get("running").and_then(Value::as_str).unwrap_or_default();
        text.lines()
            .map(|l| l.trim_end().to_owned())
            .filter(|l| !l.is_empty())
            .collect()
    };
    // A backup over SNMP has none: then there is nothing to compare.
    if old.get("running").is_none_or(Value::is_null)
        || new.get("running").is_none_or(Value::is_null)
    {
        return Vec::new();
    }
    let (before, after) = (lines(old), lines(new));
    let gone = before.iter().filter(|l| !after.contains(l));
    let come = after.iter().filter(|l| !before.contains(l));
    let shown = |line: Option<&String>| line.map(|l| redacted(l));
    let line =
        |was, is| json!({ "port": "-", "field": "running", "was": shown(was), "is": shown(is) });
    gone.map(|l| line(Some(l), None))
        .chain(come.map(|l| line(None, Some(l))))
        .collect()
}

fn compare(before: &Ports, after: &Ports) -> Vec<Value> {
    let mut out = Vec::new();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(was), Some(is)) => {
                for (field, was) in was.iter().filter(|(f, _)| !LIVE.contains(&f.as_str())) {
                    let is = is.get(field).unwrap_or(&Value::Null);
                    if is != was {
                        out.push(json!({ "port": name, "field": field, "was": was, "is": is }));
                    }
                }
            }
            (was, is) => out.push(
                json!({ "port": name, "field": "port", "was": was.is_some(), "is": is.is_some() }),
            ),
        }
    }
    out
}
