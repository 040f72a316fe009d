//! linkDown and linkUp notifications of switches (RFC 2863), traps and informs: v1 and v2c with a community, v3 with a
//! user.
//!
//! A notification is a hint to look at once, never a proof, not even of a fence that was set before it came: v1 and v2c
//! anybody can send; one of v3 may be delayed or played back within its time window; and a switch whose port was down
//! before the SET sends none. What a port is, and since when (ifLastChange), is read afterwards, which tells all of it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_snmp::notification::{
    NotificationAcceptance, NotificationEnvelope, NotificationReceiver, oids,
};
use async_snmp::{AuthoritativeEngine, PersistedAuthoritativeEngine, SecurityLevel, Version};
use secrecy::{ExposeSecret, SecretString};

use super::target::{AuthAlgorithm, PrivAlgorithm};
use super::wire::{auth_protocol, priv_protocol};
use crate::rt;

/// What is listened for.
#[derive(Clone, Debug)]
pub struct TrapRules {
    /// Address and UDP port to listen on.
    pub listen: SocketAddr,
    /// The community of v1 and v2c notifications; `None`: they are not taken.
    pub community: Option<SecretString>,
    /// The user of v3 notifications; `None`: they are not taken.
    pub user: Option<TrapUser>,
    /// Folder in which our engine's ID and boots are kept (RFC 3414: for informs we are the authority).
    pub state_dir: PathBuf,
    /// Switches that are listened to; others are ignored.
    pub from: Vec<IpAddr>,
}

/// A v3 user.
#[derive(Clone, Debug)]
pub struct TrapUser {
    /// Its name; not a secret.
    pub user: String,
    /// Authentication: without it nothing of a v3 notification can be trusted.
    pub auth: (AuthAlgorithm, SecretString),
    /// Encryption.
    pub privacy: Option<(PrivAlgorithm, SecretString)>,
}

/// A port of a switch went down or came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTrap {
    /// The switch's address.
    pub from: IpAddr,
    /// ifIndex, where the notification says which.
    pub if_index: Option<u32>,
    /// linkUp, else linkDown.
    pub up: bool,
    /// True if it was authenticated (SNMPv3).
    pub authentic: bool,
}

/// Why a notification was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Its sender is no switch of ours.
    Foreign,
    /// Wrong community, unknown user, or not authenticated.
    Untrusted,
    /// It is about something else than a link.
    Other,
}

impl Ignored {
    /// In words, after "from ADDRESS: ".
    pub fn words(self) -> &'static str {
        match self {
            Ignored::Foreign => "that is no switch of the configuration",
            Ignored::Untrusted => "wrong community, or not authenticated as traps.user",
            Ignored::Other => "it is not about a link",
        }
    }
}

/// How many notifications were not taken, and the last of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotTaken {
    /// All of them.
    pub count: u64,
    /// Sender and reason of the last one whose message could be read at all.
    pub last: Option<(IpAddr, Ignored)>,
}

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
pub enum TrapError {
    /// The socket or the crate's own state.
    #[error("SNMP notifications cannot be received on {listen}: {came_back}")]
    Receiver {
        /// Where.
        listen: SocketAddr,
        /// What came back.
        came_back: String,
    },
    /// The engine's ID and boots cannot be kept.
    #[error(
        "{path}: the SNMP engine's boots cannot be kept there, so that informs could be replayed: {came_back}"
    )]
    State {
        /// The file.
        path: String,
        /// What came back.
        came_back: String,
    },
}

/// Receives notifications.
pub struct Traps {
    receiver: NotificationReceiver,
    not_taken: Arc<Mutex<NotTaken>>,
}

