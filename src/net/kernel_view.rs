//! This machine's side of the network as the kernel has it at one moment: every interface, every IPv4 address.

use std::net::Ipv4Addr;

use super::address::{self, AddressState};
use super::link::{self, LinkState};
use super::netlink::{Netlink, NetlinkError};
use crate::types::{IfIndex, MacAddr, Vip};

/// Every interface and every IPv4 address of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelView {
    /// The interfaces.
    pub links: Vec<LinkState>,
    /// The addresses, in the kernel's order: the first of a prefix on an interface is its primary one.
    pub addresses: Vec<AddressState>,
}

impl KernelView {
    /// Reads all of it: two questions to rtnetlink.
    ///
    /// # Errors
    /// [`NetlinkError`] when the kernel refuses one.
    pub async fn read(netlink: &Netlink) -> Result<Self, NetlinkError> {
        Ok(KernelView {
            links: link::all(netlink).await?,
            addresses: address::all(netlink).await?,
        })
    }

    /// The interface that is called `name`; while none is, the one of this `index`, which was it before it was renamed.
    pub fn find(&self, name: &str, index: u32) -> Option<&LinkState> {
        let named = self.links.iter().find(|l| l.name == name);
        named.or_else(|| self.links.iter().find(|l| l.ifindex.0 == index))
    }

    /// The name of an interface, or its number where it has none any more.
    pub fn name_of(&self, index: IfIndex) -> String {
        let link = self.links.iter().find(|l| l.ifindex == index);
        link.map_or_else(|| format!("interface number {index}"), |l| l.name.clone())
    }

    /// An address of the interface in `network` that is no VIP: not marked as ours, not one of `vips`. `before` is kept
    /// as long as it is there, so that a second address changes nothing.
    pub fn own_address(
        &self,
        index: IfIndex,
        network: Vip,
        vips: &[Ipv4Addr],
        before: Option<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        let fits = |a: &&AddressState| {
            a.ifindex == index
                && !a.ours
                && !vips.contains(&a.vip.addr)
                && network.on_link(a.vip.addr)
        };
        let found: Vec<Ipv4Addr> = self
            .addresses
            .iter()
            .filter(fits)
            .map(|a| a.vip.addr)
            .collect();
        before
            .filter(|b| found.contains(b))
            .or(found.first().copied())
    }

    /// Where `address` is on this machine, whatever its prefix, interface and mark.
    pub fn places_of(&self, address: Ipv4Addr) -> impl Iterator<Item = &AddressState> {
        self.addresses.iter().filter(move |a| a.vip.addr == address)
    }

    /// The MAC addresses of all interfaces that have one.
    pub fn macs(&self) -> impl Iterator<Item = MacAddr> {
        self.links.iter().map(|l| l.mac).filter(|m| m.is_unicast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::address::AddressLife;

    fn link(index: u32, name: &str) -> LinkState {
        LinkState {
            ifindex: IfIndex(index),
            name: name.to_owned(),
            mac: MacAddr([2, 0, 0, 0, 0, index as u8]),
            admin_up: true,
            carrier: true,
        }
    }

    fn address(index: u32, text: &str, ours: bool) -> AddressState {
        AddressState {
            vip: text.parse().unwrap(),
            ifindex: IfIndex(index),
            ours,
            life: AddressLife::Forever,
            label: None,
            proto: None,
            secondary: false,
        }
    }

    #[test]
    fn the_configured_name_wins_and_the_index_stands_in_for_it() {
        let mut view = KernelView {
            links: vec![link(1, "lo"), link(7, "lan0")],
            ..KernelView::default()
        };
        assert_eq!(view.find("eth0", 7).unwrap().name, "lan0", "renamed");
        view.links.push(link(9, "eth0"));
        assert_eq!(
            view.find("eth0", 7).unwrap().ifindex,
            IfIndex(9),
            "made anew"
        );
        assert_eq!(view.find("eth1", 3), None);
    }

    #[test]
    fn our_own_address_is_no_vip_and_does_not_change_without_need() {
        let network: Vip = "192.168.1.101/24".parse().unwrap();
        let vips = [network.addr, Ipv4Addr::new(192, 168, 1, 201)];
        let view = KernelView {
            addresses: vec![
                address(7, "192.168.1.101/32", false),
                address(7, "192.168.1.201/24", false),
                address(7, "192.168.1.77/24", true),
                address(8, "192.168.1.50/24", false),
                address(7, "192.168.1.102/24", false),
                address(7, "192.168.1.103/24", false),
            ],
            ..KernelView::default()
        };
        let own = |before: &str| view.own_address(IfIndex(7), network, &vips, before.parse().ok());
        assert_eq!(own(""), Some(Ipv4Addr::new(192, 168, 1, 102)));
        assert_eq!(own("192.168.1.103"), Some(Ipv4Addr::new(192, 168, 1, 103)));
        assert_eq!(own("192.168.1.104"), Some(Ipv4Addr::new(192, 168, 1, 102)));
        assert_eq!(view.own_address(IfIndex(9), network, &vips, None), None);
    }
}
