//! The bookkeeping of steps: which has run, which may start, which answer is still owed.
//!
//! A step ends only with an answer that carries its attempt number. When its deadline passes it is told to stop, and
//! the next try starts only when that task has answered: two attempts of one step never overlap.

use serde::{Deserialize, Serialize};

use super::event::Outcome;
use super::step::{self, By, Spec, Step};
use crate::types::{Attempt, BootTime};

/// Where one step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Not yet begun.
    Waiting,
    /// Its task runs.
    Running {
        /// The attempt that is under way.
        attempt: Attempt,
        /// When it began.
        since: BootTime,
        /// When it is told to stop.
        deadline: BootTime,
    },
    /// Its task was told to stop; its answer is still owed.
    Stopping {
        /// The attempt whose answer is awaited.
        attempt: Attempt,
        /// Why it was told to stop.
        why: String,
    },
    /// Waits before the next try.
    Pausing {
        /// When the next try starts.
        until: BootTime,
        /// Why the last one did not do.
        why: String,
    },
    /// Done and proven.
    Done {
        /// When.
        at: BootTime,
        /// By what it is proven.
        how: String,
    },
    /// Given up.
    Failed {
        /// Why.
        why: String,
    },
    /// Not needed this time.
    Skipped,
}

impl Progress {
    /// True if steps that need this one may start.
    pub fn settled(&self) -> bool {
        matches!(self, Progress::Done { .. } | Progress::Skipped)
    }

    /// What the answer of attempt `attempt` comes to; `None` if it is not awaited.
    pub fn answered(&self, attempt: Attempt, outcome: Outcome) -> Option<Answer> {
        let stopped = match self {
            Progress::Running { attempt: a, .. } if *a == attempt => None,
            Progress::Stopping { attempt: a, why } if *a == attempt => Some(why.clone()),
            Progress::Running { .. }
            | Progress::Stopping { .. }
            | Progress::Waiting
            | Progress::Pausing { .. }
            | Progress::Done { .. }
            | Progress::Failed { .. }
            | Progress::Skipped => return None,
        };
        let failed = |why: String, retry| Answer::Failed { why, retry };
        Some(match (stopped, outcome) {
            (None, Outcome::Done(how)) => Answer::Done(how),
            // An answer after the deadline changes nothing, whatever it says.
            (Some(why), _) | (None, Outcome::Failed(why)) => failed(why, true),
            (None, Outcome::Refused(why)) => failed(why, false),
            (None, Outcome::Cancelled) => failed("it was stopped".to_owned(), true),
        })
    }

    /// True if nothing more will come of it.
    pub fn over(&self) -> bool {
        matches!(
            self,
            Progress::Done { .. } | Progress::Skipped | Progress::Failed { .. }
        )
    }
}

/// What the answer of a task comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, and by what it is proven.
    Done(String),
    /// Not done.
    Failed {
        /// Why.
        why: String,
        /// Another try may help.
        retry: bool,
    },
}

/// The steps of one takeover or release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    steps: Vec<(Step, Progress, u32)>,
    /// Of steps that are tried again: why the try before did not do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<(Step, String)>,
}

/// What an answer or a deadline led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing: the answer was late or not expected.
    Nothing,
    /// The step is done.
    Done,
    /// It will be tried again by itself.
    Again(String),
    /// It is given up.
    GivenUp(String),
}

impl Flow {
    /// A flow of `list` in which nothing has run.
    pub fn new(list: &[Spec]) -> Self {
        Flow {
            steps: list
                .iter()
                .map(|s| (s.step, Progress::Waiting, 0))
                .collect(),
            before: Vec::new(),
        }
    }

    fn slot(&mut self, step: Step) -> Option<&mut (Step, Progress, u32)> {
        self.steps.iter_mut().find(|(s, _, _)| *s == step)
    }

    /// How often `step` was started.
    pub fn tries(&self, step: Step) -> u32 {
        let slot = self.steps.iter().find(|(s, _, _)| *s == step);
        slot.map_or(0, |(_, _, tries)| *tries)
    }

    /// Why the try before the one that runs, or that is being stopped, did not do; `None` if it is the first.
    pub fn failed_before(&self, step: Step) -> Option<&str> {
        if let Progress::Running { .. } | Progress::Stopping { .. } = self.get(step) {
            let mut before = self.before.iter();
            return before.find(|(s, _)| *s == step).map(|(_, why)| &**why);
        }
        None
    }

    /// Where `step` is; `Skipped` if it is not part of this flow.
    pub fn get(&self, step: Step) -> &Progress {
        self.steps
            .iter()
            .find(|(s, _, _)| *s == step)
            .map_or(&Progress::Skipped, |(_, p, _)| p)
    }

