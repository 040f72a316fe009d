//! Verdicts: on the peer before a takeover, on the cameras after it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the evidence says of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It answers on the VIP's own interface and VLAN.
    Alive,
    /// It answers nowhere, and our side of the network works.
    Dead,
    /// Its kernel answers, its service does not.
    ServiceDead,
    /// It answers on a management path only.
    AliveElsewhere,
    /// Our own side of the network does not work: silence proves nothing.
    Isolated,
    /// Our own process was late: silence proves nothing.
    Stalled,
    /// Another machine answers for the VIP.
    Conflict,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Alive => "alive",
            Verdict::Dead => "dead",
            Verdict::ServiceDead => "answers, does not serve (machine up, service dead)",
            Verdict::AliveElsewhere => "alive elsewhere, data path dead",
            Verdict::Isolated => "isolated (we are)",
            Verdict::Stalled => "stalled (we were)",
            Verdict::Conflict => "conflict (another MAC answers for the VIP)",
        })
    }
}

/// Why a takeover is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The peer is dead.
    Dead,
    /// Its service is dead and the policy says takeover.
    ServiceDead,
    /// It answers elsewhere only.
    AliveElsewhere,
    /// A person ordered it.
    Planned,
    /// Nobody has the VIP and this node is preferred.
    Vacant,
    /// The peer handed the VIP over.
    Granted,
    /// A release did not end well.
    ReleaseFailed,
    /// The fence was lost or has to be read again before any frame with the VIP.
    Resumed,
    /// We owned the VIP and our carrier went: the fence is set again, also against a peer that serves meanwhile.
    Suspended,
}

/// How a takeover ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// Every camera is back.
    Verified,
    /// Some are missing, or the fence is not proven.
    Degraded,
    /// None is back.
    Failed,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verified::Verified => "verified",
            Verified::Degraded => "degraded",
            Verified::Failed => "failed",
        })
    }
}
