//! The TOML file and what can be wrong with it.
//!
//! [`Config::load`] reads a file in three steps: [`parse`] (text to [`schema`], everything that serde refuses is
//! noted), [`validate`] (every check of meaning, all problems at once), and [`resolved`] (plain values, nothing
//! optional that the daemon needs). [`Config::load_secrets`] reads the files that hold keys, separately, so that
//! `check` and `plan` need them only where asked.

mod origin;
mod pace;
mod parse;
mod problem;
mod resolved;
mod resolved_health;
pub mod schema;
mod schema_peer;
mod schema_ports;
mod schema_redirect;
mod schema_ssh;
mod schema_traps;
mod secret;
mod section;
mod suggest;
mod surroundings;
pub mod text;
mod validate;

pub use crate::types::Quarantine;
pub use origin::Origin;
pub(crate) use problem::passes;
pub use problem::{ConfigErrors, Problem, Severity, Warning};
pub use resolved::{
    AlertSink, Config, Fence, Heartbeat, Node, Peer, PortTakeover, Snmp, SnmpAuth, Ssh, Switch,
    SwitchPorts, Traps, Usm,
};
pub use resolved_health::{
    AsksWhen, Feeds, Health, Machine, Redirect, RedirectPlace, RedirectStep,
};
pub use schema::{
    Address, AliveElsewhere, Announce, AuthProtocol, Conflict, Detect, FenceKind, Kind, Legacy,
    PointsBack, Policy, PrivProtocol, Release, Service, ServiceDead, SnmpVersion, Start, Takeover,
    Unproven, Verify, Way,
};
pub use secret::{
    SecretForm, Secrets, SnmpSecret, SshSecret, TrapSecret, community_file, secret_file,
};
pub use section::{KindTable, Section};
pub use surroundings::{
    HealthFacts, HealthReader, InterfaceFacts, Persistence, ProfileFacts, SinkReader, StepReader,
    Surroundings,
};

use std::path::Path;
use std::sync::Arc;

use problem::Check;

/// The shipped sample: every key, its default and its unit.
pub const SAMPLE: &str = include_str!("../../config/standin.toml");

/// Where the first byte stands that is no text, as an editor shows it.
fn not_utf8(path: &Path, e: &std::string::FromUtf8Error) -> ConfigErrors {
    let at = e.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(e.as_bytes()).into_owned();
    let byte = e.as_bytes().get(at).copied().unwrap_or_default();
    let problem = problem::at_span(
        path,
        &text,
        at..at + char::REPLACEMENT_CHARACTER.len_utf8(),
        String::new(),
        format!("byte 0x{byte:02x} is not UTF-8 text (Latin-1 or Windows-1252, perhaps)"),
        "save the file as UTF-8".to_owned(),
    );
    ConfigErrors::Invalid {
        text: text.as_str().into(),
        problems: vec![problem],
    }
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// Relative paths in it start at its own folder. Everything that is wrong is reported at once; what is merely
    /// doubtful comes back as warnings.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or at least one of its values is refused.
    pub fn load(
        path: &Path,
        around: &Surroundings,
    ) -> Result<(Config, Vec<Warning>), ConfigErrors> {
        let bytes = std::fs::read(path).map_err(|source| ConfigErrors::Unreadable {
            path: path.to_owned(),
            source: Arc::new(source),
        })?;
        Config::from_bytes(path, bytes, around)
    }

    /// As [`Config::load`], for what was read already; `path` is where it came from.
    ///
    /// # Errors
    ///
    /// It is no text, or at least one value is refused.
    pub fn from_bytes(
        path: &Path,
        bytes: Vec<u8>,
        around: &Surroundings,
    ) -> Result<(Config, Vec<Warning>), ConfigErrors> {
        match String::from_utf8(bytes) {
            Ok(text) => Config::from_text(path, &text, around),
            Err(e) => Err(not_utf8(path, &e)),
        }
    }

    /// As [`Config::load`], for a text that was read already; `path` is where it came from.
    ///
    /// # Errors
    ///
    /// At least one value is refused.
    pub fn from_text(
        path: &Path,
        text: &str,
        around: &Surroundings,
    ) -> Result<(Config, Vec<Warning>), ConfigErrors> {
        let invalid = |mut problems: Vec<Problem>| {
            problems.sort_by_key(|p| (p.line, p.column));
            ConfigErrors::Invalid {
                text: text.into(),
                problems,
            }
        };
        let parsed = parse::parse(path, text).map_err(invalid)?;
        let mut check = Check {
            origin: &parsed.origin,
            refused: parsed.refused,
            found: parsed.problems,
        };
        let config = validate::validate(parsed.file, around, &mut check);
        let mut problems = check.found;
        let refused = problems.iter().any(|p| p.severity == Severity::Error);
        match config {
            Some(mut config) if !refused => {
                problems.sort_by_key(|p| (p.line, p.column));
                config.origin = Arc::new(parsed.origin);
                Ok((config, problems))
            }
            _ => Err(invalid(problems)),
        }
    }
}
