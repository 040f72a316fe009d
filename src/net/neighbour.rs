//! The kernel's own ARP cache, one entry of it.

use std::net::Ipv4Addr;

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};

use super::netlink::{Netlink, NetlinkError};
use crate::types::IfIndex;

/// Forgets which MAC address `address` has on an interface, so that the next packet asks again; false if nothing was
/// known. An entry that is REACHABLE would be believed for half a minute, and longer while it is used.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses.
pub async fn forget(
    netlink: &Netlink,
    interface: IfIndex,
    address: Ipv4Addr,
) -> Result<bool, NetlinkError> {
    let mut entry = NeighbourMessage::default();
    entry.header.family = AddressFamily::Inet;
    entry.header.ifindex = interface.0;
    entry
        .attributes
        .push(NeighbourAttribute::Destination(NeighbourAddress::Inet(
            address,
        )));
    match netlink.handle.neighbours().del(entry).execute().await {
        Ok(()) => Ok(true),
        Err(e) => {
            let e = NetlinkError::new(
                format!("forget the MAC address of {address} on interface {interface}"),
                e,
            );
            match e.errno() {
                Some(libc::ENOENT) => Ok(false),
                _ => Err(e),
            }
        }
    }
}
