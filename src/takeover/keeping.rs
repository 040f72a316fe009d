//! The owner keeps looking: it asks for its own VIP once a second, and for its fence. Two owners that only answer when
//! they are asked are silent to a listener.
//!
//! A peer that answers although it is fenced is fenced again at once. Where that cannot be proven within
//! `refence_within`, the one that serves keeps the address: a peer with which an RTMP handshake completes is given way
//! to; one that answers and does not serve, or is silent, is not, and a person is told that it is unfenced. Nobody gives
//! way to a third machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level};
use super::beside::Foreign;
use super::event::FenceRead;
use super::flow::Progress;
use super::past_fence::Past;
use super::state::{Grounds, State};
use super::step::Step;
use crate::types::{BootTime, MacAddr};

/// The VIP is asked for this often.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A foreign machine is gone when it was not heard for so long, which is three questions.
const GONE_AFTER: Duration = Duration::from_millis(3500);
/// It answers as of now if it was heard within this.
const JUST_NOW: Duration = Duration::from_millis(1500);
/// A handshake says that the peer serves for this long.
const SERVES_FOR: Duration = Duration::from_millis(3500);
/// A fence that a switch calls proven while the peer answers is set again after this.
const REFENCE_EVERY: Duration = Duration::from_secs(2);
/// What is heard so long after a proof was sent after it.
const AFTER_PROOF: Duration = Duration::from_millis(100);
/// Looks at the fence without an answer after which it is stale.
const STALE_AFTER: u32 = 3;
/// Giving way twice within this is flapping.
const FLAPPING_WITHIN: Duration = Duration::from_secs(600);

/// Key of the alarm that another machine answers for the VIP.
pub(super) const CONFLICT: &str = "conflict";
const UNFENCED: &str = "unfenced";
const STALE: &str = "fence-stale";
const FLAPPING: &str = "flapping";

/// What the owner looks at, and what it saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    ask: BootTime,
    pub(super) foreign: Vec<Foreign>,
    serving_asked: bool,
    serving_next: BootTime,
    refenced: BootTime,
    /// When the fence was last proven while the address was ours already.
    pub(super) proven: BootTime,
    /// Looks at the fence since the last answer.
    unread: u32,
    /// When it was last read.
    read: Option<BootTime>,
    /// When we gave way to the peer.
    gave_way: Vec<BootTime>,
    /// No further takeover by itself until a person says so.
    flapping: bool,
    /// Where the fenced peer hangs.
    #[serde(default)]
    pub(super) past: Past,
}

impl Looks {
    /// Everybody else who answers for the VIP: where it is ours, the peer too.
    pub fn foreign(&self) -> &[Foreign] {
        &self.foreign
    }

    /// When the fence was last read.
    pub fn fence_read(&self) -> Option<BootTime> {
        self.read
    }

    /// True if the fence was looked at [`STALE_AFTER`] times without an answer.
    pub fn stale(&self) -> bool {
        self.unread > STALE_AFTER
    }

    /// We gave way twice within ten minutes: a person is needed.
    pub fn flapping(&self) -> bool {
        self.flapping
    }

    /// As the journal has it.
    pub(super) fn restore_flapping(&mut self, flapping: bool) {
        self.flapping = flapping;
    }

    /// When the owner has to look again.
    pub(super) fn due(&self) -> BootTime {
        self.ask
    }
}

impl Machine {
    /// What the owner looks at.
    pub fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Once a second while we own the VIP.
    pub(super) fn keep_looking(&mut self, now: BootTime) {
        if self.own.is_none() || self.looks.ask > now {
            return;
        }
        self.looks.ask = now + ASK_EVERY;
        self.out.push(Action::AskVip {
            to: self.evidence.pinned.now(),
        });
        let before = self.looks.foreign.len();
        let gone = |f: &Foreign| now.since(f.heard) >= GONE_AFTER;
        self.looks.foreign.retain(|f| !gone(f));
        if self.looks.foreign.is_empty() {
            if before > 0 {
                self.settle(CONFLICT, "nobody else answers for the VIP any more");
            }
        } else {
            self.tell_conflict();
        }
        self.judge_peer(now);
        self.look_past_fence(now);
    }

