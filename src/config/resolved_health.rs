//! Services that are looked at, and what is pointed at them, as the daemon uses them.

use std::net::IpAddr;
use std::time::Duration;

use super::schema::PointsBack;
use super::section::KindTable;
use crate::types::StepName;

/// What points at a machine that has no address to move: `[redirect.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// NAME of `[redirect.NAME]`; no peer has it.
    pub name: String,
    /// Who points back at the first place.
    pub back: PointsBack,
    /// The most wanted first; at least two.
    pub places: Vec<RedirectPlace>,
    /// The checks that places name.
    pub health: Vec<Health>,
}

/// One place of a redirect.
#[derive(Clone, Debug, PartialEq)]
pub struct RedirectPlace {
    /// Its name.
    pub name: String,
    /// Which of the redirect's checks have to be up, by their place in the list.
    pub checks: Vec<usize>,
    /// How long it has to be well before it is preferred.
    pub after: Duration,
    /// What is in force then, in words.
    pub says: String,
    /// What points at it, in order.
    pub steps: Vec<RedirectStep>,
}

/// One step of a place.
#[derive(Clone, Debug, PartialEq)]
pub struct RedirectStep {
    /// `KIND:NAME`.
    pub name: StepName,
    /// Time for one try.
    pub within: Duration,
    /// All of it, for its kind.
    pub table: KindTable,
}

/// A service that is looked at: `[[peer.NAME.health]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Its name, at most 32 letters, digits, `-` and `_`; one of its own among those of the peer.
    pub name: String,
    /// Whose service it is.
    pub on: Machine,
    /// From the begin of one look to that of the next.
    pub interval: Duration,
    /// Time for one look; not longer than the interval.
    pub timeout: Duration,
    /// Good looks in a row after which it is up again.
    pub rise: u32,
    /// Bad looks in a row after which it is down.
    pub fall: u32,
    /// What it means that it is down.
    pub feeds: Feeds,
    /// When it is looked at.
    pub when: AsksWhen,
    /// The address that is asked, where it is one and known.
    pub asks: Option<IpAddr>,
    /// All of it, for its kind.
    pub table: KindTable,
}

/// Whose service a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// This machine.
    Here,
    /// The peer.
    Peer,
}

/// What it means that a service is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feeds {
    /// A person is told.
    Alert,
    /// It is as if the peer completed no RTMP handshake: `policy.service-dead` says what is done.
    Takeover,
}

/// When a service is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsksWhen {
    /// Always.
    Always,
    /// While the machine that it is on has the address.
    Owner,
}
