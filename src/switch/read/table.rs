//! Every port of a switch in one table, as far as the switch tells: `standin switch ports`.
//!
//! Columns are walked whole, a few requests each. What a switch does not have is `null`, never a guess.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::error::SwitchError;
use super::learned::Forwarding;
use super::switch::{Switch, small};
use crate::switch::model::port::{Admin, LearnedMac, Oper};
use crate::switch::model::tag;
use crate::switch::model::value::Value;
use crate::switch::profile::{BitOf, Index, Transport};
use crate::switch::render::portlist;

/// One port, as far as the switch tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortRow {
    /// ifName.
    pub if_name: String,
    /// ifIndex; 0, in JSON `null`, where the switch was read over a command line that goes by names.
    #[serde(serialize_with = "known")]
    pub if_index: u32,
    /// dot1dBasePort.
    pub bridge_port: Option<u32>,
    /// ifAlias without our tag.
    pub if_alias: Option<String>,
    /// ifAdminStatus.
    pub admin: Option<Admin>,
    /// ifOperStatus.
    pub oper: Option<Oper>,
    /// The VLAN of untagged frames that come in.
    pub pvid: Option<u32>,
    /// VLANs that leave it untagged, sorted.
    pub untagged: Option<Vec<u32>>,
    /// VLANs that leave it tagged, sorted.
    pub tagged: Option<Vec<u32>>,
    /// What was learned on it, or on the aggregate that it is a member of, sorted.
    pub macs: Option<Vec<LearnedMac>>,
    /// Why that cannot be told, where it cannot.
    #[serde(skip)]
    pub macs_unread: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn known<S: serde::Serializer>(if_index: &u32, to: S) -> Result<S::Ok, S::Error> {
    Some(*if_index).filter(|i| *i != 0).serialize(to)
}

/// VLAN to the numbers of the ports in it.
type Members = BTreeMap<u32, BTreeSet<u32>>;

impl Switch {
    /// Every interface that has a name, by ifIndex. Reads, and writes nothing.
    ///
    /// # Errors
    /// A request failed.
    pub async fn port_table(&self) -> Result<Vec<PortRow>, SwitchError> {
        let mut failed = None;
        for transport in self.target().readable() {
            let read = match transport {
                Transport::Snmp => self.port_table_over_snmp().await,
                Transport::Ssh => self.port_table_over_ssh().await,
            };
            match read {
                Err(e) if e.is_silence() => failed = failed.or(Some(e)),
                done => return done,
            }
        }
        Err(failed.unwrap_or_else(|| self.no_way("to list the ports")))
    }

    /// One port as [`Switch::port_table`] has it; `None` if no interface has this name. A command line is asked for
    /// this port alone, because some take seconds to show all.
    ///
    /// # Errors
    /// A request failed.
    pub async fn port_row(&self, name: &str) -> Result<Option<PortRow>, SwitchError> {
        if self.target().readable().first() == Some(&Transport::Ssh) {
            match self.port_row_over_ssh(name).await {
                Ok(Some(row)) => return Ok(Some(row)),
                // It does not tell, or not now: the table may, by another way.
                Ok(None) => {}
                Err(e) if e.is_silence() => {}
                Err(e) => return Err(e),
            }
        }
        let table = self.port_table().await?;
        let row = self.rows_named(&table, name).first().map(|r| (*r).clone());
        Ok(row)
    }

