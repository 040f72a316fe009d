//! A switch behind a real SSH server, and the machines that are plugged into it, each in a network namespace of the
//! test's own. Needs root.

pub mod story;

use std::fs::File;
use std::future::Future;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use standin::switch::ssh::SshTarget;
use standin::switch::{
    ChangeError, ChangeProof, ChangeRequest, Credentials, Operation, Profile, Switch, SwitchTarget,
    change,
};
use standin::types::MacAddr;

pub struct Host(File);

impl Host {
    pub fn new() -> Host {
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace of our own (root)");
            let host = Host(File::open("/proc/thread-self/ns/net").unwrap());
            sh(
                "ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
            );
            host
        })
    }

    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.0, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            f()
        })
    }

    pub fn sh(&self, command: &str) -> String {
        self.run(|| sh(command))
    }

    pub fn block_on<F: Future>(&self, f: impl FnOnce() -> F + Send) -> F::Output
    where
        F::Output: Send,
    {
        self.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::time::timeout(Duration::from_secs(60), f())
                    .await
                    .unwrap()
            })
        })
    }

    /// Whether `address` answers within half a second.
    pub fn reaches(&self, address: &str) -> bool {
        self.run(|| {
            let ping = Command::new("ping")
                .args(["-c", "1", "-W", "0.5", "-q", address])
                .stdout(Stdio::null())
                .status();
            ping.unwrap().success()
        })
    }
}

fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| {
        s.spawn(f)
            .join()
            .unwrap_or_else(|e| std::panic::resume_unwind(e))
    })
}

pub fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-ec", command]).output().unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// True if the test can be run here; says why not, and fails where it was required.
pub fn possible(needed: &[&str], how: &str) -> bool {
    let missing: Vec<_> = needed
        .iter()
        .filter(|p| !std::path::Path::new(p).exists())
        .collect();
    let root = nix::unistd::geteuid().is_root();
    if root && missing.is_empty() {
        return true;
    }
    let why = format!("needs root and {how}; root: {root}, missing: {missing:?}");
    assert!(std::env::var_os("REQUIRE_LAB").is_none(), "{why}");
    eprintln!("skipped: {why}");
    false
}

/// The switch and its machines.
pub struct Site {
    /// Where the switch is managed from.
    pub management: Host,
    /// For the [`story`]: h1 and h2 in VLAN 10, h3 in VLAN 20, and h4 on a trunk that carries 10.
    pub hosts: Vec<Host>,
    /// Ended in reverse order.
    pub children: Vec<Child>,
    /// Has `user` (a private key) and `known_hosts`.
    pub dir: tempfile::TempDir,
    /// Its SSH server.
    pub ssh: SocketAddr,
    pub profile: Arc<Profile>,
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Site {
    /// Where it is managed from, and the keys of both sides (`host`, `user`); no switch and no machines yet.
    pub fn new(profile: Profile, ssh: &str) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let d = dir.path().display().to_string();
        let keys = "ssh-keygen -q -t ed25519 -N '' -C '' -f";
        let ssh: SocketAddr = ssh.parse().unwrap();
        let (ip, port) = (ssh.ip(), ssh.port());
        let name = if port == 22 {
            ip.to_string()
        } else {
            format!("[{ip}]:{port}")
        };
        sh(&format!(
            "chmod 755 {d}; {keys} {d}/host; {keys} {d}/user; cp {d}/user.pub {d}/authorized; chmod 600 {d}/authorized; \
             echo \"{name} $(cut -d' ' -f1,2 {d}/host.pub)\" > {d}/known_hosts"
        ));
        Site {
            management: Host::new(),
            hosts: Vec::new(),
            children: Vec::new(),
            dir,
            ssh,
            profile: Arc::new(profile),
        }
    }

    /// Starts a program in the management namespace, in the background.
    pub fn spawn(&mut self, program: &str, args: &[String], environment: &[(&str, &str)]) {
        let child = self.management.run(|| {
            let mut command = Command::new(program);
            command.args(args).envs(environment.iter().copied());
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.spawn().unwrap_or_else(|e| panic!("{program}: {e}"))
        });
        self.children.push(child);
    }

    /// Makes an interface of the management namespace the `eth0` of the next machine, 10.9.0.1 and on.
    pub fn plug(&mut self, interface: &str) {
        let host = Host::new();
        // A process in the target namespace gives `ip` something to name it by.
        let mut holder = host.run(|| Command::new("sleep").arg("30").spawn().unwrap());
        self.management
            .sh(&format!("ip link set {interface} netns {}", holder.id()));
        let _ = holder.kill();
        let _ = holder.wait();
        let n = self.hosts.len() + 1;
        host.sh(&format!(
            "ip link set {interface} name eth0; ip link set eth0 address 02:00:00:00:00:0{n}; ip link set eth0 up; \
             ip addr add 10.9.0.{n}/24 dev eth0; ethtool -K eth0 tx off > /dev/null"
        ));
        self.hosts.push(host);
    }

    pub fn target(&self) -> SwitchTarget {
        let d = self.dir.path();
        let mut ssh = SshTarget::new("sw", self.ssh, "root", d.join("known_hosts"));
        ssh.key = Some(d.join("user"));
        SwitchTarget {
            name: "sw".into(),
            address: "127.0.0.1:161".parse().unwrap(),
            local: None,
            profile: self.profile.clone(),
            credentials: Credentials::Off,
            timeout: Duration::from_millis(300),
            retries: 1,
            ssh: Some(ssh),
            prefer: Vec::new(),
            oper_staleness: None,
            uplinks: vec!["p4".into()],
            own_ports: vec!["p2".into()],
        }
    }

    pub fn change(
        &self,
        operation: Operation,
        port: &str,
        tweak: impl Fn(&mut ChangeRequest) + Send + Sync,
    ) -> Result<ChangeProof, ChangeError> {
        let target = self.target();
        self.management.block_on(|| async move {
            let mut request = ChangeRequest::new(operation, Some(port), Duration::from_secs(20));
            tweak(&mut request);
            change(&Switch::new(target), request).await
        })
    }
}

pub fn wait(done: impl FnMut() -> bool) {
    wait_at_most(10, done);
}

pub fn wait_at_most(seconds: u64, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(
            Instant::now() < until,
            "it did not come up within {seconds} s"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

/// Whether a broadcast frame, tagged with `vlan`, that leaves `from` arrives at `to` without its tag.
pub fn tagged_arrives(from: &Host, to: &Host, vlan: u16) -> bool {
    let mut listener = to.run(|| {
        let code = "import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x88b5))\n\
                    s.bind(('eth0',0x88b5));s.settimeout(1.5)\nprint('ready',flush=True)\n\
                    try:\n s.recv(100);sys.exit(0)\nexcept OSError: sys.exit(1)";
        Command::new("python3").args(["-c", code]).stdout(Stdio::piped()).spawn().unwrap()
    });
    let mut ready = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(listener.stdout.take().unwrap()),
        &mut ready,
    )
    .unwrap();
    from.run(|| {
        let code = format!(
            "import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('eth0',0))\n\
             s.send(b'\\xff'*6+b'\\x02\\0\\0\\0\\0\\x04'+b'\\x81\\0'+({vlan}).to_bytes(2,'big')+b'\\x88\\xb5'+b'x'*50)"
        );
        assert!(Command::new("python3").args(["-c", &code]).status().unwrap().success());
    });
    listener.wait().unwrap().success()
}
