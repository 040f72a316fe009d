use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretSlice;

use super::hearing::Came;
use super::{BeatPeer, Beats, Heard, Saying};
use crate::detect::beat_socket::HeartbeatSocket;
use crate::detect::heartbeat::{self, About, Flags, Message, v2};
use crate::host::BeatEnd;
use crate::takeover;
use crate::types::{BootTime, Epoch, MacAddr};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const OUR_BOOT: u64 = 9;
const PEER: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn beats(vips: &[&str], sockets: Vec<Arc<dyn BeatEnd>>, port: u16) -> Beats {
    let peers = vips.iter().enumerate().map(|(index, vip)| BeatPeer {
        index,
        name: format!("prim-{index}"),
        vip: vip.parse().unwrap(),
        addresses: vec![PEER],
        data_socket: 0,
        other_socket: 0,
    });
    let key = SecretSlice::from(KEY.to_vec());
    let every = Duration::from_millis(50);
    Beats::new(
        "b",
        (port, every),
        key,
        OUR_BOOT,
        sockets,
        peers.collect(),
        BootTime(0),
    )
}

fn about(vip: &str, holds: bool) -> About {
    About {
        vip: vip.parse().unwrap(),
        epoch: Epoch(3),
        about: Epoch(0),
        flags: Flags {
            holds_vip: holds,
            carrier: true,
            ..Flags::default()
        },
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        witnesses: 0,
        hold: true,
        preferred: true,
        confirmed: None,
        fence_timeout: None,
    }
}

fn message(boot: u64, sequence: u64, echo: Option<u64>, about: Vec<About>) -> Message {
    Message {
        version: 2,
        node: "a".to_owned(),
        boot,
        sequence,
        interval: Some(Duration::from_millis(50)),
        features: 0,
        echo,
        about,
    }
}

fn old(boot: u64, sequence: u64, about: &About) -> Vec<u8> {
    let beat = heartbeat::Beat {
        node: "a".to_owned(),
        vip: about.vip,
        boot,
        sequence,
        epoch: about.epoch,
        about: about.about,
        flags: about.flags,
        mac: about.mac,
        witnesses: 0,
    };
    heartbeat::encode(&beat, KEY)
}

fn come(beats: &mut Beats, at_s: u64, frame: &[u8]) -> Came {
    let from = SocketAddrV4::new(PEER, 7410);
    beats.heard(BootTime(at_s * 1_000_000), 0, from, frame)
}

const ONE: &str = "192.168.1.101/24";
const TWO: &str = "192.168.1.102/24";

#[test]
fn one_heartbeat_is_about_every_address_of_the_two_machines() {
    let mut b = beats(&[ONE, TWO], Vec::new(), 1);
    let both = message(7, 1, None, vec![about(TWO, true), about(ONE, false)]);
    let came = come(&mut b, 1, &v2::encode(&both, KEY));
    let said: BTreeMap<usize, bool> = came.beats.iter().map(|(i, b)| (*i, b.holds)).collect();
    assert_eq!(said, BTreeMap::from([(0, false), (1, true)]));
    let beat = &came.beats[0].1;
    assert!(beat.hold && beat.preferred && beat.interval == Some(Duration::from_millis(50)));
    // Version 1 has a frame for each: the second address was dropped.
    let mut b = beats(&[ONE, TWO], Vec::new(), 1);
    let came = come(&mut b, 1, &old(7, 1, &about(TWO, true)));
    assert_eq!(came.beats.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [1]);
    assert_eq!(came.beats[0].1.interval, None, "version 1 does not say");
}

#[test]
fn the_older_version_does_not_take_back_what_the_newer_one_said() {
    let mut b = beats(&[ONE], Vec::new(), 1);
    let new = v2::encode(&message(7, 1, None, vec![about(ONE, true)]), KEY);
    assert_eq!(come(&mut b, 1, &new).beats.len(), 1);
    assert!(
        come(&mut b, 1, &old(7, 2, &about(ONE, true)))
            .beats
            .is_empty()
    );
    // The machine goes back to the release before.
    assert_eq!(
        come(&mut b, 2, &old(8, 1, &about(ONE, true))).beats.len(),
        1
    );
}

