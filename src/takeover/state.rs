//! The states of one peer's takeover, and what is kept in them.
//!
//! ```text
//!            silence                 burst + witnesses                     media of all / deadline
//!  standby ---------> suspect ---> confirming ---> taking <step> ------------> active
//!     ^  ^              |  ^           |                |                        |  order
//!     |  +--- life -----+  +-----------+ life,          | claim undone           v
//!     |                      isolated, conflict         v                  releasing <step>
//!     +------------------------------------------- halted                        |
//!     +---------------------------- proven at the peer --------------------------+
//! ```
//!
//! `held` is standby or suspect with the operator's hold on.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::flow::Flow;
use super::new_mac::Stranger;
use super::step::Step;
use super::verdict::{Cause, Verified};
use crate::types::{BootTime, Epoch, MacAddr};

/// Where the takeover of one VIP is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Watching; the peer is alive, or nothing has been seen yet.
    Standby,
    /// Evidence is missing, but nothing may be done for now.
    Suspect(Suspect),
    /// The burst of fast probes.
    Confirming(Confirming),
    /// Taking the VIP over.
    Taking(Taking),
    /// We own the VIP.
    Active {
        /// What verification said.
        verdict: Verified,
    },
    /// Handing it back.
    Releasing(Releasing),
    /// Stopped; a person is needed.
    Halted {
        /// Why.
        why: String,
    },
}

/// Why a suspicion leads to nothing for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// The reason.
    pub why: Why,
    /// What started it.
    pub cause: Cause,
    /// When it is looked at again.
    pub recheck: BootTime,
}

/// The reasons for which a suspicion leads to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The peer was never seen healthy since boot, and the start-up grace has not passed.
    Grace,
    /// `takeover = "manual"`.
    Manual,
    /// The operator's hold.
    OperatorHold,
    /// No carrier on our interface.
    NoCarrier,
    /// Too few witnesses answer.
    Isolated,
    /// So much is lost on the link that the silence proves nothing yet.
    Lossy,
    /// Our own questions do not leave.
    Unasked,
    /// Another machine answers for the VIP.
    Conflict,
    /// The policy for this verdict says alert.
    AlertOnly,
    /// We gave way to the peer twice within ten minutes.
    Flapping,
    /// The peer is alive and says that it does not hold the VIP.
    Vacated,
    /// The fence's ports are not the peer's.
    Misplaced,
    /// Nothing has confirmed that the fence's ports are the peer's.
    Unplaced,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Grace => "the peer was not seen healthy since this machine or the switch was restarted, and the start-up grace has not passed",
            Why::Manual => "takeover = \"manual\": `standin takeover` orders it",
            Why::OperatorHold => "the operator's hold is on",
            Why::NoCarrier => "our own interface has no carrier",
            Why::Isolated => "isolated: too few witnesses answer us, so silence proves nothing",
            Why::Lossy => "so much is lost on the link that a living peer might be this silent: it is counted on",
            Why::Unasked => "our own questions do not leave this machine, so silence proves nothing",
            Why::Conflict => "conflict: another machine answers for the VIP",
            Why::Flapping => "flapping: the VIP was given up twice within 10 minutes to a peer that could not be fenced; `standin takeover` orders it",
            Why::AlertOnly => "it is alive elsewhere (heartbeats, or its management address), and the policy for this verdict is alert",
            Why::Misplaced => "the fence is not on the peer: its port is contradicted",
            Why::Unplaced => "nothing has confirmed that the fence's port is the peer's",
            Why::Vacated => "the peer is alive and does not hold the VIP: it is the preferred node's to claim, or `standin takeover` orders it",
        })
    }
}

/// The burst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirming {
    /// What started it.
    pub cause: Cause,
    /// When it began.
    pub since: BootTime,
    /// Probes sent.
    pub sent: u32,
    /// When the next probe, or the end, is due.
    pub next: BootTime,
}

