//! A UDP port that is ours alone.
//!
//! The SNMP crate opens its sockets with SO_REUSEADDR, which on UDP lets two of them, even of two processes, be given
//! the same port by chance (1 in 28,000 for each pair): the answers to one then go to the other, and a switch that
//! answers looks dead for as long as both are open. Seen among 64 sockets at a time in one of three runs.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// Keeps every later socket off a port, with SO_REUSEADDR or without, and receives nothing itself.
#[derive(Debug)]
pub(in crate::switch) struct OwnPort {
    held: Socket,
    address: SocketAddr,
}

impl OwnPort {
    /// Takes a port on this local address that nobody has.
    ///
    /// # Errors
    /// The address is not ours, or no port is free.
    pub(in crate::switch) fn take(local: IpAddr) -> io::Result<OwnPort> {
        let wanted = SocketAddr::new(local, 0);
        let held = Socket::new(
            Domain::for_address(wanted),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        // Without SO_REUSEADDR the kernel gives out only a port that nobody has.
        held.bind(&wanted.into())?;
        let bound = held.local_addr()?.as_socket();
        let port = bound.map(|b| b.port()).ok_or(io::ErrorKind::Other)?;
        // A connected socket gets datagrams of that one sender only, which is itself.
        let own = match local {
            IpAddr::V4(a) if a.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(a) if a.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            one => one,
        };
        held.connect(&SocketAddr::new(own, port).into())?;
        Ok(OwnPort {
            held,
            address: SocketAddr::new(local, port),
        })
    }

    /// What the one socket that may have the port is to be bound to.
    pub(in crate::switch) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a socket with SO_REUSEADDR onto the port, or lets no more.
    ///
    /// # Errors
    /// The kernel refuses the option.
    pub(in crate::switch) fn share(&self, on: bool) -> io::Result<()> {
        self.held.set_reuse_address(on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reusing(at: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&at.into())?;
        Ok(socket)
    }

    #[test]
    fn a_port_is_shared_with_one_socket_and_with_no_other() {
        for local in [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ] {
            let port = OwnPort::take(local).unwrap();
            assert!(reusing(port.address()).is_err(), "it is open to all");
            port.share(true).unwrap();
            let ours = reusing(port.address()).unwrap();
            port.share(false).unwrap();
            assert!(
                reusing(port.address()).is_err(),
                "another socket got on it: {local}"
            );
            // What comes goes to the socket, not to what holds the port.
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.address().port());
            sender.send_to(b"answer", to).unwrap();
            let ours: std::net::UdpSocket = ours.into();
            ours.set_read_timeout(Some(std::time::Duration::from_secs(2)))
                .unwrap();
            let mut buffer = [0; 16];
            assert_eq!(ours.recv(&mut buffer).unwrap(), 6, "{local}");
        }
    }
}
