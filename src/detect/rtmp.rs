//! The RTMP handshake (Adobe's specification 1.0, section 5.2) as a client: the only proof that a
//! media server serves. A TCP connect proves nothing: the kernel of a hung server accepts for it.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::rt::{self, Instant, timeout, timeout_at};

/// The first byte of C0 and S0.
pub const VERSION: u8 = 3;
/// C1, C2, S1, S2: two times of 4 bytes and 1528 of anything.
const PART_LEN: usize = 1536;
/// How long we wait, after a good handshake, for the server to close its side too.
const GOODBYE: Duration = Duration::from_millis(50);

/// From where to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// As the routing table says.
    #[default]
    Anywhere,
    /// From this address of ours.
    Address(Ipv4Addr),
    /// Out of this interface. Needs CAP_NET_RAW on kernels before 5.7.
    Interface(String),
}

/// Why there was no handshake. Each kind is other evidence.
#[derive(Debug, thiserror::Error)]
pub enum RtmpFault {
    /// Our own side: no such interface or address, no descriptors left. No evidence at all.
    #[error(
        "cannot ask {addr} for an RTMP handshake from here: {source}; check the interface and its address"
    )]
    Local {
        /// Who was to be asked.
        addr: SocketAddrV4,
        /// What the kernel said.
        source: io::Error,
    },
    /// No route, or nobody answered ARP.
    #[error("{addr} cannot be reached: {source}; the machine or the way to it is down")]
    Unreachable {
        /// Who was asked.
        addr: SocketAddrV4,
        /// What the kernel said.
        source: io::Error,
    },
    /// The machine lives and nothing listens.
    #[error("{0} refused the connection: the machine is up, its media server is not")]
    Refused(SocketAddrV4),
    /// No answer to our SYN.
    #[error("{addr} did not answer within {after:?}: the machine is down, or drops our SYN")]
    ConnectTimeout {
        /// Who was asked.
        addr: SocketAddrV4,
        /// The time it had.
        after: Duration,
    },
    /// The kernel accepted the connection, the server did not speak.
    #[error(
        "{addr} accepted the connection but sent only {got} of 3073 handshake bytes within {after:?}: its media server hangs"
    )]
    Hung {
        /// Who was asked.
        addr: SocketAddrV4,
        /// Bytes of S0, S1 and S2 that came.
        got: usize,
        /// The time it had.
        after: Duration,
    },
    /// Something else than RTMP listens there.
    #[error(
        "{addr} speaks version {version} where RTMP's is 3: something else listens on that port"
    )]
    WrongVersion {
        /// Who was asked.
        addr: SocketAddrV4,
        /// The first byte that came.
        version: u8,
    },
    /// The connection ended, by FIN or reset, before the handshake was complete.
    #[error(
        "{addr} closed the connection after {got} of 3073 handshake bytes: its media server is failing, or a proxy stands before none"
    )]
    ClosedEarly {
        /// Who was asked.
        addr: SocketAddrV4,
        /// Bytes of S0, S1 and S2 that came.
        got: usize,
    },
}

