//! The log's way out: a bounded queue and a thread that writes. Whoever logs never waits for whoever reads: what does not
//! fit is dropped and counted, and both the log, when it is read again, and `status` say so.
//!
//! Why not `tracing-appender`: its lossy `NonBlocking` counts too, but does not tell since when, waits for its worker
//! when it ends, and brings a channel and a calendar of its own for these hundred lines.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::run_loop::Loop;
use crate::rt::{self, Instant};
use crate::takeover::action::Level;
use crate::types::BootTime;

/// Lines that wait for the writer; a line is some hundred bytes.
const QUEUE: usize = 4096;
/// A longer line is cut: one line must not hold megabytes.
const LONGEST: usize = 16 << 10;
/// At the end, what is queued has this long to be written.
const AT_THE_END: Duration = Duration::from_millis(300);

/// A line that nobody has taken for so long is said.
const STUCK: Duration = Duration::from_secs(3);

/// The queue of this process, once [`LogQueue::start`] was called.
static OURS: OnceLock<LogQueue> = OnceLock::new();

/// What was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines that were dropped since the start.
    pub lines: u64,
    /// When the first of those was dropped that the log does not tell yet; `None`: the log is being read.
    pub since: Option<BootTime>,
    /// Since when whoever reads the log has not taken the line that is being written; `None`: it owes nothing.
    pub stuck: Option<BootTime>,
}

/// The writing end; clones write into the same queue.
#[derive(Clone, Debug)]
pub struct LogQueue {
    queue: SyncSender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Lines given to the queue, and lines written.
    given: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
    /// Microseconds of `CLOCK_BOOTTIME`; 0: none is dropped.
    since: AtomicU64,
    /// When the line that is being written was begun; 0: none is.
    busy: AtomicU64,
}

impl LogQueue {
    /// Starts the thread that writes to `to`.
    ///
    /// # Errors
    ///
    /// The operating system has no more threads.
    pub fn start(to: impl Write + Send + 'static) -> io::Result<LogQueue> {
        let (queue, lines) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .stack_size(256 << 10)
            .spawn(move || write_lines(to, &lines, &theirs))?;
        let made = LogQueue { queue, shared };
        let _ = OURS.set(made.clone());
        Ok(made)
    }

    /// What was dropped by the queue of this process.
    pub fn dropped() -> Dropped {
        OURS.get().map(|q| q.shared.dropped()).unwrap_or_default()
    }

    /// Before the process ends: waits until what is queued is written, but not for a reader that has stopped.
    pub fn drain() {
        let Some(q) = OURS.get() else { return };
        let until = Instant::now() + AT_THE_END;
        let left = || {
            let given = q.shared.given.load(Ordering::Acquire);
            given != q.shared.written.load(Ordering::Acquire)
        };
        while left() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn give(&self, mut line: Vec<u8>) {
        if line.len() > LONGEST {
            line.truncate(LONGEST);
            line.extend_from_slice(b" ... (cut)\n");
        }
        match self.queue.try_send(line) {
            Ok(()) => {
                self.shared.given.fetch_add(1, Ordering::AcqRel);
            }
            Err(_) => {
                self.shared.dropped.fetch_add(1, Ordering::AcqRel);
                let now = rt::boot().0.max(1);
                let first = (Ordering::AcqRel, Ordering::Relaxed);
                let _ = self.shared.since.compare_exchange(0, now, first.0, first.1);
            }
        }
    }
}

impl Shared {
    fn dropped(&self) -> Dropped {
        let time = |at: &AtomicU64| match at.load(Ordering::Acquire) {
            0 => None,
            us => Some(BootTime(us)),
        };
        Dropped {
            lines: self.dropped.load(Ordering::Acquire),
            since: time(&self.since),
            stuck: time(&self.busy),
        }
    }
}

fn write_lines(mut to: impl Write, lines: &Receiver<Vec<u8>>, shared: &Shared) {
    let mut told = 0;
    loop {
        let line = match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if let Some(line) = line {
            // A log that cannot be written has no log to say so in; `status` counts what does not fit.
            shared.busy.store(rt::boot().0.max(1), Ordering::Release);
            let _ = to.write_all(&line).and_then(|()| to.flush());
            shared.busy.store(0, Ordering::Release);
            shared.written.fetch_add(1, Ordering::AcqRel);
        }
        let dropped = shared.dropped.load(Ordering::Acquire);
        if dropped > told {
            let since = shared.since.swap(0, Ordering::AcqRel);
            let ago = rt::boot().since(BootTime(since)).as_secs();
            let wall = rt::wall_text();
            let said = format!(
                "{wall}  WARN the log was not read: {} lines were dropped since {ago} s ago\n",
                dropped - told
            );
            told = dropped;
            let _ = to.write_all(said.as_bytes());
        }
    }
}

/// One line on its way; given to the queue as a whole when it ends.
#[derive(Debug)]
pub struct Line<'a> {
    queue: &'a LogQueue,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.queue.give(std::mem::take(&mut self.text));
        }
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            queue: self,
            text: Vec::new(),
        }
    }
}

impl Loop {
    /// A log that nobody reads is told by `status`: it cannot tell itself.
    pub(super) fn look_at_the_log(&mut self) {
        let dropped = LogQueue::dropped();
        let now = rt::boot();
        let stuck = dropped.stuck.filter(|at| now.since(*at) > STUCK);
        match (dropped.since, stuck) {
            (None, Some(at)) => self.raise(None, "log", Level::Warning, format!(
                "nobody has read the log (standard error) for {} s; what does not fit will be dropped, and standin goes on. Look at journald, or whatever reads it",
                now.since(at).as_secs()
            )),
            (Some(since), _) => {
                let ago = now.since(since).as_secs();
                self.raise(None, "log", Level::Warning, format!(
                    "nobody reads the log (standard error): {} lines were dropped, the first {ago} s ago; standin goes on. Look at journald, or whatever reads it",
                    dropped.lines
                ));
            }
            (None, None) => self.settle(None, "log", "the log is read again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// A reader that has stopped until it is told to go on.
    type Held = (Mutex<(bool, Vec<u8>)>, Condvar);
    #[derive(Clone, Default)]
    struct Stopped(Arc<Held>);

    impl Write for Stopped {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let held = self.0.0.lock().unwrap();
            let mut held = self.0.1.wait_while(held, |(goes_on, _)| !*goes_on).unwrap();
            held.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stops_makes_nobody_wait_and_is_told_how_much_it_missed() {
        let reader = Stopped::default();
        let queue = LogQueue::start(reader.clone()).unwrap();
        let began = Instant::now();
        for n in 0..3 * QUEUE {
            writeln!(queue.make_writer(), "line {n}").unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "it waited");
        let dropped = queue.shared.dropped();
        assert!(dropped.lines as usize >= QUEUE, "{dropped:?}");
        assert!(dropped.since.is_some());
        let (held, go_on) = &*reader.0;
        held.lock().unwrap().0 = true;
        go_on.notify_all();
        let until = Instant::now() + Duration::from_secs(10);
        let said = loop {
            let said = String::from_utf8(held.lock().unwrap().1.clone()).unwrap();
            if said.contains("lines were dropped") && queue.shared.dropped().since.is_none() {
                break said;
            }
            assert!(Instant::now() < until, "{}", said.len());
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(
            said.starts_with("line 0\n") && said.contains("\nline 1\n"),
            "{}",
            &said[..40]
        );
        let words = format!("{} lines were dropped", dropped.lines);
        assert!(said.contains(&words), "{words}");
    }
}
