//! What was asked of the peer and of the witnesses, what of it left, and what was answered.
//!
//! Only what left, and had its time to be answered, is evidence. What the budget refused or a socket of our own could
//! not send is neither an answer nor silence.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Witness;
use super::loss;
use super::policy::Detect;
use crate::types::BootTime;

/// The loss of the peer's rounds is that of the last 60 s, in slices of 5 s.
const SLICE_US: u64 = 5_000_000;
const SLICES: u64 = 13;
/// A suspicion begins when a living peer would have been this silent with a probability below this.
const SUSPICION: f64 = 1e-3;
/// However clean the link: one lost round is no suspicion.
const LEAST_ROUNDS: u32 = 2;
/// However bad the link: after so many rounds it is one.
const MOST_ROUNDS: u32 = 400;
/// So many lost rounds one after the other are an outage that is over, and no measure of what the link loses.
const OUTAGE: u32 = 60;
/// Never.
const NEVER: BootTime = BootTime(u64::MAX);

/// How long a question has to be answered before it counts as unanswered.
pub(super) fn answer_time(detect: &Detect) -> Duration {
    detect.confirm_interval
}

/// The rounds of questions to the peer: ARP and ping of one instant are one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rounds {
    /// Those that left since the last sign of life, and the last of them.
    unanswered: u32,
    last: BootTime,
    /// Those since the last answer to a round: with signs of life that nobody asked for, the two differ.
    open: u32,
    /// When the last one left that makes a suspicion.
    enough: Option<BootTime>,
    /// How many make a suspicion with the loss of the link; zero: not computed yet.
    needed: u32,
    /// By slices of time: its number, rounds, lost ones.
    slices: VecDeque<(u64, u32, u32)>,
}

impl Rounds {
    /// One round left.
    pub fn left(&mut self, now: BootTime) {
        if self.needed == 0 {
            self.weigh(now);
        }
        self.unanswered += 1;
        self.open += 1;
        self.last = now;
        if self.unanswered >= self.needed && self.enough.is_none() {
            self.enough = Some(now);
        }
    }

    /// One left while the peer is expected to be silent: it is no part of the loss.
    pub fn left_in_silence(&mut self, now: BootTime) {
        self.last = now;
    }

    /// The peer answered, or spoke unasked on a path that is asked.
    pub fn answered(&mut self, now: BootTime) {
        match self.open {
            0 => {}
            n if n > OUTAGE => self.note(now, 1, 0),
            n => self.note(now, n, n - 1),
        }
        self.open = 0;
        self.spoke(now);
    }

    /// The peer showed that it lives by something that nobody asked for: rounds before it that had their time are lost.
    pub fn spoke(&mut self, now: BootTime) {
        if self.open > 1 {
            // The last one may still be answered.
            let lost = self.open - 1;
            self.note(now, lost, lost);
            self.open = 1;
        }
        self.unanswered = 0;
        self.enough = None;
        self.weigh(now);
    }

    /// The rounds that are open were lost by our own side: that is no loss of the peer's link.
    pub fn excuse(&mut self) {
        self.open = 0;
    }

    /// Silence so far is no evidence.
    pub fn forget(&mut self) {
        self.unanswered = 0;
        self.open = 0;
        self.enough = None;
    }

    /// Rounds since the last sign of life that had their time.
    pub fn unanswered(&self, now: BootTime, time: Duration) -> u32 {
        let young = self.unanswered > 0 && now < self.last + time;
        self.unanswered - u32::from(young)
    }

    /// When there are enough unanswered rounds for a suspicion, as far as is known now.
    pub fn enough_at(&self, time: Duration) -> BootTime {
        self.enough.map_or(NEVER, |at| at + time)
    }

    /// True while there are enough unanswered rounds for a suspicion on a clean link, but not on this one.
    pub fn doubtful(&self) -> bool {
        self.unanswered >= LEAST_ROUNDS && self.enough.is_none()
    }

    /// How many unanswered rounds make a suspicion on this link.
    pub fn needed(&self) -> u32 {
        self.needed.max(LEAST_ROUNDS)
    }

    /// True if the last round that left had so much time to be answered.
    pub fn settled(&self, now: BootTime, time: Duration) -> bool {
        now >= self.last + time
    }

    /// How many of a clean link's rounds make a suspicion on this one, as a factor of at least one.
    pub fn slower(&self) -> u32 {
        (self.needed / LEAST_ROUNDS).max(1)
    }

    /// Rounds of the last 60 s before the silence, and how many of them were lost.
    pub fn history(&self, now: BootTime) -> (u32, u32) {
        let oldest = (now.0 / SLICE_US + 1).saturating_sub(SLICES);
        self.slices
            .iter()
            .filter(|(slice, _, _)| *slice >= oldest)
            .fold((0, 0), |(asked, lost), (_, a, l)| (asked + a, lost + l))
    }

    /// The upper bound of the loss of the peer's rounds, as of its last sign of life.
    pub fn loss(&self, life: BootTime) -> f64 {
        let (asked, lost) = self.history(life);
        loss::upper_bound(lost, asked)
    }

    fn note(&mut self, now: BootTime, asked: u32, lost: u32) {
        let slice = now.0 / SLICE_US;
        match self.slices.back_mut().filter(|(s, _, _)| *s == slice) {
            Some((_, a, l)) => {
                *a += asked;
                *l += lost;
            }
            None => self.slices.push_back((slice, asked, lost)),
        }
        while self.slices.len() as u64 > SLICES {
            self.slices.pop_front();
        }
    }

