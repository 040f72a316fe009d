//! What a datagram on a heartbeat socket says, if it is authentic, new and understood.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Beats, Other};
use crate::detect::heartbeat::{self, About, BeatError, Message, ReplayWindow};
use crate::takeover::event::Beat;
use crate::types::BootTime;

/// After a restart of ours, heartbeats that may have been recorded before it count only if they name our new start. So
/// many may have been sent between two journal records, and no more.
const UNRECORDED: Duration = Duration::from_secs(120);
/// A machine that was heard within this time is not in trouble because of one datagram that is refused.
const HEARD_LATELY: Duration = Duration::from_secs(3);

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

impl Beats {
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
