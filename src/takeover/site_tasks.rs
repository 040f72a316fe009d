//! What brings the steps of a site to where they are wanted: tries are begun, told to stop, and their answers taken.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level, Run};
use super::event::Outcome;
use super::flow::{Answer, Progress};
use super::recipe::{Failure, SiteSpec};
use super::site::{Aim, Slot};
use super::state::State;
use super::step::Step;
use super::verdict::Verified;
use crate::types::{Attempt, BootTime, StepName};

/// What was given up is tried again after this, for as long as it is wanted.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// The adapter has the deadline too; ours comes later, for an adapter that hangs.
const GRACE: Duration = Duration::from_millis(500);

impl Machine {
    /// Brings every step nearer to where it is wanted. Only when an event has led to all that it leads to: a takeover that is
    /// ended in the moment in which it began has begun nothing.
    pub(super) fn converge_site(&mut self, now: BootTime) {
        if self.policy.site.is_empty() && self.site.0.is_empty() {
            return;
        }
        self.settle_names();
        let wanted = matches!(self.state, State::Taking(_) | State::Active { .. });
        // All are turned before the first is begun: one that is left as it is lets go of those that it needs.
        let mut open = Vec::new();
        for n in 0..self.policy.site.len() {
            let name = self.policy.site[n].name;
            let Some(i) = self.site.0.iter().position(|s| s.name == name) else {
                continue;
            };
            if !wanted {
                self.site.0[i].gave_up = None;
            }
            let aim = self.site_aim(&self.policy.site[n], &self.site.0[i]);
            if let Some(aim) = aim.filter(|aim| *aim != self.site.0[i].aim) {
                self.turn_site(i, aim);
            }
            self.stop_overdue(now, i);
            if aim.is_some() {
                open.push((i, n));
            }
        }
        for (i, n) in open {
            if !self.site.0[i].runs() {
                self.begin_site(now, i, n);
            }
        }
    }

    /// Every step of the configuration has its place; one that is not in it any more stays while it stands.
    fn settle_names(&mut self) {
        for spec in &self.policy.site {
            if self.site.get(spec.name).is_none() {
                self.site.0.push(Slot {
                    name: spec.name,
                    aim: Aim::Undo,
                    doing: Aim::Undo,
                    progress: Progress::Skipped,
                    tries: 0,
                    stands: false,
                    again: None,
                    gave_up: None,
                });
            }
        }
        let unknown = |s: &Slot| !self.policy.site.iter().any(|spec| spec.name == s.name);
        if !self.site.0.iter().any(unknown) {
            return;
        }
        self.site.0.retain(|s| !unknown(s) || s.stands);
        let left: Vec<StepName> = (self.site.0.iter().filter(|s| unknown(s)))
            .map(|s| s.name)
            .collect();
        for name in left {
            self.tell(
                &format!("step:{name}"),
                Level::Critical,
                format!("step {name} was begun in a takeover, and the configuration does not have it any more: nothing takes it back; put it back into the configuration, or take it back by hand"),
            );
        }
    }

    /// From now on the other is wanted of it.
    fn turn_site(&mut self, i: usize, aim: Aim) {
        let slot = &mut self.site.0[i];
        let spec = self.policy.site.iter().find(|s| s.name == slot.name);
        let undoes = spec.is_some_and(|s| s.undo.is_some());
        slot.aim = aim;
        (slot.tries, slot.again) = (0, None);
        match &slot.progress {
            Progress::Running { attempt, .. } => {
                let (step, attempt) = (running(slot), *attempt);
                slot.progress = Progress::Stopping {
                    attempt,
                    why: "it is not wanted any more".to_owned(),
                };
                self.out.push(Action::Cancel { step, attempt });
            }
            Progress::Stopping { .. } => {}
            Progress::Waiting
            | Progress::Pausing { .. }
            | Progress::Done { .. }
            | Progress::Failed { .. }
            | Progress::Skipped => from_here(slot, undoes),
        }
        let name = self.site.0[i].name;
        if self.alarms.stands(&key(name)) && self.site.0[i].gave_up.is_none() {
            self.settle(
                &key(name),
                format!("step {name} is not wanted as it was any more"),
            );
        }
    }

    /// A try whose time is over is told to stop.
    fn stop_overdue(&mut self, now: BootTime, i: usize) {
        let slot = &mut self.site.0[i];
        if let Progress::Running {
            attempt,
            since,
            deadline,
        } = slot.progress
            && deadline <= now
        {
            let step = running(slot);
            let within = deadline.since(since).as_millis();
            slot.progress = Progress::Stopping {
                attempt,
                why: format!("no answer within {within} ms"),
            };
            self.out.push(Action::Cancel { step, attempt });
        }
    }

