//! `standin profile try`: what a profile makes of a recording or of a live switch. Writes nothing.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::list::operations;
use crate::cli::args::TryArgs;
use crate::cli::common::{refuse, say, say_json};
use crate::cli::switch::{plan_text, port_text, target_of, unreadable};
use crate::daemon::switches::PROFILES;
use crate::exit::ExitCode;
use crate::switch::change::plan_change;
use crate::switch::profile::Transport;
use crate::switch::read::lldp::neighbours;
use crate::switch::read::numbering::misread;
use crate::switch::read::table::PortRow;
use crate::switch::recording::{LONGEST, Recording, compressed};
use crate::switch::{ChangeRequest, Operation, Profile, Switch};
use crate::types::{MacAddr, VlanId};

/// The time that a plan may take.
const WITHIN: Duration = Duration::from_secs(30);
/// An address for the plan of clear-arp (TEST-NET-1, RFC 5737).
const SOME_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

pub async fn run(args: &TryArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let profile = profile(&args.which).map_err(|e| refuse(ExitCode::BadConfig, &e, json))?;
    let switch = match &args.recording {
        Some(file) => recorded(file, profile, json)?,
        None => Switch::new(
            target_of(
                args.target.as_deref(),
                args.community_file.as_deref(),
                profile,
                json,
            )
            .await?,
        ),
    };
    let rows = switch
        .port_table()
        .await
        .map_err(|e| unreadable(&e, json))?;
    let around = neighbours(&switch).await.unwrap_or_default();
    let misread = misread(&rows, &around);
    let profile = &switch.target().profile;
    let (snmp, ssh) = (
        operations(profile, Transport::Snmp),
        operations(profile, Transport::Ssh),
    );
    if !json {
        port_text(&rows).iter().for_each(|l| say(l));
        if let Some(why) = &misread {
            say(&format!("MISREAD: {why}"));
        }
        say(&format!("operations by SNMP: {}", none_or(&snmp)));
        say(&format!("operations over SSH: {}", none_or(&ssh)));
    }
    let mut plans = Vec::new();
    if let Some(name) = &args.port {
        let Some(row) = switch.rows_named(&rows, name).first().copied() else {
            let there: Vec<&str> = rows.iter().map(|r| r.if_name.as_str()).collect();
            let told = format!(
                "there is no port named `{name}`; there are: {}",
                there.join(", ")
            );
            return Err(refuse(ExitCode::Usage, &told, json));
        };
        for operation in samples(&snmp, row, &rows, args.vlan) {
            plans.push(one(&switch, operation, name, json).await);
        }
    }
    if json {
        say_json(
            &json!({ "ok": true, "profile": profile.name, "ports": rows, "misread": misread, "operations": { "snmp": snmp, "ssh": ssh }, "plans": plans }),
        );
    }
    Ok(ExitCode::Ok)
}

fn none_or(words: &[&str]) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

/// A file that ends in `.toml`, or a name.
fn profile(which: &str) -> Result<Profile, String> {
    let path = Path::new(which);
    if path.extension().is_some_and(|e| e == "toml") {
        let text = std::fs::read_to_string(path)
            .map_err(|e| format!("cannot read the profile {which}: {e}"))?;
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or(which);
        return Profile::parse(name, which, &text).map_err(|e| e.to_string());
    }
    Profile::find(which, Some(Path::new(PROFILES))).map_err(|e| e.to_string())
}

fn recorded(file: &Path, profile: Profile, json: bool) -> Result<Switch, ExitCode> {
    let shown = file.display().to_string();
    let unread = |e: String| {
        refuse(
            ExitCode::NoInput,
            &format!("cannot read the recording {shown}: {e}"),
            json,
        )
    };
    let meta = std::fs::metadata(file).map_err(|e| unread(e.to_string()))?;
    if meta.len() > LONGEST {
        return Err(unread(format!("it is longer than {LONGEST} bytes")));
    }
    let octets = std::fs::read(file).map_err(|e| unread(e.to_string()))?;
    if let Some(why) = compressed(&octets) {
        return Err(unread(why.to_owned()));
    }
    // Old recordings have texts in other encodings than UTF-8; what matters here is in ASCII.
    let text = String::from_utf8_lossy(&octets);
    let recording = Recording::parse(&shown, &text)
        .map_err(|e| refuse(ExitCode::BadData, &e.to_string(), json))?;
    for note in &recording.notes {
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
    let name = file.file_stem().and_then(|s| s.to_str());
    Ok(recording.switch(name.unwrap_or("recording"), profile))
}

/// Each operation with something that is there.
fn samples(
    names: &[&'static str],
    row: &PortRow,
    rows: &[PortRow],
    vlan: Option<u16>,
) -> Vec<Operation> {
    let mine = |v: &u32| {
        row.pvid == Some(*v)
            || row
                .untagged
                .iter()
                .chain(&row.tagged)
                .flatten()
                .any(|m| m == v)
    };
    let all = rows.iter().flat_map(|r| {
        r.pvid
            .iter()
            .chain(r.untagged.iter().flatten())
            .chain(r.tagged.iter().flatten())
    });
    let other = all
        .copied()
        .find(|v| !mine(v))
        .and_then(|v| u16::try_from(v).ok());
    let vlan = VlanId(
        vlan.or(other)
            .or(row.pvid.and_then(|v| u16::try_from(v).ok()))
            .unwrap_or(1),
    );
    let learned = rows
        .iter()
        .flat_map(|r| r.macs.iter().flatten())
        .next()
        .map(|m| m.mac);
    let mac = learned.unwrap_or(MacAddr([0x02, 0, 0, 0, 0, 1]));
    let all = [
        Operation::PortOff,
        Operation::PortOn,
        Operation::SetAccessVlan(vlan),
        Operation::TrunkAllow(vlan),
        Operation::TrunkRemove(vlan),
        Operation::FlushMac(mac, None),
        Operation::ClearArp(SOME_IP),
        Operation::PoeCycle,
        Operation::Save,
    ];
    all.into_iter()
        .filter(|op| names.contains(&op.name()))
        .collect()
}

async fn one(switch: &Switch, operation: Operation, port: &str, json: bool) -> Value {
    let port = Some(port).filter(|_| operation.needs_port());
    match plan_change(switch, &ChangeRequest::new(operation, port, WITHIN)).await {
        Ok(plan) => {
            if !json {
                plan_text(&plan).iter().for_each(|l| say(l));
            }
            json!({ "operation": operation.to_string(), "plan": plan, "error": null })
        }
        Err(e) => {
            if !json {
                say(&format!("{operation}: cannot be planned: {e}"));
            }
            json!({ "operation": operation.to_string(), "plan": null, "error": e.to_string() })
        }
    }
}
