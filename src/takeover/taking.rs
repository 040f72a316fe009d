//! Taking the VIP over: the flow of steps from fence to verification.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level, Run};
use super::course::{self, Course};
use super::flow::Progress;
use super::state::{Grounds, State, Taking};
use super::step::{self, By, Step};
use super::verdict::Cause;
use crate::types::{Attempt, BootTime, Epoch};

/// A silence older than this is looked at again before the claim (the switch may take seconds to prove the fence).
const SILENCE_LASTS: Duration = Duration::from_millis(500);
/// Where that has to be done, a proof of the fence that is older than this is made again as well: the claim may have
/// failed for minutes, and nobody reads the fence of what is not owned.
const PROOF_LASTS: Duration = Duration::from_secs(1);

impl Machine {
    /// Begins a takeover. `keep` resumes one after a restart or a lost fence: the epoch stays.
    pub(super) fn take(&mut self, now: BootTime, cause: Cause, keep: bool) {
        if !keep {
            self.epoch = Epoch(self.epoch.0 + 1);
        }
        self.planned = cause == Cause::Planned || (keep && self.planned);
        (self.yielded, self.grants, self.wants_yield) = (None, None, None);
        self.returned_hold = false;
        let course = Course {
            cause,
            beats: self.policy.pair && self.evidence.beats(now),
            owns: self.own.is_some(),
            second: self.second(),
        };
        let (asks, by_consent) = (course.asks(), course.by_consent());
        let mut flow = course.flow(&self.policy);
        // Where the port is now does not matter: `rewire` reads it first.
        self.timers.park = None;
        let yield_until = asks.then(|| now + step::timeout(Step::Yield, &self.policy));
        if asks {
            self.wants_yield = Some(self.epoch);
            flow.start(
                Step::Yield,
                Attempt(0),
                now,
                now + step::timeout(Step::Yield, &self.policy),
            );
        }
        let refence_until =
            (self.own.is_some() && self.fence_lost).then(|| now + self.policy.refence_within);
        self.nothing_left("the fence is gone on with");
        // What continues an ownership, and what was ordered or allowed under a hold, is not ended by that hold: a later one does.
        let allowed = std::mem::take(&mut self.goes_on);
        let permitted = self.held()
            && match cause {
                Cause::Planned | Cause::ReleaseFailed | Cause::Suspended | Cause::Granted => true,
                Cause::Resumed => self.own.is_some() || self.planned || allowed,
                Cause::Dead | Cause::ServiceDead | Cause::AliveElsewhere | Cause::Vacant => false,
            };
        let taking = Taking {
            cause,
            flow,
            silence: None,
            yield_until,
            refence_until,
            told_unproven: false,
            told_waiting: false,
            told_unmoved: false,
            fence_after: self.gives_way(cause).map(|wait| now + wait),
            permitted,
            fence_told: false,
            answered: false,
            refused_since: false,
            order_until: (cause == Cause::Planned).then(|| now + self.policy.order_timeout),
            verdict: None,
            since: now,
        };
        let why = match cause {
            Cause::Dead => "the peer is dead".to_owned(),
            Cause::ServiceDead => {
                "the peer's service is dead, and the policy says takeover".to_owned()
            }
            Cause::AliveElsewhere => {
                "the peer is alive elsewhere, its data path is dead".to_owned()
            }
            Cause::Planned => "ordered by a person".to_owned(),
            Cause::Vacant if asks => {
                "nobody has the VIP, and the preferred node does not claim it: asking for it"
                    .to_owned()
            }
            Cause::Vacant => "nobody has the VIP and this node is preferred".to_owned(),
            Cause::Granted => "the peer hands the VIP over".to_owned(),
            Cause::ReleaseFailed => {
                "the release did not end well: everything is taken back".to_owned()
            }
            Cause::Resumed | Cause::Suspended => {
                "resumed: the fence is proven before any frame with the VIP".to_owned()
            }
        };
        self.cameras = (0, 0);
        self.become_state(State::Taking(taking), why);
        if !asks && (by_consent || !self.policy.fence) {
            self.open_silence(now);
        }
        self.advance(now);
    }

    /// Starts every step whose needs are met.
    pub(super) fn advance(&mut self, now: BootTime) {
        let extra = |s: Step| course::extra_need(s, &self.policy);
        let ready = match &self.state {
            State::Taking(t) => t.flow.ready(now, extra),
            State::Releasing(r) => r.flow.ready(now, |_| None),
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Halted { .. } => {
                return;
            }
        };
        for step in ready {
            let busy =
                |(owed, _): &(Step, Attempt)| *owed == step || step::excludes(step).contains(owed);
            if step::spec_of(step).by == By::Core || self.owed.iter().any(busy) {
                continue;
            }
            if self.site_blocks(step) || (step == Step::Drop && self.undo_open()) {
                continue;
            }
            if step == Step::Claim && !self.may_claim(now) {
                continue;
            }
            if step == Step::Fence && !(self.may_attempt() && self.may_fence(now)) {
                // A taking that was ended by this look starts nothing more.
                if matches!(self.state, State::Taking(_)) {
                    continue;
                }
                return;
            }
            let attempt = self.next_attempt();
            let within = step::timeout(step, &self.policy);
            let levels = match &self.state {
                State::Taking(t) if step == Step::Fence => self.fence_levels(t.cause),
                State::Taking(_)
                | State::Releasing(_)
                | State::Standby
                | State::Suspect(_)
                | State::Confirming(_)
                | State::Active { .. }
                | State::Halted { .. } => Vec::new(),
            };
            let grounds = (step == Step::Claim).then(|| self.claim_grounds());
            let run = Run {
                step,
                attempt,
                epoch: self.epoch,
                grounds,
                lifetime: grounds.and_then(|g| self.lifetime(g)),
                peer_mac: self.evidence.pinned.clone(),
                within,
                in_spite_of: self.placement.in_spite_of(&levels),
                levels,
            };
            // The adapter has the deadline too; ours comes later, for an adapter that hangs.
            let deadline = now + within + Duration::from_millis(500);
            self.owed.push((step, attempt));
            match &mut self.state {
                State::Taking(t) => t.flow.start(step, attempt, now, deadline),
                State::Releasing(r) => r.flow.start(step, attempt, now, deadline),
                State::Standby
                | State::Suspect(_)
                | State::Confirming(_)
                | State::Active { .. }
                | State::Halted { .. } => {}
            }
            if step == Step::Fence {
                self.reset_silence();
                self.new_fence_attempt();
            }
            if let (Step::Drop, Some(own)) = (step, &mut self.own) {
                own.renew = None;
            }
            self.out.push(Action::Run(run));
        }
    }

