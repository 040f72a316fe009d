//! A MAC address of a peer that outranks the configuration: named at a release, or adopted since the daemon runs.

use serde_json::Value;

use super::auto;
use crate::config::{Config, Peer};
use crate::daemon::journal;
use crate::daemon::record;
use crate::takeover::new_mac::NewMac;
use crate::types::MacAddr;

/// For each peer whose address in force is none that the file names: its name, and what is to be said. The journal knows
/// what a person named, also where no daemon runs.
pub fn look(config: &Config) -> Vec<(String, String)> {
    let daemon = auto::status(config);
    let peers = config.peers.values().filter(|p| p.macs.known());
    let said = peers.filter_map(|peer| {
        let told = daemon.as_ref().and_then(|s| auto::peer_of(s, &peer.name));
        Some((peer.name.clone(), said(peer, named(config, peer), told)?))
    });
    said.collect()
}

/// What the journal has of a release.
fn named(config: &Config, peer: &Peer) -> Option<NewMac> {
    let newest_first = journal::files(&config.node.state_dir).into_iter().rev();
    let read = newest_first.filter_map(|file| journal::read(&file).ok());
    let mut kept = read.filter_map(|said| record::last(&said.records, &peer.name, ""));
    kept.next()?.0.new_mac
}

fn said(peer: &Peer, named: Option<NewMac>, daemon: Option<&Value>) -> Option<String> {
    // As the daemon chooses it at its start: of another file than this one it is over.
    let named = named.filter(|n| n.instead_of == peer.macs);
    if let Some(text) = named.as_ref().and_then(NewMac::outranked_words) {
        return Some(text);
    }
    let now: MacAddr = daemon?["peer"]["mac"].as_str()?.parse().ok()?;
    (!peer.macs.has(now)).then(|| format!(
        "the daemon takes {now} for the peer's MAC address (it answered alone on the confirmed port, or the peer's heartbeat says so), and this file says {}: correct it there if that is right",
        peer.macs
    ))
}
