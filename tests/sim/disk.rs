//! A machine's disk: what was made durable outlives the machine's power, the rest may or may not. Slow, full, read-only,
//! broken or hung where the world says so.
//!
//! What a person wrote (the configuration, the list of cameras) is in a folder of this machine's.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use standin::host::real::RealDisk;
use standin::host::{Disk, DiskFile, DiskLock, LockFault};
use standin::rt::sim::{block, dice};

use crate::host::At;
use crate::world::{Lie, now, takes};

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    #[default]
    None,
    /// Nothing more fits.
    Full,
    /// It was mounted again to be read only.
    ReadOnly,
    /// It can be neither read nor written.
    Broken,
}

/// A file's bytes: as they are read, and as they are on the disk.
#[derive(Clone, Debug, Default)]
struct Node {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

type Names = BTreeMap<PathBuf, usize>;

/// What is on it.
#[derive(Debug, Default)]
pub struct Disk0 {
    pub fault: Fault,
    /// It takes so much longer, microseconds.
    pub slow: u64,
    /// Nothing comes back before this time, microseconds.
    pub hangs_until: u64,
    nodes: Vec<Node>,
    names: Names,
    durable_names: Names,
    locks: BTreeSet<PathBuf>,
}

impl Disk0 {
    /// Power is gone: of what was not made durable nobody knows how much there is.
    pub fn lose_power(&mut self) {
        if dice(30, 0, 2) == 0 {
            self.names.clone_from(&self.durable_names);
        }
        for node in &mut self.nodes {
            let kept = node.durable.len();
            let tail = match node.bytes.starts_with(&node.durable) {
                true => dice(31, 0, (node.bytes.len() - kept) as u64 + 1) as usize,
                false => 0,
            };
            match tail {
                0 => node.bytes.clone_from(&node.durable),
                more => node.bytes.truncate(kept + more),
            }
            node.durable.clone_from(&node.bytes);
        }
        self.durable_names.clone_from(&self.names);
        self.locks.clear();
    }

    /// Somebody takes away what a daemon wrote there.
    pub fn lose_journal(&mut self) {
        let journal = |p: &Path| p.to_string_lossy().contains("journal.jsonl");
        self.names.retain(|p, _| !journal(p));
        self.durable_names.retain(|p, _| !journal(p));
    }

    /// All of a file, whatever is wrong with the disk.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let at = *self.names.get(path)?;
        Some(self.nodes[at].bytes.clone())
    }

    fn node(&mut self, path: &Path) -> Option<&mut Node> {
        let at = *self.names.get(path)?;
        self.nodes.get_mut(at)
    }

    fn make(&mut self, path: &Path, node: Node) -> usize {
        self.nodes.push(node);
        let at = self.nodes.len() - 1;
        self.names.insert(path.to_owned(), at);
        at
    }

    fn settle(&mut self, folder: &Path) {
        let here = |p: &PathBuf| p.parent() == Some(folder);
        self.durable_names.retain(|p, _| !here(p));
        let all = self.names.iter().filter(|(p, _)| here(p));
        self.durable_names.extend(all.map(|(p, n)| (p.clone(), *n)));
    }
}

impl At {
    /// Something of the disk, after the time that it takes.
    fn disk<R>(
        &self,
        writes: bool,
        act: impl FnOnce(&mut Disk0) -> io::Result<R>,
    ) -> io::Result<R> {
        let refused = |errno| Err(io::Error::from_raw_os_error(errno));
        let (slow, until) = {
            let d = &self.world.lock().unwrap().machines[self.me].disk;
            (d.slow, d.hangs_until)
        };
        let slow = if writes { takes(50, 100) + slow } else { 0 };
        block(slow.max(until.saturating_sub(now())));
        let disk = &mut self.world.lock().unwrap().machines[self.me].disk;
        match (disk.fault, writes) {
            (Fault::Broken, _) => refused(libc::EIO),
            (Fault::ReadOnly, true) => refused(libc::EROFS),
            (Fault::None | Fault::Full | Fault::ReadOnly, _) => act(disk),
        }
    }
}

fn not_there() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOENT)
}

fn no_room(disk: &Disk0) -> io::Result<()> {
    match disk.fault {
        Fault::Full => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
        Fault::None | Fault::ReadOnly | Fault::Broken => Ok(()),
    }
}

impl Disk for At {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = path.components().any(|c| c.as_os_str() == "state");
        self.disk(false, |d| match (d.node(path), state) {
            (Some(node), _) => Ok(node.bytes.clone()),
            (None, true) => Err(not_there()),
            (None, false) => RealDisk.read(path),
        })
    }

    fn make_folder(&self, _folder: &Path) -> io::Result<()> {
        self.disk(false, |_| Ok(()))
    }

    fn append_to(&self, path: &Path, new: bool) -> io::Result<Box<dyn DiskFile>> {
        let at = self.disk(true, |d| match (d.names.get(path), new) {
            (Some(_), true) => Err(io::Error::from_raw_os_error(libc::EEXIST)),
            (Some(at), false) => Ok(*at),
            (None, _) => no_room(d).map(|()| d.make(path, Node::default())),
        })?;
        Ok(Box::new(Opened(self.clone(), at)))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk(true, |d| {
            no_room(d)?;
            let node = Node {
                bytes: bytes.to_vec(),
                durable: bytes.to_vec(),
            };
            d.make(path, node);
            d.settle(path.parent().unwrap_or(path));
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk(true, |d| {
            let at = d.names.remove(from).ok_or_else(not_there)?;
            d.names.insert(to.to_owned(), at);
            Ok(())
        })
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        self.disk(true, |d| {
            no_room(d)?;
            let at = *d.names.get(file).ok_or_else(not_there)?;
            if d.names.contains_key(name) {
                return Err(io::Error::from_raw_os_error(libc::EEXIST));
            }
            d.names.insert(name.to_owned(), at);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk(true, |d| {
            d.names.remove(path).map(drop).ok_or_else(not_there)
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk(true, |d| {
            d.settle(folder);
            Ok(())
        })
    }

    fn lock(&self, _folder: &Path, path: &Path) -> Result<Box<dyn DiskLock>, LockFault> {
        let free = self.disk(false, |d| Ok(d.locks.insert(path.to_owned())));
        match free {
            Ok(true) => Ok(Box::new(Held(self.clone(), path.to_owned()))),
            Ok(false) => Err(LockFault::InUse),
            Err(e) => Err(LockFault::NotOpened(e)),
        }
    }
}

struct Held(At, PathBuf);

impl DiskLock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut world = self.0.world.lock().unwrap();
        world.machines[self.0.me].disk.locks.remove(&self.1);
    }
}

struct Opened(At, usize);

impl Opened {
    fn sync(&self) -> io::Result<()> {
        let lie = self.0.world.lock().unwrap().lie;
        self.0.disk(true, |d| {
            if lie == Some(Lie::NotDurable) {
                return Ok(());
            }
            let node = &mut d.nodes[self.1];
            node.durable.clone_from(&node.bytes);
            Ok(())
        })
    }
}

impl DiskFile for Opened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.disk(true, |d| {
            let room = no_room(d);
            // What fits is there.
            let fits = if room.is_ok() {
                bytes.len()
            } else {
                bytes.len() / 2
            };
            d.nodes[self.1].bytes.extend(&bytes[..fits]);
            room
        })
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.disk(true, |d| {
            d.nodes[self.1].bytes.truncate(length as usize);
            Ok(())
        })
    }
}
