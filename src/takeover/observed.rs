//! What was seen, and what it changes at once.

use super::Machine;
use super::action::{Action, Level};
use super::event::Beat;
use super::flow::Progress;
use super::state::{Grounds, State};
use super::step::Step;
use super::verdict::Cause;
use crate::types::{BootTime, Epoch, MacAddr};

/// Key of the alarm that the peer's service cannot be asked from here.
const CANNOT_ASK: &str = "cannot-ask";
const NOT_ASKED: &str = "this machine has the address: the peer's service is not asked";

/// A kind of sign of the peer's life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answers ARP for the VIP.
    Vip,
    /// Something of it arrives on the data path.
    Path,
    /// It says that it holds the VIP, on whatever path.
    Holds,
}

impl Sign {
    /// True if this sign ends a suspicion of `cause`.
    fn ends(self, cause: Cause) -> bool {
        match cause {
            Cause::Dead | Cause::AliveElsewhere => matches!(self, Sign::Vip | Sign::Path),
            Cause::Vacant => matches!(self, Sign::Vip | Sign::Holds),
            Cause::ServiceDead
            | Cause::Planned
            | Cause::Granted
            | Cause::ReleaseFailed
            | Cause::Resumed
            | Cause::Suspended => false,
        }
    }
}

impl Machine {
    /// A sign of life of the peer.
    pub(super) fn life_seen(&mut self, now: BootTime, sign: Sign, what: &str) {
        let ends = match &self.state {
            State::Confirming(c) => sign.ends(c.cause),
            State::Suspect(s) => sign.ends(s.cause),
            State::Standby
            | State::Taking(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. } => false,
        };
        if !ends {
            return;
        }
        let timeout = self.evidence.beat_timeout(&self.policy);
        let beats_gone = self
            .evidence
            .beat_data_at
            .is_some_and(|at| now.since(at) >= timeout);
        if self.policy.pair && beats_gone && !self.evidence.agent_silent {
            self.evidence.agent_silent = true;
            self.alert(
                Level::Warning,
                "the peer's kernel answers but its heartbeats do not arrive: is its standin dead?",
            );
        }
        self.become_state(State::Standby, format!("the peer is alive: {what}"));
    }

    pub(super) fn vip_seen(&mut self, now: BootTime, mac: MacAddr) {
        if mac == self.policy.own_mac {
            return;
        }
        if self.own.is_some() {
            return self.foreign_claim(now, mac);
        }
        if std::mem::take(&mut self.returned_hold) {
            self.hold = true;
            self.alert(Level::Critical, "another machine serves the VIP that was ours before the reboot: held, without the address; `standin hold NAME off` ends it");
        }
        self.answerer_seen(now, mac);
        if self.evidence.vip_seen(now, mac) {
            self.life_seen(now, Sign::Vip, "it answers ARP for the VIP");
        }
        self.beside_heard(now, mac);
        self.stranger_answers(now, mac);
        self.silence_broken(now);
        self.peer_answered(Some(mac));
    }

    pub(super) fn pong(&mut self, now: BootTime) {
        if self.own.is_none() && self.evidence.pong(now) {
            self.life_seen(now, Sign::Path, "it answers ICMP");
            self.peer_answered(None);
        }
    }

    pub(super) fn service_probed(&mut self, now: BootTime, ok: bool, fault: String) {
        self.timers.service_pending = false;
        self.settle(CANNOT_ASK, "the peer's service can be asked again");
        if self.own.is_some() {
            return;
        }
        if !ok {
            // A handshake that fails because the machine does not answer at all says nothing about the service.
            if now < self.evidence.life() + self.policy.detect.suspect_after {
                self.evidence.service_failed(fault);
            }
            self.peer_did_not_serve();
            return;
        }
        self.evidence.service_completed(now);
        let back = match &self.state {
            State::Confirming(c) => c.cause == Cause::ServiceDead,
            State::Suspect(s) => s.cause == Cause::ServiceDead,
            State::Standby
            | State::Taking(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. } => false,
        };
        if back {
            let why = "the peer's service completes handshakes again";
            self.become_state(State::Standby, why);
        }
        // While another machine answers for the VIP, nobody knows whose handshake that was.
        if !self.evidence.in_conflict(now) {
            self.peer_served();
        }
    }

