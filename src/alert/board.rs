//! What one sink has heard, what of it was sent, and what is due. Pure: the time comes with each call.
//!
//! One entry for each alarm (peer and key), and one for each text of what happened once: whatever is told a thousand times
//! is one entry with a count. An entry is due as long as it is not as it was sent last. An alarm that is over is told as
//! over after [`CALM`]: one that comes and goes is one alert. Entries are sent in the order in which they came; while one
//! waits, it is brought up to date where it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Bulletin;
use super::heard::{Heard, Id, Raised, Taken};
use crate::takeover::action::Level;
use crate::types::BootTime;

/// Most entries of a sink; then the least urgent and oldest goes.
pub const MOST: usize = 256;
/// An alarm is over for so long before it is told.
pub const CALM: Duration = Duration::from_secs(5);
/// What happened once and happens again is told again after this, with how often it was.
pub const ONCE_WINDOW: Duration = Duration::from_secs(300);
/// Most characters of a text.
const LONGEST: usize = 2000;

/// What has to be as it was sent, or it is sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    level: Level,
    over: bool,
    phase: String,
}

/// One alarm, or one thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    bulletin: Bulletin,
    phase: String,
    /// As it was sent last.
    told: Option<Told>,
    /// How often it had been told to us then.
    told_count: u64,
    /// Its place in the row.
    place: u64,
    #[serde(skip)]
    told_at: BootTime,
    #[serde(skip)]
    changed_at: BootTime,
    #[serde(skip)]
    not_before: BootTime,
    #[serde(skip)]
    in_flight: bool,
}

impl Entry {
    fn id(&self) -> Id {
        let b = &self.bulletin;
        let text = if b.once {
            b.text.clone()
        } else {
            String::new()
        };
        (b.peer.clone(), b.key.clone(), text)
    }

    fn now_told(&self) -> Told {
        Told {
            level: self.bulletin.level,
            over: self.bulletin.until_us.is_some(),
            phase: self.phase.clone(),
        }
    }

    /// It is not as it was sent.
    fn is_news(&self) -> bool {
        self.told.as_ref() != Some(&self.now_told())
    }

    fn due(&self, repeat: Duration) -> Option<BootTime> {
        if self.in_flight {
            return None;
        }
        let over = self.bulletin.until_us.is_some();
        let at = match (&self.told, self.is_news()) {
            (Some(told), true) if over && !told.over => self.changed_at + CALM,
            (_, true) => self.changed_at,
            (_, false) if over => return None,
            (_, false) if self.bulletin.once => {
                let again = self.bulletin.count > self.told_count;
                return again.then(|| self.told_at + ONCE_WINDOW);
            }
            (_, false) => self.told_at + repeat,
        };
        Some(at.max(self.not_before))
    }
}

/// What one sink has heard.
#[derive(Clone, Debug)]
pub struct Board {
    entries: BTreeMap<Id, Entry>,
    least: Level,
    repeat: Duration,
    next_place: u64,
    dropped: u64,
    changed: bool,
    quiet_until: BootTime,
}

impl Board {
    /// Hears what is at least as urgent as `least`; what stands is sent again after `repeat`.
    pub fn new(least: Level, repeat: Duration) -> Board {
        Board {
            entries: BTreeMap::new(),
            least,
            repeat,
            next_place: 0,
            dropped: 0,
            changed: false,
            quiet_until: BootTime::default(),
        }
    }

    /// Until then only what is critical is due.
    pub fn keep_quiet(&mut self, until: BootTime) {
        self.quiet_until = until;
    }

    fn due_of(&self, entry: &Entry) -> Option<BootTime> {
        let at = entry.due(self.repeat)?;
        match entry.bulletin.level {
            Level::Critical => Some(at),
            Level::Warning | Level::Info => Some(at.max(self.quiet_until)),
        }
    }

    /// Takes in what was heard; `wall_us` is now in microseconds since 1970-01-01 UTC.
    pub fn hear(&mut self, now: BootTime, wall_us: u64, heard: Heard) {
        match heard {
            Heard::Raised(raised) => self.note(now, wall_us, raised),
            Heard::Settled { peer, key, text } => {
                self.settle(now, wall_us, &(peer, key, String::new()), text);
            }
            Heard::Once {
                peer,
                level,
                text,
                next,
            } => {
                let raised = Raised {
                    peer,
                    key: "event".to_owned(),
                    level,
                    text,
                    next,
                    phase: String::new(),
                };
                self.put(now, wall_us, raised, true);
            }
            Heard::Standing(all) => self.compare(now, wall_us, all),
        }
    }

    fn note(&mut self, now: BootTime, wall_us: u64, raised: Raised) {
        self.put(now, wall_us, raised, false);
    }

    fn put(&mut self, now: BootTime, wall_us: u64, mut raised: Raised, once: bool) {
        shorten(&mut raised.text);
        let text = if once {
            raised.text.clone()
        } else {
            String::new()
        };
        let id = (raised.peer.clone(), raised.key.clone(), text);
        self.changed = true;
        if let Some(entry) = self.entries.get_mut(&id) {
            let b = &mut entry.bulletin;
            b.count += 1;
            b.text = raised.text;
            b.next = raised.next;
            // Until it is over it is as urgent as it ever was; a new phase says anew how urgent that is.
            let moved = entry.phase != raised.phase;
            b.level = if moved {
                raised.level
            } else {
                b.level.max(raised.level)
            };
            let before = (b.until_us.take(), moved);
            entry.phase = raised.phase;
            if before != (None, false) || entry.is_news() {
                entry.changed_at = now;
            }
            return;
        }
        if raised.level < self.least || !self.has_room_for(raised.level) {
            return;
        }
        let bulletin = Bulletin {
            key: raised.key,
            peer: raised.peer,
            level: raised.level,
            text: raised.text,
            was: String::new(),
            next: raised.next,
            since_us: wall_us,
            until_us: None,
            once,
            count: 1,
        };
        let entry = Entry {
            bulletin,
            phase: raised.phase,
            told: None,
            told_count: 0,
            place: self.next_place,
            told_at: now,
            changed_at: now,
            not_before: now,
            in_flight: false,
        };
        self.next_place += 1;
        self.entries.insert(id, entry);
    }

