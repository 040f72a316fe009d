//! What was last seen of the peer, of the witnesses and of ourselves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Asked, Beat, Witness};
use super::loss;
use super::notice::{BEATS_MISSED, MISSED_BEATS};
use super::policy::{Detect, Policy};
use super::questions::{self, Count, Rounds};
use crate::types::{BootTime, MacAddr, PeerMacs};

/// Frames from one MAC before it is pinned as the peer's.
const PIN_AFTER: u32 = 3;
/// A foreign claim of the VIP counts as a conflict for this many microseconds.
const CONFLICT_US: u64 = 3_000_000;
/// A heartbeat on any path counts as "alive elsewhere" for this long at least.
const ELSEWHERE: Duration = Duration::from_millis(500);

/// The evidence on one peer. Times are of `CLOCK_BOOTTIME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The peer's MAC addresses: configured, from its heartbeats, or learned while healthy.
    pub pinned: PeerMacs,
    candidate: Option<(MacAddr, u32)>,
    /// Last ARP frame from a pinned MAC with the VIP as sender.
    pub vip_at: Option<BootTime>,
    last_vip_mac: Option<MacAddr>,
    pong_at: Option<BootTime>,
    /// Last heartbeat on the VIP's own interface.
    pub beat_data_at: Option<BootTime>,
    /// Last heartbeat on any path.
    pub beat_at: Option<BootTime>,
    /// What it said.
    pub beat: Option<Beat>,
    /// Last foreign claim of the VIP.
    pub conflict: Option<(MacAddr, BootTime)>,
    /// Last read of the peer's switch port that said down or up.
    pub port_up: Option<(bool, BootTime)>,
    /// When the switch last did not answer, if that was after its last answer.
    pub switch_silent: Option<BootTime>,
    /// Failed handshakes in a row.
    pub service_fails: u32,
    /// When the service last completed a handshake.
    pub service_ok: Option<BootTime>,
    /// What the last failed handshake said.
    pub service_fault: String,
    /// What was asked of the peer off the data path.
    #[serde(default)]
    pub elsewhere: Elsewhere,
    /// What was asked of the peer, and how much of it was answered.
    #[serde(default)]
    pub rounds: Rounds,
    /// Witnesses asked and answered since the suspicion began: a retry begins no new count.
    #[serde(default)]
    pub suspicion: Option<Count>,
    /// Witnesses asked and answered since the last look at our own side began.
    #[serde(default)]
    pub witnesses_now: Count,
    /// The peer was seen healthy since our boot and the switch's.
    pub healthy: bool,
    /// When a heartbeat last said that the peer holds the VIP.
    said_held_at: Option<BootTime>,
    /// The start-up grace counts from here.
    pub grace_from: BootTime,
    /// Silence counts from here at the earliest: start, stall, loss of ownership.
    pub window_from: BootTime,
    /// A heartbeat counts for this long where its sender does not say how often they come: three of our own intervals.
    #[serde(default)]
    pub beats_last: Duration,
    /// Since when the peer says that it does not hold the VIP, if it does.
    #[serde(default)]
    disclaims_from: BootTime,
    /// When our own view of the network was last interrupted: start, stall, carrier.
    #[serde(default)]
    pub interrupted_at: Option<BootTime>,
    /// Carrier of our interface.
    pub carrier: bool,
    /// In a pair: heartbeats on the data path are gone, but its kernel answers.
    pub agent_silent: bool,
}

/// The peer's management address: when it was last asked, and last answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Asked.
    pub asked: Option<BootTime>,
    /// Answered.
    pub answered: Option<BootTime>,
}

impl Evidence {
    /// Nothing seen yet.
    pub fn new(pinned: PeerMacs, now: BootTime) -> Self {
        Evidence {
            pinned,
            grace_from: now,
            window_from: now,
            carrier: true,
            ..Evidence::default()
        }
    }

    /// Notes an ARP frame with the VIP as sender. True if it is a sign of the peer's life on the data path.
    pub fn vip_seen(&mut self, now: BootTime, mac: MacAddr) -> bool {
        self.last_vip_mac = Some(mac);
        if !self.pinned.known() {
            let count = match self.candidate {
                Some((m, n)) if m == mac => n + 1,
                _ => 1,
            };
            self.candidate = Some((mac, count));
            if count >= PIN_AFTER {
                self.pinned.set_now(mac);
            }
        }
        match self.pinned.now() {
            Some(_) if self.pinned.has(mac) => {
                self.pinned.set_now(mac);
                self.rounds.answered(now);
                self.vip_at = Some(now);
                self.note_health();
                true
            }
            Some(_) => {
                // The question arrived; that another machine answers it is no loss of the link.
                self.rounds.excuse();
                self.conflict = Some((mac, now));
                false
            }
            // Not pinned yet: somebody serves the VIP, which is no proof of health but ends any suspicion.
            None => {
                self.rounds.answered(now);
                self.vip_at = Some(now);
                true
            }
        }
    }

