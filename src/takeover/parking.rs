//! Port takeover: our own switch port while no takeover is under way. It belongs in the parking VLAN.
//!
//! Giving the VIP up is a thing of this machine (nothing that names it leaves any more) and is done at once. The port
//! follows when the switch does it; a new takeover meanwhile finds the port where it is.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level, Run};
use super::event::Outcome;
use super::state::State;
use super::step::{self, Step};
use crate::types::BootTime;

/// Pause before a port that could not be put back is tried again.
const PARK_AGAIN: Duration = Duration::from_secs(10);

impl Machine {
    /// Our own port goes back to the parking VLAN as soon as nothing else is under way.
    pub(super) fn park_soon(&mut self, at: BootTime) {
        self.timers.park = self.policy.rewire.then_some(at);
    }

    fn at_rest(&self) -> bool {
        let rests = match &self.state {
            State::Standby | State::Suspect(_) | State::Halted { .. } => true,
            State::Confirming(_)
            | State::Taking(_)
            | State::Active { .. }
            | State::Releasing(_) => false,
        };
        rests && self.own.is_none()
    }

    /// When the port is due; nothing where an answer is awaited first.
    pub(super) fn park_due(&self) -> Option<BootTime> {
        self.timers
            .park
            .filter(|at| self.at_rest() && *at > self.seen)
    }

    pub(super) fn park_timers(&mut self, now: BootTime) {
        let busy = |(s, _): &(Step, _)| matches!(s, Step::Park | Step::Rewire);
        let due = self.timers.park.is_some_and(|at| at <= now);
        if !due || !self.at_rest() || self.owed.iter().any(busy) {
            return;
        }
        self.timers.park = None;
        let attempt = self.next_attempt();
        self.owed.push((Step::Park, attempt));
        self.out.push(Action::Run(Run {
            step: Step::Park,
            attempt,
            epoch: self.epoch,
            grounds: None,
            lifetime: None,
            peer_mac: self.evidence.pinned.clone(),
            within: step::timeout(Step::Park, &self.policy),
            levels: Vec::new(),
            in_spite_of: Vec::new(),
        }));
    }

    /// The answer of a task that no release waits for.
    pub(super) fn parked(&mut self, now: BootTime, answer: &Outcome) {
        let (why, again) = match answer {
            Outcome::Done(_) => {
                if std::mem::take(&mut self.timers.park_told) {
                    self.alert(Level::Info, "our own port is back in the parking VLAN");
                }
                return;
            }
            Outcome::Failed(why) => (why.as_str(), true),
            Outcome::Refused(why) => (why.as_str(), false),
            Outcome::Cancelled => ("it was stopped", true),
        };
        if !self.at_rest() {
            return;
        }
        if again {
            self.timers.park = Some(now + PARK_AGAIN);
        }
        if !std::mem::replace(&mut self.timers.park_told, true) {
            self.alert(
                Level::Warning,
                format!("our own port is not proven in the parking VLAN ({why}); nothing that names the VIP leaves this machine"),
            );
        }
    }

    /// The switch did not move our port, or did not say so.
    pub(super) fn not_rewired(&mut self, why: &str) {
        let State::Taking(t) = &mut self.state else {
            return;
        };
        if !std::mem::replace(&mut t.told_unmoved, true) {
            self.alert(
                Level::Critical,
                format!("our own port is not proven in the production VLAN ({why}): trying again; the peer stays fenced; `standin plan` prints what to do by hand"),
            );
        }
    }
}
