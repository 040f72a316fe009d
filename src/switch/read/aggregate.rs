//! Aggregates (LAG, port-channel): the forwarding table has their name, a fence shuts their members.

use std::collections::{BTreeMap, BTreeSet};

use super::error::SwitchError;
use super::index_map::Map;
use super::over_snmp::Reading;
use super::switch::{Switch, small};
use super::target::Listed;
use crate::switch::model::port::FdbEntry;
use crate::switch::model::value::Oid;
use crate::switch::profile::Transport;
use crate::switch::snmp::SnmpError;
use crate::types::IfIndex;

/// dot3adAggPortAttachedAggID (IEEE8023-LAG-MIB, IEEE 802.1AX-2014): index ifIndex of the member, value ifIndex of the
/// aggregate to which it is attached.
const ATTACHED: [u32; 11] = [1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13];
/// ifStackStatus (IF-MIB, RFC 2863): index ifStackHigherLayer, ifStackLowerLayer.
const STACK: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 2, 1, 3];

impl Switch {
    /// The aggregates (ifIndex) by their members' ifIndexes, as far as the switch tells.
    pub(in crate::switch) async fn aggregates(&self, map: &Map) -> BTreeMap<u32, u32> {
        let attached = Oid::new(ATTACHED);
        let rows = self.snmp().walk(&attached).await.unwrap_or_default();
        let members = rows
            .iter()
            .filter_map(|(oid, to)| match oid.after(&attached)? {
                [member] => Some((*member, small(to)?)),
                _ => None,
            });
        // A port that is not bundled is attached to nothing, or to itself.
        let mut of: BTreeMap<u32, u32> = members.filter(|(m, to)| *to != 0 && m != to).collect();
        if of.is_empty() && map.ports().any(|(i, _)| map.bridge_port(i).is_none()) {
            let stack = Oid::new(STACK);
            let rows = self.snmp().walk(&stack).await.unwrap_or_default();
            let pairs = rows.iter().filter_map(|(oid, _)| match oid.after(&stack)? {
                [above, below] => Some((*below, *above)),
                _ => None,
            });
            // VLAN interfaces and the like stand on ports too: an aggregate is a bridge port, and its members are not.
            of.extend(pairs.filter(|(below, above)| {
                map.bridge_port(*above).is_some() && map.bridge_port(*below).is_none()
            }));
        }
        of
    }

    /// The aggregate (ifIndex) that this port is a member of, as far as the switch tells: one instance, or the stack of
    /// interfaces for a port that is no bridge port itself.
    ///
    /// # Errors
    /// The switch does not answer.
    pub(in crate::switch) async fn aggregate_of(
        &self,
        if_index: u32,
        map: &Map,
    ) -> Result<Option<u32>, SnmpError> {
        let told = match self.snmp().get(&[Oid::new(ATTACHED).at(&[if_index])]).await {
            Ok(values) => values.first().and_then(small),
            Err(e) if e.is_silence() => return Err(e),
            Err(_) => None,
        };
        match told.filter(|to| *to != 0 && *to != if_index) {
            None if map.bridge_port(if_index).is_none() => {
                Ok(self.aggregates(map).await.get(&if_index).copied())
            }
            to => Ok(to),
        }
    }

    /// The ports (ifName, sorted) that are attached to the interface `if_index`: by IEEE8023-LAG-MIB, else by ifStackTable.
    /// Empty where it is no aggregate, or the switch does not tell.
    ///
    /// # Errors
    /// A request failed.
    pub async fn members_of(&self, if_index: IfIndex) -> Result<Vec<String>, SwitchError> {
        let attached = Oid::new(ATTACHED);
        let mut members = BTreeSet::new();
        for (oid, value) in self.snmp().walk(&attached).await? {
            if let (Some([member]), Some(to)) = (oid.after(&attached), small(&value))
                && to == if_index.0
                && *member != to
            {
                members.insert(*member);
            }
        }
        if members.is_empty() {
            let below = Oid::new(STACK).at(&[if_index.0]);
            for (oid, _) in self.snmp().walk(&below).await? {
                if let Some([member]) = oid.after(&below)
                    && *member != 0
                {
                    members.insert(*member);
                }
            }
        }
        let map = self.map();
        let names = members.iter().filter_map(|m| map.name(*m));
        Ok(names.map(str::to_owned).collect())
    }

    /// The name of the aggregate behind which the MAC address `mac` of the reading is, if `ports` are all its members.
    pub(crate) async fn aggregate_at(
        &self,
        ports: &[&str],
        reading: &Reading,
        mac: usize,
    ) -> Option<String> {
        if reading.over == Transport::Ssh {
            return None;
        }
        let own: Vec<u32> = reading
            .ports
            .iter()
            .filter_map(|p| self.place_of(p))
            .collect();
        let elsewhere = reading.places.get(mac)?.iter();
        let mut elsewhere = elsewhere
            .map(|(_, p)| *p)
            .filter(|p| *p != 0 && !own.contains(p));
        let place = elsewhere.next()?;
        let map = self.map();
        let if_index = map.if_index_at(self.profile(), place)?;
        let members = self.members_of(IfIndex(if_index)).await.ok()?;
        let all = !members.is_empty()
            && members
                .iter()
                .all(|m| ports.iter().any(|p| self.target().same_port(p, m)));
        map.name(if_index).filter(|_| all).map(str::to_owned)
    }

    /// The ifName of the port that the forwarding table calls `place`, where it is known.
    pub(crate) fn name_of_port_at(&self, over: Transport, place: u32) -> Option<String> {
        match over {
            Transport::Ssh => self.name_of_place(place),
            Transport::Snmp => {
                let map = self.map();
                let index = map.if_index_at(self.profile(), place)?;
                map.name(index).map(str::to_owned)
            }
        }
    }

    /// The port that the forwarding table calls `place`, in words.
    pub(crate) fn words_of_place(&self, place: u32) -> String {
        let by_snmp = self.name_of_port_at(Transport::Snmp, place);
        let name = by_snmp.or_else(|| self.name_of_place(place));
        let Some(name) = name else {
            return format!("the port that its forwarding table calls {place}");
        };
        if self.target().listed(&name) == Some(Listed::Uplink) {
            format!(
                "{}:{name} (an uplink: it is behind another switch)",
                self.target().name
            )
        } else {
            format!("{}:{name}", self.target().name)
        }
    }

    /// True if the forwarding table's entry is on the port of this name, however the table spells it.
    pub fn is_on(&self, entry: &FdbEntry, port: &str) -> bool {
        let shown = entry.if_name.as_deref();
        shown.is_some_and(|shown| self.target().same_port(port, shown))
    }
}
