//! The steps that a site adds to a takeover, `[[peer.NAME.step]]`: one file per kind.
//!
//! To the core a step is data (`takeover::recipe::SiteSpec`): after what it begins, how long and how often it is tried,
//! what its failure means. What it *does* is an object of this module, asked by everybody: `plan` says what it would do,
//! `check` whether it could, `apply` does it and reads it back, `undo` takes it back.
//!
//! To add a kind of step:
//!
//! 1. `src/steps/KIND.rs`: a `KIND` constant with `read`, which asks the [`Section`] for its keys, and a type that
//!    implements [`SiteStep`]. What it needs of the outside (a protocol, a program) is an adapter of its own that knows
//!    nothing of steps.
//! 2. One line in [`KINDS`] here.
//!    What several kinds have in common has a module of its own, such as `names` or `launch`.
//! 3. Its keys in `src/manual/steps.md`, and a test against the real thing.
//!
//! The core, the loop, the recorder, the report, `plan`, `status`, `check` and a reload need no change.
//!
//! A step may be run again at any time, also after it was done: by a restart of the daemon, or because an answer was
//! lost. So `apply` looks first whether it is as wanted already, and so does `undo`.

mod command;
pub(crate) mod compose;
mod dns;
mod http;
pub(crate) mod launch;
mod memory;
mod names;
mod powerdns;
mod step;
mod unit;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Origin, Peer, Problem, RedirectStep, Section, StepReader};
use crate::types::StepName;

pub use memory::Memory;
pub use step::{Facts, Kit, Look, PlanLine, SiteStep};

/// A kind of step.
pub struct Kind {
    /// The word in `kind = "..."`.
    pub name: &'static str,
    /// Reads its keys; `None` if something was refused.
    pub read: fn(&mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>>,
}

/// Every kind that there is.
pub const KINDS: [Kind; 7] = [
    command::KIND,
    compose::KIND,
    dns::KIND,
    http::KIND,
    powerdns::KIND,
    unit::KIND,
    wait::KIND,
];

/// What examines the steps of a configuration.
pub const READER: StepReader = StepReader {
    kinds: || KINDS.iter().map(|kind| kind.name).collect(),
    read: |kind, section| read(kind, section).map(|step| step.undoes()),
};

fn read(kind: &str, section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let kind = KINDS.iter().find(|k| k.name == kind)?;
    (kind.read)(section).filter(|_| !section.is_refused())
}

/// A step of a redirect whose configuration was accepted.
///
/// # Errors
/// What is wrong with it: a configuration that was examined without [`READER`] has none.
pub fn of_redirect(
    step: &RedirectStep,
    origin: &Origin,
) -> Result<Arc<dyn SiteStep>, Vec<Problem>> {
    let kind = &step.table.kind;
    step.table.read(origin, |section| read(kind, section))
}

/// The steps of one peer by their names.
pub type Steps = BTreeMap<StepName, Arc<dyn SiteStep>>;

/// The steps of a peer whose configuration was accepted.
///
/// # Errors
/// What is wrong with one: a configuration that was examined without [`READER`] has none.
pub fn of_peer(peer: &Peer, origin: &Origin) -> Result<Steps, Vec<Problem>> {
    let mut steps = Steps::new();
    for (table, spec) in peer.steps.iter().zip(&peer.site) {
        let step = table.read(origin, |section| read(&table.kind, section))?;
        steps.insert(spec.name, step);
    }
    Ok(steps)
}
