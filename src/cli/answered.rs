//! Who answers for a VIP now.

use std::time::Duration;

use crate::config::Peer;
use crate::net::arp::ArpFrame;
use crate::net::arp_socket::ArpSocket;
use crate::net::link;
use crate::net::netlink::Netlink;

/// The VIP is listened for after the probes for this long.
const LISTEN: Duration = Duration::from_millis(500);
/// Who answers for the VIP, if anybody (three ARP probes, RFC 5227).
pub(super) async fn answered(peer: &Peer) -> Result<Option<String>, String> {
    let netlink = Netlink::open().map_err(|e| e.to_string())?;
    let state = link::link(&netlink, &peer.interface)
        .await
        .map_err(|e| e.to_string())?;
    let state = state.ok_or_else(|| format!("there is no interface {}", peer.interface))?;
    let here = crate::net::address::read_back(&netlink, state.ifindex, peer.vip.addr).await;
    if here.map_err(|e| e.to_string())?.is_some() {
        return Ok(Some("this machine itself".to_owned()));
    }
    let own = crate::net::address::own(&netlink, state.ifindex, peer.vip).await;
    let own = own.map_err(|e| e.to_string())?.ok_or_else(|| {
        format!(
            "{} has no address of its own in the network of {} to ask from",
            peer.interface, peer.vip
        )
    })?;
    let socket = ArpSocket::open(&peer.interface).map_err(|e| e.to_string())?;
    for _ in 0..3 {
        socket
            .send(&ArpFrame::request(state.mac, own, peer.vip.addr, None))
            .map_err(|e| e.to_string())?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let heard = async {
        loop {
            match socket.recv().await {
                Ok(frame) if frame.spa == peer.vip.addr => return Ok(frame.sha.to_string()),
                Ok(_) => {}
                Err(e) => return Err(e.to_string()),
            }
        }
    };
    match tokio::time::timeout(LISTEN, heard).await {
        Ok(result) => result.map(Some),
        Err(_) => Ok(None),
    }
}
