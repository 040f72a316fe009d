//! What the journal keeps of a peer, and what it says after a restart.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::auto;
use super::journal::{LOST, Record};
use super::standing::Standing;
use crate::takeover::Machine;
use crate::takeover::event::{FenceRead, Recovered};
use crate::takeover::new_mac::NewMac;
use crate::takeover::placement::Place;
use crate::takeover::site::Begun;
use crate::takeover::state::{Grounds, Phase, State};
use crate::takeover::verdict::Verified;
use crate::types::{BootTime, Epoch, MacAddr, PortRef, Vip, VlanId};

/// Kind of the journal record that holds a [`Kept`].
pub const STATE: &str = "state";

/// The durable part of a peer's state: everything recovery needs, in one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Whether its ports were confirmed to be the peer's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// Steps of the site that were begun and not taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub site: Vec<Begun>,
    /// The fence with its levels, and which of them are, or may be, in place.
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
    let mut states = records.iter().rev();
    states.find_map(|r| {
        let (kept, unread) = Kept::read(&r.data).filter(|_| r.kind == STATE && r.peer == peer)?;
        if !unread.is_empty() {
            tracing::error!(%peer, "record {} of the journal is of another version of standin: {} is not understood, and is taken for what is safe", r.seq, unread.join(", "));
        }
        Some((kept, r.boot_id == boot_id))
    })
}

impl Default for Kept {
    /// What is taken where a record does not say, or not in words of this version: that something may be in place.
    fn default() -> Kept {
        Kept {
            phase: Phase::Active,
            label: "not known".to_owned(),
            epoch: Epoch(0),
            grounds: None,
            verdict: None,
            planned: false,
            pinned: None,
            healthy: false,
            boot_started: BootTime(0),
            hold: false,
            hold_here: false,
            peer_hold: false,
            fence: Vec::new(),
            quarantined: Vec::new(),
            found: Vec::new(),
            vip: None,
            interface: None,
            flapping: false,
            new_mac: None,
            site: Vec::new(),
            standing: None,
            places: Vec::new(),
        }
    }
}

impl Kept {
    /// Reads a record of any version: what is missing or not understood is as in [`Kept::default`], and the keys that were
    /// not understood are named. A hold that is not understood is one. `None` if it is no record at all.
    pub fn read(data: &Value) -> Option<(Kept, Vec<String>)> {
        if let Ok(kept) = Kept::deserialize(data) {
            return Some((kept, Vec::new()));
        }
        let mut read = serde_json::to_value(Kept::default()).ok()?;
        let mut unread = Vec::new();
        for (key, value) in data.as_object()? {
            let mut with = read.clone();
            with[key] = value.clone();
            match Kept::deserialize(&with) {
                Ok(_) => read = with,
                Err(_) => {
                    unread.push(key.clone());
                    if ["hold", "hold_here", "peer_hold"].contains(&key.as_str()) {
                        read[key] = Value::Bool(true);
                    }
                }
            }
        }
        Some((Kept::deserialize(&read).ok()?, unread))
    }
}

