//! Step x fault x outcome: each is said in its own words, in time, and what was started is taken back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::docker::{Docker, docker};
use super::{SLEEPS, programs_of_compose, step};
use crate::steps_support::{Site, done, failed};

/// Fails, because of what is not there.
struct Fault {
    name: &'static str,
    /// Services of the compose file; none: there is no file.
    services: Vec<String>,
    keys: String,
    within: Duration,
    words: &'static [&'static str],
    /// What runs afterwards, and is stopped by the undo.
    runs: &'static [&'static str],
    /// `check` says so before.
    is_seen_before: bool,
}

fn fault(name: &'static str, services: &[&str], words: &'static [&'static str]) -> Fault {
    Fault {
        name,
        services: services.iter().map(|s| (*s).to_owned()).collect(),
        keys: String::new(),
        within: Duration::from_secs(20),
        words,
        runs: &[],
        is_seen_before: false,
    }
}

fn faults() -> Vec<Fault> {
    let web = format!("web: {SLEEPS}");
    let web = web.as_str();
    let sick = "sick: command: [sleep, '1000'], healthcheck: {test: [CMD, 'false'], interval: 200ms, retries: 1}";
    let early = |fault: Fault| Fault {
        is_seen_before: true,
        ..fault
    };
    vec![
        early(Fault {
            keys: "program = [\"/usr/bin/no-such-program\"]".to_owned(),
            ..fault(
                "program missing",
                &[web],
                &["no program for compose", "No such file"],
            )
        }),
        early(fault("file missing", &[], &["the project cannot be read"])),
        early(fault(
            "file invalid",
            &["web: command: {a: b}"],
            &["the project cannot be read"],
        )),
        early(Fault {
            keys: "services = [\"nobody\"]".to_owned(),
            ..fault(
                "no such service",
                &[web],
                &["no service nobody", "it has web"],
            )
        }),
        fault(
            "image missing",
            &["web: image: 'lab/none:1'"],
            &["failed", "web has no container"],
        ),
        fault(
            "ends at once",
            &["web: command: ['sh', '-c', 'exit 3']"],
            &["web ended (3)"],
        ),
        fault(
            "ends well, and should run",
            &["web: command: ['true']"],
            &["web ended (0)", "oneshot"],
        ),
        Fault {
            runs: &["web"],
            ..fault(
                "partly up",
                &[web, "bad: command: ['false']"],
                &["bad ended (1)"],
            )
        },
        Fault {
            within: Duration::from_secs(8),
            runs: &["sick"],
            ..fault("unhealthy", &[sick], &["sick runs, and is unhealthy"])
        },
        Fault {
            within: Duration::from_secs(8),
            ..fault(
                "ends again and again",
                &["web: restart: always, command: ['false']"],
                &["web ends (1) and is started again"],
            )
        },
    ]
}

fn project(docker: &Docker, n: usize, fault: &Fault) -> PathBuf {
    let services: Vec<&str> = fault.services.iter().map(String::as_str).collect();
    let folder = docker.project(&format!("p{n}"), &services);
    if services.is_empty() {
        fs::remove_file(folder.join("docker-compose.yml")).unwrap();
    }
    folder
}

#[tokio::test]
async fn each_fault_is_named_and_what_was_started_is_taken_back() {
    let Some(docker) = docker() else { return };
    let program = programs_of_compose()[0];
    println!("| step | fault | outcome | check |\n| --- | --- | --- | --- |");
    for (n, fault) in faults().into_iter().enumerate() {
        let (site, folder) = (Site::new(), project(&docker, n, &fault));
        let keys = match fault.keys.contains("program") {
            true => fault.keys.clone(),
            false => format!("program = {program}\n{}", fault.keys),
        };
        let step = step(&site, &docker, &folder, &keys);
        let kit = |undo| site.kit("compose", fault.within, undo);
        let check = step.check(&kit(false)).await;
        let warned = check.as_ref().map_or(0, |look| look.warnings.len());
        let is_missing = fault.name == "image missing" && !program.contains("docker-compose");
        assert_eq!(warned, usize::from(is_missing), "{check:?}");
        let begun = Instant::now();
        let why = failed(step.apply(&kit(false)).await);
        let took = begun.elapsed();
        let seen = check
            .as_ref()
            .map_or_else(|why| why.as_str(), |l| l.said.as_str());
        println!("| compose | {} | {why} | {seen} |", fault.name);
        for words in fault.words {
            assert!(why.contains(words), "{}: {why}", fault.name);
        }
        assert_eq!(
            check.is_err(),
            fault.is_seen_before,
            "{}: {check:?}",
            fault.name
        );
        assert!(took < fault.within, "{}: {took:?}", fault.name);
        if !fault.runs.is_empty() {
            assert_eq!(docker.running(), fault.runs, "{}", fault.name);
        }
        done(step.undo(&kit(true)).await);
        assert!(docker.running().is_empty(), "{}", fault.name);
        docker.clear();
    }
}

/// The daemon is not there; a program that says nothing is killed with all that it started.
#[tokio::test]
async fn a_daemon_that_is_not_there_and_a_program_that_hangs_are_said_in_time() {
    let Some(docker) = docker() else { return };
    let folder = docker.project("p", &[&format!("web: {SLEEPS}")]);
    for program in programs_of_compose() {
        let site = Site::new();
        let nowhere = site.step(&format!(
            "kind = \"compose\"\nprogram = {program}\ndirectory = \"{}\"\nenvironment = [\"DOCKER_HOST=unix:///nowhere.sock\"]",
            folder.display()
        ));
        let kit = |undo| site.kit("compose", Duration::from_secs(20), undo);
        let why = nowhere.check(&kit(false)).await.unwrap_err();
        assert!(why.contains("cannot be seen"), "{why}");
        let why = failed(nowhere.apply(&kit(false)).await);
        println!("| compose | the daemon's socket is not there | {why} | the same |");
        assert!(why.contains("cannot be seen"), "{why}");
        // It goes away while the project is up: what cannot be taken back is said.
        let there = step(&site, &docker, &folder, &format!("program = {program}"));
        done(there.apply(&kit(false)).await);
        let why = failed(nowhere.undo(&kit(true)).await);
        println!("| compose | the socket is gone at the undo | {why} | - |");
        done(there.undo(&kit(true)).await);
        assert!(docker.running().is_empty());
        docker.clear();
    }
    let site = Site::new();
    site.file(
        "hangs",
        "#!/bin/sh\ncase \"$*\" in\n*version*) echo 2.26.1;;\n*config*) echo web;;\n*ps*) ;;\n*) sleep 600 & echo $! > \"$(dirname \"$0\")/pid\"; wait;;\nesac\n",
        0o755,
    );
    let keys = format!("program = [\"{}\"]", site.path("hangs").display());
    let hangs = step(&site, &docker, &folder, &keys);
    let begun = Instant::now();
    let within = Duration::from_secs(3);
    let why = failed(hangs.apply(&site.kit("compose", within, false)).await);
    println!("| compose | `up` hangs | {why} | - |");
    assert!(
        why.contains("was not done after") && why.contains("web has no container"),
        "{why}"
    );
    assert!(begun.elapsed() < within, "{:?}", begun.elapsed());
    let pid = fs::read_to_string(site.path("pid")).unwrap();
    let stat = Path::new("/proc").join(pid.trim()).join("stat");
    let is_gone = || match fs::read_to_string(&stat) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    let begun = Instant::now();
    while !is_gone() {
        assert!(begun.elapsed() < Duration::from_secs(2), "{pid} still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
