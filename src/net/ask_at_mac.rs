//! Asks one machine at its MAC address whether a TCP service behind an address answers, although that address is our
//! own as well: the kernel would connect to ourselves. So the client side of one connection is spoken here, in raw
//! frames, from our own (other) address.
//!
//! The answers come to our kernel too, which knows nothing of the connection. It does not answer them with a reset: a
//! frame whose source address is local to this host is a martian and is dropped before TCP sees it (Linux
//! `__fib_validate_source`; `accept_local` is 0 by default). Where `accept_local` is 1 the reset goes to the owner of
//! that address, which is ourselves: over `lo`, never onto the wire. So no filter rule and no port of ours is needed;
//! but it may only be used while the address is on this host.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use pnet::packet::Packet;
use pnet::packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, Ipv4Flags, Ipv4Packet, MutableIpv4Packet};
use pnet::packet::tcp::{self, MutableTcpPacket, TcpFlags, TcpPacket};
use socket2::{SockFilter, Socket};
use tokio::io::unix::AsyncFd;

use crate::rt::{self, Instant, timeout_at};
use crate::sys;
use crate::types::{IfIndex, MacAddr};

/// What is not acknowledged is sent again after this.
const AGAIN: Duration = Duration::from_millis(200);
/// Bytes of payload per segment: fits into any Ethernet, with a tag.
const SEGMENT: usize = 1000;
const ETHERNET: usize = 14;
const IP: usize = 20;
const TCP: usize = 20;
/// Room for some answers; more than the first bytes are not wanted.
const RECEIVE_BUFFER: usize = 1 << 16;

/// Whom to ask, and from where.
#[derive(Clone, Copy, Debug)]
pub struct AtMac {
    /// Kernel index of the interface through which it is reached.
    pub interface: IfIndex,
    /// Our MAC address there.
    pub our_mac: MacAddr,
    /// Our own address there; not the one that is asked.
    pub our_address: Ipv4Addr,
    /// The machine that is asked.
    pub mac: MacAddr,
    /// The address, which is ours too, and the port of its service.
    pub at: SocketAddrV4,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Our own side: no such interface, not permitted. No evidence at all.
    #[error("cannot send raw frames on interface {0}: {1} (it needs CAP_NET_RAW)")]
    Local(IfIndex, io::Error),
    /// Nobody answered our SYN.
    #[error("{mac} does not answer our SYN for {at}")]
    Silent {
        /// Who was asked.
        mac: MacAddr,
        /// For what.
        at: SocketAddrV4,
    },
    /// A reset: the machine lives and nothing listens.
    #[error("{mac} refuses the connection to {at}: nothing listens there")]
    Refused {
        /// Who was asked.
        mac: MacAddr,
        /// For what.
        at: SocketAddrV4,
    },
    /// Its kernel accepted, its service said nothing.
    #[error("{mac} accepts the connection to {at}, and its service says nothing")]
    Mute {
        /// Who was asked.
        mac: MacAddr,
        /// For what.
        at: SocketAddrV4,
    },
}

/// Connects, sends `hello`, and returns the first bytes of the answer. The connection is then reset.
///
/// # Errors
/// [`NoAnswer`], within `limit`.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn first_answer(ask: AtMac, hello: &[u8], limit: Duration) -> Result<Vec<u8>, NoAnswer> {
    let local = |e: io::Error| NoAnswer::Local(ask.interface, e);
    let [p0, p1, s0, s1, s2, s3, ..] = rt::random().to_be_bytes();
    // Above the kernel's default range for its own connections (ip_local_port_range ends at 60999).
    let port = 61_000 + u16::from_be_bytes([p0, p1]) % 4_500;
    let mut talk = Talk {
        ask,
        port,
        next: u32::from_be_bytes([s0, s1, s2, s3]),
        acknowledged: 0,
        fd: open(&ask, port).map_err(local)?,
    };
    let deadline = Instant::now() + limit;
    let answer = talk.talk(hello, deadline).await;
    if answer.is_ok() || matches!(answer, Err(NoAnswer::Mute { .. })) {
        let _ = talk.send(TcpFlags::RST | TcpFlags::ACK, &[]);
    }
    answer
}

