//! ICMP echo (RFC 792) to one address out of one interface. The kernel filters: only replies to our
//! own questions wake us.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::socket::{MsgFlags, recv};
use pnet::packet::icmp::echo_reply::EchoReplyPacket;
use pnet::packet::icmp::echo_request::MutableEchoRequestPacket;
use pnet::packet::icmp::{IcmpPacket, IcmpTypes, checksum};
use pnet::packet::ipv4::Ipv4Packet;
use pnet::packet::{FromPacket, Packet};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

use crate::rt;
use crate::sys;

/// Length of the echo message in bytes: the header, and 8 bytes of data as small as `ping` allows.
const MESSAGE_LEN: usize = 16;

/// An echo that could not be asked or heard.
#[derive(Debug, thiserror::Error)]
pub enum IcmpError {
    /// The socket could not be made.
    #[error(
        "cannot open an ICMP socket on interface {interface}: {source} (it needs CAP_NET_RAW and the interface)"
    )]
    Open {
        /// The interface asked for.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// No route, no neighbour, or the interface is down: the machine cannot be asked from here.
    #[error("cannot ask {target} by ICMP: {source}; check the interface and its address")]
    Unreachable {
        /// Who was to be asked.
        target: Ipv4Addr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else.
    #[error("ICMP with {target} failed: {source}")]
    Io {
        /// Who was asked.
        target: Ipv4Addr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Asks one address, out of one interface.
#[derive(Debug)]
pub struct IcmpProbe {
    target: Ipv4Addr,
    id: u16,
    fd: AsyncFd<Socket>,
    malformed: AtomicU64,
}

/// Passes echo replies from `target` with our `id`, unless they came by the loopback: where the target is an address
/// of this machine, our own kernel answers. A raw IPv4 socket's filter starts at the IP header.
fn filter(target: Ipv4Addr, id: u16) -> [SockFilter; 11] {
    const IFINDEX: u32 = 0xffff_f008; // SKF_AD_OFF + SKF_AD_IFINDEX: where it was received
    const LOOPBACK: u32 = 1; // LOOPBACK_IFINDEX of the kernel, in every namespace
    let f = SockFilter::new;
    [
        f(0x20, 0, 0, IFINDEX),           // ld ifidx
        f(0x15, 8, 0, LOOPBACK),          // jeq #1, drop
        f(0x20, 0, 0, 12),                // ld [12]: source address
        f(0x15, 0, 6, u32::from(target)), // jne #target, drop
        f(0xb1, 0, 0, 0),                 // ldxb 4*([0]&0xf): IP header length
        f(0x50, 0, 0, 0),                 // ldb [x+0]: ICMP type
        f(0x15, 0, 3, 0),                 // jne #0 (echo reply), drop
        f(0x48, 0, 0, 4),                 // ldh [x+4]: identifier
        f(0x15, 0, 1, u32::from(id)),     // jne #id, drop
        f(0x06, 0, 0, 0xffff),            // ret
        f(0x06, 0, 0, 0),                 // drop: ret #0
    ]
}

impl IcmpProbe {
    /// Opens a raw socket that leaves and hears only through `interface`. `id` tells our replies
    /// from those to other programs on this machine: give each probe its own. Needs CAP_NET_RAW.
    ///
    /// # Errors
    /// [`IcmpError::Open`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(interface: &str, target: Ipv4Addr, id: u16) -> Result<Self, IcmpError> {
        Self::open_by(Some(interface), target, id)
    }

    /// The same by whatever way the kernel has: for an address off the data path.
    ///
    /// # Errors
    /// [`IcmpError::Open`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open_anywhere(target: Ipv4Addr, id: u16) -> Result<Self, IcmpError> {
        Self::open_by(None, target, id)
    }

    fn open_by(interface: Option<&str>, target: Ipv4Addr, id: u16) -> Result<Self, IcmpError> {
        let open = || {
            let kind = Type::RAW.nonblocking().cloexec();
            let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4))?;
            socket.attach_filter(&filter(target, id))?;
            socket.bind_device(interface.map(str::as_bytes))?;
            // Not connected: the kernel would then report each unreachable as an error of `recv`.
            sys::async_fd(socket)
        };
        let fd = open().map_err(|source| IcmpError::Open {
            interface: interface.unwrap_or("(any)").to_owned(),
            source,
        })?;
        Ok(IcmpProbe {
            target,
            id,
            fd,
            malformed: AtomicU64::new(0),
        })
    }

    /// Sends one echo request with this sequence number now; never waits.
    ///
    /// # Errors
    /// [`IcmpError::Unreachable`], [`IcmpError::Io`] (`WouldBlock` when the queue is full).
    pub fn send(&self, seq: u16) -> Result<(), IcmpError> {
        let target = self.target;
        let to = SocketAddrV4::new(target, 0).into();
        match self.fd.get_ref().send_to(&request(self.id, seq), &to) {
            Ok(_) => Ok(()),
            Err(source) => Err(match source.raw_os_error() {
                Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::ENODEV) => {
                    IcmpError::Unreachable { target, source }
                }
                _ => IcmpError::Io { target, source },
            }),
        }
    }

    /// Waits for the next reply: who answered (always the target) and the sequence number. Damaged
    /// ones are counted and skipped. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`IcmpError::Io`] when the socket itself is broken.
    pub async fn recv(&self) -> Result<(Ipv4Addr, u16), IcmpError> {
        let target = self.target;
        let error = |source| IcmpError::Io { target, source };
        let mut buffer = [0u8; 256];
        loop {
            let mut ready = self.fd.readable().await.map_err(error)?;
            let received = ready.try_io(|fd| {
                Ok(recv(
                    fd.get_ref().as_raw_fd(),
                    &mut buffer,
                    MsgFlags::empty(),
                )?)
            });
            match received {
                Ok(Ok(n)) => match reply(&buffer[..n], self.id) {
                    Some(reply) => return Ok(reply),
                    None => {
                        self.malformed.fetch_add(1, Ordering::Relaxed);
                        rt::yield_now().await;
                    }
                },
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(e)) => return Err(error(e)),
                Err(_would_block) => {}
            }
        }
    }

    /// The next reply that has arrived, without waiting and without the runtime: its sequence number. `None` if there is
    /// none, or on an error, which [`recv`](Self::recv) tells.
    pub fn try_recv(&self) -> Option<u16> {
        let mut buffer = [0u8; 256];
        let fd = self.fd.get_ref().as_raw_fd();
        loop {
            let n = recv(fd, &mut buffer, MsgFlags::MSG_DONTWAIT).ok()?;
            match reply(&buffer[..n], self.id) {
                Some((_, sequence)) => return Some(sequence),
                None => self.malformed.fetch_add(1, Ordering::Relaxed),
            };
        }
    }

    /// How many replies were skipped because they were damaged.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }
}

