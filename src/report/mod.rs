//! What happened, for people and scripts: one JSON file per takeover in the state folder.

mod text;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::takeover::Machine;
use crate::takeover::flow::{Flow, Progress};
use crate::takeover::state::{Grounds, State};
use crate::takeover::step::Step;
use crate::takeover::verdict::Verified;
use crate::types::BootTime;

pub use text::render;

/// The report of one takeover or release. Field names are documented in src/manual/json.md and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `PEER-EPOCH`, the name of the report's file.
    pub id: String,
    /// Name of the peer in the configuration.
    pub peer: String,
    /// The address that moved.
    pub vip: String,
    /// `agentless` or `pair`.
    pub mode: String,
    /// `takeover` or `release`.
    pub kind: String,
    /// When the report was written, RFC 3339 in UTC.
    pub written: String,
    /// The state at that time.
    pub state: String,
    /// What verification said; null while it goes on, and of a release.
    pub verdict: Option<Verified>,
    /// `proven`, `unclear`, `none` where the peer gave the VIP up by itself, or `lifted` by a release.
    pub fence: String,
    /// When the first of `ms` was, microseconds since 1970-01-01 UTC.
    pub t0_us: Option<u64>,
    /// Milliseconds from the first mark (of a takeover: the peer's last sign of life) to each mark, in order.
    pub ms: Vec<(String, f64)>,
    /// Every step: name, how it stands, by what it is proven or why it failed.
    pub steps: Vec<StepLine>,
    /// The cameras as verification saw them (see src/manual/json.md); null before it began, and of a release.
    pub cameras: Value,
}

/// One step in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLine {
    /// Its name.
    pub step: String,
    /// `waiting`, `running`, `done`, `failed` or `skipped`.
    pub state: String,
    /// By what it is proven, or why it failed.
    pub detail: String,
}

