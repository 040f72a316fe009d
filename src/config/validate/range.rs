//! Values that must lie between two limits; the message says both.

use std::time::Duration;

use crate::config::problem::Check;
use crate::config::text::show;

/// Milliseconds, to keep tables of limits short.
pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Refuses a duration outside `least..=most`.
pub(super) fn duration(
    key: &str,
    value: Duration,
    (least, most): (Duration, Duration),
    check: &mut Check<'_>,
) {
    if value < least || value > most {
        check.error(
            key,
            format!("{} is out of range", show(value)),
            format!("from {} to {}", show(least), show(most)),
        );
    }
}

/// Refuses a number outside `least..=most`.
pub(in crate::config) fn number(
    key: &str,
    value: u32,
    (least, most): (u32, u32),
    check: &mut Check<'_>,
) {
    if value < least || value > most {
        check.error(
            key,
            format!("{value} is out of range"),
            format!("from {least} to {most}"),
        );
    }
}
