//! A network namespace with an interface, cameras that answer ARP on its other end, a switch of the test's own, and the
//! daemon.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::CommandCargoExt;
use nix::sched::CloneFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::switch_agent::{COMMUNITY, Fake};

/// The VIP and its prefix.
pub const VIP: &str = "192.0.2.10";
/// What the daemon must have done within this, it never does.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `test` on a thread of its own that is alone in a network namespace; nothing but a word about it where none can
/// be made.
pub fn alone<F: Future<Output = ()>>(test: impl FnOnce(Site) -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if let Err(e) = nix::sched::unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS) {
            assert!(
                std::env::var_os("REQUIRE_LAB").is_none(),
                "no network namespace can be made: {e}"
            );
            eprintln!("skipped: no network namespace can be made here (run as root): {e}");
            return;
        }
        // What is mounted here is mounted here alone.
        sh("mount --make-rprivate /");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { test(Site::new().await).await });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The machine under test, its network and its switch.
pub struct Site {
    dir: tempfile::TempDir,
    /// The switch `core`: ge1 is the peer's.
    pub fake: Fake,
    net: Child,
    daemon: Option<Child>,
    /// What the daemon logs, where not what the configuration says.
    pub filter: Option<String>,
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in [Some(&mut self.net), self.daemon.as_mut()]
            .into_iter()
            .flatten()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Runs a command of the shell.
pub fn sh(command: &str) {
    let done = Command::new("sh").args(["-ec", command]).output().unwrap();
    assert!(done.status.success(), "{command}: {done:?}");
}

pub fn secret_file(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

impl Site {
    async fn new() -> Site {
        sh(
            "ip link set lo up; ip link add d0 type veth peer name d1; ip address add 192.0.2.5/24 dev d0",
        );
        let net = Command::new("unshare")
            .args(["-n", "sleep", "600"])
            .spawn()
            .unwrap();
        // Until unshare has made its namespace, that process is still in ours.
        let ours = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", net.id());
        while std::fs::read_link(&theirs).unwrap() == ours {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let id = net.id();
        sh(&format!(
            "ip link set d1 netns {id}; nsenter -t {id} -n sh -ec 'ip link set d1 up; for n in 21 22 23 24; do ip address add 192.0.2.$n/24 dev d1; done'; ip link set d0 up"
        ));
        let dir = tempfile::tempdir().unwrap();
        secret_file(&dir.path().join("community"), COMMUNITY);
        secret_file(&dir.path().join("key"), "0123456789abcdef0123456789abcdef");
        let cameras = (21..=24).map(|n| format!("cam{n},192.0.2.{n}\n"));
        let cameras = format!("name,address\n{}", cameras.collect::<String>());
        std::fs::write(dir.path().join("cameras.csv"), cameras).unwrap();
        let site = Site {
            dir,
            fake: Fake::start().await,
            net,
            daemon: None,
            filter: None,
        };
        site.write(|text| text);
        site
    }

    /// The process in whose network the cameras are.
    pub fn net_id(&self) -> u32 {
        self.net.id()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A switch of this name, as the file has it.
    pub fn switch(&self, name: &str, address: &str) -> String {
        format!(
            "[switch.{name}]\naddress = \"{address}\"\nprofile = \"generic-qbridge\"\noper-staleness = \"0s\"\n\
             uplinks = [\"ge48\"]\n[switch.{name}.snmp]\ncommunity-file = \"community\"\n"
        )
    }

    /// The configuration, changed by `edit`.
    pub fn write(&self, edit: impl FnOnce(String) -> String) {
        let core = self.switch("core", &self.fake.address.to_string());
        let text = format!(
            "[node]\nname = \"standby-b\"\nstate-dir = \"state\"\nsocket = \"{}\"\nrealtime = false\n{core}\
             [peer.cctv]\nkind = \"agentless\"\nvip = \"{VIP}/24\"\ninterface = \"d0\"\nmac = \"02:00:00:00:00:01\"\n\
             [[peer.cctv.fence]]\nswitch = \"core\"\nports = [\"ge1\"]\npersist = false\ntimeout = \"3s\"\n\
             [peer.cctv.verify]\ncameras = \"cameras.csv\"\n",
            self.path("sock").display()
        );
        std::fs::write(self.path("standin.toml"), edit(text)).unwrap();
    }

    /// The program under test; `STANDIN_BIN` names another one.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match std::env::var_os("STANDIN_BIN") {
            Some(other) => Command::new(other),
            None => Command::cargo_bin("standin").unwrap(),
        };
        command
            .arg("--config")
            .arg(self.path("standin.toml"))
            .args(arguments)
            .stdin(Stdio::null());
        if let Some(filter) = &self.filter {
            command.env("RUST_LOG", filter);
        }
        command
    }

    /// A command to its end; the switch goes on answering meanwhile.
    pub async fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// Starts the daemon, which appends to its log, and waits until it answers.
    pub async fn start(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("log"));
        self.start_with(log.unwrap().into()).await;
    }

    /// As [`Site::start`], with another place for the log.
    pub async fn start_with(&mut self, log: Stdio) {
        self.spawn(log);
        let here = self.status_where("it runs", |s| s["ok"] == true);
        here.await;
    }

    /// Starts the daemon and waits for nothing.
    pub fn spawn(&mut self, log: Stdio) {
        let daemon = self.command(&["run"]).stderr(log).spawn().unwrap();
        self.daemon = Some(daemon);
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn signal(&self, signal: Signal) {
        let id = self.daemon.as_ref().unwrap().id();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
    }

    /// Ends the daemon; its exit code.
    pub async fn end(&mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        let mut daemon = self.daemon.take().unwrap();
        let ended = tokio::task::spawn_blocking(move || daemon.wait().unwrap());
        ended.await.unwrap().code()
    }

    /// SIGHUP with a file changed by `edit`; returns what the log said of it.
    pub async fn reload(&self, edit: impl FnOnce(String) -> String) -> String {
        let before = self.log().len();
        self.write(edit);
        self.signal(Signal::SIGHUP);
        self.logged(before, &["in force"]).await
    }

    /// Waits until the log has one of these words behind `from`; returns what stands there.
    pub async fn logged(&self, from: usize, words: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let said = self.log()[from..].to_owned();
            if words.iter().any(|w| said.contains(w)) {
                tokio::time::sleep(Duration::from_millis(50)).await;
                return self.log()[from..].to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "not said: {words:?}: {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `status --json`, or `null` while nobody answers.
    pub async fn status(&self) -> Value {
        let out = self.ask(&["status", "--json"]).await;
        serde_json::from_slice(&out.stdout).unwrap_or_default()
    }

    pub async fn status_where(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status().await;
            if is(&status) {
                return status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: {status}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A takeover by hand, until the fence is proven and the address is here.
    pub async fn take_over(&self) {
        // Witnesses must have answered first.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let out = self.ask(&["takeover", "cctv", "--no-wait"]).await;
        eprintln!("takeover: {out:?}");
        self.status_where("the fence is proven", fenced).await;
    }

    /// The ports of the switch that are shut.
    pub fn shut(&self) -> Vec<&'static str> {
        self.fake.with(|s| {
            let down = s.ports.iter().filter(|p| p.admin == 2);
            down.map(|p| p.name).collect()
        })
    }
}

/// The fence stands. Nobody confirmed that the port is the peer's: this switch was never seen beside a peer that lives.
pub fn fenced(status: &Value) -> bool {
    let fence = &status["peers"][0]["fence"];
    fence == "proven" || fence == "shut, unconfirmed"
}

/// The alarm of this key, of the machine or of a peer.
pub fn alarm(status: &Value, key: &str) -> Option<String> {
    let peers = status["peers"].as_array().into_iter().flatten();
    let all = peers.chain([status]).filter_map(|p| p["alarms"].as_array());
    let mut found = all.flatten().filter(|a| a["key"] == key);
    found.next().map(|a| a["text"].as_str().unwrap().to_owned())
}
