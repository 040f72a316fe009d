//! The health checks of a peer: one task each, on a thread that nothing else needs; their judgements, alarms and what they
//! mean to a takeover are here, in the loop.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::hub::{Input, Tx};
use super::journal::Entry;
use super::look_id::LookId;
use super::run_loop::Loop;
use super::site::facts;
use crate::config::{AsksWhen, Feeds, Health, Machine, Origin, Peer, Problem};
use crate::health::{self, Condition, HealthCheck, Judgement, Kit, Looked};
use crate::host::Host;
use crate::rt::{self, Join, Lane, OwnLane};
use crate::steps::{self, Memory};
use crate::takeover::action::Level;
use crate::takeover::event::Event;
use crate::types::{BootTime, Epoch, StepName};

/// Kind of record in the journal: a service is judged otherwise than before.
pub const HEALTH: &str = "health";
/// Looks of one peer begin so far apart, at first.
const APART: Duration = Duration::from_millis(20);

/// Their thread. `otherwise` where none is to be had.
fn lane(otherwise: &Lane) -> Lane {
    static LOOKS: OwnLane = OwnLane::new("health");
    LOOKS.or(otherwise)
}

/// A check that goes on.
struct Going {
    id: LookId,
    health: Health,
    what: String,
    judgement: Judgement,
    paused: Arc<AtomicBool>,
    /// Since when its judgement is as it is.
    since: BootTime,
    last: Option<(Looked, BootTime, Duration)>,
    task: Join<()>,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the checks work with, beside the peer.
pub struct Around<'a> {
    /// This machine.
    pub host: &'a Host,
    /// The state folder and its disk.
    pub disk: &'a (Arc<dyn crate::host::Disk>, std::path::PathBuf),
    /// The way into the loop.
    pub tx: &'a Tx,
    /// Where they run if there is no thread of their own.
    pub slow: &'a Lane,
    /// This node's name.
    pub node: &'a str,
}

/// The checks of one peer.
#[derive(Default)]
pub struct Checks {
    going: Vec<Going>,
    /// Names of checks that ended, or are made anew: what was told of them is over.
    gone: Vec<String>,
}

/// What a check is run with.
pub fn kit(
    node: &str,
    peer: &Peer,
    (health, name): (&Health, StepName),
    host: &Host,
    disk: &(Arc<dyn crate::host::Disk>, std::path::PathBuf),
) -> Kit {
    Kit {
        within: health.timeout,
        programs: host.programs.clone(),
        wire: host.wire.clone(),
        of_step: steps::Kit {
            facts: facts(node, peer, Epoch(0), name, false),
            within: health.timeout,
            programs: host.programs.clone(),
            memory: Memory::new(disk.0.clone(), &disk.1, &peer.name, name),
        },
    }
}

/// The name by which a check's programs know it: `health:NAME`.
///
/// # Errors
/// It is no such name; the configuration has none of those.
pub fn name_of(health: &Health) -> Result<StepName, String> {
    let name = format!("health:{}", health.name).parse::<StepName>();
    name.map_err(|e| e.to_string())
}

impl Checks {
    /// Those of another configuration: what is in both as it was goes on.
    pub fn follow(&mut self, me: usize, peer: &Peer, origin: &Origin, around: &Around<'_>) {
        let mut before = std::mem::take(&mut self.going);
        for (i, health) in peer.health.iter().enumerate() {
            let same = |g: &Going| g.health.table.table == health.table.table;
            if let Some(known) = before.iter().position(same) {
                self.going.push(before.remove(known));
                continue;
            }
            let read = health::check_of(health, origin).map_err(|problems| {
                let words: Vec<String> = problems.iter().map(Problem::to_string).collect();
                words.join("; ")
            });
            match read.and_then(|check| Ok((check, name_of(health)?))) {
                Ok((check, name)) => {
                    let kit = kit(around.node, peer, (health, name), around.host, around.disk);
                    let first = APART * u32::try_from(i).unwrap_or(0);
                    self.going
                        .push(Going::start((me, health, check), kit, first, around));
                }
                Err(why) => {
                    tracing::error!(peer = %peer.name, "health check {}: {why}", health.name)
                }
            }
        }
        self.gone = before.iter().map(|g| g.health.name.clone()).collect();
    }

    /// Which of them are looked at now; of the others nothing is known. The names of those that are not any more.
    pub fn ask_while(&mut self, owner: bool, vip: IpAddr) -> Vec<String> {
        let mut silent = Vec::new();
        for going in &mut self.going {
            let asked = is_asked(&going.health, owner, vip);
            let paused = going.paused.swap(!asked, Ordering::Relaxed);
            if !asked && !paused {
                going.judgement.forget();
                going.last = None;
                going.since = rt::boot();
                silent.push(going.health.name.clone());
            }
        }
        silent
    }

    /// The first that is down and is what a takeover may begin by.
    pub fn feeding_fault(&self) -> Option<String> {
        let down = self.going.iter().find(|g| {
            g.health.feeds == Feeds::Takeover && g.judgement.condition() == Condition::Down
        })?;
        Some(format!(
            "health check {}: {}",
            down.health.name,
            down.words()
        ))
    }