    fn settle(&mut self, now: BootTime, wall_us: u64, id: &Id, mut text: String) {
        shorten(&mut text);
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let b = &mut entry.bulletin;
        if b.until_us.is_none() {
            b.until_us = Some(wall_us);
            b.was = std::mem::replace(&mut b.text, text);
            entry.changed_at = now;
            self.changed = true;
        }
    }

    fn compare(&mut self, now: BootTime, wall_us: u64, all: Vec<Raised>) {
        let stands = |e: &Entry| {
            let b = &e.bulletin;
            all.iter().any(|r| r.peer == b.peer && r.key == b.key)
        };
        let standing = self.entries.values();
        let over = standing.filter(|e| !e.bulletin.once && e.bulletin.until_us.is_none());
        let over: Vec<Id> = over.filter(|e| !stands(e)).map(Entry::id).collect();
        for id in over {
            self.settle(now, wall_us, &id, "it does not stand any more".to_owned());
        }
        for raised in all {
            let id = (raised.peer.clone(), raised.key.clone(), String::new());
            let known = self.entries.get(&id);
            if known.is_none_or(|e| e.bulletin.until_us.is_some() || e.phase != raised.phase) {
                self.note(now, wall_us, raised);
            }
        }
    }

    /// Makes room, if there is something no more urgent than this.
    fn has_room_for(&mut self, level: Level) -> bool {
        if self.entries.len() < MOST {
            return true;
        }
        self.dropped += 1;
        let idle = self.entries.values().filter(|e| !e.in_flight);
        let worth = |e: &&Entry| (e.is_news(), e.bulletin.level, e.place);
        match idle.min_by_key(worth).filter(|e| e.bulletin.level <= level) {
            Some(least) => {
                let id = least.id();
                self.entries.remove(&id).is_some()
            }
            None => false,
        }
    }

    /// When something is due next.
    pub fn due(&self) -> Option<BootTime> {
        let due = self.entries.values().filter_map(|e| self.due_of(e));
        due.min()
    }

    /// What is to be sent now, the oldest first; it is not given again before [`sent`](Self::sent) or
    /// [`failed`](Self::failed).
    pub fn take(&mut self, now: BootTime) -> Option<Taken> {
        self.forget(now);
        let all = self.entries.values();
        let due = all.filter(|e| self.due_of(e).is_some_and(|at| at <= now));
        let id = due.min_by_key(|e| e.place)?.id();
        let entry = self.entries.get_mut(&id)?;
        entry.in_flight = true;
        Some(Taken {
            id: entry.id(),
            bulletin: entry.bulletin.clone(),
            phase: entry.phase.clone(),
        })
    }

    /// What happened once, long ago, and not again.
    fn forget(&mut self, now: BootTime) {
        let before = self.entries.len();
        self.entries.retain(|_, e| {
            let rests = e.bulletin.once && !e.is_news() && !e.in_flight;
            !(rests && e.due(self.repeat).is_none() && now >= e.told_at + ONCE_WINDOW)
        });
        self.changed |= self.entries.len() != before;
    }

    /// It was sent as it was taken.
    pub fn sent(&mut self, now: BootTime, taken: &Taken) {
        let Some(entry) = self.entries.get_mut(&taken.id) else {
            return;
        };
        entry.in_flight = false;
        entry.told = Some(Told {
            level: taken.bulletin.level,
            over: taken.bulletin.until_us.is_some(),
            phase: taken.phase.clone(),
        });
        (entry.told_at, entry.told_count) = (now, taken.bulletin.count);
        self.changed = true;
        if entry.bulletin.until_us.is_some() && !entry.is_news() {
            self.entries.remove(&taken.id);
        }
    }

    /// It was not sent; `behind`: it stands behind the others from now on, and waits until then.
    pub fn failed(&mut self, taken: &Taken, behind: Option<BootTime>) {
        let place = self.next_place;
        let Some(entry) = self.entries.get_mut(&taken.id) else {
            return;
        };
        entry.in_flight = false;
        if let Some(until) = behind {
            (entry.place, entry.not_before) = (place, until);
            self.next_place += 1;
            self.changed = true;
        }
    }

    /// So many are not sent as they are now.
    pub fn queued(&self) -> usize {
        self.entries.values().filter(|e| e.is_news()).count()
    }

    /// So many were never kept, because there was no room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether it is not as it was when this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// All of it, to be kept over a restart.
    pub fn kept(&self) -> Vec<u8> {
        let entries: Vec<&Entry> = self.entries.values().collect();
        // Plain data: it can be written.
        serde_json::to_vec(&entries).unwrap_or_default()
    }

    /// What was kept before; the number of entries, or why it is none.
    ///
    /// # Errors
    /// It is damaged.
    pub fn recall(&mut self, now: BootTime, bytes: &[u8]) -> Result<usize, String> {
        let entries: Vec<Entry> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        for mut entry in entries.into_iter().take(MOST) {
            (entry.told_at, entry.changed_at, entry.not_before) = (now, now, now);
            self.next_place = self.next_place.max(entry.place + 1);
            self.entries.insert(entry.id(), entry);
        }
        Ok(self.entries.len())
    }
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push_str("...");
    }
}
