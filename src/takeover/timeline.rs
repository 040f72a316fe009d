//! When what happened, of one takeover or release.

use serde::{Deserialize, Serialize};

use crate::types::BootTime;

/// The marks in the order in which they were set. A mark that is set again keeps its first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    marks: Vec<(Mark, BootTime)>,
}

/// What can be marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Last sign of life of the peer on the data path.
    LastLife,
    /// Suspicion.
    Noticed,
    /// The burst confirmed it.
    Confirmed,
    /// The shut was sent and acknowledged.
    FenceSet,
    /// The fence is proven.
    FenceProven,
    /// The VIP was silent while witnesses answered.
    Silent,
    /// The VIP is on our interface.
    Claimed,
    /// Our own switch port is in the production VLAN.
    Rewired,
    /// Spanning tree forwards there, or the switch does not tell, or it was waited for long enough.
    Forwarding,
    /// The first announcement has left.
    Announced,
    /// The service completes handshakes; the gate is open.
    Open,
    /// Verification ended.
    Verified,
    /// A release was ordered.
    Ordered,
    /// The VIP is gone from here.
    Dropped,
    /// Our own switch port is back in the parking VLAN.
    Parked,
    /// The fence is lifted.
    Lifted,
    /// The peer answers for the VIP.
    Returned,
    /// The directed release sweep has left.
    HandedBack,
    /// The peer's service completed a handshake on the VIP.
    Proven,
}

impl Timeline {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.marks.clear();
    }

    /// Sets a mark, unless it is set.
    pub fn mark(&mut self, mark: Mark, at: BootTime) {
        if self.get(mark).is_none() {
            self.marks.push((mark, at));
        }
    }

    /// When a mark was set.
    pub fn get(&self, mark: Mark) -> Option<BootTime> {
        self.marks.iter().find(|(m, _)| *m == mark).map(|(_, t)| *t)
    }

    /// All marks in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (Mark, BootTime)> + '_ {
        self.marks.iter().copied()
    }
}
