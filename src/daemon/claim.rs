//! The VIP on our interface: put there and read back, taken off and proven gone.

use std::time::Duration;

use crate::net::address::{self, AddressLife};
use crate::net::netlink::Netlink;
use crate::net::{link, sockets};
use crate::takeover::event::Outcome;
use crate::types::{IfIndex, Vip};

/// Puts the VIP on the interface and reads it back; `lifetime` is `valid_lft`, `None` for ever.
pub async fn claim(
    netlink: &Netlink,
    interface: &str,
    index: u32,
    vip: Vip,
    lifetime: Option<Duration>,
) -> Outcome {
    match link::link(netlink, interface).await {
        Ok(Some(l)) if !l.carrier => {
            return Outcome::Failed(format!("{interface} has no carrier"));
        }
        Ok(Some(l)) if l.ifindex.0 == index => {}
        Ok(_) => return Outcome::Failed(format!("{interface} is not the interface it was")),
        Err(e) => return Outcome::Failed(e.to_string()),
    }
    forget_old_connections(netlink, index, vip).await;
    let life = lifetime.map_or(AddressLife::Forever, AddressLife::For);
    if let Err(e) = address::add(netlink, IfIndex(index), interface, vip, life).await {
        return Outcome::Failed(e.to_string());
    }
    match address::read_back(netlink, IfIndex(index), vip.addr).await {
        Ok(Some(state)) if state.ours => {
            Outcome::Done(format!("{vip} reads back on {interface}, marked as ours"))
        }
        Ok(Some(_)) => Outcome::Failed(format!(
            "{vip} is on {interface}, but not marked as ours: somebody else set it"
        )),
        Ok(None) => Outcome::Failed(format!("{vip} does not read back on {interface}")),
        Err(e) => Outcome::Failed(e.to_string()),
    }
}

/// Connections from an earlier time with the VIP, which survive a machine that hung and was fenced: a camera that dials
/// from the same port again would get no reset from them, and wait for minutes.
async fn forget_old_connections(netlink: &Netlink, index: u32, vip: Vip) {
    // Where the address is in place already, its connections are alive.
    if matches!(
        address::read_back(netlink, IfIndex(index), vip.addr).await,
        Ok(None)
    ) {
        match sockets::destroy(vip.addr).await {
            Ok(0) => {}
            Ok(n) => tracing::info!(%vip, "{n} connections of an earlier time closed"),
            Err(e) => tracing::warn!(%vip, error = %e, "connections of an earlier time stay"),
        }
    }
}

/// Takes the VIP off at once, without an answer.
pub fn drop_now(netlink: &Netlink, index: u32, vip: Vip) {
    let netlink = netlink.clone();
    tokio::spawn(async move {
        if let Err(e) = address::remove(&netlink, IfIndex(index), vip).await {
            tracing::error!(%vip, error = %e, "the VIP could not be removed");
        }
    });
}

/// Takes the VIP off, proves it gone, and resets what is left of its connections on this side.
///
/// The cameras' side is not reset: what they send next reaches the peer, whose kernel resets it, so that they redial
/// when the peer can answer and not before.
pub async fn drop_and_prove(netlink: &Netlink, index: u32, vip: Vip) -> Outcome {
    if let Err(e) = address::remove(netlink, IfIndex(index), vip).await {
        return Outcome::Failed(e.to_string());
    }
    match address::read_back(netlink, IfIndex(index), vip.addr).await {
        Ok(None) => {}
        Ok(Some(_)) => return Outcome::Failed(format!("{vip} is still there")),
        Err(e) => return Outcome::Failed(e.to_string()),
    }
    match sockets::destroy(vip.addr).await {
        Ok(n) => Outcome::Done(format!("{vip} is gone; {n} connections closed here")),
        Err(e) => Outcome::Done(format!("{vip} is gone; its old connections time out ({e})")),
    }
}
