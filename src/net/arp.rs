//! ARP frames: built and parsed with pnet's packet types (RFC 826, RFC 5227).
//!
//! Which frame moves a neighbour's cache entry was measured; the constructors say so. The strongest
//! is [`ArpFrame::sweep`], an ordinary question that a neighbour must answer.

use std::fmt;
use std::net::Ipv4Addr;

use pnet::packet::Packet;
use pnet::packet::arp::{ArpHardwareTypes, ArpOperation, ArpPacket, MutableArpPacket};
use pnet::packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::util::MacAddr as PnetMac;

use crate::types::MacAddr;

/// Length of a frame we send, in bytes: the Ethernet minimum without checksum. Some network cards
/// and switches drop the bare 42 bytes.
pub const FRAME_LEN: usize = 60;

const ETHERNET_HEADER: usize = 14;

/// What an ARP frame wants (RFC 826, `ar$op`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOp {
    /// 1: who has this address?
    Request,
    /// 2: I have it.
    Reply,
    /// Anything else, such as the reverse ARP of RFC 903.
    Other(u16),
}

impl ArpOp {
    fn number(self) -> u16 {
        match self {
            ArpOp::Request => 1,
            ArpOp::Reply => 2,
            ArpOp::Other(n) => n,
        }
    }

    fn from_number(n: u16) -> Self {
        match n {
            1 => ArpOp::Request,
            2 => ArpOp::Reply,
            n => ArpOp::Other(n),
        }
    }
}

/// One ARP frame for IPv4 over Ethernet, with its Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpFrame {
    /// Ethernet source: what switches learn.
    pub eth_src: MacAddr,
    /// Ethernet destination.
    pub eth_dst: MacAddr,
    /// Operation.
    pub op: ArpOp,
    /// Sender hardware address: what neighbours learn.
    pub sha: MacAddr,
    /// Sender protocol address; 0.0.0.0 in a probe.
    pub spa: Ipv4Addr,
    /// Target hardware address; zero in a request.
    pub tha: MacAddr,
    /// Target protocol address.
    pub tpa: Ipv4Addr,
}

/// Bytes that are not an ARP frame for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Cut short before the end of the ARP body (42 bytes).
    #[error("{0} bytes are too few for an ARP frame (42): ignored")]
    Short(usize),
    /// Another protocol, or an 802.1Q tag.
    #[error("ethertype {0:#06x} is not ARP (0x0806): ignored")]
    NotArp(u16),
    /// ARP, but for other hardware or another protocol, or with lengths that contradict it.
    #[error(
        "ARP for hardware {hardware}, protocol {protocol:#06x}, lengths {lengths:?} is not IPv4 over Ethernet (1, 0x0800, (6, 4)): ignored"
    )]
    NotIpv4OverEthernet {
        /// `ar$hrd`
        hardware: u16,
        /// `ar$pro`
        protocol: u16,
        /// `ar$hln`, `ar$pln`
        lengths: (u8, u8),
    },
}

impl ArpFrame {
    /// Ordinary request from an address of our own: the question to the peer and to a witness. A kernel answers it even
    /// if its user space hangs. Never from 0.0.0.0: a host that tests its address (RFC 5227 section 2.1.1) must take
    /// such a probe for a conflict. `to`: unicast, else broadcast.
    pub fn request(
        our_mac: MacAddr,
        our_addr: Ipv4Addr,
        target: Ipv4Addr,
        to: Option<MacAddr>,
    ) -> Self {
        ArpFrame {
            eth_src: our_mac,
            eth_dst: to.unwrap_or(MacAddr::BROADCAST),
            op: ArpOp::Request,
            sha: our_mac,
            spa: our_addr,
            tha: MacAddr::ZERO,
            tpa: target,
        }
    }

    /// Announcement (RFC 5227 section 1.1), the request form of a gratuitous ARP: moves an existing
    /// entry, fresh or old, creates none, is not answered.
    pub fn announce_request(our_mac: MacAddr, vip: Ipv4Addr) -> Self {
        Self::request(our_mac, vip, vip, None)
    }

    /// Gratuitous ARP in its reply form, for receivers that ignore the request form. The target
    /// hardware address is our own: with ff:ff:.. Linux ignores it within a second of the last
    /// change (measured).
    pub fn announce_reply(our_mac: MacAddr, vip: Ipv4Addr) -> Self {
        ArpFrame {
            op: ArpOp::Reply,
            tha: our_mac,
            ..Self::announce_request(our_mac, vip)
        }
    }

    /// `who-has <camera> tell <VIP>`, broadcast: moves an entry in every state, creates a missing
    /// one, and the camera must answer, which is its receipt.
    pub fn sweep(our_mac: MacAddr, vip: Ipv4Addr, camera: Ipv4Addr) -> Self {
        Self::request(our_mac, vip, camera, None)
    }

