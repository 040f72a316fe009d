//! "Cannot be read" is not "nothing there": a port with twenty machines behind it is not shut because a table is torn.

use std::time::Duration;

use standin::switch::change::guard::Guard;
use standin::switch::{ChangeError, ChangeRequest, Operation, change};

use crate::switch_odd::agent::{Agent, int};
use crate::switch_odd::{
    ATTACHED, BASE, FDB, Rows, fdb_row, mac, one_view, plain, row, sorted, switch, with,
};

fn off(port: &str) -> ChangeRequest {
    ChangeRequest::new(Operation::PortOff, Some(port), Duration::from_secs(5))
}

async fn refused(agent: &Agent, port: &str) -> Guard {
    match change(&switch(agent, "generic-qbridge"), off(port)).await {
        Err(ChangeError::Guarded { guard, .. }) => {
            assert!(agent.with(|m| m.sets.is_empty()));
            guard
        }
        other => panic!("{port}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_keeps_the_table_from_being_read_the_port_is_not_shut() {
    let without = |column: &[u32]| -> Rows {
        let rows = plain().into_iter();
        rows.filter(|(o, _)| !o.starts_with(column)).collect()
    };
    let mut torn = plain();
    torn.retain(|(o, _)| *o != [&BASE[..], &[8]].concat());
    for (what, rows) in [
        ("the row of the port is missing", torn),
        ("there is no base table", without(&BASE)),
        ("there is no forwarding table", without(&FDB)),
    ] {
        let agent = Agent::start(one_view(sorted(rows, None)));
        let guard = refused(&agent, "Gi1/0/8").await;
        assert!(
            matches!(guard, Guard::MacsUnread { .. }),
            "{what}: {guard:?}"
        );
        assert_eq!(guard.name(), "macs-unread");
        // A person who has looked may go on.
        let mut request = off("Gi1/0/8");
        request.overrides.insert("macs-unread".into());
        change(&switch(&agent, "generic-qbridge"), request)
            .await
            .unwrap();
        // What is opened again needs nothing to be read.
        let on = ChangeRequest {
            operation: Operation::PortOn,
            ..off("Gi1/0/8")
        };
        change(&switch(&agent, "generic-qbridge"), on)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_out_of_order_is_read_and_guarded() {
    for (column, turned) in [(&BASE[..], [6, 7, 1, 2, 3, 4, 5, 8])] {
        let mut rows = plain();
        rows.retain(|(o, _)| !o.starts_with(column));
        rows.extend(turned.map(|n| row(column, &[n], int(200 + n))));
        let agent = Agent::start(one_view(sorted(rows, Some(column))));
        assert_eq!(
            refused(&agent, "Gi1/0/8").await,
            Guard::TooManyMacs { count: 20 }
        );
        change(&switch(&agent, "generic-qbridge"), off("Gi1/0/2"))
            .await
            .unwrap();
    }
    let mut rows = plain();
    let (mut fdb, rest): (Rows, Rows) = rows.drain(..).partition(|(o, _)| o.starts_with(&FDB));
    fdb.reverse();
    fdb.swap(3, 9);
    let agent = Agent::start(one_view(sorted([rest, fdb].concat(), Some(&FDB))));
    assert_eq!(
        refused(&agent, "Gi1/0/8").await,
        Guard::TooManyMacs { count: 20 }
    );
    let switch = switch(&agent, "generic-qbridge");
    assert_eq!(switch.macs_on("Gi1/0/3").await.unwrap(), [mac(3)]);
    let table = switch.port_table().await.unwrap();
    assert!(
        table
            .iter()
            .all(|r| r.macs.is_some() && r.macs_unread.is_none())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_learned_on_an_aggregate_counts_for_its_members() {
    let mut rows = plain();
    // Gi1/0/1 and Gi1/0/2 are bundled: they have no bridge ports, Po1 has one, and five machines behind it.
    rows.retain(|(o, _)| ![1, 2].iter().any(|n| *o == [&BASE[..], &[*n]].concat()));
    rows.extend(crate::switch_odd::interfaces(&[(301, "Po1")]).split_off(3));
    rows.push(row(&BASE, &[65], int(301)));
    rows.retain(|(o, _)| !o.starts_with(&FDB) || o[19] > 2);
    rows.extend((50..55).map(|n| fdb_row(1, mac(n), 65)));
    rows.extend((201..=208).map(|n| row(&ATTACHED, &[n], int(if n < 203 { 301 } else { 0 }))));
    let agent = Agent::start(one_view(sorted(rows, None)));
    for member in ["Gi1/0/1", "gi1/0/2"] {
        assert_eq!(
            refused(&agent, member).await,
            Guard::TooManyMacs { count: 5 }
        );
    }
    // Our own address behind the aggregate is behind its members.
    let mut request = off("Gi1/0/1");
    request.own_macs = vec![mac(52)];
    match change(&switch(&agent, "generic-qbridge"), request).await {
        Err(ChangeError::Guarded { guard, .. }) => {
            assert_eq!(guard, Guard::OwnMac { mac: mac(52) })
        }
        other => panic!("{other:?}"),
    }
    let table = switch(&agent, "generic-qbridge")
        .port_table()
        .await
        .unwrap();
    let macs = |name: &str| {
        table
            .iter()
            .find(|r| r.if_name == name)
            .unwrap()
            .macs
            .clone()
    };
    assert_eq!(macs("Gi1/0/2").unwrap().len(), 5);
    assert_eq!(macs("Gi1/0/3").unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_on_numbers_of_no_port_are_not_taken_for_an_empty_port() {
    // As Dell OS9: the table's numbers are in no other table.
    let mut rows = plain();
    rows.retain(|(o, _)| !o.starts_with(&FDB));
    rows.extend((1..40).map(|n| fdb_row(1, mac(n), 1_107_000 + u32::from(n))));
    let agent = Agent::start(one_view(sorted(rows, None)));
    let guard = refused(&agent, "Gi1/0/4").await;
    assert!(guard.to_string().contains("1107001"), "{guard}");
    let places = switch(&agent, "generic-qbridge")
        .where_is(mac(7), None)
        .await
        .unwrap();
    assert_eq!((places.len(), &places[0].if_name), (1, &None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_lists_no_vlans_is_still_asked() {
    let mut rows = plain();
    rows.retain(|(o, _)| !o.starts_with(&crate::switch_odd::FDB_ID));
    let agent = Agent::start(one_view(sorted(rows, None)));
    let places = switch(&agent, "generic-qbridge")
        .where_is(mac(7), None)
        .await
        .unwrap();
    assert_eq!(places[0].if_name.as_deref(), Some("Gi1/0/7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uplink_is_an_uplink_however_it_is_spelt() {
    let agent = Agent::start(one_view(sorted(plain(), None)));
    let guarded = with(&agent, "generic-qbridge", |t| {
        t.uplinks = vec!["GigabitEthernet1/0/3".into()]
    });
    for name in ["Gi1/0/3", "gi1/0/3"] {
        match change(&guarded, off(name)).await {
            Err(ChangeError::Guarded { guard, .. }) => assert_eq!(guard, Guard::Uplink),
            other => panic!("{other:?}"),
        }
    }
    let found = standin::switch::read::locate::find_port(&guarded, mac(3))
        .await
        .unwrap_err();
    assert!(found.to_string().contains("an uplink"), "{found}");
}
