//! A small site on a virtual clock: two hosts, a switch between them, cameras as witnesses, perhaps a third machine.
//!
//! It answers the actions of real `Machine`s with latencies, and checks after every event what must always hold.

mod adapters;
mod checks;
mod daemon;
mod kept;
mod link;
mod machines;
mod placing;
mod site_steps;
mod switch;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use standin::takeover::Machine;
use standin::takeover::action::Run;
use standin::takeover::event::{Asked, Event, Outcome};
use standin::takeover::policy::Policy;
use standin::takeover::step::Step;
use standin::types::{Attempt, MacAddr, StepName};

use crate::policies::mac_of;
use crate::stories::site::Added;
use daemon::Journal;
use link::Asking;
pub use link::Losses;
pub use placing::{LEVEL, Place};
pub use switch::SwitchMode;

pub const MS: u64 = 1000;
/// Heartbeats of the shipped configuration come this often.
pub const BEAT_EVERY: u64 = 50 * MS;
const HOLDER_SPEAKS: u64 = 500 * MS;

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
    /// Its cable is in a port that no fence names.
    pub elsewhere: bool,
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
    /// When its port's link changed.
    links: Vec<(u64, bool)>,
    /// Steps of the site that are in effect: the truth about them.
    in_effect: BTreeSet<StepName>,
    site_tries: BTreeMap<Step, u32>,
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
    TieAsk(usize, u32),
    ReadBack(usize, u32),
    Beats,
    BeatNow(usize),
    HoldersSpeak,
    Chores,
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
    /// Where the switch has the machine that is to be fenced.
    pub place: Place,
    /// Which port the fence's is.
    pub identity: String,
    /// Each change of a port's link is told by a notification.
    pub traps: bool,
    pub cameras: u8,
    pub third: bool,
    /// The two machines do not hear each other, on whatever path; each hears everybody else.
    pub parted: bool,
    /// From one heartbeat to the next.
    pub beat_every: u64,
    /// The kernel of this host refuses the VIP.
    pub cannot_claim: Option<usize>,
    pub cameras_back: u32,
    pub service_start: u64,
    /// What the configuration adds to a takeover.
    pub added: Vec<Added>,
    /// Which of it was in effect on which host, from when on.
    pub in_effect: Vec<(u64, usize, BTreeSet<StepName>)>,
    pub latency: BTreeMap<Step, u64>,
    queue: BTreeMap<(u64, u64), What>,
    seq: u64,
    pub record: Vec<(u64, usize, Said)>,
    pub owners: Vec<(u64, BTreeSet<&'static str>)>,
    /// Two live owners are what this story is about; for at most this long.
    pub two_owners_allowed: u64,
    two_since: Option<u64>,
    kept: kept::Kept,
    pub losses: Losses,
    /// It answers pings.
    pub pings: bool,
    /// Every other frame of `a` that nobody asked for is left out too.
    pub chatter: bool,
    dice: u64,
    asking: [Asking; 2],
    asked: Option<Asked>,
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
            elsewhere: false,
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
            links: Vec::new(),
            in_effect: BTreeSet::new(),
            site_tries: BTreeMap::new(),
        };
        let [a, b] = policies;
        let mut world = World {
            now: 0,
            hosts: vec![host(0, a), host(1, b)],
            switch: SwitchMode::Ok,
            switch_up: true,
            place: Place::Here,
            identity: "ge7 (ifIndex 7)".to_owned(),
            traps: false,
            cameras,
            third: false,
            parted: false,
            beat_every: BEAT_EVERY,
            cannot_claim: None,
            cameras_back: u32::from(cameras),
            service_start: 300 * MS,
            added: Vec::new(),
            in_effect: Vec::new(),
            latency: BTreeMap::new(),
            queue: BTreeMap::new(),
            seq: 0,
            record: Vec::new(),
            owners: Vec::new(),
            two_owners_allowed: 0,
            two_since: None,
            kept: kept::Kept::default(),
            losses: Losses::default(),
            pings: true,
            chatter: true,
            dice: 1,
            asking: [0, 1].map(|i| Asking::new(i, 200, cameras)),
            asked: None,
            errors: Vec::new(),
        };
        for h in &mut world.hosts {
            h.vip = h.vip_of_os.then_some(u64::MAX);
        }
        world.after(0, What::Beats);
        world.after(HOLDER_SPEAKS / 3, What::HoldersSpeak);
        world.after(MS, What::Chores);
        world
    }

    /// So many ARP frames a second may leave each host.
    pub fn budget(&mut self, per_second: u32, cameras: u8) {
        self.asking = [0, 1].map(|i| Asking::new(i, per_second, cameras));
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
            What::TieAsk(i, life) => {
                let tied = self.hosts[0].fenced && self.hosts[1].fenced;
                self.deliver(i, life, Event::Tied(tied && self.switch_answers()));
            }
            What::ReadBack(i, life) => {
                let ports = vec![self.left_of(1 - i)];
                self.deliver(i, life, Event::ReadBack(ports));
            }
            What::Beats => {
                self.beats();
                self.after(self.beat_every, What::Beats);
            }
            What::BeatNow(i) => self.beat_of(i),
            What::HoldersSpeak => {
                self.holders_speak();
                self.after(HOLDER_SPEAKS, What::HoldersSpeak);
            }
            What::Chores => {
                for i in 0..2 {
                    self.look_for_witnesses(i);
                }
                self.after(1000 * MS, What::Chores);
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
}