    /// The peer answers by another MAC address from now on.
    pub fn adopt(&mut self, mac: MacAddr, now: BootTime) {
        self.pinned.set_now(mac);
        self.conflict = None;
        self.vip_at = Some(now);
    }

    /// Notes an echo reply. It carries no MAC, so it counts only while nobody else answers for the VIP.
    pub fn pong(&mut self, now: BootTime) -> bool {
        let ours = self.last_vip_mac.is_some_and(|m| self.pinned.has(m));
        if ours && !self.in_conflict(now) {
            self.rounds.answered(now);
            self.pong_at = Some(now);
            return true;
        }
        false
    }

    /// Notes a heartbeat. True if it is a sign of life on the data path.
    pub fn beat(&mut self, now: BootTime, beat: Beat) -> bool {
        // Under its hold a node claims nothing; its time begins when that is over.
        let free = self.beat.as_ref().is_some_and(|b| !b.hold);
        let before = free && self.peer_disclaims(now);
        self.beat_at = Some(now);
        if beat.mac.is_unicast() {
            if !self.pinned.has(beat.mac) {
                self.pinned.set_now(beat.mac);
            }
            if self.conflict.is_some_and(|(m, _)| m == beat.mac) {
                self.conflict = None;
            }
        }
        if beat.holds {
            self.said_held_at = Some(now);
            if beat.service_ok {
                self.service_ok = Some(now);
            }
        }
        let (data, holds) = (beat.data_path, beat.holds);
        self.beat = Some(beat);
        if !before {
            self.disclaims_from = now;
        }
        if data {
            if !holds {
                // Nobody answers for what nobody holds.
                self.rounds.forget();
            }
            self.rounds.spoke(now);
            self.beat_data_at = Some(now);
            self.agent_silent = false;
            self.note_health();
        }
        data
    }

    /// Notes a handshake that the peer's service completed.
    pub fn service_completed(&mut self, now: BootTime) {
        self.service_ok = Some(now);
        self.service_fails = 0;
        self.service_fault.clear();
        self.note_health();
    }

    /// Notes a handshake that failed while the machine was alive.
    pub fn service_failed(&mut self, fault: String) {
        self.service_fails = self.service_fails.saturating_add(1);
        self.service_fault = fault;
    }

    fn note_health(&mut self) {
        let held = self.beat.as_ref().is_some_and(|b| b.holds && b.service_ok);
        if self.pinned.known() && self.vip_at.is_some() && (self.service_ok.is_some() || held) {
            self.healthy = true;
        }
    }

    /// Last sign of life on the data path, or the start of the window.
    pub fn life(&self) -> BootTime {
        [self.vip_at, self.pong_at, self.beat_data_at]
            .into_iter()
            .flatten()
            .max()
            .map_or(self.window_from, |t| t.max(self.window_from))
    }

    /// When the peer is to be suspected if nothing more is seen: it was silent for long enough, and enough of what was
    /// asked in that time left and had its time to be answered. Far in the future while too little left.
    pub fn suspect_at(&self, policy: &Policy) -> BootTime {
        let time = questions::answer_time(&policy.detect);
        let quiet = self.life() + policy.detect.suspect_after;
        let silent = quiet.max(self.rounds.enough_at(time));
        match self.beat_data_at {
            Some(beat) if policy.pair && !self.agent_silent => {
                // A link that loses questions loses heartbeats too.
                let timeout = self.beat_timeout(policy) * self.rounds.slower();
                silent.min(beat.max(self.window_from) + timeout)
            }
            Some(_) | None => silent,
        }
    }

    /// True if another machine answered for the VIP lately.
    pub fn in_conflict(&self, now: BootTime) -> bool {
        self.conflict
            .is_some_and(|(_, at)| now.0.saturating_sub(at.0) < CONFLICT_US)
    }

    /// True if a heartbeat arrived lately, on whatever path.
    pub fn beats(&self, now: BootTime) -> bool {
        let lasts = self.beats_last.max(ELSEWHERE).max(self.announced());
        self.beat_at.is_some_and(|at| now.since(at) < lasts)
    }

    /// The heartbeats that the sender may miss, as it says itself how often they come; nothing if it does not say.
    fn announced(&self) -> Duration {
        let interval = self.beat.as_ref().and_then(|b| b.interval);
        interval.unwrap_or_default() * BEATS_MISSED
    }

    /// Silence of heartbeats on the data path after which a peer in a pair is suspected.
    pub fn beat_timeout(&self, policy: &Policy) -> Duration {
        policy.detect.beat_timeout.max(self.announced())
    }

    /// True if the peer says that it holds the VIP, and lately.
    pub fn peer_holds(&self, now: BootTime) -> bool {
        self.beats(now) && self.beat.as_ref().is_some_and(|b| b.holds)
    }

    /// Since when the peer says so, if it does.
    pub fn disclaims_from(&self) -> BootTime {
        self.disclaims_from
    }

