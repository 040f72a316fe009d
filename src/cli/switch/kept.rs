//! What `apply` and `backup` keep in the state folder: one JSON file each, mode 0600.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::switch::change::UndoRecord;

/// A change that can be taken back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Its ID, which is the file's name.
    pub id: String,
    /// When it was proven, RFC 3339 in UTC.
    pub written: String,
    /// When it was taken back.
    pub undone: Option<String>,
    /// What was there.
    pub record: UndoRecord,
}

/// The folder of the changes.
pub fn changes(state_dir: &Path) -> PathBuf {
    state_dir.join("changes")
}

/// Makes a folder of mode 0700 if it is not there.
pub fn folder(path: &Path) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| {
            format!(
                "cannot make the folder {}: {e}; run as root, or correct node.state-dir",
                path.display()
            )
        })?;
    // A folder that is there may still be another's.
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).map_err(|e| {
        format!(
            "cannot write to the folder {}: {e}; run as root",
            path.display()
        )
    })
}

/// Now, for people and for names.
pub fn now() -> (String, String) {
    let now = jiff::Timestamp::now();
    (
        now.to_string(),
        now.strftime("%Y%m%dT%H%M%S.%3fZ").to_string(),
    )
}

/// Keeps a change; returns its ID.
pub fn keep(folder: &Path, record: &UndoRecord) -> Result<String, String> {
    let (written, stamp) = now();
    let id = format!("{stamp}-{}-{}", record.switch, record.operation.name());
    let kept = Kept {
        id: id.clone(),
        written,
        undone: None,
        record: record.clone(),
    };
    let text = serde_json::to_string_pretty(&kept).map_err(|e| e.to_string())?;
    create(&folder.join(format!("{id}.json")), &text)?;
    Ok(id)
}

/// Writes a file of mode 0600 that is not there yet, and has it on the disk before it returns.
pub fn create(path: &Path, text: &str) -> Result<(), String> {
    let told = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => format!(
            "{} is there already: name another file, or remove it",
            path.display()
        ),
        _ => format!("cannot write {}: {e}", path.display()),
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(told)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(told)
}

/// Every change that was kept, the newest last; what cannot be read is said beside.
pub fn all(folder: &Path) -> (Vec<Kept>, Vec<String>) {
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "json") {
            match read(&path) {
                Ok(kept) => found.push(kept),
                Err(e) => bad.push(e),
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    (found, bad)
}

fn read(path: &Path) -> Result<Kept, String> {
    let told = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| told(&e))?;
    serde_json::from_str(&text).map_err(|e| told(&e))
}

/// Notes that a change was taken back.
pub fn mark_undone(folder: &Path, kept: &Kept) -> Result<(), String> {
    let marked = Kept {
        undone: Some(now().0),
        ..kept.clone()
    };
    let text = serde_json::to_string_pretty(&marked).map_err(|e| e.to_string())?;
    let (path, new) = (
        folder.join(format!("{}.json", kept.id)),
        folder.join(format!("{}.new", kept.id)),
    );
    let _ = std::fs::remove_file(&new);
    create(&new, &text)?;
    std::fs::rename(&new, &path).map_err(|e| format!("cannot write {}: {e}", path.display()))
}
