//! What we put into the kernel and look after: the address with its route, the gate, the mute.

use std::sync::Arc;
use std::time::Duration;

use standin::daemon::keeper::{Keeper, Place, Want};
use standin::daemon::mute_keeper::MuteKeeper;
use standin::daemon::start;
use standin::host::real::{RealKernel, RealPrograms};
use standin::net::netlink::Netlink;
use standin::net::route::{self, Connected};
use standin::net::{address, gate, mute, nft};

use crate::lab::*;

fn place(index: u32) -> Place {
    Place {
        name: "s0".to_owned(),
        index,
        own: Some(OWN),
    }
}

/// Orders that follow each other within a millisecond are carried out by tasks that overlap: the last one counts.
#[test]
fn of_two_orders_the_last_one_counts_whenever_its_task_runs() {
    let Some(lab) = lab() else { return };
    let orders = [
        (Want::Forever, Want::Absent),
        (Want::Absent, Want::Forever),
        (Want::For(Duration::from_secs(10)), Want::Absent),
    ];
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let (tx, mut rx) = start::channel();
        for (first, last) in orders {
            for gap in [0, 0, 50, 100, 300, 500, 800, 1600, 3000].repeat(4) {
                let keeper = Keeper::new(
                    Arc::new(RealKernel::of(netlink.clone())),
                    VIP,
                    place(s0.0),
                    Arc::default(),
                );
                let keeper = Arc::new(keeper);
                keeper.order(first, place(s0.0));
                keeper.look(0, &tx);
                tokio::time::sleep(Duration::from_micros(gap)).await;
                let number = keeper.order(last, place(s0.0));
                keeper.look(0, &tx);
                keeper.obey(number).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                let here = address::read_back(&netlink, s0, VIP.addr).await.unwrap();
                let wanted = last != Want::Absent;
                assert_eq!(here.is_some(), wanted, "{first:?}, {gap} us later {last:?}");
                while rx.try_recv().is_ok() {}
            }
        }
    });
}

#[test]
fn an_address_of_ours_elsewhere_or_with_another_prefix_goes_and_others_stay() {
    let Some(lab) = lab() else { return };
    lab.standby.sh(
        "ip link add d0 type veth peer name d1; ip link set d0 up; ip addr add 10.99.0.101/25 dev s0 label s0:standin; \
         ip addr add 10.99.0.101/24 dev d0 label d0:standin; ip addr add 10.99.0.101/32 dev lo",
    );
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let keeper = Keeper::new(
            Arc::new(RealKernel::of(netlink.clone())),
            VIP,
            place(s0.0),
            Arc::default(),
        );
        keeper.obey(keeper.order(Want::Forever, place(s0.0))).await;
        let all = address::all(&netlink).await.unwrap();
        let ours: Vec<_> = all
            .iter()
            .filter(|a| a.ours)
            .map(|a| (a.vip, a.ifindex))
            .collect();
        assert_eq!(ours, [(VIP, s0)]);
        keeper.obey(keeper.order(Want::Absent, place(s0.0))).await;
        let all = address::all(&netlink).await.unwrap();
        let left: Vec<_> = all
            .iter()
            .filter(|a| a.vip.addr == VIP.addr)
            .map(|a| a.vip.prefix)
            .collect();
        assert_eq!(left, [32], "what somebody else set on lo is his");
    });
}