/// True if something was lost after the last state record of a peer: it may not be its last state.
pub fn is_behind(records: &[Record], peer: &str) -> bool {
    let mut last = records.iter().rev();
    let last = last.find(|r| r.kind == LOST || (r.kind == STATE && r.peer == peer));
    last.is_some_and(|r| r.kind == LOST)
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
            pinned: machine.evidence().pinned.lead(),
            healthy: machine.evidence().healthy,
            boot_started: machine.evidence().grace_from,
            hold: machine.hold(),
            hold_here: machine.hold() && !machine.flags().hold,
            peer_hold: machine.held_by_peer(),
            new_mac: machine.new_mac().cloned(),
            flapping: machine.looks().flapping(),
            fence: fence.to_vec(),
            vip: Some(machine.policy().vip),
            interface: None,
            quarantined: Vec::new(),
            found: found.to_vec(),
            places: machine.placement().places().cloned().collect(),
            site: machine.site_begun(),
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
    /// The highest epoch in a tag of ours on them, where that was looked at.
    pub tagged: Option<Epoch>,
    /// The journal lacks what was written last, or is not there at all.
    pub journal_lost: bool,
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
    let epoch = kept.as_ref().map_or(Epoch(0), |(k, _)| k.epoch);
    let epoch = epoch.max(seen.tagged.unwrap_or_default());
    // A fence that is tagged as ours is ours, even if no journal tells: without it nobody would own the address, and
    // what we own would be given up. If its takeover is a later one than the journal's, the disk took nothing then.
    let at_rest = kept.as_ref().is_none_or(|(k, _)| k.phase == Phase::Standby);
    let lost =
        kept.is_none() || seen.journal_lost || seen.tagged > kept.as_ref().map(|(k, _)| k.epoch);
    let adopted = at_rest && seen.fence == FenceRead::Present && (seen.address_here || lost);
    let adopted = adopted.then_some(match seen.address_here {
        true => Phase::Active,
        false => Phase::Taking,
    });
    if let Some(phase) = adopted {
        tracing::error!(
            "the journal tells of no takeover, but the peer's port is shut and tagged as ours: it is adopted, {phase:?} goes on"
        );
    }
    let Some((kept, same_boot)) = kept else {
        return Recovered {
            phase: adopted.unwrap_or(fresh.phase),
            grounds: adopted.map(|_| Grounds::Fenced),
            epoch,
            ..fresh
        };
    };
    // Ports that are down without our tag are ours if the journal knows that we were about to shut them: the tag is
    // written after the shut, and a crash may fall between the two.
    let ours = !matches!(kept.phase, Phase::Standby | Phase::Halted);
    let fence = match seen.fence {
        FenceRead::Foreign if ours => FenceRead::Present,
        f => f,
    };
    Recovered {
        phase: adopted.unwrap_or(kept.phase),
        epoch,
        grounds: adopted.map(|_| Grounds::Fenced).or(kept.grounds),
        verdict: kept.verdict,
        planned: kept.planned,
        same_boot,
        fence,
        pinned: kept.pinned,
        healthy: kept.healthy && same_boot,
        boot_started: if same_boot { kept.boot_started } else { now },
        hold: kept.hold,
        places: kept.places,
        hold_here: kept.hold_here,
        peer_hold: kept.peer_hold,
        new_mac: kept.new_mac.clone(),
        flapping: kept.flapping,
        site: kept.site,
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
            places: Vec::new(),
            site: Vec::new(),
            standing: None,
        }
    }

    fn seen(fence: FenceRead) -> Seen {
        Seen {
            address_here: false,
            carrier: true,
            fence,
            tagged: None,
            journal_lost: false,
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
    fn a_record_of_another_version_is_read_and_what_is_not_understood_is_safe() {
        let whole = serde_json::to_value(kept(Phase::Standby)).unwrap();
        // Each key is missing, or has a value of another age; one that nobody knows stands beside them.
        for key in whole.as_object().unwrap().keys() {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(key);
            less["of-tomorrow"] = serde_json::json!({ "a": [1] });
            let (read, unread) = Kept::read(&less).unwrap();
            assert!(unread.is_empty(), "{key}: {unread:?}");
            assert_eq!(read.epoch, Epoch(if key == "epoch" { 0 } else { 4 }));
            let mut other = whole.clone();
            other[key] = serde_json::json!({ "of-tomorrow": true });
            let (read, unread) = Kept::read(&other).unwrap();
            assert_eq!(unread, std::slice::from_ref(key));
            let phase = if key == "phase" {
                Phase::Active
            } else {
                Phase::Standby
            };
            assert_eq!(read.phase, phase, "{key}");
            assert_eq!(read.hold, key == "hold", "{key}");
            assert_eq!(read.healthy, key != "healthy", "{key}");
        }
        assert_eq!(Kept::read(&serde_json::json!([1])), None);
    }

    #[test]
    fn a_lost_journal_adopts_what_is_tagged_as_ours() {
        let old = |phase| Some((kept(phase), true));
        use FenceRead::{Absent, Foreign, Present};
        for (was, here, lost, tagged, fence, phase) in [
            (None, true, false, 9, Present, Phase::Active),
            (None, false, false, 9, Present, Phase::Taking),
            (None, true, false, 9, Foreign, Phase::Standby),
            (None, true, false, 9, Absent, Phase::Standby),
            // The journal's end is lost: what it says is of before.
            (old(Phase::Standby), true, false, 9, Present, Phase::Active),
            (old(Phase::Standby), false, true, 4, Present, Phase::Taking),
            // The tag is of a takeover of which the journal does not know: it could not be written then.
            (old(Phase::Standby), false, false, 9, Present, Phase::Taking),
            // Whole, and it says that the fence is left: a person decides.
            (
                old(Phase::Standby),
                false,
                false,
                4,
                Present,
                Phase::Standby,
            ),
            (old(Phase::Halted), true, false, 4, Present, Phase::Halted),
        ] {
            let seen = Seen {
                address_here: here,
                tagged: Some(Epoch(tagged)),
                journal_lost: lost,
                ..seen(fence)
            };
            let r = recovered(was, seen, BootTime(5));
            assert_eq!(r.phase, phase, "{seen:?}");
            assert_eq!(r.epoch, Epoch(tagged));
            let adopted = phase != Phase::Standby && phase != Phase::Halted;
            assert_eq!(
                adopted,
                r.grounds == Some(Grounds::Fenced) && adopted,
                "{seen:?}"
            );
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
