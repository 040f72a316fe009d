//! Reading a journal: what can be trusted, and what is put aside.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{FILE, JournalError, Record, line};
use crate::host::real::RealDisk;
use crate::host::{Disk, DiskFile};
use crate::rt;

/// No older journal has a higher number.
const NUMBERS: u32 = 99;

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// The records that can be trusted, oldest first.
    pub records: Vec<Record>,
    /// What could not be trusted.
    pub damage: Option<Damage>,
    /// Bytes of the trusted part.
    pub length: u64,
}

/// The part of a journal that could not be trusted: from its first bad line to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The journal.
    pub path: PathBuf,
    /// Number of the first bad line, from 1.
    pub line: usize,
    /// Byte at which it begins.
    pub at: u64,
    /// What is wrong with it.
    pub why: String,
    /// Records before it, which are used.
    pub kept: usize,
    /// Bytes from there to the end.
    pub bytes: u64,
    /// Whole records among them, which are not used either: what lies between is unknown.
    pub intact_after: usize,
    /// Where those bytes were put; `None` if the journal was only read.
    pub moved_to: Option<PathBuf>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(
            f,
            "{path} is damaged at line {} (byte {}): {}; the {} records before it are used",
            self.line, self.at, self.why, self.kept
        )?;
        write!(f, ", {} bytes from there on are not", self.bytes)?;
        if self.intact_after > 0 {
            write!(f, ", {} whole records among them", self.intact_after)?;
        }
        match &self.moved_to {
            Some(aside) => write!(f, "; they were moved to {}", aside.display()),
            None => Ok(()),
        }
    }
}

/// Reads a journal and changes nothing: for `replay` and `report`.
///
/// # Errors
///
/// It cannot be read at all; damage is no error.
pub fn read(path: &Path) -> Result<Replay, JournalError> {
    read_on(&RealDisk, path)
}

/// As [`read`], on this disk.
pub(super) fn read_on(disk: &dyn Disk, path: &Path) -> Result<Replay, JournalError> {
    let bytes = disk
        .read(path)
        .map_err(JournalError::io("read the journal", path))?;
    Ok(examine(path, &bytes))
}

/// The journals in a folder, oldest first, the current one last. A rotation that failed may have left a number out.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let current = dir.join(FILE);
    let older = (1..=NUMBERS).rev().map(|n| numbered(&current, n));
    older
        .chain([current.clone()])
        .filter(|p| p.exists())
        .collect()
}

/// The `n`th older journal.
pub(super) fn numbered(current: &Path, n: u32) -> PathBuf {
    let mut name = current.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// Reads the journal for writing on; what cannot be trusted is moved aside first.
pub(super) fn recover(
    disk: &dyn Disk,
    path: &Path,
) -> Result<(Box<dyn DiskFile>, Replay), JournalError> {
    let mut file = disk
        .append_to(path, false)
        .map_err(JournalError::io("open the journal", path))?;
    let bytes = disk
        .read(path)
        .map_err(JournalError::io("read the journal", path))?;
    let mut replay = examine(path, &bytes);
    if let Some(damage) = &mut replay.damage {
        let bad = &bytes[replay.length as usize..];
        damage.moved_to = Some(put_aside(disk, path, bad)?);
        // Only now, with the copy on the disk, may the bad part go.
        file.cut(replay.length)
            .and_then(|()| file.sync_all())
            .map_err(JournalError::io("cut the damaged part off", path))?;
    }
    if let Some(dir) = path.parent() {
        sync_dir(disk, dir)?;
    }
    Ok((file, replay))
}

fn examine(path: &Path, bytes: &[u8]) -> Replay {
    let mut replay = Replay::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = rest.iter().position(|b| *b == b'\n');
        let read = match end {
            None => Err("it has no end: the machine went down while it was written".to_owned()),
            Some(end) => line::decode(&rest[..end]),
        };
        let last = replay.records.last().map_or(0, |r: &Record| r.seq);
        let read = read.and_then(|record| match record.seq > last {
            true => Ok(record),
            false => Err(format!("record {} follows record {last}", record.seq)),
        });
        match (read, end) {
            (Ok(record), Some(end)) => {
                replay.records.push(record);
                at += end + 1;
            }
            (Err(why), _) => {
                replay.damage = Some(Damage {
                    path: path.to_owned(),
                    line: replay.records.len() + 1,
                    at: at as u64,
                    why,
                    kept: replay.records.len(),
                    bytes: rest.len() as u64,
                    intact_after: rest
                        .split(|b| *b == b'\n')
                        .skip(1)
                        .filter(|l| line::decode(l).is_ok())
                        .count(),
                    moved_to: None,
                });
                break;
            }
            (Ok(_), None) => break,
        }
    }
    replay.length = at as u64;
    replay
}

/// Writes the bad part to `journal.jsonl.bad-TIME`, durably; an older one of the same second stays.
fn put_aside(disk: &dyn Disk, path: &Path, bad: &[u8]) -> Result<PathBuf, JournalError> {
    let us = i64::try_from(rt::wall_us()).unwrap_or(i64::MAX);
    let now = jiff::Timestamp::from_microsecond(us)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let mut n = 0;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".bad-{now}"));
        if n > 0 {
            name.push(format!("-{n}"));
        }
        let aside = PathBuf::from(name);
        match disk.append_to(&aside, true) {
            Ok(mut file) => {
                file.write(bad)
                    .and_then(|()| file.sync_all())
                    .map_err(JournalError::io("write the damaged part to", &aside))?;
                return Ok(aside);
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => n += 1,
            Err(e) => return Err(JournalError::io("make", &aside)(e)),
        }
    }
}

/// Makes names in a folder durable.
pub(super) fn sync_dir(disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
    disk.sync_folder(dir)
        .map_err(JournalError::io("make durable the folder", dir))
}
