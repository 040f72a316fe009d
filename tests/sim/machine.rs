//! A machine of the world, with its kernel.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Weak;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use standin::net::address::{AddressLife, AddressState};
use standin::net::arp::ArpFrame;
use standin::net::link::LinkState;
use standin::net::watch::NetEvent;
use standin::rt;
use standin::types::{IfIndex, MacAddr, Vip};

use crate::disk::Disk0;
use crate::inbox::{Inbox, put_into_all};
use crate::world::{Captured, Conn, Datagram, VIP, later, now};

/// An address on a machine.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub vip: Vip,
    pub ours: bool,
    /// Microseconds; afterwards the kernel takes it away.
    pub until: u64,
}

/// How its kernel tells what changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tells {
    #[default]
    AtOnce,
    /// So many microseconds later.
    Late(u64),
    /// Not at all: the queue was full.
    Never,
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
    /// Its kernel answers pings to its addresses on the cameras' network.
    pub pings: bool,
    /// It sets the address by itself when it boots.
    pub has_it_set: bool,
    /// So many ARP frames fit into its queue in a hundredth of a second; when the last one began, and how many it has.
    pub queue_room: Option<u64>,
    pub queue: (u64, u64),
    /// Its kernel takes no address.
    pub no_address: bool,
    /// Its `nft` takes so much longer, microseconds; or there is none.
    pub nft_slow: u64,
    pub no_nft: bool,
    pub boots: u32,
    pub disk: Disk0,
    /// The interface of the cameras' network: its number, its name, whether its own address is on it.
    pub index: u32,
    pub name: &'static str,
    pub addresses: Vec<Held>,
    pub tells: Tells,
    /// Tables of nftables, by family and name, and until when SYNs to the media server are dropped by them.
    pub tables: BTreeMap<String, u64>,
    pub captures: Vec<Weak<Inbox<Captured>>>,
    pub connections: Vec<Conn>,
    pub frames: Vec<Weak<Inbox<ArpFrame>>>,
    pub datagrams: Vec<(SocketAddrV4, Weak<Inbox<Datagram>>)>,
    pub events: Vec<Weak<Inbox<NetEvent>>>,
    pub carrier: bool,
    /// ARP frames that it sent.
    pub sent: u64,
}

impl Held {
    /// The address that is taken over, as its owner's own configuration sets it.
    pub fn by_itself() -> Held {
        Held {
            vip: VIP,
            ours: false,
            until: u64::MAX,
        }
    }
}

fn own_of(own: Ipv4Addr) -> Held {
    Held {
        vip: Vip {
            addr: own,
            prefix: 24,
        },
        ours: false,
        until: u64::MAX,
    }
}

impl Machine {
    pub fn new(n: u8, plug: &'static str) -> Machine {
        let own = Ipv4Addr::new(192, 168, 1, 30 + n);
        Machine {
            mac: MacAddr([2, 0, 0, 0, 0, n]),
            own,
            management: Ipv4Addr::new(192, 168, 20, 30 + n),
            plug,
            power: true,
            linked_when_off: false,
            cable: true,
            serves: true,
            frozen: false,
            pings: true,
            has_it_set: false,
            queue_room: None,
            queue: (0, 0),
            no_address: false,
            nft_slow: 0,
            no_nft: false,
            boots: 1,
            disk: Disk0::default(),
            index: 2,
            name: "eth0",
            addresses: vec![own_of(own)],
            tells: Tells::AtOnce,
            tables: BTreeMap::new(),
            captures: Vec::new(),
            connections: Vec::new(),
            frames: Vec::new(),
            datagrams: Vec::new(),
            events: Vec::new(),
            carrier: true,
            sent: 0,
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

    /// True if there is room for one more ARP frame, which takes it.
    pub fn queues(&mut self) -> bool {
        let slice = now() / 10_000;
        if self.queue.0 != slice {
            self.queue = (slice, 0);
        }
        self.queue.1 += 1;
        self.queue_room.is_none_or(|room| self.queue.1 <= room)
    }

    /// True if SYNs to its media server are dropped.
    pub fn gate_closed(&self) -> bool {
        let now = now();
        self.tables.values().any(|until| *until > now)
    }

    pub fn link(&self) -> LinkState {
        LinkState {
            ifindex: IfIndex(self.index),
            name: self.name.to_owned(),
            mac: self.mac,
            admin_up: true,
            carrier: self.carrier,
        }
    }

    pub fn tell(&mut self, event: NetEvent) {
        match self.tells {
            Tells::AtOnce => put_into_all(&mut self.events, &event),
            Tells::Late(us) => {
                let mut events = self.events.clone();
                later(us, move || put_into_all(&mut events, &event));
            }
            Tells::Never => {}
        }
    }

    /// An address as the kernel shows it.
    pub fn shown(&self, held: &Held) -> AddressState {
        let left = Duration::from_micros(held.until.saturating_sub(now()));
        AddressState {
            vip: held.vip,
            ifindex: IfIndex(self.index),
            ours: held.ours,
            life: match held.until {
                u64::MAX => AddressLife::Forever,
                _ => AddressLife::For(left),
            },
            label: None,
            proto: None,
            secondary: false,
        }
    }

    pub fn put(&mut self, held: Held) {
        self.addresses.retain(|h| h.vip != held.vip);
        self.addresses.push(held);
        let shown = self.shown(&held);
        self.tell(NetEvent::AddressSet(shown));
    }

    pub fn remove(&mut self, vip: Vip) -> bool {
        let Some(i) = self.addresses.iter().position(|h| h.vip == vip) else {
            return false;
        };
        let gone = self.addresses.remove(i);
        let shown = self.shown(&gone);
        self.tell(NetEvent::AddressGone(shown));
        true
    }

    /// Its own address is on the interface, or is not.
    pub fn set_own(&mut self, there: bool) {
        let own = own_of(self.own);
        match there {
            true => self.put(own),
            false => drop(self.remove(own.vip)),
        }
    }

    /// Its interface is taken away and made anew: another number, no addresses; whatever was opened on it is deaf.
    pub fn remake(&mut self) {
        self.tell(NetEvent::LinkGone(IfIndex(self.index)));
        self.index += 1;
        self.addresses.clear();
        self.connections.clear();
        self.frames.clear();
        let own = self.own;
        self.datagrams.retain(|(at, _)| *at.ip() != own);
        let link = self.link();
        self.tell(NetEvent::Link(link));
    }

    /// Its power fails: what its kernel knew is gone.
    pub fn power_off(&mut self) {
        self.power = false;
        self.addresses = vec![own_of(self.own)];
        if self.has_it_set {
            self.addresses.push(Held::by_itself());
        }
        (self.index, self.name, self.tells) = (2, "eth0", Tells::AtOnce);
        self.tables.clear();
        self.connections.clear();
        self.disk.lose_power();
    }
}
