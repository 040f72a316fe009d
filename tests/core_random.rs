//! The core under random and exhaustive sequences of events: what must hold whatever comes.

use std::time::Duration;

use proptest::prelude::*;
use standin::takeover::Machine;
use standin::takeover::action::Action;
use standin::takeover::event::{Beat, Event, FenceRead, Order, Outcome, Recovered, Witness};
use standin::takeover::flow::Progress;
use standin::takeover::policy::{Policy, React, Unproven};
use standin::takeover::state::{Grounds, Phase, State};
use standin::takeover::step::{self, Step};
use standin::types::{Attempt, BootTime, Epoch, MacAddr};

#[path = "stories/policies.rs"]
mod policies;

const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0a]);
const THIRD: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x99]);

/// Something that may happen next.
#[derive(Clone, Copy, Debug)]
enum Input {
    /// Time passes until the next deadline.
    Deadline,
    /// Time passes, deadlines or not.
    Pass(u64),
    PeerAnswers,
    ThirdAnswers,
    Pong,
    Service(bool),
    Port(bool),
    Hint,
    SwitchSilent,
    SwitchRebooted,
    /// data path, holds, carrier
    Beat(bool, bool, bool),
    Yields,
    AsksForIt,
    Grants,
    Witnesses,
    Carrier(bool),
    AddressLost,
    FenceSet,
    Fence(FenceRead),
    /// The n-th task that runs answers.
    Ends(usize, Answer),
    /// An answer that belongs to no task.
    Ghost(Step),
    Cameras(u32),
    Order(Order),
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Done,
    Failed,
    Refused,
    Cancelled,
}

/// Drives a machine and watches over it.
#[derive(Clone)]
struct Watched {
    m: Machine,
    now: u64,
    tasks: Vec<(Step, Attempt)>,
    last_attempt: u32,
    /// The fence was proven, and neither lifted nor reported gone since.
    fenced: bool,
    /// The peer gave its word since the takeover began.
    consent: bool,
    /// A claim may have left the address on our interface.
    address: bool,
    released: bool,
    log: Vec<(BootTime, Event, Vec<Action>)>,
}

impl Watched {
    fn new(policy: Policy, recovered: Recovered) -> Watched {
        let mut w = Watched {
            m: Machine::new(policy, BootTime(1000)),
            now: 1000,
            tasks: Vec::new(),
            last_attempt: 0,
            fenced: false,
            consent: recovered.grounds == Some(Grounds::Yielded),
            address: recovered.address_here,
            released: recovered.phase == Phase::Releasing,
            log: Vec::new(),
        };
        w.tell(Event::Start(recovered));
        w
    }

