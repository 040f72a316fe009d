//! Watching: standby, suspect, confirming.

use super::Machine;
use super::action::{Action, Level};
use super::policy::{MANAGEMENT_ANSWERS, React};
use super::state::{Confirming, State, Suspect, Why};
use super::timeline::Mark;
use super::verdict::Cause;
use super::weighing::Weighed;
use crate::types::BootTime;
use std::time::Duration;

/// A suspicion that leads to nothing is looked at again after this.
const RECHECK: Duration = Duration::from_secs(1);
/// The preferred node has this long to claim a vacant VIP before the other one calls a person.
const PREFERRED_FIRST: Duration = Duration::from_secs(3);
/// The preferred node fences a peer that has been silent since our boot after this: both get their power at once, and one
/// boots faster. A fence that was too early stays until a person lifts it; nobody owns the VIP meanwhile.
const PREFERRED_GRACE: Duration = Duration::from_secs(30);

/// The peer's management address is asked so often in a burst.
const MANAGEMENT_EVERY: Duration = Duration::from_millis(100);

impl Machine {
    pub(super) fn standby_timers(&mut self, now: BootTime) {
        self.tell_flapping();
        if let Some(cause) = self.suspicion(now) {
            self.suspect(now, cause);
        }
    }

    /// What the evidence makes us suspect now.
    fn suspicion(&self, now: BootTime) -> Option<Cause> {
        let preferred = self.policy.pair && !self.second();
        if preferred && self.vacant(now, Duration::ZERO) {
            return Some(Cause::Vacant);
        }
        if now >= self.evidence.suspect_at(&self.policy) {
            // The preferred node claims what nobody holds without a fence, but not before it has waited a little.
            let young = preferred && self.evidence.peer_disclaims(now);
            return (!young).then_some(Cause::Dead);
        }
        if self.blind(now) {
            return Some(Cause::Dead);
        }
        if self.service_gone() && self.policy.service_dead == React::Takeover {
            return Some(Cause::ServiceDead);
        }
        if self.cable_out(now) {
            return Some(Cause::AliveElsewhere);
        }
        let alone = self.policy.pair && self.evidence.beats(now);
        (alone && self.vacant(now, PREFERRED_FIRST)).then_some(Cause::Vacant)
    }

    /// In a pair: nobody has the VIP, and that for some time. The peer says so itself, with a heartbeat that is fresh: a
    /// silent one may own the VIP where we cannot see it, and is fenced first.
    pub(super) fn vacant(&self, now: BootTime, longer: Duration) -> bool {
        let mut from = self.evidence.held_until();
        if !longer.is_zero() {
            // The other node has its time from when it was there.
            from = from.max(self.evidence.disclaims_from());
        }
        let quiet = now >= from + self.policy.detect.vacant_after + longer;
        quiet && self.evidence.peer_disclaims(now)
    }

    /// How long we wait after a boot for a peer that was not seen healthy since. The preferred node of a pair, and the one
    /// that had the VIP before its reboot, wait no longer than another machine needs that got its power at the same time.
    fn grace(&self) -> Duration {
        let grace = self.policy.detect.startup_grace;
        if self.policy.pair && (self.policy.preferred || self.returned_hold) {
            grace.min(PREFERRED_GRACE)
        } else {
            grace
        }
    }

    /// The peer itself says that it holds the VIP on an interface without carrier, and nothing says otherwise.
    fn cable_out(&self, now: BootTime) -> bool {
        let quiet = now >= self.evidence.life() + self.policy.detect.probe_interval;
        quiet
            && self.evidence.peer_holds(now)
            && self.evidence.beat.as_ref().is_some_and(|b| !b.carrier)
    }

    /// The machine answered, and its service, which served before, failed often enough.
    pub(super) fn service_gone(&self) -> bool {
        self.evidence.service_fails >= self.policy.detect.service_failures
            && self.evidence.service_ok.is_some()
    }

    pub(super) fn suspect_timers(&mut self, now: BootTime) {
        let State::Suspect(s) = &self.state else {
            return;
        };
        if s.recheck > now {
            return;
        }
        match self.suspicion(now) {
            Some(cause) => self.suspect(now, cause),
            None => self.become_state(State::Standby, "there is nothing to suspect any more"),
        }
    }

