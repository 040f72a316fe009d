//! A change as a transaction: what is there is read and kept as the undo; guards; the plan; each PDU judged; read back
//! until it is proven; a move that is only half done is undone in reverse and looked at again.
//!
//! It ends in exactly one of: proven, refused before anything was written, undone, unclear. An answer to a SET is none
//! of these.

mod arming;
mod before;
pub(in crate::switch) mod commands;
mod current_vlans;
pub mod freshness;
pub mod guard;
mod guards;
mod over_snmp;
mod over_ssh;
mod pending;
mod plan;
mod port_down;
mod proof_snmp;
mod proof_ssh;
pub(in crate::switch) mod prove_down;
pub(in crate::switch) mod read_until;
pub mod send_ports;
mod send_snmp;
mod undo;
pub mod unproven;
pub mod vlan_move;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::rt::{Instant, timeout_at};
use crate::switch::model::op::Operation;
use crate::switch::profile::Transport;
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::switch::render::RenderError;
use crate::types::MacAddr;
use guard::Guard;

pub use plan::{ChangePlan, PlanLine, plan_change};
pub use undo::{UndoRecord, UndoVar, undo};

/// A change that is asked for.
#[derive(Clone, Debug)]
pub struct ChangeRequest {
    /// What is asked for.
    pub operation: Operation,
    /// ifName of the port, where it is about one.
    pub port: Option<String>,
    /// What ifAlias must say, without our tag; `None` is not compared.
    pub expected_alias: Option<String>,
    /// The MAC address that must be learned on the port; `None` is not asked for.
    pub expected_mac: Option<MacAddr>,
    /// This machine's MAC addresses: a port that has one of them is ours.
    pub own_macs: Vec<MacAddr>,
    /// Names of guards that a person has overridden.
    pub overrides: BTreeSet<String>,
    /// The whole time that it may take.
    pub within: Duration,
}

impl ChangeRequest {
    /// With all guards, and nothing known of the port.
    pub fn new(operation: Operation, port: Option<&str>, within: Duration) -> ChangeRequest {
        ChangeRequest {
            operation,
            port: port.map(str::to_owned),
            expected_alias: None,
            expected_mac: None,
            own_macs: Vec::new(),
            overrides: BTreeSet::new(),
            within,
        }
    }
}

/// A change that is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeProof {
    /// Name of the switch.
    pub switch: String,
    /// ifName.
    pub port: Option<String>,
    /// The operation, in words.
    pub operation: String,
    /// By which way.
    pub transport: Transport,
    /// True if all was so already, and nothing was written.
    pub already: bool,
    /// From the order until all of it was proven. In JSON `took_ms`.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// What was read back, in words.
    pub proven: Vec<String>,
    /// What a person should know besides.
    pub notes: Vec<String>,
    /// How it is taken back; `None` where it cannot be, or where nothing was written.
    pub undo: Option<UndoRecord>,
}

fn milliseconds<S: serde::Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((took.as_secs_f64() * 1e6).round() / 1e3)
}

/// Why a change is not proven.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChangeError {
    /// A guard refused it; nothing was written.
    #[error("switch {switch}, port {port}: refused by the guard `{}`, nothing was written: {guard}{}", guard.name(), guard.how_to_override())]
    Guarded {
        /// Name of the switch.
        switch: String,
        /// ifName, or `-`.
        port: String,
        /// Which guard.
        guard: Guard,
    },
    /// What it rests on could not be read; nothing was written.
    #[error("nothing was written: {0}")]
    Unreadable(#[from] SwitchError),
    /// The profile cannot do it; nothing was written.
    #[error("nothing was written: {0}")]
    Profile(#[from] RenderError),
    /// The time was over before anything was written.
    #[error("switch {switch}: nothing was written: it could not be read within {within:?}")]
    TooLate {
        /// Name of the switch.
        switch: String,
        /// The whole time that it had.
        within: Duration,
    },
    /// It was not applied as a whole, and what was applied is taken back and reads as before.
    #[error("switch {switch}: {operation} was undone, and all reads as before: {why}")]
    Undone {
        /// Name of the switch.
        switch: String,
        /// The operation, in words.
        operation: String,
        /// What went wrong.
        why: String,
    },
    /// Something was, or may have been, written, and how things are is not known for certain.
    #[error(
        "switch {switch}: {operation} is unclear: {why}. {seen}Look at the port before anything else is done with it"
    )]
    Unclear {
        /// Name of the switch.
        switch: String,
        /// The operation, in words.
        operation: String,
        /// What went wrong.
        why: String,
        /// What reads how, in words, or nothing.
        seen: String,
    },
}

impl ChangeError {
    /// True if nothing was written.
    pub fn is_untouched(&self) -> bool {
        match self {
            ChangeError::Guarded { .. }
            | ChangeError::Unreadable(_)
            | ChangeError::Profile(_)
            | ChangeError::TooLate { .. } => true,
            ChangeError::Undone { .. } | ChangeError::Unclear { .. } => false,
        }
    }
}

/// Does it, and proves it, by the first transport that answers.
///
/// # Errors
/// See [`ChangeError`]: what was written, if anything was, is part of it.
pub async fn change(switch: &Switch, request: ChangeRequest) -> Result<ChangeProof, ChangeError> {
    let start = Instant::now();
    let deadline = start + request.within;
    let writer = timeout_at(deadline, switch.writer())
        .await
        .map_err(|_| over_snmp::too_late(switch, &request))?;
    let mut failed = None;
    for transport in switch.route(request.operation.name()) {
        let done = match transport {
            Transport::Snmp => over_snmp::change(switch, &request, start).await,
            Transport::Ssh => over_ssh::change(switch, &request, start).await,
        };
        match done {
            // Nothing was written, and nobody answered: the other way may do.
            Err(ChangeError::Unreadable(e)) if e.is_silence() => {
                failed = failed.or(Some(ChangeError::Unreadable(e)));
            }
            Ok(proof) if failed.is_some() => {
                switch.answered_over(transport);
                drop(writer);
                return Ok(proof);
            }
            done => {
                drop(writer);
                return done;
            }
        }
    }
    drop(writer);
    let what = request.operation.to_string();
    Err(failed.unwrap_or_else(|| ChangeError::Unreadable(switch.no_way(&what))))
}
