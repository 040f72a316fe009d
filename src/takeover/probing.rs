//! What is asked of the network while we watch: the VIP, the peer's service, its switch port.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Level};
use super::event::Event;
use super::policy::Unproven;
use super::state::State;
use super::step::Step;
use crate::types::{BootTime, MacAddr};

/// Every so many probes one is broadcast, so that a third machine that answers for the VIP is seen too.
pub(super) const BROADCAST_EVERY: u64 = 10;
/// However many hints come, the port is read at most this often because of them: anybody can send one.
const HINT_GAP: Duration = Duration::from_millis(50);
/// Never: an answer is owed, and the adapter has its own deadline.
const NEVER: BootTime = BootTime(u64::MAX);

impl Machine {
    /// True while the VIP is probed and the peer watched.
    fn watching(&self) -> bool {
        matches!(self.state, State::Standby | State::Suspect(_)) && self.own.is_none()
    }

    /// `claim-anyway` rests on the peer's port being down: that must not be old news.
    fn port_matters(&self) -> bool {
        let State::Taking(t) = &self.state else {
            return self.watching();
        };
        self.own.is_none()
            && !t.flow.get(Step::Fence).settled()
            && matches!(self.policy.unproven, Unproven::ClaimAnyway(_))
    }

    pub(super) fn service_due(&self) -> BootTime {
        if self.timers.service_pending {
            NEVER
        } else {
            self.timers.service
        }
    }

    pub(super) fn poll_due(&self) -> BootTime {
        if self.timers.poll_pending || !self.policy.fence || !self.port_matters() {
            NEVER
        } else {
            self.timers.poll
        }
    }

    /// Something says that the peer's port changed: it is read now, not at the next poll.
    pub(super) fn port_hinted(&mut self, now: BootTime) {
        if self.timers.poll_pending {
            self.timers.hinted = true;
        } else {
            self.poll_early(now);
        }
    }

    /// The read of the port was answered, by whatever.
    pub(super) fn poll_answered(&mut self, now: BootTime) {
        self.timers.poll_pending = false;
        if std::mem::take(&mut self.timers.hinted) {
            self.poll_early(now);
        }
    }

    fn poll_early(&mut self, now: BootTime) {
        let soonest = now.max(self.timers.polled + HINT_GAP);
        self.timers.poll = self.timers.poll.min(soonest);
    }

    /// From one probe to the next. On a lossy link a suspicion needs more rounds: a silence that is long enough for one
    /// is looked at more closely.
    fn probe_gap(&self, now: BootTime) -> Duration {
        let detect = &self.policy.detect;
        let silent = now >= self.evidence.life() + detect.suspect_after;
        if silent && matches!(self.state, State::Standby) && self.evidence.rounds.doubtful() {
            detect.confirm_interval.min(detect.probe_interval)
        } else {
            detect.probe_interval
        }
    }

    /// Where the next question for the VIP goes; `None`: to everybody. A peer with several addresses that is late may
    /// answer at another one now.
    fn asked_at(&self, now: BootTime) -> Option<MacAddr> {
        let late = now.since(self.evidence.life()) > self.policy.detect.probe_interval * 2;
        let macs = &self.evidence.pinned;
        macs.now().filter(|_| !(late && macs.several()))
    }

    /// Probes that are due.
    pub(super) fn watch(&mut self, now: BootTime) {
        if self.poll_due() <= now {
            self.timers.poll_pending = true;
            self.timers.polled = now;
            self.timers.poll = now + self.policy.detect.switch_poll;
            self.out.push(Action::PollPort);
        }
        if !self.watching() {
            if self.service_matters() && self.service_due() <= now {
                self.ask_service(now);
            }
            return;
        }
        if self.timers.probe <= now {
            let broadcast = self.timers.probes_sent.is_multiple_of(BROADCAST_EVERY);
            let to = if broadcast { None } else { self.asked_at(now) };
            self.timers.probes_sent += 1;
            self.timers.probe = now + self.probe_gap(now);
            self.out.push(Action::ArpProbe { to });
            self.out.push(Action::Ping);
            self.look_at_loss(now);
        }
        if self.service_due() <= now {
            self.ask_service(now);
        }
    }

    fn ask_service(&mut self, now: BootTime) {
        self.timers.service_pending = true;
        self.timers.service = now + self.policy.detect.service_interval;
        self.out.push(Action::ProbeService);
    }

    /// A deadline that is noticed late because our own process stalled is no evidence.
    pub(super) fn look_for_stall(&mut self, now: BootTime, event: &Event) {
        if matches!(event, Event::Start(_)) {
            return;
        }
        let late = self
            .next_deadline()
            .map_or_else(Default::default, |d| now.since(d));
        if late <= self.policy.detect.stall {
            return;
        }
        match &mut self.state {
            State::Standby | State::Suspect(_) => self.evidence.interrupt(now),
            State::Confirming(c) => {
                c.sent = 0;
                c.since = now;
                c.next = now;
                self.evidence.interrupt(now);
            }
            State::Taking(t) => {
                if let Some(s) = &mut t.silence {
                    s.sent = 0;
                    s.since = now;
                    s.next = now;
                }
                return;
            }
            State::Active { .. } | State::Releasing(_) | State::Halted { .. } => return,
        }
        self.alert(
            Level::Info,
            format!("our own process was {} ms late: silence in that time proves nothing, looking again", late.as_millis()),
        );
    }
}
