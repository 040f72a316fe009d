//! Tasks, and the lanes they run on: a lane is a thread (or a few) with a runtime of its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::sim;

/// Where tasks run: a runtime of tokio, or a lane of a simulated machine.
#[derive(Clone, Debug)]
pub struct Lane(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Tokio(Handle),
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
            None => Kind::Tokio(Handle::current()),
        })
    }

    /// That runtime.
    pub fn tokio(handle: Handle) -> Self {
        Lane(Kind::Tokio(handle))
    }

    /// That lane of a simulated machine.
    pub fn simulated(place: sim::Place) -> Self {
        Lane(Kind::Simulated(place))
    }

    /// What [`spawn`] starts is started here, until that is dropped.
    pub fn enter(&self) -> Entered<'_> {
        Entered(match &self.0 {
            Kind::Tokio(handle) => EnteredKind::Tokio(handle.enter()),
            Kind::Simulated(place) => EnteredKind::Simulated(sim::enter(*place)),
        })
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

/// The lane that was entered is left when this is dropped.
#[must_use = "the lane is left at once"]
#[derive(Debug)]
pub struct Entered<'a>(#[expect(dead_code, reason = "it is there to be dropped")] EnteredKind<'a>);

#[derive(Debug)]
#[expect(dead_code, reason = "they are there to be dropped")]
enum EnteredKind<'a> {
    Tokio(EnterGuard<'a>),
    Simulated(sim::Entered),
}

/// A thread with a runtime that is there from its first use until the process ends.
#[derive(Debug)]
pub struct OwnLane {
    name: &'static str,
    runtime: OnceLock<Option<Runtime>>,
}

impl OwnLane {
    /// Its thread will have this name.
    pub const fn new(name: &'static str) -> Self {
        OwnLane {
            name,
            runtime: OnceLock::new(),
        }
    }

    /// That lane; `otherwise` where no thread is to be had, and in a simulation.
    pub fn or(&self, otherwise: &Lane) -> Lane {
        if let Kind::Simulated(_) = otherwise.0 {
            return otherwise.clone();
        }
        let runtime = self.runtime.get_or_init(|| {
            let mut runtime = Builder::new_multi_thread();
            let runtime = runtime.worker_threads(1).thread_name(self.name);
            runtime.enable_all().build().ok()
        });
        let own = runtime.as_ref().map(|r| Lane::tokio(r.handle().clone()));
        own.unwrap_or_else(|| otherwise.clone())
    }
}

/// Starts a task on the lane that the caller is on.
///
/// # Panics
/// Outside any runtime and any simulation.
pub fn spawn<F>(work: F) -> Join<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Join(match sim::place() {
        Some(place) => JoinKind::simulated(place, work),
        None => JoinKind::Tokio(tokio::spawn(work)),
    })
}

/// Starts work that may block on a thread of its own, which ends with it. It can wait and sleep, and has no IO of tokio's.
/// In a simulation it is started on the lane `kind` of the machine that the caller is on.
///
/// # Errors
/// There is no thread to be had.
pub fn start_thread<F>(name: &'static str, kind: sim::Thread, work: F) -> std::io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    if let Some(place) = sim::place() {
        let thread = kind;
        drop(Lane::simulated(sim::Place { thread, ..place }).spawn(work));
        return Ok(());
    }
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || runtime.block_on(work)).map(drop)
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
#[derive(Debug)]
pub struct Join<T>(JoinKind<T>);

#[derive(Debug)]
enum JoinKind<T> {
    Tokio(JoinHandle<T>),
    Simulated(u64, oneshot::Receiver<T>),
}

impl<T: Send + 'static> JoinKind<T> {
    fn simulated(place: sim::Place, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (tx, rx) = oneshot::channel();
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
