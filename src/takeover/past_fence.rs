//! A fenced peer that is silent, and hangs on another port than the one that is shut: the owner looks about once a minute
//! whether the fence's own switch has learned it on a port that is not fenced and no uplink.
//!
//! The proof of the fence had it nowhere else, so what a confirmed fence's switch tells later is new. Where no table
//! confirmed the port, an entry may be left over, and counts only when it must have aged out since the proof. Two looks
//! 10 s apart must agree. What answers or sends heartbeats is seen sooner, elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level};
use super::placement::Seen;
use super::placing::APART;
use super::state::{Grounds, State};
use crate::types::BootTime;

/// What is said of a fence whose ports read as they must while the peer hangs on another.
pub const PAST_IT: &str = "shut, peer elsewhere";
/// A person hears of it for as long as it lasts.
const PAST: &str = "past-the-fence";
/// Looks are this far apart.
const EVERY: Duration = Duration::from_secs(60);
/// A look that is not answered by then is forgotten.
const LOST: Duration = Duration::from_secs(30);
/// How long a switch keeps an entry that does not tell (IEEE 802.1D-2004 table 7-5, the recommended value).
const AGEING: Duration = Duration::from_secs(300);

/// The looks at where a fenced peer hangs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The next look; `None` while no fence stands.
    due: Option<BootTime>,
    asked: Option<BootTime>,
    /// Seen once, and counts if a second look agrees; without a place: nowhere else.
    once: Option<(Option<String>, BootTime)>,
    /// Where it hangs.
    at: Option<String>,
}

impl Machine {
    /// True if the switch has a peer whose fence is proven on a port that is not fenced.
    pub fn is_past_the_fence(&self) -> bool {
        self.looks.past.at.is_some()
    }

    /// The peer is fenced, by what the switch says, and the VIP is ours.
    pub fn fence_stands(&self) -> bool {
        let keeps = matches!(self.state, State::Active { .. } | State::Taking(_));
        let fenced = self
            .own
            .as_ref()
            .is_some_and(|o| o.grounds == Grounds::Fenced);
        keeps && fenced && self.fence_holds()
    }

    /// Each second while we own the VIP.
    pub(super) fn look_past_fence(&mut self, now: BootTime) {
        if !self.fence_stands() {
            return self.nothing_past("the fence is another matter now");
        }
        let past = &mut self.looks.past;
        let due = *past.due.get_or_insert(now + EVERY);
        if due > now || past.asked.is_some_and(|at| now < at + LOST) {
            return;
        }
        if self.evidence.pinned.known() {
            past.asked = Some(now);
            let mac = self.evidence.pinned.clone();
            self.out.push(Action::LookPastFence { mac });
        }
    }

    /// The answer of a look; `ageing` is how long the switch keeps an entry.
    pub(super) fn looked_past_fence(
        &mut self,
        now: BootTime,
        seen: Seen,
        ageing: Option<Duration>,
    ) {
        if self.looks.past.asked.take().is_none() || !self.fence_stands() {
            return;
        }
        let (at, why) = match seen {
            Seen::Elsewhere { at, why } => (Some(at), why),
            Seen::Here { .. } | Seen::Nowhere => (None, String::new()),
            Seen::Untold
            | Seen::Followed { .. }
            | Seen::NotFollowed { .. }
            | Seen::Unread { .. } => {
                self.looks.past.due = Some(now + EVERY);
                return;
            }
        };
        let proven = self.own.as_ref().map_or(now, |o| o.since);
        let proven = proven.max(self.looks.proven);
        let left_over = !self.fence_confirmed() && now.since(proven) < ageing.unwrap_or(AGEING);
        // A person knew what the tables say, and said that the fence is right all the same.
        let spite = self.placement.in_spite_of(&self.policy.levels);
        let at = at.filter(|at| !left_over && !spite.contains(at));
        let past = &mut self.looks.past;
        if past.at == at {
            (past.once, past.due) = (None, Some(now + EVERY));
        } else {
            let before = past.once.take().filter(|(was, _)| *was == at);
            match before {
                Some((_, when)) if now.since(when) >= APART => {
                    (past.at, past.due) = (at.clone(), Some(now + EVERY));
                }
                before => {
                    let when = before.map_or(now, |(_, when)| when);
                    (past.once, past.due) = (Some((at, when)), Some(now + APART));
                    return;
                }
            }
        }
        match &self.looks.past.at {
            Some(at) => {
                let text = format!(
                    "the peer is fenced, and hangs past its fence on {at}: {why}. Nothing keeps it from the cameras: put its cable back into the port that is shut, or shut {at} by hand as well"
                );
                self.tell(PAST, Level::Warning, text);
            }
            None => self.settle(
                PAST,
                "the switch has the peer on no port past its fence any more",
            ),
        }
    }

    /// What was seen past a fence is of that fence.
    pub(super) fn nothing_past(&mut self, why: &str) {
        self.looks.past = Past::default();
        self.settle(PAST, why);
    }
}
