//! A site: the world, and the daemons on its machines.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use standin::daemon::hub::{Ask, Input};
use standin::rt::sim::{Order, Sim, dice};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::camera::{self, Camera};
use crate::host::At;
use crate::plan::{Act, Edit, What};
use crate::rules::{self, Broken, DARK, Rule};
use crate::start::{Daemon, Variant, begin, fast, reload, write_config, write_files};
use crate::switch_agent::{Port, State};
use crate::world::{Held, Machine, Shared, VIP, World};

pub struct Site {
    pub sim: Sim,
    pub world: Shared,
    pub acts: Vec<Act>,
    /// How often another machine than before was the one owner.
    pub changes: u64,
    /// When anything happened, microseconds from the beginning.
    pub steps: Vec<u64>,
    /// What `status` said, each second.
    pub log: Vec<String>,
    pair: bool,
    /// What is in the configurations.
    pub variants: [Variant; 2],
    /// How often a takeover was told to be verified.
    pub verified: u64,
    folder: TempDir,
    daemons: [Option<Daemon>; 2],
}

impl Site {
    /// A primary without an agent, and a standby.
    pub fn agentless(seed: u64) -> Site {
        let site = Site::of(seed, false);
        site.world.lock().unwrap().machines[0].addresses.push(Held {
            vip: VIP,
            ours: false,
            until: u64::MAX,
        });
        site.world.lock().unwrap().machines[1].serves = false;
        site
    }

    /// Two machines that watch each other.
    pub fn pair(seed: u64) -> Site {
        Site::of(seed, true)
    }

    fn of(seed: u64, pair: bool) -> Site {
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
        let machines = vec![Machine::new(0, "ge1"), Machine::new(1, "ge2")];
        let mut world = World {
            machines,
            cameras: (0..2 + dice(11, 0, 7) as u8).map(Camera::new).collect(),
            switch: State::new(ports, Vec::new()),
            silent: false,
            lies: false,
            loss: 0,
            frames: 0,
            messages: 0,
        };
        world.settle();
        let folder = tempfile::tempdir().unwrap();
        (0..2).for_each(|i| write_files(folder.path(), i, &world.cameras));
        // In one of three one camera stays away, or is turned away.
        let one = dice(12, 0, world.cameras.len() as u64) as usize;
        match dice(13, 0, 6) {
            0 => world.cameras[one].on = false,
            1 => world.cameras[one].refused = true,
            _ => {}
        }
        let many = world.cameras.len();
        let world = Arc::new(Mutex::new(world));
        (0..many).for_each(|n| camera::start(&world, n));
        Site {
            sim,
            world,
            acts: Vec::new(),
            changes: 0,
            steps: Vec::new(),
            log: Vec::new(),
            pair,
            variants: Default::default(),
            verified: 0,
            folder,
            daemons: [None, None],
        }
    }

    /// Starts a machine's daemon, as `standin run` does, if it has one and can.
    fn boot(&mut self, i: usize) {
        let power = self.world.lock().unwrap().machines[i].power;
        if self.daemons[i].is_some() || !power || (i == 0 && !self.pair) {
            return;
        }
        let at = At {
            world: self.world.clone(),
            me: i,
        };
        let folder = self.folder.path();
        let daemon = self.sim.on(fast(i), || begin(&at, folder));
        self.daemons[i] = Some(daemon);
    }

    /// As systemd does it: what ended is started again.
    fn supervise(&mut self, i: usize) {
        let over = |d: &Daemon| d.over.lock().unwrap().clone();
        if let Some(why) = self.daemons[i].as_ref().and_then(over) {
            let (at, name) = (self.sim.now() as f64 / 1e6, ["a", "b"][i]);
            self.log.push(format!("  {at:>6.1} s {name} ended: {why}"));
            self.kill(i);
        }
        self.boot(i);
    }

    /// A person edits the file and sends SIGHUP.
    fn reload(&mut self, i: usize, edit: Edit) {
        self.variants[i] = match edit {
            Edit::None => Variant::default(),
            Edit::OtherPort => Variant {
                port: Some("ge3"),
                ..Variant::default()
            },
            Edit::Times => Variant {
                detect: "suspect-after = \"400ms\"\nconfirm-probes = 6",
                ..Variant::default()
            },
            Edit::NoSwitch => Variant {
                no_switch: true,
                ..Variant::default()
            },
        };
        write_config(self.folder.path(), i, self.pair, &self.variants[i]);
        if let Some(daemon) = &self.daemons[i] {
            let at = At {
                world: self.world.clone(),
                me: i,
            };
            reload(&at, self.folder.path(), &daemon.tx);
        }
    }

    fn kill(&mut self, i: usize) {
        self.sim.kill(fast(i).node);
        self.daemons[i] = None;
    }

    /// What `status` of a machine says now; null if nobody answers.
    pub fn status(&self, i: usize) -> Value {
        let Some(daemon) = &self.daemons[i] else {
            return Value::Null;
        };
        let (reply, mut answer) = oneshot::channel();
        let ask = Ask {
            command: "status".to_owned(),
            peer: None,
            args: json!({}),
            reply,
        };
        let _ = daemon.tx.send(Input::Ask(ask));
        self.sim.run(self.sim.now(), |_| {});
        match answer.try_recv() {
            Ok(Ok(mut said)) => {
                // What is told of the machine is told of its one peer too.
                let mut peer = said["peers"][0].take();
                if let (Some(all), Some(of_all)) =
                    (peer["alarms"].as_array_mut(), said["alarms"].as_array())
                {
                    all.extend(of_all.iter().cloned());
                }
                peer
            }
            Ok(Err(_)) | Err(_) => Value::Null,
        }
    }

