//! Why the daemon cannot start.

use crate::config::Peer;

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An interface is not there.
    #[error("peer {peer}: there is no interface {interface} (`ip link` lists them)")]
    NoInterface {
        /// The peer.
        peer: String,
        /// Its interface.
        interface: String,
    },
    /// An interface has no address of its own.
    #[error(
        "peer {peer}: interface {interface} has no address of its own in {network}: witnesses are asked from it"
    )]
    NoAddress {
        /// The peer.
        peer: String,
        /// Its interface.
        interface: String,
        /// The VIP with its prefix.
        network: String,
    },
    /// Anything else that an adapter said.
    #[error("peer {peer}: {source}")]
    Adapter {
        /// The peer.
        peer: String,
        /// What was said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StartError {
    /// What was said to no peer in particular.
    pub fn of_all(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        StartError::Adapter {
            peer: "all".to_owned(),
            source: Box::new(source),
        }
    }
}

pub(super) fn adapter(
    peer: &Peer,
) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> StartError + '_ {
    move |source| StartError::Adapter {
        peer: peer.name.clone(),
        source,
    }
}