/// One connection as its client sees it.
struct Talk {
    ask: AtMac,
    port: u16,
    /// Sequence number of what is sent next.
    next: u32,
    /// Sequence number that we wait for.
    acknowledged: u32,
    fd: AsyncFd<Socket>,
}

/// What a segment of the other side says.
struct Heard {
    flags: u8,
    sequence: u32,
    acknowledges: u32,
    payload: Vec<u8>,
}

impl Talk {
    async fn talk(&mut self, hello: &[u8], deadline: Instant) -> Result<Vec<u8>, NoAnswer> {
        let AtMac {
            mac, at, interface, ..
        } = self.ask;
        let local = |e: io::Error| NoAnswer::Local(interface, e);
        let first = self.next;
        // SYN, until it is acknowledged.
        loop {
            self.next = first;
            self.send(TcpFlags::SYN, &[]).map_err(local)?;
            self.next = first.wrapping_add(1);
            match self.hear(deadline).await.map_err(local)? {
                Some(h) if h.flags & TcpFlags::RST != 0 => {
                    return Err(NoAnswer::Refused { mac, at });
                }
                Some(h)
                    if h.flags & TcpFlags::SYN != 0
                        && h.flags & TcpFlags::ACK != 0
                        && h.acknowledges == self.next =>
                {
                    self.acknowledged = h.sequence.wrapping_add(1);
                    break;
                }
                Some(_) | None if Instant::now() >= deadline => {
                    return Err(NoAnswer::Silent { mac, at });
                }
                Some(_) | None => {}
            }
        }
        // What we say, until something is said to us.
        let begin = self.next;
        loop {
            self.next = begin;
            for part in hello.chunks(SEGMENT) {
                self.send(TcpFlags::ACK | TcpFlags::PSH, part)
                    .map_err(local)?;
                self.next = self.next.wrapping_add(part.len() as u32);
            }
            let again = (Instant::now() + AGAIN).min(deadline);
            while let Some(h) = self.hear_until(again).await.map_err(local)? {
                if h.flags & (TcpFlags::RST | TcpFlags::FIN) != 0 && h.payload.is_empty() {
                    return Err(NoAnswer::Mute { mac, at });
                }
                if !h.payload.is_empty() && h.sequence == self.acknowledged {
                    self.acknowledged = self.acknowledged.wrapping_add(h.payload.len() as u32);
                    return Ok(h.payload);
                }
            }
            if Instant::now() >= deadline {
                return Err(NoAnswer::Mute { mac, at });
            }
        }
    }

    async fn hear(&self, deadline: Instant) -> io::Result<Option<Heard>> {
        self.hear_until((Instant::now() + AGAIN).min(deadline))
            .await
    }

    /// The next segment of this connection, or `None` at that time.
    async fn hear_until(&self, until: Instant) -> io::Result<Option<Heard>> {
        let mut buffer = [0u8; 2048];
        loop {
            let mut ready = match timeout_at(until, self.fd.readable()).await {
                Ok(ready) => ready?,
                Err(_) => return Ok(None),
            };
            let read = ready.try_io(|fd| {
                nix::sys::socket::recv(
                    std::os::fd::AsRawFd::as_raw_fd(fd.get_ref()),
                    &mut buffer,
                    nix::sys::socket::MsgFlags::empty(),
                )
                .map_err(io::Error::from)
            });
            match read {
                Ok(Ok(n)) => {
                    if let Some(heard) = parse(&buffer[..n], &self.ask, self.port) {
                        return Ok(Some(heard));
                    }
                }
                // The link went down: the kernel says so once, then the socket is silent.
                Ok(Err(e)) if e.raw_os_error() == Some(libc::ENETDOWN) => {}
                Ok(Err(e)) => return Err(e),
                Err(_would_block) => {}
            }
        }
    }

