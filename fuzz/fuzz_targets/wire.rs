//! Malformed Ethernet, ARP, IPv4 and TCP into the tracker. The first byte cuts the frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin::types::MacAddr;
use standin::verify::{Direction, Inventory, Tracker};

fuzz_target!(|data: &[u8]| {
    let Some((head, mut rest)) = data.split_first() else {
        return;
    };
    let list = b"name,address,stream\nA,10.0.0.1,a\nB,10.0.0.1,b\nC,10.0.0.2,\n";
    let inventory = Inventory::parse("list", list).expect("the list is valid");
    let vip = "10.0.0.101/24".parse().expect("the address is valid");
    let ours = (head & 1 == 1).then_some(MacAddr([2, 0, 0, 0, 1, 2]));
    let mut tracker = Tracker::new(&inventory, vip, 1935, ours);
    let mut at = 0;
    while let Some((len, tail)) = rest.split_first() {
        let (frame, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        at += 100_000;
        tracker.observe(
            at,
            frame,
            frame.len() + usize::from(head >> 1),
            Direction::Unknown,
        );
        assert!(tracker.held_bytes() <= 8 << 20);
        rest = tail;
    }
    tracker.summary();
});