    /// Starts a try if one is due and nothing is waited for.
    fn begin_site(&mut self, now: BootTime, i: usize, n: usize) {
        let (slot, spec) = (&self.site.0[i], &self.policy.site[n]);
        let due = match &slot.progress {
            Progress::Waiting => true,
            Progress::Pausing { until, .. } => *until <= now,
            Progress::Failed { .. } => slot.again.is_some_and(|at| at <= now),
            Progress::Running { .. }
            | Progress::Stopping { .. }
            | Progress::Done { .. }
            | Progress::Skipped => false,
        };
        if !due || !self.site_may_begin(spec, slot.aim) {
            return;
        }
        let (step, within) = (slot.step(), spec.within);
        let attempt = self.next_attempt();
        let slot = &mut self.site.0[i];
        slot.doing = slot.aim;
        slot.stands |= slot.aim == Aim::Do;
        slot.tries += 1;
        slot.again = None;
        slot.progress = Progress::Running {
            attempt,
            since: now,
            deadline: now + within + GRACE,
        };
        self.owed.push((step, attempt));
        self.out.push(Action::Run(Run {
            step,
            attempt,
            epoch: self.epoch,
            grounds: None,
            lifetime: None,
            peer_mac: self.evidence.pinned.clone(),
            within,
            levels: Vec::new(),
            in_spite_of: Vec::new(),
        }));
    }

    /// The answer of a try.
    pub(super) fn site_ended(
        &mut self,
        now: BootTime,
        name: StepName,
        attempt: Attempt,
        outcome: Outcome,
    ) {
        let was_open = self.undo_open();
        let spec = self.policy.site.iter().find(|s| s.name == name).cloned();
        let (Some(spec), Some(slot)) = (spec, self.site.get_mut(name)) else {
            return;
        };
        let Some(answer) = slot.progress.answered(attempt, outcome) else {
            return;
        };
        let turned = slot.doing != slot.aim;
        match answer {
            _ if turned => from_here(slot, spec.undo.is_some()),
            Answer::Done(how) => self.site_done(now, name, how),
            Answer::Failed { why, retry } if retry && slot.tries < spec.tries => {
                let until = now + spec.pause;
                slot.progress = Progress::Pausing { until, why };
            }
            Answer::Failed { why, .. } => self.site_given_up(now, &spec, why),
        }
        if let State::Releasing(_) = self.state
            && was_open
            && !self.undo_open()
        {
            // The time of a release is that of handing over.
            let until = now + self.policy.release_timeout;
            if let State::Releasing(r) = &mut self.state {
                r.deadline = until;
            }
        }
    }

    fn site_done(&mut self, now: BootTime, name: StepName, how: String) {
        let Some(slot) = self.site.get_mut(name) else {
            return;
        };
        slot.progress = Progress::Done { at: now, how };
        let undone = slot.aim == Aim::Undo;
        if undone {
            slot.stands = false;
        }
        if slot.gave_up.is_none() {
            let text = match undone {
                true => format!("step {name} is taken back"),
                false => format!("step {name} is done"),
            };
            self.settle(&key(name), text);
        }
        // What was missing is there: the verdict says so.
        let degraded = matches!(
            self.state,
            State::Active {
                verdict: Verified::Degraded
            }
        );
        if degraded && !undone && self.all_is_well() {
            self.verified(now, Verified::Verified);
        }
    }

    fn site_given_up(&mut self, now: BootTime, spec: &SiteSpec, why: String) {
        let (name, pause) = (spec.name, TRY_AGAIN.as_secs());
        let Some(slot) = self.site.get_mut(name) else {
            return;
        };
        let unwinds = spec.on_failure == Failure::Undo && slot.aim == Aim::Do;
        slot.progress = Progress::Failed { why: why.clone() };
        slot.again = (!unwinds).then(|| now + TRY_AGAIN);
        let text = match (slot.aim, spec.on_failure) {
            (Aim::Undo, _) => {
                format!(
                    "step {name} could not be taken back: {why}; it is tried again every {pause} s"
                )
            }
            (Aim::Do, Failure::GoOn) => format!(
                "step {name} failed: {why}; the takeover goes on without it, and it is tried again every {pause} s"
            ),
            (Aim::Do, Failure::Halt) => format!(
                "step {name} failed: {why}; what comes after it waits, and it is tried again every {pause} s"
            ),
            (Aim::Do, Failure::Undo) => {
                slot.gave_up = Some(why.clone());
                format!(
                    "step {name} failed: {why}; what it may have done is taken back, and the takeover goes on without it"
                )
            }
        };
        self.tell(&format!("step:{name}"), Level::Critical, text);
    }
}

/// The alarm of a step.
fn key(name: StepName) -> String {
    format!("step:{name}")
}

/// The task that runs, whatever is wanted by now.
fn running(slot: &Slot) -> Step {
    match slot.doing {
        Aim::Do => Step::Site(slot.name),
        Aim::Undo => Step::Undo(slot.name),
    }
}

/// Nothing runs: what is wanted begins from here, if there is anything to do.
fn from_here(slot: &mut Slot, undoes: bool) {
    slot.stands &= undoes || slot.aim == Aim::Do;
    slot.progress = match slot.aim == Aim::Undo && !slot.stands {
        true => Progress::Skipped,
        false => Progress::Waiting,
    };
}
