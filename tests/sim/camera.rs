//! Cameras: each pushes its stream to whoever has the address, dials again when nobody answers, and believes ARP.

use std::net::Ipv4Addr;
use std::time::Duration;

use standin::net::arp::{ArpFrame, ArpOp};
use standin::rt::sim::{Place, dice};
use standin::rt::{self, Lane};
use standin::types::MacAddr;

use crate::inbox::put_into_all;
use crate::verify_support as frames;
use crate::world::{Conn, Shared, VIP, World, later, now, takes};

/// The last octet of the first camera's address.
const FIRST: u8 = 120;
/// A SYN is sent again after so long, microseconds.
const SYN_AGAIN: [u64; 3] = [1_000_000, 2_000_000, 4_000_000];

/// One camera.
#[derive(Clone, Debug)]
pub struct Camera {
    n: u8,
    /// It has power, and its cable.
    pub on: bool,
    /// The media server does not take its stream.
    pub refused: bool,
    /// Whom it believes to have the address.
    pub knows: Option<MacAddr>,
    /// When its media last reached each of the two machines, microseconds.
    pub served: [Option<u64>; 2],
}

impl Camera {
    pub fn new(n: u8) -> Camera {
        Camera {
            n: FIRST + n,
            on: true,
            refused: false,
            knows: None,
            served: [None; 2],
        }
    }

    pub fn address(&self) -> Ipv4Addr {
        frames::camera_ip(self.n)
    }

    pub fn mac(&self) -> MacAddr {
        frames::camera_mac(self.n)
    }

    /// An ARP frame arrives; true if it has to be answered.
    pub fn hears(&mut self, frame: &ArpFrame) -> bool {
        let to_us = frame.eth_dst == MacAddr::BROADCAST || frame.eth_dst == self.mac();
        if !self.on || !to_us {
            return false;
        }
        let asked = frame.op == ArpOp::Request && frame.tpa == self.address();
        if frame.spa == VIP.addr && (asked || self.knows.is_some() || frame.tpa == self.address()) {
            self.knows = Some(frame.sha);
        }
        asked
    }
}

/// Lets it live from now on.
pub fn start(world: &Shared, n: usize) {
    drop(Lane::simulated(Place::default()).spawn(lives(world.clone(), n)));
}

async fn pause(least: u64, and_up_to: u64) {
    rt::sleep(Duration::from_micros(least + dice(20, 0, and_up_to))).await;
}

async fn lives(world: Shared, n: usize) {
    let mut port = 40_000;
    loop {
        pause(100_000, 700_000).await;
        let Some(mac) = resolve(&world, n).await else {
            continue;
        };
        port = 40_000 + (port + 1) % 20_000;
        if let Some((at, session)) = dial(&world, n, mac, port).await {
            publish(&world, n, at, session).await;
        }
    }
}

/// Who has the address; it asks, if it does not know.
async fn resolve(world: &Shared, n: usize) -> Option<MacAddr> {
    {
        let world = world.lock().unwrap();
        let camera = &world.cameras[n];
        if !camera.on {
            return None;
        }
        if camera.knows.is_some() {
            return camera.knows;
        }
    }
    let shared = world.clone();
    later(takes(100, 200), move || {
        let mut world = shared.lock().unwrap();
        let camera = &world.cameras[n];
        let asks = ArpFrame::request(camera.mac(), camera.address(), VIP.addr, None);
        for i in 0..world.machines.len() {
            if !world.passes(i) || world.lost() {
                continue;
            }
            let m = &mut world.machines[i];
            m.capture(false, || asks.to_bytes().to_vec());
            put_into_all(&mut m.frames, &asks);
            if world.heard(i, VIP.addr) {
                let (m, shared) = (world.machines[i].mac, shared.clone());
                later(takes(50, 300), move || {
                    let mut world = shared.lock().unwrap();
                    if world.passes(i) && !world.lost() {
                        world.cameras[n].knows = Some(m);
                    }
                });
            }
        }
    });
    pause(5_000, 1000).await;
    let knows = world.lock().unwrap().cameras[n].knows;
    if knows.is_none() {
        pause(500_000, 500_000).await;
    }
    knows
}

/// A segment as it is on the wire of a machine with this MAC address.
fn on_wire(mut segment: Vec<u8>, outgoing: bool, mac: MacAddr) -> Vec<u8> {
    let at = if outgoing { 6 } else { 0 };
    segment[at..at + 6].copy_from_slice(&mac.0);
    segment
}

