//! Heartbeats of all pair peers: one to each machine for all of its addresses, over one socket on each VIP interface and
//! one for every other path.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};

use super::hub::{Input, Tx};
use crate::detect::beat_socket::HeartbeatSocket;
use crate::detect::heartbeat::{self, About, BeatError, Flags as Bits, Message, ReplayWindow, v2};
use crate::takeover;
use crate::takeover::event::Beat;
use crate::types::{BootTime, MacAddr, Vip};

/// While the VIP is asked for or handed over, heartbeats come at least this often: the other one waits for them.
const HASTE: Duration = Duration::from_millis(50);
/// After a restart of ours, heartbeats that may have been recorded before it count only if they name our new start. So
/// many may have been sent between two journal records, and no more.
const UNRECORDED: Duration = Duration::from_secs(120);
/// A machine that was heard within this time is not in trouble because of one datagram that is refused.
const HEARD_LATELY: Duration = Duration::from_secs(3);

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

/// Kind of the journal record that holds a list of [`Heard`].
pub const HEARD: &str = "heard";

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

/// What we say of one of our peers' addresses.
#[derive(Clone, Copy, Debug)]
pub struct Saying {
    /// What the core says.
    pub flags: takeover::Flags,
    /// MAC of our interface on its network.
    pub mac: MacAddr,
    /// Carrier of that.
    pub carrier: bool,
    /// Our service completes handshakes.
    pub service_ok: bool,
    /// We are the preferred node.
    pub preferred: bool,
    /// The port that we would fence is confirmed.
    pub confirmed: Option<bool>,
    /// How long our fence may take.
    pub fence_timeout: Duration,
}

