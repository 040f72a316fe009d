//! `port = "auto"` over SNMP: found where the MAC address was learned, and refused where that proves nothing.

use crate::switch_agent::{COMMUNITY, Fake, mac, v2c};
use standin::switch::read::locate::{AutoError, find_port};
use standin::switch::read::placing::Placing;

#[tokio::test]
async fn the_port_is_found_where_the_address_was_learned() {
    let fake = Fake::start().await;
    let found = find_port(&fake.switch(v2c(COMMUNITY)), mac(1))
        .await
        .unwrap();
    assert_eq!(found.port, "ge1");
    assert_eq!(
        found.how,
        "its MAC address is learned there; 1 MAC addresses are behind it"
    );
}

#[tokio::test]
async fn an_uplink_several_ports_several_machines_and_nobody_are_refused_in_words() {
    let fake = Fake::start().await;
    let switch = fake.switch(v2c(COMMUNITY));
    fake.with(|s| s.fdb = vec![(1, mac(1), 48)]);
    let uplink = find_port(&switch, mac(1)).await.unwrap_err();
    assert!(
        uplink.to_string().contains("ge48, which is an uplink"),
        "{uplink}"
    );
    fake.with(|s| s.fdb = vec![(1, mac(1), 1), (2, mac(1), 2)]);
    let two = find_port(&switch, mac(1)).await.unwrap_err();
    assert!(
        two.to_string().contains("ge1, ge2, on more than one port"),
        "{two}"
    );
    fake.with(|s| s.fdb = (1..=6).map(|n| (1, mac(n), 1)).collect());
    let many = find_port(&switch, mac(1)).await.unwrap_err();
    assert!(many.to_string().contains("6 MAC addresses"), "{many}");
    fake.with(|s| s.fdb.clear());
    let nobody = find_port(&switch, mac(1)).await.unwrap_err();
    assert!(matches!(nobody, AutoError::Nowhere { .. }), "{nobody}");
}

async fn placed(fake: &Fake, ports: &[&str]) -> Placing {
    let switch = fake.switch(v2c(COMMUNITY));
    let look = switch.place(ports, &[mac(1)], &[mac(9)]).await.unwrap();
    look.placing
}

fn elsewhere(placing: &Placing) -> (&str, &str) {
    match placing {
        Placing::Elsewhere { at, why } => (at, why),
        other => panic!("expected another place, got {other:?}"),
    }
}

#[tokio::test]
async fn a_fence_is_on_the_machine_where_its_address_is_learned_and_the_link_is_up() {
    let fake = Fake::start().await;
    assert!(matches!(
        placed(&fake, &["ge1"]).await,
        Placing::Here { how, aggregate: None } if how == format!("{} is learned there", mac(1))
    ));
    // Of two ports of a bond the address is on one.
    assert!(matches!(
        placed(&fake, &["ge2", "ge1"]).await,
        Placing::Here { .. }
    ));

    let other = placed(&fake, &["ge2"]).await;
    let (at, why) = elsewhere(&other);
    assert_eq!(at, "core1:ge1");
    assert!(
        why.ends_with("is learned on core1:ge1, not on core1:ge2"),
        "{why}"
    );

    fake.with(|s| s.fdb = vec![(1, mac(1), 48)]);
    let uplink = placed(&fake, &["ge1"]).await;
    assert!(
        elsewhere(&uplink).0.contains("ge48 (an uplink"),
        "{uplink:?}"
    );
}

#[tokio::test]
async fn a_port_without_link_is_not_that_of_a_machine_that_answers() {
    let fake = Fake::start().await;
    fake.with(|s| s.cable("ge1", 2));
    let misread = placed(&fake, &["ge1"]).await;
    assert!(
        elsewhere(&misread)
            .1
            .contains("the switch's table is misread"),
        "{misread:?}"
    );
    fake.with(|s| s.fdb = vec![(1, mac(9), 3)]);
    let nobody = placed(&fake, &["ge1"]).await;
    assert!(
        elsewhere(&nobody).1.contains("it hangs somewhere else"),
        "{nobody:?}"
    );
}

#[tokio::test]
async fn a_table_without_the_machine_and_no_table_are_not_the_same() {
    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(9), 3)]);
    assert_eq!(placed(&fake, &["ge1"]).await, Placing::Nowhere);
    // Not even our own address, but somebody's.
    fake.with(|s| s.fdb = vec![(1, mac(7), 3)]);
    assert_eq!(placed(&fake, &["ge1"]).await, Placing::Nowhere);
    fake.with(|s| s.fdb.clear());
    assert_eq!(placed(&fake, &["ge1"]).await, Placing::Untold);
}

#[tokio::test]
async fn an_aggregate_confirms_its_members_if_all_are_named() {
    use async_snmp::{Oid, Value};
    let fake = Fake::start().await;
    fake.with(|s| {
        let mut po1 = s.ports[0].clone();
        (po1.name, po1.index, po1.base) = ("po1", 5001, 501);
        s.ports.push(po1);
        s.fdb = vec![(1, mac(1), 501)];
        // ifStackStatus: ge1 and ge2 lie below po1.
        for member in [101, 102] {
            let row = [1, 3, 6, 1, 2, 1, 31, 1, 2, 1, 3, 5001, member];
            s.more.push((Oid::from_slice(&row), Value::Integer(1)));
        }
    });
    assert!(matches!(
        placed(&fake, &["ge1", "ge2"]).await,
        Placing::Here { aggregate: Some(name), .. } if name == "po1"
    ));
    let one = placed(&fake, &["ge1"]).await;
    assert_eq!(elsewhere(&one).0, "core1:po1");
}
