//! Handing everything back to the repaired peer.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level};
use super::flow::Flow;
use super::state::{Grounds, Releasing, State};
use super::step::{RELEASE, Step};
use super::timeline::Mark;
use super::verdict::{Cause, Verified};
use crate::types::{BootTime, Epoch, MacAddr};

/// Gap between two probes for the returning peer.
const RETURN_PROBE: Duration = Duration::from_millis(20);

impl Machine {
    pub(super) fn order_release(&mut self, now: BootTime, new_mac: Option<MacAddr>) {
        match &self.state {
            State::Active { verdict } => {
                let verdict = *verdict;
                self.forget_stranger();
                self.release(now, verdict);
                if let State::Releasing(r) = &mut self.state {
                    r.new_mac = new_mac;
                }
            }
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Taking(_)
            | State::Releasing(_)
            | State::Halted { .. } => {
                let label = self.label();
                self.alert(
                    Level::Warning,
                    format!("release ordered, but the state is {label}: nothing is done"),
                );
            }
        }
    }

    pub(super) fn release(&mut self, now: BootTime, verdict: Verified) {
        let fenced = self
            .own
            .as_ref()
            .is_none_or(|o| matches!(o.grounds, Grounds::Fenced | Grounds::Unfenced));
        self.timeline.clear();
        self.timeline.mark(Mark::Ordered, now);
        let mut flow = Flow::new(&RELEASE);
        if !fenced {
            flow.skip(Step::Lift);
        }
        if !self.policy.rewire {
            flow.skip(Step::Park);
        }
        let deadline = now + self.policy.release_timeout;
        let releasing = Releasing {
            flow,
            deadline,
            next_probe: now,
            since: now,
            verdict,
            held_since: false,
            new_mac: None,
            stranger: None,
        };
        self.become_state(State::Releasing(releasing), "release ordered");
        self.advance(now);
    }

    pub(super) fn release_step_done(&mut self, now: BootTime, step: Step) {
        match step {
            Step::Drop => {
                self.timeline.mark(Mark::Dropped, now);
                self.own = None;
                self.evidence.restart(now);
                if self.policy.pair {
                    self.epoch = Epoch(self.epoch.0 + 1);
                    self.grants = Some(self.epoch);
                }
                if let State::Releasing(r) = &mut self.state {
                    r.since = now;
                }
            }
            Step::Park => self.timeline.mark(Mark::Parked, now),
            Step::Lift => self.timeline.mark(Mark::Lifted, now),
            Step::Handback => self.timeline.mark(Mark::HandedBack, now),
            Step::Prove => {
                self.timeline.mark(Mark::Proven, now);
                self.grants = None;
                self.evidence.restart(now);
                self.forget_stranger();
                self.become_state(State::Standby, "released: the peer serves the VIP again");
            }
            Step::Precheck
            | Step::Return
            | Step::Watch
            | Step::Gate
            | Step::Service
            | Step::Yield
            | Step::Fence
            | Step::Silence
            | Step::Claim
            | Step::Rewire
            | Step::Forward
            | Step::Announce
            | Step::Open
            | Step::Verify
            | Step::Site(_)
            | Step::Undo(_) => {}
        }
    }

    pub(super) fn releasing_timers(&mut self, now: BootTime) {
        let undoes = self.undo_open();
        let State::Releasing(r) = &mut self.state else {
            return;
        };
        for (step, attempt) in r.flow.overdue(now) {
            self.out.push(Action::Cancel { step, attempt });
        }
        let settled = |s: Step| r.flow.get(s).settled();
        let waiting =
            settled(Step::Drop) && settled(Step::Lift) && !r.flow.get(Step::Return).over();
        let since = r.since;
        if r.next_probe <= now {
            r.next_probe = now + RETURN_PROBE;
            if waiting {
                self.out.push(Action::ArpProbe { to: None });
            }
        }
        let (overdue, dropped) = (r.deadline <= now && !undoes, settled(Step::Drop));
        if waiting && self.evidence.vip_at.is_some_and(|at| at > since) {
            r.flow
                .done(Step::Return, now, "the peer answers ARP for the VIP");
            self.timeline.mark(Mark::Returned, now);
        }
        if overdue {
            let why = "the release did not end within its deadline";
            if dropped {
                return self.retake(now, Step::Return, why);
            }
            return self.release_stopped(now, Step::Precheck, why);
        }
        self.stranger_timers(now);
        self.advance(now);
    }

    /// Nothing has been given away yet: we stay active.
    pub(super) fn release_stopped(&mut self, now: BootTime, step: Step, why: &str) {
        let State::Releasing(r) = &self.state else {
            return;
        };
        // A release that was resumed after a restart may have given the address away long ago.
        if self.own.is_none() {
            return self.retake(now, step, why);
        }
        let verdict = r.verdict;
        self.stop_tasks(why);
        self.restore(now);
        self.grants = None;
        self.become_state(
            State::Active { verdict },
            format!("release stopped at {step}: {why}"),
        );
        self.alert(
            Level::Critical,
            format!("release stopped at {step}: {why}; this machine stays active"),
        );
    }

    /// The peer is not healthy: fence, prove and claim again.
    pub(super) fn retake(&mut self, now: BootTime, step: Step, why: &str) {
        let held = matches!(&self.state, State::Releasing(r) if r.held_since);
        self.stop_tasks(why);
        self.grants = None;
        if held {
            return self.not_taken_back(now, step, why);
        }
        self.alert(
            Level::Critical,
            format!("release failed at {step}: {why}; fencing the peer and taking the VIP back"),
        );
        self.timeline.clear();
        self.timeline.mark(Mark::Noticed, now);
        self.take(now, Cause::ReleaseFailed, false);
    }

    /// A hold was given after the release was ordered: a person decides what becomes of it.
    fn not_taken_back(&mut self, now: BootTime, step: Step, why: &str) {
        self.leave_behind();
        self.give_up_address();
        self.evidence.restart(now);
        let said = format!("release failed at {step}: {why}; held, so nothing is taken back");
        self.become_state(State::Standby, &said);
        self.alert(
            Level::Critical,
            format!(
                "{said}: `standin hold NAME off` takes the VIP back where the peer does not serve"
            ),
        );
    }
}
