//! A real net-snmp agent (Debian's snmpd) whose SNMPv3 engine loses count of its boots, or is another one.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use standin::switch::{AuthAlgorithm, Credentials, PrivAlgorithm, Switch};

use crate::switch_odd::agent::Agent;
use crate::switch_odd::with;

struct Snmpd {
    child: Child,
    _dir: tempfile::TempDir,
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Snmpd {
    /// An agent on this port with so many boots before this one, and this engine ID.
    fn start(port: u16, boots: u32, engine: &str) -> Snmpd {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let conf = format!(
            "agentaddress udp:127.0.0.1:{port}\noldEngineID 0x{engine}\nexactEngineID 0x{engine}\nengineBoots {boots}\n\
             createUser ops SHA-256 \"auth password\" AES \"priv password\"\nrouser ops priv\n"
        );
        std::fs::write(path("snmpd.conf"), conf).unwrap();
        std::fs::create_dir(path("kept")).unwrap();
        let child = Command::new("/usr/sbin/snmpd")
            .args([
                "-f",
                "-Lf",
                &path("log"),
                "-C",
                "-c",
                &path("snmpd.conf"),
                "-p",
                &path("pid"),
            ])
            .env("SNMP_PERSISTENT_DIR", path("kept"))
            .env("MIBS", "")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Snmpd { child, _dir: dir }
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// The first answer within five seconds; every try is one of the program's own.
async fn answers(switch: &Switch) -> Option<u32> {
    for _ in 0..20 {
        if let Ok(system) = switch.system().await {
            return system.engine_boots;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_with_lower_boots_or_another_identity_is_read_again_and_told() {
    if !Path::new("/usr/sbin/snmpd").exists() {
        assert!(std::env::var_os("REQUIRE_LAB").is_none(), "snmpd is needed");
        eprintln!("skipped: there is no snmpd");
        return;
    }
    let port = free_port();
    let (first, second) = ("80001f8880aabbccdd00000001", "80001f8880aabbccdd00000002");
    let nobody = Agent::start(std::collections::BTreeMap::new());
    let switch = with(&nobody, "generic-qbridge", |t| {
        t.address = ([127, 0, 0, 1], port).into();
        t.credentials = Credentials::V3 {
            user: "ops".into(),
            auth: Some((AuthAlgorithm::Sha256, SecretString::from("auth password"))),
            privacy: Some((PrivAlgorithm::Aes128, SecretString::from("priv password"))),
            context: String::new(),
        };
    });
    let snmpd = Snmpd::start(port, 50, first);
    let boots = answers(&switch).await.expect("the agent answers");
    assert!(boots >= 50, "{boots}");
    assert_eq!(switch.engine_news(), None);
    drop(snmpd);

    let snmpd = Snmpd::start(port, 3, first);
    let boots = answers(&switch)
        .await
        .expect("blind after its boots were counted anew");
    assert!(boots < 50, "{boots}");
    let news = switch.engine_news().expect("it is said");
    assert!(news.contains("snmpEngineBoots"), "{news}");
    assert_eq!(switch.engine_news(), None);
    drop(snmpd);

    let _snmpd = Snmpd::start(port, 3, second);
    answers(&switch)
        .await
        .expect("blind after the engine was replaced");
    let news = switch.engine_news().expect("it is said");
    assert!(news.contains(second), "{news}");
}
