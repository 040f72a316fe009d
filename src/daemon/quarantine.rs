//! A fence that moves the peer's ports to a quarantine VLAN: the peer keeps its link, and reaches nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moving::{self, Where, Whose};
use crate::config::{self, Quarantine};
use crate::rt::Instant;
use crate::switch::fence::gone::gone_from_vlan;
use crate::switch::{PortIdentity, Switch};
use crate::takeover::event::{FenceRead, Outcome};
use crate::types::{MacAddr, PeerMacs, PortRef};

/// Moves every port of the level and proves it: PVID and untagged egress read back, and the peer's MAC is in the
/// production VLAN nowhere but on these ports. In words how; or why not, and whether a guard refused.
pub async fn set(
    switch: &Switch,
    level: &config::Fence,
    vlans: Quarantine,
    (peer, own, counted): (&PeerMacs, &[MacAddr], &[String]),
    known: &BTreeMap<PortRef, PortIdentity>,
    on_set: impl Fn(),
) -> Result<String, (String, bool)> {
    let end = Instant::now() + level.timeout;
    let mut done = Vec::new();
    for port in &level.ports {
        let at = PortRef {
            switch: level.switch.clone(),
            port: port.clone(),
        };
        let seen = known.get(&at);
        let whose = Whose {
            // The FDB may have forgotten a dead peer; another machine there is refused.
            expected: peer.clone(),
            foreign: own.to_vec(),
            alias: level
                .alias
                .clone()
                .or_else(|| seen.and_then(|s| s.if_alias.clone())),
        };
        let ways = (vlans.production, vlans.quarantine);
        let left = end.saturating_duration_since(Instant::now());
        match moving::move_port(switch, port, ways, &whose, left, &on_set).await {
            Outcome::Done(how) => done.push(how),
            Outcome::Refused(why) => return Err((why, true)),
            Outcome::Failed(why) => return Err((why, false)),
            Outcome::Cancelled => return Err(("it was stopped".to_owned(), false)),
        }
    }
    for mac in peer.iter() {
        let fenced = [level.ports.as_slice(), counted].concat();
        let gone = gone_from_vlan(switch, (mac, vlans.production), &fenced, end);
        gone.await.map_err(|why| (why, false))?;
        done.push(format!("{mac} is not in VLAN {}", vlans.production.0));
    }
    Ok(done.join(", "))
}

/// Moves every port back to the production VLAN; in words how.
///
/// # Errors
/// In words; the ports that were not reached stay in quarantine.
pub async fn lift(
    switch: &Switch,
    level: &config::Fence,
    vlans: Quarantine,
    within: Duration,
) -> Result<String, String> {
    let mut done = Vec::new();
    for port in &level.ports {
        let ways = (vlans.quarantine, vlans.production);
        let whose = Whose::default();
        match moving::move_port(switch, port, ways, &whose, within, || {}).await {
            Outcome::Done(how) => done.push(how),
            Outcome::Refused(why) | Outcome::Failed(why) => return Err(why),
            Outcome::Cancelled => return Err("it was stopped".to_owned()),
        }
    }
    Ok(done.join(", "))
}

/// What stands of it. The quarantine VLAN is ours alone: a port that is in it was put there by us.
pub async fn read(switch: &Switch, level: &config::Fence, vlans: Quarantine) -> FenceRead {
    let mut read = FenceRead::Present;
    for port in &level.ports {
        match moving::vlan_of(switch, port).await {
            Ok(Where::In(vlan)) if vlan == vlans.quarantine => {}
            Ok(_) => read = FenceRead::Absent,
            Err(why) => {
                tracing::debug!(port, why, "the fence cannot be read");
                return FenceRead::Unknown;
            }
        }
    }
    read
}
