//! Segments in any order, damaged frames, floods.

use proptest::prelude::*;
use standin::verify::{Direction, Verdict};

use crate::verify_support::*;
use crate::verify_tracker::{at, story};

/// Moves frames after the TCP handshake around and repeats some.
fn shuffled(frames: &[At], seed: u64) -> Vec<At> {
    let mut state = seed | 1;
    let mut random = move |n: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % n.max(1)
    };
    let mut out = frames[..3].to_vec();
    let mut rest = frames[3..].to_vec();
    for _ in 0..rest.len() / 4 {
        let copy = rest[random(rest.len())].clone();
        rest.push(copy);
    }
    for i in (1..rest.len()).rev() {
        rest.swap(i, random(i + 1));
    }
    out.extend(rest);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn segmentation_order_and_repetition_do_not_change_the_rungs(mss in 1usize..3000, seed in any::<u64>()) {
        let mss = mss.max(20);
        let client = publisher("live", "s1", 2);
        let frames = Wire::new(11, 4000).session(1000, &client, &server(None), mss);
        let s = story("name,address,stream\nA,192.168.1.11,s1\n", &shuffled(&frames, seed));
        prop_assert_eq!(s.verdict, Verdict::Verified);
        prop_assert_eq!(s.cameras[0].returned_at_us, Some(1000));
    }

    #[test]
    fn damaged_frames_never_panic_and_memory_stays_bounded(
        seed in any::<u64>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..200),
        drops in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let frames = Wire::new(11, 4000).session(1000, &publisher("live", "s1", 20), &server(None), 1000);
        let mut frames = shuffled(&frames, seed);
        for d in drops {
            frames.remove(d.index(frames.len()));
        }
        for (f, byte, value) in changes {
            let which = f.index(frames.len());
            let f = &mut frames[which].1;
            let byte = byte.index(f.len().min(80));
            f[byte] = value;
        }
        let mut t = tracker(&cameras(&[11]));
        for At(time, f) in &frames {
            t.observe(*time, f, f.len(), Direction::Unknown);
            prop_assert!(t.held_bytes() <= 8 << 20);
        }
        t.summary();
    }
}

#[test]
fn a_flood_of_segments_out_of_order_keeps_memory_bounded() {
    let numbers: Vec<u8> = (1..=200).filter(|n| *n != 101).collect();
    let mut t = tracker(&cameras(&numbers));
    let mut most = 0;
    for n in numbers {
        let w = Wire::new(n, 4000);
        feed(&mut t, &[at(1, w.syn()), at(2, w.syn_ack())]);
        for i in 0..300 {
            feed(
                &mut t,
                &[at(3, w.segment(true, ACK, 10 + i * 2000, 0, &[3; 1400]))],
            );
            most = most.max(t.held_bytes());
        }
    }
    assert!(most <= 8 << 20, "{most}");
    assert!(most > 4 << 20, "the test does not reach the bound: {most}");
}
