//! How often a living peer is taken for dead, on the real core in virtual time: `cargo run --release --example falls_rate
//! [HOURS]` prints false takeovers for each cell, and the time from a real death to the fence.

use std::collections::VecDeque;
use std::time::Duration;

use standin::net::budget::Budget;
use standin::takeover::Machine;
use standin::takeover::action::Action;
use standin::takeover::event::{Asked, Beat, Event, Recovered, Sent, Witness};
use standin::takeover::policy::{Detect, Policy, React, Unproven};
use standin::takeover::step::Step;
use standin::types::{BootTime, Epoch, MacAddr};

const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const CAMERAS: u8 = 99;

#[derive(Clone, Copy)]
struct Cell {
    name: &'static str,
    fastest: bool,
    /// The peer's heartbeats come too, each lost by itself on its way.
    pair: bool,
    out: f64,
    back: f64,
    leg: f64,
    pings: bool,
    per_second: u32,
    /// Gaps of the peer's leg alone, and of our own leg, once a minute: milliseconds.
    gaps: (u64, u64),
}

const CLEAN: Cell = Cell {
    name: "",
    fastest: false,
    pair: false,
    out: 0.0,
    back: 0.0,
    leg: 0.0,
    pings: true,
    per_second: 200,
    gaps: (0, 0),
};

struct World {
    cell: Cell,
    m: Machine,
    budget: Budget,
    now: u64,
    dice: u64,
    queue: VecDeque<(u64, Event)>,
    next_camera: u8,
    open: Vec<u8>,
    dead: bool,
    fenced: bool,
    next_beat: u64,
}

fn detect(c: &Cell) -> Detect {
    let ms = Duration::from_millis;
    let (probe, suspect, probes, interval) = match c.fastest {
        true => (20, 50, 1, 10),
        false => (100, 250, 4, 25),
    };
    Detect {
        probe_interval: ms(probe).max(Duration::from_secs(2) / c.per_second),
        suspect_after: ms(suspect),
        beat_timeout: 3 * Duration::from_micros(beat_interval(c)),
        confirm_probes: probes,
        confirm_interval: ms(interval),
        service_interval: Duration::from_secs(86_400 * 365),
        service_failures: 3,
        switch_poll: Duration::from_secs(86_400 * 365),
        stall: ms(100),
        startup_grace: ms(300_000),
        min_cameras: 3,
        false_death: 1e-6,
        confirm_limit: ms(5000),
        vacant_after: ms(1000),
    }
}

impl World {
    fn new(cell: Cell, seed: u64, now: u64) -> World {
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
    fn run(&mut self, until: u64) -> bool {
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
}

/// Microseconds between two heartbeats: shipped, or the most that `check` lets a pair of the fastest settings have.
fn beat_interval(cell: &Cell) -> u64 {
    if cell.fastest { 25_000 } else { 50_000 }
}

fn policy(cell: &Cell) -> Policy {
    let s = Duration::from_secs;
    Policy {
        vip: "192.168.1.101/24".parse().expect("it is an address"),
        node: "b".to_owned(),
        own_mac: MacAddr([2, 0, 0, 0, 0, 2]),
        peer_mac: PEER.into(),
        pair: cell.pair,
        auto: true,
        preferred: false,
        detect: detect(cell),
        service_dead: React::Alert,
        alive_elsewhere: React::Takeover,
        management: false,
        unproven: Unproven::Hold,
        fence: true,
        levels: Vec::new(),
        order_timeout: s(30),
        fence_timeout: s(10),
        refence_within: s(5),
        lifetime: s(10),
        rewire: false,
        rewire_timeout: s(10),
        forward_within: s(0),
        warm: true,
        service_timeout: s(30),
        verify_within: s(30),
        release_timeout: s(20),
    }
}

fn main() {
    let hours: u64 = std::env::args()
        .nth(1)
        .and_then(|h| h.parse().ok())
        .unwrap_or(1000);
    let cells = [
        Cell {
            name: "no loss",
            ..CLEAN
        },
        Cell {
            name: "20 % each way",
            out: 0.2,
            back: 0.2,
            ..CLEAN
        },
        Cell {
            name: "40 % each way",
            out: 0.4,
            back: 0.4,
            ..CLEAN
        },
        Cell {
            name: "40 % each way, no pings",
            out: 0.4,
            back: 0.4,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "20 % one way, no pings",
            back: 0.2,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "30 % each way at the peer's leg, no pings",
            leg: 0.3,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "gaps of the peer alone, 225 ms",
            gaps: (225, 0),
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "gaps of our own leg, 800 ms",
            gaps: (0, 800),
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "budget 10, no pings",
            per_second: 10,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "budget 10, 20 % each way, no pings",
            per_second: 10,
            out: 0.2,
            back: 0.2,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "fastest, no loss",
            fastest: true,
            ..CLEAN
        },
        Cell {
            name: "fastest, 20 % each way, no pings",
            fastest: true,
            out: 0.2,
            back: 0.2,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "fastest, 40 % each way, no pings",
            fastest: true,
            out: 0.4,
            back: 0.4,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "pair, no loss",
            pair: true,
            ..CLEAN
        },
        Cell {
            name: "pair, 40 % each way",
            pair: true,
            out: 0.4,
            back: 0.4,
            ..CLEAN
        },
        Cell {
            name: "pair, 40 % each way, no pings",
            pair: true,
            out: 0.4,
            back: 0.4,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "pair, 30 % each way at the peer's leg, no pings",
            pair: true,
            leg: 0.3,
            pings: false,
            ..CLEAN
        },
        Cell {
            name: "pair, fastest, 40 % each way, no pings",
            pair: true,
            fastest: true,
            out: 0.4,
            back: 0.4,
            pings: false,
            ..CLEAN
        },
    ];
    println!("| cell | hours | false takeovers | death to fence, median ms | worst of 100 ms |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let only = std::env::args().nth(2);
    for cell in cells {
        if only
            .as_ref()
            .is_some_and(|o| !cell.name.contains(o.as_str()))
        {
            continue;
        }
        let end = hours * 3_600_000_000;
        let (mut at, mut falls, mut seed) = (1_000_000, 0, 0x9e37_79b9_7f4a_7c15u64);
        while at < end {
            let mut w = World::new(cell, seed, at);
            falls += u32::from(w.run(end));
            at = w.now;
            seed = w.dice;
        }
        let mut times: Vec<u64> = (0..100u64)
            .map(|i| {
                let mut w = World::new(cell, seed.wrapping_mul(2 * i + 3), 1_000_000);
                // Not in a gap, and at any phase of the timers.
                let death = 80_000_000 + 1_370 * i;
                w.run(death);
                (w.fenced, w.dead) = (false, true);
                if w.run(death + 120_000_000) {
                    (w.now - death) / 1000
                } else {
                    u64::MAX
                }
            })
            .collect();
        times.sort_unstable();
        println!(
            "| {} | {hours} | {falls} | {} | {} |",
            cell.name, times[50], times[99]
        );
    }
}