    fn send(&self, flags: u8, payload: &[u8]) -> io::Result<()> {
        let frame = frame(
            &self.ask,
            self.port,
            (self.next, self.acknowledged),
            flags,
            payload,
        );
        self.fd.get_ref().send(&frame).map(|_| ())
    }
}

/// One segment as a whole frame (RFC 791, RFC 9293).
fn frame(
    ask: &AtMac,
    port: u16,
    (sequence, acknowledged): (u32, u32),
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0u8; ETHERNET + IP + TCP + payload.len()];
    if let Some(mut ethernet) = MutableEthernetPacket::new(&mut bytes) {
        ethernet.set_destination(ask.mac.0.into());
        ethernet.set_source(ask.our_mac.0.into());
        ethernet.set_ethertype(EtherTypes::Ipv4);
    }
    if let Some(mut tcp) = MutableTcpPacket::new(&mut bytes[ETHERNET + IP..]) {
        tcp.set_source(port);
        tcp.set_destination(ask.at.port());
        tcp.set_sequence(sequence);
        tcp.set_acknowledgement(acknowledged);
        tcp.set_data_offset((TCP / 4) as u8);
        tcp.set_flags(flags);
        tcp.set_window(u16::MAX);
        tcp.set_payload(payload);
        let sum = tcp::ipv4_checksum(&tcp.to_immutable(), &ask.our_address, ask.at.ip());
        tcp.set_checksum(sum);
    }
    if let Some(mut ip) = MutableIpv4Packet::new(&mut bytes[ETHERNET..]) {
        ip.set_version(4);
        ip.set_header_length((IP / 4) as u8);
        ip.set_total_length((IP + TCP + payload.len()) as u16);
        ip.set_flags(Ipv4Flags::DontFragment);
        ip.set_ttl(64);
        ip.set_next_level_protocol(IpNextHeaderProtocols::Tcp);
        ip.set_source(ask.our_address);
        ip.set_destination(*ask.at.ip());
        let sum = ipv4::checksum(&ip.to_immutable());
        ip.set_checksum(sum);
    }
    bytes
}

/// A segment of the machine that is asked, to our port.
fn parse(bytes: &[u8], ask: &AtMac, port: u16) -> Option<Heard> {
    let ethernet = EthernetPacket::new(bytes)?;
    let from: [u8; 6] = ethernet.get_source().into();
    if ethernet.get_ethertype() != EtherTypes::Ipv4 || MacAddr(from) != ask.mac {
        return None;
    }
    let ip = Ipv4Packet::new(ethernet.payload())?;
    let ours = ip.get_source() == *ask.at.ip() && ip.get_destination() == ask.our_address;
    if !ours || ip.get_next_level_protocol() != IpNextHeaderProtocols::Tcp {
        return None;
    }
    let (header, total) = (
        usize::from(ip.get_header_length()) * 4,
        usize::from(ip.get_total_length()),
    );
    // Ethernet pads short frames: the IP header says where the segment ends.
    let segment = ip.packet().get(header..total)?;
    let tcp = TcpPacket::new(segment)?;
    let payload = segment.get(usize::from(tcp.get_data_offset()) * 4..)?;
    (tcp.get_source() == ask.at.port() && tcp.get_destination() == port).then(|| Heard {
        flags: tcp.get_flags(),
        sequence: tcp.get_sequence(),
        acknowledges: tcp.get_acknowledgement(),
        payload: payload.to_vec(),
    })
}

