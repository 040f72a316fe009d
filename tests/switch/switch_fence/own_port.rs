//! In a pair the own port is read before the SET and after the proof: who is behind the peer's fence shuts nobody's port,
//! and two that shut each other at the same moment find out.

use std::collections::BTreeMap;

use standin::config::{self, Kind};
use standin::daemon::fencing::Fencing;
use standin::switch::Switch;
use standin::takeover::event::Outcome;
use standin::types::Epoch;

use super::{MS, NODE, mac, v2c};
use crate::switch_agent::{COMMUNITY, Fake, Moment, State, target};

/// We are at ge2, the peer at ge1.
fn fencing(fake: &Fake, kind: Kind) -> Fencing {
    let mut at = target(fake.address, v2c(COMMUNITY));
    at.own_ports = vec!["ge2".into()];
    let level = config::Fence {
        switch: "core".into(),
        ports: vec!["ge1".into()],
        also: Vec::new(),
        auto: false,
        quarantine: None,
        alias: None,
        persist: false,
        timeout: MS(3000),
    };
    let switches = BTreeMap::from([("core".to_owned(), Switch::new(at))]);
    Fencing::new(NODE, &[level], &switches, vec![mac(9)]).of_a(kind)
}

async fn set(fencing: &Fencing) -> Outcome {
    let known = BTreeMap::new();
    fencing
        .set_between_looks(Epoch(7), &mac(1).into(), &known, (&[], &[]), || {})
        .await
}

/// Our own port as this machine's fence leaves it.
fn shut_ours(state: &mut State, alias: &str) {
    let port = state.port("ge2");
    (port.admin, port.oper, port.alias) = (2, 2, alias.into());
}

fn why(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn whose_own_port_has_the_peers_mark_or_is_shut_shuts_nobody() {
    for alias in ["slave-a second [standin:peer-a:6]", "slave-a second"] {
        let fake = Fake::start().await;
        fake.with(|s| shut_ours(s, alias));
        let fencing = fencing(&fake, Kind::Pair);
        let outcome = set(&fencing).await;
        let why = why(&outcome);
        assert!(
            why.contains("our own port core1:ge2") && why.contains("nothing was shut"),
            "{why}"
        );
        fake.with(|s| assert!(s.sets.is_empty(), "{alias}: {:?}", s.sets));
        assert!(!fencing.tied().await, "our fence does not stand");
    }
}

#[tokio::test]
async fn who_is_shut_while_shutting_claims_nothing_and_knows_of_the_tie() {
    let fake = Fake::start().await;
    fake.with(|s| {
        s.hook = Some(Box::new(|state, moment| {
            if moment == Moment::SetDone(1) {
                shut_ours(state, "slave-a second [standin:peer-a:6]");
            }
        }));
    });
    let fencing = fencing(&fake, Kind::Pair);
    let outcome = set(&fencing).await;
    let why = why(&outcome);
    assert!(
        why.contains("has the mark [standin:peer-a:6]") && why.contains("the peer's was shut too"),
        "{why}"
    );
    fake.with(|s| assert_eq!(s.port("ge1").admin, 2, "the SET went out"));
    assert!(fencing.tied().await);
    // The other one lifts its fence.
    fake.with(|s| {
        let port = s.port("ge2");
        (port.admin, port.oper, port.alias) = (1, 1, "slave-a second".into());
    });
    assert!(!fencing.tied().await);
}

#[tokio::test]
async fn an_open_own_port_stops_nothing_and_an_agentless_peer_shuts_nobody() {
    let fake = Fake::start().await;
    let outcome = set(&fencing(&fake, Kind::Pair)).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let fake = Fake::start().await;
    fake.with(|s| shut_ours(s, "slave-a second"));
    let outcome = set(&fencing(&fake, Kind::Agentless)).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}
