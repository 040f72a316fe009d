//! A site: the world, and the daemons on its machines.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use standin::daemon::hub::{Ask, Input};
use standin::exit::ExitCode;
use standin::rt::sim::{self, Place, Sim, Thread, dice};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::camera::{self, Camera};
use crate::host::At;
use crate::judge::Judge;
use crate::machine::{Held, Machine};
use crate::plan::{Act, Edit, Order, What};
use crate::rules::Ledger;
use crate::start::{Daemon, Over, Variant, begin, fast, reload, write_config, write_files};
use crate::switch_agent::{Port, State};
use crate::world::{Lie, Shared, VIP, World};

type Answer = oneshot::Receiver<Result<Value, (ExitCode, String)>>;

/// Somebody asked a daemon and waits.
pub struct Asked {
    pub at: u64,
    pub of: usize,
    pub order: Order,
    pub answer: Answer,
}

pub struct Site {
    pub sim: Sim,
    pub world: Shared,
    pub acts: Vec<Act>,
    /// How often another machine than before was the one owner.
    pub changes: u64,
    /// How often a takeover was told to be verified.
    pub verified: u64,
    /// Gaps of the journals, as `standin replay` tells of them.
    pub gaps: usize,
    pub ledger: Ledger,
    /// When anything happened, microseconds from the beginning.
    pub steps: Vec<u64>,
    /// What `status` said, each second.
    pub log: Vec<String>,
    pub pair: bool,
    /// What is in the configurations, and was in the beginning.
    pub variants: [Variant; 2],
    pub usual: Variant,
    /// A death is noticed so much later than with the defaults, microseconds.
    pub slower: u64,
    /// A heartbeat is fresh for so long, microseconds: three of them, and at least half a second.
    pub fresh: u64,
    pub asked: Vec<Asked>,
    pub folder: TempDir,
    pub daemons: [Option<Daemon>; 2],
    /// Who is not started again until a person looks.
    pub down: [bool; 2],
}

impl Site {
    /// A primary without an agent, and a standby.
    pub fn agentless(seed: u64) -> Site {
        Site::in_order(sim::Order::Dice(seed), false)
    }

    /// Two machines that watch each other.
    pub fn pair(seed: u64) -> Site {
        Site::in_order(sim::Order::Dice(seed), true)
    }

    /// Either, with what comes in this order.
    pub fn in_order(order: sim::Order, pair: bool) -> Site {
        match pair {
            false => Site::of_a_standby(order),
            true => Site::of_a_pair(order),
        }
    }

    fn of_a_standby(order: sim::Order) -> Site {
        let mut site = Site::of(order, false);
        {
            let mut world = site.world.lock().unwrap();
            world.machines[0].addresses.push(Held::by_itself());
            world.machines[0].has_it_set = true;
            world.machines[1].serves = false;
        }
        // One of two does not answer pings, and of four budgets one is narrow.
        site.world.lock().unwrap().machines[0].pings = dice(14, 0, 2) == 0;
        if dice(15, 0, 4) == 0 {
            site.usual.announce = "arp-per-second = 20";
        }
        site.usual.steps = dice(17, 0, 2) == 0;
        site.variants = [site.usual.clone(), site.usual.clone()];
        site
    }

    fn of_a_pair(order: sim::Order) -> Site {
        let mut site = Site::of(order, true);
        if dice(16, 0, 4) == 0 {
            site.usual.heartbeat = "interval = \"700ms\"";
            site.usual.detect = "suspect-after = \"1400ms\"";
            site.slower = 1_100_000;
            site.fresh = 2_100_000;
        }
        site.usual.steps = dice(17, 0, 2) == 0;
        site.variants = [site.usual.clone(), site.usual.clone()];
        site
    }

    fn of(order: sim::Order, pair: bool) -> Site {
        let sim = Sim::new(order);
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
        let machines = vec![Machine::new(0, "ge1"), Machine::new(1, "ge2")];
        let mut cameras: Vec<_> = (0..3 + dice(11, 0, 6) as u8).map(Camera::new).collect();
        let folder = tempfile::tempdir().unwrap();
        (0..2).for_each(|i| write_files(folder.path(), i, &cameras));
        // In one of three one camera stays away, or is turned away.
        let one = dice(12, 0, cameras.len() as u64) as usize;
        match dice(13, 0, 6) {
            0 => cameras[one].on = false,
            1 => cameras[one].refused = true,
            _ => {}
        }
        let many = cameras.len();
        let mut world = World::new(machines, cameras, State::new(ports, Vec::new()));
        world.settle();
        let world = Arc::new(Mutex::new(world));
        (0..many).for_each(|n| camera::start(&world, n));
        Site {
            sim,
            world,
            acts: Vec::new(),
            changes: 0,
            verified: 0,
            gaps: 0,
            ledger: Ledger::default(),
            steps: Vec::new(),
            log: Vec::new(),
            pair,
            variants: Default::default(),
            usual: Variant::default(),
            slower: 0,
            fresh: 500_000,
            asked: Vec::new(),
            folder,
            daemons: [None, None],
            down: [false; 2],
        }
    }

    pub fn lie(&self) -> Option<Lie> {
        self.world.lock().unwrap().lie
    }

    pub fn at(&self, i: usize) -> At {
        At {
            world: self.world.clone(),
            me: i,
        }
    }