    /// As `status` shows them.
    pub fn shown(&self, now: BootTime) -> Vec<Value> {
        self.going.iter().map(|g| g.shown(now)).collect()
    }
}

/// A service behind the address is asked only while the machine that it is on has the address: else another one answers.
pub fn is_asked(health: &Health, owner: bool, vip: IpAddr) -> bool {
    let has_it = match health.on {
        Machine::Here => owner,
        Machine::Peer => !owner,
    };
    has_it || (health.when == AsksWhen::Always && health.asks != Some(vip))
}

impl Going {
    fn start(
        (me, health, check): (usize, &Health, Arc<dyn HealthCheck>),
        kit: Kit,
        first: Duration,
        around: &Around<'_>,
    ) -> Going {
        let id = LookId::next();
        let what = check.what();
        // Nothing is asked before the loop has said whose the address is.
        let paused = Arc::new(AtomicBool::new(true));
        let tx = around.tx.clone();
        let hear = move |looked, took| tx.send(Input::Health(me, id, looked, took)).is_ok();
        let looks = health::follow(check, kit, (first, health.interval), paused.clone(), hear);
        Going {
            id,
            health: health.clone(),
            what,
            judgement: Judgement::new(health.rise, health.fall),
            paused,
            since: rt::boot(),
            last: None,
            task: lane(around.slow).spawn(looks),
        }
    }

    fn words(&self) -> &str {
        self.last
            .as_ref()
            .map_or("", |(looked, _, _)| looked.words())
    }

    fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    fn shown(&self, now: BootTime) -> Value {
        let ago = |t: BootTime| now.since(t).as_millis() as u64;
        let state = match self.is_paused() {
            true => json!("paused"),
            false => json!(self.judgement.condition()),
        };
        json!({
            "name": self.health.name,
            "kind": self.health.table.kind,
            "on": match self.health.on {
                Machine::Here => "here",
                Machine::Peer => "peer",
            },
            "feeds": match self.health.feeds {
                Feeds::Alert => "alert",
                Feeds::Takeover => "takeover",
            },
            "what": self.what,
            "state": state,
            "for_ms": ago(self.since),
            "failed": self.judgement.failed(),
            "blind": self.judgement.is_blind(),
            "said": self.last.as_ref().map(|(looked, _, _)| looked.words()),
            "looked_ms_ago": self.last.as_ref().map(|(_, at, _)| ago(*at)),
            "took_ms": self.last.as_ref().map(|(_, _, took)| took.as_millis() as u64),
        })
    }
}

impl Loop {
    /// Each peer's checks, as the configuration has them.
    pub(super) fn follow_health(&mut self) {
        let names: Vec<String> = self.peers.iter().map(|p| p.hands.name.clone()).collect();
        for (me, name) in names.iter().enumerate() {
            let Some(peer) = self.config.peers.get(name) else {
                continue;
            };
            let around = Around {
                host: &self.shared.host,
                disk: &self.shared.disk,
                tx: &self.shared.tx,
                slow: &self.shared.slow,
                node: &self.about.node,
            };
            self.peers[me]
                .health
                .follow(me, peer, &self.config.origin, &around);
            for check in std::mem::take(&mut self.peers[me].health.gone) {
                let over = "the configuration does not have this check any more, or has another one of this name";
                self.settle(Some(me), &format!("health:{check}"), over);
            }
            self.look_at_health(me);
        }
    }

    /// Once a second, and whenever a look is heard: who is asked now.
    pub(super) fn look_at_health(&mut self, peer: usize) {
        let p = &mut self.peers[peer];
        let owner = p.machine.ownership().is_some() || p.hands.vip_is_here;
        let silent = p.health.ask_while(owner, IpAddr::V4(p.hands.peer.vip.addr));
        for check in silent {
            let over = "it is not looked at now: the address is on the other machine";
            self.settle(Some(peer), &format!("health:{check}"), over);
        }
    }

    /// One look came back.
    pub(super) fn health_looked(
        &mut self,
        peer: usize,
        id: LookId,
        looked: Looked,
        took: Duration,
    ) {
        if peer >= self.peers.len() {
            return;
        }
        self.look_at_health(peer);
        let now = rt::boot();
        let p = &mut self.peers[peer];
        let Some(going) = p
            .health
            .going
            .iter_mut()
            .find(|g| g.id == id && !g.is_paused())
        else {
            return;
        };
        let before = going.judgement.take(&looked);
        going.last = Some((looked, now, took));
        let (is, blind) = (going.judgement.condition(), going.judgement.is_blind());
        let (name, what, said) = (
            going.health.name.clone(),
            going.what.clone(),
            going.words().to_owned(),
        );
        let whose = match going.health.on {
            Machine::Here => "of this machine",
            Machine::Peer => "of the peer",
        };
        if before.is_some() {
            going.since = now;
            let told = json!({ "check": name, "state": is, "was": before, "said": said });
            let entry = Entry::new(now, &p.hands.name, HEALTH, told);
            self.journal.append(entry);
        }
        let key = format!("health:{name}");
        let level = self.level_of(peer, id);
        match is {
            Condition::Down => {
                let text = format!("the service {name} {whose} ({what}) is not well: {said}");
                self.raise(Some(peer), &key, level, text);
            }
            Condition::Unknown if blind => {
                let text = format!(
                    "the service {name} {whose} ({what}) cannot be looked at from here, so nothing is known of it: {said}"
                );
                self.raise(Some(peer), &key, Level::Warning, text);
            }
            Condition::Up => self.settle(
                Some(peer),
                &key,
                format!("the service {name} {whose} is well again: {said}"),
            ),
            Condition::Unknown => {}
        }
    }

