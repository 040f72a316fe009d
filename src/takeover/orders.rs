//! A person's orders: takeover, hold, and what of a taking under way a hold ends.

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level};
use super::event::Order;
use super::state::State;
use super::timeline::Mark;
use super::verdict::Cause;
use crate::types::BootTime;

/// Whom a hold binds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bound {
    /// Ours binds this node only.
    pub here_only: bool,
    /// The other node of the pair says that it was told to hold.
    pub peer: bool,
    /// A person said here that this does not bind us.
    pub peer_ignored: bool,
}

impl Machine {
    pub(super) fn order(&mut self, now: BootTime, order: Order) {
        match order {
            Order::Takeover => self.order_takeover(now),
            Order::Release => self.order_release(now, None),
            Order::ReleaseTo(mac) => self.order_release(now, Some(mac)),
            Order::Hold(on) => self.order_hold(now, on, false),
            Order::HoldHere(on) => self.order_hold(now, on, true),
        }
    }

    /// True if the operator's hold is on.
    pub fn hold(&self) -> bool {
        self.hold
    }

    /// True if nothing may begin by itself: a person said so here, or at the other node of the pair.
    pub fn held(&self) -> bool {
        self.hold || self.held_by_peer()
    }

    /// True if the other node of the pair was told to hold, which binds this one too.
    pub fn held_by_peer(&self) -> bool {
        self.bound.peer && !self.bound.peer_ignored
    }

    pub(super) fn order_takeover(&mut self, now: BootTime) {
        self.flapping_over();
        match &self.state {
            State::Standby | State::Suspect(_) | State::Confirming(_) | State::Halted { .. } => {
                self.suspect(now, Cause::Planned);
                self.timeline.mark(Mark::Ordered, now);
            }
            State::Taking(_) | State::Active { .. } | State::Releasing(_) => {
                let label = self.label();
                self.alert(
                    Level::Warning,
                    format!("takeover ordered, but the state is {label}: nothing is done"),
                );
            }
        }
    }

    /// `here`: it binds, or frees, this node only.
    pub(super) fn order_hold(&mut self, now: BootTime, on: bool, here: bool) {
        let from = self.label();
        let was = self.held();
        self.hold = on;
        self.bound.here_only = on && here;
        if !on {
            self.flapping_over();
            // A peer that still says so, and was not asked, binds us no more where a person says that here.
            self.bound.peer_ignored = here && self.bound.peer;
            self.bound.peer &= self.bound.peer_ignored;
        }
        if was != self.held() {
            let why = if on {
                "operator's hold on"
            } else {
                "operator's hold off"
            };
            self.out.push(Action::Changed {
                from,
                to: self.label(),
                why: why.to_owned(),
            });
        }
        if on {
            self.stop_what_is_not_ours("operator's hold");
        } else if was && !self.held() {
            self.go_on_at_the_fence(now);
        }
    }

    /// What the other node's heartbeat says of a hold.
    pub(super) fn peer_says_hold(&mut self, now: BootTime, on: bool) {
        if self.bound.peer == on {
            return;
        }
        let from = self.label();
        let was = self.held();
        self.bound.peer = on;
        self.bound.peer_ignored = false;
        if was == self.held() {
            return;
        }
        let why = if on {
            "operator's hold on, at the other node"
        } else {
            "operator's hold off, at the other node"
        };
        self.out.push(Action::Changed {
            from,
            to: self.label(),
            why: why.to_owned(),
        });
        if on {
            self.stop_what_is_not_ours(why);
        } else {
            self.go_on_at_the_fence(now);
        }
    }

    /// A hold ends any taking without ownership, in any step and for any cause, an order's too; and the permission of a
    /// release that is under way to take back.
    fn stop_what_is_not_ours(&mut self, why: &str) {
        match &mut self.state {
            State::Taking(_) if self.own.is_none() => self.abort(why),
            State::Confirming(c) if c.cause == Cause::Planned => {
                self.become_state(State::Standby, why);
                self.alert(
                    Level::Warning,
                    format!("takeover ordered, but given up before anything was changed: {why}"),
                );
            }
            State::Releasing(r) => r.held_since = true,
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Taking(_)
            | State::Active { .. }
            | State::Halted { .. } => {}
        }
    }

    /// The hold is over: a fence that stands and that nobody owns behind is not begun anew, but gone on from.
    fn go_on_at_the_fence(&mut self, now: BootTime) {
        let rests = match &self.state {
            State::Standby | State::Suspect(_) | State::Confirming(_) | State::Halted { .. } => {
                true
            }
            State::Taking(_) | State::Active { .. } | State::Releasing(_) => false,
        };
        let silent = now >= self.evidence.life() + self.policy.detect.suspect_after;
        if rests && self.own.is_none() && self.left.shut() && silent && self.evidence.carrier {
            self.timeline.clear();
            self.timeline.mark(Mark::Noticed, now);
            self.take(now, Cause::Resumed, true);
        }
    }
}
