//! A level over two switches, as of a bond with a leg on each: it is set, proven, read and lifted as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use standin::config;
use standin::daemon::fencing::Fencing;
use standin::switch::fence::lift::Lift;
use standin::switch::{PortIdentity, Switch, SwitchTarget};
use standin::takeover::event::{FenceRead, Outcome};
use standin::takeover::placement::Seen;
use standin::types::{Epoch, IfIndex, PortRef};

use crate::switch_agent::{COMMUNITY, Fake, mac, target, v2c};

pub fn level() -> config::Fence {
    let also = config::SwitchPorts {
        switch: "edge".into(),
        ports: vec!["ge1".into()],
    };
    config::Fence {
        switch: "core".into(),
        ports: vec!["ge1".into()],
        also: vec![also],
        auto: false,
        quarantine: None,
        alias: None,
        persist: false,
        timeout: Duration::from_secs(2),
    }
}

/// The peer has the address 1: `core` has learned it on ge1, `edge` nowhere.
pub struct Bond {
    pub core: Fake,
    pub edge: Option<Fake>,
    pub switches: BTreeMap<String, Switch>,
    pub fencing: Fencing,
}

fn named(name: &str, fake: &Fake) -> Switch {
    Switch::new(SwitchTarget {
        name: name.into(),
        ..target(fake.address, v2c(COMMUNITY))
    })
}

impl Bond {
    pub async fn new() -> Bond {
        let (core, edge) = (Fake::start().await, Fake::start().await);
        edge.with(|s| s.fdb = vec![(1, mac(4), 2)]);
        let switches = BTreeMap::from([
            ("core".to_owned(), named("core", &core)),
            ("edge".to_owned(), named("edge", &edge)),
        ]);
        let fencing = Fencing::new("standby-b", &[level()], &switches, vec![mac(9)]);
        Bond {
            core,
            edge: Some(edge),
            switches,
            fencing,
        }
    }

    pub fn edge(&self) -> &Fake {
        self.edge.as_ref().unwrap()
    }

    async fn set_knowing(&self, known: &BTreeMap<PortRef, PortIdentity>) -> Outcome {
        self.fencing
            .set(Epoch(3), &mac(1).into(), known, (&[], &[]), || {})
            .await
    }

    async fn set(&self) -> Outcome {
        self.set_knowing(&BTreeMap::new()).await
    }

    pub async fn proven(&self) -> String {
        let outcome = self.set().await;
        let Outcome::Done(how) = outcome else {
            panic!("{outcome:?}")
        };
        how
    }

    async fn unproven(&self) -> String {
        let outcome = self.set().await;
        let Outcome::Failed(why) = outcome else {
            panic!("{outcome:?}")
        };
        why
    }

    pub async fn lift(&self) -> Outcome {
        let how = Lift::Known {
            node: "standby-b".into(),
        };
        self.fencing.lift(&how, Duration::from_secs(3)).await
    }

    async fn seen(&self) -> Seen {
        let mut sights = self.fencing.sights(&[mac(1)]).await;
        assert_eq!(sights.len(), 1);
        let sight = sights.remove(0);
        assert_eq!(sight.level, "core:ge1 + edge:ge1");
        sight.seen
    }

    pub fn in_place(&self) -> Vec<String> {
        let all = self.fencing.in_place();
        all.into_iter().map(|(at, _)| at.to_string()).collect()
    }
}

pub fn shut(fake: &Fake) -> bool {
    fake.with(|s| s.port("ge1").admin == 2)
}

fn put(fake: &Fake, status: i32) {
    fake.with(|s| (s.port("ge1").admin, s.port("ge1").oper) = (status, status));
}

#[tokio::test]
async fn both_legs_are_shut_and_proven_and_lifted() {
    let bond = Bond::new().await;
    assert!(bond.fencing.poll().await.unwrap().up);
    let how = bond.proven().await;
    for port in ["core:ge1 admin down", "edge:ge1 admin down"] {
        assert!(how.contains(port), "{how}");
    }
    assert!(shut(&bond.core) && shut(bond.edge()));
    assert_eq!(bond.fencing.read().await, FenceRead::Present);
    assert!(!bond.fencing.poll().await.unwrap().up);
    assert_eq!(bond.in_place(), ["core:ge1", "edge:ge1"]);
    let outcome = bond.lift().await;
    let Outcome::Done(how) = outcome else {
        panic!("{outcome:?}")
    };
    for port in ["core:ge1 admin up", "edge:ge1 admin up"] {
        assert!(how.contains(port), "{how}");
    }
    assert!(!shut(&bond.core) && !shut(bond.edge()));
    assert!(bond.in_place().is_empty());
}

