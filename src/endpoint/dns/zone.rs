//! A zone, and who serves it.

use std::net::SocketAddr;
use std::time::Duration;

use super::key::TsigKey;

/// A zone, and who serves it.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// What changes are authenticated with, and the questions to those servers that take changes.
    pub key: Option<TsigKey>,
    /// Those that take changes: each is asked for it. Where one has it by replication already, it is left alone.
    pub servers: Vec<SocketAddr>,
    /// Other authoritative servers, which must answer with the change too.
    pub readers: Vec<SocketAddr>,
    /// For one message; less where the deadline is nearer.
    pub try_within: Duration,
    /// Between two tries, and two times of reading back.
    pub pause: Duration,
}
