//! Which cameras are asked as witnesses: a rotating sample, by unicast where their MAC address is known.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::net::arp::{ArpFrame, ArpOp};
use crate::takeover::event::Witness;
use crate::types::{MacAddr, Vip};

/// The witnesses of one VIP.
#[derive(Clone, Debug, Default)]
pub struct Witnesses {
    cameras: Vec<Ipv4Addr>,
    gateway: Option<Ipv4Addr>,
    switches: Vec<Ipv4Addr>,
    macs: BTreeMap<Ipv4Addr, MacAddr>,
    next: usize,
}

impl Witnesses {
    /// `cameras` with the MAC addresses that the inventory knows; those that are not on the VIP's network are left
    /// out, as are `gateway` and `switches` off it.
    pub fn new(
        vip: Vip,
        cameras: impl Iterator<Item = (Ipv4Addr, Option<MacAddr>)>,
        gateway: Option<Ipv4Addr>,
        switches: impl Iterator<Item = Ipv4Addr>,
    ) -> Self {
        let mut out = Witnesses {
            gateway: gateway.filter(|g| vip.on_link(*g)),
            switches: switches.filter(|s| vip.on_link(*s)).collect(),
            ..Witnesses::default()
        };
        for (address, mac) in cameras.filter(|(a, _)| vip.on_link(*a)) {
            if !out.cameras.contains(&address) {
                out.cameras.push(address);
            }
            out.macs.extend(mac.map(|m| (address, m)));
        }
        out
    }

    /// The next `count` cameras in turn, and gateway and switches, as questions from our own address.
    pub fn questions(&mut self, count: usize, own_mac: MacAddr, own: Ipv4Addr) -> Vec<ArpFrame> {
        let n = self.cameras.len();
        let cameras: Vec<Ipv4Addr> = (0..count.min(n))
            .map(|i| self.cameras[(self.next + i) % n])
            .collect();
        if n > 0 {
            self.next = (self.next + count) % n;
        }
        cameras
            .into_iter()
            .chain(self.gateway)
            .chain(self.switches.iter().copied())
            .map(|target| ArpFrame::request(own_mac, own, target, self.macs.get(&target).copied()))
            .collect()
    }

    /// Who answered, if `frame` is a witness's answer to us.
    pub fn answer(&mut self, frame: &ArpFrame, own_mac: MacAddr, own: Ipv4Addr) -> Option<Witness> {
        if frame.op != ArpOp::Reply || frame.tha != own_mac || frame.tpa != own {
            return None;
        }
        let who = if self.gateway == Some(frame.spa) {
            Witness::Gateway
        } else if self.switches.contains(&frame.spa) {
            Witness::Switch
        } else if self.cameras.contains(&frame.spa) {
            Witness::Camera(frame.spa)
        } else {
            return None;
        };
        self.macs.insert(frame.spa, frame.sha);
        Some(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 102);
    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn witnesses(n: u8) -> Witnesses {
        let vip = "192.168.1.101/24".parse().unwrap();
        let cameras = (0..n).map(|i| (Ipv4Addr::new(192, 168, 1, 110 + i), None));
        Witnesses::new(vip, cameras, None, std::iter::empty())
    }

    #[test]
    fn every_camera_has_its_turn() {
        let mut w = witnesses(10);
        let mut asked: Vec<Ipv4Addr> = (0..5)
            .flat_map(|_| w.questions(4, MAC, OWN))
            .map(|f| f.tpa)
            .collect();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 10);
    }

    #[test]
    fn fewer_cameras_than_asked_for_are_each_asked_once() {
        assert_eq!(witnesses(2).questions(8, MAC, OWN).len(), 2);
        assert!(witnesses(0).questions(8, MAC, OWN).is_empty());
    }

    #[test]
    fn a_camera_behind_a_router_is_no_witness() {
        let vip = "192.168.1.101/24".parse().unwrap();
        let cameras = [(Ipv4Addr::new(10, 0, 0, 7), None)].into_iter();
        let mut w = Witnesses::new(vip, cameras, None, std::iter::empty());
        assert!(w.questions(8, MAC, OWN).is_empty());
    }
}
