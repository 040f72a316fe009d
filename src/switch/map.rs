//! Names and numbers of a switch's ports, remembered as a hint. Every use is checked by the answer it leads to.

use std::collections::BTreeMap;

use super::profile::{FdbPort, Profile};
use super::value::{Oid, Value, mac_index};
use crate::types::{MacAddr, VlanId};

/// ifIndex to ifName, bridge port to ifIndex, VLAN to filtering database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    names: BTreeMap<u32, String>,
    base: BTreeMap<u32, u32>,
    tables: BTreeMap<u32, u32>,
}

impl Map {
    /// Builds it from the walks of `name`, `bridge_port` and the VLANs' FDB ids (VLAN last in the index).
    pub fn new(
        names: &[(Vec<u32>, Value)],
        base: &[(Vec<u32>, Value)],
        tables: &[(Vec<u32>, Value)],
    ) -> Map {
        let number = |v: &Value| v.number().and_then(|n| u32::try_from(n).ok());
        Map {
            names: names
                .iter()
                .filter_map(|(i, v)| Some((*i.first()?, v.text()?)))
                .collect(),
            base: base
                .iter()
                .filter_map(|(i, v)| Some((*i.first()?, number(v)?)))
                .collect(),
            tables: tables
                .iter()
                .filter_map(|(i, v)| Some((*i.last()?, number(v)?)))
                .collect(),
        }
    }

    /// True if nothing was learned yet.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The ifIndexes that have this name.
    pub fn if_indexes(&self, name: &str) -> Vec<u32> {
        let named = self.names.iter().filter(|(_, n)| *n == name);
        named.map(|(i, _)| *i).collect()
    }

    /// The name of an ifIndex.
    pub fn name(&self, if_index: u32) -> Option<&str> {
        self.names.get(&if_index).map(String::as_str)
    }

    /// True if every bridge port has the number of its ifIndex.
    pub fn is_numbered_alike(&self) -> bool {
        self.base.iter().all(|(b, i)| b == i)
    }

    /// The bridge port of an ifIndex.
    pub fn bridge_port(&self, if_index: u32) -> Option<u32> {
        self.base
            .iter()
            .find(|(_, i)| **i == if_index)
            .map(|(b, _)| *b)
    }

    /// The ifIndex of the port that the forwarding table calls `number`.
    pub fn if_index_at(&self, profile: &Profile, number: u32) -> Option<u32> {
        match profile.snmp.fdb.port {
            FdbPort::IfIndex => Some(number),
            FdbPort::BasePort => self.base.get(&number).copied(),
            FdbPort::Panel => {
                let bridged = self
                    .names
                    .iter()
                    .filter(|(i, _)| self.bridge_port(**i).is_some());
                let mut found = bridged.filter(|(_, n)| panel_number(n) == Some(number));
                let only = found.next().map(|(i, _)| *i);
                // Two members of a stack may have the same number: then it tells nothing.
                only.filter(|_| found.next().is_none())
            }
        }
    }

    /// Every port: ifIndex and name.
    pub fn ports(&self) -> impl Iterator<Item = (u32, &str)> {
        self.names.iter().map(|(i, n)| (*i, n.as_str()))
    }

    /// The VLANs that share a filtering database; a switch that does not list its tables numbers them like the VLANs.
    pub fn vlan_of_table(&self, fdb_id: u32) -> Option<u32> {
        let mut found = self
            .tables
            .iter()
            .filter(|(_, f)| **f == fdb_id)
            .map(|(v, _)| *v);
        match (found.next(), found.next()) {
            (only, None) => only,
            _ => None,
        }
    }

    /// Some names, those first that look like `name`.
    pub fn near(&self, name: &str) -> String {
        let digits = |s: &str| {
            s.trim_start_matches(|c: char| !c.is_ascii_digit())
                .to_owned()
        };
        let mut all: Vec<&String> = self.names.values().collect();
        all.sort_by_key(|n| !(n.eq_ignore_ascii_case(name) || digits(n) == digits(name)));
        match all.len() {
            0 => "no names at all".to_owned(),
            n => {
                let first: Vec<&str> = all.iter().take(6).map(|s| s.as_str()).collect();
                let more = if n > 6 {
                    format!(" and {} more", n - 6)
                } else {
                    String::new()
                };
                format!("{}{more}", first.join(", "))
            }
        }
    }

    /// The instances of the forwarding table where `mac` can be: in the VLAN's table or in all, and in the one
    /// without VLANs.
    pub fn fdb_instances(
        &self,
        profile: &Profile,
        mac: MacAddr,
        vlan: Option<VlanId>,
    ) -> Vec<(Option<u32>, Oid)> {
        let ids: Vec<u32> = match vlan.map(|v| u32::from(v.0)) {
            // A switch that does not list its tables numbers them like the VLANs.
            Some(v) => vec![self.tables.get(&v).copied().unwrap_or(v)],
            None => {
                let mut ids: Vec<u32> = self.tables.values().copied().collect();
                ids.sort_unstable();
                ids.dedup();
                ids
            }
        };
        let mac = mac_index(mac);
        let mut out = Vec::new();
        if let Some(fdb) = profile.object("fdb") {
            for id in ids {
                out.push((Some(id), fdb.oid.at(&[id]).at(&mac)));
            }
        }
        if let Some(fdb) = profile.object("fdb_1d") {
            out.push((None, fdb.oid.at(&mac)));
        }
        out
    }
}

/// The number on the front panel: the last number of the port's name (`gigabitEthernet 1/0/18`).
pub(super) fn panel_number(name: &str) -> Option<u32> {
    let end = name.trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits = end.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
