//! A site: the world, and the daemons on its machines.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use standin::cli::exit::ExitCode;
use standin::daemon::hub::{Ask, Input};
use standin::rt::sim::{self, Place, Sim, Thread, dice};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::camera::{self, Camera};
use crate::host::At;
use crate::judge::Judge;
use crate::machine::{Held, Machine};
use crate::plan::{Act, Edit, Order, What};
use crate::rules::{ANSWERED, Broken, Ledger, Rule};
use crate::start::{Daemon, Over, Variant, begin, fast, reload, write_config, write_files};
use crate::switch_agent::{Port, State};
use crate::world::{Lie, Shared, VIP, World};

type Answer = oneshot::Receiver<Result<Value, (ExitCode, String)>>;

/// Somebody asked a daemon and waits.
struct Asked {
    at: u64,
    of: usize,
    order: Order,
    answer: Answer,
}

pub struct Site {
    pub sim: Sim,
    pub world: Shared,
    pub acts: Vec<Act>,
    /// How often another machine than before was the one owner.
    pub changes: u64,
    /// How often a takeover was told to be verified.
    pub verified: u64,
    pub ledger: Ledger,
    /// When anything happened, microseconds from the beginning.
    pub steps: Vec<u64>,
    /// What `status` said, each second.
    pub log: Vec<String>,
    pub pair: bool,
    /// What is in the configurations, and was in the beginning.
    pub variants: [Variant; 2],
    usual: Variant,
    /// A death is noticed so much later than with the defaults, microseconds.
    slower: u64,
    /// What is known of the program is no excuse.
    pub strict: bool,
    asked: Vec<Asked>,
    pub folder: TempDir,
    daemons: [Option<Daemon>; 2],
    /// Who is not started again until a person looks.
    down: [bool; 2],
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
        site.variants = [site.usual.clone(), site.usual.clone()];
        site
    }

    fn of_a_pair(order: sim::Order) -> Site {
        let mut site = Site::of(order, true);
        if dice(16, 0, 4) == 0 {
            site.usual.heartbeat = "interval = \"700ms\"";
            site.usual.detect = "suspect-after = \"1400ms\"";
            site.slower = 1_100_000;
        }
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
            ledger: Ledger::default(),
            steps: Vec::new(),
            log: Vec::new(),
            pair,
            variants: Default::default(),
            usual: Variant::default(),
            slower: 0,
            strict: false,
            asked: Vec::new(),
            folder,
            daemons: [None, None],
            down: [false; 2],
        }
    }

    fn lie(&self) -> Option<Lie> {
        self.world.lock().unwrap().lie
    }

    pub fn at(&self, i: usize) -> At {
        At {
            world: self.world.clone(),
            me: i,
        }
    }

    /// Starts a machine's daemon, as `standin run` does, if it has one and can.
    fn boot(&mut self, i: usize) {
        let power = self.world.lock().unwrap().machines[i].power;
        if self.daemons[i].is_some() || !power || self.down[i] || (i == 0 && !self.pair) {
            return;
        }
        let (at, folder) = (self.at(i), self.folder.path());
        let daemon = self.sim.on(fast(i), || begin(&at, folder));
        self.daemons[i] = Some(daemon);
    }

    /// As systemd does it: what ended is started again.
    fn supervise(&mut self, i: usize, judge: &mut Judge) {
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
            self.down[i] = for_good;
            self.kill(i);
        }
        self.boot(i);
    }

    fn tell(&mut self, what: String) {
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

    fn act(&mut self, what: What, judge: &mut Judge) {
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

    /// Starts the daemons, does the acts at their times and goes on until `end` (microseconds from now); what was broken.
    pub fn run(&mut self, acts: &[Act], end: u64) -> Vec<Broken> {
        for i in 0..2 {
            write_config(self.folder.path(), i, self.pair, &self.variants[i]);
            self.boot(i);
        }
        let begin = self.sim.now();
        self.acts = acts.to_vec();
        let mut moments: Vec<(u64, Option<What>)> =
            acts.iter().map(|a| (a.at, Some(a.what))).collect();
        moments.extend((1..=end / 500_000).map(|s| (s * 500_000, None)));
        moments.sort_by_key(|m| m.0);
        let judge = RefCell::new(Judge::default());
        (judge.borrow_mut().slower, judge.borrow_mut().strict) = (self.slower, self.strict);
        for (i, variant) in self.variants.iter().enumerate() {
            judge.borrow_mut().edited(i, variant.port.is_some());
        }
        for (at, what) in moments {
            self.watch(begin + at, &judge);
            match what {
                Some(what) => self.act(what, &mut judge.borrow_mut()),
                None => {
                    let judge = &mut judge.borrow_mut();
                    (0..2).for_each(|i| self.supervise(i, judge));
                    self.look(judge);
                }
            }
        }
        let mut judge = judge.into_inner();
        let last = [self.status(0), self.status(1)];
        judge.end(&mut self.world.lock().unwrap(), &last, self.sim.now());
        self.replay(&mut judge);
        (self.changes, self.verified) = (judge.changes, judge.verified);
        self.steps = judge.steps.into_iter().map(|at| at - begin).collect();
        self.ledger = judge.ledger;
        self.ledger.found.clone()
    }

    /// R13, each eighth time: `standin replay` decides what the journal says.
    fn replay(&self, judge: &mut Judge) {
        if dice(40, 0, 8) > 0 {
            return;
        }
        for (i, name) in ["a", "b"].into_iter().enumerate() {
            let file = self.folder.path().join(name).join("state/journal.jsonl");
            let world = self.world.lock().unwrap();
            let Some(bytes) = world.machines[i].disk.bytes(&file) else {
                continue;
            };
            // Of a journal that tells how much of it was lost nobody can ask that it plays back.
            if String::from_utf8_lossy(&bytes).contains(r#""kind":"lost""#) {
                continue;
            }
            let copy = self.folder.path().join(format!("{name}.jsonl"));
            std::fs::write(&copy, bytes).unwrap();
            // The program of the same build, which `scripts/bench mutants` keeps apart.
            let standin = std::env::var_os("SIM_STANDIN");
            let standin = standin.unwrap_or_else(|| env!("CARGO_BIN_EXE_standin").into());
            let mut replay = std::process::Command::new(standin);
            let ended = replay.arg("replay").arg(&copy).output().unwrap();
            let what = || String::from_utf8_lossy(&ended.stderr).into_owned();
            let (fine, now) = (ended.status.success(), self.sim.now());
            judge.ledger.check(Rule::Replay, fine, now, what);
        }
    }

    fn watch(&self, until: u64, judge: &RefCell<Judge>) {
        self.sim.run(until, |now| {
            let mut world = self.world.lock().unwrap();
            let lives = [0, 1].map(|i| self.daemons[i].is_some());
            judge.borrow_mut().after(&mut world, lives, now);
        });
    }

    /// Twice a second: what the daemons say, and whether they have said enough.
    fn look(&mut self, judge: &mut Judge) {
        let now = self.sim.now();
        let said = [self.status(0), self.status(1)];
        for (said, name) in said.iter().zip(["a", "b"]).filter(|(s, _)| !s.is_null()) {
            let alarms = said["alarms"].as_array();
            let keys: Vec<&Value> = alarms.into_iter().flatten().map(|a| &a["key"]).collect();
            let line = format!(
                "{name} {} why {} fence {} alarms {keys:?}",
                said["state"], said["why"], said["fence"]
            );
            let of_it = format!(" s {name} \"");
            let before = self.log.iter().rfind(|l| l.contains(&of_it));
            if before.is_none_or(|l| !l.ends_with(&line)) {
                self.tell(line);
            }
        }
        self.answers(judge);
        let tasks = [0, 1].map(|i| self.sim.tasks(fast(i).node));
        let polls = self.sim.polls();
        judge.look(&mut self.world.lock().unwrap(), &said, (tasks, polls), now);
    }

    /// R9: who asked is answered.
    fn answers(&mut self, judge: &mut Judge) {
        let now = self.sim.now();
        for mut asked in std::mem::take(&mut self.asked) {
            let heard = match self.lie() {
                Some(Lie::NoAnswers) => Err(oneshot::error::TryRecvError::Empty),
                _ => asked.answer.try_recv(),
            };
            match heard {
                Ok(said) => {
                    judge.ledger.arm(Rule::Orders);
                    if let (Order::Hold(on), Ok(said)) = (asked.order, &said) {
                        judge.hold(asked.of, on && said["durable"] == true, asked.at, now);
                    }
                    let words = said.map_or_else(|e| e.1, |v| v.to_string());
                    self.tell(format!("{:?} answered: {words}", asked.order));
                }
                Err(_) if judge.stalled(asked.of, asked.at) || now - asked.at < ANSWERED => {
                    self.asked.push(asked);
                }
                Err(_) => {
                    let what = format!("{:?} at {} is not answered", asked.order, asked.at);
                    judge.ledger.broken(Rule::Orders, now, what);
                }
            }
        }
    }
}
