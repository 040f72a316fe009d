//! One redirect: its task, which has its checks and its machine, and tells what it is by a value that the loop shows.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::pointing::{Step, facts, run_steps, step_kit};
use crate::config;
use crate::daemon::journal::{Entry, Journal, Ticket};
use crate::daemon::perform::durable;
use crate::exit::ExitCode;
use crate::health::{Condition, Judgement, Looked};
use crate::host::{Disk, Programs};
use crate::redirect::{Do, Machine, Order, Seen, Settled};
use crate::rt;
use crate::steps::{Kit, SiteStep};
use crate::types::BootTime;

/// Kind of record in the journal: what a restart must know of a redirect.
pub const REDIRECT: &str = "redirect";
/// Times of the machine are looked at this often.
const TICK: Duration = Duration::from_millis(100);
/// What a restart must know is journaled again after this, so that it outlives a rotation.
const AGAIN: Duration = Duration::from_secs(60);

/// To whom an order is answered.
pub type Reply = oneshot::Sender<Result<Value, (ExitCode, String)>>;

/// What reaches the task of a redirect.
pub(super) enum Input {
    Looked(usize, Looked),
    Ended(u64, Settled),
    Order(Order, Reply),
}

/// The end of one attempt's steps is asked for by dropping this.
type Running = oneshot::Sender<()>;

/// One place.
pub(super) struct Place {
    pub name: String,
    pub says: String,
    pub checks: Vec<usize>,
    pub steps: Vec<Step>,
}

/// A check, and what was seen by it.
pub(super) struct Followed {
    pub health: config::Health,
    pub judgement: Judgement,
    pub last: Option<Looked>,
    /// It is judged as it is since then.
    pub since: BootTime,
}

/// One redirect, in its task.
pub(super) struct Site {
    pub name: String,
    pub node: String,
    pub back: config::PointsBack,
    pub machine: Machine,
    pub places: Vec<Place>,
    pub checks: Vec<Followed>,
    pub programs: Arc<dyn Programs>,
    pub disk: (Arc<dyn Disk>, PathBuf),
    pub journal: Journal,
    pub tx: mpsc::UnboundedSender<Input>,
    pub running: Option<(u64, Running)>,
    /// What became of the steps of the place in force.
    pub steps: Arc<Mutex<Vec<Value>>>,
    pub since: BootTime,
    pub shown: Arc<Mutex<Value>>,
    pub written: BootTime,
}

