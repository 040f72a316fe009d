//! Files that hold keys: examined by the checks, read by [`Config::load_secrets`].

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use secrecy::{SecretSlice, SecretString};

use super::problem::{Check, passes};
use super::{Config, ConfigErrors, SnmpAuth};

/// The byte order mark.
const BOM: char = '\u{feff}';
/// Longest secret that is read, in bytes.
const LONGEST: u64 = 16_384;
/// Shortest heartbeat key, in bytes.
const SHORTEST_KEY: usize = 16;
/// Shortest SNMPv3 pass phrase, in characters (RFC 3414, 11.2).
const SHORTEST_PASS_PHRASE: usize = 8;

/// Everything secret that the configuration names. `Debug` prints none of it.
#[derive(Debug)]
pub struct Secrets {
    /// By switch name.
    pub snmp: BTreeMap<String, SnmpSecret>,
    /// By switch name, where it is talked to over SSH.
    pub ssh: BTreeMap<String, SshSecret>,
    /// Of notifications, where [`Config::traps`] is there.
    pub traps: Option<TrapSecret>,
    /// The heartbeat key, where [`Config::heartbeat`] is used.
    pub heartbeat: Option<SecretSlice<u8>>,
}

/// What a switch is talked to with.
#[derive(Debug)]
pub enum SnmpSecret {
    /// Versions 1 and 2c.
    Community(SecretString),
    /// Version 3.
    PassPhrases {
        /// Authentication.
        auth: Option<SecretString>,
        /// Privacy.
        privacy: Option<SecretString>,
    },
}

/// What notifications of switches are accepted with. Whatever is not configured is `None`.
#[derive(Debug, Default)]
pub struct TrapSecret {
    /// The community of versions 1 and 2c.
    pub community: Option<SecretString>,
    /// Authentication pass phrase of the version 3 user.
    pub auth: Option<SecretString>,
    /// Privacy pass phrase of the version 3 user.
    pub privacy: Option<SecretString>,
}

/// What an SSH login needs. Whatever is not configured is `None`.
#[derive(Debug, Default)]
pub struct SshSecret {
    /// The password.
    pub password: Option<SecretString>,
    /// The pass phrase of the private key.
    pub passphrase: Option<SecretString>,
    /// The password of `enable`.
    pub enable: Option<SecretString>,
}

/// What a file's content must be.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Community,
    PassPhrase,
    Password,
    PrivateKey,
    HeartbeatKey,
    /// Of a name server: several lines, whose form is known to whoever reads it.
    KeyFile,
}

impl Config {
    /// Reads every file that holds a key.
    ///
    /// # Errors
    ///
    /// Any of them is missing, unreadable, empty, too short, or readable by others: all are named at once.
    pub fn load_secrets(&self) -> Result<Secrets, ConfigErrors> {
        let mut check = Check {
            origin: &self.origin,
            refused: Vec::new(),
            found: Vec::new(),
        };
        let mut text = |key: &str, path: &Path, what| {
            let text = read(&mut check, key, path, what)?;
            Some(SecretString::from(text))
        };
        let mut snmp = BTreeMap::new();
        let mut ssh = BTreeMap::new();
        for (name, switch) in &self.switches {
            let key = |k: &str| format!("switch.{name}.snmp.{k}");
            let secret = match switch.snmp.as_ref().map(|s| &s.auth) {
                None => None,
                Some(SnmpAuth::V1 { community_file } | SnmpAuth::V2c { community_file }) => {
                    text(&key("community-file"), community_file, Use::Community)
                        .map(SnmpSecret::Community)
                }
                Some(SnmpAuth::V3(usm)) => Some(SnmpSecret::PassPhrases {
                    auth: usm
                        .auth
                        .as_ref()
                        .and_then(|(_, f)| text(&key("auth-file"), f, Use::PassPhrase)),
                    privacy: usm
                        .privacy
                        .as_ref()
                        .and_then(|(_, f)| text(&key("priv-file"), f, Use::PassPhrase)),
                }),
            };
            snmp.extend(secret.map(|s| (name.clone(), s)));
            if let Some(login) = &switch.ssh {
                let mut word = |k: &str, file: &Option<PathBuf>| {
                    let key = format!("switch.{name}.ssh.{k}");
                    text(&key, file.as_deref()?, Use::Password)
                };
                let secret = SshSecret {
                    password: word("password-file", &login.password_file),
                    passphrase: word("passphrase-file", &login.passphrase_file),
                    enable: word("enable-file", &login.enable_file),
                };
                ssh.insert(name.clone(), secret);
            }
        }
        let traps = self.traps.as_ref().map(|t| {
            let mut word =
                |k: &str, file: Option<&PathBuf>, what| text(&format!("traps.{k}"), file?, what);
            let user = t.user.as_ref();
            let auth = user.and_then(|u| u.auth.as_ref()).map(|(_, f)| f);
            let privacy = user.and_then(|u| u.privacy.as_ref()).map(|(_, f)| f);
            TrapSecret {
                community: word("community-file", t.community_file.as_ref(), Use::Community),
                auth: word("auth-file", auth, Use::PassPhrase),
                privacy: word("priv-file", privacy, Use::PassPhrase),
            }
        });
        let heartbeat = match &self.heartbeat {
            Some(h) if self.peers.values().any(|p| p.kind == super::Kind::Pair) => {
                let key = "heartbeat.key-file";
                read(&mut check, key, &h.key_file, Use::HeartbeatKey)
                    .map(|key| SecretSlice::from(key.into_bytes()))
            }
            _ => None,
        };
        if check.found.is_empty() {
            return Ok(Secrets {
                snmp,
                ssh,
                traps,
                heartbeat,
            });
        }
        Err(ConfigErrors::Invalid {
            text: self.origin.text().into(),
            problems: check.found,
        })
    }
}

