//! The steps that a site adds to a takeover: what they are to the core is data ([`SiteSpec`]), who does them is no
//! business of it.
//!
//! Each is wanted done while the VIP is being taken and for as long as we have it, and undone when we have it no more,
//! whatever the reason. [`Machine::converge_site`] brings every one of them from where it is to where it is wanted,
//! in the order of their needs; back in reverse. None of them keeps a fence waiting, and none undoes one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level, Run};
use super::event::Outcome;
use super::flow::{Answer, Progress};
use super::state::State;
use super::step::{self, OnFailure, Step, TAKEOVER};
use super::verdict::Verified;
use crate::types::{Attempt, BootTime, StepName};

/// What was given up is tried again after this, for as long as it is wanted.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// The adapter has the deadline too; ours comes later, for an adapter that hangs.
const GRACE: Duration = Duration::from_millis(500);

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

/// What is wanted of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Aim {
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
struct Slot {
    name: StepName,
    aim: Aim,
    /// With which aim the attempt that runs was started.
    doing: Aim,
    progress: Progress,
    tries: u32,
    /// It was begun and not taken back.
    stands: bool,
    /// When what was given up is tried again.
    again: Option<BootTime>,
    /// Why it was given up for this takeover ([`Failure::Undo`]).
    gave_up: Option<String>,
}

impl Slot {
    fn step(&self) -> Step {
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

    fn runs(&self) -> bool {
        matches!(
            self.progress,
            Progress::Running { .. } | Progress::Stopping { .. }
        )
    }
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Site(Vec<Slot>);

impl Site {
    fn get(&self, name: StepName) -> Option<&Slot> {
        self.0.iter().find(|s| s.name == name)
    }

    fn get_mut(&mut self, name: StepName) -> Option<&mut Slot> {
        self.0.iter_mut().find(|s| s.name == name)
    }
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
    fn site_aim(&self, spec: &SiteSpec, slot: &Slot) -> Option<Aim> {
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
    fn site_may_begin(&self, spec: &SiteSpec, aim: Aim) -> bool {
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

    /// Brings every step nearer to where it is wanted. Only when an event has led to all that it leads to: a takeover that is
    /// ended in the moment in which it began has begun nothing.
    pub(super) fn converge_site(&mut self, now: BootTime) {
        if self.policy.site.is_empty() && self.site.0.is_empty() {
            return;
        }
        self.settle_names();
        let wanted = matches!(self.state, State::Taking(_) | State::Active { .. });
        for spec in self.policy.site.clone() {
            let Some(i) = self.site.0.iter().position(|s| s.name == spec.name) else {
                continue;
            };
            if !wanted {
                self.site.0[i].gave_up = None;
            }
            let aim = self.site_aim(&spec, &self.site.0[i]);
            if let Some(aim) = aim.filter(|aim| *aim != self.site.0[i].aim) {
                self.turn_site(i, aim);
            }
            self.stop_overdue(now, i);
            if aim.is_some() && !self.site.0[i].runs() {
                self.begin_site(now, i, &spec);
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
        self.site.0.retain(|s| !unknown(s) || s.stands);
        let left: Vec<StepName> = (self.site.0.iter().filter(|s| unknown(s)))
            .map(|s| s.name)
            .collect();
        for name in left {
            self.tell(
                &key(name),
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
    fn begin_site(&mut self, now: BootTime, i: usize, spec: &SiteSpec) {
        let slot = &self.site.0[i];
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
        let (step, attempt) = (slot.step(), self.next_attempt());
        let slot = &mut self.site.0[i];
        slot.doing = slot.aim;
        slot.stands |= slot.aim == Aim::Do;
        slot.tries += 1;
        slot.again = None;
        slot.progress = Progress::Running {
            attempt,
            since: now,
            deadline: now + spec.within + GRACE,
        };
        self.owed.push((step, attempt));
        self.out.push(Action::Run(Run {
            step,
            attempt,
            epoch: self.epoch,
            grounds: None,
            lifetime: None,
            peer_mac: self.evidence.pinned.clone(),
            within: spec.within,
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
        self.tell(&key(name), Level::Critical, text);
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
