//! On a terminal a page goes through a pager; elsewhere never, and no pager is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use assert_cmd::cargo::{CommandCargoExt, cargo_bin};
use standin::manual;

/// `standin help operate` on a terminal of `script` (util-linux): its exit code and what the screen shows.
fn on_a_terminal(environment: &[(&str, &str)], arguments: &str) -> (Option<i32>, String) {
    let line = format!("{} {arguments}", cargo_bin("standin").display());
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]);
    for name in ["PAGER", "LESS", "COLUMNS"] {
        script.env_remove(name);
    }
    script.env("TERM", "xterm").env("SHELL", "/bin/sh");
    script.envs(environment.iter().copied());
    let output = script
        .stdin(Stdio::null())
        .output()
        .expect("script (bsdutils)");
    let screen = String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n");
    (output.status.code(), screen)
}

fn operate() -> String {
    manual::find("operate").unwrap().laid_out(80)
}

/// A folder with one program in it.
fn folder_with(name: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join(name);
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

#[test]
fn the_pager_of_the_environment_shows_the_page() {
    let (code, screen) = on_a_terminal(&[("PAGER", "sed 's/^/PAGED /'")], "help operate");
    let paged = operate()
        .lines()
        .map(|l| format!("PAGED {l}\n"))
        .collect::<String>();
    assert_eq!(code, Some(0));
    assert!(screen.contains(&paged), "{screen}");
    let (_, screen) = on_a_terminal(&[("PAGER", "sed 's/^/PAGED /'")], "help");
    assert!(screen.contains("PAGED Commands:"), "{screen}");
}

#[test]
fn without_a_terminal_there_is_no_pager() {
    let output = Command::cargo_bin("standin")
        .unwrap()
        .args(["help", "operate"])
        .env("PAGER", "sed 's/^/PAGED /'")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), operate());
}

#[test]
fn a_pager_that_is_left_early_is_no_error() {
    for pager in ["head -1", "true", "sed q"] {
        let (code, screen) = on_a_terminal(&[("PAGER", pager)], "help json");
        assert_eq!(code, Some(0), "{pager}: {screen}");
        assert!(
            !screen.contains("standin report --json"),
            "{pager}: {screen}"
        );
    }
}

#[test]
fn an_interrupt_is_the_pagers_business() {
    let pager = "kill -INT $PPID; sleep 0.3; cat";
    let (code, screen) = on_a_terminal(&[("PAGER", pager)], "help operate");
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains(&operate()), "{screen}");
}

#[test]
fn a_pager_that_fails_is_no_error_and_the_page_is_printed() {
    for pager in ["false", "no-such-pager-here", "sh -c 'exit 9'", "", "cat"] {
        let (code, screen) = on_a_terminal(&[("PAGER", pager)], "help operate");
        assert_eq!(code, Some(0), "{pager}: {screen}");
        assert!(screen.contains(&operate()), "{pager}: {screen}");
    }
}

#[test]
fn less_is_taken_where_it_is_there_and_no_pager_where_it_is_not() {
    let less = folder_with(
        "less",
        "#!/bin/sh\necho \"less $* with $LESS\"; exec /bin/cat\n",
    );
    let path = |dir: &Path| format!("{}:/usr/bin:/bin", dir.display());
    let (code, screen) = on_a_terminal(&[("PATH", &path(less.path()))], "help operate");
    assert_eq!(code, Some(0));
    assert!(
        screen.contains(&format!("less -R with FRX\n{}", operate())),
        "{screen}"
    );
    let mine = [("PATH", &*path(less.path())), ("LESS", "i")];
    assert!(
        on_a_terminal(&mine, "help operate")
            .1
            .contains("less -R with i\n")
    );
    let dumb = [("PATH", &*path(less.path())), ("TERM", "dumb")];
    let (_, screen) = on_a_terminal(&dumb, "help operate");
    assert!(
        !screen.contains("less -R") && screen.contains(&operate()),
        "{screen}"
    );

    // Only `script`, and no less.
    let none = tempfile::tempdir().unwrap();
    let script = String::from_utf8(Command::new("which").arg("script").output().unwrap().stdout);
    std::os::unix::fs::symlink(script.unwrap().trim(), none.path().join("script")).unwrap();
    let path = none.path().display().to_string();
    let (code, screen) = on_a_terminal(&[("PATH", &path)], "help operate");
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains(&operate()), "{screen}");
}
