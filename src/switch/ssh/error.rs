//! What can go wrong on a switch's command line.

use std::time::Duration;

use super::known_hosts::HostKeyError;
use super::target::SshTarget;
use crate::switch::profile::ssh::fill::FillError;

/// What can go wrong on a switch's command line. Nothing in it is secret: what was sent as a secret is masked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliError {
    /// No connection, or none that speaks SSH.
    #[error(
        "switch {switch} cannot be reached over SSH at {address}: {why}. Check its address, that SSH is on there, and what filters in between"
    )]
    Unreachable {
        /// Name of the switch.
        switch: String,
        /// Address and port.
        address: String,
        /// What happened.
        why: String,
    },
    /// It is not the host that is known, or none is known.
    #[error("switch {switch}: {problem}")]
    HostKey {
        /// Name of the switch.
        switch: String,
        /// Which of them.
        problem: HostKeyError,
    },
    /// It answers, but does not let us in.
    #[error("switch {switch} does not let user `{user}` in: {why}")]
    Auth {
        /// Name of the switch.
        switch: String,
        /// The user name.
        user: String,
        /// What was tried and what it said.
        why: String,
    },
    /// It knows no algorithm that we may use.
    #[error(
        "switch {switch} and this program have no {what} in common; the switch offers {theirs}. {help}"
    )]
    NoCommonAlgorithm {
        /// Name of the switch.
        switch: String,
        /// Kind of algorithm.
        what: &'static str,
        /// What the switch offers.
        theirs: String,
        /// What can be done.
        help: String,
    },
    /// It refused a command.
    #[error("switch {switch} refused `{command}`: {line}")]
    Refused {
        /// Name of the switch.
        switch: String,
        /// The command.
        command: String,
        /// Its line that says so.
        line: String,
    },
    /// Somebody else holds the configuration, for longer than we waited.
    #[error(
        "switch {switch} could not take `{command}` because somebody else is changing it: {line}. Try again, or see who is logged in there"
    )]
    Busy {
        /// Name of the switch.
        switch: String,
        /// The command.
        command: String,
        /// Its line that says so.
        line: String,
    },
    /// The connection broke. The command may have been carried out: read back over a new session.
    #[error(
        "the connection to switch {switch} broke during {during}: {why}. It may have been carried out or not: what is there has to be read again"
    )]
    Broken {
        /// Name of the switch.
        switch: String,
        /// What was going on.
        during: String,
        /// What happened.
        why: String,
    },
    /// Nothing that could be understood came in time. The command may have been carried out.
    #[error(
        "switch {switch}: {during} did not end within {within:?}; the last that it showed is {last}. If that is a prompt or a question, the profile does not know it"
    )]
    TooLate {
        /// Name of the switch.
        switch: String,
        /// What was going on.
        during: String,
        /// The deadline.
        within: Duration,
        /// The last lines, secrets masked.
        last: String,
    },
    /// What it printed is not what the profile says it prints.
    #[error(
        "switch {switch} answered `{command}` with something the profile cannot read: {why}. It begins with {begins}"
    )]
    Unparsable {
        /// Name of the switch.
        switch: String,
        /// The command.
        command: String,
        /// What is wrong with it.
        why: String,
        /// Its beginning.
        begins: String,
    },
    /// The profile has no such thing, or it cannot be done.
    #[error("switch {switch}: {why}")]
    Profile {
        /// Name of the switch.
        switch: String,
        /// What is missing.
        why: String,
    },
    /// A command could not be written.
    #[error("switch {switch}: {problem}")]
    Fill {
        /// Name of the switch.
        switch: String,
        /// Why.
        problem: FillError,
    },
}

impl CliError {
    /// True if the switch did not answer, so that nothing is known.
    pub fn is_silence(&self) -> bool {
        matches!(
            self,
            CliError::Unreachable { .. } | CliError::Broken { .. } | CliError::TooLate { .. }
        )
    }

    /// True if the command that failed may have been carried out all the same.
    pub fn may_have_been_applied(&self) -> bool {
        matches!(self, CliError::Broken { .. } | CliError::TooLate { .. })
    }
}

pub(super) fn unreachable(target: &SshTarget, why: impl Into<String>) -> CliError {
    CliError::Unreachable {
        switch: target.name.clone(),
        address: target.address.to_string(),
        why: why.into(),
    }
}
