//! The same code against an SNMP agent that is not ours. Ignored unless asked for, because a SET takes a real interface
//! down: run it only inside a network namespace or against a switch that may lose the port.
//!
//! `STANDIN_SNMP=127.0.0.1:16161 STANDIN_SNMP_PORT=veth0 STANDIN_SNMP_COMMUNITY=private \
//!  cargo nextest run --run-ignored all -E 'binary(switch_snmpd)' --no-capture`, and for SNMPv3 (SHA-256, AES-128)
//! `STANDIN_SNMP_USER`, `STANDIN_SNMP_AUTH`, `STANDIN_SNMP_PRIV` in place of the community.
//! `STANDIN_SNMP_STALENESS_MS` overrides the profile's 3000, `STANDIN_SNMP_PEER_MAC` and `STANDIN_SNMP_VLAN` look the peer
//! up in the forwarding table.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use standin::switch::unfence;
use standin::switch::{
    Admin, AuthAlgorithm, Credentials, FencePort, FenceRequest, FenceTag, Lift, PrivAlgorithm,
    Profile, Switch, SwitchTarget, fence, read_fence,
};
use standin::types::{Epoch, MacAddr, VlanId};

fn var(name: &str) -> Option<String> {
    std::env::var(format!("STANDIN_SNMP{name}")).ok()
}

fn switch() -> Switch {
    let secret = |name| SecretString::from(var(name).unwrap_or_default());
    let credentials = match var("_USER") {
        Some(user) => Credentials::V3 {
            user,
            auth: Some((AuthAlgorithm::Sha256, secret("_AUTH"))),
            privacy: Some((PrivAlgorithm::Aes128, secret("_PRIV"))),
            context: String::new(),
        },
        None => Credentials::V2c {
            community: secret("_COMMUNITY"),
        },
    };
    Switch::new(SwitchTarget {
        name: "real".into(),
        address: var("")
            .expect("STANDIN_SNMP=HOST:PORT is needed")
            .parse()
            .unwrap(),
        local: None,
        profile: Arc::new(Profile::find("generic-qbridge", None).unwrap()),
        credentials,
        timeout: Duration::from_millis(500),
        retries: 2,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: var("_STALENESS_MS").map(|ms| Duration::from_millis(ms.parse().unwrap())),
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    })
}

#[tokio::test]
#[ignore = "needs an SNMP agent whose port may go down: STANDIN_SNMP=HOST:PORT"]
async fn a_real_agents_port_is_fenced_proven_read_and_lifted() {
    let switch = switch();
    let port = var("_PORT").expect("STANDIN_SNMP_PORT=IFNAME is needed");
    println!("{:?}", switch.system().await.unwrap());
    println!("{:?}", switch.identity(&port).await.unwrap());
    if let Some(mac) = var("_PEER_MAC") {
        println!(
            "{:?}",
            switch.where_is(mac.parse().unwrap(), None).await.unwrap()
        );
    }
    let started = std::time::Instant::now();
    for _ in 0..100 {
        switch.port(&port).await.unwrap();
    }
    println!("one poll takes {:?}", started.elapsed() / 100);
    let request = || FenceRequest {
        ports: vec![FencePort {
            port: port.clone(),
            expected_identity: None,
            expected_alias: None,
        }],
        peer_mac: var("_PEER_MAC")
            .map(|m| m.parse::<MacAddr>().unwrap())
            .into(),
        vlan: var("_VLAN").map(|v| VlanId(v.parse().unwrap())),
        own_macs: Vec::new(),
        aggregates: Vec::new(),
        tag: FenceTag {
            node: "b".into(),
            epoch: Epoch(1),
        },
        within: Duration::from_secs(8),
        progress: None,
    };
    for round in 0..3 {
        let proof = fence(&switch, request()).await.unwrap();
        println!("round {round}: {proof:?}");
        let state = read_fence(&switch, &[&port], "b").await.unwrap();
        assert!(state.is_down());
        let again = fence(&switch, request()).await.unwrap();
        println!("adopted: {:?} {:?}", again.ports[0], again.proven_after);
        let lifted = unfence(&switch, &[&port], &Lift::Force, Duration::from_secs(5))
            .await
            .unwrap();
        println!("lifted: {lifted:?}");
        assert_eq!(switch.port(&port).await.unwrap().admin, Admin::Up);
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
}
