//! What the core is told. Everything is a plain value, so that a journal can be played back.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::left::PortLeft;
use super::new_mac::NewMac;
use super::placement::{Place, Seen, Sight};
use super::site::Begun;
use super::state::{Grounds, Phase};
use super::step::Step;
use super::verdict::Verified;
use crate::types::{Attempt, BootTime, Epoch, MacAddr};

/// One observation, answer or order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The daemon has started and has looked at journal, kernel and switch.
    Start(Recovered),
    /// A deadline has passed. Extra ticks change nothing.
    Tick,
    /// An ARP frame with the VIP as sender, from another machine, on the VIP's own interface and VLAN.
    VipSeen {
        /// Sender hardware address of the frame.
        mac: MacAddr,
    },
    /// An ICMP echo reply from the VIP.
    Pong,
    /// The peer's service completed an RTMP handshake, or did not.
    Service {
        /// True if S0/S1/S2 arrived.
        ok: bool,
        /// What went wrong, in words; empty if `ok`.
        fault: String,
    },
    /// The peer's service was not asked, for a reason on our own side: nothing is known of the peer.
    ServiceNotAsked {
        /// Why, in words.
        why: String,
    },
    /// The peer's switch port was read.
    PeerPort {
        /// True if at least one listed port reads `ifOperStatus` up; false if every one reads down.
        up: bool,
    },
    /// The switch did not answer a read.
    SwitchSilent,
    /// A notification says that a link of the peer's switch port changed. It may be forged or late, and proves
    /// nothing: the port is read.
    PortHint,
    /// `sysUpTime` or `snmpEngineBoots` says that the switch was restarted.
    SwitchRebooted,
    /// An authenticated heartbeat of the peer.
    Beat(Beat),
    /// A witness answered our ARP request.
    Witness(Witness),
    /// What became of the questions that the last actions asked for.
    Asked(Asked),
    /// The peer's management address answered.
    ManagementAnswers,
    /// Carrier of our interface on the VIP's network.
    Carrier {
        /// True if there is carrier.
        up: bool,
    },
    /// Somebody else removed the VIP from our interface.
    AddressLost,
    /// The shut of the peer's port was sent and acknowledged: the silence window begins.
    FenceSet {
        /// The attempt of [`Step::Fence`] that sent it.
        attempt: Attempt,
    },
    /// The fence was read again.
    FenceRead(FenceRead),
    /// Answers [`super::action::Action::ReadTie`]: true if our fence of the peer stands, and our own port has the peer's
    /// mark.
    Tied(bool),
    /// The ports of a fence that was left in place were read, each.
    ReadBack(Vec<PortLeft>),
    /// Where a machine hangs that answers for the VIP which we own.
    Located {
        /// Its MAC address.
        mac: MacAddr,
        /// Switch, port and LLDP name; `None`: no switch knows it.
        place: Option<String>,
        /// True: on one of the ports of the peer's fence; false: on another; `None`: not known.
        #[serde(default)]
        on_fence: Option<bool>,
        /// Who else is learned on that port.
        #[serde(default)]
        others: Vec<MacAddr>,
    },
    /// The machine at this MAC address completed an RTMP handshake on the VIP, which we own too, or did not.
    PeerServes {
        /// Its MAC address.
        mac: MacAddr,
        /// True if S0 arrived.
        ok: bool,
        /// What went wrong, in words; empty if `ok`.
        fault: String,
    },
    /// A step's task has ended.
    StepEnded {
        /// Which step.
        step: Step,
        /// Which attempt of it; any other than the current one changes nothing.
        attempt: Attempt,
        /// How it ended.
        outcome: Outcome,
    },
    /// Verification: so many of the cameras are back.
    Cameras {
        /// Cameras in the inventory.
        expected: u32,
        /// Cameras whose media was seen.
        back: u32,
    },
    /// A person's order.
    Order(Order),
    /// Where the switches of the fence have the peer, as asked by `Action::LookForPeer`.
    PeerLookedFor {
        /// One for each level.
        sights: Vec<Sight>,
        /// Seconds since 1970.
        wall_s: u64,
    },
    /// Where the switches have the peer whose fence stands, as asked by `Action::LookPastFence`.
    LookedPastFence {
        /// What was seen: of all levels in place, the first that has it elsewhere.
        seen: Seen,
        /// How long the switch keeps an entry of its forwarding table, where it tells.
        ageing: Option<Duration>,
    },
    /// A person says that a level's ports are the peer's.
    FenceConfirmed {
        /// The level.
        level: String,
        /// Who says so.
        by: String,
        /// Seconds since 1970.
        wall_s: u64,
    },
}

/// How a step's task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done and proven; the text says by what.
    Done(String),
    /// Not done, or not provable; may be tried again.
    Failed(String),
    /// A guard refused; trying again would be refused again.
    Refused(String),
    /// The task was told to stop and has stopped.
    Cancelled,
}

