//! `ports = "auto"` of a fence as the daemon uses it, against an SNMP agent in this process: no fence before the port is
//! known, never a guess, the right port then, and after a restart only what still is so.

use crate::switch_agent;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::switch_agent::{COMMUNITY, Fake, mac, target, v2c};
use async_snmp::{Value, oid};
use standin::config;
use standin::daemon::auto::Kept;
use standin::daemon::fencing::{Fencing, Unread};
use standin::daemon::standing::{self, carry_over};
use standin::rt;
use standin::switch::{Switch, SwitchTarget};
use standin::takeover::event::{FenceRead, Outcome};
use standin::types::{BootTime, Epoch, MacAddr, PortRef, VlanId};

const PEER: fn() -> MacAddr = || mac(1);

fn level() -> config::Fence {
    config::Fence {
        switch: "core1".into(),
        ports: Vec::new(),
        also: Vec::new(),
        auto: true,
        quarantine: None,
        alias: None,
        persist: false,
        timeout: Duration::from_secs(2),
    }
}

fn fencing(fake: &Fake) -> Fencing {
    let switches = BTreeMap::from([("core1".to_owned(), fake.switch(v2c(COMMUNITY)))]);
    Fencing::new("standby-b", &[level()], &switches, vec![mac(9)])
}

async fn look(f: &mut Fencing) {
    for answer in f.look(PEER()).await {
        f.adopt(answer, &[], rt::boot());
    }
}

async fn set(f: &Fencing) -> Outcome {
    f.set(
        Epoch(7),
        &PEER().into(),
        &BTreeMap::new(),
        (&[], &[]),
        || {},
    )
    .await
}

fn ports(f: &Fencing) -> Vec<String> {
    f.ports().iter().map(PortRef::to_string).collect()
}

fn why(f: &Fencing) -> String {
    f.unknown()
        .map(|(_, why)| why.to_owned())
        .unwrap_or_default()
}

/// What the journal of a daemon that found the port has, read by the next one.
async fn after_a_restart(fake: &Fake, kept: &[Kept], same_boot: bool) -> Fencing {
    let text = serde_json::to_string(kept).unwrap();
    let kept: Vec<Kept> = serde_json::from_str(&text).unwrap();
    let mut f = fencing(fake);
    f.recall(&kept, same_boot);
    for answer in f.confirm_kept().await {
        f.adopt(answer, &[], rt::boot());
    }
    f
}

async fn found(fake: &Fake) -> Vec<Kept> {
    let mut f = fencing(fake);
    look(&mut f).await;
    assert_eq!(ports(&f), ["core1:ge1"], "{}", why(&f));
    f.found()
}

#[tokio::test]
async fn without_a_known_port_there_is_no_fence_and_it_says_so_and_nothing_is_written() {
    let fake = Fake::start().await;
    let f = fencing(&fake);
    let Outcome::Failed(said) = set(&f).await else {
        panic!("a port was fenced that nobody knew")
    };
    assert!(said.contains("not guessed now"), "{said}");
    assert!(why(&f).contains("not seen healthy yet"), "{}", why(&f));
    assert_eq!(f.read().await, FenceRead::Unknown);
    assert!(matches!(f.poll().await, Err(Unread::NoPort(_))));
    assert_eq!(fake.with(|s| s.sets.len()), 0);
}

#[tokio::test]
async fn the_port_that_was_found_is_fenced_and_no_other() {
    let fake = Fake::start().await;
    let mut f = fencing(&fake);
    look(&mut f).await;
    let told = &f.told()[0];
    assert_eq!(
        (&told["ports"][0], &told["auto"]),
        (&"ge1".into(), &true.into())
    );
    let how = told["how"].as_str().unwrap();
    assert!(how.starts_with("its MAC address is learned there"), "{how}");
    assert!(f.poll().await.unwrap().up);
    let outcome = set(&f).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let shut = fake.with(|s| {
        s.ports
            .iter()
            .filter(|p| p.admin == 2)
            .map(|p| p.name)
            .collect::<Vec<_>>()
    });
    assert_eq!(shut, ["ge1"]);
}

#[tokio::test]
async fn the_guards_of_a_named_port_hold_for_one_that_was_found() {
    let fake = Fake::start().await;
    let mut f = fencing(&fake);
    look(&mut f).await;
    fake.with(|s| s.port("ge1").alias = b"recabled".to_vec());
    let outcome = set(&f).await;
    let Outcome::Refused(said) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(said.contains("`recabled`"), "{said}");
    assert_eq!(fake.with(|s| s.sets.len()), 0);
}

