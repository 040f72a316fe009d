//! When the switches are asked where the peer is, what follows from the answers, and what a takeover may use.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level};
use super::placement::{Confirmation, Once, Place, Placement, Seen, Sight, Standing, Waiting};
use super::state::{Grounds, State, Why};
use super::timeline::Mark;
use super::verdict::Cause;
use crate::types::BootTime;

/// Two looks that contradict must be this far apart.
pub const APART: Duration = Duration::from_secs(10);
/// The peer must have answered this long after a look for it to count against its place.
const SETTLES: Duration = Duration::from_secs(1);
/// What is confirmed is looked at again after this.
const CONFIRMED_EVERY: Duration = Duration::from_secs(60);
/// What is not confirmed is looked at again after this, and after [`QUICK`] looks less often.
const RETRY: Duration = Duration::from_secs(2);
const SLOW_RETRY: Duration = Duration::from_secs(15);
const QUICK: u32 = 15;
/// A look that is not answered by then is forgotten.
const LOST: Duration = Duration::from_secs(60);
/// A contradiction that no second look agreed with by then is forgotten.
const AGREES_WITHIN: Duration = Duration::from_secs(180);
/// What two looks agree on that found the counters following.
const FOLLOWS: &str = "the counters follow";
/// A person is told that nothing confirms a port after so many looks.
const TELL_AFTER: u32 = 3;

impl Machine {
    /// What is known of the fence's ports.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// True if the fence, where it stands, stands on ports that were confirmed to be the peer's.
    pub fn fence_confirmed(&self) -> bool {
        let confirmed = |l: &String| matches!(self.placement.standing(l), Standing::Confirmed(_));
        self.policy.levels.iter().all(confirmed)
    }

    pub(super) fn recall_places(&mut self, places: Vec<Place>) {
        self.placement.recall(places);
    }

    /// The levels that a takeover of this cause may set. A person's order takes what nothing contradicts; what is taken
    /// back after it was ours takes any.
    pub(super) fn fence_levels(&self, cause: Cause) -> Vec<String> {
        let ordered = match cause {
            Cause::Dead | Cause::ServiceDead | Cause::AliveElsewhere | Cause::Vacant => false,
            Cause::Planned => true,
            Cause::Granted | Cause::ReleaseFailed | Cause::Resumed | Cause::Suspended => {
                return self.policy.levels.clone();
            }
        };
        let usable = |level: &&String| match self.placement.standing(level) {
            Standing::Confirmed(_) | Standing::Unconfirmed => true,
            Standing::Unknown => ordered,
            Standing::Misplaced { .. } => false,
        };
        self.policy.levels.iter().filter(usable).cloned().collect()
    }

    /// Why no level of the fence may be used for this cause, if none may.
    pub(super) fn unplaced(&self, cause: Cause) -> Option<Why> {
        let levels = &self.policy.levels;
        if !self.policy.fence || levels.is_empty() || !self.fence_levels(cause).is_empty() {
            return None;
        }
        let misplaced =
            |l: &String| matches!(self.placement.standing(l), Standing::Misplaced { .. });
        Some(if levels.iter().any(misplaced) {
            Why::Misplaced
        } else {
            Why::Unplaced
        })
    }

    /// What is said of a fence that may not be used: where the machine hangs, or what to do.
    pub(super) fn unplaced_words(&self) -> String {
        let words = self
            .policy
            .levels
            .iter()
            .filter_map(|l| match self.placement.standing(l) {
                Standing::Misplaced { why, .. } => Some(format!("{l}: {why}")),
                Standing::Unknown => Some(format!("{l}: nothing has confirmed it yet")),
                Standing::Confirmed(_) | Standing::Unconfirmed => None,
            });
        words.collect::<Vec<_>>().join("; ")
    }

    /// When the placement wants to be called.
    pub(super) fn placement_due(&self) -> Option<BootTime> {
        if !self.looks_at_places() {
            return None;
        }
        match (&self.placement.waiting, self.placement.asked) {
            (Some(w), _) => Some(w.ended + SETTLES),
            (None, Some(at)) => Some(at + LOST),
            (None, None) => Some(self.placement.due),
        }
        // Until the peer answers nothing happens; each of its answers is an event.
        .filter(|at| *at > self.seen)
    }

    /// When it last showed life on the data path by its own MAC address: in a pair the one that does not have the VIP, too.
    fn answered_at(&self) -> Option<BootTime> {
        let beat = self.evidence.beat_data_at.filter(|_| self.policy.pair);
        self.evidence.vip_at.max(beat)
    }

    fn looks_at_places(&self) -> bool {
        matches!(self.state, State::Standby)
            && self.own.is_none()
            && self.policy.fence
            && !self.policy.levels.is_empty()
    }

