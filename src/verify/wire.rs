//! One Ethernet frame, as far as verification cares: ARP for IPv4 (RFC 826) and TCP over IPv4 (RFC 791, RFC 9293),
//! with any number of VLAN tags (802.1Q, 802.1ad and the older 0x9100). What cannot be looked into is named. Any bytes
//! are survived.

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
    /// Something that cannot carry a camera's stream: another protocol of IPv4, IPv6, LLDP, spanning tree and the like.
    Other,
    /// Something that may carry one and is not looked into.
    Opaque(Opaque),
}

/// What a frame is that is not decoded although a camera's stream may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opaque {
    /// An EtherType that is not known here.
    EtherType(u16),
    /// More VLAN tags than are followed.
    Tags,
    /// A tunnel: GRE and ERSPAN (47), IP in IP (4), IPv6 in IPv4 (41), ESP (50), EtherIP (97).
    Tunnel(u8),
    /// VXLAN (RFC 7348) or GENEVE (RFC 8926), by its UDP port.
    UdpTunnel(u16),
    /// TZSP, as RouterOS mirrors frames, by its UDP port.
    Tzsp,
    /// A later fragment of an IPv4 packet with TCP (RFC 791): it is not put together.
    Fragment {
        /// IPv4 source.
        src: Ipv4Addr,
        /// IPv4 destination.
        dst: Ipv4Addr,
    },
    /// A frame of which the capture kept too little to say whose it is.
    Cut,
    /// A frame whose lengths or headers contradict each other.
    Malformed,
}

impl Opaque {
    /// What it is, for people: the same for all that are counted together.
    pub fn name(self) -> String {
        match self {
            Opaque::EtherType(t) => match ETHER_TYPES.iter().find(|(n, _)| *n == t) {
                Some((_, name)) => format!("{name} (EtherType 0x{t:04x})"),
                None => format!("EtherType 0x{t:04x}"),
            },
            Opaque::Tags => format!("more than {MOST_TAGS} VLAN tags"),
            Opaque::Tunnel(47) => "GRE, of which ERSPAN is one (IP protocol 47)".to_owned(),
            Opaque::Tunnel(4) => "IP in IP (IP protocol 4)".to_owned(),
            Opaque::Tunnel(50) => "IPsec ESP (IP protocol 50)".to_owned(),
            Opaque::Tunnel(p) => format!("a tunnel (IP protocol {p})"),
            Opaque::UdpTunnel(4789 | 8472) => "VXLAN".to_owned(),
            Opaque::UdpTunnel(_) => "GENEVE".to_owned(),
            Opaque::Tzsp => "TZSP".to_owned(),
            Opaque::Fragment { .. } => "IP fragments".to_owned(),
            Opaque::Cut => "frames cut too short to say whose they are".to_owned(),
            Opaque::Malformed => "malformed frames".to_owned(),
        }
    }
}

/// Tags that are followed: two are QinQ, a mirror port may add one more.
const MOST_TAGS: usize = 8;
/// EtherTypes that another frame or packet hides behind (IEEE's registry; the last are Cisco's and Broadcom's).
const ETHER_TYPES: [(u16, &str); 13] = [
    (0x8847, "MPLS"),
    (0x8848, "MPLS multicast"),
    (0x8863, "PPPoE discovery"),
    (0x8864, "PPPoE"),
    (0x88e5, "MACsec"),
    (0x88e7, "802.1ah"),
    (0x88fb, "PRP or HSR"),
    (0x892f, "HSR"),
    (0x8926, "VN-Tag"),
    (0x893f, "802.1BR"),
    (0x8903, "FabricPath"),
    (0x22f3, "TRILL"),
    (0x894f, "NSH"),
];
/// EtherTypes that carry nothing of an IPv4 camera: loopback tests, IPv6, flow control, slow protocols, 802.1X, LLDP,
/// PTP, CFM, MRP, RARP, RoMON and home plugs.
const HARMLESS: [u16; 20] = [
    0x9000, 0x86dd, 0x8808, 0x8809, 0x888e, 0x88cc, 0x88f7, 0x8902, 0x88e3, 0x88f5, 0x88f6, 0x8035,
    0x88bf, 0x88e1, 0x8912, 0x893a, 0x0842, 0x8137, 0x809b, 0x80f3,
];
const VXLAN: [u16; 2] = [4789, 8472];
const GENEVE: u16 = 6081;
const TZSP: u16 = 37008;

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
    parse_ethernet(frame, original_len.max(frame.len())).unwrap_or(Seen::Opaque(
        if original_len > frame.len() {
            Opaque::Cut
        } else {
            Opaque::Malformed
        },
    ))
}

