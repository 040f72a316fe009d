//! The thread that writes: lines in the order of the queue, one `fdatasync` for all that waited.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::file::{numbered, sync_dir};
use super::gap::Missing;
use super::{Entry, Job, LOST, Limits, Record, carried_as, is_carried, line, opening};
use crate::host::{Disk, DiskFile, DiskLock};
use crate::rt;

/// Lines that share one `fdatasync` at most.
const GROUP: usize = 256;

/// A disk that refused is asked again after this.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    pub disk: Arc<dyn Disk>,
    /// `None`: it could not be opened yet.
    pub file: Option<Box<dyn DiskFile>>,
    /// Bytes of the file that are whole lines.
    pub length: u64,
    pub path: PathBuf,
    pub node: String,
    pub boot_id: String,
    /// Number of the next record.
    pub next: u64,
    /// The last state line of each peer.
    pub carried: BTreeMap<String, String>,
    pub limits: Limits,
    pub lost: Arc<AtomicU64>,
    pub error: Arc<Mutex<Option<String>>>,
    /// When the group that is being written was begun, microseconds of `CLOCK_BOOTTIME`; 0: none is.
    pub busy: Arc<AtomicU64>,
    /// The last of each kind that is carried and that the disk refused: written as soon as it takes anything, or a
    /// journal that is written again would still say what was before.
    pub unsaved: BTreeMap<String, Record>,
    /// What the journal lacks, until a line tells of it.
    pub missing: Option<Missing>,
    /// What the queue did not take, and no entry behind it has told of yet.
    pub refused: Arc<Mutex<Option<Missing>>>,
    /// Gaps of which lines tell.
    pub gaps: Arc<AtomicU64>,
    /// Behind the whole lines there may be half of one that could not be cut off.
    pub torn: bool,
    /// The names in the folder are not durable, so that after a loss of power nothing in this file might be found.
    pub names_owed: bool,
    /// The file has its numbered name already, from a rotation that failed then.
    pub is_aside: bool,
    /// As long as this thread may write, nobody else may.
    pub lock: Option<Box<dyn DiskLock>>,
}

impl Writer {
    /// Writes until the last [`super::Journal`] is gone and the queue is empty.
    pub async fn run(mut self, mut jobs: Receiver<Job>) {
        let mut rotate_at = self.limits.rotate_at;
        loop {
            let first = match self.owes() {
                false => Ok(jobs.recv().await),
                true => rt::timeout(AGAIN, jobs.recv()).await,
            };
            let group: Vec<Job> = match first {
                Ok(Some(first)) => [first]
                    .into_iter()
                    .chain(std::iter::from_fn(|| jobs.try_recv().ok()).take(GROUP - 1))
                    .collect(),
                Ok(None) => {
                    let last = self.refused(&jobs);
                    if self.owes() || last.is_some() {
                        self.take(Vec::new(), last);
                    }
                    return;
                }
                Err(rt::Elapsed) => Vec::new(),
            };
            let refused = self.refused(&jobs);
            self.take(group, refused);
            if self.length >= rotate_at {
                let rotated = self.rotate();
                // A rotation that failed is tried again later, not with every line.
                rotate_at = match rotated {
                    Ok(()) => self.limits.rotate_at,
                    Err(_) => self.length + self.limits.rotate_at / 8,
                };
                self.note(rotated);
            }
        }
    }

    /// True if something is to be written whether or not anything comes.
    fn owes(&self) -> bool {
        self.file.is_none() || !self.unsaved.is_empty() || self.missing.is_some()
    }

