//! What must be true of every switch behind SSH: the table, fence, moves, trunk, guards, FDB; judged by frames.

use std::time::Duration;

use standin::switch::change::{plan_change, undo};
use standin::switch::profile::Transport;
use standin::switch::unfence;
use standin::switch::{
    Admin, ChangeRequest, FencePort, FenceRequest, FenceTag, Lift, Operation, Switch, change, fence,
};
use standin::types::{Epoch, VlanId};

use super::{Site, mac, tagged_arrives, wait};

pub fn the_table(site: &Site) {
    let target = site.target();
    let table = site
        .management
        .block_on(|| async move { Switch::new(target).port_table().await.unwrap() });
    let p1 = table.iter().find(|p| p.if_name == "p1").unwrap();
    assert_eq!(
        (p1.pvid, p1.admin, &p1.tagged),
        (Some(10), Some(Admin::Up), &Some(vec![])),
        "{p1:?}"
    );
    assert!(
        p1.macs
            .as_ref()
            .unwrap()
            .iter()
            .any(|m| m.mac == mac(1) && m.vlan == Some(10)),
        "{p1:?}"
    );
    let p4 = table.iter().find(|p| p.if_name == "p4").unwrap();
    assert_eq!(p4.tagged, Some(vec![10]), "{p4:?}");
}

pub fn the_fence(site: &Site) {
    let target = site.target();
    let proof = site.management.block_on(|| async move {
        let switch = Switch::new(target);
        let request = FenceRequest {
            ports: vec![FencePort {
                port: "p1".into(),
                expected_identity: None,
                expected_alias: None,
            }],
            peer_mac: mac(1).into(),
            vlan: None,
            own_macs: vec![mac(9)],
            aggregates: Vec::new(),
            tag: FenceTag {
                node: "standby".into(),
                epoch: Epoch(1),
            },
            within: Duration::from_secs(10),
            progress: None,
        };
        fence(&switch, request)
            .await
            .unwrap_or_else(|e| panic!("{e}"))
    });
    assert_eq!(proof.ports[0].port, "p1");
    assert!(
        !site.hosts[0].reaches("10.9.0.2"),
        "a fenced machine still reaches others"
    );
    let target = site.target();
    site.management.block_on(|| async move {
        unfence(
            &Switch::new(target),
            &["p1"],
            &Lift::Force,
            Duration::from_secs(10),
        )
        .await
        .unwrap()
    });
    wait(|| site.hosts[0].reaches("10.9.0.2"));
}

pub fn a_move_and_its_undo(site: &Site) {
    assert!(
        !site.hosts[0].reaches("10.9.0.3"),
        "VLAN 10 and VLAN 20 are one"
    );
    let proof = site
        .change(Operation::SetAccessVlan(VlanId(20)), "p1", |_| {})
        .unwrap();
    assert_eq!((proof.transport, proof.already), (Transport::Ssh, false));
    wait(|| site.hosts[0].reaches("10.9.0.3"));
    assert!(
        !site.hosts[0].reaches("10.9.0.2"),
        "it is still in its old VLAN"
    );
    let again = site
        .change(Operation::SetAccessVlan(VlanId(20)), "p1", |_| {})
        .unwrap();
    assert!(
        again.already,
        "what is so already was written again: {again:?}"
    );
    let record = proof.undo.unwrap();
    let kept = serde_json::to_string(&record).unwrap();
    let record = serde_json::from_str(&kept).unwrap();
    let target = site.target();
    site.management.block_on(|| async move {
        undo(&Switch::new(target), &record, Duration::from_secs(10))
            .await
            .unwrap()
    });
    wait(|| site.hosts[0].reaches("10.9.0.2"));
    assert!(
        !site.hosts[0].reaches("10.9.0.3"),
        "the undo left it in VLAN 20"
    );
}

