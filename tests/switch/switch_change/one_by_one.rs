//! What the table does not have: undo by order, guards, what a switch forgets, ports without a link, old news.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use standin::switch::change::{ChangeError, UndoRecord, undo};
use standin::switch::{ChangeRequest, Operation, Switch, change};
use standin::types::VlanId;

use crate::change_table::{Asked, MS, word};
use crate::switch_agent::bridge::Follows;
use crate::switch_agent::{COMMUNITY, Fake, Moment, Packet, State, mac, target, v2c};
use crate::switch_change::asked::{move_to, ours};
use crate::switch_change::faults::{current, over, profile};

async fn moved(fake: &Fake) -> (Switch, UndoRecord) {
    let switch = over(fake.address, v2c(COMMUNITY));
    let request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    let proof = change(&switch, request).await.unwrap();
    (switch, proof.undo.unwrap())
}

#[tokio::test]
async fn an_undo_puts_back_our_port_and_leaves_what_others_did_meanwhile() {
    let fake = Fake::with_vlans().await;
    let before = fake.with(|s| ours(s, ("ge1", 1)));
    let (switch, record) = moved(&fake).await;
    // Port 3 went to VLAN 20 after our change.
    fake.with(|s| move_to(s, 3, 10, 20));
    undo(&switch, &record, MS(1000)).await.unwrap();
    fake.with(|s| {
        assert_eq!(ours(s, ("ge1", 1)), before);
        assert_eq!(
            s.bridge.as_ref().unwrap().of(3),
            (20, [20].into(), [20].into())
        );
    });
}

#[tokio::test]
async fn what_a_switch_forgets_is_seen_at_the_next_look_and_done_again() {
    let fake = Fake::with_vlans().await;
    fake.with(|s| s.faults.forgets = Some(MS(300)));
    let (switch, _) = moved(&fake).await;
    tokio::time::sleep(MS(600)).await;
    fake.with(|s| {
        assert!(!Asked::Access.is_done(s));
        s.faults.forgets = None;
    });
    let request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    let again = change(&switch, request.clone()).await.unwrap();
    assert!(!again.already);
    assert!(change(&switch, request).await.unwrap().already);
    fake.with(|s| assert!(Asked::Access.is_done(s)));
}

