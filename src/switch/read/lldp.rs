//! Who is at the other end of each port, by LLDP (LLDP-MIB, IEEE 802.1AB-2005): what is a bridge is not a host.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::SwitchError;
use super::switch::{Switch, small};
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Transport;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::ssh::Record;
use crate::types::MacAddr;

/// lldpRemEntry: index lldpRemTimeMark, lldpRemLocalPortNum, lldpRemIndex.
const REMOTE: [u32; 10] = [1, 0, 8802, 1, 1, 2, 1, 4, 1, 1];
/// lldpLocPortEntry: index lldpLocPortNum.
const LOCAL: [u32; 10] = [1, 0, 8802, 1, 1, 2, 1, 3, 7, 1];

/// The words for the bits of LldpSystemCapabilitiesMap, the first bit first.
const CAPABILITIES: [&str; 8] = [
    "other",
    "repeater",
    "bridge",
    "wlan-ap",
    "router",
    "telephone",
    "docsis",
    "station",
];

/// A neighbour on one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Neighbour {
    /// ifName of our port; `null` where the LLDP port number cannot be matched to one.
    pub if_name: Option<String>,
    /// lldpRemLocalPortNum; `null` where the agent's index has none.
    pub local_port: Option<u32>,
    /// lldpRemChassisId: a MAC address, an address or a text.
    pub chassis: String,
    /// lldpRemPortId.
    pub port: String,
    /// lldpRemSysName.
    pub sys_name: String,
    /// lldpRemSysCapEnabled, in words; empty where the neighbour does not tell.
    pub capabilities: Vec<&'static str>,
}

impl Neighbour {
    /// True if it says that it is a bridge, a router or an access point: more than one host is behind it.
    pub fn leads_on(&self) -> bool {
        ["bridge", "repeater", "wlan-ap", "router"]
            .iter()
            .any(|c| self.capabilities.contains(c))
    }
}

/// Every LLDP neighbour, by local port; empty if the switch has no LLDP-MIB and the profile no show for it, or nobody
/// talks.
///
/// # Errors
/// A request failed.
pub async fn neighbours(switch: &Switch) -> Result<Vec<Neighbour>, SwitchError> {
    let mut failed = None;
    for transport in switch.target().readable() {
        let told = match transport {
            Transport::Snmp => over_snmp(switch).await.map(Some),
            Transport::Ssh => over_ssh(switch).await,
        };
        match told {
            Ok(None) => {}
            Ok(Some(all)) => return Ok(all),
            Err(e) if e.is_silence() => failed = failed.or(Some(e)),
            Err(e) => return Err(e),
        }
    }
    failed.map_or(Ok(Vec::new()), Err)
}

/// As the profile's show `neighbours` has them; `None` if it has no such show.
async fn over_ssh(switch: &Switch) -> Result<Option<Vec<Neighbour>>, SwitchError> {
    let cli = switch.cli()?;
    if !cli.rules().shows.contains_key("neighbours") {
        return Ok(None);
    }
    let records = cli.show("neighbours", &Vars::new()).await?;
    let field = |r: &Record, name: &str| r.get(name).cloned().unwrap_or_default();
    Ok(Some(
        records
            .iter()
            .map(|r| Neighbour {
                if_name: r.get("port").cloned(),
                local_port: None,
                chassis: String::new(),
                port: field(r, "portid"),
                sys_name: field(r, "sysname"),
                capabilities: Vec::new(),
            })
            .collect(),
    ))
}

async fn over_snmp(switch: &Switch) -> Result<Vec<Neighbour>, SwitchError> {
    let column = |table: &[u32], n: u32| Oid::new([table, &[n]].concat());
    let walk = async |oid: Oid| -> Result<BTreeMap<Vec<u32>, Value>, SwitchError> {
        let rows = switch.snmp().walk(&oid).await?;
        let indexed = rows.into_iter();
        Ok(indexed
            .filter_map(|(o, v)| Some((o.after(&oid)?.to_vec(), v)))
            .collect())
    };
    let chassis = walk(column(&REMOTE, 5)).await?;
    if chassis.is_empty() {
        return Ok(Vec::new());
    }
    let kinds = walk(column(&REMOTE, 4)).await?;
    let port_kinds = walk(column(&REMOTE, 6)).await?;
    let ports = walk(column(&REMOTE, 7)).await?;
    let names = walk(column(&REMOTE, 9)).await?;
    let enabled = walk(column(&REMOTE, 12)).await?;
    let local_ids = walk(column(&LOCAL, 3)).await?;
    let local_texts = walk(column(&LOCAL, 4)).await?;
    let map = if switch.map().is_empty() {
        switch.learn_map().await?
    } else {
        switch.map()
    };
    let if_name = |local: u32| -> Option<String> {
        let texts = [local_ids.get(&vec![local]), local_texts.get(&vec![local])];
        let texts = texts.into_iter().flatten().filter_map(Value::text);
        for text in texts {
            if let [one] = map.if_indexes(switch.target(), &text).as_slice() {
                return map.name(*one).map(str::to_owned);
            }
        }
        // LLDP-MIB: the number is the bridge port where there is one; many agents use ifIndex.
        let profile = switch.profile();
        let at = match profile.is_fdb_per_vlan() {
            true => map.if_index_of(local),
            false => map.if_index_at(profile, local),
        };
        let at = at.unwrap_or(local);
        map.name(at).map(str::to_owned)
    };
    Ok(chassis
        .iter()
        .map(|(index, id)| {
            // JetStream leaves the time mark out. One arc alone (RouterOS) is no port number that can be relied on.
            let local = match index.as_slice() {
                [_, local, _] | [local, _] => Some(*local),
                _ => None,
            };
            let kind = |kinds: &BTreeMap<Vec<u32>, Value>| kinds.get(index).and_then(small);
            Neighbour {
                if_name: local.and_then(if_name),
                local_port: local,
                chassis: told(id, kind(&kinds) == Some(4)),
                port: ports
                    .get(index)
                    .map(|v| told(v, kind(&port_kinds) == Some(3)))
                    .unwrap_or_default(),
                sys_name: names.get(index).and_then(Value::text).unwrap_or_default(),
                capabilities: match enabled.get(index) {
                    Some(Value::Bytes(octets)) => words(octets),
                    _ => Vec::new(),
                },
            }
        })
        .collect())
}

/// An identifier in words: a MAC address where its subtype says so.
fn told(value: &Value, is_mac: bool) -> String {
    match value {
        Value::Bytes(octets) => match <[u8; 6]>::try_from(octets.as_slice()) {
            Ok(mac) if is_mac => MacAddr(mac).to_string(),
            _ if octets.iter().all(|b| (0x20..0x7f).contains(b)) => {
                String::from_utf8_lossy(octets).into_owned()
            }
            _ => octets.iter().map(|b| format!("{b:02x}")).collect(),
        },
        other => other.to_string(),
    }
}

fn words(octets: &[u8]) -> Vec<&'static str> {
    let first = octets.first().copied().unwrap_or_default();
    let bits = CAPABILITIES.iter().enumerate();
    bits.filter(|(bit, _)| first & (0x80 >> bit) != 0)
        .map(|(_, word)| *word)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_bits_from_the_left() {
        assert_eq!(words(&[0x28]), ["bridge", "router"]);
        assert_eq!(words(&[0x01, 0]), ["station"]);
        assert_eq!(words(&[]), Vec::<&str>::new());
    }
}
