//! The VIP must be answered by nobody: after the shut, after the peer gave it up, before the claim.

use super::Machine;
use super::action::{Action, Level};
use super::flow::Progress;
use super::state::{Silence, State, Taking};
use super::step::Step;
use super::timeline::Mark;
use super::verdict::Cause;
use crate::types::{Attempt, BootTime};
use std::time::Duration;

/// Unanswered probes that make silence.
pub const SILENT_PROBES: u32 = 3;
/// After so many probes in one window the next ones come slowly: ARP is paced, and this may last for hours.
const FAST_PROBES: u32 = 40;
const SLOW_PROBE: Duration = Duration::from_millis(250);
/// A person is told when the VIP has not been silent for this long.
const TELL_AFTER: Duration = Duration::from_secs(2);
/// Somebody who answered within this still answers.
const ANSWERS: Duration = Duration::from_secs(1);
/// Witnesses that were asked longer ago than this are asked again before a fence.
const WITNESSES_LAST: Duration = Duration::from_secs(1);

/// From one probe of the window to the next.
fn gap(window: &Silence, fast: Duration) -> Duration {
    if window.asked < FAST_PROBES {
        fast
    } else {
        SLOW_PROBE
    }
}

impl Machine {
    pub(super) fn fence_set(&mut self, now: BootTime, attempt: Attempt) {
        let State::Taking(t) = &mut self.state else {
            return;
        };
        if matches!(t.flow.get(Step::Fence), Progress::Running { attempt: a, .. } if *a == attempt)
        {
            t.fence_told = true;
            self.timeline.mark(Mark::FenceSet, now);
            self.open_silence(now);
        }
    }

    pub(super) fn open_silence(&mut self, now: BootTime) {
        let State::Taking(t) = &mut self.state else {
            return;
        };
        if t.flow.get(Step::Silence).over() {
            return;
        }
        t.silence = Some(Silence {
            opened: now,
            since: now,
            sent: 0,
            asked: 0,
            next: now,
        });
        self.evidence.ask_witnesses(now);
        self.silence_timers(now);
    }

    pub(super) fn reset_silence(&mut self) {
        if self.own.is_some() {
            return;
        }
        if let State::Taking(t) = &mut self.state {
            t.silence = None;
            t.flow.reset(Step::Silence);
        }
    }

    pub(super) fn silence_open(&self, t: &Taking) -> bool {
        !t.flow.get(Step::Silence).over()
    }

    pub(super) fn silence_timers(&mut self, now: BootTime) {
        // The port is shut by now: the gap need only be longer than an answer takes on a LAN.
        let interval = self.policy.detect.confirm_interval / 2;
        let enough = self.evidence.witnessed(now, &self.policy.detect);
        let deaf = self.evidence.witnesses_now.deaf(now, interval);
        let State::Taking(t) = &mut self.state else {
            return;
        };
        if t.flow.get(Step::Silence).over() {
            return;
        }
        let Some(s) = &mut t.silence else { return };
        if s.next > now {
            return;
        }
        s.next = now + gap(s, interval);
        if deaf {
            // Nobody could have answered: these rounds say nothing of the peer.
            s.sent = 0;
        }
        if s.sent >= SILENT_PROBES && enough {
            let how = format!(
                "{} probes unanswered while {} witnesses answered",
                s.sent,
                self.evidence.witnesses_now.answered.len()
            );
            t.flow.done(Step::Silence, now, &how);
            self.timeline.mark(Mark::Silent, now);
            self.advance(now);
            return;
        }
        s.asked += 1;
        let tell = !t.told_waiting && now >= s.opened + TELL_AFTER;
        t.told_waiting |= tell;
        self.out.push(Action::AskWitnesses);
        self.out.push(Action::ArpProbe { to: None });
        if tell {
            let heard = [
                self.evidence.vip_at,
                self.evidence.conflict.map(|(_, at)| at),
            ];
            let answers = heard
                .into_iter()
                .flatten()
                .any(|at| now.since(at) < ANSWERS);
            let what = if enough || answers {
                "somebody still answers for the VIP"
            } else {
                "isolated: too few witnesses answer us"
            };
            self.alert(
                Level::Critical,
                format!("nothing is claimed for now: {what}"),
            );
        }
    }

