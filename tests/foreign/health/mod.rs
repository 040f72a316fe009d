//! Health checks as they are read from a configuration: every kind against servers that are well and against every fault of
//! theirs, how soon a fall is noticed, and what a takeover is told.

mod faults;
mod real;
mod redirect;
mod refused;
mod servers;
mod timing;
mod tls;
mod unit;
mod way_c;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use standin::config::{Config, ConfigErrors, SAMPLE, Surroundings};
use standin::health::{self, HealthCheck, Kit, Looked};
use standin::host::Programs;
use standin::host::real::{RealDisk, RealPrograms, RealWire};
use standin::steps::{self, Facts, Memory};

/// A folder with a configuration.
#[derive(Debug)]
pub struct Site(tempfile::TempDir);

impl Default for Site {
    fn default() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        fs::write(site.path("cameras.csv"), "name,address\n").unwrap();
        site
    }
}

impl Site {
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A configuration with these checks, as it is read.
    pub fn read(&self, checks: &str) -> Result<Config, ConfigErrors> {
        let around = Surroundings {
            health: health::READER,
            steps: steps::READER,
            ..Surroundings::default()
        };
        let text = format!("{SAMPLE}\n{checks}");
        Config::from_text(&self.path("standin.toml"), &text, &around).map(|(config, _)| config)
    }

    /// The check `a` with these keys.
    pub fn check(&self, kind: &str, keys: &str) -> Arc<dyn HealthCheck> {
        let table = format!(
            "[[peer.cctv.health]]\nkind = \"{kind}\"\nname = \"a\"\non = \"here\"\n{keys}\n"
        );
        let config = self
            .read(&table)
            .unwrap_or_else(|e| panic!("{}", e.render(false)));
        let health = &config.peers["cctv"].health[0];
        health::check_of(health, &config.origin).unwrap()
    }

    pub fn kit_with(&self, within: Duration, programs: Arc<dyn Programs>) -> Kit {
        Kit {
            within,
            programs: programs.clone(),
            wire: Arc::new(RealWire),
            of_step: steps::Kit {
                facts: Facts {
                    peer: "cctv".to_owned(),
                    vip: "192.168.1.101".to_owned(),
                    node: "standby".to_owned(),
                    epoch: 0,
                    step: "health:a".to_owned(),
                    undo: false,
                    time: String::new(),
                },
                within,
                programs,
                memory: Memory::new(
                    Arc::new(RealDisk),
                    self.0.path(),
                    "cctv",
                    "health:a".parse().unwrap(),
                ),
            },
        }
    }

    pub fn kit(&self, within: Duration) -> Kit {
        self.kit_with(within, Arc::new(RealPrograms))
    }

    /// One look of the check with these keys, and how long it took.
    pub async fn look(&self, kind: &str, keys: &str, within: Duration) -> (Looked, Duration) {
        let check = self.check(kind, keys);
        let begun = Instant::now();
        let looked = health::look(check, &self.kit(within), within).await;
        (looked, begun.elapsed())
    }
}

/// What is expected of a look: good, bad, or not asked, with words in what it says.
#[derive(Clone, Copy, Debug)]
pub enum Is {
    Good(&'static str),
    Bad(&'static str),
    NotAsked(&'static str),
}

#[track_caller]
pub fn is(looked: &Looked, expected: Is, case: &str) {
    let (fits, words) = match (looked, expected) {
        (Looked::Good(said), Is::Good(words)) => (said.contains(words), words),
        (Looked::Bad(said), Is::Bad(words)) => (said.contains(words), words),
        (Looked::NotAsked(said), Is::NotAsked(words)) => (said.contains(words), words),
        (_, Is::Good(words) | Is::Bad(words) | Is::NotAsked(words)) => (false, words),
    };
    println!("| {case} | {looked:?} |");
    assert!(fits, "{case}: {looked:?}, and not {expected:?} ({words})");
}
