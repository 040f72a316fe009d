//! How many ARP frames may leave an interface: a token bucket, pure.
//!
//! Cisco's ARP inspection err-disables an untrusted port above 15 frames in a second, so everything
//! that sends ARP on one interface shares one [`Budget`].

use std::time::Duration;

use crate::types::BootTime;

/// A token bucket (as GCRA: one number of state). Over any stretch of time `t` it grants at most
/// `burst + rate * t` frames.
#[derive(Clone, Debug)]
pub struct Budget {
    interval: Duration,
    tolerance: Duration,
    // The time at which the bucket would be full again.
    full_at: BootTime,
}

impl Budget {
    /// `per_second` frames in the long run, `burst` at once. Zero is taken as one: a budget that
    /// lets nothing out would silence an announcement for ever.
    pub fn new(per_second: u32, burst: u32) -> Self {
        // Rounded up, so that rounding can only make us slower than the budget.
        let micros = 1_000_000u64.div_ceil(u64::from(per_second.max(1)));
        let interval = Duration::from_micros(micros);
        Budget {
            interval,
            tolerance: interval * (burst.max(1) - 1),
            full_at: BootTime::default(),
        }
    }

    /// `per_second` frames with the default burst: a tenth of a second's worth, at least one.
    pub fn per_second(per_second: u32) -> Self {
        Self::new(per_second, per_second / 10)
    }

    /// Takes one frame out of the bucket.
    ///
    /// # Errors
    /// The time at which there will be one; asking earlier changes nothing.
    pub fn take(&mut self, now: BootTime) -> Result<(), BootTime> {
        let earliest = self.full_at - self.tolerance;
        if now < earliest {
            return Err(earliest);
        }
        self.full_at = self.full_at.max(now) + self.interval;
        Ok(())
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
        for _ in 0..20 {
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
