//! Back means served: what the server says of a publish, and what it does with the connection, before and after media.

use standin::verify::{Blame, Direction, Fault, Rung, Tracker, Unknowable, Verdict};

use crate::verify_support::*;
use crate::verify_tracker::{at, one, story};

/// A session in which the server answers with `answers`, before or after the camera's media.
fn session(client: &[u8], answers: &[u8], after_media: bool) -> Vec<At> {
    let w = Wire::new(11, 4000);
    if !after_media {
        return w.session(1, client, &[greeting(), answers.to_vec()].concat(), 1448);
    }
    let mut frames = w.session(1, client, &greeting(), 1448);
    let said = w.segment(false, ACK, greeting().len(), client.len(), answers);
    frames.push(at(500_000, said));
    frames
}

fn publishing() -> Vec<u8> {
    publisher("live", "s1", 2)
}

#[test]
fn a_publish_that_is_refused_before_or_after_its_media_is_not_back_and_the_servers_words_are_said()
{
    for code in [
        "NetStream.Publish.BadName",
        "NetStream.Publish.Denied",
        "Some.Code",
    ] {
        for after in [false, true] {
            let c = one(&session(&publishing(), &refused(code), after));
            assert_eq!(
                (c.back, c.rung, c.fault, c.blame),
                (
                    false,
                    Some(Rung::Handshake),
                    Some(Fault::Refused(code.into())),
                    Some(Blame::Server)
                ),
                "{code} after media: {after}"
            );
        }
    }
    // Accepted first, as SRS does before it asks its hooks, and refused then.
    let both = [accepted(), refused("NetStream.Publish.Denied")].concat();
    for after in [false, true] {
        assert!(!one(&session(&publishing(), &both, after)).back);
    }
    // Publish is the fifth request of the client that these tests have; its own number is 0.
    let error = answer("_error", 0.0, info("error", "NetConnection.Call.Failed"));
    let c = one(&session(&publishing(), &error, true));
    assert_eq!(
        c.fault,
        Some(Fault::Refused("NetConnection.Call.Failed".into()))
    );
}

#[test]
fn a_connection_that_the_server_closes_on_after_media_is_not_back_however_it_closes() {
    for accept in [accepted(), vec![]] {
        for flags in [FIN | ACK, RST, RST | ACK] {
            let mut frames = session(&publishing(), &accept, false);
            let w = Wire::new(11, 4000);
            frames.push(at(900_000, w.segment(false, flags, 3200, 9000, &[])));
            let c = one(&frames);
            assert_eq!(
                (c.back, c.fault),
                (false, Some(Fault::ClosedAfterMedia)),
                "{flags:#x}"
            );
            // It dials again and is taken.
            frames.extend(Wire::new(11, 4001).session(
                5_000_000,
                &publishing(),
                &server(None),
                1448,
            ));
            let c = one(&frames);
            assert_eq!((c.back, c.returned_at_us), (true, Some(5_000_000)));
        }
    }
    // A camera that hangs up by itself was served.
    let mut frames = session(&publishing(), &accepted(), false);
    let w = Wire::new(11, 4000);
    frames.push(at(900_000, w.segment(true, FIN | ACK, 13_000, 3200, &[])));
    frames.push(at(900_100, w.segment(false, FIN | ACK, 3200, 13_001, &[])));
    assert!(one(&frames).back);
    // And what becomes of its next connection counts.
    frames.extend(Wire::new(11, 4001).session(
        5_000_000,
        &publishing(),
        &server(Some("NetStream.Publish.BadName")),
        1448,
    ));
    assert!(!one(&frames).back);
}

#[test]
fn a_second_connection_that_is_refused_does_not_unseat_the_one_that_is_served() {
    let mut frames = session(&publishing(), &accepted(), false);
    frames.extend(Wire::new(11, 4001).session(
        5_000_000,
        &publishing(),
        &server(Some("NetStream.Publish.BadName")),
        1448,
    ));
    assert!(one(&frames).back);
}

#[test]
fn a_camera_that_is_turned_away_again_and_again_is_told_why_while_it_dials() {
    let mut frames = vec![];
    for i in 0..8u16 {
        let mut more = Wire::new(11, 4000 + i).session(
            u64::from(i) * 1_000_000,
            &publishing(),
            &server(Some("NetStream.Publish.BadName")),
            1448,
        );
        more.push(at(
            u64::from(i) * 1_000_000 + 400_000,
            Wire::new(11, 4000 + i).segment(true, RST, 9000, 0, &[]),
        ));
        frames.extend(more);
    }
    // In the middle of the next one.
    frames.extend(Wire::new(11, 4100).session(8_000_000, &publishing()[..2000], &greeting(), 1448));
    assert_eq!(
        one(&frames).fault,
        Some(Fault::Refused("NetStream.Publish.BadName".into()))
    );
}

