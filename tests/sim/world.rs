//! Two machines, the switch they hang on, and cameras: what is so, whatever anybody believes.
//!
//! The cables are here: which machine hangs on which port. A configuration may say otherwise.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use standin::net::address::{AddressLife, AddressState};
use standin::net::arp::{ArpFrame, ArpOp};
use standin::net::link::LinkState;
use standin::net::watch::NetEvent;
use standin::rt::sim::{Place, dice};
use standin::rt::{self, Lane};
use standin::types::{IfIndex, MacAddr, Vip};

use crate::camera::Camera;
use crate::inbox::{Inbox, put_into_all};
use crate::switch_agent::State;

/// The address that is taken over.
pub const VIP: Vip = Vip {
    addr: Ipv4Addr::new(192, 168, 1, 101),
    prefix: 24,
};
/// The one interface of each machine.
pub const ETH0: IfIndex = IfIndex(2);
/// TCP port of the media server.
pub const PORT: u16 = 1935;

/// An address on a machine.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub vip: Vip,
    pub ours: bool,
    /// Microseconds; afterwards the kernel takes it away.
    pub until: u64,
}

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

/// One machine with its kernel.
pub struct Machine {
    pub mac: MacAddr,
    pub own: Ipv4Addr,
    pub management: Ipv4Addr,
    /// The port it hangs on.
    pub plug: &'static str,
    pub power: bool,
    /// Its network card holds the link while it is off.
    pub linked_when_off: bool,
    pub cable: bool,
    /// Its media server: completes handshakes.
    pub serves: bool,
    /// It hangs whole: nothing in or out, the link stays.
    pub frozen: bool,
    pub boots: u32,
    /// Its disk takes so much longer, microseconds; or takes nothing more.
    pub disk_slow: u64,
    pub disk_full: bool,
    pub addresses: Vec<Held>,
    /// Tables of nftables, by family and name, and until when SYNs to the media server are dropped by them.
    pub tables: BTreeMap<String, u64>,
    pub captures: Vec<Weak<Inbox<Captured>>>,
    pub connections: Vec<Conn>,
    pub frames: Vec<Weak<Inbox<ArpFrame>>>,
    pub datagrams: Vec<(SocketAddrV4, Weak<Inbox<Datagram>>)>,
    pub events: Vec<Weak<Inbox<NetEvent>>>,
    carrier: bool,
}

impl Machine {
    pub fn new(n: u8, plug: &'static str) -> Machine {
        let own = Held {
            vip: Vip {
                addr: Ipv4Addr::new(192, 168, 1, 30 + n),
                prefix: 24,
            },
            ours: false,
            until: u64::MAX,
        };
        Machine {
            mac: MacAddr([2, 0, 0, 0, 0, n]),
            own: own.vip.addr,
            management: Ipv4Addr::new(192, 168, 20, 30 + n),
            plug,
            power: true,
            linked_when_off: false,
            cable: true,
            serves: true,
            frozen: false,
            boots: 1,
            disk_slow: 0,
            disk_full: false,
            addresses: vec![own],
            tables: BTreeMap::new(),
            captures: Vec::new(),
            connections: Vec::new(),
            frames: Vec::new(),
            datagrams: Vec::new(),
            events: Vec::new(),
            carrier: true,
        }
    }

    pub fn has(&self, address: Ipv4Addr) -> bool {
        let now = now();
        let mut held = self.addresses.iter();
        held.any(|h| h.vip.addr == address && h.until > now)
    }

    /// A frame that its kernel shows to whoever captures.
    pub fn capture(&mut self, outgoing: bool, bytes: impl FnOnce() -> Vec<u8>) {
        if !self.captures.is_empty() {
            let frame = Captured {
                at: rt::wall_us(),
                bytes: bytes(),
                outgoing,
            };
            put_into_all(&mut self.captures, &frame);
        }
    }

    /// True if SYNs to its media server are dropped.
    pub fn gate_closed(&self) -> bool {
        let now = now();
        self.tables.values().any(|until| *until > now)
    }

    pub fn link(&self) -> LinkState {
        LinkState {
            ifindex: ETH0,
            name: "eth0".to_owned(),
            mac: self.mac,
            admin_up: true,
            carrier: self.carrier,
        }
    }

    pub fn tell(&mut self, event: NetEvent) {
        put_into_all(&mut self.events, &event);
    }
}