/// What came of one datagram.
#[derive(Debug, Default)]
pub struct Came {
    /// What it says, by the peer's index.
    pub beats: Vec<(usize, Beat)>,
    /// It was refused, and nothing else arrives from that machine: which peers, and what a person must know.
    pub trouble: Option<(Vec<usize>, String)>,
    /// That is over for these peers.
    pub over: Vec<usize>,
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
        sockets: Vec<HeartbeatSocket>,
        peers: Vec<BeatPeer>,
        now: BootTime,
    ) -> Beats {
        Beats {
            node: node.to_owned(),
            port,
            interval,
            key,
            boot,
            sequence: 0,
            due: now,
            sockets: sockets.into_iter().map(Arc::new).collect(),
            others: machines(&peers),
            peers,
            windows: BTreeMap::new(),
            earlier: BTreeMap::new(),
            refused: 0,
        }
    }

    /// Reads all sockets into the loop.
    pub fn listen(&self, tx: &Tx) {
        for (i, socket) in self.sockets.iter().enumerate() {
            let (socket, tx) = (socket.clone(), tx.clone());
            tokio::spawn(async move {
                loop {
                    match socket.recv().await {
                        Ok((bytes, from)) => {
                            if tx
                                .send(Input::Beat {
                                    socket: i,
                                    from,
                                    bytes,
                                })
                                .is_err()
                            {
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
        }
    }

    /// When the next beats are due.
    pub fn due(&self) -> BootTime {
        self.due
    }

    /// The next beats are due at once: something changed that the peer waits for.
    pub fn now(&mut self, now: BootTime) {
        self.due = now;
    }

    /// Sends what is to be said, by the peers' indexes, if heartbeats are due.
    pub fn send(&mut self, now: BootTime, said: &BTreeMap<usize, Saying>) {
        if self.due > now {
            return;
        }
        let asked = |s: &Saying| {
            let f = &s.flags;
            f.wants_yield.is_some() || f.yielded.is_some() || f.grants.is_some()
        };
        let haste = said.values().any(asked);
        self.due = now
            + if haste {
                self.interval.min(HASTE)
            } else {
                self.interval
            };
        for at in 0..self.others.len() {
            let other = &self.others[at];
            let about: Vec<About> = other
                .peers
                .iter()
                .filter_map(|p| Some(self.about(&self.peers[*p], said.get(&self.peers[*p].index)?)))
                .collect();
            let speaks = other.speaks.map(|(version, _)| version);
            let mut frames = Vec::new();
            // The newer version first: who understands it passes over the other one.
            if speaks != Some(1) {
                for part in about.chunks(v2::MOST) {
                    let message = self.message(at, part);
                    frames.push(v2::encode(&message, self.key.expose_secret()));
                }
            }
            if speaks != Some(v2::VERSION) {
                for one in &about {
                    frames.push(self.old_frame(one));
                }
            }
            for (socket, address) in &self.others[at].ways {
                for frame in &frames {
                    // A beat that cannot be sent is a beat that is missed; the peer notices.
                    let _ =
                        self.sockets[*socket].send(frame, SocketAddrV4::new(*address, self.port));
                }
            }
        }
    }

    fn message(&mut self, other: usize, about: &[About]) -> Message {
        self.sequence += 1;
        Message {
            version: v2::VERSION,
            node: self.node.clone(),
            boot: self.boot,
            sequence: self.sequence,
            interval: Some(self.interval),
            features: 0,
            echo: self.others[other].boot,
            about: about.to_vec(),
        }
    }

    fn old_frame(&mut self, one: &About) -> Vec<u8> {
        self.sequence += 1;
        let beat = heartbeat::Beat {
            node: self.node.clone(),
            vip: one.vip,
            boot: self.boot,
            sequence: self.sequence,
            epoch: one.epoch,
            about: one.about,
            flags: one.flags,
            mac: one.mac,
            witnesses: one.witnesses,
        };
        heartbeat::encode(&beat, self.key.expose_secret())
    }

    fn about(&self, peer: &BeatPeer, s: &Saying) -> About {
        let flags = &s.flags;
        let about = flags.wants_yield.or(flags.grants).or(flags.yielded);
        About {
            vip: peer.vip,
            epoch: flags.epoch,
            about: about.unwrap_or_default(),
            flags: Bits {
                holds_vip: flags.holds,
                carrier: s.carrier,
                service_healthy: s.service_ok,
                wants_yield: flags.wants_yield.is_some(),
                released: flags.wants_yield.is_none() && flags.grants.is_some(),
                yielded: flags.wants_yield.is_none()
                    && flags.grants.is_none()
                    && flags.yielded.is_some(),
            },
            mac: s.mac,
            witnesses: 0,
            hold: flags.hold,
            preferred: s.preferred,
            confirmed: s.confirmed,
            fence_timeout: Some(s.fence_timeout),
        }
    }

    /// What a datagram says, if it is authentic and new.
    pub fn heard(
        &mut self,
        now: BootTime,
        socket: usize,
        from: SocketAddrV4,
        bytes: &[u8],
    ) -> Came {
        let mut came = Came::default();
        let known = |o: &Other| {
            o.peers
                .iter()
                .any(|p| self.peers[*p].addresses.contains(from.ip()))
        };
        let Some(at) = self.others.iter().position(known) else {
            return came;
        };
        let result = heartbeat::decode_any(bytes, self.key.expose_secret());
        let message = match result.and_then(|m| self.accept(at, socket, *from.ip(), m)) {
            Ok(Some(message)) => message,
            Ok(None) => return came,
            Err(error) => {
                self.refused += 1;
                // Anybody can send garbage: said at the first and then ever more rarely.
                if self.refused.is_power_of_two() {
                    tracing::warn!(%from, refused = self.refused, %error, "heartbeat refused");
                }
                came.trouble = self.trouble(at, now, &error);
                return came;
            }
        };
        let other = &mut self.others[at];
        other.heard = Some(now);
        other.boot = Some(message.boot);
        other.speaks = Some((message.version, message.boot));
        if std::mem::take(&mut other.told) {
            came.over = other.peers.iter().map(|p| self.peers[*p].index).collect();
        }
        for one in &message.about {
            let other = &self.others[at];
            let about = other.peers.iter().map(|p| &self.peers[*p]);
            let Some(peer) = about.clone().find(|p| p.vip == one.vip) else {
                continue;
            };
            let data_path = socket == peer.data_socket && peer.addresses.first() == Some(from.ip());
            came.beats
                .push((peer.index, beat(&message, one, data_path)));
        }
        came
    }

    /// The message, if it is new; nothing where it is an older version of what was said already.
    fn accept(
        &mut self,
        at: usize,
        socket: usize,
        from: Ipv4Addr,
        message: Message,
    ) -> Result<Option<Message>, BeatError> {
        let (node, boot, sequence) = (&message.node, message.boot, message.sequence);
        if let Some((b, s)) = self.earlier.get(node).copied() {
            let mut floor = ReplayWindow::new(&self.node);
            floor.restore(node, b, s);
            floor.take(node, boot, sequence)?;
            let every = message
                .interval
                .unwrap_or(UNRECORDED)
                .max(Duration::from_millis(1));
            let unrecorded = 4 * (UNRECORDED.as_micros() / every.as_micros()) as u64;
            let recorded =
                message.version > 1 && boot == b && sequence <= s.saturating_add(unrecorded);
            if recorded && message.echo != Some(self.boot) {
                return Ok(None);
            }
            self.earlier.remove(node);
        }
        let window = self
            .windows
            .entry((socket, from))
            .or_insert_with(|| ReplayWindow::new(&self.node));
        window.take(node, boot, sequence)?;
        let newer = self.others[at]
            .speaks
            .is_some_and(|(version, start)| version > message.version && start == boot);
        Ok((!newer).then_some(message))
    }

    /// What a person must know of a refused datagram, where nothing else arrives from that machine.
    fn trouble(
        &mut self,
        at: usize,
        now: BootTime,
        error: &BeatError,
    ) -> Option<(Vec<usize>, String)> {
        let other = &mut self.others[at];
        let lately = other.heard.is_some_and(|h| now.since(h) < HEARD_LATELY);
        if lately || matches!(error, BeatError::Replayed { .. }) {
            return None;
        }
        other.told = true;
        let indexes = other.peers.iter().map(|p| self.peers[*p].index).collect();
        let name = &self.peers[*other.peers.first()?].name;
        let todo = match error {
            BeatError::OldBoot { .. } => format!(
                "; if that machine was installed anew: `standin peer reset {name}` on this one"
            ),
            BeatError::Own(_) => "; give each machine its own [node] name".to_owned(),
            BeatError::Length(_)
            | BeatError::Magic
            | BeatError::Version(_)
            | BeatError::NotUnderstood(_)
            | BeatError::Forged
            | BeatError::Field(_)
            | BeatError::Replayed { .. } => String::new(),
        };
        Some((
            indexes,
            format!("the heartbeats of {name} are refused: {error}{todo}"),
        ))
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

fn beat(message: &Message, one: &About, data_path: bool) -> Beat {
    let about = |on: bool| on.then_some(one.about);
    Beat {
        data_path,
        node: message.node.clone(),
        holds: one.flags.holds_vip,
        epoch: one.epoch,
        carrier: one.flags.carrier,
        service_ok: one.flags.service_healthy,
        wants_yield: about(one.flags.wants_yield),
        yielded: about(one.flags.yielded),
        grants: about(one.flags.released),
        mac: one.mac,
        hold: one.hold,
        preferred: one.preferred,
        confirmed: one.confirmed,
        interval: message.interval,
        fence_timeout: one.fence_timeout,
    }
}
