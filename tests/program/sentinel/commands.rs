//! Every command, in words and as JSON, and every file that it leaves.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use crate::sentinel::forms;
use crate::sentinel::site::{OF_THE_SWITCH, Site};
use crate::switch_agent::mac;

/// What is asked of a switch; of one that lets nobody in only what differs in how it fails.
fn commands(switch: &str, port: &str) -> Vec<Vec<String>> {
    let lines = [
        format!("switch trust {switch} --yes"),
        format!("switch identify {switch}"),
        format!("switch ports {switch}"),
        format!("switch find {switch} {}", mac(1)),
        format!("switch preflight {switch} --port {port}"),
        format!("switch plan {switch} set-access-vlan {port} 20"),
        format!("switch backup {switch}"),
        format!("switch apply {switch} set-access-vlan {port} 20 --yes --within 20s"),
        format!("switch diff {switch}"),
        format!("switch apply {switch} port-off {port} --yes --within 20s"),
        format!("switch apply {switch} save --yes --within 20s"),
    ];
    // A key's pass phrase is turned into a key slowly, on purpose: a switch with one is asked less.
    let few = match switch {
        s if s.contains("key") => 2,
        s if s.contains("wrong") || s.contains("nobody") => 8,
        _ => lines.len(),
    };
    let lines = &lines[..few];
    lines
        .iter()
        .flat_map(|l| {
            let plain: Vec<String> = l.split(' ').map(str::to_owned).collect();
            let mut json = plain.clone();
            json.push("--json".into());
            [plain, json]
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_command_prints_or_keeps_a_secret() {
    let site = Arc::new(Site::new().await);
    let (code, said, leaks) = site.ask(vec!["check".into(), "--offline".into()]).await;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        code == 0 && leaks.is_empty(),
        "the configuration is not right: {said} {leaks:?}"
    );

    let gate = Arc::new(tokio::sync::Semaphore::new(6));
    let mut tasks = Vec::new();
    for (switch, port) in site.switches.clone() {
        let (site, gate) = (site.clone(), gate.clone());
        tasks.push(tokio::spawn(async move {
            let (mut leaks, mut codes, mut diff) = (Vec::new(), Vec::new(), String::new());
            for arguments in commands(&switch, port) {
                let _turn = gate.acquire().await.unwrap();
                let what = arguments.join(" ");
                let (code, said, found) = site.ask(arguments).await;
                if what == "switch diff shell" {
                    diff = String::from_utf8_lossy(&said).into_owned();
                }
                codes.push((what, code));
                leaks.extend(found);
            }
            (diff, leaks, codes)
        }));
    }
    let (mut leaks, mut codes, mut diff) = (Vec::new(), Vec::new(), String::new());
    for task in tasks {
        let (said, found, ended) = task.await.unwrap();
        diff.push_str(&said);
        leaks.extend(found);
        codes.extend(ended);
    }
    let target = site.fake.address.to_string();
    let community = site.path("secrets/community").display().to_string();
    let wrong = site.path("secrets/wrong-community").display().to_string();
    let recording = site.path("made.snmprec").display().to_string();
    let at = |words: &str, file: &str| format!("{words} --target {target} --community-file {file}");
    for line in [
        "switch list".to_owned(),
        "switch undo --list".into(),
        "switch undo nothing".into(),
        "check".into(),
        "plan cctv".into(),
        "plan twin".into(),
        "runbook".into(),
        "runbook --html".into(),
        "status".into(),
        "report --list".into(),
        "report".into(),
        "unfence two:ge2".into(),
        "profile list".into(),
        "profile show cisco-ios".into(),
        at("switch identify", &community),
        at("switch ports", &wrong),
        at(&format!("profile record --out {recording}"), &community),
        at("profile record --out never.snmprec", &wrong),
        format!("profile try generic-qbridge {recording} --port ge1"),
        at("profile try generic-qbridge --port ge1", &community),
        format!("profile lint {}", site.path("standin.toml").display()),
        // A file that is not what it should be is not quoted, were it the one with the secret.
        format!("profile lint {community}"),
        format!("replay {community}"),
        format!("switch diff two {community}"),
        format!(
            "switch ports --target {target} --community-file {}",
            site.path("standin.toml").display()
        ),
    ] {
        for json in [false, true] {
            let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            arguments.extend(json.then(|| "--json".to_owned()));
            let (code, _, found) = site.ask(arguments).await;
            codes.push((line.clone(), code));
            leaks.extend(found);
        }
    }
    let undo = std::fs::read_dir(site.path("state/changes"))
        .unwrap()
        .flatten();
    for record in undo {
        let id = record
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let (code, _, found) = site.ask(vec!["switch".into(), "undo".into(), id]).await;
        codes.push(("undo".into(), code));
        leaks.extend(found);
    }

    let mut backups = 0;
    for file in site.files() {
        if site.models.iter().any(|m| m.known_hosts() == file) {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        let text = String::from_utf8_lossy(&bytes).replace(OF_THE_SWITCH, "");
        // The one place where a switch's own secrets may be.
        if file.starts_with(site.path("state/backups")) && text.len() != bytes.len() {
            backups += 1;
            assert_eq!(mode, 0o600, "{}", file.display());
        }
        // A switch that repeats our password in its configuration: it is in its backup then, and only there.
        let repeats = file.to_string_lossy().contains("shell-garbles@");
        if !repeats {
            leaks.extend(forms::leaks(file.display(), text.as_bytes()));
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.join("\n")
    );

    // The commands did what they are for, so that there was something to be seen.
    assert!(backups >= 2, "no backup has the switch's configuration");
    let ended = |words: &str, code: i32| {
        codes
            .iter()
            .any(|(w, c)| w.starts_with(words) && *c == code)
    };
    assert!(
        diff.contains("snmp-server community ***"),
        "diff does not speak of what changed: {diff}"
    );
    for words in [
        "switch apply two set",
        "switch apply three set",
        "switch apply shell set",
        "profile record",
    ] {
        assert!(ended(words, 0), "{words}: {codes:?}");
    }
    assert!(ended("undo", 0), "{codes:?}");
    for words in [
        "switch ports two-wrong",
        "switch ports three-wrong-priv",
        "switch ports shell-wrong-enable",
        "switch ports nobody",
    ] {
        assert!(
            !ended(words, 0) && codes.iter().any(|(w, _)| w.starts_with(words)),
            "{words}: {codes:?}"
        );
    }
}
