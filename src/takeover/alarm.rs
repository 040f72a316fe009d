//! What a person must know for as long as it lasts. One door: [`Machine::tell`] with a key, [`Machine::settle`] with the
//! same key when it is over. What stands is in `status`; it is said when it begins, when it becomes worse, and again
//! each [`REMIND`] for as long as the core goes on telling.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Alert, Level};
use crate::types::BootTime;

/// What stands is said again after this.
pub const REMIND: Duration = Duration::from_secs(60);

/// Something that a person must know and that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// How urgent it is.
    pub level: Level,
    /// One sentence that a stranger understands, as of now.
    pub text: String,
    /// Since when.
    pub since: BootTime,
    /// When it was last said.
    pub told: BootTime,
}

/// Alarms by their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alarms(BTreeMap<String, Alarm>);

impl Alarms {
    /// Raises one, or brings its text up to date. The alert to say now, if there is one: it is new, has become worse, or
    /// was said long ago.
    pub fn tell(
        &mut self,
        now: BootTime,
        key: &str,
        level: Level,
        text: impl Into<String>,
    ) -> Option<Alert> {
        let text = text.into();
        let standing = self.0.get_mut(key);
        let quiet = standing
            .as_ref()
            .is_some_and(|a| level <= a.level && now.since(a.told) < REMIND);
        let since = standing.as_ref().map_or(now, |a| a.since);
        if quiet {
            if let Some(a) = standing {
                a.level = level;
                a.text = text;
            }
            return None;
        }
        let alarm = Alarm {
            level,
            text: text.clone(),
            since,
            told: now,
        };
        self.0.insert(key.to_owned(), alarm);
        Some(Alert {
            level,
            text,
            key: Some(key.to_owned()),
            resolved: false,
        })
    }

    /// It is over. The alert that says so, if it stood.
    pub fn settle(&mut self, key: &str, text: impl Into<String>) -> Option<Alert> {
        self.0.remove(key).map(|_| Alert {
            level: Level::Info,
            text: text.into(),
            key: Some(key.to_owned()),
            resolved: true,
        })
    }

    /// What stands now, by its key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Alarm)> {
        self.0.iter().map(|(k, a)| (k.as_str(), a))
    }

    /// True if it stands.
    pub fn stands(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

impl Machine {
    /// What stands now.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Something that happened once.
    pub(super) fn alert(&mut self, level: Level, text: impl Into<String>) {
        self.out.push(Action::Alert(Alert {
            level,
            text: text.into(),
            key: None,
            resolved: false,
        }));
    }

    /// Something that a person must know for as long as it lasts.
    pub(super) fn tell(&mut self, key: &str, level: Level, text: impl Into<String>) {
        let said = self.alarms.tell(self.seen, key, level, text);
        self.out.extend(said.map(Action::Alert));
    }

    /// It is over.
    pub(super) fn settle(&mut self, key: &str, text: impl Into<String>) {
        let said = self.alarms.settle(key, text);
        self.out.extend(said.map(Action::Alert));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_until_it_is_worse_old_or_over() {
        let mut alarms = Alarms::default();
        let at = |s: u64| BootTime(s * 1_000_000);
        assert!(alarms.tell(at(1), "a", Level::Warning, "one").is_some());
        assert!(alarms.tell(at(2), "a", Level::Warning, "two").is_none());
        assert_eq!(
            alarms.iter().map(|(_, a)| a.text.as_str()).next(),
            Some("two")
        );
        assert!(alarms.tell(at(3), "a", Level::Critical, "worse").is_some());
        assert!(alarms.tell(at(62), "a", Level::Critical, "still").is_none());
        assert!(alarms.tell(at(63), "a", Level::Critical, "still").is_some());
        assert_eq!(
            alarms.iter().map(|(_, a)| a.since).next(),
            Some(at(1)),
            "it began when it began"
        );
        let over = alarms.settle("a", "over").expect("it stood");
        assert!(over.resolved && over.level == Level::Info);
        assert!(alarms.settle("a", "over").is_none());
        assert!(!alarms.stands("a"));
    }
}
