//! One thing that a person is told, as a sink sends it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rt;
use crate::takeover::action::Level;

/// What a person is told: an alarm as it is now, that it is over, or what happened once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulletin {
    /// The alarm's key; `takeover` for the state of a takeover, `event` for what happened once.
    pub key: String,
    /// The peer it is about; empty: this machine.
    pub peer: String,
    /// How urgent it is.
    pub level: Level,
    /// One sentence that a stranger understands.
    pub text: String,
    /// When it is over: what stood last.
    pub was: String,
    /// What to do now: the line of `standin help operate`.
    pub next: String,
    /// Since when, microseconds since 1970-01-01 UTC.
    pub since_us: u64,
    /// Until when, where it is over.
    pub until_us: Option<u64>,
    /// It happened once, and does not stand.
    pub once: bool,
    /// How often it was told to us.
    pub count: u64,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It stands.
    Firing,
    /// It is over.
    Resolved,
    /// It happened once.
    Once,
    /// Somebody tries whether this is heard.
    Test,
}

impl Status {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Status::Firing => "firing",
            Status::Resolved => "resolved",
            Status::Once => "once",
            Status::Test => "test",
        }
    }
}

/// The key of what `standin alert test` sends.
const TEST: &str = "test";

/// As it is written.
pub fn level_word(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Critical => "critical",
    }
}

impl Bulletin {
    /// What `standin alert test` sends.
    pub fn test(node: &str) -> Bulletin {
        Bulletin {
            key: TEST.to_owned(),
            peer: String::new(),
            level: Level::Info,
            text: format!(
                "this is a test: alerts of standin on {node} are heard here, and nothing is wrong"
            ),
            was: String::new(),
            next: "Nothing: somebody typed `standin alert test`.".to_owned(),
            since_us: rt::wall_us(),
            until_us: None,
            once: true,
            count: 1,
        }
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        match (self.key == TEST, self.once, self.until_us) {
            (true, _, _) => Status::Test,
            (false, true, _) => Status::Once,
            (false, false, Some(_)) => Status::Resolved,
            (false, false, None) => Status::Firing,
        }
    }

    /// Whom it is about: the peer, or this machine.
    pub fn about<'a>(&'a self, node: &'a str) -> &'a str {
        match self.peer.as_str() {
            "" => node,
            peer => peer,
        }
    }

    /// The same for everything that is told of one alarm, from when it was raised until it is over.
    pub fn id(&self, node: &str) -> String {
        format!("{node}/{}/{}/{}", self.peer, self.key, self.since_us)
    }

    /// Since when, RFC 3339 in UTC.
    pub fn since(&self) -> String {
        rt::wall_text_of(self.since_us)
    }

    /// Until when.
    pub fn until(&self) -> Option<String> {
        self.until_us.map(rt::wall_text_of)
    }

    /// As `webhook` and `command` send it; the fields are documented in src/manual/alerts.md and kept.
    pub fn json(&self, node: &str) -> Value {
        json!({
            "id": self.id(node),
            "status": self.status().word(),
            "key": self.key,
            "peer": self.peer,
            "node": node,
            "level": level_word(self.level),
            "text": self.text,
            "was": self.was,
            "do": self.next,
            "since": self.since(),
            "until": self.until(),
            "count": self.count,
            "sent": rt::wall_text(),
        })
    }
}
