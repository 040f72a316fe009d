//! Heartbeats of all pair peers: one to each machine for all of its addresses, over one socket on each VIP interface and
//! one for every other path.

mod hearing;
mod saying;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};

pub use self::saying::Saying;
use super::hub::{Input, Tx};
use super::interfaces::Reader;
use crate::detect::beat_socket::HeartbeatError;
use crate::detect::heartbeat::ReplayWindow;
use crate::host::{BeatEnd, Wire};
use crate::rt;
use crate::types::{BootTime, Vip};

/// A peer that sends and hears heartbeats.
pub struct BeatPeer {
    /// Its index in the loop.
    pub index: usize,
    /// Its name in the configuration.
    pub name: String,
    /// The VIP it is about.
    pub vip: Vip,
    /// Its own addresses, data path first.
    pub addresses: Vec<Ipv4Addr>,
    /// Our socket on the VIP's interface, by its place in [`Beats::sockets`].
    pub data_socket: usize,
    /// Our socket for every other path.
    pub other_socket: usize,
}

/// A machine that is the peer of one address or of several.
struct Other {
    /// Places in [`Beats::peers`].
    peers: Vec<usize>,
    /// Where it is reached: socket and address.
    ways: Vec<(usize, Ipv4Addr)>,
    /// The version it speaks, and in which of its starts; unknown until it is heard.
    speaks: Option<(u8, u64)>,
    /// Its boot counter, as last heard.
    boot: Option<u64>,
    /// When a heartbeat of it was last accepted.
    heard: Option<BootTime>,
    /// A person was told that its heartbeats are refused.
    told: bool,
}

/// The newest heartbeat of one sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Index of the peer.
    pub peer: usize,
    /// On the VIP's own interface.
    pub data_path: bool,
    /// The sender.
    pub node: String,
    /// Its boot counter.
    pub boot: u64,
    /// The beat's number.
    pub sequence: u64,
}

/// All heartbeats of this node.
pub struct Beats {
    node: String,
    port: u16,
    interval: Duration,
    key: SecretSlice<u8>,
    boot: u64,
    sequence: u64,
    due: BootTime,
    sockets: Vec<Arc<dyn BeatEnd>>,
    readers: Vec<Option<Reader>>,
    peers: Vec<BeatPeer>,
    others: Vec<Other>,
    /// One for each path: the same frame arrives on each.
    windows: BTreeMap<(usize, Ipv4Addr), ReplayWindow>,
    /// What an earlier run of ours heard last, until something is heard that cannot be a record of it.
    earlier: BTreeMap<String, (u64, u64)>,
    refused: u64,
}

impl Beats {
    /// `boot` is the durable boot counter; sockets are already bound.
    pub fn new(
        node: &str,
        (port, interval): (u16, Duration),
        key: SecretSlice<u8>,
        boot: u64,
        sockets: Vec<Arc<dyn BeatEnd>>,
        peers: Vec<BeatPeer>,
        now: BootTime,
    ) -> Beats {
        Beats {
            node: node.to_owned(),
            port,
            interval,
            key,
            boot,
            // Higher than those of every run before, even where the boot counter could not be kept.
            sequence: rt::wall_us(),
            due: now,
            readers: Vec::new(),
            sockets,
            others: machines(&peers),
            peers,
            windows: BTreeMap::new(),
            earlier: BTreeMap::new(),
            refused: 0,
        }
    }

    /// True if this is the key that is used.
    pub fn has_key(&self, key: &SecretSlice<u8>) -> bool {
        self.key.expose_secret() == key.expose_secret()
    }

    /// Reads all sockets into the loop.
    pub fn listen(&mut self, tx: &Tx) {
        let readers = (0..self.sockets.len()).map(|i| Some(self.read(i, tx)));
        self.readers = readers.collect();
    }

    /// Reads what lies in the sockets, at most so much of each, without waiting.
    pub fn drain(&self, at_most: usize, arrived: &mut Vec<Input>) {
        for (i, socket) in self.sockets.iter().enumerate() {
            let beats = std::iter::from_fn(|| socket.try_recv());
            arrived.extend(beats.take(at_most).map(|(bytes, from)| Input::Beat {
                socket: i,
                from,
                bytes,
            }));
        }
    }

