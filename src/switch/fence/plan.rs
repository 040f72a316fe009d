//! What a fence or its lifting would send, for people: nothing is written, and no secret is shown.

use serde::Serialize;

use crate::switch::model::port::PortState;
use crate::switch::model::tag::{FenceTag, split, with_tag};
use crate::switch::model::value::Oid;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::{Kind, Transport};
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::switch::read::target::SwitchTarget;
use crate::switch::render::{RenderError, SetVar, render};
use crate::switch::snmp::by_hand::{command, get_command, text};

/// What is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanOp {
    /// Shut and tag.
    Fence {
        /// The tag that would be written.
        tag: FenceTag,
    },
    /// Open and remove the tag.
    Unfence,
}

/// One varbind that would be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedSet {
    /// Name of the switch.
    pub switch: String,
    /// ifName.
    pub port: String,
    /// The object by name and index, such as `ifAdminStatus.7`.
    pub object: String,
    /// The same in numbers.
    pub oid: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What is there now, where it is known.
    pub now: Option<String>,
    /// What would be written.
    pub value: String,
    /// The same as a command for a person; secrets are shell variables.
    pub command: String,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The ports could not be read.
    #[error(transparent)]
    Unreadable(#[from] SwitchError),
    /// The profile cannot do it.
    #[error(transparent)]
    Profile(#[from] RenderError),
}

/// Every SET that `op` would send for these ports, in order. Reads the ports (one GET) and writes nothing.
///
/// # Errors
/// The ports could not be read, or the profile cannot do it.
pub async fn plan(
    switch: &Switch,
    ports: &[&str],
    op: &PlanOp,
) -> Result<Vec<PlannedSet>, PlanError> {
    let states = switch.ports(ports).await?;
    let name = match op {
        PlanOp::Fence { .. } => "port-off",
        PlanOp::Unfence => "port-on",
    };
    let mut out = Vec::new();
    for port in &states {
        let pdus = render(switch.profile(), name, port.if_index, b"")?;
        out.extend(
            pdus.concat()
                .iter()
                .map(|var| planned(switch.target(), port, var)),
        );
    }
    for port in &states {
        let new = match (op, &port.alias_octets) {
            (PlanOp::Fence { tag }, Some(alias)) => with_tag(alias, tag),
            (PlanOp::Unfence, Some(alias)) if port.tag.is_some() => Some(split(alias).0.to_vec()),
            _ => None,
        };
        let Some(new) = new.filter(|_| switch.profile().snmp_op("tag").is_some()) else {
            continue;
        };
        let pdus = render(switch.profile(), "tag", port.if_index, &new)?;
        out.extend(
            pdus.concat()
                .iter()
                .map(|var| planned(switch.target(), port, var)),
        );
    }
    Ok(out)
}

/// A command that reads whether a port is shut: its administrative and its operational state. No secret is shown.
///
/// # Errors
/// The port cannot be read, or the profile has no way to.
pub async fn read_by_hand(switch: &Switch, port: &str) -> Result<String, PlanError> {
    let by_ssh = switch.route("port-off").first() == Some(&Transport::Ssh);
    if let Some(show) = switch
        .cli_if_any()
        .filter(|_| by_ssh)
        .and_then(|cli| cli.rules().shows.get("port"))
    {
        let rules = switch.cli().map_err(PlanError::Unreadable)?.rules();
        let filled = rules.fill(&show.send, &Vars::new().port(port));
        return Ok(filled.unwrap_or_else(|_| show.send.clone()));
    }
    let state = switch.port(port).await?;
    let object = |name: &str| switch.profile().object(name);
    let oids: Vec<Oid> = ["admin", "oper"]
        .into_iter()
        .filter_map(object)
        .map(|o| o.oid.at(&[state.if_index.0]))
        .collect();
    let target = switch.target();
    Ok(get_command(&target.credentials, target.address, &oids))
}

fn planned(target: &SwitchTarget, port: &PortState, var: &SetVar) -> PlannedSet {
    PlannedSet {
        switch: target.name.clone(),
        port: port.if_name.clone(),
        object: var.oid.named(),
        oid: var.oid.to_string(),
        kind: var.kind,
        now: match var.object.as_str() {
            "admin" => Some(i64::from(port.admin).to_string()),
            "alias" => port
                .alias_octets
                .as_deref()
                .map(|a| String::from_utf8_lossy(a).into_owned()),
            _ => None,
        },
        value: text(&var.value),
        command: command(&target.credentials, target.address, var),
    }
}
