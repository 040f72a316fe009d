//! A small site on a virtual clock: two hosts, a switch between them, cameras as witnesses, perhaps a third machine.
//!
//! It answers the actions of real `Machine`s with latencies, and checks after every event what must always hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use standin::takeover::Machine;
use standin::takeover::action::{Action, Run};
use standin::takeover::event::{Beat, Event, FenceRead, Order, Outcome, Recovered, Witness};
use standin::takeover::policy::Policy;
use standin::takeover::state::{Grounds, Phase};
use standin::takeover::step::Step;
use standin::takeover::verdict::Verified;
use standin::types::{Attempt, BootTime, Epoch, MacAddr};

use crate::policies::mac_of;

pub const MS: u64 = 1000;
const A_THIRD_MACHINE: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x99]);
const BEAT_EVERY: u64 = 50 * MS;
const HOLDER_SPEAKS: u64 = 500 * MS;

/// How the switch answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchMode {
    Ok,
    /// Answers nothing.
    Silent,
    /// Refuses every SET, answers reads.
    Refuses,
    /// Acknowledges a SET and does nothing.
    AcknowledgesAndIgnores,
    /// Does it, but the proof comes after the deadline, and a cancel does not hurry it.
    Late,
}

/// What the journal of one daemon holds.
#[derive(Clone, Debug)]
struct Journal {
    phase: Phase,
    epoch: Epoch,
    grounds: Option<Grounds>,
    verdict: Option<Verified>,
    planned: bool,
    pinned: Option<MacAddr>,
    healthy: bool,
    hold: bool,
    boot: u32,
}

#[derive(Clone, Debug)]
pub struct Host {
    pub name: &'static str,
    pub mac: MacAddr,
    policy: Option<Policy>,
    pub machine: Option<Machine>,
    life: u32,
    boot: u32,
    booted_at: u64,
    journal: Option<Journal>,
    /// Its kernel runs.
    pub up: bool,
    pub cable: bool,
    /// False: it sits in another VLAN, with carrier.
    pub in_vlan: bool,
    pub mgmt: bool,
    pub service: bool,
    /// Its port on the switch is admin down.
    pub fenced: bool,
    /// Port takeover: its own port is in the production VLAN.
    pub production: bool,
    /// The VIP is on its interface (with port takeover: not mute), until when.
    pub vip: Option<u64>,
    /// The VIP belongs to its operating system.
    vip_of_os: bool,
    stalled_until: u64,
    tasks: BTreeMap<Step, Attempt>,
    carrier_told: bool,
    ticks: BTreeMap<u64, u32>,
    pub healthy_for_release: bool,
}

impl Host {
    fn rewires(&self) -> bool {
        self.policy.as_ref().is_some_and(|p| p.rewire)
    }
}

#[derive(Clone, Debug)]
enum What {
    To(usize, u32, Event),
    Tick(usize, u32),
    /// The effect of a task on the world.
    Effect(usize, u32, Step, Attempt, Run),
    /// The answer of a task.
    Answer(usize, u32, Step, Attempt, Outcome),
    Proof(usize, u32, Step, Attempt, u64),
    Poll(usize, u32),
    FenceAsk(usize, u32),
    Beats,
    HoldersSpeak,
    Expire(usize, u64),
    SwitchUp,
}

/// One line of the record that expectations are checked against.
#[derive(Clone, Debug)]
pub enum Said {
    State(String),
    Action(String),
    Alert(String),
}