#[test]
fn a_connected_route_is_set_where_nobody_has_one_and_goes_when_somebody_has() {
    let Some(lab) = lab() else { return };
    let keep = |wanted: &[Connected]| {
        lab.standby.block_on(|| async {
            let netlink = Netlink::open().unwrap();
            route::keep_connected(&netlink, wanted).await.unwrap()
        })
    };
    let index = lab
        .standby
        .block_on(|| async { interface(&Netlink::open().unwrap(), "s0").await.0.0 });
    let wanted = |own| Connected {
        index,
        network: VIP,
        own,
    };
    let shown = || lab.standby.sh("ip -4 route show");
    assert_eq!(keep(&[wanted(Some(OWN))]), [""; 0], "the kernel has one");
    lab.standby.sh("ip route del 10.99.0.0/24");
    assert_eq!(keep(&[wanted(None)]).len(), 1);
    assert!(
        shown().contains("10.99.0.0/24 dev s0 proto 83 scope link"),
        "{}",
        shown()
    );
    // With our own address as the preferred sender, once there is one; and once is enough.
    keep(&[wanted(Some(OWN))]);
    assert!(shown().contains("src 10.99.0.102"), "{}", shown());
    assert_eq!(keep(&[wanted(Some(OWN))]), [""; 0]);
    // A route to a larger network out of the same interface serves too; one out of another does not.
    lab.standby.sh("ip link add d0 type veth peer name d1; ip link set d0 up; ip route append 10.99.0.0/24 dev d0");
    assert_eq!(keep(&[wanted(Some(OWN))]), [""; 0]);
    lab.standby.sh("ip route add 10.99.0.0/16 dev s0");
    assert_eq!(keep(&[wanted(Some(OWN))]).len(), 1);
    assert!(!shown().contains("proto 83"), "{}", shown());
    lab.standby.sh("ip route del 10.99.0.0/16 dev s0");
    keep(&[wanted(Some(OWN))]);
    // Before the one by the other interface.
    let way = lab.standby.sh("ip route get 10.99.0.11");
    assert!(way.contains("dev s0"), "{way}");
    assert_eq!(keep(&[]).len(), 1);
    assert!(!shown().contains("proto 83"), "{}", shown());
}

#[test]
fn a_closed_gate_is_opened_by_the_kernel_unless_it_is_closed_again() {
    let Some(lab) = lab() else { return };
    if !nft_is_there() {
        return;
    }
    let elements = || lab.standby.sh("nft list set ip standin_p closed");
    let again = || {
        lab.standby
            .block_on(|| gate::keep_closed(&RealPrograms, "p", VIP.addr, 1935))
            .unwrap()
    };
    lab.standby
        .block_on(|| gate::close(&RealPrograms, "p", VIP.addr, 1935))
        .unwrap();
    for _ in 0..4 {
        std::thread::sleep(gate::CLOSED_FOR / 2);
        assert!(!again(), "it was there");
        assert!(elements().contains("10.99.0.101 . 1935"), "{}", elements());
    }
    std::thread::sleep(gate::CLOSED_FOR + Duration::from_secs(1));
    assert!(!elements().contains("10.99.0.101"), "{}", elements());
    assert!(!again());
    assert!(
        elements().contains("10.99.0.101"),
        "expired, and closed again"
    );
    lab.standby.sh("nft flush ruleset");
    assert!(again(), "it was gone");
    assert!(elements().contains("10.99.0.101"));
}

#[test]
fn a_mute_that_is_flushed_comes_back_and_one_that_is_not_wanted_goes() {
    let Some(lab) = lab() else { return };
    if !nft_is_there() {
        return;
    }
    lab.standby.block_on(|| async {
        let (tx, mut rx) = start::channel();
        let mut looked = async |wanted: &Arc<MuteKeeper>| {
            wanted.look_after(0, &tx);
            rx.recv().await
        };
        let wanted = Arc::new(MuteKeeper::new("p", VIP, Arc::new(RealPrograms)));
        let is_mute = async || {
            mute::is_mute(&RealPrograms, "p", nft::DEADLINE)
                .await
                .unwrap()
        };
        looked(&wanted).await;
        assert!(is_mute().await, "never ordered otherwise");
        for half in [
            "nft flush ruleset",
            "nft delete table ip standinmute_p",
            "nft delete table arp standinmute_p",
        ] {
            lab.standby.sh(half);
            assert!(!is_mute().await);
            looked(&wanted).await;
            assert!(is_mute().await, "{half}");
        }
        wanted.want(false);
        assert!(is_mute().await, "the task that had to take it away failed");
        looked(&wanted).await;
        assert!(!is_mute().await);
        looked(&wanted).await;
        assert!(!is_mute().await);
    });
}
