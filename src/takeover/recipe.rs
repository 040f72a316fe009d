//! What a site adds to a takeover, as data: which steps, after what, how long, how often, and what their failure means.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::step::{self, Step, TAKEOVER};
use crate::types::StepName;

/// The steps of a takeover that may be told to wait for one of a site's. What keeps two owners apart waits for nobody.
pub const MAY_WAIT: [Step; 4] = [Step::Claim, Step::Announce, Step::Open, Step::Verify];

/// One step, as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SiteSpec {
    /// Its name.
    pub name: StepName,
    /// It begins when all of these are done.
    pub needs: Vec<Step>,
    /// These begin when it is done; some of [`MAY_WAIT`], and other steps of the site.
    pub before: Vec<Step>,
    /// How long one try may take.
    pub within: Duration,
    /// How often it is tried before it is given up.
    pub tries: u32,
    /// Pause before the next try.
    pub pause: Duration,
    /// What it means that it was given up.
    pub on_failure: Failure,
    /// What takes it back, and when; `None`: nothing does.
    pub undo: Option<UndoAt>,
}

/// What it means that a step was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// A person is told, the takeover goes on without it, and it is tried again from time to time.
    GoOn,
    /// The same, but what comes after it waits until it is done.
    Halt,
    /// The takeover goes on without it, and what it may have done is taken back at once.
    Undo,
}

/// When a step is taken back in a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoAt {
    /// Before the VIP is given up.
    Start,
    /// When the peer serves the VIP again.
    End,
}

/// What is wrong with a list of steps: which one, and why.
pub fn faults(specs: &[SiteSpec]) -> Vec<(StepName, String)> {
    let mut out = Vec::new();
    let known = |step: Step| match step {
        Step::Site(name) => specs.iter().any(|s| s.name == name),
        Step::Undo(_) => false,
        step => TAKEOVER.iter().any(|s| s.step == step),
    };
    for (i, spec) in specs.iter().enumerate() {
        let mut fault = |why: String| out.push((spec.name, why));
        if specs[..i].iter().any(|s| s.name == spec.name) {
            fault("two steps have this name".to_owned());
        }
        for need in spec.needs.iter().filter(|need| !known(**need)) {
            fault(format!(
                "it needs `{need}`, and a takeover has no such step"
            ));
        }
        for later in &spec.before {
            if !known(*later) {
                fault(format!(
                    "it comes before `{later}`, and a takeover has no such step"
                ));
            } else if !matches!(later, Step::Site(_)) && !MAY_WAIT.contains(later) {
                fault(format!("`{later}` waits for no step of the site"));
            }
        }
        if waits_for(specs, Step::Site(spec.name), Step::Site(spec.name)) {
            fault("it waits for itself, by what it needs and what it comes before".to_owned());
        }
    }
    out
}

/// True if `step` can begin only after `other`.
pub fn waits_for(specs: &[SiteSpec], step: Step, other: Step) -> bool {
    let (mut open, mut seen) = (vec![step], Vec::new());
    while let Some(at) = open.pop() {
        for need in needs_of(specs, at) {
            if need == other {
                return true;
            }
            if !seen.contains(&need) {
                seen.push(need);
                open.push(need);
            }
        }
    }
    false
}

/// What must be over before `step` begins, of the core's own list and of the site's.
pub fn needs_of(specs: &[SiteSpec], step: Step) -> Vec<Step> {
    let own = match step {
        Step::Site(name) => specs
            .iter()
            .find(|s| s.name == name)
            .map_or(Vec::new(), |s| s.needs.clone()),
        step => step::spec_of(step).needs.to_vec(),
    };
    let before = specs.iter().filter(|s| s.before.contains(&step));
    own.into_iter()
        .chain(before.map(|s| Step::Site(s.name)))
        .collect()
}