pub struct World {
    pub now: u64,
    pub hosts: Vec<Host>,
    pub switch: SwitchMode,
    switch_up: bool,
    /// Each change of a port's link is told by a notification.
    pub traps: bool,
    pub cameras: u8,
    pub third: bool,
    pub cameras_back: u32,
    pub service_start: u64,
    pub latency: BTreeMap<Step, u64>,
    queue: BTreeMap<(u64, u64), What>,
    seq: u64,
    pub record: Vec<(u64, usize, Said)>,
    pub owners: Vec<(u64, BTreeSet<&'static str>)>,
    /// Two live owners are what this story is about; for at most this long.
    pub two_owners_allowed: u64,
    two_since: Option<u64>,
    handled: u64,
    pub errors: Vec<String>,
}

impl World {
    pub fn new(policies: [Option<Policy>; 2], cameras: u8) -> World {
        let host = |i: usize, policy: Option<Policy>| Host {
            name: ["a", "b"][i],
            mac: mac_of(i),
            machine: None,
            life: 0,
            boot: 1,
            booted_at: 0,
            journal: None,
            up: true,
            cable: true,
            in_vlan: true,
            mgmt: true,
            service: true,
            fenced: false,
            production: false,
            vip: None,
            vip_of_os: policy.is_none(),
            policy,
            stalled_until: 0,
            tasks: BTreeMap::new(),
            carrier_told: true,
            ticks: BTreeMap::new(),
            healthy_for_release: true,
        };
        let [a, b] = policies;
        let mut world = World {
            now: 0,
            hosts: vec![host(0, a), host(1, b)],
            switch: SwitchMode::Ok,
            switch_up: true,
            traps: false,
            cameras,
            third: false,
            cameras_back: u32::from(cameras),
            service_start: 300 * MS,
            latency: BTreeMap::new(),
            queue: BTreeMap::new(),
            seq: 0,
            record: Vec::new(),
            owners: Vec::new(),
            two_owners_allowed: 0,
            two_since: None,
            handled: 0,
            errors: Vec::new(),
        };
        for h in &mut world.hosts {
            h.vip = h.vip_of_os.then_some(u64::MAX);
        }
        world.after(0, What::Beats);
        world.after(HOLDER_SPEAKS / 3, What::HoldersSpeak);
        world
    }

    fn after(&mut self, delay: u64, what: What) {
        self.seq += 1;
        self.queue.insert((self.now + delay, self.seq), what);
    }

    fn to(&mut self, host: usize, delay: u64, event: Event) {
        let life = self.hosts[host].life;
        self.after(delay, What::To(host, life, event));
    }

    fn wrong(&mut self, what: String) {
        let at = self.now as f64 / 1000.0;
        if self.errors.len() < 10 {
            self.errors.push(format!("at {at} ms: {what}"));
        }
    }

    /// True if the host's frames reach the production VLAN.
    pub fn on_data(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        h.up && self.has_carrier(i) && h.in_vlan
    }

    fn has_carrier(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        h.cable && !h.fenced && self.switch_up
    }

    fn hears(&self, i: usize, j: usize) -> bool {
        i != j && self.on_data(i) && self.on_data(j)
    }

    fn answers(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        // A mute machine's port may be anywhere; one that may speak answers where its port is.
        self.on_data(i) && h.vip.is_some() && (h.production || !h.rewires())
    }

    /// Runs until `until`.
    pub fn run_until(&mut self, until: u64) {
        while let Some((&(at, seq), _)) = self.queue.iter().next() {
            if at > until {
                break;
            }
            let Some(what) = self.queue.remove(&(at, seq)) else {
                break;
            };
            self.now = at;
            self.step(what);
            self.check();
        }
        self.now = until;
        self.check();
    }

    fn step(&mut self, what: What) {
        match what {
            What::To(i, life, event) => self.deliver(i, life, event),
            What::Tick(i, life) => {
                let due = self.hosts[i]
                    .machine
                    .as_ref()
                    .and_then(Machine::next_deadline);
                if due.is_some_and(|d| d.0 <= self.now) {
                    self.deliver(i, life, Event::Tick);
                }
            }
            What::Effect(i, life, step, attempt, run) => self.effect(i, life, step, attempt, run),
            What::Answer(i, life, step, attempt, outcome) => {
                self.answer(i, life, step, attempt, outcome)
            }
            What::Proof(i, life, step, attempt, until) => self.proof(i, life, step, attempt, until),
            What::Poll(i, life) => {
                let up = self.port_up(1 - i);
                let event = match self.switch_answers() {
                    true => Event::PeerPort { up },
                    false => Event::SwitchSilent,
                };
                self.deliver(i, life, event);
            }
            What::FenceAsk(i, life) => {
                let read = self.fence_of(1 - i);
                self.deliver(i, life, Event::FenceRead(read));
            }
            What::Beats => {
                self.beats();
                self.after(BEAT_EVERY, What::Beats);
            }
            What::HoldersSpeak => {
                self.holders_speak();
                self.after(HOLDER_SPEAKS, What::HoldersSpeak);
            }
            What::Expire(i, at) => {
                if self.hosts[i].vip == Some(at) {
                    self.hosts[i].vip = None;
                    self.to(i, 0, Event::AddressLost);
                }
            }
            What::SwitchUp => {
                self.switch_up = true;
                self.carriers();
                for i in 0..2 {
                    self.to(i, 300 * MS, Event::SwitchRebooted);
                }
            }
        }
    }

