//! What a person must know: what the cores tell and what the daemon sees by itself goes to the log and to the alert sinks
//! through here, and what stands is shown by `status`.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::{Value, json};

use super::run_loop::Loop;
use crate::rt;
use crate::takeover::action::{Alert, Level};
use crate::takeover::alarm::{Alarms, REMIND};
use crate::types::BootTime;

/// Logs one alert; `peer` is empty where it is about the whole machine.
pub fn log(peer: &str, alert: &Alert) {
    let text = named(&alert.text, peer);
    match alert.level {
        Level::Info => tracing::info!(%peer, "{text}"),
        Level::Warning => tracing::warn!(%peer, "{text}"),
        Level::Critical => tracing::error!(%peer, "{text}"),
    }
}

/// Changes of state that were said, by peer and words: when, and how often since.
static SAID: LazyLock<Mutex<BTreeMap<String, (BootTime, u32)>>> = LazyLock::new(Mutex::default);
/// So many different ones are remembered.
const REMEMBERED: usize = 256;

/// Logs a change of state. The same one over and over (an isolated standby is suspicious twice a second) is one line, and
/// then one a minute with how often it was.
pub fn log_change(now: BootTime, peer: &str, text: String) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.len() >= REMEMBERED {
        said.retain(|_, (at, _)| now.since(*at) < REMIND);
    }
    let key = format!("{peer} {text}");
    match said.get_mut(&key) {
        Some((at, times)) if now.since(*at) < REMIND => {
            *times += 1;
            tracing::debug!(%peer, "{text}");
        }
        Some((at, times)) => {
            match *times {
                0 => tracing::info!(%peer, "{text}"),
                n => tracing::info!(%peer, "{text} (and {n} times more since it was last said)"),
            }
            (*at, *times) = (now, 0);
        }
        None => {
            tracing::info!(%peer, "{text}");
            said.insert(key, (now, 0));
        }
    }
}

/// A command for a person names the peer: the core knows no names.
pub(super) fn named(text: &str, peer: &str) -> String {
    if peer.is_empty() {
        return text.to_owned();
    }
    const OF_PEERS: [&str; 6] = [
        "hold",
        "release",
        "takeover",
        "plan",
        "fence confirm",
        "peer reset",
    ];
    OF_PEERS.iter().fold(text.to_owned(), |text, command| {
        text.replace(
            &format!("standin {command} NAME"),
            &format!("standin {command} {peer}"),
        )
    })
}

/// What stands, as `status` shows it; `peer` is empty where it is about the whole machine.
pub fn shown<'a>(
    peer: &str,
    alarms: impl IntoIterator<Item = &'a Alarms>,
    now: BootTime,
) -> Vec<Value> {
    let standing = alarms.into_iter().flat_map(Alarms::iter);
    standing
        .map(|(key, a)| {
            json!({
                "key": key,
                "level": a.level,
                "text": named(&a.text, peer),
                "for_ms": now.since(a.since).as_millis() as u64,
            })
        })
        .collect()
}

impl Loop {
    /// Something that a person must know for as long as it lasts, about one peer or (`None`) about this machine.
    pub(super) fn raise(
        &mut self,
        peer: Option<usize>,
        key: &str,
        level: Level,
        text: impl Into<String>,
    ) {
        let now = rt::boot();
        let (alarms, name) = self.alarms_of(peer);
        if let Some(alert) = alarms.tell(now, key, level, text) {
            log(&name, &alert);
            self.sinks.pass_on(&name, &alert);
        }
    }

    /// It is over.
    pub(super) fn settle(&mut self, peer: Option<usize>, key: &str, text: impl Into<String>) {
        let (alarms, name) = self.alarms_of(peer);
        if let Some(alert) = alarms.settle(key, text) {
            log(&name, &alert);
            self.sinks.pass_on(&name, &alert);
        }
    }

    fn alarms_of(&mut self, peer: Option<usize>) -> (&mut Alarms, String) {
        match peer.and_then(|i| self.peers.get_mut(i)) {
            Some(p) => (&mut p.alarms, p.hands.name.clone()),
            None => (&mut self.alarms, String::new()),
        }
    }
}
