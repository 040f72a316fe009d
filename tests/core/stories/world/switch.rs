//! The switch: how it answers, what it says of ports and fences, its cables and reboots.

use standin::takeover::event::{Event, FenceRead};

use standin::takeover::left::{PortLeft, PortState};
use standin::types::PortRef;

use super::{MS, What, World};

/// How the switch answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchMode {
    Ok,
    /// Answers nothing.
    Silent,
    /// Refuses every SET, answers reads.
    Refuses,
    /// Acknowledges a SET and does nothing.
    AcknowledgesAndIgnores,
    /// Does it, but the proof comes after the deadline, and a cancel does not hurry it.
    Late,
}

impl World {
    pub(super) fn port_up(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        h.cable && !h.fenced
    }

    pub(super) fn switch_answers(&self) -> bool {
        self.switch_up && self.switch != SwitchMode::Silent
    }

    pub(super) fn fence_of(&self, i: usize) -> FenceRead {
        match (self.switch_answers(), self.hosts[i].fenced) {
            (false, _) => FenceRead::Unknown,
            (true, true) => FenceRead::Present,
            (true, false) => FenceRead::Absent,
        }
    }

    pub(super) fn left_of(&self, i: usize) -> PortLeft {
        PortLeft {
            port: PortRef {
                switch: "sw".to_owned(),
                port: self.hosts[i].name.to_owned(),
            },
            state: match (self.switch_answers(), self.hosts[i].fenced) {
                (false, _) => PortState::Unknown,
                (true, true) => PortState::Shut,
                (true, false) => PortState::Open,
            },
        }
    }

    pub fn set_cable(&mut self, i: usize, plugged: bool) {
        let changed = std::mem::replace(&mut self.hosts[i].cable, plugged) != plugged;
        self.note_link(i);
        if self.traps && changed && self.switch_answers() {
            self.to(1 - i, MS, Event::PortHint);
        }
        self.carriers();
    }

    /// So many notifications reach host `i`, one each millisecond, and nothing happened.
    pub fn forged_traps(&mut self, i: usize, count: u32) {
        for n in 0..u64::from(count) {
            self.to(i, n * MS, Event::PortHint);
        }
    }

    /// The switch forgets its fences, and every port loses its carrier for `ms`.
    pub fn switch_reboots(&mut self, ms: u64) {
        self.switch_up = false;
        for h in &mut self.hosts {
            h.fenced = false;
        }
        self.carriers();
        self.after(ms * MS, What::SwitchUp);
    }

    pub fn shut(&mut self, i: usize) {
        self.hosts[i].fenced = true;
        self.carriers();
    }

    /// The cable is moved to a port that no fence names.
    pub fn plug_elsewhere(&mut self, i: usize) {
        self.hosts[i].elsewhere = true;
        self.carriers();
    }

    pub fn unfence(&mut self, i: usize) {
        self.hosts[i].fenced = false;
        self.carriers();
    }
}
