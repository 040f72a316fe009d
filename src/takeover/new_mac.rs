//! A peer that comes back from its repair with another MAC address. Nobody is taken for the peer because he answers:
//! the release ends, and only a person's word (`release --new-mac`) together with the switch's (that address alone is
//! learned on the port that was opened) makes the new address the peer's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level};
use super::state::{Releasing, State};
use super::step::Step;
use super::timeline::Mark;
use crate::types::{BootTime, MacAddr, PeerMacs};

/// A release with a foreign machine on the opened port ends after this, whatever the switch says.
const DECIDED_AFTER: Duration = Duration::from_millis(1500);
/// The switch is asked again after this.
const ASK_AGAIN: Duration = Duration::from_millis(400);
const KEY: &str = "new-mac";
const FILE: &str = "mac-outranks-the-file";

/// The address that a person named at a release. It outranks the configuration until that is edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMac {
    /// The peer's address now.
    pub mac: MacAddr,
    /// What the configuration said then; another value there ends this one.
    pub instead_of: PeerMacs,
}

impl NewMac {
    /// What is said as long as the file names another; `None` where it names none.
    pub fn outranked_words(&self) -> Option<String> {
        let NewMac { mac, instead_of } = self;
        let write = match instead_of.several() {
            true => "name it in `macs` there".to_owned(),
            false => format!("write `mac = \"{mac}\"` there"),
        };
        instead_of.known().then(|| format!("the peer's MAC address is {mac}, as named at a release; the configuration still says {instead_of}: {write}"))
    }
}

/// Somebody else than the peer who answers while it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// His address.
    pub mac: MacAddr,
    /// When he was first heard.
    pub since: BootTime,
    /// When the switch is asked (again) where he is.
    pub ask: BootTime,
    /// He is elsewhere: a third machine, and not what this release is about.
    pub elsewhere: bool,
}

fn waits(r: &Releasing) -> bool {
    let settled = |s: Step| r.flow.get(s).settled();
    settled(Step::Drop) && settled(Step::Lift) && !r.flow.get(Step::Return).over()
}

impl Machine {
    /// The address that a person named at a release, where it outranks the configuration.
    pub fn new_mac(&self) -> Option<&NewMac> {
        self.new_mac.as_ref()
    }

    /// After a start, or when the configuration was read again: an address that it did not name before is newer.
    pub(super) fn choose_mac(&mut self, named: Option<NewMac>, learned: Option<MacAddr>) {
        let file = &self.policy.peer_mac;
        self.new_mac = named.filter(|n| n.instead_of == *file);
        let named = self.new_mac.as_ref().map(|n| n.mac);
        // What was learned counts where the file names none, or is one of those that it names.
        let learned = learned.filter(|m| !file.known() || file.has(*m));
        self.evidence.pinned = file.and_now(named.or(learned));
        self.tell_outranked();
    }

    fn tell_outranked(&mut self) {
        let outranked = self.new_mac.as_ref().and_then(NewMac::outranked_words);
        match outranked {
            Some(text) => self.tell(FILE, Level::Warning, text),
            None => self.settle(FILE, "the configuration names the peer's MAC address"),
        }
    }

    /// While the peer is waited for, somebody answers who is not known as the peer.
    pub(super) fn stranger_answers(&mut self, now: BootTime, mac: MacAddr) {
        let peers = self.evidence.pinned.has(mac);
        let State::Releasing(r) = &mut self.state else {
            return;
        };
        if !waits(r) || peers {
            return;
        }
        // The one that was named is waited for; who else answers before is not missed either.
        let named = r.new_mac == Some(mac);
        if r.stranger
            .is_none_or(|s| s.mac != mac && (named || s.elsewhere))
        {
            r.stranger = Some(Stranger {
                mac,
                since: now,
                ask: now,
                elsewhere: false,
            });
        }
        self.stranger_timers(now);
    }

    /// When somebody who answers has to be judged.
    pub(super) fn stranger_due(&self) -> Option<BootTime> {
        let State::Releasing(r) = &self.state else {
            return None;
        };
        let s = r.stranger.filter(|s| waits(r) && !s.elsewhere)?;
        Some(s.ask.min(s.since + DECIDED_AFTER))
    }

    pub(super) fn stranger_timers(&mut self, now: BootTime) {
        let State::Releasing(r) = &mut self.state else {
            return;
        };
        if !waits(r) {
            return;
        }
        let Some(s) = r.stranger.as_mut().filter(|s| !s.elsewhere) else {
            return;
        };
        if now >= s.since + DECIDED_AFTER {
            let mac = s.mac;
            return self.stranger_refused(now, mac, "the switch does not say where it hangs");
        }
        if s.ask <= now {
            s.ask = now + ASK_AGAIN;
            let mac = s.mac;
            self.out.push(Action::Locate { mac });
        }
    }

    /// The switch has said where somebody is. `on_fence`: on one of the ports that were opened, and
    /// who else is learned there; what is left there of the peer's old card is nobody else.
    pub(super) fn stranger_located(
        &mut self,
        now: BootTime,
        mac: MacAddr,
        (on_fence, others): (Option<bool>, &[MacAddr]),
    ) {
        let pinned = &self.evidence.pinned;
        let alone = others.iter().all(|other| pinned.has(*other));
        let State::Releasing(r) = &mut self.state else {
            return;
        };
        let Some(s) = r.stranger.as_mut().filter(|s| s.mac == mac) else {
            return;
        };
        let named = r.new_mac == Some(mac);
        match on_fence {
            Some(true) if named && alone => {
                r.flow.done(
                    Step::Return,
                    now,
                    "the named MAC answers ARP for the VIP, alone on the opened port",
                );
                let instead_of = self.policy.peer_mac.clone();
                self.new_mac = Some(NewMac { mac, instead_of });
                self.evidence.pinned.set_now(mac);
                self.evidence.conflict = None;
                self.timeline.mark(Mark::Returned, now);
                self.settle(KEY, "the named MAC is the peer's now");
                self.tell_outranked();
                self.advance(now);
            }
            Some(true) if !named => {
                self.stranger_refused(now, mac, "it hangs on the port that was opened");
            }
            Some(true | false) if named => {
                self.stranger_refused(
                    now,
                    mac,
                    "it does not hang alone on the port that was opened",
                );
            }
            Some(true | false) => s.elsewhere = true,
            None => {}
        }
    }

    fn stranger_refused(&mut self, now: BootTime, mac: MacAddr, place: &str) {
        let pinned = match &self.evidence.pinned {
            macs if macs.known() => macs.to_string(),
            _ => "whose address is not known".to_owned(),
        };
        let text = format!(
            "{mac} answers instead of the peer ({pinned}), and {place}; if that is the repaired machine: `standin release NAME --new-mac {mac}`"
        );
        self.retake(now, Step::Return, &text);
        self.tell(KEY, Level::Critical, text);
    }

    /// A release begins anew, or has ended well: what was said of the last one is no news any more.
    pub(super) fn forget_stranger(&mut self) {
        self.settle(
            KEY,
            "a release goes on with what a person decided, or has ended",
        );
    }
}
