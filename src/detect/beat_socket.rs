//! The UDP socket of heartbeats (frames: [`super::heartbeat`]).

use nix::sys::socket::{SockaddrIn, recvfrom};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

use super::heartbeat::v2::LONGEST;

/// Internetwork control (RFC 2474, class selector 6): switches that look at it let a heartbeat pass video.
const TOS: u32 = 0xc0;

/// Why the heartbeat socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// It could not be opened.
    #[error("cannot listen for heartbeats on {addr}: {step}: {source}")]
    Bind {
        /// Our address and port.
        addr: SocketAddrV4,
        /// What was tried.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A frame could not be sent.
    #[error("cannot send a heartbeat to {to}: {source}")]
    Send {
        /// The peer's address and port.
        to: SocketAddrV4,
        /// Why.
        source: io::Error,
    },
    /// Nothing could be received.
    #[error("cannot receive heartbeats: {0}")]
    Receive(#[source] io::Error),
}

/// A UDP socket for heartbeats, bound to one of our own addresses. Never blocks.
#[derive(Debug)]
pub struct HeartbeatSocket {
    socket: tokio::net::UdpSocket,
}

impl HeartbeatSocket {
    /// Opens a socket on our own address, and on one interface only if it is given. Needs a running tokio runtime.
    ///
    /// # Errors
    ///
    /// The address is not ours or the port is taken, or the interface does not exist.
    pub fn bind(
        addr: Ipv4Addr,
        port: u16,
        interface: Option<&str>,
    ) -> Result<Self, HeartbeatError> {
        let addr = SocketAddrV4::new(addr, port);
        let fail = |step| move |source| HeartbeatError::Bind { addr, step, source };
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))
            .map_err(fail("making a socket"))?;
        if let Some(interface) = interface {
            socket
                .bind_device(Some(interface.as_bytes()))
                .map_err(fail("binding it to the interface"))?;
        }
        // The socket of one interface and that of all other paths share the port; the kernel prefers the narrower one.
        socket
            .set_reuse_address(true)
            .map_err(fail("sharing its port"))?;
        socket
            .set_tos_v4(TOS)
            .map_err(fail("setting its class of service"))?;
        socket
            .set_nonblocking(true)
            .map_err(fail("making it non-blocking"))?;
        socket.bind(&SocketAddr::V4(addr).into()).map_err(fail(
            "binding it to the address (another standin, or not our address?)",
        ))?;
        let socket = tokio::net::UdpSocket::from_std(socket.into())
            .map_err(fail("handing it to the runtime"))?;
        Ok(HeartbeatSocket { socket })
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> Option<SocketAddrV4> {
        match self.socket.local_addr() {
            Ok(SocketAddr::V4(addr)) => Some(addr),
            Ok(SocketAddr::V6(_)) | Err(_) => None,
        }
    }

    /// Sends a frame at once or not at all: a late heartbeat is worth nothing.
    ///
    /// # Errors
    ///
    /// The kernel refuses it: no route, no carrier, buffer full, or nobody listened there before (ICMP).
    pub fn send(&self, frame: &[u8], to: SocketAddrV4) -> Result<(), HeartbeatError> {
        // `try_io` of tokio needs readiness first, which a fresh socket has only after one turn of the runtime.
        let socket = socket2::SockRef::from(&self.socket);
        match socket.send_to(frame, &SocketAddr::V4(to).into()) {
            Ok(_) => Ok(()),
            Err(source) => Err(HeartbeatError::Send { to, source }),
        }
    }

    /// Waits for a datagram; a longer one than a heartbeat can be is cut, and refused then.
    ///
    /// # Errors
    ///
    /// The socket is broken. An ICMP answer to something we sent is not an error here.
    pub async fn recv(&self) -> Result<(Vec<u8>, SocketAddrV4), HeartbeatError> {
        let mut buffer = [0; LONGEST + 33];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, SocketAddr::V4(from))) => {
                    return Ok((buffer[..length].to_vec(), from));
                }
                Ok((_, SocketAddr::V6(_))) => {}
                // "Port unreachable": the other machine is up and its standin is not.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(e) => return Err(HeartbeatError::Receive(e)),
            }
        }
    }
}

impl HeartbeatSocket {
    /// The next datagram that has arrived, without waiting and without the runtime; as [`recv`](Self::recv).
    pub fn try_recv(&self) -> Option<(Vec<u8>, SocketAddrV4)> {
        let mut buffer = [0; LONGEST + 33];
        let fd = std::os::fd::AsRawFd::as_raw_fd(&self.socket);
        let (length, from) = recvfrom::<SockaddrIn>(fd, &mut buffer).ok()?;
        Some((buffer[..length].to_vec(), from?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_pass_over_a_real_socket_and_longer_ones_come_cut() {
        let bind = || HeartbeatSocket::bind(Ipv4Addr::LOCALHOST, 0, Some("lo")).unwrap();
        let (a, b) = (bind(), bind());
        a.send(&[7; 120], b.local_addr().unwrap()).unwrap();
        a.send(&[0; 2000], b.local_addr().unwrap()).unwrap();
        let (got, from) = b.recv().await.unwrap();
        assert_eq!(got, [7; 120]);
        assert_eq!(Some(from), a.local_addr());
        assert_eq!(b.recv().await.unwrap().0.len(), LONGEST + 33);
        // A thread that never gives the runtime a turn still reads what lies there.
        a.send(&[9; 120], b.local_addr().unwrap()).unwrap();
        let late = b.try_recv().unwrap();
        assert_eq!((late.0, Some(late.1)), (vec![9; 120], a.local_addr()));
        assert!(b.try_recv().is_none());
        let other = HeartbeatSocket::bind(Ipv4Addr::new(192, 0, 2, 7), from.port(), None);
        assert!(other.unwrap_err().to_string().contains("not our address"));
    }
}
