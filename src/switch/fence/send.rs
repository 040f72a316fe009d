//! Sends an operation's SETs: all ports in one PDU, and one PDU per port where the switch cannot do that.

use serde::Serialize;

use crate::rt::{Instant, timeout_at};
use crate::switch::change::commands;
use crate::switch::model::port::PortState;
use crate::switch::profile::Transport;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::read::switch::Switch;
use crate::switch::render::{RenderError, SetVar, render, render_together};
use crate::switch::snmp::SnmpError;
use crate::switch::ssh::Commit;
use crate::types::IfIndex;

/// What became of a SET. None of these is a proof of anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "set")]
pub enum SetOutcome {
    /// The switch sent an answer without an error.
    Acknowledged,
    /// No answer came: the switch may or may not have done it.
    Unanswered {
        /// What happened.
        why: String,
    },
    /// The switch answered with an error.
    Refused {
        /// What it said.
        why: String,
    },
}

/// The SETs for one port: when the first left, when the last one's fate was known, what became of them.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub sent: Instant,
    pub settled: Instant,
    pub outcome: SetOutcome,
}

/// Sends `op` for all `ports`, by the first way that takes it: over SNMP in one PDU where each needs one, one by one if
/// that is refused; over SSH one by one. What a port is told twice is the same both times. In their order.
pub(crate) async fn send_together(
    switch: &Switch,
    op: &str,
    ports: &[PortState],
    until: Instant,
) -> Result<Vec<Sent>, RenderError> {
    let mut all: Vec<Option<Sent>> = vec![None; ports.len()];
    for transport in route(switch, op, ports)? {
        let left: Vec<usize> = (0..ports.len()).filter(|i| !is_taken(&all[*i])).collect();
        if left.is_empty() {
            break;
        }
        let these: Vec<PortState> = left.iter().map(|i| ports[*i].clone()).collect();
        let sent = match transport {
            Transport::Snmp => over_snmp(switch, op, &these, until).await?,
            Transport::Ssh => over_ssh(switch, op, &these, until).await,
        };
        for (i, sent) in left.into_iter().zip(sent) {
            // It may have been done by the way that failed too: the first moment counts.
            let first = all[i].as_ref().map_or(sent.sent, |s| s.sent);
            all[i] = Some(Sent {
                sent: first,
                ..sent
            });
        }
    }
    Ok(all.into_iter().flatten().collect())
}

fn is_taken(sent: &Option<Sent>) -> bool {
    sent.as_ref()
        .is_some_and(|s| s.outcome == SetOutcome::Acknowledged)
}

/// A port that was read over a command line has no number, so that only the command line can name it.
fn route(switch: &Switch, op: &str, ports: &[PortState]) -> Result<Vec<Transport>, RenderError> {
    let mut route = switch.route(op);
    if ports.iter().any(|p| p.if_index.0 == 0) {
        route.retain(|t| *t == Transport::Ssh);
    }
    if route.is_empty() {
        return Err(RenderError {
            profile: switch.profile().name.clone(),
            op: op.to_owned(),
            why: "it has no such operation by a way that this switch is configured for".into(),
        });
    }
    Ok(route)
}

async fn over_snmp(
    switch: &Switch,
    op: &str,
    ports: &[PortState],
    until: Instant,
) -> Result<Vec<Sent>, RenderError> {
    let indexes: Vec<IfIndex> = ports.iter().map(|p| p.if_index).collect();
    if ports.len() > 1 {
        let pdus = render_together(switch.profile(), op, &indexes)?;
        let sent = send(switch, &pdus, until).await;
        // After silence one by one would only be more silence: read back first.
        if !matches!(sent.outcome, SetOutcome::Refused { .. }) {
            return Ok(vec![sent; ports.len()]);
        }
    }
    let mut out = Vec::with_capacity(ports.len());
    for index in indexes {
        let pdus = render(switch.profile(), op, index, b"")?;
        out.push(send(switch, &pdus, until).await);
    }
    Ok(out)
}

async fn over_ssh(switch: &Switch, op: &str, ports: &[PortState], until: Instant) -> Vec<Sent> {
    let mut out = Vec::with_capacity(ports.len());
    for port in ports {
        let sent = Instant::now();
        let vars = Vars::new().port(&port.if_name);
        // A peer's port that is shut is never armed to open by itself.
        let report = match switch.profile().ssh_ops.get(op) {
            Some(op) => commands::send(switch, op, &vars, &[], Commit::Now, until).await,
            None => continue,
        };
        let outcome = match report.error {
            None => SetOutcome::Acknowledged,
            Some(e) if e.is_silence() => SetOutcome::Unanswered { why: e.to_string() },
            Some(e) => SetOutcome::Refused { why: e.to_string() },
        };
        out.push(Sent {
            sent,
            settled: Instant::now(),
            outcome,
        });
    }
    out
}

/// Sends `op` for each of `ports` on its own.
pub(crate) async fn send_apart(
    switch: &Switch,
    op: &str,
    ports: &[PortState],
    until: Instant,
) -> Result<Vec<Sent>, RenderError> {
    let mut out = Vec::with_capacity(ports.len());
    for port in ports {
        out.extend(send_together(switch, op, std::slice::from_ref(port), until).await?);
    }
    Ok(out)
}

async fn send(switch: &Switch, pdus: &[Vec<SetVar>], until: Instant) -> Sent {
    let sent = Instant::now();
    let mut outcome = SetOutcome::Acknowledged;
    for pdu in pdus {
        outcome = match timeout_at(until, switch.snmp().set_many(pdu)).await {
            Ok(Ok(())) => continue,
            Ok(Err(e)) if e.is_silence() => SetOutcome::Unanswered { why: e.to_string() },
            Ok(Err(e)) => refused(&e),
            Err(_) => SetOutcome::Unanswered {
                why: format!(
                    "SET on switch {} ({}): no answer within {:?}",
                    switch.target().name,
                    switch.target().address,
                    sent.elapsed()
                ),
            },
        };
        break;
    }
    Sent {
        sent,
        settled: Instant::now(),
        outcome,
    }
}

fn refused(e: &SnmpError) -> SetOutcome {
    SetOutcome::Refused { why: e.to_string() }
}