    /// When somebody last answered for the VIP, or said that it holds it.
    pub fn answered_at(&self) -> Option<BootTime> {
        let conflict = self.conflict.map(|(_, at)| at);
        [self.vip_at, self.pong_at, self.said_held_at, conflict]
            .into_iter()
            .flatten()
            .max()
    }

    /// Until when somebody had the VIP for all we know, or the start of the window.
    pub fn held_until(&self) -> BootTime {
        [
            self.vip_at,
            self.said_held_at,
            self.conflict.map(|(_, at)| at),
        ]
        .into_iter()
        .flatten()
        .fold(self.window_from, BootTime::max)
    }

    /// True if the peer says, authenticated and lately, that it neither holds the VIP nor is about to. Whoever is silent
    /// says nothing of the kind, whatever was seen of it before.
    pub fn peer_disclaims(&self, now: BootTime) -> bool {
        let said = |b: &Beat| !b.holds && b.wants_yield.is_none();
        self.beats(now) && self.beat.as_ref().is_some_and(said)
    }

    /// Starts to look at our own side anew: witnesses must answer from now on. The count since the suspicion goes on.
    pub fn ask_witnesses(&mut self, now: BootTime) {
        self.witnesses_now = Count::new(now);
        self.suspicion.get_or_insert_with(|| Count::new(now));
    }

    /// The peer is suspected no longer. Unless it spoke since, the next suspicion is the same one.
    pub fn suspicion_over(&mut self) {
        let spoke = [self.vip_at, self.pong_at, self.beat_data_at];
        let last = spoke.into_iter().flatten().max().unwrap_or_default();
        self.suspicion.take_if(|s| last >= s.since);
    }

    /// What was asked at `now`.
    pub fn asked(&mut self, now: BootTime, asked: &Asked) {
        self.witnesses_now.asked(now, &asked.witnesses);
        if let Some(count) = &mut self.suspicion {
            count.asked(now, &asked.witnesses);
        }
    }

    /// A witness answered.
    pub fn witness(&mut self, witness: Witness) {
        self.witnesses_now.answer(witness);
        if let Some(count) = &mut self.suspicion {
            count.answer(witness);
        }
    }

    /// True if enough witnesses answered: of those asked since the last look began, and of all asked since the suspicion.
    pub fn witnessed(&self, now: BootTime, detect: &Detect) -> bool {
        let share = |c: &Count| c.enough(now, detect);
        self.carrier && share(&self.witnesses_now) && self.suspicion.as_ref().is_none_or(share)
    }

    /// The loss that a verdict reckons with: the greater of two upper 95 % bounds, of the peer's own rounds in the 60 s
    /// before it fell silent and of the witnesses' since the suspicion.
    pub fn loss(&self, now: BootTime, detect: &Detect) -> f64 {
        let own = self.rounds.loss(self.life());
        let count = self.suspicion.as_ref().unwrap_or(&self.witnesses_now);
        let (asked, lost) = count.losses(now, questions::answer_time(detect));
        own.max(loss::upper_bound(lost, asked))
    }

    /// Heartbeats that a peer in a pair owes on the data path; never more than two of them, for its standin may hang.
    fn missed_beats(&self, now: BootTime, policy: &Policy) -> u32 {
        let gone = |beat: BootTime| now >= beat + policy.detect.beat_timeout;
        let counts = policy.pair && !self.agent_silent;
        match self.beat_data_at {
            Some(beat) if counts && beat >= self.window_from && gone(beat) => MISSED_BEATS,
            Some(_) | None => 0,
        }
    }

    /// Unanswered rounds that had their time, and the probability that a living peer leaves so many unanswered.
    pub fn silence(&self, now: BootTime, policy: &Policy) -> (u32, f64) {
        let detect = &policy.detect;
        let time = questions::answer_time(detect);
        let rounds = self.rounds.unanswered(now, time) + self.missed_beats(now, policy);
        // A suspicion begins hundreds of times a day on a lossy link: with the link's own loss, measured, the rounds that
        // only began it do not count.
        let own = self.rounds.loss(self.life());
        let since = rounds.saturating_sub(self.rounds.needed());
        let whole = loss::silence(self.loss(now, detect), rounds);
        (rounds, whole.max(loss::silence(own, since)))
    }

    /// True if an automatic takeover is not too early (start-up grace).
    pub fn grown_up(&self, now: BootTime, grace: Duration) -> bool {
        self.healthy || now >= self.grace_from + grace
    }

    /// Our own view was interrupted: what the peer did meanwhile is not known.
    pub fn interrupt(&mut self, now: BootTime) {
        self.interrupted_at = Some(now);
        self.restart(now);
    }

    /// True if our own view was interrupted since the peer's last heartbeat.
    pub fn interrupted(&self) -> bool {
        self.interrupted_at
            .is_some_and(|at| self.beat_at.is_none_or(|beat| beat <= at))
    }

    /// Silence starts to count anew: what was missed before is no evidence.
    pub fn restart(&mut self, now: BootTime) {
        self.window_from = now;
        self.rounds.forget();
        self.service_fails = 0;
    }
}
