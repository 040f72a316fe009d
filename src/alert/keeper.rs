//! The task of one sink: hears, sends one thing at a time, tries again later and later, keeps its board on the disk.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::board::Board;
use super::heard::{Heard, Taken};
use super::quiet::Quiet;
use super::sink::{Kit, Refusal, Sink};
use super::store::Store;
use crate::rt::{self, Gone, Instant, Join, Lane};
use crate::types::BootTime;

/// What is heard waits here for the task, which waits for nobody.
const WAITING: usize = 1024;
/// After the first try that failed; twice as long after each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Between two writes of the board.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// A sink that has no time left is waited for that much longer: what it says itself is better.
const GRACE: Duration = Duration::from_millis(250);

/// How a sink does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// So many alerts are not sent as they are now.
    pub queued: usize,
    /// So many were sent.
    pub sent: u64,
    /// So many were dropped, because there was no room.
    pub dropped: u64,
    /// When one was sent last.
    pub sent_at: Option<BootTime>,
    /// Why the last try failed; `None`: it did not.
    pub error: Option<String>,
    /// So many tries failed, one after the other.
    pub failed: u32,
    /// Why the board is not on the disk as it is.
    pub not_kept: Option<String>,
}

/// A sink that is being told.
pub struct Running {
    to: Sender<Heard>,
    health: Arc<Mutex<Health>>,
    missed: Arc<AtomicU64>,
    task: Join<()>,
}

impl Running {
    /// Hands it on, without waiting: what has no place is dropped and counted, and told when all that stands is compared.
    pub fn hear(&self, heard: Heard) {
        if self.to.try_send(heard).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How it does.
    pub fn health(&self) -> Health {
        let mut health = locked(&self.health).clone();
        health.dropped += self.missed.load(Ordering::Relaxed);
        health
    }

    /// Lets it go: what it has is written down. The task that ends then.
    pub fn end(self) -> Join<()> {
        self.task
    }
}

fn locked(health: &Mutex<Health>) -> MutexGuard<'_, Health> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a sink's task has.
pub struct Keeper {
    /// Who is told.
    pub sink: Arc<dyn Sink>,
    /// What it works with.
    pub kit: Kit,
    /// What it has heard.
    pub board: Board,
    /// Where that is kept.
    pub store: Store,
    /// When only what is critical is told.
    pub quiet: Option<Quiet>,
}

/// The way to what is under way: the try, or the write.
type Sending = Join<Result<String, Refusal>>;

struct Run {
    keeper: Keeper,
    health: Arc<Mutex<Health>>,
    lane: Lane,
    sending: Option<(Taken, Sending)>,
    writing: Option<Join<Result<(), String>>>,
    pause: Duration,
    wait_until: Instant,
    write_at: Instant,
    unwritten: bool,
}

impl Keeper {
    /// Starts on that lane, after the task that had this sink before.
    pub fn start(self, lane: &Lane, before: Option<Join<()>>) -> Running {
        let (to, heard) = mpsc::channel(WAITING);
        let health = Arc::new(Mutex::new(Health::default()));
        let run = Run {
            keeper: self,
            health: health.clone(),
            lane: lane.clone(),
            sending: None,
            writing: None,
            pause: FIRST_PAUSE,
            wait_until: Instant::now(),
            write_at: Instant::now(),
            unwritten: false,
        };
        let task = lane.spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            run.run(heard).await;
        });
        Running {
            to,
            health,
            missed: Arc::default(),
            task,
        }
    }
}

impl Run {
    async fn run(mut self, mut heard: Receiver<Heard>) {
        self.recall().await;
        loop {
            self.keep_quiet();
            self.send_next();
            self.write_down();
            self.show();
            let wake = self.wake_at();
            tokio::select! {
                biased;
                news = heard.recv() => match news {
                    Some(news) => self.hear(news),
                    None => return self.end().await,
                },
                done = answer_of(self.sending.as_mut().map(|(_, s)| s)) => self.answered(done),
                done = answer_of(self.writing.as_mut()) => self.written(done),
                () = rt::sleep_until(wake) => {}
            }
        }
    }

    async fn recall(&mut self) {
        let store = self.keeper.store.clone();
        let read = self.lane.spawn_blocking(move || store.read()).await;
        let taken = match read {
            Ok(Ok(None)) => Ok(0),
            Ok(Ok(Some(bytes))) => self.keeper.board.recall(rt::boot(), &bytes),
            Ok(Err(why)) => Err(why),
            Err(Gone) => Err("the task that reads it ended".to_owned()),
        };
        if let Err(why) = taken {
            tracing::error!("what was to be sent to a sink before the restart is lost: {why}");
        }
    }

