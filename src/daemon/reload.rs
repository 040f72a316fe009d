//! SIGHUP: what a valid new configuration changes while the daemon runs.
//!
//! Policies, fences, switches, cameras and times change at once. Another set of peers, another VIP, interface or
//! kind needs a restart, and is refused as a whole: half a configuration is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fencing::Fencing;
use super::in_force::{self, Said};
use super::new_config::New;
use super::run_loop::{Loop, PeerRun};
use super::site::steps_of;
use super::standing::{Orphan, carry_over};
use super::witnesses::Witnesses;
use super::{policy, traps};
use crate::config::{Config, Peer};
use crate::switch::Switch;
use crate::takeover::action::Level;

/// Takes over `new`, or says why not.
pub fn reload(l: &mut Loop, read: Result<Box<New>, String>) {
    let new = match read {
        Ok(new) => *new,
        Err(why) => return refused(l, &why),
    };
    let heartbeat = l.config.heartbeat.clone();
    match try_reload(l, &new) {
        Ok(()) => {
            let key = new.secrets.heartbeat.as_ref();
            let other_key = l
                .beats
                .as_ref()
                .zip(key)
                .is_some_and(|(b, k)| !b.has_key(k));
            tell(l, new.config, other_key);
            // Key, interval, port and what follows from them go together.
            l.config.heartbeat = heartbeat;
            l.follow_health();
            l.settle(
                None,
                "reload",
                "the configuration that was read is in force",
            );
        }
        Err(why) => refused(l, &why),
    }
}

fn refused(l: &mut Loop, why: &str) {
    // Each try is answered, also where the one before was refused for the same reason.
    l.alarms.settle("reload", "");
    let text =
        format!("the configuration was read again and is NOT in force, the old one is: {why}");
    l.raise(None, "reload", Level::Critical, text);
}

/// Says per key from when on it is in force; `other_key`: the heartbeat key's file has another content.
fn tell(l: &mut Loop, new: Config, other_key: bool) {
    let text = |c: &Config| c.origin.text().to_owned();
    let changed = in_force::changed(&text(&l.config), &text(&new));
    let mut since_start = in_force::changed(&text(&l.started), &text(&new));
    if other_key {
        since_start.insert("heartbeat.key-file".to_owned());
    }
    let in_place: Vec<String> = l
        .peers
        .iter()
        .filter(|p| p.fence_in_place() || p.hands.steps_later.is_some())
        .map(|p| format!("peer.{}.", p.hands.name))
        .collect();
    let waits = |key: &str| in_place.iter().any(|p| key.starts_with(p));
    let said = Said::of(&changed, &since_start, waits);
    tracing::info!("the configuration was read again and is in force");
    for line in said.lines() {
        tracing::info!("{line}");
    }
    match said.after_restart.is_empty() {
        true => l.settle(
            None,
            "restart-needed",
            "nothing waits for a restart any more",
        ),
        false => {
            let keys = said.after_restart.join(", ");
            let text = format!(
                "changed in the configuration, and in force only after a restart of the daemon: {keys}"
            );
            l.raise(None, "restart-needed", Level::Warning, text);
        }
    }
    l.config = new;
}

fn try_reload(l: &mut Loop, read: &New) -> Result<(), String> {
    let New {
        config,
        secrets,
        switches,
        inventories,
    } = read;
    // What is in force of the heartbeats, in all that follows from them.
    let config = &Config {
        heartbeat: l.config.heartbeat.clone(),
        ..config.clone()
    };
    let new: Vec<&Peer> = config.peers.values().collect();
    for run in &l.peers {
        if run.fence_in_place() && !config.peers.contains_key(&run.hands.name) {
            return Err(dropped(run));
        }
    }
    if new.len() != l.peers.len() {
        return Err("peers were added or removed: restart the daemon".to_owned());
    }
    for (run, peer) in l.peers.iter().zip(&new) {
        let old = &run.hands.peer;
        let same = old.name == peer.name
            && old.vip == peer.vip
            && old.interface == peer.interface
            && old.kind == peer.kind
            && old.addresses == peer.addresses
            && old.port_takeover == peer.port_takeover;
        if !same {
            return Err(format!(
                "peer {}: name, vip, interface, kind, addresses and port-takeover change only with a restart of the daemon",
                peer.name
            ));
        }
    }
    // Everything that may be refused comes before the first change.
    let mut fences = Vec::new();
    for (run, peer) in l.peers.iter().zip(&new) {
        let steps = steps_of(peer, &config.origin)?;
        fences.push((fence(l, run, peer, switches)?, steps));
    }
    let changed = l.peers.iter_mut().zip(new).zip(fences);
    for ((run, peer), ((fencing, later), steps)) in changed {
        let Some(inventory) = inventories.get(&peer.name).cloned() else {
            continue;
        };
        let interface = &l.interfaces[run.interface];
        run.fence_with(fencing);
        run.later = later;
        run.hands.witnesses = Witnesses::of(config, peer, &inventory);
        if let (Some(parked), Some(takeover)) = (&mut run.hands.parked, &peer.port_takeover)
            && let Some(switch) = switches.get(&takeover.switch)
        {
            parked.switch = switch.clone();
        }
        run.hands.inventory = inventory;
        let policy = policy::policy(config, peer, interface.mac);
        run.follow_file(peer, policy, steps);
        run.hands.peer = Arc::new(peer.clone());
    }
    let before = l.traps.take();
    match traps::setup(config, secrets) {
        Some(setup) => {
            let (tx, slow) = (l.shared.tx.clone(), &l.shared.slow);
            l.traps = Some(traps::Service::start(setup, tx, slow, before));
        }
        None => {
            if let Some(before) = before {
                before.stop();
            }
        }
    }
    l.sinks.follow(config);
    l.about.persist = config
        .peers
        .values()
        .map(|p| p.fence.iter().all(|f| f.persist))
        .collect();
    Ok(())
}

/// The fence that `peer` has from now on, and what the file names if another one is in place.
///
/// # Errors
/// The file does not have the switch of a fence that stands.
fn fence(
    l: &Loop,
    run: &PeerRun,
    peer: &Peer,
    switches: &BTreeMap<String, Switch>,
) -> Result<(Fencing, Option<Fencing>), String> {
    let macs = [run.interface, run.hands.serving].map(|leg| l.interfaces[leg].mac);
    let old = &run.hands.fencing;
    let mut file = Fencing::new(&l.about.node, &peer.fence, switches, macs.to_vec())
        .but_not(peer.port_takeover.as_ref())
        .of_a(peer.kind);
    if !run.fence_in_place() {
        file.inherit(old);
        return Ok((file, None));
    }
    let over = carry_over(&peer.name, file, &old.standing(), &old.found(), switches);
    // One that this daemon found when it started is told for as long as it lasts; it does not make every reload fail.
    let known = |o: &&Orphan| old.orphans.iter().any(|k| k.level == o.level);
    match over.orphans.iter().find(|o| !known(o)) {
        Some(orphan) => Err(format!("peer {}: {orphan}", peer.name)),
        None => Ok((over.fencing, over.later)),
    }
}

/// Why a peer must stay in the file.
fn dropped(run: &PeerRun) -> String {
    let name = &run.hands.name;
    let standing = run.hands.fencing.standing();
    let commands: Vec<String> = standing.levels.iter().map(|l| l.commands()).collect();
    format!(
        "peer {name} is {}, and the configuration does not have it any more: nobody could hand its address back or lift its fence. Put [peer.{name}] back; before it may go, `standin release {name}`, or {}",
        run.machine.label(),
        commands.join(", ")
    )
}
