//! Probes, announcements and the ARP socket, against the caches of a real kernel.

use std::time::Duration;

use standin::net::address::{self, AddressLife};
use standin::net::announce::Announcer;
use standin::net::arp::{ArpFrame, ArpOp};
use standin::net::arp_socket::ArpSocket;
use standin::net::neighbour;
use standin::net::netlink::Netlink;
use standin::net::watch::{NetEvent, Watch};
use standin::types::{BootTime, MacAddr};

use crate::lab::*;

#[test]
fn a_question_from_our_own_address_is_answered() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (_, mac) = interface(&netlink, "s0").await;
        let arp = ArpSocket::open("s0").unwrap();
        arp.send(&ArpFrame::request(mac, OWN, CAMERA, None))
            .unwrap();
        let reply = arp.recv().await.unwrap();
        assert_eq!(
            (reply.op, reply.spa, reply.tha),
            (ArpOp::Reply, CAMERA, mac)
        );
        assert!(!reply.is_receipt(VIP.addr, mac));
        arp.send(&ArpFrame::request(mac, OWN, CAMERA, Some(reply.sha)))
            .unwrap();
        assert_eq!(arp.recv().await.unwrap().spa, CAMERA, "unicast too");
        // A thread that was late, and gives the runtime no turn, still reads what lies in the socket.
        arp.send(&ArpFrame::request(mac, OWN, CAMERA, None))
            .unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(arp.try_recv().map(|f| f.spa), Some(CAMERA));
        assert_eq!(arp.try_recv(), None);
        assert_eq!(arp.drops().unwrap(), 0);
    });
    // Linux learns who asked: the peer's kernel may answer us without asking first.
    assert!(lab.camera.sh("ip neigh show").contains(&OWN.to_string()));
}

#[test]
fn the_announcement_moves_the_camera_to_us_and_the_release_moves_it_back() {
    let Some(lab) = lab() else { return };
    let peer = MacAddr([2, 0, 0, 0, 0x99, 1]);
    let vip = VIP.addr;
    let check = |mac: MacAddr| {
        let entry = lab.camera.sh(&format!("ip neigh show {vip}"));
        assert!(
            entry.contains(&mac.to_string()),
            "`{entry}` should be at {mac}"
        );
    };
    lab.camera.sh(&format!(
        "ip neigh replace {vip} lladdr {peer} dev c0 nud reachable"
    ));
    let mac = lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, mac) = interface(&netlink, "s0").await;
        address::add(&netlink, s0, "s0", VIP, AddressLife::Forever)
            .await
            .unwrap();
        let arp = ArpSocket::open("s0").unwrap();
        let refresh = Duration::from_secs(60);
        let mut announcer = Announcer::claim(mac, vip, &[CAMERA], refresh, BootTime(0));
        first_round(&mut announcer, &arp);
        loop {
            let frame = arp.recv().await.unwrap();
            if frame.is_receipt(vip, mac) {
                assert!(announcer.receipt(frame.spa, BootTime(1)));
                return mac;
            }
        }
    });
    check(mac);
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, mac) = interface(&netlink, "s0").await;
        address::remove(&netlink, s0, VIP).await.unwrap();
        let arp = ArpSocket::open("s0").unwrap();
        let mut announcer = Announcer::release(mac, peer, vip, &[CAMERA], BootTime(0));
        first_round(&mut announcer, &arp);
        settled(&arp, mac).await;
    });
    check(peer);
}

#[test]
fn every_form_alone_moves_an_entry() {
    let Some(lab) = lab() else { return };
    let vip = VIP.addr;
    let peer = MacAddr([2, 0, 0, 0, 0x99, 1]);
    let mac = lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        interface(&netlink, "s0").await.1
    });
    for (frame, old, new) in [
        (ArpFrame::announce_request(mac, vip), peer, mac),
        (ArpFrame::announce_reply(mac, vip), peer, mac),
        (ArpFrame::sweep(mac, vip, CAMERA), peer, mac),
        (ArpFrame::release_announce(mac, peer, vip), mac, peer),
        (
            ArpFrame::directed_release(mac, peer, vip, CAMERA),
            mac,
            peer,
        ),
    ] {
        lab.camera.sh(&format!(
            "ip neigh replace {vip} lladdr {old} dev c0 nud reachable"
        ));
        lab.standby.block_on(|| async {
            let arp = ArpSocket::open("s0").unwrap();
            arp.send(&frame).unwrap();
            settled(&arp, mac).await;
        });
        let entry = lab.camera.sh(&format!("ip neigh show {vip}"));
        assert!(entry.contains(&new.to_string()), "{frame}: {entry}");
    }
}