    /// Nobody asks the peer for an address that is here: what was said of that is over.
    pub(super) fn asks_no_more(&mut self) {
        self.settle(CANNOT_ASK, NOT_ASKED);
    }

    /// Our own address, route, socket or firewall: a fault of ours, and no evidence of the peer. While the machine does not
    /// answer at all, its service is not what is missing.
    pub(super) fn service_not_asked(&mut self, now: BootTime, why: &str) {
        self.timers.service_pending = false;
        let alive = now < self.evidence.life() + self.policy.detect.suspect_after;
        if self.own.is_none() && alive {
            let text = format!(
                "the peer's service cannot be asked from here, so nothing is known of it: {why}"
            );
            self.tell(CANNOT_ASK, Level::Warning, text);
        }
    }

    pub(super) fn port_read(&mut self, now: BootTime, up: bool) {
        self.poll_answered(now);
        self.evidence.switch_silent = None;
        let was = self.evidence.port_up.map(|(up, _)| up);
        self.evidence.port_up = Some((up, now));
        if matches!(self.state, State::Standby) && !up && was == Some(true) {
            self.suspect(now, Cause::Dead);
        }
    }

    pub(super) fn switch_silent(&mut self, now: BootTime) {
        self.poll_answered(now);
        self.evidence.switch_silent = Some(now);
    }

    pub(super) fn switch_rebooted(&mut self, now: BootTime) {
        self.evidence.healthy = false;
        self.evidence.grace_from = now;
        self.alert(
            Level::Warning,
            "the switch was restarted: fences are read again",
        );
        let fenced = self
            .own
            .as_ref()
            .is_some_and(|o| matches!(o.grounds, Grounds::Fenced | Grounds::Unfenced));
        if fenced {
            self.out.push(Action::ReadFence);
        }
    }

    pub(super) fn beat(&mut self, now: BootTime, beat: Beat) {
        if !self.policy.pair {
            return;
        }
        self.epoch = self.epoch.max(beat.epoch);
        let (wants, grants, holds) = (beat.wants_yield, beat.grants, beat.holds);
        // A sender of version 1 does not say.
        if beat.interval.is_some() {
            self.peer_says_hold(now, beat.hold);
        }
        let theirs = (beat.epoch, beat.node.clone());
        let data = self.evidence.beat(now, beat);
        self.look_at_preference();
        if let Some(epoch) = wants {
            self.asked_to_yield(now, epoch);
        }
        if holds {
            self.peer_says_it_holds(now, theirs);
        }
        if data && self.own.is_none() {
            let what = "its heartbeats arrive on the data path";
            self.life_seen(now, Sign::Path, what);
            self.peer_answered(None);
        }
        if let Some(epoch) = grants {
            self.granted(now, epoch);
        }
        self.peer_yielded(now);
    }

    fn peer_says_it_holds(&mut self, now: BootTime, theirs: (Epoch, String)) {
        if self.own.is_some() {
            return self.two_owners(now, theirs);
        }
        self.life_seen(now, Sign::Holds, "it says that it holds the VIP");
        // Consent, or vacancy, that we rest on is over when the peer says that it holds the VIP.
        let void = matches!(&self.state, State::Taking(t)
            if t.yield_until.is_none()
                && matches!(t.cause, Cause::Vacant | Cause::Granted | Cause::Planned)
                && *t.flow.get(Step::Fence) == Progress::Skipped);
        if void {
            self.abort("the peer says that it holds the VIP");
        }
    }
}
