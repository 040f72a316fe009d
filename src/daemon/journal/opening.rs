//! Opening a journal: its folder, its lock, its file; or, where the disk refuses, what can be read of it.

use std::path::Path;

use super::{JournalError, Replay, file};
use crate::host::{Disk, DiskFile, DiskLock, LockFault};

/// The lock, the file to write, what is in it.
type Opened = (Box<dyn DiskLock>, Box<dyn DiskFile>, Replay);

/// Makes the folder, locks it and reads the journal for writing on.
pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Opened, JournalError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    disk.make_folder(dir)
        .map_err(JournalError::io("make the folder", dir))?;
    let lock = lock(disk, dir)?;
    let (file, replay) = file::recover(disk, path)?;
    Ok((lock, file, replay))
}

/// As [`open`], for a lock that is held already.
pub(super) fn open_again(
    disk: &dyn Disk,
    path: &Path,
    held: Option<Box<dyn DiskLock>>,
) -> Result<Opened, (Option<Box<dyn DiskLock>>, JournalError)> {
    let Some(held) = held else {
        return open(disk, path).map_err(|e| (None, e));
    };
    match file::recover(disk, path) {
        Ok((file, replay)) => Ok((held, file, replay)),
        Err(e) => Err((Some(held), e)),
    }
}

/// What can be read where nothing can be written; the lock too, where there is anything to lock.
pub(super) fn look(
    disk: &dyn Disk,
    path: &Path,
) -> (Result<Option<Box<dyn DiskLock>>, JournalError>, Replay) {
    let dir = path.parent().unwrap_or(Path::new("."));
    let lock = match lock(disk, dir) {
        Ok(lock) => Ok(Some(lock)),
        Err(e @ JournalError::InUse { .. }) => Err(e),
        Err(JournalError::Io { .. }) => Ok(None),
    };
    (lock, file::read_on(disk, path).unwrap_or_default())
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn DiskLock>, JournalError> {
    let path = dir.join("lock");
    disk.lock(dir, &path).map_err(|fault| match fault {
        LockFault::InUse => JournalError::InUse {
            dir: dir.to_owned(),
        },
        LockFault::NotOpened(source) => JournalError::io("open", &path)(source),
        LockFault::NotLocked(source) => JournalError::io("lock", &path)(source),
    })
}
