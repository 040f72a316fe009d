//! What a sink hears, and what of it is to be sent.

use super::Bulletin;
use crate::takeover::action::Level;

/// Something that a sink hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It stands.
    Raised(Raised),
    /// It is over.
    Settled {
        /// The peer it is about; empty: this machine.
        peer: String,
        /// Under which key it was raised.
        key: String,
        /// What is said of its end.
        text: String,
    },
    /// It happened once.
    Once {
        /// The peer it is about; empty: this machine.
        peer: String,
        /// How urgent it is.
        level: Level,
        /// What happened.
        text: String,
        /// What to do.
        next: String,
    },
    /// All that stands: what does not any more is over, what was not heard is raised.
    Standing(Vec<Raised>),
}

/// Something that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The peer it is about; empty: this machine.
    pub peer: String,
    /// The alarm's key.
    pub key: String,
    /// How urgent it is.
    pub level: Level,
    /// One sentence.
    pub text: String,
    /// What to do.
    pub next: String,
    /// How far it has come, where it goes through phases: each is told.
    pub phase: String,
}

/// What is to be sent now.
#[derive(Clone, Debug)]
pub struct Taken {
    /// As it is sent.
    pub bulletin: Bulletin,
    pub(super) id: Id,
    pub(super) phase: String,
}

/// Which entry: peer, key, and the text of what happened once.
pub(super) type Id = (String, String, String);
