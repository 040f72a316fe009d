//! What a takeover that ended without ownership has left at the switch. A person is told of each port whether it is
//! shut, and how it is opened, for as long as that lasts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::action::{Action, Level};
use super::state::State;
use super::step::Step;
use super::verdict::Cause;
use crate::types::{BootTime, PortRef};

/// What was left is read again after this.
const READ_AGAIN: Duration = Duration::from_secs(10);
/// The alarm.
const KEY: &str = "left-shut";

/// One port of the peer's fence, as the switch has it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortLeft {
    /// Which.
    pub port: PortRef,
    /// How it is.
    pub state: PortState,
}

/// What keeps a peer away, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    /// Admin down (or in the quarantine VLAN).
    Shut,
    /// Neither.
    Open,
    /// The switch does not say.
    Unknown,
}

impl PortLeft {
    /// The command that opens it.
    pub fn command(&self) -> String {
        format!("standin unfence {}", self.port)
    }

    /// In words, with the command where there is something to open.
    pub fn words(&self) -> String {
        match self.state {
            PortState::Shut => format!("{} is shut (`{}` opens it)", self.port, self.command()),
            PortState::Open => format!("{} is open", self.port),
            PortState::Unknown => format!(
                "of {} nobody knows, the switch does not answer (`{}` opens it if it is shut)",
                self.port,
                self.command()
            ),
        }
    }
}

/// What was left, and when it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    ports: Vec<PortLeft>,
    /// It is to be read as soon as no task of the fence runs any more.
    wanted: bool,
    /// It is being read.
    pending: bool,
    next: Option<BootTime>,
}

impl Left {
    /// Every port of the fence as last read; empty where nothing is left shut.
    pub fn ports(&self) -> &[PortLeft] {
        &self.ports
    }

    /// True while the answer of the switch is awaited.
    pub fn awaited(&self) -> bool {
        self.wanted || self.pending
    }

    /// True if a port is known to be shut.
    pub fn shut(&self) -> bool {
        self.ports.iter().any(|p| p.state == PortState::Shut)
    }
}

impl Machine {
    /// What a takeover that ended without ownership has left at the switch.
    pub fn left(&self) -> &Left {
        &self.left
    }

    /// A takeover ends here without ownership: its ports are read back once its task has ended.
    pub(super) fn leave_behind(&mut self) {
        let touched = match &self.state {
            State::Taking(t) => {
                t.flow.tries(Step::Fence) > 0
                    || matches!(
                        t.cause,
                        Cause::Resumed | Cause::Suspended | Cause::ReleaseFailed
                    )
            }
            State::Releasing(_) => true,
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Active { .. }
            | State::Halted { .. } => true,
        };
        self.left.wanted |= touched && self.policy.fence;
    }

    /// The fence is somebody's again: what was left is no news any more.
    pub(super) fn nothing_left(&mut self, text: &str) {
        self.left.ports.clear();
        (self.left.wanted, self.left.next) = (false, None);
        self.settle(KEY, text);
    }

    /// When what was left is looked at again.
    pub(super) fn left_due(&self) -> Option<BootTime> {
        self.left.next.filter(|_| !self.left.awaited())
    }

    pub(super) fn left_timers(&mut self, now: BootTime) {
        if self.left.next.is_some_and(|at| at <= now) {
            self.left.next = None;
            self.left.wanted = true;
        }
        let fencing = |(s, _): &(Step, _)| matches!(s, Step::Fence | Step::Lift);
        if self.left.wanted && !self.left.pending && !self.owed.iter().any(fencing) {
            (self.left.wanted, self.left.pending) = (false, true);
            self.out.push(Action::ReadBack);
        }
    }

    pub(super) fn read_back(&mut self, now: BootTime, ports: Vec<PortLeft>) {
        self.left.pending = false;
        // A takeover or a release that has begun meanwhile says itself how the fence is.
        match self.state {
            State::Taking(_) | State::Active { .. } | State::Releasing(_) => return,
            State::Standby | State::Suspect(_) | State::Confirming(_) | State::Halted { .. } => {}
        }
        if ports.iter().all(|p| p.state == PortState::Open) {
            return self.nothing_left("nothing is left shut of the peer's ports");
        }
        let words: Vec<String> = ports.iter().map(PortLeft::words).collect();
        self.left.ports = ports;
        self.left.next = Some(now + READ_AGAIN);
        let then = if self.held() {
            "; `standin hold NAME off` goes on at the fence"
        } else {
            ""
        };
        self.tell(
            KEY,
            Level::Critical,
            format!(
                "a takeover that ended without ownership has left the peer's ports as they are: {}{then}",
                words.join(", ")
            ),
        );
    }
}
