//! Right before a fence: whether a port that was found may be written.

use std::collections::BTreeMap;

use super::Auto;
use crate::daemon::fencing::Level;
use crate::switch::{FdbEntry, PortIdentity};
use crate::types::{PeerMacs, PortRef};

/// What is known of the ports, and what was known when one was found.
pub(in crate::daemon) fn with_found(
    level: &Level,
    known: &BTreeMap<PortRef, PortIdentity>,
) -> BTreeMap<PortRef, PortIdentity> {
    let mut known = known.clone();
    if let Auto::Known(k) = &level.auto {
        let at = PortRef {
            switch: k.switch.clone(),
            port: k.found.port.clone(),
        };
        known.entry(at).or_insert_with(|| k.found.identity.clone());
    }
    known
}

/// A port that was to be found must be known, be this peer's, and the peer must not be learned elsewhere since.
///
/// # Errors
/// In words; another try may go better.
pub(in crate::daemon) async fn usable(level: &Level, peer_mac: &PeerMacs) -> Result<(), String> {
    let switch = &level.fence.switch;
    let k = match &level.auto {
        Auto::Off => return Ok(()),
        Auto::Unknown { .. } if !level.fence.ports.is_empty() => return Ok(()),
        Auto::Unknown { why, .. } => {
            return Err(format!(
                "switch {switch}: the peer's port is not known (ports = \"auto\"), and is not guessed now: {why}; name it in the configuration and reload (SIGHUP)"
            ));
        }
        Auto::Known(k) => k,
    };
    if peer_mac.known() && !peer_mac.has(k.found.mac) {
        return Err(format!(
            "switch {switch}: {} was found for {}, and the peer has {peer_mac} now",
            k.found.port, k.found.mac
        ));
    }
    // A switch that does not show its table must not stop a fence; the fence itself looks again after the SET.
    let places = level
        .switch
        .where_is(k.found.mac, None)
        .await
        .unwrap_or_default();
    let here = |p: &FdbEntry| p.if_name.as_deref() == Some(k.found.port.as_str());
    match places.iter().find(|p| !here(p)) {
        Some(other) if !places.iter().any(here) => Err(format!(
            "switch {switch}: {} was found for {}, which is learned on {} now: the fence waits until that is over, or the configuration names the port",
            k.found.port,
            k.found.mac,
            other.if_name.as_deref().unwrap_or("another port")
        )),
        Some(_) | None => Ok(()),
    }
}