impl Held {
    pub fn shown(&self) -> AddressState {
        let left = Duration::from_micros(self.until.saturating_sub(now()));
        AddressState {
            vip: self.vip,
            ifindex: ETH0,
            ours: self.ours,
            life: match self.until {
                u64::MAX => AddressLife::Forever,
                _ => AddressLife::For(left),
            },
            label: None,
            proto: None,
            secondary: false,
        }
    }
}

/// Everything.
pub struct World {
    pub machines: Vec<Machine>,
    pub cameras: Vec<Camera>,
    pub switch: State,
    /// The switch's agent does not answer.
    pub silent: bool,
    /// Its ports forward whatever their state says.
    pub lies: bool,
    /// Of a thousand frames so many are lost, each by itself.
    pub loss: u64,
    /// Frames that left, SNMP messages that arrived: how much happened.
    pub frames: u64,
    pub messages: u64,
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
    /// True if frames pass between this machine and the cameras' network.
    pub fn passes(&mut self, i: usize) -> bool {
        let m = &self.machines[i];
        let open = self.lies || self.switch.port(m.plug).admin == 1;
        m.power && !m.frozen && m.cable && open
    }

    /// True if cameras reach the address here.
    pub fn heard(&mut self, i: usize, address: Ipv4Addr) -> bool {
        self.passes(i) && self.machines[i].has(address)
    }

    /// Brings links, the switch's tables and what the kernels tell in line with power, cables and ports.
    pub fn settle(&mut self) {
        let mut learned = Vec::new();
        for i in 0..self.machines.len() {
            let passes = self.passes(i);
            let m = &mut self.machines[i];
            let (power, cable, off) = (m.power, m.cable, m.linked_when_off);
            let port = self.switch.port(m.plug);
            let open = port.admin == 1;
            if open && cable && power {
                learned.push((1, m.mac, port.base));
            }
            let oper = if open && cable && (power || off) {
                1
            } else {
                2
            };
            if port.oper != oper {
                self.switch.cable(m.plug, oper);
            }
            let m = &mut self.machines[i];
            if m.carrier != passes {
                m.carrier = passes;
                let link = m.link();
                m.tell(NetEvent::Link(link));
            }
        }
        self.switch.fdb = learned;
    }

    /// Its power fails: what it was doing and what its kernel knew is gone.
    pub fn power_off(&mut self, i: usize) {
        let m = &mut self.machines[i];
        m.power = false;
        m.addresses.truncate(1);
        m.tables.clear();
        m.connections.clear();
        self.settle();
    }

    pub fn lost(&self) -> bool {
        dice(2, 0, 1000) < self.loss
    }
}

/// A frame leaves a machine.
pub fn send(world: &Shared, from: usize, frame: ArpFrame) {
    let mut the_world = world.lock().unwrap();
    the_world.frames += 1;
    the_world.machines[from].capture(true, || frame.to_bytes().to_vec());
    drop(the_world);
    let world = world.clone();
    later(takes(100, 200), move || arrive(&world, from, frame));
}

fn arrive(shared: &Shared, from: usize, frame: ArpFrame) {
    let mut world = shared.lock().unwrap();
    if !world.passes(from) || world.lost() {
        return;
    }
    let mut answers = Vec::new();
    for i in 0..world.machines.len() {
        if i == from || !world.passes(i) {
            continue;
        }
        let m = &mut world.machines[i];
        if ![MacAddr::BROADCAST, m.mac].contains(&frame.eth_dst) {
            continue;
        }
        m.capture(false, || frame.to_bytes().to_vec());
        put_into_all(&mut m.frames, &frame);
        if frame.op == ArpOp::Request && m.has(frame.tpa) && frame.spa != frame.tpa {
            answers.push((Some(i), m.mac));
        }
    }
    for n in 0..world.cameras.len() {
        if !world.lost() && world.cameras[n].hears(&frame) {
            answers.push((None, world.cameras[n].mac()));
        }
    }
    drop(world);
    for (who, mac) in answers {
        let answer = ArpFrame {
            eth_src: mac,
            eth_dst: frame.sha,
            op: ArpOp::Reply,
            sha: mac,
            spa: frame.tpa,
            tha: frame.sha,
            tpa: frame.spa,
        };
        let world = shared.clone();
        later(takes(50, 300), move || {
            let mut world = world.lock().unwrap();
            world.frames += 1;
            if who.is_some_and(|i| !world.passes(i)) || world.lost() {
                return;
            }
            for i in 0..world.machines.len() {
                if world.machines[i].mac == answer.eth_dst && world.passes(i) {
                    world.machines[i].capture(false, || answer.to_bytes().to_vec());
                    put_into_all(&mut world.machines[i].frames, &answer);
                }
            }
        });
    }
}