    /// What the queue refused, if nothing stands behind it that would tell.
    fn refused(&self, jobs: &Receiver<Job>) -> Option<Missing> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever appends has the lock: what is not in the queue now comes after what is taken here.
        refused.take_if(|_| jobs.is_empty())
    }

    /// Writes what it owes, then these, then that something was refused behind them; and answers.
    fn take(&mut self, group: Vec<Job>, refused: Option<Missing>) {
        let began = rt::boot();
        self.busy.store(began.0.max(1), Ordering::Relaxed);
        if let Err(e) = self.reopen() {
            self.note(Err(e));
        }
        let first_number = self.next;
        let mut lines: Vec<Record> = Vec::with_capacity(group.len() + 1);
        let (mut gaps, mut missing) = (0, None);
        let mut tell = |writer: &mut Self, lines: &mut Vec<Record>, gap: Option<Missing>| {
            if let Some(gap) = gap {
                lines.push(writer.record(Entry::new(began, "", LOST, gap.told())));
                Missing::add(&mut missing, Some(gap));
                gaps += 1;
            }
        };
        let told = self.missing.take();
        tell(self, &mut lines, told);
        for (_, old) in std::mem::take(&mut self.unsaved) {
            lines.push(self.renumbered(old));
        }
        let mut tickets = Vec::with_capacity(group.len());
        let mut times = Vec::with_capacity(group.len());
        for Job {
            entry,
            done,
            before,
        } in group
        {
            tell(self, &mut lines, before);
            times.push(entry.wall);
            lines.push(self.record(entry));
            tickets.push(done);
        }
        tell(self, &mut lines, refused);
        let written = self.write(&lines);
        match &written {
            Ok(()) => {
                self.gaps.fetch_add(gaps, Ordering::Relaxed);
            }
            Err(e) => {
                let why = format!("the disk said: {e}");
                for wall in times {
                    Missing::add(&mut missing, Some(Missing::one(wall, &why)));
                }
                self.missing = missing;
                let carried = lines.into_iter().filter(|l| is_carried(&l.kind));
                self.unsaved = carried.map(|l| (carried_as(&l), l)).collect();
                // Numbers without lines would read as damage of the next file's order; give them out again.
                self.next = first_number;
                self.lost.fetch_add(tickets.len() as u64, Ordering::Relaxed);
            }
        }
        let durable = written.is_ok();
        self.note(written);
        self.busy.store(0, Ordering::Relaxed);
        // At the end: whoever waits for the answer may look at the health next.
        for ticket in tickets {
            let _ = ticket.send(durable);
        }
    }

    fn record(&mut self, entry: Entry) -> Record {
        let seq = self.next;
        self.next += 1;
        Record {
            seq,
            boot_id: self.boot_id.clone(),
            boot_us: entry.at,
            wall: rt::wall_text_of(entry.wall),
            node: self.node.clone(),
            peer: entry.peer,
            kind: entry.kind.to_owned(),
            data: (entry.data)(),
        }
    }

    fn renumbered(&mut self, mut record: Record) -> Record {
        record.seq = self.next;
        self.next += 1;
        record
    }

    /// A journal that could not be opened at the start is opened as soon as the disk lets it be.
    fn reopen(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        match opening::open_again(&*self.disk, &self.path, self.lock.take()) {
            Ok((lock, file, replay)) => {
                let last = replay.records.last().map_or(0, |r| r.seq);
                self.next = self.next.max(last + 1);
                self.length = replay.length;
                (self.lock, self.file) = (Some(lock), Some(file));
                Missing::add(&mut self.missing, Missing::damaged(&replay));
                if let Some(damage) = replay.damage {
                    tracing::error!("{damage}");
                }
                Ok(())
            }
            Err((lock, e)) => {
                self.lock = lock;
                Err(io::Error::other(e))
            }
        }
    }

    fn write(&mut self, records: &[Record]) -> io::Result<()> {
        let mut text = String::new();
        let mut states = Vec::new();
        for record in records {
            let line = line::encode(record);
            text.push_str(&line);
            text.push('\n');
            if is_carried(&record.kind) {
                states.push((carried_as(record), line));
            }
        }
        if self.file.is_some() {
            self.mend()?;
        }
        let Some(file) = &mut self.file else {
            let said = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(io::Error::other(said.clone().unwrap_or_default()));
        };
        if text.is_empty() {
            return Ok(());
        }
        let done = file.write(text.as_bytes()).and_then(|()| file.sync_data());
        if let Err(e) = done {
            self.torn = true;
            // If it cannot be cut off now, then before the next line.
            let _ = self.mend();
            return Err(e);
        }
        self.length += text.len() as u64;
        self.carried.extend(states);
        Ok(())
    }

    /// Makes the file one to whose end a line may be written. Half a line in the middle of it would cost all that is
    /// written after it.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn
            && let Some(file) = &mut self.file
        {
            file.cut(self.length)?;
            self.torn = false;
        }
        if self.names_owed {
            self.settle_names()?;
        }
        Ok(())
    }

    fn settle_names(&mut self) -> io::Result<()> {
        self.names_owed = true;
        if let Some(dir) = self.path.parent() {
            sync_dir(&*self.disk, dir).map_err(io::Error::other)?;
        }
        self.names_owed = false;
        Ok(())
    }

    /// Puts the file aside and begins a new one with the last state of each peer. The journal's name always stands
    /// for a whole file: the old one gets a second name before the new one takes its first.
    fn rotate(&mut self) -> io::Result<()> {
        self.mend()?;
        let new = self.path.with_extension("jsonl.new");
        let disk = self.disk.clone();
        ignore_missing(disk.remove(&new))?;
        let mut file = disk.append_to(&new, true)?;
        // In the order of their numbers: a journal's numbers only grow.
        let mut carried: Vec<(u64, &String)> = self
            .carried
            .values()
            .filter_map(|l| Some((line::decode(l.as_bytes()).ok()?.seq, l)))
            .collect();
        carried.sort_unstable();
        let text: String = carried.iter().map(|(_, l)| format!("{l}\n")).collect();
        file.write(text.as_bytes())?;
        file.sync_all()?;
        if !self.is_aside {
            self.put_aside()?;
        }
        disk.rename(&new, &self.path)?;
        self.is_aside = false;
        self.file = Some(file);
        self.length = text.len() as u64;
        self.torn = false;
        self.settle_names()
    }

    /// Gives the file the first of the numbered names too, and those before it the next. What fails half way is gone on
    /// with: tried again from the beginning, each try would push the oldest one out.
    fn put_aside(&mut self) -> io::Result<()> {
        let (old, first) = (
            self.path.with_extension("jsonl.old"),
            numbered(&self.path, 1),
        );
        ignore_missing(self.disk.remove(&old))?;
        // Where links are not possible this fails here, before any older journal has moved.
        self.disk.link(&self.path, &old)?;
        match self.disk.link(&old, &first) {
            Ok(()) => self.disk.remove(&old)?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let keep = self.limits.keep.max(1);
                ignore_missing(self.disk.remove(&numbered(&self.path, keep)))?;
                for n in (1..keep).rev() {
                    let (from, to) = (numbered(&self.path, n), numbered(&self.path, n + 1));
                    ignore_missing(self.disk.rename(&from, &to))?;
                }
                self.disk.rename(&old, &first)?;
            }
            Err(e) => return Err(e),
        }
        self.is_aside = true;
        Ok(())
    }

    /// Keeps what the disk said for `status`; said in the log once, when it changes.
    fn note(&self, result: io::Result<()>) {
        let now = result.err().map(|e| e.to_string());
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if now != *error {
            let path = self.path.display();
            match &now {
                Some(e) => tracing::error!("cannot write the journal {path}: {e}"),
                None => tracing::warn!("the journal {path} is written again"),
            }
            *error = now;
        }
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
