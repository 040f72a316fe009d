//! One Ethernet frame, as far as verification cares: ARP for IPv4 (RFC 826) and TCP over IPv4 (RFC 791, RFC 9293),
//! with or without one 802.1Q tag. Any bytes are survived.

use std::net::{Ipv4Addr, SocketAddrV4};

use pnet::packet::arp::{ArpOperations, ArpPacket};
use pnet::packet::ethernet::{EtherType, EtherTypes, EthernetPacket};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::Ipv4Packet;
use pnet::packet::tcp::{TcpFlags, TcpPacket};
use pnet::packet::vlan::VlanPacket;

use crate::types::MacAddr;

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// ARP for IPv4 over Ethernet.
    Arp(Arp),
    /// A TCP segment, or the first fragment of one.
    Tcp(Segment<'a>),
    /// The capture kept too little of a TCP frame to say to which port it went (snaplen).
    Short {
        /// IPv4 source.
        src: Ipv4Addr,
        /// IPv4 destination.
        dst: Ipv4Addr,
    },
    /// Anything else, malformed frames among it.
    Other,
}

/// ARP, with the Ethernet header it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Ethernet destination; zero if the capture does not know it.
    pub eth_dst: MacAddr,
    /// A reply (operation 2), not a request (1).
    pub reply: bool,
    /// Sender hardware address.
    pub sender_mac: MacAddr,
    /// Sender protocol address.
    pub sender: Ipv4Addr,
    /// Target hardware address.
    pub target_mac: MacAddr,
    /// Target protocol address.
    pub target: Ipv4Addr,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Ethernet source; zero if the capture does not know it.
    pub eth_src: MacAddr,
    /// Ethernet destination; zero if the capture does not know it.
    pub eth_dst: MacAddr,
    /// Sender.
    pub src: SocketAddrV4,
    /// Receiver.
    pub dst: SocketAddrV4,
    /// Sequence number of the first byte (of the SYN, if it is one).
    pub seq: u32,
    /// Acknowledgement number, if the ACK flag is set.
    pub ack: Option<u32>,
    /// SYN flag.
    pub syn: bool,
    /// RST flag.
    pub rst: bool,
    /// FIN flag.
    pub fin: bool,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// How many bytes of payload follow that were not captured (snaplen).
    pub missing: usize,
}

/// Parses one frame; `original_len` is its length on the wire, more than `frame.len()` if the capture cut it.
pub fn parse(frame: &[u8], original_len: usize) -> Seen<'_> {
    parse_ethernet(frame, original_len.max(frame.len())).unwrap_or(Seen::Other)
}

fn parse_ethernet(frame: &[u8], original_len: usize) -> Option<Seen<'_>> {
    let eth = EthernetPacket::new(frame)?;
    let mut ether_type: EtherType = eth.get_ethertype();
    let mut header = EthernetPacket::minimum_packet_size();
    if ether_type == EtherTypes::Vlan {
        ether_type = VlanPacket::new(frame.get(header..)?)?.get_ethertype();
        header += VlanPacket::minimum_packet_size();
    }
    let link = Link {
        eth_src: mac(eth.get_source()),
        eth_dst: mac(eth.get_destination()),
    };
    let rest = frame.get(header..)?;
    match ether_type {
        EtherTypes::Arp => parse_arp(link, rest),
        EtherTypes::Ipv4 => parse_ipv4(link, rest, original_len - header),
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Link {
    eth_src: MacAddr,
    eth_dst: MacAddr,
}

fn mac(m: pnet::util::MacAddr) -> MacAddr {
    MacAddr(m.octets())
}

fn parse_arp(link: Link, bytes: &[u8]) -> Option<Seen<'_>> {
    let arp = ArpPacket::new(bytes)?;
    let shape_ok = arp.get_hardware_type().0 == 1
        && arp.get_protocol_type() == EtherTypes::Ipv4
        && arp.get_hw_addr_len() == 6
        && arp.get_proto_addr_len() == 4;
    let reply = match arp.get_operation() {
        ArpOperations::Request => false,
        ArpOperations::Reply => true,
        _ => return None,
    };
    shape_ok.then(|| {
        Seen::Arp(Arp {
            eth_dst: link.eth_dst,
            reply,
            sender_mac: mac(arp.get_sender_hw_addr()),
            sender: arp.get_sender_proto_addr(),
            target_mac: mac(arp.get_target_hw_addr()),
            target: arp.get_target_proto_addr(),
        })
    })
}

