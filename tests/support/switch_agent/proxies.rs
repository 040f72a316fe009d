//! UDP proxies before the switch: they lose, delay and double datagrams, refuse requests, or send them elsewhere.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;

/// What the proxy does with one datagram: how many copies, and how late each.
pub type Rule = Box<dyn FnMut(Packet) -> Vec<Duration> + Send>;

/// A datagram as the proxy sees it (v1 and v2c only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet {
    Get,
    Set,
    ReplyToGet,
    ReplyToSet,
}

/// A UDP proxy before the switch.
pub async fn proxy(to: SocketAddr, mut rule: Rule) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut a, mut b) = (vec![0; 65536], vec![0; 65536]);
        let mut client = None;
        let mut sets = HashMap::new();
        loop {
            let (packet, data, out, dest) = tokio::select! {
                Ok((n, from)) = front.recv_from(&mut a) => {
                    client = Some(from);
                    let (tag, id) = pdu(&a[..n]);
                    sets.insert(id, tag == 0xa3);
                    (if tag == 0xa3 { Packet::Set } else { Packet::Get }, a[..n].to_vec(), back.clone(), to)
                }
                Ok((n, _)) = back.recv_from(&mut b) => {
                    let (_, id) = pdu(&b[..n]);
                    let set = sets.get(&id).copied().unwrap_or(false);
                    let packet = if set { Packet::ReplyToSet } else { Packet::ReplyToGet };
                    (packet, b[..n].to_vec(), front.clone(), client.unwrap())
                }
            };
            for delay in rule(packet) {
                let (data, out) = (data.clone(), out.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = out.send_to(&data, dest).await;
                });
            }
        }
    });
    address
}

/// What a [`forwarder`] does with one request.
pub enum Way {
    /// It goes there.
    To(SocketAddr),
    /// It goes nowhere, and this is the answer.
    Answer(Vec<u8>),
}

/// A UDP forwarder, whatever the SNMP version: every request goes its way, and every reply comes back.
pub async fn forwarder(mut way: impl FnMut(&[u8]) -> Way + Send + 'static) -> SocketAddr {
    let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut a, mut b) = (vec![0; 65536], vec![0; 65536]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((n, from)) = front.recv_from(&mut a) => {
                    client = Some(from);
                    let request = &a[..n];
                    let _ = match way(request) {
                        Way::To(switch) => back.send_to(request, switch).await,
                        Way::Answer(answer) => front.send_to(&answer, from).await,
                    };
                }
                Ok((n, _)) = back.recv_from(&mut b) => {
                    let _ = front.send_to(&b[..n], client.unwrap()).await;
                }
            }
        }
    });
    address
}

/// A switch whose messages hold only so many varbinds: a request of this kind (0xa0 GET, 0xa3 SET) with more is
/// answered with tooBig and goes no further (v1 and v2c only).
pub async fn small_messages(to: SocketAddr, kind: u8, most: usize) -> SocketAddr {
    forwarder(move |request| too_big(request, kind, most).map_or(Way::To(to), Way::Answer)).await
}

/// The request as a response with error-status tooBig(1), if it is of this kind and has more varbinds than `most`.
fn too_big(request: &[u8], kind: u8, most: usize) -> Option<Vec<u8>> {
    let (_, message, _) = enter(request);
    let (_, _, rest) = enter(message);
    let (_, _, rest) = enter(rest);
    let (tag, body, _) = enter(rest);
    let (_, _, after_id) = enter(body);
    let (_, status, after_status) = enter(after_id);
    let (_, _, binds) = enter(after_status);
    let (_, mut list, _) = enter(binds);
    let mut count = 0;
    while !list.is_empty() {
        (_, _, list) = enter(list);
        count += 1;
    }
    if count <= most || tag != kind {
        return None;
    }
    let at = |part: &[u8]| part.as_ptr() as usize - request.as_ptr() as usize;
    let mut answer = request.to_vec();
    answer[at(rest)] = 0xa2;
    answer[at(status)] = 1;
    Some(answer)
}

/// Tag, content and what follows of one BER element.
fn enter(d: &[u8]) -> (u8, &[u8], &[u8]) {
    let (len, head) = if d[1] & 0x80 == 0 {
        (usize::from(d[1]), 2)
    } else {
        let n = usize::from(d[1] & 0x7f);
        (
            d[2..2 + n].iter().fold(0, |l, b| l << 8 | usize::from(*b)),
            2 + n,
        )
    };
    (d[0], &d[head..head + len], &d[head + len..])
}

/// PDU tag and request-id of a community message.
fn pdu(data: &[u8]) -> (u8, Vec<u8>) {
    let (_, message, _) = enter(data);
    let (_, _, rest) = enter(message);
    let (_, _, rest) = enter(rest);
    let (tag, body, _) = enter(rest);
    let (_, id, _) = enter(body);
    (tag, id.to_vec())
}
