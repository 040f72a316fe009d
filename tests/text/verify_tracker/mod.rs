//! Stories of cameras that come back, or do not, told in frames.

mod captures;
mod random;
mod served;

use crate::verify_support::*;
use standin::types::MacAddr;
use standin::verify::{Blame, Direction, Fault, Reading, Rung, Source, Summary, Verdict};

fn story(csv: &str, frames: &[At]) -> Summary {
    let mut t = tracker(&inventory(csv));
    feed(&mut t, frames);
    t.summary()
}

fn one(frames: &[At]) -> standin::verify::CameraReport {
    story("name,address\nCam 11,192.168.1.11\n", frames)
        .cameras
        .remove(0)
}

fn at(time: u64, frame: Vec<u8>) -> At {
    At(time, frame)
}

#[test]
fn a_camera_that_comes_back_climbs_all_five_rungs_in_order() {
    let inventory = cameras(&[11]);
    let mut t = tracker(&inventory);
    let mut changes = Vec::new();
    for At(time, f) in comes_back(11, 1_000_000, "live", "s1") {
        changes.extend(t.observe(time, &f, f.len(), Direction::Unknown));
    }
    let rungs: Vec<_> = changes.iter().map(|c| c.rung).collect();
    assert_eq!(rungs, Rung::ALL);
    assert!(changes.is_sorted_by_key(|c| c.at));
    let s = t.summary();
    assert_eq!((s.verdict, s.back, s.expected), (Verdict::Verified, 1, 1));
    assert_eq!(s.cameras[0].returned_at_us, Some(1_010_000));
    assert_eq!(s.last_syn_us, Some(1_010_000));
    assert_eq!(t.finished_addresses(), [camera_ip(11)]);
}

#[test]
fn a_silent_camera_is_the_networks_fault_and_one_that_does_not_dial_its_own() {
    let s = story(
        "name,address\nA,192.168.1.11\nB,192.168.1.12\nC,192.168.1.13\n",
        &[
            at(1, receipt(12)),
            at(
                2,
                Wire::new(13, 4000).segment(true, ACK, 500, 0, b"old data"),
            ),
            at(3, Wire::new(13, 4000).segment(false, RST, 0, 0, &[])),
        ],
    );
    let view: Vec<_> = s
        .cameras
        .iter()
        .map(|c| (c.rung, c.stuck_on, c.fault.clone(), c.blame))
        .collect();
    assert_eq!(
        view,
        [
            (
                None,
                Some(Rung::ArpReceipt),
                Some(Fault::NoReceipt),
                Some(Blame::Layer2)
            ),
            (
                Some(Rung::ArpReceipt),
                Some(Rung::AnyTcp),
                Some(Fault::NoSyn),
                Some(Blame::Camera)
            ),
            (
                Some(Rung::AnyTcp),
                Some(Rung::Syn),
                Some(Fault::NoSyn),
                Some(Blame::Camera)
            ),
        ]
    );
    assert_eq!(
        (s.verdict, s.missing),
        (Verdict::Failed, vec!["A".into(), "B".into(), "C".into()])
    );
}

#[test]
fn a_broadcast_question_for_the_vip_is_no_receipt_and_a_unicast_one_is() {
    let ask = |dst| {
        arp(
            false,
            dst,
            (camera_mac(11), camera_ip(11)),
            (MacAddr::ZERO, vip().addr),
        )
    };
    assert_eq!(one(&[at(1, ask(MacAddr::BROADCAST))]).rung, None);
    assert_eq!(one(&[at(1, ask(OUR_MAC))]).rung, Some(Rung::ArpReceipt));
    // To the dead machine's MAC.
    assert_eq!(one(&[at(1, ask(MacAddr([2, 0, 0, 0, 1, 1])))]).rung, None);
}

#[test]
fn an_arp_reply_from_another_mac_than_the_lists_is_no_receipt_and_is_named() {
    let s = story(
        "name,address,mac\nA,192.168.1.11,02:00:00:00:00:77\n",
        &[at(1, receipt(11))],
    );
    assert_eq!(s.cameras[0].rung, None);
    assert_eq!(s.cameras[0].other_mac, Some(camera_mac(11)));
}

#[test]
fn the_three_faults_of_our_server_are_told_apart_and_none_counts_as_back() {
    let w = Wire::new(11, 4000);
    let unanswered = one(&[at(1, w.syn()), at(1_000_001, w.syn())]);
    assert_eq!(
        (unanswered.rung, unanswered.fault),
        (Some(Rung::Syn), Some(Fault::SynWithoutSynAck))
    );

    let reset = one(&[at(1, w.syn()), at(2, w.reset())]);
    assert_eq!(
        (reset.rung, reset.fault, reset.reset_syns),
        (Some(Rung::Syn), Some(Fault::SynAnsweredByReset), 1)
    );

    let hung = one(&w.session(1, &publisher("live", "a", 0)[..1537], &[], 1448));
    assert_eq!(
        (hung.rung, hung.fault, hung.blame),
        (
            Some(Rung::Syn),
            Some(Fault::C1WithoutS0),
            Some(Blame::Server)
        )
    );
    assert_eq!(hung.stuck_on, Some(Rung::Handshake));

    let half = one(&w.session(
        1,
        &publisher("live", "a", 0)[..1537],
        &server(None)[..1537],
        1448,
    ));
    assert_eq!(half.fault, Some(Fault::S2Missing));
}

