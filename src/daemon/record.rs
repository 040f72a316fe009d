//! What the journal keeps of a peer, and what it says after a restart.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::auto;
use super::journal::Record;
use super::standing::Standing;
use crate::takeover::Machine;
use crate::takeover::event::{FenceRead, Recovered};
use crate::takeover::new_mac::NewMac;
use crate::takeover::state::{Grounds, Phase, State};
use crate::takeover::verdict::Verified;
use crate::types::{BootTime, Epoch, MacAddr, PortRef, Vip, VlanId};

/// Kind of the journal record that holds a [`Kept`].
pub const STATE: &str = "state";

/// The durable part of a peer's state: everything recovery needs, in one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Where the takeover was.
    pub phase: Phase,
    /// The state as `status` prints it.
    pub label: String,
    /// The highest epoch known.
    pub epoch: Epoch,
    /// On what grounds the address is owned, or was last about to be claimed.
    pub grounds: Option<Grounds>,
    /// What verification had said.
    pub verdict: Option<Verified>,
    /// Ordered by a person.
    pub planned: bool,
    /// The peer's MAC address.
    pub pinned: Option<MacAddr>,
    /// The peer was seen healthy since our boot.
    pub healthy: bool,
    /// Our first start since boot.
    pub boot_started: BootTime,
    /// Operator hold.
    pub hold: bool,
    /// It binds this node only.
    #[serde(default)]
    pub hold_here: bool,
    /// The other node's hold binds this one.
    #[serde(default)]
    pub peer_hold: bool,
    /// The peer's address that a person named at a release; it outranks the configuration until that is edited.
    #[serde(default)]
    pub new_mac: Option<NewMac>,
    /// We gave way to the peer twice, and no person has looked yet.
    #[serde(default)]
    pub flapping: bool,
    /// The ports the fence writes: recovery never fences another.
    pub fence: Vec<PortRef>,
    /// The VIP that this is about, which may have been edited since.
    #[serde(default)]
    pub vip: Option<Vip>,
    /// The interface that has it, as configured then.
    #[serde(default)]
    pub interface: Option<String>,
    /// Those of them that it moves, with the VLAN to which they go back.
    #[serde(default)]
    pub quarantined: Vec<Quarantined>,
    /// Those of them that were found rather than named, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<auto::Kept>,
    /// The same with its levels, and which of them are, or may be, in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// A port that a fence moves, and between which VLANs. It is moved only out of `production`, so that is where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The port.
    pub port: PortRef,
    /// Where it was.
    pub production: VlanId,
    /// Where the fence keeps it.
    pub quarantine: VlanId,
}

/// The last state record of a peer, and whether it is of this boot.
pub fn last(records: &[Record], peer: &str, boot_id: &str) -> Option<(Kept, bool)> {
    let last = records
        .iter()
        .rev()
        .find(|r| r.kind == STATE && r.peer == peer)?;
    let kept = serde_json::from_value::<Kept>(last.data.clone()).ok()?;
    Some((kept, last.boot_id == boot_id))
}

/// The peers of which there are state records.
pub fn peers(records: &[Record]) -> BTreeSet<String> {
    let states = records.iter().filter(|r| r.kind == STATE);
    states.map(|r| r.peer.clone()).collect()
}

impl Kept {
    /// What was edited of this peer while a takeover was in place, in words.
    pub fn edited(&self, vip: Vip, interface: &str) -> Option<String> {
        if matches!(self.phase, Phase::Standby) {
            return None;
        }
        let mut edited = Vec::new();
        if let Some(was) = self.vip.filter(|v| *v != vip) {
            edited.push(format!("vip was {was} and is {vip} now"));
        }
        if let Some(was) = self.interface.as_deref().filter(|i| *i != interface) {
            edited.push(format!("interface was {was} and is {interface} now"));
        }
        (!edited.is_empty()).then(|| {
            format!(
                "the configuration was edited while a takeover was in place: {}; what the old one had set is taken away",
                edited.join(", ")
            )
        })
    }

