//! A story: a site, what happens to it and which rule that once broke, as a file that is told again in every test run.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use standin::rt::sim::Order;

use crate::plan::Act;
use crate::rules::Broken;
use crate::site::Site;

/// What is in a file of tests/sim/stories.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// What it is about.
    pub about: String,
    /// The rule that it broke, by its name.
    pub rule: String,
    /// The fault of benches/mutants/mutants.toml with which it does.
    pub planted: Option<u32>,
    /// It does so without any: why, and where that is written down. This line goes when that is mended.
    pub known: Option<String>,
    /// Two daemons, or one.
    pub pair: bool,
    /// Of the order and the latencies; nothing: first come, first served.
    pub seed: Option<u64>,
    /// Microseconds, as all times.
    pub end: u64,
    /// What happens.
    #[serde(rename = "do")]
    pub acts: Vec<Act>,
}

impl Story {
    /// Tells it; what was broken.
    pub fn told(&self) -> (Vec<Broken>, Site) {
        let order = self.seed.map_or(Order::Fifo, Order::Dice);
        let mut site = Site::in_order(order, self.pair);
        let broken = site.run(&self.acts, self.end);
        (broken, site)
    }

    /// True if it breaks its rule.
    pub fn is_red(&self) -> bool {
        let (broken, _) = self.told();
        broken.iter().any(|b| format!("{:?}", b.rule) == self.rule)
    }

    /// As it stands in its file.
    pub fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut text = format!("about = {}\nrule = {:?}\n", quoted(&self.about), self.rule);
        let planted = self.planted.map(|id| format!("planted = {id}\n"));
        let known = self
            .known
            .as_ref()
            .map(|k| format!("known = {}\n", quoted(k)));
        let seed = self.seed.map(|s| format!("seed = {s}\n"));
        text.extend(planted.into_iter().chain(known));
        text.push_str(&format!("pair = {}\n", self.pair));
        text.extend(seed);
        text.push_str(&format!("end = {}\n", parted(self.end)));
        for act in &self.acts {
            let what = toml::Value::try_from(act.what).expect("it can be written");
            let at = parted(act.at);
            text.push_str(&format!("\n[[do]]\nat = {at}\nwhat = {what}\n"));
        }
        text
    }
}

/// A number of microseconds, in groups of three digits.
fn parted(us: u64) -> String {
    let digits = us.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join("_")
}

fn read(path: &Path) -> Story {
    let text = fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/stories");
    let all = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = all
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    all.sort();
    all
}

/// `SIM_STORY=FILE` tells one and prints which rules it breaks, for `scripts/bench mutants`.
#[test]
fn every_story_holds() {
    if let Some(path) = std::env::var_os("SIM_STORY") {
        let (broken, site) = read(Path::new(&path)).told();
        let rules: Vec<String> = broken.iter().map(|b| format!("{:?}", b.rule)).collect();
        println!(
            "SIM {}",
            serde_json::json!({ "rules": rules, "log": site.log })
        );
        return;
    }
    let mut wrong = Vec::new();
    for path in files() {
        let story = read(&path);
        let (broken, site) = story.told();
        let rules: Vec<String> = broken.iter().map(|b| format!("{:?}", b.rule)).collect();
        let fine = match &story.known {
            None => rules.is_empty(),
            // When it is mended this test says so, and the line goes.
            Some(_) => rules == [story.rule.clone()],
        };
        if !fine {
            let told = crate::told(story.seed.unwrap_or_default(), &site, &broken);
            let known = story.known.as_deref().unwrap_or("nothing");
            wrong.push(format!(
                "{} (known: {known}): {rules:?}\n{told}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
