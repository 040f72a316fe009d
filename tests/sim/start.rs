//! The start of a daemon in the simulation: what `standin run` reads, and the loop.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use standin::config::{Config, Secrets, SnmpSecret, Surroundings};
use standin::daemon::hub::Tx;
use standin::daemon::journal::{Journal, Limits};
use standin::daemon::start::{self, Parts};
use standin::daemon::{boot_counter, switches};
use standin::host::Kernel;
use standin::rt::Lane;
use standin::rt::sim::{Node, Place, Thread};
use standin::verify::Inventory;

use crate::host::At;

/// The lane of a machine's loop.
pub fn fast(i: usize) -> Place {
    Place {
        node: Node(i as u32 + 1),
        thread: Thread::Fast,
    }
}

/// The configuration of machine `me`, whose peer is the other one.
pub fn config(me: usize, pair: bool, wrong: Option<&str>) -> String {
    let (other, port, own) = (1 - me, ["ge2", "ge1"][me], ["ge1", "ge2"][me]);
    let port = wrong.unwrap_or(port);
    // The standby's media server does not run until it is needed; those of a pair do.
    let unit = if pair { "" } else { "media.service" };
    let (kind, heartbeat, addresses) = match pair {
        false => ("agentless", "", String::new()),
        true => (
            "pair",
            "[heartbeat]\nkey-file = \"beats.key\"",
            format!(
                "addresses = [\"192.168.1.3{other}\", \"192.168.20.3{other}\"]\npreferred = {}",
                me == 0
            ),
        ),
    };
    format!(
        r#"[node]
name = "{}"
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
        ["a", "b"][me]
    )
}

/// Reads what a start reads, and starts the loop; the way into it.
pub fn begin(at: &At, folder: &Path, text: &str) -> Tx {
    let around = Surroundings::default();
    let config = match Config::from_text(&folder.join("standin.toml"), text, &around) {
        Ok((config, _)) => config,
        Err(e) => panic!("{e:?}"),
    };
    let community = SnmpSecret::Community("private".into());
    let secrets = Secrets {
        snmp: BTreeMap::from([("core".to_owned(), community)]),
        ssh: BTreeMap::new(),
        traps: None,
        heartbeat: Some(vec![7; 32].into()),
    };
    let switches = switches::build_by(at, &config, &secrets).unwrap();
    let cameras = Arc::new(Inventory::load(&folder.join("cameras.csv")).unwrap());
    let inventories = config
        .peers
        .keys()
        .map(|name| (name.clone(), cameras.clone()));
    let inventories = inventories.collect();
    let state = folder.join(format!("state-{}", at.me));
    let journal = Journal::open_in(
        Arc::new(at.clone()),
        &at.boot_id(),
        &state,
        &config.node.name,
        Limits::default(),
    );
    let (journal, replay) = journal.unwrap();
    let mut config = config;
    let pair = config.heartbeat.is_some();
    let boot_counter = pair.then(|| boot_counter::next_on(at, &state).number);
    config.node.state_dir = state;
    let parts = Parts {
        config,
        secrets,
        switches,
        inventories,
        journal,
        damaged: replay.damage.is_some(),
        records: replay.records,
        boot_counter,
        limits: Vec::new(),
    };
    let (tx, inputs) = start::channel();
    let (into, host) = (tx.clone(), at.host());
    let slow = Lane::simulated(Place {
        thread: Thread::Slow,
        ..fast(at.me)
    });
    drop(Lane::simulated(fast(at.me)).spawn(async move {
        match start::build(parts, host, into, slow).await {
            Ok(daemon) => daemon.run(inputs).await,
            Err(e) => panic!("the daemon does not start: {e}"),
        }
    }));
    tx
}
