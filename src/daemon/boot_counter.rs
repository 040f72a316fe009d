//! The heartbeat boot counter: grows with each start of the daemon, and is durable before the first beat where the disk
//! lets it be.
//!
//! Call [`next`] at *every* start, whether or not there is a pair: then the counter is there when a configuration
//! gets its first one. `DIR/boot-counter` holds one decimal number.
//!
//! A counter that is lost (a new disk, a folder that was emptied) goes on at the seconds since 1970, which no counter of
//! starts reaches: the other machine does not take our beats for replays. One that cannot be written is used all the
//! same; the numbers of the beats begin at the wall clock, so those of the next start are higher whatever the disk kept.

use std::io;
use std::path::Path;

use crate::host::Disk;
use crate::host::real::RealDisk;
use crate::rt;

/// Name of the file in the state folder.
pub const FILE: &str = "boot-counter";

/// The number of this start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootCounter {
    /// Greater than that of any start before, as far as is known.
    pub number: u64,
    /// What a person should know of it: it was lost, or is not durable.
    pub trouble: Option<String>,
}

/// Counts this start; the new number is on the disk when it is returned, unless its trouble says otherwise.
pub fn next(dir: &Path) -> BootCounter {
    next_on(&RealDisk, dir)
}

/// As [`next`], on this disk.
pub fn next_on(disk: &dyn Disk, dir: &Path) -> BootCounter {
    let path = dir.join(FILE);
    let seconds = rt::wall_us() / 1_000_000;
    let (number, lost) = match disk.read(&path) {
        Ok(text) => match String::from_utf8_lossy(&text).trim().parse::<u64>() {
            Ok(last) => (last.saturating_add(1), None),
            Err(_) => (seconds, Some("holds no number".to_owned())),
        },
        // The first start of all, or as good as that.
        Err(e) if e.kind() == io::ErrorKind::NotFound => (seconds, None),
        Err(e) => (seconds, Some(format!("cannot be read ({e})"))),
    };
    let lost = lost.map(|why| {
        format!(
            "the heartbeat counter {} {why}: it goes on at {number}",
            path.display()
        )
    });
    let text = format!("{number}\n");
    let refused = disk.replace(&path, text.as_bytes()).err().map(|e| {
        format!(
            "the heartbeat counter {} cannot be written: {e}; heartbeats are sent all the same",
            path.display()
        )
    });
    let trouble: Vec<String> = lost.into_iter().chain(refused).collect();
    BootCounter {
        number,
        trouble: (!trouble.is_empty()).then(|| trouble.join("; ")),
    }
}
