//! After a start: where were we, and what may go on.
//!
//! *Active* in the journal is no permission to own: the fence is read and proven again before any frame with the VIP.

use super::Machine;
use super::action::{Action, Level};
use super::event::{FenceRead, Recovered};
use super::policy::Policy;
use super::state::{Grounds, Phase, State};
use super::timeline::Mark;
use super::verdict::{Cause, Verified};
use crate::types::{BootTime, Epoch};

impl Machine {
    /// Replaces the policy (SIGHUP); the state stays.
    pub fn set_policy(&mut self, policy: Policy) {
        self.evidence.beats_last = policy.detect.beat_timeout;
        self.placement.look_now(self.policy.levels != policy.levels);
        let edited = self.policy.peer_mac != policy.peer_mac;
        self.policy = policy;
        if edited {
            self.choose_mac(self.new_mac.clone(), self.evidence.pinned.now());
        }
    }

    pub(super) fn start(&mut self, now: BootTime, r: Recovered) {
        self.epoch = r.epoch;
        // A grant for this very epoch may still be open: what it leads to has the next one.
        self.claimed_epoch = Epoch(r.epoch.0.saturating_sub(1));
        self.hold = r.hold;
        self.recall_places(r.places.clone());
        self.recall_site(now, &r.site, r.same_boot);
        self.bound.here_only = r.hold_here;
        self.bound.peer = r.peer_hold;
        self.looks.restore_flapping(r.flapping);
        self.planned = r.planned;
        self.choose_mac(r.new_mac.clone(), r.pinned);
        self.evidence.healthy = r.healthy;
        self.evidence.grace_from = r.boot_started;
        self.evidence.carrier = r.carrier;
        self.evidence.interrupt(now);
        self.park_soon(now);
        match r.phase {
            // Earlier versions halted where a claim failed; now it is tried again.
            Phase::Taking | Phase::Active | Phase::Halted
                if r.fence == FenceRead::Present || r.address_here =>
            {
                self.resume(now, &r)
            }
            Phase::Taking | Phase::Halted => {
                let why = "restarted in the middle of a takeover before anything was fenced";
                self.look_again(now, r.same_boot, why);
            }
            Phase::Active => self.was_active(now, &r),
            Phase::Releasing => self.was_releasing(now, &r),
            Phase::Standby if r.fence == FenceRead::Present => {
                self.leave_behind();
                self.alert(Level::Critical, "the peer's port is shut and tagged as ours, but the journal knows of no takeover: `standin takeover` or `standin unfence` decides");
                self.drop_stray(&r);
            }
            Phase::Standby => {
                self.drop_stray(&r);
                if r.fence == FenceRead::Foreign {
                    self.alert(
                        Level::Warning,
                        "the peer's port is shut, and not by us: it is not lifted, only reported",
                    );
                }
            }
        }
    }

    /// An address marked as ours that nothing explains.
    fn drop_stray(&mut self, r: &Recovered) {
        if r.address_here {
            self.alert(
                Level::Critical,
                "the VIP was found on our interface, but nothing says that we may own it: removed",
            );
            self.out.push(Action::DropAddress);
        }
    }

    /// Goes on at the fence; an address that is still here stays, if it stood on a fence or on consent.
    fn resume(&mut self, now: BootTime, r: &Recovered) {
        self.timeline.mark(Mark::Noticed, now);
        let grounds = match (r.grounds, r.fence) {
            (Some(grounds), _) => grounds,
            (None, FenceRead::Present) => Grounds::Fenced,
            (None, FenceRead::Absent | FenceRead::Foreign | FenceRead::Unknown) => {
                self.drop_stray(r);
                return self.look_again(
                    now,
                    r.same_boot,
                    "restarted with an address that nothing explains",
                );
            }
        };
        let consent = matches!(grounds, Grounds::Yielded | Grounds::Vacant);
        if r.address_here && consent {
            if !r.same_boot {
                self.drop_stray(r);
                return self.look_again(
                    now,
                    false,
                    "our machine was restarted; the consent is of before",
                );
            }
            // A short-lived address that is still here: nobody took it away while we were gone.
            self.own = Some(self.ownership_on(now, grounds));
            return self.take(now, Cause::Granted, true);
        }
        if r.address_here {
            self.own = Some(self.ownership_on(now, grounds));
            self.fence_lost = r.fence == FenceRead::Absent && grounds == Grounds::Fenced;
        }
        self.goes_on = r.phase == Phase::Active;
        self.take(now, Cause::Resumed, true);
    }

    fn was_active(&mut self, now: BootTime, r: &Recovered) {
        // Whoever serves the VIP now is the owner; a person looks before we act by ourselves again.
        self.returned_hold = !r.same_boot;
        // In a pair both may have lost their power: the other one is given its time to boot before it is fenced.
        let known = r.same_boot || !self.policy.pair;
        self.look_again(now, known, "we were active before the restart, but neither the address nor a proven fence is there");
    }

    fn was_releasing(&mut self, now: BootTime, r: &Recovered) {
        if r.address_here {
            self.alert(Level::Warning, "restarted in the middle of a release, before the address was given up: active again");
            return self.resume(now, r);
        }
        let known = matches!(r.fence, FenceRead::Present | FenceRead::Absent);
        if r.fence == FenceRead::Present || (known && r.same_boot) {
            self.alert(
                Level::Warning,
                "restarted in the middle of a release: going on with it",
            );
            self.release(now, r.verdict.unwrap_or(Verified::Degraded));
            // Which of the two came first is not known: nothing is taken back by itself under a hold.
            if let State::Releasing(release) = &mut self.state {
                release.held_since = self.hold;
            }
            return;
        }
        self.look_again(now, r.same_boot, "restarted at the end of a release");
    }

    /// Standby, from where silence leads to a fresh confirmation; `healthy`: without the start-up grace.
    fn look_again(&mut self, now: BootTime, healthy: bool, why: &str) {
        self.evidence.healthy |= healthy;
        self.evidence.restart(now);
        self.become_state(State::Standby, why);
    }
}
