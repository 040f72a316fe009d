//! Fence, VLAN moves, trunks, FDB and undo over SSH on a real switch: Open vSwitch behind a real OpenSSH, in network
//! namespaces of the test's own. What counts is what frames do, not only what reads back. Needs root.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use standin::config::{Fence, Quarantine};
use standin::daemon::forwarding::forwarding;
use standin::daemon::moving::{Whose, move_port};
use standin::daemon::quarantine;
use standin::switch::change::{plan_change, undo};
use standin::switch::profile::Transport;
use standin::switch::ssh::SshTarget;
use standin::switch::{
    Admin, ChangeError, ChangeRequest, Credentials, FencePort, FenceRequest, FenceTag, Lift,
    Operation, Profile, Switch, SwitchTarget, change, fence, unfence,
};
use standin::takeover::event::{FenceRead, Outcome};
use standin::types::{Epoch, MacAddr, VlanId};

const PORT: u16 = 22022;

struct Host(File);

impl Host {
    fn new() -> Host {
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace of our own (root)");
            let host = Host(File::open("/proc/thread-self/ns/net").unwrap());
            sh(
                "ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
            );
            host
        })
    }

    fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.0, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            f()
        })
    }

    fn sh(&self, command: &str) -> String {
        self.run(|| sh(command))
    }

    fn block_on<F: Future>(&self, f: impl FnOnce() -> F + Send) -> F::Output
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
    fn reaches(&self, address: &str) -> bool {
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

fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-ec", command]).output().unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Three machines on an Open vSwitch: h1 and h2 in VLAN 10, h3 in VLAN 20, and h4 on a trunk that carries 10.
struct Site {
    switch: Host,
    hosts: Vec<Host>,
    children: Vec<Child>,
    dir: tempfile::TempDir,
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
    fn new() -> Option<Site> {
        let root = nix::unistd::geteuid().is_root();
        let there = [
            "/usr/sbin/sshd",
            "/usr/sbin/ovs-vswitchd",
            "/usr/bin/ssh-keygen",
        ]
        .iter()
        .all(|p| Path::new(p).exists());
        if !(root && there) {
            assert!(
                std::env::var_os("REQUIRE_LAB").is_none(),
                "root, openssh-server and openvswitch-switch are needed"
            );
            eprintln!("skipped: needs root, openssh-server and openvswitch-switch");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut site = Site {
            switch: Host::new(),
            hosts: (0..4).map(|_| Host::new()).collect(),
            children: Vec::new(),
            dir,
        };
        site.start();
        Some(site)
    }

    fn start(&mut self) {
        let d = self.dir.path().display().to_string();
        let keys = "ssh-keygen -q -t ed25519 -N '' -f";
        sh(&format!(
            "mkdir -p /run/sshd; chmod 755 {d}; {keys} {d}/host; {keys} {d}/user; cp {d}/user.pub {d}/authorized; \
             chmod 600 {d}/authorized; ovsdb-tool create {d}/conf.db /usr/share/openvswitch/vswitch.ovsschema; \
             echo \"[127.0.0.1]:{PORT} $(cut -d' ' -f1,2 {d}/host.pub)\" > {d}/known_hosts"
        ));
        fs::write(
            format!("{d}/sshd.conf"),
            format!(
                "ListenAddress 127.0.0.1:{PORT}\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized\nStrictModes no\n\
                 PermitRootLogin prohibit-password\nUsePAM no\nPidFile none\nSetEnv OVS_RUNDIR={d}\nLogLevel ERROR\n"
            ),
        )
        .unwrap();
        for (program, args) in [
            (
                "ovsdb-server",
                vec![
                    format!("{d}/conf.db"),
                    format!("--remote=punix:{d}/db.sock"),
                    "-vconsole:off".into(),
                ],
            ),
            (
                "ovs-vswitchd",
                vec![
                    format!("unix:{d}/db.sock"),
                    "--disable-system".into(),
                    "-vconsole:off".into(),
                    "--pidfile".into(),
                ],
            ),
            (
                "/usr/sbin/sshd",
                vec![
                    "-D".into(),
                    "-e".into(),
                    "-f".into(),
                    format!("{d}/sshd.conf"),
                ],
            ),
        ] {
            let child = self.switch.run(|| {
                let mut command = Command::new(program);
                command
                    .args(&args)
                    .env("OVS_RUNDIR", &d)
                    .env("OVS_LOGDIR", &d)
                    .stdin(Stdio::null());
                command
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap()
            });
            self.children.push(child);
            if program == "ovsdb-server" {
                wait(|| Path::new(&format!("{d}/db.sock")).exists());
            }
        }
        let ovs = format!("OVS_RUNDIR={d} ovs-vsctl --timeout=10");
        self.switch.sh(&format!(
            "{ovs} --no-wait init; {ovs} add-br br0 -- set bridge br0 datapath_type=netdev"
        ));
        for (i, how) in ["tag=10", "tag=10", "tag=20", "vlan_mode=trunk trunks=10"]
            .iter()
            .enumerate()
        {
            let n = i + 1;
            let host = &self.hosts[i];
            self.switch.sh(&format!(
                "ip link add p{n} address 02:00:00:00:01:0{n} type veth peer name e{n} address 02:00:00:00:00:0{n}; ip link set p{n} up"
            ));
            self.give(&format!("e{n}"), host);
            self.hosts[i].sh(&format!(
                "ip link set e{n} name eth0; ip link set eth0 up; ip addr add 10.9.0.{n}/24 dev eth0; ethtool -K eth0 tx off > /dev/null"
            ));
            self.switch
                .sh(&format!("{ovs} add-port br0 p{n} -- set port p{n} {how}"));
        }
        wait(|| self.hosts[0].reaches("10.9.0.2"));
    }

    /// Moves an interface of the switch's namespace into a machine's.
    fn give(&self, interface: &str, to: &Host) {
        // A process in the target namespace gives `ip` something to name it by.
        let mut holder = to.run(|| Command::new("sleep").arg("30").spawn().unwrap());
        self.switch
            .sh(&format!("ip link set {interface} netns {}", holder.id()));
        let _ = holder.kill();
        let _ = holder.wait();
    }

    fn target(&self) -> SwitchTarget {
        let d = self.dir.path();
        let mut ssh = SshTarget::new(
            "ovs",
            format!("127.0.0.1:{PORT}").parse().unwrap(),
            "root",
            d.join("known_hosts"),
        );
        ssh.key = Some(d.join("user"));
        SwitchTarget {
            name: "ovs".into(),
            address: "127.0.0.1:161".parse().unwrap(),
            local: None,
            profile: Arc::new(Profile::find("openvswitch", None).unwrap()),
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

    fn change(
        &self,
        operation: Operation,
        port: &str,
        tweak: impl Fn(&mut ChangeRequest) + Send + Sync,
    ) -> Result<standin::switch::ChangeProof, ChangeError> {
        let target = self.target();
        self.switch.block_on(|| async move {
            let mut request = ChangeRequest::new(operation, Some(port), Duration::from_secs(20));
            tweak(&mut request);
            change(&Switch::new(target), request).await
        })
    }
}

fn wait(mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < until, "it did not come up within 10 s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

/// Whether a broadcast frame, tagged with `vlan`, that leaves `from` arrives at `to` without its tag.
fn tagged_arrives(from: &Host, to: &Host, vlan: u16) -> bool {
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

#[test]
fn a_switch_behind_ssh_is_fenced_moved_and_put_back_and_the_frames_show_it() {
    let Some(site) = Site::new() else { return };
    let perms = fs::metadata(site.dir.path().join("user"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(perms & 0o77, 0);
    the_table(&site);
    the_fence(&site);
    a_move_and_its_undo(&site);
    a_trunk(&site);
    the_guards(&site);
    found_by_itself(&site);
    a_port_takeover_and_back(&site);
    found_and_flushed(&site);
}

/// The daemon's own steps: the peer (p1) to quarantine, the parked port (p3) into production once it forwards, and back.
fn a_port_takeover_and_back(site: &Site) {
    const QUARANTINE: VlanId = VlanId(30);
    let level = Fence {
        switch: "ovs".into(),
        ports: vec!["p1".into()],
        quarantine: None,
        alias: None,
        persist: false,
        timeout: Duration::from_secs(10),
    };
    let vlans = Quarantine {
        production: VlanId(10),
        quarantine: QUARANTINE,
    };
    let (parked, production) = (VlanId(20), VlanId(10));
    let within = Duration::from_secs(20);
    let on = || Switch::new(site.target());
    let planned = |port: &'static str, to: VlanId| {
        let switch = on();
        let plan = site.switch.block_on(|| async move {
            let request = ChangeRequest::new(Operation::SetAccessVlan(to), Some(port), within);
            plan_change(&switch, &request).await.unwrap()
        });
        assert!(plan.refused.is_empty(), "{plan:?}");
        let commands: Vec<String> = plan
            .lines
            .iter()
            .filter_map(|l| l.command.clone())
            .collect();
        let expected = format!(
            "ovs-vsctl --timeout=5 set port {port} tag={} vlan_mode=access",
            to.0
        );
        assert_eq!(commands, [expected]);
    };
    assert!(site.hosts[1].reaches("10.9.0.1") && !site.hosts[1].reaches("10.9.0.3"));

    planned("p1", QUARANTINE);
    let (switch, fence) = (on(), level.clone());
    let how = site.switch.block_on(|| async move {
        let (who, known) = ((Some(mac(1)), &[mac(9)][..]), BTreeMap::new());
        let done = quarantine::set(&switch, &fence, vlans, who, &known, || {}).await;
        let read = quarantine::read(&switch, &fence, vlans).await;
        assert_eq!(read, FenceRead::Present);
        done.unwrap()
    });
    assert!(how.contains("is not in VLAN 10"), "{how}");
    assert!(
        !site.hosts[1].reaches("10.9.0.1"),
        "it reaches others from quarantine"
    );

    // Real spanning tree, with the shortest delays it allows: four seconds listening, four learning.
    planned("p3", production);
    let d = site.dir.path().display().to_string();
    site.switch.sh(&format!(
        "for p in p1 p2 p3 p4; do set -- \"$@\" -- set port $p other_config:stp-enable=false; done; \
         OVS_RUNDIR={d} ovs-vsctl --timeout=10 set bridge br0 stp_enable=true other_config:stp-forward-delay=4 \
         other_config:stp-max-age=6 other_config:stp-hello-time=1 \"$@\""
    ));
    let switch = on();
    let moved = site.switch.block_on(|| async move {
        move_port(
            &switch,
            "p3",
            (parked, production),
            &Whose::default(),
            within,
            || {},
        )
        .await
    });
    assert!(matches!(moved, Outcome::Done(_)), "{moved:?}");
    site.switch.sh(&format!(
        "OVS_RUNDIR={d} ovs-vsctl --timeout=10 set port p3 other_config:stp-enable=true"
    ));
    assert!(
        !site.hosts[1].reaches("10.9.0.3"),
        "frames pass while it listens"
    );
    let (switch, begun) = (on(), Instant::now());
    let waited = site
        .switch
        .block_on(|| async move { forwarding(&switch, "p3", production, within).await });
    let took = begun.elapsed();
    assert!(
        matches!(&waited, Outcome::Done(how) if how.contains("forwards")),
        "{waited:?}"
    );
    assert!((4..12).contains(&took.as_secs()), "{took:?}");
    wait(|| site.hosts[1].reaches("10.9.0.3"));
    site.switch.sh(&format!(
        "OVS_RUNDIR={d} ovs-vsctl --timeout=10 set bridge br0 stp_enable=false"
    ));

    let (switch, fence) = (on(), level);
    site.switch.block_on(|| async move {
        let back = (production, parked);
        let parked = move_port(&switch, "p3", back, &Whose::default(), within, || {}).await;
        assert!(matches!(parked, Outcome::Done(_)), "{parked:?}");
        quarantine::lift(&switch, &fence, vlans, within)
            .await
            .unwrap();
        assert_eq!(
            quarantine::read(&switch, &fence, vlans).await,
            FenceRead::Absent
        );
    });
    assert!(!site.hosts[1].reaches("10.9.0.3"));
    wait(|| site.hosts[1].reaches("10.9.0.1"));
}

fn the_table(site: &Site) {
    let target = site.target();
    let table = site
        .switch
        .block_on(|| async move { Switch::new(target).port_table().await.unwrap() });
    let p1 = table.iter().find(|p| p.if_name == "p1").unwrap();
    assert_eq!(
        (p1.pvid, p1.admin, &p1.tagged),
        (Some(10), Some(Admin::Up), &Some(vec![])),
        "{p1:?}"
    );
    assert!(
        p1.macs
            .as_ref()
            .unwrap()
            .iter()
            .any(|m| m.mac == mac(1) && m.vlan == Some(10)),
        "{p1:?}"
    );
    let p4 = table.iter().find(|p| p.if_name == "p4").unwrap();
    assert_eq!(p4.tagged, Some(vec![10]), "{p4:?}");
}

fn the_fence(site: &Site) {
    let target = site.target();
    let proof = site.switch.block_on(|| async move {
        let switch = Switch::new(target);
        let request = FenceRequest {
            ports: vec![FencePort {
                port: "p1".into(),
                expected_identity: None,
                expected_alias: None,
            }],
            peer_mac: Some(mac(1)),
            vlan: None,
            own_macs: vec![mac(9)],
            tag: FenceTag {
                node: "standby".into(),
                epoch: Epoch(1),
            },
            within: Duration::from_secs(10),
            progress: None,
        };
        fence(&switch, request)
            .await
            .unwrap_or_else(|e| panic!("{e}"))
    });
    assert_eq!(proof.ports[0].port, "p1");
    assert!(
        !site.hosts[0].reaches("10.9.0.2"),
        "a fenced machine still reaches others"
    );
    let target = site.target();
    site.switch.block_on(|| async move {
        unfence(
            &Switch::new(target),
            &["p1"],
            &Lift::Force,
            Duration::from_secs(10),
        )
        .await
        .unwrap()
    });
    wait(|| site.hosts[0].reaches("10.9.0.2"));
}

fn a_move_and_its_undo(site: &Site) {
    assert!(
        !site.hosts[0].reaches("10.9.0.3"),
        "VLAN 10 and VLAN 20 are one"
    );
    let proof = site
        .change(Operation::SetAccessVlan(VlanId(20)), "p1", |_| {})
        .unwrap();
    assert_eq!((proof.transport, proof.already), (Transport::Ssh, false));
    wait(|| site.hosts[0].reaches("10.9.0.3"));
    assert!(
        !site.hosts[0].reaches("10.9.0.2"),
        "it is still in its old VLAN"
    );
    let again = site
        .change(Operation::SetAccessVlan(VlanId(20)), "p1", |_| {})
        .unwrap();
    assert!(
        again.already,
        "what is so already was written again: {again:?}"
    );
    let record = proof.undo.unwrap();
    let kept = serde_json::to_string(&record).unwrap();
    let record = serde_json::from_str(&kept).unwrap();
    let target = site.target();
    site.switch.block_on(|| async move {
        undo(&Switch::new(target), &record, Duration::from_secs(10))
            .await
            .unwrap()
    });
    wait(|| site.hosts[0].reaches("10.9.0.2"));
    assert!(
        !site.hosts[0].reaches("10.9.0.3"),
        "the undo left it in VLAN 20"
    );
}

fn a_trunk(site: &Site) {
    let uplink = |r: &mut ChangeRequest| assert!(r.port.is_some());
    let refused = site
        .change(Operation::TrunkAllow(VlanId(20)), "p4", uplink)
        .unwrap_err();
    assert!(refused.to_string().contains("uplink"), "{refused}");
    let as_trunk = |operation| {
        let mut target = site.target();
        target.uplinks.clear();
        site.switch.block_on(|| async move {
            change(
                &Switch::new(target),
                ChangeRequest::new(operation, Some("p4"), Duration::from_secs(20)),
            )
            .await
        })
    };
    assert!(
        !tagged_arrives(&site.hosts[3], &site.hosts[2], 20),
        "VLAN 20 is on the trunk before it was allowed"
    );
    as_trunk(Operation::TrunkAllow(VlanId(20))).unwrap();
    assert!(
        tagged_arrives(&site.hosts[3], &site.hosts[2], 20),
        "allowed, and nothing arrives"
    );
    as_trunk(Operation::TrunkRemove(VlanId(20))).unwrap();
    assert!(
        !tagged_arrives(&site.hosts[3], &site.hosts[2], 20),
        "removed, and frames still arrive"
    );
    // The switch's last VLAN on a trunk: the profile refuses what would let all in, and nothing is left half done.
    let last = as_trunk(Operation::TrunkRemove(VlanId(10))).unwrap_err();
    assert!(
        last.is_untouched() || matches!(last, ChangeError::Undone { .. }),
        "{last}"
    );
}

fn the_guards(site: &Site) {
    let own = site.change(Operation::PortOff, "p2", |_| {}).unwrap_err();
    assert!(
        own.to_string().contains("`own-port`") && own.to_string().contains("--override own-port"),
        "{own}"
    );
    let trunk = site.change(Operation::SetAccessVlan(VlanId(20)), "p4", |r| {
        r.overrides.insert("uplink".into());
    });
    assert!(
        trunk.unwrap_err().to_string().contains("`uplink`"),
        "an uplink may not be overridden"
    );
    let alias = site
        .change(Operation::PortOff, "p1", |r| r.expected_mac = Some(mac(3)))
        .unwrap_err();
    assert!(alias.to_string().contains("`other-host`"), "{alias}");
    let none = site.change(Operation::PortOff, "p9", |_| {}).unwrap_err();
    assert!(none.is_untouched(), "{none}");
    assert!(
        site.hosts[0].reaches("10.9.0.2"),
        "a refused change did something"
    );
    let target = site.target();
    let plan = site.switch.block_on(|| async move {
        let request = ChangeRequest::new(Operation::PortOff, Some("p2"), Duration::from_secs(20));
        plan_change(&Switch::new(target), &request).await.unwrap()
    });
    assert!(plan.refused[0].starts_with("own-port: "), "{plan:?}");
    assert!(
        plan.lines[0].what.contains("mod-port") && plan.lines[0].what.contains("p2 down"),
        "{plan:?}"
    );
}

fn found_and_flushed(site: &Site) {
    let find = || {
        let target = site.target();
        site.switch
            .block_on(|| async move { Switch::new(target).where_is(mac(1), None).await.unwrap() })
    };
    assert!(site.hosts[0].reaches("10.9.0.2"));
    let found = find();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].if_name.as_deref(), found[0].fdb_id),
        (Some("p1"), Some(10))
    );
    // A machine that is silent does not come back by itself.
    site.hosts[0].sh("ip link set eth0 arp off; ip neigh flush all");
    site.change(Operation::FlushMac(mac(1), Some(VlanId(10))), "p1", |_| {})
        .unwrap();
    assert_eq!(find(), [], "it was flushed, and is still known");
}

/// `port = "auto"` over SSH: the forwarding table alone knows.
fn found_by_itself(site: &Site) {
    let find = |n: u8| {
        let target = site.target();
        site.switch.block_on(|| async move {
            standin::switch::auto::find_port(&Switch::new(target), mac(n)).await
        })
    };
    assert!(site.hosts[1].reaches("10.9.0.1"));
    let found = find(2).unwrap();
    assert_eq!(found.port, "p2");
    assert!(found.how.contains("learned there"), "{}", found.how);
    let nowhere = find(77).unwrap_err().to_string();
    assert!(nowhere.contains("learned on no port"), "{nowhere}");
}
