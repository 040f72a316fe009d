//! Frames to rungs: what was seen of each camera. Pure; time comes with the frames.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::conn::Conn;
use super::inventory::{Camera, Inventory};
pub use super::rungs::Change;
use super::rungs::{Rung, Source};
use super::state::State;
use super::undecoded::Undecoded;
use super::verdict::{self, Frames, Talker, Verdict};
use super::wire::{self, Arp, Seen, Segment};
use crate::types::{MacAddr, Vip};

/// Out-of-order bytes kept per direction of one connection.
const HELD_PER_SIDE: usize = 256 << 10;
/// Out-of-order bytes kept in all.
const HELD_IN_ALL: usize = 8 << 20;
/// Connections remembered per address, besides two per stream: a camera that is refused dials from a new port each time.
const CONNS_PER_ADDRESS: usize = 8;
/// Unknown talkers listed.
const MOST_UNKNOWN: usize = 256;
/// A stream that was taken is believed after so long (microseconds): SRS says `NetStream.Publish.Start` before it asks
/// its hooks, and closes when they deny.
const BELIEVED_AFTER: u64 = 1_000_000;

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To this machine.
    In,
    /// From this machine.
    Out,
    /// The capture does not say; addresses decide.
    Unknown,
}

/// Follows all cameras of an inventory.
#[derive(Debug)]
pub struct Tracker {
    pub(super) vip: Vip,
    pub(super) port: u16,
    pub(super) our_mac: Option<MacAddr>,
    pub(super) cameras: Vec<State>,
    pub(super) by_address: HashMap<Ipv4Addr, Vec<usize>>,
    pub(super) conns: BTreeMap<(Ipv4Addr, u16), Conn>,
    pub(super) held: usize,
    pub(super) gates: BTreeMap<u64, Option<u64>>,
    pub(super) cut_addresses: BTreeSet<Ipv4Addr>,
    pub(super) unknown: BTreeMap<(Ipv4Addr, Option<String>), Talker>,
    pub(super) unknown_unlisted: u64,
    pub(super) frames: Frames,
    pub(super) undecoded: Undecoded,
    /// The latest time that is known, microseconds.
    pub(super) now: u64,
}

impl Tracker {
    /// Starts with nothing seen. Without `our_mac`, frames to and from any MAC count as ours.
    pub fn new(inventory: &Inventory, vip: Vip, port: u16, our_mac: Option<MacAddr>) -> Self {
        let mut by_address: HashMap<_, Vec<_>> = HashMap::new();
        for (i, c) in inventory.cameras().iter().enumerate() {
            by_address.entry(c.address).or_default().push(i);
        }
        let state = |camera: &Camera| State {
            camera: camera.clone(),
            rungs: [None; 5],
            syn_answered: false,
            reset_syns: 0,
            other_mac: None,
            by: None,
            by_dialled: 0,
            served_at: None,
        };
        Tracker {
            vip,
            port,
            our_mac,
            cameras: inventory.cameras().iter().map(state).collect(),
            by_address,
            conns: BTreeMap::new(),
            held: 0,
            gates: BTreeMap::new(),
            cut_addresses: BTreeSet::new(),
            unknown: BTreeMap::new(),
            unknown_unlisted: 0,
            frames: Frames::default(),
            undecoded: Undecoded::default(),
            now: 0,
        }
    }

    /// Takes one Ethernet frame, seen at `at` (microseconds). `original_len` is its length on the wire. Returns the
    /// rungs that it brought.
    pub fn observe(
        &mut self,
        at: u64,
        frame: &[u8],
        original_len: usize,
        direction: Direction,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        self.now = self.now.max(at);
        self.frames.seen += 1;
        if original_len > frame.len() {
            self.frames.cut += 1;
        }
        match wire::parse(frame, original_len) {
            Seen::Arp(arp) => self.arp(at, &arp, direction, &mut changes),
            Seen::Tcp(segment) => {
                let service = SocketAddrV4::new(self.vip.addr, self.port);
                if segment.dst == service && direction != Direction::Out {
                    self.inbound(at, &segment, &mut changes);
                } else if segment.src == service {
                    self.outbound(at, &segment, direction, &mut changes);
                }
            }
            Seen::Short { src, dst } => {
                if dst == self.vip.addr || src == self.vip.addr {
                    let camera = if dst == self.vip.addr { src } else { dst };
                    if self.by_address.contains_key(&camera) {
                        self.cut_addresses.insert(camera);
                    }
                }
            }
            Seen::Opaque(opaque) => self.undecoded.note(opaque, self.vip.addr),
            Seen::Other => {}
        }
        changes
    }

