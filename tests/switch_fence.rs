//! The fence against switches that misbehave: real SNMP over loopback, agents in this process.

#[expect(
    dead_code,
    reason = "one agent for several tests, each of which needs a part of it"
)]
mod switch_agent;

use std::time::Duration;

use standin::switch::confirm::PeerSeen;
use standin::switch::fence::{Doubt, Freshness, PortSeen, SetOutcome};
use standin::switch::guard::Guard;
use standin::switch::snmp::SnmpError;
use standin::switch::unfence::UnfenceError;
use standin::switch::{
    Admin, Credentials, FenceError, FencePort, FenceProgress, FenceProof, FenceRequest, FenceTag,
    Lift, Oper, PlanOp, Switch, SwitchError, SwitchTarget, fence, plan, read_fence, unfence,
};
use standin::types::{Epoch, IfIndex, VlanId};
use switch_agent::{AUTH, COMMUNITY, Fake, PRIVACY, Packet, mac, proxy, target, v2c, v3};
use tokio::sync::mpsc;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn tag() -> FenceTag {
    FenceTag {
        node: "standby-b".into(),
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
        peer_mac: Some(mac(1)),
        vlan: Some(VlanId(10)),
        own_macs: vec![mac(9)],
        tag: tag(),
        within: MS(5000),
        progress: None,
    }
}

fn switch(fake: &Fake) -> Switch {
    fake.switch(v2c(COMMUNITY))
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
    for credentials in [
        Credentials::V1 {
            community: COMMUNITY.to_owned().into(),
        },
        v3(AUTH, PRIVACY),
    ] {
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
async fn a_switch_that_acknowledges_and_does_nothing_is_not_proven_even_if_the_cable_was_cut() {
    for cut in [false, true] {
        let fake = Fake::start().await;
        fake.with(|s| {
            s.faults.ignores = vec![0];
            if cut {
                s.cable("ge1", 2);
            }
        });
        let mut req = request(&["ge1"]);
        req.within = MS(300);
        let (text, ports, _) = unproven(&switch(&fake), req).await;
        assert_eq!(
            ports[0].doubt,
            Some(Doubt::AdminNotDown { admin: 1 }),
            "cut: {cut}"
        );
        assert_eq!(ports[0].set, SetOutcome::Acknowledged);
        assert!(
            text.contains("the SET was acknowledged, but ifAdminStatus still reads 1"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn admin_down_with_the_link_still_up_is_not_proven() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.oper_stays_up = true);
    let mut req = request(&["ge1"]);
    req.within = MS(300);
    let (text, ports, _) = unproven(&switch(&fake), req).await;
    assert_eq!(ports[0].last, Some((Admin::Down, Oper::Up)));
    assert_eq!(ports[0].doubt, Some(Doubt::OperNotDown { oper: 1 }));
    assert!(text.contains("What was shut stays shut"), "{text}");
}

#[tokio::test]
async fn a_switch_that_applies_only_the_first_varbind_is_asked_again_port_by_port() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.first_only = true);
    let proof = fence(&switch(&fake), request(&["ge1", "ge2"]))
        .await
        .unwrap();
    assert_proven_down(&fake, &proof);
    fake.with(|s| assert_eq!(s.admin_sets(), 3));
}

#[tokio::test]
async fn a_switch_that_takes_one_varbind_per_pdu_gets_one_per_port() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.one_per_pdu = true);
    let proof = fence(&switch(&fake), request(&["ge1", "ge2"]))
        .await
        .unwrap();
    assert_proven_down(&fake, &proof);
}

#[tokio::test]
async fn a_fence_of_which_one_port_works_is_unproven_stays_and_says_which() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.ignores = vec![102]);
    let mut req = request(&["ge1", "ge2"]);
    req.within = MS(400);
    let (_, ports, _) = unproven(&switch(&fake), req).await;
    let seen: Vec<(&str, bool)> = ports.iter().map(|p| (p.port.as_str(), p.proven)).collect();
    assert_eq!(seen, [("ge1", true), ("ge2", false)]);
    fake.with(|s| assert_eq!((s.port("ge1").admin, s.port("ge2").admin), (2, 1)));
    let state = read_fence(&switch(&fake), &["ge1", "ge2"], "standby-b")
        .await
        .unwrap();
    assert!(!state.is_down() && state.ports[0].ours);
}

