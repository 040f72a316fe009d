//! Two nodes that both may take the VIP: who goes first, who asks, and what becomes of it where each has shut the other.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level, Run};
use super::state::State;
use super::step::{self, Step};
use super::verdict::Cause;
use crate::types::BootTime;

/// A VIP that has been vacant for this much longer than the preferred node needs is asked for by the other one.
const ASK_AFTER: Duration = Duration::from_secs(7);
/// The preferred node has this much longer than its fence may take.
const FIRST_BY: Duration = Duration::from_secs(1);
/// While nobody owns the VIP it is looked this often whether both have shut the other.
const LOOK_FOR_TIE: Duration = Duration::from_secs(2);
const PREFERENCE: &str = "preference";

impl Machine {
    /// True if the other node of the pair goes first: it is the preferred one. Where both say that they are, or neither,
    /// the smaller name is.
    pub(super) fn second(&self) -> bool {
        let ours = self.policy.preferred;
        match self.evidence.beat.as_ref().filter(|b| b.interval.is_some()) {
            Some(b) if b.preferred == ours => self.policy.node > b.node,
            Some(_) | None => !ours,
        }
    }

    /// One of the two must be the preferred one.
    pub(super) fn look_at_preference(&mut self) {
        let Some(b) = self.evidence.beat.as_ref().filter(|b| b.interval.is_some()) else {
            return;
        };
        if b.preferred == self.policy.preferred {
            let which = if b.preferred {
                "both say"
            } else {
                "neither says"
            };
            let text = format!(
                "of {} and {} {which} `preferred = true`: set it on exactly one of them; until then the smaller name goes first",
                self.policy.node, b.node
            );
            self.tell(PREFERENCE, Level::Warning, text);
        } else {
            self.settle(PREFERENCE, "one of the two is preferred");
        }
    }

    /// True if a vacant VIP may be asked for although we are not the preferred node: that one leaves it lie, and says
    /// that nobody holds it back.
    pub(super) fn may_ask(&self, now: BootTime) -> bool {
        let free = |b: &super::event::Beat| b.interval.is_some() && !b.hold;
        self.vacant(now, ASK_AFTER) && self.evidence.beat.as_ref().is_some_and(free)
    }

    /// The preferred node did not answer, or is about to claim the VIP itself.
    pub(super) fn not_granted(&mut self, now: BootTime) {
        let why = "the preferred node did not leave the VIP to us";
        self.stop_tasks(why);
        self.wants_yield = None;
        self.evidence.restart(now);
        self.become_state(State::Standby, why);
    }

    /// How long the preferred node is given before we fence it. Nothing where it simply fell silent while it was the
    /// owner: there is nobody else who could be about to fence us.
    pub(super) fn gives_way(&self, cause: Cause) -> Option<Duration> {
        let by_itself = match cause {
            Cause::Dead | Cause::AliveElsewhere => true,
            Cause::ServiceDead
            | Cause::Planned
            | Cause::Vacant
            | Cause::Granted
            | Cause::ReleaseFailed
            | Cause::Resumed
            | Cause::Suspended => false,
        };
        let beat = self.evidence.beat.as_ref();
        // One that is heard, on whatever path, says what it does.
        let heard = self.evidence.beats(self.seen);
        let unsure = !heard && (self.evidence.interrupted() || beat.is_none_or(|b| !b.holds));
        let waits = self.policy.pair
            && self.policy.fence
            && self.own.is_none()
            && by_itself
            && unsure
            && self.second();
        let theirs = beat.and_then(|b| b.fence_timeout).unwrap_or_default();
        waits.then(|| theirs.max(self.policy.fence_timeout) + FIRST_BY)
    }

    fn ties_matter(&self) -> bool {
        let rests = match &self.state {
            State::Standby | State::Suspect(_) | State::Halted { .. } => true,
            State::Confirming(_)
            | State::Taking(_)
            | State::Active { .. }
            | State::Releasing(_) => false,
        };
        let idle = self
            .owed
            .iter()
            .all(|(s, _)| !matches!(s, Step::Fence | Step::Lift));
        rests
            && idle
            && self.own.is_none()
            && self.policy.pair
            && self.policy.fence
            && self.second()
    }

    /// When it is looked next.
    pub(super) fn tie_due(&self) -> Option<BootTime> {
        let waits = self.ties_matter() && !self.timers.tie_pending;
        waits
            .then_some(self.timers.tie)
            .filter(|at| *at > self.seen)
    }

    /// Both of us may have shut the other, at the same moment: nobody would own the VIP for ever.
    pub(super) fn look_for_tie(&mut self, now: BootTime) {
        if !self.ties_matter() || self.timers.tie_pending {
            return;
        }
        let seen = self.evidence.answered_at().max(self.evidence.beat_at);
        if seen.is_some_and(|at| now < at + LOOK_FOR_TIE) {
            self.timers.tie = now + LOOK_FOR_TIE;
        } else if self.timers.tie <= now {
            self.timers.tie = now + LOOK_FOR_TIE;
            self.timers.tie_pending = true;
            self.out.push(Action::ReadTie);
        }
    }

    /// Our fence stands and our own port has the peer's mark: the one that is not preferred lifts what it has set, and
    /// holds.
    pub(super) fn tie_read(&mut self, now: BootTime, tied: bool) {
        self.timers.tie_pending = false;
        if !tied || !self.ties_matter() {
            return;
        }
        self.alert(
            Level::Critical,
            "both machines have shut the port of the other: this one is not the preferred node, so it lifts its fence and holds",
        );
        let attempt = self.next_attempt();
        let within = step::timeout(Step::Lift, &self.policy);
        self.owed.push((Step::Lift, attempt));
        self.timers.tie = now + LOOK_FOR_TIE;
        self.out.push(Action::Run(Run {
            step: Step::Lift,
            attempt,
            epoch: self.epoch,
            grounds: None,
            lifetime: None,
            peer_mac: self.evidence.pinned.clone(),
            levels: Vec::new(),
            in_spite_of: Vec::new(),
            within,
        }));
    }
}