    pub(super) fn placement_timers(&mut self, now: BootTime) {
        if !self.looks_at_places() {
            // A look in or after which the peer fell silent is thrown away.
            if self.placement.asked.take().is_some() || self.placement.waiting.take().is_some() {
                self.placement.waiting = None;
                self.placement.due = now;
            }
            return;
        }
        let life = self.answered_at();
        if let Some(w) = &self.placement.waiting {
            if life.is_some_and(|at| at >= w.ended + SETTLES) {
                let sights = self.placement.waiting.take().map(|w| w.sights);
                self.contradicted(now, sights.unwrap_or_default());
            }
            return;
        }
        if self.placement.asked.is_some_and(|at| now < at + LOST) || self.placement.due > now {
            return;
        }
        let answers = life.is_some_and(|at| now.since(at) <= self.policy.detect.suspect_after);
        if !answers || !self.evidence.pinned.known() || self.evidence.in_conflict(now) {
            return;
        }
        self.placement.asked = Some(now);
        let (mac, by_traffic) = (self.evidence.pinned.clone(), self.placement.wants_traffic());
        self.out.push(Action::LookForPeer { mac, by_traffic });
    }

    /// The answer of a look.
    pub(super) fn places_seen(&mut self, now: BootTime, sights: Vec<Sight>, wall_s: u64) {
        if self.newcomer_placed(now, &sights) {
            return;
        }
        if self.placement.asked.take().is_none() || !self.looks_at_places() {
            return;
        }
        self.placement.wall = (wall_s, now);
        // What is not looked at any more (the configuration was read again) is forgotten: replaced, not added to.
        let looked = |level: &String| sights.iter().any(|s| s.level == *level);
        self.placement.places.retain(|level, _| looked(level));
        self.placement.once.retain(|level, _| looked(level));
        self.placement.tables.retain(|level, _| looked(level));
        let burst = self.placement.wants_traffic();
        let mut doubtful = Vec::new();
        for sight in sights {
            let still = self.placement.still(&sight);
            let by_person = matches!(&still, Standing::Confirmed(c) if c.by.is_some());
            match &sight.seen {
                Seen::Here { how } => self.placement.confirm(&sight, how, wall_s),
                // It was confirmed before: one look is enough to say it again.
                Seen::Followed { how } if matches!(still, Standing::Confirmed(_)) && !by_person => {
                    self.placement.confirm(&sight, how, wall_s);
                }
                Seen::Followed { .. } if by_person => self.placement.put(&sight, still),
                Seen::Elsewhere { .. } | Seen::NotFollowed { .. } | Seen::Followed { .. } => {
                    self.placement.put(&sight, still);
                    doubtful.push(sight);
                }
                Seen::Untold => {
                    let kept = matches!(
                        still,
                        Standing::Confirmed(_)
                            | Standing::Misplaced {
                                by_traffic: true,
                                ..
                            }
                    );
                    let standing = if kept { still } else { Standing::Unconfirmed };
                    self.placement.put(&sight, standing);
                }
                Seen::Nowhere if matches!(still, Standing::Unconfirmed) => {
                    self.placement.put(&sight, Standing::Unknown);
                }
                Seen::Nowhere => self.placement.put(&sight, still),
                // It says nothing, not even whether the ports are the same.
                Seen::Unread { .. } => {}
            }
        }
        self.placement.tries = self.placement.tries.saturating_add(1);
        self.look_next(now);
        if self.placement.wants_traffic() && !burst {
            self.placement.due = now + RETRY;
        }
        if !doubtful.is_empty() {
            self.placement.waiting = Some(Waiting {
                sights: doubtful,
                ended: now,
            });
        }
        self.tell_places();
    }

    /// The peer answered before and after a look that found it elsewhere, or found its traffic.
    fn contradicted(&mut self, now: BootTime, sights: Vec<Sight>) {
        for sight in sights {
            let (at, why) = match &sight.seen {
                Seen::Elsewhere { at, why } | Seen::NotFollowed { at, why } => (at, why),
                Seen::Followed { how } => (&FOLLOWS.to_owned(), how),
                Seen::Here { .. } | Seen::Nowhere | Seen::Untold | Seen::Unread { .. } => continue,
            };
            let follows = matches!(sight.seen, Seen::Followed { .. });
            let still = self.placement.still(&sight);
            // A person knew what the tables say, and said that it is the port all the same.
            if let Standing::Confirmed(c) = &still
                && c.by.is_some()
                && c.tables.as_ref().is_none_or(|t| t == at)
            {
                continue;
            }
            if !follows {
                self.placement
                    .tables
                    .insert(sight.level.clone(), at.clone());
            }
            let before = self.placement.once.get(&sight.level);
            let before = before.filter(|o| o.at == *at && now.since(o.when) < AGREES_WITHIN);
            let Some(before) = before else {
                let once = Once {
                    at: at.clone(),
                    when: now,
                };
                self.placement.once.insert(sight.level.clone(), once);
                continue;
            };
            // The look itself was a second before.
            if now.since(before.when) < APART {
                continue;
            }
            if follows {
                let (wall_s, then) = self.placement.wall;
                let wall_s = wall_s + now.since(then).as_secs();
                self.placement.confirm(&sight, why, wall_s);
            } else {
                let by_traffic = matches!(sight.seen, Seen::NotFollowed { .. });
                let (at, why) = (at.clone(), why.clone());
                self.placement.once.insert(
                    sight.level.clone(),
                    Once {
                        at: at.clone(),
                        when: now,
                    },
                );
                let standing = Standing::Misplaced {
                    at,
                    why,
                    by_traffic,
                };
                self.placement.put(&sight, standing);
            }
        }
        self.look_next(now);
        self.tell_places();
    }