/// A takeover under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taking {
    /// Why.
    pub cause: Cause,
    /// The steps.
    pub flow: Flow,
    /// The silence check, once its window has begun.
    pub silence: Option<Silence>,
    /// When [`Step::Yield`] is given up.
    pub yield_until: Option<BootTime>,
    /// While we own the address and its fence is lost: when it is given up.
    pub refence_until: Option<BootTime>,
    /// A person was told that the fence is not proven.
    pub told_unproven: bool,
    /// A person was told that the VIP is not silent, or that no witnesses answer.
    pub told_waiting: bool,
    /// A hold that is on does not end it: it was ordered after, or takes back what a release under hold gave away.
    #[serde(default)]
    pub permitted: bool,
    /// The switch was told by the running attempt at the fence.
    #[serde(default)]
    pub fence_told: bool,
    /// The peer was heard since.
    #[serde(default)]
    pub answered: bool,
    /// A handshake with the peer has failed since the last attempt at the fence.
    #[serde(default)]
    pub refused_since: bool,
    /// When the order that began it expires.
    #[serde(default)]
    pub order_until: Option<BootTime>,
    /// A person was told that our own port is not moved.
    #[serde(default)]
    pub told_unmoved: bool,
    /// In a pair: when the peer may be fenced at the earliest.
    #[serde(default)]
    pub fence_after: Option<BootTime>,
    /// What verification said, while another step is still under way.
    pub verdict: Option<Verified>,
    /// When it began.
    pub since: BootTime,
}

/// "The VIP is answered by nobody": at least three unanswered probes while witnesses answer in the same window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// When it was first looked for.
    pub opened: BootTime,
    /// When the window began.
    pub since: BootTime,
    /// Probes sent in it.
    pub sent: u32,
    /// Probes sent since it was first looked for.
    pub asked: u32,
    /// When the next probe, or the end, is due.
    pub next: BootTime,
}

/// A release under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Releasing {
    /// The steps.
    pub flow: Flow,
    /// When everything is taken back.
    pub deadline: BootTime,
    /// When the next probe of the returning peer is due.
    pub next_probe: BootTime,
    /// When the address was given up (before that: when the release began).
    pub since: BootTime,
    /// What verification had said, for a release that stops before anything was given away.
    pub verdict: Verified,
    /// A hold was given since the release was ordered: nothing is taken back by itself.
    #[serde(default)]
    pub held_since: bool,
    /// The peer's MAC address as a person named it.
    #[serde(default)]
    pub new_mac: Option<MacAddr>,
    /// Somebody else who answers while the peer is waited for.
    #[serde(default)]
    pub stranger: Option<Stranger>,
}

/// On what grounds the VIP is owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grounds {
    /// The peer is fenced, with proof.
    Fenced,
    /// The peer gave it up, authenticated, and the VIP was silent.
    Yielded,
    /// Nobody had it, and this node is preferred.
    Vacant,
    /// `claim-anyway`: the fence is not proven.
    Unfenced,
}

/// We have the VIP on our interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// On what grounds.
    pub grounds: Grounds,
    /// With which epoch.
    pub epoch: Epoch,
    /// Since when.
    pub since: BootTime,
    /// When `valid_lft` is renewed; `None` if it is for ever.
    pub renew: Option<BootTime>,
    /// When the fence is read again.
    pub fence_check: Option<BootTime>,
    /// When a foreign claim may be answered again (RFC 5227 DEFEND_INTERVAL).
    pub defend_after: BootTime,
}

/// The state without its details, as the journal keeps it for recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Standby, suspect or confirming.
    Standby,
    /// Taking over.
    Taking,
    /// Owning the VIP.
    Active,
    /// Handing back.
    Releasing,
    /// Stopped.
    Halted,
}

impl State {
    /// The phase the journal keeps.
    pub fn phase(&self) -> Phase {
        match self {
            State::Standby | State::Suspect(_) | State::Confirming(_) => Phase::Standby,
            State::Taking(_) => Phase::Taking,
            State::Active { .. } => Phase::Active,
            State::Releasing(_) => Phase::Releasing,
            State::Halted { .. } => Phase::Halted,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Standby => f.write_str("standby"),
            State::Suspect(_) => f.write_str("suspect"),
            State::Confirming(_) => f.write_str("confirming"),
            State::Taking(t) => write!(f, "taking {}", t.flow.current().unwrap_or(Step::Verify)),
            State::Active { .. } => f.write_str("active"),
            State::Releasing(r) => {
                write!(f, "releasing {}", r.flow.current().unwrap_or(Step::Prove))
            }
            State::Halted { .. } => f.write_str("halted"),
        }
    }
}
