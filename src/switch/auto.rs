//! `port = "auto"`: finds the port behind which a machine is, and says how it knows. Reads, and writes nothing.
//!
//! Two independent witnesses: the forwarding table (where its MAC address was learned) and LLDP (what it says of
//! itself, IEEE 802.1AB LLDP-MIB). One is enough; if they disagree, nothing is taken for certain.

use std::collections::BTreeSet;

use serde::Serialize;

use super::client::Switch;
use super::error::SwitchError;
use super::guard::HOST_MACS;
use super::profile::Transport;
use super::value::{Oid, Value};
use crate::types::MacAddr;

/// lldpRemChassisIdSubtype 4 is a MAC address.
const CHASSIS_IS_MAC: i64 = 4;
const REM_CHASSIS_SUBTYPE: [u32; 11] = [1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 4];
const REM_CHASSIS_ID: [u32; 11] = [1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 5];
const LOC_PORT_ID: [u32; 11] = [1, 0, 8802, 1, 1, 2, 1, 3, 7, 1, 3];

/// A port that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundPort {
    /// ifName.
    pub port: String,
    /// How it is known, in words.
    pub how: String,
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
}

/// The port of `switch` behind which the machine with this MAC address is.
///
/// # Errors
/// The switch does not answer, nobody has seen the machine, or it is not behind one port of its own.
pub async fn find_port(switch: &Switch, mac: MacAddr) -> Result<FoundPort, AutoError> {
    let not_one = |ports: &BTreeSet<String>, why: &str| AutoError::NotOne {
        switch: switch.target().name.clone(),
        mac,
        ports: ports.iter().cloned().collect::<Vec<_>>().join(", "),
        why: why.to_owned(),
    };
    let entries = switch.where_is(mac, None).await?;
    let learned: BTreeSet<String> = entries.into_iter().filter_map(|e| e.if_name).collect();
    let told = lldp(switch, mac).await;
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
    if switch.target().uplinks.contains(&port) {
        return Err(not_one(
            &all,
            "which is an uplink: it is behind another switch",
        ));
    }
    let others = switch.macs_on(&port).await?.len();
    if others > HOST_MACS {
        return Err(not_one(
            &all,
            &format!(
                "where {others} MAC addresses are learned: more than one machine is behind it"
            ),
        ));
    }
    let how = match (learned.is_empty(), told.is_empty()) {
        (false, false) => "its MAC address is learned there, and it says so by LLDP",
        (false, true) => "its MAC address is learned there",
        (true, _) => "it says so by LLDP",
    };
    let how = format!("{how}; {others} MAC addresses are behind it");
    Ok(FoundPort { port, how })
}

/// The ports on which a neighbour announces this address as its chassis. A switch without LLDP-MIB has none.
async fn lldp(switch: &Switch, mac: MacAddr) -> BTreeSet<String> {
    if !switch
        .target()
        .transports("port-status")
        .contains(&Transport::Snmp)
    {
        return BTreeSet::new();
    }
    let column = |arcs: [u32; 11]| Oid::new(arcs);
    let walk = async |column: Oid| {
        let rows = switch.snmp().walk(&column).await.unwrap_or_default();
        rows.into_iter()
            .filter_map(|(oid, value)| Some((oid.after(&column)?.to_vec(), value)))
            .collect::<Vec<_>>()
    };
    let ids = walk(column(REM_CHASSIS_ID)).await;
    if ids.is_empty() {
        return BTreeSet::new();
    }
    let kinds = walk(column(REM_CHASSIS_SUBTYPE)).await;
    let ports = walk(column(LOC_PORT_ID)).await;
    let map = switch.map();
    let is_it = |index: &Vec<u32>, value: &Value| {
        let kind = kinds
            .iter()
            .find(|(i, _)| i == index)
            .and_then(|(_, v)| v.number());
        kind == Some(CHASSIS_IS_MAC) && matches!(value, Value::Bytes(b) if *b == mac.0)
    };
    ids.iter()
        .filter(|(index, value)| is_it(index, value))
        // lldpRemTimeMark, lldpRemLocalPortNum, lldpRemIndex
        .filter_map(|(index, _)| index.get(1).copied())
        .filter_map(|local| {
            let named = ports.iter().find(|(i, _)| *i == [local]);
            let named = named
                .and_then(|(_, v)| v.text())
                .filter(|n| map.if_indexes(n).len() == 1);
            // Many agents number LLDP ports by ifIndex, whatever they call them.
            named.or_else(|| map.name(local).map(str::to_owned))
        })
        .collect()
}