    fn feed(&mut self, input: Input) {
        let epoch = self.m.epoch();
        let beat = |data_path, holds, carrier| Beat {
            data_path,
            node: "a".to_owned(),
            holds,
            epoch,
            carrier,
            service_ok: holds,
            wants_yield: None,
            yielded: None,
            grants: None,
            mac: PEER,
        };
        match input {
            Input::Deadline => {
                if let Some(at) = self.m.next_deadline().filter(|at| at.0 < u64::MAX / 2) {
                    self.now = self.now.max(at.0);
                    self.tell(Event::Tick);
                }
            }
            Input::Pass(us) => {
                self.now += us;
                self.tell(Event::Tick);
            }
            Input::PeerAnswers => self.tell(Event::VipSeen { mac: PEER }),
            Input::ThirdAnswers => self.tell(Event::VipSeen { mac: THIRD }),
            Input::Pong => self.tell(Event::Pong),
            Input::Service(ok) => self.tell(Event::Service {
                ok,
                fault: "fault".to_owned(),
            }),
            Input::Port(up) => self.tell(Event::PeerPort { up }),
            Input::Hint => self.tell(Event::PortHint),
            Input::SwitchSilent => self.tell(Event::SwitchSilent),
            Input::SwitchRebooted => self.tell(Event::SwitchRebooted),
            Input::Beat(data, holds, carrier) => self.tell(Event::Beat(beat(data, holds, carrier))),
            Input::Yields => {
                let yielded = self.m.flags().wants_yield;
                self.consent |= yielded.is_some();
                let b = beat(false, false, true);
                self.tell(Event::Beat(Beat { yielded, ..b }));
            }
            Input::AsksForIt => {
                let epoch = Epoch(epoch.0 + 1);
                let wants_yield = Some(epoch);
                let b = beat(true, false, true);
                self.tell(Event::Beat(Beat {
                    epoch,
                    wants_yield,
                    ..b
                }));
            }
            Input::Grants => {
                let epoch = Epoch(epoch.0 + 1);
                let grants = Some(epoch);
                self.consent = true;
                let b = beat(true, false, true);
                self.tell(Event::Beat(Beat { epoch, grants, ..b }));
            }
            Input::Witnesses => {
                for n in 0..4 {
                    let camera = Witness::Camera([192, 168, 1, n].into());
                    self.tell(Event::Witness(camera));
                }
            }
            Input::Carrier(up) => self.tell(Event::Carrier { up }),
            Input::AddressLost => self.tell(Event::AddressLost),
            Input::FenceSet => {
                let attempt = self.tasks.iter().find(|(s, _)| *s == Step::Fence);
                let attempt = attempt.map_or(Attempt(9999), |(_, a)| *a);
                self.tell(Event::FenceSet { attempt });
            }
            Input::Fence(read) => self.tell(Event::FenceRead(read)),
            Input::Ends(n, answer) => {
                if self.tasks.is_empty() {
                    return;
                }
                let (step, attempt) = self.tasks.remove(n % self.tasks.len());
                let why = || "why".to_owned();
                let outcome = match answer {
                    Answer::Done => Outcome::Done(why()),
                    Answer::Failed => Outcome::Failed(why()),
                    Answer::Refused => Outcome::Refused(why()),
                    Answer::Cancelled => Outcome::Cancelled,
                };
                self.end(step, attempt, outcome);
            }
            Input::Ghost(step) => self.tell(Event::StepEnded {
                step,
                attempt: Attempt(9999),
                outcome: Outcome::Done("a ghost".to_owned()),
            }),
            Input::Cameras(back) => self.tell(Event::Cameras { expected: 4, back }),
            Input::Order(order) => {
                self.released |= order == Order::Release;
                self.tell(Event::Order(order));
            }
        }
    }

    fn end(&mut self, step: Step, attempt: Attempt, outcome: Outcome) {
        let accepted = match self.m.state() {
            State::Taking(t) => {
                matches!(t.flow.get(step), Progress::Running { attempt: a, .. } if *a == attempt)
            }
            _ => false,
        };
        match step {
            Step::Fence if accepted && matches!(outcome, Outcome::Done(_)) => self.fenced = true,
            // Whatever a claim says in the end, it may have left the address.
            Step::Claim => self.address = true,
            Step::Drop if matches!(outcome, Outcome::Done(_)) => self.address = false,
            _ => {}
        }
        self.tell(Event::StepEnded {
            step,
            attempt,
            outcome,
        });
    }

    fn tell(&mut self, event: Event) {
        let now = BootTime(self.now);
        let text = serde_json::to_string(&(&self.m, &event)).expect("serializes");
        let (mut copy, same): (Machine, Event) = serde_json::from_str(&text).expect("can be read");
        assert_eq!(
            (&copy, &same),
            (&self.m, &event),
            "lost on the way to the journal"
        );
        let was_owner = self.m.ownership().is_some();
        if event == Event::FenceRead(FenceRead::Absent) && was_owner {
            self.fenced = false;
        }
        let taking_before = matches!(self.m.state(), State::Taking(_));
        let actions = self.m.handle(now, event.clone());
        self.log.push((now, event.clone(), actions.clone()));
        assert_eq!(copy.handle(now, same), actions, "a replay differs");
        assert_eq!(copy, self.m, "a replay differs");
        let more = copy.handle(now, Event::Tick);
        assert!(
            more.is_empty(),
            "a second tick after {event:?} did {more:?}"
        );
        assert_eq!(
            copy, self.m,
            "a second tick after {event:?} changed the state"
        );
        assert!(
            self.m.next_deadline().is_none_or(|at| at > now),
            "the next deadline is past in {} after {event:?}",
            self.m.label()
        );
        if !taking_before && !matches!(event, Event::Beat(_) | Event::Start(_)) {
            self.consent = false;
        }
        for action in &actions {
            self.judge(action, was_owner);
        }
        self.look_for_a_forgotten_address(&event);
    }

