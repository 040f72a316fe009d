//! Runs the steps that the configuration adds: off the fast path, each with what is true of this takeover.

use super::journal::Ticket;
use super::perform::{Hands, Shared, durable};
use super::run_loop::{Loop, PeerRun};
use super::steps::starter;
use crate::config::{Origin, Peer, Problem};
use crate::rt;
use crate::steps::{self, Facts, Kit, Memory, Steps};
use crate::takeover::action::Run;
use crate::takeover::event::{Event, Outcome};
use crate::takeover::policy::Policy;
use crate::takeover::state::State;
use crate::takeover::step::Step;
use crate::types::{Epoch, StepName};

/// What is true of a takeover, as a step may tell it on.
pub fn facts(node: &str, peer: &Peer, epoch: Epoch, step: StepName, undo: bool) -> Facts {
    Facts {
        peer: peer.name.clone(),
        vip: peer.vip.addr.to_string(),
        node: node.to_owned(),
        epoch: epoch.0,
        step: step.to_string(),
        undo,
        time: rt::wall_text(),
    }
}

/// The steps of a peer, or what is wrong with them in one line.
pub(super) fn steps_of(peer: &Peer, origin: &Origin) -> Result<Steps, String> {
    steps::of_peer(peer, origin).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        lines.join("; ")
    })
}

impl Hands {
    /// Starts one try of a step, or of taking it back.
    pub(super) fn run_site(
        &mut self,
        run: &Run,
        name: StepName,
        ticket: Option<Ticket>,
        shared: &Shared,
    ) {
        let undo = matches!(run.step, Step::Undo(_));
        let Some(step) = self.steps.get(&name).cloned() else {
            let why = format!("the configuration has no step {name} any more");
            return self.answer(run, Outcome::Refused(why), shared);
        };
        let (disk, state_dir) = &shared.disk;
        let kit = Kit {
            facts: facts(&self.node, &self.peer, run.epoch, name, undo),
            within: run.within,
            programs: shared.host.programs.clone(),
            memory: Memory::new(disk.clone(), state_dir, &self.name, name),
        };
        let starter = starter(&shared.slow);
        self.tasks
            .spawn(&starter, run.step, run.attempt, async move {
                durable(ticket).await;
                match undo {
                    true => step.undo(&kit).await,
                    false => step.apply(&kit).await,
                }
            });
    }
}

impl Loop {
    /// A step of the site ended beside a takeover or release that is over: what its report says of it is old.
    pub(super) fn site_settled(&self, peer: usize, event: &Event) -> bool {
        let of_site = matches!(
            event,
            Event::StepEnded {
                step: Step::Site(_) | Step::Undo(_),
                ..
            }
        );
        let rests = matches!(
            self.peers[peer].machine.state(),
            State::Standby | State::Active { .. }
        );
        of_site && rests
    }
}

impl PeerRun {
    /// Takes over another policy and other steps. Steps that stand go on as they began: what the file has of them now comes
    /// when they are taken back.
    pub(super) fn follow_file(&mut self, peer: &Peer, mut policy: Policy, steps: Steps) {
        let stands = !self.machine.site_begun().is_empty();
        let changed = self.hands.peer.steps != peer.steps || self.hands.peer.site != peer.site;
        let waits = stands && (changed || self.hands.steps_later.is_some());
        if waits {
            let before = self.machine.policy().site.clone();
            let named = std::mem::replace(&mut policy.site, before);
            self.hands.steps_later = Some((named, steps));
        } else {
            self.hands.steps = steps;
        }
        self.set_policy(policy);
    }

    /// Another policy; a recording of what happens goes on with it.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.machine.set_policy(policy);
        self.recorder.replaced(rt::boot(), &self.machine);
    }

    /// Nothing of the old steps stands any more: the file's are taken up.
    pub(super) fn take_up_steps(&mut self) {
        if !self.machine.site_begun().is_empty() {
            return;
        }
        if let Some((site, steps)) = self.hands.steps_later.take() {
            self.hands.steps = steps;
            let policy = Policy {
                site,
                ..self.machine.policy().clone()
            };
            self.set_policy(policy);
        }
    }
}