#[tokio::test]
async fn a_cached_oper_down_is_not_believed_before_its_time() {
    let fake = Fake::start().await;
    fake.with(|s| {
        s.faults.oper_cache = Some(MS(700));
        s.cable("ge1", 2);
    });
    let stale = |f: &Fake| {
        let mut t = target(f.address, v2c(COMMUNITY));
        t.oper_staleness = Some(MS(700));
        Switch::new(t)
    };
    let proof = fence(&stale(&fake), request(&["ge1"])).await.unwrap();
    assert_eq!(proof.ports[0].fresh, Freshness::Waited);
    let waited = proof.proven_after - proof.set_after;
    assert!(waited >= MS(700), "{waited:?}");

    // The lie that a cache can tell: "still down" after the link came back, and a fence that does not work.
    let fake = Fake::start().await;
    fake.with(|s| {
        s.faults.oper_cache = Some(MS(700));
        s.faults.oper_stays_up = true;
        s.cable("ge1", 2);
    });
    let switch = stale(&fake);
    assert_eq!(switch.port("ge1").await.unwrap().oper, Oper::Down);
    fake.with(|s| s.cable("ge1", 1));
    let mut req = request(&["ge1"]);
    req.within = MS(1500);
    let (_, ports, _) = unproven(&switch, req).await;
    assert_eq!(ports[0].doubt, Some(Doubt::OperNotDown { oper: 1 }));
}

#[tokio::test]
async fn a_cached_oper_up_is_waited_out() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.oper_cache = Some(MS(400)));
    let mut t = target(fake.address, v2c(COMMUNITY));
    t.oper_staleness = Some(MS(400));
    let proof = fence(&Switch::new(t), request(&["ge1"])).await.unwrap();
    assert_eq!(proof.ports[0].fresh, Freshness::Changed);
    assert!(
        proof.proven_after - proof.set_after > MS(250),
        "{:?}",
        proof.proven_after
    );
}

#[tokio::test]
async fn a_peer_that_is_learned_elsewhere_after_the_set_refutes_the_fence() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.moves = Some((mac(1), 3)));
    let (text, _, peer) = unproven(&switch(&fake), request(&["ge1"])).await;
    assert_eq!(peer, PeerSeen::MovedElsewhere { port: 3 });
    assert!(text.contains("still on the network"), "{text}");

    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let proof = fence(&switch(&fake), request(&["ge1"])).await.unwrap();
    assert_eq!(proof.peer, PeerSeen::ElsewhereAsBefore { port: 3 });
}

