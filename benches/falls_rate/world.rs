//! One core, one peer, cameras and a network that loses frames, on a clock of their own.

use std::collections::VecDeque;
use std::time::Duration;

use standin::net::budget::Budget;
use standin::takeover::Machine;
use standin::takeover::action::Action;
use standin::takeover::event::{Asked, Beat, Event, Recovered, Sent, Witness};
use standin::takeover::step::Step;
use standin::types::{BootTime, Epoch, MacAddr};

use crate::cells::Cell;
use crate::settings::{beat_interval, policy};

pub const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const CAMERAS: u8 = 99;

pub struct World {
    cell: Cell,
    m: Machine,
    budget: Budget,
    /// Microseconds.
    pub now: u64,
    /// Where the dice of the next world go on.
    pub dice: u64,
    queue: VecDeque<(u64, Event)>,
    next_camera: u8,
    open: Vec<u8>,
    dead: bool,
    fenced: bool,
    next_beat: u64,
}

impl World {
    pub fn new(cell: Cell, seed: u64, now: u64) -> World {
        let mut w = World {
            cell,
            m: Machine::new(policy(&cell), BootTime(now)),
            budget: Budget::per_second(cell.per_second),
            now,
            dice: seed | 1,
            queue: VecDeque::new(),
            next_camera: 0,
            open: Vec::new(),
            dead: false,
            fenced: false,
            next_beat: if cell.pair { now } else { u64::MAX },
        };
        let start = Recovered {
            pinned: Some(PEER),
            healthy: true,
            ..Recovered::fresh(BootTime(0))
        };
        w.tell(Event::Start(start));
        w
    }

    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) as f64 / (1u64 << 53) as f64
    }

    fn in_gap(&self, peer: bool) -> bool {
        let phase = self.now % 60_000_000;
        phase < self.cell.gaps.1 * 1000 || (peer && phase < self.cell.gaps.0 * 1000)
    }

    /// The peer sends a heartbeat; it arrives, or does not.
    fn beat(&mut self) {
        let c = self.cell;
        self.next_beat += beat_interval(&c);
        let lost = self.in_gap(true) | (self.roll() < c.back) | (self.roll() < c.leg);
        if lost || self.dead {
            return;
        }
        self.tell(Event::Beat(Beat {
            data_path: true,
            node: "a".to_owned(),
            holds: true,
            epoch: Epoch(1),
            carrier: true,
            service_ok: true,
            wants_yield: None,
            yielded: None,
            grants: None,
            mac: PEER,
            hold: false,
            preferred: true,
            confirmed: Some(true),
            interval: Some(Duration::from_micros(beat_interval(&c))),
            fence_timeout: Some(Duration::from_secs(10)),
        }));
    }

    /// One question and its answer pass both ways.
    fn round(&mut self, peer: bool) -> bool {
        let c = self.cell;
        let gap = self.in_gap(peer);
        let near = (self.roll() < c.out) | (self.roll() < c.back);
        let far = peer && ((self.roll() < c.leg) | (self.roll() < c.leg));
        !(gap || near || far || peer && self.dead)
    }

    fn tell(&mut self, event: Event) {
        let actions = self.m.handle(BootTime(self.now), event);
        let mut asked: Option<Asked> = None;
        for action in actions {
            match action {
                Action::ArpProbe { .. } => {
                    let left = self.budget.take(BootTime(self.now)).is_ok();
                    let sent = if left { Sent::Left } else { Sent::Refused };
                    asked.get_or_insert_default().vip = Some(sent);
                    if left && self.round(true) {
                        self.queue
                            .push_back((self.now + 1000, Event::VipSeen { mac: PEER }));
                    }
                }
                Action::Ping if self.cell.pings && self.round(true) => {
                    self.queue.push_back((self.now + 1000, Event::Pong));
                }
                Action::AskWitnesses => self.ask_witnesses(asked.get_or_insert_default()),
                Action::Run(run) => self.fenced |= run.step == Step::Fence,
                _ => {}
            }
        }
        if let Some(asked) = asked {
            self.tell(Event::Asked(asked));
        }
    }

    fn ask_witnesses(&mut self, asked: &mut Asked) {
        let again: Vec<u8> = self.open.iter().copied().take(4).collect();
        let mut targets = again;
        while targets.len() < 8 {
            self.next_camera = (self.next_camera + 1) % CAMERAS;
            if !targets.contains(&self.next_camera) {
                targets.push(self.next_camera);
            }
        }
        for n in targets {
            if self.budget.take_for_witness(BootTime(self.now)).is_err() {
                break;
            }
            let w = Witness::Camera([192, 168, 1, n].into());
            asked.witnesses.push(w);
            self.open.retain(|o| *o != n);
            if self.round(false) {
                self.queue.push_back((self.now + 1000, Event::Witness(w)));
            } else {
                self.open.push(n);
            }
        }
        if self.open.len() > 64 {
            self.open.clear();
        }
    }

    /// Until `until`, or a fence. True if it fences.
    pub fn run(&mut self, until: u64) -> bool {
        while !self.fenced {
            let due = self.m.next_deadline().map_or(u64::MAX, |d| d.0);
            let first = self.queue.front().map_or(u64::MAX, |(at, _)| *at);
            let at = due.min(first).min(self.next_beat);
            if at > until {
                self.now = until;
                return false;
            }
            self.now = self.now.max(at);
            if self.next_beat <= due.min(first) {
                self.beat();
                continue;
            }
            let event = match first <= due {
                true => self.queue.pop_front().map(|(_, e)| e),
                false => None,
            };
            self.tell(event.unwrap_or(Event::Tick));
        }
        true
    }

    /// The peer lives until `death` and is dead from then on: milliseconds to the fence, `u64::MAX` if there is none in two minutes.
    pub fn time_to_fence(&mut self, death: u64) -> u64 {
        self.run(death);
        (self.fenced, self.dead) = (false, true);
        match self.run(death + 120_000_000) {
            true => (self.now - death) / 1000,
            false => u64::MAX,
        }
    }
}
