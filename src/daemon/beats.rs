//! Heartbeats of all pair peers: one socket on each VIP interface, one for every other path.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};

use super::clock;
use super::hub::{Input, Tx};
use super::interfaces::Reader;
use crate::detect::beat_socket::{HeartbeatError, HeartbeatSocket};
use crate::detect::heartbeat::{self, Flags as Bits, ReplayWindow};
use crate::takeover;
use crate::takeover::event::Beat;
use crate::types::{BootTime, MacAddr, Vip};

/// A peer that sends and hears heartbeats.
pub struct BeatPeer {
    /// Its index in the loop.
    pub index: usize,
    /// The VIP it is about.
    pub vip: Vip,
    /// Its own addresses, data path first.
    pub addresses: Vec<Ipv4Addr>,
    /// Our socket on the VIP's interface, by its place in [`Beats::sockets`].
    pub data_socket: usize,
    /// Our socket for every other path.
    pub other_socket: usize,
}

/// Kind of the journal record that holds a list of [`Heard`].
pub const HEARD: &str = "heard";

/// The newest beat of one sender on one path.
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
    sockets: Vec<Arc<HeartbeatSocket>>,
    readers: Vec<Option<Reader>>,
    peers: Vec<BeatPeer>,
    windows: Vec<ReplayWindow>,
    refused: u64,
}

impl Beats {
    /// `boot` is the durable boot counter; sockets are already bound.
    pub fn new(
        node: &str,
        (port, interval): (u16, Duration),
        key: SecretSlice<u8>,
        boot: u64,
        sockets: Vec<HeartbeatSocket>,
        peers: Vec<BeatPeer>,
        now: BootTime,
    ) -> Beats {
        // One window per peer and path: the same frame arrives on each path.
        let windows = peers
            .iter()
            .flat_map(|_| [ReplayWindow::new(node), ReplayWindow::new(node)]);
        Beats {
            node: node.to_owned(),
            port,
            interval,
            key,
            boot,
            // Higher than those of every run before, even where the boot counter could not be kept.
            sequence: clock::wall_us(),
            due: now,
            readers: Vec::new(),
            sockets: sockets.into_iter().map(Arc::new).collect(),
            windows: windows.collect(),
            peers,
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

    fn read(&self, i: usize, tx: &Tx) -> Reader {
        let (socket, tx) = (self.sockets[i].clone(), tx.clone());
        let task = tokio::spawn(async move {
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
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
        Reader(task.abort_handle())
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
        own: Ipv4Addr,
        interface: &str,
        tx: &Tx,
    ) -> Result<(), HeartbeatError> {
        let new = HeartbeatSocket::bind(own, self.port, Some(interface))?;
        self.sockets[socket] = Arc::new(new);
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

    /// Sends the beat about the peer of index `index`, if beats are due.
    pub fn send(
        &mut self,
        now: BootTime,
        index: usize,
        flags: takeover::Flags,
        (mac, carrier): (MacAddr, bool),
        service_ok: bool,
    ) {
        if self.due > now {
            return;
        }
        let Some(peer) = self.peers.iter().find(|p| p.index == index) else {
            return;
        };
        self.sequence += 1;
        let about = flags.wants_yield.or(flags.grants).or(flags.yielded);
        let beat = heartbeat::Beat {
            node: self.node.clone(),
            vip: peer.vip,
            boot: self.boot,
            sequence: self.sequence,
            epoch: flags.epoch,
            about: about.unwrap_or_default(),
            flags: Bits {
                holds_vip: flags.holds,
                carrier,
                service_healthy: service_ok,
                wants_yield: flags.wants_yield.is_some(),
                released: flags.wants_yield.is_none() && flags.grants.is_some(),
                yielded: flags.wants_yield.is_none()
                    && flags.grants.is_none()
                    && flags.yielded.is_some(),
            },
            mac,
            witnesses: 0,
        };
        let frame = heartbeat::encode(&beat, self.key.expose_secret());
        for (i, address) in peer.addresses.iter().enumerate() {
            let socket = if i == 0 {
                peer.data_socket
            } else {
                peer.other_socket
            };
            // A beat that cannot be sent is a beat that is missed; the peer notices.
            let _ = self.sockets[socket].send(&frame, SocketAddrV4::new(*address, self.port));
        }
    }

    /// All beats of this round are sent.
    pub fn sent(&mut self, now: BootTime) {
        if self.due <= now {
            self.due = now + self.interval;
        }
    }

    /// What a datagram says, if it is authentic and new: the peer's index and its beat.
    pub fn heard(
        &mut self,
        socket: usize,
        from: SocketAddrV4,
        bytes: &[u8],
    ) -> Option<(usize, Beat)> {
        let at = self
            .peers
            .iter()
            .position(|p| p.addresses.contains(from.ip()))?;
        let result = heartbeat::decode(bytes, self.key.expose_secret());
        let peer = &self.peers[at];
        let data_path = socket == peer.data_socket && peer.addresses.first() == Some(from.ip());
        let window = &mut self.windows[2 * at + usize::from(data_path)];
        let beat = match result.and_then(|b| window.accept(&b).map(|()| b)) {
            Ok(beat) if beat.vip == peer.vip => beat,
            Ok(_) => return None,
            Err(e) => {
                self.refused += 1;
                // Anybody can send garbage: said at the first and then ever more rarely.
                if self.refused.is_power_of_two() {
                    tracing::warn!(%from, refused = self.refused, error = %e, "heartbeat refused");
                }
                return None;
            }
        };
        let about = |on: bool| on.then_some(beat.about);
        let event = Beat {
            data_path,
            node: beat.node.clone(),
            holds: beat.flags.holds_vip,
            epoch: beat.epoch,
            carrier: beat.flags.carrier,
            service_ok: beat.flags.service_healthy,
            wants_yield: about(beat.flags.wants_yield),
            yielded: about(beat.flags.yielded),
            grants: about(beat.flags.released),
            mac: beat.mac,
            hold: false,
            preferred: false,
            confirmed: None,
            interval: None,
            fence_timeout: None,
        };
        Some((peer.index, event))
    }

    /// (index of the peer, path, sender, boot, sequence) of the last accepted beats, to be kept over a restart.
    pub fn seen(&self) -> Vec<Heard> {
        let heard = |(i, w): (usize, &ReplayWindow)| {
            let index = self.peers[i / 2].index;
            w.seen()
                .map(|(node, boot, sequence)| Heard {
                    peer: index,
                    data_path: i % 2 == 1,
                    node: node.to_owned(),
                    boot,
                    sequence,
                })
                .collect::<Vec<_>>()
        };
        self.windows.iter().enumerate().flat_map(heard).collect()
    }

    /// Takes up what an earlier run heard: an old beat that is sent again stays refused.
    pub fn restore(&mut self, heard: &[Heard]) {
        for (i, peer) in self.peers.iter().enumerate() {
            for h in heard.iter().filter(|h| h.peer == peer.index) {
                self.windows[2 * i + usize::from(h.data_path)].restore(&h.node, h.boot, h.sequence);
            }
        }
    }

    /// Accepts the next beat of a peer that lost its boot counter (`standin peer reset`).
    pub fn forget(&mut self, index: usize) {
        for (i, peer) in self.peers.iter().enumerate() {
            if peer.index == index {
                self.windows[2 * i] = ReplayWindow::new(&self.node);
                self.windows[2 * i + 1] = ReplayWindow::new(&self.node);
            }
        }
    }
}
