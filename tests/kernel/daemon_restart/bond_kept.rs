//! What the journal keeps of a level over two switches, and what a restart and a reload make of it.

use std::collections::BTreeMap;

use standin::daemon::fencing::Fencing;
use standin::daemon::standing::{Standing, carry_over};
use standin::takeover::event::{FenceRead, Outcome};

use crate::daemon_restart::bond::{Bond, level, shut};
use crate::switch_agent::mac;

#[tokio::test]
async fn after_a_restart_and_a_reload_all_of_it_is_still_there() {
    let bond = Bond::new().await;
    bond.proven().await;
    let journal = serde_json::to_string(&bond.fencing.standing()).unwrap();
    let standing: Standing = serde_json::from_str(&journal).unwrap();
    assert_eq!(standing, bond.fencing.standing());
    // A file that names another fence: the one that stands goes on, over both switches.
    let mut other = level();
    (other.ports, other.also) = (vec!["ge2".into()], Vec::new());
    let file = Fencing::new("standby-b", &[other], &bond.switches, vec![mac(9)]);
    let over = carry_over("cctv", file, &standing, &[], &bond.switches);
    assert!(over.orphans.is_empty() && over.later.is_some());
    assert_eq!(over.fencing.level_names(), ["core:ge1 + edge:ge1"]);
    assert_eq!(over.fencing.read().await, FenceRead::Present);
    let restarted = Bond {
        fencing: over.fencing,
        ..bond
    };
    assert_eq!(restarted.in_place(), ["core:ge1", "edge:ge1"]);
    assert!(matches!(restarted.lift().await, Outcome::Done(_)));
    assert!(!shut(&restarted.core) && !shut(restarted.edge()));

    // The same file: nothing is to come into force later.
    let file = Fencing::new("standby-b", &[level()], &restarted.switches, vec![mac(9)]);
    let over = carry_over("cctv", file, &standing, &[], &restarted.switches);
    assert!(over.later.is_none());
    // A file without the second switch: nobody could read or lift it as a whole.
    let core = BTreeMap::from([("core".to_owned(), restarted.switches["core"].clone())]);
    let mut alone = level();
    alone.also.clear();
    let file = Fencing::new("standby-b", &[alone], &core, vec![mac(9)]);
    let over = carry_over("cctv", file, &standing, &[], &core);
    let said = over.orphans[0].to_string();
    for words in [
        "core:ge1, edge:ge1",
        "no switch edge",
        "`standin unfence edge:ge1`",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let left = over.fencing.in_place();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_record_of_a_version_without_further_switches_is_read() {
    let text = r#"{"node":"standby-b","levels":[{"switch":"core","ports":["ge1"],"set":true}]}"#;
    let standing: Standing = serde_json::from_str(text).unwrap();
    assert!(standing.levels[0].also.is_empty());
    // And the other way round: what has none is written as it was.
    assert_eq!(serde_json::to_string(&standing).unwrap(), text);
}
