//! Which steps a takeover takes, and after which: what of [`TAKEOVER`] one cause and one policy leave out. The machine
//! and `standin plan` ask the same.

use super::flow::Flow;
use super::policy::Policy;
use super::recipe::needs_of;
use super::step::{Step, TAKEOVER};
use super::verdict::Cause;
use crate::types::{BootTime, StepName};

/// What a takeover begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Why.
    pub cause: Cause,
    /// The peer runs standin and its heartbeats come.
    pub beats: bool,
    /// We have the VIP already.
    pub owns: bool,
    /// The other node of the pair goes first: what is vacant is claimed by it, or it is asked, or both would claim.
    pub second: bool,
}

impl Course {
    /// The peer is asked to give the VIP up before anything else.
    pub fn asks(&self) -> bool {
        let asked = match self.cause {
            Cause::Planned | Cause::AliveElsewhere => true,
            Cause::Vacant => self.second,
            Cause::Dead
            | Cause::ServiceDead
            | Cause::Granted
            | Cause::ReleaseFailed
            | Cause::Resumed
            | Cause::Suspended => false,
        };
        self.beats && !self.owns && asked
    }

    /// The peer agrees, or says that it does not hold the VIP: it is not fenced.
    pub fn by_consent(&self) -> bool {
        matches!(self.cause, Cause::Vacant | Cause::Granted)
            || (self.cause == Cause::Planned && self.asks())
    }

    /// True if `step` is left out.
    pub fn skips(&self, step: Step, policy: &Policy) -> bool {
        match step {
            Step::Yield => !self.asks(),
            Step::Fence => self.by_consent() || !policy.fence,
            Step::Rewire => !policy.rewire,
            Step::Forward => !policy.rewire || policy.forward_within.is_zero(),
            // Nobody can be asked to be silent about an address that we answer for ourselves.
            Step::Silence => self.owns,
            Step::Watch
            | Step::Gate
            | Step::Service
            | Step::Claim
            | Step::Announce
            | Step::Open
            | Step::Verify
            | Step::Site(_) => false,
            Step::Precheck
            | Step::Drop
            | Step::Park
            | Step::Lift
            | Step::Return
            | Step::Handback
            | Step::Prove
            | Step::Undo(_) => true,
        }
    }

    /// The flow that this takeover begins with.
    pub fn flow(&self, policy: &Policy) -> Flow {
        let mut flow = Flow::new(&TAKEOVER);
        for spec in &TAKEOVER {
            if self.skips(spec.step, policy) {
                flow.skip(spec.step);
            }
        }
        flow
    }

    /// The steps that are taken, in the order in which they may begin: those of one round begin beside each other.
    pub fn rounds(&self, policy: &Policy) -> Vec<Vec<Step>> {
        let mut flow = self.flow(policy);
        let mut site: Vec<StepName> = policy.site.iter().map(|s| s.name).collect();
        let at = BootTime(0);
        let mut rounds = Vec::new();
        loop {
            let over = |need: &Step| match need {
                Step::Site(name) => !site.contains(name),
                need => flow.get(*need).settled(),
            };
            let begins = |step: &Step| needs_of(&policy.site, *step).iter().all(over);
            let mut ready = flow.ready(at, |step| extra_need(step, policy));
            ready.extend(site.iter().map(|name| Step::Site(*name)));
            ready.retain(begins);
            if ready.is_empty() {
                return rounds;
            }
            for step in &ready {
                flow.done(*step, at, "");
                site.retain(|name| *step != Step::Site(*name));
            }
            rounds.push(ready);
        }
    }

    /// The steps that must be over before `step` begins, of those that are taken.
    pub fn after(&self, step: Step, policy: &Policy) -> Vec<Step> {
        needs_of(&policy.site, step)
            .into_iter()
            .chain(extra_need(step, policy))
            .filter(|need| !self.skips(*need, policy))
            .collect()
    }
}

/// A need that depends on the policy: a service that does not tolerate the missing address starts after the claim.
pub fn extra_need(step: Step, policy: &Policy) -> Option<Step> {
    (step == Step::Service && !policy.warm).then_some(Step::Claim)
}
