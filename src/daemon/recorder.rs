//! Writes into the journal what happens to one peer: state records for recovery, and around each takeover the
//! snapshot and the events that `standin replay` plays back.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::auto;
use super::fencing::Fencing;
use super::journal::{Entry, GapsSeen, Journal, Ticket};
use super::record::{self, Kept, Quarantined};
use super::standing::{Marks, Standing};
use crate::takeover::Machine;
use crate::takeover::action::{Action, Run};
use crate::takeover::event::Event;
use crate::takeover::state::{Grounds, Phase, State};
use crate::types::{BootTime, PortRef};

/// Kind of the record that holds a machine before the first recorded event.
pub const SNAPSHOT: &str = "snapshot";
/// Kind of the record that holds one event.
pub const EVENT: &str = "event";
/// Kind of the record that holds one change of state.
pub const CHANGED: &str = "changed";
/// Kind of the record that holds what is about to be done.
pub const INTENT: &str = "intent";
/// Kind of the record that holds how a step ended.
pub const OUTCOME: &str = "outcome";
/// Kind of the record that holds a message for a person.
pub const ALERT: &str = "alert";

/// Events are recorded for this long after a recording began; a takeover that holds for hours is not worth megabytes.
pub const RECORDED: Duration = Duration::from_secs(60);

/// The journal as one peer writes it.
pub struct Recorder {
    peer: String,
    journal: Journal,
    fence: Vec<PortRef>,
    quarantined: Vec<Quarantined>,
    interface: Option<String>,
    found: Vec<auto::Kept>,
    standing: Standing,
    marks: Marks,
    recording: Option<BootTime>,
    last: Option<Kept>,
    claimed: Option<Grounds>,
    gaps: GapsSeen,
}

impl Recorder {
    /// A recorder for `peer`, whose fence is [followed](Recorder::follow) from the start.
    pub fn new(peer: &str, journal: Journal) -> Self {
        Recorder {
            peer: peer.to_owned(),
            journal,
            fence: Vec::new(),
            quarantined: Vec::new(),
            interface: None,
            found: Vec::new(),
            standing: Standing::default(),
            marks: Marks::default(),
            recording: None,
            last: None,
            claimed: None,
            gaps: GapsSeen::default(),
        }
    }

    /// What the journal said before this start.
    pub fn resume(&mut self, kept: &Kept) {
        self.claimed = kept.grounds;
    }

    /// The ports that the fence writes.
    pub fn fence(&self) -> &[PortRef] {
        &self.fence
    }

    /// From now on the fence is this one; what becomes of its levels is seen without being told.
    pub fn follow(&mut self, fencing: &Fencing) {
        self.fence = fencing.ports();
        self.quarantined = fencing.quarantined();
        self.found = fencing.found();
        self.standing = fencing.standing();
        self.marks = fencing.marks.clone();
    }

    /// The interface that has the VIP, as configured.
    pub fn set_interface(&mut self, interface: &str) {
        self.interface = Some(interface.to_owned());
    }

    /// Ports that were found rather than named, as the journal has them.
    pub fn found(&self) -> &[auto::Kept] {
        &self.found
    }

    /// A port was found, or is not known any more, or was confirmed.
    pub fn set_found(&mut self, found: Vec<auto::Kept>) {
        self.found = found;
    }

    /// Writes what one event did to `machine`; `prior` is the machine before it, if that was at rest.
    ///
    /// Returns the ticket of the last record: a step that must not begin before its intent is durable waits for it.
    pub fn record(
        &mut self,
        now: BootTime,
        prior: Option<&Machine>,
        event: &Event,
        machine: &Machine,
        actions: &[Action],
    ) -> Option<Ticket> {
        let mut ticket = None;
        let at_rest = at_rest(machine);
        // A start is recorded too: it ends whatever recording the crash had cut off.
        if let Some(prior) = prior.filter(|_| !at_rest || matches!(event, Event::Start(_))) {
            self.recording = Some(now);
            self.put(now, SNAPSHOT, prior.clone());
        }
        if self.is_recorded(now) {
            self.put(
                now,
                EVENT,
                Happened {
                    at: now,
                    event: event.clone(),
                },
            );
        }
        if at_rest {
            self.recording = None;
        }
        if let Event::StepEnded {
            step,
            attempt,
            outcome,
        } = event
        {
            self.put(
                now,
                OUTCOME,
                json!({ "step": step, "attempt": attempt, "outcome": outcome }),
            );
        }
        for action in actions {
            match action {
                Action::Changed { from, to, why } => {
                    self.put(now, CHANGED, json!({ "from": from, "to": to, "why": why }));
                }
                Action::Alert(alert) => {
                    self.put(now, ALERT, alert.clone());
                }
                Action::Run(run) => {
                    self.claimed = run.grounds.or(self.claimed);
                    ticket = self.put(now, INTENT, intent(run, &self.fence));
                }
                Action::ArpProbe { .. }
                | Action::Ping
                | Action::AskManagement
                | Action::ProbeService
                | Action::PollPort
                | Action::LookForPeer { .. }
                | Action::LookPastFence { .. }
                | Action::AskWitnesses
                | Action::Cancel { .. }
                | Action::Renew { .. }
                | Action::Restore { .. }
                | Action::DropAddress
                | Action::ReadFence
                | Action::ReadTie
                | Action::ReadBack
                | Action::AskVip { .. }
                | Action::AskServes { .. }
                | Action::Locate { .. }
                | Action::Defend => {}
            }
        }
        if machine.state().phase() == Phase::Standby {
            self.claimed = None;
        }
        if self.gaps.has_new(&self.journal) {
            // Nobody knows whether the last state was in the gap; and no event before it leads to those after it.
            self.last = None;
            if !at_rest {
                self.recording = Some(now);
                self.put(now, SNAPSHOT, machine.clone());
            }
        }
        let mut kept = Kept::of(machine, (&self.fence, &self.found), self.claimed);
        kept.quarantined.clone_from(&self.quarantined);
        kept.interface.clone_from(&self.interface);
        kept.standing = Some(self.standing.marked(&self.marks));
        if self.last.as_ref() != Some(&kept) {
            ticket = self.put(now, record::STATE, kept.clone());
            self.last = Some(kept);
        }
        ticket
    }

    fn is_recorded(&self, now: BootTime) -> bool {
        self.recording
            .is_some_and(|since| now.since(since) <= RECORDED)
    }

    /// Something was replaced in `machine` that no event did, such as its policy: what is recorded goes on from here.
    pub fn replaced(&mut self, now: BootTime, machine: &Machine) {
        if self.is_recorded(now) {
            self.recording = Some(now);
            self.put(now, SNAPSHOT, machine.clone());
        }
    }

    fn put(
        &mut self,
        now: BootTime,
        kind: &'static str,
        data: impl Serialize + Send + 'static,
    ) -> Option<Ticket> {
        Some(self.journal.append(Entry::new(now, &self.peer, kind, data)))
    }
}

/// An event as the journal has it.
#[derive(Serialize)]
struct Happened {
    at: BootTime,
    event: Event,
}

fn intent(run: &Run, fence: &[PortRef]) -> serde_json::Value {
    json!({ "step": run.step, "attempt": run.attempt, "epoch": run.epoch, "fence": fence })
}

/// True in the states whose events are not recorded.
pub fn at_rest(machine: &Machine) -> bool {
    match machine.state() {
        State::Standby | State::Suspect(_) | State::Active { .. } | State::Halted { .. } => true,
        State::Confirming(_) | State::Taking(_) | State::Releasing(_) => false,
    }
}
