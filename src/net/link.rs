//! The state of one of this machine's interfaces, by rtnetlink.

use std::net::Ipv4Addr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use super::netlink::{Netlink, NetlinkError};
use crate::types::{IfIndex, MacAddr};

/// An interface as the kernel sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Its index; changes when the interface is deleted and made anew.
    pub ifindex: IfIndex,
    /// Its name.
    pub name: String,
    /// Its MAC address; all zero where it has none (`lo` is such a one) or not of 6 bytes.
    pub mac: MacAddr,
    /// Whether it is administratively up.
    pub admin_up: bool,
    /// Whether there is a live partner at the other end of the cable. Never true while it is down.
    pub carrier: bool,
}

impl LinkState {
    pub(super) fn from_message(message: &LinkMessage) -> Self {
        let admin_up = message.header.flags.contains(LinkFlags::Up);
        let mut state = LinkState {
            ifindex: IfIndex(message.header.index),
            name: String::new(),
            mac: MacAddr::ZERO,
            admin_up,
            carrier: admin_up && message.header.flags.contains(LinkFlags::LowerUp),
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => state.name.clone_from(name),
                LinkAttribute::Address(bytes) => {
                    if let Ok(mac) = <[u8; 6]>::try_from(bytes.as_slice()) {
                        state.mac = MacAddr(mac);
                    }
                }
                // Said explicitly it outranks the flag, which follows a moment later.
                LinkAttribute::Carrier(carrier) => state.carrier = admin_up && *carrier != 0,
                _ => {}
            }
        }
        state
    }
}

/// Reads the interface called `name`; `None` if there is none.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn link(netlink: &Netlink, name: &str) -> Result<Option<LinkState>, NetlinkError> {
    let request = netlink.handle.link().get().match_name(name.to_owned());
    match request.execute().try_next().await {
        Ok(message) => Ok(message.as_ref().map(LinkState::from_message)),
        Err(e) => {
            let e = NetlinkError::new(format!("read the state of interface {name}"), e);
            // ERANGE, EINVAL: a name that no interface can have.
            match e.errno() {
                Some(libc::ENODEV | libc::ERANGE | libc::EINVAL) => Ok(None),
                _ => Err(e),
            }
        }
    }
}

/// All interfaces of this machine (of this network namespace).
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn all(netlink: &Netlink) -> Result<Vec<LinkState>, NetlinkError> {
    let _one = netlink.listing().await;
    let messages: Result<Vec<_>, _> = netlink.handle.link().get().execute().try_collect().await;
    let messages = messages.map_err(|e| NetlinkError::new("list the interfaces", e))?;
    Ok(messages.iter().map(LinkState::from_message).collect())
}

/// The IPv4 addresses of an interface with their prefix lengths, in the kernel's order.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn ipv4_addresses(
    netlink: &Netlink,
    ifindex: IfIndex,
) -> Result<Vec<(Ipv4Addr, u8)>, NetlinkError> {
    let all = super::address::all(netlink).await?;
    let own = all.into_iter().filter(|a| a.ifindex == ifindex);
    Ok(own.map(|a| (a.vip.addr, a.vip.prefix)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: LinkFlags, attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 3;
        message.header.flags = flags;
        message.attributes = attributes;
        message
    }

    #[test]
    fn carrier_needs_the_interface_to_be_up() {
        let up = LinkFlags::Up | LinkFlags::LowerUp;
        assert!(LinkState::from_message(&message(up, vec![])).carrier);
        let unplugged = message(up, vec![LinkAttribute::Carrier(0)]);
        assert!(!LinkState::from_message(&unplugged).carrier);
        let down = message(LinkFlags::LowerUp, vec![LinkAttribute::Carrier(1)]);
        let down = LinkState::from_message(&down);
        assert!(!down.carrier && !down.admin_up);
    }

    #[test]
    fn a_hardware_address_of_another_length_is_none() {
        let odd = message(LinkFlags::Up, vec![LinkAttribute::Address(vec![1; 20])]);
        assert_eq!(LinkState::from_message(&odd).mac, MacAddr::ZERO);
        let ether = vec![
            LinkAttribute::IfName("eth0".to_owned()),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        ];
        let state = LinkState::from_message(&message(LinkFlags::Up, ether));
        assert_eq!(
            (state.name.as_str(), state.mac),
            ("eth0", MacAddr([2, 0, 0, 0, 0, 1]))
        );
    }
}
