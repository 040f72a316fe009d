//! What keeps the daemon from starting here, found by doing what a start does: `standin check` asks it.

use super::opening::{open_interface, open_leg};
use super::start::StartError;
use crate::config::Peer;
use crate::host::real;

/// Opens the interfaces of `peer` as a start does, and lets them go again; in words what they are.
///
/// # Errors
///
/// What a start would say before it ends.
pub async fn open_legs(peer: &Peer) -> Result<String, String> {
    let host = real::host().map_err(|e| e.to_string())?;
    let mut interfaces = Vec::new();
    let opened = open_interface(&host, peer, &mut interfaces).await;
    opened.map_err(|e| e.to_string())?;
    if interfaces.iter().all(|i| i.own.is_none()) {
        return Err(StartError::NoAddress {
            peer: peer.name.clone(),
            interface: peer.interface.clone(),
            network: peer.vip.to_string(),
        }
        .to_string());
    }
    if let Some(t) = &peer.port_takeover {
        let opened = open_leg(&host, peer, &t.interface, &mut interfaces).await;
        opened.map_err(|e| e.to_string())?;
    }
    let names: Vec<&str> = interfaces.iter().map(|i| i.name.as_str()).collect();
    Ok(format!("{} can be used", names.join(" and ")))
}
