//! The peer has another MAC address: a new network card, or a bond that took another member's. On the same confirmed port
//! and alone there for long enough it is the peer, and a person is told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level};
use super::placement::{Seen, Sight, Standing};
use super::state::{State, Why};
use crate::types::{BootTime, MacAddr};

/// It answered alone for so long.
const ALONE: Duration = Duration::from_secs(600);
/// From one answer of it to the next at most.
const GAP: Duration = Duration::from_secs(5);
/// Its port is looked at again after this.
const AGAIN: Duration = Duration::from_secs(10);

/// A MAC address that answers for the VIP and is not the peer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Newcomer {
    mac: MacAddr,
    since: BootTime,
    last: BootTime,
    /// When its port may be looked for.
    look: BootTime,
    asked: bool,
}

impl Machine {
    /// An ARP frame with the VIP as sender, from whomever.
    pub(super) fn answerer_seen(&mut self, now: BootTime, mac: MacAddr) {
        let pinned = &self.evidence.pinned;
        if !pinned.known() || pinned.has(mac) {
            // The peer itself answers: nobody else is alone.
            self.placement.newcomer = None;
            return;
        }
        match &mut self.placement.newcomer {
            Some(n) if n.mac == mac && now.since(n.last) <= GAP => n.last = now,
            _ => {
                self.placement.newcomer = Some(Newcomer {
                    mac,
                    since: now,
                    last: now,
                    look: now + ALONE,
                    asked: false,
                });
            }
        }
        self.newcomer_timers(now);
    }

    /// It answers while nothing can be done about it but to look.
    fn may_adopt(&self) -> bool {
        let resting = match &self.state {
            State::Standby => true,
            State::Suspect(s) => s.why == Why::Conflict,
            State::Confirming(_)
            | State::Taking(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. } => false,
        };
        resting && self.own.is_none() && !self.policy.levels.is_empty()
    }

    fn newcomer_timers(&mut self, now: BootTime) {
        let may = self.may_adopt();
        let Some(n) = self
            .placement
            .newcomer
            .as_mut()
            .filter(|n| may && n.look <= now)
        else {
            return;
        };
        n.look = now + AGAIN;
        n.asked = true;
        let mac = n.mac;
        let (mac, by_traffic) = (mac.into(), false);
        self.out.push(Action::LookForPeer { mac, by_traffic });
    }

    /// The answer of a look for it; true if it was one.
    pub(super) fn newcomer_placed(&mut self, now: BootTime, sights: &[Sight]) -> bool {
        let may = self.may_adopt();
        let Some(n) = self.placement.newcomer.as_mut().filter(|n| n.asked) else {
            return false;
        };
        n.asked = false;
        let (mac, alone) = (
            n.mac,
            now.since(n.last) <= GAP && now.since(n.since) >= ALONE,
        );
        let same = |s: &Sight| {
            let known = self.placement.places().find(|p| p.level == s.level);
            matches!(s.seen, Seen::Here { .. })
                && known.is_some_and(|p| {
                    p.identity == s.identity && matches!(p.standing, Standing::Confirmed(_))
                })
        };
        if may && alone && !sights.is_empty() && sights.iter().all(same) {
            let was = self.evidence.pinned.to_string();
            self.placement.newcomer = None;
            self.evidence.adopt(mac, now);
            self.alert(
                Level::Critical,
                format!("{mac} has answered for the VIP alone for {} min, on the confirmed port of the peer ({was} before): it is the peer's address from now on. If that is not so, `standin hold` and look; if the configuration names `mac` or `macs`, correct it", ALONE.as_secs() / 60),
            );
        }
        true
    }
}
