//! Sends an operation's SETs: all ports in one PDU, and one PDU per port where the switch cannot do that.

use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::client::Switch;
use super::render::{RenderError, SetVar, render, render_together};
use super::snmp::SnmpError;
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

/// Sends `op` for all `ports`, in one PDU where each needs one; one by one if that is refused. In their order.
pub(crate) async fn send_together(
    switch: &Switch,
    op: &str,
    ports: &[IfIndex],
    until: Instant,
) -> Result<Vec<Sent>, RenderError> {
    if ports.len() > 1 {
        let pdus = render_together(switch.profile(), op, ports)?;
        let sent = send(switch, &pdus, until).await;
        // After silence one by one would only be more silence: read back first.
        if !matches!(sent.outcome, SetOutcome::Refused { .. }) {
            return Ok(vec![sent; ports.len()]);
        }
    }
    send_apart(switch, op, ports, until).await
}

/// Sends `op` for each of `ports` in PDUs of its own.
pub(crate) async fn send_apart(
    switch: &Switch,
    op: &str,
    ports: &[IfIndex],
    until: Instant,
) -> Result<Vec<Sent>, RenderError> {
    let mut out = Vec::with_capacity(ports.len());
    for port in ports {
        let pdus = render(switch.profile(), op, *port, b"")?;
        out.push(send(switch, &pdus, until).await);
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
