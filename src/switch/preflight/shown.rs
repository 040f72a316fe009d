//! What a switch's command line tells of a port where SNMP does not: protections, whether it may be
//! configured.

use std::time::Duration;

use super::super::client::Switch;
use super::super::ports::PortRow;
use super::super::ssh::{CliError, Record, Vars};
use super::Verdict;
use super::port::Lines;

/// Packets per second above which Cisco IOS err-disables an untrusted port, unless it is configured otherwise.
const ARP_RATE: u32 = 15;

/// What the shows `protections` and `protections_vlan` said.
pub(super) enum Shown {
    /// No such show, or no SSH to this switch.
    Nothing,
    /// It could not be read.
    Failed(String),
    /// The port's own, and whether its VLAN is inspected where that is told.
    Port(Record, Option<bool>),
}

pub(super) async fn protections(switch: &Switch, row: &PortRow) -> Shown {
    let cli = match switch.cli_if_any() {
        Some(cli) if cli.rules().shows.contains_key("protections") => cli,
        _ => return Shown::Nothing,
    };
    let vars = Vars::new().port(&row.if_name);
    let record = match cli.show("protections", &vars).await {
        Ok(records) => records.into_iter().next(),
        Err(e) => return Shown::Failed(e.to_string()),
    };
    // Without the port's own lines nothing is known: a missing word would read as "off".
    let Some(record) = record.filter(|r| r.contains_key("port")) else {
        return Shown::Failed("the command line does not show the port's configuration".into());
    };
    let vlan = match row.pvid {
        Some(vlan) if cli.rules().shows.contains_key("protections_vlan") => {
            let shown = cli
                .show("protections_vlan", &Vars::new().with("vlan", vlan))
                .await;
            shown.ok().and_then(|rows| {
                let mine = |r: &&Record| r.get("vlan").and_then(|v| v.parse().ok()) == Some(vlan);
                let one = rows.iter().find(mine)?;
                Some(one.get("arp_inspection")? == "on")
            })
        }
        _ => None,
    };
    Shown::Port(record, vlan)
}

impl Shown {
    /// The verdict on one protection, and what was seen.
    pub(super) fn say(&self, what: &str) -> (Verdict, String) {
        let (record, inspected) = match self {
            Shown::Nothing => {
                return (Verdict::NotKnown, "the profile has no object for it".into());
            }
            Shown::Failed(why) => return (Verdict::NotKnown, why.clone()),
            Shown::Port(record, inspected) => (record, inspected),
        };
        match (what, record.get(what)) {
            ("arp_inspection", Some(word)) if word == "trusted" => {
                (Verdict::Ok, "the port is trusted".into())
            }
            ("arp_inspection", _) => arp(record, *inspected),
            (_, Some(_)) => (Verdict::Warning, "is on".into()),
            (_, None) => (Verdict::Ok, "is off".into()),
        }
    }
}

fn arp(record: &Record, inspected: Option<bool>) -> (Verdict, String) {
    let rate = record.get("arp_rate").and_then(|r| r.parse().ok());
    let limit = rate.unwrap_or(ARP_RATE);
    match inspected {
        Some(false) => (Verdict::Ok, "its VLAN is not inspected".into()),
        Some(true) => (
            Verdict::Warning,
            format!(
                "its VLAN is inspected and the port is not trusted: {limit} ARP a second at most"
            ),
        ),
        None => (
            Verdict::Warning,
            format!(
                "the port is not trusted, and whether its VLAN is inspected is not told: {limit} ARP a second at most if it is"
            ),
        ),
    }
}

/// The mode of the command line in which a port is shut; `None` where commands go out one by one.
pub(super) fn writing_mode(switch: &Switch) -> Option<&str> {
    let op = switch.profile().ssh_ops.get("port-off")?;
    op.mode.as_deref()
}

/// Enters that mode and leaves it: nothing is written, and it is known whether we may.
pub(super) async fn may_configure(switch: &Switch, mode: &str, lines: &mut Lines<'_>) {
    let Some(cli) = switch.cli_if_any() else {
        return;
    };
    let writer = switch.writer().await;
    let mut done = cli.visit(mode).await;
    if matches!(done, Err(CliError::Busy { .. })) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        done = cli.visit(mode).await;
    }
    drop(writer);
    match done {
        Ok(()) => lines.add(
            "may-write",
            Verdict::Ok,
            format!("mode `{mode}` was entered and left over SSH; no command was sent in it"),
            "",
        ),
        Err(e) => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "give this user the right to configure ports, and `enable-file` where the switch asks for a second password",
        ),
    }
}
