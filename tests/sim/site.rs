//! A site: the world, and the daemons on its machines.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use standin::config::{Config, Secrets, SnmpSecret, Surroundings};
use standin::daemon::hub::{Ask, Input, Tx};
use standin::daemon::journal::{Journal, Limits};
use standin::daemon::start::{self, Parts};
use standin::daemon::switches;
use standin::host::Kernel;
use standin::rt::Lane;
use standin::rt::sim::{Node, Order, Place, Sim, Thread};
use standin::verify::Inventory;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::host::At;
use crate::plan::{Act, What};
use crate::rules::{self, Broken, DARK, Rule};
use crate::switch_agent::{Port, State};
use crate::world::{CAMERAS, Held, Machine, Shared, VIP, World};

/// The primary, which has no agent; the standby.
const PRIMARY: usize = 0;
const STANDBY: usize = 1;

/// The standby's configuration; the peer's port as it names it.
pub fn config(port: &str) -> String {
    format!(
        r#"[node]
name = "b"
[switch.core]
address = "192.168.20.2"
profile = "generic-qbridge"
oper-staleness = "0s"
uplinks = ["ge48"]
own-ports = ["ge2"]
[switch.core.snmp]
version = "2c"
community-file = "core.community"
[peer.cctv]
kind = "agentless"
vip = "192.168.1.101/24"
interface = "eth0"
management = "192.168.20.30"
[peer.cctv.detect]
startup-grace = "0s"
[[peer.cctv.fence]]
switch = "core"
ports = ["{port}"]
persist = false
[peer.cctv.service]
port = 1935
[peer.cctv.verify]
cameras = "cameras.csv"
"#
    )
}

pub struct Site {
    pub sim: Sim,
    pub world: Shared,
    pub acts: Vec<Act>,
    /// The standby was the one owner at some time.
    pub taken: bool,
    /// What `status` said, each second.
    pub log: Vec<String>,
    text: String,
    folder: TempDir,
    daemon: Option<Tx>,
}

fn fast(i: usize) -> Place {
    Place {
        node: Node(i as u32 + 1),
        thread: Thread::Fast,
    }
}

impl Site {
    /// A primary without an agent, and a standby with this configuration.
    pub fn agentless(seed: u64, text: &str) -> Site {
        let sim = Sim::new(Order::Dice(seed));
        let port = |index, name, oper| Port {
            index,
            name,
            alias: Vec::new(),
            admin: 1,
            oper,
            base: index - 100,
            changed: 100,
        };
        let ports = vec![
            port(101, "ge1", 1),
            port(102, "ge2", 1),
            port(103, "ge3", 2),
            port(148, "ge48", 1),
        ];
        let mut machines = vec![Machine::new(0, "ge1"), Machine::new(1, "ge2")];
        machines[PRIMARY].addresses.push(Held {
            vip: VIP,
            ours: false,
            until: u64::MAX,
        });
        let mut world = World {
            machines,
            switch: State::new(ports, Vec::new()),
            silent: false,
            lies: false,
            loss: 0,
            frames: 0,
            messages: 0,
        };
        world.settle();
        let folder = tempfile::tempdir().unwrap();
        let cameras = (0..CAMERAS.1).map(|i| format!("c{i},192.168.1.{}\n", CAMERAS.0 + i));
        let list = format!("name,address\n{}", cameras.collect::<String>());
        std::fs::write(folder.path().join("cameras.csv"), list).unwrap();
        let mut site = Site {
            sim,
            world: Arc::new(Mutex::new(world)),
            acts: Vec::new(),
            taken: false,
            log: Vec::new(),
            text: text.to_owned(),
            folder,
            daemon: None,
        };
        site.boot();
        site
    }

    /// Starts the standby's daemon, as `standin run` does.
    fn boot(&mut self) {
        let at = At {
            world: self.world.clone(),
            me: STANDBY,
        };
        let (folder, text) = (self.folder.path(), self.text.clone());
        let tx = self.sim.on(fast(STANDBY), || begin(&at, folder, &text));
        self.daemon = Some(tx);
    }

    fn kill(&mut self) {
        self.sim.kill(fast(STANDBY).node);
        self.daemon = None;
    }

    /// What `status` says now; null if nobody answers.
    pub fn status(&self) -> Value {
        let Some(daemon) = &self.daemon else {
            return Value::Null;
        };
        let (reply, mut answer) = oneshot::channel();
        let ask = Ask {
            command: "status".to_owned(),
            peer: None,
            args: json!({}),
            reply,
        };
        let _ = daemon.send(Input::Ask(ask));
        self.sim.run(self.sim.now(), |_| {});
        match answer.try_recv() {
            Ok(Ok(said)) => said["peers"][0].clone(),
            Ok(Err(_)) | Err(_) => Value::Null,
        }
    }

