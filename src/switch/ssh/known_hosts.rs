//! Host keys in OpenSSH's known_hosts format: strict, never learned by the way, only by `standin switch trust`.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use russh::keys::known_hosts::known_host_keys_path;
use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::target::same_type;

/// A key that a host showed, and where it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The name of the switch.
    pub switch: String,
    /// Host as it is in the file.
    pub host: String,
    /// Type of the key it showed.
    pub algorithm: String,
    /// `SHA256:...` of the key it showed.
    pub fingerprint: String,
    /// The file.
    pub file: PathBuf,
}

/// Why a host is not the one that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyError {
    /// No key, or none of this type, is known of it.
    #[error(
        "nothing says whose key {} {} is: {} has no {} key of {}. If the switch itself shows this fingerprint: standin switch trust {}",
        .0.algorithm, .0.fingerprint, .0.file.display(), .0.algorithm, .0.host, .0.switch
    )]
    Unknown(Box<Sighting>),
    /// Another key of the same type is known of it.
    #[error(
        "its key has CHANGED: it shows {} {}, and {} has {known} for {}. Somebody may be in between, or the switch was replaced or reset. If it was, and the switch itself shows the new fingerprint: ssh-keygen -f {} -R '{}', then standin switch trust {}",
        .shown.algorithm, .shown.fingerprint, .shown.file.display(), .shown.host, .shown.file.display(), .shown.host, .shown.switch
    )]
    Changed {
        /// What it shows now.
        shown: Box<Sighting>,
        /// `SHA256:...` of the keys that are known.
        known: String,
    },
    /// The file says that this key must not be trusted any more.
    #[error(
        "it shows {} {}, which {} marks as @revoked: it is not trusted",
        .0.algorithm, .0.fingerprint, .0.file.display()
    )]
    Revoked(Box<Sighting>),
    /// The file cannot be used.
    #[error("{file} cannot be used: {why}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// It showed a certificate.
    #[error("it shows a host certificate, which is not supported: plain keys only")]
    Certificate,
}

/// A key that a host showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownKey {
    /// The key.
    pub key: PublicKey,
}

impl ShownKey {
    /// Its type, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> String {
        self.key.algorithm().to_string()
    }

    /// `SHA256:...`, as ssh-keygen and switches show it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.key)
    }
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// A host as it is in the file: `host`, or `[host]:port` where the port is not 22.
pub fn label(host: &str, port: u16) -> String {
    if port == 22 {
        host.to_owned()
    } else {
        format!("[{host}]:{port}")
    }
}

fn read(file: &Path) -> Result<Option<String>, HostKeyError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unusable(file, &e)),
    }
}

