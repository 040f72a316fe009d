//! Whether services are well, on this machine and on the peer: `[[peer.NAME.health]]`, one file per kind of check.
//!
//! A check looks once and says what it saw ([`HealthCheck`]); it is asked again and again by one task of its own
//! ([`follow`]), one look at a time, each with a deadline. What the looks add up to is one pure [`Judgement`] for all kinds.
//! The daemon has the judgements, the alarms, and what they mean to a takeover (`daemon::health`).
//!
//! To add a kind of check:
//!
//! 1. `src/health/KIND.rs`: a `KIND` constant with `read`, which asks the [`Section`] for its keys, and a type that
//!    implements [`HealthCheck`]. What it needs of the outside (a protocol) is an adapter of its own that knows nothing of
//!    checks.
//! 2. One line in [`KINDS`].
//! 3. Its keys in `src/manual/health.md` and the sample, and a test against the real thing.
//!
//! What keeps us from asking (our route, our descriptors, a program that is not there) is [`Looked::NotAsked`], never the
//! service's fault: a check may be what a takeover begins by.

mod check;
mod command;
mod compose;
mod http;
mod judgement;
mod looking;
mod rtmp;
mod rtsp;
mod target;
mod tcp;
mod unit;

use std::sync::Arc;

use crate::config::{Health, HealthFacts, HealthReader, Origin, Problem, Section};

pub use check::{HealthCheck, Kit, Looked};
pub use judgement::{Condition, Judgement};
pub use looking::{MOST_WORDS, follow, look};

/// A kind of check.
pub struct Kind {
    /// The word in `kind = "..."`.
    pub name: &'static str,
    /// Reads its keys; `None` if something was refused.
    pub read: fn(&mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>>,
}

/// Every kind that there is.
pub const KINDS: [Kind; 7] = [
    command::KIND,
    compose::KIND,
    http::KIND,
    rtmp::KIND,
    rtsp::KIND,
    tcp::KIND,
    unit::KIND,
];

/// What examines the checks of a configuration.
pub const READER: HealthReader = HealthReader {
    kinds: || KINDS.iter().map(|kind| kind.name).collect(),
    read: |kind, section| {
        read(kind, section).map(|check| HealthFacts {
            asks: check.asks(),
            only_here: check.only_here(),
        })
    },
};

fn read(kind: &str, section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    let kind = KINDS.iter().find(|k| k.name == kind)?;
    (kind.read)(section).filter(|_| !section.is_refused())
}

/// The check of an accepted configuration.
///
/// # Errors
/// What is wrong with it: a configuration that was examined without [`READER`] has none.
pub fn check_of(health: &Health, origin: &Origin) -> Result<Arc<dyn HealthCheck>, Vec<Problem>> {
    health
        .table
        .read(origin, |section| read(&health.table.kind, section))
}
