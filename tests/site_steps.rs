//! Steps of the site, read from a configuration and run for real: programs that end well, badly, late, or had their
//! effect already.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use standin::config::{Config, SAMPLE, Surroundings};
use standin::host::real::{RealDisk, RealPrograms};
use standin::steps::{self, Facts, Kit, Memory, SiteStep};
use standin::takeover::event::Outcome;

/// A folder in which steps leave their traces.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        fs::write(site.path("cameras.csv"), "name,address\n").unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A program, by its full path.
    fn program(&self, name: &str, script: &str) -> String {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// The step with these keys.
    fn step(&self, keys: &str) -> Arc<dyn SiteStep> {
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

    fn kit(&self, within: Duration, undo: bool) -> Kit {
        let name = "command:a".parse().unwrap();
        Kit {
            facts: Facts {
                peer: "cctv".to_owned(),
                vip: "192.168.1.101".to_owned(),
                node: "standby-1".to_owned(),
                epoch: 7,
                step: "command:a".to_owned(),
                undo,
                time: "2026-11-28T03:00:00Z".to_owned(),
            },
            within,
            programs: Arc::new(RealPrograms),
            memory: Memory::new(Arc::new(RealDisk), self.0.path(), "cctv", name),
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

const LONG: Duration = Duration::from_secs(20);

#[track_caller]
fn done(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done(how) => how,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_gets_what_is_true_of_the_takeover_its_folder_and_its_environment() {
    let site = Site::new();
    let run = site.program("run", "{ pwd; env; } > out; echo \"said $1\"");
    let folder = site.0.path().display();
    let step = site.step(&format!(
        "kind = \"command\"\nrun = [\"{run}\", \"a b\"]\ndirectory = \"{folder}\"\nenvironment = [\"COLOUR=red and blue\"]"
    ));
    assert!(!step.undoes());
    let how = done(step.apply(&site.kit(LONG, false)).await);
    assert!(how.contains("said a b"), "{how}");
    let out = site.read("out");
    assert_eq!(
        fs::canonicalize(out.lines().next().unwrap()).unwrap(),
        fs::canonicalize(site.0.path()).unwrap()
    );
    for want in [
        "STANDIN_PEER=cctv",
        "STANDIN_VIP=192.168.1.101",
        "STANDIN_NODE=standby-1",
        "STANDIN_EPOCH=7",
        "STANDIN_STEP=command:a",
        "STANDIN_UNDO=0",
        "COLOUR=red and blue",
    ] {
        assert!(out.lines().any(|l| l == want), "no {want} in {out}");
    }
}

#[tokio::test]
async fn where_it_is_so_already_nothing_is_run_and_back_again() {
    let site = Site::new();
    let run = site.program(
        "run",
        "echo run >> $(dirname $0)/log; touch $(dirname $0)/effect",
    );
    let undo = site.program(
        "undo",
        "echo undo >> $(dirname $0)/log; rm -f $(dirname $0)/effect",
    );
    let probe = site.program("probe", "test -e $(dirname $0)/effect");
    let step = site.step(&format!(
        "kind = \"command\"\nrun = [\"{run}\"]\nundo = [\"{undo}\"]\nprobe = [\"{probe}\"]"
    ));
    assert!(step.undoes());
    done(step.apply(&site.kit(LONG, false)).await);
    let again = done(step.apply(&site.kit(LONG, false)).await);
    assert!(again.contains("so already"), "{again}");
    assert_eq!(site.read("log"), "run\n");
    done(step.undo(&site.kit(LONG, true)).await);
    let again = done(step.undo(&site.kit(LONG, true)).await);
    assert!(again.contains("so already"), "{again}");
    assert_eq!(site.read("log"), "run\nundo\n");
}

#[tokio::test]
async fn what_had_its_effect_is_done_however_it_ended_and_what_had_none_is_not() {
    let site = Site::new();
    let probe = site.program("probe", "test -e $(dirname $0)/effect");
    // The reply is lost: it did its work, and ends badly.
    let run = site.program("run", "touch $(dirname $0)/effect; echo lost >&2; exit 3");
    let keys = |run: &str| format!("kind = \"command\"\nrun = [\"{run}\"]\nprobe = [\"{probe}\"]");
    let how = done(site.step(&keys(&run)).apply(&site.kit(LONG, false)).await);
    assert!(how.contains("the probe says that it is so"), "{how}");
    fs::remove_file(site.path("effect")).unwrap();
    // It says that it has done its work, and has not.
    let lies = site.program("lies", "echo all is well");
    let begun = Instant::now();
    let why = failed(
        site.step(&keys(&lies))
            .apply(&site.kit(Duration::from_secs(1), false))
            .await,
    );
    assert!(
        why.contains("the probe does not say that it helped: all is well"),
        "{why}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
    let bad = site.program("bad", "echo no such image >&2; exit 7");
    let why = failed(site.step(&keys(&bad)).apply(&site.kit(LONG, false)).await);
    assert!(
        why.contains("exit status: 7") && why.contains("no such image"),
        "{why}"
    );
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_what_it_started() {
    let site = Site::new();
    let run = site.program("run", "sleep 300 & echo $! > $(dirname $0)/child; wait");
    let step = site.step(&format!("kind = \"command\"\nrun = [\"{run}\"]"));
    let why = failed(
        step.apply(&site.kit(Duration::from_millis(500), false))
            .await,
    );
    assert!(why.contains("was killed"), "{why}");
    let child = site.read("child");
    let gone = || {
        // A zombie is gone too: whoever is its parent by now has not looked yet.
        let status = fs::read_to_string(format!("/proc/{}/status", child.trim()));
        status.map_or(true, |s| s.contains("State:\tZ"))
    };
    let until = Instant::now() + LONG;
    while !gone() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone(), "{child} still runs");
}

#[tokio::test]
async fn a_command_runs_as_the_user_that_is_named() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP: not root");
        return;
    }
    let site = Site::new();
    let keys = |user: &str| {
        format!("kind = \"command\"\nrun = [\"/usr/bin/id\", \"-un\"]\nuser = \"{user}\"")
    };
    let how = done(
        site.step(&keys("nobody"))
            .apply(&site.kit(LONG, false))
            .await,
    );
    assert!(how.ends_with(": nobody"), "{how}");
    let why = failed(
        site.step(&keys("nosuchuser"))
            .apply(&site.kit(LONG, false))
            .await,
    );
    assert!(why.contains("nosuchuser"), "{why}");
}

#[tokio::test]
async fn check_says_what_cannot_be_run_and_runs_nothing() {
    let site = Site::new();
    let run = site.program("run", "touch $(dirname $0)/effect");
    let good = site.step(&format!("kind = \"command\"\nrun = [\"{run}\"]"));
    good.check(&site.kit(LONG, false)).await.unwrap();
    assert!(!Path::new(&site.path("effect")).exists());
    for keys in [
        "run = [\"/nonexistent/docker\"]".to_owned(),
        format!("run = [\"{run}\"]\nundo = [\"/nonexistent/docker\"]"),
        format!("run = [\"{run}\"]\nprobe = [\"/nonexistent/docker\"]"),
    ] {
        let step = site.step(&format!("kind = \"command\"\n{keys}"));
        let why = step.check(&site.kit(LONG, false)).await.unwrap_err();
        assert!(why.contains("/nonexistent/docker cannot be run"), "{why}");
    }
}

#[test]
fn what_a_step_keeps_is_there_after_a_restart_and_damage_is_nothing() {
    let site = Site::new();
    let memory = || {
        Memory::new(
            Arc::new(RealDisk),
            site.0.path(),
            "cctv",
            "unit:a".parse().unwrap(),
        )
    };
    assert_eq!(memory().recall::<bool>(), None);
    memory().keep(&true).unwrap();
    assert_eq!(memory().recall::<bool>(), Some(true));
    fs::write(site.path("steps/cctv/unit-a.json"), "tru").unwrap();
    assert_eq!(memory().recall::<bool>(), None);
    memory().forget();
    memory().forget();
    assert!(!site.path("steps/cctv/unit-a.json").exists());
}