    fn act(&mut self, what: What) {
        let mut world = self.world.lock().unwrap();
        match what {
            What::Power(linked) => {
                world.machines[PRIMARY].linked_when_off = linked;
                world.power_off(PRIMARY);
            }
            What::Hang => world.machines[PRIMARY].serves = false,
            What::Cable(on) => world.machines[PRIMARY].cable = on,
            What::OurCable(on) => world.machines[STANDBY].cable = on,
            What::Silent(on) => world.silent = on,
            What::Loss(thousandths) => world.loss = thousandths,
            What::Kill => {}
        }
        world.settle();
        drop(world);
        if what == What::Kill && self.daemon.is_some() {
            self.kill();
        }
    }

    /// Does the acts at their times and goes on until `end` (microseconds from now); what was broken.
    pub fn run(&mut self, acts: &[Act], end: u64) -> Vec<Broken> {
        let begin = self.sim.now();
        self.acts = acts.to_vec();
        let mut moments: Vec<(u64, Option<What>)> =
            acts.iter().map(|a| (a.at, Some(a.what))).collect();
        let kills = acts.iter().filter(|a| a.what == What::Kill);
        moments.extend(kills.map(|a| (a.at + 500_000, None)));
        moments.extend((1..=end / 1_000_000).map(|s| (s * 1_000_000, None)));
        moments.sort_by_key(|m| m.0);
        let judge = RefCell::new(Judge::default());
        for (at, what) in moments {
            self.watch(begin + at, &judge);
            match what {
                Some(what) => self.act(what),
                None if self.daemon.is_none() => self.boot(),
                None => self.look(&mut judge.borrow_mut()),
            }
        }
        let mut judge = judge.into_inner();
        let last = self.status();
        let mut world = self.world.lock().unwrap();
        let machines = 0..world.machines.len();
        let heard = machines.filter(|i| world.heard(*i, VIP.addr)).count();
        if heard != 1 && !alarmed(&last) {
            let what = format!("{heard} are heard at the end, and nothing is told: {last}");
            judge.broken(Rule::OwnerAtLast, self.sim.now(), what);
        }
        self.taken = judge.taken;
        judge.found
    }

    fn watch(&self, until: u64, judge: &RefCell<Judge>) {
        self.sim.run(until, |now| {
            let mut world = self.world.lock().unwrap();
            judge.borrow_mut().after(&mut world, now);
        });
    }

    /// Each second: what the daemon says, and whether it has said enough.
    fn look(&mut self, judge: &mut Judge) {
        let said = self.status();
        let now = self.sim.now();
        let line = format!(
            "  {:>3} s {} why {} fence {} alarms {}",
            now / 1_000_000,
            said["state"],
            said["why"],
            said["fence"],
            said["alarms"]
        );
        self.log.push(line);
        if let Some(since) = judge.dark
            && now - since > DARK
            && !alarmed(&said)
        {
            let what = format!("nobody is heard since {since}, and nothing is told: {said}");
            judge.broken(Rule::OwnerOrAlarm, now, what);
        }
    }
}

/// True if an alarm of the peer stands that a person should look at.
fn alarmed(said: &Value) -> bool {
    let alarms = said["alarms"].as_array();
    alarms.is_some_and(|all| all.iter().any(|a| a["level"] != "info"))
}

/// What was seen so far.
#[derive(Default)]
struct Judge {
    found: Vec<Broken>,
    /// The standby has the address.
    owns: bool,
    taken: bool,
    /// Since when nobody is heard, microseconds.
    dark: Option<u64>,
}

impl Judge {
    fn broken(&mut self, rule: Rule, at: u64, what: String) {
        if self.found.iter().all(|b| b.rule != rule) {
            self.found.push(Broken { rule, at, what });
        }
    }

    fn after(&mut self, world: &mut World, now: u64) {
        if !rules::never_two(world) {
            self.broken(Rule::OneOwner, now, "two are heard".to_owned());
        }
        let owns = world.machines[STANDBY].has(VIP.addr);
        if owns && !self.owns && !rules::grounds(world, STANDBY) {
            let what = "the address is claimed, and the peer's port is open".to_owned();
            self.broken(Rule::Grounds, now, what);
        }
        self.owns = owns;
        self.taken |= world.heard(STANDBY, VIP.addr);
        self.dark = match rules::anybody(world) {
            true => None,
            false => self.dark.or(Some(now)),
        };
    }
}

/// Reads what a start reads, and starts the loop; the way into it.
fn begin(at: &At, folder: &Path, text: &str) -> Tx {
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
        heartbeat: None,
    };
    let switches = switches::build_by(at, &config, &secrets).unwrap();
    let cameras = Arc::new(Inventory::load(&folder.join("cameras.csv")).unwrap());
    let inventories = config
        .peers
        .keys()
        .map(|name| (name.clone(), cameras.clone()));
    let inventories = inventories.collect();
    let journal = Journal::open_in(
        &at.boot_id(),
        &folder.join("state"),
        &config.node.name,
        Limits::default(),
    );
    let (journal, replay) = journal.unwrap();
    let mut config = config;
    config.node.state_dir = folder.join("state");
    let parts = Parts {
        config,
        secrets,
        switches,
        inventories,
        journal,
        damaged: replay.damage.is_some(),
        records: replay.records,
        boot_counter: None,
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
