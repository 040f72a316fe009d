//! A fence against an SNMP agent that is not ours: net-snmp's own, with an interface of a namespace of this test's own
//! (needs root and snmpd), or a switch of yours, one port of which may go down:
//!
//! `STANDIN_SNMP=192.168.20.2:161 STANDIN_SNMP_PORT=ge7 STANDIN_SNMP_COMMUNITY=private \
//!  cargo nextest run -E 'binary(switch_snmpd)' --no-capture`, and for SNMPv3 (SHA-256, AES-128)
//! `STANDIN_SNMP_USER`, `STANDIN_SNMP_AUTH`, `STANDIN_SNMP_PRIV` in place of the community.
//! `STANDIN_SNMP_STALENESS_MS` overrides the profile's 3000, `STANDIN_SNMP_PEER_MAC` and `STANDIN_SNMP_VLAN` look the peer
//! up in the forwarding table.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use standin::switch::unfence;
use standin::switch::{
    Admin, AuthAlgorithm, Credentials, FencePort, FenceRequest, FenceTag, Lift, PrivAlgorithm,
    Profile, Switch, SwitchTarget, fence, read_fence,
};
use standin::types::{Epoch, MacAddr, VlanId};

fn var(name: &str) -> Option<String> {
    std::env::var(format!("STANDIN_SNMP{name}")).ok()
}

fn switch() -> Switch {
    let secret = |name| SecretString::from(var(name).unwrap_or_default());
    let credentials = match var("_USER") {
        Some(user) => Credentials::V3 {
            user,
            auth: Some((AuthAlgorithm::Sha256, secret("_AUTH"))),
            privacy: Some((PrivAlgorithm::Aes128, secret("_PRIV"))),
            context: String::new(),
        },
        None => Credentials::V2c {
            community: secret("_COMMUNITY"),
        },
    };
    Switch::new(SwitchTarget {
        name: "real".into(),
        address: var("")
            .expect("STANDIN_SNMP=HOST:PORT is needed")
            .parse()
            .unwrap(),
        local: None,
        profile: Arc::new(Profile::find("generic-qbridge", None).unwrap()),
        credentials,
        timeout: Duration::from_millis(500),
        retries: 2,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: var("_STALENESS_MS").map(|ms| Duration::from_millis(ms.parse().unwrap())),
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    })
}

const NAME: &str = "switch_snmpd::a_real_agents_port_is_fenced_proven_read_and_lifted";
const SNMPD: &str = "/usr/sbin/snmpd";
const AGENT: &str = "127.0.0.1:16161";
/// Set for the copy of this test that runs in its own namespace.
const INSIDE: &str = "STANDIN_TEST_INSIDE";
/// What it says when it has come to its end there.
const DONE: &str = "fenced and lifted three times";

/// net-snmp's agent, until it is dropped.
struct Agent {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Agent {
    fn start() -> Agent {
        let folder = tempfile::tempdir().unwrap();
        let conf = folder.path().join("snmpd.conf");
        std::fs::write(&conf, "rwcommunity private\n").unwrap();
        let mut snmpd = Command::new(SNMPD);
        snmpd.args(["-f", "-Ln", "-r", "-C", "-c"]).arg(&conf);
        snmpd.arg(format!("--persistentDir={}", folder.path().display()));
        snmpd.args(["--agentXSocket=", &format!("udp:{AGENT}")]);
        let child = snmpd.env("MIBS", "").stdout(Stdio::null()).spawn();
        Agent {
            child: child.unwrap(),
            _folder: folder,
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sh(command: &str) {
    let done = Command::new("sh").args(["-ec", command]).status();
    assert!(done.unwrap().success(), "{command}");
}

#[test]
fn a_real_agents_port_is_fenced_proven_read_and_lifted() {
    let inside = std::env::var_os(INSIDE).is_some();
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    if inside {
        sh(
            "ip link set lo up; ip link add ge7 type veth peer name far; ip link set ge7 up; ip link set far up",
        );
        let _agent = Agent::start();
        return runtime().block_on(fenced_and_lifted());
    }
    if var("").is_some() {
        return runtime().block_on(fenced_and_lifted());
    }
    let root = nix::unistd::geteuid().is_root();
    if !root || !Path::new(SNMPD).exists() {
        let why = format!("needs root and snmpd, or a switch of yours; root: {root}");
        assert!(std::env::var_os("REQUIRE_LAB").is_none(), "{why}");
        return eprintln!("skipped: {why}");
    }
    let mut copy = Command::new("unshare");
    copy.args(["-n", "--"])
        .arg(std::env::current_exe().unwrap());
    copy.args(["--exact", NAME, "--nocapture"]);
    let settings = [
        (INSIDE, "1"),
        ("STANDIN_SNMP", AGENT),
        ("STANDIN_SNMP_PORT", "ge7"),
        ("STANDIN_SNMP_COMMUNITY", "private"),
    ];
    let output = copy.envs(settings).output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && out.contains(DONE),
        "{out}\n{err}"
    );
}

async fn fenced_and_lifted() {
    let switch = switch();
    let port = var("_PORT").expect("STANDIN_SNMP_PORT=IFNAME is needed");
    // An agent that was just started takes its time.
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while switch.system().await.is_err() && std::time::Instant::now() < until {}
    println!("{:?}", switch.system().await.unwrap());
    println!("{:?}", switch.identity(&port).await.unwrap());
    if let Some(mac) = var("_PEER_MAC") {
        println!(
            "{:?}",
            switch.where_is(mac.parse().unwrap(), None).await.unwrap()
        );
    }
    let started = std::time::Instant::now();
    for _ in 0..100 {
        switch.port(&port).await.unwrap();
    }
    println!("one poll takes {:?}", started.elapsed() / 100);
    let request = || FenceRequest {
        ports: vec![FencePort {
            port: port.clone(),
            expected_identity: None,
            expected_alias: None,
        }],
        peer_mac: var("_PEER_MAC")
            .map(|m| m.parse::<MacAddr>().unwrap())
            .into(),
        vlan: var("_VLAN").map(|v| VlanId(v.parse().unwrap())),
        own_macs: Vec::new(),
        aggregates: Vec::new(),
        tag: FenceTag {
            node: "b".into(),
            epoch: Epoch(1),
        },
        within: Duration::from_secs(8),
        progress: None,
    };
    for round in 0..3 {
        let proof = fence(&switch, request()).await.unwrap();
        println!("round {round}: {proof:?}");
        let state = read_fence(&switch, &[&port], "b").await.unwrap();
        assert!(state.is_down());
        let again = fence(&switch, request()).await.unwrap();
        println!("adopted: {:?} {:?}", again.ports[0], again.proven_after);
        let lifted = unfence(&switch, &[&port], &Lift::Force, Duration::from_secs(5))
            .await
            .unwrap();
        println!("lifted: {lifted:?}");
        assert_eq!(switch.port(&port).await.unwrap().admin, Admin::Up);
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    println!("{DONE}");
}