#[test]
fn an_error_for_fcpublish_alone_refuses_nothing() {
    // The camera numbers its requests 0; a server answers them in order. Here FCPublish is the third.
    let numbered = |media| publisher_numbered("live", "s1", media);
    let failed = answer("_error", 3.0, info("error", "NetConnection.Call.Failed"));
    let ok = [failed.clone(), accepted()].concat();
    assert!(one(&session(&numbered(2), &ok, true)).back);
    let c = one(&session(&numbered(0), &ok, true));
    assert_eq!(c.fault, Some(Fault::NoMedia));
    // A server that never answers the publish itself: its words are all there is.
    let c = one(&session(&numbered(0), &failed, true));
    assert_eq!(
        c.fault,
        Some(Fault::Refused("NetConnection.Call.Failed".into()))
    );
    // An error for the publish.
    let failed = answer("_error", 5.0, info("error", "NetConnection.Call.Failed"));
    assert!(!one(&session(&numbered(2), &failed, true)).back);
}

#[test]
fn the_streams_name_is_publishs_and_a_later_fcpublish_does_not_rename_it() {
    let csv = "name,address,stream\nA,192.168.1.11,s1\n";
    for later in ["FCPublish", "releaseStream"] {
        let mut client = publisher("live", "s1", 0);
        client.extend(request(later, 9.0, "s1|@setDataFrame()"));
        client.extend(message(6, 9, 4096, &[1; 3000]));
        let frames = session(&client, &accepted(), false);
        assert_eq!(story(csv, &frames).verdict, Verdict::Verified, "{later}");
    }
    // Before it, another name is no other stream yet.
    let mut client = publisher("live", "s1", 2);
    let c2 = 1 + 2 * 1536;
    let before = request("releaseStream", 9.0, "old");
    client.splice(c2..c2, before);
    let s = story(csv, &session(&client, &accepted(), false));
    assert_eq!((s.verdict, s.unknown.len()), (Verdict::Verified, 0));
}

fn live(frames: &[At]) -> Tracker {
    let mut t = tracker(&cameras(&[11]));
    feed(&mut t, frames);
    t
}

#[test]
fn a_publish_that_is_not_answered_is_neither_back_nor_blamed_until_it_stood_for_long() {
    let frames = session(&publishing(), &[], false);
    let mut t = live(&frames);
    let c = t.summary().cameras.remove(0);
    assert_eq!(
        c.fault,
        Some(Fault::Unknown(Unknowable::EndsBeforeAnswer)),
        "{c:?}"
    );
    let end = frames.last().unwrap().0;
    t.tick(end + 4_900_000);
    assert_eq!((t.back(), t.verified()), (0, false));
    let changes = t.tick(end + 5_100_000);
    assert_eq!(changes.last().map(|c| c.rung), Some(Rung::Media));
    t.tick(end + 6_200_000);
    assert!(t.verified());
    // A camera that waits for the answer sends nothing: that is the server's fault.
    let mut t = live(&session(&publisher("live", "s1", 0), &[], false));
    t.tick(10_000_000);
    assert_eq!(t.summary().cameras[0].fault, Some(Fault::PublishUnanswered));
}

#[test]
fn watching_ends_only_when_a_stream_has_stood_for_a_second_and_what_ends_it_is_still_captured() {
    let mut t = live(&session(&publishing(), &accepted(), false));
    assert_eq!((t.back(), t.verified()), (1, false));
    assert_eq!(t.finished_addresses(), [camera_ip(11)]);
    let w = Wire::new(11, 4000);
    let f = w.segment(false, FIN | ACK, 3200, 9000, &[]);
    t.observe(400_000, &f, f.len(), Direction::Out);
    t.tick(3_000_000);
    assert_eq!((t.back(), t.verified()), (0, false));
    assert!(t.finished_addresses().is_empty(), "captured in full again");
    feed(
        &mut t,
        &Wire::new(11, 4001).session(4_000_000, &publishing(), &server(None), 1448),
    );
    t.tick(6_000_000);
    assert!(t.verified());
    // A further connection of a camera that is back is looked at.
    let f = Wire::new(11, 4002).syn();
    t.observe(7_000_000, &f, f.len(), Direction::In);
    assert!(t.finished_addresses().is_empty());
}

#[test]
fn an_answer_that_the_capture_cut_or_lacks_is_no_start() {
    // The server's segment with the answer is not in the capture.
    let full = Wire::new(11, 4000).session(1, &publishing(), &server(None), 3072 + 17);
    let answer_at = full.len() - (publishing().len() - 1537).div_ceil(3089) - 1;
    let mut lacking = full.clone();
    lacking.remove(answer_at);
    let mut t = live(&lacking);
    t.end();
    let c = t.summary().cameras.remove(0);
    assert!(!c.back);
    assert_eq!(c.blame, Some(Blame::Capture), "{c:?}");
    // It is, and is cut.
    let mut t = tracker(&cameras(&[11]));
    for (i, At(time, f)) in full.iter().enumerate() {
        let kept = if i == answer_at {
            f.len() - 20
        } else {
            f.len()
        };
        t.observe(*time, &f[..kept], f.len(), Direction::Unknown);
    }
    t.end();
    let c = t.summary().cameras.remove(0);
    assert_eq!(
        (c.back, c.fault),
        (false, Some(Fault::Unknown(Unknowable::SnaplenTooShort)))
    );
}
