//! Is the fence on the machine that is meant? Judged from looks at the switches while the peer is healthy.
//!
//! A level of the fence is *confirmed* by the peer's MAC address or LLDP on its ports, *misplaced* when two looks say
//! otherwise, *unconfirmed* on a switch that tells no MAC addresses, and *unknown* before any of that. What is misplaced
//! or unknown is not used by itself. A contradiction counts only if two looks at least 10 s apart agree and the peer
//! answered before and after each: what a look sees of a machine that is dying says nothing about its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::newcomer::Newcomer;
use crate::types::BootTime;

/// What one look saw of one level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// The level's name, as in [`super::policy::Policy::levels`].
    pub level: String,
    /// Which ports these are now: names, ifIndexes, descriptions. What was confirmed of others is void.
    pub identity: String,
    /// What was seen.
    pub seen: Seen,
}

/// What a switch says of the peer and the level's ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// The peer is on the level's ports.
    Here {
        /// How that is known.
        how: String,
    },
    /// It is not, or the ports cannot be its.
    Elsewhere {
        /// Where instead; two looks agree if they say the same.
        at: String,
        /// What was seen, for a person.
        why: String,
    },
    /// The switch tells MAC addresses, and the peer's nowhere.
    Nowhere,
    /// The switch tells no MAC addresses.
    Untold,
    /// It tells none, and the ports' counters followed a burst that was sent to the peer.
    Followed {
        /// How, in words.
        how: String,
    },
    /// It tells none, and the counters of another port followed a burst, and not those of these ports.
    NotFollowed {
        /// Which port; two looks agree if they say the same.
        at: String,
        /// What was seen, for a person.
        why: String,
    },
    /// It could not be asked.
    Unread {
        /// Why.
        why: String,
    },
}

/// What is known of a level; journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The level's name.
    pub level: String,
    /// Which ports that was about.
    pub identity: String,
    /// What is known.
    pub standing: Standing,
}

/// What is known of a level's place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing confirmed it yet.
    #[default]
    Unknown,
    /// It is the peer's.
    Confirmed(Confirmation),
    /// It is not.
    Misplaced {
        /// Where the peer is instead.
        at: String,
        /// What was seen.
        why: String,
        /// By the counters alone: only these can say otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_traffic: bool,
    },
    /// The switch cannot tell.
    Unconfirmed,
}

/// How and when a level was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// How, in words.
    pub how: String,
    /// Seconds since 1970, of the last time.
    pub wall_s: u64,
    /// By the counters alone: the switch tells no MAC addresses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_traffic: bool,
    /// The person (or the planned takeover) that said so in spite of the tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where the tables had the peer when a person said so; void when they say another place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<String>,
}

/// What was seen once, and counts if a second look agrees: a contradiction, or that the counters followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Once {
    pub at: String,
    pub when: BootTime,
}

/// A look whose answer is here, and which waits for the peer to answer after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub sights: Vec<Sight>,
    pub ended: BootTime,
}

/// What is known of all levels, and the looks under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    pub(super) places: BTreeMap<String, Place>,
    /// Where the tables had the peer at the last look, by level.
    pub(super) tables: BTreeMap<String, String>,
    pub(super) once: BTreeMap<String, Once>,
    pub(super) due: BootTime,
    pub(super) asked: Option<BootTime>,
    pub(super) waiting: Option<Waiting>,
    /// Looks since the last one that confirmed everything.
    pub(super) tries: u32,
    /// The wall clock (seconds since 1970) at the last look.
    #[serde(default)]
    pub(super) wall: (u64, BootTime),
    /// Another MAC address that answers for the VIP.
    #[serde(default)]
    pub(super) newcomer: Option<Newcomer>,
}

impl Placement {
    /// What is known, by the levels' names.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// What is known of one level.
    pub fn standing(&self, level: &str) -> &Standing {
        const UNKNOWN: &Standing = &Standing::Unknown;
        self.places.get(level).map_or(UNKNOWN, |p| &p.standing)
    }

    /// The fence is another: what is under way is about the one before.
    pub(super) fn look_now(&mut self, is_another: bool) {
        if !is_another {
            return;
        }
        (self.asked, self.waiting, self.tries) = (None, None, 0);
        self.due = BootTime(0);
    }

    /// True if a level's switch told no MAC addresses, so that its counters are worth a burst. Not at the first look,
    /// which must not take as long.
    pub(super) fn wants_traffic(&self) -> bool {
        self.places.values().any(|p| match &p.standing {
            Standing::Unconfirmed => true,
            Standing::Confirmed(c) => c.by_traffic,
            Standing::Misplaced { by_traffic, .. } => *by_traffic,
            Standing::Unknown => false,
        })
    }

    /// Where the tables have the peer in spite of which a person confirmed these levels.
    pub(super) fn in_spite_of(&self, levels: &[String]) -> Vec<String> {
        let tables = levels.iter().filter_map(|l| match self.standing(l) {
            Standing::Confirmed(c) => c.tables.clone(),
            Standing::Unknown | Standing::Misplaced { .. } | Standing::Unconfirmed => None,
        });
        tables.collect()
    }

    pub(super) fn recall(&mut self, places: Vec<Place>) {
        self.places = places.into_iter().map(|p| (p.level.clone(), p)).collect();
    }

    /// A confirmation counts at once: whatever becomes of the machine, its entry was there.
    pub(super) fn confirm(&mut self, sight: &Sight, how: &str, wall_s: u64) {
        self.once.remove(&sight.level);
        self.tables.remove(&sight.level);
        let confirmed = Confirmation {
            how: how.to_owned(),
            wall_s,
            by_traffic: matches!(sight.seen, Seen::Followed { .. }),
            by: None,
            tables: None,
        };
        self.put(sight, Standing::Confirmed(confirmed));
    }

    pub(super) fn put(&mut self, sight: &Sight, standing: Standing) {
        let place = Place {
            level: sight.level.clone(),
            identity: sight.identity.clone(),
            standing,
        };
        self.places.insert(sight.level.clone(), place);
    }

    /// What was known of other ports, or of the same in another place, is void. What is left for `sight`.
    pub(super) fn still(&self, sight: &Sight) -> Standing {
        let Some(place) = self.places.get(&sight.level) else {
            return Standing::Unknown;
        };
        if place.identity != sight.identity {
            return Standing::Unknown;
        }
        place.standing.clone()
    }
}
