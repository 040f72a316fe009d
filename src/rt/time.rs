//! Instants, sleeps and deadlines.
//!
//! The real ones are tokio's own futures, not wrapped in anything that allocates: what they promise (a timer of
//! milliseconds, a timeout that fires also where its work is always ready to go on) stays as it is.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::{Add, AddAssign, Sub};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::Either;

use super::sim::{self, Timer};

/// A moment of this machine's monotonic clock; it stands while the machine is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

/// So much before the first call: what is subtracted from an early moment must not run into zero.
const PAST: Duration = Duration::from_secs(1_000_000_000);

/// When real time was first asked for. tokio's: where its clock is paused (the fuzz targets), ours is too.
fn first() -> tokio::time::Instant {
    static FIRST: OnceLock<tokio::time::Instant> = OnceLock::new();
    *FIRST.get_or_init(tokio::time::Instant::now)
}

impl Instant {
    /// Now.
    pub fn now() -> Self {
        match sim::mono_us() {
            Some(us) => Instant(Duration::from_micros(us)),
            None => Instant(PAST + first().elapsed()),
        }
    }

    /// Time since then, or zero.
    pub fn elapsed(self) -> Duration {
        Instant::now() - self
    }

    /// Time since `earlier`, or zero where it is later.
    pub fn saturating_duration_since(self, earlier: Instant) -> Duration {
        self - earlier
    }

    /// Time since `earlier`, or zero where it is later.
    pub fn duration_since(self, earlier: Instant) -> Duration {
        self - earlier
    }

    /// Rounded up: a timer never fires early.
    fn micros(self) -> u64 {
        u64::try_from(self.0.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
    }

    /// `None`: later than any clock tells.
    fn real(self) -> Option<tokio::time::Instant> {
        first().checked_add(self.0.saturating_sub(PAST))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, more: Duration) -> Instant {
        Instant(self.0.saturating_add(more))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, more: Duration) {
        *self = *self + more;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, less: Duration) -> Instant {
        Instant(self.0.saturating_sub(less))
    }
}

impl Sub for Instant {
    type Output = Duration;
    /// Zero where `earlier` is later.
    fn sub(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Is ready at its time.
pub type Sleep = Either<tokio::time::Sleep, Timer>;

/// Sleeps until then.
pub fn sleep_until(at: Instant) -> Sleep {
    if sim::running() {
        return Either::Right(Timer::new(at.micros()));
    }
    Either::Left(match at.real() {
        Some(at) => tokio::time::sleep_until(at),
        None => tokio::time::sleep(Duration::MAX),
    })
}

/// Sleeps for so long.
pub fn sleep(long: Duration) -> Sleep {
    sleep_until(Instant::now() + long)
}

/// The deadline passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

/// What `work` gives, unless the deadline comes first.
///
/// # Errors
/// [`Elapsed`], and `work` is dropped.
pub fn timeout_at<F: IntoFuture>(
    at: Instant,
    work: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    if sim::running() {
        return Either::Right(Limited {
            work: Box::pin(work.into_future()),
            timer: Timer::new(at.micros()),
        });
    }
    let limited = match at.real() {
        Some(at) => tokio::time::timeout_at(at, work),
        None => tokio::time::timeout(Duration::MAX, work),
    };
    Either::Left(limited.map_err(|_| Elapsed))
}

/// What `work` gives, unless it takes longer than `within`.
///
/// # Errors
/// [`Elapsed`], and `work` is dropped.
pub fn timeout<F: IntoFuture>(
    within: Duration,
    work: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    timeout_at(Instant::now() + within, work)
}

/// Work with a deadline in virtual time.
struct Limited<F> {
    work: Pin<Box<F>>,
    timer: Timer,
}

impl<F: Future> Future for Limited<F> {
    type Output = Result<F::Output, Elapsed>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.work.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => Pin::new(&mut self.timer).poll(cx).map(|()| Err(Elapsed)),
        }
    }
}

/// Ticks at once and then each `period`.
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    next: Instant,
}

/// Ticks at once and then each `period`; what was missed is made up for.
pub fn interval(period: Duration) -> Interval {
    Interval {
        period,
        next: Instant::now(),
    }
}

impl Interval {
    /// Waits for the next tick. Cancelling it loses none.
    pub async fn tick(&mut self) {
        sleep_until(self.next).await;
        self.next += self.period;
    }
}
