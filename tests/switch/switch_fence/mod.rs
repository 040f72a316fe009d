//! The fence against switches that misbehave: real SNMP over loopback, agents in this process.

mod guards;
mod lift;
mod own_port;
mod proof;
mod wire;

use std::time::Duration;

use standin::switch::change::freshness::PeerSeen;
use standin::switch::change::guard::Guard;
use standin::switch::fence::{PortSeen, SetOutcome};
use standin::switch::{
    Admin, Credentials, FenceError, FencePort, FenceProgress, FenceProof, FenceRequest, FenceTag,
    Lift, Oper, PlanOp, Switch, fence,
};
use standin::switch::{plan, unfence};
use standin::types::{Epoch, IfIndex, VlanId};
use tokio::sync::mpsc;

use crate::switch_agent::{AUTH, COMMUNITY, Fake, PRIVACY, mac, v2c, v3};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// The machine that fences.
const NODE: &str = "standby-b";

fn tag() -> FenceTag {
    FenceTag {
        node: NODE.into(),
        epoch: Epoch(7),
    }
}

fn request(ports: &[&str]) -> FenceRequest {
    FenceRequest {
        ports: ports
            .iter()
            .map(|p| FencePort {
                port: (*p).into(),
                expected_identity: None,
                expected_alias: None,
            })
            .collect(),
        peer_mac: mac(1).into(),
        vlan: Some(VlanId(10)),
        own_macs: vec![mac(9)],
        aggregates: Vec::new(),
        tag: tag(),
        within: MS(5000),
        progress: None,
    }
}

fn request_within(ports: &[&str], within: Duration) -> FenceRequest {
    FenceRequest {
        within,
        ..request(ports)
    }
}

fn switch(fake: &Fake) -> Switch {
    fake.switch(v2c(COMMUNITY))
}

fn v1() -> Credentials {
    Credentials::V1 {
        community: COMMUNITY.to_owned().into(),
    }
}

fn own() -> Lift {
    Lift::Own { node: NODE.into() }
}

/// Fences, and waits until the tags are written too: that may be a moment after the proof.
async fn fence_and_tag(
    switch: &Switch,
    mut request: FenceRequest,
) -> (FenceProof, Vec<FenceProgress>) {
    let (tx, mut rx) = mpsc::unbounded_channel();
    request.progress = Some(tx);
    let proof = fence(switch, request)
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    let mut told = Vec::new();
    while let Some(what) = rx.recv().await {
        told.push(what);
    }
    (proof, told)
}

async fn unproven(switch: &Switch, request: FenceRequest) -> (String, Vec<PortSeen>, PeerSeen) {
    match fence(switch, request).await {
        Err(FenceError::Unproven(u)) => (u.to_string(), u.ports.clone(), u.peer.clone()),
        other => panic!("expected an unproven fence, got {other:?}"),
    }
}

async fn guarded(switch: &Switch, request: FenceRequest) -> Guard {
    match fence(switch, request).await {
        Err(FenceError::Guarded { guard, .. }) => guard,
        other => panic!("expected a guard to refuse, got {other:?}"),
    }
}

fn assert_proven_down(fake: &Fake, proof: &FenceProof) {
    for p in &proof.ports {
        assert_eq!(p.after, (Admin::Down, Oper::Down), "{}", p.port);
        fake.with(|s| {
            assert_eq!(
                (s.port(&p.port).admin, s.port(&p.port).oper),
                (2, 2),
                "{}",
                p.port
            )
        });
    }
}

/// A fence that needs nothing but its ports, and works.
async fn proven_down(fake: &Fake, ports: &[&str]) -> FenceProof {
    let proof = fence(&switch(fake), request(ports))
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    assert_proven_down(fake, &proof);
    proof
}

#[tokio::test]
async fn two_ports_are_shut_by_one_pdu_proven_and_tagged_with_their_old_text_kept() {
    let fake = Fake::start().await;
    let (tx, mut rx) = mpsc::unbounded_channel();
    let mut req = request(&["ge1", "ge2"]);
    req.progress = Some(tx);
    let proof = fence(&switch(&fake), req).await.unwrap();
    assert_proven_down(&fake, &proof);
    assert_eq!(proof.peer, PeerSeen::OnFencedPort);
    assert_eq!(proof.ports[0].set, SetOutcome::Acknowledged);
    assert!(!proof.ports[0].already_ours);
    assert_eq!(rx.recv().await, Some(FenceProgress::Sending));
    assert_eq!(
        rx.recv().await,
        Some(FenceProgress::Sent { acknowledged: true })
    );
    for port in ["ge1", "ge2"] {
        let told = FenceProgress::Tagged {
            port: port.into(),
            tagged: true,
            why: None,
        };
        assert_eq!(rx.recv().await, Some(told));
    }
    fake.with(|s| {
        assert_eq!(s.port("ge1").alias, b"slave-a [standin:standby-b:7]");
        assert_eq!(s.port("ge2").alias, b"slave-a second [standin:standby-b:7]");
        assert_eq!(s.admin_sets(), 2);
        assert_eq!((s.port("ge3").admin, s.port("ge48").admin), (1, 1));
        // Admin down goes first: the tag must not stand before it.
        assert!(
            s.sets[0].0.starts_with("1.3.6.1.2.1.2.2.1.7.")
                && s.sets[1].0.starts_with("1.3.6.1.2.1.2.2.1.7.")
        );
    });
}

