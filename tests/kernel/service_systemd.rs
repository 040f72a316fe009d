//! Services started by a real systemd, which is PID 1 of namespaces of its own: the machine's own is not touched.
//!
//! Needs root and an installed systemd. Skipped without them, and says so; with REQUIRE_LAB=1 it fails instead,
//! unless systemd is not installed at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use standin::config::{Config, SAMPLE, Surroundings};
use standin::host::real::{RealDisk, RealPrograms};
use standin::service::{ServiceError, systemd};
use standin::steps::{self, Facts, Kit, Memory};
use standin::takeover::event::Outcome;

const SYSTEMD: &str = "/usr/lib/systemd/systemd";
/// Set for the copy of this test that runs inside.
const INSIDE: &str = "STANDIN_TEST_INSIDE";
/// What it says when it has come to its end there.
const DONE: &str = "all units were tried";
const LONG: Duration = Duration::from_secs(30);

/// Everything is private to the namespaces: the file system is read-only but for a new /run and a cgroup tree of its
/// own, and the capabilities that reach the machine itself (clock, reboot, modules, kernel log) are gone.
const BOOT: &str = r#"
set -eu
units=$1
for tree in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  if [ -e $tree/cgroup.procs ]; then
    mkdir -p $tree/standin-test-$$
    echo $$ > $tree/standin-test-$$/cgroup.procs
  fi