    /// Starts a machine's daemon, as `standin run` does, if it has one and can.
    pub fn boot(&mut self, i: usize) {
        let power = self.world.lock().unwrap().machines[i].power;
        if self.daemons[i].is_some() || !power || self.down[i] || (i == 0 && !self.pair) {
            return;
        }
        let (at, folder) = (self.at(i), self.folder.path());
        let daemon = self.sim.on(fast(i), || begin(&at, folder));
        self.daemons[i] = Some(daemon);
    }

    /// As systemd does it: what ended is started again.
    pub fn supervise(&mut self, i: usize, judge: &mut Judge) {
        let over = |d: &Daemon| d.over.lock().unwrap().clone();
        if let Some(why) = self.daemons[i].as_ref().and_then(over) {
            let (words, for_good) = match why {
                Over::Stopped => {
                    judge.stopped(i, &self.world.lock().unwrap(), self.sim.now());
                    ("told to stop".to_owned(), false)
                }
                Over::Again(words) => (words, false),
                Over::ForGood(words) => (format!("for good, {words}"), true),
            };
            self.tell(format!("{} ended: {words}", ["a", "b"][i]));
            // Whoever has repaired the file since starts it.
            self.down[i] = for_good && self.variants[i].no_switch;
            self.kill(i);
        }
        self.boot(i);
    }

    pub fn tell(&mut self, what: String) {
        let at = self.sim.now() as f64 / 1e6 - 3600.0;
        self.log.push(format!("  {at:>6.1} s {what}"));
    }

    /// A person edits the file and sends SIGHUP.
    fn reload(&mut self, i: usize, edit: Edit) {
        self.variants[i] = match edit {
            Edit::None => self.usual.clone(),
            Edit::OtherPort => Variant {
                port: Some("ge3"),
                ..self.usual.clone()
            },
            Edit::Times => Variant {
                detect: "suspect-after = \"400ms\"\nconfirm-probes = 6",
                ..self.usual.clone()
            },
            Edit::NoSwitch => Variant {
                no_switch: true,
                ..self.usual.clone()
            },
        };
        write_config(self.folder.path(), i, self.pair, &self.variants[i]);
        if let Some(daemon) = &self.daemons[i] {
            reload(&self.at(i), self.folder.path(), &daemon.tx);
        }
    }

    fn kill(&mut self, i: usize) {
        self.sim.kill(fast(i).node);
        self.daemons[i] = None;
        // Whoever waited learns that the daemon is gone.
        self.asked.retain(|a| a.of != i);
    }

    fn stall(&self, i: usize, us: u64) {
        for thread in [Thread::Fast, Thread::Slow, Thread::Journal, Thread::Verify] {
            let node = fast(i).node;
            self.sim.stall(Place { node, thread }, us);
        }
    }

    fn ask(&self, i: usize, command: &str, args: Value) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            command: command.to_owned(),
            peer: Some("cctv".to_owned()),
            args,
            reply,
        };
        self.daemons[i].as_ref()?.tx.send(Input::Ask(ask)).ok()?;
        Some(answer)
    }

    fn order(&mut self, i: usize, order: Order) {
        let answer = match order {
            Order::Hold(on) => self.ask(i, "hold", json!({ "on": on })),
            Order::Takeover => self.ask(i, "takeover", json!({})),
            Order::Release => self.ask(i, "release", json!({})),
        };
        self.asked.extend(answer.map(|answer| Asked {
            at: self.sim.now(),
            of: i,
            order,
            answer,
        }));
    }

    /// What `status` of a machine says now; null if nobody answers.
    pub fn status(&self, i: usize) -> Value {
        let Some(mut answer) = self.ask(i, "status", json!({})) else {
            return Value::Null;
        };
        self.sim.run(self.sim.now(), |_| {});
        let Ok(Ok(mut said)) = answer.try_recv() else {
            return Value::Null;
        };
        // What is told of the machine is told of its one peer too.
        let mut peer = said["peers"][0].take();
        if let (Some(all), Some(of_all)) =
            (peer["alarms"].as_array_mut(), said["alarms"].as_array())
        {
            all.extend(of_all.iter().cloned());
        }
        peer
    }

    pub fn act(&mut self, what: What, judge: &mut Judge) {
        let now = self.sim.now();
        self.tell(format!("{what:?}"));
        let mut world = self.world.lock().unwrap();
        judge.acted(what, &mut world, now);
        world.suffer(what);
        drop(world);
        if let (What::Kill(i), Some(Lie::GoesAlong)) = (what, self.lie()) {
            self.world.lock().unwrap().machines[i].remove(VIP);
        }
        match what {
            What::Kill(i) | What::Off(i, _) | What::JournalLost(i) => self.kill(i),
            What::On(i) => {
                // A machine that boots starts it, whatever was before.
                self.down[i] = false;
                self.boot(i);
            }
            What::Reload(i, edit) => {
                judge.edited(i, edit == Edit::OtherPort);
                self.reload(i, edit);
                // Whoever repairs the file of a service that failed starts it.
                if edit != Edit::NoSwitch && std::mem::take(&mut self.down[i]) {
                    self.boot(i);
                }
            }
            What::Stall(i, us) => self.stall(i, us),
            What::Order(i, order) => self.order(i, order),
            What::Term(i) => {
                if let Some(daemon) = &self.daemons[i] {
                    let _ = daemon.tx.send(Input::Stop);
                }
            }
            _ => {}
        }
    }
}
