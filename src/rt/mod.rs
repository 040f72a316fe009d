//! Time and tasks: the only place that knows whose they are.
//!
//! Everything else asks here for the time, sleeps here and starts its tasks here. On a thread without a simulation that
//! is tokio; on a thread that has one ([`sim`]) it is that simulation's virtual time, in microseconds, and its
//! executor. It is chosen at run time, so that the tests run the objects that ship. `tests/text/layering.rs` keeps others
//! from going past it.
//!
//! Four clocks: [`Instant`] stands while the machine is suspended, [`boot`] goes on (`CLOCK_BOOTTIME`; decisions
//! are made by it), [`wall_us`] and [`wall_text`] are for people and may step.

pub mod sim;
mod task;
mod time;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::types::BootTime;
pub use task::{Entered, Gone, Join, Lane, OwnLane, spawn, start_thread, yield_now};
pub use time::{
    Elapsed, Instant, Interval, Sleep, interval, sleep, sleep_until, timeout, timeout_at,
};

/// Now, by `CLOCK_BOOTTIME`: it counts suspend and never steps.
pub fn boot() -> BootTime {
    if let Some(us) = sim::boot_us() {
        return BootTime(us);
    }
    let t =
        clock_gettime(ClockId::CLOCK_BOOTTIME).expect("CLOCK_BOOTTIME exists since Linux 2.6.39");
    BootTime(t.tv_sec() as u64 * 1_000_000 + t.tv_nsec() as u64 / 1_000)
}

/// Now, in microseconds since 1970-01-01 UTC.
pub fn wall_us() -> u64 {
    sim::wall_us().unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_micros() as u64)
    })
}

/// Now, in minutes since midnight in this machine's time zone.
pub fn local_minute() -> u32 {
    let us = i64::try_from(wall_us()).unwrap_or(i64::MAX);
    let now = jiff::Timestamp::from_microsecond(us).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let now = jiff::tz::TimeZone::system().to_datetime(now);
    // Neither is negative.
    now.hour() as u32 * 60 + now.minute() as u32
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

/// Sixty-four bits that nobody can foresee: of the operating system, or of the simulation's dice. Not for keys.
pub fn random() -> u64 {
    sim::random().unwrap_or_else(|| RandomState::new().build_hasher().finish())
}
