//! What every check can be asked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::host::{Programs, Wire};
use crate::steps;

/// What one look works with.
#[derive(Clone)]
pub struct Kit {
    /// Time for this look; it is told to stop after that.
    pub within: Duration,
    /// What is run.
    pub programs: Arc<dyn Programs>,
    /// How servers are reached.
    pub wire: Arc<dyn Wire>,
    /// What programs of the site are started with, as those of steps are. Nothing is kept in its memory.
    pub of_step: steps::Kit,
}

impl Kit {
    /// What a program of the site is run with, in the time of this look.
    pub(super) fn for_programs(&self) -> steps::Kit {
        steps::Kit {
            within: self.within,
            programs: self.programs.clone(),
            ..self.of_step.clone()
        }
    }
}

/// What one look saw, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It is well.
    Good(String),
    /// It is not.
    Bad(String),
    /// Nobody could ask, by our own fault: it says nothing of the service.
    NotAsked(String),
}

impl Looked {
    /// What was seen.
    pub fn words(&self) -> &str {
        match self {
            Looked::Good(words) | Looked::Bad(words) | Looked::NotAsked(words) => words,
        }
    }

    pub(super) fn map(self, change: impl FnOnce(String) -> String) -> Looked {
        match self {
            Looked::Good(words) => Looked::Good(change(words)),
            Looked::Bad(words) => Looked::Bad(change(words)),
            Looked::NotAsked(words) => Looked::NotAsked(change(words)),
        }
    }
}

/// A check of one service.
///
/// A look changes nothing. A future that is dropped has been told to stop and must leave nothing running.
pub trait HealthCheck: Send + Sync {
    /// What is looked at, in a few words.
    fn what(&self) -> String;

    /// The address that is asked, where it is one and known.
    fn asks(&self) -> Option<IpAddr> {
        None
    }

    /// True if it sees nothing but this machine.
    fn only_here(&self) -> bool {
        false
    }

    /// Looks once.
    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked>;
}
