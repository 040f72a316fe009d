//! Any seeds, counted: `SIM_FROM` is the first, `SIM_RUNS` says how many. `scripts/bench sim` tells thousands by this; without
//! them a few are told, so that what it measures with is tried.

use serde_json::json;

use crate::plan::kinds;
use crate::rules::{Ledger, Rule};

fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// Prints a line of JSON for each run that failed, and one for all.
#[test]
fn fresh_seeds() {
    let (from, runs) = (number("SIM_FROM", 7000), number("SIM_RUNS", 6));
    let mut ledger = Ledger::default();
    let (mut events, mut virtual_us, mut owners, mut verified, mut failed) = (0, 0, 0, 0, 0);
    for seed in from..from + runs {
        // Two of three have one daemon.
        let run = if seed % 3 == 0 {
            crate::pair
        } else {
            crate::agentless
        };
        let (_, broken, site) = run(seed);
        events += site.sim.polls();
        virtual_us += site.sim.now() - 3_600_000_000;
        owners += site.changes;
        verified += site.verified;
        ledger.add(&site.ledger);
        if !broken.is_empty() || !site.sim.panics().is_empty() {
            failed += 1;
            let kind = if site.pair { "a_pair" } else { "agentless" };
            let told = crate::told(seed, &site, &broken);
            println!(
                "SIM {}",
                json!({ "seed": seed, "test": kind, "told": told })
            );
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