    fn weigh(&mut self, now: BootTime) {
        let rounds = loss::rounds(self.loss(now), SUSPICION);
        self.needed = rounds.clamp(LEAST_ROUNDS, MOST_ROUNDS);
    }
}

/// Witnesses asked and answered since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Count {
    /// The moment.
    pub since: BootTime,
    /// Those that answered since.
    pub answered: BTreeSet<Witness>,
    /// Questions that are open: who, when first, when last.
    open: Vec<(Witness, BootTime, BootTime)>,
    /// Questions that were answered, and those that were asked again because they were not.
    answers: u32,
    lost: u32,
}

impl Count {
    /// Begins to count.
    pub fn new(now: BootTime) -> Self {
        Count {
            since: now,
            ..Count::default()
        }
    }

    /// Questions to these left.
    pub fn asked(&mut self, now: BootTime, witnesses: &[Witness]) {
        for w in witnesses {
            match self.open.iter_mut().find(|(open, _, _)| open == w) {
                Some((_, _, last)) => {
                    *last = now;
                    self.lost += 1;
                }
                None => self.open.push((*w, now, now)),
            }
        }
    }

    /// One answered.
    pub fn answer(&mut self, witness: Witness) {
        let open = self.open.iter().position(|(w, _, _)| *w == witness);
        if let Some(at) = open {
            self.open.swap_remove(at);
            self.answers += 1;
        }
        self.answered.insert(witness);
    }

    /// True if nobody at all answered although somebody was asked.
    pub fn deaf(&self, now: BootTime, time: Duration) -> bool {
        let (asked, lost) = self.losses(now, time);
        self.answered.is_empty() && asked > 0 && asked == lost
    }

    /// Questions that had their time, and how many of them were not answered.
    pub fn losses(&self, now: BootTime, time: Duration) -> (u32, u32) {
        let due = |last: &BootTime| *last + time <= now;
        let open = self.open.iter().filter(|(_, _, last)| due(last)).count() as u32;
        let lost = self.lost + open;
        (self.answers + lost, lost)
    }

    /// True if enough cameras answered, and at least half of those asked; or else the gateway and the switch.
    pub fn enough(&self, now: BootTime, detect: &Detect) -> bool {
        let both =
            self.answered.contains(&Witness::Gateway) && self.answered.contains(&Witness::Switch);
        let camera = |w: &Witness| matches!(w, Witness::Camera(_));
        let time = answer_time(detect);
        let here = self.answered.iter().filter(|w| camera(w)).count() as u64;
        let silent = self
            .open
            .iter()
            .filter(|(w, first, _)| camera(w) && *first + time <= now && !self.answered.contains(w))
            .count() as u64;
        both || (here >= u64::from(detect.min_cameras) && here >= silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> BootTime {
        BootTime(ms * 1000)
    }

    const TIME: Duration = Duration::from_millis(25);

    #[test]
    fn what_is_young_is_not_unanswered_and_what_is_answered_is_not_lost() {
        let mut r = Rounds::default();
        for i in 0..600 {
            r.left(at(i * 100));
            r.answered(at(i * 100 + 1));
        }
        assert_eq!(r.history(at(60_000)), (600, 0));
        assert_eq!(r.history(at(90_000)).1, 0);
        r.left(at(60_000));
        assert_eq!(r.unanswered(at(60_010), TIME), 0);
        assert_eq!(r.unanswered(at(60_025), TIME), 1);
        assert_eq!(r.enough_at(TIME), NEVER);
        r.left(at(60_100));
        assert_eq!(r.enough_at(TIME), at(60_125));
        // The silence at the end is not part of the loss before it, until it is over.
        assert_eq!(r.history(at(60_100)).1, 0);
        r.answered(at(60_101));
        assert_eq!(r.history(at(60_101)).1, 1);
    }

    #[test]
    fn an_outage_that_is_over_is_no_loss_of_the_link() {
        let mut r = Rounds::default();
        for i in 0..600 {
            r.left(at(i * 100));
            if !(100..400).contains(&i) {
                r.answered(at(i * 100 + 1));
            }
        }
        assert_eq!(r.history(at(60_000)), (300, 0));
    }

    #[test]
    fn a_lossy_link_needs_more_rounds_for_a_suspicion() {
        let mut r = Rounds::default();
        for i in 0..600u64 {
            r.left(at(i * 100));
            if i % 10 < 6 {
                r.answered(at(i * 100 + 1));
            }
        }
        let loss = r.loss(at(60_000));
        assert!((0.40..0.45).contains(&loss), "{loss}");
        assert!((7..10).contains(&r.needed), "{}", r.needed);
    }

    #[test]
    fn three_here_and_many_there_are_never_enough() {
        let detect = crate::takeover::policy::tests::detect();
        let mut c = Count::new(at(0));
        let camera = |n: u8| Witness::Camera([192, 168, 1, n].into());
        let all: Vec<Witness> = (0..99).map(camera).collect();
        for chunk in all.chunks(8) {
            c.asked(at(0), chunk);
        }
        for w in &all[..3] {
            c.answer(*w);
        }
        assert!(c.enough(at(10), &detect), "the others have their time");
        assert!(!c.enough(at(25), &detect));
        for w in &all[..50] {
            c.answer(*w);
        }
        assert!(c.enough(at(25), &detect));
    }
}
