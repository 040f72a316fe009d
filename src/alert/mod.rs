//! Telling a person who is not looking: alarms, and what happened once, sent to the sinks of the configuration
//! (`[[alert.sink]]`).
//!
//! An alarm is raised and settled by its key, at one door (`daemon::alarms`); from there each sink hears of it through a
//! bounded channel that makes nobody wait. Each sink has a [`Keeper`]: one task, one [`Board`] (what it has heard, what of
//! it was sent, what is due), one file in the state folder. A sink that hangs or is down delays neither the daemon nor
//! another sink; what it missed is told when it answers again, the latest state of each key.
//!
//! To add a kind of sink:
//!
//! 1. `src/alert/sinks/KIND.rs`: a `KIND` constant with `read`, which asks the [`Section`] for its keys, and a type that
//!    implements [`Sink`]. What it needs of the outside (a protocol) is an adapter of its own that knows nothing of alerts.
//! 2. One line in [`KINDS`].
//! 3. Its keys in `src/manual/alerts.md`, and a test against the real thing.

mod board;
mod bulletin;
mod heard;
mod keeper;
mod quiet;
mod sink;
mod sinks;
mod store;

use std::sync::Arc;

use crate::config::{AlertSink, Origin, Problem, Section, SinkReader};

pub use board::{Board, CALM, MOST, ONCE_WINDOW};
pub use bulletin::{Bulletin, Status, level_word};
pub use heard::{Heard, Raised, Taken};
pub use keeper::{Health, Keeper, Running};
pub use quiet::Quiet;
pub use sink::{Kit, Refusal, Sink};
pub use sinks::KINDS;
pub use store::Store;

/// A kind of sink.
pub struct Kind {
    /// The word in `kind = "..."`.
    pub name: &'static str,
    /// Reads its keys; `None` if something was refused.
    pub read: fn(&mut Section<'_, '_>) -> Option<Arc<dyn Sink>>,
}

/// What examines the sinks of a configuration.
pub const READER: SinkReader = SinkReader {
    kinds: || KINDS.iter().map(|kind| kind.name).collect(),
    quiet: |text| text.parse::<Quiet>().map(|_| ()),
    read: |kind, section| read(kind, section).is_some(),
};

fn read(kind: &str, section: &mut Section<'_, '_>) -> Option<Arc<dyn Sink>> {
    let kind = KINDS.iter().find(|k| k.name == kind)?;
    (kind.read)(section).filter(|_| !section.is_refused())
}

/// The sink of an accepted configuration.
///
/// # Errors
/// What is wrong with it: a configuration that was examined without [`READER`] has none.
pub fn sink_of(sink: &AlertSink, origin: &Origin) -> Result<Arc<dyn Sink>, Vec<Problem>> {
    sink.table
        .read(origin, |section| read(&sink.table.kind, section))
}
