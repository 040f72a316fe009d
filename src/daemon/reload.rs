//! SIGHUP: what a valid new configuration changes while the daemon runs.
//!
//! Policies, fences, switches, cameras and times change at once. Another set of peers, another VIP, interface or
//! kind needs a restart, and is refused as a whole: half a configuration is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fencing::Fencing;
use super::run_loop::{Loop, PeerRun};
use super::standing::{Orphan, carry_over};
use super::{policy, switches, traps};
use crate::config::{Config, Peer, Secrets};
use crate::switch::Switch;
use crate::verify::Inventory;

/// Takes over `config`, or says why not.
pub fn reload(l: &mut Loop, config: &Config, secrets: &Secrets) {
    match try_reload(l, config, secrets) {
        Ok(()) => tracing::info!("the configuration was read again and is in force"),
        Err(why) => tracing::error!("the configuration was read again and is NOT in force: {why}"),
    }
}

fn try_reload(l: &mut Loop, config: &Config, secrets: &Secrets) -> Result<(), String> {
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
    let switches = switches::build(config, secrets).map_err(|e| e.to_string())?;
    let mut inventories = Vec::new();
    for peer in &new {
        let loaded = Inventory::load(&peer.verify.cameras).map_err(|problems| {
            problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        })?;
        inventories.push(Arc::new(loaded));
    }
    // Everything that may be refused comes before the first change.
    let mut fences = Vec::new();
    for (run, peer) in l.peers.iter().zip(&new) {
        fences.push(fence(l, run, peer, &switches)?);
    }
    let changed = l.peers.iter_mut().zip(new).zip(inventories).zip(fences);
    for (((run, peer), inventory), (fencing, later)) in changed {
        let interface = &l.interfaces[run.interface];
        run.fence_with(fencing);
        run.later = later;
        run.hands.witnesses = super::start::witnesses(config, peer, &inventory);
        if let (Some(parked), Some(takeover)) = (&mut run.hands.parked, &peer.port_takeover)
            && let Some(switch) = switches.get(&takeover.switch)
        {
            parked.switch = switch.clone();
        }
        run.hands.inventory = inventory;
        run.hands.peer = Arc::new(peer.clone());
        run.machine
            .set_policy(policy::policy(config, peer, interface.mac));
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
    let known = |o: &&Orphan| old.orphans.contains(&o.level);
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
