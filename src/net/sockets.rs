//! The kernel's own TCP sockets, by sock_diag: who is connected to the VIP, and resetting them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, InetResponseHeader, SocketId, StateFlags,
};
use netlink_packet_sock_diag::{AF_INET, IPPROTO_TCP, SockDiagDestroy, SockDiagMessage};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

/// TCP's states as sock_diag numbers them; only those the caller can meet have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// Both sides may send.
    Established,
    /// The other side has closed, our program has not yet.
    CloseWait,
    /// Any other, by the kernel's number.
    Other(u8),
}

/// A TCP connection of this machine, as its kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The other end.
    pub peer: SocketAddrV4,
    /// Bytes that the other end has acknowledged (RFC 4898 `tcpEStatsAppHCThruOctetsAcked`, counts
    /// our SYN as one); `None` on kernels before 4.1.
    pub bytes_acked: Option<u64>,
    /// Bytes that came in, in order (`tcpEStatsAppHCThruOctetsReceived`); `None` likewise.
    pub bytes_received: Option<u64>,
    /// Its state.
    pub state: TcpState,
}

/// A question to sock_diag that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {source}{}", hint(.source))]
pub struct SocketsError {
    /// What was attempted.
    pub doing: String,
    /// What the kernel said.
    pub source: io::Error,
}

fn hint(e: &io::Error) -> &'static str {
    match e.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => " (it needs CAP_NET_ADMIN)",
        Some(libc::EOPNOTSUPP) => " (the kernel was built without CONFIG_INET_DIAG_DESTROY)",
        Some(libc::ENOENT) => " (the kernel's module tcp_diag is missing)",
        _ => "",
    }
}

/// Connections to `vip`:`port` on this machine that the service has (or could have) accepted.
///
/// # Errors
/// [`SocketsError`] when the kernel refuses.
pub async fn established(vip: Ipv4Addr, port: u16) -> Result<Vec<Connection>, SocketsError> {
    let doing = format!("list the connections to {vip}:{port}");
    let states = StateFlags::ESTABLISHED | StateFlags::CLOSE_WAIT;
    let found = dump(states).await;
    let found = found.map_err(|source| SocketsError { doing, source })?;
    let ours = found.iter().filter(|r| {
        let id = &r.header.socket_id;
        local(id) == Some(vip) && id.source_port == port
    });
    Ok(ours.filter_map(connection).collect())
}

/// Resets every TCP connection of this machine whose local address is `vip`: both ends learn it at
/// once. Listening sockets stay. Returns how many there were.
///
/// # Errors
/// [`SocketsError`]: EPERM without CAP_NET_ADMIN, EOPNOTSUPP on a kernel that cannot.
pub async fn destroy(vip: Ipv4Addr) -> Result<usize, SocketsError> {
    let error = |source| SocketsError {
        doing: format!("reset the connections of {vip}"),
        source,
    };
    // Half-open and closing ones too. Not time-wait: nobody waits for those, and older kernels
    // cannot destroy them (EOPNOTSUPP, as if they could destroy none).
    let states = StateFlags::all() - StateFlags::LISTEN - StateFlags::CLOSE - StateFlags::TIME_WAIT;
    let found = dump(states).await.map_err(error)?;
    let mut count = 0;
    for response in found {
        let header = response.header;
        if local(&header.socket_id) == Some(vip) {
            match kill(header).await {
                Ok(()) => count += 1,
                // It ended by itself meanwhile.
                Err(e) if e.raw_os_error() == Some(libc::ENOENT) => {}
                Err(e) => return Err(error(e)),
            }
        }
    }
    Ok(count)
}

/// The local IPv4 address of a socket; a service that listens on [::] has it in mapped form.
fn local(id: &SocketId) -> Option<Ipv4Addr> {
    as_v4(id.source_address)
}

fn as_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
    }
}

fn connection(response: &InetResponse) -> Option<Connection> {
    let id = &response.header.socket_id;
    let info = response.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    let (bytes_acked, bytes_received) = info.map_or((None, None), byte_counts);
    Some(Connection {
        peer: SocketAddrV4::new(as_v4(id.destination_address)?, id.destination_port),
        bytes_acked,
        bytes_received,
        state: match response.header.state {
            1 => TcpState::Established,
            8 => TcpState::CloseWait,
            n => TcpState::Other(n),
        },
    })
}

/// `tcpi_bytes_acked` and `tcpi_bytes_received` of the kernel's `struct tcp_info`, which only ever
/// grows at its end and is shorter on old kernels.
fn byte_counts(info: &[u8]) -> (Option<u64>, Option<u64>) {
    let number = |offset: usize| {
        let bytes = info.get(offset..offset + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    (number(120), number(128))
}

async fn dump(states: StateFlags) -> io::Result<Vec<InetResponse>> {
    let mut found = Vec::new();
    for family in [AF_INET, netlink_packet_sock_diag::AF_INET6] {
        let message = SockDiagMessage::InetRequest(InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::INFO,
            states: states.clone(),
            socket_id: if family == AF_INET {
                SocketId::new_v4()
            } else {
                SocketId::new_v6()
            },
        });
        for reply in ask(message, NLM_F_DUMP).await? {
            if let SockDiagMessage::InetResponse(response) = reply {
                found.push(*response);
            }
        }
    }
    Ok(found)
}

async fn kill(header: InetResponseHeader) -> io::Result<()> {
    let request = InetRequest {
        family: header.family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: header.socket_id,
    };
    let message = SockDiagDestroy::new(SockDiagMessage::InetRequest(request));
    ask(message, NLM_F_ACK).await.map(drop)
}

/// One question on a socket of its own, all its answers.
async fn ask<M>(message: M, flags: u16) -> io::Result<Vec<M>>
where
    M: NetlinkSerializable + NetlinkDeserializable + Into<NetlinkPayload<M>>,
{
    let mut socket = TokioSocket::new(NETLINK_SOCK_DIAG)?;
    socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let mut packet = NetlinkMessage::new(header, message.into());
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    socket.send(&bytes).await?;

    let mut answers = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().await?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<M>::deserialize(rest).map_err(io::Error::other)?;
            let step = (message.header.length as usize).next_multiple_of(4);
            rest = rest.get(step.max(16)..).unwrap_or_default();
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(answers),
                NetlinkPayload::Error(e) if e.code.is_some() => return Err(e.to_io()),
                // An error number of zero is the acknowledgement we asked for.
                NetlinkPayload::Error(_) => return Ok(answers),
                NetlinkPayload::Overrun(_) => {
                    return Err(io::Error::from_raw_os_error(libc::ENOBUFS));
                }
                NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_counts_are_read_by_offset_and_missing_in_a_shorter_structure() {
        let mut info = vec![0u8; 240];
        info[120..128].copy_from_slice(&3074u64.to_ne_bytes());
        info[128..136].copy_from_slice(&987_654_321u64.to_ne_bytes());
        assert_eq!(byte_counts(&info), (Some(3074), Some(987_654_321)));
        assert_eq!(byte_counts(&info[..135]), (Some(3074), None));
        assert_eq!(byte_counts(&info[..104]), (None, None));
        assert_eq!(byte_counts(&[]), (None, None));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_maps() {
        let vip = Ipv4Addr::new(192, 168, 1, 101);
        assert_eq!(as_v4(vip.to_ipv6_mapped().into()), Some(vip));
        assert_eq!(as_v4("2001:db8::1".parse().unwrap()), None);
    }
}
