//! Frames, RTMP sessions and capture files built by code, for the tests of `verify`.

use std::net::Ipv4Addr;

use standin::types::{MacAddr, Vip};
use standin::verify::{Direction, Inventory, Tracker};

pub const OUR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 2]);
pub const PORT: u16 = 1935;

pub fn vip() -> Vip {
    "192.168.1.101/24".parse().unwrap()
}

pub fn camera_ip(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, n)
}

pub fn camera_mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 9, n])
}

/// `Cam N` at 192.168.1.N for each N, without streams.
pub fn cameras(numbers: &[u8]) -> Inventory {
    let lines: String = numbers
        .iter()
        .map(|n| format!("Cam {n},{}\n", camera_ip(*n)))
        .collect();
    inventory(&format!("name,address\n{lines}"))
}

pub fn inventory(csv: &str) -> Inventory {
    Inventory::parse("cameras.csv", csv.as_bytes()).unwrap()
}

pub fn tracker(inventory: &Inventory) -> Tracker {
    Tracker::new(inventory, vip(), PORT, Some(OUR_MAC))
}

/// A frame and its time in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At(pub u64, pub Vec<u8>);

pub fn feed(tracker: &mut Tracker, frames: &[At]) {
    for At(at, f) in frames {
        tracker.observe(*at, f, f.len(), Direction::Unknown);
    }
}

pub fn arp(
    reply: bool,
    dst: MacAddr,
    from: (MacAddr, Ipv4Addr),
    to: (MacAddr, Ipv4Addr),
) -> Vec<u8> {
    let mut f = dst.0.to_vec();
    f.extend(from.0.0);
    f.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1 + u8::from(reply)]);
    f.extend(from.0.0);
    f.extend(from.1.octets());
    f.extend(to.0.0);
    f.extend(to.1.octets());
    f.resize(60, 0);
    f
}

pub fn receipt(n: u8) -> Vec<u8> {
    arp(
        true,
        OUR_MAC,
        (camera_mac(n), camera_ip(n)),
        (OUR_MAC, vip().addr),
    )
}

pub const SYN: u8 = 2;
pub const FIN: u8 = 1;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// A connection's ends as the two sides see them.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    pub camera: Ipv4Addr,
    pub mac: MacAddr,
    pub port: u16,
    /// Sequence numbers of the SYN and the SYN-ACK.
    pub isn: (u32, u32),
}

impl Wire {
    pub fn new(n: u8, port: u16) -> Wire {
        Wire {
            camera: camera_ip(n),
            mac: camera_mac(n),
            port,
            // Both wrap within the handshake.
            isn: (u32::MAX - 700, u32::MAX - 900 - u32::from(n)),
        }
    }

    /// A segment; `seq` and `ack` count bytes of payload from 0.
    pub fn segment(
        &self,
        from_camera: bool,
        flags: u8,
        seq: usize,
        ack: usize,
        payload: &[u8],
    ) -> Vec<u8> {
        let (own, other) = if from_camera {
            self.isn
        } else {
            (self.isn.1, self.isn.0)
        };
        let first = u32::from(flags & SYN == 0);
        let seq = own.wrapping_add(seq as u32).wrapping_add(first);
        let ack = if flags & ACK == 0 {
            0
        } else {
            other.wrapping_add(ack as u32).wrapping_add(1)
        };
        let camera = (self.mac, self.camera, self.port);
        let us = (OUR_MAC, vip().addr, PORT);
        let (s, d) = if from_camera {
            (camera, us)
        } else {
            (us, camera)
        };
        let mut f = d.0.0.to_vec();
        f.extend(s.0.0);
        f.extend([8, 0, 0x45, 0]);
        f.extend((40 + payload.len() as u16).to_be_bytes());
        f.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        f.extend(s.1.octets());
        f.extend(d.1.octets());
        f.extend(s.2.to_be_bytes());
        f.extend(d.2.to_be_bytes());
        f.extend(seq.to_be_bytes());
        f.extend(ack.to_be_bytes());
        f.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
        f.extend(payload);
        f
    }

