//! How the steps that a site adds to a takeover stand. What they are is in [`super::recipe`]; who does them is no business
//! of the core.
//!
//! Each is wanted done while the VIP is being taken and for as long as we have it, and undone when we have it no more,
//! whatever the reason. [`super::site_tasks`] brings every one of them from where it is to where it is wanted,
//! in the order of their needs; back in reverse. None of them keeps a fence waiting, and none undoes one.

use serde::{Deserialize, Serialize};

use super::Machine;
use super::flow::Progress;
use super::recipe::{Failure, SiteSpec, UndoAt, needs_of};
use super::state::State;
use super::step::{self, OnFailure, Step};
use crate::types::{BootTime, StepName};

/// What is wanted of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Aim {
    Do,
    Undo,
}

/// A step that was begun and not taken back: what a restart has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its name.
    pub name: StepName,
    /// It was done and proven.
    pub done: bool,
}

/// One step, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) name: StepName,
    pub(super) aim: Aim,
    /// With which aim the attempt that runs was started.
    pub(super) doing: Aim,
    pub(super) progress: Progress,
    pub(super) tries: u32,
    /// It was begun and not taken back.
    pub(super) stands: bool,
    /// When what was given up is tried again.
    pub(super) again: Option<BootTime>,
    /// Why it was given up for this takeover ([`Failure::Undo`]).
    pub(super) gave_up: Option<String>,
}

impl Slot {
    pub(super) fn step(&self) -> Step {
        match self.aim {
            Aim::Do => Step::Site(self.name),
            Aim::Undo => Step::Undo(self.name),
        }
    }

    /// True if what comes after it may begin.
    fn lets_go_on(&self, spec: &SiteSpec) -> bool {
        self.gave_up.is_some()
            || match (&self.progress, self.aim) {
                (Progress::Done { .. }, Aim::Do) => true,
                (Progress::Failed { .. }, Aim::Do) => spec.on_failure != Failure::Halt,
                (
                    Progress::Waiting
                    | Progress::Running { .. }
                    | Progress::Stopping { .. }
                    | Progress::Pausing { .. }
                    | Progress::Done { .. }
                    | Progress::Failed { .. }
                    | Progress::Skipped,
                    Aim::Do | Aim::Undo,
                ) => false,
            }
    }

    pub(super) fn runs(&self) -> bool {
        matches!(
            self.progress,
            Progress::Running { .. } | Progress::Stopping { .. }
        )
    }
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Site(pub(super) Vec<Slot>);

impl Site {
    pub(super) fn get(&self, name: StepName) -> Option<&Slot> {
        self.0.iter().find(|s| s.name == name)
    }

    pub(super) fn get_mut(&mut self, name: StepName) -> Option<&mut Slot> {
        self.0.iter_mut().find(|s| s.name == name)
    }
}

impl Machine {
    /// The steps of the site that are wanted, or still to be taken back, with how they stand; in the order of the
    /// configuration.
    pub fn site_steps(&self) -> impl Iterator<Item = (Step, &Progress)> {
        let told = |s: &&Slot| s.progress != Progress::Skipped;
        self.site
            .0
            .iter()
            .filter(told)
            .map(|s| (s.step(), &s.progress))
    }

    /// Those that were begun and not taken back.
    pub fn site_begun(&self) -> Vec<Begun> {
        let begun = self.site.0.iter().filter(|s| s.stands);
        begun
            .map(|s| Begun {
                name: s.name,
                done: s.aim == Aim::Do && matches!(s.progress, Progress::Done { .. }),
            })
            .collect()
    }

    /// After a restart: what was done is not done again, unless our machine was restarted too.
    pub(super) fn recall_site(&mut self, now: BootTime, begun: &[Begun], same_boot: bool) {
        for Begun { name, done } in begun {
            let how = "before the restart of standin".to_owned();
            let progress = match *done && same_boot {
                true => Progress::Done { at: now, how },
                false => Progress::Waiting,
            };
            self.site.0.push(Slot {
                name: *name,
                aim: Aim::Do,
                doing: Aim::Do,
                progress,
                tries: 0,
                stands: true,
                again: None,
                gave_up: None,
            });
        }
    }

