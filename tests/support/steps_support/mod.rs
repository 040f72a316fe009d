//! A step of the site as it is read from a configuration, and what one try of it works with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use standin::config::{Config, SAMPLE, Surroundings};
use standin::host::real::{RealDisk, RealPrograms};
use standin::steps::{self, Facts, Kit, Memory, SiteStep};
use standin::takeover::event::Outcome;

/// The address that moves in these tests.
pub const VIP: &str = "10.0.0.5";

/// A folder with a configuration, in which steps leave their traces.
pub struct Site(tempfile::TempDir);

impl Site {
    pub fn new() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        fs::write(site.path("cameras.csv"), "name,address\n").unwrap();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The step `a` with these keys.
    pub fn step(&self, keys: &str) -> Arc<dyn SiteStep> {
        let text = format!("{SAMPLE}\n[[peer.cctv.step]]\nname = \"a\"\n{keys}\n");
        let around = Surroundings {
            steps: steps::READER,
            ..Surroundings::default()
        };
        let read = Config::from_text(&self.path("standin.toml"), &text, &around);
        let config = read.unwrap_or_else(|e| panic!("{}", e.render(false))).0;
        let peer = &config.peers["cctv"];
        let steps = steps::of_peer(peer, &config.origin).unwrap();
        steps.into_values().next().unwrap()
    }

    /// What a try of the step of this kind works with.
    pub fn kit(&self, kind: &str, within: Duration, undo: bool) -> Kit {
        let name = format!("{kind}:a");
        Kit {
            facts: Facts {
                peer: "slave".to_owned(),
                vip: VIP.to_owned(),
                node: "spare".to_owned(),
                epoch: 7,
                step: name.clone(),
                undo,
                time: "2026-11-28T03:00:00Z".to_owned(),
            },
            within,
            programs: Arc::new(RealPrograms),
            memory: Memory::new(
                Arc::new(RealDisk),
                self.0.path(),
                "slave",
                name.parse().unwrap(),
            ),
        }
    }
}

#[track_caller]
pub fn done(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done(how) => how,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}
