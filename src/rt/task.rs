//! Tasks, and the lanes they run on: a lane is a thread (or a few) with a runtime of its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::sim;

/// Where tasks run: a runtime of tokio, or a lane of a simulated machine.
#[derive(Clone, Debug)]
pub struct Lane(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Tokio(tokio::runtime::Handle),
    Simulated(sim::Place),
}

impl Lane {
    /// The lane that the calling task is on.
    ///
    /// # Panics
    /// Outside any runtime and any simulation.
    pub fn current() -> Self {
        Lane(match sim::place() {
            Some(place) => Kind::Simulated(place),
            None => Kind::Tokio(tokio::runtime::Handle::current()),
        })
    }

    /// That runtime.
    pub fn tokio(handle: tokio::runtime::Handle) -> Self {
        Lane(Kind::Tokio(handle))
    }

    /// That lane of a simulated machine.
    pub fn simulated(place: sim::Place) -> Self {
        Lane(Kind::Simulated(place))
    }

    /// Starts a task.
    pub fn spawn<F>(&self, work: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.0 {
            Kind::Tokio(handle) => Join(JoinKind::Tokio(handle.spawn(work))),
            Kind::Simulated(place) => Join(JoinKind::simulated(*place, work)),
        }
    }

    /// Starts work that may block.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Join<T> {
        match &self.0 {
            Kind::Tokio(handle) => Join(JoinKind::Tokio(handle.spawn_blocking(work))),
            Kind::Simulated(place) => Join(JoinKind::simulated(*place, async move { work() })),
        }
    }
}

/// Starts a task on the lane that the caller is on.
pub fn spawn<F>(work: F) -> Join<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Lane::current().spawn(work)
}

/// Lets whatever else is ready run first.
pub async fn yield_now() {
    if !sim::running() {
        return tokio::task::yield_now().await;
    }
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A started task; dropping it lets the task go on.
pub struct Join<T>(JoinKind<T>);

enum JoinKind<T> {
    Tokio(tokio::task::JoinHandle<T>),
    Simulated(u64, tokio::sync::oneshot::Receiver<T>),
}

impl<T: Send + 'static> JoinKind<T> {
    fn simulated(place: sim::Place, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (tx, rx) = tokio::sync::oneshot::channel();
        let task = async move {
            let _ = tx.send(work.await);
        };
        JoinKind::Simulated(sim::start(place, Box::pin(task)), rx)
    }
}

impl<T> Join<T> {
    /// Ends the task where it next waits.
    pub fn abort(&self) {
        match &self.0 {
            JoinKind::Tokio(handle) => handle.abort(),
            JoinKind::Simulated(task, _) => sim::abort(*task),
        }
    }
}

/// The task was aborted or panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was aborted or panicked")
    }
}

impl std::error::Error for Gone {}

impl<T> Future for Join<T> {
    type Output = Result<T, Gone>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            JoinKind::Tokio(handle) => Pin::new(handle).poll(cx).map_err(|_| Gone),
            JoinKind::Simulated(_, end) => Pin::new(end).poll(cx).map_err(|_| Gone),
        }
    }
}