    /// The sweep that gives the address back: the sender hardware address is the peer's, so that the
    /// camera learns it and answers there; the Ethernet source stays ours, so that no switch looks
    /// for the peer behind our port.
    pub fn directed_release(
        our_mac: MacAddr,
        peer_mac: MacAddr,
        vip: Ipv4Addr,
        camera: Ipv4Addr,
    ) -> Self {
        ArpFrame {
            sha: peer_mac,
            ..Self::sweep(our_mac, vip, camera)
        }
    }

    /// The announcement that gives the address back: request form, the peer's MAC as sender
    /// hardware address, Ethernet source ours.
    pub fn release_announce(our_mac: MacAddr, peer_mac: MacAddr, vip: Ipv4Addr) -> Self {
        ArpFrame {
            sha: peer_mac,
            ..Self::announce_request(our_mac, vip)
        }
    }

    /// True if the sender says that `addr` is at its hardware address. A probe says nothing.
    pub fn claims(&self, addr: Ipv4Addr) -> bool {
        self.spa == addr && !addr.is_unspecified()
    }

    /// True if this answers a [`sweep`](Self::sweep) of ours: the sender now has `vip` at `our_mac`
    /// in its cache, for it has just sent there.
    pub fn is_receipt(&self, vip: Ipv4Addr, our_mac: MacAddr) -> bool {
        self.op == ArpOp::Reply && self.tpa == vip && self.tha == our_mac && self.spa != vip
    }

    /// The frame as it goes on the wire, padded with zeroes to [`FRAME_LEN`].
    pub fn to_bytes(&self) -> [u8; FRAME_LEN] {
        const INVARIANT: &str = "FRAME_LEN has room for both headers";
        let mut frame = [0u8; FRAME_LEN];
        let (ethernet, body) = frame.split_at_mut(ETHERNET_HEADER);
        let mut ethernet = MutableEthernetPacket::new(ethernet).expect(INVARIANT);
        ethernet.set_source(pnet_mac(self.eth_src));
        ethernet.set_destination(pnet_mac(self.eth_dst));
        ethernet.set_ethertype(EtherTypes::Arp);
        let mut arp = MutableArpPacket::new(body).expect(INVARIANT);
        arp.set_hardware_type(ArpHardwareTypes::Ethernet);
        arp.set_protocol_type(EtherTypes::Ipv4);
        arp.set_hw_addr_len(6);
        arp.set_proto_addr_len(4);
        arp.set_operation(ArpOperation::new(self.op.number()));
        arp.set_sender_hw_addr(pnet_mac(self.sha));
        arp.set_sender_proto_addr(self.spa);
        arp.set_target_hw_addr(pnet_mac(self.tha));
        arp.set_target_proto_addr(self.tpa);
        frame
    }

    /// Reads a frame from the wire. Bytes after the ARP body (padding) are ignored.
    ///
    /// # Errors
    /// [`FrameError`] for anything that is not ARP for IPv4 over Ethernet; never panics.
    pub fn parse(bytes: &[u8]) -> Result<Self, FrameError> {
        let short = FrameError::Short(bytes.len());
        let ethernet = EthernetPacket::new(bytes).ok_or(short)?;
        if ethernet.get_ethertype() != EtherTypes::Arp {
            return Err(FrameError::NotArp(ethernet.get_ethertype().0));
        }
        let arp = ArpPacket::new(ethernet.payload()).ok_or(short)?;
        let lengths = (arp.get_hw_addr_len(), arp.get_proto_addr_len());
        if arp.get_hardware_type() != ArpHardwareTypes::Ethernet
            || arp.get_protocol_type() != EtherTypes::Ipv4
            || lengths != (6, 4)
        {
            return Err(FrameError::NotIpv4OverEthernet {
                hardware: arp.get_hardware_type().0,
                protocol: arp.get_protocol_type().0,
                lengths,
            });
        }
        Ok(ArpFrame {
            eth_src: our_form(ethernet.get_source()),
            eth_dst: our_form(ethernet.get_destination()),
            op: ArpOp::from_number(arp.get_operation().0),
            sha: our_form(arp.get_sender_hw_addr()),
            spa: arp.get_sender_proto_addr(),
            tha: our_form(arp.get_target_hw_addr()),
            tpa: arp.get_target_proto_addr(),
        })
    }
}

impl fmt::Display for ArpFrame {
    /// As tcpdump would say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ArpFrame {
            sha, spa, tha, tpa, ..
        } = self;
        match self.op {
            ArpOp::Request if spa.is_unspecified() => write!(f, "probe who-has {tpa} from {sha}"),
            ArpOp::Request => write!(f, "who-has {tpa} tell {spa} at {sha}"),
            ArpOp::Reply => write!(f, "{spa} is-at {sha}, to {tpa} at {tha}"),
            ArpOp::Other(op) => write!(f, "ARP operation {op} from {spa} at {sha}"),
        }
    }
}

fn pnet_mac(mac: MacAddr) -> PnetMac {
    PnetMac::from(mac.0)
}

