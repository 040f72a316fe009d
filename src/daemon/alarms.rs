//! What a person must know: what the cores tell and what the daemon sees by itself goes to the log through here, and
//! what stands is shown by `status`.

use serde_json::{Value, json};

use super::run_loop::Loop;
use crate::takeover::action::{Alert, Level};
use crate::takeover::alarm::Alarms;
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

/// A command for a person names the peer: the core knows no names.
fn named(text: &str, peer: &str) -> String {
    if peer.is_empty() {
        return text.to_owned();
    }
    ["hold", "release", "takeover", "plan"]
        .iter()
        .fold(text.to_owned(), |text, command| {
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
        let now = super::clock::now();
        let (alarms, name) = self.alarms_of(peer);
        if let Some(alert) = alarms.tell(now, key, level, text) {
            log(&name, &alert);
        }
    }

    /// It is over.
    pub(super) fn settle(&mut self, peer: Option<usize>, key: &str, text: impl Into<String>) {
        let (alarms, name) = self.alarms_of(peer);
        if let Some(alert) = alarms.settle(key, text) {
            log(&name, &alert);
        }
    }

    fn alarms_of(&mut self, peer: Option<usize>) -> (&mut Alarms, String) {
        match peer.and_then(|i| self.peers.get_mut(i)) {
            Some(p) => (&mut p.alarms, p.hands.name.clone()),
            None => (&mut self.alarms, String::new()),
        }
    }
}
