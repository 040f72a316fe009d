//! A machine that is driven, and what must hold after each event.

use std::collections::BTreeSet;

use standin::takeover::Machine;
use standin::takeover::action::Action;
use standin::takeover::event::{
    Asked, Beat, Event, FenceRead, Order, Outcome, Recovered, Sent, Witness,
};
use standin::takeover::flow::Progress;
use standin::takeover::left::PortLeft;
use standin::takeover::policy::{Policy, Unproven};
use standin::takeover::state::{Grounds, Phase, State};
use standin::takeover::step::{self, Step};
use standin::types::{Attempt, BootTime, Epoch, PortRef, StepName};

use super::{Answer, Input, PEER, THIRD};

/// Drives a machine and watches over it.
#[derive(Clone)]
pub struct Watched {
    pub m: Machine,
    pub now: u64,
    pub tasks: Vec<(Step, Attempt)>,
    last_attempt: u32,
    /// The fence was proven, and neither lifted nor reported gone since.
    fenced: bool,
    /// The peer gave its word since the takeover began.
    consent: bool,
    /// A claim may have left the address on our interface.
    address: bool,
    released: bool,
    questions: u32,
    /// Steps of the site that may be in effect.
    pub(super) begun: BTreeSet<StepName>,
    /// The machine as it was read back, where that was done already.
    read: Option<Machine>,
    /// The last task that took one of them back.
    pub(super) undone: Option<StepName>,
    pub log: Vec<(BootTime, Event, Vec<Action>)>,
}

impl Watched {
    pub fn new(policy: Policy, recovered: Recovered) -> Watched {
        let mut w = Watched {
            m: Machine::new(policy, BootTime(1000)),
            now: 1000,
            tasks: Vec::new(),
            last_attempt: 0,
            fenced: false,
            consent: recovered.grounds == Some(Grounds::Yielded),
            address: recovered.address_here,
            released: recovered.phase == Phase::Releasing,
            questions: 0,
            begun: recovered.site.iter().map(|b| b.name).collect(),
            read: None,
            undone: None,
            log: Vec::new(),
        };
        w.tell(Event::Start(recovered));
        w
    }

    pub fn feed(&mut self, input: Input) {
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
            hold: false,
            preferred: false,
            confirmed: None,
            interval: None,
            fence_timeout: None,
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
            Input::ServiceNotAsked => self.tell(Event::ServiceNotAsked {
                why: "no address".to_owned(),
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
            Input::Left(state) => {
                let port = PortRef {
                    switch: "sw".to_owned(),
                    port: "p1".to_owned(),
                };
                self.tell(Event::ReadBack(vec![PortLeft { port, state }]));
            }
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
                self.released |= matches!(order, Order::Release | Order::ReleaseTo(_));
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
            Step::Undo(name) if matches!(outcome, Outcome::Done(_)) => self.undone = Some(name),
            _ => {}
        }
        self.tell(Event::StepEnded {
            step,
            attempt,
            outcome,
        });
    }

    /// Reads the machine back before many events are tried on it, so that it is not done for each of them.
    pub fn read_back(&mut self) {
        self.read = Some(again(&self.m));
    }

    pub fn tell(&mut self, event: Event) {
        let now = BootTime(self.now);
        let mut copy = match self.read.take().filter(|read| *read == self.m) {
            Some(read) => read,
            None => again(&self.m),
        };
        let same = again(&event);
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
        self.judge_site();
        self.look_for_a_forgotten_address(&event);
        self.asked(&actions);
    }

    /// What the adapters say of the questions: mostly they leave.
    fn asked(&mut self, actions: &[Action]) {
        let mut asked = None;
        for action in actions {
            match action {
                Action::ArpProbe { .. } => {
                    self.questions += 1;
                    let sent = match self.questions % 7 {
                        3 => Sent::Refused,
                        5 => Sent::Failed,
                        _ => Sent::Left,
                    };
                    asked.get_or_insert_with(Asked::default).vip = Some(sent);
                }
                Action::AskWitnesses => {
                    let camera = |n| Witness::Camera([192, 168, 1, n].into());
                    asked.get_or_insert_with(Asked::default).witnesses =
                        (0..4).map(camera).collect();
                }
                _ => {}
            }
        }
        if let Some(asked) = asked {
            self.tell(Event::Asked(asked));
        }
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
                        *other != step
                            && !step::excludes(step).contains(other)
                            && name_of(*other).is_none_or(|name| Some(name) != name_of(step)),
                        "{step} starts while {other} still runs"
                    );
                }
                self.tasks.push((step, attempt));
                match step {
                    Step::Claim => {
                        self.judge_claim(run.grounds);
                        self.judge_order(Step::Claim);
                    }
                    Step::Site(name) => {
                        self.begun.insert(name);
                        self.judge_order(step);
                    }
                    Step::Undo(name) => {
                        assert!(self.begun.contains(&name), "{step} of what was never begun")
                    }
                    Step::Drop => self.judge_drop(),
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

/// Of which step of the site it is a task.
fn name_of(step: Step) -> Option<StepName> {
    match step {
        Step::Site(name) | Step::Undo(name) => Some(name),
        _ => None,
    }
}

/// As the journal has it.
fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("serializes");
    let read: T = serde_json::from_str(&text).expect("can be read");
    assert!(read == *value, "lost on the way to the journal: {text}");
    read
}
