//! What comes of a fence: a proof, or what was seen instead.

use std::time::Duration;

use serde::Serialize;

use super::send::SetOutcome;
use crate::switch::change::freshness::{Doubt, Freshness, PeerSeen};
use crate::switch::change::guard::Guard;
use crate::switch::model::port::{Admin, Oper};
use crate::switch::model::tag::FenceTag;
use crate::switch::read::error::SwitchError;
use crate::switch::render::RenderError;
use crate::types::IfIndex;

/// What happens during a fence. Nobody has to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FenceProgress {
    /// All guards passed; the SET leaves now.
    Sending,
    /// The last SET's fate is known (answered or given up): what is silent from now on may be silent because of it.
    Sent {
        /// True if every port's SET was answered without an error.
        acknowledged: bool,
    },
    /// The tag of one port was written and read back, or not.
    Tagged {
        /// ifName.
        port: String,
        /// True if it reads back.
        tagged: bool,
        /// Why not.
        why: Option<String>,
    },
}

/// A proven fence: all its ports are down, and known to be down since the SET.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FenceProof {
    /// Name of the switch.
    pub switch: String,
    /// Each port.
    pub ports: Vec<PortProof>,
    /// What the forwarding table said about the peer.
    pub peer: PeerSeen,
    /// From the call to the moment before the SET.
    pub resolved_after: Duration,
    /// From the call to the last SET's answer.
    pub set_after: Duration,
    /// From the call to the proof.
    pub proven_after: Duration,
    /// How many read-backs it took.
    pub reads: u32,
}

/// How one port's fence is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortProof {
    /// ifName.
    pub port: String,
    /// ifIndex.
    pub if_index: IfIndex,
    /// ifAdminStatus and ifOperStatus before.
    pub before: (Admin, Oper),
    /// ifAdminStatus and ifOperStatus as read back.
    pub after: (Admin, Oper),
    /// How it is known that this is newer than the SET.
    pub fresh: Freshness,
    /// What became of the SET itself.
    pub set: SetOutcome,
    /// True if the port had this machine's tag already, from an earlier try.
    pub already_ours: bool,
    /// The tag that it had before, whoever's.
    pub previous_tag: Option<FenceTag>,
    /// Whether our tag reads back; `None`: not known yet, [`FenceProgress::Tagged`] tells.
    pub tagged: Option<bool>,
}

/// What was seen of a port whose fence is not proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortSeen {
    /// ifName.
    pub port: String,
    /// True if this port alone is proven down.
    pub proven: bool,
    /// The last ifAdminStatus and ifOperStatus that were read after the SET.
    pub last: Option<(Admin, Oper)>,
    /// Why it proves nothing; `None` if it does.
    pub doubt: Option<Doubt>,
    /// What became of the SET.
    pub set: SetOutcome,
}

/// A fence that is not proven: some ports may be shut, and stay so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unproven {
    /// Name of the switch.
    pub switch: String,
    /// Each port.
    pub ports: Vec<PortSeen>,
    /// What the forwarding table said about the peer.
    pub peer: PeerSeen,
    /// Behind which port that is not fenced its MAC address is, in words.
    pub peer_at: Option<String>,
    /// How long it was tried.
    pub after: Duration,
    /// How many read-backs were answered.
    pub reads: u32,
    /// The last request that failed.
    pub last_error: Option<String>,
}

impl std::fmt::Display for Unproven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the fence on switch {} is not proven after {:?} and {} read-backs",
            self.switch, self.after, self.reads
        )?;
        let at = self.peer_at.as_deref().unwrap_or("another port");
        match &self.peer {
            PeerSeen::MovedElsewhere { .. } => write!(
                f,
                "; the peer's MAC address was learned behind {at} after the SET: it is still on the network"
            )?,
            PeerSeen::ElsewhereAsBefore { .. } => write!(
                f,
                "; the peer's MAC address is learned behind {at}, which is not fenced, and was before the SET: it may hang there and come back. Nothing is proven until that entry has aged out; if the machine is there, the fence names the wrong port; if it is not, clear the entry at the switch"
            )?,
            PeerSeen::NotAsked | PeerSeen::Absent | PeerSeen::OnFencedPort => {}
        }
        for p in &self.ports {
            write!(f, "; port {}: ", p.port)?;
            match &p.set {
                SetOutcome::Acknowledged => write!(f, "the SET was acknowledged")?,
                SetOutcome::Unanswered { why } | SetOutcome::Refused { why } => write!(f, "{why}")?,
            }
            match &p.doubt {
                None => write!(f, ", and it is down")?,
                Some(doubt) => write!(f, ", but {doubt}")?,
            }
        }
        if let Some(e) = &self.last_error {
            write!(f, "; last failure: {e}")?;
        }
        write!(
            f,
            ". What was shut stays shut; look at the ports, shut them by hand (`standin plan` prints the commands) or pull the peer's cables"
        )
    }
}

/// Why there is no proven fence.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FenceError {
    /// A guard refused; nothing was written.
    #[error("switch {switch}, port {port} is not fenced and nothing was written: {guard}")]
    Guarded {
        /// Name of the switch.
        switch: String,
        /// ifName.
        port: String,
        /// Which guard.
        guard: Guard,
    },
    /// The ports could not be read; nothing was written.
    #[error("nothing was written: {0}")]
    Unreadable(#[from] SwitchError),
    /// The ports could not be read in time; nothing was written.
    #[error(
        "switch {switch}: its ports could not be read within {within:?}, so nothing was written"
    )]
    TooLate {
        /// Name of the switch.
        switch: String,
        /// The time that was given.
        within: Duration,
    },
    /// The profile cannot shut a port; nothing was written.
    #[error("nothing was written: {0}")]
    Profile(#[from] RenderError),
    /// Written, or perhaps written, but not proven.
    #[error("{0}")]
    Unproven(Box<Unproven>),
}
