//! Tables per VLAN, and agents that are slow or know no GETBULK.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use standin::switch::change::guard::Guard;
use standin::switch::read::locate;
use standin::switch::{
    ChangeError, ChangeRequest, Credentials, FencePort, FenceRequest, FenceTag, Operation, change,
    fence,
};
use standin::types::Epoch;

use crate::switch_odd::agent::{Agent, Bulk, int};
use crate::switch_odd::{
    BASE, FDB_1D, Rows, VTP, interfaces, mac, one_view, plain, row, sorted, switch, with,
};

/// A Catalyst: VLANs 1, 10 and 20; each has its own bridge ports and forwarding table. VLAN 30 has no instance.
pub fn catalyst() -> Agent {
    let ports = [
        (10101, "Gi1/0/1"),
        (10102, "Gi1/0/2"),
        (10103, "Gi1/0/3"),
        (10104, "Gi1/0/4"),
    ];
    let common = || {
        let mut rows = interfaces(&ports);
        rows.extend(
            [1, 10, 20, 30, 1002].map(|v| row(&VTP, &[v], int(if v == 30 { 2 } else { 1 }))),
        );
        rows
    };
    let of_vlan = |base: &[(u32, u32)], macs: &[(u8, u32)]| -> Rows {
        let mut rows = common();
        rows.extend(base.iter().map(|(b, i)| row(&BASE, &[*b], int(*i))));
        rows.extend(
            macs.iter()
                .map(|(n, port)| row(&FDB_1D, &mac(*n).0.map(u32::from), int(*port))),
        );
        sorted(rows, None)
    };
    let twenty: Vec<(u8, u32)> = (100..120).map(|n| (n, 4)).collect();
    Agent::start(BTreeMap::from([
        // VLAN 1 has no ports.
        ("private".to_owned(), of_vlan(&[], &[])),
        ("private@1".to_owned(), of_vlan(&[], &[])),
        (
            "private@10".to_owned(),
            of_vlan(&[(1, 10101), (2, 10102), (9, 10103)], &[(1, 1), (2, 2)]),
        ),
        (
            "private@20".to_owned(),
            of_vlan(
                &[(1, 10103), (4, 10104)],
                &[&[(3, 1)][..], &twenty].concat(),
            ),
        ),
    ]))
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_per_vlan_are_found_listed_and_guarded() {
    let agent = catalyst();
    let switch = switch(&agent, "cisco-ios");
    for (n, vlan, port) in [(1, 10, "Gi1/0/1"), (2, 10, "Gi1/0/2"), (3, 20, "Gi1/0/3")] {
        let places = switch.where_is(mac(n), None).await.unwrap();
        assert_eq!(places.len(), 1, "{places:?}");
        assert_eq!(places[0].if_name.as_deref(), Some(port));
        assert_eq!(places[0].fdb_id, Some(vlan));
        assert_eq!(locate::find_port(&switch, mac(n)).await.unwrap().port, port);
    }
    assert!(switch.where_is(mac(9), None).await.unwrap().is_empty());
    let table = switch.port_table().await.unwrap();
    let of = |name: &str| table.iter().find(|r| r.if_name == name).unwrap();
    assert_eq!(of("Gi1/0/3").macs.as_ref().unwrap()[0].vlan, Some(20));
    assert_eq!(of("Gi1/0/4").macs.as_ref().unwrap().len(), 20);
    assert!(table.iter().all(|r| r.bridge_port.is_some()), "{table:?}");
    let off =
        |port: &str| ChangeRequest::new(Operation::PortOff, Some(port), Duration::from_secs(5));
    match change(&switch, off("Gi1/0/4")).await {
        Err(ChangeError::Guarded { guard, .. }) => {
            assert_eq!(guard, Guard::TooManyMacs { count: 20 })
        }
        other => panic!("{other:?}"),
    }
    change(&switch, off("Gi1/0/1")).await.unwrap();
    assert!(agent.with(|m| {
        m.asked
            .iter()
            .all(|(c, _)| c != "private@30" && c != "private@1002")
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vlan_whose_table_cannot_be_read_is_not_an_empty_one() {
    let agent = catalyst();
    agent.with(|m| m.views.remove("private@20"));
    let switch = switch(&agent, "cisco-ios");
    let off =
        |port: &str| ChangeRequest::new(Operation::PortOff, Some(port), Duration::from_secs(5));
    match change(&switch, off("Gi1/0/4")).await {
        Err(ChangeError::Guarded { guard, .. }) => {
            assert!(matches!(guard, Guard::MacsUnread { .. }), "{guard:?}");
            assert!(guard.to_string().contains("20"), "{guard}");
        }
        other => panic!("{other:?}"),
    }
    // What the other VLANs say is as good as ever.
    let places = switch.where_is(mac(2), None).await.unwrap();
    assert_eq!(places[0].if_name.as_deref(), Some("Gi1/0/2"));
    change(&switch, off("Gi1/0/2")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_takes_long_is_only_slow() {
    let cases = [150, 250, 400].map(async |takes| {
        let agent = Agent::start(one_view(sorted(plain(), None)));
        agent.with(|m| m.takes = Duration::from_millis(takes));
        let switch = switch(&agent, "generic-qbridge");
        let table = switch.port_table().await;
        let table = table.unwrap_or_else(|e| panic!("{takes} ms: {e}"));
        assert_eq!(table.len(), 8);
        assert_eq!(switch.macs_on("Gi1/0/3").await.unwrap(), [mac(3)]);
    });
    // Each waits for an agent of its own.
    futures_util::future::join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_getbulk_is_walked_row_by_row() {
    for bulk in [Bulk::GenErr, Bulk::Silent] {
        let agent = Agent::start(one_view(sorted(plain(), None)));
        agent.with(|m| m.bulk = bulk);
        let switch = switch(&agent, "generic-qbridge");
        let table = switch.port_table().await.unwrap();
        assert_eq!(table.len(), 8, "{bulk:?}");
        let bulks = agent.with(|m| m.asked.iter().filter(|(_, pdu)| *pdu == 0xa5).count());
        assert!(bulks <= 12, "it is tried once, not at each step: {bulks}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_never_answered_is_given_up_after_the_time_that_is_stated() {
    let agent = Agent::start(BTreeMap::new());
    let silent = switch(&agent, "generic-qbridge");
    for _ in 0..2 {
        let e = silent.port_table().await.unwrap_err();
        assert!(e.is_silence(), "{e}");
        // Three times 300 ms, and nothing is asked in another way after that.
        assert_eq!(agent.with(|m| std::mem::take(&mut m.asked)).len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vlans_table_is_walked_as_the_agent_is_known_to_be_walked() {
    let agent = catalyst();
    agent.with(|m| m.bulk = Bulk::Silent);
    let switch = switch(&agent, "cisco-ios");
    let places = switch.where_is(mac(3), None).await.unwrap();
    assert_eq!(places[0].if_name.as_deref(), Some("Gi1/0/3"));
    let bulks = |m: &mut crate::switch_odd::agent::Memory| {
        let bulk = m.asked.iter().filter(|(_, pdu)| *pdu == 0xa5);
        bulk.map(|(community, _)| community.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(agent.with(bulks), ["private"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_names_the_keys_that_may_help() {
    let agent = Agent::start(one_view(sorted(plain(), None)));
    agent.with(|m| m.takes = Duration::from_secs(3));
    let start = Instant::now();
    let e = switch(&agent, "generic-qbridge")
        .port_table()
        .await
        .unwrap_err();
    let text = e.to_string();
    for word in [
        "`timeout` in [switch.core.snmp]",
        "version = \"1\"",
        "wrong community",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(start.elapsed() < Duration::from_secs(8));
    let v1 = with(&agent, "generic-qbridge", |t| {
        t.credentials = Credentials::V1 {
            community: SecretString::from("private"),
        };
    });
    let text = v1.port("Gi1/0/1").await.unwrap_err().to_string();
    assert!(
        text.contains("timeout") && !text.contains("version ="),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_does_not_need_the_tables_of_vlans_that_nobody_may_read() {
    let agent = catalyst();
    agent.with(|m| m.views.retain(|community, _| community == "private"));
    let switch = switch(&agent, "cisco-ios");
    let e = switch.where_is(mac(1), None).await.unwrap_err();
    assert!(e.is_silence(), "nowhere is not what it said: {e}");
    let request = FenceRequest {
        ports: vec![FencePort {
            port: "Gi1/0/1".into(),
            expected_identity: None,
            expected_alias: None,
        }],
        peer_mac: mac(1).into(),
        vlan: None,
        own_macs: vec![mac(66)],
        aggregates: Vec::new(),
        tag: FenceTag {
            node: "b".into(),
            epoch: Epoch(1),
        },
        within: Duration::from_secs(4),
        progress: None,
    };
    let proof = fence(&switch, request).await.unwrap();
    assert_eq!(proof.ports[0].port, "Gi1/0/1");
    assert!(proof.proven_after < Duration::from_secs(3), "{proof:?}");
}

/// An agent that has just started answers for its interfaces first; what answers for the bridge registers later (AgentX,
/// RFC 2741). What was asked in between must not stand for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_is_read_again_until_its_bridge_is_there() {
    let whole = sorted(plain(), None);
    let of_bridge = |oid: &[u32]| oid.starts_with(&[1, 3, 6, 1, 2, 1, 17]);
    let early: Rows = whole
        .iter()
        .filter(|(o, _)| !of_bridge(o))
        .cloned()
        .collect();
    assert!(early.len() < whole.len(), "the agent has no bridge at all");
    let agent = Agent::start(one_view(early));
    let switch = switch(&agent, "generic-qbridge");
    let port = switch.port("Gi1/0/1").await.unwrap();
    assert_eq!(port.bridge_port, None);
    agent.with(|m| m.views = one_view(whole));
    let begun = Instant::now();
    while switch.macs_on("Gi1/0/1").await.unwrap() != [mac(1)] {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "its bridge is not read although it is there"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        switch.where_is(mac(1), None).await.unwrap()[0].if_name,
        Some("Gi1/0/1".to_owned())
    );
}

/// One that never tells a bridge is not walked at each look.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_a_bridge_is_not_walked_at_each_look() {
    let of_bridge = |oid: &[u32]| oid.starts_with(&[1, 3, 6, 1, 2, 1, 17]);
    let rows = sorted(plain(), None);
    let rows: Rows = rows.into_iter().filter(|(o, _)| !of_bridge(o)).collect();
    let agent = Agent::start(one_view(rows));
    let switch = switch(&agent, "generic-qbridge");
    switch.port("Gi1/0/1").await.unwrap();
    let before = agent.with(|m| m.asked.len());
    for _ in 0..50 {
        switch.port("Gi1/0/1").await.unwrap();
    }
    let asked = agent.with(|m| m.asked.len()) - before;
    assert!(asked < 80, "50 looks took {asked} requests");
}