    fn look_next(&mut self, now: BootTime) {
        let p = &mut self.placement;
        let settled = |l: &String| {
            let once = p.once.get(l);
            match p.places.get(l).map(|p| &p.standing) {
                Some(Standing::Confirmed(_) | Standing::Unconfirmed) => once.is_none(),
                // A burst a minute is enough, unless the counters begin to say otherwise.
                Some(Standing::Misplaced {
                    at,
                    by_traffic: true,
                    ..
                }) => once.is_none_or(|o| o.at == *at),
                Some(Standing::Misplaced { .. } | Standing::Unknown) | None => false,
            }
        };
        let all = self.policy.levels.iter().all(settled);
        if all {
            p.tries = 0;
        }
        p.due = now
            + match (all, p.once.is_empty(), p.tries) {
                (true, ..) => CONFIRMED_EVERY,
                // The second look at a contradiction.
                (false, false, _) => APART,
                (false, true, n) if n < QUICK => RETRY,
                (false, true, _) => SLOW_RETRY,
            };
    }

    fn tell_places(&mut self) {
        let (mut misplaced, mut unknown, mut unconfirmed) = (Vec::new(), Vec::new(), Vec::new());
        for level in &self.policy.levels {
            match self.placement.standing(level) {
                Standing::Misplaced { why, .. } => misplaced.push(format!("{level}: {why}")),
                Standing::Unknown => unknown.push(level.clone()),
                Standing::Unconfirmed => unconfirmed.push(level.clone()),
                Standing::Confirmed(_) => {}
            }
        }
        if misplaced.is_empty() {
            self.settle("misplaced", "the fence's port is the peer's again");
        } else {
            self.tell("misplaced", Level::Critical, format!("the fence is NOT on the peer: {}. It is not used: correct `ports` in the configuration (SIGHUP), or the cable; `standin fence confirm` says that it is right all the same", misplaced.join("; ")));
        }
        if unknown.is_empty() {
            self.settle("unplaced", "the fence's port is confirmed");
        } else if self.placement.tries >= TELL_AFTER {
            self.tell("unplaced", Level::Critical, format!("nothing confirms that the fence's port is the peer's ({}), so it is not used by itself: is the peer's MAC address in the switch's forwarding table? `standin fence confirm` says that it is right", unknown.join(", ")));
        }
        if unconfirmed.is_empty() {
            self.settle("unconfirmed", "the fence's port is confirmed");
        } else {
            self.tell("unconfirmed", Level::Warning, format!("the switch tells no MAC addresses, and its counters have not told whether the fence's port is the peer's ({}): what it shuts reads `shut, unconfirmed`; `standin fence confirm` says that it is right", unconfirmed.join(", ")));
        }
    }

    /// A person says that the level's ports are the peer's, whatever the tables say. `false` if there is no such level,
    /// or nobody has looked at it yet.
    pub fn can_confirm(&self, level: &str) -> bool {
        self.placement.places.contains_key(level)
    }

    pub(super) fn confirmed_by(&mut self, level: &str, by: &str, wall_s: u64) {
        let tables = self.placement.tables.get(level).cloned();
        let Some(place) = self.placement.places.get_mut(level) else {
            return;
        };
        place.standing = Standing::Confirmed(Confirmation {
            how: format!("{by} says so"),
            wall_s,
            by_traffic: false,
            by: Some(by.to_owned()),
            tables,
        });
        self.placement.once.remove(level);
        let identity = place.identity.clone();
        self.alert(
            Level::Warning,
            format!(
                "{by} confirms that {level} ({identity}) is the peer's; void when that changes"
            ),
        );
        self.tell_places();
    }

    /// A port was shut by order, and the peer, which had answered until then, fell silent: it is its port.
    pub(super) fn silence_confirms(&mut self, now: BootTime) {
        let [level] = self.policy.levels.as_slice() else {
            return;
        };
        let fenced = self
            .own
            .as_ref()
            .is_some_and(|o| o.grounds == Grounds::Fenced);
        let answered = self.timeline.get(Mark::FenceSet).zip(self.evidence.vip_at);
        let answered = answered.is_some_and(|(set, life)| set.since(life) <= SETTLES);
        let confirmed = matches!(self.placement.standing(level), Standing::Confirmed(_));
        if !self.planned || !fenced || !answered || confirmed {
            return;
        }
        let level = level.clone();
        let (wall_s, then) = self.placement.wall;
        let wall_s = wall_s + now.since(then).as_secs();
        self.confirmed_by(
            &level,
            "a planned takeover, in which it was shut and the peer fell silent,",
            wall_s,
        );
    }
}
