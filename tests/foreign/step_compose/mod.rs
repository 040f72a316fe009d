//! `kind = "compose"` with a real docker daemon, and with both of compose's kinds of program.
//!
//! It is not installed: they are skipped, and say so; with REQUIRE_LAB=1 they fail. The plugin (version 2 of compose) is
//! not in Debian 12: without it the program of version 1 is tried alone.

pub mod docker;
mod faults;
mod words;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::steps_support::{Site, done};
use docker::{Docker, docker};
use standin::steps::{Kit, SiteStep};

const SLEEPS: &str = "command: [sleep, '1000']";
const HEALTHY: &str =
    "command: [sleep, '1000'], healthcheck: {test: [CMD, 'true'], interval: 300ms, retries: 1}";

/// As the key `program` has it: that of version 2 where it is installed, that of version 1.
fn programs_of_compose() -> Vec<&'static str> {
    let plugin = Command::new("/usr/bin/docker")
        .args(["compose", "version"])
        .output();
    let mut all = vec![r#"["/usr/bin/docker-compose"]"#];
    match plugin.is_ok_and(|o| o.status.success()) {
        true => all.insert(0, r#"["/usr/bin/docker", "compose"]"#),
        false => println!("SKIPPED: docker has no plugin compose; version 1 is tried alone"),
    }
    all
}

fn step(site: &Site, docker: &Docker, folder: &Path, keys: &str) -> Arc<dyn SiteStep> {
    site.step(&format!(
        "kind = \"compose\"\ndirectory = \"{}\"\nenvironment = [{}]\n{keys}",
        folder.display(),
        docker.environment()
    ))
}

fn kit(site: &Site, undo: bool) -> Kit {
    site.kit("compose", Duration::from_secs(30), undo)
}

#[tokio::test]
async fn a_project_is_brought_up_read_back_and_stopped_also_after_a_restart() {
    let Some(docker) = docker() else { return };
    let job = "job: command: ['true']";
    let (web, db) = (format!("web: {SLEEPS}"), format!("db: {HEALTHY}"));
    let folder = docker.project("cctv", &[&web, &db, job]);
    for program in programs_of_compose() {
        let site = Site::new();
        let keys = format!("program = {program}\noneshot = [\"job\"]");
        let new = || step(&site, &docker, &folder, &keys);
        let look = new().check(&kit(&site, false)).await.unwrap();
        assert!(look.said.contains("web has no container"), "{look:?}");
        assert!(docker.running().is_empty(), "a look has started something");
        let how = done(new().apply(&kit(&site, false)).await);
        println!("{program}: {how}");
        for words in ["web runs", "db is healthy", "job is done"] {
            assert!(how.contains(words), "{how}");
        }
        assert_eq!(docker.running(), ["db", "web"]);
        // Another daemon tries again.
        let again = done(new().apply(&kit(&site, false)).await);
        assert!(again.contains("so already"), "{again}");
        let how = done(new().undo(&kit(&site, true)).await);
        println!("{program}: {how}");
        assert!(how.contains("stopped"), "{how}");
        assert!(docker.running().is_empty(), "{:?}", docker.running());
        let again = done(new().undo(&kit(&site, true)).await);
        assert!(again.contains("nothing of it was started by us"), "{again}");
        docker.clear();
    }
}

#[tokio::test]
async fn what_ran_before_is_left_running_and_down_removes_what_is_ours() {
    let Some(docker) = docker() else { return };
    let (web, db) = (format!("web: {SLEEPS}"), format!("db: {SLEEPS}"));
    let folder = docker.project("cctv", &[&web, &db]);
    let site = Site::new();
    // One of two runs already: the other is ours.
    let one = step(
        &site,
        &docker,
        &folder,
        "services = [\"web\"]\nundo = \"leave\"",
    );
    assert!(!one.undoes());
    done(one.apply(&kit(&site, false)).await);
    assert_eq!(docker.running(), ["web"]);
    let both = step(&site, &docker, &folder, "");
    done(both.apply(&kit(&site, false)).await);
    assert_eq!(docker.running(), ["db", "web"]);
    let how = done(both.undo(&kit(&site, true)).await);
    assert!(
        how.contains("db stopped") && how.contains("web ran before"),
        "{how}"
    );
    assert_eq!(docker.running(), ["web"]);
    docker.clear();
    // All of it is ours, and goes.
    let down = step(
        &site,
        &docker,
        &folder,
        "undo = \"down\"\nproject = \"other\"",
    );
    done(down.apply(&kit(&site, false)).await);
    let how = done(down.undo(&kit(&site, true)).await);
    assert!(how.contains("down"), "{how}");
    let left = docker.run(&["ps", "-aq"]).stdout;
    assert!(left.is_empty(), "{}", String::from_utf8_lossy(&left));
    // A try that never came so far that something was started takes nothing back that ran before.
    done(one.apply(&kit(&site, false)).await);
    let how = done(down.undo(&kit(&site, true)).await);
    assert!(how.contains("nothing of it was started by us"), "{how}");
    assert_eq!(docker.running(), ["web"]);
}

#[test]
fn plan_says_the_command_and_the_way_back() {
    let site = Site::new();
    let step = site.step(
        "kind = \"compose\"\ndirectory = \"/srv/cctv\"\nfiles = [\"a.yml\"]\nproject = \"cctv\"\nundo = \"down\"\noneshot = [\"job\"]",
    );
    let plan = step.plan(&kit(&site, false).facts);
    assert!(plan.what.contains("every service") && plan.what.contains("job has to end well"));
    assert_eq!(
        plan.command.unwrap(),
        "cd /srv/cctv && /usr/bin/docker compose -f a.yml -p cctv up -d"
    );
    assert!(plan.undo.unwrap().contains("-p cctv down"));
}