#[tokio::test]
async fn a_switch_that_is_silent_leaves_nothing_written_on_the_other() {
    let mut bond = Bond::new().await;
    bond.edge = None;
    let why = bond.unproven().await;
    assert!(why.contains("edge"), "{why}");
    assert!(!shut(&bond.core));
    assert_eq!(bond.core.with(|s| s.sets.len()), 0);
    assert!(bond.in_place().is_empty());
}

#[tokio::test]
async fn a_leg_that_cannot_be_proven_makes_the_level_unproven_and_all_of_it_is_known() {
    let bond = Bond::new().await;
    bond.edge().with(|s| s.faults.ignores = vec![0]);
    let why = bond.unproven().await;
    assert!(
        why.contains("switch core: ge1 down, and proven, which is not the whole fence"),
        "{why}"
    );
    assert!(why.contains("switch edge is not proven"), "{why}");
    assert!(shut(&bond.core) && !shut(bond.edge()));
    assert_eq!(bond.fencing.read().await, FenceRead::Absent);
    assert_eq!(bond.in_place(), ["core:ge1", "edge:ge1"]);
    // The next attempt finds one leg down already, and proves both.
    bond.edge().with(|s| s.faults.ignores.clear());
    bond.proven().await;
    assert_eq!(bond.fencing.read().await, FenceRead::Present);
}

#[tokio::test]
async fn a_guard_on_one_switch_keeps_both_open() {
    let bond = Bond::new().await;
    bond.edge().with(|s| s.fdb.push((1, mac(9), 1)));
    let outcome = bond.set().await;
    let Outcome::Refused(why) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("our own MAC address"), "{why}");
    assert!(!shut(&bond.core) && !shut(bond.edge()));
    assert!(bond.in_place().is_empty());
}

#[tokio::test]
async fn what_stands_is_all_of_it_or_none() {
    let mut bond = Bond::new().await;
    bond.proven().await;
    put(bond.edge(), 1);
    assert_eq!(bond.fencing.read().await, FenceRead::Absent);
    assert!(bond.fencing.poll().await.unwrap().up);
    put(bond.edge(), 2);
    assert_eq!(bond.fencing.read().await, FenceRead::Present);
    bond.edge = None;
    assert_eq!(bond.fencing.read().await, FenceRead::Unknown);
    assert!(bond.fencing.poll().await.is_err());
    put(&bond.core, 1);
    assert_eq!(bond.fencing.read().await, FenceRead::Absent);
}

#[tokio::test]
async fn nothing_is_lifted_while_one_of_the_switches_is_silent() {
    let mut bond = Bond::new().await;
    bond.proven().await;
    assert_eq!(bond.fencing.liftable().await, Ok(()));
    bond.edge = None;
    // A release is refused before the address is given away.
    let why = bond.fencing.liftable().await.unwrap_err();
    assert!(
        why.contains("switch edge") && why.contains("standin unfence core:ge1"),
        "{why}"
    );
    let outcome = bond.lift().await;
    let Outcome::Failed(why) = outcome else {
        panic!("{outcome:?}")
    };
    for words in [
        "only as a whole",
        "standin unfence core:ge1",
        "standin unfence edge:ge1",
    ] {
        assert!(why.contains(words), "{why}");
    }
    assert!(shut(&bond.core));
    assert_eq!(bond.in_place(), ["core:ge1", "edge:ge1"]);
}

#[tokio::test]
async fn a_leg_that_does_not_come_up_is_named_with_its_command() {
    let bond = Bond::new().await;
    bond.proven().await;
    bond.edge().with(|s| s.faults.ignores = vec![0]);
    let outcome = bond.lift().await;
    let Outcome::Failed(why) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("`standin unfence edge:ge1`"), "{why}");
    assert!(!why.contains("unfence core:ge1"), "{why}");
    assert!(why.contains("core:ge1 admin up"), "{why}");
    assert_eq!(bond.in_place(), ["core:ge1", "edge:ge1"]);
    bond.edge().with(|s| s.faults.ignores.clear());
    assert!(matches!(bond.lift().await, Outcome::Done(_)));
    assert!(bond.in_place().is_empty());
}

