//! Two machines, the switch they hang on, and cameras: what is so, whatever anybody believes.
//!
//! The cables are here: which machine hangs on which port. A configuration may say otherwise.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use standin::net::watch::NetEvent;
use standin::rt::sim::{Place, dice};
use standin::rt::{self, Lane};
use standin::types::Vip;

use crate::camera::Camera;
use crate::machine::Machine;
use crate::switch_agent::State;

/// The address that is taken over.
pub const VIP: Vip = Vip {
    addr: Ipv4Addr::new(192, 168, 1, 101),
    prefix: 24,
};
/// TCP port of the media server.
pub const PORT: u16 = 1935;
/// The ports on which a machine can hang.
pub const PORTS: [&str; 3] = ["ge1", "ge2", "ge3"];
/// The cameras, and the switch's agent, as an end of a way; the machines are 0 and 1.
pub const CAMERAS: usize = 2;
pub const AGENT: usize = 3;

pub type Datagram = (Vec<u8>, SocketAddrV4);

/// A frame that a machine sent or got, and when: microseconds since 1970.
#[derive(Clone)]
pub struct Captured {
    pub at: u64,
    pub bytes: Vec<u8>,
    pub outgoing: bool,
}

/// A camera's connection to a media server: whose (by its place), from which port, and how many bytes it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conn {
    pub camera: usize,
    pub port: u16,
    pub received: u64,
}

/// A machine or a network that breaks its word, so that a rule is broken: what the rules are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lie {
    /// nft says that a table is deleted, and it stays.
    GateStays,
    /// The kernel says that there is a link, whatever is so.
    LinkStays,
    /// The disk says that something is durable, and it is not.
    NotDurable,
    /// Nobody but the machines gets announcements.
    Unheard,
    /// Cameras say that they push, and do not.
    Unserved,
    /// The standby hears nothing of a well owner.
    DeafStandby,
    /// The address goes with its daemon.
    GoesAlong,
    /// The agent writes another port too.
    OtherPort,
    /// Orders are lost.
    NoAnswers,
}

/// Everything.
pub struct World {
    pub lie: Option<Lie>,
    pub machines: Vec<Machine>,
    pub cameras: Vec<Camera>,
    pub switch: State,
    /// The switch's agent does not answer; or so many microseconds later.
    pub silent: bool,
    pub slow: u64,
    /// Its ports forward whatever their state says.
    pub lies: bool,
    /// Of a thousand frames so many are lost, or come twice, each by itself.
    pub loss: u64,
    pub twice: u64,
    /// Frames come up to so many microseconds later.
    pub delay: u64,
    /// The two machines do not hear each other, on no network.
    pub apart: bool,
    /// The switch has no power.
    pub dark: bool,
    /// Nothing passes from the one to the other.
    pub cuts: BTreeSet<(usize, usize)>,
    /// Frames that left, SNMP messages that arrived: how much happened.
    pub frames: u64,
    pub messages: u64,
    /// By whom each SET was, and its ifIndex; and those that shut a port.
    pub written: Vec<(usize, u32)>,
    pub shut: Vec<(usize, u32)>,
}

pub type Shared = Arc<Mutex<World>>;

/// Microseconds since the simulation began.
pub fn now() -> u64 {
    rt::boot().0
}

/// Does it so many microseconds from now, whatever becomes of the machine that caused it.
pub fn later(us: u64, what: impl FnOnce() + Send + 'static) {
    let outside = Lane::simulated(Place::default());
    drop(outside.spawn(async move {
        rt::sleep(Duration::from_micros(us)).await;
        what();
    }));
}

/// Some microseconds of the network, from `least` on.
pub fn takes(least: u64, and_up_to: u64) -> u64 {
    least + dice(1, 0, and_up_to)
}

impl World {
    /// The switch answers in time, from everywhere, and does what it is told.
    pub fn switch_obeys(&self) -> bool {
        let answers = !self.silent && !self.dark && self.slow == 0 && self.cuts.is_empty();
        answers && self.switch.faults.ignores.is_empty()
    }

    pub fn new(machines: Vec<Machine>, cameras: Vec<Camera>, switch: State) -> World {
        World {
            lie: None,
            machines,
            cameras,
            switch,
            silent: false,
            slow: 0,
            lies: false,
            loss: 0,
            twice: 0,
            delay: 0,
            apart: false,
            dark: false,
            cuts: BTreeSet::new(),
            frames: 0,
            messages: 0,
            written: Vec::new(),
            shut: Vec::new(),
        }
    }

    /// True if frames pass between this machine and the cameras' network.
    pub fn passes(&mut self, i: usize) -> bool {
        let m = &self.machines[i];
        let open = (self.lies || self.switch.port(m.plug).admin == 1) && !self.dark;
        m.power && !m.frozen && m.cable && open
    }

    /// True if what this one sends into the cameras' network reaches that one.
    pub fn way(&mut self, from: usize, to: usize) -> bool {
        let ends = [from, to];
        let apart = self.apart && from < CAMERAS && to < CAMERAS;
        !apart
            && !self.cuts.contains(&(from, to))
            && ends.iter().all(|e| *e >= CAMERAS || self.passes(*e))
    }

    /// True if both hear each other.
    pub fn both_ways(&mut self, one: usize, other: usize) -> bool {
        self.way(one, other) && self.way(other, one)
    }

    /// True if cameras reach the address here.
    pub fn heard(&mut self, i: usize, address: Ipv4Addr) -> bool {
        self.machines[i].has(address) && self.both_ways(i, CAMERAS)
    }

    /// True if the management addresses of the two machines reach each other.
    pub fn managed(&self, from: usize, to: usize) -> bool {
        let (a, b) = (&self.machines[from], &self.machines[to]);
        a.power && b.power && !a.frozen && !b.frozen && !self.apart
    }

    /// Brings links, the switch's tables and what the kernels tell in line with power, cables and ports.
    pub fn settle(&mut self) {
        let mut learned = Vec::new();
        let mut up = BTreeSet::new();
        for i in 0..self.machines.len() {
            let m = &self.machines[i];
            let (power, cable, off) = (m.power, m.cable, m.linked_when_off);
            let (mac, plug) = (m.mac, m.plug);
            let port = self.switch.port(plug);
            let open = port.admin == 1 && !self.dark;
            if open && cable && power {
                learned.push((1, mac, port.base));
            }
            if open && cable && (power || off) {
                up.insert(plug);
            }
            let carrier = (open || self.lies) && cable && power && !self.dark;
            let m = &mut self.machines[i];
            if m.carrier != carrier {
                m.carrier = carrier;
                let link = m.link();
                m.tell(NetEvent::Link(link));
            }
        }
        for name in PORTS {
            let oper = if up.contains(name) { 1 } else { 2 };
            if self.switch.port(name).oper != oper {
                self.switch.cable(name, oper);
            }
        }
        self.switch.fdb = learned;
    }

    /// The switch starts again with what it has saved, which is nothing of ours.
    pub fn reboot_switch(&mut self) {
        self.switch.reboot();
        for p in &mut self.switch.ports {
            (p.admin, p.changed) = (1, 0);
            p.alias.clear();
        }
        self.settle();
    }

    pub fn lost(&self) -> bool {
        dice(2, 0, 1000) < self.loss
    }

    /// How long a frame is on its way, microseconds; and once more, if it comes twice.
    pub fn on_the_way(&self) -> (u64, Option<u64>) {
        let first = takes(100, 200) + dice(3, 0, self.delay + 1);
        let again = (dice(4, 0, 1000) < self.twice).then(|| first + takes(50, 5_000));
        (first, again)
    }
}
