//! What can go wrong when a switch is read.

use crate::switch::snmp::SnmpError;
use crate::switch::ssh::CliError;

/// What can go wrong when a switch is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// The request itself failed.
    #[error(transparent)]
    Snmp(#[from] SnmpError),
    /// The command line.
    #[error("{0}")]
    Cli(Box<CliError>),
    /// Neither transport can do it.
    #[error(
        "switch {switch}: {what} cannot be done: the profile {profile} has no way for it, or the configuration has no [switch.{switch}.snmp] or [switch.{switch}.ssh] that it needs"
    )]
    NoWay {
        /// Name of the switch.
        switch: String,
        /// What was asked for.
        what: String,
        /// Name of the profile.
        profile: String,
    },
    /// A show has no record of the port.
    #[error(
        "switch {switch} shows no port `{port}`: use the name exactly as the switch writes it, or correct [ssh.show.port] of its profile"
    )]
    NotShown {
        /// Name of the switch.
        switch: String,
        /// The name asked for.
        port: String,
    },
    /// No interface has this name.
    #[error(
        "switch {switch} has no port named `{port}` in ifName; it has: {there}. Use the name exactly as the switch writes it"
    )]
    NoSuchPort {
        /// Name of the switch.
        switch: String,
        /// The name asked for.
        port: String,
        /// Some names that are there, the likely ones first.
        there: String,
    },
    /// Several interfaces have this name.
    #[error(
        "switch {switch} has several ports named `{port}` (ifIndex {indexes}): which one is meant cannot be told, so none is touched. Give them distinct names on the switch"
    )]
    Ambiguous {
        /// Name of the switch.
        switch: String,
        /// The name asked for.
        port: String,
        /// The ifIndexes that have it.
        indexes: String,
    },
    /// The name is behind another ifIndex at every look.
    #[error(
        "switch {switch}: port `{port}` was found by a walk, but a moment later its ifIndex has the name `{found}`: the switch is renumbering its ports. Try again when it has settled"
    )]
    Moving {
        /// Name of the switch.
        switch: String,
        /// The name asked for.
        port: String,
        /// What the instance is called now.
        found: String,
    },
    /// The switch does not tell something that is needed.
    #[error(
        "switch {switch}, port `{port}`: {object} came back as {came_back}; a profile with another object is needed, or a view that lets us read it"
    )]
    Missing {
        /// Name of the switch.
        switch: String,
        /// The port.
        port: String,
        /// The object, by name and index.
        object: String,
        /// What was there instead.
        came_back: String,
    },
}

impl From<CliError> for SwitchError {
    fn from(e: CliError) -> SwitchError {
        SwitchError::Cli(Box::new(e))
    }
}

impl SwitchError {
    /// True if the switch did not answer, so that nothing is known.
    pub fn is_silence(&self) -> bool {
        match self {
            SwitchError::Snmp(e) => e.is_silence(),
            SwitchError::Cli(e) => e.is_silence(),
            SwitchError::NoWay { .. }
            | SwitchError::NotShown { .. }
            | SwitchError::NoSuchPort { .. }
            | SwitchError::Ambiguous { .. }
            | SwitchError::Moving { .. }
            | SwitchError::Missing { .. } => false,
        }
    }
}