    /// Why steps of the site were given up, each with its name.
    pub fn site_failed(&self) -> Vec<String> {
        let failed = self.site.0.iter().filter_map(|s| {
            let why = match (&s.progress, s.aim) {
                (_, Aim::Undo) => s.gave_up.as_ref()?,
                (Progress::Failed { why }, Aim::Do) => why,
                (
                    Progress::Waiting
                    | Progress::Running { .. }
                    | Progress::Stopping { .. }
                    | Progress::Pausing { .. }
                    | Progress::Done { .. }
                    | Progress::Skipped,
                    Aim::Do,
                ) => return None,
            };
            Some(format!("step {} failed: {why}", s.name))
        });
        failed.collect()
    }

    /// True if `step` has to wait for one of the site's.
    pub(super) fn site_blocks(&self, step: Step) -> bool {
        let mut before = self.policy.site.iter().filter(|s| s.before.contains(&step));
        before.any(|spec| {
            let slot = self.site.get(spec.name);
            slot.is_none_or(|slot| !slot.lets_go_on(spec))
        })
    }

    /// True while a takeover has steps of the site under way, or to begin.
    pub(super) fn site_open(&self) -> bool {
        self.policy.site.iter().any(|spec| {
            self.site.get(spec.name).is_some_and(|slot| {
                slot.runs()
                    || matches!(slot.progress, Progress::Pausing { .. })
                    || (slot.progress == Progress::Waiting && self.site_may_begin(spec, slot.aim))
            })
        })
    }

    /// True while a release has to wait for what is taken back first.
    pub(super) fn undo_open(&self) -> bool {
        self.policy.site.iter().any(|spec| {
            let given_up =
                |s: &Slot| s.aim == Aim::Undo && matches!(s.progress, Progress::Failed { .. });
            let slot = self.site.get(spec.name);
            spec.undo == Some(UndoAt::Start)
                && slot.is_some_and(|s| (s.stands || s.runs()) && !given_up(s))
        })
    }

    /// What is wanted of a step now; `None`: it is left as it is.
    pub(super) fn site_aim(&self, spec: &SiteSpec, slot: &Slot) -> Option<Aim> {
        match &self.state {
            State::Taking(_) | State::Active { .. } => Some(match slot.gave_up {
                Some(_) => Aim::Undo,
                None => Aim::Do,
            }),
            State::Releasing(r) => {
                let first = spec.undo == Some(UndoAt::Start);
                (first && r.flow.get(Step::Precheck).settled()).then_some(Aim::Undo)
            }
            State::Standby | State::Suspect(_) | State::Confirming(_) => Some(Aim::Undo),
            State::Halted { .. } => None,
        }
    }

    /// True if everything that a step waits for is over.
    pub(super) fn site_may_begin(&self, spec: &SiteSpec, aim: Aim) -> bool {
        match aim {
            Aim::Do => needs_of(&self.policy.site, Step::Site(spec.name))
                .into_iter()
                .all(|need| self.site_need_met(need)),
            Aim::Undo => self.policy.site.iter().all(|later| {
                !needs_of(&self.policy.site, Step::Site(later.name))
                    .contains(&Step::Site(spec.name))
                    || self.site.get(later.name).is_none_or(|s| {
                        !s.runs() && (!s.stands || matches!(s.progress, Progress::Failed { .. }))
                    })
            }),
        }
    }

    fn site_need_met(&self, need: Step) -> bool {
        if let Step::Site(name) = need {
            let spec = self.policy.site.iter().find(|s| s.name == name);
            let slot = self.site.get(name);
            return spec
                .zip(slot)
                .is_some_and(|(spec, slot)| slot.lets_go_on(spec));
        }
        match &self.state {
            State::Taking(_) if need == Step::Claim => self.own.is_some(),
            State::Taking(t) => match t.flow.get(need) {
                Progress::Failed { .. } => step::spec_of(need).on_failure == OnFailure::GoOn,
                p => p.settled(),
            },
            State::Active { .. } => true,
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Releasing(_)
            | State::Halted { .. } => false,
        }
    }

    /// When something here is due. What waits for something else is not.
    pub(super) fn site_due(&self) -> Option<BootTime> {
        let due = self.site.0.iter().filter_map(|slot| match &slot.progress {
            Progress::Running { deadline, .. } => Some(*deadline),
            Progress::Pausing { until, .. } => Some(*until).filter(|at| *at > self.seen),
            Progress::Failed { .. } => slot.again.filter(|at| *at > self.seen),
            Progress::Waiting
            | Progress::Stopping { .. }
            | Progress::Done { .. }
            | Progress::Skipped => None,
        });
        due.min()
    }
}