    /// Starts the burst, or says why not.
    pub(super) fn suspect(&mut self, now: BootTime, cause: Cause) {
        self.timeline.clear();
        self.timeline.mark(Mark::LastLife, self.evidence.life());
        self.timeline.mark(Mark::Noticed, now);
        if let Some(why) = self.forbidden(now, cause) {
            self.stay_suspect(now, cause, why);
            return;
        }
        let text = match cause {
            Cause::ServiceDead => format!("service: {}", self.evidence.service_fault),
            Cause::AliveElsewhere => {
                "the peer itself says that its data interface has no carrier".to_owned()
            }
            Cause::Vacant if !self.second() => {
                "nobody has the VIP and this node is preferred".to_owned()
            }
            Cause::Vacant => {
                "nobody has the VIP, and the preferred node does not claim it".to_owned()
            }
            Cause::Planned => "takeover ordered: looking at our own side first".to_owned(),
            Cause::Dead
            | Cause::Granted
            | Cause::ReleaseFailed
            | Cause::Resumed
            | Cause::Suspended => format!(
                "no sign of life on the data path for {} ms",
                now.since(self.evidence.life()).as_millis()
            ),
        };
        self.evidence.ask_witnesses(now);
        self.become_state(
            State::Confirming(Confirming {
                cause,
                since: now,
                sent: 0,
                next: now,
            }),
            text,
        );
        self.confirming_timers(now);
    }

    /// What keeps us from acting by ourselves. An order is a person's decision: only the burst may refuse it.
    fn forbidden(&self, now: BootTime, cause: Cause) -> Option<Why> {
        // With the peer's consent, and where nobody has the VIP, nothing is fenced.
        let asked = cause == Cause::Planned && self.policy.pair && self.evidence.beats(now);
        let unplaced = self
            .unplaced(cause)
            .filter(|_| !asked && cause != Cause::Vacant);
        if cause == Cause::Planned {
            unplaced
        } else if !self.evidence.carrier {
            Some(Why::NoCarrier)
        } else if self.held() {
            Some(Why::OperatorHold)
        } else if self.looks.flapping() {
            Some(Why::Flapping)
        } else if cause == Cause::Vacant && self.second() && !self.may_ask(now) {
            Some(Why::Vacated)
        } else if !self.policy.auto {
            Some(Why::Manual)
        } else if cause != Cause::Vacant && !self.evidence.grown_up(now, self.grace()) {
            Some(Why::Grace)
        } else {
            unplaced
        }
    }

    pub(super) fn stay_suspect(&mut self, now: BootTime, cause: Cause, why: Why) {
        if cause == Cause::Planned {
            self.become_state(
                State::Standby,
                format!("takeover ordered, but refused: {why}"),
            );
            let text = format!(
                "takeover ordered, but refused: {}; nothing was changed",
                self.words_of(why)
            );
            return self.alert(Level::Critical, text);
        }
        if why == Why::Isolated {
            self.evidence.rounds.excuse();
        }
        let again = matches!(&self.state, State::Suspect(s) if s.why == why);
        let next = State::Suspect(Suspect {
            why,
            cause,
            recheck: now + RECHECK,
        });
        if again {
            self.state = next;
            return;
        }
        self.become_state(next, why.to_string());
        // A burst that ends the same way every second is told once.
        if self.told.replace(why) == Some(why) {
            return;
        }
        // It does answer, and an alarm of its own says that it does not serve.
        if cause == Cause::ServiceDead {
            return;
        }
        let level = match why {
            Why::OperatorHold | Why::NoCarrier => Level::Warning,
            // An alarm of its own says so, with the figure or with who it is.
            Why::Lossy | Why::Conflict => return,
            Why::Grace
            | Why::Manual
            | Why::Isolated
            | Why::Unasked
            | Why::AlertOnly
            | Why::Misplaced
            | Why::Unplaced
            | Why::Flapping
            | Why::Vacated => Level::Critical,
        };
        self.alert(
            level,
            format!(
                "the peer does not answer, and nothing is done: {}",
                self.words_of(why)
            ),
        );
    }
    /// What a suspicion that is being confirmed waits for, in words.
    pub fn words_of_confirming(&self) -> String {
        let before = self
            .told
            .map(|why| format!(" (before: {})", self.words_of(why)));
        format!(
            "the peer is silent: it and the witnesses are asked{}",
            before.unwrap_or_default()
        )
    }