impl Traps {
    /// Opens the socket. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be used, or the engine's boots cannot be kept.
    pub async fn open(rules: TrapRules) -> Result<Traps, TrapError> {
        let listen = rules.listen;
        let failed = |e: &dyn std::fmt::Display| TrapError::Receiver {
            listen,
            came_back: e.to_string(),
        };
        // Before the engine's boots are counted up for nothing.
        drop(UdpSocket::bind(listen).map_err(|e| failed(&e))?);
        let mut builder = NotificationReceiver::builder().bind(listen.to_string());
        if let Some(user) = &rules.user {
            let engine = engine(&rules.state_dir)?;
            let made = builder
                .authoritative_engine(engine)
                .usm_user(user.user.clone(), |u| {
                    let (auth, key) = (auth_protocol(user.auth.0), user.auth.1.expose_secret());
                    match &user.privacy {
                        Some((p, secret)) => {
                            u.auth_priv(auth, key, priv_protocol(*p), secret.expose_secret())
                        }
                        None => u.auth(auth, key),
                    }
                });
            builder = made.map_err(|e| failed(&e))?;
        }
        let (from, community) = (rules.from, rules.community);
        let not_taken = Arc::new(Mutex::new(NotTaken::default()));
        let noted = Arc::clone(&not_taken);
        // The crate's own list of communities drops without a word, and would take every one if it were empty.
        let builder = builder.acceptance_policy(move |n: &NotificationEnvelope<'_>| {
            let Some(why) = objection(n, &from, community.as_ref()) else {
                return NotificationAcceptance::Accept;
            };
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.count += 1;
            noted.last = Some((n.source.ip(), why));
            NotificationAcceptance::Reject
        });
        let receiver = builder.build().await.map_err(|e| failed(&e))?;
        Ok(Traps {
            receiver,
            not_taken,
        })
    }

    /// What was not taken since the start.
    pub fn not_taken(&self) -> NotTaken {
        let noted = self.not_taken.lock();
        let mut noted = noted.unwrap_or_else(PoisonError::into_inner).clone();
        // Messages of v3 that the user-based security model refused (RFC 3414 section 3.2); a request for our engine's
        // ID or time is how an inform begins, and no fault.
        let r = &self.receiver;
        let refused = [
            r.usm_unknown_usernames(),
            r.usm_wrong_digests(),
            r.usm_unsupported_sec_levels(),
            r.usm_decryption_errors(),
        ];
        noted.count += refused.into_iter().map(u64::from).sum::<u64>();
        noted
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.receiver.local_addr()
    }

    /// The next notification about a link. What cannot be understood is left out.
    pub async fn next(&self) -> LinkTrap {
        loop {
            let Ok(received) = self.receiver.recv().await else {
                // A broken datagram is no reason to stop, but a broken socket must not spin.
                rt::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            };
            let n = &received.notification;
            let Ok(oid) = n.trap_oid() else { continue };
            let column = async_snmp::oid!(1, 3, 6, 1, 2, 1, 2, 2, 1, 1);
            let if_index = n.varbinds().iter().find(|v| v.oid.starts_with(&column));
            return LinkTrap {
                from: received.source.ip(),
                if_index: if_index.and_then(|v| v.oid.arcs().last().copied()),
                up: oid == oids::link_up(),
                authentic: n.security_level() >= Some(SecurityLevel::AuthNoPriv),
            };
        }
    }
}

/// What speaks against a notification.
fn objection(
    n: &NotificationEnvelope<'_>,
    from: &[IpAddr],
    community: Option<&SecretString>,
) -> Option<Ignored> {
    let trusted = match n.notification().version() {
        Version::V3 => n.security_level >= Some(SecurityLevel::AuthNoPriv),
        _ => {
            let expected = community.map(|c| c.expose_secret().as_bytes());
            n.community
                .zip(expected)
                .is_some_and(|(given, expected)| given.matches(expected))
        }
    };
    let link = n
        .trap_oid()
        .is_ok_and(|oid| oid == oids::link_down() || oid == oids::link_up());
    if !from.contains(&n.source.ip()) {
        Some(Ignored::Foreign)
    } else if !trusted {
        Some(Ignored::Untrusted)
    } else if !link {
        Some(Ignored::Other)
    } else {
        None
    }
}

/// Our engine: the same ID at every start, boots one higher, both durable before they are used.
fn engine(state_dir: &Path) -> Result<AuthoritativeEngine, TrapError> {
    let path = state_dir.join("snmp-engine");
    let failed = |e: &dyn std::fmt::Display| TrapError::State {
        path: path.display().to_string(),
        came_back: e.to_string(),
    };
    let file = path.clone();
    let keep = move |state: &PersistedAuthoritativeEngine| -> std::io::Result<()> {
        let id: String = state
            .engine_id()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let new = file.with_extension("new");
        std::fs::write(&new, format!("{id} {}\n", state.engine_boots()))?;
        std::fs::File::open(&new)?.sync_all()?;
        std::fs::rename(&new, &file)
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let previous = parse_engine(&text).ok_or_else(|| {
                failed(&"it is damaged; remove it, and let the switches learn the new engine")
            })?;
            AuthoritativeEngine::restart(previous, keep).map_err(|e| failed(&e))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let id = async_snmp::v3::generate_engine_id().map_err(|e| failed(&e))?;
            AuthoritativeEngine::install(id.to_vec(), keep).map_err(|e| failed(&e))
        }
        Err(e) => Err(failed(&e)),
    }
}

fn parse_engine(text: &str) -> Option<PersistedAuthoritativeEngine> {
    let (id, boots) = text.trim_end().split_once(' ')?;
    let octets = (0..id.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(id.get(i..i + 2)?, 16).ok());
    let octets: Vec<u8> = octets.collect::<Option<_>>()?;
    PersistedAuthoritativeEngine::new(octets, boots.parse().ok()?).ok()
}
