//! Who may know whom, a few habits of the decision core, and how long a file may be, read from the text of the sources.

mod health;
mod mutants;
mod rooms;

use std::fs;
use std::path::Path;

const ADAPTERS: [&str; 6] = ["net", "detect", "switch", "service", "verify", "endpoint"];

/// Lines of a file before its tests.
const LONGEST: usize = 400;

/// Every Rust file under `dir`, a folder of the repository, with its path in the repository and its text.
fn files(dir: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out = Vec::new();
    let mut dirs = vec![root.join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).expect("the directory can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("the file can be read");
                let name = path.strip_prefix(root).expect("it is in the repository");
                out.push((name.to_string_lossy().into_owned(), text));
            }
        }
    }
    assert!(!out.is_empty(), "{dir} has no files");
    out
}

/// The lines of code, without comments, up to the tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, l)| !l.starts_with("#[cfg(test)]"))
        .map(|(n, l)| (n + 1, l.split("//").next().unwrap_or_default()))
}

/// The paths a line names that start with `crate::`, without that.
fn crate_paths(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::")
        .filter(|(i, _)| !line[..*i].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .map(move |(i, _)| &line[i + "crate::".len()..])
}

fn starts_with_module(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn the_core_imports_only_std_serde_types_and_itself() {
    for (name, text) in files("src/takeover") {
        for (n, line) in code(&text) {
            for path in crate_paths(line) {
                let fine = ["types", "takeover"]
                    .iter()
                    .any(|m| starts_with_module(path, m));
                assert!(fine, "{name}:{n}: {line}");
            }
            let used = line.trim().trim_start_matches("pub ");
            if let Some(path) = used.strip_prefix("use ") {
                let fine = ["std", "serde", "crate", "super", "self", "Self"]
                    .iter()
                    .chain(&[
                        "action", "event", "evidence", "policy", "state", "step", "timeline",
                    ])
                    .any(|m| starts_with_module(path, m));
                assert!(fine, "{name}:{n}: {line}");
            }
            for word in [
                "SystemTime",
                "Instant",
                "std::fs",
                "std::net::Tcp",
                "std::net::Udp",
                "std::thread",
                "std::process",
                "std::env",
                "std::io",
                "tokio",
                "tracing",
                "println!",
                "rand::",
            ] {
                assert!(
                    !line.contains(word),
                    "{name}:{n}: {word} is no business of the core"
                );
            }
        }
    }
}

#[test]
fn adapters_know_neither_each_other_nor_the_core() {
    for adapter in ADAPTERS {
        for (name, text) in files(&format!("src/{adapter}")) {
            for (n, line) in code(&text) {
                for path in crate_paths(line) {
                    let stranger = ADAPTERS
                        .iter()
                        .chain(&["takeover", "steps", "daemon", "cli", "report", "host::real"])
                        .filter(|m| **m != adapter)
                        .find(|m| starts_with_module(path, m));
                    assert!(
                        stranger.is_none(),
                        "{name}:{n}: {adapter} knows {stranger:?}"
                    );
                }
                let grouped = line.trim() == "use crate::{" || line.contains("use crate::{");
                assert!(
                    !grouped,
                    "{name}:{n}: name modules one by one, so that this test can read them"
                );
            }
        }
    }
}

/// One file a kind: what is told of it to others stands in `steps/mod.rs`, and nobody above is known.
#[test]
fn a_step_of_the_site_knows_neither_the_daemon_nor_another_step() {
    let shared = [
        "Facts", "Kind", "Kit", "Look", "Memory", "PlanLine", "SiteStep",
        // What kinds have in common, and is none itself.
        "launch", "names",
    ];
    for (name, text) in files("src/steps") {
        for (n, line) in code(&text) {
            for path in crate_paths(line) {
                let above = [
                    "daemon", "cli", "report", "net", "switch", "verify", "detect",
                ];
                let stranger = above.iter().find(|m| starts_with_module(path, m));
                assert!(stranger.is_none(), "{name}:{n}: a step knows {stranger:?}");
            }
            let used = line
                .trim()
                .strip_prefix("use super::")
                // What lies in a step's own folder is its own.
                .filter(|_| name != "src/steps/mod.rs" && name.matches('/').count() == 2);
            for word in used
                .into_iter()
                .flat_map(|u| u.split(|c: char| !c.is_alphanumeric() && c != '_'))
            {
                let known = word.is_empty() || word == "use" || shared.contains(&word);
                assert!(known, "{name}:{n}: a step knows {word}");
            }
        }
    }
}

#[test]
fn only_the_daemons_translator_knows_both_actions_and_adapters() {
    for (name, text) in files("src/daemon") {
        let may = name.starts_with("src/daemon/perform")
            || name.starts_with("src/daemon/run_loop")
            || name == "src/daemon/mod.rs";
        let actions = code(&text).any(|(_, l)| l.contains("Action::"));
        let adapters = code(&text).any(|(_, l)| {
            crate_paths(l).any(|p| ADAPTERS.iter().any(|m| starts_with_module(p, m)))
        });
        assert!(may || !(actions && adapters), "{name} knows both");
    }
}

#[test]
fn the_core_has_no_arm_for_whatever_comes() {
    for (name, text) in files("src/takeover") {
        assert_eq!(catch_alls(&text), [], "`_ =>` in {name}");
    }
}

/// `_ =>` arms in a `match` that has an arm which names a variant of one of the core's own enums.
fn catch_alls(text: &str) -> Vec<(usize, String)> {
    const OURS: [&str; 6] = [
        "State::",
        "Step::",
        "Action::",
        "Event::",
        "Progress::",
        "Cause::",
    ];
    // Matches that are open: the depth of their arms, and which of our enums they name.
    let mut open: Vec<(usize, Option<&str>, Option<usize>)> = Vec::new();
    let mut found = Vec::new();
    let mut depth = 0usize;
    for (n, line) in code(text) {
        let arm = line.trim();
        if let Some((at, ours, catch)) = open.last_mut()
            && *at == depth
        {
            let pattern = arm.split("=>").next().unwrap_or_default();
            if let Some(name) = OURS.iter().find(|o| pattern.contains(**o)) {
                *ours = Some(name);
            }
            if arm.starts_with("_ =>") || arm.starts_with("_ if") {
                *catch = Some(n);
            }
        }
        let opens = arm.contains("match ") && arm.ends_with('{');
        for c in line.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            while open.last().is_some_and(|(at, _, _)| *at > depth) {
                if let Some((_, Some(ours), Some(line))) = open.pop() {
                    found.push((line, ours.to_owned()));
                }
            }
        }
        if opens {
            open.push((depth, None, None));
        }
    }
    found
}

#[test]
fn a_catch_all_arm_is_caught() {
    let bad = "fn f() {\n    match s {\n        State::Standby => {\n            1\n        }\n        _ => 2,\n    }\n}\n";
    assert_eq!(catch_alls(bad), [(6, "State::".to_owned())]);
    let good =
        "fn f() {\n    match n {\n        1 => State::Standby,\n        _ => other,\n    }\n}\n";
    assert!(catch_alls(good).is_empty());
}

/// Where time and tasks are tokio's or the system's own: below `rt`; a command that measures for a person who waits. And
/// by file and word: `nft` is started on a thread of its own, the kernel stamps frames by its own clocks, and no simulation
/// has the control socket or the file of known hosts.
const BELOW_RT: [&str; 2] = ["src/rt/", "src/cli/"];
const BESIDE_RT: [(&str, &str); 4] = [
    ("src/net/capture.rs", "clock_gettime"),
    ("src/net/nft.rs", "tokio::runtime"),
    ("src/daemon/control/server.rs", "tokio::task"),
    ("src/switch/ssh/known_hosts.rs", "process::id"),
];

/// What goes past `rt`, by line: somebody else's clock, runtime or order of what is ready.
fn past_rt(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut lines = code(text).filter(|(_, l)| !l.trim().is_empty()).peekable();
    while let Some((n, line)) = lines.next() {
        for word in [
            "tokio::time",
            "tokio::spawn",
            "tokio::runtime",
            "tokio::task",
            "tokio::{",
            "tokio as",
            "std::time::Instant",
            "SystemTime",
            "Timestamp::now",
            "clock_gettime",
            "process::id",
            "RandomState",
            "urandom",
        ] {
            if line.contains(word) {
                found.push((n, word));
            }
        }
        let grouped = line.contains("std::time::{") && line.contains("Instant");
        if grouped || line.contains("std::time::*") {
            found.push((n, "std::time::Instant"));
        }
        let biased =
            |next: Option<&(usize, &str)>| next.is_some_and(|(_, l)| l.trim() == "biased;");
        if line.contains("select!") && !biased(lines.peek()) {
            found.push((n, "select! without biased"));
        }
    }
    found
}

#[test]
fn time_and_tasks_are_asked_of_rt_alone() {
    for (name, text) in files("src") {
        // The modules of tests that have a file of their own.
        if BELOW_RT.iter().any(|d| name.starts_with(d)) || name.ends_with("/tests.rs") {
            continue;
        }
        let mut past = past_rt(&text);
        past.retain(|(_, word)| !BESIDE_RT.contains(&(name.as_str(), *word)));
        assert_eq!(past, [], "{name}: see src/rt/mod.rs");
    }
    for (name, word) in BESIDE_RT {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
        let needed = past_rt(&text.expect("it is there"))
            .iter()
            .any(|p| p.1 == word);
        assert!(needed, "{name} needs no exception for {word} any more");
    }
}

#[test]
fn every_select_of_a_command_is_in_order_too() {
    for (name, text) in files("src/cli") {
        let without = past_rt(&text)
            .into_iter()
            .filter(|p| p.1.starts_with("select!"));
        assert_eq!(without.collect::<Vec<_>>(), [], "{name}");
    }
}

#[test]
fn what_goes_past_rt_is_found() {
    let bad = "use std::time::{Duration, Instant};\nuse tokio::time::sleep;\n\nfn f() {\n    let x = tokio::select! {\n        () = a => 1,\n    };\n    SystemTime::now();\n}\n";
    let expected = [
        (1, "std::time::Instant"),
        (2, "tokio::time"),
        (5, "select! without biased"),
        (8, "SystemTime"),
    ];
    assert_eq!(past_rt(bad), expected);
    let good = "use std::time::Duration;\n\nfn f() {\n    tokio::select! {\n        biased;\n        // In words.\n        () = a => 1,\n    }\n}\n#[cfg(test)]\nuse std::time::Instant;\n";
    assert_eq!(past_rt(good), []);
}

/// Where the daemon reaches past `host` for this machine: before there is a loop (what is around, the control socket, the
/// log).
const BESIDE_HOST: [&str; 6] = [
    "src/daemon/around.rs",
    "src/daemon/control/client.rs",
    "src/daemon/control/server.rs",
    "src/daemon/log_queue.rs",
    "src/daemon/notify.rs",
    "src/daemon/privilege.rs",
];

/// Sockets, files, threads and programs of this machine, by line.
fn past_host(text: &str) -> Vec<(usize, &'static str)> {
    let words = [
        "std::fs",
        "File::",
        "std::thread",
        "std::process",
        "NOTIFY_SOCKET",
        "current_exe",
        "Netlink::open",
        "ArpSocket",
        "IcmpProbe",
        "HeartbeatSocket",
        "SentSyns",
        "Capture::open",
        "sockets::established",
        "sockets::destroy",
        "rtmp::handshake(",
        "Command::new",
    ];
    let found = code(text).flat_map(|(n, line)| {
        let here = words.iter().filter(move |w| line.contains(**w));
        here.map(move |w| (n, *w))
    });
    found.collect()
}

#[test]
fn the_daemon_reaches_its_machine_through_host_alone() {
    for (name, text) in files("src/daemon") {
        let past = past_host(&text);
        match BESIDE_HOST.contains(&name.as_str()) {
            true => assert_ne!(past, [], "{name} needs no exception any more"),
            false if name.ends_with("/tests.rs") => {}
            false => assert_eq!(past, [], "{name}: see src/host/mod.rs"),
        }
    }
}

#[test]
fn no_file_is_longer_than_400_lines_before_its_tests() {
    for (name, text) in ["src", "tests", "benches"].into_iter().flat_map(files) {
        let lines = code(&text).count();
        assert!(lines <= LONGEST, "{name} has {lines} lines");
    }
}
