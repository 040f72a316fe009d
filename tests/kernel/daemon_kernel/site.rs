//! A standby that runs the daemon, a switch beside it (an SNMP agent in this process), and one more machine behind a
//! cable that is primary, cameras and gateway at once: its kernel answers for all of their addresses.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Host, Lab, lab};
use crate::switch_agent::{COMMUNITY, Fake};

/// How long anything that takes a second may take here.
pub const SOON: Duration = Duration::from_secs(12);

pub struct Site {
    pub lab: Lab,
    pub fake: Fake,
    dir: tempfile::TempDir,
    /// The switch runs on it.
    _runtime: tokio::runtime::Runtime,
    daemon: Option<Child>,
    path: Option<PathBuf>,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(child) = &mut self.daemon {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

fn binary() -> PathBuf {
    std::env::var_os("STANDIN_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_standin")),
        PathBuf::from,
    )
}

impl Site {
    /// The machines, and the configuration with `peer` in `[peer.cctv]` and `service` in its service (three seconds, if empty); nothing runs yet.
    pub fn new(peer: &str, service: &str) -> Option<Site> {
        let lab = lab()?;
        lab.camera.sh(
            "for n in 1 11 12 13 14 101; do ip addr add 10.99.0.$n/24 dev c0 2>/dev/null || :; done",
        );
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let fake = lab.standby.run(|| runtime.block_on(Fake::start()));
        let mac = lab.camera.sh("ip -br link show c0 | awk '{print $3}'");
        fake.with(|s| s.fdb = vec![(1, mac.trim().parse().unwrap(), 1)]);
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut secret = std::fs::OpenOptions::new();
        let secret = secret.write(true).create(true).mode(0o600);
        let mut secret = secret.open(path("community")).unwrap();
        secret.write_all(COMMUNITY.as_bytes()).unwrap();
        let cameras = "name,address\nc1,10.99.0.11\nc2,10.99.0.12\nc3,10.99.0.13\nc4,10.99.0.14\n";
        std::fs::write(path("cameras.csv"), cameras).unwrap();
        let site = Site {
            lab,
            fake,
            dir,
            _runtime: runtime,
            daemon: None,
            path: None,
        };
        site.configure("10.99.0.101/24", peer, service);
        site.serve_rtmp(&site.lab.camera, "0.0.0.0:1935");
        Some(site)
    }

