//! Every check of meaning, one file per topic, all problems at once.

mod cross;
mod detect;
mod fence;
mod health;
mod macs;
mod names;
mod node;
mod pace;
mod peer;
mod port_takeover;
pub(super) mod range;
mod redirect;
mod service;
mod sinks;
mod ssh;
mod steps;
mod switch;
mod traps;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use service::{command, unit};

use super::problem::Check;
use super::resolved::Config;
use super::schema::{File, Kind};
use super::secret;
use super::surroundings::Surroundings;

/// Checks everything and resolves it; `None` if a required value is missing (which was said).
pub(super) fn validate(file: File, around: &Surroundings, check: &mut Check<'_>) -> Option<Config> {
    let mut secrets = Vec::new();
    let node = node::node(&file.node, around, check);
    let pair = file.peer.values().any(|p| p.kind == Some(Kind::Pair));
    let heartbeat = node::heartbeat(file.heartbeat.as_ref(), pair, check, &mut secrets);

    let traps = traps::traps(&file, check, &mut secrets);

    let sinks = sinks::sinks(&file.alert.sink, around.sinks, check);

    let mut switches = BTreeMap::new();
    for (name, switch) in &file.switch {
        let switch = switch::switch(name, switch, around, &node.state_dir, check, &mut secrets);
        switches.extend(switch.map(|s| (name.clone(), s)));
    }
    if file.peer.is_empty()
        && file.redirect.is_empty()
        && !around.without_peers
        && !check.refused.iter().any(|r| r.starts_with("peer"))
    {
        check.error(
            "peer",
            "no peer: there is nobody to stand in for",
            "add a [peer.NAME] table",
        );
    }
    let mut peers = BTreeMap::new();
    for (name, peer) in &file.peer {
        let peer = peer::peer(name, peer, &file, around, check);
        peers.extend(peer.map(|p| (name.clone(), p)));
    }
    let mut redirects = BTreeMap::new();
    for (name, redirect) in &file.redirect {
        let redirect = redirect::redirect(name, redirect, &file, around, check);
        redirects.extend(redirect.map(|r| (name.clone(), r)));
    }
    cross::between_peers(&file, check);
    if around.examine_secrets {
        for s in secrets {
            secret::read(check, &s.key, &s.path, s.what);
        }
    }
    pace::notice(&peers, heartbeat.as_ref(), check);
    let complete = peers.len() == file.peer.len()
        && redirects.len() == file.redirect.len()
        && switches.len() == file.switch.len();
    complete.then(|| Config {
        node,
        heartbeat,
        traps,
        sinks,
        switches,
        peers,
        redirects,
        origin: Arc::new(check.origin.clone()),
    })
}
