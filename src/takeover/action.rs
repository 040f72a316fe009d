//! What the core asks for. `daemon::perform` is the only place that turns these into calls.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::state::Grounds;
use super::step::Step;
use crate::types::{Attempt, Epoch, MacAddr, PeerMacs};

/// One thing to do now. None of them blocks the core; answers come back as events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Ask who has the VIP: an ARP request (RFC 826) from our own address on the interface; never from 0.0.0.0, which
    /// a machine that tests its address must take for a conflict (RFC 5227 section 2.1.1). `Event::Asked` says whether
    /// it left.
    ArpProbe {
        /// Unicast to this address; broadcast if absent.
        to: Option<MacAddr>,
    },
    /// Send an ICMP echo request to the VIP.
    Ping,
    /// Ping the peer's management address, off the data path, by whatever way the kernel has; an answer is
    /// `Event::ManagementAnswers`.
    AskManagement,
    /// Make one RTMP handshake with the VIP; answered by `Event::Service`. One at a time.
    ProbeService,
    /// Read the peer's switch port; answered by `PeerPort` or `SwitchSilent`. One at a time.
    PollPort,
    /// Look where the switches of the fence have the peer; answered by `PeerLookedFor`. One at a time.
    LookForPeer {
        /// Its MAC addresses.
        mac: PeerMacs,
        /// Where a switch tells no MAC addresses: by a burst of questions to it.
        #[serde(default)]
        by_traffic: bool,
    },
    /// Look whether the switches of the fence that stands have the peer on a port that is not fenced; answered by
    /// `LookedPastFence`. One at a time.
    LookPastFence {
        /// Its MAC addresses.
        mac: PeerMacs,
    },
    /// Ask a rotating sample of witnesses by unicast ARP from our own address; `Event::Asked` says which were asked.
    AskWitnesses,
    /// Start a step's task. Exactly one `StepEnded` answers it.
    Run(Run),
    /// Tell a step's task to stop; it still answers with `StepEnded`.
    Cancel {
        /// Which step.
        step: Step,
        /// Which attempt of it.
        attempt: Attempt,
    },
    /// Renew the address's `valid_lft`.
    Renew {
        /// The new lifetime.
        lifetime: Duration,
    },
    /// Put the address back in place and announce it again (somebody pruned it).
    Restore {
        /// `None`: for ever.
        lifetime: Option<Duration>,
    },
    /// Take the address off our interface at once and stop announcing it.
    DropAddress,
    /// Read the fence; answered by `FenceRead`.
    ReadFence,
    /// Read our fence of the peer and our own port; answered by `Tied`. One at a time.
    ReadTie,
    /// Read each port of the fence once, to say how it is; answered by `ReadBack`. Only while no task of the fence runs.
    ReadBack,
    /// Ask who has the VIP that we own: by broadcast, and by unicast to the peer, from our own address.
    AskVip {
        /// The peer's MAC address, where known.
        to: Option<MacAddr>,
    },
    /// Make one RTMP handshake with the machine at this MAC address on the VIP that we own; answered by `PeerServes`.
    AskServes {
        /// Its MAC address.
        mac: MacAddr,
    },
    /// Ask the switches where this machine hangs; answered by `Located`.
    Locate {
        /// Its MAC address.
        mac: MacAddr,
    },
    /// Answer a foreign claim of the VIP (RFC 5227 section 2.4, rate-limited by the core).
    Defend,
    /// Tell a person.
    Alert(Alert),
    /// The state changed; journaled with the snapshot of the machine.
    Changed {
        /// The state before, as `status` prints it.
        from: String,
        /// The state now.
        to: String,
        /// Why, in words for a person.
        why: String,
    },
}

/// The start of one attempt of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which step.
    pub step: Step,
    /// Which attempt of it.
    pub attempt: Attempt,
    /// The epoch it works for.
    pub epoch: Epoch,
    /// For [`Step::Claim`]: the grounds of the claim.
    pub grounds: Option<Grounds>,
    /// For [`Step::Claim`]: `valid_lft`; `None` is for ever.
    pub lifetime: Option<Duration>,
    /// The peer's pinned MAC addresses, where known.
    pub peer_mac: PeerMacs,
    /// How long the attempt may take.
    pub within: Duration,
    /// For [`Step::Fence`]: the levels that may be used; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// For [`Step::Fence`]: where the tables have the peer, and a person said that they are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_spite_of: Vec<String>,
}

/// A message for a person; the daemon sends it to the log, the journal and the alert sinks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// How urgent it is.
    pub level: Level,
    /// One sentence that a stranger understands.
    pub text: String,
    /// The alarm that it raises or ends; `None` for what happened once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// True if it says that the alarm is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolved: bool,
}

/// Log levels by consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Worth knowing tomorrow.
    Info,
    /// Somebody should look today.
    Warning,
    /// Worth waking somebody at 3 a.m.
    Critical,
}