    fn act(&mut self, what: What) {
        let mut world = self.world.lock().unwrap();
        match what {
            What::Off(i, linked) => {
                world.machines[i].linked_when_off = linked;
                world.power_off(i);
            }
            What::On(i) => {
                let m = &mut world.machines[i];
                (m.power, m.serves, m.boots) = (true, true, m.boots + 1);
            }
            What::Hang(i) => world.machines[i].serves = false,
            What::Freeze(i, on) => world.machines[i].frozen = on,
            What::Cable(i, on) => world.machines[i].cable = on,
            What::Silent(on) => world.silent = on,
            What::SlowDisk(i, us) => world.machines[i].disk_slow = us,
            What::FullDisk(i, full) => world.machines[i].disk_full = full,
            What::Loss(thousandths) => world.loss = thousandths,
            What::Kill(_) | What::Reload(..) => {}
        }
        world.settle();
        drop(world);
        match what {
            What::Kill(i) | What::Off(i, _) => self.kill(i),
            What::On(i) => self.boot(i),
            What::Reload(i, edit) => self.reload(i, edit),
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
        for (at, what) in moments {
            self.watch(begin + at, &judge);
            match what {
                Some(what) => self.act(what),
                None => {
                    (0..2).for_each(|i| self.supervise(i));
                    self.look(&mut judge.borrow_mut());
                }
            }
        }
        let mut judge = judge.into_inner();
        let last = [self.status(0), self.status(1)];
        let mut world = self.world.lock().unwrap();
        let machines = 0..world.machines.len();
        let heard = machines.filter(|i| world.heard(*i, VIP.addr)).count();
        if heard != 1 && !last.iter().any(alarmed) {
            let what = format!("{heard} are heard at the end, and nothing is told: {last:?}");
            judge.broken(Rule::OwnerAtLast, self.sim.now(), what);
        }
        self.changes = judge.changes;
        self.steps = judge.steps.into_iter().map(|at| at - begin).collect();
        judge.found
    }

    fn watch(&self, until: u64, judge: &RefCell<Judge>) {
        self.sim.run(until, |now| {
            let mut world = self.world.lock().unwrap();
            let lives = |i: usize| self.daemons[i].is_some();
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
                " s {name} {} why {} fence {} alarms {keys:?}",
                said["state"], said["why"], said["fence"]
            );
            let of_it = format!(" s {name} ");
            let before = self.log.iter().rfind(|l| l.contains(&of_it));
            if before.is_none_or(|l| !l.ends_with(&line)) {
                self.log.push(format!("  {:>6.1}{line}", now as f64 / 1e6));
            }
        }
        for (i, said) in said.iter().enumerate() {
            let verified = said["verdict"] == "verified";
            if verified && !judge.verified[i] {
                self.verified += 1;
                let (world, since) = (self.world.lock().unwrap(), judge.claimed[i]);
                for c in &world.cameras {
                    if c.served[i].is_none_or(|at| at < since) {
                        let what = format!("verified, and {c:?} was not served since {since}");
                        judge.broken(Rule::Verdict, now, what);
                    }
                }
            }
            judge.verified[i] = verified;
        }
        if let Some(since) = judge.dark
            && now - since > DARK
            && !said.iter().any(alarmed)
        {
            let what = format!("nobody is heard since {since}, and nothing is told: {said:?}");
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
    /// Who has the address.
    owns: [bool; 2],
    /// Who was the last one owner, and how often another one was.
    owner: Option<usize>,
    changes: u64,
    steps: Vec<u64>,
    /// When each last put the address on, and whether it says that this is verified.
    claimed: [u64; 2],
    verified: [bool; 2],
    /// Since when nobody is heard, microseconds.
    dark: Option<u64>,
}

impl Judge {
    fn broken(&mut self, rule: Rule, at: u64, what: String) {
        if self.found.iter().all(|b| b.rule != rule) {
            self.found.push(Broken { rule, at, what });
        }
    }

    fn after(&mut self, world: &mut World, lives: impl Fn(usize) -> bool, now: u64) {
        self.steps.push(now);
        if !rules::never_two(world) {
            self.broken(Rule::OneOwner, now, "two are heard".to_owned());
        }
        for i in 0..2 {
            let owns = world.machines[i].has(VIP.addr);
            if owns && !self.owns[i] && lives(i) && !rules::grounds(world, i, lives(1 - i)) {
                let what = format!("machine {i} claims, and its peer's port is open");
                self.broken(Rule::Grounds, now, what);
            }
            if owns && !self.owns[i] {
                self.claimed[i] = now;
            }
            self.owns[i] = owns;
            if world.heard(i, VIP.addr) && self.owner != Some(i) {
                self.changes += u64::from(self.owner.is_some());
                self.owner = Some(i);
            }
        }
        // Nobody could where no daemon has a way to the cameras.
        let could = (0..2).any(|i| lives(i) && world.passes(i));
        self.dark = match rules::anybody(world) || !could {
            true => None,
            false => self.dark.or(Some(now)),
        };
    }
}