#[tokio::test]
async fn a_peer_that_is_learned_elsewhere_since_is_not_fenced_where_it_was() {
    let fake = Fake::start().await;
    let mut f = fencing(&fake);
    look(&mut f).await;
    fake.with(|s| s.fdb = vec![(1, PEER(), 2)]);
    let outcome = set(&f).await;
    let Outcome::Failed(said) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(said.contains("learned on ge2 now"), "{said}");
    assert_eq!(fake.with(|s| s.sets.len()), 0);
}

#[tokio::test]
async fn what_points_to_no_single_host_makes_the_port_unknown_and_silence_does_not() {
    let fake = Fake::start().await;
    for (fdb, said) in [
        (
            vec![(1, PEER(), 1), (2, PEER(), 2)],
            "ge1, ge2, on more than one port",
        ),
        (vec![(1, PEER(), 48)], "ge48, which is an uplink"),
        ((1..=6).map(|n| (1, mac(n), 1)).collect(), "6 MAC addresses"),
        (vec![(1, PEER(), 1), (1, mac(9), 1)], "our own MAC address"),
    ] {
        fake.with(|s| s.fdb = vec![(1, PEER(), 1)]);
        let mut f = fencing(&fake);
        look(&mut f).await;
        assert_eq!(ports(&f), ["core1:ge1"]);
        fake.with(|s| s.fdb = fdb);
        look(&mut f).await;
        assert!(ports(&f).is_empty(), "{said}: still {:?}", ports(&f));
        assert!(why(&f).contains(said), "{}", why(&f));
    }
    // Learned nowhere for a moment (a flushed table): what is known stays, but not for ever.
    fake.with(|s| s.fdb = vec![(1, PEER(), 1)]);
    let mut f = fencing(&fake);
    look(&mut f).await;
    fake.with(|s| s.fdb.clear());
    look(&mut f).await;
    assert_eq!(ports(&f), ["core1:ge1"]);
    let minutes = |n: u64| BootTime(rt::boot().0 + n * 60_000_000);
    assert!(!f.expire(minutes(9)));
    assert!(f.expire(minutes(11)));
    assert!(
        ports(&f).is_empty() && why(&f).contains("could not be confirmed"),
        "{}",
        why(&f)
    );
}

#[tokio::test]
async fn a_port_with_a_bridge_as_its_lldp_neighbour_is_not_taken() {
    let remote = oid!(1, 0, 8802, 1, 1, 2, 1, 4, 1, 1);
    let at = |column: u32| remote.child(column).child(0).child(1).child(1);
    let fake = Fake::with_neighbours(vec![
        (at(4), Value::Integer(4)),
        (at(5), Value::OctetString(mac(77).0.to_vec().into())),
        (at(9), Value::from("floor2")),
        (at(12), Value::OctetString(vec![0x20].into())),
    ])
    .await;
    let mut f = fencing(&fake);
    look(&mut f).await;
    assert!(ports(&f).is_empty(), "{:?}", ports(&f));
    assert!(
        why(&f).contains("where LLDP has a bridge (floor2"),
        "{}",
        why(&f)
    );
    // The machine itself, which forwards for its containers, is no stranger.
    fake.with(|s| s.more[1].1 = Value::OctetString(PEER().0.to_vec().into()));
    look(&mut f).await;
    assert_eq!(ports(&f), ["core1:ge1"], "{}", why(&f));
}

#[tokio::test]
async fn another_peers_port_is_not_taken() {
    let fake = Fake::start().await;
    let mut f = fencing(&fake);
    let taken = [PortRef {
        switch: "core1".into(),
        port: "ge1".into(),
    }];
    for answer in f.look(PEER()).await {
        f.adopt(answer, &taken, rt::boot());
    }
    assert!(
        ports(&f).is_empty() && why(&f).contains("another peer"),
        "{}",
        why(&f)
    );
}