/// TCP over IPv4 from that MAC address to our port.
fn open(ask: &AtMac, port: u16) -> io::Result<AsyncFd<Socket>> {
    let [a, b, c, d, e, g] = ask.mac.0;
    let f = SockFilter::new;
    let program = [
        f(0x28, 0, 0, 12),                                    // ldh [12]
        f(0x15, 0, 9, 0x0800),                                // jne IPv4, drop
        f(0x20, 0, 0, 6),                                     // ld [6]
        f(0x15, 0, 7, u32::from_be_bytes([a, b, c, d])),      // jne MAC, drop
        f(0x28, 0, 0, 10),                                    // ldh [10]
        f(0x15, 0, 5, u32::from(u16::from_be_bytes([e, g]))), // jne MAC, drop
        f(0x30, 0, 0, 23),                                    // ldb [23]
        f(0x15, 0, 3, libc::IPPROTO_TCP as u32),              // jne TCP, drop
        f(0xb1, 0, 0, 14),                                    // ldxb 4*([14]&0xf)
        f(0x48, 0, 0, 16),                                    // ldh [x+16]
        f(0x15, 1, 0, u32::from(port)),                       // jeq port, pass
        f(0x06, 0, 0, 0),                                     // drop
        f(0x06, 0, 0, 2048),                                  // pass
    ];
    let socket = sys::packet_socket(
        sys::ETHERTYPE_ALL,
        ask.interface.0,
        &program,
        RECEIVE_BUFFER,
    )?;
    // Older kernels do not know the option; the filter asks for the other side's MAC address.
    let _ = sys::packet_ignore_outgoing(&socket);
    sys::async_fd(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> AtMac {
        AtMac {
            interface: IfIndex(2),
            our_mac: MacAddr([2, 0, 0, 0, 0, 2]),
            our_address: Ipv4Addr::new(192, 168, 1, 102),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            at: SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 101), 1935),
        }
    }

    #[test]
    fn a_syn_is_what_the_standards_say() {
        let bytes = frame(&ask(), 61_001, (7, 0), TcpFlags::SYN, &[]);
        assert_eq!(bytes.len(), 54);
        assert_eq!(bytes[..14], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        assert_eq!(bytes[26..34], [192, 168, 1, 102, 192, 168, 1, 101]);
        assert_eq!(bytes[34..38], [0xee, 0x49, 0x07, 0x8f], "61001 to 1935");
        assert_eq!(bytes[47], 0x02, "SYN and nothing else");
        // Both sums over what they cover, themselves included, are all ones (RFC 1071).
        let sum = |bytes: &[u8], more: u32| {
            let words = bytes
                .chunks(2)
                .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])));
            let sum = words.sum::<u32>() + more;
            (sum & 0xffff) + (sum >> 16)
        };
        assert_eq!(sum(&bytes[14..34], 0), 0xffff);
        let pseudo: u32 = 0xc0a8 + 0x0166 + 0xc0a8 + 0x0165 + 6 + 20;
        assert_eq!(sum(&bytes[34..54], pseudo), 0xffff);
    }

    #[test]
    fn only_that_machine_s_segment_to_our_port_is_heard_and_padding_is_no_payload() {
        let us = ask();
        let them = AtMac {
            our_mac: us.mac,
            our_address: *us.at.ip(),
            mac: us.our_mac,
            at: SocketAddrV4::new(us.our_address, 61_001),
            ..us
        };
        let mut bytes = frame(&them, 1935, (100, 8), TcpFlags::SYN | TcpFlags::ACK, &[]);
        bytes.extend([0; 6]);
        let heard = parse(&bytes, &us, 61_001).expect("it is for us");
        assert_eq!((heard.sequence, heard.acknowledges), (100, 8));
        assert!(heard.payload.is_empty());
        assert!(parse(&bytes, &us, 61_002).is_none());
        let said = frame(&them, 1935, (101, 8), TcpFlags::ACK, b"\x03abc");
        let heard = parse(&said, &us, 61_001).expect("it is for us");
        assert_eq!(heard.payload, b"\x03abc");
        let other = AtMac {
            mac: MacAddr([2, 0, 0, 0, 0, 9]),
            ..us
        };
        assert!(parse(&said, &other, 61_001).is_none());
        for cut in 0..said.len() {
            let _ = parse(&said[..cut], &us, 61_001);
        }
    }
}
