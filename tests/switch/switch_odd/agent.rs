//! An SNMP agent with the habits of those in the field: rows in any order, tables per VLAN, GETBULK not known, one
//! request at a time and slowly. Versions 1 and 2c, in a thread of its own on loopback.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A value as it goes over the wire: BER tag and content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire(u8, Vec<u8>);

pub fn int(n: u32) -> Wire {
    Wire(2, number(n))
}

impl Wire {
    pub fn ticks(n: u32) -> Wire {
        Wire(0x43, number(n))
    }
}

pub fn text(s: &str) -> Wire {
    Wire(4, s.as_bytes().to_vec())
}

/// What it does with GETBULK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    Known,
    GenErr,
    Silent,
}

pub struct Memory {
    /// By community: rows in the order in which the agent gives them.
    pub views: BTreeMap<String, Vec<(Vec<u32>, Wire)>>,
    pub bulk: Bulk,
    /// One request takes this long, and the next waits.
    pub takes: Duration,
    /// Community and PDU tag of each request.
    pub asked: Vec<(String, u8)>,
    pub sets: Vec<Vec<u32>>,
}

pub struct Agent {
    pub memory: Arc<Mutex<Memory>>,
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Agent {
    pub fn start(views: BTreeMap<String, Vec<(Vec<u32>, Wire)>>) -> Agent {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let memory = Arc::new(Mutex::new(Memory {
            views,
            bulk: Bulk::Known,
            takes: Duration::ZERO,
            asked: Vec::new(),
            sets: Vec::new(),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, ended) = (memory.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while !ended.load(Ordering::Relaxed) {
                let Ok((n, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let takes = theirs.lock().unwrap().takes;
                std::thread::sleep(takes);
                if let Some(answer) = answer(&mut theirs.lock().unwrap(), &buffer[..n]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Agent {
            memory,
            address,
            stop,
        }
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut Memory) -> T) -> T {
        f(&mut self.memory.lock().unwrap())
    }
}

fn answer(memory: &mut Memory, request: &[u8]) -> Option<Vec<u8>> {
    let (_, message, _) = enter(request);
    let (_, version, rest) = enter(message);
    let (_, community, rest) = enter(rest);
    let (pdu, body, _) = enter(rest);
    let (_, id, body) = enter(body);
    let (_, _, body) = enter(body);
    let (_, repeat, body) = enter(body);
    let (_, mut binds, _) = enter(body);
    let community = String::from_utf8(community.to_vec()).unwrap();
    memory.asked.push((community.clone(), pdu));
    let v1 = version == [0];
    let bulk = memory.bulk;
    let rows = memory.views.get_mut(&community)?;
    let mut out = Vec::new();
    let (mut error, mut at) = (0u8, 0u8);
    while !binds.is_empty() {
        let (_, bind, more) = enter(binds);
        binds = more;
        let (_, oid, value) = enter(bind);
        let oid = arcs(oid);
        let place = rows.iter().position(|(o, _)| *o == oid);
        match pdu {
            0xa0 => match place {
                Some(i) => out.push(rows[i].clone()),
                None if v1 => (error, at) = (2, out.len() as u8 + 1),
                None => out.push((oid, Wire(0x81, Vec::new()))),
            },
            0xa1 => match next(rows, &oid) {
                Some(row) => out.push(row),
                None if v1 => (error, at) = (2, 1),
                None => out.push((oid, Wire(0x82, Vec::new()))),
            },
            0xa5 if bulk == Bulk::Silent => return None,
            0xa5 if bulk == Bulk::GenErr => (error, at) = (5, 1),
            0xa5 => {
                let mut from = oid;
                for _ in 0..repeat.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) {
                    let row = next(rows, &from).unwrap_or((from.clone(), Wire(0x82, Vec::new())));
                    let ended = row.1.0 == 0x82;
                    from.clone_from(&row.0);
                    out.push(row);
                    if ended {
                        break;
                    }
                }
            }
            0xa3 => {
                let (tag, content, _) = enter(value);
                memory.sets.push(oid.clone());
                if let Some(i) = place {
                    rows[i].1 = Wire(tag, content.to_vec());
                    // ifAdminStatus: ifOperStatus follows.
                    let oper = [&[1, 3, 6, 1, 2, 1, 2, 2, 1, 8][..], &oid[10..]].concat();
                    if oid.starts_with(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 7]) {
                        let status = rows[i].1.clone();
                        rows.iter_mut()
                            .filter(|(o, _)| *o == oper)
                            .for_each(|r| r.1 = status.clone());
                    }
                }
                out.push((oid, Wire(tag, content.to_vec())));
            }
            _ => return None,
        }
    }
    if error != 0 {
        out = vec![];
    }
    let binds: Vec<u8> = out
        .iter()
        .flat_map(|(oid, v)| tlv(0x30, &[tlv(6, &dotted(oid)), tlv(v.0, &v.1)].concat()))
        .collect();
    let body = [
        tlv(2, id),
        tlv(2, &[error]),
        tlv(2, &[at]),
        if error == 0 {
            tlv(0x30, &binds)
        } else {
            request_binds(request)
        },
    ]
    .concat();
    let message = [
        tlv(2, version),
        tlv(4, community.as_bytes()),
        tlv(0xa2, &body),
    ]
    .concat();
    Some(tlv(0x30, &message))
}

/// An error's answer has the bindings of the request.
fn request_binds(request: &[u8]) -> Vec<u8> {
    let (_, message, _) = enter(request);
    let (_, _, rest) = enter(message);
    let (_, _, rest) = enter(rest);
    let (_, body, _) = enter(rest);
    let (_, _, body) = enter(body);
    let (_, _, body) = enter(body);
    let (_, _, body) = enter(body);
    body.to_vec()
}

/// The row after `oid` in the agent's own order.
fn next(rows: &[(Vec<u32>, Wire)], oid: &[u32]) -> Option<(Vec<u32>, Wire)> {
    match rows.iter().position(|(o, _)| o == oid) {
        Some(i) => rows.get(i + 1).cloned(),
        None => rows
            .iter()
            .find(|(o, _)| o.starts_with(oid) || o.as_slice() > oid)
            .cloned(),
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let n = content.len();
    let mut out = vec![tag];
    match n {
        0..=127 => out.push(n as u8),
        _ => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(content);
    out
}

fn number(n: u32) -> Vec<u8> {
    let mut octets: Vec<u8> = n
        .to_be_bytes()
        .into_iter()
        .skip_while(|b| *b == 0)
        .collect();
    if octets.first().is_none_or(|b| b & 0x80 != 0) {
        octets.insert(0, 0);
    }
    octets
}

fn dotted(oid: &[u32]) -> Vec<u8> {
    let mut out = vec![(oid[0] * 40 + oid[1]) as u8];
    for arc in &oid[2..] {
        let mut septets = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest != 0 {
            septets.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        out.extend(septets.into_iter().rev());
    }
    out
}

fn arcs(ber: &[u8]) -> Vec<u32> {
    let mut out = vec![u32::from(ber[0]) / 40, u32::from(ber[0]) % 40];
    let mut arc = 0u32;
    for b in &ber[1..] {
        arc = arc << 7 | u32::from(b & 0x7f);
        if b & 0x80 == 0 {
            out.push(arc);
            arc = 0;
        }
    }
    out
}

/// Tag, content and what follows of one BER element.
fn enter(d: &[u8]) -> (u8, &[u8], &[u8]) {
    let (len, head) = if d[1] & 0x80 == 0 {
        (usize::from(d[1]), 2)
    } else {
        let n = usize::from(d[1] & 0x7f);
        let len = d[2..2 + n].iter().fold(0, |l, b| l << 8 | usize::from(*b));
        (len, 2 + n)
    };
    (d[0], &d[head..head + len], &d[head + len..])
}
