//! Random sequences of events, from random policies and starts.

use std::time::Duration;

use proptest::prelude::*;
use standin::takeover::event::{FenceRead, Order, Recovered};
use standin::takeover::left::PortState;
use standin::takeover::policy::{Policy, React, Unproven};
use standin::takeover::recipe::{self, Failure, SiteSpec, UndoAt};
use standin::takeover::state::{Grounds, Phase};
use standin::takeover::step::{self, Step};
use standin::types::StepName;

use super::watched::Watched;
use super::{Answer, Input, policies};

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        6 => Just(Answer::Done),
        2 => Just(Answer::Failed),
        1 => Just(Answer::Refused),
        1 => Just(Answer::Cancelled),
    ]
}

fn any_read() -> impl Strategy<Value = FenceRead> {
    prop_oneof![
        3 => Just(FenceRead::Present),
        2 => Just(FenceRead::Absent),
        1 => Just(FenceRead::Foreign),
        1 => Just(FenceRead::Unknown),
    ]
}

fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![
        Just(Order::Takeover),
        Just(Order::Release),
        any::<bool>().prop_map(Order::Hold),
        any::<bool>().prop_map(Order::HoldHere),
    ]
}

fn any_input() -> impl Strategy<Value = Input> {
    let steps = step::TAKEOVER.iter().chain(&step::RELEASE);
    let steps: Vec<Step> = steps.map(|s| s.step).collect();
    prop_oneof![
        40 => Just(Input::Deadline),
        4 => (0..600_000u64).prop_map(Input::Pass),
        1 => (0..15_000_000u64).prop_map(Input::Pass),
        3 => Just(Input::PeerAnswers),
        1 => Just(Input::ThirdAnswers),
        1 => Just(Input::Pong),
        2 => any::<bool>().prop_map(Input::Service),
        1 => Just(Input::ServiceNotAsked),
        2 => any::<bool>().prop_map(Input::Port),
        1 => Just(Input::Hint),
        1 => Just(Input::SwitchSilent),
        1 => Just(Input::SwitchRebooted),
        3 => any::<(bool, bool, bool)>().prop_map(|(d, h, c)| Input::Beat(d, h, c)),
        2 => Just(Input::Yields),
        1 => Just(Input::AsksForIt),
        1 => Just(Input::Grants),
        8 => Just(Input::Witnesses),
        2 => any::<bool>().prop_map(Input::Carrier),
        1 => Just(Input::AddressLost),
        3 => Just(Input::FenceSet),
        2 => any_read().prop_map(Input::Fence),
        2 => proptest::sample::select(vec![PortState::Shut, PortState::Open, PortState::Unknown]).prop_map(Input::Left),
        24 => (0..6usize, any_answer()).prop_map(|(n, a)| Input::Ends(n, a)),
        1 => proptest::sample::select(steps).prop_map(Input::Ghost),
        1 => (0..5u32).prop_map(Input::Cameras),
        3 => any_order().prop_map(Input::Order),
    ]
}

/// A list of steps whose needs go backwards only: no circles.
fn any_site() -> impl Strategy<Value = Vec<SiteSpec>> {
    let undo = proptest::sample::select(vec![None, Some(UndoAt::Start), Some(UndoAt::End)]);
    let failure = proptest::sample::select(vec![Failure::GoOn, Failure::Halt, Failure::Undo]);
    let one = (undo, failure, any::<(bool, bool)>(), 1..3u32);
    proptest::collection::vec(one, 0..4).prop_map(|all| {
        let name = |i: usize| format!("wait:s{i}").parse::<StepName>().expect("a name");
        let spec = |(i, (undo, on_failure, (early, chained), tries))| {
            let early: bool = early;
            let mut needs = if early { Vec::new() } else { vec![Step::Claim] };
            if i > 0 && chained && !early {
                needs.push(Step::Site(name(i - 1)));
            }
            SiteSpec {
                name: name(i),
                needs,
                before: if early { vec![Step::Claim] } else { Vec::new() },
                within: Duration::from_secs(2),
                tries,
                pause: Duration::from_millis(500),
                on_failure,
                undo,
            }
        };
        let specs: Vec<SiteSpec> = all.into_iter().enumerate().map(spec).collect();
        assert!(
            recipe::faults(&specs).is_empty(),
            "{:?}",
            recipe::faults(&specs)
        );
        specs
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let flags = any::<(bool, bool, bool, bool, bool, bool)>();
    (flags, 0..8u8, any_site()).prop_map(
        |((pair, preferred, auto, warm, dead, elsewhere), rare, site)| {
            let mut p = policies::policy(1, pair);
            let react = |b: bool| if b { React::Takeover } else { React::Alert };
            (p.preferred, p.auto, p.warm) = (preferred, auto || rare > 2, warm);
            (p.service_dead, p.alive_elsewhere) = (react(dead), react(elsewhere));
            p.site = site;
            p.fence = rare != 0;
            if rare == 1 {
                p.unproven = Unproven::ClaimAnyway(Duration::from_secs(10));
            }
            p
        },
    )
}

fn any_start() -> impl Strategy<Value = Recovered> {
    let phase = prop_oneof![
        4 => Just(Phase::Standby),
        1 => Just(Phase::Taking),
        1 => Just(Phase::Active),
        1 => Just(Phase::Releasing),
        1 => Just(Phase::Halted),
    ];
    let grounds = prop_oneof![
        Just(None),
        Just(Some(Grounds::Fenced)),
        Just(Some(Grounds::Unfenced)),
    ];
    (
        phase,
        grounds,
        any_read(),
        any::<(bool, bool, bool, bool)>(),
    )
        .prop_map(
            |(phase, grounds, fence, (same_boot, address_here, healthy, hold))| Recovered {
                phase,
                grounds,
                fence,
                same_boot,
                address_here,
                healthy,
                hold: hold && same_boot,
                ..super::healthy()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_may_come_breaks_what_must_hold(
        policy in any_policy(),
        start in any_start(),
        inputs in proptest::collection::vec(any_input(), 0..250),
    ) {
        let mut w = Watched::new(policy, start);
        for input in inputs {
            w.feed(input);
        }
    }
}
