//! What we say of our addresses, as frames of the version that each machine understands.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::{BeatPeer, Beats};
use crate::detect::heartbeat::{self, About, Flags as Bits, Message, v2};
use crate::takeover;
use crate::types::{BootTime, MacAddr};

/// While the VIP is asked for or handed over, heartbeats come at least this often: the other one waits for them.
const HASTE: Duration = Duration::from_millis(50);

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

impl Beats {
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
}
