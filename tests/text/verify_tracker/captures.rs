//! What a capture cannot show is unknown, and not missing.

use standin::verify::{Blame, Direction, Fault, Reading, Rung, Unknowable};

use crate::verify_support::*;
use crate::verify_tracker::{at, one, story};

#[test]
fn a_capture_with_a_short_snaplen_says_unknown_where_it_cannot_know() {
    let run = |csv: &str, snaplen: usize| {
        let mut t = tracker(&inventory(csv));
        for At(time, f) in comes_back(11, 1, "live", "a") {
            t.observe(
                time,
                &f[..f.len().min(snaplen)],
                f.len(),
                Direction::Unknown,
            );
        }
        t.summary().cameras.remove(0)
    };
    // Ethernet, IP and TCP headers and no more: sizes tell the handshake, nothing tells the media.
    let c = run("name,address\nA,192.168.1.11\n", 60);
    assert_eq!(
        (c.rung, c.fault),
        (
            Some(Rung::Handshake),
            Some(Fault::Unknown(Unknowable::SnaplenTooShort))
        )
    );
    assert_eq!(c.rungs.media, Reading::Unknown);
    // Not even the ports.
    let c = run("name,address\nA,192.168.1.11\n", 36);
    assert_eq!(
        (c.rung, c.fault),
        (None, Some(Fault::Unknown(Unknowable::SnaplenTooShort)))
    );
    assert_eq!(c.rungs.syn, Reading::Unknown);
    assert_eq!(c.blame, Some(Blame::Capture));
}

#[test]
fn a_connection_older_than_the_capture_is_unknown_and_not_missing_media() {
    let w = Wire::new(11, 4000);
    let c = one(&[
        at(1, w.segment(true, ACK, 90_000, 4000, &[1; 1000])),
        at(2, w.segment(false, ACK, 4000, 91_000, &[])),
    ]);
    assert_eq!(c.fault, Some(Fault::Unknown(Unknowable::OlderThanCapture)));
    assert_eq!(c.rungs.media, Reading::Unknown);
}

#[test]
fn frames_that_the_capture_lost_make_the_media_unknown_and_not_the_handshake() {
    let mut frames =
        Wire::new(11, 4000).session(1, &publisher("live", "a", 4), &server(None), 1448);
    // The segments with the commands.
    frames.drain(9..12);
    for i in 0..3 {
        let total = publisher("live", "a", 4).len();
        frames.push(at(
            2_000_000 + i * 900_000,
            Wire::new(11, 4000).segment(false, ACK, 3100, total, &[]),
        ));
    }
    let c = one(&frames);
    assert_eq!(c.rung, Some(Rung::Handshake), "{c:?}");
    assert_eq!(c.fault, Some(Fault::Unknown(Unknowable::CaptureGap)));
}

/// A session whose C0 and C1, or part of it, are in the SYN (TCP Fast Open).
#[test]
fn data_in_the_syn_is_read() {
    let client = publisher("live", "a", 2);
    let w = Wire::new(11, 4000);
    let mut frames = w.session(1, &client, &server(None), 700);
    // The first segment of the camera's, 700 bytes, rides on the SYN.
    frames.remove(3);
    frames[0] = at(1, w.segment(true, SYN, 0, 0, &client[..700]));
    assert!(one(&frames).back);
}

#[test]
fn holes_at_the_end_of_the_capture_are_read_without_and_nobody_is_blamed() {
    let client = publisher("live", "a", 2);
    let frames = Wire::new(11, 4000).session(1, &client, &server(None), 700);
    let ended = |frames: &[At]| {
        let mut t = tracker(&cameras(&[11]));
        feed(&mut t, frames);
        t.end();
        t.summary().cameras.remove(0)
    };
    // A part of C1 is lost: a hole in the handshake tells no less.
    let mut lost = frames.clone();
    lost.remove(4);
    assert!(ended(&lost).back, "{:?}", ended(&lost));
    // Wherever the capture ends, the camera is not blamed for what it had begun.
    for cut in 4..frames.len() {
        let c = ended(&frames[..cut]);
        assert!(
            c.back || c.blame != Some(Blame::Camera),
            "{cut}: {:?} {:?}",
            c.fault,
            c.blame
        );
    }
    let c = ended(&frames[..4]);
    assert_eq!(c.fault, Some(Fault::Unknown(Unknowable::EndsBeforeC1)));
    assert!(
        c.fault
            .unwrap()
            .to_string()
            .contains("the capture ends before")
    );
}

