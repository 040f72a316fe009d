//! Reads again until it is so, or the time is over: the one clock for it, and the one table of pauses.

use std::time::Duration;

use crate::rt::{Instant, sleep_until};

/// `Ok`: it reads as it should; else not so, in words.
pub(in crate::switch) type Read = Result<(), String>;

/// How long is waited between two looks.
#[derive(Clone, Copy)]
pub(in crate::switch) enum Pauses {
    /// From the first on twice as long each time, up to the longest.
    Doubling(Duration, Duration),
    /// A part of the time that it has taken so far: what becomes true is noticed soon after, and a switch that takes long
    /// is left alone most of the time.
    Share(Duration, Duration),
    /// The same each time.
    Even(Duration),
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A port that was shut, or opened again.
pub(in crate::switch) const PORT: Pauses = Pauses::Doubling(ms(5), ms(100));
/// A change over SNMP.
pub(super) const OVER_SNMP: Pauses = Pauses::Doubling(ms(5), LONGEST);
/// A change over SSH.
pub(super) const OVER_SSH: Pauses = Pauses::Share(ms(5), LONGEST);
/// What a switch does by itself: a job, a timer of its own.
pub(super) const BY_ITSELF: Pauses = Pauses::Even(LONGEST);
/// A quarantined machine, that it is gone.
pub(in crate::switch) const QUARANTINE: Pauses = Pauses::Even(ms(20));
/// What was put back.
pub(super) const PUT_BACK: Pauses = Pauses::Even(ms(50));
/// The longest pause of a change.
pub(super) const LONGEST: Duration = ms(200);

impl Pauses {
    /// The pause after so many looks, `since` the first began.
    pub fn after(self, looks: u32, since: Duration) -> Duration {
        match self {
            Pauses::Doubling(first, longest) => (first * (1 << (looks - 1).min(10))).min(longest),
            Pauses::Share(first, longest) => (since / 8).clamp(first, longest),
            Pauses::Even(pause) => pause,
        }
    }
}

/// Looks that are taken until one is content. (A closure would do for the whole loop, if its future were known to be `Send`.)
pub(in crate::switch) struct Looks {
    pauses: Pauses,
    begun: Instant,
    end: Instant,
    taken: u32,
}

impl Looks {
    /// The last look begins at `end`, or before.
    pub fn until(end: Instant, pauses: Pauses) -> Looks {
        Looks {
            pauses,
            begun: Instant::now(),
            end,
            taken: 0,
        }
    }

    /// Waits for the next look; false if the time is over.
    pub async fn again(&mut self) -> bool {
        self.again_by(self.end).await
    }

    /// The same, and not longer than to `useful`.
    pub async fn again_by(&mut self, useful: Instant) -> bool {
        self.taken += 1;
        let now = Instant::now();
        if now >= self.end {
            return false;
        }
        let next = now + self.pauses.after(self.taken, now - self.begun);
        sleep_until(next.min(useful).min(self.end)).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_as_they_are_told_and_no_further() {
        let of = |p: Pauses| [1, 2, 5, 6, 40].map(|looks| p.after(looks, ms(400)));
        assert_eq!(of(PORT), [ms(5), ms(10), ms(80), ms(100), ms(100)]);
        assert_eq!(of(OVER_SSH), [ms(50); 5]);
        assert_eq!(OVER_SSH.after(1, ms(8)), ms(5));
        assert_eq!(OVER_SSH.after(9, ms(80_000)), ms(200));
        assert_eq!(of(PUT_BACK), [ms(50); 5]);
    }
}