/// Name of the guard that refuses, if one does; nothing may have been written then.
async fn refused(
    fake: &Fake,
    change_it: impl FnOnce(&mut ChangeRequest, &mut Vec<String>, &mut Vec<String>),
) -> Option<&'static str> {
    let mut t = target(fake.address, v2c(COMMUNITY));
    t.profile = Arc::new(profile());
    let mut request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    change_it(&mut request, &mut t.uplinks, &mut t.own_ports);
    match change(&Switch::new(t), request).await {
        Ok(_) => None,
        Err(ChangeError::Guarded { guard, .. }) => {
            fake.with(|s| assert!(s.sets.is_empty(), "{} refused after a write", guard.name()));
            Some(guard.name())
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_guard_refuses_by_its_name_before_any_write_and_is_overridden_only_where_it_may_be() {
    type Change = Box<dyn Fn(&mut State, &mut ChangeRequest, &mut Vec<String>, &mut Vec<String>)>;
    let crowd = |s: &mut State| s.fdb.extend((20..26).map(|n| (1, mac(n), 1)));
    let cases: Vec<(&str, bool, Change)> = vec![
        (
            "uplink",
            false,
            Box::new(|_, _, up, _| up.push("ge1".into())),
        ),
        (
            "own-port",
            true,
            Box::new(|_, _, _, own| own.push("ge1".into())),
        ),
        (
            "own-mac",
            true,
            Box::new(|_, r, _, _| r.own_macs = vec![mac(1)]),
        ),
        (
            "alias",
            true,
            Box::new(|_, r, _, _| r.expected_alias = Some("slave-b".into())),
        ),
        ("too-many-macs", true, Box::new(move |s, _, _, _| crowd(s))),
        (
            "other-host",
            true,
            Box::new(|_, r, _, _| r.expected_mac = Some(mac(7))),
        ),
        (
            "vlan-exists",
            false,
            Box::new(|_, r, _, _| r.operation = Operation::SetAccessVlan(VlanId(77))),
        ),
        (
            "not-forbidden",
            false,
            Box::new(|s, _, _, _| {
                s.bridge
                    .as_mut()
                    .unwrap()
                    .vlans
                    .get_mut(&20)
                    .unwrap()
                    .forbidden
                    .insert(1);
            }),
        ),
        (
            "access-port",
            true,
            Box::new(|_, r, _, _| r.port = Some("ge2".into())),
        ),
    ];
    for (name, may, set) in cases {
        for overridden in [false, true] {
            let fake = Fake::with_vlans().await;
            let got = refused(&fake, |r, up, own| {
                fake.with(|s| set(s, r, up, own));
                if overridden {
                    r.overrides.insert(name.into());
                }
            })
            .await;
            let want = (!(overridden && may)).then_some(name);
            assert_eq!(got, want, "{name}, overridden: {overridden}");
        }
    }
}

#[tokio::test]
async fn our_own_tag_does_not_trip_the_alias_guard() {
    let fake = Fake::with_vlans().await;
    fake.with(|s| s.port("ge1").alias = b"slave-a [standin:standby-b:7]".to_vec());
    let got = refused(&fake, |r, _, _| r.expected_alias = Some("slave-a".into())).await;
    assert_eq!(got, None);
}

#[tokio::test]
async fn a_port_without_a_link_need_not_be_in_the_current_lists_but_must_have_left_them() {
    let fake = Fake::with_vlans().await;
    fake.with(|s| s.cable("ge1", 2));
    current(&fake, |c| c.linkless = [1].into());
    let switch = over(fake.address, v2c(COMMUNITY));
    let request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    let proof = change(&switch, request.clone()).await.unwrap();
    fake.with(|s| assert!(Asked::Access.is_done(s)));
    let notes = proof.notes.join("; ");
    assert!(
        notes.contains("dot1qVlanCurrentEgressPorts.117070.20"),
        "{notes}"
    );
    let counted = proof.proven.iter().filter(|p| p.contains("Current"));
    assert_eq!(
        counted.collect::<Vec<_>>(),
        ["dot1qVlanCurrentEgressPorts.117070.10 is without port 1"]
    );
    // With a link it must be there.
    fake.with(|s| s.cable("ge1", 1));
    match change(&switch, request.clone()).await {
        Err(ChangeError::Undone { why, .. }) => assert!(why.contains("Current"), "{why}"),
        other => panic!("{other:?}"),
    }
    current(&fake, |c| c.linkless.clear());
    assert!(change(&switch, request).await.unwrap().already);
}

#[tokio::test]
async fn an_undo_by_order_says_so_if_the_switch_goes_on_as_before() {
    let fake = Fake::with_vlans().await;
    let (switch, record) = moved(&fake).await;
    current(&fake, |c| c.follows = Follows::AddsOnly);
    let said = undo(&switch, &record, MS(300)).await.unwrap_err();
    assert_eq!(
        said,
        "the current egress list of VLAN 20 still has the port"
    );
}

/// A switch whose oper state may be `stale` old, which it says to be so.
fn stale(fake: &Fake, stale: Duration) -> Switch {
    let mut t = target(fake.address, v2c(COMMUNITY));
    t.profile = Arc::new(profile());
    t.oper_staleness = Some(stale);
    fake.with(|s| s.faults.oper_cache = Some(stale));
    Switch::new(t)
}

#[tokio::test]
async fn a_port_that_was_shut_before_is_proven_off_only_when_its_old_state_cannot_be_an_old_value()
{
    let off = || ChangeRequest::new(Operation::PortOff, Some("ge1"), MS(10_000));
    let fake = Fake::with_vlans().await;
    let switch = stale(&fake, MS(700));
    fake.with(|s| (s.port("ge1").admin, s.port("ge1").oper) = (2, 2));
    let proof = change(&switch, off()).await.unwrap();
    assert!(proof.already);
    assert!(proof.took >= MS(700), "{:?}", proof.took);
    fake.with(|s| assert_eq!(s.admin_sets(), 0));

    // Admin down, and the link is up all the same: the cache holds what was before.
    fake.with(|s| s.faults.oper_stays_up = true);
    tokio::time::sleep(MS(750)).await;
    switch.port("ge1").await.unwrap();
    fake.with(|s| s.cable("ge1", 1));
    let done = change(&switch, off()).await;
    assert_eq!(word(&done).0, "unclear", "{done:?}");
    fake.with(|s| assert_eq!(s.admin_sets(), 1));
}

/// It used to be proven: who had tried `apply` had not tested the fence.
#[tokio::test]
async fn a_port_is_not_proven_off_while_its_machine_is_learned_elsewhere() {
    let off = |mac| ChangeRequest {
        expected_mac: mac,
        ..ChangeRequest::new(Operation::PortOff, Some("ge1"), MS(5000))
    };
    let moves = async || {
        let fake = Fake::with_vlans().await;
        fake.with(|s| s.faults.moves = Some((mac(1), 3)));
        fake
    };
    let fake = moves().await;
    let done = change(&over(fake.address, v2c(COMMUNITY)), off(Some(mac(1)))).await;
    let (ended, said) = word(&done);
    assert_eq!(ended, "unclear", "{said}");
    let why = "is learned behind core1:ge3 since this one was shut";
    assert!(said.contains(why), "{said}");

    // Where no machine is named it is about the port alone.
    let fake = moves().await;
    let done = change(&over(fake.address, v2c(COMMUNITY)), off(None)).await;
    assert_eq!(word(&done).0, "proven", "{done:?}");
}

/// As of a fence: a reading that began while the value could still be an old one does not count, however long it took.
#[tokio::test]
async fn a_port_that_had_no_link_is_proven_off_by_a_reading_that_began_late_enough() {
    let fake = Fake::with_vlans().await;
    let switch = stale(&fake, MS(700));
    fake.with(|s| s.cable("ge1", 2));
    let off = ChangeRequest::new(Operation::PortOff, Some("ge1"), MS(10_000));
    let proof = change(&switch, off).await.unwrap();
    assert!(!proof.already);
    assert!(proof.took >= MS(700), "{:?}", proof.took);
    fake.with(|s| assert_eq!(s.admin_sets(), 1));
}

/// The agent answers from a cache, and slowly: what it says late was read early, and the link is up by then.
#[tokio::test]
async fn a_reading_that_began_too_early_proves_no_port_off_however_late_it_ended() {
    const STALE: Duration = Duration::from_millis(700);
    let fake = Fake::with_vlans().await;
    let slow = Arc::new(AtomicBool::new(false));
    let is_slow = slow.clone();
    let address = fake
        .through(move |p| match p {
            Packet::ReplyToGet if is_slow.load(Ordering::SeqCst) => vec![STALE + MS(100)],
            _ => vec![Duration::ZERO],
        })
        .await;
    let mut t = target(address, v2c(COMMUNITY));
    t.profile = Arc::new(profile());
    t.timeout = MS(3000);
    t.oper_staleness = Some(STALE);
    fake.with(|s| {
        s.cable("ge1", 2);
        (s.faults.oper_cache, s.faults.oper_stays_up) = (Some(STALE), true);
        s.hook = Some(Box::new(move |s, m| {
            if m == Moment::SetDone(1) {
                s.cable("ge1", 1);
                slow.store(true, Ordering::SeqCst);
            }
        }));
    });
    let off = ChangeRequest::new(Operation::PortOff, Some("ge1"), MS(10_000));
    let done = change(&Switch::new(t), off).await;
    let (ended, said) = word(&done);
    assert_eq!(ended, "unclear", "{said}");
    assert!(said.contains("ifOperStatus still reads 1"), "{said}");
    fake.with(|s| assert_eq!((s.port("ge1").admin, s.port("ge1").oper), (2, 1)));
}