    fn port_up(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        h.cable && !h.fenced
    }

    fn switch_answers(&self) -> bool {
        self.switch_up && self.switch != SwitchMode::Silent
    }

    fn fence_of(&self, i: usize) -> FenceRead {
        match (self.switch_answers(), self.hosts[i].fenced) {
            (false, _) => FenceRead::Unknown,
            (true, true) => FenceRead::Present,
            (true, false) => FenceRead::Absent,
        }
    }

    fn holders_speak(&mut self) {
        for i in 0..2 {
            if self.answers(i) {
                self.frame_from(i);
            }
        }
    }

    /// An ARP frame with the VIP as sender leaves host `i`.
    fn frame_from(&mut self, i: usize) {
        if self.hears(i, 1 - i) {
            let mac = self.hosts[i].mac;
            self.to(1 - i, MS, Event::VipSeen { mac });
        }
    }

    fn beats(&mut self) {
        for i in 0..2 {
            let h = &self.hosts[i];
            let (Some(m), true) = (&h.machine, h.up && h.stalled_until <= self.now) else {
                continue;
            };
            if !m.policy().pair {
                continue;
            }
            let flags = m.flags();
            let beat = Beat {
                data_path: true,
                node: h.name.to_owned(),
                holds: flags.holds,
                epoch: flags.epoch,
                carrier: self.has_carrier(i),
                service_ok: h.service,
                wants_yield: flags.wants_yield,
                yielded: flags.yielded,
                grants: flags.grants,
                mac: h.mac,
            };
            if self.hears(i, 1 - i) {
                self.to(1 - i, MS, Event::Beat(beat.clone()));
            }
            if self.hosts[i].mgmt && self.hosts[1 - i].mgmt && self.hosts[1 - i].up {
                let data_path = false;
                self.to(1 - i, MS, Event::Beat(Beat { data_path, ..beat }));
            }
        }
    }

    fn carriers(&mut self) {
        for i in 0..2 {
            let up = self.has_carrier(i);
            if self.hosts[i].carrier_told != up {
                self.hosts[i].carrier_told = up;
                self.to(i, MS / 2, Event::Carrier { up });
            }
        }
    }

    fn deliver(&mut self, i: usize, life: u32, event: Event) {
        let h = &self.hosts[i];
        if h.life != life || h.machine.is_none() || !h.up {
            return;
        }
        if h.stalled_until > self.now {
            let wait = h.stalled_until - self.now;
            return self.after(wait, What::To(i, life, event));
        }
        let now = BootTime(self.now);
        let tick = event == Event::Tick;
        let h = &mut self.hosts[i];
        let Some(machine) = h.machine.as_mut() else {
            return;
        };
        self.handled += 1;
        let event = if self.handled.is_multiple_of(5) {
            *machine = again(machine);
            again(&event)
        } else {
            event
        };
        let before = machine.label();
        let actions = machine.handle(now, event.clone());
        let mut twice = machine.clone();
        let more = twice.handle(now, Event::Tick);
        let after = machine.label();
        let same = twice == *machine && more.is_empty();
        let due = machine.next_deadline();
        h.journal = Some(journal_of(h.journal.as_ref(), machine, &actions, h.boot));
        if tick {
            *h.ticks.entry(self.now / 1_000_000).or_default() += 1;
        }
        let ticks = h.ticks.get(&(self.now / 1_000_000)).copied().unwrap_or(0);
        let name = h.name;
        if !same {
            self.wrong(format!(
                "{name} in {after}: a second tick after {event:?} did {more:?}"
            ));
        }
        if due.is_some_and(|d| d <= now) {
            self.wrong(format!(
                "{name} in {after}: the next deadline {due:?} is not after {now:?} ({event:?})"
            ));
        }
        if ticks > 200 {
            self.wrong(format!("{name} in {after}: {ticks} ticks in one second"));
        }
        if let Some(d) = due.filter(|d| *d > now && d.0 < u64::MAX / 2) {
            self.after(d.0 - self.now, What::Tick(i, life));
        }
        if before != after {
            self.record.push((self.now, i, Said::State(after)));
        }
        for action in actions {
            self.perform(i, life, action);
        }
    }