#[test]
fn a_syn_that_our_gate_dropped_is_named_and_the_one_that_was_answered_is_the_return() {
    let inventory = cameras(&[11]);
    let w = Wire::new(11, 4000);
    let mut t = tracker(&inventory);
    t.gate_closed(0, None);
    feed(&mut t, &[at(1_000, w.syn())]);
    assert_eq!(t.summary().cameras[0].fault, Some(Fault::SynGated));
    t.gate_closed(0, Some(500_000));
    feed(
        &mut t,
        &w.session(1_000_000, &publisher("live", "a", 1), &server(None), 1448),
    );
    let s = t.summary();
    assert_eq!(s.verdict, Verdict::Verified);
    assert_eq!(s.cameras[0].returned_at_us, Some(1_000_000));
}

#[test]
fn a_camera_refused_until_the_server_starts_returns_with_the_syn_that_brought_media() {
    let mut frames = vec![];
    for i in 0..50 {
        let w = Wire::new(11, 4000 + i);
        frames.push(at(u64::from(i) * 200_000, w.syn()));
        frames.push(at(u64::from(i) * 200_000 + 100, w.reset()));
    }
    frames.extend(Wire::new(11, 5000).session(
        20_000_000,
        &publisher("live", "a", 1),
        &server(None),
        500,
    ));
    let c = one(&frames);
    assert_eq!(
        (c.back, c.returned_at_us, c.reset_syns),
        (true, Some(20_000_000), 50)
    );
}

#[test]
fn connections_that_say_nothing_speak_tls_or_send_no_media_are_told_apart() {
    let w = Wire::new(11, 4000);
    assert_eq!(one(&w.session(1, &[], &[], 1448)).fault, Some(Fault::NoC1));
    assert_eq!(
        one(&w.session(1, &[0x16; 600], &[], 1448)).fault,
        Some(Fault::NotRtmp)
    );
    let c = one(&w.session(1, &publisher("live", "a", 0), &server(None), 1448));
    assert_eq!(
        (c.rung, c.fault),
        (Some(Rung::Handshake), Some(Fault::NoMedia))
    );
    let c = one(&w.session(
        1,
        &publisher("live", "a", 0),
        &server(Some("NetStream.Publish.BadName")),
        1448,
    ));
    assert_eq!(
        c.fault,
        Some(Fault::Refused("NetStream.Publish.BadName".into()))
    );
    let mut frames = w.session(1, &publisher("live", "a", 0), &server(None), 1448);
    frames.push(at(1_000_000, w.segment(false, RST, 0, 0, &[])));
    assert_eq!(one(&frames).fault, Some(Fault::ClosedByServer));
    // nginx-rtmp closes with a FIN where the application does not exist.
    frames.last_mut().unwrap().1 = w.segment(false, FIN | ACK, 3100, 4000, &[]);
    assert_eq!(one(&frames).fault, Some(Fault::ClosedByServer));
    frames.insert(
        frames.len() - 1,
        at(999_999, w.segment(true, FIN | ACK, 4000, 3100, &[])),
    );
    assert_eq!(
        one(&frames).fault,
        Some(Fault::NoMedia),
        "the camera hung up first"
    );
}

#[test]
fn a_recorder_with_many_streams_is_followed_stream_by_stream() {
    let csv = "name,address,stream\nA,192.168.1.11,s1\nB,192.168.1.11,live/s2\nC,192.168.1.11,s3\n";
    let mut frames = vec![at(0, receipt(11))];
    frames.extend(Wire::new(11, 4001).session(
        100,
        &publisher("live", "s1?key=x", 3),
        &server(None),
        1448,
    ));
    // Goes on streaming: a connection that is done must not be taken for another one's.
    frames.push(at(
        900_000,
        Wire::new(11, 4001).segment(true, ACK, 70_000, 3073, &[1; 900]),
    ));
    frames.extend(Wire::new(11, 4002).session(
        1_000_000,
        &publisher("live", "s2", 0),
        &server(None),
        1448,
    ));
    let s = story(csv, &frames);
    let view: Vec<_> = s
        .cameras
        .iter()
        .map(|c| (c.rung, c.fault.clone()))
        .collect();
    assert_eq!(
        view,
        [
            (Some(Rung::Media), None),
            (Some(Rung::Handshake), Some(Fault::NoMedia)),
            (Some(Rung::AnyTcp), Some(Fault::NoSyn)),
        ]
    );
    assert_eq!(s.verdict, Verdict::Degraded);

    // Refused before it could say which stream it is: which of the three it was cannot be known, whose fault can.
    let w = Wire::new(11, 4003);
    let s = story(csv, &[at(1, w.syn()), at(2, w.reset())]);
    assert_eq!(s.cameras[2].fault, Some(Fault::SynAnsweredByReset));
    assert_eq!(s.cameras[2].rungs.syn, Reading::Unknown);
}

