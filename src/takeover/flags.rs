//! What our heartbeats say beside what the adapters know.

use super::Machine;
use crate::types::Epoch;

/// What our heartbeats say beside what the adapters know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// We have the VIP.
    pub holds: bool,
    /// The highest epoch known.
    pub epoch: Epoch,
    /// We ask the peer to give the VIP up for this epoch.
    pub wants_yield: Option<Epoch>,
    /// We gave the VIP up for this epoch.
    pub yielded: Option<Epoch>,
    /// The peer is to claim the VIP with this epoch.
    pub grants: Option<Epoch>,
    /// A person said here that nothing is to happen by itself, on either node.
    pub hold: bool,
}

impl Machine {
    /// What our heartbeats say.
    pub fn flags(&self) -> Flags {
        Flags {
            holds: self.own.is_some(),
            epoch: self.own.as_ref().map_or(self.epoch, |o| o.epoch),
            wants_yield: self.wants_yield,
            yielded: self.yielded,
            grants: self.grants,
            hold: self.hold && !self.bound.here_only,
        }
    }
}