/// Reads a secret and says what is wrong with its file; the final line end is not part of it.
pub(super) fn read(check: &mut Check<'_>, key: &str, path: &Path, what: Use) -> Option<String> {
    match examine(path, what) {
        Ok(text) => Some(text),
        Err(Wrong {
            what,
            help,
            later: true,
        }) => {
            check.error_for_now(key, what, help);
            None
        }
        Err(Wrong {
            what,
            help,
            later: false,
        }) => {
            check.error(key, what, help);
            None
        }
    }
}

/// What is wrong with a secret's file, what would be right, and whether time may cure it.
struct Wrong {
    what: String,
    help: String,
    later: bool,
}

impl From<(String, String)> for Wrong {
    fn from((what, help): (String, String)) -> Wrong {
        Wrong {
            what,
            help,
            later: false,
        }
    }
}

fn examine(path: &Path, what: Use) -> Result<String, Wrong> {
    let shown = path.display();
    let make = || format!("put the secret there, then: chmod 600 {shown}");
    let io = |e: std::io::Error| {
        let help = match e.kind() {
            std::io::ErrorKind::NotFound => make(),
            std::io::ErrorKind::PermissionDenied => {
                "run as root, or leave it to `standin run`".into()
            }
            _ => String::new(),
        };
        Wrong {
            later: passes(&e),
            what: format!("cannot read the secret in {shown}: {e}"),
            help,
        }
    };
    let file = std::fs::File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err((format!("{shown} is not a file"), make()).into());
    }
    if meta.mode() & 0o077 != 0 {
        return Err((
            format!(
                "others than its owner can read the secret in {shown} (mode {:04o})",
                meta.mode() & 0o7777
            ),
            format!("chmod 600 {shown}"),
        )
            .into());
    }
    if meta.len() > LONGEST {
        let length = meta.len();
        return Err((
            format!("{shown} is {length} bytes long: that is no secret of ours"),
            format!("at most {LONGEST} bytes"),
        )
            .into());
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(io)?;
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    // Editors of Windows begin a file with it; it is no part of what was typed.
    if text.starts_with(BOM) {
        text.drain(..BOM.len_utf8());
    }
    content(&text, what)
        .map_err(|(problem, help)| Wrong::from((format!("{shown} {problem}"), help.to_owned())))?;
    Ok(text)
}

fn content(text: &str, what: Use) -> Result<(), (String, &'static str)> {
    let lines = text.lines().count();
    if let Use::PrivateKey = what {
        return if text.contains("PRIVATE KEY-----") {
            Ok(())
        } else {
            Err((
                "holds no private key".into(),
                "an OpenSSH or PEM private key: ssh-keygen -t ed25519 -f FILE",
            ))
        };
    }
    if text.is_empty() {
        return Err(("is empty".into(), "one line: the secret, nothing else"));
    }
    if let Use::KeyFile = what {
        return Ok(());
    }
    if lines > 1 {
        return Err((
            format!("has {lines} lines"),
            "one line: the secret, nothing else",
        ));
    }
    match what {
        Use::HeartbeatKey if text.len() < SHORTEST_KEY => Err((
            format!(
                "holds a key of {} bytes, at least {SHORTEST_KEY} are needed",
                text.len()
            ),
            "for example: (umask 077; openssl rand -hex 32 > FILE), the same on both machines",
        )),
        Use::PassPhrase if text.chars().count() < SHORTEST_PASS_PHRASE => Err((
            format!("holds a pass phrase of fewer than {SHORTEST_PASS_PHRASE} characters"),
            "SNMPv3 refuses shorter ones (RFC 3414, 11.2)",
        )),
        Use::Community
        | Use::HeartbeatKey
        | Use::PassPhrase
        | Use::Password
        | Use::PrivateKey
        | Use::KeyFile => Ok(()),
    }
}

/// Reads a community from a file that a command line names, under the same rules as one of the configuration.
///
/// # Errors
/// What is wrong with the file, and what would be right.
pub fn community_file(path: &Path) -> Result<SecretString, String> {
    in_words(path, Use::Community)
}

/// What a secret's file of a step holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretForm {
    /// One line: a password, a token.
    Line,
    /// A private key in PEM.
    PrivateKey,
    /// A key of a name server, as `tsig-keygen` prints it.
    KeyFile,
}

/// Reads a secret of a step, when it is needed, under the same rules as one of a switch.
///
/// # Errors
/// What is wrong with the file, and what would be right.
pub fn secret_file(path: &Path, form: SecretForm) -> Result<SecretString, String> {
    in_words(
        path,
        match form {
            SecretForm::Line => Use::Password,
            SecretForm::PrivateKey => Use::PrivateKey,
            SecretForm::KeyFile => Use::KeyFile,
        },
    )
}

fn in_words(path: &Path, what: Use) -> Result<SecretString, String> {
    examine(path, what)
        .map(SecretString::from)
        .map_err(|Wrong { what, help, .. }| match help.is_empty() {
            true => what,
            false => format!("{what} ({help})"),
        })
}

/// A secret's file, to be examined with the rest of the file's checks.
pub(super) struct SecretFile {
    pub key: String,
    pub path: PathBuf,
    pub what: Use,
}

/// Notes the file that `key` names; its path, as it is opened.
pub(super) fn note(
    key: String,
    path: &Path,
    what: Use,
    check: &Check<'_>,
    secrets: &mut Vec<SecretFile>,
) -> PathBuf {
    let path = check.origin.resolve(path);
    secrets.push(SecretFile {
        key,
        path: path.clone(),
        what,
    });
    path
}
