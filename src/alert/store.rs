//! The file that keeps a sink's board over a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::host::Disk;

/// Where the board of one sink is kept. Everything here blocks.
#[derive(Clone)]
pub struct Store {
    disk: Arc<dyn Disk>,
    file: PathBuf,
}

impl Store {
    /// That of the sink of this name.
    pub fn new(disk: Arc<dyn Disk>, state_dir: &Path, name: &str) -> Store {
        let file = state_dir.join("alerts").join(format!("{name}.json"));
        Store { disk, file }
    }

    /// What was kept; `None`: nothing.
    ///
    /// # Errors
    /// The disk refuses, in words.
    pub fn read(&self) -> Result<Option<Vec<u8>>, String> {
        match self.disk.read(&self.file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("cannot read {}: {e}", self.file.display())),
        }
    }

    /// Keeps this instead, durably.
    ///
    /// # Errors
    /// The disk refuses, in words.
    pub fn keep(&self, bytes: &[u8]) -> Result<(), String> {
        let words = |e: io::Error| format!("cannot write {}: {e}", self.file.display());
        if let Some(folder) = self.file.parent() {
            self.disk.make_folder(folder).map_err(words)?;
        }
        self.disk.replace(&self.file, bytes).map_err(words)
    }
}
