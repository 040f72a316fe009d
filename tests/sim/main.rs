//! The shipped daemon on virtual time: two machines, one switch, one thread.
//!
//! A seed decides what fails when, and the order and latency of everything. A failure prints the seed;
//! `SIM_SEED=7 cargo nextest run --test sim NAME` tells that one again, and `SIM_SEEDS=1000` takes more than in CI.

mod agent;
mod host;
mod inbox;
mod plan;
mod rules;
mod site;
#[expect(
    dead_code,
    reason = "one agent for several tests, each of which needs a part of it"
)]
#[path = "../switch_agent/mod.rs"]
mod switch_agent;
mod wire;
mod world;

use plan::{Act, What, random};
use rules::{Broken, Rule};
use site::{Site, config};

/// The seeds of this run.
fn seeds(many: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SIM_SEEDS").unwrap_or(many)).collect(),
    }
}

/// Runs a seed's plan on an agentless standby, and gives what happened: the trace, and what was broken.
fn agentless(seed: u64) -> (u64, Vec<Broken>, Site) {
    let mut site = Site::agentless(seed, &config("ge1"));
    let acts = random(seed);
    let broken = site.run(&acts, 30_000_000);
    (site.sim.trace(), broken, site)
}

/// Says everything about a seed that failed.
fn told(seed: u64, site: &Site, broken: &[Broken]) -> String {
    let mut text = format!("seed {seed}: {broken:?}\n  acts: {:?}\n", site.acts);
    text.push_str(&format!("  panics: {:?}\n", site.sim.panics()));
    text.push_str(&site.log.join("\n"));
    text
}

#[test]
fn an_agentless_standby_takes_over_once_and_alone_whatever_fails() {
    let (mut took, mut bad) = (0, Vec::new());
    let all = seeds(60);
    for seed in &all {
        let (_, broken, site) = agentless(*seed);
        took += u64::from(site.taken);
        if !broken.is_empty() || !site.sim.panics().is_empty() {
            bad.push(told(*seed, &site, &broken));
        }
        if all.len() == 1 {
            println!("{}", told(*seed, &site, &broken));
        }
    }
    println!("{took} takeovers in {} runs", all.len());
    assert!(
        bad.is_empty(),
        "{} of {}:\n{}",
        bad.len(),
        all.len(),
        bad.join("\n\n")
    );
    assert!(
        all.len() == 1 || took * 3 > all.len() as u64,
        "too few: {took}"
    );
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in seeds(3) {
        let (first, _, site) = agentless(seed);
        drop(site);
        let (second, _, _) = agentless(seed);
        assert_eq!(first, second, "seed {seed}");
    }
}

/// What the rules are worth: a switch that says that its port is shut and forwards on is seen.
#[test]
fn a_switch_that_lies_breaks_the_rules() {
    let mut site = Site::agentless(1, &config("ge1"));
    site.world.lock().unwrap().lies = true;
    let acts = [(3, false), (10, true)].map(|(at, on)| Act::at(at * 1_000_000, What::Cable(on)));
    let broken = site.run(&acts, 15_000_000);
    let rules: Vec<Rule> = broken.iter().map(|b| b.rule).collect();
    assert!(rules.contains(&Rule::Grounds), "{broken:?}");
    assert!(rules.contains(&Rule::OneOwner), "{broken:?}");
}
