//! The library in this process, with every log line there is, and what its results say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use standin::switch::{
    ChangeRequest, Credentials, Operation, Profile, Switch, SwitchTarget, change,
};
use standin::types::VlanId;

use crate::cli_model::family::Family;
use crate::cli_model::{Faults, Kind, Model, PASSWORD};
use crate::sentinel::forms::found;
use crate::switch_agent::{AUTH, COMMUNITY, Fake, PRIVACY, v2c, v3};

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the switch's two kinds of results say: what it is, and how a change of the port ended.
async fn said_by(switch: &Switch, port: &str) -> String {
    let move_it = ChangeRequest::new(
        Operation::SetAccessVlan(VlanId(20)),
        Some(port),
        Duration::from_secs(3),
    );
    let system = switch.system().await;
    format!("{system:?}{:?}", change(switch, move_it).await)
}

#[tokio::test]
async fn the_library_logs_no_secret_at_the_finest_level() {
    let sink = Sink::default();
    let to = sink.clone();
    standin::cli::log_to(move || to.clone(), "trace");
    let fake = Fake::with_vlans().await;
    let mut errors = String::new();
    let wrong = "SENTINEL-wrong-phrase";
    for credentials in [
        v2c(COMMUNITY),
        v2c("SENTINEL-wrong-community"),
        v3(AUTH, PRIVACY),
        v3(wrong, PRIVACY),
        v3(AUTH, wrong),
    ] {
        let switch = fake.switch(credentials);
        errors.push_str(&said_by(&switch, "ge1").await);
    }
    let repeats = |kind: Option<Kind>, garbles| Faults {
        at: kind.map(|k| (k, 2)),
        repeats_secrets: true,
        garbles,
        ..Faults::default()
    };
    for (faults, password) in [
        (Faults::default(), PASSWORD),
        (Faults::default(), wrong),
        (repeats(None, true), PASSWORD),
        (repeats(Some(Kind::HangsBefore), false), PASSWORD),
        (repeats(Some(Kind::Refuses), false), PASSWORD),
    ] {
        let model = Model::start(Family::Ios, faults).await;
        let mut ssh = model.target();
        ssh.password = Some(SecretString::from(password));
        let text = Profile::built_in_text("cisco-ios")
            .unwrap()
            .replace("\"15s\"", "\"1s\"");
        let switch = Switch::new(SwitchTarget {
            name: "core".into(),
            address: model.address,
            local: None,
            profile: Arc::new(Profile::parse("cisco-ios", "cisco-ios.toml", &text).unwrap()),
            credentials: Credentials::Off,
            timeout: Duration::from_millis(200),
            retries: 0,
            ssh: Some(ssh),
            prefer: Vec::new(),
            oper_staleness: None,
            uplinks: Vec::new(),
            own_ports: Vec::new(),
        });
        errors.push_str(&said_by(&switch, "Gi1/0/1").await);
    }
    let log = sink.0.lock().unwrap().clone();
    let leaks = found(&log);
    assert!(leaks.is_empty(), "in the log:\n{}", leaks.join("\n"));
    let leaks = found(errors.as_bytes());
    assert!(leaks.is_empty(), "in results:\n{}", leaks.join("\n"));
    assert!(
        log.len() > 2000,
        "hardly anything was logged: {}",
        String::from_utf8_lossy(&log)
    );
}
