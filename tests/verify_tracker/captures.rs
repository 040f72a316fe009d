//! What a capture cannot show is unknown, and not missing.

use standin::verify::{Blame, Direction, Fault, Reading, Rung, Unknowable};

use crate::verify_support::*;
use crate::{at, one};

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
