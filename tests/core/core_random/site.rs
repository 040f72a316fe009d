//! What must hold of the steps that a site adds, whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use standin::takeover::event::{Event, Recovered};
use standin::takeover::flow::Progress;
use standin::takeover::recipe::{self, Failure, SiteSpec, UndoAt};
use standin::takeover::site::Begun;
use standin::takeover::state::State;
use standin::takeover::step::Step;
use standin::types::StepName;

use super::watched::Watched;
use super::{Answer, Input};

impl Watched {
    /// What `step` needs of the site's steps and of the claim is there.
    pub(super) fn judge_order(&self, step: Step) {
        let site = &self.m.policy().site;
        let taking = matches!(self.m.state(), State::Taking(_) | State::Active { .. });
        assert!(taking, "{step} in {}", self.m.label());
        for need in recipe::needs_of(site, step) {
            match need {
                Step::Claim => assert!(self.m.ownership().is_some(), "{step} without the VIP"),
                Step::Site(name) => {
                    let stands = self.m.site_begun().iter().any(|b| b.name == name);
                    let refused = self
                        .m
                        .site_failed()
                        .iter()
                        .any(|f| f.contains(name.as_str()));
                    assert!(stands || refused, "{step} before {need}");
                }
                _ => {}
            }
        }
    }

    /// The address goes only when what is taken back first is, or was given up.
    pub(super) fn judge_drop(&self) {
        for spec in &self.m.policy().site {
            let first = spec.undo == Some(UndoAt::Start);
            let given_up = self
                .m
                .site_steps()
                .any(|(s, p)| s == Step::Undo(spec.name) && matches!(p, Progress::Failed { .. }));
            let open = first && self.m.site_begun().iter().any(|b| b.name == spec.name);
            assert!(
                !open || given_up,
                "the address goes before {} is taken back",
                spec.name
            );
        }
    }

    /// Nothing of the site's steps is forgotten, and nothing is made up.
    pub(super) fn judge_site(&mut self) {
        let known: BTreeSet<StepName> = self.m.site_begun().iter().map(|b| b.name).collect();
        if let Some(name) = self.undone.take()
            && !known.contains(&name)
        {
            self.begun.remove(&name);
        }
        for spec in self.m.policy().site.iter().filter(|s| s.undo.is_some()) {
            let (ours, theirs) = (self.begun.contains(&spec.name), known.contains(&spec.name));
            assert_eq!(ours, theirs, "{} is forgotten, or made up", spec.name);
        }
    }
}

/// After a restart with another file: what stands and is in no configuration is told, for nobody can take it back.
#[test]
fn a_step_that_the_configuration_lost_is_told_until_it_is_put_back() {
    let name: StepName = "wait:gone".parse().expect("a name");
    let site = vec![Begun { name, done: true }];
    let recovered = Recovered {
        site,
        ..super::healthy()
    };
    let mut w = Watched::new(crate::policies::policy(1, false), recovered);
    assert!(w.m.alarms().stands("step:wait:gone") && w.tasks.is_empty());
    assert_eq!(w.m.site_begun().len(), 1, "it is forgotten");
    let mut policy = w.m.policy().clone();
    policy.site = vec![SiteSpec {
        name,
        needs: vec![Step::Claim],
        before: Vec::new(),
        within: Duration::from_secs(1),
        tries: 1,
        pause: Duration::from_secs(1),
        on_failure: Failure::GoOn,
        undo: Some(UndoAt::Start),
    }];
    w.m.set_policy(policy);
    w.tell(Event::Tick);
    assert_eq!(w.tasks.first().map(|t| t.0), Some(Step::Undo(name)));
    w.feed(Input::Ends(0, Answer::Done));
    assert!(w.m.site_begun().is_empty() && !w.m.alarms().stands("step:wait:gone"));
}

/// One that is left as it is lets go of the one that it needed in the same moment, whichever of them the file names first.
#[test]
fn what_is_left_as_it_is_holds_nothing_up() {
    let first: StepName = "wait:first".parse().expect("a name");
    let second: StepName = "wait:second".parse().expect("a name");
    let spec = |name, needs: &[Step], undo| SiteSpec {
        name,
        needs: needs.to_vec(),
        before: Vec::new(),
        within: Duration::from_secs(1),
        tries: 1,
        pause: Duration::from_secs(1),
        on_failure: Failure::GoOn,
        undo,
    };
    let taken_back = spec(first, &[Step::Claim], Some(UndoAt::End));
    let left = spec(second, &[Step::Site(first)], None);
    for site in [
        vec![taken_back.clone(), left.clone()],
        vec![left.clone(), taken_back.clone()],
    ] {
        let begun = |name| Begun { name, done: true };
        let recovered = Recovered {
            site: vec![begun(first), begun(second)],
            ..super::healthy()
        };
        let mut policy = crate::policies::policy(1, false);
        policy.site = site;
        let w = Watched::new(policy, recovered);
        assert_eq!(w.tasks.first().map(|t| t.0), Some(Step::Undo(first)));
    }
}