#[tokio::test]
async fn a_lost_set_reply_is_read_back_and_never_assumed() {
    for arrives in [true, false] {
        let fake = Fake::start().await;
        let front = proxy(
            fake.address,
            Box::new(move |p| match p {
                Packet::Set if !arrives => vec![],
                Packet::ReplyToSet => vec![],
                _ => vec![Duration::ZERO],
            }),
        )
        .await;
        let switch = Switch::new(target(front, v2c(COMMUNITY)));
        let mut req = request(&["ge1"]);
        req.within = MS(1500);
        if arrives {
            let proof = fence(&switch, req).await.unwrap();
            assert_proven_down(&fake, &proof);
            assert!(matches!(proof.ports[0].set, SetOutcome::Unanswered { .. }));
        } else {
            let (text, ports, _) = unproven(&switch, req).await;
            assert_eq!(ports[0].doubt, Some(Doubt::AdminNotDown { admin: 1 }));
            assert!(
                text.contains("SET ifAdminStatus.101 on switch core1")
                    && text.contains("no answer"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn duplicated_and_late_replies_change_nothing() {
    let fake = Fake::start().await;
    let front = proxy(
        fake.address,
        Box::new(|p| match p {
            Packet::Get | Packet::Set => vec![Duration::ZERO],
            Packet::ReplyToGet | Packet::ReplyToSet => vec![Duration::ZERO, MS(1), MS(60)],
        }),
    )
    .await;
    let switch = Switch::new(target(front, v2c(COMMUNITY)));
    let (proof, _) = fence_and_tag(&switch, request(&["ge1", "ge2"])).await;
    assert_proven_down(&fake, &proof);
    let own = Lift::Own {
        node: "standby-b".into(),
    };
    unfence(&switch, &["ge1", "ge2"], &own, MS(1000))
        .await
        .unwrap();
    assert_eq!(switch.port("ge1").await.unwrap().admin, Admin::Up);

    // Every first reply comes after its timeout of 200 ms.
    let fake = Fake::start().await;
    let mut n = 0;
    let late = move |p| {
        n += usize::from(matches!(p, Packet::ReplyToGet | Packet::ReplyToSet));
        vec![
            if matches!(p, Packet::ReplyToGet | Packet::ReplyToSet) && n % 2 == 1 {
                MS(250)
            } else {
                Duration::ZERO
            },
        ]
    };
    let front = proxy(fake.address, Box::new(late)).await;
    let mut req = request(&["ge1"]);
    req.within = MS(4000);
    let proof = fence(&Switch::new(target(front, v2c(COMMUNITY))), req)
        .await
        .unwrap();
    assert_proven_down(&fake, &proof);
}

#[tokio::test]
async fn a_slow_switch_is_only_slow_and_a_reading_in_flight_is_not_believed() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.get_delay = MS(120));
    let proof = fence(&switch(&fake), request(&["ge1"])).await.unwrap();
    assert_proven_down(&fake, &proof);
}

#[tokio::test]
async fn silence_and_wrong_credentials_are_told_apart_where_the_protocol_tells() {
    let fake = Fake::start().await;
    let silent = proxy(fake.address, Box::new(|_| vec![])).await;
    let cases: Vec<(SwitchTarget, &str)> = vec![
        (target(silent, v2c(COMMUNITY)), "no answer within"),
        (
            target(fake.address, v2c("SENTINEL-wrong")),
            "wrong community, or switch unreachable",
        ),
        (
            target(fake.address, v3("SENTINEL-not-it", PRIVACY)),
            "wrong authentication password or algorithm",
        ),
        (
            target(
                fake.address,
                match v3(AUTH, PRIVACY) {
                    Credentials::V3 {
                        auth,
                        privacy,
                        context,
                        ..
                    } => Credentials::V3 {
                        user: "nobody".into(),
                        auth,
                        privacy,
                        context,
                    },
                    other => other,
                },
            ),
            "it does not know this user",
        ),
        (
            target(fake.address, v3("short", PRIVACY)),
            "could not be sent",
        ),
    ];
    for (target, want) in cases {
        let err = fence(&Switch::new(target), request(&["ge1"]))
            .await
            .unwrap_err();
        let text = err.to_string();
        assert!(
            text.contains(want) && text.starts_with("nothing was written"),
            "{want}: {text}"
        );
        assert!(!format!("{text} {err:?}").contains("SENTINEL"), "{err:?}");
    }
    fake.with(|s| assert!(s.sets.is_empty()));
}

#[tokio::test]
async fn a_switch_that_falls_silent_before_the_set_was_not_written_to() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.get_delay = MS(5000));
    let mut req = request(&["ge1"]);
    req.within = MS(150);
    let err = fence(&switch(&fake), req).await.unwrap_err();
    assert!(matches!(err, FenceError::TooLate { .. }), "{err:?}");
    fake.with(|s| assert!(s.sets.is_empty()));
}

#[tokio::test]
async fn a_refusal_is_said_soon_and_believed_only_after_a_look() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.admin_read_only = true);
    let started = std::time::Instant::now();
    let (text, ports, _) = unproven(&switch(&fake), request(&["ge1"])).await;
    assert!(
        text.contains("not permitted for ifAdminStatus.101 (notWritable)"),
        "{text}"
    );
    assert!(matches!(ports[0].set, SetOutcome::Refused { .. }));
    assert!(started.elapsed() < MS(2500), "{:?}", started.elapsed());

    let fake = Fake::start().await;
    fake.with(|s| s.faults.refuses_but_does = true);
    let proof = fence(&switch(&fake), request(&["ge1"])).await.unwrap();
    assert!(matches!(proof.ports[0].set, SetOutcome::Refused { .. }));
    assert_proven_down(&fake, &proof);
}

#[tokio::test]
async fn a_tag_that_is_refused_or_too_long_never_spoils_the_fence() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.alias_read_only = true);
    let (proof, told) = fence_and_tag(&switch(&fake), request(&["ge1"])).await;
    assert_proven_down(&fake, &proof);
    assert_ne!(proof.ports[0].tagged, Some(true));
    let Some(FenceProgress::Tagged {
        tagged: false,
        why: Some(why),
        ..
    }) = told.last()
    else {
        panic!("{told:?}")
    };
    assert!(why.contains("notWritable"), "{why}");

    let fake = Fake::start().await;
    fake.with(|s| s.port("ge1").alias = vec![b'x'; 60]);
    let (_, told) = fence_and_tag(&switch(&fake), request(&["ge1"])).await;
    assert!(
        matches!(
            told.last(),
            Some(FenceProgress::Tagged { tagged: false, .. })
        ),
        "{told:?}"
    );
    fake.with(|s| assert_eq!(s.port("ge1").alias, vec![b'x'; 60]));
}