    /// Says that it is `at` (microseconds) now, and what comes of it: a stream whose publish the server never answers
    /// is served when it stood for long enough.
    pub fn tick(&mut self, at: u64) -> Vec<Change> {
        self.now = self.now.max(at);
        let mut changes = Vec::new();
        let waiting: Vec<_> = self
            .conns
            .iter()
            .filter(|(_, c)| !c.finished && c.session.media_at.is_some())
            .map(|(key, _)| *key)
            .collect();
        for key in waiting {
            self.settle(self.now, key, &mut changes);
        }
        changes
    }

    /// The capture is over at its last frame: what waited for a hole to be filled is read as it is.
    pub fn end(&mut self) -> Vec<Change> {
        let keys: Vec<_> = self.conns.keys().copied().collect();
        let mut changes = Vec::new();
        for key in keys {
            let now = self.now;
            self.with_conn(key, |conn, _| conn.end(now));
            self.settle(now, key, &mut changes);
        }
        changes
    }

    /// Says that `packets` of the capture could not be made frames of, and what they were.
    pub fn skipped(&mut self, what: &str, packets: u64) {
        self.undecoded.skipped(what, packets);
    }

    /// Says that our gate dropped SYNs from `from` to `to` (microseconds; `None` while it is closed). Called again
    /// with the same `from`, it corrects `to`.
    pub fn gate_closed(&mut self, from: u64, to: Option<u64>) {
        self.gates.insert(from, to);
    }

    /// Takes over evidence from elsewhere. Rungs between "any TCP" and `rung` that are not seen yet are implied by it
    /// (media cannot come without a handshake); an ARP receipt is not.
    pub fn adopt(&mut self, camera_index: usize, rung: Rung, at: u64, source: Source) {
        let Some(state) = self.cameras.get_mut(camera_index) else {
            return;
        };
        for implied in Rung::ALL {
            let slot = &mut state.rungs[implied as usize];
            if implied == rung || (Rung::AnyTcp..rung).contains(&implied) {
                slot.get_or_insert((at, source));
            }
        }
    }

    /// True if every camera is back and its stream has stood for a second.
    pub fn verified(&self) -> bool {
        self.cameras.iter().all(|c| {
            let stood = |at: u64| self.now.saturating_sub(at) >= BELIEVED_AFTER;
            c.back() && c.served_at.is_none_or(stood)
        })
    }

    /// Cameras that are back.
    pub fn back(&self) -> usize {
        self.cameras.iter().filter(|c| c.back()).count()
    }

    /// The verdict as of now.
    pub fn verdict(&self) -> Verdict {
        verdict::verdict(self.back(), self.cameras.len())
    }

    /// Addresses all of whose cameras are back, and that dial no further connection: their media need not be captured
    /// any more. What ends a connection must be, and what our server says: a stream may be refused yet.
    pub fn finished_addresses(&self) -> Vec<Ipv4Addr> {
        let dials = |address: Ipv4Addr| {
            self.conns_of(address)
                .any(|(_, c)| !c.finished && c.syn.is_some() && c.under_way())
        };
        let mut done: Vec<_> = self
            .by_address
            .iter()
            .filter(|(_, cameras)| cameras.iter().all(|c| self.cameras[*c].back()))
            .filter(|(address, _)| !dials(**address))
            .map(|(address, _)| *address)
            .collect();
        done.sort_unstable();
        done
    }

    /// Memory that out-of-order segments take, bytes; at most 8 MiB.
    pub fn held_bytes(&self) -> usize {
        self.held
    }

    fn to_us(&self, mac: MacAddr) -> bool {
        // Zero: a capture without link-layer addresses.
        mac == MacAddr::ZERO || self.our_mac.is_none_or(|ours| ours == mac)
    }

    fn arp(&mut self, at: u64, arp: &Arp, direction: Direction, changes: &mut Vec<Change>) {
        if direction == Direction::Out || arp.target != self.vip.addr || arp.sender == arp.target {
            return;
        }
        // A reply names our MAC; a request is a receipt only if it was sent to our MAC and not to all.
        let knows_us = match (arp.reply, self.our_mac) {
            (true, Some(ours)) => arp.target_mac == ours || arp.eth_dst == ours,
            (true, None) => true,
            (false, _) if arp.eth_dst == MacAddr::ZERO => true,
            (false, Some(ours)) => arp.eth_dst == ours,
            (false, None) => arp.eth_dst.is_unicast(),
        };
        if !knows_us {
            return;
        }
        for &i in self.by_address.get(&arp.sender).map_or(&[][..], |v| v) {
            let state = &mut self.cameras[i];
            if state.camera.mac.is_some_and(|mac| mac != arp.sender_mac) {
                // Something else answers for this address (another device, proxy ARP): no receipt of this camera.
                state.other_mac = Some(arp.sender_mac);
            } else {
                state.mark(i, Rung::ArpReceipt, at, changes);
            }
        }
    }

