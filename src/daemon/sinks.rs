//! Hands what a person must know to the alert sinks. Nothing here waits: each sink has a task of its own, on a thread that
//! nothing else needs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::alarms::named;
use super::run_loop::{Loop, PeerRun};
use crate::alert::{Board, Heard, Keeper, Kit, Raised, Running, Store, level_word, sink_of};
use crate::config::{AlertSink, Config, Problem};
use crate::host::{Disk, Programs};
use crate::manual::actions;
use crate::rt::{self, Lane, OwnLane};
use crate::takeover::action::{Action, Alert, Level};
use crate::takeover::alarm::Alarms;
use crate::takeover::state::State;
use crate::takeover::verdict::Verified;
use crate::types::BootTime;

/// The key under which the state of a takeover is told.
const TAKEOVER: &str = "takeover";
/// What to do about something that happened once.
const LOOK: &str = "`standin status` says how it is now, and what to do next.";
/// All that stands is compared this often, in chores.
const COMPARE_EVERY: u64 = 60;
/// After a start it takes so long until all that stands was told again, in chores.
const SETTLES_AFTER: u64 = 120;
/// A sink that failed so many times in a row is an alarm.
const FAILED: u32 = 2;
/// What the sinks have is written down within this when the daemon stops.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

/// Everybody who is told.
pub struct Sinks {
    running: Vec<(AlertSink, Running)>,
    node: String,
    programs: Arc<dyn Programs>,
    disk: (Arc<dyn Disk>, PathBuf),
    slow: Lane,
}

/// Their thread. `otherwise` where none is to be had.
fn lane(otherwise: &Lane) -> Lane {
    static ALERTS: OwnLane = OwnLane::new("alerts");
    ALERTS.or(otherwise)
}

impl Sinks {
    /// Those of the configuration.
    pub fn start(
        config: &Config,
        programs: Arc<dyn Programs>,
        disk: (Arc<dyn Disk>, PathBuf),
        slow: &Lane,
    ) -> Sinks {
        let mut sinks = Sinks {
            running: Vec::new(),
            node: config.node.name.clone(),
            programs,
            disk,
            slow: slow.clone(),
        };
        sinks.follow(config);
        sinks
    }

    /// Those of another configuration: one that is in both as it was goes on, and what another one of the same name has
    /// not sent is sent by the new one.
    pub fn follow(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.running);
        for sink in &config.sinks {
            let known = before.iter().position(|(old, _)| old.name == sink.name);
            let old = known.map(|i| before.remove(i));
            match old {
                Some((old, running)) if same(&old, sink) => {
                    self.running.push((sink.clone(), running));
                }
                old => match sink_of(sink, &config.origin) {
                    Ok(what) => {
                        let keeper = Keeper {
                            sink: what.clone(),
                            kit: Kit {
                                node: self.node.clone(),
                                within: sink.timeout,
                                programs: self.programs.clone(),
                            },
                            board: Board::new(sink.level, what.again().unwrap_or(sink.repeat)),
                            quiet: sink.quiet.parse().ok(),
                            store: Store::new(self.disk.0.clone(), &self.disk.1, &sink.name),
                        };
                        let ends = old.map(|(_, running)| running.end());
                        let running = keeper.start(&lane(&self.slow), ends);
                        self.running.push((sink.clone(), running));
                    }
                    Err(problems) => {
                        let words: Vec<String> = problems.iter().map(Problem::to_string).collect();
                        tracing::error!("alert sink {}: {}", sink.name, words.join("; "));
                    }
                },
            }
        }
    }

    fn hear(&self, heard: &Heard) {
        for (sink, running) in &self.running {
            let own = format!("alert-sink:{}", sink.name);
            match heard {
                // A sink is never told that it is not heard.
                Heard::Raised(r) if r.key == own => {}
                Heard::Standing(all) => {
                    let all = all.iter().filter(|r| r.key != own).cloned();
                    running.hear(Heard::Standing(all.collect()));
                }
                heard => running.hear(heard.clone()),
            }
        }
    }

    /// One alert, about that peer or (empty) this machine.
    pub fn pass_on(&self, peer: &str, alert: &Alert) {
        if self.running.is_empty() {
            return;
        }
        let text = named(&alert.text, peer);
        let (peer, level) = (peer.to_owned(), alert.level);
        self.hear(&match (&alert.key, alert.resolved) {
            (Some(key), true) => Heard::Settled {
                peer,
                key: key.clone(),
                text,
            },
            (Some(key), false) => Heard::Raised(raised(&peer, key, level, text)),
            (None, _) => Heard::Once {
                next: LOOK.to_owned(),
                peer,
                level,
                text,
            },
        });
    }

    /// As `status` shows them.
    pub fn shown(&self, now: BootTime) -> Vec<Value> {
        let shown = self.running.iter().map(|(sink, running)| {
            let health = running.health();
            json!({
                "name": sink.name,
                "kind": sink.table.kind,
                "level": level_word(sink.level),
                "queued": health.queued,
                "sent": health.sent,
                "dropped": health.dropped,
                "sent_ms_ago": health.sent_at.map(|at| now.since(at).as_millis() as u64),
                "failed": health.failed,
                "error": health.error.or(health.not_kept),
            })
        });
        shown.collect()
    }

    /// Lets them write down what is not sent.
    pub async fn end(&mut self) {
        let ends = std::mem::take(&mut self.running).into_iter();
        let ends = ends.map(|(_, running)| running.end());
        let all = futures_util::future::join_all(ends);
        let _ = rt::timeout(WRITTEN_WITHIN, all).await;
    }
}

