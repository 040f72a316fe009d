//! `port = "auto"` over SNMP: found where the MAC address was learned, and refused where that proves nothing.

#[expect(
    dead_code,
    reason = "one agent for several tests, each of which needs a part of it"
)]
mod switch_agent;

use standin::switch::auto::{AutoError, find_port};
use switch_agent::{COMMUNITY, Fake, mac, v2c};

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