    fn perform(&mut self, i: usize, life: u32, action: Action) {
        let name = name_of(&action);
        if !matches!(action, Action::Changed { .. } | Action::Alert(_)) {
            self.record.push((self.now, i, Said::Action(name)));
        }
        match action {
            Action::ArpProbe { to } => self.arp_probe(i, to),
            Action::Ping => {
                if self.hears(i, 1 - i) && self.answers(1 - i) {
                    self.to(i, MS, Event::Pong);
                }
            }
            Action::ProbeService => {
                let reached = self.hears(i, 1 - i) && self.answers(1 - i);
                let ok = reached && self.hosts[1 - i].service;
                let (delay, fault) = match (reached, ok) {
                    (_, true) => (2, ""),
                    (true, false) => (500, "C1 without S0"),
                    (false, false) => (1000, "no SYN-ACK"),
                };
                let fault = fault.to_owned();
                self.to(i, delay * MS, Event::Service { ok, fault });
            }
            Action::PollPort => {
                let delay = if self.switch_answers() { 5 } else { 200 };
                self.after(delay * MS, What::Poll(i, life));
            }
            Action::AskWitnesses => {
                if self.on_data(i) {
                    for n in 0..self.cameras.min(8) {
                        let camera = Ipv4Addr::new(192, 168, 1, n);
                        self.to(i, MS, Event::Witness(Witness::Camera(camera)));
                    }
                }
            }
            Action::Run(run) => self.start(i, life, run),
            Action::Cancel { step, attempt } => {
                let late = self.switch == SwitchMode::Late && step == Step::Fence;
                if self.hosts[i].tasks.get(&step) == Some(&attempt) && !late {
                    let answer = What::Answer(i, life, step, attempt, Outcome::Cancelled);
                    self.after(MS, answer);
                }
            }
            Action::Renew { lifetime } => self.put_address(i, Some(lifetime)),
            Action::Restore { lifetime } => {
                self.put_address(i, lifetime);
                self.frame_from(i);
            }
            Action::DropAddress => self.hosts[i].vip = None,
            Action::ReadFence => self.after(5 * MS, What::FenceAsk(i, life)),
            Action::Defend => self.frame_from(i),
            Action::Alert(alert) => {
                self.record.push((self.now, i, Said::Alert(alert.text)));
            }
            Action::Changed { .. } => {}
        }
    }

    fn arp_probe(&mut self, i: usize, to: Option<MacAddr>) {
        let other = self.hosts[1 - i].mac;
        let hit = |mac: MacAddr| to.is_none_or(|t| t == mac);
        if self.hears(i, 1 - i) && self.answers(1 - i) && hit(other) {
            self.to(i, MS, Event::VipSeen { mac: other });
        }
        if self.third && self.on_data(i) && hit(A_THIRD_MACHINE) {
            let mac = A_THIRD_MACHINE;
            self.to(i, MS, Event::VipSeen { mac });
        }
    }

    fn put_address(&mut self, i: usize, lifetime: Option<Duration>) {
        let until = lifetime.map_or(u64::MAX, |l| self.now + l.as_micros() as u64);
        self.hosts[i].vip = Some(until);
        if until < u64::MAX {
            self.after(until - self.now, What::Expire(i, until));
        }
    }