    fn judge(&mut self, action: &Action, was_owner: bool) {
        match action {
            Action::Run(run) => {
                let (step, attempt) = (run.step, run.attempt);
                assert!(
                    attempt.0 > self.last_attempt,
                    "{step}: attempt {attempt} again"
                );
                self.last_attempt = attempt.0;
                for (other, _) in &self.tasks {
                    assert!(
                        *other != step && !step::excludes(step).contains(other),
                        "{step} starts while {other} still runs"
                    );
                }
                self.tasks.push((step, attempt));
                match step {
                    Step::Claim => self.judge_claim(run.grounds),
                    Step::Rewire => {
                        let owns = self.m.ownership().is_some();
                        assert!(
                            owns && self.m.policy().rewire,
                            "our port is moved for nothing"
                        );
                        assert!(
                            self.fenced,
                            "our port is moved on a fence that is not proven"
                        );
                    }
                    Step::Park => {
                        assert!(
                            self.m.ownership().is_none(),
                            "our port leaves under the VIP"
                        );
                    }
                    Step::Lift => {
                        assert!(self.released, "a fence is lifted without an order");
                        self.fenced = false;
                    }
                    _ => {}
                }
            }
            Action::DropAddress => self.address = false,
            Action::Restore { .. } | Action::Renew { .. } => {
                // A renewal may be due at the very moment at which the address is given up; the drop comes after it.
                let ours = was_owner || self.m.ownership().is_some();
                assert!(ours, "{action:?} of what is not ours");
                self.address = true;
            }
            _ => {}
        }
    }

    fn judge_claim(&self, grounds: Option<Grounds>) {
        let p = self.m.policy();
        let anyway = p.unproven != Unproven::Hold || !p.fence;
        match grounds {
            Some(Grounds::Fenced) => assert!(self.fenced, "claims on a fence that is not proven"),
            Some(Grounds::Yielded) => assert!(p.pair && self.consent, "claims without consent"),
            Some(Grounds::Vacant) => assert!(p.pair && p.preferred, "claims what is not its own"),
            Some(Grounds::Unfenced) => assert!(anyway, "claims unfenced under hold"),
            None => panic!("claims on no grounds"),
        }
    }

    fn look_for_a_forgotten_address(&self, event: &Event) {
        let claiming = match self.m.state() {
            State::Taking(t) => !matches!(
                t.flow.get(Step::Claim),
                Progress::Waiting | Progress::Skipped | Progress::Failed { .. }
            ),
            _ => false,
        };
        let owed = self.tasks.iter().any(|(s, _)| *s == Step::Claim);
        let known = self.m.ownership().is_some() || claiming || owed;
        assert!(
            known || !self.address,
            "an address is forgotten in {} after {event:?}",
            self.m.label()
        );
    }
}

