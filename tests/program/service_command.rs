//! Services started by a real command.

use std::time::{Duration, Instant};

use standin::host::real::RealPrograms;
use standin::service::{OUTPUT_LIMIT, ServiceError, Started, command};

async fn sh(script: &str, within: Duration) -> Result<Started, ServiceError> {
    let command = ["/bin/sh", "-c", script].map(str::to_owned);
    command::start(&RealPrograms, &command, within).await
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_command_that_succeeds_has_started_the_service() {
    let started = sh("echo up; echo more >&2", LONG).await.unwrap();
    assert!(!started.already);
    assert!(started.output.contains("up") && started.output.contains("more"));
    assert!(
        started.to_string().starts_with("/bin/sh started in "),
        "{started}"
    );
}

#[tokio::test]
async fn a_command_that_fails_says_why() {
    let failed = sh("echo no such image >&2; exit 7", LONG)
        .await
        .unwrap_err();
    let said = failed.to_string();
    assert!(
        said.contains("exit status: 7") && said.contains("no such image"),
        "{said}"
    );
    let missing = ["/nonexistent/docker".to_owned()];
    let said = command::start(&RealPrograms, &missing, LONG)
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("cannot run /nonexistent/docker"), "{said}");
    assert!(matches!(
        command::start(&RealPrograms, &[], LONG).await,
        Err(ServiceError::Empty)
    ));
}

#[tokio::test]
async fn a_daemon_that_keeps_the_pipe_open_does_not_hold_the_start_up() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let script = format!(
        "sh -c 'while :; do echo alive; sleep 0.05; done' & echo $! > {}; echo up",
        pid_file.display()
    );
    let begun = Instant::now();
    let started = sh(&script, LONG).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(started.output.contains("up"));
    let pid: i32 = std::fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    // Long enough for a write to a closed pipe to have ended it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("the daemon lives on");
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let script = format!(
        "sleep 600 & echo $! > {}; echo waiting; wait",
        pid_file.display()
    );
    let failed = sh(&script, Duration::from_millis(700)).await.unwrap_err();
    let said = failed.to_string();
    assert!(
        said.contains("700 ms") && said.contains("waiting"),
        "{said}"
    );
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    gone(pid.trim()).await;
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", pid_file.display());
    let task = tokio::spawn(async move { sh(&script, LONG).await });
    let until = Instant::now() + LONG;
    while std::fs::read_to_string(&pid_file).map_or(true, |s| s.is_empty()) {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    gone(std::fs::read_to_string(&pid_file).unwrap().trim()).await;
}

#[tokio::test]
async fn endless_output_is_bounded() {
    let started = sh("head -c 3000000 /dev/zero | tr '\\0' x", LONG)
        .await
        .unwrap();
    assert_eq!(started.output.len(), OUTPUT_LIMIT);
}

/// Waits until the process is gone, or a zombie that nobody has collected yet.
async fn gone(pid: &str) {
    let until = Instant::now() + LONG;
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|s| s.chars().next());
        if stat.is_empty() || state == Some('Z') {
            return;
        }
        assert!(
            Instant::now() < until,
            "process {pid} is still there: {stat}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
