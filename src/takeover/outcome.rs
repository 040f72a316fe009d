//! How a step ended, and what that means for the takeover.

use super::Machine;
use super::action::{Action, Level};
use super::event::Outcome;
use super::flow::{Flow, Turn};
use super::policy::Unproven;
use super::state::{Grounds, State};
use super::step::{self, OnFailure, Step};
use super::timeline::Mark;
use super::verdict::{Cause, Verified};
use crate::types::{Attempt, BootTime};

impl Machine {
    pub(super) fn step_ended(
        &mut self,
        now: BootTime,
        step: Step,
        attempt: Attempt,
        outcome: Outcome,
    ) {
        self.owed.retain(|owed| *owed != (step, attempt));
        if let Step::Site(name) | Step::Undo(name) = step {
            self.site_ended(now, name, attempt, outcome);
            return self.go_on(now);
        }
        let answer = outcome.clone();
        let turn = match &mut self.state {
            State::Taking(t) => t.flow.ended(now, step, attempt, outcome),
            State::Releasing(r) => r.flow.ended(now, step, attempt, outcome),
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Halted { .. } => Turn::Nothing,
        };
        match turn {
            // The answer of a takeover that is over; but an address that came or went after all is not forgotten.
            Turn::Nothing => self.late_answer(now, step, &answer),
            Turn::Done => self.step_done(now, step),
            Turn::Again(why) => self.step_again(now, step, &why),
            Turn::GivenUp(why) => self.step_given_up(now, step, &why),
        }
        self.go_on(now);
    }

    /// Starts what may start by now; a takeover of which every step is over ends.
    fn go_on(&mut self, now: BootTime) {
        self.advance(now);
        if let State::Taking(t) = &self.state
            && let (Some(verdict), true) = (t.verdict, t.flow.over())
        {
            self.verified(now, verdict);
        }
    }

    fn late_answer(&mut self, now: BootTime, step: Step, answer: &Outcome) {
        match step {
            Step::Claim if self.own.is_none() => self.out.push(Action::DropAddress),
            Step::Drop if self.own.is_some() => self.restore(now),
            Step::Park => self.parked(now, answer),
            Step::Claim
            | Step::Drop
            | Step::Watch
            | Step::Gate
            | Step::Service
            | Step::Yield
            | Step::Fence
            | Step::Silence
            | Step::Rewire
            | Step::Forward
            | Step::Announce
            | Step::Open
            | Step::Verify
            | Step::Precheck
            | Step::Lift
            | Step::Return
            | Step::Handback
            | Step::Prove
            | Step::Site(_)
            | Step::Undo(_) => {}
        }
    }

    fn step_done(&mut self, now: BootTime, step: Step) {
        match step {
            Step::Fence => {
                self.timeline.mark(Mark::FenceProven, now);
                self.fence_lost = false;
                if let State::Taking(t) = &mut self.state {
                    t.refence_until = None;
                    // It is carried out from here on, however often the claim has to be tried.
                    t.order_until = None;
                }
                // An adapter that adopts a fence sends no SET, so nothing opened the window.
                if matches!(&self.state, State::Taking(t) if t.silence.is_none()) {
                    self.open_silence(now);
                }
                if let Some(own) = &mut self.own {
                    own.grounds = Grounds::Fenced;
                    self.proven_again(now);
                }
            }
            Step::Claim => {
                self.claimed(now);
                self.silence_confirms(now);
            }
            Step::Rewire => self.timeline.mark(Mark::Rewired, now),
            Step::Forward => self.timeline.mark(Mark::Forwarding, now),
            Step::Announce => self.timeline.mark(Mark::Announced, now),
            Step::Open => self.timeline.mark(Mark::Open, now),
            Step::Verify => self.verified(now, Verified::Verified),
            Step::Drop
            | Step::Park
            | Step::Lift
            | Step::Handback
            | Step::Prove
            | Step::Precheck => self.release_step_done(now, step),
            Step::Watch
            | Step::Gate
            | Step::Service
            | Step::Yield
            | Step::Silence
            | Step::Return
            | Step::Site(_)
            | Step::Undo(_) => {}
        }
    }