#[tokio::test]
async fn after_a_restart_the_journal_counts_only_if_the_whole_chain_is_as_it_was() {
    let fake = Fake::start().await;
    let kept = found(&fake).await;
    let f = after_a_restart(&fake, &kept, true).await;
    assert_eq!(ports(&f), ["core1:ge1"], "{}", why(&f));
    assert!(
        f.told()[0]["how"]
            .as_str()
            .unwrap()
            .contains("as the journal has it")
    );

    // The peer died meanwhile: learned nowhere, and nobody else is on its port.
    fake.with(|s| {
        s.fdb.retain(|(_, m, _)| *m != PEER());
        s.cable("ge1", 2);
    });
    let f = after_a_restart(&fake, &kept, true).await;
    assert_eq!(ports(&f), ["core1:ge1"], "{}", why(&f));

    type Change = fn(&mut switch_agent::State);
    let changes: [(&str, Change); 5] = [
        ("ifIndex", |s| s.port("ge1").index = 201),
        ("bridge port", |s| {
            s.port("ge1").base = 7;
            s.fdb[0].2 = 7;
        }),
        ("description", |s| s.port("ge1").alias = b"new".to_vec()),
        ("learned on ge2", |s| s.fdb = vec![(1, PEER(), 2)]),
        ("learned nowhere", |s| s.fdb = vec![(1, mac(5), 1)]),
    ];
    for (said, change) in changes {
        let fake = Fake::start().await;
        fake.with(change);
        let f = after_a_restart(&fake, &kept, true).await;
        assert!(ports(&f).is_empty(), "{said}: it was taken all the same");
        assert!(why(&f).contains(said), "{said}: {}", why(&f));
    }
}

#[tokio::test]
async fn what_is_too_old_or_of_another_boot_is_not_even_asked_about() {
    let fake = Fake::start().await;
    let mut kept = found(&fake).await;
    let f = after_a_restart(&fake, &kept, false).await;
    assert!(
        ports(&f).is_empty() && why(&f).contains("too old"),
        "{}",
        why(&f)
    );
    let now = rt::boot().0;
    kept[0].confirmed = BootTime(now.saturating_sub(11 * 60_000_000));
    if now > 11 * 60_000_000 {
        let f = after_a_restart(&fake, &kept, true).await;
        assert!(
            ports(&f).is_empty() && why(&f).contains("too old"),
            "{}",
            why(&f)
        );
    }
    // But a port that was shut is read and lifted, whatever the table says by now.
    let switches = BTreeMap::from([("core1".to_owned(), fake.switch(v2c(COMMUNITY)))]);
    let standing = standing::Standing {
        node: "standby-b".into(),
        levels: vec![standing::StandingLevel {
            switch: "core1".into(),
            ports: vec!["ge1".into()],
            also: Vec::new(),
            production: None,
            quarantine: None,
            set: true,
        }],
    };
    let f = carry_over("cctv", fencing(&fake), &standing, &kept, &switches).fencing;
    assert_eq!(ports(&f), ["core1:ge1"]);
}

#[tokio::test]
async fn an_answer_for_the_configuration_before_a_reload_is_not_taken() {
    let fake = Fake::start().await;
    let old = fencing(&fake);
    let answers = old.look(PEER()).await;
    let mut new = fencing(&fake);
    new.inherit(&old);
    for answer in answers {
        assert!(!new.adopt(answer, &[], rt::boot()));
    }
    assert!(ports(&new).is_empty());
    look(&mut new).await;
    let mut newer = fencing(&fake);
    newer.inherit(&new);
    assert_eq!(
        ports(&newer),
        ["core1:ge1"],
        "what was found is not looked for again"
    );
}

#[tokio::test]
async fn a_port_of_this_machine_is_never_found_to_be_the_peers() {
    let fake = Fake::start().await;
    let own = SwitchTarget {
        own_ports: vec!["ge1".into()],
        ..target(fake.address, v2c(COMMUNITY))
    };
    let parked = config::PortTakeover {
        switch: "core1".into(),
        port: "ge1".into(),
        interface: "eth2".into(),
        production: VlanId(10),
        parking: VlanId(999),
        timeout: Duration::from_secs(1),
        forwarding: Duration::ZERO,
    };
    for (target, parked) in [
        (own, None),
        (target(fake.address, v2c(COMMUNITY)), Some(&parked)),
    ] {
        let switches = BTreeMap::from([("core1".to_owned(), Switch::new(target))]);
        let f = Fencing::new("standby-b", &[level()], &switches, vec![mac(9)]);
        let mut f = f.but_not(parked);
        look(&mut f).await;
        assert!(ports(&f).is_empty(), "{:?}", ports(&f));
        assert!(why(&f).contains("a port of this machine"), "{}", why(&f));
    }
}
