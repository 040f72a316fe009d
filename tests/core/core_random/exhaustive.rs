//! Every short sequence of events, and every event, from every state.

use standin::takeover::event::{FenceRead, Order};
use standin::takeover::left::PortState;
use standin::takeover::state::State;
use standin::takeover::step::Step;

use super::watched::Watched;
use super::{Answer, Input, healthy, policies};

const ALPHABET: [Input; 20] = [
    Input::Deadline,
    Input::Pass(500_000),
    Input::Pass(11_000_000),
    Input::PeerAnswers,
    Input::ThirdAnswers,
    Input::Beat(true, true, true),
    Input::Beat(false, false, true),
    Input::Yields,
    Input::AsksForIt,
    Input::Grants,
    Input::Carrier(false),
    Input::Carrier(true),
    Input::FenceSet,
    Input::Fence(FenceRead::Absent),
    Input::Ends(0, Answer::Done),
    Input::Ends(0, Answer::Failed),
    Input::Ends(3, Answer::Done),
    Input::Order(Order::Takeover),
    Input::Order(Order::Release),
    Input::Order(Order::Hold(true)),
];

/// Runs with everything in order until the label starts with `label`.
pub fn until(mut w: Watched, label: &str) -> Watched {
    for _ in 0..400 {
        if w.m.label().starts_with(label) {
            return w;
        }
        w.feed(Input::Deadline);
        w.feed(Input::Witnesses);
        if !w.m.label().starts_with(label) && w.m.label().starts_with("taking fence") {
            w.feed(Input::FenceSet);
        }
        // Verification takes longest, so the last task answers first.
        if !w.tasks.is_empty() && !w.m.label().starts_with(label) {
            w.feed(Input::Ends(0, Answer::Done));
        }
    }
    panic!("{label} is not reached: {}", w.m.label());
}

/// A machine in every state, agentless and in a pair.
fn every_state(pair: bool) -> Vec<(&'static str, Watched)> {
    let standby = Watched::new(policies::policy(1, pair), healthy());
    let active = until(standby.clone(), "active");
    let mut releasing = active.clone();
    releasing.feed(Input::Order(Order::Release));
    let mut lifting = releasing.clone();
    lifting.feed(Input::Ends(0, Answer::Done));
    lifting.feed(Input::Ends(0, Answer::Done));
    let mut suspect = standby.clone();
    suspect.feed(Input::Order(Order::Hold(true)));
    // Nothing is known of the link yet: a suspicion takes more rounds.
    for _ in 0..40 {
        suspect.feed(Input::Deadline);
    }
    assert!(matches!(suspect.m.state(), State::Suspect(_)));
    let taking = |label| until(standby.clone(), label);
    vec![
        ("confirming", taking("confirming")),
        ("taking fence", taking("taking fence")),
        ("taking claim", taking("taking claim")),
        ("taking verify", taking("taking verify")),
        ("standby", standby),
        ("suspect", suspect),
        ("active", active),
        ("releasing", releasing),
        ("releasing lift", lifting),
    ]
}

#[test]
fn every_short_sequence_from_every_state_keeps_what_must_hold() {
    for pair in [false, true] {
        for (_, from) in every_state(pair) {
            let mut layer = vec![from];
            for depth in 0..3 {
                let mut next = Vec::new();
                for w in &mut layer {
                    w.read_back();
                    for input in ALPHABET {
                        let mut w = w.clone();
                        w.log.clear();
                        w.feed(input);
                        if depth < 2 {
                            next.push(w);
                        }
                    }
                }
                layer = next;
            }
        }
    }
}

/// Which states an input may lead to, by the first word of the label; `""` stands for the one it was in.
fn documented(from: &str, input: Input) -> &'static [&'static str] {
    let word = from.split(' ').next().unwrap_or_default();
    let any_watching = &["", "standby", "suspect", "confirming", "held"];
    match input {
        Input::PeerAnswers | Input::Beat(true, true, _) => match word {
            "confirming" | "suspect" => &["", "standby", "held", "confirming"],
            "taking" => &["", "standby", "taking"],
            _ => &["", "standby", "taking"],
        },
        Input::Carrier(false) => match word {
            "taking" => &["standby", "taking"],
            "active" | "releasing" => &["taking", "standby", "releasing"],
            _ => any_watching,
        },
        Input::Order(Order::Takeover) => match word {
            "standby" | "suspect" | "confirming" => &["confirming"],
            _ => &[""],
        },
        Input::Order(Order::Release | Order::ReleaseTo(_)) => match word {
            "active" => &["releasing"],
            _ => &[""],
        },
        Input::Order(Order::Hold(_) | Order::HoldHere(_)) => &["", "held", "standby", "suspect"],
        Input::Fence(FenceRead::Absent) => &["", "taking"],
        Input::Port(false) => &["", "confirming"],
        Input::AddressLost
        | Input::Pong
        | Input::Hint
        | Input::SwitchSilent
        | Input::SwitchRebooted
        | Input::Service(_)
        | Input::ServiceNotAsked
        | Input::Witnesses
        | Input::Ghost(_)
        | Input::FenceSet
        | Input::Left(_)
        | Input::Fence(_) => &["", "standby", "taking"],
        Input::Ends(..) => &["", "taking", "active", "releasing", "standby"],
        Input::Grants => &["", "standby", "taking"],
        Input::AsksForIt => &["", "standby"],
        Input::Deadline
        | Input::Pass(_)
        | Input::ThirdAnswers
        | Input::Port(true)
        | Input::Beat(false, ..)
        | Input::Beat(true, false, _)
        | Input::Yields
        | Input::Carrier(true)
        | Input::Cameras(_) => &[
            "",
            "standby",
            "suspect",
            "confirming",
            "taking",
            "releasing",
            "active",
            "held",
        ],
    }
}

#[test]
fn every_event_in_every_state_leads_where_the_table_says() {
    let mut all = ALPHABET.to_vec();
    all.extend([
        Input::Pong,
        Input::Service(true),
        Input::Service(false),
        Input::ServiceNotAsked,
        Input::Port(true),
        Input::Port(false),
        Input::Hint,
        Input::SwitchSilent,
        Input::SwitchRebooted,
        Input::Witnesses,
        Input::AddressLost,
        Input::Fence(FenceRead::Present),
        Input::Fence(FenceRead::Foreign),
        Input::Fence(FenceRead::Unknown),
        Input::Ends(0, Answer::Refused),
        Input::Ends(0, Answer::Cancelled),
        Input::Ghost(Step::Claim),
        Input::Ghost(Step::Fence),
        Input::Ghost(Step::Drop),
        Input::Cameras(4),
        Input::Order(Order::Hold(false)),
        Input::Order(Order::HoldHere(false)),
        Input::Left(PortState::Shut),
        Input::Left(PortState::Open),
    ]);
    for pair in [false, true] {
        for (name, from) in every_state(pair) {
            for &input in &all {
                let before = from.m.label();
                let mut w = from.clone();
                w.feed(input);
                let after = w.m.label();
                let word = |l: &str| l.split(' ').next().unwrap_or_default().to_owned();
                let fine = documented(name, input).iter().any(|to| match *to {
                    "" => word(&after) == word(&before),
                    to => word(&after) == to,
                });
                assert!(fine, "pair {pair}: {name} + {input:?} leads to {after}");
            }
        }
    }
}
