//! Changes over SSH against fake-switches (PyPI), a stateful Cisco command line that is not ours. It knows the commands
//! that change something, and of the shows only the configuration: the profile is cisco-ios with its shows of ports read
//! from there, which says nothing about a link.
//!
//! `scripts/lib-install.sh venv` makes the `.venv` that it runs from. Where that is not there, the tests say that they
//! were skipped; with REQUIRE_LAB=1 they fail.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use standin::switch::change::{ChangeError, ChangeProof, undo};
use standin::switch::profile::Transport;
use standin::switch::ssh::{SshTarget, fetch, known_hosts};
use standin::switch::{
    ChangeRequest, Credentials, Operation, Profile, Switch, SwitchTarget, change,
};
use standin::types::VlanId;

const PORT: &str = "FastEthernet0/1";
const TRUNK: &str = "FastEthernet0/3";

/// In place of the shows that this switch does not have. A line that is missing means the default.
const SHOWS: &str = r#"
[ssh.show.port]
mode = "exec"
send = "show running-config interface {port}"
[ssh.show.port.fields]
port = '^interface (\S+)'
status = '(?s:^interface .*?)^ (shutdown)$|^(end)$'
mode = '(?s:^interface .*?)^ switchport mode (\S+)$|^(end)$'
pvid = '(?s:^interface .*?)^ switchport access vlan (\d+)$|^(end)$'
tagged = '(?s:^interface .*?)^ switchport trunk allowed vlan (\S+)$|^(end)$'
[ssh.show.port.map]
status = { shutdown = { admin = "down", oper = "down" }, end = { admin = "up", oper = "up" } }
mode = { end = "access" }
pvid = { end = "1" }
tagged = { end = "ALL" }
"#;