fn parse_ethernet(frame: &[u8], original_len: usize) -> Option<Seen<'_>> {
    let eth = EthernetPacket::new(frame)?;
    let mut ether_type: EtherType = eth.get_ethertype();
    let mut header = EthernetPacket::minimum_packet_size();
    let mut tags = 0;
    while matches!(ether_type.0, 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300) {
        if tags == MOST_TAGS {
            return Some(Seen::Opaque(Opaque::Tags));
        }
        ether_type = VlanPacket::new(frame.get(header..)?)?.get_ethertype();
        header += VlanPacket::minimum_packet_size();
        tags += 1;
    }
    let link = Link {
        eth_src: mac(eth.get_source()),
        eth_dst: mac(eth.get_destination()),
    };
    let rest = frame.get(header..)?;
    match ether_type {
        EtherTypes::Arp => parse_arp(link, rest),
        EtherTypes::Ipv4 => parse_ipv4(link, rest, original_len - header),
        // Below 1536 it is a length: spanning tree, CDP and other users of LLC (IEEE 802.3, 3.2.6).
        EtherType(t) if t < 0x0600 || HARMLESS.contains(&t) => Some(Seen::Other),
        EtherType(t) => Some(Seen::Opaque(Opaque::EtherType(t))),
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
        _ => return Some(Seen::Other),
    };
    Some(if shape_ok {
        Seen::Arp(Arp {
            eth_dst: link.eth_dst,
            reply,
            sender_mac: mac(arp.get_sender_hw_addr()),
            sender: arp.get_sender_proto_addr(),
            target_mac: mac(arp.get_target_hw_addr()),
            target: arp.get_target_proto_addr(),
        })
    } else {
        Seen::Other
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
    {
        return None;
    }
    let (src, dst) = (ip.get_source(), ip.get_destination());
    let protocol = ip.get_next_level_protocol();
    if protocol != IpNextHeaderProtocols::Tcp {
        return Some(other_than_tcp(
            protocol.0,
            ip.get_fragment_offset(),
            bytes,
            header,
        ));
    }
    if ip.get_fragment_offset() != 0 {
        return Some(Seen::Opaque(Opaque::Fragment { src, dst }));
    }
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

/// An IPv4 packet that is not TCP: it may be a tunnel, and of a mirror port it often is.
fn other_than_tcp(protocol: u8, offset: u16, bytes: &[u8], header: usize) -> Seen<'_> {
    match protocol {
        4 | 41 | 47 | 50 | 97 => Seen::Opaque(Opaque::Tunnel(protocol)),
        17 if offset == 0 => {
            let port = bytes
                .get(header + 2..header + 4)
                .map(|p| u16::from_be_bytes([p[0], p[1]]));
            match port {
                Some(p) if VXLAN.contains(&p) || p == GENEVE => Seen::Opaque(Opaque::UdpTunnel(p)),
                Some(TZSP) => Seen::Opaque(Opaque::Tzsp),
                Some(_) | None => Seen::Other,
            }
        }
        _ => Seen::Other,
    }
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
        assert_eq!(parse(&frame[..30], frame.len()), Seen::Opaque(Opaque::Cut));
    }

    #[test]
    fn any_number_of_vlan_tags_of_every_kind_is_followed() {
        let frame = tcp_frame();
        let want = parse(&frame, frame.len());
        for tags in [
            &[0x88a8u16][..],
            &[0x88a8, 0x8100],
            &[0x8100, 0x8100],
            &[0x9100, 0x8100],
            &[0x9100],
            &[0x88a8, 0x88a8, 0x8100],
        ] {
            let mut tagged = frame[..12].to_vec();
            for tag in tags {
                tagged.extend(tag.to_be_bytes());
                tagged.extend([0, 10]);
            }
            tagged.extend(&frame[12..]);
            assert_eq!(parse(&tagged, tagged.len()), want, "{tags:x?}");
        }
        let endless = [&frame[..12], &[0x81, 0, 0, 10].repeat(20)[..]].concat();
        assert_eq!(parse(&endless, endless.len()), Seen::Opaque(Opaque::Tags));
    }

    #[test]
    fn what_may_hide_a_camera_is_told_from_what_cannot() {
        let with_type = |t: u16| {
            let mut f = tcp_frame();
            f[12..14].copy_from_slice(&t.to_be_bytes());
            f
        };
        for (t, want) in [
            (0x88cc, None),
            (0x86dd, None),
            (0x0026, None),
            (0x88e5, Some("MACsec (EtherType 0x88e5)")),
            (0x88b5, Some("EtherType 0x88b5")),
        ] {
            let f = with_type(t);
            let got = match parse(&f, f.len()) {
                Seen::Opaque(o) => Some(o.name()),
                Seen::Other => None,
                seen => panic!("{seen:?}"),
            };
            assert_eq!(got.as_deref(), want, "{t:04x}");
        }
        let with_protocol = |p: u8, port: u16| {
            let mut f = tcp_frame();
            f[23] = p;
            f[36..38].copy_from_slice(&port.to_be_bytes());
            f
        };
        for (protocol, port, want) in [
            (47, 0, Seen::Opaque(Opaque::Tunnel(47))),
            (17, 4789, Seen::Opaque(Opaque::UdpTunnel(4789))),
            (17, 37008, Seen::Opaque(Opaque::Tzsp)),
            (17, 53, Seen::Other),
            (1, 0, Seen::Other),
        ] {
            let f = with_protocol(protocol, port);
            assert_eq!(parse(&f, f.len()), want);
        }
    }

    #[test]
    fn a_length_that_the_frame_does_not_have_is_malformed() {
        let mut frame = tcp_frame();
        frame[17] = 46;
        let malformed = Seen::Opaque(Opaque::Malformed);
        assert_eq!(parse(&frame, frame.len()), malformed);
        let mut frame = tcp_frame();
        frame[46] = 0xf0;
        assert_eq!(parse(&frame, frame.len()), malformed);
    }

    #[test]
    fn a_later_fragment_is_not_taken_for_a_segment() {
        let mut frame = tcp_frame();
        frame[21] = 1;
        assert!(matches!(
            parse(&frame, frame.len()),
            Seen::Opaque(Opaque::Fragment { .. })
        ));
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
