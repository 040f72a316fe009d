//! What is learned on a port: "cannot be read" is not "nothing there". The guards rest on the difference.

use std::collections::{BTreeMap, BTreeSet};

use super::error::SwitchError;
use super::index_map::Map;
use super::switch::{Switch, small};
use crate::switch::model::port::{Learned, LearnedMac, PortState};
use crate::switch::model::value::{Oid, mac_of};
use crate::switch::profile::{FdbId, FdbPort};
use crate::switch::snmp::SnmpError;
use crate::types::MacAddr;

/// dot1dTpFdbStatus and dot1qTpFdbStatus (RFC 4188, RFC 4363): 3 learned.
const LEARNED: u32 = 3;

/// The whole forwarding table, by the numbers that it gives ports.
#[derive(Debug, Default)]
pub(in crate::switch) struct Forwarding {
    by_place: BTreeMap<u32, BTreeSet<LearnedMac>>,
    /// Numbers of learned entries that no port has.
    strange: BTreeSet<u32>,
    /// Why nothing of it can be read.
    unread: Option<String>,
    /// Why a part of it cannot.
    partly: Option<String>,
}

impl Forwarding {
    pub(in crate::switch) fn unread(why: String) -> Forwarding {
        Forwarding {
            unread: Some(why),
            ..Forwarding::default()
        }
    }

    /// What is learned on the port with this ifName, ifIndex and bridge port, and on the aggregate it is a member of.
    pub(in crate::switch) fn on(
        &self,
        switch: &Switch,
        map: &Map,
        (name, if_index, base): (&str, u32, Option<u32>),
        aggregate: Option<u32>,
    ) -> Result<Vec<LearnedMac>, String> {
        if let Some(why) = &self.unread {
            return Err(why.clone());
        }
        let own = switch.place_number(name, if_index, base);
        let shared = aggregate.and_then(|a| {
            switch.place_number(map.name(a).unwrap_or_default(), a, map.bridge_port(a))
        });
        if own.is_none() && shared.is_none() {
            return Err(match switch.profile().snmp.fdb.port {
                FdbPort::BasePort | FdbPort::Panel if map.has_bases() => format!(
                    "dot1dBasePortIfIndex has no row of {name}: the number by which the forwarding table calls it is not known"
                ),
                FdbPort::BasePort | FdbPort::Panel => "the switch tells no bridge ports (dot1dBasePortIfIndex): which entry of the forwarding table is whose is not known".to_owned(),
                FdbPort::IfIndex => "its number in the forwarding table is not known".to_owned(),
            });
        }
        let places = own.into_iter().chain(shared);
        let found = places.filter_map(|p| self.by_place.get(&p)).flatten();
        let found: BTreeSet<LearnedMac> = found.cloned().collect();
        if found.is_empty() {
            if let Some(why) = &self.partly {
                return Err(why.clone());
            }
            if let Some(first) = self.strange.first() {
                return Err(format!(
                    "the forwarding table has entries on {} numbers that are no port's (the first is {first}): whether they are behind {name} is not known",
                    self.strange.len()
                ));
            }
        }
        Ok(found.into_iter().collect())
    }
}

impl Switch {
    /// What is learned on a port, or on the aggregate that it is a member of, by reading the forwarding table.
    ///
    /// # Errors
    /// The switch does not answer.
    pub async fn learned_on(&self, port: &PortState) -> Result<Learned, SwitchError> {
        let found = if port.if_index.0 == 0 {
            let table = self.shown_table().await?;
            table.on(self, &port.if_name)
        } else {
            let map = self.map();
            let table = self.forwarding(&map).await?;
            let base = port.bridge_port.map(|b| b.0);
            let aggregate = self.aggregate_of(port.if_index.0, &map).await?;
            table.on(
                self,
                &map,
                (&port.if_name, port.if_index.0, base),
                aggregate,
            )
        };
        Ok(match found {
            Ok(found) => {
                let macs: BTreeSet<MacAddr> = found.into_iter().map(|l| l.mac).collect();
                Learned::These(macs.into_iter().collect())
            }
            Err(why) => Learned::Unreadable(why),
        })
    }

