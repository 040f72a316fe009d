//! The decisions, pure: `handle(now, Event) -> Vec<Action>`.
//!
//! No clock, no IO, no randomness. Time comes in as a number, deadlines are fields of the state, and
//! [`Machine::next_deadline`] says when to call again; an extra call changes nothing. The same events at the same
//! times give the same actions, which is what `standin replay` and the stories in `tests/core/scenarios/` rest on.
//!
//! Read [`state`] for the picture, [`step`] for the order, then one file per state.

pub mod action;
mod active;
pub mod alarm;
pub mod beside;
pub mod course;
pub mod event;
pub mod evidence;
mod flags;
pub mod flow;
pub mod keeping;
pub mod left;
pub mod loss;
pub mod new_mac;
mod newcomer;
pub mod notice;
mod observed;
mod orders;
mod outcome;
mod ownerless;
mod pairing;
mod parking;
pub mod past_fence;
pub mod placement;
mod placing;
pub mod policy;
mod probing;
pub mod questions;
pub mod recipe;
mod recover;
mod releasing;
pub mod silence;
pub mod site;
mod site_tasks;
mod standby;
pub mod state;
pub mod step;
mod stopping;
mod taking;
pub mod timeline;
mod timers;
pub mod verdict;
mod waiting;
mod weighing;

pub use self::flags::Flags;
use serde::{Deserialize, Serialize};

use self::timers::Timers;
use crate::types::{Attempt, BootTime, Epoch};
use action::Action;
use event::Event;
use evidence::Evidence;
use policy::Policy;
use state::{Ownership, State, Why};
use step::Step;
use timeline::Timeline;

/// The takeover of one VIP, seen from one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    policy: Policy,
    state: State,
    evidence: Evidence,
    /// The highest epoch known.
    epoch: Epoch,
    /// Set while the VIP is on our interface (and it is our doing).
    own: Option<Ownership>,
    hold: bool,
    /// Whom it binds, and what the other node of a pair was told.
    #[serde(default)]
    bound: orders::Bound,
    planned: bool,
    /// The taking that begins next goes on with what a hold that is on did not end.
    #[serde(default)]
    goes_on: bool,
    attempt: u32,
    /// Tasks that still owe their answer; no second attempt of the same step starts before.
    owed: Vec<(Step, Attempt)>,
    timers: Timers,
    timeline: Timeline,
    /// For our heartbeats: the epoch for which we gave the VIP up when asked.
    yielded: Option<Epoch>,
    /// For our heartbeats: the epoch we ask the peer to yield for.
    wants_yield: Option<Epoch>,
    /// For our heartbeats: the epoch with which the peer is to claim.
    grants: Option<Epoch>,
    /// The highest epoch that was granted to us and used.
    claimed_epoch: Epoch,
    /// After a reboot while active: a peer that serves means that a person looks first.
    returned_hold: bool,
    /// The fence was read and is not there.
    fence_lost: bool,
    /// Why a suspicion leads to nothing, as told last.
    told: Option<Why>,
    /// The peer asked for the VIP with this epoch, and was refused.
    refused: Option<Epoch>,
    /// What a person must know, until it is over.
    #[serde(default)]
    alarms: alarm::Alarms,
    /// Whether the fence's ports are the peer's.
    #[serde(default)]
    placement: placement::Placement,
    /// What a takeover without ownership has left at the switch.
    #[serde(default)]
    left: left::Left,
    /// What the owner looks at.
    #[serde(default)]
    looks: keeping::Looks,
    #[serde(default)]
    new_mac: Option<new_mac::NewMac>,
    /// Another machine that a takeover waits for.
    #[serde(default)]
    other: Option<waiting::Other>,
    /// Cameras: expected, back.
    cameras: (u32, u32),
    /// The `now` of the last call.
    seen: BootTime,
    /// The steps that the configuration adds.
    #[serde(default)]
    site: site::Site,
    /// The steps of the last takeover or release that is over.
    last_flow: Option<flow::Flow>,
    #[serde(skip)]
    out: Vec<Action>,
}