impl Site {
    pub async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) {
        loop {
            let input = tokio::select! {
                biased;
                input = inputs.recv() => input,
                () = rt::sleep(TICK) => None,
            };
            match input {
                None => {
                    // Nobody is told of a tick.
                    let _ = self.see(Seen::Tick);
                }
                Some(Input::Looked(check, looked)) => self.looked(check, looked),
                Some(Input::Ended(attempt, settled)) => {
                    if self.running.as_ref().is_some_and(|(a, _)| *a == attempt) {
                        self.running = None;
                    }
                    let _ = self.see(Seen::Ended(attempt, settled));
                }
                Some(Input::Order(order, reply)) => {
                    let answer = self.see(Seen::Order(order));
                    let answer =
                        answer.map_err(|why| (ExitCode::TryAgain, format!("{}: {why}", self.name)));
                    let answer = answer.map(|ticket| (ticket, self.state()));
                    // It is told when it is on the disk.
                    let _ = reply.send(match answer {
                        Ok((ticket, state)) => {
                            let is_durable = match ticket {
                                Some(ticket) => ticket.durable(Duration::from_secs(2)).await,
                                None => true,
                            };
                            Ok(json!({ "ok": true, "state": state, "durable": is_durable }))
                        }
                        Err(e) => Err(e),
                    });
                }
            }
            if rt::boot().since(self.written) >= AGAIN {
                self.write("again");
            }
            self.show();
        }
    }

    fn looked(&mut self, check: usize, looked: Looked) {
        let Some(followed) = self.checks.get_mut(check) else {
            return;
        };
        if followed.judgement.take(&looked).is_some() {
            followed.since = rt::boot();
        }
        followed.last = Some(looked);
        for place in 0..self.places.len() {
            if self.places[place].checks.contains(&check) {
                let _ = self.see(Seen::Health(place, self.well(place)));
            }
        }
    }

    /// A place is well if all of its checks are, and is not if one is not.
    fn well(&self, place: usize) -> Condition {
        let all = self.places[place].checks.iter();
        let all: Vec<Condition> = all.map(|c| self.checks[*c].judgement.condition()).collect();
        match (
            all.contains(&Condition::Down),
            all.contains(&Condition::Unknown),
        ) {
            (true, _) => Condition::Down,
            (false, true) => Condition::Unknown,
            (false, false) => Condition::Up,
        }
    }

    /// Gives one thing to the machine and does what it says; the ticket of what was journaled.
    fn see(&mut self, seen: Seen) -> Result<Option<Ticket>, String> {
        let now = rt::boot();
        let mut ticket = None;
        for act in self.machine.handle(now, seen)? {
            match act {
                Do::Changed(why) => {
                    self.since = now;
                    tracing::info!(redirect = %self.name, "{}: {why}", self.state());
                    ticket = Some(self.write(&why));
                }
                Do::Stop(attempt) => {
                    if self.running.as_ref().is_some_and(|(a, _)| *a == attempt) {
                        self.running = None;
                    }
                }
                Do::Point { place, attempt } => self.point(place, attempt, ticket.clone()),
            }
        }
        Ok(ticket)
    }

    fn write(&mut self, why: &str) -> Ticket {
        let now = rt::boot();
        self.written = now;
        let kept = self.machine.kept();
        let data = json!({ "place": self.places[kept.place].name, "kept": kept, "why": why });
        self.journal
            .append(Entry::new(now, &self.name, REDIRECT, data))
    }

    /// Runs the steps of a place, one after the other; one that fails keeps nothing of what works from being done.
    fn point(&mut self, place: usize, attempt: u64, ticket: Option<Ticket>) {
        let (stop, mut stopped) = oneshot::channel::<()>();
        let epoch = self.machine.kept().moves;
        let at = &self.places[place];
        let all: Vec<(Kit, Arc<dyn SiteStep>)> = at
            .steps
            .iter()
            .map(|(name, within, step)| {
                let facts = facts(&self.node, &self.name, epoch, *name);
                let whose = (self.name.as_str(), at.name.as_str(), *name);
                let kit = step_kit(facts, *within, self.programs.clone(), &self.disk, whose);
                (kit, step.clone())
            })
            .collect();
        let told = self.steps.clone();
        let tx = self.tx.clone();
        let work = async move {
            durable(ticket).await;
            let settled = tokio::select! {
                biased;
                _ = &mut stopped => Settled::Stopped,
                settled = run_steps(all, told) => settled,
            };
            let _ = tx.send(Input::Ended(attempt, settled));
        };
        self.running = Some((attempt, stop));
        drop(rt::spawn(work));
    }

    fn state(&self) -> String {
        let kept = self.machine.kept();
        let at = &self.places[kept.place].name;
        match (kept.settled, kept.hold) {
            (true, false) => at.clone(),
            (false, false) => format!("pointing at {at}"),
            (_, true) => format!("held at {at}"),
        }
    }

    pub fn show(&mut self) {
        let now = rt::boot();
        let kept = self.machine.kept();
        let at = &self.places[kept.place];
        let places = self.places.iter().enumerate().map(|(i, p)| {
            json!({
                "name": p.name,
                "state": self.machine.condition(i),
                "after_s": self.machine.after(i).as_secs_f64(),
                "says": p.says,
            })
        });
        let checks = self.checks.iter().map(|c| {
            json!({
                "name": c.health.name,
                "kind": c.health.table.kind,
                "state": c.judgement.condition(),
                "for_ms": now.since(c.since).as_millis() as u64,
                "failed": c.judgement.failed(),
                "said": c.last.as_ref().map(Looked::words),
            })
        });
        let away = kept.place != 0;
        let shown = json!({
            "name": self.name,
            "state": self.state(),
            "place": at.name,
            "says": at.says,
            "settled": kept.settled,
            "for_ms": now.since(self.since).as_millis() as u64,
            "verdict": (away && self.back == config::PointsBack::Release).then_some("degraded: unfenced"),
            "hold": kept.hold,
            "ordered": kept.ordered,
            "moves": kept.moves,
            "lost": self.machine.is_lost(),
            "failed": self.machine.failed(),
            "places": places.collect::<Vec<_>>(),
            "health": checks.collect::<Vec<_>>(),
            "steps": *self.steps.lock().unwrap_or_else(PoisonError::into_inner),
        });
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}
