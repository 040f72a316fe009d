//! The network adapters against the real kernel, in network namespaces that each test makes for
//! itself (unnamed: they vanish with the test, also when it is killed). Needs root.

mod arp;
mod keeping;
mod tcp;

use std::time::Duration;

use standin::net::address::{self, AddressLife, OUR_PROTO};
use standin::net::link;
use standin::net::netlink::Netlink;
use standin::net::watch::{NetEvent, Watch};
use standin::types::{IfIndex, Vip};

use crate::lab::*;

#[test]
fn an_address_is_claimed_read_back_renewed_and_dropped() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let read = async || address::read_back(&netlink, s0, VIP.addr).await.unwrap();
        assert_eq!(read().await, None);

        let life = AddressLife::For(Duration::from_secs(10));
        address::add(&netlink, s0, "s0", VIP, life).await.unwrap();
        let state = read().await.unwrap();
        assert!(state.ours && state.secondary, "{state:?}");
        assert_eq!(state.vip, VIP);
        assert_eq!(state.proto, Some(OUR_PROTO));
        assert_eq!(state.label.as_deref(), Some("s0:standin"));
        assert!(
            matches!(state.life, AddressLife::For(d) if (8..=10).contains(&d.as_secs())),
            "{state:?}"
        );

        address::add(&netlink, s0, "s0", VIP, AddressLife::Forever)
            .await
            .unwrap();
        let state = read().await.unwrap();
        assert_eq!((state.life, state.ours), (AddressLife::Forever, true));
        assert_eq!(address::strays(&netlink).await.unwrap(), [state]);
        let own = link::ipv4_addresses(&netlink, s0).await.unwrap();
        assert_eq!(own, [(OWN, 24), (VIP.addr, 24)]);
    });
    let routes = lab.standby.sh("ip -4 route show table all");
    assert_eq!(routes.matches("10.99.0.0/24 dev").count(), 1, "{routes}");
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let elsewhere = Vip { prefix: 25, ..VIP };
        assert!(
            !address::remove(&netlink, s0, elsewhere).await.unwrap(),
            "another prefix"
        );
        assert!(address::remove(&netlink, s0, VIP).await.unwrap());
        assert!(
            !address::remove(&netlink, s0, VIP).await.unwrap(),
            "again is fine"
        );
        assert!(!address::remove(&netlink, IfIndex(9999), VIP).await.unwrap());
        assert_eq!(address::strays(&netlink).await.unwrap(), []);
    });
}

#[test]
fn an_address_that_nobody_renews_goes_by_itself_and_the_watch_says_so() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let mut watch = Watch::open().unwrap();
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let life = AddressLife::For(Duration::from_secs(1));
        address::add(&netlink, s0, "s0", VIP, life).await.unwrap();
        let mut set = false;
        loop {
            match watch.next().await.unwrap() {
                NetEvent::AddressSet(a) if a.vip == VIP => set = a.ours,
                NetEvent::AddressGone(a) if a.vip == VIP => break,
                _ => {}
            }
        }
        assert!(set);
        assert_eq!(address::strays(&netlink).await.unwrap(), []);
    });
}

#[test]
fn dropping_the_first_address_of_a_prefix_keeps_the_others() {
    let Some(lab) = lab() else { return };
    lab.standby.sh("ip addr flush dev s0");
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        address::promote_secondaries("s0").unwrap();
        address::add(&netlink, s0, "s0", VIP, AddressLife::Forever)
            .await
            .unwrap();
    });
    lab.standby.sh(&format!("ip addr add {OWN}/24 dev s0"));
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        assert!(address::remove(&netlink, s0, VIP).await.unwrap());
        let left = link::ipv4_addresses(&netlink, s0).await.unwrap();
        assert_eq!(left, [(OWN, 24)]);
    });
}

#[test]
fn a_cable_that_is_pulled_is_seen_in_the_link_and_in_the_watch() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let mut watch = Watch::open().unwrap();
        let read = async |name| link::link(&netlink, name).await.unwrap();
        let before = read("s0").await.unwrap();
        assert!(before.carrier && before.admin_up, "{before:?}");
        assert!(before.mac.is_unicast());
        assert_eq!(read("nosuch0").await, None);
        assert_eq!(read("a-name-that-is-far-too-long").await, None);

        lab.camera.sh("ip link set c0 down");
        loop {
            if let NetEvent::Link(l) = watch.next().await.unwrap()
                && (l.name.as_str(), l.carrier, l.admin_up) == ("s0", false, true)
            {
                break;
            }
        }
        let after = read("s0").await.unwrap();
        assert!(!after.carrier && after.admin_up, "{after:?}");
    });
}
