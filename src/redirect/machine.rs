//! Which place is pointed at. Pure: time comes in as a number, and what is to be done goes out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rule::{Back, Rule};
use crate::health::Condition;
use crate::types::BootTime;

/// `after` is doubled up to this.
const MOST_AFTER: Duration = Duration::from_secs(3600);
/// A place that fails sooner than so many times its `after` since it was pointed at has flapped.
const CALM: u32 = 10;
/// What could not be pointed is tried again after this, and each time after twice as long, up to [`MOST_PAUSE`].
const PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_secs(30);

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing moves by itself, or may again.
    Hold(bool),
    /// Away from the first place, and stay away.
    Takeover,
    /// Back to the first place.
    Release,
}

/// How the steps of a place ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// All are done, and read back.
    Done,
    /// Some are not: which, and why.
    Failed(String),
    /// They were stopped.
    Stopped,
}

/// What comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// How a place is, by its checks.
    Health(usize, Condition),
    /// The steps of this attempt ended.
    Ended(u64, Settled),
    /// A person said something.
    Order(Order),
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Run the steps of this place; answered by [`Seen::Ended`].
    Point {
        /// Which.
        place: usize,
        /// Number of the attempt.
        attempt: u64,
    },
    /// Stop that attempt; it is answered all the same.
    Stop(u64),
    /// Something that a restart must know has changed: why.
    Changed(String),
}

/// What a restart must know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The place that is in force, or being pointed at.
    pub place: usize,
    /// Its steps are done and read back; at the first place, from the beginning.
    pub settled: bool,
    /// The first place was seen well once: else its failing begins nothing.
    pub seen_well: bool,
    /// A person has said so: it stays away until a release.
    pub ordered: bool,
    /// A person holds it.
    pub hold: bool,
    /// How often it moved: the epoch of what is told.
    pub moves: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trying {
    attempt: u64,
    place: usize,
    stopping: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PlaceState {
    condition: Condition,
    /// Since when it is well without a break.
    well_since: Option<BootTime>,
    /// How long it has to be well now.
    after: Duration,
    /// When it was last pointed at.
    pointed: Option<BootTime>,
}

/// One redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    rule: Rule,
    kept: Kept,
    places: Vec<PlaceState>,
    trying: Option<Trying>,
    attempts: u64,
    failed: Option<(String, BootTime)>,
    pause: Duration,
}

impl Machine {
    /// At the first place, or where it was before a restart.
    pub fn new(rule: Rule, kept: Option<Kept>) -> Machine {
        let place = |p: &super::PlaceRule| PlaceState {
            condition: match p.is_checked {
                true => Condition::Unknown,
                false => Condition::Up,
            },
            well_since: (!p.is_checked).then_some(BootTime::default()),
            after: p.after,
            pointed: None,
        };
        let first = Kept {
            settled: true,
            ..Kept::default()
        };
        // A place that the file does not have any more: the first is pointed at anew.
        let kept = match kept {
            Some(kept) if kept.place < rule.places.len() => kept,
            Some(kept) => Kept {
                place: 0,
                settled: false,
                ordered: false,
                ..kept
            },
            None => first,
        };
        Machine {
            places: rule.places.iter().map(place).collect(),
            rule,
            kept,
            trying: None,
            attempts: 0,
            failed: None,
            pause: PAUSE,
        }
    }

    /// What a restart must know.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// How a place is.
    pub fn condition(&self, place: usize) -> Condition {
        self.places
            .get(place)
            .map(|p| p.condition)
            .unwrap_or_default()
    }

