//! `port = "auto"`: finds the port behind which a machine is, and says how it knows. Reads, and writes nothing.
//!
//! Two independent witnesses: the forwarding table (where its MAC address was learned) and LLDP (what it says of
//! itself, IEEE 802.1AB LLDP-MIB). One is enough; if they disagree, nothing is taken for certain. What was found is
//! found again before it is relied on after a restart: name, ifIndex, bridge port, MAC address, each as it was.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::SwitchError;
use super::lldp::{Neighbour, neighbours};
use super::numbering::misread;
use super::switch::Switch;
use super::target::Listed;
use crate::switch::model::port::Learned;
use crate::switch::model::port::PortIdentity;
use crate::switch::model::port::{HOST_MACS, Oper};
use crate::switch::profile::Transport;
use crate::types::{BridgePort, IfIndex, MacAddr};

/// A machine that is looked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its MAC address.
    pub mac: MacAddr,
    /// This machine's own: a port that has one of them is not the other's.
    pub own_macs: Vec<MacAddr>,
    /// Ports that it cannot be, beside the switch's uplinks: those of this machine, where another one is looked for.
    pub never: Vec<String>,
}

/// A port that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPort {
    /// ifName.
    pub port: String,
    /// ifIndex then; 0 where it was read over a command line.
    pub if_index: IfIndex,
    /// dot1dBasePort then, where the switch tells.
    pub bridge_port: Option<BridgePort>,
    /// The machine's MAC address.
    pub mac: MacAddr,
    /// How it is known, in words.
    pub how: String,
    /// The port as it was then, for the guards of a fence.
    pub identity: PortIdentity,
}

/// Why no port was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AutoError {
    /// The switch could not be asked.
    #[error(transparent)]
    Unreadable(#[from] SwitchError),
    /// Nobody has seen the machine.
    #[error(
        "switch {switch}: {mac} is learned on no port, and no LLDP neighbour has it: let the machine send something, or name its port"
    )]
    Nowhere {
        /// Name of the switch.
        switch: String,
        /// The machine's.
        mac: MacAddr,
    },
    /// It is behind another switch, or behind several ports.
    #[error("switch {switch}: {mac} is seen on {ports}, {why}: name the port")]
    NotOne {
        /// Name of the switch.
        switch: String,
        /// The machine's.
        mac: MacAddr,
        /// The ports.
        ports: String,
        /// Why none of them is taken.
        why: String,
    },
    /// It stands on a port that cannot be its. (Of a machine that is dying the same is seen.)
    #[error("switch {switch}: {mac} is learned on {port}, {why}: name the port")]
    Doubtful {
        /// Name of the switch.
        switch: String,
        /// The machine's.
        mac: MacAddr,
        /// The port.
        port: String,
        /// Why it is not believed.
        why: String,
    },
    /// The port that was found before is not as it was.
    #[error("switch {switch}: {port}, found before for {mac}, {why}")]
    Changed {
        /// Name of the switch.
        switch: String,
        /// The port.
        port: String,
        /// The machine's.
        mac: MacAddr,
        /// What is different.
        why: String,
    },
}

impl AutoError {
    /// True if it says where the machine is not, false if it says nothing about that.
    pub fn is_refusal(&self) -> bool {
        matches!(self, AutoError::NotOne { .. } | AutoError::Changed { .. })
    }
}

/// The port of `switch` behind which the machine with this MAC address is.
///
/// # Errors
/// The switch does not answer, nobody has seen the machine, or it is not behind one port of its own.
pub async fn find_port(switch: &Switch, mac: MacAddr) -> Result<FoundPort, AutoError> {
    let wanted = Wanted {
        mac,
        own_macs: Vec::new(),
        never: Vec::new(),
    };
    find(switch, &wanted).await
}