fn unusable(file: &Path, why: &dyn std::fmt::Display) -> HostKeyError {
    HostKeyError::File {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

/// The keys that the file has for a host, hashed entries included. A file that is not there has none.
///
/// # Errors
///
/// It cannot be read, or a key in it cannot be understood.
pub fn known(file: &Path, host: &str, port: u16) -> Result<Vec<PublicKey>, HostKeyError> {
    if read(file)?.is_none() {
        return Ok(Vec::new());
    }
    let keys = known_host_keys_path(host, port, file).map_err(|e| unusable(file, &e))?;
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

/// The types of the keys that are known of a host.
pub(super) fn known_types(file: &Path, host: &str, port: u16) -> Vec<Algorithm> {
    let keys = known(file, host, port).unwrap_or_default();
    keys.iter().map(PublicKey::algorithm).collect()
}

/// Checks a key that a host showed. Any of several known keys of a type is fine, as while keys are rotated.
///
/// # Errors
///
/// It is unknown, changed or revoked, or the file cannot be used.
pub fn check(
    file: &Path,
    switch: &str,
    host: &str,
    port: u16,
    shown: &PublicKey,
) -> Result<(), HostKeyError> {
    let sighting = || {
        Box::new(Sighting {
            switch: switch.to_owned(),
            host: label(host, port),
            algorithm: shown.algorithm().to_string(),
            fingerprint: fingerprint(shown),
            file: file.to_owned(),
        })
    };
    if revoked(file, shown)? {
        return Err(HostKeyError::Revoked(sighting()));
    }
    let known = known(file, host, port)?;
    if known.iter().any(|k| k.key_data() == shown.key_data()) {
        return Ok(());
    }
    let same: Vec<String> = known
        .iter()
        .filter(|k| same_type(&k.algorithm(), &shown.algorithm()))
        .map(fingerprint)
        .collect();
    Err(if same.is_empty() {
        HostKeyError::Unknown(sighting())
    } else {
        HostKeyError::Changed {
            shown: sighting(),
            known: same.join(", "),
        }
    })
}

/// True if a `@revoked` line has this key, for whatever host.
fn revoked(file: &Path, shown: &PublicKey) -> Result<bool, HostKeyError> {
    let text = read(file)?.unwrap_or_default();
    Ok(text
        .lines()
        .map(str::split_whitespace)
        .filter_map(|mut words| {
            words.next().filter(|w| *w == "@revoked")?;
            words.nth(2)
        })
        .filter_map(|key| russh::keys::parse_public_key_base64(key).ok())
        .any(|key| key.key_data() == shown.key_data()))
}

/// What became of trusting a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// It was in the file already.
    Already,
    /// It was added.
    Added,
}

/// Adds a key to the file, which is replaced as a whole (mode 0600) or not at all.
///
/// # Errors
///
/// Another key of this type is known (it has to be removed first, by somebody who knows why), or the file cannot be
/// written.
pub fn trust(
    file: &Path,
    switch: &str,
    host: &str,
    port: u16,
    key: &PublicKey,
) -> Result<Trusted, HostKeyError> {
    match check(file, switch, host, port, key) {
        Ok(()) => return Ok(Trusted::Already),
        Err(HostKeyError::Unknown(_)) => {}
        Err(e) => return Err(e),
    }
    let mut text = read(file)?.unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let mut key = key.clone();
    key.set_comment("");
    let written = key.to_openssh().map_err(|e| unusable(file, &e))?;
    text.push_str(&format!("{} {}\n", label(host, port), written.trim()));
    replace(file, &text).map_err(|e| unusable(file, &e))?;
    Ok(Trusted::Added)
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    let name = file
        .file_name()
        .ok_or_else(|| io::Error::other("it is not the name of a file"))?;
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut new = name.to_owned();
    new.push(format!(".{}.new", std::process::id()));
    let new = folder.join(new);
    let written = (|| {
        let mut f = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        f.write_all(text.as_bytes())?;
        f.sync_all()?;
        fs::rename(&new, file)
    })();
    if written.is_err() {
        fs::remove_file(&new).or_else(|e| match e.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(e),
        })?;
        return written;
    }
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use russh::keys::PrivateKey;
    use russh::keys::key::safe_rng;

    use super::*;

    fn key() -> PublicKey {
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
        key.public_key().clone()
    }

    #[test]
    fn any_of_several_known_keys_is_fine_and_a_revoked_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known");
        let (old, new, stranger) = (key(), key(), key());
        let line = |k: &PublicKey| format!("sw {}\n", k.to_openssh().unwrap());
        fs::write(&file, format!("# two\n{}{}", line(&old), line(&new))).unwrap();
        let checked = |k| check(&file, "core", "sw", 22, k);
        assert_eq!((checked(&old), checked(&new)), (Ok(()), Ok(())));
        let changed = checked(&stranger).unwrap_err();
        assert!(matches!(changed, HostKeyError::Changed { .. }), "{changed}");
        assert!(trust(&file, "core", "sw", 22, &stranger).is_err());
        // The same host on another port is another host.
        let other = check(&file, "core", "sw", 2222, &old).unwrap_err();
        assert!(matches!(other, HostKeyError::Unknown(_)), "{other}");
        let text = format!(
            "{}@revoked * {}",
            line(&old),
            line(&old).trim_start_matches("sw ")
        );
        fs::write(&file, text).unwrap();
        let revoked = check(&file, "core", "sw", 22, &old).unwrap_err();
        assert!(matches!(revoked, HostKeyError::Revoked(_)), "{revoked}");
    }
}
