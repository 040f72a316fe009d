//! SNMPv3 with DES, which a switch is allowed only by name, against net-snmp's own agent.

use std::io::Read;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use standin::switch::{
    AuthAlgorithm, Credentials, PrivAlgorithm, Profile, Switch, SwitchError, SwitchTarget,
};

const AUTH: &str = "SENTINEL-auth-phrase";
const PRIVACY: &str = "SENTINEL-priv-phrase";

/// net-snmp's agent, until it is dropped.
struct Agent {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None`, with a word about it, where snmpd is not installed.
fn agent() -> Option<Agent> {
    let snmpd = ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"]
        .into_iter()
        .find(|p| std::path::Path::new(p).exists());
    let Some(snmpd) = snmpd else {
        assert!(
            std::env::var_os("REQUIRE_LAB").is_none(),
            "snmpd is not installed"
        );
        eprintln!("skipped: snmpd is not installed (apt-get install snmpd)");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let conf = format!(
        "createUser ops SHA-256 {AUTH} DES {PRIVACY}\nrwuser ops priv\nsysName des-agent\n"
    );
    std::fs::write(folder.path().join("snmpd.conf"), conf).unwrap();
    // A port that is free now; nobody else takes it within the millisecond.
    let port = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = port.local_addr().unwrap().port();
    let child = Command::new(snmpd)
        .args(["-f", "-Le", "-r", "-C", "-c"])
        .arg(folder.path().join("snmpd.conf"))
        .arg(format!("--persistentDir={}", folder.path().display()))
        .arg("--agentXSocket=")
        .arg("-I")
        .arg("system_mib,snmpEngine,usmUser,usmStats,vacm_vars,vacm_conf,usmConf,sysORTable")
        .arg(format!("udp:127.0.0.1:{port}"))
        .env("MIBS", "")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Some(Agent {
        child,
        port,
        _folder: folder,
    })
}

fn switch(port: u16, algorithm: PrivAlgorithm, phrase: &str) -> Switch {
    Switch::new(SwitchTarget {
        name: "old".into(),
        address: ([127, 0, 0, 1], port).into(),
        local: None,
        profile: Arc::new(Profile::find("generic-qbridge", None).unwrap()),
        credentials: Credentials::V3 {
            user: "ops".into(),
            auth: Some((AuthAlgorithm::Sha256, SecretString::from(AUTH))),
            privacy: Some((algorithm, SecretString::from(phrase))),
            context: String::new(),
        },
        timeout: Duration::from_millis(300),
        retries: 1,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: None,
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    })
}

#[tokio::test]
async fn net_snmps_agent_is_read_with_des_and_with_nothing_else() {
    let Some(mut agent) = agent() else { return };
    let des = switch(agent.port, PrivAlgorithm::Des, PRIVACY);
    let until = Instant::now() + Duration::from_secs(20);
    let system = loop {
        match des.system().await {
            Ok(system) => break system,
            Err(e) if Instant::now() >= until => {
                // It may still run, and have nothing to say.
                let _ = agent.child.kill();
                let mut said = String::new();
                if let Some(mut err) = agent.child.stderr.take() {
                    err.read_to_string(&mut said).unwrap();
                }
                panic!("{e}\nthe agent said: {said}");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    assert_eq!(system.sys_name, "des-agent");
    // A second client of this process, whose vectors go on where the first one's are.
    let again = switch(agent.port, PrivAlgorithm::Des, PRIVACY);
    assert_eq!(again.system().await.unwrap().sys_name, "des-agent");

    for (algorithm, phrase) in [
        (PrivAlgorithm::Des, "SENTINEL-wrong-phrase"),
        (PrivAlgorithm::Aes128, PRIVACY),
    ] {
        let error = switch(agent.port, algorithm, phrase)
            .system()
            .await
            .unwrap_err();
        assert!(matches!(error, SwitchError::Snmp(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("SENTINEL"));
    }
}
