//! Owning the VIP: keep it, defend it, know that the fence still stands, give it up when that is right.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level};
use super::event::FenceRead;
use super::flow::Progress;
use super::past_fence::PAST_IT;
use super::state::{Grounds, Ownership, State, Why};
use super::step::Step;
use super::timeline::Mark;
use super::verdict::Cause;
use crate::types::{BootTime, Epoch, MacAddr};

/// The fence is read again this often while we own the VIP.
const FENCE_CHECK: Duration = Duration::from_secs(1);
/// A foreign claim is answered at most this often (RFC 5227 DEFEND_INTERVAL).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

impl Machine {
    pub(super) fn claimed(&mut self, now: BootTime) {
        self.timeline.mark(Mark::Claimed, now);
        self.wants_yield = None;
        let since = self.own.as_ref().map_or(now, |o| o.since);
        let own = self.ownership_on(now, self.claim_grounds());
        self.own = Some(Ownership { since, ..own });
        self.asks_no_more();
    }

    /// Ownership as it begins at `now`.
    pub(super) fn ownership_on(&self, now: BootTime, grounds: Grounds) -> Ownership {
        let fenced = matches!(grounds, Grounds::Fenced | Grounds::Unfenced);
        Ownership {
            grounds,
            epoch: self.epoch,
            since: now,
            renew: (grounds != Grounds::Fenced).then(|| now + self.policy.lifetime / 3),
            fence_check: fenced.then(|| now + FENCE_CHECK),
            defend_after: now,
        }
    }

    pub(super) fn owner_timers(&mut self, now: BootTime) {
        let lifetime = self.policy.lifetime;
        let Some(own) = &mut self.own else { return };
        // The lifetime had passed before we came to renew it: the address is gone, and may be somebody else's by now.
        if own.renew.is_some_and(|at| at + lifetime * 2 / 3 <= now) {
            return self.expired(now);
        }
        if own.renew.is_some_and(|at| at <= now) {
            own.renew = Some(now + lifetime / 3);
            self.out.push(Action::Renew { lifetime });
        }
        if own.fence_check.is_some_and(|at| at <= now) {
            own.fence_check = Some(now + FENCE_CHECK);
            self.out.push(Action::ReadFence);
            self.fence_looked_at();
        }
        self.keep_looking(now);
    }

    fn expired(&mut self, now: BootTime) {
        self.alert(
            Level::Critical,
            "our own process was late and the VIP's lifetime has passed: it is not ours any more",
        );
        self.stop_tasks("the VIP's lifetime has passed");
        self.give_up_address();
        self.evidence.restart(now);
        self.become_state(State::Standby, "the VIP's lifetime passed unrenewed");
    }

