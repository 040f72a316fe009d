//! The shipped daemon on virtual time: two machines, one switch, one thread.
//!
//! A seed decides what fails when, and the order and latency of everything. A failure prints the seed;
//! `SIM_SEED=7 cargo nextest run --test sim NAME` tells that one again, and `SIM_SEEDS=1000` takes more than in CI.

mod agent;
mod beliefs;
mod bounds;
mod camera;
mod disk;
mod fresh;
mod history;
mod host;
mod inbox;
mod judge;
mod lan;
mod machine;
mod minimise;
mod plan;
mod play;
mod rules;
mod site;
mod start;
mod story;
mod suffer;
#[expect(
    dead_code,
    reason = "one agent for several tests, each of which needs a part of it"
)]
#[path = "../support/switch_agent/mod.rs"]
mod switch_agent;
#[expect(dead_code, reason = "each layer needs a part of it")]
#[path = "../support/verify_support/mod.rs"]
mod verify_support;
mod wire;
mod world;

use disk::Fault;
use plan::{Act, Edit, KINDS, Order, What, of_a_pair, of_a_standby};
use rules::{Broken, DARK, Ledger, Rule};
use site::Site;
use world::Lie;

/// Makes a site of a seed.
type SiteOf = fn(u64) -> Site;

/// The seeds of this run.
fn seeds(many: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SIM_SEEDS").unwrap_or(many)).collect(),
    }
}

/// When a run may be judged at its end: after `least`, and when a daemon that the last act has ended was there again for as
/// long as it may take to tell.
fn end_of(acts: &[Act], least: u64) -> u64 {
    let last = acts.iter().map(|a| a.at).max().unwrap_or_default();
    least.max(last + 2_000_000 + DARK)
}

/// Runs a seed's plan on an agentless standby, and gives what happened: the trace, and what was broken.
fn agentless(seed: u64) -> (u64, Vec<Broken>, Site) {
    let mut site = Site::agentless(seed);
    let acts = of_a_standby(seed);
    let broken = site.run(&acts, end_of(&acts, 40_000_000));
    (site.sim.trace(), broken, site)
}

/// Says everything about a seed that failed.
fn told(seed: u64, site: &Site, broken: &[Broken]) -> String {
    let mut text = format!("seed {seed}: {broken:?}\n  acts: {:?}\n", site.acts);
    text.push_str(&format!("  panics: {:?}\n", site.sim.panics()));
    text.push_str(&site.log.join("\n"));
    text
}

/// The same with two daemons that watch each other.
fn pair(seed: u64) -> (u64, Vec<Broken>, Site) {
    let mut site = Site::pair(seed);
    let acts = of_a_pair(seed);
    let broken = site.run(&acts, end_of(&acts, 60_000_000));
    (site.sim.trace(), broken, site)
}

/// Tells these seeds and asserts that nothing was broken; how often the one owner changed, and that was verified.
fn all_hold(all: &[u64], run: fn(u64) -> (u64, Vec<Broken>, Site)) -> (u64, u64) {
    let (mut took, mut verified, mut bad) = (0, 0, Vec::new());
    let mut ledger = Ledger::default();
    for seed in all {
        let (_, broken, site) = run(*seed);
        took += site.changes;
        verified += site.verified;
        ledger.add(&site.ledger);
        if !broken.is_empty() || !site.sim.panics().is_empty() {
            bad.push(told(*seed, &site, &broken));
        }
        if all.len() == 1 {
            println!("{}", told(*seed, &site, &broken));
        }
    }
    println!(
        "{took} changes of the owner in {} runs, {verified} of them verified",
        all.len()
    );
    println!("armed: {:?}\nstruck: {:?}", ledger.armed, ledger.struck);
    let idle = Rule::ALL.iter().find(|r| !ledger.armed.contains_key(r));
    assert!(
        all.len() < 30 || idle.is_none(),
        "{idle:?} was never put to the test"
    );
    let (bad, many) = (bad.join("\n\n"), bad.len());
    assert!(bad.is_empty(), "{many} of {}:\n{bad}", all.len());
    (took, verified)
}

#[test]
fn an_agentless_standby_takes_over_once_and_alone_whatever_fails() {
    let all = seeds(2 * KINDS);
    let (took, verified) = all_hold(&all, agentless);
    assert!(all.len() == 1 || took * 3 > all.len() as u64, "{took}");
    assert!(all.len() == 1 || verified * 3 > took, "{verified}");
}

#[test]
fn a_pair_has_one_owner_whatever_fails() {
    let all = seeds(KINDS);
    let (took, verified) = all_hold(&all, pair);
    assert!(all.len() == 1 || took * 4 > all.len() as u64, "{took}");
    assert!(all.len() == 1 || verified * 3 > took, "{verified}");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for run in [agentless, pair] {
        for seed in seeds(2) {
            let (first, _, site) = run(seed);
            drop(site);
            let (second, _, _) = run(seed);
            assert_eq!(first, second, "seed {seed}");
        }
    }
}

