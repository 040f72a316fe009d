//! Deadlines that do not belong to one state.

use serde::{Deserialize, Serialize};

use crate::types::BootTime;

/// When what is due, and what is awaited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timers {
    pub probe: BootTime,
    pub probes_sent: u64,
    pub service: BootTime,
    pub service_pending: bool,
    pub poll: BootTime,
    pub poll_pending: bool,
    /// When the port was last asked for.
    #[serde(default)]
    pub polled: BootTime,
    /// A hint came while it was being read: that answer may be older than what the hint is about.
    #[serde(default)]
    pub hinted: bool,
    /// Port takeover: when our own port is put back to the parking VLAN.
    #[serde(default)]
    pub park: Option<BootTime>,
    /// A person was told that it is not back.
    #[serde(default)]
    pub park_told: bool,
    /// When the VIP was last ours.
    #[serde(default)]
    pub owned: BootTime,
    /// When it is next looked whether both of a pair have fenced the other.
    #[serde(default)]
    pub tie: BootTime,
    /// That look is not answered yet.
    #[serde(default)]
    pub tie_pending: bool,
}
