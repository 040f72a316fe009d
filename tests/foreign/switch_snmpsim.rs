//! Changes against snmpsim (PyPI), an agent that is not ours: SNMPv1, v2c and v3, objects that keep what is written,
//! refusals half-way, slow answers.
//!
//! `scripts/lib-install.sh venv` makes the `.venv` that it runs from. Where that is not there, the tests say that they
//! were skipped; with REQUIRE_LAB=1 they fail.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use standin::switch::{
    AuthAlgorithm, ChangeError, ChangeRequest, Credentials, Operation, PrivAlgorithm, Profile,
    Switch, SwitchTarget, change,
};
use standin::types::VlanId;

const AUTH: &str = "auth-password";
const PRIVACY: &str = "priv-password";
const MS: fn(u64) -> Duration = Duration::from_millis;

/// One agent: port ge7 is ifIndex 7 and bridge port 3, untagged in VLAN 10; ports 1 and 9 stand for others. Of a port
/// there is no link, so that a shut is proven as soon as it is admin down.
fn data(pvid: &str, alias: &str) -> String {
    format!(
        "1.3.6.1.2.1.1.1.0|4|snmpsim
1.3.6.1.2.1.1.3.0|67|123456
1.3.6.1.2.1.2.2.1.7.7|2:writecache|value=1
1.3.6.1.2.1.2.2.1.8.7|2|2
1.3.6.1.2.1.2.2.1.9.7|67|100
1.3.6.1.2.1.17.1.4.1.2.3|2|7
1.3.6.1.2.1.17.7.1.4.3.1.1.10|4|cameras
1.3.6.1.2.1.17.7.1.4.3.1.1.20|4|quarantine
1.3.6.1.2.1.17.7.1.4.3.1.2.10|4:writecache|hexvalue=A0800000
1.3.6.1.2.1.17.7.1.4.3.1.2.20|4:writecache|hexvalue=00800000
1.3.6.1.2.1.17.7.1.4.3.1.3.10|4x|00000000
1.3.6.1.2.1.17.7.1.4.3.1.3.20|4x|00000000
1.3.6.1.2.1.17.7.1.4.3.1.4.10|4:writecache|hexvalue=A0000000
1.3.6.1.2.1.17.7.1.4.3.1.4.20|4:writecache|hexvalue=00000000
1.3.6.1.2.1.17.7.1.4.3.1.5.10|2|1
1.3.6.1.2.1.17.7.1.4.3.1.5.20|2|1
1.3.6.1.2.1.17.7.1.4.5.1.1.3|66:{pvid}
1.3.6.1.2.1.31.1.1.1.1.7|4|ge7
1.3.6.1.2.1.31.1.1.1.18.7|4:{alias}
"
    )
}

struct Agent {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join(".venv/bin/snmpsim-command-responder");
    if program.exists() {
        return Some(program);
    }
    let needed = std::env::var_os("REQUIRE_LAB").is_some_and(|v| v == "1");
    assert!(
        !needed,
        "snmpsim is not installed: scripts/lib-install.sh venv"
    );
    println!("SKIPPED: snmpsim is not installed (scripts/lib-install.sh venv)");
    None
}

/// Starts it, and waits until it answers.
async fn start() -> Option<Agent> {
    let program = program()?;
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("data");
    std::fs::create_dir(&files).unwrap();
    let keeps = "writecache|value=10";
    let named = "writecache|value=slave-a";
    for (community, text) in [
        ("public", data(keeps, named)),
        // Its PVIDs cannot be written; what stood before them in the same PDU is written all the same.
        (
            "refuses",
            data("error|op=set,status=wrongvalue,value=10", named),
        ),
        ("slow", data(keeps, "delay|wait=300,value=slave-a")),
    ] {
        std::fs::write(files.join(format!("{community}.snmprec")), text).unwrap();
    }
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(program);
    command
        .arg(format!("--data-dir={}", files.display()))
        .arg(format!(
            "--cache-dir={}",
            folder.path().join("cache").display()
        ))
        .arg(format!("--agent-udpv4-endpoint={address}"))
        .args([
            "--v3-user=ops",
            "--v3-auth-proto=SHA256",
            "--v3-priv-proto=AES",
        ])
        .args([
            format!("--v3-auth-key={AUTH}"),
            format!("--v3-priv-key={PRIVACY}"),
        ])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .stdin(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        // It refuses to be root without being told so.
        command.args(["--process-user=root", "--process-group=root"]);
    }
    let child = command.spawn().unwrap();
    let mut agent = Agent {
        child,
        address,
        _folder: folder,
    };
    let until = Instant::now() + Duration::from_secs(60);
    while switch(&agent, v2c("public"), 0).system().await.is_err() {
        let log = || std::fs::read_to_string(agent._folder.path().join("log"));
        assert!(
            Instant::now() < until,
            "snmpsim did not answer: {:?}",
            log()
        );
        assert_eq!(
            agent.child.try_wait().unwrap(),
            None,
            "snmpsim ended: {:?}",
            log()
        );
    }
    Some(agent)
}

