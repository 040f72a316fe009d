//! linkDown and linkUp notifications of switches (RFC 2863), traps and informs: v2c with a community, v3 with a user.
//!
//! A notification is a hint to look at once, never a proof: over v2c anybody can send one, and what a port really is
//! is read afterwards.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use async_snmp::notification::{
    NotificationAcceptance, NotificationEnvelope, NotificationReceiver, oids,
};
use async_snmp::{AuthoritativeEngine, PersistedAuthoritativeEngine, SecurityLevel, Version};
use secrecy::{ExposeSecret, SecretString};

use super::credentials::{AuthAlgorithm, PrivAlgorithm};
use super::snmp_wire::{auth_protocol, priv_protocol};

/// What is listened for.
#[derive(Clone, Debug)]
pub struct TrapRules {
    /// Address and UDP port to listen on.
    pub listen: SocketAddr,
    /// The community of v2c notifications; `None`: they are not taken.
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
        let mut builder = NotificationReceiver::builder().bind(listen.to_string());
        // Without a community of our own none at all is accepted: an empty list would take every one.
        let v2c = rules.community.is_some();
        if let Some(community) = &rules.community {
            builder = builder.communities([community.expose_secret().as_bytes().to_vec()]);
        }
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
        let from = rules.from;
        let builder = builder.acceptance_policy(move |n: &NotificationEnvelope<'_>| {
            let trusted = n.security_level >= Some(SecurityLevel::AuthNoPriv)
                || (v2c && n.notification().version() != Version::V3);
            let link = n
                .trap_oid()
                .is_ok_and(|oid| oid == oids::link_down() || oid == oids::link_up());
            if trusted && link && from.contains(&n.source.ip()) {
                NotificationAcceptance::Accept
            } else {
                NotificationAcceptance::Reject
            }
        });
        let receiver = builder.build().await.map_err(|e| failed(&e))?;
        Ok(Traps { receiver })
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
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
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
