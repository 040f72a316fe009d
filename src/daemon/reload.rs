//! SIGHUP: what a valid new configuration changes while the daemon runs.
//!
//! Policies, fences, switches, cameras and times change at once. Another set of peers, another VIP, interface or
//! kind needs a restart, and is refused as a whole: half a configuration is none.

use std::sync::Arc;

use super::fencing::Fencing;
use super::run_loop::Loop;
use super::{policy, switches, traps};
use crate::config::{Config, Peer, Secrets};
use crate::takeover::state::Phase;
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
    for ((run, peer), inventory) in l.peers.iter_mut().zip(new).zip(inventories) {
        let interface = &l.interfaces[run.interface];
        let fencing = Fencing::new(
            &config.node.name,
            &peer.fence,
            &switches,
            vec![interface.mac, l.interfaces[run.hands.serving].mac],
        );
        let mut fencing = fencing.but_not(peer.port_takeover.as_ref());
        let at_rest = run.machine.state().phase() == Phase::Standby;
        fencing.inherit(&run.hands.fencing, at_rest);
        run.recorder.set_fence(fencing.ports());
        run.recorder.set_quarantined(fencing.quarantined());
        run.recorder.set_found(fencing.found());
        run.hands.witnesses = super::start::witnesses(config, peer, &inventory);
        if let (Some(parked), Some(takeover)) = (&mut run.hands.parked, &peer.port_takeover)
            && let Some(switch) = switches.get(&takeover.switch)
        {
            parked.switch = switch.clone();
        }
        run.hands.fencing = fencing;
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
