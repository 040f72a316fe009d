//! A fence that moves the peer's ports to a quarantine VLAN: the peer keeps its link, and reaches nobody.

use std::time::Duration;

use super::FenceRequest;
use super::gone::gone_from_vlan;
use crate::rt::Instant;
use crate::switch::change::vlan_move::{NotMoved, Where, Whose, move_port, vlan_of};
use crate::switch::read::switch::Switch;
use crate::types::Quarantine;

/// Moves every port of the request and proves it: PVID and untagged egress read back, and the peer's MAC is in the
/// production VLAN nowhere but on these ports and the request's aggregates. In words how. The quarantine VLAN marks it as
/// ours: there is no tag. `on_set` is called when something may have been written.
///
/// # Errors
/// See [`NotMoved`]; ports that were moved before stay in quarantine.
pub async fn set(
    switch: &Switch,
    request: &FenceRequest,
    vlans: Quarantine,
    on_set: impl Fn(),
) -> Result<String, NotMoved> {
    let end = Instant::now() + request.within;
    let mut done = Vec::new();
    for asked in &request.ports {
        let seen = asked.expected_identity.as_ref();
        let whose = Whose {
            // The FDB may have forgotten a dead peer; another machine there is refused.
            expected: request.peer_mac.clone(),
            foreign: request.own_macs.clone(),
            alias: (asked.expected_alias.clone()).or_else(|| seen.and_then(|s| s.if_alias.clone())),
        };
        let between = (vlans.production, vlans.quarantine);
        let left = end.saturating_duration_since(Instant::now());
        done.push(move_port(switch, &asked.port, between, &whose, left, &on_set).await?);
    }
    let names = request.ports.iter().map(|p| p.port.clone());
    let fenced: Vec<String> = names.chain(request.aggregates.iter().cloned()).collect();
    for mac in request.peer_mac.iter() {
        let gone = gone_from_vlan(switch, (mac, vlans.production), &fenced, end);
        gone.await.map_err(NotMoved::Failed)?;
        done.push(format!("{mac} is not in VLAN {}", vlans.production.0));
    }
    Ok(done.join(", "))
}

/// Moves every port (ifName) back to the production VLAN; in words how.
///
/// # Errors
/// See [`NotMoved`]; the ports that were not reached stay in quarantine.
pub async fn lift(
    switch: &Switch,
    ports: &[String],
    vlans: Quarantine,
    within: Duration,
) -> Result<String, NotMoved> {
    let mut done = Vec::new();
    for port in ports {
        let between = (vlans.quarantine, vlans.production);
        done.push(move_port(switch, port, between, &Whose::default(), within, || {}).await?);
    }
    Ok(done.join(", "))
}

/// True if every one of these ports (ifNames) is in the quarantine VLAN. It is ours alone: a port that is in it was put
/// there by us.
///
/// # Errors
/// In words: one of them cannot be read.
pub async fn stands(switch: &Switch, ports: &[String], vlans: Quarantine) -> Result<bool, String> {
    let mut stands = true;
    for port in ports {
        stands &= vlan_of(switch, port).await? == Where::In(vlans.quarantine);
    }
    Ok(stands)
}
