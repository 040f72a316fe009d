//! The journal: what was decided, intended and done, one JSON object a line, never rewritten.
//!
//! A thread of its own writes it, so that a disk that hangs delays nobody: [`Journal::append`] puts an [`Entry`] into
//! a bounded queue and returns at once; the [`Ticket`] is fulfilled when the line is on the disk (`fdatasync`, one
//! for all lines that waited). After a crash [`Journal::open`] returns what can be trusted and puts the rest aside.

mod file;
mod gap;
mod line;
mod opening;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{FutureExt, Shared};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

pub use file::{Damage, Replay, files, read};
use gap::Missing;
pub use gap::{Gap, GapsSeen};

use crate::host::Disk;
use crate::host::real::RealDisk;
use crate::rt;
use crate::types::BootTime;

/// Name of the journal in its folder; older ones have `.1`, `.2` ... behind it.
pub const FILE: &str = "journal.jsonl";
/// Kind of the record whose last one of each peer is carried over a rotation.
pub const STATE: &str = "state";
/// Kind of the record whose last one is carried over a rotation too: which heartbeats were heard.
pub const HEARD: &str = "heard";
/// Kind of the record that tells of a [`Gap`], at the place where it is.
pub const LOST: &str = "lost";

/// Why entries are lost that the queue does not take.
const SLOW: &str = "the disk was slower than what was to be written";

/// True if the last record of this kind is carried over a rotation.
fn is_carried(kind: &str) -> bool {
    [STATE, HEARD].contains(&kind)
}

/// Of which record only the last one is carried: of each kind and peer.
fn carried_as(record: &Record) -> String {
    format!("{}\0{}", record.kind, record.peer)
}

/// One line of the journal. The field names are part of the interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Grows by one with each record, over restarts and rotations.
    pub seq: u64,
    /// The kernel's identity of the boot it was written in.
    pub boot_id: String,
    /// Microseconds of `CLOCK_BOOTTIME`; comparable only within one `boot_id`.
    pub boot_us: BootTime,
    /// Wall clock, RFC 3339 in UTC: for people only, it may step.
    pub wall: String,
    /// Name of the machine that wrote it.
    pub node: String,
    /// The peer it is about; empty: the daemon itself.
    pub peer: String,
    /// What kind of record it is.
    pub kind: String,
    /// Its content.
    pub data: Value,
}

/// What is to be written; the rest of the [`Record`] is filled in by the thread that writes.
pub struct Entry {
    at: BootTime,
    /// Microseconds since 1970.
    wall: u64,
    peer: String,
    kind: &'static str,
    data: Data,
}

/// Whoever appends does not make JSON: the thread that writes does.
type Data = Box<dyn FnOnce() -> Value + Send>;

impl Entry {
    /// An entry about `peer` (empty: the daemon itself) of the time `at`; the wall clock is read here.
    pub fn new(
        at: BootTime,
        peer: &str,
        kind: &'static str,
        data: impl Serialize + Send + 'static,
    ) -> Self {
        Entry {
            at,
            wall: rt::wall_us(),
            peer: peer.to_owned(),
            kind,
            data: Box::new(move || {
                let said = |e| Value::String(format!("this record could not be written: {e}"));
                serde_json::to_value(data).unwrap_or_else(said)
            }),
        }
    }
}

/// How large the journal may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A file of this many bytes is put aside and a new one begun.
    pub rotate_at: u64,
    /// So many old files are kept.
    pub keep: u32,
    /// So many entries wait for the disk; more are lost, and counted.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            rotate_at: 8 << 20,
            keep: 8,
            queue: 4096,
        }
    }
}

/// Why the journal cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another daemon has it.
    #[error(
        "the journal in {} is in use: another standin runs with this state-dir; \
         stop it, or give this one a folder of its own", dir.display()
    )]
    InUse {
        /// Its folder.
        dir: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl JournalError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
        move |source| JournalError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

/// How the journal is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Entries lost since the start because the queue was full or the disk refused them.
    pub lost: u64,
    /// What the disk said last, if its last answer was a refusal.
    pub error: Option<String>,
    /// How long the disk has not answered what it was given; `None`: it owes nothing.
    pub waits: Option<Duration>,
}

/// The writing end. Clones write into the same journal.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Job>,
    lost: Arc<AtomicU64>,
    error: Arc<Mutex<Option<String>>>,
    /// When the group that is being written was begun, microseconds of `CLOCK_BOOTTIME`; 0: none is.
    busy: Arc<AtomicU64>,
    /// What the full queue refused since it last took an entry.
    missing: Arc<Mutex<Option<Missing>>>,
    /// Gaps that the disk knows of since the start.
    gaps: Arc<AtomicU64>,
}

/// One entry on its way to the disk.
struct Job {
    entry: Entry,
    done: oneshot::Sender<bool>,
    /// What was lost between the entry before it and this one.
    before: Option<Missing>,
}

