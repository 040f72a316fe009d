//! Any seeds, counted: `SIM_FROM` is the first, `SIM_RUNS` says how many. `scripts/bench sim` tells thousands by this; without
//! them a few are told, so that what it measures with is tried. `SIM_UNTIL_RED` ends it with the first that fails, for
//! `scripts/bench mutants`.

use serde_json::json;

use crate::plan::kinds;
use crate::rules::{Ledger, Rule};

pub fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// Of three seeds one has two daemons.
pub fn has_a_pair(seed: u64) -> bool {
    seed.is_multiple_of(3)
}

/// Prints a line of JSON for each run that failed, and one for all; one for each that did not, if it is to end early.
#[test]
fn fresh_seeds() {
    let (from, runs) = (number("SIM_FROM", 7000), number("SIM_RUNS", 6));
    let until_red = std::env::var_os("SIM_UNTIL_RED").is_some();
    let mut ledger = Ledger::default();
    let (mut events, mut virtual_us, mut owners, mut verified, mut failed) = (0, 0, 0, 0, 0);
    for seed in from..from + runs {
        let pair = has_a_pair(seed);
        let (_, broken, site) = if pair {
            crate::pair(seed)
        } else {
            crate::agentless(seed)
        };
        events += site.sim.polls();
        virtual_us += site.sim.now() - 3_600_000_000;
        owners += site.changes;
        verified += site.verified;
        ledger.add(&site.ledger);
        if broken.is_empty() && site.sim.panics().is_empty() {
            if until_red {
                println!("SIM {}", json!({ "run": seed }));
            }
            continue;
        }
        failed += 1;
        let kind = if pair { "a_pair" } else { "agentless" };
        let told = crate::told(seed, &site, &broken);
        let mut rules: Vec<String> = broken.iter().map(|b| format!("{:?}", b.rule)).collect();
        rules.extend((!site.sim.panics().is_empty()).then(|| "a panic".to_owned()));
        let line = json!({ "seed": seed, "test": kind, "rules": rules, "told": told });
        println!("SIM {line}");
        if until_red {
            return;
        }
    }
    let armed = Rule::ALL.map(|r| (format!("{r:?}"), ledger.armed.get(&r).copied()));
    let armed: std::collections::BTreeMap<_, _> = armed
        .into_iter()
        .map(|(name, n)| (name, n.unwrap_or_default()))
        .collect();
    for kind in kinds() {
        ledger.struck.entry(kind).or_default();
    }
    let all = json!({
        "runs": runs, "failed": failed, "events": events, "virtual_us": virtual_us,
        "owners": owners, "verified": verified, "armed": armed, "struck": ledger.struck,
    });
    println!("SIM {all}");
    assert_eq!(failed, 0);
}