/// A connection that was dialled: bytes both ways.
pub trait Conversation: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Conversation for S {}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    /// No socket: the interface or the address is not ours, or no descriptors are left.
    #[error("{0}")]
    Here(#[source] io::Error),
    /// What the kernel said to the SYN.
    #[error("{0}")]
    There(#[source] io::Error),
}

/// Does one handshake over this machine's own network and returns how long it took, from the SYN to the last byte of
/// S2. Then closes the connection in the orderly way. One at a time per server: each one that hangs stays in the
/// server's listen queue.
///
/// # Errors
/// [`RtmpFault`], within `limit`.
pub async fn handshake(
    addr: SocketAddrV4,
    from: &From,
    limit: Duration,
) -> Result<Duration, RtmpFault> {
    handshake_by(dial(addr, from), addr, limit).await
}

/// A connection by this machine's own network.
///
/// # Errors
/// [`DialFault`]; it may take as long as the kernel sends SYNs.
pub async fn dial(addr: SocketAddrV4, from: &From) -> Result<TcpStream, DialFault> {
    let socket = socket(from).map_err(DialFault::Here)?;
    socket.connect(addr.into()).await.map_err(DialFault::There)
}

/// As [`handshake`], over the connection that `dialled` brings.
///
/// # Errors
/// [`RtmpFault`], within `limit`.
pub async fn handshake_by<S: Conversation>(
    dialled: impl Future<Output = Result<S, DialFault>>,
    addr: SocketAddrV4,
    limit: Duration,
) -> Result<Duration, RtmpFault> {
    let start = Instant::now();
    let deadline = start + limit;
    let mut stream = match timeout_at(deadline, dialled).await {
        Err(_) => return Err(RtmpFault::ConnectTimeout { addr, after: limit }),
        Ok(Err(DialFault::Here(source))) => return Err(RtmpFault::Local { addr, source }),
        Ok(Err(DialFault::There(e))) => return Err(connect_fault(addr, limit, e)),
        Ok(Ok(stream)) => stream,
    };
    let mut got = 0;
    let talk = talk(addr, &mut stream, &mut got);
    match timeout_at(deadline, talk).await {
        Err(_) => {
            return Err(RtmpFault::Hung {
                addr,
                got,
                after: limit,
            });
        }
        Ok(result) => result?,
    }
    let took = start.elapsed();
    goodbye(stream).await;
    Ok(took)
}

fn socket(from: &From) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    match from {
        From::Anywhere => {}
        From::Address(own) => socket.bind(SocketAddrV4::new(*own, 0).into())?,
        From::Interface(name) => socket.bind_device(Some(name.as_bytes()))?,
    }
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn connect_fault(addr: SocketAddrV4, after: Duration, source: io::Error) -> RtmpFault {
    match source.raw_os_error() {
        Some(libc::ECONNREFUSED) => RtmpFault::Refused(addr),
        Some(libc::ETIMEDOUT) => RtmpFault::ConnectTimeout { addr, after },
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EHOSTDOWN) => {
            RtmpFault::Unreachable { addr, source }
        }
        // A reset between SYN-ACK and our first byte.
        Some(libc::ECONNRESET | libc::EPIPE) => RtmpFault::ClosedEarly { addr, got: 0 },
        _ => RtmpFault::Local { addr, source },
    }
}

/// C0+C1, then S0, S1 (whose copy is C2) and S2. `got` outlives a timeout.
async fn talk(
    addr: SocketAddrV4,
    stream: &mut impl Conversation,
    got: &mut usize,
) -> Result<(), RtmpFault> {
    let ended = |got: usize| RtmpFault::ClosedEarly { addr, got };
    if stream.write_all(&c0_c1()).await.is_err() {
        return Err(ended(0));
    }
    let mut answer = vec![0u8; 1 + 2 * PART_LEN];
    let mut c2_sent = false;
    while *got < answer.len() {
        match stream.read(&mut answer[*got..]).await {
            Ok(0) | Err(_) => return Err(ended(*got)),
            Ok(n) => *got += n,
        }
        if answer[0] != VERSION {
            let version = answer[0];
            return Err(RtmpFault::WrongVersion { addr, version });
        }
        // Some servers wait for C2 before they send S2.
        if !c2_sent && *got > PART_LEN {
            c2_sent = true;
            if stream.write_all(&c2(&answer[1..=PART_LEN])).await.is_err() {
                return Err(ended(*got));
            }
        }
    }
    Ok(())
}

/// What a client says first: C0 and C1 (sections 5.2.2 and 5.2.3). The zero after the time marks the plain handshake,
/// without digests. A server answers with S0, whose first byte is [`VERSION`].
pub fn c0_c1() -> Vec<u8> {
    let mut seed = rt::random() | 1;
    let mut bytes = Vec::with_capacity(1 + PART_LEN);
    bytes.push(VERSION);
    bytes.extend([0; 8]);
    while bytes.len() < 1 + PART_LEN {
        // xorshift64: "random" here only has to differ from the next connection's.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bytes.push(seed as u8);
    }
    bytes
}

/// Section 5.2.4: S1 with our time of reading it in its second field, zero as our clock began now.
fn c2(s1: &[u8]) -> Vec<u8> {
    let mut bytes = s1.to_vec();
    bytes[4..8].fill(0);
    bytes
}