/// What the rules are worth: each of these breaks its word in one thing, and the rule that is about it says so.
#[test]
fn whatever_breaks_its_word_breaks_a_rule() {
    let dies = Act::at(3_000_000, What::Cable(0, false));
    let act = |seconds: u64, what| Act::at(seconds * 1_000_000, what);
    let hold = What::Order(1, Order::Hold(true));
    for (lie, acts, rules) in [
        (Lie::GateStays, vec![dies], vec![Rule::NothingLeft]),
        (
            Lie::LinkStays,
            vec![act(3, What::Cable(1, false))],
            vec![Rule::Belief],
        ),
        (
            Lie::NotDurable,
            vec![
                act(3, hold),
                act(6, What::Off(1, false)),
                act(8, What::On(1)),
            ],
            vec![Rule::Durable],
        ),
        (Lie::Unheard, vec![dies], vec![Rule::Caches]),
        (Lie::Unserved, vec![dies], vec![Rule::Verdict]),
        (
            Lie::GoesAlong,
            vec![dies, act(20, What::Kill(1))],
            vec![Rule::Restart],
        ),
        (Lie::OtherPort, vec![dies], vec![Rule::ForeignPorts]),
        (Lie::NoAnswers, vec![act(3, hold)], vec![Rule::Orders]),
        (Lie::DeafStandby, vec![], vec![Rule::TheLiving]),
    ] {
        let mut site = Site::agentless(1);
        // An owner has to be well for a while before it is not to be touched.
        let from = if lie == Lie::DeafStandby { 15 } else { 0 };
        let mut all = vec![act(from, What::Lies(lie))];
        all.extend(acts);
        let broken = site.run(&all, 30_000_000);
        let found: Vec<Rule> = broken.iter().map(|b| b.rule).collect();
        let all = rules.iter().all(|r| found.contains(r));
        assert!(all, "{lie:?}: {}", told(1, &site, &broken));
    }
    // A switch that says that its port is shut and forwards on.
    let mut site = Site::agentless(1);
    site.world.lock().unwrap().lies = true;
    let broken = site.run(&[dies, act(10, What::Cable(0, true))], 30_000_000);
    let rules: Vec<Rule> = broken.iter().map(|b| b.rule).collect();
    assert!(rules.contains(&Rule::Grounds), "{broken:?}");
    assert!(rules.contains(&Rule::OneOwner), "{broken:?}");
}

/// The standby is killed at each seventh moment of a takeover at which anything happened (`SIM_KILLS=1`: at each), and
/// started again: it finishes what it began, and leaves nothing behind.
#[test]
fn a_takeover_survives_a_kill_at_any_moment() {
    const DEATH: u64 = 4_000_000;
    let dies = Act::at(DEATH, What::Off(0, false));
    let mut whole = Site::agentless(11);
    assert_eq!(whole.run(&[dies], 8_000_000), []);
    let mut moments = std::mem::take(&mut whole.steps);
    drop(whole);
    moments.retain(|at| (DEATH..DEATH + 2_500_000).contains(at));
    moments.dedup();
    let nth = std::env::var("SIM_KILLS").ok().and_then(|n| n.parse().ok());
    let mut killed = 0;
    for at in moments.into_iter().step_by(nth.unwrap_or(7)) {
        let mut site = Site::agentless(11);
        let acts = [dies, Act::at(at, What::Kill(1))];
        let broken = site.run(&acts, 16_000_000);
        let mut world = site.world.lock().unwrap();
        let owns = world.heard(1, world::VIP.addr);
        let left = world.machines[1].tables.clone();
        drop(world);
        let fine = broken.is_empty() && owns && left.is_empty();
        assert!(
            fine,
            "killed at {at}: owner {owns}, left {left:?}, {}",
            told(11, &site, &broken)
        );
        killed += 1;
    }
    println!("{killed} moments");
    assert!(killed > 20, "{killed}");
}

/// The disk takes nothing for a while around a takeover, and the daemon is ended, killed or left alone meanwhile: the
/// journal says what it lacks, what is recorded begins anew behind that, and whoever reads it decides as the daemon did.
#[test]
fn a_journal_with_a_gap_is_told_and_played_from_behind_it() {
    const DEATH: u64 = 4_000_000;
    let (mut gaps, mut runs) = (0, 0);
    for fault in [Fault::Full, Fault::ReadOnly, Fault::Broken] {
        for (from, to) in [(1, 11), (3, 5), (4, 7), (5, 6), (5, 14)] {
            for ends in [What::Rest, What::Term(1), What::Kill(1)] {
                let mut site = Site::agentless(11);
                let mut acts = [
                    Act::at(DEATH, What::Off(0, false)),
                    Act::at(from * 1_000_000 + 100_000, What::Disk(1, fault)),
                    Act::at(5_200_000, ends),
                    Act::at(to * 1_000_000 + 300_000, What::Disk(1, Fault::None)),
                ];
                acts.sort_by_key(|a| a.at);
                let broken = site.run(&acts, 24_000_000);
                let owns = site.world.lock().unwrap().heard(1, world::VIP.addr);
                let fine = broken.is_empty() && site.sim.panics().is_empty() && owns;
                assert!(fine, "owner {owns}: {}", told(11, &site, &broken));
                gaps += site.gaps;
                runs += 1;
            }
        }
    }
    println!("{gaps} gaps in {runs} runs");
    assert!(gaps * 2 > runs, "{gaps} gaps in {runs} runs");
}

