//! Nobody owns the VIP: a person is told within 10 s, and again for as long as it lasts, also under hold. A claim that
//! fails is tried again for ever, unless the other node of a pair can be let have it.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level};
use super::flow::Progress;
use super::state::State;
use super::step::Step;
use super::verdict::Cause;
use crate::types::BootTime;

/// Nobody has answered for the VIP for this long: a person is told.
const TELL_AFTER: Duration = Duration::from_secs(8);
/// A claim that has failed so often is told, and what it may have left on our interface is taken away before the next try.
const TELL_TRIES: u32 = 3;
/// A claim by consent that has failed so often is left to the peer, which gave the VIP up for us.
const CONSENT_TRIES: u32 = 6;
const NO_OWNER: &str = "no-owner";
const NOT_CLAIMED: &str = "not-claimed";

impl Machine {
    /// True if the VIP is on our interface, and the port behind that where it should be.
    fn serves(&self) -> bool {
        let moved = match &self.state {
            State::Taking(t) => t.flow.get(Step::Rewire).settled(),
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. } => true,
        };
        self.own.is_some() && moved
    }

    /// When somebody, or we, last had the VIP for all that can be seen from here.
    fn owned_at(&self) -> BootTime {
        let seen = [self.evidence.answered_at(), self.evidence.interrupted_at];
        let seen = seen.into_iter().flatten();
        seen.fold(self.timers.owned, BootTime::max)
    }

    /// When a person is told that nobody owns the VIP.
    pub(super) fn ownerless_due(&self) -> Option<BootTime> {
        let at = self.owned_at() + TELL_AFTER;
        (!self.serves() && at > self.seen).then_some(at)
    }

    pub(super) fn ownerless_timers(&mut self, now: BootTime) {
        self.look_for_tie(now);
        if self.own.is_some() {
            self.settle(NOT_CLAIMED, "the VIP is on our interface");
        } else if let State::Taking(t) = &self.state {
            // The fence is proven anew for each try; where that fails no claim is tried.
            if let Progress::Pausing { .. } = t.flow.get(Step::Fence) {
                self.settle(NOT_CLAIMED, "the fence comes first again");
            }
        } else {
            self.settle(NOT_CLAIMED, "it is not tried any more");
        }
        if self.serves() {
            self.timers.owned = now;
            return self.settle(NO_OWNER, "this machine owns the VIP");
        }
        let answered = self.evidence.answered_at();
        if answered.is_some_and(|at| now < at + TELL_AFTER) {
            return self.settle(NO_OWNER, "somebody answers for the VIP again");
        }
        if now >= self.owned_at() + TELL_AFTER || self.alarms.stands(NO_OWNER) {
            let text = self.ownerless_text();
            self.tell(NO_OWNER, Level::Critical, text);
        }
    }

    fn ownerless_text(&self) -> String {
        let why = match &self.state {
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Taking(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. }
                if !self.evidence.carrier =>
            {
                "our own interface has no carrier, so whether the peer serves cannot be seen from here".to_owned()
            }
            State::Standby if self.held() => "the operator's hold is on".to_owned(),
            State::Standby | State::Confirming(_) => "the peer is looked at".to_owned(),
            State::Suspect(s) => s.why.to_string(),
            State::Taking(t) => {
                let step = t.flow.current().unwrap_or(Step::Verify);
                match t.flow.get(step) {
                    Progress::Pausing { why, .. } => format!("step {step} is tried again ({why})"),
                    Progress::Waiting if step == Step::Fence && t.fence_after.is_some_and(|at| at > self.seen) => {
                        "the preferred node goes first; the peer is fenced after it".to_owned()
                    }
                    Progress::Waiting
                    | Progress::Running { .. }
                    | Progress::Stopping { .. }
                    | Progress::Done { .. }
                    | Progress::Failed { .. }
                    | Progress::Skipped => format!("step {step} of the takeover is under way"),
                }
            }
            State::Releasing(_) => "it was given up for the release, and the peer does not serve yet".to_owned(),
            State::Active { .. } => "it was lost".to_owned(),
            State::Halted { why } => why.clone(),
        };
        let taking = matches!(self.state, State::Taking(_));
        let todo = if self.held() && !taking {
            "`standin hold NAME off` lets this machine act"
        } else {
            "`standin status` says more, `standin takeover NAME` orders it, `standin plan NAME` prints what to do by hand"
        };
        let vip = self.policy.vip;
        format!("nobody answers for {vip}, as seen from here: {why}; {todo}")
    }

    /// The address could not be put on our interface; it is tried again after a pause.
    pub(super) fn not_claimed(&mut self, why: &str) {
        let State::Taking(t) = &self.state else {
            return;
        };
        let tries = t.flow.tries(Step::Claim);
        let by_consent = self.policy.pair && *t.flow.get(Step::Fence) == Progress::Skipped;
        let ours = t.cause == Cause::Vacant && !self.second();
        if tries < TELL_TRIES {
            return;
        }
        // A parked address stays, and its port with it; that the mute goes may take longer than one try.
        if !self.policy.rewire {
            self.out.push(Action::DropAddress);
        }
        if by_consent && !ours && tries >= CONSENT_TRIES {
            let text = format!(
                "the VIP cannot be put on our interface ({why}): the peer may have it back"
            );
            return self.abort(&text);
        }
        let text = format!(
            "the VIP cannot be put on our interface ({why}; {tries} tries): tried again, at most 5 s apart; what was fenced stays so"
        );

        self.tell(NOT_CLAIMED, Level::Critical, text);
    }

    /// True if we leave the VIP to a peer that asks for it: nothing of ours is under way that could still claim it.
    pub(super) fn stands_back(&mut self, now: BootTime) -> bool {
        match &self.state {
            State::Confirming(c) if c.cause == Cause::Vacant => {
                self.become_state(State::Standby, "the peer asks for the VIP");
                true
            }
            State::Taking(t) => {
                let stuck = self.own.is_none()
                    && *t.flow.get(Step::Fence) == Progress::Skipped
                    && t.flow.tries(Step::Claim) >= TELL_TRIES
                    && matches!(t.flow.get(Step::Claim), Progress::Pausing { .. });
                if stuck {
                    self.abort("the peer asks for the VIP, and we cannot put it on our interface");
                    self.evidence.restart(now);
                }
                stuck
            }
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. } => true,
        }
    }
}
