//! Heartbeats between the loop and its cores: what is said of each address, and what came.

use std::net::SocketAddrV4;

use super::beats::Saying;
use super::run_loop::Loop;
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::event::Event;
use crate::types::BootTime;

const REFUSED: &str = "heartbeats-refused";

impl Loop {
    /// Sends the heartbeats that are due.
    pub(super) fn beat(&mut self, now: BootTime) {
        let Some(beats) = self.beats.as_mut().filter(|b| b.due() <= now) else {
            return;
        };
        let said = self.peers.iter().enumerate().map(|(i, p)| {
            let interface = &self.interfaces[p.interface];
            let policy = p.machine.policy();
            let saying = Saying {
                flags: p.machine.flags(),
                mac: interface.mac,
                carrier: interface.carrier,
                service_ok: p.service_ok,
                preferred: policy.preferred,
                confirmed: None,
                fence_timeout: policy.fence_timeout,
            };
            (i, saying)
        });
        beats.send(now, &said.collect());
    }

    /// A datagram arrived on a heartbeat socket.
    pub(super) fn beat_came(&mut self, socket: usize, from: SocketAddrV4, bytes: &[u8]) {
        let Some(beats) = &mut self.beats else { return };
        let came = beats.heard(rt::boot(), socket, from, bytes);
        for peer in came.over {
            self.settle(
                Some(peer),
                REFUSED,
                "heartbeats of the peer are accepted again",
            );
        }
        if let Some((peers, text)) = came.trouble {
            for peer in peers {
                self.raise(Some(peer), REFUSED, Level::Critical, text.clone());
            }
        }
        for (peer, beat) in came.beats {
            self.event(peer, Event::Beat(beat));
        }
    }
}
