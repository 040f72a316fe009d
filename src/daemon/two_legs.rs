//! Port takeover: everything that the operating system must have set up for two interfaces in one network, looked at by
//! `standin check`, at the daemon's start, and every second.

use std::net::Ipv4Addr;

use crate::config::Peer;
use crate::host::Kernel;
use crate::net::netlink::NetlinkError;
use crate::verify::Inventory;

/// What is not as it must be, each with what to type; nothing without port takeover. `own` is the address of the
/// listening interface.
///
/// Reads files of procfs and asks the kernel.
///
/// # Errors
/// [`NetlinkError`] where the kernel does not answer.
pub async fn faults(
    kernel: &dyn Kernel,
    peer: &Peer,
    own: Ipv4Addr,
    cameras: &Inventory,
) -> Result<Vec<String>, NetlinkError> {
    let Some(takeover) = &peer.port_takeover else {
        return Ok(Vec::new());
    };
    let all = || cameras.cameras().iter().map(|c| c.address);
    let near = all().find(|a| peer.vip.on_link(*a)).or(peer.detect.gateway);
    let near = near.or_else(|| all().next());
    let listening = (peer.interface.as_str(), own);
    let parked = (takeover.interface.as_str(), peer.vip);
    let faults = kernel.leg_faults(listening, parked, near).await?;
    Ok(faults.into_iter().map(|f| f.to_string()).collect())
}