    /// The fence is looked at now.
    pub(super) fn fence_looked_at(&mut self) {
        self.looks.unread = self.looks.unread.saturating_add(1);
        if self.looks.stale() {
            let since = self.looks.read.or(self.own.as_ref().map(|o| o.since));
            let secs = since.map_or(0, |at| self.seen.since(at).as_secs());
            self.tell(
                STALE,
                Level::Critical,
                format!("the fence of the peer has not been read for {secs} s: the switch does not answer, so nobody knows whether it still stands"),
            );
        }
    }

    /// What the switch said of the fence, if it said anything.
    pub(super) fn fence_was_read(&mut self, now: BootTime, read: FenceRead) {
        match read {
            FenceRead::Unknown => {}
            FenceRead::Present | FenceRead::Foreign | FenceRead::Absent => {
                self.looks.unread = 0;
                self.looks.read = Some(now);
                self.settle(STALE, "the fence is read again");
            }
        }
    }

    /// Another machine claims the VIP that we own, or answers for it.
    pub(super) fn foreign_heard(&mut self, now: BootTime, mac: MacAddr) {
        let peer = self.evidence.pinned.has(mac);
        let (_, new, locate) = Foreign::hear(&mut self.looks.foreign, now, mac, peer);
        if locate {
            self.out.push(Action::Locate { mac });
        }
        if new {
            self.tell_conflict();
        }
        if !peer || !self.peer_must_be_fenced(now) {
            return;
        }
        if !self.looks.serving_asked && self.looks.serving_next <= now {
            self.looks.serving_asked = true;
            self.looks.serving_next = now + ASK_EVERY;
            self.out.push(Action::AskServes { mac });
        }
        let under_way = matches!(&self.state, State::Taking(t)
            if !matches!(t.flow.get(Step::Fence), Progress::Done { .. } | Progress::Skipped));
        let since_proof = now > self.looks.proven + AFTER_PROOF;
        if !under_way && since_proof && (new || now.since(self.looks.refenced) >= REFENCE_EVERY) {
            self.looks.refenced = now;
            let why = match self.own.as_ref().map(|o| o.grounds) {
                Some(Grounds::Unfenced) => {
                    "the peer that was never fenced is back: fencing it now, or giving the VIP up"
                }
                _ => {
                    "the peer answers for the VIP that we own, whatever the switch says of its fence: fencing it again"
                }
            };
            self.refence(now, why);
        }
    }

    /// False where the peer's own word stands between: in a pair whose heartbeats arrive the higher epoch decides.
    fn peer_must_be_fenced(&self, now: BootTime) -> bool {
        let consent = self
            .own
            .as_ref()
            .is_none_or(|o| matches!(o.grounds, Grounds::Yielded | Grounds::Vacant));
        self.policy.fence && !(consent && self.evidence.beats(now))
    }

    /// A switch, or nobody, knows where a foreign machine hangs.
    pub(super) fn located(&mut self, mac: MacAddr, place: Option<String>) {
        if let Some(f) = self.looks.foreign.iter_mut().find(|f| f.mac == mac) {
            f.placed = true;
            f.place = place.or_else(|| f.place.take());
            if self.own.is_some() {
                self.tell_conflict();
            }
        }
    }

    /// A handshake with the machine at this address completed, or did not.
    pub(super) fn peer_asked(&mut self, now: BootTime, mac: MacAddr, serves: bool) {
        self.looks.serving_asked = false;
        if let Some(f) = self.looks.foreign.iter_mut().find(|f| f.mac == mac) {
            f.serves = Some((serves, now));
        }
        self.judge_peer(now);
    }

    fn tell_conflict(&mut self) {
        let who = |f: &Foreign| {
            let what = if f.peer {
                "the peer"
            } else {
                "a third machine"
            };
            format!("{what}, {} ({})", f.mac, f.place_words())
        };
        let all: Vec<String> = self.looks.foreign.iter().map(who).collect();
        let text = format!(
            "conflict: the VIP that we own is answered by {} too: clients may reach either",
            all.join(", and by ")
        );
        self.tell(CONFLICT, Level::Critical, text);
    }

    /// The fence that is to be: proven, and believed.
    pub(super) fn fence_holds(&self) -> bool {
        let open = matches!(&self.state, State::Taking(t)
            if !matches!(t.flow.get(Step::Fence), Progress::Done { .. } | Progress::Skipped));
        !self.fence_lost && !open
    }