impl Journal {
    /// Opens the journal in `dir` (made if it is not there) for the machine `node` and reads what is in it.
    ///
    /// A damaged journal is no error: the good prefix is used, the rest is put aside and named in
    /// [`Replay::damage`].
    ///
    /// A disk that is full, read-only or not there is no error either: what can be read is used, nothing is durable
    /// (which [`Journal::health`] says), and it is opened again until that works.
    ///
    /// # Errors
    ///
    /// Another daemon uses the folder, or there is no thread to write with.
    pub fn open(dir: &Path, node: &str) -> Result<(Journal, Replay), JournalError> {
        Journal::open_with(dir, node, Limits::default())
    }

    /// As [`Journal::open`], with other limits.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_with(
        dir: &Path,
        node: &str,
        limits: Limits,
    ) -> Result<(Journal, Replay), JournalError> {
        Journal::open_in(
            Arc::new(RealDisk),
            &crate::sys::boot_id(),
            dir,
            node,
            limits,
        )
    }

    /// As [`Journal::open_with`], on this disk and in the boot of this identity.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_in(
        disk: Arc<dyn Disk>,
        boot_id: &str,
        dir: &Path,
        node: &str,
        limits: Limits,
    ) -> Result<(Journal, Replay), JournalError> {
        let path = dir.join(FILE);
        let (opened, refused) = match opening::open(&*disk, &path) {
            Ok((lock, file, replay)) => (Ok((lock, file, replay)), None),
            Err(e @ JournalError::InUse { .. }) => return Err(e),
            Err(e) => (Err(opening::look(&*disk, &path)), Some(e.to_string())),
        };
        let (file, lock, replay) = match opened {
            Ok((lock, file, replay)) => (Some(file), Some(lock), replay),
            Err((lock, replay)) => (None, lock?, replay),
        };
        if let Some(e) = &refused {
            tracing::error!("{e}: what is done from now on is NOT durable");
        }
        let (queue, jobs) = mpsc::channel(limits.queue);
        let lost = Arc::new(AtomicU64::new(0));
        let error = Arc::new(Mutex::new(refused));
        let busy = Arc::new(AtomicU64::new(0));
        let carried: BTreeMap<String, String> = replay
            .records
            .iter()
            .filter(|r| is_carried(&r.kind))
            .map(|r| (carried_as(r), line::encode(r)))
            .collect();
        let missing = Arc::new(Mutex::new(None));
        let gaps = Arc::new(AtomicU64::new(0));
        let writer = writer::Writer {
            disk,
            file,
            length: replay.length,
            path: path.clone(),
            node: node.to_owned(),
            boot_id: boot_id.to_owned(),
            next: replay.records.last().map_or(1, |r| r.seq + 1),
            carried,
            limits,
            lost: lost.clone(),
            error: error.clone(),
            busy: busy.clone(),
            unsaved: BTreeMap::new(),
            lock,
            // What is damaged now is told of in the journal that goes on behind it.
            missing: Missing::damaged(&replay),
            refused: missing.clone(),
            gaps: gaps.clone(),
            torn: false,
            names_owed: false,
            is_aside: false,
        };
        rt::start_thread("journal", rt::sim::Thread::Journal, writer.run(jobs))
            .map_err(JournalError::io("start the thread that writes", &path))?;
        let inner = Arc::new(Inner {
            queue,
            lost,
            error,
            busy,
            missing,
            gaps,
        });
        Ok((Journal { inner }, replay))
    }

    /// Hands an entry to the thread that writes; never blocks. If the queue is full it is lost, which is counted,
    /// told by a [`Gap`] at its place as soon as there is room, and said by the ticket.
    pub fn append(&self, entry: Entry) -> Ticket {
        let (done, ticket) = oneshot::channel();
        let missing = self.inner.missing.lock();
        // Held while the entry is queued: what is lost stands before the next that is not.
        let mut missing = missing.unwrap_or_else(PoisonError::into_inner);
        let job = Job {
            entry,
            done,
            before: missing.take(),
        };
        match self.inner.queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Closed(job)) => {
                self.inner.lost.fetch_add(1, Ordering::Relaxed);
                *missing = job.before;
                Missing::add(&mut missing, Some(Missing::one(job.entry.wall, SLOW)));
                let _ = job.done.send(false);
            }
        }
        Ticket(ticket.shared())
    }

    /// How many gaps it has since the start, as far as the disk knows; see [`GapsSeen`].
    fn gaps(&self) -> u64 {
        self.inner.gaps.load(Ordering::Relaxed)
    }

    /// How it is doing, for `status`.
    pub fn health(&self) -> Health {
        let error = self.inner.error.lock();
        Health {
            lost: self.inner.lost.load(Ordering::Relaxed),
            error: error.unwrap_or_else(PoisonError::into_inner).clone(),
            waits: match self.inner.busy.load(Ordering::Relaxed) {
                0 => None,
                since => Some(rt::boot().since(BootTime(since))),
            },
        }
    }
}

/// Says when an entry is on the disk.
/// Those who wait for one are woken in the order in which they came.
#[derive(Clone, Debug)]
pub struct Ticket(Shared<oneshot::Receiver<bool>>);

impl Ticket {
    /// Waits until the entry is on the disk, at most `timeout`. False: not yet, or it was lost.
    pub async fn durable(self, timeout: Duration) -> bool {
        // Otherwise the thread that writes has ended, or the time is over.
        matches!(rt::timeout(timeout, self.0).await, Ok(Ok(true)))
    }
}