fn capture(world: &mut World, i: usize, outgoing: bool, segment: Vec<u8>) {
    let m = &mut world.machines[i];
    let mac = m.mac;
    m.capture(outgoing, || on_wire(segment, outgoing, mac));
}

/// What a machine does with a SYN.
enum Answer {
    Nothing,
    Reset,
    SynAck,
}

/// Which machine took the connection.
async fn dial(world: &Shared, n: usize, mac: MacAddr, port: u16) -> Option<(usize, frames::Wire)> {
    let session = frames::Wire::new(FIRST + n as u8, port);
    for again in SYN_AGAIN {
        {
            let mut world = world.lock().unwrap();
            let i = world.machines.iter().position(|m| m.mac == mac)?;
            if world.passes(i) && world.cameras[n].on && !world.lost() {
                capture(&mut world, i, false, session.syn());
                let m = &world.machines[i];
                let answer = match (m.has(VIP.addr) && !m.gate_closed(), m.serves) {
                    (false, _) => Answer::Nothing,
                    (true, false) => Answer::Reset,
                    (true, true) => Answer::SynAck,
                };
                match answer {
                    Answer::Nothing => {}
                    Answer::Reset => {
                        capture(&mut world, i, true, session.reset());
                        return None;
                    }
                    Answer::SynAck => return Some((i, session)),
                }
            }
        }
        let before = now();
        while now() < before + again {
            pause(100_000, 1).await;
            // Whoever announces the address is dialled at once.
            if world.lock().unwrap().cameras[n].knows != Some(mac) {
                return None;
            }
        }
    }
    world.lock().unwrap().cameras[n].knows = None;
    None
}

/// The whole session as both sides see it, the SYN left out; whether a segment is the machine's.
fn segments(session: &frames::Wire, refused: bool) -> Vec<(bool, Vec<u8>)> {
    let server = frames::server(refused.then_some("NetStream.Publish.Denied"));
    let client = frames::publisher("live", "stream", 1);
    let all = session.session(0, &client, &server, 1448);
    let from_us = |f: &[u8]| f[6..12] == frames::OUR_MAC.0;
    let all = all.into_iter().skip(1).map(|f| f.1);
    let mut all: Vec<_> = all.map(|f| (from_us(&f), f)).collect();
    if refused {
        let ends = frames::FIN | frames::ACK;
        all.push((
            true,
            session.segment(false, ends, server.len(), client.len(), &[]),
        ));
    }
    all
}

/// Pushes its stream to machine `i` until that ends.
async fn publish(world: &Shared, n: usize, i: usize, session: frames::Wire) {
    let reached = |w: &mut World| w.heard(i, VIP.addr) && w.cameras[n].on;
    let boots = world.lock().unwrap().machines[i].boots;
    let seen = {
        let world = world.lock().unwrap();
        let refused = world.cameras[n].refused;
        match world.machines[i].captures.is_empty() {
            true => Vec::new(),
            false => segments(&session, refused),
        }
    };
    for part in seen.chunks(6) {
        pause(500, 1000).await;
        let mut world = world.lock().unwrap();
        if !reached(&mut world) {
            return;
        }
        for (outgoing, segment) in part {
            capture(&mut world, i, *outgoing, segment.clone());
        }
    }
    {
        let mut world = world.lock().unwrap();
        if world.cameras[n].refused || !reached(&mut world) {
            return;
        }
        let since = now();
        world.cameras[n].served[i] = Some(since);
        world.machines[i].connections.push(Conn {
            camera: n,
            port: session.port,
            received: 10_000,
        });
    }
    let patience = 2_000_000 + dice(21, n as u64, 3_000_000);
    let mut silent = 0;
    loop {
        pause(500_000, 1).await;
        let mut world = world.lock().unwrap();
        let m = &world.machines[i];
        let ours = |c: &Conn| c.camera == n && c.port == session.port;
        if m.boots != boots || !m.connections.iter().any(ours) {
            return;
        }
        let moved = world.cameras[n].knows != Some(world.machines[i].mac);
        if reached(&mut world) && !moved && world.machines[i].serves {
            silent = 0;
            world.cameras[n].served[i] = Some(now());
            let mut all = world.machines[i].connections.iter_mut();
            if let Some(c) = all.find(|c| ours(c)) {
                c.received += 50_000;
            }
            continue;
        }
        // A server that died, or another machine, resets it; a machine that is silent is waited for.
        silent += 500_000;
        let reset = moved || (reached(&mut world) && !world.machines[i].serves);
        if reset || silent >= patience {
            world.machines[i].connections.retain(|c| !ours(c));
            if !moved && silent >= patience {
                world.cameras[n].knows = None;
            }
            return;
        }
    }
}
