//! The daemon, with every log line there is.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::sentinel::forms;
use crate::sentinel::site::Site;

/// Lines of log that a daemon at the finest level has written before it is judged.
const ENOUGH: usize = 20;

/// False, with a word about it, where no network namespace can be made.
fn may_unshare() -> bool {
    let made = Command::new("unshare").args(["-n", "true"]).output();
    let made = made.is_ok_and(|o| o.status.success());
    if !made {
        assert!(
            std::env::var_os("REQUIRE_LAB").is_none(),
            "no network namespace can be made"
        );
        eprintln!("skipped: no network namespace can be made here (run as root)");
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_logs_no_secret_at_the_finest_level() {
    let site = Site::new().await;
    // A network of its own, with an interface that the peers may be on; the switches do not answer there.
    let net = "ip link set lo up && ip link add d0 type veth peer name d1 && ip link set d1 up && ip address add 192.0.2.5/24 dev d0 && ip link set d0 up && exec \"$@\"";
    let text = std::fs::read_to_string(site.path("standin.toml")).unwrap();
    let text = text.replace("interface = \"lo\"", "interface = \"d0\"");
    std::fs::write(site.path("standin.toml"), text).unwrap();
    let run = site.command(&["run"]);
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", net, "sh"]);
    command.arg(run.get_program()).args(run.get_args());
    command.env("RUST_LOG", "trace").stdin(Stdio::null());
    if !may_unshare() {
        return;
    }
    let out = std::fs::File::create(site.path("out")).unwrap();
    let err = std::fs::File::create(site.path("err")).unwrap();
    let mut child = command.stdout(out).stderr(err).spawn().unwrap();
    // Until it runs and has said enough to judge by; a busy machine takes its time.
    let spoken = || {
        let log = std::fs::read_to_string(site.path("err")).unwrap();
        log.contains("standin runs") && log.lines().count() > ENOUGH
    };
    for _ in 0..300 {
        if spoken() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut leaks = Vec::new();
    for arguments in [["status", "--json"], ["report", "--list"]] {
        leaks.extend(site.ask(arguments.map(str::to_owned).to_vec()).await.2);
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    // It may have refused to start, which is an output too.
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    for file in site.files() {
        let text = std::fs::read(&file).unwrap();
        leaks.extend(forms::leaks(file.display(), &text));
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    let log = std::fs::read_to_string(site.path("err")).unwrap();
    let lines = log.lines().count();
    assert!(
        status.success() && lines > ENOUGH,
        "the daemon ended with {status} and {lines} lines of log:\n{log}"
    );
}