    /// Who keeps the address, of two that answer for it.
    fn judge_peer(&mut self, now: BootTime) {
        let Some(own) = &self.own else { return };
        let fenced = own.grounds == Grounds::Fenced;
        let peer = self.looks.foreign.iter().find(|f| f.peer).cloned();
        let Some(peer) = peer else {
            if fenced && self.fence_holds() {
                self.settle(UNFENCED, "the peer is fenced again, and silent");
            }
            return;
        };
        let late = now >= peer.since + self.policy.refence_within;
        if !late || !self.peer_must_be_fenced(now) {
            return;
        }
        let refuted = !self.fence_holds() || peer.heard > self.looks.proven + AFTER_PROOF;
        let heard = now.since(peer.heard) < JUST_NOW && refuted;
        let serves = matches!(peer.serves, Some((true, at)) if now.since(at) < SERVES_FOR);
        if heard && serves {
            return self.give_way(
                now,
                "the peer serves the VIP, and cannot be fenced: giving the VIP up to it",
            );
        }
        if heard {
            self.tell(
                UNFENCED,
                Level::Critical,
                format!("the peer ({}) answers for the VIP, does not serve, and cannot be fenced: the address stays here; pull its cable or shut its port by hand", peer.mac),
            );
        }
    }

    /// The fence was lost and could not be proven in time.
    pub(super) fn not_fenced_again(&mut self, now: BootTime) {
        let peer = self.looks.foreign.iter().find(|f| f.peer);
        let heard = peer.is_some_and(|f| now.since(f.heard) < JUST_NOW);
        let serves = peer
            .is_some_and(|f| matches!(f.serves, Some((true, at)) if now.since(at) < SERVES_FOR));
        if heard && serves {
            return self.give_way(
                now,
                "the fence of the peer was lost and cannot be proven, and the peer serves: giving the VIP up",
            );
        }
        // From now on another machine could own it: the address lives only as long as we renew it.
        if let Some(own) = &mut self.own {
            own.grounds = Grounds::Unfenced;
            own.renew = Some(now + self.policy.lifetime / 3);
            self.out.push(Action::Renew {
                lifetime: self.policy.lifetime,
            });
        }
        self.tell(
            UNFENCED,
            Level::Critical,
            "the fence of the peer was lost and cannot be proven; the peer does not serve, so the address stays here: shut its port by hand (`standin plan` prints the commands)",
        );
    }

    /// The one that serves keeps the address. Silence of the peer leads to a takeover as ever, without a grace; but not
    /// after the second time.
    fn give_way(&mut self, now: BootTime, why: &str) {
        self.alert(Level::Critical, why);
        self.leave_behind();
        self.stop_tasks(why);
        self.give_up_address();
        self.evidence.restart(now);
        self.evidence.healthy = true;
        self.settle(UNFENCED, "the address was given up");
        let looks = &mut self.looks;
        looks.gave_way.retain(|at| now.since(*at) < FLAPPING_WITHIN);
        looks.gave_way.push(now);
        looks.flapping |= looks.gave_way.len() >= 2;
        self.become_state(State::Standby, why);
        self.tell_flapping();
    }

    /// Again, for as long as it lasts.
    pub(super) fn tell_flapping(&mut self) {
        if self.looks.flapping {
            self.tell(
                FLAPPING,
                Level::Critical,
                "flapping: the VIP was given up to a peer that could not be fenced, twice within 10 minutes; nothing is taken over by itself any more until a person says so (`standin takeover NAME`, or `standin hold NAME off`)",
            );
        }
    }

    /// A person has looked.
    pub(super) fn flapping_over(&mut self) {
        self.looks.flapping = false;
        self.looks.gave_way.clear();
        self.settle(
            FLAPPING,
            "a person has decided: takeovers happen as configured",
        );
    }

    /// The fence is proven, by what the switch says, while the address is ours already.
    pub(super) fn proven_again(&mut self, now: BootTime) {
        self.looks.proven = now;
    }

    /// The address is not ours any more.
    pub(super) fn stop_looking(&mut self) {
        self.settle(CONFLICT, "the address was given up");
        self.settle(STALE, "the address was given up");
        self.nothing_past("the address was given up");
        self.looks = Looks {
            gave_way: std::mem::take(&mut self.looks.gave_way),
            flapping: self.looks.flapping,
            ..Looks::default()
        };
    }
}
