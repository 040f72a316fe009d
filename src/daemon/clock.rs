//! The clocks: `CLOCK_BOOTTIME` for decisions, the wall clock for people.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::types::BootTime;

/// Now, by `CLOCK_BOOTTIME`: it counts suspend and never steps.
pub fn now() -> BootTime {
    let t =
        clock_gettime(ClockId::CLOCK_BOOTTIME).expect("CLOCK_BOOTTIME exists since Linux 2.6.39");
    BootTime(t.tv_sec() as u64 * 1_000_000 + t.tv_nsec() as u64 / 1_000)
}

/// Now, in microseconds since 1970-01-01 UTC.
pub fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_micros() as u64)
}

/// The kernel's random identity of this boot (`/proc/sys/kernel/random/boot_id`).
pub fn boot_id() -> String {
    std::fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id"))
        .map_or_else(|_| "unknown".to_owned(), |s| s.trim().to_owned())
}

/// Now as RFC 3339 in UTC, to the millisecond.
pub fn wall_text() -> String {
    wall_text_of(wall_us())
}

/// A time in microseconds since 1970-01-01 UTC as RFC 3339, to the millisecond.
pub fn wall_text_of(us: u64) -> String {
    let us = i64::try_from(us).unwrap_or(i64::MAX);
    let now = jiff::Timestamp::from_microsecond(us).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    now.round(jiff::Unit::Millisecond)
        .unwrap_or(now)
        .to_string()
}
