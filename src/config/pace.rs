//! At what pace the peers of one interface are asked.

use super::resolved::{Config, Heartbeat, Peer};
use super::schema::Kind;
use crate::takeover::notice::Pace;

impl Config {
    /// The pace at which `peer` is asked: all peers of its interface share the smallest of their budgets.
    pub fn pace(&self, peer: &Peer) -> Pace {
        pace(self.peers.values(), peer, self.heartbeat.as_ref())
    }
}

/// The same, of one of `peers`.
pub(super) fn pace<'a>(
    peers: impl Iterator<Item = &'a Peer> + Clone,
    peer: &Peer,
    heartbeat: Option<&Heartbeat>,
) -> Pace {
    let d = &peer.detect;
    let here = peers.filter(|p| p.interface == peer.interface);
    let budgets = here.clone().map(|p| p.announce.arp_per_second);
    Pace {
        probe_interval: d.probe_interval,
        suspect_after: d.suspect_after,
        confirm_probes: d.confirm_probes,
        confirm_interval: d.confirm_interval,
        witnesses: d.witnesses,
        min_cameras: d.min_cameras,
        false_death: d.false_death,
        heartbeat: heartbeat
            .filter(|_| peer.kind == Kind::Pair)
            .map(|h| h.interval),
        peers: here.count() as u32,
        per_second: budgets.min().unwrap_or(peer.announce.arp_per_second),
    }
}