fn request(id: u16, seq: u16) -> [u8; MESSAGE_LEN] {
    const INVARIANT: &str = "MESSAGE_LEN has room for the header";
    let mut bytes = [0u8; MESSAGE_LEN];
    let mut echo = MutableEchoRequestPacket::new(&mut bytes).expect(INVARIANT);
    echo.set_icmp_type(IcmpTypes::EchoRequest);
    echo.set_identifier(id);
    echo.set_sequence_number(seq);
    echo.set_payload(b"standin\0");
    let sum = checksum(&IcmpPacket::new(echo.packet()).expect(INVARIANT));
    echo.set_checksum(sum);
    bytes
}

/// Reads an IPv4 packet with an echo reply for `id`.
fn reply(bytes: &[u8], id: u16) -> Option<(Ipv4Addr, u16)> {
    let ip = Ipv4Packet::new(bytes)?;
    let header = usize::from(ip.get_header_length()) * 4;
    let icmp = bytes.get(header.max(20)..)?;
    let message = IcmpPacket::new(icmp)?;
    let echo = EchoReplyPacket::new(icmp)?;
    let intact = checksum(&message) == message.from_packet().checksum;
    let ours = echo.get_icmp_type() == IcmpTypes::EchoReply && echo.get_identifier() == id;
    (intact && ours).then(|| (ip.get_source(), echo.get_sequence_number()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(id: u16, seq: u16) -> Vec<u8> {
        let mut icmp = request(id, seq);
        icmp[0] = 0;
        icmp[2..4].fill(0);
        let sum = checksum(&IcmpPacket::new(&icmp).unwrap());
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut packet = vec![
            0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, 192, 168, 1, 101, 192, 168, 1, 102,
        ];
        packet.extend(icmp);
        packet
    }

    #[test]
    fn the_request_is_on_the_wire_as_rfc_792_draws_it() {
        let hex: String = request(0x1234, 7)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(hex, "08003e78123400077374616e64696e00");
    }

    #[test]
    fn a_reply_is_read_and_a_strangers_or_a_damaged_one_is_not() {
        let good = answer(0x1234, 7);
        assert_eq!(
            reply(&good, 0x1234),
            Some((Ipv4Addr::new(192, 168, 1, 101), 7))
        );
        assert_eq!(reply(&good, 0x1235), None);
        let mut damaged = good.clone();
        damaged[30] ^= 1;
        assert_eq!(reply(&damaged, 0x1234), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = reply(&bytes, 0);
        }

        #[test]
        fn a_cut_or_bent_reply_is_survived(cut in 0usize..=36, at in 0usize..36, byte in any::<u8>()) {
            let mut packet = answer(1, 2);
            packet[at] = byte;
            let _ = reply(&packet[..cut], 1);
        }
    }
}
