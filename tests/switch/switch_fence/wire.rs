//! Requests and replies that are lost, doubled, late, or of somebody who may not ask.

use std::time::Duration;

use standin::switch::fence::{Doubt, SetOutcome};
use standin::switch::snmp::SnmpError;
use standin::switch::unfence;
use standin::switch::{Admin, Credentials, FenceError, Switch, SwitchError, SwitchTarget, fence};

use super::{
    MS, assert_proven_down, fence_and_tag, own, proven_down, request, request_within, switch,
    unproven, v1,
};
use crate::switch_agent::{AUTH, COMMUNITY, Fake, PRIVACY, Packet, proxy, target, v2c, v3};

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
        let req = request_within(&["ge1"], MS(1500));
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
    unfence(&switch, &["ge1", "ge2"], &own(), MS(1000))
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
    let req = request_within(&["ge1"], MS(4000));
    let proof = fence(&Switch::new(target(front, v2c(COMMUNITY))), req)
        .await
        .unwrap();
    assert_proven_down(&fake, &proof);
}

#[tokio::test]
async fn a_slow_switch_is_only_slow_and_a_reading_in_flight_is_not_believed() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.get_delay = MS(120));
    proven_down(&fake, &["ge1"]).await;
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
    let req = request_within(&["ge1"], MS(150));
    let err = fence(&switch(&fake), req).await.unwrap_err();
    assert!(matches!(err, FenceError::TooLate { .. }), "{err:?}");
    fake.with(|s| assert!(s.sets.is_empty()));
}

#[tokio::test]
async fn clones_of_a_switch_poll_while_a_fence_waits() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.oper_stays_up = true);
    let switch = switch(&fake);
    let other = switch.clone();
    let req = request_within(&["ge1"], MS(2000));
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
    for credentials in [v2c(COMMUNITY), v1()] {
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
