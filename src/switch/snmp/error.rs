//! What can go wrong with one SNMP request, and what to do about it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// The request that failed: what was attempted, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Name of the switch.
    pub switch: String,
    /// Address of its agent.
    pub address: SocketAddr,
    /// Operation and objects, such as `SET ifAdminStatus.7`.
    pub request: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attempt {
            switch,
            address,
            request,
        } = self;
        write!(f, "{request} on switch {switch} ({address})")
    }
}

/// What can go wrong with one SNMP request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnmpError {
    /// No answer to any try.
    #[error("{at}: no answer within {waited:?}: {hint}")]
    Unreachable {
        /// The request.
        at: Box<Attempt>,
        /// All tries together.
        waited: Duration,
        /// What may be the reason.
        hint: String,
    },
    /// The switch said that the credentials are wrong (v3 only: v1 and v2c agents stay silent).
    #[error(
        "{at}: the switch refused the credentials: {came_back}; compare user, algorithms and passwords with the switch's SNMPv3 configuration"
    )]
    WrongCredentials {
        /// The request.
        at: Box<Attempt>,
        /// What the switch said.
        came_back: String,
    },
    /// The object exists but may not be written (or read) with these credentials.
    #[error(
        "{at}: not permitted for {object} ({status}); give this community or user write access to it (a read-write view), or choose a profile that writes another object"
    )]
    Denied {
        /// The request.
        at: Box<Attempt>,
        /// The object, by name and index.
        object: String,
        /// The protocol's word.
        status: String,
    },
    /// The switch does not take the value.
    #[error(
        "{at}: the switch does not take this value for {object} ({status}); the profile does not fit this switch"
    )]
    BadValue {
        /// The request.
        at: Box<Attempt>,
        /// The object, by name and index.
        object: String,
        /// The protocol's word.
        status: String,
    },
    /// Request or answer does not fit into one message.
    #[error("{at}: too big for one message; fewer objects per request are needed")]
    TooBig {
        /// The request.
        at: Box<Attempt>,
    },
    /// The switch refused for a reason of its own.
    #[error("{at}: the switch refused it at {object} ({status}); its own log may say why")]
    Refused {
        /// The request.
        at: Box<Attempt>,
        /// The object, by name and index.
        object: String,
        /// The protocol's word.
        status: String,
    },
    /// An answer that is not one.
    #[error("{at}: an answer that cannot be used: {came_back}")]
    BadAnswer {
        /// The request.
        at: Box<Attempt>,
        /// What is wrong with it.
        came_back: String,
    },
    /// The request could not be sent.
    #[error("{at}: it could not be sent: {came_back}")]
    NotSent {
        /// The request.
        at: Box<Attempt>,
        /// What the system said.
        came_back: String,
    },
}

impl SnmpError {
    /// True if nobody knows whether the switch got the request.
    pub fn is_silence(&self) -> bool {
        matches!(
            self,
            SnmpError::Unreachable { .. } | SnmpError::BadAnswer { .. }
        )
    }
}
