//! Of a red seed, what of it is needed: acts are left out for as long as the same rule is broken, then times are rounded
//! and shortened.

use crate::fresh::number;
use crate::plan::{Act, What};
use crate::story::Story;
use crate::world::Lie;

/// A run is told again at most so often.
const MOST: u32 = 500;

struct Search {
    story: Story,
    told: u32,
}

impl Search {
    /// Keeps it if it is red.
    fn try_this(&mut self, change: impl FnOnce(&mut Story)) -> bool {
        let mut next = self.story.clone();
        change(&mut next);
        if self.told >= MOST {
            return false;
        }
        self.told += 1;
        let red = next.is_red();
        if red {
            self.story = next;
        }
        red
    }

    /// Leaves out parts of the list, by halves first and one by one at last.
    fn leave_out(&mut self) {
        let mut part = self.story.acts.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            let before = self.story.acts.len();
            while at < self.story.acts.len() {
                let end = (at + part).min(self.story.acts.len());
                if !self.try_this(|s| drop(s.acts.drain(at..end))) {
                    at = end;
                }
            }
            if part == 1 && self.story.acts.len() == before {
                return;
            }
            part = part.div_ceil(2);
        }
    }

    /// Brings what follows act `n` nearer to what is before it.
    fn bring_near(&mut self, n: usize) {
        let before = if n == 0 { 0 } else { self.story.acts[n - 1].at };
        let gap = self.story.acts[n].at - before;
        for less in [gap, gap / 2, gap / 4] {
            let nearer = |s: &mut Story| {
                s.acts[n..].iter_mut().for_each(|a| a.at -= less);
                s.end -= less;
            };
            if less >= 100_000 && self.try_this(nearer) {
                return;
            }
        }
    }

    fn round(&mut self, n: usize) {
        for to in [1_000_000, 500_000, 100_000] {
            let at = self.story.acts[n].at;
            let round = (at + to / 2) / to * to;
            if at == round || self.try_this(|s| s.acts[n].at = round) {
                return;
            }
        }
    }

    fn shorten_the_end(&mut self) {
        let (broken, site) = self.story.told();
        let begin = site.sim.now() - self.story.end;
        let red = broken
            .iter()
            .find(|b| format!("{:?}", b.rule) == self.story.rule);
        drop(site);
        if let Some(red) = red {
            let end = (red.at - begin).div_ceil(500_000) * 500_000;
            self.try_this(|s| s.end = end.min(s.end));
        }
    }
}

/// What of the story is needed for its rule to be broken. It has to be red.
pub fn minimised(story: Story) -> (Story, u32) {
    let mut search = Search { story, told: 0 };
    search.try_this(|s| s.seed = None);
    search.shorten_the_end();
    search.leave_out();
    for n in 0..search.story.acts.len() {
        search.bring_near(n);
    }
    for n in 0..search.story.acts.len() {
        search.round(n);
    }
    search.story.acts.sort_by_key(|a| a.at);
    search.leave_out();
    search.shorten_the_end();
    (search.story, search.told)
}

/// The plan of a seed, as a story that breaks the first rule that it breaks; `None`: it holds.
fn of_seed(seed: u64, pair: bool) -> Option<Story> {
    let run = if pair { crate::pair } else { crate::agentless };
    let (_, broken, site) = run(seed);
    let rule = broken.first()?.rule;
    let end = site.sim.now() - 3_600_000_000;
    Some(Story {
        about: format!("seed {seed}"),
        rule: format!("{rule:?}"),
        planted: None,
        known: None,
        pair,
        seed: Some(seed),
        end,
        acts: site.acts.clone(),
    })
}

/// `SIM_MINIMISE=SEED` makes a story of a red seed and prints it, for `scripts/bench sim --minimise`. Without it: the one fault
/// among others that breaks a rule is found, and what is left breaks it again.
#[test]
fn what_is_left_of_a_red_run_is_what_makes_it_red() {
    if let Ok(seed) = std::env::var("SIM_MINIMISE") {
        let seed = seed.parse().expect("SIM_MINIMISE is a number");
        let pair = number("SIM_PAIR", crate::fresh::has_a_pair(seed).into()) == 1;
        let Some(mut story) = of_seed(seed, pair) else {
            println!("SIM {}", serde_json::json!({ "green": seed }));
            return;
        };
        let before = story.acts.len();
        story.planted = Some(number("STANDIN_PLANTED", 0) as u32).filter(|id| *id > 0);
        let (story, told) = minimised(story);
        let line = serde_json::json!({
            "story": story.text(), "rule": story.rule, "before": before, "after": story.acts.len(), "told": told,
        });
        println!("SIM {line}");
        return;
    }
    let act = |ms: u64, what| Act::at(ms * 1000, what);
    let acts = vec![
        act(0, What::Loss(20)),
        act(1130, What::Lies(Lie::Unserved)),
        act(1720, What::SlowSwitch(20_000)),
        act(2210, What::Cable(0, false)),
        act(3140, What::SlowSwitch(0)),
        act(9470, What::FlushRules(1)),
    ];
    let story = Story {
        about: String::new(),
        rule: "Verdict".to_owned(),
        planted: None,
        known: None,
        pair: false,
        seed: Some(1),
        end: 14_000_000,
        acts,
    };
    assert!(story.is_red());
    let (left, _) = minimised(story);
    let whats: Vec<What> = left.acts.iter().map(|a| a.what).collect();
    let needed = [What::Lies(Lie::Unserved), What::Cable(0, false)];
    assert_eq!(whats, needed, "{left:?}");
    let again: Story = toml::from_str(&left.text()).expect("what was written can be read");
    assert!(again.is_red(), "{}", left.text());
}