/// As [`find_port`], and never a port of ours.
///
/// # Errors
/// As there.
pub async fn find(switch: &Switch, wanted: &Wanted) -> Result<FoundPort, AutoError> {
    let mac = wanted.mac;
    let not_one = |ports: &BTreeSet<String>, why: &str| AutoError::NotOne {
        switch: switch.target().name.clone(),
        mac,
        ports: ports.iter().cloned().collect::<Vec<_>>().join(", "),
        why: why.to_owned(),
    };
    let entries = switch.where_is(mac, None).await?;
    let places: BTreeSet<u32> = entries.iter().map(|e| e.port_number).collect();
    let learned: BTreeSet<String> = entries.into_iter().filter_map(|e| e.if_name).collect();
    let around = announced(switch).await?;
    let told: BTreeSet<String> = around
        .iter()
        .filter(|n| n.chassis == mac.to_string())
        .filter_map(|n| n.if_name.clone())
        .collect();
    let all: BTreeSet<String> = learned.union(&told).cloned().collect();
    let port = match all.iter().collect::<Vec<_>>().as_slice() {
        [] => {
            return Err(AutoError::Nowhere {
                switch: switch.target().name.clone(),
                mac,
            });
        }
        [one] => (*one).clone(),
        _ => return Err(not_one(&all, "on more than one port")),
    };
    if switch.target().listed(&port) == Some(Listed::Uplink) {
        return Err(not_one(
            &all,
            "which is an uplink: it is behind another switch",
        ));
    }
    if wanted
        .never
        .iter()
        .any(|p| switch.target().same_port(p, &port))
    {
        return Err(not_one(&all, "which is a port of this machine"));
    }
    let here = |n: &&Neighbour| n.if_name.as_ref() == Some(&port);
    let stranger = around
        .iter()
        .filter(here)
        .find(|n| n.leads_on() && n.chassis != mac.to_string());
    if let Some(n) = stranger {
        let why = format!(
            "where LLDP has a {} ({} {}): the machine is behind it",
            n.capabilities.join(" and "),
            n.sys_name,
            n.chassis
        );
        return Err(not_one(&all, why.as_str()));
    }
    let state = switch.port(&port).await?;
    let place = switch.place_of(&state);
    if !learned.is_empty() && !place.is_some_and(|p| places.contains(&p)) {
        return Err(not_one(
            &all,
            "whose number in the forwarding table is not the one that its name has now",
        ));
    }
    let (macs, unread) = match switch.learned_on(&state).await? {
        Learned::These(macs) => (macs, None),
        Learned::Unreadable(why) => (Vec::new(), Some(why)),
    };
    if let Some(own) = wanted.own_macs.iter().find(|m| macs.contains(m)) {
        let why = format!("where our own MAC address {own} is learned too");
        return Err(not_one(&all, why.as_str()));
    }
    if macs.len() > HOST_MACS {
        let why = format!(
            "where {} MAC addresses are learned: more than one machine is behind it",
            macs.len()
        );
        return Err(not_one(&all, why.as_str()));
    }
    let doubtful = |why: String| AutoError::Doubtful {
        switch: switch.target().name.clone(),
        mac,
        port: port.clone(),
        why,
    };
    if state.oper != Oper::Up {
        let why = "which has no link, beside a machine that answers: the switch's table is misread";
        return Err(doubtful(why.to_owned()));
    }
    // LLDP on the same port says that the numbers are right.
    if told.is_empty() && state.bridge_port.is_some_and(|b| b.0 != state.if_index.0) {
        let rows = switch.port_table().await?;
        if let Some(why) = misread(&rows, &around) {
            return Err(doubtful(format!("but {why}")));
        }
    }
    let how = match (learned.is_empty(), told.is_empty()) {
        (false, false) => "its MAC address is learned there, and it says so by LLDP",
        (false, true) => "its MAC address is learned there",
        (true, _) => "it says so by LLDP",
    };
    Ok(FoundPort {
        port,
        if_index: state.if_index,
        bridge_port: state.bridge_port,
        mac,
        how: match unread {
            None => format!("{how}; {} MAC addresses are behind it", macs.len()),
            Some(why) => format!("{how}; what else is behind it cannot be read: {why}"),
        },
        identity: PortIdentity {
            if_name: state.if_name,
            if_index: state.if_index,
            if_alias: state.if_alias,
            macs,
        },
    })
}

/// Whether a port that was found before still is the one: by its name the same ifIndex, bridge port and description,
/// and the MAC address learned there. A machine that is dead meanwhile is learned nowhere any more, which is taken
/// only while nobody else is learned on the port either.
///
/// # Errors
/// The switch does not answer, or something is different.
pub async fn still(switch: &Switch, found: &FoundPort, wanted: &Wanted) -> Result<(), AutoError> {
    let changed = |why: String| AutoError::Changed {
        switch: switch.target().name.clone(),
        port: found.port.clone(),
        mac: found.mac,
        why,
    };
    if wanted.mac != found.mac {
        return Err(changed(format!("the machine has {} now", wanted.mac)));
    }
    let uplinks = switch.target().uplinks.iter();
    if uplinks
        .chain(&wanted.never)
        .any(|p| switch.target().same_port(p, &found.port))
    {
        return Err(changed("is an uplink or a port of this machine now".into()));
    }
    let state = switch.port(&found.port).await?;
    if (state.if_index, state.bridge_port) != (found.if_index, found.bridge_port) {
        let number = |b: Option<BridgePort>| b.map_or("none".to_owned(), |b| b.to_string());
        return Err(changed(format!(
            "had ifIndex {} and bridge port {}, and has {} and {} now",
            found.if_index,
            number(found.bridge_port),
            state.if_index,
            number(state.bridge_port)
        )));
    }
    if state.if_alias != found.identity.if_alias {
        let text = |a: &Option<String>| a.clone().unwrap_or_default();
        return Err(changed(format!(
            "had the description `{}`, and has `{}` now",
            text(&found.identity.if_alias),
            text(&state.if_alias)
        )));
    }
    let entries = switch.where_is(found.mac, None).await?;
    let place = switch.place_of(&state);
    if let Some(other) = entries.iter().find(|e| Some(e.port_number) != place) {
        let there = other.if_name.as_deref().unwrap_or("another port");
        return Err(changed(format!("but it is learned on {there} now")));
    }
    if entries.is_empty() {
        let others = switch.macs_of(&state).await?;
        if let Some(other) = others.first() {
            return Err(changed(format!(
                "has {other} behind it now, and the machine is learned nowhere"
            )));
        }
    }
    Ok(())
}

/// Every LLDP neighbour that the switch tells of; a switch without LLDP-MIB has none.
async fn announced(switch: &Switch) -> Result<Vec<Neighbour>, SwitchError> {
    let by_snmp = switch
        .target()
        .transports("port-status")
        .contains(&Transport::Snmp);
    if !by_snmp {
        return Ok(Vec::new());
    }
    neighbours(switch).await
}
