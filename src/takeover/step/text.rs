//! How a step is written, in the journal, in JSON and for people.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{RELEASE, Step, TAKEOVER};
use crate::types::ParseValueError;

/// What a name begins with whose step is taken back.
const UNDO: &str = "undo ";

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Step::Site(name) => return name.fmt(f),
            Step::Undo(name) => return write!(f, "{UNDO}{name}"),
            Step::Watch => "watch",
            Step::Gate => "gate",
            Step::Service => "service",
            Step::Yield => "yield",
            Step::Fence => "fence",
            Step::Silence => "silence",
            Step::Claim => "claim",
            Step::Rewire => "rewire",
            Step::Forward => "forward",
            Step::Announce => "announce",
            Step::Open => "open",
            Step::Verify => "verify",
            Step::Precheck => "precheck",
            Step::Drop => "drop",
            Step::Park => "park",
            Step::Lift => "lift",
            Step::Return => "return",
            Step::Handback => "handback",
            Step::Prove => "prove",
        })
    }
}

impl FromStr for Step {
    type Err = ParseValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(name) = text.strip_prefix(UNDO) {
            return name.parse().map(Step::Undo);
        }
        if text.contains(':') {
            return text.parse().map(Step::Site);
        }
        let mut all = TAKEOVER.iter().chain(&RELEASE).map(|spec| spec.step);
        all.find(|step| step.to_string() == text)
            .ok_or_else(|| ParseValueError::new(text, "a step"))
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