done
exec unshare --pid --mount --net --uts --ipc --cgroup --fork --kill-child --mount-proc sh -eu -c '
  mount -o remount,ro,bind /
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/systemd/system
  cp "$0"/*.service "$0"/*.target /run/systemd/system/
  ln -s /dev/null /run/systemd/system/masked.service
  mount --bind /proc/sys /proc/sys
  mount -o remount,ro,bind /proc/sys
  umount -R /sys/fs/cgroup || umount -lR /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  exec env -i container=standin-test PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_LOG_TARGET=console \
    setpriv --bounding-set -sys_time,-sys_boot,-sys_module,-syslog \
    /usr/lib/systemd/systemd --system --unit=standin-test.target --show-status=no
' "$units"
"#;

const UNITS: [(&str, &str); 5] = [
    ("standin-test.target", "[Unit]\nDefaultDependencies=no\n"),
    ("good.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
    (
        "oneshot.service",
        "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    ),
    (
        "bad.service",
        "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    ),
    (
        "slow.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n",
    ),
];

/// A systemd of its own; ended with everything in it when dropped.
struct Systemd {
    /// `unshare`, which takes PID 1 of the namespaces with it.
    parent: Child,
    _units: tempfile::TempDir,
}

impl Systemd {
    fn boot() -> Result<Systemd, String> {
        let units = tempfile::tempdir().map_err(|e| e.to_string())?;
        for (name, body) in UNITS {
            let body = match name {
                "standin-test.target" => body.to_owned(),
                _ => format!("[Unit]\nDefaultDependencies=no\n{body}"),
            };
            fs::write(units.path().join(name), body).map_err(|e| e.to_string())?;
        }
        let parent = Command::new("sh")
            .args(["-c", BOOT, "boot"])
            .arg(units.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(units.path().join("log")).map_err(|e| e.to_string())?)
            .spawn()
            .map_err(|e| format!("cannot run sh: {e}"))?;
        let mut systemd = Systemd {
            parent,
            _units: units,
        };
        let until = Instant::now() + LONG;
        loop {
            // Its socket answers: it is up.
            if let Some(inside) = systemd.pid_1() {
                let asked = enter(inside)
                    .args(["systemctl", "is-active", "standin-test.target"])
                    .output();
                if asked.is_ok_and(|o| o.status.success()) {
                    return Ok(systemd);
                }
            }
            let ended = systemd.parent.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > until {
                let log = fs::read_to_string(systemd._units.path().join("log"));
                return Err(format!("no systemd came up: {}", log.unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn pid_1(&self) -> Option<u32> {
        let pid = self.parent.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let child = children.split_whitespace().next()?.parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        (name.trim() == "systemd").then_some(child)
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        let id = self.parent.id();
        // SIGKILL of unshare kills PID 1, and with it everything in its namespace.
        let _ = self.parent.kill();
        let _ = self.parent.wait();
        for tree in ["", "unified/", "systemd/"] {
            let group = PathBuf::from(format!("/sys/fs/cgroup/{tree}standin-test-{id}"));
            let until = Instant::now() + LONG;
            while group.exists() && Instant::now() < until {
                remove_groups(&group);
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn remove_groups(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

fn enter(pid: u32) -> Command {
    let mut command = Command::new("nsenter");
    command.args([
        "-t",
        &pid.to_string(),
        "-m",
        "-p",
        "-n",
        "-i",
        "-u",
        "-C",
        "--",
    ]);
    command
}

fn boot_or_skip() -> Option<Systemd> {
    if !Path::new(SYSTEMD).exists() {
        println!("SKIP: systemd is not installed");
        return None;
    }
    let booted = match nix::unistd::geteuid().is_root() {
        true => Systemd::boot(),
        false => Err("not root".to_owned()),
    };
    match booted {
        Ok(systemd) => Some(systemd),
        Err(why) if std::env::var_os("REQUIRE_LAB").is_some_and(|v| v == "1") => panic!("{why}"),
        Err(why) => {
            println!("SKIP: {why}");
            None
        }
    }
}

/// Boots a systemd and runs itself once more in there.
#[test]
fn units_are_started_by_a_real_systemd() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(inside_the_namespaces());
    }
    let Some(systemd) = boot_or_skip() else {
        return;
    };
    let inside = systemd.pid_1().expect("it is up");
    let output = enter(inside)
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "service_systemd::units_are_started_by_a_real_systemd",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(
        out.contains("1 passed") && out.contains(DONE),
        "{out}\n{err}"
    );
}

async fn inside_the_namespaces() {
    let first = systemd::start(&RealPrograms, "good.service", LONG)
        .await
        .unwrap();
    assert!(!first.already, "{first}");
    let second = systemd::start(&RealPrograms, "good.service", LONG)
        .await
        .unwrap();
    assert!(second.already);
    assert_eq!(second.to_string(), "good.service runs already");

    // Looked at and stopped, and what was stopped already.
    let now = systemd::read_unit(&RealPrograms, "good.service", LONG)
        .await
        .unwrap();
    assert!(now.runs && now.shown.contains("running"), "{now:?}");
    assert!(
        systemd::stop(&RealPrograms, "good.service", LONG)
            .await
            .unwrap()
    );
    assert!(
        !systemd::stop(&RealPrograms, "good.service", LONG)
            .await
            .unwrap()
    );
    let now = systemd::read_unit(&RealPrograms, "good.service", LONG)
        .await
        .unwrap();
    assert!(!now.runs, "{now:?}");
    let unknown = systemd::read_unit(&RealPrograms, "nope.service", LONG)
        .await
        .unwrap_err();
    assert!(matches!(unknown, ServiceError::NoUnit { .. }), "{unknown}");
    the_step("good.service").await;

    let oneshot = systemd::start(&RealPrograms, "oneshot.service", LONG)
        .await
        .unwrap();
    assert!(!oneshot.already);

    let bad = systemd::start(&RealPrograms, "bad.service", LONG)
        .await
        .unwrap_err();
    assert!(matches!(bad, ServiceError::Failed { .. }), "{bad}");
    assert!(
        bad.to_string().contains("systemctl start bad.service"),
        "{bad}"
    );

    let unknown = systemd::start(&RealPrograms, "nope.service", LONG)
        .await
        .unwrap_err();
    assert!(matches!(unknown, ServiceError::NoUnit { .. }), "{unknown}");
    let masked = systemd::start(&RealPrograms, "masked.service", LONG)
        .await
        .unwrap_err();
    assert!(masked.to_string().contains("systemctl unmask"), "{masked}");

    let begun = Instant::now();
    let slow = systemd::start(&RealPrograms, "slow.service", Duration::from_millis(800))
        .await
        .unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(matches!(slow, ServiceError::Slow { .. }), "{slow}");
    assert!(slow.to_string().contains("activating"), "{slow}");
    println!("{DONE}");
}

/// `kind = "unit"`: what it starts it stops again, what ran before it leaves, and a second try does not change that.
async fn the_step(unit: &str) {
    let text =
        format!("{SAMPLE}\n[[peer.cctv.step]]\nkind = \"unit\"\nname = \"a\"\nunit = \"{unit}\"\n");
    let around = Surroundings {
        steps: steps::READER,
        ..Surroundings::default()
    };
    let sample = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/standin.toml"));
    let config = Config::from_text(sample, &text, &around)
        .expect("it is accepted")
        .0;
    let steps = steps::of_peer(&config.peers["cctv"], &config.origin).expect("it is built");
    let step = steps.values().next().expect("it is there");
    // The file system is read-only here, but for /run.
    let kit = Kit {
        facts: Facts {
            peer: "cctv".to_owned(),
            vip: "192.168.1.101".to_owned(),
            node: "standby".to_owned(),
            epoch: 1,
            step: "unit:a".to_owned(),
            undo: false,
            time: String::new(),
        },
        within: LONG,
        programs: Arc::new(RealPrograms),
        memory: Memory::new(
            Arc::new(RealDisk),
            Path::new("/run/standin-test"),
            "cctv",
            "unit:a".parse().expect("a name"),
        ),
    };
    let runs = async || {
        systemd::read_unit(&RealPrograms, unit, LONG)
            .await
            .expect("it is read")
            .runs
    };
    let done = |outcome: Outcome| match outcome {
        Outcome::Done(how) => how,
        other => panic!("{other:?}"),
    };
    step.check(&kit).await.expect("it could be started");
    assert!(!runs().await, "a look has started it");
    for _ in 0..2 {
        done(step.apply(&kit).await);
        assert!(runs().await);
    }
    assert!(done(step.undo(&kit).await).contains("is stopped"));
    assert!(!runs().await);
    systemd::start(&RealPrograms, unit, LONG)
        .await
        .expect("it starts");
    done(step.apply(&kit).await);
    assert!(done(step.undo(&kit).await).contains("ran before"));
    assert!(runs().await, "what ran before was stopped");
}

/// Where PID 1 is something else, as in most containers, that is what the error says.
#[tokio::test]
async fn a_machine_without_systemd_is_said_as_such() {
    if Path::new("/run/systemd/system").exists() {
        println!("SKIP: systemd runs this machine");
        return;
    }
    match systemd::start(&RealPrograms, "nginx.service", LONG).await {
        Err(ServiceError::Spawn { program, .. }) => assert_eq!(program, "systemctl"),
        Err(e @ ServiceError::NoSystemd { .. }) => {
            let said = e.to_string();
            assert!(said.contains("service.command"), "{said}");
        }
        other => panic!("{other:?}"),
    }
}
