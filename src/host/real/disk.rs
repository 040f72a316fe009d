//! The file systems of this machine.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::host::{Disk, DiskFile, DiskLock, LockFault};

/// Whatever is mounted here.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn append_to(&self, path: &Path, new: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut how = File::options();
        how.append(true).mode(0o640);
        let how = match new {
            true => how.create_new(true),
            false => how.read(true).create(true),
        };
        Ok(Box::new(how.open(path)?))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        // What is kept may name secrets' places and people: it is nobody else's.
        let mut file = File::create(&new)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |dir| self.sync_folder(dir))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        fs::hard_link(file, name)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// The lock is released by the kernel when the last holder is gone, however that happens.
    fn lock(&self, folder: &Path, path: &Path) -> Result<Box<dyn DiskLock>, LockFault> {
        let write = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path);
        // A read-only disk has the lock of an earlier start, or at least the folder.
        let file = write
            .or_else(|_| File::open(path))
            .or_else(|_| File::open(folder))
            .map_err(LockFault::NotOpened)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(LockFault::InUse),
            Err(TryLockError::Error(source)) => Err(LockFault::NotLocked(source)),
        }
    }
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        File::sync_all(self)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

impl DiskLock for File {}
