//! The disk, as the journal needs it: what was written is there after a crash exactly if it was made durable.
//!
//! Everything here blocks: only for threads that may.

use std::io;
use std::path::Path;

/// A disk.
pub trait Disk: Send + Sync {
    /// All of a file.
    ///
    /// # Errors
    /// There is no such file, or the disk refuses.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Makes a folder and those above it; one that is there is fine.
    ///
    /// # Errors
    /// The disk refuses.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
    /// Opens a file to write at its end, and makes it if need be; `new`: only if there is none. Others may not read it.
    ///
    /// # Errors
    /// The disk refuses; `AlreadyExists` where it had to be new.
    fn append_to(&self, path: &Path, new: bool) -> io::Result<Box<dyn DiskFile>>;
    /// Makes these bytes all of a file, durably: whatever happens, either the old or the new ones are there.
    /// Only its owner may read it.
    ///
    /// # Errors
    /// The disk refuses.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file another name, whoever had that.
    ///
    /// # Errors
    /// There is no such file, or the disk refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    ///
    /// # Errors
    /// There is no such file, somebody has that name, or the disk refuses.
    fn link(&self, file: &Path, name: &Path) -> io::Result<()>;
    /// Takes a name away.
    ///
    /// # Errors
    /// There is no such file, or the disk refuses.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// There is no such folder, or the disk refuses.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// The one right to write in a folder, until it is dropped or this process ends. It is the lock on the file `path` in
    /// `folder`; on a disk that takes none, on the folder.
    ///
    /// # Errors
    /// [`LockFault`].
    fn lock(&self, folder: &Path, path: &Path) -> Result<Box<dyn DiskLock>, LockFault>;
}

/// A file that is written at its end.
pub trait DiskFile: Send {
    /// Writes all of it; part of it may be there after an error.
    ///
    /// # Errors
    /// The disk refuses.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes its bytes durable.
    ///
    /// # Errors
    /// The disk refuses: nothing is known of what was written since the last time.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Makes its bytes, its length and its times durable.
    ///
    /// # Errors
    /// As [`sync_data`](Self::sync_data).
    fn sync_all(&mut self) -> io::Result<()>;
    /// Cuts it off after so many bytes.
    ///
    /// # Errors
    /// The disk refuses.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// The right to write in a folder, as long as this is there.
pub trait DiskLock: Send {}

/// Why there is no right to write.
#[derive(Debug, thiserror::Error)]
pub enum LockFault {
    /// Somebody else has it.
    #[error("somebody else has it")]
    InUse,
    /// Neither file nor folder can be opened.
    #[error("{0}")]
    NotOpened(#[source] io::Error),
    /// The disk takes no locks.
    #[error("{0}")]
    NotLocked(#[source] io::Error),
}