impl Machine {
    /// A machine that has not started: the first event must be [`Event::Start`].
    pub fn new(policy: Policy, now: BootTime) -> Self {
        let mut evidence = Evidence::new(policy.peer_mac.clone(), now);
        evidence.beats_last = policy.detect.beat_timeout;
        let timers = Timers {
            probe: now,
            service: now,
            poll: now,
            owned: now,
            tie: now,
            ..Timers::default()
        };
        Machine {
            policy,
            state: State::Standby,
            evidence,
            epoch: Epoch(0),
            own: None,
            hold: false,
            bound: orders::Bound::default(),
            planned: false,
            goes_on: false,
            attempt: 0,
            owed: Vec::new(),
            timers,
            timeline: Timeline::default(),
            yielded: None,
            wants_yield: None,
            grants: None,
            claimed_epoch: Epoch(0),
            returned_hold: false,
            fence_lost: false,
            told: None,
            refused: None,
            alarms: alarm::Alarms::default(),
            placement: placement::Placement::default(),
            left: left::Left::default(),
            looks: keeping::Looks::default(),
            new_mac: None,
            other: None,
            cameras: (0, 0),
            seen: now,
            site: site::Site::default(),
            last_flow: None,
            out: Vec::new(),
        }
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state as `status` prints it: `held` where the operator's hold keeps it from acting.
    pub fn label(&self) -> String {
        match &self.state {
            State::Standby | State::Suspect(_) if self.held() => "held".to_owned(),
            s => s.to_string(),
        }
    }

    /// The policy it was built with.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The evidence.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Set while we own the VIP.
    pub fn ownership(&self) -> Option<&Ownership> {
        self.own.as_ref()
    }

    /// The highest epoch known.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// True if the takeover under way, or the last one, was ordered by a person.
    pub fn planned(&self) -> bool {
        self.planned
    }

    /// When what happened, of the last takeover or release.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Cameras expected and back, as last told.
    pub fn cameras(&self) -> (u32, u32) {
        self.cameras
    }

    /// Takes one event and says what to do.
    ///
    /// `now` must not be before the `now` of an earlier call.
    pub fn handle(&mut self, now: BootTime, event: Event) -> Vec<Action> {
        self.look_for_stall(now, &event);
        self.seen = now;
        match event {
            Event::Start(recovered) => self.start(now, recovered),
            Event::Tick => {}
            Event::VipSeen { mac } => self.vip_seen(now, mac),
            Event::Pong => self.pong(now),
            Event::Service { ok, fault } => self.service_probed(now, ok, fault),
            Event::ServiceNotAsked { why } => self.service_not_asked(now, &why),
            Event::PeerPort { up } => self.port_read(now, up),
            Event::SwitchSilent => self.switch_silent(now),
            Event::PortHint => self.port_hinted(now),
            Event::SwitchRebooted => self.switch_rebooted(now),
            Event::Beat(beat) => self.beat(now, beat),
            Event::ManagementAnswers => self.evidence.elsewhere.answered = Some(now),
            Event::Witness(w) => self.evidence.witness(w),
            Event::Asked(asked) => self.asked(now, &asked),
            Event::Carrier { up } => self.carrier(now, up),
            Event::AddressLost => self.address_lost(now),
            Event::FenceSet { attempt } => self.fence_set(now, attempt),
            Event::FenceRead(read) => self.fence_read(now, read),
            Event::Tied(tied) => self.tie_read(now, tied),
            Event::ReadBack(ports) => self.read_back(now, ports),
            Event::Located {
                mac,
                place,
                on_fence,
                others,
            } => {
                self.other_located(mac, place.as_ref());
                self.located(mac, place);
                self.stranger_located(now, mac, (on_fence, &others));
            }
            Event::PeerServes { mac, ok, .. } => self.peer_asked(now, mac, ok),
            Event::StepEnded {
                step,
                attempt,
                outcome,
            } => self.step_ended(now, step, attempt, outcome),
            Event::Cameras { expected, back } => self.cameras_seen(now, expected, back),
            Event::Order(order) => self.order(now, order),
            Event::PeerLookedFor { sights, wall_s } => self.places_seen(now, sights, wall_s),
            Event::LookedPastFence { seen, ageing } => self.looked_past_fence(now, seen, ageing),
            Event::FenceConfirmed { level, by, wall_s } => self.confirmed_by(&level, &by, wall_s),
        }
        self.run_timers(now);
        std::mem::take(&mut self.out)
    }

    /// When [`Event::Tick`] is wanted at the latest.
    pub fn next_deadline(&self) -> Option<BootTime> {
        let mut due: Vec<BootTime> = Vec::with_capacity(8);
        match &self.state {
            State::Standby => {
                due.extend([self.timers.probe, self.service_due(), self.poll_due()]);
                // A suspicion that is due but leads nowhere (a vacant VIP too young) waits for the next probe.
                due.extend(
                    Some(self.evidence.suspect_at(&self.policy)).filter(|at| *at > self.seen),
                );
            }
            State::Suspect(s) => {
                due.extend([
                    self.timers.probe,
                    self.service_due(),
                    self.poll_due(),
                    s.recheck,
                ]);
            }
            State::Confirming(c) => due.push(c.next),
            State::Taking(t) => {
                due.push(self.poll_due());
                due.extend(t.flow.next_deadline(self.seen));
                due.extend(
                    t.silence
                        .as_ref()
                        .filter(|_| self.silence_open(t))
                        .map(|s| s.next),
                );
                due.extend(
                    [t.yield_until, t.refence_until, self.order_due()]
                        .into_iter()
                        .flatten(),
                );
                due.extend(self.service_matters().then(|| self.service_due()));
                due.extend(t.fence_after.filter(|at| *at > self.seen));
            }
            State::Active { .. } | State::Halted { .. } => {}
            State::Releasing(r) => {
                due.extend(r.flow.next_deadline(self.seen));
                due.push(r.next_probe);
                due.extend(Some(r.deadline).filter(|_| !self.undo_open()));
                due.extend(self.stranger_due());
            }
        }
        due.extend(self.park_due());
        due.extend(self.ownerless_due());
        due.extend(self.tie_due());
        due.extend(self.placement_due());
        due.extend(self.left_due());
        due.extend(self.site_due());
        due.extend(self.beside_due());
        if let Some(own) = &self.own {
            due.extend([own.renew, own.fence_check].into_iter().flatten());
            due.push(self.looks.due());
        }
        due.into_iter().min()
    }

    fn run_timers(&mut self, now: BootTime) {
        self.owner_timers(now);
        // A deadline may lead to a state in which something is due at once; no chain of such states is longer.
        for _ in 0..4 {
            let before = std::mem::discriminant(&self.state);
            match &self.state {
                State::Standby => self.standby_timers(now),
                State::Suspect(_) => self.suspect_timers(now),
                State::Confirming(_) => self.confirming_timers(now),
                State::Taking(_) => self.taking_timers(now),
                State::Active { .. } | State::Halted { .. } => {}
                State::Releasing(_) => self.releasing_timers(now),
            }
            if std::mem::discriminant(&self.state) == before {
                break;
            }
        }
        self.park_timers(now);
        self.ownerless_timers(now);
        self.placement_timers(now);
        self.left_timers(now);
        self.waiting_timers(now);
        self.beside_timers(now);
        self.converge_site(now);
        self.watch(now);
    }

    fn become_state(&mut self, state: State, why: impl Into<String>) {
        let from = self.label();
        if let State::Taking(_) | State::Releasing(_) = &self.state {
            self.last_flow = self.flow().cloned();
        }
        if matches!(state, State::Standby | State::Taking(_)) {
            self.told = None;
        }
        if state == State::Standby {
            self.evidence.suspicion_over();
        }
        self.state = state;
        let to = self.label();
        self.out.push(Action::Changed {
            from,
            to,
            why: why.into(),
        });
    }

    fn next_attempt(&mut self) -> Attempt {
        self.attempt += 1;
        Attempt(self.attempt)
    }
}
