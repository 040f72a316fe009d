//! A disk of this machine that refuses what it is told to refuse.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use standin::host::real::RealDisk;
use standin::host::{Disk, DiskFile, DiskLock, LockFault};

/// What it does not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Files are not opened for writing.
    pub open: bool,
    /// Of what is written only so many bytes of a hundred are there.
    pub write: Option<usize>,
    /// What was written is not made durable.
    pub sync: bool,
    /// Files are not cut off.
    pub cut: bool,
    /// Files with this ending are not renamed; empty: none is.
    pub names: Option<&'static str>,
    /// Names are not made durable.
    pub folder: bool,
    /// Nothing comes back.
    pub hangs: bool,
}

/// See the module.
#[derive(Clone, Default)]
pub struct Faulty(Arc<(Mutex<Fault>, Condvar, AtomicUsize)>);

impl Faulty {
    pub fn set(&self, fault: Fault) {
        *self.0.0.lock().unwrap() = fault;
        self.0.1.notify_all();
    }

    fn fault(&self) -> Fault {
        let state = self.0.0.lock().unwrap();
        self.0.2.fetch_add(1, Ordering::SeqCst);
        let awake = self.0.1.wait_while(state, |fault| fault.hangs);
        self.0.2.fetch_sub(1, Ordering::SeqCst);
        *awake.unwrap()
    }

    /// Somebody waits for it, and goes on when it does not hang any more.
    pub fn keeps_waiting(&self) -> bool {
        let state = self.0.0.lock().unwrap();
        state.hangs && self.0.2.load(Ordering::SeqCst) > 0
    }

    fn ask(&self, refused: fn(Fault) -> bool, errno: i32) -> io::Result<()> {
        match refused(self.fault()) {
            true => Err(io::Error::from_raw_os_error(errno)),
            false => Ok(()),
        }
    }
}

impl Disk for Faulty {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.make_folder(folder)
    }

    fn append_to(&self, path: &Path, new: bool) -> io::Result<Box<dyn DiskFile>> {
        self.ask(|f| f.open, libc::EROFS)?;
        let file = RealDisk.append_to(path, new)?;
        Ok(Box::new(Opened(file, self.clone())))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        RealDisk.replace(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ending = self.fault().names;
        match ending.is_some_and(|e| from.to_string_lossy().ends_with(e)) {
            true => Err(io::Error::from_raw_os_error(libc::EROFS)),
            false => RealDisk.rename(from, to),
        }
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        RealDisk.link(file, name)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.ask(|f| f.folder, libc::EIO)?;
        RealDisk.sync_folder(folder)
    }

    fn lock(&self, folder: &Path, path: &Path) -> Result<Box<dyn DiskLock>, LockFault> {
        RealDisk.lock(folder, path)
    }
}

struct Opened(Box<dyn DiskFile>, Faulty);

impl DiskFile for Opened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let fits = self.1.fault().write;
        self.0
            .write(&bytes[..bytes.len() * fits.unwrap_or(100) / 100])?;
        self.1.ask(|f| f.write.is_some(), libc::ENOSPC)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.1.ask(|f| f.sync, libc::EIO)?;
        self.0.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.1.ask(|f| f.sync, libc::EIO)?;
        self.0.sync_all()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.1.ask(|f| f.cut, libc::EROFS)?;
        self.0.cut(length)
    }
}
