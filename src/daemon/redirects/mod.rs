//! Redirects: each is a task of its own on a thread that nothing else needs, with its checks, its steps and its machine. The
//! loop passes orders on, shows what they say, and has their alarms.

mod pointing;
mod site;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::health::name_of;
use super::journal::{Journal, Record};
use super::run_loop::Loop;
use crate::config::{self, Config, Redirect};
use crate::health::{self, HealthCheck, Judgement};
use crate::host::{Disk, Host};
use crate::redirect::{Kept, Machine, Order, PlaceRule, Rule};
use crate::rt::{self, Join, Lane, OwnLane};
use crate::takeover::action::Level;
use pointing::words;
use site::{Followed, Input, Place, Site};

pub(crate) use pointing::{check_kit, facts, step_kit, steps_of};
pub use site::{REDIRECT, Reply};

/// Looks of one redirect begin so far apart, at first.
const APART: Duration = Duration::from_millis(20);

/// Their thread. `otherwise` where none is to be had.
fn lane(otherwise: &Lane) -> Lane {
    static REDIRECTS: OwnLane = OwnLane::new("redirects");
    REDIRECTS.or(otherwise)
}

/// What its loop has of a redirect.
struct Going {
    name: String,
    tx: mpsc::UnboundedSender<Input>,
    shown: Arc<Mutex<Value>>,
    tasks: Vec<Join<()>>,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.tasks.iter().for_each(Join::abort);
    }
}

/// Every redirect of the configuration.
#[derive(Default)]
pub struct Redirects(Vec<Going>);

/// What redirects are started with.
pub struct Around<'a> {
    /// This machine.
    pub host: &'a Host,
    /// The state folder and its disk.
    pub disk: &'a (Arc<dyn Disk>, PathBuf),
    /// Where they run if there is no thread of their own.
    pub slow: &'a Lane,
    /// The journal, and what was in it.
    pub journal: (&'a Journal, &'a [Record]),
}

fn rule(redirect: &Redirect) -> Rule {
    let places = redirect.places.iter().map(|p| PlaceRule {
        is_checked: !p.checks.is_empty(),
        after: p.after,
    });
    Rule {
        places: places.collect(),
        back: match redirect.back {
            config::PointsBack::Auto => crate::redirect::Back::Auto,
            config::PointsBack::Release => crate::redirect::Back::Release,
        },
    }
}

impl Redirects {
    /// Starts those of the configuration, each where the journal has left it.
    ///
    /// # Errors
    /// One cannot be built: the configuration was examined without its readers.
    pub fn start(config: &Config, around: &Around<'_>) -> Result<Redirects, String> {
        let mut all = Vec::new();
        for redirect in config.redirects.values() {
            all.push(Going::start(config, redirect, around)?);
        }
        Ok(Redirects(all))
    }

    /// As `status` shows them.
    pub fn shown(&self) -> Vec<Value> {
        let each = self.0.iter();
        each.map(|g| {
            g.shown
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        })
        .collect()
    }

    /// Passes an order on, if there is a redirect of this name; else gives the reply back.
    pub fn order(&self, name: &str, order: Order, reply: Reply) -> Option<Reply> {
        let Some(going) = self.0.iter().find(|g| g.name == name) else {
            return Some(reply);
        };
        // Its task may have ended by a fault; then the client is told that nobody answers.
        let _ = going.tx.send(Input::Order(order, reply));
        None
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|g| g.name.as_str())
    }
}

