//! Whose a fence is: its tag, its adoption after a crash, and who may lift it.

use standin::switch::fence::lift::UnfenceError;
use standin::switch::unfence;
use standin::switch::{Admin, FenceProgress, Lift, Oper, fence, read_fence};

use super::{MS, NODE, assert_proven_down, fence_and_tag, own, request, switch, tag};
use crate::switch_agent::Fake;

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
async fn a_fence_of_ours_is_adopted_after_a_crash_and_still_proven() {
    let fake = Fake::start().await;
    fence_and_tag(&switch(&fake), request(&["ge1"])).await;
    let again = switch(&fake);
    let state = read_fence(&again, &["ge1", "ge2"], NODE).await.unwrap();
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
    for lift in [Lift::Tagged, own()] {
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
    assert!(unfence(&switch, &["ge1"], &own(), MS(500)).await.is_err());
    let lifted = unfence(&switch, &["ge1"], &Lift::Tagged, MS(500))
        .await
        .unwrap();
    assert_eq!(lifted.ports[0].still_tagged, None);
    fake.with(|s| assert_eq!(s.port("ge1").alias, b"slave-a"));

    // The journal knows that the port was shut by this machine, and the tag could not be written.
    let known = Lift::Known { node: NODE.into() };
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
