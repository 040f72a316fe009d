//! What becomes of a program that is run: how it ended, or why it did not do what it was for.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// What a program that ended in time did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// The beginning of what it printed, at most [`OUTPUT_LIMIT`](super::OUTPUT_LIMIT) bytes.
    pub output: String,
}

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