impl Going {
    fn start(config: &Config, redirect: &Redirect, around: &Around<'_>) -> Result<Going, String> {
        let (tx, inputs) = mpsc::unbounded_channel();
        let lane = lane(around.slow);
        let mut tasks = Vec::new();
        let mut checks = Vec::new();
        for (i, health) in redirect.health.iter().enumerate() {
            let check: Arc<dyn HealthCheck> =
                health::check_of(health, &config.origin).map_err(words)?;
            let whose = (health, name_of(health)?);
            let (node, name) = (&config.node.name, &redirect.name);
            let kit = check_kit(node, name, whose, around.host, around.disk);
            let tx = tx.clone();
            let hear = move |looked, _| tx.send(Input::Looked(i, looked)).is_ok();
            let first = APART * u32::try_from(i).unwrap_or(0);
            let looks = health::follow(check, kit, (first, health.interval), Arc::default(), hear);
            tasks.push(lane.spawn(looks));
            checks.push(Followed {
                health: health.clone(),
                judgement: Judgement::new(health.rise, health.fall),
                last: None,
                since: rt::boot(),
            });
        }
        let mut places = Vec::new();
        for place in &redirect.places {
            places.push(Place {
                name: place.name.clone(),
                says: place.says.clone(),
                checks: place.checks.clone(),
                steps: steps_of(place, &config.origin)?,
            });
        }
        let (journal, records) = around.journal;
        let mut last = records.iter().rev();
        let last = last.find(|r| r.kind == REDIRECT && r.peer == redirect.name);
        // By its name: the file may have other places now.
        let kept = last.and_then(|r| {
            let kept: Kept = serde_json::from_value(r.data["kept"].clone()).ok()?;
            let place = places.iter().position(|p| r.data["place"] == p.name);
            Some(Kept {
                place: place.unwrap_or(usize::MAX),
                ..kept
            })
        });
        let shown = Arc::new(Mutex::new(Value::Null));
        let mut site = Site {
            name: redirect.name.clone(),
            node: config.node.name.clone(),
            back: redirect.back,
            machine: Machine::new(rule(redirect), kept),
            places,
            checks,
            programs: around.host.programs.clone(),
            disk: around.disk.clone(),
            journal: journal.clone(),
            tx: tx.clone(),
            running: None,
            steps: Arc::default(),
            since: rt::boot(),
            shown: shown.clone(),
            written: rt::boot(),
        };
        site.show();
        tasks.push(lane.spawn(site.run(inputs)));
        Ok(Going {
            name: redirect.name.clone(),
            tx,
            shown,
            tasks,
        })
    }
}

impl Loop {
    /// Passes the order of a person on, where it is about a redirect; else it comes back.
    pub(super) fn order_redirect(
        &self,
        name: &str,
        (command, on): (&str, bool),
        reply: Reply,
    ) -> Option<Reply> {
        let order = match command {
            "hold" => Order::Hold(on),
            "takeover" => Order::Takeover,
            "release" => Order::Release,
            _ => return Some(reply),
        };
        self.redirects.order(name, order, reply)
    }

    /// Once a second: what a person must know of redirects.
    pub(super) fn look_at_redirects(&mut self) {
        for shown in self.redirects.shown() {
            let text = |field: &str| shown[field].as_str().unwrap_or("?").to_owned();
            let (name, place, says) = (text("name"), text("place"), text("says"));
            let says = if says.is_empty() {
                String::new()
            } else {
                format!(" ({says})")
            };
            let key = format!("redirect:{name}");
            let first = shown["places"][0]["name"].as_str().unwrap_or("?");
            if let Some(why) = shown["failed"].as_str() {
                let text = format!("{name} cannot be pointed at {place}: {why}; it is tried again");
                self.raise(None, &key, Level::Critical, text);
            } else if shown["lost"] == true {
                let text = format!(
                    "{name} points at {place}{says}, which is not well, and {}",
                    match shown["hold"] == true {
                        true => "it is held",
                        false => "no other place is well, or the first was never seen well",
                    }
                );
                self.raise(None, &key, Level::Critical, text);
            } else if place != first {
                let unfenced = match shown["verdict"].as_str() {
                    Some(verdict) => format!("; {verdict}: the machine of {first} can come back"),
                    None => String::new(),
                };
                let text = format!("{name} points at {place}{says} instead of {first}{unfenced}");
                self.raise(None, &key, Level::Warning, text);
            } else {
                self.settle(None, &key, format!("{name} points at {place}{says} again"));
            }
        }
    }
}