    pub fn syn(&self) -> Vec<u8> {
        self.segment(true, SYN, 0, 0, &[])
    }
    pub fn syn_ack(&self) -> Vec<u8> {
        self.segment(false, SYN | ACK, 0, 0, &[])
    }
    pub fn reset(&self) -> Vec<u8> {
        self.segment(false, RST | ACK, 0, 0, &[])
    }

    /// SYN, SYN-ACK, ACK and then both byte streams in segments of `mss` bytes: C0C1, S0S1S2, the rest. 1 ms apart.
    pub fn session(&self, start: u64, client: &[u8], server: &[u8], mss: usize) -> Vec<At> {
        let mut out = vec![
            self.syn(),
            self.syn_ack(),
            self.segment(true, ACK, 0, 0, &[]),
        ];
        let c1 = client.len().min(1537);
        let client_part = |out: &mut Vec<_>, range: std::ops::Range<usize>, acked: usize| {
            for at in range.clone().step_by(mss) {
                let end = range.end.min(at + mss);
                out.push(self.segment(true, ACK, at, acked, &client[at..end]));
            }
        };
        client_part(&mut out, 0..c1, 0);
        for at in (0..server.len()).step_by(mss) {
            let end = server.len().min(at + mss);
            out.push(self.segment(false, ACK, at, c1, &server[at..end]));
        }
        client_part(&mut out, c1..client.len(), server.len());
        out.into_iter()
            .enumerate()
            .map(|(i, f)| At(start + 1000 * i as u64, f))
            .collect()
    }
}

fn text(s: &str) -> Vec<u8> {
    let mut v = vec![2];
    v.extend((s.len() as u16).to_be_bytes());
    v.extend(s.as_bytes());
    v
}

/// A message cut into chunks of `size` bytes on chunk stream `id`.
pub fn message(id: u8, kind: u8, size: usize, body: &[u8]) -> Vec<u8> {
    let mut v = vec![id, 0, 0, 9];
    v.extend(&(body.len() as u32).to_be_bytes()[1..]);
    v.push(kind);
    v.extend([1, 0, 0, 0]);
    for (i, part) in body.chunks(size).enumerate() {
        if i > 0 {
            v.push(0xc0 | id);
        }
        v.extend(part);
    }
    v
}

/// A request of the client that names a stream.
pub fn request(name: &str, transaction: f64, stream: &str) -> Vec<u8> {
    let number = [&[0][..], &transaction.to_be_bytes()].concat();
    let body = [text(name), number, vec![5], text(stream), text("live")];
    message(3, 20, 4096, &body.concat())
}

/// What a publisher sends, as ffmpeg does: the handshake, connect, releaseStream, FCPublish, createStream, publish,
/// Set Chunk Size, then `media` messages. Every request has the number 0.
pub fn publisher(app: &str, name: &str, media: usize) -> Vec<u8> {
    publisher_with([0.0; 5], app, name, media)
}

/// The same with requests numbered from 1: FCPublish is 3, publish 5.
pub fn publisher_numbered(app: &str, name: &str, media: usize) -> Vec<u8> {
    publisher_with([1.0, 2.0, 3.0, 4.0, 5.0], app, name, media)
}

fn publisher_with(numbers: [f64; 5], app: &str, name: &str, media: usize) -> Vec<u8> {
    let object = [vec![3, 0, 3], b"app".to_vec(), text(app), vec![0, 0, 9]].concat();
    let null = vec![5];
    let number = |i: usize| [&[0][..], &f64::to_be_bytes(numbers[i])].concat();
    let mut v = vec![3];
    v.extend((0..1536 * 2).map(|i| (i * 7) as u8));
    let requests: [(u8, &str, Vec<Vec<u8>>); 5] = [
        (3, "connect", vec![object]),
        (3, "releaseStream", vec![null.clone(), text(name)]),
        (3, "FCPublish", vec![null.clone(), text(name)]),
        (3, "createStream", vec![null.clone()]),
        (8, "publish", vec![null, text(name), text("live")]),
    ];
    for (i, (id, what, rest)) in requests.into_iter().enumerate() {
        let body = [text(what), number(i), rest.concat()].concat();
        v.extend(message(id, 20, 128, &body));
    }
    v.extend(message(2, 1, 128, &4096u32.to_be_bytes()));
    v.extend(message(4, 18, 4096, &text("@setDataFrame")));
    for i in 0..media {
        v.extend(message(6, 9, 4096, &vec![i as u8; 5000]));
    }
    v
}

