//! What a change would send, beside what is there now. Reads, and writes nothing.

use serde::Serialize;

use super::commands;
use super::guard::Guard;
use super::over_snmp::look;
use super::over_ssh;
use super::{ChangeError, ChangeRequest};
use crate::switch::model::value::Value;
use crate::switch::profile::{Kind, Transport};
use crate::switch::read::switch::Switch;
use crate::switch::render::portlist;
use crate::switch::render::{RenderError, Rendered, Renderer, SetVar};
use crate::switch::snmp::by_hand::{command, text};

/// A change before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangePlan {
    /// Name of the switch.
    pub switch: String,
    /// ifName.
    pub port: Option<String>,
    /// The operation, in words.
    pub operation: String,
    /// Guards that refuse it, in words, each with its name.
    pub refused: Vec<String>,
    /// Everything that would be sent, in order.
    pub lines: Vec<PlanLine>,
    /// What must read back afterwards, by object and index.
    pub proof: Vec<String>,
}

/// One thing that would be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanLine {
    /// The request that it is part of, from 1; varbinds with the same number go in one PDU.
    pub pdu: usize,
    /// The object by name and index, or the command line.
    pub what: String,
    /// The same in numbers; `null` for a command line.
    pub oid: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// What is there now, where it can be read.
    pub now: Option<String>,
    /// What would be there.
    pub value: String,
    /// The same as a command for a person; secrets are shell variables.
    pub command: Option<String>,
}

/// Everything that `request` would send, and which guards refuse it.
///
/// # Errors
/// What it rests on could not be read, or the profile cannot do it.
pub async fn plan_change(
    switch: &Switch,
    request: &ChangeRequest,
) -> Result<ChangePlan, ChangeError> {
    let route = switch.route(request.operation.name());
    if route.first() == Some(&Transport::Ssh) {
        return plan_commands(switch, request).await;
    }
    let (before, refusals) = match look(switch, request).await {
        Err(ChangeError::Unreadable(e)) if e.is_silence() && route.contains(&Transport::Ssh) => {
            return plan_commands(switch, request).await;
        }
        done => done?,
    };
    let renderer = Renderer::new(switch.profile(), request.operation.name(), &before.scene)?;
    let mut lines = Vec::new();
    for (i, step) in renderer.steps()?.iter().enumerate() {
        match step {
            Rendered::Pdu { vars, .. } => lines.extend(vars.iter().map(|var| {
                let now = before.scene.now.get(&var.oid);
                line(switch, i + 1, var, now)
            })),
            Rendered::Poll {
                oid, until, within, ..
            } => {
                lines.push(words(
                    i + 1,
                    format!(
                        "wait until {} reads {until:?}, {within:?} at most",
                        oid.named()
                    ),
                ));
            }
            Rendered::Wait(pause) => lines.push(words(i + 1, format!("wait {pause:?}"))),
        }
    }
    let proof = renderer.proofs()?.iter().map(|p| p.oid.named()).collect();
    Ok(told(switch, request, &refusals, lines, proof))
}

/// The commands, and what must show afterwards.
async fn plan_commands(
    switch: &Switch,
    request: &ChangeRequest,
) -> Result<ChangePlan, ChangeError> {
    let (shown, refusals) = over_ssh::look(switch, request).await?;
    let op = over_ssh::op(switch, request.operation)?;
    let rules = switch.cli()?.rules();
    let mut lines = Vec::new();
    for (i, (step, old)) in commands::laid_out(op, &shown.old).into_iter().enumerate() {
        let vars = commands::vars(&shown.vars, old);
        for command in &step.commands {
            let filled = rules.fill(command, &vars).map_err(|e| RenderError {
                profile: switch.profile().name.clone(),
                op: request.operation.name().to_owned(),
                why: e.to_string(),
            })?;
            lines.push(PlanLine {
                command: Some(filled.clone()),
                ..words(i + 1, filled)
            });
        }
        if let Some(pause) = step.wait {
            lines.push(words(i + 1, format!("wait {pause:?}")));
        }
    }
    let shows = op.prove.iter().map(|p| format!("show {}", p.show));
    Ok(told(switch, request, &refusals, lines, shows.collect()))
}

fn told(
    switch: &Switch,
    request: &ChangeRequest,
    refusals: &[Guard],
    lines: Vec<PlanLine>,
    proof: Vec<String>,
) -> ChangePlan {
    let refused = refusals.iter().map(|g| format!("{}: {g}", g.name()));
    ChangePlan {
        switch: switch.target().name.clone(),
        port: request.port.clone(),
        operation: request.operation.to_string(),
        refused: refused.collect(),
        lines,
        proof,
    }
}

fn words(pdu: usize, what: String) -> PlanLine {
    PlanLine {
        pdu,
        what,
        oid: None,
        kind: None,
        now: None,
        value: String::new(),
        command: None,
    }
}

fn line(switch: &Switch, pdu: usize, var: &SetVar, now: Option<&Value>) -> PlanLine {
    let told = |v: &Value| match (var.kind, v) {
        (Kind::PortList, Value::Bytes(octets)) => {
            let numbers =
                portlist::numbers(switch.profile().snmp.portlist, octets).unwrap_or_default();
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            format!(
                "ports {}",
                if numbers.is_empty() {
                    "none".into()
                } else {
                    numbers.join(",")
                }
            )
        }
        _ => text(v),
    };
    PlanLine {
        pdu,
        what: var.oid.named(),
        oid: Some(var.oid.to_string()),
        kind: Some(var.kind),
        now: now.filter(|v| **v != Value::Absent).map(told),
        value: told(&var.value),
        command: Some(command(
            &switch.target().credentials,
            switch.target().address,
            var,
        )),
    }
}