    /// Writes the configuration.
    pub fn configure(&self, vip: &str, peer: &str, service: &str) {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let service = if service.is_empty() {
            "timeout = \"3s\""
        } else {
            service
        };
        let text = format!(
            "[node]\nname = \"standby\"\nstate-dir = \"{}\"\nsocket = \"{}\"\nrealtime = false\n\
             [switch.core]\naddress = \"{}\"\nprofile = \"generic-qbridge\"\noper-staleness = \"0s\"\nuplinks = [\"ge48\"]\n\
             [switch.core.snmp]\ncommunity-file = \"community\"\n\
             [peer.cctv]\nkind = \"agentless\"\nvip = \"{vip}\"\ninterface = \"s0\"\n{peer}\n\
             [peer.cctv.detect]\nstartup-grace = \"0s\"\nmin-cameras = 3\nstall = \"2s\"\n\
             [[peer.cctv.fence]]\nswitch = \"core\"\nports = [\"ge1\"]\npersist = false\n\
             [peer.cctv.service]\n{service}\n\
             [peer.cctv.announce]\nrefresh = \"2s\"\n\
             [peer.cctv.verify]\ncameras = \"cameras.csv\"\nwithin = \"1s\"\n",
            path("state"),
            path("standin.sock"),
            self.fake.address,
        );
        std::fs::write(path("standin.toml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config");
        command.arg(self.dir.path().join("standin.toml"));
        command
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(&mut self) {
        self.launch();
        self.until("the daemon answers", |s| s.is_object());
    }

    pub fn launch(&mut self) {
        let log = self.dir.path().join("log");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut command = self.command(&["run"]);
        if let Some(folder) = &self.path {
            let before = std::env::var("PATH").unwrap();
            command.env("PATH", format!("{}:{before}", folder.display()));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.daemon = Some(self.lab.standby.run(|| command.spawn().unwrap()));
    }

    /// From the next start on the daemon finds this script where it looks for `nft`.
    pub fn replace_nft(&mut self, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let folder = self.dir.path().join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        let nft = folder.join("nft");
        std::fs::write(&nft, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&nft, std::fs::Permissions::from_mode(0o755)).unwrap();
        self.path = Some(folder);
    }

    /// `standin run` with a configuration that is refused; its exit code.
    pub fn start_in_vain(&self) -> Option<i32> {
        let path = self.dir.path().join("standin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\nnonsense = 1\n")).unwrap();
        let mut command = self.command(&["run"]);
        let code = self
            .lab
            .standby
            .run(|| command.output().unwrap().status.code());
        std::fs::write(&path, text).unwrap();
        code
    }

    pub fn signal(&mut self, signal: nix::sys::signal::Signal) {
        if let Some(mut child) = self.daemon.take() {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            nix::sys::signal::kill(pid, signal).unwrap();
            child.wait().unwrap();
        }
    }

    /// How many children of the daemon run this command now.
    pub fn children(&self, command: &str) -> usize {
        let pid = self.daemon.as_ref().map(Child::id).unwrap();
        let ps = self.standby(&format!("ps --no-headers -o args --ppid {pid} || :"));
        ps.lines().filter(|line| line.trim() == command).count()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub fn ask(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.command(arguments);
        command.arg("--json").stdin(Stdio::null());
        let out = self.lab.standby.run(|| command.output().unwrap());
        let answer = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
        (out.status.code(), answer)
    }

    /// Exit code, and what is printed for a person.
    pub fn say(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null());
        let out = self.lab.standby.run(|| command.output().unwrap());
        let said = [out.stdout, out.stderr].concat();
        (
            out.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// What `status` says of the peer; null while nobody answers.
    pub fn status(&self) -> Value {
        self.ask(&["status"]).1["peers"][0].clone()
    }

    /// Waits, with patience for a busy machine, until `true_of` holds for the status.
    pub fn until(&self, what: &str, true_of: impl Fn(&Value) -> bool) -> Value {
        self.within(SOON, what, true_of)
    }

    pub fn within(&self, time: Duration, what: &str, true_of: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let status = self.status();
            if true_of(&status) {
                return status;
            }
            assert!(
                begun.elapsed() < time,
                "{what}: not within {time:?}: {status:#}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the standby's shell says `text`.
    pub fn until_says(&self, command: &str, text: &str) {
        let begun = Instant::now();
        loop {
            let said = self.standby(command);
            if said.contains(text) {
                return;
            }
            assert!(
                begun.elapsed() < SOON,
                "`{command}` never says {text:?}: {said}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn standby(&self, command: &str) -> String {
        self.lab.standby.sh(command)
    }

    /// The primary dies: its kernel has the address no more, and its switch port goes down.
    pub fn kill_primary(&self) {
        self.lab.camera.sh("ip addr del 10.99.0.101/24 dev c0");
        self.fake.with(|s| s.cable("ge1", 2));
    }

    pub fn revive_primary(&self) {
        self.lab.camera.sh("ip addr add 10.99.0.101/24 dev c0");
    }

    /// Kills the primary and waits until the standby owns the address.
    pub fn take_over(&self) {
        self.kill_primary();
        self.within(SOON * 2, "the address is taken over", |s| {
            s["owner"] == true
        });
        self.until_says("ip -4 addr show", "10.99.0.101/24");
    }

    /// Serves RTMP handshakes on `at` in `host` until the site is gone.
    pub fn serve_rtmp(&self, host: &Host, at: &str) {
        let listener = host.run(|| std::net::TcpListener::bind(at).unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                std::thread::spawn(move || shake(stream));
            }
        });
    }

    pub fn healthy(&self) {
        self.until("the peer is healthy", |s| {
            // An old binary confirms no port.
            let place = &s["placement"][0]["state"];
            s["peer"]["healthy_since_boot"] == true
                && s["state"] == "standby"
                && (place.is_null() || *place == "confirmed")
        });
    }
}

/// S0, S1 (any) and S2 (the client's C1), as section 5.2 of RTMP wants it.
fn shake(mut stream: std::net::TcpStream) {
    use std::io::Read;
    let mut asked = vec![0u8; 1537];
    if stream.read_exact(&mut asked).is_err() {
        return;
    }
    let mut answer = vec![3u8];
    answer.extend([7u8; 1536]);
    answer.extend(&asked[1..]);
    let _ = stream.write_all(&answer);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

/// True if an alarm of this key stands, for the peer.
pub fn alarm(status: &Value, key: &str) -> bool {
    let alarms = status["alarms"].as_array().into_iter().flatten();
    alarms.into_iter().any(|a| a["key"] == key)
}