    fn hear(&mut self, news: Heard) {
        self.keeper.board.hear(rt::boot(), rt::wall_us(), news);
    }

    fn keep_quiet(&mut self) {
        if let Some(quiet) = self.keeper.quiet {
            let left = quiet.lasts(rt::local_minute()).unwrap_or_default();
            self.keeper.board.keep_quiet(rt::boot() + left);
        }
    }

    fn send_next(&mut self) {
        if self.sending.is_some() || Instant::now() < self.wait_until {
            return;
        }
        let Some(taken) = self.keeper.board.take(rt::boot()) else {
            return;
        };
        let (sink, kit) = (self.keeper.sink.clone(), self.keeper.kit.clone());
        let bulletin = taken.bulletin.clone();
        let work = async move {
            let sent = rt::timeout(kit.within + GRACE, sink.send(&kit, &bulletin)).await;
            sent.unwrap_or_else(|_| {
                Err(format!("no answer within {} ms", kit.within.as_millis()).into())
            })
        };
        self.sending = Some((taken, self.lane.spawn(work)));
    }

    fn answered(&mut self, done: Result<Result<String, Refusal>, Gone>) {
        let Some((taken, _)) = self.sending.take() else {
            return;
        };
        let done = done.unwrap_or_else(|Gone| {
            Err("a fault of standin ended this try; the log has a line that begins with `panic at`: please report it".to_owned().into())
        });
        let mut health = locked(&self.health);
        match done {
            Ok(_) => {
                self.keeper.board.sent(rt::boot(), &taken);
                (self.pause, self.wait_until) = (FIRST_PAUSE, Instant::now());
                health.sent += 1;
                health.sent_at = Some(rt::boot());
                (health.error, health.failed) = (None, 0);
            }
            Err(refusal) => {
                let behind = refusal.of_this.then(|| rt::boot() + LONGEST_PAUSE);
                self.keeper.board.failed(&taken, behind);
                self.wait_until = Instant::now() + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                health.error = Some(refusal.why);
                health.failed = health.failed.saturating_add(1);
            }
        }
    }

    fn write_down(&mut self) {
        self.unwritten |= self.keeper.board.take_changed();
        if !self.unwritten || self.writing.is_some() || Instant::now() < self.write_at {
            return;
        }
        self.unwritten = false;
        self.writing = Some(self.write());
    }

    fn write(&self) -> Join<Result<(), String>> {
        let (store, bytes) = (self.keeper.store.clone(), self.keeper.board.kept());
        self.lane.spawn_blocking(move || store.keep(&bytes))
    }

    fn written(&mut self, done: Result<Result<(), String>, Gone>) {
        self.writing = None;
        self.write_at = Instant::now() + WRITE_EVERY;
        let fault = match done {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(Gone) => Some("the task that writes it ended".to_owned()),
        };
        if fault.is_some() {
            self.unwritten = true;
            self.write_at = Instant::now() + LONGEST_PAUSE;
        }
        locked(&self.health).not_kept = fault;
    }

    fn show(&self) {
        let mut health = locked(&self.health);
        health.queued = self.keeper.board.queued();
        health.dropped = self.keeper.board.dropped();
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let send = match (&self.sending, self.keeper.board.due()) {
            (None, Some(due)) => Some((now + due.since(rt::boot())).max(self.wait_until)),
            (Some(_), _) | (None, None) => None,
        };
        let write = (self.unwritten && self.writing.is_none()).then_some(self.write_at);
        let far = now + Duration::from_secs(3600);
        [send, write].into_iter().flatten().fold(far, Instant::min)
    }

    /// What is under way is left; what is not sent is written down and sent after the restart.
    async fn end(mut self) {
        if let Some((taken, sending)) = self.sending.take() {
            sending.abort();
            self.keeper.board.failed(&taken, None);
        }
        if let Some(writing) = self.writing.take() {
            let _ = writing.await;
        }
        let _ = self.write().await;
    }
}

/// The end of what is under way; never, where nothing is.
async fn answer_of<T>(under_way: Option<&mut (impl Future<Output = T> + Unpin)>) -> T {
    match under_way {
        Some(work) => work.await,
        None => pending().await,
    }
}