/// Finding 2 of simulation.md: the configuration names a port on which nobody is, and the owner hangs and goes on. The
/// standby must not believe in that fence, and a person is told, before or while nobody is heard.
#[test]
fn a_fence_that_names_another_port_is_not_believed_in() {
    let all = seeds(6);
    for &seed in &all {
        let mut site = Site::agentless(seed);
        site.variants[1].port = Some("ge3");
        let begins = 2_000_000 + seed * 2_000_000;
        let acts = [(begins, true), (begins + 20_000_000, false)];
        let acts = acts.map(|(at, on)| Act::at(at, What::Freeze(0, on)));
        let broken = site.run(&acts, begins + 30_000_000);
        if all.len() == 1 {
            println!("{}", told(seed, &site, &broken));
        }
        let at_last = site.log.last().expect("it said something");
        let fine = broken.is_empty() && site.changes == 0 && at_last.contains("misplaced");
        assert!(fine, "{}", told(seed, &site, &broken));
    }
}

/// SIGHUP with another file, in the simulation as on a machine: what is valid is in force, what is not is told and changes
/// nothing, and the takeover that follows goes by the file that is in force.
#[test]
fn a_file_that_is_read_again_is_in_force_or_told() {
    for (edit, told, takes) in [
        (Edit::None, "", true),
        (Edit::Times, "", true),
        (Edit::NoSwitch, "reload", true),
        (Edit::OtherPort, "misplaced", false),
    ] {
        let mut site = Site::agentless(5);
        let acts = [
            Act::at(8_000_000, What::Reload(1, edit)),
            Act::at(32_000_000, What::Off(0, false)),
        ];
        let broken = site.run(&acts, 50_000_000);
        let fine = broken.is_empty() && (site.changes == 1) == takes;
        let said = site.log.iter().any(|l| l.contains(told));
        assert!(fine && said, "{edit:?}: {}", self::told(5, &site, &broken));
    }
}

/// The same, and the machine says nothing there: the switch's tables have it, which are looked at once a minute. What a
/// heartbeat tells of a pair is another matter, and neither ends the other.
#[test]
fn a_fenced_machine_that_is_plugged_in_elsewhere_and_is_silent_is_told() {
    let sites: [SiteOf; 2] = [Site::agentless, Site::pair];
    for of in sites {
        let mut site = of(5);
        let acts = [
            Act::at(5_000_000, What::Cable(0, false)),
            Act::at(12_000_000, What::Hides(0, true)),
            Act::at(120_000_000, What::Cable(0, false)),
        ];
        let broken = site.run(&acts, 220_000_000);
        let told_of = |l: &&String| l.contains("past-the-fence");
        let first = site.log.iter().position(|l| told_of(&l));
        let plain = |l: &String| l.contains("past-the-fence") && l.contains("\"fence\":\"proven\"");
        let last = site.log.iter().rfind(|l| l.contains(" s b \"")).unwrap();
        let fine = broken.is_empty() && first.is_some() && !told_of(&last);
        assert!(fine, "{}", told(5, &site, &broken));
        assert!(!site.log.iter().any(plain), "plain `proven` beside it");
    }
}

/// A person plugs the fenced machine into a port that no fence names. Nothing of ours may shut that one; it is told, within
/// seconds, whether the machine answers for the address (agentless) or gave it up (a pair).
#[test]
fn a_fenced_machine_that_is_plugged_in_elsewhere_is_told() {
    let sites: [(SiteOf, &str); 2] = [
        (Site::agentless, "conflict"),
        (Site::pair, "past-the-fence"),
    ];
    for (of, key) in sites {
        let mut site = of(5);
        let acts = [
            Act::at(5_000_000, What::Cable(0, false)),
            Act::at(10_000_000, What::Plug(0, 3)),
            Act::at(10_000_000, What::Cable(0, true)),
            Act::at(20_000_000, What::Cable(0, false)),
        ];
        let broken = site.run(&acts, 40_000_000);
        let told_of = |l: &String| l.contains(key);
        let said = site.log.iter().any(told_of);
        let last = site.log.iter().rfind(|l| l.contains(" s b \"")).unwrap();
        let fine = broken.is_empty() && said && !told_of(last);
        assert!(fine, "{}", told(5, &site, &broken));
    }
}
