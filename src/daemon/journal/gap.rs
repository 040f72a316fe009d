//! What is missing from a journal: counted while it is lost, told by a record as soon as the disk takes one again.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Journal, LOST, Record, Replay};
use crate::rt;

/// What the data of a [`LOST`] record says: so many records stood here, and are nowhere.
///
/// What was recorded before it does not lead to what comes after it: whoever plays events begins anew at the next
/// snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gap {
    /// How many.
    pub lost: u64,
    /// Wall clock of the first, RFC 3339 in UTC; empty: not known.
    pub from: String,
    /// Wall clock of the last.
    pub to: String,
    /// Why they were lost.
    pub why: String,
}

impl Default for Gap {
    /// What is taken for a record of a version that did not say it.
    fn default() -> Gap {
        Gap {
            lost: 0,
            from: String::new(),
            to: String::new(),
            why: "not recorded".to_owned(),
        }
    }
}

impl Gap {
    /// What the record says, if it is one that tells of a gap.
    pub fn of(record: &Record) -> Option<Gap> {
        let read = || Gap::deserialize(&record.data).unwrap_or_default();
        (record.kind == LOST).then(read)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gap {
            lost,
            from,
            to,
            why,
        } = self;
        match *lost {
            1 => write!(f, "1 record")?,
            n => write!(f, "{n} records")?,
        }
        if !from.is_empty() {
            write!(f, " from {from} to {to}")?;
        }
        let verb = if *lost == 1 { "is" } else { "are" };
        write!(f, " {verb} missing ({why})")
    }
}

/// What is lost and not told of yet.
#[derive(Debug)]
pub(super) struct Missing {
    lost: u64,
    /// Microseconds since 1970.
    from: u64,
    to: u64,
    why: String,
}

impl Missing {
    /// One record of this time.
    pub(super) fn one(wall: u64, why: &str) -> Missing {
        Missing {
            lost: 1,
            from: wall,
            to: wall,
            why: why.to_owned(),
        }
    }

    /// What a journal lacks from now on whose damaged end was put aside: the bad line, and the whole records behind it.
    pub(super) fn damaged(replay: &Replay) -> Option<Missing> {
        let damage = replay.damage.as_ref()?;
        let last = replay.records.last();
        let last = last.and_then(|r| r.wall.parse::<jiff::Timestamp>().ok());
        let now = rt::wall_us();
        let last = last.and_then(|t| u64::try_from(t.as_microsecond()).ok());
        let why = format!("line {} was damaged: {}", damage.line, damage.why);
        Some(Missing {
            lost: damage.intact_after as u64 + 1,
            from: last.unwrap_or(now),
            to: now,
            why,
        })
    }

    /// Adds what was lost after it.
    pub(super) fn add(to: &mut Option<Missing>, more: Option<Missing>) {
        match (to.as_mut(), more) {
            (Some(all), Some(more)) => {
                all.lost += more.lost;
                all.from = all.from.min(more.from);
                all.to = all.to.max(more.to);
            }
            (None, Some(more)) => *to = Some(more),
            (_, None) => {}
        }
    }

    /// What the record says.
    pub(super) fn told(&self) -> Value {
        let gap = Gap {
            lost: self.lost,
            from: rt::wall_text_of(self.from),
            to: rt::wall_text_of(self.to),
            why: self.why.clone(),
        };
        serde_json::to_value(gap).unwrap_or_default()
    }
}

/// Notices that the journal has a gap since it was last looked at: what must be known after a restart is then written
/// once more, and what is recorded begins anew.
#[derive(Debug, Default)]
pub struct GapsSeen(u64);

impl GapsSeen {
    /// True once after each gap, as soon as the disk has the record that tells of it.
    pub fn has_new(&mut self, journal: &Journal) -> bool {
        let gaps = journal.gaps();
        std::mem::replace(&mut self.0, gaps) != gaps
    }
}
