//! Starting what serves the cameras: a systemd unit or a command, within a deadline, idempotent.

pub mod command;
pub(crate) mod output;
pub mod systemd;

use std::fmt;
use std::io;
use std::time::Duration;

pub use output::Ended;

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

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no command.
    #[error("there is no command to start the service with: service.command is empty")]
    Empty,
    /// The program could not be run.
    #[error("cannot run {program}: {source}")]
    Spawn {
        /// Its path.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It was not done in time; it was killed with all it had started in its process group.
    #[error("{program} was not done after {} ms and was killed{}", after.as_millis(), said(output))]
    Timeout {
        /// Its path.
        program: String,
        /// The deadline.
        after: Duration,
        /// What it had printed.
        output: String,
    },
    /// It ended with an error.
    #[error("{program} failed ({status}){}", said(output))]
    Failed {
        /// Its path.
        program: String,
        /// Exit code or signal.
        status: String,
        /// What it had printed.
        output: String,
    },
    /// systemd does not run this machine.
    #[error(
        "cannot start {unit}: systemd does not run on this machine{}; \
         use service.command, or leave both empty where the service runs already",
        said(output)
    )]
    NoSystemd {
        /// The unit.
        unit: String,
        /// What systemctl said.
        output: String,
    },
    /// systemd does not know the unit.
    #[error("systemd knows no unit {unit}; see: systemctl list-unit-files")]
    NoUnit {
        /// The unit.
        unit: String,
    },
    /// The unit must not be started.
    #[error("the unit {unit} is masked; to allow it: systemctl unmask {unit}")]
    Masked {
        /// The unit.
        unit: String,
    },
    /// systemctl reported no error, and yet the unit does not run.
    #[error("{unit} was started and is {state} now; see: journalctl -u {unit}")]
    NotActive {
        /// The unit.
        unit: String,
        /// systemd's ActiveState and SubState.
        state: String,
    },
    /// The job was not done in time; systemd goes on with it.
    #[error("{unit} is still {state} after {} ms; systemd goes on with it", after.as_millis())]
    Slow {
        /// The unit.
        unit: String,
        /// systemd's ActiveState and SubState.
        state: String,
        /// The deadline.
        after: Duration,
    },
}

/// The end of what a program printed, for a message of one line.
fn said(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|l| !l.trim().is_empty()).collect();
    match lines.len() {
        0 => String::new(),
        n => format!(": {}", lines[n.saturating_sub(3)..].join(" | ")),
    }
}
