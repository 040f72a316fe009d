//! Steps of the site, read from a configuration and run for real: programs that end well, badly, late, or had their
//! effect already.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::steps_support::{Site, done, failed};
use standin::host::real::RealDisk;
use standin::steps::{Kit, Memory};

/// A program, by its full path.
fn program(site: &Site, name: &str, script: &str) -> String {
    site.file(name, &format!("#!/bin/sh\n{script}\n"), 0o755);
    site.path(name).display().to_string()
}

fn text(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path(name)).unwrap_or_default()
}

fn kit(site: &Site, within: Duration, undo: bool) -> Kit {
    site.kit("command", within, undo)
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_command_gets_what_is_true_of_the_takeover_its_folder_and_its_environment() {
    let site = Site::new();
    let run = program(&site, "run", "{ pwd; env; } > out; echo \"said $1\"");
    let folder = site.path("").display().to_string();
    let step = site.step(&format!(
        "kind = \"command\"\nrun = [\"{run}\", \"a b\"]\ndirectory = \"{folder}\"\nenvironment = [\"COLOUR=red and blue\"]"
    ));
    assert!(!step.undoes());
    let how = done(step.apply(&kit(&site, LONG, false)).await);
    assert!(how.contains("said a b"), "{how}");
    let out = text(&site, "out");
    assert_eq!(
        fs::canonicalize(out.lines().next().unwrap()).unwrap(),
        fs::canonicalize(site.path("")).unwrap()
    );
    for want in [
        "STANDIN_PEER=slave",
        "STANDIN_VIP=10.0.0.5",
        "STANDIN_NODE=spare",
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
    let run = program(
        &site,
        "run",
        "echo run >> $(dirname $0)/log; touch $(dirname $0)/effect",
    );
    let undo = program(
        &site,
        "undo",
        "echo undo >> $(dirname $0)/log; rm -f $(dirname $0)/effect",
    );
    let probe = program(&site, "probe", "test -e $(dirname $0)/effect");
    let step = site.step(&format!(
        "kind = \"command\"\nrun = [\"{run}\"]\nundo = [\"{undo}\"]\nprobe = [\"{probe}\"]"
    ));
    assert!(step.undoes());
    done(step.apply(&kit(&site, LONG, false)).await);
    let again = done(step.apply(&kit(&site, LONG, false)).await);
    assert!(again.contains("so already"), "{again}");
    assert_eq!(text(&site, "log"), "run\n");
    done(step.undo(&kit(&site, LONG, true)).await);
    let again = done(step.undo(&kit(&site, LONG, true)).await);
    assert!(again.contains("so already"), "{again}");
    assert_eq!(text(&site, "log"), "run\nundo\n");
}

#[tokio::test]
async fn what_had_its_effect_is_done_however_it_ended_and_what_had_none_is_not() {
    let site = Site::new();
    let probe = program(&site, "probe", "test -e $(dirname $0)/effect");
    // The reply is lost: it did its work, and ends badly.
    let run = program(
        &site,
        "run",
        "touch $(dirname $0)/effect; echo lost >&2; exit 3",
    );
    let keys = |run: &str| format!("kind = \"command\"\nrun = [\"{run}\"]\nprobe = [\"{probe}\"]");
    let how = done(site.step(&keys(&run)).apply(&kit(&site, LONG, false)).await);
    assert!(how.contains("the probe says that it is so"), "{how}");
    fs::remove_file(site.path("effect")).unwrap();
    // It says that it has done its work, and has not.
    let lies = program(&site, "lies", "echo all is well");
    let begun = Instant::now();
    let why = failed(
        site.step(&keys(&lies))
            .apply(&kit(&site, Duration::from_secs(1), false))
            .await,
    );
    assert!(
        why.contains("the probe does not say that it helped: all is well"),
        "{why}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
    let bad = program(&site, "bad", "echo no such image >&2; exit 7");
    let why = failed(site.step(&keys(&bad)).apply(&kit(&site, LONG, false)).await);
    assert!(
        why.contains("exit status: 7") && why.contains("no such image"),
        "{why}"
    );
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_what_it_started() {
    let site = Site::new();
    let run = program(
        &site,
        "run",
        "sleep 300 & echo $! > $(dirname $0)/child; wait",
    );
    let step = site.step(&format!("kind = \"command\"\nrun = [\"{run}\"]"));
    let why = failed(
        step.apply(&kit(&site, Duration::from_millis(500), false))
            .await,
    );
    assert!(why.contains("was killed"), "{why}");
    let child = text(&site, "child");
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
            .apply(&kit(&site, LONG, false))
            .await,
    );
    assert!(how.ends_with(": nobody"), "{how}");
    let why = failed(
        site.step(&keys("nosuchuser"))
            .apply(&kit(&site, LONG, false))
            .await,
    );
    assert!(why.contains("nosuchuser"), "{why}");
}

#[tokio::test]
async fn check_says_what_cannot_be_run_and_runs_nothing() {
    let site = Site::new();
    let run = program(&site, "run", "touch $(dirname $0)/effect");
    let good = site.step(&format!("kind = \"command\"\nrun = [\"{run}\"]"));
    good.check(&kit(&site, LONG, false)).await.unwrap();
    assert!(!Path::new(&site.path("effect")).exists());
    for keys in [
        "run = [\"/nonexistent/docker\"]".to_owned(),
        format!("run = [\"{run}\"]\nundo = [\"/nonexistent/docker\"]"),
        format!("run = [\"{run}\"]\nprobe = [\"/nonexistent/docker\"]"),
    ] {
        let step = site.step(&format!("kind = \"command\"\n{keys}"));
        let why = step.check(&kit(&site, LONG, false)).await.unwrap_err();
        assert!(why.contains("/nonexistent/docker cannot be run"), "{why}");
    }
}

#[test]
fn what_a_step_keeps_is_there_after_a_restart_and_damage_is_nothing() {
    let site = Site::new();
    let memory = || {
        Memory::new(
            Arc::new(RealDisk),
            &site.path(""),
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
