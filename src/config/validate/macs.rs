//! `mac` and `macs` of `[peer.NAME]`: by which MAC addresses the peer answers.

use crate::config::problem::Check;
use crate::config::schema::{self, Ports};
use crate::config::surroundings::Surroundings;
use crate::types::PeerMacs;

/// More legs than this has no bond of a host; a longer list is a mistake.
const MOST: usize = 8;

/// Those that the file names, by either key.
pub(super) fn macs(
    at: &str,
    peer: &schema::Peer,
    around: &Surroundings,
    check: &mut Check<'_>,
) -> PeerMacs {
    let (one, list) = (format!("{at}.mac"), format!("{at}.macs"));
    if peer.mac.is_some() && !peer.macs.is_empty() {
        check.clash(
            &list,
            (&one, "the short form for a peer that has one"),
            "`mac` and `macs` both name the peer's MAC addresses".to_owned(),
            "all of them in `macs`, and no `mac`",
        );
    }
    let all = peer.mac.iter().map(|m| (one.clone(), *m));
    let listed = peer.macs.iter().enumerate();
    let all = all.chain(listed.map(|(i, m)| (format!("{list}[{i}]"), *m)));
    for (key, mac) in all {
        let mend = "the peer's own; without any it is learned while it is healthy";
        if !mac.is_unicast() {
            check.error(&key, format!("{mac} is not the MAC of one machine"), mend);
        }
        let mut legs = around.interfaces.iter().flatten();
        if let Some(leg) = legs.find(|i| i.mac == Some(mac)) {
            let what = format!("this is the MAC of our own `{}`", leg.name);
            check.error(&key, what, mend);
        }
    }
    for (i, mac) in peer.macs.iter().enumerate() {
        if peer.macs[..i].contains(mac) {
            let key = format!("{list}[{i}]");
            check.error(&key, format!("{mac} is listed twice"), "each address once");
        }
    }
    if peer.macs.len() > MOST {
        let what = format!("{} MAC addresses: at most {MOST}", peer.macs.len());
        check.error(&list, what, "those of the peer's own network cards");
    }
    if peer.macs.len() > 1 && peer.fence.iter().any(|f| f.ports == Ports::Auto) {
        check.error(
            &list,
            "a peer with several MAC addresses hangs on several ports, and ports = \"auto\" finds one",
            "name its ports in the fence",
        );
    }
    match peer.mac {
        Some(mac) => mac.into(),
        None => PeerMacs::listed(&peer.macs),
    }
}