/// `original` is the length of the packet on the wire, padding included.
fn parse_ipv4(link: Link, bytes: &[u8], original: usize) -> Option<Seen<'_>> {
    let ip = Ipv4Packet::new(bytes)?;
    let header = usize::from(ip.get_header_length()) * 4;
    let total = match usize::from(ip.get_total_length()) {
        // Linux hands packets over 64 KiB that it has merged or will split to a capture with a length of zero.
        0 => original,
        n => n,
    };
    if ip.get_version() != 4
        || header < Ipv4Packet::minimum_packet_size()
        || total < header
        || total > original
        || ip.get_next_level_protocol() != IpNextHeaderProtocols::Tcp
        || ip.get_fragment_offset() != 0
    {
        return None;
    }
    let (src, dst) = (ip.get_source(), ip.get_destination());
    let cut = bytes.len() < total;
    let Some(tcp_bytes) = bytes.get(header..bytes.len().min(total)) else {
        return cut.then_some(Seen::Short { src, dst });
    };
    let tcp_len = total - header;
    let Some(tcp) = TcpPacket::new(tcp_bytes) else {
        return cut.then_some(Seen::Short { src, dst });
    };
    let data = usize::from(tcp.get_data_offset()) * 4;
    if data < TcpPacket::minimum_packet_size() || data > tcp_len {
        return None;
    }
    let payload = tcp_bytes.get(data..).unwrap_or(&[]);
    let flags = tcp.get_flags();
    Some(Seen::Tcp(Segment {
        eth_src: link.eth_src,
        eth_dst: link.eth_dst,
        src: SocketAddrV4::new(src, tcp.get_source()),
        dst: SocketAddrV4::new(dst, tcp.get_destination()),
        seq: tcp.get_sequence(),
        ack: (flags & TcpFlags::ACK != 0).then(|| tcp.get_acknowledgement()),
        syn: flags & TcpFlags::SYN != 0,
        rst: flags & TcpFlags::RST != 0,
        fin: flags & TcpFlags::FIN != 0,
        payload,
        missing: tcp_len - data - payload.len(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ethernet, IPv4, TCP with 5 bytes of payload.
    fn tcp_frame() -> Vec<u8> {
        let mut f = vec![
            2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, // Ethernet
            0x45, 0, 0, 45, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
            0x12, 0x34, 0x07, 0x8f, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x12, 1, 0, 0, 0, 0, 0,
        ];
        f.extend_from_slice(b"hello");
        f
    }

    #[test]
    fn a_segment_is_read_with_padding_with_a_vlan_tag_and_when_the_capture_cut_it() {
        let mut frame = tcp_frame();
        frame.extend([0; 6]);
        let Seen::Tcp(s) = parse(&frame, frame.len()) else {
            panic!()
        };
        assert_eq!(
            (s.src.to_string(), s.dst.to_string(), s.seq, s.ack),
            ("10.0.0.1:4660".into(), "10.0.0.2:1935".into(), 7, Some(9))
        );
        assert_eq!(
            (s.syn, s.rst, s.payload, s.missing),
            (true, false, &b"hello"[..], 0)
        );

        let mut tagged = frame[..12].to_vec();
        tagged.extend([0x81, 0, 0, 10]);
        tagged.extend(&frame[12..]);
        assert_eq!(parse(&tagged, tagged.len()), Seen::Tcp(s));

        let Seen::Tcp(cut) = parse(&frame[..56], frame.len()) else {
            panic!()
        };
        assert_eq!((cut.payload, cut.missing), (&b"he"[..], 3));
        assert!(matches!(
            parse(&frame[..40], frame.len()),
            Seen::Short { .. }
        ));
        assert_eq!(parse(&frame[..30], frame.len()), Seen::Other);
    }

    #[test]
    fn a_length_that_the_frame_does_not_have_is_malformed() {
        let mut frame = tcp_frame();
        frame[17] = 46;
        assert_eq!(parse(&frame, frame.len()), Seen::Other);
        let mut frame = tcp_frame();
        frame[46] = 0xf0;
        assert_eq!(parse(&frame, frame.len()), Seen::Other);
    }

    #[test]
    fn a_later_fragment_is_not_taken_for_a_segment() {
        let mut frame = tcp_frame();
        frame[21] = 1;
        assert_eq!(parse(&frame, frame.len()), Seen::Other);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            bytes in proptest::collection::vec(any::<u8>(), 0..120),
            original in 0usize..70_000,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in 0usize..80,
        ) {
            parse(&bytes, original);
            let mut frame = tcp_frame();
            for (at, value) in changes {
                let at = at.index(frame.len());
                frame[at] = value;
            }
            frame.truncate(cut);
            if let Seen::Tcp(s) = parse(&frame, original) {
                prop_assert!(s.payload.len() + s.missing <= 65_535 || original > 65_535);
            }
        }
    }
}