    fn read(&self, i: usize, tx: &Tx) -> Reader {
        let (socket, tx) = (self.sockets[i].clone(), tx.clone());
        let task = rt::spawn(async move {
            loop {
                match socket.recv().await {
                    Ok((bytes, from)) => {
                        let heard = Input::Beat {
                            socket: i,
                            from,
                            bytes,
                        };
                        if tx.send(heard).is_err() {
                            return;
                        }
                    }
                    Err(e) => {
                        tracing::debug!(error = %e, "heartbeat receive");
                        rt::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
        Reader(task)
    }

    /// Our socket on the VIP's interface, for the peer of index `index`.
    pub fn data_socket(&self, index: usize) -> Option<usize> {
        let peer = self.peers.iter().find(|p| p.index == index);
        peer.map(|p| p.data_socket)
    }

    /// Opens a data socket anew: its interface was made anew, or has another address.
    ///
    /// # Errors
    /// [`HeartbeatError`]; the old socket stays.
    pub fn rebind(
        &mut self,
        socket: usize,
        (own, interface): (Ipv4Addr, &str),
        wire: &dyn Wire,
        tx: &Tx,
    ) -> Result<(), HeartbeatError> {
        let new = wire.beats(SocketAddrV4::new(own, self.port), Some(interface))?;
        self.sockets[socket] = new;
        self.readers[socket] = Some(self.read(socket, tx));
        Ok(())
    }

    /// When the next beats are due.
    pub fn due(&self) -> BootTime {
        self.due
    }

    /// The next beats are due at once: something changed that the peer waits for.
    pub fn now(&mut self, now: BootTime) {
        self.due = now;
    }

    /// The newest heartbeat of each sender, to be kept over a restart.
    pub fn seen(&self) -> Vec<Heard> {
        let mut newest: BTreeMap<(usize, String), (u64, u64)> = BTreeMap::new();
        for ((_, from), window) in &self.windows {
            let of = |p: &&BeatPeer| p.addresses.contains(from);
            let Some(peer) = self.peers.iter().find(of) else {
                continue;
            };
            for (node, boot, sequence) in window.seen() {
                let last = newest.entry((peer.index, node.to_owned())).or_default();
                *last = (*last).max((boot, sequence));
            }
        }
        // What was heard earlier counts until it is outdone.
        for (node, last) in &self.earlier {
            let peer = self.peers.first().map_or(0, |p| p.index);
            newest.entry((peer, node.clone())).or_insert(*last);
        }
        let heard = newest
            .into_iter()
            .map(|((peer, node), (boot, sequence))| Heard {
                peer,
                data_path: true,
                node,
                boot,
                sequence,
            });
        heard.collect()
    }

    /// Takes up what an earlier run heard: an old beat that is sent again stays refused, on whatever path.
    pub fn restore(&mut self, heard: &[Heard]) {
        for h in heard {
            let last = self.earlier.entry(h.node.clone()).or_default();
            *last = (*last).max((h.boot, h.sequence));
        }
    }

    /// Accepts the next beat of a peer that lost its boot counter (`standin peer reset`).
    pub fn forget(&mut self, index: usize) {
        for other in &mut self.others {
            if !other.peers.iter().any(|p| self.peers[*p].index == index) {
                continue;
            }
            other.speaks = None;
            let addresses: Vec<Ipv4Addr> = other.ways.iter().map(|(_, a)| *a).collect();
            for ((_, from), window) in &mut self.windows {
                if addresses.contains(from) {
                    for (node, _, _) in window.seen() {
                        self.earlier.remove(node);
                    }
                    *window = ReplayWindow::new(&self.node);
                }
            }
        }
        // Whose address is not known by a frame of this run is known by name only.
        self.earlier.clear();
    }
}

/// The machines behind the peers: two peers that share an address are one.
fn machines(peers: &[BeatPeer]) -> Vec<Other> {
    let mut others: Vec<Other> = Vec::new();
    for (at, peer) in peers.iter().enumerate() {
        let ways = peer.addresses.iter().enumerate().map(|(i, address)| {
            let data = i == 0;
            let socket = if data {
                peer.data_socket
            } else {
                peer.other_socket
            };
            (socket, *address)
        });
        let same = |o: &Other| o.ways.iter().any(|(_, a)| peer.addresses.contains(a));
        match others.iter_mut().find(|o| same(o)) {
            Some(other) => {
                other.peers.push(at);
                for way in ways {
                    if !other.ways.contains(&way) {
                        other.ways.push(way);
                    }
                }
            }
            None => others.push(Other {
                peers: vec![at],
                ways: ways.collect(),
                speaks: None,
                boot: None,
                heard: None,
                told: false,
            }),
        }
    }
    others
}

#[cfg(test)]
mod tests;
