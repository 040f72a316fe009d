//! A machine's daemon: its files, and its start as `standin run` does it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use standin::config::Surroundings;
use standin::daemon::hub::{Input, Tx};
use standin::daemon::prepare::{self, Sources, Unprepared};
use standin::daemon::start;
use standin::host::Kernel;
use standin::net::gate;
use standin::net::nft::NftError;
use standin::rt::sim::{Node, Place, Thread};
use standin::rt::{self, Lane};

use crate::camera::Camera;
use crate::host::At;

/// What may be otherwise in a machine's configuration.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    /// The port of the peer, if that is wrong.
    pub port: Option<&'static str>,
    /// Further keys of `[peer.cctv.detect]`, `[peer.cctv.announce]` and `[heartbeat]`, as lines.
    pub detect: &'static str,
    pub announce: &'static str,
    pub heartbeat: &'static str,
    /// The switch is not in it, although the fence names it.
    pub no_switch: bool,
    /// It adds two steps to a takeover: one that the claim waits for, one after it.
    pub steps: bool,
}

/// Steps of the site that need nothing but time.
const STEPS: &str = r#"
[[peer.cctv.step]]
kind = "wait"
name = "early"
for = "200ms"
undo-for = "100ms"
before = ["claim"]
[[peer.cctv.step]]
kind = "wait"
name = "late"
for = "100ms"
undo-for = "100ms"
"#;

fn around() -> Surroundings {
    Surroundings {
        steps: standin::steps::READER,
        ..Surroundings::default()
    }
}

/// Why a daemon ended.
#[derive(Clone, Debug)]
pub enum Over {
    /// It was told to, and is started again.
    Stopped,
    /// systemd starts it again.
    Again(String),
    /// `RestartPreventExitStatus` of config/standin.service.
    ForGood(String),
}

/// A daemon that was started.
pub struct Daemon {
    pub tx: Tx,
    /// Why it is not there any more.
    pub over: Arc<Mutex<Option<Over>>>,
}

/// The lane of a machine's loop.
pub fn fast(i: usize) -> Place {
    Place {
        node: Node(i as u32 + 1),
        thread: Thread::Fast,
    }
}

fn slow(i: usize) -> Place {
    Place {
        thread: Thread::Slow,
        ..fast(i)
    }
}

/// The configuration of machine `me`, whose peer is the other one.
fn config(me: usize, pair: bool, variant: &Variant) -> String {
    let (other, port, own) = (1 - me, ["ge2", "ge1"][me], ["ge1", "ge2"][me]);
    let port = variant.port.unwrap_or(port);
    // The standby's media server does not run until it is needed; those of a pair do.
    let unit = if pair { "" } else { "media.service" };
    let (kind, heartbeat, addresses) = match pair {
        false => ("agentless", String::new(), String::new()),
        true => (
            "pair",
            format!(
                "[heartbeat]\nkey-file = \"beats.key\"\n{}",
                variant.heartbeat
            ),
            format!(
                "addresses = [\"192.168.1.3{other}\", \"192.168.20.3{other}\"]\npreferred = {}",
                me == 0
            ),
        ),
    };
    let text = format!(
        r#"[node]
name = "{}"
state-dir = "state"
{heartbeat}
[switch.core]
address = "192.168.20.2"
profile = "generic-qbridge"
oper-staleness = "0s"
uplinks = ["ge48"]
own-ports = ["{own}"]
[switch.core.snmp]
version = "2c"
community-file = "core.community"
[peer.cctv]
kind = "{kind}"
vip = "192.168.1.101/24"
interface = "eth0"
management = "192.168.20.3{other}"
{addresses}
[peer.cctv.detect]
startup-grace = "0s"
{}
[peer.cctv.announce]
{}
[[peer.cctv.fence]]
switch = "core"
ports = ["{port}"]
persist = false
[peer.cctv.service]
port = 1935
unit = "{unit}"
[peer.cctv.verify]
cameras = "cameras.csv"
"#,
        ["a", "b"][me],
        variant.detect,
        variant.announce
    );
    let text = match variant.steps {
        true => text + STEPS,
        false => text,
    };
    match variant.no_switch {
        true => text.replace("[switch.core", "[switch.other"),
        false => text,
    }
}

/// Where a machine's files are.
fn folder(all: &Path, me: usize) -> PathBuf {
    all.join(["a", "b"][me])
}

/// Writes a machine's configuration.
pub fn write_config(all: &Path, me: usize, pair: bool, variant: &Variant) {
    let text = config(me, pair, variant);
    fs::write(folder(all, me).join("standin.toml"), text).unwrap();
}

/// Writes what the configuration names.
pub fn write_files(all: &Path, me: usize, cameras: &[Camera]) {
    let folder = folder(all, me);
    fs::create_dir_all(&folder).unwrap();
    let each = cameras.iter().enumerate();
    let lines: String = each
        .map(|(i, c)| format!("c{i},{}\n", c.address()))
        .collect();
    fs::write(folder.join("cameras.csv"), format!("name,address\n{lines}")).unwrap();
    for (name, secret) in [
        ("core.community", "private".to_owned()),
        ("beats.key", "k7Rw".repeat(12)),
    ] {
        let file = folder.join(name);
        fs::write(&file, secret).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn sources(at: &At) -> Sources {
    Sources {
        disk: Arc::new(at.clone()),
        switches: Arc::new(at.clone()),
        boot_id: at.boot_id(),
    }
}

/// Starts a machine's daemon.
pub fn begin(at: &At, all: &Path) -> Daemon {
    let (tx, inputs) = start::channel();
    let over = Arc::new(Mutex::new(None));
    let (into, host, sources) = (tx.clone(), at.host(), sources(at));
    let file = folder(all, at.me).join("standin.toml");
    let (slow, ended) = (Lane::simulated(slow(at.me)), over.clone());
    let runs = async move {
        // What cannot be cleaned is told in the log, no more.
        let left = gate::clean_all(&*host.programs).await;
        let around = around();
        let loaded = prepare::read(&file, &around, &sources)
            .and_then(|(config, _)| config.load_secrets().map(|s| (config, s)));
        let (config, secrets) = loaded.map_err(|e| match e.may_pass() {
            true => Over::Again(e.to_string()),
            false => Over::ForGood(e.to_string()),
        })?;
        let parts = prepare::prepare(config, secrets, Vec::new(), &sources);
        let mut parts = parts.map_err(|e| match e {
            Unprepared::MayPass(why) => Over::Again(why),
            Unprepared::Refused(why) => Over::ForGood(why),
        })?;
        parts.gates_left = matches!(left, Err(NftError::Timeout { .. }));
        let daemon = start::build(parts, host, into, slow).await;
        let daemon = daemon.map_err(|e| Over::Again(e.to_string()))?;
        daemon.run(inputs).await;
        // A netlink request of the last moment is still on its way.
        rt::sleep(std::time::Duration::from_millis(50)).await;
        Ok::<(), Over>(())
    };
    drop(Lane::simulated(fast(at.me)).spawn(async move {
        let why = runs.await.err();
        *ended.lock().unwrap() = Some(why.unwrap_or(Over::Stopped));
    }));
    Daemon { tx, over }
}

/// SIGHUP.
pub fn reload(at: &At, all: &Path, tx: &Tx) {
    let (file, sources, tx) = (
        folder(all, at.me).join("standin.toml"),
        sources(at),
        tx.clone(),
    );
    drop(Lane::simulated(slow(at.me)).spawn(async move {
        let read = prepare::read_again(&file, &around(), &sources);
        let _ = tx.send(Input::Reload(read.map(Box::new)));
    }));
}
