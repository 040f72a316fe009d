//! The heartbeat boot counter: grows with each start of the daemon and is durable before the first beat.
//!
//! Call [`next`] at *every* start, whether or not there is a pair: then the counter is there when a configuration
//! gets its first one. `DIR/boot-counter` holds one decimal number.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::journal;

/// Name of the file in the state folder.
pub const FILE: &str = "boot-counter";

/// Why there is no counter for this start.
#[derive(Debug, thiserror::Error)]
pub enum BootCounterError {
    /// The file is gone although standin ran here before, or it holds no number.
    #[error(
        "the heartbeat counter {} {why}: the other machine would take our heartbeats for replays; \
         run `standin peer reset NAME` there (NAME is the peer that this machine is to it), \
         and here: echo 0 > {}", path.display(), path.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system refuses.
    #[error("cannot {what} the heartbeat counter {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Counts this start; the new number is on the disk when it is returned.
///
/// # Errors
///
/// The counter was lost (its file is missing beside a journal that has records, or holds no number), or the disk
/// refuses.
pub fn next(dir: &Path) -> Result<u64, BootCounterError> {
    let path = dir.join(FILE);
    let fail = |what| {
        let path = path.clone();
        move |source| BootCounterError::Io { what, path, source }
    };
    let last = match fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => first(dir, &path)?,
        Err(e) if e.kind() == io::ErrorKind::InvalidData => parse(&path, "")?,
        Err(e) => return Err(fail("read")(e)),
    };
    let number = last.checked_add(1).ok_or_else(|| BootCounterError::Lost {
        path: path.clone(),
        why: "has reached its end".to_owned(),
    })?;
    let new = dir.join(format!("{FILE}.new"));
    let mut file = File::create(&new).map_err(fail("write"))?;
    file.write_all(format!("{number}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(fail("write"))?;
    fs::rename(&new, &path).map_err(fail("replace"))?;
    File::open(dir)
        .and_then(|d| d.sync_all())
        .map_err(fail("make durable"))?;
    Ok(number)
}

fn parse(path: &Path, text: &str) -> Result<u64, BootCounterError> {
    text.trim().parse().map_err(|_| BootCounterError::Lost {
        path: path.to_owned(),
        why: "holds no number".to_owned(),
    })
}

/// Zero, if nothing says that standin ran here before.
fn first(dir: &Path, path: &Path) -> Result<u64, BootCounterError> {
    let written = |p: &PathBuf| fs::metadata(p).is_ok_and(|m| m.len() > 0);
    if journal::files(dir).iter().any(written) {
        return Err(BootCounterError::Lost {
            path: path.to_owned(),
            why: "is gone, and the journal beside it is not new".to_owned(),
        });
    }
    Ok(0)
}
