//! Which machines go through the journal and back before their next event.

use std::collections::{BTreeSet, HashSet};
use std::mem::{Discriminant, discriminant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use standin::daemon::recorder;
use standin::takeover::Machine;
use standin::takeover::event::Event;
use standin::takeover::state::State;

use crate::stories::scenario::Scenario;

/// While something is under way every so many events; between that, machines look much alike.
const UNDER_WAY: u64 = 5;
const AT_REST: u64 = 50;

/// What of one telling went through the journal and back.
#[derive(Default)]
pub struct Kept {
    events: u64,
    pairs: HashSet<(usize, String, Discriminant<Event>)>,
    /// By the names that the journal has for them.
    pub states: BTreeSet<String>,
    pub kinds: BTreeSet<String>,
}

impl Kept {
    /// The machine and the event as the journal has them: each pair of a state and a kind of event when it comes first,
    /// and then every so many events. The story goes on with what was read.
    pub fn keep(&mut self, i: usize, machine: &mut Machine, event: Event) -> Event {
        self.events += 1;
        let every = match recorder::at_rest(machine) {
            true => AT_REST,
            false => UNDER_WAY,
        };
        let first = self
            .pairs
            .insert((i, machine.label(), discriminant(&event)));
        if first {
            self.states.insert(name(machine.state()));
            self.kinds.insert(name(&event));
        }
        if first || self.events.is_multiple_of(every) {
            *machine = again(machine);
            return again(&event);
        }
        event
    }
}

/// Through the journal and back, in the forms in which it is written and played back.
pub fn again<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> T {
    let line = serde_json::to_value(value).expect("serializes").to_string();
    let read: Value = line.parse().expect("what was written is JSON");
    let read: T = serde_json::from_value(read).expect("what was written can be read");
    assert!(read == *value, "{line} is another one when it was read");
    read
}

/// The name of a variant, as serde has it.
fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value).expect("serializes") {
        Value::String(name) => name,
        Value::Object(one) => one.keys().next().expect("a variant").clone(),
        other => panic!("no variant: {other}"),
    }
}

/// All names of variants, as serde has them.
fn names<T: DeserializeOwned>() -> BTreeSet<String> {
    let Err(why) = serde_json::from_str::<T>("\"?\"") else {
        panic!("? is a variant");
    };
    let why = why.to_string();
    why.split('`')
        .skip(3)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Stories in which every state is entered and every kind of event is told.
const STORIES: [&str; 11] = [
    "a_fenced_machine_is_seen_elsewhere_once",
    "a_link_that_flaps_is_not_a_wrong_port",
    "a_network_manager_prunes_the_address",
    "a_notification_is_forged",
    "a_person_confirms_the_fence_in_spite_of_the_tables",
    "a_planned_takeover_cannot_be_stopped",
    "a_release_under_hold_may_take_back",
    "an_agentless_peer_answers_on_its_management_address_only",
    "the_fence_is_opened_and_cannot_be_proven_again",
    "the_higher_epoch_wins",
    "the_switch_reboots_and_the_primary_is_back",
];

/// All but the state in which nothing is done any more, and the event that no adapter of this world has.
#[test]
fn every_state_and_every_kind_of_event_went_through_the_journal() {
    let (mut states, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for story in STORIES {
        let kept = Scenario::played(story).kept;
        states.extend(kept.states);
        kinds.extend(kept.kinds);
    }
    let why = || "for a reason".to_owned();
    let (state, event) = (
        State::Halted { why: why() },
        Event::ServiceNotAsked { why: why() },
    );
    states.insert(name(&again(&state)));
    kinds.insert(name(&again(&event)));
    assert_eq!(states, names::<State>());
    assert_eq!(kinds, names::<Event>());
}