    /// On what grounds a claim would be made now.
    pub(super) fn claim_grounds(&self) -> Grounds {
        let State::Taking(t) = &self.state else {
            return Grounds::Unfenced;
        };
        if matches!(t.flow.get(Step::Fence), Progress::Done { .. }) {
            return Grounds::Fenced;
        }
        let given = matches!(t.flow.get(Step::Yield), Progress::Done { .. });
        match t.cause {
            Cause::Vacant => Grounds::Vacant,
            Cause::Granted => self.own.as_ref().map_or(Grounds::Yielded, |o| o.grounds),
            Cause::Planned if given => Grounds::Yielded,
            Cause::Planned
            | Cause::Dead
            | Cause::ServiceDead
            | Cause::AliveElsewhere
            | Cause::ReleaseFailed
            | Cause::Resumed
            | Cause::Suspended => Grounds::Unfenced,
        }
    }

    fn lifetime(&self, grounds: Grounds) -> Option<Duration> {
        match grounds {
            Grounds::Fenced => None,
            Grounds::Yielded | Grounds::Vacant | Grounds::Unfenced => Some(self.policy.lifetime),
        }
    }

    /// The last look before the address is taken: carrier, and a silence that is not old.
    fn may_claim(&mut self, now: BootTime) -> bool {
        let State::Taking(t) = &self.state else {
            return false;
        };
        let old = match t.flow.get(Step::Silence) {
            Progress::Done { at, .. } => now.since(*at) > SILENCE_LASTS,
            Progress::Waiting
            | Progress::Running { .. }
            | Progress::Stopping { .. }
            | Progress::Pausing { .. }
            | Progress::Failed { .. }
            | Progress::Skipped => false,
        };
        let proof = t.flow.get(Step::Fence);
        let unread = matches!(proof, Progress::Done { at, .. } if now.since(*at) > PROOF_LASTS);
        if old {
            self.reset_silence();
            if unread && self.own.is_none() {
                self.renew_fence(now);
            } else {
                self.open_silence(now);
            }
        }
        if self.consent_is_stale(now) {
            self.abort("the peer fell silent before the claim: whether it still holds nothing is not known any more");
            return false;
        }
        self.evidence.carrier && !old
    }

    /// The fence is proven once more; the silence is looked for when it is.
    fn renew_fence(&mut self, now: BootTime) {
        if let State::Taking(t) = &mut self.state {
            t.flow.renew(Step::Fence);
            self.advance(now);
        }
    }

    /// A claim of what the peer said to be vacant, and it does not say so any more.
    fn consent_is_stale(&self, now: BootTime) -> bool {
        let State::Taking(t) = &self.state else {
            return false;
        };
        t.cause == Cause::Vacant
            && *t.flow.get(Step::Fence) == Progress::Skipped
            && !self.evidence.peer_disclaims(now)
    }

    pub(super) fn taking_timers(&mut self, now: BootTime) {
        let State::Taking(t) = &mut self.state else {
            return;
        };
        for (step, attempt) in t.flow.overdue(now) {
            self.out.push(Action::Cancel { step, attempt });
        }
        if t.yield_until.is_some_and(|at| at <= now) {
            self.yield_over(now, false);
        }
        // What was asked in the last round had its time; the next one is asked after that.
        self.advance(now);
        self.silence_timers(now);
        self.order_timers(now);
        self.advance(now);
        self.refence_timers(now);
    }

    /// We own the VIP, its fence was lost, and it could not be proven in time.
    fn refence_timers(&mut self, now: BootTime) {
        let State::Taking(t) = &mut self.state else {
            return;
        };
        if t.refence_until.is_none_or(|at| at > now) {
            return;
        }
        t.refence_until = None;
        if self.own.is_some() && !t.flow.get(Step::Fence).settled() {
            self.not_fenced_again(now);
        }
    }

    /// Leaves the takeover before anything was claimed; a fence that was set stays.
    pub(super) fn abort(&mut self, why: &str) {
        self.leave_behind();
        self.stop_tasks(why);
        self.wants_yield = None;
        self.give_up_address();
        self.evidence.restart(self.seen);
        self.become_state(State::Standby, why);
        self.alert(Level::Critical, format!("takeover abandoned: {why}"));
    }

    pub(super) fn stop_tasks(&mut self, why: &str) {
        let stopped = match &mut self.state {
            State::Taking(t) => t.flow.stop_all(why),
            State::Releasing(r) => r.flow.stop_all(why),
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Halted { .. } => Vec::new(),
        };
        self.out.extend(
            stopped
                .into_iter()
                .map(|(step, attempt)| Action::Cancel { step, attempt }),
        );
    }
}
