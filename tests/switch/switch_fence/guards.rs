//! Which ports are never shut, and that a port is found by its name.

use standin::switch::change::guard::Guard;
use standin::switch::{FenceError, Switch, SwitchError, fence};
use standin::types::IfIndex;

use super::{guarded, request, switch};
use crate::switch_agent::{COMMUNITY, Fake, mac, target, v2c};

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
async fn an_if_index_that_changed_between_two_polls_is_found_again_by_name() {
    let fake = Fake::start().await;
    let switch = switch(&fake);
    assert_eq!(switch.port("ge1").await.unwrap().if_index, IfIndex(101));
    fake.with(|s| {
        // ge3 now has the number that ge1 had: a stored number would shut a camera.
        s.port("ge1").index = 201;
        s.port("ge3").index = 101;
        (s.port("ge1").base, s.port("ge3").base) = (3, 1);
        s.fdb = vec![(1, mac(1), 3), (1, mac(3), 1)];
    });
    let proof = fence(&switch, request(&["ge1"])).await.unwrap();
    assert_eq!(proof.ports[0].if_index, IfIndex(201));
    fake.with(|s| assert_eq!((s.port("ge1").admin, s.port("ge3").admin), (2, 1)));
}
