//! Instants, sleeps and deadlines.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::ops::{Add, AddAssign, Sub};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use super::sim;

/// A moment of this machine's monotonic clock; it stands while the machine is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// Now.
    pub fn now() -> Self {
        // So much before the first call: what is subtracted from an early moment must not run into zero.
        const PAST: Duration = Duration::from_secs(1_000_000_000);
        static ANCHOR: OnceLock<std::time::Instant> = OnceLock::new();
        match sim::mono_us() {
            Some(us) => Instant(Duration::from_micros(us)),
            None => Instant(PAST + ANCHOR.get_or_init(std::time::Instant::now).elapsed()),
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

    /// Then and `more`, if that can be told.
    pub fn checked_add(self, more: Duration) -> Option<Instant> {
        self.0.checked_add(more).map(Instant)
    }

    /// Then, less `less`, if that can be told.
    pub fn checked_sub(self, less: Duration) -> Option<Instant> {
        self.0.checked_sub(less).map(Instant)
    }

    /// Rounded up: a timer never fires early.
    fn micros(self) -> u64 {
        u64::try_from(self.0.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
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
pub struct Sleep(Kind);

enum Kind {
    Real(Pin<Box<tokio::time::Sleep>>),
    Simulated { at: u64, timer: Option<u64> },
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Kind::Real(sleep) => sleep.as_mut().poll(cx),
            Kind::Simulated { at, timer } => sim::poll_sleep(*at, timer, cx),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Kind::Simulated {
            timer: Some(timer), ..
        } = &self.0
        {
            sim::drop_timer(*timer);
        }
    }
}

/// Sleeps until then.
pub fn sleep_until(at: Instant) -> Sleep {
    Sleep(if sim::running() {
        Kind::Simulated {
            at: at.micros(),
            timer: None,
        }
    } else {
        // tokio's timers are by the millisecond; the loop of the fast path is not in need of more.
        Kind::Real(Box::pin(tokio::time::sleep(at - Instant::now())))
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
pub async fn timeout_at<F: IntoFuture>(at: Instant, work: F) -> Result<F::Output, Elapsed> {
    let mut work = pin!(work.into_future());
    let mut sleep = sleep_until(at);
    poll_fn(move |cx| match work.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Ok(value)),
        Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| Err(Elapsed)),
    })
    .await
}

/// What `work` gives, unless it takes longer than `within`.
///
/// # Errors
/// [`Elapsed`], and `work` is dropped.
pub async fn timeout<F: IntoFuture>(within: Duration, work: F) -> Result<F::Output, Elapsed> {
    timeout_at(Instant::now() + within, work).await
}

/// Ticks at once and then each `period`.
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
    /// Waits for the next tick.
    pub async fn tick(&mut self) {
        sleep_until(self.next).await;
        self.next += self.period;
    }
}
