//! The command line as a person meets it.

use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt;

fn standin(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::cargo_bin("standin")
        .unwrap()
        .args(arguments)
        .output()
        .unwrap();
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn help_names_every_command_with_examples_and_the_exit_codes() {
    let (code, out, err) = standin(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for command in [
        "run", "check", "plan", "runbook", "status", "takeover", "release", "hold", "unfence",
        "report", "replay", "peer", "help",
    ] {
        assert!(
            out.lines()
                .any(|l| l.trim_start().starts_with(&format!("{command} "))),
            "{command}\n{out}"
        );
    }
    for text in [
        "Examples:",
        "Exit codes:",
        " 77  a capability",
        "--config",
        "--json",
    ] {
        assert!(out.contains(text), "no `{text}` in\n{out}");
    }
}

#[test]
fn version_says_which_release_it_is() {
    let (code, out, _) = standin(&["--version"]);
    assert_eq!(code, Some(0));
    assert_eq!(out, format!("standin {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_exits_with_2_and_says_what_would_be_right() {
    for (arguments, said) in [
        (&["stauts"][..], "status"),
        (&["hold", "cctv", "maybe"], "on, off"),
        (&["unfence", "p-prim"], "SWITCH:PORT"),
        (&["plan"], "<NAME>"),
        (&[], "Usage"),
    ] {
        let (code, out, err) = standin(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_panic() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help"],
        &["help", "json"],
    ] {
        let mut child = Command::cargo_bin("standin")
            .unwrap()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn reports_are_read_although_the_configuration_has_a_fault_by_now() {
    let dir = tempfile::tempdir().unwrap();
    let reports = dir.path().join("state/reports");
    std::fs::create_dir_all(&reports).unwrap();
    let report = r#"{"id":"cctv-1","peer":"cctv","vip":"192.168.1.101/24","mode":"agentless","kind":"takeover",
        "written":"","state":"active","verdict":"verified","fence":"proven","t0_us":null,"ms":[],"steps":[],"cameras":null}"#;
    std::fs::write(reports.join("cctv-1-takeover.json"), report).unwrap();
    let file = dir.path().join("standin.toml");
    let state = dir.path().join("state").display().to_string();
    std::fs::write(
        &file,
        format!("[node]\nstate-dir = \"{state}\"\nnonsense = 1\n"),
    )
    .unwrap();
    let (code, out, err) = standin(&["report", "--config", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("VERIFIED"), "{out}");
    assert!(err.contains("nonsense"), "the fault is said: {err}");
}