/// What a heartbeat says (see `detect::heartbeat` for the frame).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Where it arrived: true on the VIP's own interface and VLAN.
    pub data_path: bool,
    /// Sender's node name.
    pub node: String,
    /// True if the sender has the VIP on its interface.
    pub holds: bool,
    /// The highest epoch the sender knows.
    pub epoch: Epoch,
    /// Carrier of the sender's interface on the VIP's network.
    pub carrier: bool,
    /// True if the sender's service completes handshakes.
    pub service_ok: bool,
    /// The sender asks us to give the VIP up for this epoch.
    pub wants_yield: Option<Epoch>,
    /// The sender has given the VIP up for this epoch, as we asked.
    pub yielded: Option<Epoch>,
    /// The sender hands the VIP to us: it has dropped it and asks us to claim it with this epoch.
    pub grants: Option<Epoch>,
    /// MAC address of the sender's interface on the VIP's network.
    pub mac: MacAddr,
    /// A person told the sender to hold, and that binds us too.
    #[serde(default)]
    pub hold: bool,
    /// The sender is the preferred node of the pair.
    #[serde(default)]
    pub preferred: bool,
    /// The port that the sender would fence is confirmed to be ours; `None`: it does not know, or does not say.
    #[serde(default)]
    pub confirmed: Option<bool>,
    /// From one heartbeat of the sender to its next; `None` from a sender of version 1, which says neither this nor
    /// `hold`.
    #[serde(default)]
    pub interval: Option<Duration>,
    /// How long the sender's fence may take to be proven.
    #[serde(default)]
    pub fence_timeout: Option<Duration>,
}

/// What of our questions left, and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The ARP request for the VIP; absent where none was wanted. A ping beside it is part of the same round.
    #[serde(default)]
    pub vip: Option<Sent>,
    /// The witnesses to which a question left, of those that answered lately.
    #[serde(default)]
    pub witnesses: Vec<Witness>,
}

/// What became of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// It left.
    Left,
    /// The budget of the interface had no room for it.
    Refused,
    /// Our own side could not send it: no carrier, no address of our own, an error of the socket.
    Failed,
}

/// Who answered as a witness that our side of the network works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// A camera of the inventory.
    Camera(Ipv4Addr),
    /// The gateway.
    Gateway,
    /// The switch's own address, where it is reached through the VIP's interface.
    Switch,
}

/// What the switch says of our fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceRead {
    /// Every listed port is admin down and tagged as ours (or known to be ours from the journal).
    Present,
    /// At least one listed port is not admin down.
    Absent,
    /// Every listed port is down, but nothing says that we did it.
    Foreign,
    /// The switch does not answer.
    Unknown,
}

/// An order from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Planned switchover to this machine.
    Takeover,
    /// Hand everything back.
    Release,
    /// Hand everything back to the repaired peer, which has this MAC address now.
    ReleaseTo(MacAddr),
    /// Operator hold: no automatic action.
    Hold(bool),
    /// The same for this node of a pair only; off: the other node's hold does not bind this one.
    HoldHere(bool),
}

/// What journal, kernel and switch say at the start of the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// The last phase in the journal.
    pub phase: Phase,
    /// The highest epoch known.
    pub epoch: Epoch,
    /// The grounds of the last `Run` of the claim, for an address that may still be here.
    pub grounds: Option<Grounds>,
    /// The verdict of the last takeover, where it had been reached.
    pub verdict: Option<Verified>,
    /// True if the last takeover was ordered by a person.
    pub planned: bool,
    /// True if the journal's last phase is of this boot of our machine.
    pub same_boot: bool,
    /// True if the VIP is on our interface and marked as ours.
    pub address_here: bool,
    /// What the switch says of the peer's ports.
    pub fence: FenceRead,
    /// The peer's MAC address, pinned while it was healthy.
    pub pinned: Option<MacAddr>,
    /// True if the peer was seen healthy since our machine's boot.
    pub healthy: bool,
    /// The daemon's first start since our machine's boot.
    pub boot_started: BootTime,
    /// Operator hold.
    pub hold: bool,
    /// It binds this node only.
    #[serde(default)]
    pub hold_here: bool,
    /// The other node of the pair had said that it was told to hold.
    #[serde(default)]
    pub peer_hold: bool,
    /// The peer's address that a person named at a release.
    #[serde(default)]
    pub new_mac: Option<NewMac>,
    /// We gave way to the peer twice, and no person has looked yet.
    #[serde(default)]
    pub flapping: bool,
    /// Carrier of our interface now.
    pub carrier: bool,
    /// What was known of the fence's ports.
    #[serde(default)]
    pub places: Vec<Place>,
    /// Steps of the site that were begun and not taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub site: Vec<Begun>,
}

impl Recovered {
    /// A first start on a machine that knows nothing yet.
    pub fn fresh(now: BootTime) -> Self {
        Recovered {
            phase: Phase::Standby,
            epoch: Epoch(0),
            grounds: None,
            verdict: None,
            planned: false,
            same_boot: true,
            address_here: false,
            fence: FenceRead::Unknown,
            pinned: None,
            healthy: false,
            boot_started: now,
            hold: false,
            hold_here: false,
            peer_hold: false,
            new_mac: None,
            flapping: false,
            carrier: true,
            places: Vec::new(),
            site: Vec::new(),
        }
    }
}
