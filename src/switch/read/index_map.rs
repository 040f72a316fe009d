//! Names and numbers of a switch's ports, remembered as a hint. Every use is checked by the answer it leads to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::target::SwitchTarget;
use crate::rt::Instant;
use crate::switch::model::value::{Oid, Value, mac_index};
use crate::switch::profile::{FdbPort, Profile};
use crate::types::{MacAddr, VlanId};

/// A map with a table that was empty is learned again after so long, and each time after twice as long, up to the longest:
/// a switch that boots answers for its interfaces before it answers for its bridge, and others never do.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(10);

/// When a map that lacks a whole table is learned again.
#[derive(Debug, Default)]
pub(in crate::switch) struct Relearn(Option<(Instant, Duration)>);

impl Relearn {
    /// A map was learned, `whole` or not.
    pub fn learned(&mut self, whole: bool) {
        let pause = self.0.map_or(AGAIN, |(_, last)| (last * 2).min(LONGEST));
        self.0 = (!whole).then(|| (Instant::now() + pause, pause));
    }

    /// It is time; not again before the next pause is over, whatever becomes of it.
    pub fn is_due(&mut self) -> bool {
        match &mut self.0 {
            Some((at, pause)) if *at <= Instant::now() => {
                *at = Instant::now() + *pause;
                true
            }
            Some(_) | None => false,
        }
    }
}

/// ifIndex to ifName, bridge port to ifIndex, VLAN to filtering database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    names: BTreeMap<u32, String>,
    base: BTreeMap<u32, u32>,
    tables: BTreeMap<u32, u32>,
    /// Filtering databases whose VLANs are not known.
    more_tables: Vec<u32>,
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
            more_tables: Vec::new(),
        }
    }

    /// Adds filtering databases of which no VLAN is known.
    pub fn add_tables(&mut self, ids: impl Iterator<Item = u32>) {
        self.more_tables = ids.collect();
        self.more_tables.sort_unstable();
        self.more_tables.dedup();
    }

    /// Adds rows of `bridge_port` that the walk without a VLAN did not have.
    pub fn add_bases(&mut self, base: &[(Vec<u32>, Value)]) {
        for (index, value) in base {
            let if_index = value.number().and_then(|n| u32::try_from(n).ok());
            if let (Some(base), Some(if_index)) = (index.first(), if_index) {
                self.base.entry(*base).or_insert(if_index);
            }
        }
    }

    /// The VLANs of the switch, without those that IEEE 802.5 and FDDI have on Catalysts (1002 to 1005).
    pub fn vlans(&self) -> Vec<u16> {
        let vlans = self.tables.keys().filter(|v| !(1002..=1005).contains(*v));
        vlans.filter_map(|v| u16::try_from(*v).ok()).collect()
    }

    /// True if any bridge port is known.
    pub fn has_bases(&self) -> bool {
        !self.base.is_empty()
    }

    /// True if no table that `profile` has an object for was empty.
    pub fn is_whole(&self, profile: &Profile) -> bool {
        let needs = |object: &str| profile.object(object).is_some();
        (self.has_bases() || !needs("bridge_port"))
            && (!self.tables.is_empty() || !self.more_tables.is_empty() || !needs("fdb"))
    }

    /// True if nothing was learned yet.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The ifIndexes that have this name: exactly, or else in another spelling of it.
    pub fn if_indexes(&self, target: &SwitchTarget, name: &str) -> Vec<u32> {
        let of = |same: &dyn Fn(&str) -> bool| -> Vec<u32> {
            let named = self.names.iter().filter(|(_, n)| same(n));
            named.map(|(i, _)| *i).collect()
        };
        let exact = of(&|n| n == name);
        if exact.is_empty() {
            of(&|n| target.same_port(n, name))
        } else {
            exact
        }
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
            _ if profile.is_fdb_per_vlan() => self.names.contains_key(&number).then_some(number),
            FdbPort::IfIndex => Some(number),
            FdbPort::BasePort => self.if_index_of(number),
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

    /// The ifIndex of a bridge port.
    pub fn if_index_of(&self, bridge_port: u32) -> Option<u32> {
        self.base.get(&bridge_port).copied()
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
                ids.extend(&self.more_tables);
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
        // Without a VLAN a table per VLAN is that of VLAN 1 only.
        if let Some(fdb) = profile.object("fdb_1d").filter(|o| !o.per_vlan) {
            out.push((None, fdb.oid.at(&mac)));
        }
        out
    }
}

/// The number on the front panel: the last number of the port's name (`gigabitEthernet 1/0/18`).
pub(in crate::switch) fn panel_number(name: &str) -> Option<u32> {
    let end = name.trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits = end.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