    /// The last look before the fence: we own the VIP, or witnesses have answered just now. Until then the VIP is
    /// probed and witnesses are asked, so that an isolated machine shuts nobody's port, and a peer that is back is seen.
    pub(super) fn may_fence(&mut self, now: BootTime) -> bool {
        if self.own.is_some() {
            return true;
        }
        let witnessed = self.evidence.witnessed(now, &self.policy.detect);
        let interval = self.policy.detect.confirm_interval / 2;
        let State::Taking(t) = &self.state else {
            return false;
        };
        if t.fence_after.is_some_and(|at| at > now) {
            return false;
        }
        let silent = matches!(
            t.cause,
            Cause::Dead | Cause::AliveElsewhere | Cause::Resumed
        );
        let window = t.silence.as_ref().filter(|_| self.silence_open(t));
        let fresh = now.since(self.evidence.witnesses_now.since) < WITNESSES_LAST;
        match window {
            // Where silence is the reason, rounds must have gone unanswered that left while witnesses could answer.
            Some(s) if silent && s.sent >= self.evidence.rounds.needed() => {
                return witnessed && self.evidence.rounds.settled(now, gap(s, interval));
            }
            Some(s) if !silent && s.asked >= 2 => return witnessed,
            Some(_) => return false,
            None if witnessed && fresh => return true,
            None => {}
        }
        self.reset_silence();
        self.open_silence(now);
        false
    }

    /// Somebody answered for the VIP: the silence window begins anew.
    pub(super) fn silence_broken(&mut self, now: BootTime) {
        let interval = self.policy.detect.confirm_interval;
        let State::Taking(t) = &mut self.state else {
            return;
        };
        if t.flow.get(Step::Silence).over() {
            // The claim has not been made yet, or this would be a foreign claim: look again.
            let unclaimed = matches!(
                t.flow.get(Step::Claim),
                Progress::Waiting | Progress::Pausing { .. }
            );
            if unclaimed && t.silence.is_some() {
                t.flow.reset(Step::Silence);
            } else {
                return;
            }
        }
        let before_fence = matches!(
            t.flow.get(Step::Fence),
            Progress::Waiting | Progress::Pausing { .. }
        );
        if let Some(s) = &mut t.silence {
            s.since = now;
            s.sent = 0;
            s.next = now + gap(s, interval);
            if !before_fence {
                self.evidence.ask_witnesses(now);
            }
        }
    }

    pub(super) fn peer_yielded(&mut self, now: BootTime) {
        let State::Taking(t) = &self.state else {
            return;
        };
        if t.yield_until.is_none() {
            return;
        }
        let said = self
            .evidence
            .beat
            .as_ref()
            .is_some_and(|b| !b.holds && b.yielded.is_some() && b.yielded == self.wants_yield);
        if said {
            self.yield_over(now, true);
        }
    }

    pub(super) fn yield_over(&mut self, now: BootTime, given: bool) {
        let State::Taking(t) = &mut self.state else {
            return;
        };
        t.yield_until = None;
        let planned = t.cause == Cause::Planned;
        if given {
            // Our beats go on asking until we own the VIP, so that the peer does not take it for vacant meanwhile.
            t.flow
                .done(Step::Yield, now, "the peer says that it gave the VIP up");
            if *t.flow.get(Step::Fence) == Progress::Skipped {
                self.open_silence(now);
            }
        } else if t.cause == Cause::Vacant {
            return self.not_granted(now);
        } else if planned {
            return self.abort("the peer did not give the VIP up when asked: nothing was changed");
        } else {
            self.wants_yield = None;
            t.flow.fail(Step::Yield, "the peer did not answer");
            if *t.flow.get(Step::Fence) == Progress::Skipped {
                self.open_silence(now);
            }
        }
        self.advance(now);
    }
}