    /// How the fence stands for all that we know, as `status` says it.
    pub fn fence_words(&self) -> Option<&'static str> {
        match self.own.as_ref()?.grounds {
            Grounds::Fenced | Grounds::Unfenced if self.fence_lost => Some("lost"),
            // After a restart it is proven anew, and until then it is not.
            Grounds::Fenced if !self.fence_holds() => Some("unclear"),
            Grounds::Fenced if self.looks.stale() => Some("stale"),
            Grounds::Fenced if self.is_past_the_fence() => Some(PAST_IT),
            Grounds::Fenced if !self.fence_confirmed() => Some("shut, unconfirmed"),
            Grounds::Fenced => Some("proven"),
            Grounds::Unfenced => Some("unclear"),
            Grounds::Yielded | Grounds::Vacant => None,
        }
    }

    /// Another machine claims the VIP that we own.
    pub(super) fn foreign_claim(&mut self, now: BootTime, mac: MacAddr) {
        if matches!(self.state, State::Releasing(_)) {
            return;
        }
        let Some(own) = &mut self.own else { return };
        if own.defend_after <= now {
            own.defend_after = now + DEFEND_INTERVAL;
            self.out.push(Action::Defend);
            let peer = self.evidence.pinned.has(mac);
            let who = if peer { "the peer" } else { "another machine" };
            self.alert(
                Level::Critical,
                format!("{who} ({mac}) claims the VIP that we own: defended"),
            );
        }
        self.foreign_heard(now, mac);
    }

    /// We own the VIP and nothing keeps the peer from it: fence it at once, or give the VIP up.
    pub(super) fn refence(&mut self, now: BootTime, why: &str) {
        self.fence_lost = true;
        self.alert(Level::Critical, why);
        self.stop_tasks(why);
        self.take(now, Cause::Resumed, true);
    }

    /// Makes sure that the address which we own is in place.
    pub(super) fn restore(&mut self, now: BootTime) {
        let lifetime = self.policy.lifetime;
        let Some(own) = &mut self.own else { return };
        let short = own.grounds != Grounds::Fenced;
        own.renew = short.then(|| now + lifetime / 3);
        let lifetime = short.then_some(lifetime);
        self.out.push(Action::Restore { lifetime });
    }

    pub(super) fn address_lost(&mut self, now: BootTime) {
        let dropping = matches!(&self.state, State::Releasing(r)
            if *r.flow.get(Step::Drop) != Progress::Waiting);
        // Without carrier it is suspended anyway; past its lifetime it is not ours any more (see `owner_timers`).
        let expired = self.own.as_ref().is_none_or(|o| {
            o.renew
                .is_some_and(|at| at + self.policy.lifetime * 2 / 3 <= now)
        });
        if expired || dropping || !self.evidence.carrier {
            return;
        }
        self.restore(now);
        self.alert(
            Level::Warning,
            "somebody removed the VIP from our interface: it is put back and announced again",
        );
    }

    pub(super) fn carrier(&mut self, now: BootTime, up: bool) {
        if self.evidence.carrier == up {
            return;
        }
        self.evidence.carrier = up;
        self.evidence.interrupt(now);
        if self.own.is_some() {
            if up {
                return;
            }
            self.alert(Level::Critical, "our interface lost its carrier: the VIP is taken off it until the fence has been read again");
            return self.suspend(now);
        }
        match (&self.state, up) {
            // A takeover that was suspended goes on when the carrier is back: its fence stands.
            (State::Taking(t), false) if matches!(t.cause, Cause::Resumed | Cause::Suspended) => {
                let cause = t.cause;
                self.goes_on = t.permitted;
                self.stop_tasks("our own interface lost its carrier");
                self.give_up_address();
                self.take(now, cause, true);
            }
            (State::Taking(t), true) if t.cause == Cause::Suspended => self.refence_from(now),
            (State::Taking(_), false) => self.abort("our own interface lost its carrier"),
            (State::Confirming(c), false) => {
                let cause = c.cause;
                self.stay_suspect(now, cause, Why::NoCarrier);
            }
            (State::Suspect(s), true) => {
                let cause = s.cause;
                self.become_state(
                    State::Standby,
                    format!("carrier is back ({cause:?} is looked at again)"),
                );
            }
            (
                State::Standby | State::Releasing(_) | State::Active { .. } | State::Halted { .. },
                _,
            )
            | (State::Taking(_) | State::Confirming(_), true)
            | (State::Suspect(_), false) => {}
        }
    }

    /// The carrier is back: from now on the fence must be proven within `refence_within`.
    fn refence_from(&mut self, now: BootTime) {
        if let State::Taking(t) = &mut self.state {
            t.refence_until = Some(now + self.policy.refence_within);
        }
    }

    /// The address goes; the takeover starts over at the fence when the carrier is back.
    fn suspend(&mut self, now: BootTime) {
        let grounds = self.own.as_ref().map(|o| o.grounds);
        self.stop_tasks("our interface lost its carrier");
        self.give_up_address();
        match grounds {
            Some(Grounds::Fenced | Grounds::Unfenced) => self.take(now, Cause::Suspended, true),
            Some(Grounds::Yielded | Grounds::Vacant) | None => {
                self.become_state(
                    State::Standby,
                    "our interface lost its carrier; the peer may have taken the VIP since",
                );
            }
        }
    }

    pub(super) fn fence_read(&mut self, now: BootTime, read: FenceRead) {
        self.fence_was_read(now, read);
        match read {
            FenceRead::Present | FenceRead::Foreign => self.evidence.switch_silent = None,
            FenceRead::Unknown => self.evidence.switch_silent = Some(now),
            FenceRead::Absent => {
                self.evidence.switch_silent = None;
                let fenced = self
                    .own
                    .as_ref()
                    .is_some_and(|o| o.grounds == Grounds::Fenced);
                let keeping = matches!(self.state, State::Active { .. } | State::Taking(_));
                if fenced && keeping && !self.fence_lost {
                    self.refence(
                        now,
                        "the fence of the peer is gone (switch restarted, or port opened by hand): fencing again",
                    );
                }
            }
        }
    }

    /// The peer asks for the VIP, authenticated, with a higher epoch.
    pub(super) fn asked_to_yield(&mut self, now: BootTime, epoch: Epoch) {
        if self.yielded == Some(epoch) || self.own.as_ref().is_some_and(|o| o.epoch >= epoch) {
            return;
        }
        let own = self.own.is_some();
        let fenced = self
            .own
            .as_ref()
            .is_some_and(|o| o.grounds == Grounds::Fenced);
        if fenced {
            // It could not serve from behind the fence; only a release lifts that.
            if self.refused.replace(epoch) != Some(epoch) {
                self.alert(
                    Level::Warning,
                    "the peer asks for the VIP, but its port is fenced: `standin release` here hands everything back",
                );
            }
            return;
        }
        if own {
            self.stop_tasks("the peer asks for the VIP");
            self.give_up_address();
            self.evidence.restart(now);
            self.become_state(
                State::Standby,
                format!("the peer asked for the VIP (epoch {epoch}): given up"),
            );
            self.alert(
                Level::Warning,
                format!("the VIP was given up because the peer asked for it (epoch {epoch})"),
            );
        }
        if own || self.stands_back(now) {
            self.yielded = Some(epoch);
        }
    }

    /// Both of us hold the VIP: the higher epoch wins, then the smaller name.
    pub(super) fn two_owners(&mut self, now: BootTime, (epoch, node): (Epoch, String)) {
        let releasing = matches!(self.state, State::Releasing(_));
        let Some(ours) = self.own.as_ref().map(|o| o.epoch) else {
            return;
        };
        let theirs = epoch > ours || (epoch == ours && node < self.policy.node);
        if releasing || !theirs {
            return;
        }
        self.stop_tasks("the peer owns the VIP with a higher epoch");
        self.give_up_address();
        self.evidence.restart(now);
        self.become_state(
            State::Standby,
            format!("the peer owns the VIP with epoch {epoch}: given up"),
        );
        self.alert(
            Level::Critical,
            format!("two owners of the VIP: the peer's epoch {epoch} wins, ours is given up"),
        );
    }

    /// The peer hands the VIP to us.
    pub(super) fn granted(&mut self, now: BootTime, epoch: Epoch) {
        let free = matches!(
            self.state,
            State::Standby | State::Suspect(_) | State::Confirming(_)
        );
        if self.own.is_some()
            || !free
            // A grant comes of an order that a person gave there; a hold there is not in its way.
            || self.hold
            || !self.evidence.carrier
            || epoch <= self.claimed_epoch
        {
            return;
        }
        self.claimed_epoch = epoch;
        self.timeline.clear();
        self.timeline.mark(Mark::Noticed, now);
        self.take(now, Cause::Granted, false);
    }

    /// Takes the VIP off our interface. Asked for even where nothing says that it is there: a claim that was stopped
    /// half-way, or failed, may have left it.
    pub(super) fn give_up_address(&mut self) {
        self.own = None;
        self.fence_lost = false;
        self.stop_looking();
        self.out.push(Action::DropAddress);
        self.park_soon(self.seen);
    }
}
