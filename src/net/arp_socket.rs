//! The socket that ARP frames leave and come in by: one interface, a kernel filter, never blocking.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::{SockFilter, Socket};
use tokio::io::unix::AsyncFd;

use super::arp::ArpFrame;
use crate::rt;
use crate::sys::{self, ETHERTYPE_ARP};

/// Bytes of receive buffer: room for the receipts of more than a thousand cameras at once.
const RECEIVE_BUFFER: usize = 1 << 20;
/// After so many useless frames in a row everyone else on this thread gets a turn.
const FAIRNESS: u32 = 64;

/// An ARP frame that could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum ArpError {
    /// The interface does not exist.
    #[error(
        "no interface is called `{0}` on this machine: check `interface` in the configuration (`ip link` lists them)"
    )]
    NoInterface(String),
    /// The socket could not be made.
    #[error("cannot open an ARP socket on {interface}: {source} (it needs CAP_NET_RAW)")]
    Open {
        /// The interface asked for.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The interface is administratively down, or gone.
    #[error("cannot send ARP on {0}: the interface is down; bring it up and try again")]
    LinkDown(String),
    /// The send queue is full.
    #[error("cannot send ARP on {0} now: its queue is full; try again in some milliseconds")]
    QueueFull(String),
    /// Anything else.
    #[error("ARP on {interface} failed: {source}")]
    Io {
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// An open ARP socket on one interface, for a tokio runtime's thread.
#[derive(Debug)]
pub struct ArpSocket {
    interface: String,
    fd: AsyncFd<Socket>,
    malformed: AtomicU64,
}

/// Passes ARP that is meant for this machine or for all, in at most 128 bytes.
///
/// The kernel also hands up frames of VLANs that have no interface here, with their tag stripped,
/// marked as somebody else's (`PACKET_OTHERHOST`): evidence from another VLAN is none.
fn filter() -> [SockFilter; 6] {
    const PKTTYPE: u32 = 0xffff_f004; // SKF_AD_OFF + SKF_AD_PKTTYPE
    let f = SockFilter::new;
    [
        f(0x28, 0, 0, 12),                                // ldh [12]
        f(0x15, 0, 3, u32::from(ETHERTYPE_ARP)),          // jne #0x806, drop
        f(0x20, 0, 0, PKTTYPE),                           // ld type
        f(0x25, 1, 0, u32::from(libc::PACKET_MULTICAST)), // jgt #2, drop: others', our own
        f(0x06, 0, 0, 128),                               // ret #128
        f(0x06, 0, 0, 0),                                 // drop: ret #0
    ]
}

impl ArpSocket {
    /// Opens the socket on the interface of this name. Needs CAP_NET_RAW.
    ///
    /// When the interface is deleted and made anew, the socket stays deaf: open another.
    ///
    /// # Errors
    /// [`ArpError::NoInterface`], [`ArpError::Open`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(interface: &str) -> Result<Self, ArpError> {
        let ifindex = nix::net::if_::if_nametoindex(interface)
            .map_err(|_| ArpError::NoInterface(interface.to_owned()))?;
        let open = || {
            let socket = sys::packet_socket(ETHERTYPE_ARP, ifindex, &filter(), RECEIVE_BUFFER)?;
            // Older kernels do not know the option; the filter does the same for them.
            let _ = sys::packet_ignore_outgoing(&socket);
            sys::async_fd(socket)
        };
        let fd = open().map_err(|source| ArpError::Open {
            interface: interface.to_owned(),
            source,
        })?;
        Ok(ArpSocket {
            interface: interface.to_owned(),
            fd,
            malformed: AtomicU64::new(0),
        })
    }

    /// Sends one frame now; never waits. Without carrier the kernel accepts the frame and drops it.
    ///
    /// # Errors
    /// [`ArpError::LinkDown`], [`ArpError::QueueFull`], [`ArpError::Io`].
    pub fn send(&self, frame: &ArpFrame) -> Result<(), ArpError> {
        match self.fd.get_ref().send(&frame.to_bytes()) {
            Ok(_) => Ok(()),
            Err(e) => Err(send_error(&self.interface, e)),
        }
    }

    /// Waits for the next well-formed ARP frame that somebody else sent. Malformed ones are counted
    /// and skipped; while the link is down this sleeps. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`ArpError::Io`] when the socket itself is broken.
    pub async fn recv(&self) -> Result<ArpFrame, ArpError> {
        let mut buffer = [0u8; 128];
        let mut useless = 0;
        loop {
            let mut ready = self.fd.readable().await.map_err(|e| self.io_error(e))?;
            match ready.try_io(|fd| nix_recv(fd.get_ref(), &mut buffer)) {
                Ok(Ok(n)) => match ArpFrame::parse(&buffer[..n]) {
                    Ok(frame) => return Ok(frame),
                    Err(_) => {
                        self.malformed.fetch_add(1, Ordering::Relaxed);
                        useless += 1;
                    }
                },
                // The link went down: the kernel says so once, then the socket is silent.
                Ok(Err(e)) if e.raw_os_error() == Some(libc::ENETDOWN) => useless += 1,
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(e)) => return Err(self.io_error(e)),
                Err(_would_block) => {}
            }
            if useless >= FAIRNESS {
                useless = 0;
                rt::yield_now().await;
            }
        }
    }

    /// The next well-formed frame that has arrived, without waiting and without the runtime: what lies in the socket when
    /// this thread was late. `None` if there is none, or on an error, which [`recv`](Self::recv) tells.
    pub fn try_recv(&self) -> Option<ArpFrame> {
        let mut buffer = [0u8; 128];
        for _ in 0..FAIRNESS {
            let n = nix_recv(self.fd.get_ref(), &mut buffer).ok()?;
            match ArpFrame::parse(&buffer[..n]) {
                Ok(frame) => return Some(frame),
                Err(_) => self.malformed.fetch_add(1, Ordering::Relaxed),
            };
        }
        None
    }

    fn io_error(&self, source: io::Error) -> ArpError {
        ArpError::Io {
            interface: self.interface.clone(),
            source,
        }
    }

    /// How many frames were skipped because they were not ARP for IPv4 over Ethernet.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// How many frames the kernel dropped since the last call because the buffer was full.
    ///
    /// # Errors
    /// [`ArpError::Io`] when the socket itself is broken.
    pub fn drops(&self) -> Result<u32, ArpError> {
        let counters = sys::packet_drops(self.fd.get_ref()).map_err(|e| self.io_error(e))?;
        Ok(counters.1)
    }

    /// The interface this was opened on.
    pub fn interface(&self) -> &str {
        &self.interface
    }
}