#[test]
fn arp_of_another_vlan_and_broken_arp_are_not_heard() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let arp = ArpSocket::open("s0").unwrap();
        let claim = |n: u8| ArpFrame::announce_request(MacAddr([2, 0, 0, 0, 0x99, n]), VIP.addr);
        lab.camera.run(|| {
            let index = nix::net::if_::if_nametoindex("c0").unwrap();
            let raw = standin::sys::packet_socket(0, index, &[], 4096).unwrap();
            let tagged = claim(1).to_bytes();
            let tagged = [&tagged[..12], &[0x81, 0, 0, 10], &tagged[12..]].concat();
            raw.send(&tagged).unwrap();
            let mut broken = claim(2).to_bytes();
            broken[18] = 7;
            raw.send(&broken).unwrap();
            raw.send(&claim(3).to_bytes()).unwrap();
        });
        assert_eq!(arp.recv().await.unwrap(), claim(3));
        assert_eq!(
            arp.malformed(),
            1,
            "the broken one; the tagged one never came up"
        );
    });
}

#[test]
fn events_that_were_lost_are_owned_up_to_and_the_watch_goes_on() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let mut watch = Watch::open().unwrap();
        // The subscription is made; while the shell runs nobody reads from it.
        lab.standby.sh(
            "for i in $(seq 0 2999); do echo addr add 10.8.$((i / 200)).$((i % 200))/32 dev lo; done \
             | ip -batch -",
        );
        let mut resyncs = 0;
        while resyncs < 2 {
            resyncs += u32::from(watch.next().await.unwrap() == NetEvent::Resync);
        }
        lab.standby.sh("ip link set s0 down");
        loop {
            if let NetEvent::Link(l) = watch.next().await.unwrap()
                && (l.name.as_str(), l.admin_up) == ("s0", false)
            {
                break;
            }
        }
    });
}

#[test]
fn the_arp_socket_sleeps_while_the_link_is_down_and_hears_again_after() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (_, mac) = interface(&netlink, "s0").await;
        let arp = ArpSocket::open("s0").unwrap();
        lab.standby.sh("ip link set s0 down");
        let err = arp
            .send(&ArpFrame::request(mac, OWN, CAMERA, None))
            .unwrap_err();
        assert!(
            err.to_string().contains("s0: the interface is down"),
            "{err}"
        );
        let before = thread_cpu();
        let heard = tokio::time::timeout(Duration::from_millis(300), arp.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
        let spent = thread_cpu() - before;
        assert!(spent < Duration::from_millis(20), "spun for {spent:?}");
        lab.standby.sh("ip link set s0 up");
        lab.camera.sh(&format!("ping -c1 -W2 {OWN} >/dev/null"));
        while arp.recv().await.unwrap().spa != CAMERA {}
    });
}

fn thread_cpu() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    Duration::from(nix::time::clock_gettime(clock).unwrap())
}

/// An entry that is wrong and REACHABLE is believed for half a minute; once forgotten, the next packet asks.
#[test]
fn a_wrong_entry_of_our_own_cache_is_forgotten() {
    let Some(lab) = lab() else { return };
    let reaches = || {
        lab.standby.sh(&format!(
            "ping -c 1 -W 1 -q {CAMERA} > /dev/null && echo yes || echo no"
        ))
    };
    lab.standby.sh(&format!(
        "ip neigh replace {CAMERA} lladdr 02:00:00:00:00:99 nud reachable dev s0"
    ));
    assert_eq!(
        reaches().trim(),
        "no",
        "the kernel asked although it need not"
    );
    let (first, again) = lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let first = neighbour::forget(&netlink, s0, CAMERA).await.unwrap();
        let never = std::net::Ipv4Addr::new(10, 99, 0, 77);
        (first, neighbour::forget(&netlink, s0, never).await.unwrap())
    });
    assert_eq!((first, again), (true, false));
    assert_eq!(reaches().trim(), "yes");
}
