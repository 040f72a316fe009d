//! What every step of a site can be asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::Memory;
use crate::host::Programs;
use crate::takeover::event::Outcome;

/// What is true of one takeover: a step may tell it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Name of the peer in the configuration.
    pub peer: String,
    /// The address that moves, without its prefix length.
    pub vip: String,
    /// This node's name.
    pub node: String,
    /// The epoch of the takeover.
    pub epoch: u64,
    /// Name of the step, `KIND:NAME`.
    pub step: String,
    /// It is taken back.
    pub undo: bool,
    /// The time now, RFC 3339 in UTC.
    pub time: String,
}

/// What one try of a step works with.
#[derive(Clone)]
pub struct Kit {
    /// What is true of this takeover.
    pub facts: Facts,
    /// Time for this try; it is told to stop after that.
    pub within: Duration,
    /// What is run.
    pub programs: Arc<dyn Programs>,
    /// What the step keeps from one try to the next, also over a restart.
    pub memory: Memory,
}

/// What a step would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanLine {
    /// In words.
    pub what: String,
    /// The same by hand, where there is a command.
    pub command: Option<String>,
    /// How it is taken back, in words; `None`: it is not.
    pub undo: Option<String>,
}

/// What a look at a step has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// That it could be done, and what stands there now.
    pub said: String,
    /// What will make it slower, or less sure, than a takeover should be.
    pub warnings: Vec<String>,
}

impl From<String> for Look {
    fn from(said: String) -> Look {
        let warnings = Vec::new();
        Look { said, warnings }
    }
}

/// A step that a site adds to a takeover.
///
/// Whatever is asked has its time in [`Kit::within`]; a future that is dropped has been told to stop and must leave
/// nothing running. A reply that was lost is no failure: what counts is what is read back.
pub trait SiteStep: Send + Sync {
    /// What it would do.
    fn plan(&self, facts: &Facts) -> PlanLine;

    /// True if it can be taken back.
    fn undoes(&self) -> bool;

    /// Whether it could be done now, without changing anything: what was seen, or what is in the way.
    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<Look, String>>;

    /// Does it and reads it back; nothing is done where it is as wanted already.
    fn apply<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome>;

    /// Takes it back and reads that back.
    fn undo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome>;
}
