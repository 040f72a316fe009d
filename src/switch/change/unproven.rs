//! What was seen of ports that were shut, and are not proven down.

use std::time::Duration;

use serde::Serialize;

use super::freshness::{Doubt, PeerSeen};
use super::send_ports::SetOutcome;
use crate::switch::model::port::{Admin, Oper};

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