    fn step_again(&mut self, now: BootTime, step: Step, why: &str) {
        if step == Step::Rewire {
            return self.not_rewired(why);
        }
        if step == Step::Claim {
            return self.not_claimed(why);
        }
        if step != Step::Fence || self.end_if_answered() {
            return;
        }
        let anyway = self.claim_anyway(now);
        let told = if let State::Taking(t) = &mut self.state {
            std::mem::replace(&mut t.told_unproven, true)
        } else {
            true
        };
        if !told {
            self.alert(
                Level::Critical,
                format!("the fence is not proven ({why}): holding, nothing is claimed; `standin plan` prints what to do by hand"),
            );
        }
        if anyway {
            self.alert(
                Level::Critical,
                "claiming although the fence is not proven (policy unproven = claim-anyway)",
            );
            if let State::Taking(t) = &mut self.state {
                t.flow.skip(Step::Fence);
            }
            self.open_silence(now);
        }
    }

    /// `claim-anyway`: silence on every path for long enough, the peer's port seen down, witnesses.
    fn claim_anyway(&self, now: BootTime) -> bool {
        let Unproven::ClaimAnyway(after) = self.policy.unproven else {
            return false;
        };
        let State::Taking(t) = &self.state else {
            return false;
        };
        let quiet_from = self
            .evidence
            .life()
            .max(self.evidence.beat_at.unwrap_or_default());
        let port_down = self.evidence.port_up.is_some_and(|(up, _)| !up);
        // A peer that is back while we own the VIP (`fence_lost`) is not silent: there it is fence or give up.
        !self.fence_lost
            && matches!(t.cause, Cause::Dead | Cause::Resumed | Cause::Suspended)
            && now >= quiet_from + after
            && port_down
            && self.fence_confirmed()
            && self.evidence.witnessed(now, &self.policy.detect)
    }

    fn step_given_up(&mut self, now: BootTime, step: Step, why: &str) {
        match step::spec_of(step).on_failure {
            OnFailure::GoOn if step == Step::Verify => {
                let verdict = if self.cameras.1 == 0 {
                    Verified::Failed
                } else {
                    Verified::Degraded
                };
                self.verified(now, verdict);
            }
            OnFailure::GoOn if step == Step::Forward => self.alert(
                Level::Critical,
                format!("{why}: announcing all the same; on the switch, make this port an edge port (PortFast)"),
            ),
            OnFailure::GoOn => self.alert(
                Level::Warning,
                format!("step {step} failed: {why}; going on"),
            ),
            OnFailure::Hold => {}
            OnFailure::StayActive => self.release_stopped(now, step, why),
            OnFailure::Retake => self.retake(now, step, why),
        }
    }

    pub(super) fn verified(&mut self, now: BootTime, mut verdict: Verified) {
        self.timeline.mark(Mark::Verified, now);
        let site_open = self.site_open();
        if let State::Taking(t) = &mut self.state {
            t.verdict = Some(verdict);
            // The service may still be starting, and its gate closed; a step of the site may be under way.
            if !t.flow.over() || site_open {
                return;
            }
        }
        let (unfenced, failed) = (self.unfenced(), self.site_failed());
        if verdict == Verified::Verified && (unfenced || !failed.is_empty()) {
            verdict = Verified::Degraded;
        }
        let (expected, back) = self.cameras;
        let mut tail = if unfenced { ", unfenced" } else { "" }.to_owned();
        for step in failed {
            tail = format!("{tail}; {step}");
        }
        self.become_state(
            State::Active { verdict },
            format!("{verdict}: {back} of {expected} cameras are back{tail}"),
        );
    }

    fn unfenced(&self) -> bool {
        let own = self.own.as_ref();
        own.is_some_and(|o| o.grounds == Grounds::Unfenced)
    }

    pub(super) fn cameras_seen(&mut self, now: BootTime, expected: u32, back: u32) {
        self.cameras = (expected, back);
        let late =
            matches!(&self.state, State::Active { verdict } if *verdict != Verified::Verified);
        if late && self.all_is_well() {
            self.verified(now, Verified::Verified);
        }
    }

    /// Nothing is missing of a takeover: every camera is back, the peer is fenced, no step of the site has failed.
    pub(super) fn all_is_well(&self) -> bool {
        let (expected, back) = self.cameras;
        !self.unfenced() && expected > 0 && back >= expected && self.site_failed().is_empty()
    }

    /// The steps of the takeover or release under way, or else of the last one.
    pub fn flow(&self) -> Option<&Flow> {
        match &self.state {
            State::Taking(t) => Some(&t.flow),
            State::Releasing(r) => Some(&r.flow),
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Halted { .. } => self.last_flow.as_ref(),
        }
    }
}