#[tokio::test]
async fn an_if_index_that_changed_between_two_polls_is_found_again_by_name() {
    let fake = Fake::start().await;
    let switch = switch(&fake);
    assert_eq!(switch.port("ge1").await.unwrap().if_index, IfIndex(101));
    fake.with(|s| {
        // ge3 now has the number that ge1 had: a stored number would shut a camera.
        s.port("ge1").index = 201;
        s.port("ge3").index = 101;
        (s.port("ge1").base, s.port("ge3").base) = (3, 1);
    });
    let proof = fence(&switch, request(&["ge1"])).await.unwrap();
    assert_eq!(proof.ports[0].if_index, IfIndex(201));
    fake.with(|s| assert_eq!((s.port("ge1").admin, s.port("ge3").admin), (2, 1)));
}

#[tokio::test]
async fn guards_refuse_before_anything_is_written() {
    let fake = Fake::start().await;
    let switch = switch(&fake);
    assert_eq!(
        guarded(&switch, request(&["ge1", "ge48"])).await,
        Guard::Uplink
    );

    let mut req = request(&["ge1"]);
    req.ports[0].expected_alias = Some("slave-b".into());
    assert!(matches!(guarded(&switch, req).await, Guard::Alias { .. }));

    let mut req = request(&["ge3"]);
    req.own_macs = vec![mac(9), mac(3)];
    assert_eq!(guarded(&switch, req).await, Guard::OwnMac { mac: mac(3) });

    let mut req = request(&["ge3"]);
    req.ports[0].expected_identity = Some(switch.identity("ge3").await.unwrap());
    assert!(matches!(
        guarded(&switch, req).await,
        Guard::OtherHost { .. }
    ));

    fake.with(|s| s.fdb.extend((10..15).map(|n| (1, mac(n), 2))));
    assert_eq!(
        guarded(&switch, request(&["ge1", "ge2"])).await,
        Guard::TooManyMacs { count: 5 }
    );

    let mut t = target(fake.address, v2c(COMMUNITY));
    t.own_ports = vec!["ge2".into()];
    assert_eq!(
        guarded(&Switch::new(t), request(&["ge2"])).await,
        Guard::OwnPort
    );

    let err = fence(&switch, request(&["ge11"])).await.unwrap_err();
    assert!(matches!(
        err,
        FenceError::Unreadable(SwitchError::NoSuchPort { .. })
    ));
    assert!(err.to_string().contains("no port named `ge11`"), "{err}");

    fake.with(|s| s.port("ge2").name = "ge1");
    let err = fence(&switch, request(&["ge1"])).await;
    fake.with(|s| s.ports[1].name = "ge2");
    // The hint still finds one ge1; what it must never do is shut the other.
    if let Ok(proof) = err {
        assert_eq!(proof.ports[0].if_index, IfIndex(101));
    }
    let fresh = Fake::start().await;
    fresh.with(|s| s.ports[1].name = "ge1");
    let err = fence(&fresh.switch(v2c(COMMUNITY)), request(&["ge1"]))
        .await
        .unwrap_err();
    assert!(
        err.to_string()
            .contains("several ports named `ge1` (ifIndex 101, 102)"),
        "{err}"
    );
    fresh.with(|s| assert!(s.sets.is_empty()));
    fake.with(|s| {
        assert!(
            s.sets.iter().all(|(o, _)| o.ends_with(".101")),
            "{:?}",
            s.sets
        )
    });
}

#[tokio::test]
async fn a_fence_of_ours_is_adopted_after_a_crash_and_still_proven() {
    let fake = Fake::start().await;
    fence_and_tag(&switch(&fake), request(&["ge1"])).await;
    let again = switch(&fake);
    let state = read_fence(&again, &["ge1", "ge2"], "standby-b")
        .await
        .unwrap();
    assert_eq!(state.ports[0].tag, Some(tag()));
    assert_eq!((state.ports[0].ours, state.ports[1].ours), (true, false));
    let proof = fence(&again, request(&["ge1"])).await.unwrap();
    assert!(proof.ports[0].already_ours);
    assert_eq!(proof.ports[0].previous_tag, Some(tag()));
    assert_eq!(proof.ports[0].before, (Admin::Down, Oper::Down));
    fake.with(|s| assert_eq!(s.port("ge1").alias, b"slave-a [standin:standby-b:7]"));
}

