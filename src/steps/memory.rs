//! What a step keeps from one try to the next: how it was before, so that it can be put back.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::Disk;
use crate::types::StepName;

/// One file for each step of each peer, in the state folder.
#[derive(Clone)]
pub struct Memory {
    disk: Arc<dyn Disk>,
    file: PathBuf,
}

impl Memory {
    /// That of one step.
    pub fn new(disk: Arc<dyn Disk>, state_dir: &Path, peer: &str, step: StepName) -> Memory {
        let name = format!("{}.json", step.to_string().replace(':', "-"));
        let file = state_dir.join("steps").join(peer).join(name);
        Memory { disk, file }
    }

    /// What was kept; `None` where nothing was, or nothing that can be read.
    pub fn recall<T: DeserializeOwned>(&self) -> Option<T> {
        let bytes = match self.disk.read(&self.file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => {
                tracing::error!(
                    "cannot read {}: {e}; it is taken for nothing",
                    self.file.display()
                );
                return None;
            }
        };
        let read = serde_json::from_slice(&bytes);
        read.map_err(|e| {
            tracing::error!(
                "{} is damaged: {e}; it is taken for nothing",
                self.file.display()
            )
        })
        .ok()
    }

    /// Keeps this instead.
    ///
    /// # Errors
    /// The disk refuses, in words.
    pub fn keep(&self, what: &impl Serialize) -> Result<(), String> {
        let words =
            |e: &dyn std::fmt::Display| format!("cannot write {}: {e}", self.file.display());
        let bytes = serde_json::to_vec(what).map_err(|e| words(&e))?;
        if let Some(folder) = self.file.parent() {
            self.disk.make_folder(folder).map_err(|e| words(&e))?;
        }
        self.disk.replace(&self.file, &bytes).map_err(|e| words(&e))
    }

    /// Keeps nothing any more.
    pub fn forget(&self) {
        match self.disk.remove(&self.file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove {}: {e}", self.file.display());
            }
            Ok(()) | Err(_) => {}
        }
    }
}
