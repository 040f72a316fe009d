//! How much of what is asked gets lost, and what silence is worth then. Pure statistics.
//!
//! A round is one question (or several at one instant) with its answer: it is lost if either way loses it. Rounds are
//! taken to be lost independently of each other. A link that loses them in runs longer than the time to notice, and
//! that of the peer alone, cannot be told from a dead peer by asking: `check` prints how long such a gap may be.

/// The confidence of the bounds: 95 %, one-sided.
const ALPHA: f64 = 0.05;
/// The loss that is assumed where nothing was measured yet.
pub const UNKNOWN: f64 = 0.5;
/// No bound is taken to be better than this, so that one lost frame never makes a verdict by itself.
const FLOOR: f64 = 1e-4;
/// Bisections of a bound: 2^-40 is finer than anything that is decided by it.
const STEPS: u32 = 40;

/// The upper 95 % bound of the loss of which `lost` of `asked` rounds were lost (Clopper and Pearson, exact): with a
/// greater loss so few would have been lost in less than 5 % of all cases. [`UNKNOWN`] where nothing was asked.
pub fn upper_bound(lost: u32, asked: u32) -> f64 {
    if asked == 0 {
        return UNKNOWN;
    }
    if lost >= asked {
        return 1.0;
    }
    if lost == 0 {
        return (1.0 - ALPHA.powf(1.0 / f64::from(asked))).max(FLOOR);
    }
    let (mut low, mut high) = (f64::from(lost) / f64::from(asked), 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if at_most(lost, asked, middle) > ALPHA {
            low = middle;
        } else {
            high = middle;
        }
    }
    high.max(FLOOR)
}

/// The probability that a living peer leaves `rounds` rounds unanswered, one after the other.
pub fn silence(loss: f64, rounds: u32) -> f64 {
    loss.powf(f64::from(rounds))
}

/// How many rounds must go unanswered until a living peer would be that silent with a probability below `less`.
pub fn rounds(loss: f64, less: f64) -> u32 {
    if loss >= 1.0 {
        return u32::MAX;
    }
    let n = (less.ln() / loss.max(FLOOR).ln()).ceil();
    // The cast saturates.
    (n as u32).max(1)
}

/// The probability that at most `k` of `n` rounds are lost, each with probability `p` above `k / n`.
fn at_most(k: u32, n: u32, p: f64) -> f64 {
    if p >= 1.0 {
        return 0.0;
    }
    let (kf, nf) = (f64::from(k), f64::from(n));
    let choose = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let mut term = (choose + kf * p.ln() + (nf - kf) * (1.0 - p).ln()).exp();
    let mut sum = 0.0;
    // Downwards from `k` the terms become smaller and smaller.
    for i in (0..=k).rev() {
        sum += term;
        if term < sum * 1e-12 {
            break;
        }
        let i = f64::from(i);
        term *= i * (1.0 - p) / ((nf - i + 1.0) * p);
    }
    sum
}

/// `ln(n!)`; exact below 16, Stirling's series from there (its error is below 1e-10).
fn ln_factorial(n: u32) -> f64 {
    if n < 16 {
        return (2..=n).map(|i| f64::from(i).ln()).sum();
    }
    let x = f64::from(n);
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(is: f64, wanted: f64) {
        assert!((is - wanted).abs() < 1e-4, "{is} is not {wanted}");
    }

    /// Values of the beta distribution's quantiles, `qbeta(0.95, k + 1, n - k)`.
    #[test]
    fn bounds_are_those_of_the_tables() {
        near(upper_bound(0, 600), 0.004_98);
        near(upper_bound(0, 32), 0.089_35);
        near(upper_bound(1, 10), 0.394_16);
        near(upper_bound(5, 10), 0.777_56);
        near(upper_bound(10, 10), 1.0);
        near(upper_bound(50, 100), 0.586_39);
        near(upper_bound(0, 0), UNKNOWN);
    }

    #[test]
    fn a_link_without_loss_needs_two_rounds_and_one_of_forty_per_cent_many() {
        assert_eq!(rounds(upper_bound(0, 600), 1e-6), 3);
        assert_eq!(rounds(0.64, 1e-6), 31);
        assert_eq!(rounds(1.0, 1e-6), u32::MAX);
    }

    proptest! {
        #[test]
        fn a_bound_is_above_what_was_seen_and_grows_with_it(n in 1u32..4000, k in 0u32..4000) {
            let k = k % (n + 1);
            let bound = upper_bound(k, n);
            prop_assert!(bound > f64::from(k) / f64::from(n) || k == n);
            prop_assert!(bound <= 1.0);
            if k < n {
                prop_assert!(upper_bound(k + 1, n) >= bound);
                prop_assert!(upper_bound(k, n + 1) <= bound);
            }
        }

        #[test]
        fn it_covers_the_truth_in_at_least_ninety_five_of_a_hundred(n in 1u32..300, p in 0.001f64..0.999) {
            // Exact: the probability of all counts whose bound is below the truth.
            let missed: f64 = (0..=n)
                .filter(|k| upper_bound(*k, n) < p)
                .map(|k| {
                    let (kf, nf) = (f64::from(k), f64::from(n));
                    let choose = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
                    (choose + kf * p.ln() + (nf - kf) * (1.0 - p).ln()).exp()
                })
                .sum();
            prop_assert!(missed <= ALPHA + 1e-6, "{missed}");
        }

        #[test]
        fn as_many_rounds_are_enough_and_one_less_is_not(p in 0.001f64..0.99, exponent in 1i32..12) {
            let less = 10f64.powi(-exponent);
            let n = rounds(p, less);
            prop_assert!(silence(p, n) <= less * 1.000_001);
            if n > 1 {
                prop_assert!(silence(p, n - 1) > less * 0.999_999);
            }
        }
    }
}
