//! The modes, refusals and questions of an IOS-like command line against a real one: FRR's vtysh behind a real OpenSSH,
//! in a network namespace of the test's own. The profile is cisco-ios with the one show that vtysh words otherwise.
//! Needs root, openssh-server and frr.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use standin::switch::profile::Transport;
use standin::switch::ssh::{Cli, SshTarget, Vars};
use standin::switch::{
    ChangeRequest, Credentials, Operation, Profile, Switch, SwitchTarget, change,
};

const PORT: u16 = 22023;
const ZEBRA: &str = "/usr/lib/frr/zebra";

/// What vtysh shows of a port, in place of IOS's `show interfaces ... status`.
const SHOW: &str = r#"
[ssh.show.port]
mode = "exec"
send = "show interface {port}"
row = '^Interface (?<port>\S+) is (?<status>up|down)(?:, line protocol is \w+)?\s*$'
[ssh.show.port.map.status]
up = { admin = "up", oper = "up" }
down = { admin = "down", oper = "down" }
"#;

struct Router {
    ns: File,
    children: Vec<Child>,
    dir: tempfile::TempDir,
}

impl Drop for Router {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn sh(command: &str) -> String {
    let out = Command::new("sh").args(["-ec", command]).output().unwrap();
    assert!(
        out.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| {
        s.spawn(f)
            .join()
            .unwrap_or_else(|e| std::panic::resume_unwind(e))
    })
}

impl Router {
    fn new() -> Option<Router> {
        let there = ["/usr/sbin/sshd", "/usr/bin/vtysh", ZEBRA]
            .iter()
            .all(|p| Path::new(p).exists());
        if !(there && nix::unistd::geteuid().is_root()) {
            assert!(
                std::env::var_os("REQUIRE_LAB").is_none(),
                "root, openssh-server and frr are needed"
            );
            eprintln!("skipped: needs root, openssh-server and frr");
            return None;
        }
        let ns = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        let mut router = Router {
            ns,
            children: Vec::new(),
            dir: tempfile::tempdir().unwrap(),
        };
        router.start();
        Some(router)
    }

    fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.ns, CloneFlags::CLONE_NEWNET).unwrap();
            f()
        })
    }

    fn start(&mut self) {
        let d = self.dir.path().display().to_string();
        sh(&format!(
            "mkdir -p /run/sshd; chmod 755 {d}; mkdir {d}/frr; touch {d}/frr/zebra.conf {d}/frr/vtysh.conf; chown -R frr:frr {d}/frr; \
             ssh-keygen -q -t ed25519 -N '' -f {d}/host; ssh-keygen -q -t ed25519 -N '' -f {d}/user; \
             cp {d}/user.pub {d}/authorized; echo \"[127.0.0.1]:{PORT} $(cut -d' ' -f1,2 {d}/host.pub)\" > {d}/known_hosts"
        ));
        fs::write(
            format!("{d}/sshd.conf"),
            format!(
                "ListenAddress 127.0.0.1:{PORT}\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized\nStrictModes no\n\
                 PermitRootLogin prohibit-password\nUsePAM no\nPidFile none\nLogLevel ERROR\n\
                 ForceCommand /usr/bin/vtysh --vty_socket {d}/frr --config_dir {d}/frr\n"
            ),
        )
        .unwrap();
        self.run(|| {
            sh("ip link set lo up; ip link add q1 type veth peer name q2; ip link set q1 up; ip link set q2 up")
        });
        let zebra = [
            "-u",
            "frr",
            "-g",
            "frr",
            "-f",
            "zebra.conf",
            "-i",
            "zebra.pid",
            "-z",
            "zserv.api",
            "--vty_socket",
            ".",
        ];
        for (program, args) in [
            (ZEBRA, zebra.map(str::to_owned).to_vec()),
            (
                "/usr/sbin/sshd",
                ["-D", "-f", "../sshd.conf"].map(str::to_owned).to_vec(),
            ),
        ] {
            let args: Vec<String> = args
                .into_iter()
                .map(|a| match a.as_str() {
                    "zebra.conf" | "zebra.pid" | "zserv.api" => format!("{d}/frr/{a}"),
                    "." => format!("{d}/frr"),
                    "../sshd.conf" => format!("{d}/sshd.conf"),
                    _ => a,
                })
                .collect();
            let child = self.run(|| {
                let mut c = Command::new(program);
                c.args(&args)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap()
            });
            self.children.push(child);
        }
        let until = Instant::now() + Duration::from_secs(10);
        while !Path::new(&format!("{d}/frr/zebra.vty")).exists() {
            assert!(Instant::now() < until, "zebra did not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn profile() -> Profile {
        let ios = Profile::built_in_text("cisco-ios").unwrap();
        let from = ios.find("[ssh.show.port]").unwrap();
        let to = ios.find("[ssh.show.ports]").unwrap();
        let vlans = (
            ios.find("[ssh.show.port_vlans]").unwrap(),
            ios.find("[ssh.show.mac]").unwrap(),
        );
        let text = format!(
            "{}{SHOW}{}{}",
            &ios[..from],
            &ios[to..vlans.0],
            &ios[vlans.1..]
        );
        // What is proven of a VLAN by the show that is gone; vtysh has no VLANs.
        let text = text.replace("show = \"port_vlans\"", "show = \"port\"");
        Profile::parse("vtysh", "vtysh.toml", &text).unwrap_or_else(|e| panic!("{e}"))
    }

    fn ssh(&self) -> SshTarget {
        let d = self.dir.path();
        let mut ssh = SshTarget::new(
            "vtysh",
            format!("127.0.0.1:{PORT}").parse().unwrap(),
            "root",
            d.join("known_hosts"),
        );
        ssh.key = Some(d.join("user"));
        ssh
    }

    fn target(&self) -> SwitchTarget {
        SwitchTarget {
            name: "vtysh".into(),
            address: "127.0.0.1:161".parse().unwrap(),
            local: None,
            profile: Arc::new(Router::profile()),
            credentials: Credentials::Off,
            timeout: Duration::from_millis(300),
            retries: 1,
            ssh: Some(self.ssh()),
            prefer: vec![Transport::Ssh],
            oper_staleness: None,
            uplinks: Vec::new(),
            own_ports: Vec::new(),
        }
    }

    fn block_on<T: Send>(&self, f: impl AsyncFnOnce() -> T + Send) -> T {
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

    fn is_up(&self) -> bool {
        self.run(|| sh("ip -br link show q1").contains("LOWER_UP"))
    }
}

#[test]
fn a_port_is_shut_and_opened_through_the_modes_of_a_real_command_line() {
    let Some(router) = Router::new() else { return };
    assert!(router.is_up());
    let change_port = |operation| {
        let target = router.target();
        router.block_on(async || {
            change(
                &Switch::new(target),
                ChangeRequest::new(operation, Some("q1"), Duration::from_secs(30)),
            )
            .await
        })
    };
    let off = change_port(Operation::PortOff).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((off.transport, off.already), (Transport::Ssh, false));
    assert!(
        !router.is_up(),
        "it is proven shut, and the kernel has it up"
    );
    assert!(change_port(Operation::PortOff).unwrap().already);
    change_port(Operation::PortOn).unwrap_or_else(|e| panic!("{e}"));
    assert!(router.is_up());
    refusals_and_modes(&router);
}

fn refusals_and_modes(router: &Router) {
    let (ssh, rules) = (router.ssh(), Router::profile().cli.unwrap());
    router.block_on(async || {
        let cli = Cli::new(ssh, rules);
        let text = cli.show("running", &Vars::new()).await.unwrap();
        assert!(
            text[0]["text"].contains("interface q1") || text[0]["text"].contains("hostname"),
            "{text:?}"
        );
        let commands =
            ["interface q1", "no such command", "shutdown"].map(standin::switch::ssh::Command::new);
        let report = cli
            .send(
                Some("config"),
                &commands,
                &Vars::new(),
                standin::switch::ssh::Commit::No,
                Duration::from_secs(10),
            )
            .await;
        let error = report
            .error
            .as_ref()
            .expect("vtysh knows no such command")
            .to_string();
        assert!(
            error.contains("refused `no such command`") && error.contains("Unknown command"),
            "{error}"
        );
        assert_eq!(
            report.sent.len(),
            2,
            "nothing is sent after a refusal: {report:?}"
        );
    });
    assert!(router.is_up(), "the command after the refused one was sent");
}
