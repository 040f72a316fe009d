//! What keeps a takeover waiting although the peer does not serve, told for as long as it lasts: another machine that
//! answers for the VIP, and a peer whose kernel answers while its service does not.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::Machine;
use super::action::{Action, Level};
use super::policy::React;
use super::state::{State, Why};
use super::verdict::{Cause, Verdict};
use crate::types::{BootTime, MacAddr};

/// Key of the alarm that a takeover waits because another machine answers for the VIP.
const CONFLICT: &str = "conflict-waits";
/// Key of the alarm that the machine answers and its service does not.
const DOES_NOT_SERVE: &str = "answers-does-not-serve";
/// Where it hangs is asked again after this.
const LOCATE_EVERY: Duration = Duration::from_secs(10);
/// So long is waited for the switches before it is told without.
const LOCATED_WITHIN: Duration = Duration::from_secs(5);

/// The machine that a takeover waits for, and where it hangs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Other {
    mac: MacAddr,
    /// Switch, port and LLDP name, where known.
    place: Option<String>,
    asked: BootTime,
    since: BootTime,
    /// The switches have said where it hangs, or that they do not know.
    located: bool,
}

impl Machine {
    /// True if nothing is taken only because another machine answers for the VIP.
    fn waits_for_other(&self, now: BootTime) -> bool {
        let waits = match &self.state {
            State::Suspect(s) => s.why == Why::Conflict,
            State::Confirming(c) => c.cause != Cause::Planned && self.told == Some(Why::Conflict),
            State::Taking(t) => t.told_waiting && self.silence_open(t),
            State::Standby | State::Active { .. } | State::Releasing(_) | State::Halted { .. } => {
                false
            }
        };
        waits && self.own.is_none() && self.evidence.in_conflict(now)
    }

    /// Both alarms, brought up to date.
    pub(super) fn waiting_timers(&mut self, now: BootTime) {
        self.tell_conflict_waits(now);
        self.tell_does_not_serve(now);
    }

    fn tell_conflict_waits(&mut self, now: BootTime) {
        let other = self.evidence.conflict.filter(|_| self.waits_for_other(now));
        let Some((mac, _)) = other else {
            self.other = None;
            let text = "no takeover waits for another machine that answers for the VIP";
            return self.settle(CONFLICT, text);
        };
        let due = |o: &Other| o.mac != mac || now.since(o.asked) >= LOCATE_EVERY;
        if self.other.as_ref().is_none_or(due) {
            let before = self.other.take().filter(|o| o.mac == mac);
            self.other = Some(Other {
                mac,
                since: before.as_ref().map_or(now, |o| o.since),
                located: before.as_ref().is_some_and(|o| o.located),
                place: before.and_then(|o| o.place),
                asked: now,
            });
            self.out.push(Action::Locate { mac });
        }
        let Some(other) = &self.other else { return };
        // A person who is told wants to know where to go.
        if !other.located && now < other.since + LOCATED_WITHIN {
            return;
        }
        let place = other.place.as_deref().unwrap_or("place not known");
        let vip = self.policy.vip.addr;
        let pinned = &self.evidence.pinned;
        let peer = pinned.known().then(|| format!(" ({pinned})"));
        let text = format!(
            "conflict: another machine, {mac} ({place}), answers for {vip}, and the peer{} does not: the takeover waits until nobody answers, and then goes on by itself. Needed: unplug that machine, or take {vip} off it; if it is the peer with a new network card, set its `mac` to {mac} (SIGHUP)",
            peer.unwrap_or_default()
        );
        self.tell(CONFLICT, Level::Critical, text);
    }

    /// A switch, or nobody, knows where the other machine hangs.
    pub(super) fn other_located(&mut self, mac: MacAddr, place: Option<&String>) {
        if let Some(other) = self.other.as_mut().filter(|o| o.mac == mac) {
            other.located = true;
            other.place = place.cloned().or_else(|| other.place.take());
        }
    }

    /// The peer's kernel answers, which alone would hide that it serves nobody.
    fn tell_does_not_serve(&mut self, now: BootTime) {
        let policy = self.policy.service_dead;
        let quiet = now >= self.evidence.life() + self.policy.detect.suspect_after;
        let why = match &self.state {
            State::Standby => match policy {
                React::Alert => Some(None),
                React::Takeover => None,
            },
            State::Suspect(s) if s.cause == Cause::ServiceDead => Some(Some(s.why)),
            State::Confirming(c) if c.cause == Cause::ServiceDead => {
                self.alarms.stands(DOES_NOT_SERVE).then_some(self.told)
            }
            // Doubted for something else: as long as it answers, what was said of its service stands.
            State::Suspect(_) | State::Confirming(_) if !quiet => {
                self.alarms.stands(DOES_NOT_SERVE).then_some(None)
            }
            State::Suspect(_)
            | State::Confirming(_)
            | State::Taking(_)
            | State::Active { .. }
            | State::Releasing(_)
            | State::Halted { .. } => None,
        };
        let why = why.filter(|_| self.own.is_none() && self.service_gone());
        let Some(why) = why else {
            let over = if self.own.is_some() {
                "the VIP is here"
            } else if self.evidence.service_fails == 0 {
                "the peer's service completes handshakes again, or is asked anew"
            } else {
                "the peer does not answer at all any more, or is being taken over"
            };
            return self.settle(DOES_NOT_SERVE, over);
        };
        let todo = match (why, policy) {
            (Some(Why::Isolated), _) => "nothing is done: half of the cameras that were asked, or more, are silent too, so it may be the network that is broken; look at the switch, then `standin takeover NAME` moves the VIP".to_owned(),
            (Some(why), _) => format!("nothing is done: {}", self.words_of(why)),
            (None, React::Alert) => "policy service-dead = alert: `standin takeover NAME` moves the VIP".to_owned(),
            (None, React::Takeover) => "policy service-dead = takeover: it is looked at again".to_owned(),
        };
        let fault = &self.evidence.service_fault;
        let text = format!("the peer {} ({fault}); {todo}", Verdict::ServiceDead);
        self.tell(DOES_NOT_SERVE, Level::Critical, text);
    }
}