/// An information object with `level` and `code`.
pub fn info(level: &str, code: &str) -> Vec<u8> {
    [
        vec![3, 0, 5],
        b"level".to_vec(),
        text(level),
        vec![0, 4],
        b"code".to_vec(),
        text(code),
        vec![0, 0, 9],
    ]
    .concat()
}

/// A command message of the server in one chunk: `onStatus`, `_error` and the like.
pub fn answer(name: &str, transaction: f64, info: Vec<u8>) -> Vec<u8> {
    let body = [
        text(name),
        [&[0][..], &transaction.to_be_bytes()].concat(),
        vec![5],
        info,
    ];
    message(5, 20, 4000, &body.concat())
}

pub fn accepted() -> Vec<u8> {
    answer("onStatus", 0.0, info("status", "NetStream.Publish.Start"))
}

pub fn refused(code: &str) -> Vec<u8> {
    answer("onStatus", 0.0, info("error", code))
}

/// What a server sends before it answers a publish: S0, S1, S2, Set Chunk Size.
pub fn greeting() -> Vec<u8> {
    let mut v = vec![3];
    v.extend((0..1536 * 2).map(|i| (i * 5) as u8));
    v.extend(message(2, 1, 128, &4000u32.to_be_bytes()));
    v
}

/// What a server sends: the greeting, and that the publish is accepted, or, if `refusal`, an error for it.
pub fn server(refusal: Option<&str>) -> Vec<u8> {
    [greeting(), refusal.map_or_else(accepted, refused)].concat()
}

/// A camera that comes back in full: ARP receipt, then a session.
pub fn comes_back(n: u8, start: u64, app: &str, name: &str) -> Vec<At> {
    let mut v = vec![At(start, receipt(n))];
    v.extend(Wire::new(n, 40_000).session(
        start + 10_000,
        &publisher(app, name, 2),
        &server(None),
        1448,
    ));
    v
}

/// A pcap file; `snaplen` cuts the frames.
pub fn pcap(frames: &[At], link_type: u32, snaplen: usize) -> Vec<u8> {
    let mut v = Vec::new();
    for n in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, snaplen as u32, link_type] {
        v.extend(n.to_le_bytes());
    }
    for At(at, f) in frames {
        let kept = f.len().min(snaplen);
        for n in [
            (at / 1_000_000) as u32,
            (at % 1_000_000) as u32,
            kept as u32,
            f.len() as u32,
        ] {
            v.extend(n.to_le_bytes());
        }
        v.extend(&f[..kept]);
    }
    v
}

/// A pcapng file with nanosecond times.
pub fn pcapng(frames: &[At]) -> Vec<u8> {
    fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = (body.len() as u32 + 12).to_le_bytes();
        out.extend(kind.to_le_bytes());
        out.extend(len);
        out.extend(body);
        out.extend(len);
    }
    let mut v = Vec::new();
    block(
        &mut v,
        0x0a0d_0d0a,
        &[&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat(),
    );
    // Ethernet, no snaplen, if_tsresol = 9.
    block(
        &mut v,
        1,
        &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
    );
    for At(at, f) in frames {
        let ns = at * 1000;
        let mut body = Vec::new();
        for n in [
            0,
            (ns >> 32) as u32,
            ns as u32,
            f.len() as u32,
            f.len() as u32,
        ] {
            body.extend(n.to_le_bytes());
        }
        body.extend(f);
        block(&mut v, 6, &body);
    }
    v
}

/// An Ethernet frame as a Linux cooked capture (v1) has it.
pub fn cooked(frame: &[u8], outgoing: bool) -> Vec<u8> {
    let mut v = vec![0, if outgoing { 4 } else { 0 }, 0, 1, 0, 6];
    v.extend(&frame[6..12]);
    v.extend([0, 0]);
    v.extend(&frame[12..]);
    v
}
