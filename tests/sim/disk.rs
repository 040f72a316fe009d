//! A machine's disk: a folder of this one's, whose files outlive the machine's power; slow or full where the world says so.

use std::io;
use std::path::Path;

use standin::host::real::RealDisk;
use standin::host::{Disk, DiskFile, DiskLock, LockFault};
use standin::rt::sim::block;

use crate::host::At;
use crate::world::takes;

impl At {
    /// A write takes its time on the lane that asked, and may be refused.
    fn writes(&self) -> io::Result<()> {
        let (slow, full) = {
            let m = &self.world.lock().unwrap().machines[self.me];
            (m.disk_slow, m.disk_full)
        };
        block(takes(50, 100) + slow);
        match full {
            true => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
            false => Ok(()),
        }
    }
}

impl Disk for At {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.make_folder(folder)
    }

    fn append_to(&self, path: &Path, new: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(Opened(
            self.clone(),
            RealDisk.append_to(path, new)?,
        )))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.writes()?;
        RealDisk.replace(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        self.writes()?;
        RealDisk.link(file, name)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }

    fn lock(&self, folder: &Path, path: &Path) -> Result<Box<dyn DiskLock>, LockFault> {
        RealDisk.lock(folder, path)
    }
}

struct Opened(At, Box<dyn DiskFile>);

impl DiskFile for Opened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Err(full) = self.0.writes() else {
            return self.1.write(bytes);
        };
        // What fits is there.
        self.1.write(&bytes[..bytes.len() / 2])?;
        Err(full)
    }

    // Only power takes away what was not synced, and the folder is this machine's: nothing is lost yet.
    fn sync_data(&mut self) -> io::Result<()> {
        self.0.writes()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.0.writes()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.1.cut(length)
    }
}