/// What cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No report of that name, or none at all.
    #[error("there is no report {id} in {folder}")]
    Missing {
        /// What was asked for.
        id: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot access {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no report.
    #[error("{path} is not a report: {source}")]
    Garbage {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// True if these are the steps of a release: a machine that stays active after a failed one shows them too.
pub fn is_release(flow: &Flow) -> bool {
    flow.iter().any(|(step, _)| step == Step::Precheck)
}

/// What the steps say of the fence where nobody owns the address (yet, or any more): `proven`, `unclear`, or of a release
/// `lifted` or `none`.
pub fn fence_of_flow(machine: &Machine) -> &'static str {
    let flow = machine.flow();
    if let Some(flow) = flow.filter(|f| is_release(f)) {
        match flow.get(Step::Lift) {
            Progress::Done { .. } => return "lifted",
            // The peer had given the address up by itself, and was not fenced.
            Progress::Skipped => return "none",
            Progress::Waiting
            | Progress::Running { .. }
            | Progress::Stopping { .. }
            | Progress::Pausing { .. }
            | Progress::Failed { .. } => {}
        }
    }
    match flow.map(|f| f.get(Step::Fence)) {
        Some(Progress::Done { .. }) => "proven",
        Some(
            Progress::Waiting
            | Progress::Running { .. }
            | Progress::Stopping { .. }
            | Progress::Pausing { .. }
            | Progress::Failed { .. }
            | Progress::Skipped,
        )
        | None => "unclear",
    }
}

impl Report {
    /// Puts together what is known of `machine` now. `steps` are those of the last flow.
    pub fn of(
        peer: &str,
        machine: &Machine,
        steps: Vec<StepLine>,
        cameras: Value,
        (written, wall_us, now): (String, u64, BootTime),
    ) -> Report {
        let first = machine.timeline().iter().next().map(|(_, at)| at);
        let since = |at: BootTime| first.map_or(0.0, |f| at.since(f).as_micros() as f64 / 1000.0);
        let mut ms: Vec<(String, f64)> = machine
            .timeline()
            .iter()
            .map(|(mark, at)| {
                let name = serde_json::to_value(mark)
                    .ok()
                    .and_then(|v| v.as_str().map(str::to_owned))
                    .unwrap_or_default();
                (name, since(at))
            })
            .collect();
        ms.extend(machine.site_steps().filter_map(|(step, p)| match p {
            Progress::Done { at, .. } if first.is_some_and(|f| *at >= f) => {
                Some((step.to_string(), since(*at)))
            }
            Progress::Done { .. }
            | Progress::Waiting
            | Progress::Running { .. }
            | Progress::Stopping { .. }
            | Progress::Pausing { .. }
            | Progress::Failed { .. }
            | Progress::Skipped => None,
        }));
        ms.sort_by(|a, b| a.1.total_cmp(&b.1));
        // By its steps, not by the state: a release that failed ends active, a takeover that was stopped in standby.
        let release = machine.flow().is_some_and(is_release);
        let kind = if release { "release" } else { "takeover" };
        let verdict = match machine.state() {
            State::Active { verdict } if !release => Some(*verdict),
            State::Active { .. }
            | State::Releasing(_)
            | State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Taking(_)
            | State::Halted { .. } => None,
        };
        let fence = match machine.ownership().map(|o| o.grounds) {
            Some(Grounds::Fenced) if !machine.fence_confirmed() => "shut, unconfirmed",
            Some(Grounds::Fenced) => "proven",
            Some(Grounds::Yielded | Grounds::Vacant) => "none",
            Some(Grounds::Unfenced) => "unclear",
            // Halted, or on the way: what the step itself says.
            None => fence_of_flow(machine),
        };
        let mode = if machine.policy().pair {
            "pair"
        } else {
            "agentless"
        };
        Report {
            id: format!("{peer}-{}", machine.epoch()),
            peer: peer.to_owned(),
            vip: machine.policy().vip.to_string(),
            mode: mode.to_owned(),
            kind: kind.to_owned(),
            written,
            state: machine.label(),
            verdict,
            fence: fence.to_owned(),
            t0_us: first.map(|f| wall_us.saturating_sub(now.since(f).as_micros() as u64)),
            ms,
            steps,
            // Who is back at the peer is not seen from here.
            cameras: if release { Value::Null } else { cameras },
        }
    }

    /// Writes the report into `folder`, replacing an older one of the same takeover.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), ReportError> {
        let path = folder.join(format!("{}-{}.json", self.id, self.kind));
        let err = |source| ReportError::Io {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(err)?;
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        let part = path.with_extension("part");
        std::fs::write(&part, text)
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(err)
    }

    /// The names of all reports in `folder`, the newest last.
    pub fn list(folder: &Path) -> Vec<String> {
        let stem = |p: &PathBuf| p.file_stem().map(|s| s.to_string_lossy().into_owned());
        files(folder).iter().filter_map(stem).collect()
    }

    /// Reads a report: the one that `id` names (with or without `-takeover`/`-release`), or the newest.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be read.
    pub fn load(folder: &Path, id: Option<&str>) -> Result<Report, ReportError> {
        let missing = || ReportError::Missing {
            id: id.unwrap_or("at all").to_owned(),
            folder: folder.to_owned(),
        };
        let newest = files(folder).into_iter().rfind(|p| {
            let name = p.file_stem().unwrap_or_default().to_string_lossy();
            let bare = name
                .trim_end_matches("-takeover")
                .trim_end_matches("-release");
            id.is_none_or(|id| name == id || bare == id)
        });
        let path = newest.ok_or_else(missing)?;
        let text = std::fs::read_to_string(&path).map_err(|source| ReportError::Io {
            path: path.clone(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| ReportError::Garbage { path, source })
    }
}

/// The reports in `folder` by age, the newest last.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .collect();
    found.sort_by_key(|p| p.metadata().and_then(|m| m.modified()).ok());
    found
}

/// The lines for the steps of a flow.
pub fn step_lines<'a>(
    steps: impl Iterator<Item = (crate::takeover::step::Step, &'a Progress)>,
) -> Vec<StepLine> {
    steps
        .map(|(step, progress)| {
            let (state, detail) = match progress {
                Progress::Waiting => ("waiting", String::new()),
                Progress::Running { .. } => ("running", String::new()),
                Progress::Stopping { why, .. } => ("running", format!("stopping: {why}")),
                Progress::Pausing { why, .. } => ("waiting", format!("before the next try: {why}")),
                Progress::Done { how, .. } => ("done", how.clone()),
                Progress::Failed { why } => ("failed", why.clone()),
                Progress::Skipped => ("skipped", String::new()),
            };
            StepLine {
                step: step.to_string(),
                state: state.to_owned(),
                detail,
            }
        })
        .collect()
}