    fn start(&mut self, i: usize, life: u32, run: Run) {
        let name = self.hosts[i].name;
        if let Some(old) = self.hosts[i].tasks.insert(run.step, run.attempt) {
            self.wrong(format!(
                "{name}: {} starts while attempt {old} still runs",
                run.step
            ));
        }
        for other in standin::takeover::step::excludes(run.step) {
            if self.hosts[i].tasks.contains_key(other) {
                self.wrong(format!(
                    "{name}: {} starts while {other} still runs",
                    run.step
                ));
            }
        }
        if run.step == Step::Claim {
            self.check_claim(i, &run);
        }
        let delay = self
            .latency
            .get(&run.step)
            .copied()
            .unwrap_or(match run.step {
                Step::Watch | Step::Gate => MS,
                Step::Service => self.service_start,
                Step::Fence | Step::Lift | Step::Rewire | Step::Park => 10 * MS,
                Step::Claim | Step::Drop => 2 * MS,
                Step::Forward | Step::Announce | Step::Open => 5 * MS,
                Step::Precheck | Step::Handback => 5 * MS,
                Step::Verify => 800 * MS,
                Step::Prove => 10 * MS,
                Step::Yield | Step::Silence | Step::Return => 0,
            });
        let (step, attempt) = (run.step, run.attempt);
        self.after(delay, What::Effect(i, life, step, attempt, run));
    }

    /// What a claim rests on must be true in the world.
    fn check_claim(&mut self, i: usize, run: &Run) {
        let name = self.hosts[i].name;
        let peer = &self.hosts[1 - i];
        let truth = match run.grounds {
            Some(Grounds::Fenced) => peer.fenced,
            Some(Grounds::Yielded | Grounds::Vacant) => !self.answers(1 - i),
            Some(Grounds::Unfenced) => self.hosts[i].machine.as_ref().is_some_and(|m| {
                m.policy().unproven != standin::takeover::policy::Unproven::Hold
                    || !m.policy().fence
            }),
            None => false,
        };
        if !truth {
            self.wrong(format!(
                "{name} claims on {:?}, which is not so",
                run.grounds
            ));
        }
    }

    /// Our port enters production only when the peer is kept away from it.
    fn check_rewire(&mut self, i: usize) {
        if !self.hosts[1 - i].fenced {
            let name = self.hosts[i].name;
            self.wrong(format!("{name} rewires although the peer is not fenced"));
        }
    }

    fn runs(&self, i: usize, life: u32, step: Step, attempt: Attempt) -> bool {
        let h = &self.hosts[i];
        h.life == life && h.up && h.tasks.get(&step) == Some(&attempt)
    }

    fn effect(&mut self, i: usize, life: u32, step: Step, attempt: Attempt, run: Run) {
        if !self.runs(i, life, step, attempt) {
            return;
        }
        let peer = 1 - i;
        let within = run.within.as_micros() as u64;
        let done = || Outcome::Done("proven".to_owned());
        let failed = |why: &str| Outcome::Failed(why.to_owned());
        let (delay, outcome) = match step {
            Step::Fence | Step::Lift | Step::Rewire | Step::Park if !self.switch_answers() => {
                (within, failed("the switch does not answer"))
            }
            Step::Fence | Step::Lift | Step::Rewire | Step::Park
                if self.switch == SwitchMode::Refuses =>
            {
                (MS, failed("the switch refuses the SET"))
            }
            Step::Fence => {
                let ignored = self.switch == SwitchMode::AcknowledgesAndIgnores;
                self.hosts[peer].fenced |= !ignored;
                self.carriers();
                self.to(i, 0, Event::FenceSet { attempt });
                let late = self.switch == SwitchMode::Late;
                let delay = if late { within + 1500 * MS } else { 20 * MS };
                let until = self.now + 1000 * MS;
                return self.after(delay, What::Proof(i, life, step, attempt, until));
            }
            Step::Lift => {
                self.hosts[peer].fenced &= self.switch == SwitchMode::AcknowledgesAndIgnores;
                self.carriers();
                let until = self.now + 1000 * MS;
                return self.after(20 * MS, What::Proof(i, life, step, attempt, until));
            }
            Step::Rewire | Step::Park => {
                let ignored = self.switch == SwitchMode::AcknowledgesAndIgnores;
                if step == Step::Rewire {
                    self.check_rewire(i);
                }
                if !ignored {
                    self.hosts[i].production = step == Step::Rewire;
                }
                let until = self.now + 1000 * MS;
                return self.after(20 * MS, What::Proof(i, life, step, attempt, until));
            }
            Step::Claim => {
                self.put_address(i, run.lifetime);
                (MS, done())
            }
            Step::Drop => {
                self.hosts[i].vip = None;
                (MS, done())
            }
            Step::Announce => {
                self.frame_from(i);
                (MS, done())
            }
            Step::Service => {
                self.hosts[i].service = true;
                (MS, done())
            }
            Step::Verify => {
                let expected = u32::from(self.cameras);
                let back = self.cameras_back.min(expected);
                self.to(i, 0, Event::Cameras { expected, back });
                match back == expected {
                    true => (MS, done()),
                    false => (within, failed("cameras are missing")),
                }
            }
            Step::Precheck if !self.hosts[peer].healthy_for_release => {
                (MS, failed("the peer is not healthy"))
            }
            Step::Prove => match self.answers(peer) && self.hosts[peer].service {
                true => (MS, done()),
                false => (3000 * MS, failed("no handshake")),
            },
            Step::Forward if !self.hosts[i].production => {
                self.wrong(format!("{step} before our port is in production"));
                (MS, done())
            }
            Step::Watch | Step::Gate | Step::Forward => (MS, done()),
            Step::Open | Step::Precheck | Step::Handback => (MS, done()),
            Step::Yield | Step::Silence | Step::Return => {
                return self.wrong(format!("{step} was given to an adapter"));
            }
        };
        self.after(delay, What::Answer(i, life, step, attempt, outcome));
    }

