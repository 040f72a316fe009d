//! Whether a SYN of ours really left by an interface.
//!
//! A connection that fails says nothing of the other side unless our SYN left: it may have been dropped or refused by our
//! own firewall, sent by another interface, or not at all. One that succeeds without it was with ourselves.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, recv};
use socket2::{SockFilter, Socket};

use crate::sys::{self, ETHERTYPE_ALL};
use crate::types::IfIndex;

/// Room for a few frames.
const RECEIVE_BUFFER: usize = 1 << 14;

/// Counts the SYNs to one address that leave by one interface, from when it is opened.
#[derive(Debug)]
pub struct SentSyns(Socket);

/// Passes what this machine sends by the interface: IPv4, TCP, to `to`, with SYN.
fn filter(to: SocketAddrV4) -> [SockFilter; 15] {
    const PKTTYPE: u32 = 0xffff_f004; // SKF_AD_OFF + SKF_AD_PKTTYPE
    const IPV4: u32 = 0x0800;
    const TCP: u32 = 6;
    const SYN: u32 = 0x02;
    let f = SockFilter::new;
    [
        f(0x20, 0, 0, PKTTYPE),                           // ld type
        f(0x15, 0, 11, u32::from(libc::PACKET_OUTGOING)), // jne outgoing, drop
        f(0x28, 0, 0, 12),                                // ldh [12]: ethertype
        f(0x15, 0, 9, IPV4),                              // jne, drop
        f(0x30, 0, 0, 23),                                // ldb [23]: protocol
        f(0x15, 0, 7, TCP),                               // jne, drop
        f(0x20, 0, 0, 30),                                // ld [30]: destination address
        f(0x15, 0, 5, u32::from(*to.ip())),               // jne, drop
        f(0xb1, 0, 0, 14),                                // ldxb 4*([14]&0xf): IP header length
        f(0x48, 0, 0, 16),                                // ldh [x+16]: destination port
        f(0x15, 0, 2, u32::from(to.port())),              // jne, drop
        f(0x50, 0, 0, 27),                                // ldb [x+27]: flags
        f(0x45, 1, 0, SYN),                               // jset, pass
        f(0x06, 0, 0, 0),                                 // drop: ret #0
        f(0x06, 0, 0, 64),                                // pass: ret #64
    ]
}

impl SentSyns {
    /// Begins to count. Needs CAP_NET_RAW.
    ///
    /// # Errors
    /// The interface is gone, or the kernel refuses the socket.
    pub fn open(interface: IfIndex, to: SocketAddrV4) -> io::Result<SentSyns> {
        sys::packet_socket(ETHERTYPE_ALL, interface.0, &filter(to), RECEIVE_BUFFER).map(SentSyns)
    }

    /// True if one left until now.
    pub fn any(&self) -> bool {
        let mut frame = [0u8; 64];
        loop {
            match recv(self.0.as_raw_fd(), &mut frame, MsgFlags::MSG_DONTWAIT) {
                Ok(n) => return n > 0,
                // Said once when the link goes down.
                Err(nix::errno::Errno::ENETDOWN | nix::errno::Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }
}