fn healthy() -> Recovered {
    Recovered {
        epoch: Epoch(3),
        pinned: Some(PEER),
        healthy: true,
        ..Recovered::fresh(BootTime(0))
    }
}

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
        24 => (0..6usize, any_answer()).prop_map(|(n, a)| Input::Ends(n, a)),
        1 => proptest::sample::select(steps).prop_map(Input::Ghost),
        1 => (0..5u32).prop_map(Input::Cameras),
        3 => any_order().prop_map(Input::Order),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let flags = any::<(bool, bool, bool, bool, bool, bool)>();
    (flags, 0..8u8).prop_map(|((pair, preferred, auto, warm, dead, elsewhere), rare)| {
        let mut p = policies::policy(1, pair);
        let react = |b: bool| if b { React::Takeover } else { React::Alert };
        (p.preferred, p.auto, p.warm) = (preferred, auto || rare > 2, warm);
        (p.service_dead, p.alive_elsewhere) = (react(dead), react(elsewhere));
        p.fence = rare != 0;
        if rare == 1 {
            p.unproven = Unproven::ClaimAnyway(Duration::from_secs(10));
        }
        p
    })
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
                ..self::healthy()
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
fn until(mut w: Watched, label: &str) -> Watched {
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
    for _ in 0..10 {
        suspect.feed(Input::Deadline);
    }
    assert!(matches!(suspect.m.state(), State::Suspect(_)));
    let mut halted = until(standby.clone(), "taking claim");
    for _ in 0..12 {
        if let Some(n) = halted.tasks.iter().position(|(s, _)| *s == Step::Claim) {
            halted.feed(Input::Ends(n, Answer::Refused));
        }
        halted.feed(Input::Deadline);
    }
    assert!(matches!(halted.m.state(), State::Halted { .. }));
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
        ("halted", halted),
    ]
}

#[test]
fn every_short_sequence_from_every_state_keeps_what_must_hold() {
    for pair in [false, true] {
        for (_, from) in every_state(pair) {
            let mut layer = vec![from];
            for depth in 0..3 {
                let mut next = Vec::new();
                for w in &layer {
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
            "standby" | "suspect" | "confirming" | "halted" => &["confirming"],
            _ => &[""],
        },
        Input::Order(Order::Release) => match word {
            "active" => &["releasing"],
            _ => &[""],
        },
        Input::Order(Order::Hold(_)) => &["", "held", "standby", "suspect"],
        Input::Fence(FenceRead::Absent) => &["", "taking"],
        Input::Port(false) => &["", "confirming"],
        Input::AddressLost
        | Input::Pong
        | Input::Hint
        | Input::SwitchSilent
        | Input::SwitchRebooted
        | Input::Service(_)
        | Input::Witnesses
        | Input::Ghost(_)
        | Input::FenceSet
        | Input::Fence(_) => &["", "standby", "taking"],
        Input::Ends(..) => &["", "taking", "active", "releasing", "halted", "standby"],
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

#[test]
fn a_standby_that_watches_needs_few_ticks() {
    let mut w = Watched::new(policies::policy(1, false), healthy());
    let (start, mut ticks) = (w.now, 0);
    while w.now < start + 1_000_000 {
        w.feed(Input::Deadline);
        w.feed(Input::PeerAnswers);
        ticks += 1;
    }
    assert!(ticks < 200, "{ticks} ticks in one second");
}

#[test]
fn of_two_owners_the_higher_epoch_keeps_the_vip_then_the_smaller_name() {
    let owner = until(Watched::new(policies::policy(1, true), healthy()), "active");
    let ours = owner.m.epoch().0;
    for (epoch, node, gives_up) in [
        (ours - 1, "a", false),
        (ours, "c", false),
        (ours, "a", true),
        (ours + 1, "c", true),
    ] {
        let mut w = owner.clone();
        w.tell(Event::Beat(Beat {
            data_path: false,
            node: node.to_owned(),
            holds: true,
            epoch: Epoch(epoch),
            carrier: true,
            service_ok: true,
            wants_yield: None,
            yielded: None,
            grants: None,
            mac: PEER,
        }));
        let dropped = w
            .log
            .last()
            .is_some_and(|(_, _, actions)| actions.contains(&Action::DropAddress));
        assert_eq!(
            dropped, gives_up,
            "epoch {epoch} of {node} against {ours} of b"
        );
        assert_eq!(w.m.ownership().is_none(), gives_up);
    }
}