#[test]
fn rtmp_that_begins_with_an_inheriting_header_is_unclear_and_not_told_to_set_rtmp() {
    for format in [2u8, 3] {
        let mut client = publisher("live", "a", 2);
        let c2 = 1 + 2 * 1536;
        client.splice(c2.., [format << 6 | 4, 0, 0, 1, 5, 5]);
        let c = one(&Wire::new(11, 4000).session(1, &client, &server(None), 1448));
        assert_eq!(
            (c.fault, c.blame),
            (
                Some(Fault::Unknown(Unknowable::NotUnderstood)),
                Some(Blame::Capture)
            )
        );
    }
}

#[test]
fn frames_that_are_not_decoded_are_counted_and_no_camera_is_blamed_for_them() {
    let wrapped = |ether_type: [u8; 2], f: &[u8]| [&f[..12], &ether_type[..], &f[12..]].concat();
    let hidden = |wrap: &dyn Fn(&[u8]) -> Vec<u8>| {
        let frames: Vec<_> = comes_back(11, 1, "live", "a")
            .into_iter()
            .map(|At(t, f)| At(t, wrap(&f)))
            .collect();
        story("name,address\nA,192.168.1.11\n", &frames)
    };
    let gre = |f: &[u8]| {
        let mut v = f[..14].to_vec();
        v[12..14].copy_from_slice(&[8, 0]);
        v.extend([0x45, 0]);
        v.extend((24 + f.len() as u16).to_be_bytes());
        v.extend([0, 0, 0x40, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        v.extend([0, 0, 0x88, 0xbe]);
        v.extend(f);
        v
    };
    for (what, s) in [
        ("MACsec", hidden(&|f| wrapped([0x88, 0xe5], f))),
        ("EtherType 0x88b5", hidden(&|f| wrapped([0x88, 0xb5], f))),
        ("GRE", hidden(&gre)),
    ] {
        let c = &s.cameras[0];
        assert_eq!(
            (&c.fault, c.blame),
            (
                &Some(Fault::Unknown(Unknowable::NotDecoded)),
                Some(Blame::Capture)
            )
        );
        assert!(s.not_decoded[0].what.contains(what), "{:?}", s.not_decoded);
        assert_eq!(s.not_decoded[0].frames, s.frames.seen);
        let json = serde_json::to_value(&s).unwrap();
        assert_eq!(json["not_decoded"][0]["frames"], s.frames.seen);
    }
    // What every network has hides nobody.
    let quiet = story(
        "name,address\nA,192.168.1.11\n",
        &[
            at(1, [&[0u8; 12][..], &[0x88, 0xcc], &[0; 40]].concat()),
            at(2, [&[0u8; 12][..], &[0x86, 0xdd], &[0; 40]].concat()),
            at(3, [&[0u8; 12][..], &[0x00, 0x26], &[0; 40]].concat()),
        ],
    );
    assert_eq!(quiet.cameras[0].fault, Some(Fault::NoReceipt));
    assert!(quiet.not_decoded.is_empty());
}

#[test]
fn a_camera_whose_packets_come_in_fragments_is_not_blamed_and_others_are() {
    let mut t = tracker(&cameras(&[11, 12]));
    let fragment = |n: u8| {
        let mut f = Wire::new(n, 4000).segment(true, ACK, 1000, 0, &[1; 600]);
        f[21] = 100;
        f
    };
    let w = Wire::new(11, 4000);
    feed(
        &mut t,
        &[
            at(1, w.syn()),
            at(2, w.syn_ack()),
            at(3, w.segment(true, ACK, 0, 0, &[])),
            at(4, fragment(11)),
            at(5_000_000, receipt(12)),
        ],
    );
    t.end();
    let s = t.summary();
    assert_eq!(
        s.cameras[0].fault,
        Some(Fault::Unknown(Unknowable::NotDecoded))
    );
    assert_eq!(s.cameras[1].fault, Some(Fault::NoSyn));
    assert_eq!(s.not_decoded[0].what, "IP fragments");
}