    /// The rows of the port with this name: exactly, or else in another spelling of it.
    pub fn rows_named<'a>(&self, table: &'a [PortRow], name: &str) -> Vec<&'a PortRow> {
        let exact: Vec<&PortRow> = table.iter().filter(|r| r.if_name == name).collect();
        if !exact.is_empty() {
            return exact;
        }
        let same = |r: &&PortRow| self.target().same_port(&r.if_name, name);
        table.iter().filter(same).collect()
    }

    async fn port_table_over_snmp(&self) -> Result<Vec<PortRow>, SwitchError> {
        let mut map = self.learn_map().await?;
        if self.is_per_vlan() {
            let more = self.bases_of_vlans(&map.vlans()).await;
            let mut whole = (*map).clone();
            whole.add_bases(&more);
            map = self.set_map(whole)?;
        }
        let (alias, admin, oper) =
            futures_util::try_join!(self.walk("alias"), self.walk("admin"), self.walk("oper"))?;
        let (pvid, egress, untagged) = futures_util::try_join!(
            self.pvids(),
            self.members("egress"),
            self.members("untagged")
        )?;
        let macs = match self.forwarding(&map).await {
            Ok(macs) => macs,
            Err(e) => Forwarding::unread(e.to_string()),
        };
        let lags = self.aggregates(&map).await;
        let by_index = |rows: Vec<(Vec<u32>, Value)>| -> BTreeMap<u32, Value> {
            rows.into_iter()
                .filter_map(|(i, v)| Some((*i.first()?, v)))
                .collect()
        };
        let (alias, admin, oper) = (by_index(alias), by_index(admin), by_index(oper));
        let rows = map.ports().map(|(if_index, name)| {
            let bridge_port = map.bridge_port(if_index);
            let number = self.list_number(name, if_index, bridge_port);
            let vlans = |members: &Members| -> Option<BTreeSet<u32>> {
                let number = number?;
                Some(
                    members
                        .iter()
                        .filter(|(_, m)| m.contains(&number))
                        .map(|(v, _)| *v)
                        .collect(),
                )
            };
            let untagged_in = untagged.as_ref().and_then(vlans);
            let tagged = egress.as_ref().and_then(vlans).zip(untagged_in.as_ref());
            let on_it = macs.on(
                self,
                &map,
                (name, if_index, bridge_port),
                lags.get(&if_index).copied(),
            );
            PortRow {
                if_name: name.to_owned(),
                if_index,
                bridge_port,
                if_alias: alias
                    .get(&if_index)
                    .and_then(Value::bytes)
                    .map(|octets| String::from_utf8_lossy(tag::split(octets).0).into_owned()),
                admin: admin
                    .get(&if_index)
                    .and_then(Value::number)
                    .map(Admin::from),
                oper: oper.get(&if_index).and_then(Value::number).map(Oper::from),
                pvid: pvid.as_ref().and_then(|(by_base, of)| {
                    of.get(&if *by_base { bridge_port? } else { if_index })
                        .copied()
                }),
                tagged: tagged.map(|(all, plain)| all.difference(plain).copied().collect()),
                untagged: untagged_in.map(|v| v.into_iter().collect()),
                macs_unread: on_it.as_ref().err().cloned(),
                macs: on_it.ok(),
            }
        });
        Ok(rows.collect())
    }

    /// The VLANs of the ports, and whether they are found by bridge port (else by ifIndex).
    async fn pvids(&self) -> Result<Option<(bool, BTreeMap<u32, u32>)>, SwitchError> {
        // Some models of a family answer the standard's object (dot1qPvid) and not the vendor's.
        for name in ["pvid", "pvid_std"] {
            let Some(object) = self.profile().object(name) else {
                continue;
            };
            let rows = self.walk(name).await?;
            if !rows.is_empty() {
                let found = rows
                    .into_iter()
                    .filter_map(|(i, v)| Some((*i.first()?, small(&v)?)));
                return Ok(Some((object.index == [Index::BasePort], found.collect())));
            }
        }
        Ok(None)
    }

    /// The members of every VLAN: as they are in force where the switch tells, else as configured.
    async fn members(&self, what: &str) -> Result<Option<Members>, SwitchError> {
        for object in [format!("{what}_now"), what.to_owned()] {
            let rows = self.walk(&object).await?;
            let rule = self.profile().snmp.portlist;
            let decoded: Members = rows
                .iter()
                .filter_map(|(index, value)| {
                    let Value::Bytes(octets) = value else {
                        return None;
                    };
                    Some((
                        self.vlan_of_row(&object, index)?,
                        portlist::numbers(rule, octets)?,
                    ))
                })
                .collect();
            if !decoded.is_empty() {
                return Ok(Some(decoded));
            }
        }
        Ok(None)
    }

    /// The VLAN that a row of a VLAN table is about.
    fn vlan_of_row(&self, object: &str, index: &[u32]) -> Option<u32> {
        let by_interface = self
            .profile()
            .object(object)
            .is_some_and(|o| o.index.contains(&Index::VlanIf));
        let last = *index.last()?;
        if !by_interface {
            return Some(last);
        }
        let map = self.map();
        let name = map.name(last)?;
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.parse().ok()
    }

    /// The number that stands for a port in PortLists.
    fn list_number(&self, name: &str, if_index: u32, bridge_port: Option<u32>) -> Option<u32> {
        let rules = &self.profile().snmp;
        match rules.portlist.bit {
            BitOf::BasePort => bridge_port,
            BitOf::IfIndex => Some(if_index),
            BitOf::SlotPort => {
                let found = rules.slot_port.as_ref()?.captures(name)?;
                found.name("port")?.as_str().parse().ok()
            }
        }
    }
}