    /// What its steps last failed with, while it is not settled.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_ref().map(|(why, _)| why.as_str())
    }

    /// The place in force is not well, and there is no other.
    pub fn is_lost(&self) -> bool {
        self.condition(self.kept.place) == Condition::Down
    }

    /// How long a place has to be well before it is preferred.
    pub fn after(&self, place: usize) -> Duration {
        self.places.get(place).map(|p| p.after).unwrap_or_default()
    }

    /// One thing came in. An order that cannot be followed is refused in words.
    ///
    /// # Errors
    /// Why an order is refused; nothing was changed.
    pub fn handle(&mut self, now: BootTime, seen: Seen) -> Result<Vec<Do>, String> {
        let mut out = Vec::new();
        match seen {
            Seen::Health(place, condition) => self.health_seen(now, place, condition, &mut out),
            Seen::Ended(attempt, settled) => self.ended(now, attempt, settled, &mut out),
            Seen::Order(order) => self.ordered(now, order, &mut out)?,
            Seen::Tick => {}
        }
        self.decide(now, &mut out);
        Ok(out)
    }

    fn health_seen(&mut self, now: BootTime, place: usize, is: Condition, out: &mut Vec<Do>) {
        let Some(p) = self.places.get_mut(place) else {
            return;
        };
        p.condition = is;
        p.well_since = match is {
            Condition::Up => p.well_since.or(Some(now)),
            Condition::Down | Condition::Unknown => None,
        };
        if place == 0 && is == Condition::Up && !self.kept.seen_well {
            self.kept.seen_well = true;
            out.push(Do::Changed("the first place was seen well".to_owned()));
        }
    }

    fn ended(&mut self, now: BootTime, attempt: u64, settled: Settled, out: &mut Vec<Do>) {
        // Late answers change nothing.
        let Some(trying) = self.trying.filter(|t| t.attempt == attempt) else {
            return;
        };
        self.trying = None;
        match settled {
            Settled::Done if trying.place == self.kept.place => {
                self.kept.settled = true;
                self.failed = None;
                self.pause = PAUSE;
                out.push(Do::Changed("its steps are done and read back".to_owned()));
            }
            Settled::Failed(why) if trying.place == self.kept.place => {
                self.failed = Some((why, now + self.pause));
                self.pause = (self.pause * 2).min(MOST_PAUSE);
            }
            // Stopped, or of a place that is not wanted any more.
            Settled::Done | Settled::Failed(_) | Settled::Stopped => {}
        }
    }

    fn ordered(&mut self, now: BootTime, order: Order, out: &mut Vec<Do>) -> Result<(), String> {
        match order {
            Order::Hold(on) => {
                if self.kept.hold != on {
                    self.kept.hold = on;
                    let words = if on {
                        "held by a person"
                    } else {
                        "the hold is over"
                    };
                    out.push(Do::Changed(words.to_owned()));
                }
                Ok(())
            }
            Order::Takeover | Order::Release if self.kept.hold => {
                Err("it is held: `standin hold NAME off` first".to_owned())
            }
            Order::Takeover if self.kept.place != 0 => {
                self.kept.ordered = true;
                out.push(Do::Changed("it stays away until a release".to_owned()));
                Ok(())
            }
            Order::Takeover => {
                let other = self.best_but(0).ok_or("no other place is well")?;
                self.kept.ordered = true;
                self.go(now, other, "ordered by a person", out);
                Ok(())
            }
            Order::Release if self.kept.place == 0 => {
                Err("the first place is in force: there is nothing to hand back".to_owned())
            }
            Order::Release if self.condition(0) != Condition::Up => {
                Err("the first place is not seen well: nothing is pointed at it".to_owned())
            }
            Order::Release => {
                self.kept.ordered = false;
                self.go(now, 0, "released by a person", out);
                Ok(())
            }
        }
    }

    /// The most wanted place that is well, beside one.
    fn best_but(&self, not: usize) -> Option<usize> {
        let well = |i: &usize| *i != not && self.places[*i].condition == Condition::Up;
        (0..self.places.len()).find(well)
    }

    fn decide(&mut self, now: BootTime, out: &mut Vec<Do>) {
        if !self.kept.hold {
            self.move_if_wanted(now, out);
        }
        self.point(now, out);
    }

    fn move_if_wanted(&mut self, now: BootTime, out: &mut Vec<Do>) {
        let at = self.kept.place;
        if self.condition(at) == Condition::Down {
            // What was never seen well may not even be there yet.
            let other = match at == 0 && !self.kept.seen_well {
                true => None,
                // Somebody has said that it stays away from the first.
                false => self
                    .best_but(at)
                    .filter(|i| *i != 0 || self.may_go_back(now)),
            };
            if let Some(other) = other {
                self.flapped(now, at);
                self.go(now, other, "it is not well", out);
            }
            return;
        }
        let better = (0..at).find(|i| match i {
            0 => self.may_go_back(now),
            i => self.is_well_for_long(now, *i),
        });
        if let Some(better) = better {
            self.go(now, better, "a place that is preferred is well again", out);
        }
    }

    fn may_go_back(&self, now: BootTime) -> bool {
        self.rule.back == Back::Auto && !self.kept.ordered && self.is_well_for_long(now, 0)
    }

    fn is_well_for_long(&self, now: BootTime, place: usize) -> bool {
        let p = &self.places[place];
        p.well_since
            .is_some_and(|since| now.since(since) >= p.after)
    }

    /// A place fails: soon after it was pointed at it has to be well for twice as long the next time.
    fn flapped(&mut self, now: BootTime, place: usize) {
        let base = self.rule.places[place].after;
        let p = &mut self.places[place];
        let soon = p.pointed.is_some_and(|at| now.since(at) < p.after * CALM);
        p.after = match soon {
            true => (p.after * 2).min(MOST_AFTER).max(base),
            false => base,
        };
    }

    fn go(&mut self, now: BootTime, place: usize, why: &str, out: &mut Vec<Do>) {
        self.kept.place = place;
        self.kept.moves += 1;
        self.kept.settled = false;
        self.failed = None;
        self.pause = PAUSE;
        self.places[place].pointed = Some(now);
        out.push(Do::Changed(why.to_owned()));
    }

    /// The steps of the place in force are run until they are done; those of another one are stopped first.
    fn point(&mut self, now: BootTime, out: &mut Vec<Do>) {
        let wanted = self.kept.place;
        if let Some(trying) = &mut self.trying {
            if trying.place != wanted && !trying.stopping {
                trying.stopping = true;
                out.push(Do::Stop(trying.attempt));
            }
            return;
        }
        let due = self.failed.as_ref().is_none_or(|(_, at)| *at <= now);
        if self.kept.settled || !due {
            return;
        }
        self.attempts += 1;
        let (place, attempt) = (wanted, self.attempts);
        self.trying = Some(Trying {
            attempt,
            place,
            stopping: false,
        });
        out.push(Do::Point { place, attempt });
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