#[test]
fn another_stream_than_the_lists_is_named_and_is_not_the_camera() {
    let s = story(
        "name,address,stream\nA,192.168.1.11,s1\n",
        &Wire::new(11, 4001).session(100, &publisher("live", "s9", 3), &server(None), 1448),
    );
    assert_eq!(
        s.cameras[0].fault,
        Some(Fault::OtherStream("live/s9".into()))
    );
    assert_eq!(s.verdict, Verdict::Failed);
    assert_eq!(s.unknown[0].stream.as_deref(), Some("live/s9"));
}

#[test]
fn talkers_that_are_not_in_the_list_are_listed_and_their_number_is_bounded() {
    let s = story(
        "name,address\nA,192.168.1.11\n",
        &[at(5, Wire::new(99, 4000).syn())],
    );
    assert_eq!(
        (s.unknown[0].address, s.unknown[0].syns),
        (camera_ip(99), 1)
    );
    let mut t = tracker(&cameras(&[11]));
    for i in 0..1000u32 {
        let mut w = Wire::new(1, 4000);
        w.camera = (0x0a00_0000 + i).into();
        feed(&mut t, &[at(1, w.syn())]);
    }
    let s = t.summary();
    assert_eq!(s.unknown.len() as u64 + s.unknown_unlisted, 1000);
    assert!(s.unknown.len() <= 256);
}

#[test]
fn a_camera_behind_a_router_needs_no_receipt() {
    let csv = "name,address\nA,10.9.9.9\n";
    let s = story(csv, &[]);
    assert_eq!(s.cameras[0].rungs.arp_receipt, Reading::Routed);
    assert_eq!(
        (&s.cameras[0].fault, s.cameras[0].stuck_on),
        (&Some(Fault::NothingRouted), Some(Rung::AnyTcp))
    );
    let mut w = Wire::new(1, 4000);
    w.camera = "10.9.9.9".parse().unwrap();
    assert_eq!(
        story(
            csv,
            &w.session(1, &publisher("l", "s", 1), &server(None), 1448)
        )
        .verdict,
        Verdict::Verified
    );
}

#[test]
fn what_is_sent_by_or_to_another_machine_that_has_the_vip_proves_nothing() {
    let mut t = tracker(&cameras(&[11]));
    for At(time, mut f) in comes_back(11, 1, "live", "a") {
        // The same session with the dead machine: its MAC instead of ours.
        for range in [0..6, 6..12] {
            if f[range.clone()] == OUR_MAC.0 {
                f[range].copy_from_slice(&[2, 0, 0, 0, 1, 1]);
            }
        }
        if f[12..14] == [8, 6] {
            f[32..38].copy_from_slice(&[2, 0, 0, 0, 1, 1]);
        }
        t.observe(time, &f, f.len(), Direction::Unknown);
    }
    let s = t.summary();
    assert_eq!((s.verdict, s.cameras[0].rung), (Verdict::Failed, None));
    assert!(s.frames.foreign_vip > 0);
}

#[test]
fn evidence_from_elsewhere_counts_with_its_source() {
    let mut t = tracker(&cameras(&[11, 12]));
    t.adopt(0, Rung::Media, 77, Source::Journal);
    t.adopt(1, Rung::Handshake, 88, Source::SocketCounters);
    t.adopt(9, Rung::Media, 1, Source::Journal);
    let s = t.summary();
    assert_eq!((s.back, s.cameras[0].source), (1, Some(Source::Journal)));
    assert_eq!(s.cameras[0].rungs.arp_receipt, Reading::NotSeen);
    assert_eq!(
        s.cameras[0].rungs.syn,
        Reading::Seen {
            at_us: 77,
            source: Source::Journal
        }
    );
    assert_eq!(
        (s.cameras[1].rung, s.cameras[1].source),
        (Some(Rung::Handshake), Some(Source::SocketCounters))
    );
}

#[test]
fn the_json_has_the_documented_names() {
    let s = story("name,address\nA,192.168.1.11\n", &[at(7, receipt(11))]);
    let json = serde_json::to_value(&s).unwrap();
    let camera = &json["cameras"][0];
    assert_eq!(json["verdict"], "failed");
    assert_eq!(camera["fault"], "no_syn");
    assert_eq!(camera["rung"], "arp_receipt");
    assert_eq!(camera["stuck_on"], "any_tcp");
    assert_eq!(
        camera["rungs"]["arp_receipt"],
        serde_json::json!({"reading":"seen","at_us":7,"source":"capture"})
    );
}
