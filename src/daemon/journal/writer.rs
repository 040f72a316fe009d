//! The thread that writes: lines in the order of the queue, one `fdatasync` for all that waited.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::Receiver;

use super::file::{numbered, sync_dir};
use super::{Entry, Job, LOST, Limits, Record, STATE, carried_as, is_carried, line, opening};
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
    /// The last state of each peer that the disk refused: written as soon as it takes anything, or a journal that is
    /// written again would still say what was before.
    pub unsaved: BTreeMap<String, Record>,
    /// As long as this thread may write, nobody else may.
    pub lock: Option<Box<dyn DiskLock>>,
}

impl Writer {
    /// Writes until the last [`super::Journal`] is gone and the queue is empty.
    pub async fn run(mut self, mut jobs: Receiver<Job>) {
        let mut reported = 0;
        let mut rotate_at = self.limits.rotate_at;
        loop {
            let refused = self.file.is_none() || !self.unsaved.is_empty();
            let first = match refused {
                false => Ok(jobs.recv().await),
                true => rt::timeout(AGAIN, jobs.recv()).await,
            };
            let group: Vec<Job> = match first {
                Ok(Some(first)) => [first]
                    .into_iter()
                    .chain(std::iter::from_fn(|| jobs.try_recv().ok()).take(GROUP - 1))
                    .collect(),
                Ok(None) => return,
                Err(rt::Elapsed) => Vec::new(),
            };
            let began = rt::boot();
            self.busy.store(began.0.max(1), Ordering::Relaxed);
            if let Err(e) = self.reopen() {
                self.note(Err(e));
            }
            let lost = self.lost.load(Ordering::Relaxed);
            let first_number = self.next;
            let mut lines: Vec<Record> = Vec::with_capacity(group.len() + 1);
            if lost > reported {
                let said = json!({ "lost": lost - reported });
                let entry = Entry::new(began, "", LOST, said);
                lines.push(self.record(entry));
            }
            for (_, old) in std::mem::take(&mut self.unsaved) {
                lines.push(self.renumbered(old));
            }
            let mut tickets = Vec::with_capacity(group.len());
            for Job { entry, done } in group {
                lines.push(self.record(entry));
                tickets.push(done);
            }
            let written = self.write(&lines);
            match &written {
                Ok(()) => reported = lost,
                Err(_) => {
                    let states = lines.into_iter().filter(|l| l.kind == STATE);
                    self.unsaved = states.map(|l| (l.peer.clone(), l)).collect();
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
                ticket.send_replace(Some(durable));
            }
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
        let Some(file) = &mut self.file else {
            let said = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(io::Error::other(said.clone().unwrap_or_default()));
        };
        if text.is_empty() {
            return Ok(());
        }
        let done = file.write(text.as_bytes()).and_then(|()| file.sync_data());
        if let Err(e) = done {
            // Half a line in the middle of the file would cost all that is written after it.
            file.cut(self.length)?;
            return Err(e);
        }
        self.length += text.len() as u64;
        self.carried.extend(states);
        Ok(())
    }

    /// Puts the file aside and begins a new one with the last state of each peer. The journal's name always stands
    /// for a whole file: the old one gets a second name before the new one takes its first.
    fn rotate(&mut self) -> io::Result<()> {
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
        // Where links are not possible this fails here, before any older journal has moved.
        let old = self.path.with_extension("jsonl.old");
        ignore_missing(disk.remove(&old))?;
        disk.link(&self.path, &old)?;
        let oldest = numbered(&self.path, self.limits.keep.max(1));
        ignore_missing(disk.remove(&oldest))?;
        for n in (1..self.limits.keep.max(1)).rev() {
            let (from, to) = (numbered(&self.path, n), numbered(&self.path, n + 1));
            ignore_missing(disk.rename(&from, &to))?;
        }
        disk.rename(&old, &numbered(&self.path, 1))?;
        disk.rename(&new, &self.path)?;
        self.file = Some(file);
        self.length = text.len() as u64;
        match self.path.parent().map(|dir| sync_dir(&*disk, dir)) {
            Some(Err(e)) => Err(io::Error::other(e)),
            Some(Ok(())) | None => Ok(()),
        }
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