    /// The forwarding table over SNMP.
    ///
    /// # Errors
    /// The switch does not answer. What it refuses to tell is in the table.
    pub(in crate::switch) async fn forwarding(&self, map: &Map) -> Result<Forwarding, SnmpError> {
        match self.read_forwarding(map).await {
            Err(e) if !e.is_silence() => Ok(Forwarding::unread(e.to_string())),
            done => done,
        }
    }

    async fn read_forwarding(&self, map: &Map) -> Result<Forwarding, SnmpError> {
        let mut out = Forwarding::default();
        if self.is_per_vlan() {
            let read = self.fdb_of_vlans(&map.vlans()).await;
            for (mac, vlan, place) in read.entries {
                let vlan = vlan.map(u32::from);
                out.by_place
                    .entry(place)
                    .or_default()
                    .insert(LearnedMac { mac, vlan });
            }
            if let Some((vlan, e)) = read.unread.first() {
                out.partly = Some(format!(
                    "the tables of {} VLANs cannot be read (the first is {vlan}: {e})",
                    read.unread.len()
                ));
            }
        } else {
            for object in ["fdb", "fdb_1d"] {
                self.learn_from(object, map, &mut out).await?;
                if !out.by_place.is_empty() {
                    break;
                }
            }
        }
        if out.by_place.is_empty() {
            out.unread = Some(out.partly.take().unwrap_or_else(|| {
                "the switch shows no forwarding table, or an empty one".to_owned()
            }));
        }
        let of_no_port = |p: &&u32| **p != 0 && map.if_index_at(self.profile(), **p).is_none();
        out.strange = out.by_place.keys().filter(of_no_port).copied().collect();
        if !out.strange.is_empty() && !self.is_per_vlan() {
            let learned = self.learned_places().await;
            out.strange.retain(|p| learned.contains(p));
        }
        Ok(out)
    }

    async fn learn_from(
        &self,
        object: &str,
        map: &Map,
        out: &mut Forwarding,
    ) -> Result<(), SnmpError> {
        let rows = self.walk(object).await?;
        let mut internal = BTreeMap::new();
        if self.profile().snmp.fdb.id == FdbId::Shift16 && !rows.is_empty() {
            for (index, value) in self.walk("fdb_vlan").await? {
                if let (Some(id), Some(tag)) = (index.last(), small(&value)) {
                    internal.insert(*id, tag);
                }
            }
        }
        let vlan_of = |fdb_id: u32| match self.profile().snmp.fdb.id {
            FdbId::Vlan => Some(fdb_id),
            FdbId::Table => map.vlan_of_table(fdb_id),
            FdbId::Shift16 => internal.get(&(fdb_id >> 16)).copied(),
        };
        for (index, value) in rows {
            let mac = index.get(index.len().saturating_sub(6)..).and_then(mac_of);
            let vlan = match index.as_slice() {
                [fdb_id, _, _, _, _, _, _] => vlan_of(*fdb_id),
                _ => None,
            };
            if let (Some(mac), Some(place)) = (mac, small(&value)) {
                out.by_place
                    .entry(place)
                    .or_default()
                    .insert(LearnedMac { mac, vlan });
            }
        }
        Ok(())
    }

    /// The numbers of the entries that are learned, not the switch's own; all, where it does not tell that.
    async fn learned_places(&self) -> BTreeSet<u32> {
        let mut all = BTreeSet::new();
        for object in ["fdb", "fdb_1d"] {
            let Some(object) = self.profile().object(object) else {
                continue;
            };
            // The column after the port's is the status.
            let mut status = object.oid.arcs().to_vec();
            if let Some(last) = status.last_mut() {
                *last += 1;
            }
            let status = Oid::new(status);
            let (Ok(ports), Ok(states)) = (
                self.snmp().walk(&object.oid).await,
                self.snmp().walk(&status).await,
            ) else {
                continue;
            };
            let states: BTreeMap<Vec<u32>, u32> = states
                .iter()
                .filter_map(|(oid, v)| Some((oid.after(&status)?.to_vec(), small(v)?)))
                .collect();
            for (oid, value) in ports {
                let state = oid.after(&object.oid).and_then(|i| states.get(i));
                if state.is_none_or(|s| *s == LEARNED) {
                    all.extend(small(&value));
                }
            }
        }
        all
    }
}