    fn inbound(&mut self, at: u64, segment: &Segment<'_>, changes: &mut Vec<Change>) {
        if !self.to_us(segment.eth_dst) {
            return;
        }
        let address = *segment.src.ip();
        let Some(cameras) = self.by_address.get(&address) else {
            let carries = !segment.payload.is_empty() || segment.missing > 0;
            if segment.syn || carries {
                self.note_unknown(at, address, None, segment.syn);
            }
            return;
        };
        for &i in cameras {
            self.cameras[i].mark(i, Rung::AnyTcp, at, changes);
        }
        let key = (address, segment.src.port());
        let all_back = cameras.iter().all(|c| self.cameras[*c].back());
        if all_back && !segment.syn && !self.conns.contains_key(&key) {
            return;
        }
        let sole = (cameras.len() == 1).then(|| cameras[0]);
        let most = CONNS_PER_ADDRESS + 2 * cameras.len();
        if segment.syn {
            match self.conns.get_mut(&key).map(|c| (c.answered, &mut c.syn)) {
                Some((answered, Some(syn))) if syn.isn == segment.seq => {
                    // Sent again: the one that is answered is the one that counts.
                    if answered.is_none() {
                        syn.at = at;
                    }
                }
                _ => {
                    self.remove(key);
                    self.make_room(address, most);
                    let limit = self.limit();
                    let mut conn = Conn::dialled(at, segment, limit);
                    conn.owner = sole;
                    self.held += conn.held_bytes();
                    self.conns.insert(key, conn);
                }
            }
        } else {
            if !self.conns.contains_key(&key) {
                self.make_room(address, most);
            }
            self.with_conn(key, |conn, limit| conn.from_camera(at, segment, limit));
        }
        self.settle(at, key, changes);
    }

    fn outbound(
        &mut self,
        at: u64,
        segment: &Segment<'_>,
        direction: Direction,
        changes: &mut Vec<Change>,
    ) {
        if direction == Direction::In || !self.to_us(segment.eth_src) {
            self.frames.foreign_vip += 1;
            return;
        }
        let key = (*segment.dst.ip(), segment.dst.port());
        let Some(conn) = self.conns.get(&key) else {
            return;
        };
        if segment.rst && conn.answered.is_none() && conn.syn.is_some() {
            for &i in self.by_address.get(&key.0).map_or(&[][..], |v| v) {
                if conn.owner.is_none_or(|o| o == i) {
                    self.cameras[i].reset_syns += 1;
                }
            }
        }
        self.with_conn(key, |conn, limit| conn.from_us(at, segment, limit));
        self.settle(at, key, changes);
    }

    /// Calls `act` with the connection and how much it may keep, and accounts for what it keeps.
    fn with_conn(&mut self, key: (Ipv4Addr, u16), act: impl FnOnce(&mut Conn, usize)) {
        let limit = self.limit();
        let conn = self.conns.entry(key).or_default();
        let before = conn.held_bytes();
        act(conn, limit);
        self.held = self.held - before + conn.held_bytes();
    }

    fn limit(&self) -> usize {
        HELD_PER_SIDE.min((HELD_IN_ALL - self.held.min(HELD_IN_ALL)) / 2)
    }

    pub(super) fn conns_of(
        &self,
        address: Ipv4Addr,
    ) -> impl Iterator<Item = (&(Ipv4Addr, u16), &Conn)> {
        self.conns.range((address, 0)..=(address, u16::MAX))
    }

    pub(super) fn note_unknown(
        &mut self,
        at: u64,
        address: Ipv4Addr,
        stream: Option<String>,
        syn: bool,
    ) {
        let full = self.unknown.len() >= MOST_UNKNOWN;
        let key = (address, stream);
        if full && !self.unknown.contains_key(&key) {
            self.unknown_unlisted += 1;
            return;
        }
        let stream = key.1.clone();
        let talker = self.unknown.entry(key).or_insert(Talker {
            address,
            stream,
            syns: 0,
            segments: 0,
            first_us: at,
            last_us: at,
        });
        talker.last_us = at;
        if syn {
            talker.syns += 1;
        } else {
            talker.segments += 1;
        }
    }
}