pub fn a_trunk(site: &Site) {
    let uplink = |r: &mut ChangeRequest| assert!(r.port.is_some());
    let refused = site
        .change(Operation::TrunkAllow(VlanId(20)), "p4", uplink)
        .unwrap_err();
    assert!(refused.to_string().contains("uplink"), "{refused}");
    let as_trunk = |operation| {
        let mut target = site.target();
        target.uplinks.clear();
        site.management.block_on(|| async move {
            change(
                &Switch::new(target),
                ChangeRequest::new(operation, Some("p4"), Duration::from_secs(20)),
            )
            .await
        })
    };
    assert!(
        !tagged_arrives(&site.hosts[3], &site.hosts[2], 20),
        "VLAN 20 is on the trunk before it was allowed"
    );
    as_trunk(Operation::TrunkAllow(VlanId(20))).unwrap();
    assert!(
        tagged_arrives(&site.hosts[3], &site.hosts[2], 20),
        "allowed, and nothing arrives"
    );
    as_trunk(Operation::TrunkRemove(VlanId(20))).unwrap();
    assert!(
        !tagged_arrives(&site.hosts[3], &site.hosts[2], 20),
        "removed, and frames still arrive"
    );
}

/// `shut` is what its command line says to shut p2.
pub fn the_guards(site: &Site, shut: &str) {
    let own = site.change(Operation::PortOff, "p2", |_| {}).unwrap_err();
    assert!(
        own.to_string().contains("`own-port`") && own.to_string().contains("--override own-port"),
        "{own}"
    );
    let trunk = site.change(Operation::SetAccessVlan(VlanId(20)), "p4", |r| {
        r.overrides.insert("uplink".into());
    });
    assert!(
        trunk.unwrap_err().to_string().contains("`uplink`"),
        "an uplink may not be overridden"
    );
    let alias = site
        .change(Operation::PortOff, "p1", |r| r.expected_mac = Some(mac(3)))
        .unwrap_err();
    assert!(alias.to_string().contains("`other-host`"), "{alias}");
    let none = site.change(Operation::PortOff, "p9", |_| {}).unwrap_err();
    assert!(none.is_untouched(), "{none}");
    assert!(
        site.hosts[0].reaches("10.9.0.2"),
        "a refused change did something"
    );
    let target = site.target();
    let plan = site.management.block_on(|| async move {
        let request = ChangeRequest::new(Operation::PortOff, Some("p2"), Duration::from_secs(20));
        plan_change(&Switch::new(target), &request).await.unwrap()
    });
    assert!(plan.refused[0].starts_with("own-port: "), "{plan:?}");
    assert!(plan.lines[0].what.contains(shut), "{plan:?}");
}

pub fn found_and_flushed(site: &Site) {
    let find = || {
        let target = site.target();
        site.management
            .block_on(|| async move { Switch::new(target).where_is(mac(1), None).await.unwrap() })
    };
    assert!(site.hosts[0].reaches("10.9.0.2"));
    let found = find();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].if_name.as_deref(), found[0].fdb_id),
        (Some("p1"), Some(10))
    );
    // A machine that is silent does not come back by itself.
    site.hosts[0].sh("ip link set eth0 arp off; ip neigh flush all");
    site.change(Operation::FlushMac(mac(1), Some(VlanId(10))), "p1", |_| {})
        .unwrap();
    assert_eq!(find(), [], "it was flushed, and is still known");
}

/// `port = "auto"` over SSH: the forwarding table alone knows.
pub fn found_by_itself(site: &Site) {
    let find = |n: u8| {
        let target = site.target();
        site.management.block_on(|| async move {
            standin::switch::read::locate::find_port(&Switch::new(target), mac(n)).await
        })
    };
    assert!(site.hosts[1].reaches("10.9.0.1"));
    let found = find(2).unwrap();
    assert_eq!(found.port, "p2");
    assert!(found.how.contains("learned there"), "{}", found.how);
    let nowhere = find(77).unwrap_err().to_string();
    assert!(nowhere.contains("learned on no port"), "{nowhere}");
}