/// FIN, then read until the server's: dropping a socket with unread bytes would send a reset.
async fn goodbye(mut stream: impl Conversation) {
    let closing = async {
        if stream.shutdown().await.is_ok() {
            let mut sink = [0u8; 512];
            while matches!(stream.read(&mut sink).await, Ok(1..)) {}
        }
    };
    let _ = timeout(GOODBYE, closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const LIMIT: Duration = Duration::from_millis(300);

    async fn listener() -> (TcpListener, SocketAddrV4) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        match listener.local_addr().unwrap() {
            std::net::SocketAddr::V4(addr) => (listener, addr),
            other => panic!("{other}"),
        }
    }

    /// A server that reads C0 and C1 and sends `answer`, then C2 (checked) and waits for FIN.
    async fn against(answer: Vec<u8>, hang: bool) -> (Result<Duration, RtmpFault>, Vec<u8>) {
        let (listener, addr) = listener().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut c0_c1 = vec![0; 1 + PART_LEN];
            stream.read_exact(&mut c0_c1).await.unwrap();
            assert_eq!(c0_c1[0], 3);
            stream.write_all(&answer).await.unwrap();
            let mut rest = Vec::new();
            if hang {
                let _ = stream.read_to_end(&mut rest).await;
            }
            rest
        });
        let result = handshake(addr, &From::Address(Ipv4Addr::LOCALHOST), LIMIT).await;
        (result, server.await.unwrap())
    }

    fn s0_s1_s2() -> Vec<u8> {
        let mut bytes = vec![3];
        bytes.extend([7; 2 * PART_LEN]);
        bytes
    }

    #[tokio::test]
    async fn a_server_that_answers_is_alive_and_gets_its_own_s1_back() {
        let (result, c2) = against(s0_s1_s2(), true).await;
        assert!(result.unwrap() < LIMIT);
        let mut expected = vec![7; PART_LEN];
        expected[4..8].fill(0);
        assert_eq!(c2, expected, "C2, then FIN and no reset");
    }

    #[tokio::test]
    async fn a_hung_server_is_told_from_a_dead_one() {
        let (listener, addr) = listener().await;
        let err = handshake(addr, &From::Anywhere, LIMIT).await.unwrap_err();
        assert!(matches!(err, RtmpFault::Hung { got: 0, .. }), "{err}");
        drop(listener);
        let err = handshake(addr, &From::Anywhere, LIMIT).await.unwrap_err();
        assert!(matches!(err, RtmpFault::Refused(_)), "{err}");
    }

    #[tokio::test]
    async fn a_handshake_that_stops_halfway_is_hung() {
        let (result, _) = against(s0_s1_s2()[..2000].to_vec(), true).await;
        let err = result.unwrap_err();
        assert!(matches!(err, RtmpFault::Hung { got: 2000, .. }), "{err}");
    }

    #[tokio::test]
    async fn something_else_on_the_port_is_named() {
        let (result, _) = against(b"HTTP/1.1 400 Bad Request\r\n".to_vec(), true).await;
        let err = result.unwrap_err();
        assert!(
            matches!(err, RtmpFault::WrongVersion { version: b'H', .. }),
            "{err}"
        );
    }

    #[tokio::test]
    async fn a_server_that_closes_early_is_named() {
        let (result, _) = against(vec![], false).await;
        let err = result.unwrap_err();
        assert!(
            matches!(err, RtmpFault::ClosedEarly { got: 0, .. }),
            "{err}"
        );
    }

    #[tokio::test]
    async fn our_own_mistake_is_no_evidence() {
        let addr = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1935);
        let from = From::Interface("nosuch0".to_owned());
        let err = handshake(addr, &from, LIMIT).await.unwrap_err();
        assert!(matches!(err, RtmpFault::Local { .. }), "{err}");
        let from = From::Address(Ipv4Addr::new(192, 0, 2, 1));
        let err = handshake(addr, &from, LIMIT).await.unwrap_err();
        assert!(matches!(err, RtmpFault::Local { .. }), "{err}");
    }

    #[test]
    fn the_errors_of_a_connect_are_told_apart() {
        let addr = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1935);
        let fault = |errno| connect_fault(addr, LIMIT, io::Error::from_raw_os_error(errno));
        assert!(matches!(
            fault(libc::EHOSTUNREACH),
            RtmpFault::Unreachable { .. }
        ));
        assert!(matches!(
            fault(libc::ETIMEDOUT),
            RtmpFault::ConnectTimeout { .. }
        ));
        assert!(matches!(
            fault(libc::ECONNRESET),
            RtmpFault::ClosedEarly { .. }
        ));
        assert!(matches!(fault(libc::EMFILE), RtmpFault::Local { .. }));
    }
}