    fn proof(&mut self, i: usize, life: u32, step: Step, attempt: Attempt, until: u64) {
        if !self.runs(i, life, step, attempt) {
            return;
        }
        let set = match step {
            Step::Rewire => self.hosts[i].production,
            Step::Park => !self.hosts[i].production,
            _ => self.hosts[1 - i].fenced == (step == Step::Fence),
        };
        let is = set && self.switch_answers();
        let outcome = match is {
            true => Outcome::Done("read back".to_owned()),
            false if self.now >= until => {
                Outcome::Failed("the read-back says otherwise".to_owned())
            }
            false => return self.after(20 * MS, What::Proof(i, life, step, attempt, until)),
        };
        self.answer(i, life, step, attempt, outcome);
    }

    fn answer(&mut self, i: usize, life: u32, step: Step, attempt: Attempt, outcome: Outcome) {
        let h = &mut self.hosts[i];
        if h.life != life || h.tasks.get(&step) != Some(&attempt) {
            return;
        }
        h.tasks.remove(&step);
        self.to(
            i,
            0,
            Event::StepEnded {
                step,
                attempt,
                outcome,
            },
        );
    }

    /// After every event: never two live owners.
    fn check(&mut self) {
        let live: BTreeSet<&'static str> = (0..2)
            .filter(|i| self.answers(*i))
            .map(|i| self.hosts[i].name)
            .collect();
        if live.len() > 1 {
            let since = *self.two_since.get_or_insert(self.now);
            if self.now - since >= self.two_owners_allowed.max(1) {
                self.wrong("two live owners".to_owned());
            }
        } else {
            self.two_since = None;
        }
        if self.owners.last().is_none_or(|(_, o)| *o != live) {
            self.owners.push((self.now, live));
        }
    }
}

/// What happens to the world.
impl World {
    pub fn start_daemon(&mut self, i: usize) {
        let now = BootTime(self.now);
        let fence = self.fence_of(1 - i);
        let carrier = self.has_carrier(i);
        let h = &mut self.hosts[i];
        let (Some(policy), true) = (h.policy.clone(), h.up) else {
            return;
        };
        h.life += 1;
        h.tasks.clear();
        h.carrier_told = carrier;
        let fresh = Recovered::fresh(BootTime(h.booted_at));
        let recovered = match &h.journal {
            None => Recovered {
                carrier,
                fence,
                address_here: h.vip.is_some(),
                ..fresh
            },
            Some(j) => Recovered {
                phase: j.phase,
                epoch: j.epoch,
                grounds: j.grounds,
                verdict: j.verdict,
                planned: j.planned,
                same_boot: j.boot == h.boot,
                address_here: h.vip.is_some(),
                fence,
                pinned: j.pinned,
                healthy: j.healthy && j.boot == h.boot,
                hold: j.hold,
                carrier,
                ..fresh
            },
        };
        h.machine = Some(Machine::new(policy, now));
        let life = h.life;
        self.deliver(i, life, Event::Start(recovered));
    }

