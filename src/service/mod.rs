//! Starting what serves the cameras: a systemd unit or a command, within a deadline, idempotent.

pub mod command;
pub mod error;
pub(crate) mod output;
pub mod systemd;

use std::fmt;
use std::time::Duration;

pub use error::{Ended, ServiceError};

/// A service that was asked to start, and has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// It ran already; nothing was done.
    pub already: bool,
    /// What was started: the unit, or the command's program.
    pub what: String,
    /// How long it took.
    pub took: Duration,
    /// The beginning of what it printed, at most [`OUTPUT_LIMIT`] bytes.
    pub output: String,
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.already {
            return write!(f, "{} runs already", self.what);
        }
        write!(f, "{} started in {} ms", self.what, self.took.as_millis())
    }
}

/// Bytes that are kept of what a command prints.
pub const OUTPUT_LIMIT: usize = 16 * 1024;