#[tokio::test]
async fn v1_and_v3_auth_priv_fence_as_well_as_v2c() {
    for credentials in [v1(), v3(AUTH, PRIVACY)] {
        let fake = Fake::start().await;
        let what = format!("{credentials:?}");
        let switch = fake.switch(credentials);
        println!("{what}");
        let (proof, _) = fence_and_tag(&switch, request(&["ge1", "ge2"])).await;
        assert_proven_down(&fake, &proof);
        let lifted = unfence(&switch, &["ge1", "ge2"], &Lift::Tagged, MS(1000))
            .await
            .unwrap();
        assert_eq!(lifted.ports[1].was, Admin::Down);
        fake.with(|s| {
            assert_eq!(
                (s.port("ge2").admin, s.port("ge2").alias.as_slice()),
                (1, &b"slave-a second"[..])
            )
        });
    }
}

#[tokio::test]
async fn once_the_names_are_known_a_poll_is_one_get_and_a_fence_reads_once_before_it_writes() {
    let fake = Fake::start().await;
    let switch = switch(&fake);
    let identity = switch.identity("ge1").await.unwrap();
    assert_eq!(
        (identity.if_index, identity.macs.as_slice()),
        (IfIndex(101), &[mac(1)][..])
    );
    let gets = |f: &Fake| f.with(|s| (s.gets.len(), s.walks));
    let before = gets(&fake);
    let port = switch.port("ge1").await.unwrap();
    assert_eq!(port.bridge_port.map(|b| b.0), Some(1));
    let one = gets(&fake);
    assert_eq!((one.0 - before.0, one.1 - before.1), (1, 0));
    let mut req = request(&["ge1"]);
    req.ports[0].expected_identity = Some(identity);
    let proof = fence(&switch, req).await.unwrap();
    // One GET before the SET, the read-backs, and at most one for the tag.
    let after = gets(&fake);
    assert_eq!(after.1, one.1, "a walk stood in the fence's way");
    assert!(
        after.0 - one.0 <= 2 + proof.reads as usize,
        "{after:?} {one:?} {}",
        proof.reads
    );
}

#[tokio::test]
async fn the_plan_shows_every_set_in_order_and_no_secret() {
    let fake = Fake::start().await;
    for (credentials, login) in [
        (v2c(COMMUNITY), "snmpset -v2c -c \"$COMMUNITY\" 127.0.0.1:"),
        (
            v3(AUTH, PRIVACY),
            "snmpset -v3 -l authPriv -u 'ops' -a SHA-256 -A \"$AUTH_PASSWORD\" -x AES -X \"$PRIV_PASSWORD\" 127",
        ),
    ] {
        let switch = fake.switch(credentials);
        let sets = plan(&switch, &["ge1", "ge2"], &PlanOp::Fence { tag: tag() })
            .await
            .unwrap();
        let objects: Vec<&str> = sets.iter().map(|s| s.object.as_str()).collect();
        assert_eq!(
            objects,
            [
                "ifAdminStatus.101",
                "ifAdminStatus.102",
                "ifAlias.101",
                "ifAlias.102"
            ]
        );
        assert!(sets[0].command.starts_with(login), "{}", sets[0].command);
        assert!(
            sets[0].command.ends_with(" 1.3.6.1.2.1.2.2.1.7.101 i 2"),
            "{}",
            sets[0].command
        );
        assert!(
            sets[2]
                .command
                .ends_with(" s 'slave-a [standin:standby-b:7]'"),
            "{}",
            sets[2].command
        );
        let all = format!(
            "{sets:?} {:?} {}",
            switch.target(),
            serde_json::to_string(&sets).unwrap()
        );
        assert!(!all.contains("SENTINEL"), "{all}");
    }
    fake.with(|s| assert!(s.sets.is_empty()));
}

#[tokio::test]
async fn the_switch_says_who_it_is_and_where_a_mac_is() {
    let fake = Fake::start().await;
    let switch = switch(&fake);
    let system = switch.system().await.unwrap();
    assert_eq!(
        (system.sys_name.as_str(), system.engine_boots),
        ("core1", Some(1))
    );
    assert!(system.sys_uptime_cs >= 100_000);
    for vlan in [Some(VlanId(10)), None] {
        let found = switch.where_is(mac(3), vlan).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].if_name.as_deref(), found[0].fdb_id),
            (Some("ge3"), Some(1))
        );
    }
    assert_eq!(switch.where_is(mac(3), Some(VlanId(20))).await.unwrap(), []);
    assert_eq!(switch.where_is(mac(77), None).await.unwrap(), []);
}