    pub fn crash(&mut self, i: usize) {
        let h = &mut self.hosts[i];
        h.machine = None;
        h.life += 1;
        h.tasks.clear();
    }

    /// The host loses its power; the journal stays.
    pub fn power_off(&mut self, i: usize) {
        self.crash(i);
        self.hosts[i].up = false;
        self.hosts[i].vip = None;
        self.hosts[i].service = false;
    }

    pub fn power_on(&mut self, i: usize, daemon: bool) {
        let now = self.now;
        let h = &mut self.hosts[i];
        h.up = true;
        h.boot += 1;
        h.booted_at = now;
        h.service = true;
        h.vip = h.vip_of_os.then_some(u64::MAX);
        self.carriers();
        if self.hosts[i].vip.is_some() && self.on_data(i) {
            self.frame_from(i);
        }
        if daemon {
            self.start_daemon(i);
        }
    }

    pub fn set_cable(&mut self, i: usize, plugged: bool) {
        let changed = std::mem::replace(&mut self.hosts[i].cable, plugged) != plugged;
        if self.traps && changed && self.switch_answers() {
            self.to(1 - i, MS, Event::PortHint);
        }
        self.carriers();
    }

    /// So many notifications reach host `i`, one each millisecond, and nothing happened.
    pub fn forged_traps(&mut self, i: usize, count: u32) {
        for n in 0..u64::from(count) {
            self.to(i, n * MS, Event::PortHint);
        }
    }

    pub fn stall(&mut self, i: usize, ms: u64) {
        self.hosts[i].stalled_until = self.now + ms * MS;
    }

    /// The switch forgets its fences, and every port loses its carrier for `ms`.
    pub fn switch_reboots(&mut self, ms: u64) {
        self.switch_up = false;
        for h in &mut self.hosts {
            h.fenced = false;
        }
        self.carriers();
        self.after(ms * MS, What::SwitchUp);
    }

    pub fn unfence(&mut self, i: usize) {
        self.hosts[i].fenced = false;
        self.carriers();
    }

    pub fn prune(&mut self, i: usize) {
        self.hosts[i].vip = None;
        self.to(i, MS / 2, Event::AddressLost);
    }

    pub fn order(&mut self, i: usize, order: Order) {
        self.to(i, 0, Event::Order(order));
    }

    /// A network manager or a person, or a fault of the peer's, puts the VIP there.
    pub fn force_address(&mut self, i: usize) {
        self.hosts[i].vip = Some(u64::MAX);
        self.frame_from(i);
    }
}

fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("serializes");
    serde_json::from_str(&text).expect("what was written can be read")
}

fn journal_of(old: Option<&Journal>, m: &Machine, actions: &[Action], boot: u32) -> Journal {
    let claim = actions.iter().rev().find_map(|a| match a {
        Action::Run(run) if run.step == Step::Claim => run.grounds,
        _ => None,
    });
    let verdict = match m.state() {
        standin::takeover::state::State::Active { verdict } => Some(*verdict),
        _ => old.and_then(|j| j.verdict),
    };
    Journal {
        phase: m.state().phase(),
        epoch: m.epoch(),
        grounds: claim.or(old.and_then(|j| j.grounds)),
        verdict,
        planned: m.planned(),
        pinned: m.evidence().pinned,
        healthy: m.evidence().healthy,
        hold: m.hold(),
        boot,
    }
}

fn name_of(action: &Action) -> String {
    match action {
        Action::ArpProbe { .. } => "arp-probe".to_owned(),
        Action::Ping => "ping".to_owned(),
        Action::ProbeService => "probe-service".to_owned(),
        Action::PollPort => "poll-port".to_owned(),
        Action::AskWitnesses => "ask-witnesses".to_owned(),
        Action::Run(run) => format!("run {}", run.step),
        Action::Cancel { step, .. } => format!("cancel {step}"),
        Action::Renew { .. } => "renew".to_owned(),
        Action::Restore { .. } => "restore".to_owned(),
        Action::DropAddress => "drop-address".to_owned(),
        Action::ReadFence => "read-fence".to_owned(),
        Action::Defend => "defend".to_owned(),
        Action::Alert(_) => "alert".to_owned(),
        Action::Changed { .. } => "changed".to_owned(),
    }
}