#[test]
fn a_recorded_heartbeat_counts_for_nothing_after_our_restart() {
    let heard = Heard {
        peer: 0,
        data_path: true,
        node: "a".to_owned(),
        boot: 7,
        sequence: 100,
    };
    let frame =
        |sequence, echo| v2::encode(&message(7, sequence, echo, vec![about(ONE, true)]), KEY);
    let mut b = beats(&[ONE], Vec::new(), 1);
    b.restore(std::slice::from_ref(&heard));
    assert!(come(&mut b, 1, &frame(100, None)).beats.is_empty());
    // Sent after the last record and before our restart: it names our earlier start.
    assert!(
        come(&mut b, 1, &frame(101, Some(OUR_BOOT - 1)))
            .beats
            .is_empty()
    );
    assert_eq!(
        b.seen(),
        std::slice::from_ref(&heard),
        "what was known is kept"
    );
    assert_eq!(come(&mut b, 1, &frame(102, Some(OUR_BOOT))).beats.len(), 1);
    assert_eq!(come(&mut b, 1, &frame(103, None)).beats.len(), 1);
    // One that does not hear us cannot name it: far beyond what may have been recorded it counts.
    let mut b = beats(&[ONE], Vec::new(), 1);
    b.restore(&[heard]);
    assert_eq!(come(&mut b, 1, &frame(100_000, None)).beats.len(), 1);
}

#[test]
fn refused_heartbeats_are_told_with_the_command_and_over_when_one_is_accepted() {
    let frame =
        |boot, sequence| v2::encode(&message(boot, sequence, None, vec![about(ONE, true)]), KEY);
    let mut b = beats(&[ONE], Vec::new(), 1);
    assert_eq!(come(&mut b, 1, &frame(7, 1)).beats.len(), 1);
    let garbage = come(&mut b, 2, b"garbage");
    assert!(
        garbage.trouble.is_none(),
        "one datagram beside good ones is no trouble"
    );
    let (peers, text) = come(&mut b, 9, &frame(6, 5))
        .trouble
        .expect("its counter was lost");
    assert_eq!(peers, [0]);
    assert!(text.contains("`standin peer reset prim-0`"), "{text}");
    b.forget(0);
    let came = come(&mut b, 10, &frame(6, 6));
    assert_eq!((came.beats.len(), came.over), (1, vec![0]));
}

#[test]
fn two_machines_of_one_name_are_told() {
    let mut b = beats(&[ONE], Vec::new(), 1);
    let mut ours = message(7, 1, None, vec![about(ONE, true)]);
    ours.node = "b".to_owned();
    let (_, text) = come(&mut b, 1, &v2::encode(&ours, KEY))
        .trouble
        .expect("told");
    assert!(text.contains("both machines are named `b`"), "{text}");
}

#[tokio::test]
async fn who_is_not_known_gets_both_versions_and_then_its_own() {
    let other = HeartbeatSocket::bind(PEER, 0, None).unwrap();
    let port = other.local_addr().unwrap().port();
    let mine = HeartbeatSocket::bind(PEER, 0, None).unwrap();
    let mut b = beats(&[ONE, TWO], vec![Arc::new(mine)], port);
    let saying = Saying {
        flags: takeover::Flags {
            holds: true,
            epoch: Epoch(2),
            wants_yield: None,
            yielded: None,
            grants: None,
            hold: false,
        },
        mac: MacAddr([2, 0, 0, 0, 0, 2]),
        carrier: true,
        service_ok: true,
        preferred: false,
        confirmed: None,
        fence_timeout: Duration::from_secs(10),
    };
    let said = BTreeMap::from([(0, saying), (1, saying)]);
    b.send(BootTime(1_000_000), &said);
    let mut versions = Vec::new();
    for _ in 0..3 {
        let (frame, _) = other.recv().await.unwrap();
        let read = heartbeat::decode_any(&frame, KEY).unwrap();
        versions.push((read.version, read.about.len()));
    }
    assert_eq!(versions, [(2, 2), (1, 1), (1, 1)]);
    come(&mut b, 2, &old(7, 1, &about(ONE, false)));
    b.send(BootTime(3_000_000), &said);
    for _ in 0..2 {
        let (frame, _) = other.recv().await.unwrap();
        assert_eq!(frame[4], 1, "to who speaks version 1");
    }
    come(
        &mut b,
        4,
        &v2::encode(&message(8, 1, None, vec![about(ONE, false)]), KEY),
    );
    b.send(BootTime(5_000_000), &said);
    let (frame, _) = other.recv().await.unwrap();
    assert_eq!(heartbeat::decode_any(&frame, KEY).unwrap().echo, Some(8));
}