fn our_form(mac: PnetMac) -> MacAddr {
    MacAddr(mac.octets())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const US: MacAddr = MacAddr([2, 0, 0, 0, 1, 2]);
    const PEER: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 101);
    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 102);
    const CAMERA: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);

    fn hex(frame: &ArpFrame) -> String {
        let bytes = frame.to_bytes();
        assert_eq!(bytes[42..], [0; 18], "padding");
        bytes[..42].iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn every_frame_we_send_is_on_the_wire_as_the_rfcs_draw_it() {
        let head = "0806".to_owned() + "0001080006040001";
        let reply_head = "08060001080006040002";
        let (all, us, peer, none) = (
            "ffffffffffff",
            "020000000102",
            "020000000101",
            "000000000000",
        );
        let (vip, own, camera) = ("c0a80165", "c0a80166", "c0a8010b");
        let cases = [
            (
                ArpFrame::request(US, OWN, VIP, None),
                format!("{all}{us}{head}{us}{own}{none}{vip}"),
            ),
            (
                ArpFrame::request(US, OWN, VIP, Some(PEER)),
                format!("{peer}{us}{head}{us}{own}{none}{vip}"),
            ),
            (
                ArpFrame::request(US, OWN, CAMERA, Some(PEER)),
                format!("{peer}{us}{head}{us}{own}{none}{camera}"),
            ),
            (
                ArpFrame::announce_request(US, VIP),
                format!("{all}{us}{head}{us}{vip}{none}{vip}"),
            ),
            (
                ArpFrame::announce_reply(US, VIP),
                format!("{all}{us}{reply_head}{us}{vip}{us}{vip}"),
            ),
            (
                ArpFrame::sweep(US, VIP, CAMERA),
                format!("{all}{us}{head}{us}{vip}{none}{camera}"),
            ),
            (
                ArpFrame::directed_release(US, PEER, VIP, CAMERA),
                format!("{all}{us}{head}{peer}{vip}{none}{camera}"),
            ),
            (
                ArpFrame::release_announce(US, PEER, VIP),
                format!("{all}{us}{head}{peer}{vip}{none}{vip}"),
            ),
        ];
        for (frame, expected) in cases {
            assert_eq!(hex(&frame), expected, "{frame}");
        }
    }

    #[test]
    fn a_receipt_is_a_reply_to_our_sweep_and_nothing_else() {
        let reply = ArpFrame {
            eth_src: PEER,
            eth_dst: US,
            op: ArpOp::Reply,
            sha: PEER,
            spa: CAMERA,
            tha: US,
            tpa: VIP,
        };
        assert!(reply.is_receipt(VIP, US));
        assert!(
            !ArpFrame { tpa: OWN, ..reply }.is_receipt(VIP, US),
            "a witness's answer"
        );
        assert!(
            !ArpFrame { tha: PEER, ..reply }.is_receipt(VIP, US),
            "sent to another"
        );
        assert!(
            !ArpFrame::sweep(US, VIP, CAMERA).is_receipt(VIP, US),
            "a question"
        );
        assert!(reply.claims(CAMERA));
        assert!(!ArpFrame::request(US, OWN, VIP, None).claims(VIP));
    }

    #[test]
    fn other_protocols_hardware_and_cut_frames_are_refused_with_a_reason() {
        let good = ArpFrame::sweep(US, VIP, CAMERA).to_bytes();
        assert_eq!(ArpFrame::parse(&good[..41]), Err(FrameError::Short(41)));
        assert_eq!(ArpFrame::parse(&[]), Err(FrameError::Short(0)));
        let mut tagged = good;
        tagged[12..14].copy_from_slice(&[0x81, 0x00]);
        assert_eq!(ArpFrame::parse(&tagged), Err(FrameError::NotArp(0x8100)));
        let mut odd = good;
        odd[18] = 8;
        assert!(matches!(
            ArpFrame::parse(&odd),
            Err(FrameError::NotIpv4OverEthernet {
                lengths: (8, 4),
                ..
            })
        ));
    }

    fn mac() -> impl Strategy<Value = MacAddr> {
        any::<[u8; 6]>().prop_map(MacAddr)
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ArpFrame::parse(&bytes);
        }

        #[test]
        fn almost_arp_is_survived(cut in 0usize..=60, at in 0usize..60, byte in any::<u8>()) {
            let mut frame = ArpFrame::sweep(US, VIP, CAMERA).to_bytes();
            frame[at] = byte;
            let _ = ArpFrame::parse(&frame[..cut]);
        }

        #[test]
        fn what_is_built_is_read_back(
            eth_src in mac(), eth_dst in mac(), op in any::<u16>(),
            sha in mac(), spa in any::<u32>(), tha in mac(), tpa in any::<u32>(),
        ) {
            let frame = ArpFrame {
                eth_src, eth_dst, op: ArpOp::from_number(op),
                sha, spa: spa.into(), tha, tpa: tpa.into(),
            };
            prop_assert_eq!(ArpFrame::parse(&frame.to_bytes()), Ok(frame));
        }
    }
}
