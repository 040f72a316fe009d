//! A third machine answers for a VIP that is not ours, beside a peer that lives or in its place: a person is told who it
//! is and where it hangs, for as long as it is heard. It is no reason to take anything, and its answer is not the peer's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level};
use super::keeping::CONFLICT;
use super::probing::BROADCAST_EVERY;
use super::state::State;
use crate::types::{BootTime, MacAddr};

/// It is gone when it answered none of so many questions that went to everybody.
const UNHEARD: u32 = 3;
/// Nor within this, however often is asked.
const GONE_AFTER: Duration = Duration::from_millis(3500);
/// Where a machine hangs is asked again after this.
const LOCATE_EVERY: Duration = Duration::from_secs(10);
/// So long is waited for the switches before a person is told without.
const LOCATED_WITHIN: Duration = Duration::from_secs(1);

/// Another machine that answers for the VIP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// Its MAC address.
    pub mac: MacAddr,
    /// True if it is the peer.
    pub peer: bool,
    /// Since when it was heard without a pause.
    pub since: BootTime,
    /// When it was last heard.
    pub heard: BootTime,
    /// Switch, port and LLDP name, where known.
    pub place: Option<String>,
    /// Whether the last handshake with it completed, and when that was said.
    pub serves: Option<(bool, BootTime)>,
    located: BootTime,
    /// The switches have said where it hangs, or that they do not know.
    #[serde(default)]
    pub(super) placed: bool,
}

impl Foreign {
    /// Where it hangs, in words.
    pub(super) fn place_words(&self) -> &str {
        self.place.as_deref().unwrap_or("place not known")
    }

    /// Notes that it was heard: where it stands in the list, whether it is new, and whether to ask where it hangs.
    pub(super) fn hear(
        all: &mut Vec<Foreign>,
        now: BootTime,
        mac: MacAddr,
        peer: bool,
    ) -> (usize, bool, bool) {
        let known = all.iter().position(|f| f.mac == mac);
        let at = known.unwrap_or_else(|| {
            all.push(Foreign {
                mac,
                peer,
                since: now,
                heard: now,
                place: None,
                serves: None,
                located: BootTime(0),
                placed: false,
            });
            all.len() - 1
        });
        let foreign = &mut all[at];
        foreign.heard = now;
        let locate = known.is_none() || now.since(foreign.located) >= LOCATE_EVERY;
        if locate {
            foreign.located = now;
        }
        (at, known.is_none(), locate)
    }
}

impl Machine {
    /// While the VIP is not ours, somebody answered for it.
    pub(super) fn beside_heard(&mut self, now: BootTime, mac: MacAddr) {
        let pinned = &self.evidence.pinned;
        // Whose answer is expected in a release is judged there.
        if !pinned.known() || pinned.has(mac) || matches!(self.state, State::Releasing(_)) {
            return;
        }
        let (_, _, locate) = Foreign::hear(&mut self.looks.foreign, now, mac, false);
        if locate {
            self.out.push(Action::Locate { mac });
        }
    }

    /// Silence after which it is gone: only some of the questions go to everybody.
    fn beside_gone_after(&self) -> Duration {
        let all = BROADCAST_EVERY as u32 * UNHEARD;
        (self.policy.detect.probe_interval * all).max(GONE_AFTER)
    }

    /// When one of them is gone, or is to be told of without a place.
    pub(super) fn beside_due(&self) -> Option<BootTime> {
        let gone = self.beside_gone_after();
        let due = |f: &Foreign| match f.placed || self.seen >= f.since + LOCATED_WITHIN {
            true => f.heard + gone,
            false => f.since + LOCATED_WITHIN,
        };
        let all = self.looks.foreign.iter().map(due);
        all.min().filter(|_| self.own.is_none())
    }

    /// Tells of them, or that nobody is heard any more.
    pub(super) fn beside_timers(&mut self, now: BootTime) {
        if self.own.is_some() || self.looks.foreign.is_empty() {
            return;
        }
        let (gone, pinned) = (self.beside_gone_after(), self.evidence.pinned.clone());
        let all = &mut self.looks.foreign;
        all.retain(|f| now.since(f.heard) < gone && !pinned.has(f.mac));
        if all.is_empty() {
            let text = "no third machine answers for the VIP any more";
            return self.settle(CONFLICT, text);
        }
        let told = self.alarms.stands(CONFLICT);
        let ready = |f: &&Foreign| told || f.placed || now >= f.since + LOCATED_WITHIN;
        let ready = self.looks.foreign.iter().filter(ready);
        let who: Vec<String> = ready
            .map(|f| format!("{} ({})", f.mac, f.place_words()))
            .collect();
        if who.is_empty() {
            return;
        }
        let lives = now < self.evidence.life() + self.policy.detect.suspect_after;
        let beside = match lives {
            true => format!(" beside the peer ({pinned}): clients may reach either"),
            false => format!("; the peer is {pinned}"),
        };
        let vip = self.policy.vip.addr;
        let text = format!(
            "conflict: a third machine answers for {vip}, {}{beside}; nothing is taken or given up because of it. Needed: unplug it, or take {vip} off it",
            who.join(", and ")
        );
        self.tell(CONFLICT, Level::Critical, text);
    }
}
