//! Peers that share the budget of one interface, and how soon a death is noticed then.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::pace::pace;
use crate::config::problem::Check;
use crate::config::resolved::{Heartbeat, Peer};
use crate::config::text::show;

/// A death that is noticed later than this is refused.
const LATEST: Duration = Duration::from_secs(5);

pub(super) fn notice(
    peers: &BTreeMap<String, Peer>,
    heartbeat: Option<&Heartbeat>,
    check: &mut Check<'_>,
) {
    for (name, peer) in peers {
        let pace = pace(peers.values(), peer, heartbeat);
        let notice = pace.notice();
        let slow = pace.interval() > peer.detect.probe_interval;
        // What the file itself asks for is nobody's surprise.
        // Nothing a second is out of range, and said there.
        let none = peer.announce.arp_per_second == 0;
        if none || !slow && notice.time <= LATEST.max(peer.detect.suspect_after) {
            continue;
        }
        let key = format!("peer.{name}.announce.arp-per-second");
        let what = format!(
            "{} ARP frames a second for {} on {}: each is asked every {} and a death is noticed after {}",
            pace.per_second,
            match pace.peers {
                1 => "one peer".to_owned(),
                n => format!("{n} peers"),
            },
            peer.interface,
            show(round(notice.interval)),
            show(round(notice.time)),
        );
        let help = "a larger budget where the switch allows it (no ARP inspection), fewer peers on this interface, or fewer detect.confirm-probes";
        if notice.time > LATEST.max(peer.detect.suspect_after * 2) {
            check.error(&key, what, help);
        } else {
            check.warn(&key, what, help);
        }
    }
}

fn round(d: Duration) -> Duration {
    Duration::from_millis((d.as_secs_f64() * 1000.0).round() as u64)
}