struct Fake {
    child: Child,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fake {
    async fn start() -> Option<Fake> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv/bin/python");
        let there = Command::new(&python)
            .args(["-c", "import fake_switches"])
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|s| s.success()) {
            let needed = std::env::var_os("REQUIRE_LAB").is_some_and(|v| v == "1");
            assert!(
                !needed,
                "fake-switches is not installed: scripts/lib-install.sh venv"
            );
            println!("SKIPPED: fake-switches is not installed (scripts/lib-install.sh venv)");
            return None;
        }
        let mut child = Command::new(python)
            .arg("-B")
            .arg(root.join("tests/foreign/fake_switch.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        answers.read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().expect("it starts, and says its port");
        let fake = Fake {
            child,
            answers,
            address: ([127, 0, 0, 1], port).into(),
            folder: tempfile::tempdir().unwrap(),
        };
        let ssh = fake.ssh("login-password");
        let key = fetch(&ssh).await.unwrap().key;
        let file = ssh.known_hosts.as_path();
        known_hosts::trust(file, "core1", "127.0.0.1", port, &key).unwrap();
        Some(fake)
    }

    fn ssh(&self, password: &str) -> SshTarget {
        let known = self.folder.path().join("known_hosts");
        let mut ssh = SshTarget::new("core1", self.address, "ops", known);
        ssh.password = Some(SecretString::from(password));
        ssh.enable = Some(SecretString::from("enable-password"));
        ssh
    }

    fn switch(&self) -> Switch {
        Switch::new(SwitchTarget {
            name: "core1".into(),
            address: self.address,
            local: None,
            profile: Arc::new(profile()),
            credentials: Credentials::Off,
            timeout: Duration::from_millis(300),
            retries: 1,
            ssh: Some(self.ssh("login-password")),
            prefer: vec![Transport::Ssh],
            oper_staleness: None,
            uplinks: Vec::new(),
            own_ports: Vec::new(),
        })
    }

    /// A port as the switch itself has it, past its command line.
    fn really(&mut self, port: &str) -> Value {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()[port].clone()
    }
}

fn profile() -> Profile {
    let ios = Profile::built_in_text("cisco-ios").unwrap();
    let from = ios.find("[ssh.show.port]").unwrap();
    let to = ios.find("[ssh.show.mac]").unwrap();
    let trunk = ios.find("# What proves a trunk").unwrap();
    let running = ios.find("[ssh.show.running]").unwrap();
    let text = format!(
        "{}{SHOWS}{}{}",
        &ios[..from],
        &ios[to..trunk],
        &ios[running..]
    );
    // It has no `copy running-config startup-config`, and says OK without brackets.
    let text = text
        .replace("show = \"port_vlans\"", "show = \"port\"")
        .replace("show = \"trunk\"", "show = \"port\"")
        .replace("copy running-config startup-config", "write memory")
        .replace(r"\[OK\]", "^OK");
    Profile::parse("fake", "fake.toml", &text).unwrap_or_else(|e| panic!("{e}"))
}

async fn done(
    switch: &Switch,
    operation: Operation,
    port: Option<&str>,
) -> Result<ChangeProof, ChangeError> {
    change(
        switch,
        ChangeRequest::new(operation, port, Duration::from_secs(60)),
    )
    .await
}

#[tokio::test]
async fn a_port_is_shut_opened_moved_and_moved_back_and_the_switch_itself_says_so() {
    let Some(mut fake) = Fake::start().await else {
        return;
    };
    let switch = fake.switch();
    let before = fake.really(PORT);
    assert_eq!(
        before,
        json!({"shut": false, "mode": "access", "vlan": 10, "trunk": null})
    );
    let other = fake.really("FastEthernet0/2");

    let off = done(&switch, Operation::PortOff, Some(PORT)).await.unwrap();
    assert_eq!((off.transport, off.already), (Transport::Ssh, false));
    assert_eq!(fake.really(PORT)["shut"], json!(true));
    let again = done(&switch, Operation::PortOff, Some(PORT)).await.unwrap();
    assert!(again.already);
    done(&switch, Operation::PortOn, Some(PORT)).await.unwrap();
    assert_eq!(fake.really(PORT), before);

    let moved = done(&switch, Operation::SetAccessVlan(VlanId(20)), Some(PORT)).await;
    let record = moved.unwrap().undo.unwrap();
    assert_eq!(fake.really(PORT)["vlan"], json!(20));
    undo(&switch, &record, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(fake.really(PORT), before);
    assert_eq!(fake.really("FastEthernet0/2"), other);
    done(&switch, Operation::Save, None).await.unwrap();
}

#[tokio::test]
async fn a_trunk_gains_and_loses_one_vlan_and_keeps_the_others() {
    let Some(mut fake) = Fake::start().await else {
        return;
    };
    let switch = fake.switch();
    for (operation, want) in [
        (Operation::TrunkAllow(VlanId(20)), json!([10, 30, 20])),
        (Operation::TrunkRemove(VlanId(30)), json!([10, 20])),
    ] {
        let proof = done(&switch, operation, Some(TRUNK)).await.unwrap();
        assert!(!proof.already);
        assert_eq!(fake.really(TRUNK)["trunk"], want);
    }
}

#[tokio::test]
async fn guards_refuse_before_anything_is_sent() {
    let Some(mut fake) = Fake::start().await else {
        return;
    };
    let switch = fake.switch();
    for (operation, port, guard) in [
        (Operation::SetAccessVlan(VlanId(77)), PORT, "vlan-exists"),
        (Operation::SetAccessVlan(VlanId(20)), TRUNK, "access-port"),
        (Operation::TrunkAllow(VlanId(20)), PORT, "trunk-port"),
    ] {
        let before = fake.really(port);
        match done(&switch, operation, Some(port)).await {
            Err(ChangeError::Guarded { guard: g, .. }) => assert_eq!(g.name(), guard),
            other => panic!("{operation} on {port}: {other:?}"),
        }
        assert_eq!(fake.really(port), before);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_in_no_message() {
    let Some(fake) = Fake::start().await else {
        return;
    };
    let mut t = fake.switch().target().clone();
    t.ssh = Some(fake.ssh("SENTINEL"));
    let e = done(&Switch::new(t), Operation::PortOff, Some(PORT)).await;
    let e = e.unwrap_err();
    assert!(e.is_untouched());
    assert!(!format!("{e} {e:?}").contains("SENTINEL"), "{e}");
}