fn same(old: &AlertSink, new: &AlertSink) -> bool {
    // Where it stands in the file is no matter.
    old.table.table == new.table.table
}

fn raised(peer: &str, key: &str, level: Level, text: String) -> Raised {
    let to_do = actions::of_alarm(key).unwrap_or_else(|| LOOK.to_owned());
    Raised {
        next: named(&to_do, peer),
        peer: peer.to_owned(),
        key: key.to_owned(),
        level,
        text,
        phase: String::new(),
    }
}

/// How urgent a state is, its phase, and what it is in words; `None`: nothing is to be told.
fn told(p: &PeerRun) -> Option<(Level, &'static str, String)> {
    let m = &p.machine;
    let vip = m.policy().vip;
    let name = &p.hands.name;
    let (expected, back) = m.cameras();
    Some(match m.state() {
        State::Standby => return None,
        State::Suspect(_) | State::Confirming(_) => (
            Level::Info,
            "suspected",
            format!("{name} shows no sign of life"),
        ),
        State::Taking(_) => (
            Level::Warning,
            "taking",
            format!("this machine takes over {vip} from {name}"),
        ),
        State::Active { verdict } => {
            let has = format!(
                "this machine has {vip} instead of {name}: {back} of {expected} cameras are back"
            );
            match verdict {
                Verified::Verified => (Level::Warning, "active", has),
                Verified::Degraded => (Level::Critical, "degraded", format!("{has}, degraded")),
                Verified::Failed => (Level::Critical, "failed", format!("{has}, failed")),
            }
        }
        State::Releasing(_) => (
            Level::Warning,
            "releasing",
            format!("{vip} is being handed back to {name}"),
        ),
        State::Halted { why } => (
            Level::Critical,
            "halted",
            format!("the takeover of {vip} gave up: {why}"),
        ),
    })
}

fn state_of(p: &PeerRun, why: &str) -> Option<Raised> {
    let (level, phase, text) = told(p)?;
    let because = if why.is_empty() {
        String::new()
    } else {
        format!(" ({why})")
    };
    let to_do = actions::of_state(&p.machine.label()).unwrap_or(LOOK);
    Some(Raised {
        peer: p.hands.name.clone(),
        key: TAKEOVER.to_owned(),
        level,
        text: format!("{text}{because}"),
        next: named(to_do, &p.hands.name),
        phase: phase.to_owned(),
    })
}

impl Loop {
    /// Tells the sinks what one event of a peer brought, in its order.
    pub(super) fn tell_sinks(&self, peer: usize, actions: &[Action]) {
        let p = &self.peers[peer];
        for action in actions {
            if let Action::Alert(alert) = action {
                self.sinks.pass_on(&p.hands.name, alert);
            }
            if let Action::Changed { why, .. } = action {
                self.sinks.hear(&match state_of(p, why) {
                    Some(raised) => Heard::Raised(raised),
                    None => Heard::Settled {
                        peer: p.hands.name.clone(),
                        key: TAKEOVER.to_owned(),
                        text: format!("{} is watched again: {why}", p.hands.name),
                    },
                });
            }
        }
    }

    /// Once a second: a sink that fails is an alarm, and what the sinks believe to stand is compared now and then.
    pub(super) fn look_at_sinks(&mut self, count: u64) {
        let prefix = "alert-sink:";
        let gone = self
            .alarms
            .iter()
            .filter_map(|(key, _)| key.strip_prefix(prefix));
        let here = |name: &str| self.sinks.running.iter().any(|(s, _)| s.name == name);
        let gone: Vec<String> = gone.filter(|n| !here(n)).map(str::to_owned).collect();
        for name in gone {
            self.settle(
                None,
                &format!("alert-sink:{name}"),
                "the configuration does not have this sink any more",
            );
        }
        let all = self
            .sinks
            .running
            .iter()
            .map(|(s, r)| (s.name.clone(), r.health()));
        for (name, health) in all.collect::<Vec<_>>() {
            let fault = match (&health.error, &health.not_kept) {
                (Some(why), _) if health.failed >= FAILED => format!(
                    "the alert sink {name} does not take alerts ({} tries failed, {} wait): {why}",
                    health.failed, health.queued
                ),
                (_, Some(why)) => format!(
                    "what the alert sink {name} has not sent would be lost at a restart: {why}"
                ),
                (Some(_), None) => continue,
                (None, None) => {
                    self.settle(
                        None,
                        &format!("alert-sink:{name}"),
                        format!("the alert sink {name} takes alerts again"),
                    );
                    continue;
                }
            };
            self.raise(None, &format!("alert-sink:{name}"), Level::Warning, fault);
        }
        if self.sinks.running.is_empty() {
            return;
        }
        if count == 0 {
            for raised in self.standing_alarms() {
                self.sinks.hear(&Heard::Raised(raised));
            }
        } else if count >= SETTLES_AFTER && count.is_multiple_of(COMPARE_EVERY) {
            self.sinks.hear(&Heard::Standing(self.standing_alarms()));
        }
    }

    fn standing_alarms(&self) -> Vec<Raised> {
        let of = |peer: &str, alarms: &Alarms| {
            let all = alarms
                .iter()
                .map(|(key, a)| raised(peer, key, a.level, named(&a.text, peer)));
            all.collect::<Vec<_>>()
        };
        let mut all = of("", &self.alarms);
        for p in &self.peers {
            all.extend(of(&p.hands.name, p.machine.alarms()));
            all.extend(of(&p.hands.name, &p.alarms));
            all.extend(state_of(p, ""));
        }
        all
    }
}