    /// Every step with its progress, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Step, &Progress)> {
        self.steps.iter().map(|(s, p, _)| (*s, p))
    }

    /// Marks `step` as not needed.
    pub fn skip(&mut self, step: Step) {
        if let Some(slot) = self.slot(step) {
            slot.1 = Progress::Skipped;
        }
    }

    /// Marks a step that the core does itself as done.
    pub fn done(&mut self, step: Step, at: BootTime, how: &str) {
        if let Some(slot) = self.slot(step) {
            slot.1 = Progress::Done {
                at,
                how: how.to_owned(),
            };
        }
    }

    /// Gives a step up.
    pub fn fail(&mut self, step: Step, why: &str) {
        if let Some(slot) = self.slot(step) {
            slot.1 = Progress::Failed {
                why: why.to_owned(),
            };
        }
    }

    /// Starts `step` over, unless its task still runs.
    pub fn reset(&mut self, step: Step) {
        if let Some(slot) = self.slot(step)
            && !matches!(slot.1, Progress::Running { .. } | Progress::Stopping { .. })
        {
            slot.1 = Progress::Waiting;
            slot.2 = 0;
        }
    }

    /// What was done and proven has to be proven again; how often it was tried is not forgotten.
    pub fn renew(&mut self, step: Step) {
        if let Some(slot) = self.slot(step)
            && matches!(slot.1, Progress::Done { .. })
        {
            slot.1 = Progress::Waiting;
        }
    }

    /// The steps that may start now; `extra_need` adds a need that depends on the policy.
    pub fn ready(&self, now: BootTime, extra_need: impl Fn(Step) -> Option<Step>) -> Vec<Step> {
        self.steps
            .iter()
            .filter(|(s, p, _)| {
                let startable = match p {
                    Progress::Waiting => true,
                    Progress::Pausing { until, .. } => *until <= now,
                    Progress::Running { .. }
                    | Progress::Stopping { .. }
                    | Progress::Done { .. }
                    | Progress::Failed { .. }
                    | Progress::Skipped => false,
                };
                let met = |need: &Step| match self.get(*need) {
                    // A step whose failure is survivable does not hold up the ones behind it.
                    Progress::Failed { .. } => {
                        step::spec_of(*need).on_failure == step::OnFailure::GoOn
                    }
                    p => p.settled(),
                };
                startable
                    && step::spec_of(*s).needs.iter().all(met)
                    && extra_need(*s).is_none_or(|need| met(&need))
            })
            .map(|(s, _, _)| *s)
            .collect()
    }

    /// Records that `step` was started.
    pub fn start(&mut self, step: Step, attempt: Attempt, since: BootTime, deadline: BootTime) {
        self.before.retain(|(s, _)| *s != step);
        if let Progress::Pausing { why, .. } = self.get(step) {
            self.before.push((step, why.clone()));
        }
        if let Some(slot) = self.slot(step) {
            slot.1 = Progress::Running {
                attempt,
                since,
                deadline,
            };
            slot.2 += 1;
        }
    }

    /// Takes the answer of a task.
    pub fn ended(&mut self, now: BootTime, step: Step, attempt: Attempt, outcome: Outcome) -> Turn {
        let Some(slot) = self.slot(step) else {
            return Turn::Nothing;
        };
        let (why, retry) = match slot.1.answered(attempt, outcome) {
            None => return Turn::Nothing,
            Some(Answer::Done(how)) => {
                slot.1 = Progress::Done { at: now, how };
                return Turn::Done;
            }
            Some(Answer::Failed { why, retry }) => (why, retry),
        };
        let spec = step::spec_of(step);
        let hold = spec.on_failure == step::OnFailure::Hold;
        if hold || (retry && slot.2 < spec.tries) {
            slot.1 = Progress::Pausing {
                until: now + step::pause_after(spec, slot.2),
                why: why.clone(),
            };
            Turn::Again(why)
        } else {
            slot.1 = Progress::Failed { why: why.clone() };
            Turn::GivenUp(why)
        }
    }

    /// The running adapter steps whose deadline has passed are now stopping; returns what to cancel.
    pub fn overdue(&mut self, now: BootTime) -> Vec<(Step, Attempt)> {
        let mut out = Vec::new();
        for (step, progress, _) in &mut self.steps {
            if let Progress::Running {
                attempt,
                since,
                deadline,
            } = progress
                && *deadline <= now
                && step::spec_of(*step).by == By::Adapter
            {
                out.push((*step, *attempt));
                let why = format!("no answer within {} ms", deadline.since(*since).as_millis());
                *progress = Progress::Stopping {
                    attempt: *attempt,
                    why,
                };
            }
        }
        out
    }

    /// Tells every running task to stop; returns what to cancel.
    pub fn stop_all(&mut self, why: &str) -> Vec<(Step, Attempt)> {
        let mut out = Vec::new();
        for (step, progress, _) in &mut self.steps {
            if let Progress::Running { attempt, .. } = progress
                && step::spec_of(*step).by == By::Adapter
            {
                out.push((*step, *attempt));
                *progress = Progress::Stopping {
                    attempt: *attempt,
                    why: why.to_owned(),
                };
            }
        }
        out
    }

    /// The next time at which something here is due. A pause that was over at `seen` waits for something else.
    pub fn next_deadline(&self, seen: BootTime) -> Option<BootTime> {
        self.steps
            .iter()
            .filter_map(|(step, p, _)| match p {
                Progress::Running { deadline, .. } if step::spec_of(*step).by == By::Adapter => {
                    Some(*deadline)
                }
                Progress::Pausing { until, .. } if *until > seen => Some(*until),
                Progress::Running { .. }
                | Progress::Stopping { .. }
                | Progress::Pausing { .. }
                | Progress::Waiting
                | Progress::Done { .. }
                | Progress::Failed { .. }
                | Progress::Skipped => None,
            })
            .min()
    }

    /// The first step that is not over, as the state shows it.
    pub fn current(&self) -> Option<Step> {
        const SHOWN_LAST: [Step; 3] = [Step::Watch, Step::Gate, Step::Service];
        let open = |(s, p, _): &&(Step, Progress, u32)| !p.over() && !SHOWN_LAST.contains(s);
        self.steps.iter().find(open).map(|(s, _, _)| *s)
    }

    /// True if every step is done, skipped or given up.
    pub fn over(&self) -> bool {
        self.steps.iter().all(|(_, p, _)| p.over())
    }
}
