//! A site from the start of its daemons to the end: the acts at their times, looked at after each event.

use std::cell::RefCell;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::judge::Judge;
use crate::plan::{Act, Order, What};
use crate::rules::{ANSWERED, Broken, Rule};
use crate::site::Site;
use crate::start::{fast, write_config};
use crate::world::Lie;

impl Site {
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
        judge.borrow_mut().slower = self.slower;
        judge.borrow_mut().fresh = self.fresh;
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

    /// R13: `standin replay` decides what the journal says.
    fn replay(&mut self, judge: &mut Judge) {
        for (i, name) in ["a", "b"].into_iter().enumerate() {
            let file = self.folder.path().join(name).join("state/journal.jsonl");
            let world = self.world.lock().unwrap();
            let Some(bytes) = world.machines[i].disk.bytes(&file) else {
                continue;
            };
            let copy = self.folder.path().join(format!("{name}.jsonl"));
            std::fs::write(&copy, bytes).unwrap();
            // The program of the same build, which `scripts/bench mutants` keeps apart.
            let standin = std::env::var_os("SIM_STANDIN");
            let standin = standin.unwrap_or_else(|| env!("CARGO_BIN_EXE_standin").into());
            let mut replay = std::process::Command::new(standin);
            let ended = replay
                .args(["replay", "--json"])
                .arg(&copy)
                .output()
                .unwrap();
            let said: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
            self.gaps += said["gaps"].as_array().map_or(0, Vec::len);
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
                    if let (Order::Takeover, Ok(_)) = (asked.order, &said) {
                        judge.begins(asked.of, asked.at);
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