fn v2c(community: &str) -> Credentials {
    Credentials::V2c {
        community: SecretString::from(community),
    }
}

fn switch(agent: &Agent, credentials: Credentials, retries: u32) -> Switch {
    let text = Profile::built_in_text("generic-qbridge").unwrap();
    let mut profile = Profile::parse("generic-qbridge", "generic-qbridge.toml", text).unwrap();
    for op in profile.snmp.ops.values_mut() {
        op.settle = MS(600);
    }
    Switch::new(SwitchTarget {
        name: "sim".into(),
        address: agent.address,
        local: None,
        profile: Arc::new(profile),
        credentials,
        timeout: MS(2000),
        retries,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: Some(Duration::ZERO),
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    })
}

async fn done(switch: &Switch, operation: Operation) -> Result<bool, ChangeError> {
    let request = ChangeRequest::new(operation, Some("ge7"), Duration::from_secs(30));
    change(switch, request).await.map(|p| p.already)
}

/// PVID, untagged and tagged VLANs of ge7, read by a `Switch` of its own.
async fn is(agent: &Agent, community: &str) -> (Option<u32>, Vec<u32>, Vec<u32>) {
    let ports = switch(agent, v2c(community), 2).port_table().await.unwrap();
    let port = ports.into_iter().find(|p| p.if_name == "ge7").unwrap();
    (port.pvid, port.untagged.unwrap(), port.tagged.unwrap())
}

#[tokio::test]
async fn a_port_is_shut_opened_and_moved_there_and_back_over_v1_v2c_and_v3() {
    let Some(agent) = start().await else { return };
    let v3 = Credentials::V3 {
        user: "ops".into(),
        auth: Some((AuthAlgorithm::Sha256, SecretString::from(AUTH))),
        privacy: Some((PrivAlgorithm::Aes128, SecretString::from(PRIVACY))),
        // snmpsim chooses the data by it.
        context: "public".into(),
    };
    let v1 = Credentials::V1 {
        community: SecretString::from("public"),
    };
    for credentials in [v1, v2c("public"), v3] {
        let what = format!("{credentials:?}");
        let switch = switch(&agent, credentials, 2);
        for operation in [
            Operation::PortOff,
            Operation::PortOn,
            Operation::SetAccessVlan(VlanId(20)),
            Operation::TrunkAllow(VlanId(10)),
            Operation::TrunkRemove(VlanId(10)),
        ] {
            assert_eq!(
                done(&switch, operation).await,
                Ok(false),
                "{what} {operation}"
            );
        }
        assert_eq!(
            is(&agent, "public").await,
            (Some(20), vec![20], vec![]),
            "{what}"
        );
        let back = Operation::SetAccessVlan(VlanId(10));
        assert_eq!(done(&switch, back).await, Ok(false), "{what}");
        assert_eq!(
            done(&switch, back).await,
            Ok(true),
            "{what}: it is so already"
        );
        assert_eq!(
            is(&agent, "public").await,
            (Some(10), vec![10], vec![]),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_move_that_is_refused_half_way_is_taken_back() {
    let Some(agent) = start().await else { return };
    let before = is(&agent, "refuses").await;
    let switch = switch(&agent, v2c("refuses"), 2);
    match done(&switch, Operation::SetAccessVlan(VlanId(20))).await {
        Err(e @ ChangeError::Undone { .. }) => println!("{e}"),
        other => panic!("expected it to be undone, got {other:?}"),
    }
    assert_eq!(is(&agent, "refuses").await, before);
    assert_eq!(before, (Some(10), vec![10], vec![]));
}

#[tokio::test]
async fn a_slow_agent_is_waited_for() {
    let Some(agent) = start().await else { return };
    let switch = switch(&agent, v2c("slow"), 2);
    let started = Instant::now();
    assert_eq!(
        done(&switch, Operation::SetAccessVlan(VlanId(20))).await,
        Ok(false)
    );
    assert!(
        started.elapsed() >= MS(300),
        "the delay was not there: {:?}",
        started.elapsed()
    );
    assert_eq!(is(&agent, "slow").await, (Some(20), vec![20], vec![]));
}
