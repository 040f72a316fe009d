//! Opening a journal: its folder, its lock, its file; or, where the disk refuses, what can be read of it.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::{JournalError, Replay, file};

/// Makes the folder, locks it and reads the journal for writing on.
pub(super) fn open(path: &Path) -> Result<(File, File, Replay), JournalError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(JournalError::io("make the folder", dir))?;
    let lock = lock(dir)?;
    let (file, replay) = file::recover(path)?;
    Ok((lock, file, replay))
}

/// As [`open`], for a lock that is held already.
pub(super) fn open_again(
    path: &Path,
    held: Option<File>,
) -> Result<(File, File, Replay), (Option<File>, JournalError)> {
    let Some(held) = held else {
        return open(path).map_err(|e| (None, e));
    };
    match file::recover(path) {
        Ok((file, replay)) => Ok((held, file, replay)),
        Err(e) => Err((Some(held), e)),
    }
}

/// What can be read where nothing can be written; the lock too, where there is anything to lock.
pub(super) fn look(path: &Path) -> (Result<Option<File>, JournalError>, Replay) {
    let dir = path.parent().unwrap_or(Path::new("."));
    let lock = match lock(dir) {
        Ok(lock) => Ok(Some(lock)),
        Err(e @ JournalError::InUse { .. }) => Err(e),
        Err(JournalError::Io { .. }) => Ok(None),
    };
    (lock, file::read(path).unwrap_or_default())
}

/// The lock is released by the kernel when the last holder is gone, however that happens.
fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("lock");
    let write = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    // A read-only disk has the lock of an earlier start, or at least the folder.
    let file = write
        .or_else(|_| File::open(&path))
        .or_else(|_| File::open(dir))
        .map_err(JournalError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(JournalError::io("lock", &path)(source)),
    }
}
