//! Stands between us and a server, and does what networks and bad servers do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::endpoint_support::place;

/// What it does; to updates only where it says so, and the first so many times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    /// Nothing ever comes back, and nothing arrives.
    Hangs,
    /// Nothing comes back of anything, although it is done.
    Mute,
    /// The question is lost on its way.
    LosesUpdate(u32),
    /// Once an update was handed on, nothing comes back any more.
    FallsSilent,
    /// It is done, the answer is lost.
    LosesReply(u32),
    /// The answer comes after so long.
    Late(Duration),
    /// Bytes that are no message.
    Garbage,
    /// The answer to something else.
    WrongId,
    /// One byte of a signed answer is another.
    Tampered,
    /// UDP gives only the beginning.
    Truncated,
    /// The same, and over TCP half an answer, then the end.
    HalfOverTcp,
    /// UDP gives only the beginning, and TCP accepts and says nothing.
    TcpHangs,
    /// An answer of its own, not signed.
    Code(u8),
    /// It answers without authority.
    NoAuthority,
    /// UDP does not get through.
    TcpOnly,
}

type BeforeUpdate = Box<dyn FnMut() + Send>;

pub struct Proxy {
    pub at: SocketAddr,
    /// Updates that arrived here.
    pub updates: Arc<AtomicU32>,
}

#[derive(Clone)]
struct Shared {
    to: SocketAddr,
    fault: Fault,
    updates: Arc<AtomicU32>,
    before_update: Arc<Mutex<Option<BeforeUpdate>>>,
}

fn is_update(message: &[u8]) -> bool {
    message.get(2).is_some_and(|b| b >> 3 & 0xf == 5)
}

pub async fn proxy(to: SocketAddr, fault: Fault) -> Proxy {
    with(to, fault, None).await
}

/// The function runs before the first update is handed on.
pub async fn with(to: SocketAddr, fault: Fault, before: Option<BeforeUpdate>) -> Proxy {
    let at = place();
    let shared = Shared {
        to,
        fault,
        updates: Arc::default(),
        before_update: Arc::new(Mutex::new(before)),
    };
    let updates = shared.updates.clone();
    let udp = Arc::new(UdpSocket::bind(at).await.unwrap());
    let tcp = TcpListener::bind(at).await.unwrap();
    let here = shared.clone();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            let (message, udp, shared) = (buffer[..length].to_vec(), udp.clone(), here.clone());
            tokio::spawn(async move {
                if shared.fault == Fault::TcpOnly {
                    return;
                }
                if let Some(answer) = shared.answer(&message, false).await {
                    udp.send_to(&answer, from).await.unwrap();
                }
            });
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            let shared = shared.clone();
            tokio::spawn(async move { shared.over_tcp(stream).await });
        }
    });
    Proxy { at, updates }
}

impl Shared {
    async fn over_tcp(&self, mut stream: TcpStream) -> Option<()> {
        let length = stream.read_u16().await.ok()?;
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await.ok()?;
        if self.fault == Fault::TcpHangs {
            return std::future::pending().await;
        }
        let answer = self.answer(&message, true).await?;
        let mut framed = [&(answer.len() as u16).to_be_bytes()[..], &answer].concat();
        if self.fault == Fault::HalfOverTcp {
            framed.truncate(framed.len() / 2);
        }
        stream.write_all(&framed).await.ok()
    }

    async fn ask(&self, message: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.to).await.unwrap();
        let framed = [&(message.len() as u16).to_be_bytes()[..], message].concat();
        stream.write_all(&framed).await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    }

    async fn answer(&self, message: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let mut nth = 0;
        if is_update(message) {
            nth = self.updates.fetch_add(1, Ordering::SeqCst) + 1;
            let before = self.before_update.lock().unwrap().take();
            if let Some(mut before) = before {
                before();
            }
        }
        match self.fault {
            Fault::Hangs => return None,
            Fault::LosesUpdate(n) if (1..=n).contains(&nth) => return None,
            Fault::Garbage => return Some(vec![0xff; 7]),
            Fault::Code(code) => {
                let mut answer = message[..12].to_vec();
                answer[2] |= 0x80;
                answer[3] = code;
                answer[4..12].fill(0);
                return Some(answer);
            }
            _ => {}
        }
        let mut answer = self.ask(message).await;
        match self.fault {
            Fault::Mute => return None,
            Fault::FallsSilent if self.updates.load(Ordering::SeqCst) > 0 => return None,
            Fault::LosesReply(n) if (1..=n).contains(&nth) => return None,
            Fault::Late(by) => tokio::time::sleep(by).await,
            Fault::WrongId => answer[0] ^= 0x55,
            // The last byte but eight is of the digest: original ID, error and length follow it.
            Fault::Tampered => {
                let at = answer.len() - 8;
                answer[at] ^= 1;
            }
            Fault::Truncated | Fault::HalfOverTcp | Fault::TcpHangs if !over_tcp => {
                answer.truncate(12);
                answer[2] |= 0x02;
                answer[4..12].fill(0);
            }
            Fault::NoAuthority => answer[2] &= !0x04,
            _ => {}
        }
        Some(answer)
    }
}