#[tokio::test]
async fn what_a_person_shut_is_not_lifted_unless_forced() {
    let fake = Fake::start().await;
    let switch = switch(&fake);
    fake.with(|s| s.port("ge3").admin = 2);
    for lift in [
        Lift::Tagged,
        Lift::Own {
            node: "standby-b".into(),
        },
    ] {
        let err = unfence(&switch, &["ge3"], &lift, MS(500))
            .await
            .unwrap_err();
        assert!(matches!(err, UnfenceError::NotOurs { .. }), "{err:?}");
    }
    fake.with(|s| assert!(s.sets.is_empty()));
    unfence(&switch, &["ge3"], &Lift::Force, MS(500))
        .await
        .unwrap();
    fake.with(|s| assert_eq!(s.port("ge3").admin, 1));

    fake.with(|s| {
        s.port("ge1").admin = 2;
        s.port("ge1").alias = b"slave-a [standin:standby-c:9]".to_vec();
    });
    let own = Lift::Own {
        node: "standby-b".into(),
    };
    assert!(unfence(&switch, &["ge1"], &own, MS(500)).await.is_err());
    let lifted = unfence(&switch, &["ge1"], &Lift::Tagged, MS(500))
        .await
        .unwrap();
    assert_eq!(lifted.ports[0].still_tagged, None);
    fake.with(|s| assert_eq!(s.port("ge1").alias, b"slave-a"));

    // The journal knows that the port was shut by this machine, and the tag could not be written.
    let known = Lift::Known {
        node: "standby-b".into(),
    };
    fake.with(|s| s.port("ge3").admin = 2);
    unfence(&switch, &["ge3"], &known, MS(500)).await.unwrap();
    fake.with(|s| {
        assert_eq!(s.port("ge3").admin, 1);
        s.port("ge3").admin = 2;
        s.port("ge3").alias = b"spare [standin:standby-c:9]".to_vec();
    });
    let err = unfence(&switch, &["ge3"], &known, MS(500))
        .await
        .unwrap_err();
    assert!(matches!(err, UnfenceError::NotOurs { .. }), "{err:?}");

    fake.with(|s| {
        s.port("ge1").admin = 2;
        s.faults.ignores = vec![0];
    });
    let err = unfence(&switch, &["ge1"], &Lift::Force, MS(300))
        .await
        .unwrap_err();
    assert!(matches!(err, UnfenceError::Unproven { .. }), "{err:?}");
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

#[tokio::test]
async fn clones_of_a_switch_poll_while_a_fence_waits() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.oper_stays_up = true);
    let switch = switch(&fake);
    let other = switch.clone();
    let mut req = request(&["ge1"]);
    req.within = MS(2000);
    let waiting = tokio::spawn(async move { fence(&switch, req).await });
    tokio::time::sleep(MS(100)).await;
    let started = std::time::Instant::now();
    other.port("ge3").await.unwrap();
    assert!(started.elapsed() < MS(1500) && !waiting.is_finished());
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn an_error_of_the_protocol_names_the_object() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.admin_read_only = true);
    for credentials in [
        v2c(COMMUNITY),
        Credentials::V1 {
            community: COMMUNITY.to_owned().into(),
        },
    ] {
        let (text, ..) = unproven(&fake.switch(credentials), request(&["ge1"])).await;
        assert!(
            text.contains("not permitted for ifAdminStatus.101"),
            "{text}"
        );
    }
    let closed = target("127.0.0.1:1".parse().unwrap(), v2c(COMMUNITY));
    let err = Switch::new(closed).port("ge1").await.unwrap_err();
    assert!(
        matches!(err, SwitchError::Snmp(SnmpError::Unreachable { .. })),
        "{err:?}"
    );
}

#[tokio::test]
async fn a_port_that_leaves_the_bridge_when_it_is_shut_is_still_the_fenced_one() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.hides_down_ports = true);
    let proof = fence(&switch(&fake), request(&["ge1", "ge2"]))
        .await
        .unwrap();
    assert_eq!(proof.peer, PeerSeen::OnFencedPort);
    fake.with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let again = fence(&switch(&fake), request(&["ge1", "ge2"]))
        .await
        .unwrap();
    // Nobody can tell any more which number the ports had: said, not guessed.
    assert_eq!(again.peer, PeerSeen::NotAsked);
}