#[tokio::test]
async fn it_is_confirmed_on_either_leg_and_an_uplink_says_nothing() {
    let bond = Bond::new().await;
    // On its leg at core; edge knows it behind its uplink.
    bond.edge().with(|s| s.fdb = vec![(1, mac(1), 48)]);
    let Seen::Here { how } = bond.seen().await else {
        panic!()
    };
    assert!(
        how.contains("core: ") && how.contains("learned there"),
        "{how}"
    );
    // On its leg at edge; core knows it behind its uplink.
    bond.edge().with(|s| s.fdb = vec![(1, mac(1), 1)]);
    bond.core.with(|s| s.fdb = vec![(1, mac(1), 48)]);
    assert!(matches!(bond.seen().await, Seen::Here { .. }));
    // On uplinks only.
    bond.edge().with(|s| s.fdb = vec![(1, mac(1), 48)]);
    assert_eq!(bond.seen().await, Seen::Nowhere);
    // A leg without link is no contradiction, both are.
    bond.core.with(|s| s.fdb = vec![(1, mac(1), 1)]);
    bond.edge().with(|s| s.port("ge1").oper = 2);
    assert!(matches!(bond.seen().await, Seen::Here { .. }));
    bond.core.with(|s| {
        s.fdb = vec![(1, mac(3), 3)];
        s.port("ge1").oper = 2;
    });
    let seen = bond.seen().await;
    assert!(
        matches!(&seen, Seen::Elsewhere { at, .. } if at == "a port without link"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_bond_with_an_address_on_each_leg_is_confirmed_by_both_and_refuted_by_either() {
    let bond = Bond::new().await;
    let seen = async || {
        let mut sights = bond.fencing.sights(&[mac(1), mac(2)]).await;
        sights.remove(0).seen
    };
    bond.edge().with(|s| s.fdb = vec![(1, mac(2), 1)]);
    let Seen::Here { how } = seen().await else {
        panic!()
    };
    assert!(how.matches("is learned there").count() == 2, "{how}");
    bond.edge().with(|s| s.fdb = vec![(1, mac(2), 3)]);
    let there = seen().await;
    assert!(
        matches!(&there, Seen::Elsewhere { why, .. } if why.contains(&mac(2).to_string())),
        "{there:?}"
    );
}

#[tokio::test]
async fn on_a_third_access_port_of_either_switch_it_is_misplaced() {
    let mut bond = Bond::new().await;
    bond.edge().with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let seen = bond.seen().await;
    assert!(
        matches!(&seen, Seen::Elsewhere { at, .. } if at.contains("ge3")),
        "{seen:?}"
    );
    bond.edge = None;
    // Half of a look neither confirms nor contradicts.
    assert!(matches!(bond.seen().await, Seen::Unread { .. }));
}

#[tokio::test]
async fn the_peer_on_a_port_that_is_not_fenced_refutes_it_on_either_switch() {
    let bond = Bond::new().await;
    bond.edge().with(|s| s.fdb = vec![(1, mac(1), 3)]);
    let why = bond.unproven().await;
    assert!(why.contains("ge3") && why.contains("not fenced"), "{why}");
    // An uplink refutes as of one switch, until the entry has aged out.
    bond.edge().with(|s| s.fdb = vec![(1, mac(1), 48)]);
    let why = bond.unproven().await;
    assert!(why.contains("ge48") && why.contains("not fenced"), "{why}");
    bond.edge().with(|s| s.fdb.clear());
    bond.proven().await;
}

#[tokio::test]
async fn only_one_leg_has_the_peers_address() {
    let bond = Bond::new().await;
    let seen = |port: &str, switch: &str, alias: &str, n| {
        let at = PortRef {
            switch: switch.into(),
            port: port.into(),
        };
        let identity = PortIdentity {
            if_name: port.into(),
            if_index: IfIndex(101),
            if_alias: Some(alias.into()),
            macs: vec![mac(n)],
        };
        (at, identity)
    };
    // The other card of the machine answers with its own.
    let known = BTreeMap::from([
        seen("ge1", "core", "slave-a", 1),
        seen("ge1", "edge", "slave-a", 2),
    ]);
    let outcome = bond.set_knowing(&known).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    // Another machine on both is refused.
    let bond = Bond::new().await;
    let known = BTreeMap::from([
        seen("ge1", "core", "slave-a", 2),
        seen("ge1", "edge", "slave-a", 2),
    ]);
    let outcome = bond.set_knowing(&known).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert!(!shut(&bond.core) && !shut(bond.edge()));
}

#[tokio::test]
async fn two_fences_over_the_same_switches_do_not_wait_for_each_other() {
    let bond = Bond::new().await;
    let mut turned = level();
    (turned.switch, turned.also[0].switch) = ("edge".into(), "core".into());
    turned.ports = vec!["ge2".into()];
    turned.also[0].ports = vec!["ge2".into()];
    let other = Fencing::new("standby-b", &[turned], &bond.switches, vec![mac(9)]);
    bond.edge().with(|s| s.fdb.clear());
    let known = BTreeMap::new();
    let theirs = mac(8).into();
    let theirs = other.set(Epoch(3), &theirs, &known, (&[], &[]), || {});
    let (ours, theirs) = tokio::join!(bond.set(), theirs);
    assert!(matches!(ours, Outcome::Done(_)), "{ours:?}");
    assert!(matches!(theirs, Outcome::Done(_)), "{theirs:?}");
}
