//! What `standin plan` says of the order (`takeover::course`) against what a takeover does.

use std::collections::BTreeMap;

use standin::takeover::course::Course;
use standin::takeover::step::{By, Step, TAKEOVER, spec_of};
use standin::takeover::verdict::Cause;

use crate::policies::policy;
use crate::stories::scenario::Scenario;
use crate::stories::world::{Said, World};

/// When each step of a takeover was run for the first time, microseconds, and in which order.
fn runs(world: &World, host: usize) -> Vec<(u64, String)> {
    let mut seen = BTreeMap::new();
    let mut order = Vec::new();
    for (at, i, said) in &world.record {
        if let Said::Action(text) = said
            && *i == host
            && let Some(rest) = text.strip_prefix("run ")
            && let Some(step) = rest.split_whitespace().next()
            && TAKEOVER.iter().any(|s| s.step.to_string() == step)
            && seen.insert(step.to_owned(), *at).is_none()
        {
            order.push((*at, step.to_owned()));
        }
    }
    order
}

#[test]
fn the_plan_is_what_a_takeover_does() {
    for (story, pair, rewire) in [
        ("the_primary_dies_cable_first", false, false),
        ("port_takeover_waits_for_spanning_tree", false, true),
        ("the_primary_of_a_pair_dies", true, false),
    ] {
        let world = Scenario::played(story);
        let mut policy = policy(1, pair);
        policy.rewire = rewire;
        let course = Course {
            cause: Cause::Dead,
            beats: pair,
            owns: false,
            second: false,
        };
        let planned: Vec<Step> = course
            .rounds(&policy)
            .into_iter()
            .flatten()
            .filter(|s| spec_of(*s).by == By::Adapter)
            .collect();
        let did = runs(&world, 1);
        let names: Vec<&str> = did.iter().map(|(_, s)| s.as_str()).collect();
        for step in &planned {
            assert!(
                names.contains(&step.to_string().as_str()),
                "{story}: {step} of {names:?}"
            );
        }
        assert_eq!(names.len(), planned.len(), "{story}: {names:?} {planned:?}");
        let at = |step: Step| {
            let name = step.to_string();
            did.iter().position(|(_, s)| *s == name)
        };
        // What is planned to begin beside the fence begins at the same instant, and nothing begins before its needs.
        let begun = |step: Step| at(step).map(|i| did[i].0);
        for step in &planned {
            let after = course.after(*step, &policy);
            if after.is_empty() {
                assert_eq!(begun(*step), begun(Step::Fence), "{story}: {step}");
            }
            for need in after {
                if spec_of(need).by == By::Adapter {
                    assert!(at(need) < at(*step), "{story}: {step} before {need}");
                }
            }
        }
    }
}
