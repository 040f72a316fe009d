//! A docker daemon of a test's own, in namespaces that end with it, and a project of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::endpoint_support::{Server, programs};

const IMAGE: &str = "lab/bb:1";
const START: &str = "mount -t tmpfs tmpfs /run && mount -t cgroup2 none /sys/fs/cgroup && exec dockerd \
    --data-root \"$0/data\" --exec-root /run/docker --pidfile \"$0/pid\" -H \"unix://$0/docker.sock\" --cgroup-parent \"$1\" \
    --iptables=false --ip6tables=false --bridge=none";

pub struct Docker {
    docker: PathBuf,
    /// Taken when it ends: all of its containers end with it.
    server: Option<Server>,
    cgroup: String,
    folder: tempfile::TempDir,
}

/// Starts it; `None`: it is not installed, and that has been said.
pub fn docker() -> Option<Docker> {
    let [docker, _, _, busybox] = programs(
        ["docker", "dockerd", "docker-compose", "busybox"],
        "docker.io, docker-compose, busybox-static",
    )?;
    let folder = tempfile::tempdir().unwrap();
    let cgroup = format!("standin-test-{}", std::process::id());
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let child = Command::new("unshare")
        .args([
            "-n",
            "-m",
            "--propagation",
            "private",
            "--cgroup",
            "--pid",
            "--fork",
        ])
        .args(["--kill-child", "--mount-proc", "sh", "-c", START])
        .arg(folder.path())
        .arg(format!("/{cgroup}"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let docker = Docker {
        docker,
        server: Some(Server(child)),
        cgroup,
        folder,
    };
    let begun = Instant::now();
    while !docker.run(&["version"]).status.success() {
        let log = fs::read_to_string(docker.folder.path().join("log")).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30), "{log}");
        std::thread::sleep(Duration::from_millis(50));
    }
    // A file system with one program in it.
    let bin = docker.folder.path().join("image/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy(busybox, bin.join("busybox")).unwrap();
    for name in ["sh", "sleep", "true", "false"] {
        std::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
    }
    let tar = docker.folder.path().join("image.tar");
    let image = docker.folder.path().join("image");
    let mut make = Command::new("tar");
    make.arg("-C").arg(&image).arg("-cf").arg(&tar).arg(".");
    assert!(make.status().unwrap().success());
    let made = docker.run(&["import", &tar.display().to_string(), IMAGE]);
    assert!(made.status.success(), "{made:?}");
    Some(docker)
}

impl Docker {
    /// As a step's `environment` has it.
    pub fn environment(&self) -> String {
        let at = self.folder.path().display();
        format!("\"DOCKER_HOST=unix://{at}/docker.sock\", \"DOCKER_CONFIG={at}\"")
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let at = self.folder.path().display();
        let mut docker = Command::new(&self.docker);
        docker.env("DOCKER_HOST", format!("unix://{at}/docker.sock"));
        docker.env("DOCKER_CONFIG", self.folder.path());
        docker.args(arguments).output().unwrap()
    }

    /// The services of which a container runs.
    pub fn running(&self) -> Vec<String> {
        let form = r#"{{.Label "com.docker.compose.service"}}"#;
        let told = self.run(&["ps", "--format", form]);
        assert!(told.status.success(), "{told:?}");
        let told = String::from_utf8(told.stdout).unwrap();
        let mut all: Vec<String> = told.lines().map(str::to_owned).collect();
        all.sort();
        all
    }

    /// Removes every container.
    pub fn clear(&self) {
        let all = self.run(&["ps", "-aq"]);
        let all = String::from_utf8(all.stdout).unwrap();
        for id in all.lines() {
            assert!(self.run(&["rm", "-f", id]).status.success());
        }
    }

    /// A folder with a compose file of these services, each `name: keys`.
    pub fn project(&self, name: &str, services: &[&str]) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut text = "services:\n".to_owned();
        for service in services {
            let (name, keys) = service.split_once(": ").unwrap();
            let image = match keys.contains("image") {
                true => String::new(),
                false => format!("image: '{IMAGE}', "),
            };
            let usual = "network_mode: none, stop_signal: SIGKILL";
            text += &format!("  {name}: {{{image}{usual}, {keys}}}\n");
        }
        fs::write(folder.join("docker-compose.yml"), text).unwrap();
        folder
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // The daemon is the first of its namespace: with it all others end, and `unshare` buries it.
        if let Some(mut server) = self.server.take() {
            let own = server.0.id();
            let below = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
            for pid in below.unwrap_or_default().split_whitespace() {
                let pid = Pid::from_raw(pid.parse().unwrap());
                kill(pid, Signal::SIGKILL).unwrap();
            }
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(5) && server.0.try_wait().unwrap().is_none()
            {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // The groups of its containers outlive them; they can be removed once the last process is gone.
        let root = Path::new("/sys/fs/cgroup");
        let places = [root.to_owned(), root.join("unified")];
        for place in places
            .map(|p| p.join(&self.cgroup))
            .iter()
            .filter(|p| p.exists())
        {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(3) {
                let below = fs::read_dir(place).into_iter().flatten().flatten();
                let below = below.filter(|e| e.path().is_dir());
                below.for_each(|e| drop(fs::remove_dir(e.path())));
                if fs::remove_dir(place).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
