//! `[switch.NAME.ssh]` of the TOML file.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::text;

/// `[switch.NAME.ssh]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Ssh {
    /// TCP port, at the switch's address.
    pub port: u16,
    /// User name. Required.
    pub user: String,
    /// File with the password; not given: none.
    pub password_file: Option<PathBuf>,
    /// File with the private key; not given: none.
    pub key_file: Option<PathBuf>,
    /// File with the pass phrase of that key; not given: it has none.
    pub passphrase_file: Option<PathBuf>,
    /// File with the password of `enable`; not given: none.
    pub enable_file: Option<PathBuf>,
    /// Whether keys of the ssh-agent (`SSH_AUTH_SOCK`) are tried.
    pub agent: bool,
    /// File with the host keys; empty: `known_hosts` in the state folder.
    pub known_hosts: PathBuf,
    /// Kinds of algorithms for which old ones are allowed too.
    pub legacy: Vec<Legacy>,
    /// Time for one answer, a prompt or a step of the login.
    #[serde(deserialize_with = "text::one")]
    pub timeout: Duration,
}

impl Default for Ssh {
    fn default() -> Self {
        Ssh {
            port: 22,
            user: String::new(),
            password_file: None,
            key_file: None,
            passphrase_file: None,
            enable_file: None,
            agent: false,
            known_hosts: PathBuf::new(),
            legacy: Vec::new(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Kinds of SSH algorithms of which a switch may need an old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Legacy {
    /// Key exchange: Diffie-Hellman with SHA-1.
    Kex,
    /// Host key: ssh-rsa with SHA-1.
    HostKey,
    /// Cipher: CBC modes.
    Cipher,
    /// Message authentication: SHA-1.
    Mac,
}
