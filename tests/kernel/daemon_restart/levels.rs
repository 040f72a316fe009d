//! A fence of two levels whose second switch is dead: what can be lifted is lifted.

use std::collections::BTreeMap;
use std::time::Duration;

use standin::config;
use standin::daemon::fencing::Fencing;
use standin::daemon::standing::carry_over;
use standin::switch::Switch;
use standin::switch::fence::lift::Lift;
use standin::takeover::event::Outcome;
use standin::types::Epoch;

use crate::switch_agent::{COMMUNITY, Fake, mac, target, v2c};

fn level(switch: &str) -> config::Fence {
    config::Fence {
        switch: switch.into(),
        ports: vec!["ge1".into()],
        also: Vec::new(),
        auto: false,
        quarantine: None,
        alias: None,
        persist: false,
        timeout: Duration::from_secs(2),
    }
}

struct Two {
    fake: Fake,
    other: Option<Fake>,
    fencing: Fencing,
    switches: BTreeMap<String, Switch>,
}

impl Two {
    async fn new() -> Two {
        let (fake, other) = (Fake::start().await, Fake::start().await);
        let at = |f: &Fake| f.switch(v2c(COMMUNITY));
        let switches = BTreeMap::from([
            ("core".to_owned(), at(&fake)),
            ("edge".to_owned(), at(&other)),
        ]);
        let levels = [level("core"), level("edge")];
        let fencing = Fencing::new("standby-b", &levels, &switches, vec![mac(9)]);
        Two {
            fake,
            other: Some(other),
            fencing,
            switches,
        }
    }

    async fn set(&self) -> Outcome {
        let known = BTreeMap::new();
        self.fencing
            .set(Epoch(3), &mac(1).into(), &known, (&[], &[]), || {})
            .await
    }

    async fn lift(&self) -> Outcome {
        let how = Lift::Known {
            node: "standby-b".into(),
        };
        self.fencing.lift(&how, Duration::from_secs(4)).await
    }

    fn shut(fake: &Fake) -> bool {
        fake.with(|s| s.port("ge1").admin == 2)
    }
}

#[tokio::test]
async fn a_dead_switch_whose_level_was_never_set_does_not_make_a_release_fail() {
    let mut two = Two::new().await;
    let outcome = two.set().await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert!(Two::shut(&two.fake));
    two.other = None;
    let outcome = two.lift().await;
    let Outcome::Done(said) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        said.contains("core1:ge1 admin up") && !said.contains("NOT"),
        "{said}"
    );
    assert!(!Two::shut(&two.fake));
    assert!(two.fencing.in_place().is_empty());
}

#[tokio::test]
async fn a_level_that_was_set_and_whose_switch_is_dead_now_is_named_with_its_command() {
    let mut two = Two::new().await;
    // Both levels were written: the first could not be proven.
    two.set().await;
    let mut standing = two.fencing.standing();
    standing.levels[1].set = true;
    let core_alone = target(two.fake.address, v2c(COMMUNITY));
    let dead = target("127.0.0.1:9".parse().unwrap(), v2c(COMMUNITY));
    two.switches.insert("core".into(), Switch::new(core_alone));
    two.switches.insert("edge".into(), Switch::new(dead));
    let levels = [level("core"), level("edge")];
    let file = Fencing::new("standby-b", &levels, &two.switches, vec![mac(9)]);
    let over = carry_over("cctv", file, &standing, &[], &two.switches);
    assert!(over.later.is_none() && over.orphans.is_empty());
    two.fencing = over.fencing;
    let outcome = two.lift().await;
    let Outcome::Done(said) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(said.contains("core1:ge1 admin up"), "{said}");
    assert!(
        said.contains("NOT lifted") && said.contains("standin unfence edge:ge1"),
        "{said}"
    );
    let left = two.fencing.in_place();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].0.to_string(), "edge:ge1");
    // Nothing could be lifted at all: that is a failure.
    let outcome = {
        let mut standing = two.fencing.standing();
        standing.levels.remove(0);
        let file = Fencing::new("standby-b", &[level("edge")], &two.switches, vec![mac(9)]);
        two.fencing = carry_over("cctv", file, &standing, &[], &two.switches).fencing;
        two.lift().await
    };
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}
