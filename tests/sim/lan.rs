//! ARP frames on their way.

use standin::net::arp::{ArpFrame, ArpOp};
use standin::types::MacAddr;

use crate::inbox::put_into_all;
use crate::world::{CAMERAS, Lie, Shared, VIP, World, later, takes};

/// A frame leaves a machine.
pub fn send(shared: &Shared, from: usize, frame: ArpFrame) {
    let mut world = shared.lock().unwrap();
    world.frames += 1;
    world.machines[from].sent += 1;
    world.machines[from].capture(true, || frame.to_bytes().to_vec());
    let (first, again) = world.on_the_way();
    drop(world);
    for us in std::iter::once(first).chain(again) {
        let shared = shared.clone();
        later(us, move || arrive(&shared, from, frame));
    }
}

/// A machine's kernel gets a frame.
pub fn deliver(world: &mut World, to: usize, frame: &ArpFrame) {
    let m = &mut world.machines[to];
    m.capture(false, || frame.to_bytes().to_vec());
    put_into_all(&mut m.frames, frame);
}

fn arrive(shared: &Shared, from: usize, frame: ArpFrame) {
    let mut world = shared.lock().unwrap();
    if !world.passes(from) || world.lost() {
        return;
    }
    let mut answers = Vec::new();
    for i in 0..world.machines.len() {
        if i == from || !world.way(from, i) {
            continue;
        }
        if ![MacAddr::BROADCAST, world.machines[i].mac].contains(&frame.eth_dst) {
            continue;
        }
        if world.lie == Some(Lie::DeafStandby) {
            continue;
        }
        deliver(&mut world, i, &frame);
        let m = &world.machines[i];
        if frame.op == ArpOp::Request && m.has(frame.tpa) && frame.spa != frame.tpa {
            answers.push((i, m.mac));
        }
    }
    for n in 0..world.cameras.len() {
        let unheard = world.lie == Some(Lie::Unheard) && frame.spa == VIP.addr;
        if unheard {
            break;
        }
        if world.way(from, CAMERAS) && !world.lost() && world.cameras[n].hears(&frame) {
            answers.push((CAMERAS, world.cameras[n].mac()));
        }
    }
    drop(world);
    for (who, mac) in answers {
        let answer = ArpFrame {
            eth_src: mac,
            eth_dst: frame.sha,
            op: ArpOp::Reply,
            sha: mac,
            spa: frame.tpa,
            tha: frame.sha,
            tpa: frame.spa,
        };
        let world = shared.clone();
        later(takes(50, 300), move || {
            let mut world = world.lock().unwrap();
            world.frames += 1;
            if world.lost() {
                return;
            }
            for i in 0..world.machines.len() {
                if world.machines[i].mac == answer.eth_dst && world.way(who, i) {
                    deliver(&mut world, i, &answer);
                }
            }
        });
    }
}