    /// Why nothing is done, with what a person needs to know beside it.
    pub fn words_of(&self, why: Why) -> String {
        match why {
            Why::Misplaced | Why::Unplaced => format!("{why} ({})", self.unplaced_words()),
            Why::Grace
            | Why::Manual
            | Why::OperatorHold
            | Why::NoCarrier
            | Why::Isolated
            | Why::Conflict
            | Why::AlertOnly
            | Why::Flapping
            | Why::Lossy
            | Why::Unasked
            | Why::Vacated => why.to_string(),
        }
    }

    pub(super) fn confirming_timers(&mut self, now: BootTime) {
        let State::Confirming(c) = &mut self.state else {
            return;
        };
        if c.next > now {
            return;
        }
        c.next = now + self.policy.detect.confirm_interval;
        let (cause, since, sent) = (c.cause, c.since, c.sent);
        match self.weigh_silence(now, cause, since, sent) {
            Weighed::Proven if self.waits_for_management(now, cause, since) => {
                self.ask_on(now, cause)
            }
            Weighed::Proven => {
                self.loss_reckoned_with();
                self.confirmed(now, cause, since);
            }
            Weighed::AskOn => self.ask_on(now, cause),
            Weighed::Stopped(why) => self.stay_suspect(now, cause, why),
        }
    }

    /// One more round.
    fn ask_on(&mut self, now: BootTime, cause: Cause) {
        self.out.push(Action::AskWitnesses);
        self.out.push(Action::ArpProbe { to: None });
        self.out.push(Action::Ping);
        let asked = self.evidence.elsewhere.asked;
        let due = asked.is_none_or(|at| now.since(at) >= MANAGEMENT_EVERY);
        if self.asks_management(cause) && due {
            self.evidence.elsewhere.asked = Some(now);
            self.out.push(Action::AskManagement);
        }
    }

    /// Only where its answer changes anything: an agentless peer, which sends no heartbeats there, and a policy of alert.
    fn asks_management(&self, cause: Cause) -> bool {
        let alert = self.policy.alive_elsewhere == React::Alert;
        cause == Cause::Dead && alert && self.policy.management && !self.policy.pair
    }

    /// It has its time to answer, off the LAN too.
    fn waits_for_management(&self, now: BootTime, cause: Cause, since: BootTime) -> bool {
        let answered = self
            .evidence
            .elsewhere
            .answered
            .is_some_and(|at| at > since);
        self.asks_management(cause) && !answered && now < since + MANAGEMENT_ANSWERS
    }

    /// The burst is over and nothing cancelled it.
    fn confirmed(&mut self, now: BootTime, cause: Cause, since: BootTime) {
        if let Some(why) = self.forbidden(now, cause) {
            return self.stay_suspect(now, cause, why);
        }
        if self.evidence.in_conflict(now) {
            return self.stay_suspect(now, cause, Why::Conflict);
        }
        if !self.evidence.witnessed(now, &self.policy.detect) {
            return self.stay_suspect(now, cause, Why::Isolated);
        }
        if cause == Cause::Vacant && !self.vacant(now, Duration::ZERO) {
            let why = "the VIP is not vacant any more";
            return self.become_state(State::Standby, why);
        }
        let beating = self.evidence.beat_at.is_some_and(|at| at > since);
        let managed = self
            .evidence
            .elsewhere
            .answered
            .is_some_and(|at| at > since);
        let cause = if cause == Cause::Dead && (beating || (managed && !self.policy.pair)) {
            Cause::AliveElsewhere
        } else {
            cause
        };
        if cause == Cause::AliveElsewhere && self.policy.alive_elsewhere == React::Alert {
            return self.stay_suspect(now, cause, Why::AlertOnly);
        }
        self.timeline.mark(Mark::Confirmed, now);
        self.take(now, cause, false);
    }
}
