//! What proves a fence, and what a switch may say or do that proves nothing.

use std::time::Duration;

use standin::switch::change::freshness::PeerSeen;
use standin::switch::change::guard::Guard;
use standin::switch::fence::{Doubt, Freshness, SetOutcome};
use standin::switch::{Admin, FenceRequest, Oper, Switch, SwitchTarget, fence, read_fence};
use standin::types::PeerMacs;

use super::{MS, NODE, guarded, proven_down, request, request_within, switch, unproven};
use crate::switch_agent::{COMMUNITY, Fake, mac, target, v2c};

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
        let req = request_within(&["ge1"], MS(300));
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
    let req = request_within(&["ge1"], MS(300));
    let (text, ports, _) = unproven(&switch(&fake), req).await;
    assert_eq!(ports[0].last, Some((Admin::Down, Oper::Up)));
    assert_eq!(ports[0].doubt, Some(Doubt::OperNotDown { oper: 1 }));
    assert!(text.contains("What was shut stays shut"), "{text}");
}

#[tokio::test]
async fn a_switch_that_applies_only_the_first_varbind_is_asked_again_port_by_port() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.first_only = true);
    proven_down(&fake, &["ge1", "ge2"]).await;
    fake.with(|s| assert_eq!(s.admin_sets(), 3));
}

#[tokio::test]
async fn a_switch_that_takes_one_varbind_per_pdu_gets_one_per_port() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.one_per_pdu = true);
    proven_down(&fake, &["ge1", "ge2"]).await;
}

#[tokio::test]
async fn a_fence_of_which_one_port_works_is_unproven_stays_and_says_which() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.ignores = vec![102]);
    let req = request_within(&["ge1", "ge2"], MS(400));
    let (_, ports, _) = unproven(&switch(&fake), req).await;
    let seen: Vec<(&str, bool)> = ports.iter().map(|p| (p.port.as_str(), p.proven)).collect();
    assert_eq!(seen, [("ge1", true), ("ge2", false)]);
    fake.with(|s| assert_eq!((s.port("ge1").admin, s.port("ge2").admin), (2, 1)));
    let state = read_fence(&switch(&fake), &["ge1", "ge2"], NODE)
        .await
        .unwrap();
    assert!(!state.is_down() && state.ports[0].ours);
}

/// The switch as one whose ifOperStatus may be that old.
fn caching(fake: &Fake, staleness: Duration) -> Switch {
    Switch::new(SwitchTarget {
        oper_staleness: Some(staleness),
        ..target(fake.address, v2c(COMMUNITY))
    })
}

#[tokio::test]
async fn a_cached_oper_down_is_not_believed_before_its_time() {
    let fake = Fake::start().await;
    fake.with(|s| {
        s.faults.oper_cache = Some(MS(700));
        s.cable("ge1", 2);
    });
    let switch = caching(&fake, MS(700));
    let proof = fence(&switch, request(&["ge1"])).await.unwrap();
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
    let switch = caching(&fake, MS(700));
    assert_eq!(switch.port("ge1").await.unwrap().oper, Oper::Down);
    fake.with(|s| s.cable("ge1", 1));
    let req = request_within(&["ge1"], MS(1500));
    let (_, ports, _) = unproven(&switch, req).await;
    assert_eq!(ports[0].doubt, Some(Doubt::OperNotDown { oper: 1 }));
}

#[tokio::test]
async fn a_cached_oper_up_is_waited_out() {
    let fake = Fake::start().await;
    fake.with(|s| s.faults.oper_cache = Some(MS(400)));
    let switch = caching(&fake, MS(400));
    let proof = fence(&switch, request(&["ge1"])).await.unwrap();
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
}

/// It used to pass: two machines owned the address for good (findings, S2).
#[tokio::test]
async fn a_peer_that_is_learned_on_another_port_refutes_until_its_entry_has_aged_out() {
    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let req = request_within(&["ge1"], MS(600));
    let (text, ports, peer) = unproven(&switch(&fake), req).await;
    assert_eq!(peer, PeerSeen::ElsewhereAsBefore { port: 3 });
    assert!(ports[0].proven, "the port alone is down");
    assert!(
        text.contains("learned behind core1:ge3, which is not fenced"),
        "{text}"
    );

    // The same, and it ages out within the fence's time.
    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let (asked, aged) = (switch(&fake), MS(400));
    let aging = async {
        tokio::time::sleep(aged).await;
        fake.with(|s| s.fdb.clear());
    };
    let (proof, ()) = tokio::join!(fence(&asked, request(&["ge1"])), aging);
    let proof = proof.unwrap();
    assert_eq!(proof.peer, PeerSeen::Absent);
    assert!(proof.proven_after >= aged, "{:?}", proof.proven_after);
}

/// An uplink is a port that is not fenced: the machine is behind another switch.
#[tokio::test]
async fn a_peer_behind_an_uplink_of_the_fences_own_switch_refutes() {
    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let switch = Switch::new(SwitchTarget {
        uplinks: vec!["ge3".into()],
        ..target(fake.address, v2c(COMMUNITY))
    });
    let (text, ..) = unproven(&switch, request_within(&["ge1"], MS(600))).await;
    assert!(
        text.contains("core1:ge3 (an uplink: it is behind another switch)"),
        "{text}"
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
    // Nobody can tell any more which number the ports had, and whose this one is.
    let req = request_within(&["ge1", "ge2"], MS(600));
    let again = fence(&switch(&fake), req.clone()).await.unwrap();
    assert_eq!(again.peer, PeerSeen::NotAsked);
    // But a number that leads to another port's name refutes all the same. (It used to pass as not asked.)
    fake.with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let (_, _, peer) = unproven(&switch(&fake), req).await;
    assert_eq!(peer, PeerSeen::ElsewhereAsBefore { port: 3 });
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
    let proof = proven_down(&fake, &["ge1"]).await;
    assert!(matches!(proof.ports[0].set, SetOutcome::Refused { .. }));
}

/// Each address of a peer that has several is the peer: any of them behind a port that is not fenced refutes.
#[tokio::test]
async fn the_other_address_of_a_peer_on_another_port_refutes_too() {
    let two = |within| FenceRequest {
        peer_mac: PeerMacs::listed(&[mac(1), mac(2)]),
        ..request_within(&["ge1"], within)
    };
    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(1), 1), (1, mac(2), 3)]);
    let (text, _, peer) = unproven(&switch(&fake), two(MS(600))).await;
    assert_eq!(peer, PeerSeen::ElsewhereAsBefore { port: 3 });
    assert!(text.contains("learned behind core1:ge3"), "{text}");

    let fake = Fake::start().await;
    fake.with(|s| s.faults.moves = Some((mac(2), 3)));
    let (_, _, peer) = unproven(&switch(&fake), two(MS(5000))).await;
    assert_eq!(peer, PeerSeen::MovedElsewhere { port: 3 });

    // Both on fenced ports; and our own address is still found behind them.
    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(1), 1), (1, mac(2), 1)]);
    let proof = fence(&switch(&fake), two(MS(5000))).await.unwrap();
    assert_eq!(proof.peer, PeerSeen::OnFencedPort);
    let fake = Fake::start().await;
    fake.with(|s| s.fdb = vec![(1, mac(1), 1), (1, mac(9), 1)]);
    let refused = guarded(&switch(&fake), two(MS(5000))).await;
    assert_eq!(refused, Guard::OwnMac { mac: mac(9) });
}
