//! What ends a taking that has no ownership yet, beside a hold: the peer that answers, or serves, and an order's age.
//! All of it is looked at again before every new attempt at the fence.

use super::Machine;
use super::flow::Progress;
use super::state::{State, Taking};
use super::step::Step;
use super::verdict::Cause;
use crate::types::{BootTime, MacAddr};

/// How far the fence of a taking is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    /// Nothing was sent, or the last attempt is over: it can be left at once.
    Free,
    /// The switch was told, and its answer is open.
    Told,
    /// Proven, given up, or not wanted.
    Over,
}

fn fence_of(t: &Taking) -> Fence {
    match t.flow.get(Step::Fence) {
        Progress::Waiting | Progress::Pausing { .. } => Fence::Free,
        Progress::Running { .. } | Progress::Stopping { .. } if t.fence_told => Fence::Told,
        Progress::Running { .. } | Progress::Stopping { .. } => Fence::Free,
        Progress::Done { .. } | Progress::Failed { .. } | Progress::Skipped => Fence::Over,
    }
}

impl Machine {
    /// Any answer of the peer on the data path: it ends a takeover that began because nothing was heard of it, before
    /// the next attempt at the fence; the running one too, where the switch was not told yet.
    pub(super) fn peer_answered(&mut self, mac: Option<MacAddr>) {
        let carrier = self.evidence.carrier;
        let State::Taking(t) = &mut self.state else {
            return;
        };
        let by_silence = match t.cause {
            Cause::Dead | Cause::AliveElsewhere | Cause::Resumed => true,
            // The VIP was ours: the peer is fenced again, unless that cannot be proven in time.
            Cause::Suspended => t.refence_until.is_none() && carrier,
            Cause::ServiceDead
            | Cause::Planned
            | Cause::Vacant
            | Cause::Granted
            | Cause::ReleaseFailed => false,
        };
        let peers = mac.is_none_or(|mac| self.evidence.pinned.has(mac));
        if self.own.is_some() || !by_silence || !peers || t.yield_until.is_some() {
            return;
        }
        match fence_of(t) {
            Fence::Free => {
                self.abort("the peer answers for the VIP again and the fence was never proven")
            }
            Fence::Told => t.answered = true,
            Fence::Over => {}
        }
    }

    /// The peer's service completed a handshake: that ends a takeover which began because it did not.
    pub(super) fn peer_served(&mut self) {
        self.peer_answered(None);
        let State::Taking(t) = &mut self.state else {
            return;
        };
        if self.own.is_some() || !matches!(t.cause, Cause::ServiceDead | Cause::ReleaseFailed) {
            return;
        }
        match fence_of(t) {
            Fence::Free => self.abort("the peer's service completes handshakes again"),
            Fence::Told => t.answered = true,
            Fence::Over => {}
        }
    }

    /// An attempt at the fence is over and proved nothing, and the peer was heard while it ran.
    pub(super) fn end_if_answered(&mut self) -> bool {
        let answered = matches!(&self.state, State::Taking(t) if t.answered);
        if answered && self.own.is_none() {
            self.abort("the peer answers again and the fence was never proven");
            return true;
        }
        false
    }

    /// True while it matters for a taking whether the peer serves by now.
    pub(super) fn service_matters(&self) -> bool {
        let State::Taking(t) = &self.state else {
            return false;
        };
        self.own.is_none()
            && matches!(t.cause, Cause::ServiceDead | Cause::ReleaseFailed)
            && fence_of(t) != Fence::Over
    }

    /// True if nothing speaks against one more attempt at the fence. A hold ends the taking; of a peer whose service was
    /// dead, a handshake since the last attempt must have failed.
    pub(super) fn may_attempt(&mut self) -> bool {
        if self.own.is_some() {
            return true;
        }
        let held = self.held();
        let State::Taking(t) = &self.state else {
            return false;
        };
        if held && !t.permitted {
            self.abort("the operator's hold is on");
            return false;
        }
        let asked = t.flow.tries(Step::Fence) == 0 || t.refused_since;
        !self.service_matters() || asked
    }

    /// An attempt at the fence begins.
    pub(super) fn new_fence_attempt(&mut self) {
        if let State::Taking(t) = &mut self.state {
            (t.fence_told, t.answered, t.refused_since) = (false, false, false);
        }
    }

    /// A handshake with the peer has failed.
    pub(super) fn peer_did_not_serve(&mut self) {
        if let State::Taking(t) = &mut self.state {
            t.refused_since = true;
        }
    }

    /// A person's order is not carried out long after it was given.
    pub(super) fn order_timers(&mut self, now: BootTime) {
        let State::Taking(t) = &self.state else {
            return;
        };
        let open = match t.flow.get(Step::Fence) {
            Progress::Done { .. } => false,
            Progress::Skipped => !matches!(t.flow.get(Step::Yield), Progress::Done { .. }),
            Progress::Waiting
            | Progress::Running { .. }
            | Progress::Stopping { .. }
            | Progress::Pausing { .. }
            | Progress::Failed { .. } => true,
        };
        if self.own.is_none() && open && t.order_until.is_some_and(|at| at <= now) {
            let secs = self.policy.order_timeout.as_secs();
            self.abort(&format!(
                "the order has expired: it was given more than {secs} s ago (order-timeout) and the peer is not fenced"
            ));
        }
    }

    /// When the order expires.
    pub(super) fn order_due(&self) -> Option<BootTime> {
        match &self.state {
            State::Taking(t) if self.own.is_none() => t.order_until.filter(|at| *at > self.seen),
            State::Taking(_)
            | State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. } => None,
        }
    }
}