    /// What serves now is more urgent than what would.
    fn level_of(&self, peer: usize, id: LookId) -> Level {
        let p = &self.peers[peer];
        let owner = p.machine.ownership().is_some();
        let serves =
            p.health
                .going
                .iter()
                .find(|g| g.id == id)
                .is_some_and(|g| match g.health.on {
                    Machine::Here => owner,
                    Machine::Peer => !owner,
                });
        match serves {
            true => Level::Critical,
            false => Level::Warning,
        }
    }

    /// A peer serves if its RTMP handshake completes and no check is down that feeds a takeover. A fault of the handshake
    /// itself comes first.
    pub(super) fn with_health(&self, peer: usize, event: Event) -> Event {
        let is_served = matches!(event, Event::Service { ok: true, .. });
        let fault = self.peers.get(peer).filter(|_| is_served);
        match fault.and_then(|p| p.health.feeding_fault()) {
            Some(fault) => Event::Service { ok: false, fault },
            None => event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(on: Machine, when: AsksWhen, asks: Option<&str>) -> Health {
        Health {
            name: "a".to_owned(),
            on,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall: 1,
            feeds: Feeds::Takeover,
            when,
            asks: asks.map(|a| a.parse().unwrap()),
            table: crate::config::KindTable {
                at: String::new(),
                kind: "tcp".to_owned(),
                table: toml::Table::new(),
            },
        }
    }

    #[test]
    fn who_answers_at_the_address_is_its_owner() {
        let (vip, other) = ("10.0.0.5", "10.0.0.6");
        let at = vip.parse().unwrap();
        let (here, peer) = (Machine::Here, Machine::Peer);
        let (always, owner) = (AsksWhen::Always, AsksWhen::Owner);
        for (on, when, asks, as_standby, as_owner) in [
            (peer, always, Some(other), true, true),
            (peer, always, None, true, true),
            // The address: whoever has it.
            (peer, always, Some(vip), true, false),
            (here, always, Some(vip), false, true),
            (peer, owner, Some(other), true, false),
            (peer, owner, None, true, false),
            (here, always, Some(other), true, true),
            (here, owner, Some(other), false, true),
        ] {
            let health = health(on, when, asks);
            let asked = [false, true].map(|o| is_asked(&health, o, at));
            assert_eq!(asked, [as_standby, as_owner], "{on:?} {when:?} {asks:?}");
        }
    }

    fn going(health: Health) -> Going {
        Going {
            id: LookId::next(),
            what: String::new(),
            judgement: Judgement::new(health.rise, health.fall),
            paused: Arc::new(AtomicBool::new(false)),
            since: BootTime::default(),
            last: None,
            task: rt::spawn(async {}),
            health,
        }
    }

    #[tokio::test]
    async fn only_what_is_down_and_feeds_a_takeover_is_told_to_it() {
        let vip = "10.0.0.5".parse().unwrap();
        let feeding = going(health(Machine::Peer, AsksWhen::Owner, None));
        let told = Health {
            feeds: Feeds::Alert,
            ..health(Machine::Peer, AsksWhen::Always, None)
        };
        let mut checks = Checks {
            going: vec![going(told), feeding],
            gone: Vec::new(),
        };
        let look = |checks: &mut Checks, i: usize, looked: Looked| {
            checks.going[i].judgement.take(&looked);
            checks.going[i].last = Some((looked, BootTime::default(), Duration::ZERO));
        };
        let bad = || Looked::Bad("closed".to_owned());
        look(&mut checks, 0, bad());
        assert_eq!(checks.feeding_fault(), None, "a person is told of it");
        look(&mut checks, 1, Looked::NotAsked("no route".to_owned()));
        assert_eq!(checks.feeding_fault(), None, "it could not be asked");
        look(&mut checks, 1, bad());
        let fault = checks.feeding_fault();
        assert_eq!(fault.as_deref(), Some("health check a: closed"));
        // We have the address now: nothing is known of what is looked at only while the peer has it.
        assert_eq!(checks.ask_while(true, vip), ["a"]);
        assert_eq!(checks.feeding_fault(), None);
        assert_eq!(checks.shown(BootTime::default())[1]["state"], "paused");
        assert!(checks.ask_while(true, vip).is_empty(), "it is said once");
        assert!(checks.ask_while(false, vip).is_empty());
        assert_eq!(checks.shown(BootTime::default())[1]["state"], "unknown");
    }
}