    /// What is to be kept of `machine` now.
    pub fn of(
        machine: &Machine,
        (fence, found): (&[PortRef], &[auto::Kept]),
        claimed: Option<Grounds>,
    ) -> Kept {
        let verdict = match machine.state() {
            State::Active { verdict } => Some(*verdict),
            State::Releasing(r) => Some(r.verdict),
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Taking(_)
            | State::Halted { .. } => None,
        };
        Kept {
            phase: machine.state().phase(),
            label: machine.label(),
            epoch: machine.epoch(),
            grounds: machine.ownership().map(|o| o.grounds).or(claimed),
            verdict,
            planned: machine.planned(),
            pinned: machine.evidence().pinned,
            healthy: machine.evidence().healthy,
            boot_started: machine.evidence().grace_from,
            hold: machine.hold(),
            hold_here: machine.hold() && !machine.flags().hold,
            peer_hold: machine.held_by_peer(),
            new_mac: machine.new_mac(),
            flapping: machine.looks().flapping(),
            fence: fence.to_vec(),
            vip: Some(machine.policy().vip),
            interface: None,
            quarantined: Vec::new(),
            found: found.to_vec(),
            standing: None,
        }
    }
}

/// What kernel and switch say at the start.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The VIP is on our interface, marked as ours.
    pub address_here: bool,
    /// Carrier of our interface.
    pub carrier: bool,
    /// The peer's ports.
    pub fence: FenceRead,
}

/// Puts journal, kernel and switch together.
///
/// `kept` is the last state record and whether it is of this boot.
pub fn recovered(kept: Option<(Kept, bool)>, seen: Seen, now: BootTime) -> Recovered {
    let fresh = Recovered {
        address_here: seen.address_here,
        carrier: seen.carrier,
        fence: seen.fence,
        ..Recovered::fresh(now)
    };
    let Some((kept, same_boot)) = kept else {
        return fresh;
    };
    // Ports that are down without our tag are ours if the journal knows that we were about to shut them: the tag is
    // written after the shut, and a crash may fall between the two.
    let ours = !matches!(kept.phase, Phase::Standby | Phase::Halted);
    let fence = match seen.fence {
        FenceRead::Foreign if ours => FenceRead::Present,
        f => f,
    };
    Recovered {
        phase: kept.phase,
        epoch: kept.epoch,
        grounds: kept.grounds,
        verdict: kept.verdict,
        planned: kept.planned,
        same_boot,
        fence,
        pinned: kept.pinned,
        healthy: kept.healthy && same_boot,
        boot_started: if same_boot { kept.boot_started } else { now },
        hold: kept.hold,
        hold_here: kept.hold_here,
        peer_hold: kept.peer_hold,
        new_mac: kept.new_mac,
        flapping: kept.flapping,
        ..fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(phase: Phase) -> Kept {
        Kept {
            phase,
            label: String::new(),
            epoch: Epoch(4),
            grounds: Some(Grounds::Fenced),
            verdict: None,
            planned: false,
            pinned: None,
            healthy: true,
            boot_started: BootTime(5),
            hold: false,
            hold_here: false,
            peer_hold: false,
            new_mac: None,
            flapping: false,
            fence: Vec::new(),
            vip: None,
            interface: None,
            quarantined: Vec::new(),
            found: Vec::new(),
            standing: None,
        }
    }

    fn seen(fence: FenceRead) -> Seen {
        Seen {
            address_here: false,
            carrier: true,
            fence,
        }
    }

    #[test]
    fn a_shut_port_without_a_tag_is_ours_only_if_the_journal_says_so() {
        for (phase, expected) in [
            (Phase::Taking, FenceRead::Present),
            (Phase::Active, FenceRead::Present),
            (Phase::Releasing, FenceRead::Present),
            (Phase::Standby, FenceRead::Foreign),
            (Phase::Halted, FenceRead::Foreign),
        ] {
            let r = recovered(
                Some((kept(phase), true)),
                seen(FenceRead::Foreign),
                BootTime(9),
            );
            assert_eq!(r.fence, expected, "{phase:?}");
        }
    }

    #[test]
    fn health_seen_before_a_reboot_does_not_count_after_it() {
        let r = recovered(
            Some((kept(Phase::Standby), false)),
            seen(FenceRead::Absent),
            BootTime(9),
        );
        assert!(!r.healthy);
        assert_eq!(r.boot_started, BootTime(9));
        let r = recovered(
            Some((kept(Phase::Standby), true)),
            seen(FenceRead::Absent),
            BootTime(9),
        );
        assert!(r.healthy);
        assert_eq!(r.boot_started, BootTime(5));
    }
}