fn send_error(interface: &str, source: io::Error) -> ArpError {
    let interface = interface.to_owned();
    match source.raw_os_error() {
        Some(libc::ENETDOWN | libc::ENXIO | libc::ENODEV) => ArpError::LinkDown(interface),
        Some(libc::ENOBUFS | libc::EAGAIN) => ArpError::QueueFull(interface),
        _ => ArpError::Io { interface, source },
    }
}

/// `recv` into initialised bytes, which socket2 does not offer.
fn nix_recv(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    use std::os::fd::AsRawFd;
    let flags = nix::sys::socket::MsgFlags::empty();
    Ok(nix::sys::socket::recv(socket.as_raw_fd(), buffer, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interface_that_is_not_there_is_named() {
        let err = ArpSocket::open("nosuch0").unwrap_err().to_string();
        assert!(err.contains("`nosuch0`"), "{err}");
    }

    #[test]
    fn send_errors_are_told_apart() {
        let said = |errno| send_error("eth0", io::Error::from_raw_os_error(errno));
        assert!(matches!(said(libc::ENETDOWN), ArpError::LinkDown(i) if i == "eth0"));
        assert!(matches!(said(libc::ENOBUFS), ArpError::QueueFull(_)));
        assert!(matches!(said(libc::EAGAIN), ArpError::QueueFull(_)));
        assert!(matches!(said(libc::EPERM), ArpError::Io { .. }));
    }
}
