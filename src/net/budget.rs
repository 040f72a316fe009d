//! How many ARP frames may leave an interface: a token bucket, pure.
//!
//! Cisco's ARP inspection err-disables an untrusted port above 15 frames in a second, so everything
//! that sends ARP on one interface shares one [`Budget`]. Where it is scarce, questions to the peer and to the witnesses
//! take turns, and a sweep leaves room for both.

use std::time::Duration;

use crate::types::BootTime;

/// A token bucket (as GCRA: one number of state). Over any stretch of time `t` it grants at most
/// `burst + rate * t` frames.
#[derive(Clone, Debug)]
pub struct Budget {
    all: Bucket,
    /// What a sweep may take of it, where others ask on the same interface.
    sweep: Option<Bucket>,
    /// The next frame of a bucket that holds only one is a witness's.
    witness_next: bool,
}

#[derive(Clone, Debug)]
struct Bucket {
    interval: Duration,
    tolerance: Duration,
    // The time at which the bucket would be full again.
    full_at: BootTime,
}

impl Bucket {
    fn new(per_second: u32, burst: u32) -> Self {
        // Rounded up, so that rounding can only make us slower than the budget.
        let micros = 1_000_000u64.div_ceil(u64::from(per_second.max(1)));
        let interval = Duration::from_micros(micros);
        Bucket {
            interval,
            tolerance: interval * (burst.max(1) - 1),
            full_at: BootTime::default(),
        }
    }

    fn earliest(&self) -> BootTime {
        self.full_at - self.tolerance
    }

    fn take(&mut self, now: BootTime) -> Result<(), BootTime> {
        let earliest = self.earliest();
        if now < earliest {
            return Err(earliest);
        }
        self.full_at = self.full_at.max(now) + self.interval;
        Ok(())
    }

    /// True if there is room for two frames.
    fn has_two(&self, now: BootTime) -> bool {
        !self.tolerance.is_zero() && now >= self.earliest() + self.interval
    }
}

impl Budget {
    /// `per_second` frames in the long run, `burst` at once. Zero is taken as one: a budget that
    /// lets nothing out would silence an announcement for ever.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Budget {
            all: Bucket::new(per_second, burst),
            sweep: None,
            witness_next: false,
        }
    }

    /// `per_second` frames with the default burst: a fifth of a second's worth, which holds the questions of a confirm
    /// burst; below 50 a second, where a switch counts them, a tenth, at least one.
    pub fn per_second(per_second: u32) -> Self {
        let burst = if per_second < 50 { 10 } else { 5 };
        Self::new(per_second, per_second / burst)
    }

    /// The same, of which a sweep takes no more than half: others ask their questions on this interface.
    pub fn shared(per_second: u32) -> Self {
        let half = per_second.div_ceil(2);
        Budget {
            sweep: Some(Bucket::new(half, half / 10)),
            ..Self::per_second(per_second)
        }
    }

    /// Takes one frame out of the bucket, for a question to the peer or an announcement.
    ///
    /// # Errors
    /// The time at which there will be one; asking earlier changes nothing.
    pub fn take(&mut self, now: BootTime) -> Result<(), BootTime> {
        let scarce = !self.all.has_two(now);
        self.all.take(now)?;
        self.witness_next |= scarce;
        Ok(())
    }

    /// Takes one for a question to a witness: it leaves one for the question to the peer, unless that had the last one.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_for_witness(&mut self, now: BootTime) -> Result<(), BootTime> {
        let scarce = !self.all.has_two(now);
        if scarce && !self.witness_next {
            return Err(self.all.earliest().max(now) + self.all.interval);
        }
        self.all.take(now)?;
        self.witness_next &= !scarce;
        Ok(())
    }

    /// Takes one for a question of the sweep.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_for_sweep(&mut self, now: BootTime) -> Result<(), BootTime> {
        let Some(sweep) = &mut self.sweep else {
            return self.take(now);
        };
        let earliest = sweep.earliest();
        if now < earliest {
            return Err(earliest);
        }
        self.all.take(now)?;
        sweep.take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_burst_goes_at_once_and_then_the_rate_holds() {
        let mut budget = Budget::per_second(200);
        let now = BootTime(7_000_000);
        for _ in 0..40 {
            assert_eq!(budget.take(now), Ok(()));
        }
        assert_eq!(budget.take(now), Err(BootTime(7_005_000)));
        assert_eq!(budget.take(BootTime(7_005_000)), Ok(()));
        assert_eq!(budget.take(BootTime(7_005_000)), Err(BootTime(7_010_000)));
    }

    #[test]
    fn ten_a_second_never_come_two_at_once_and_zero_means_one() {
        let mut budget = Budget::per_second(10);
        assert_eq!(budget.take(BootTime(0)), Ok(()));
        assert_eq!(budget.take(BootTime(0)), Err(BootTime(100_000)));
        let mut budget = Budget::new(0, 0);
        assert_eq!(budget.take(BootTime(5)), Ok(()));
        assert_eq!(budget.take(BootTime(5)), Err(BootTime(1_000_005)));
    }

    #[test]
    fn a_scarce_budget_is_shared_between_the_peer_and_the_witnesses() {
        let mut budget = Budget::per_second(10);
        let (mut peer, mut witnesses) = (0, 0);
        // As the burst asks: eight witnesses, then the peer, every 25 ms for two seconds.
        for step in 0..80 {
            let now = BootTime(step * 25_000);
            witnesses += (0..8)
                .filter(|_| budget.take_for_witness(now).is_ok())
                .count();
            peer += usize::from(budget.take(now).is_ok());
        }
        assert_eq!((peer, witnesses), (10, 10));
    }

    #[test]
    fn a_sweep_leaves_half_to_those_who_ask() {
        let mut budget = Budget::shared(200);
        let (mut asked, mut swept) = (0, 0);
        for step in 0..1000 {
            let now = BootTime(step * 1000);
            while budget.take_for_sweep(now).is_ok() {
                swept += 1;
            }
            if step % 20 == 0 {
                asked += u32::from(budget.take(now).is_ok());
            }
        }
        assert_eq!(asked, 50, "not one question was refused");
        assert!((100..=111).contains(&swept), "{swept}");
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_sees_more_than_burst_and_rate(
            rate in 1u32..1000, burst in 1u32..50,
            steps in proptest::collection::vec(0u64..20_000, 1..400),
        ) {
            let mut budget = Budget::new(rate, burst);
            let mut now = BootTime(1);
            let mut sent: Vec<BootTime> = Vec::new();
            for step in steps {
                now = now + Duration::from_micros(step);
                match budget.take(now) {
                    Ok(()) => sent.push(now),
                    Err(when) => prop_assert!(when > now),
                }
            }
            for (i, from) in sent.iter().enumerate() {
                for (j, to) in sent.iter().enumerate().skip(i) {
                    let allowed = f64::from(burst)
                        + to.since(*from).as_secs_f64() * f64::from(rate);
                    prop_assert!((j - i + 1) as f64 <= allowed + 1e-6);
                }
            }
        }

        #[test]
        fn the_time_it_names_is_good(rate in 1u32..1000, burst in 1u32..50, takes in 1usize..100) {
            let mut budget = Budget::new(rate, burst);
            let mut now = BootTime(9);
            for _ in 0..takes {
                if let Err(when) = budget.take(now) {
                    now = when;
                    prop_assert_eq!(budget.take(now), Ok(()));
                }
            }
        }
    }
}
