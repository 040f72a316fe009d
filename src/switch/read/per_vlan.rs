//! Forwarding tables that an agent shows VLAN by VLAN (`[snmp.per_vlan]` of the profile): by a community or a context of
//! its own for each. A port is called by its ifIndex here, because every VLAN numbers its bridge ports for itself.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use super::switch::{Switch, small};
use crate::rt::Instant;
use crate::switch::model::port::Place;
use crate::switch::model::value::{Oid, Value, mac_index, mac_of};
use crate::switch::snmp::{Snmp, SnmpError};
use crate::types::{MacAddr, VlanId};

/// VLANs that are asked at the same time.
const AT_ONCE: usize = 4;
/// A VLAN that did not answer (it has no instance of the bridge, or its community or context is not allowed) is left
/// alone for so long: a fence must not wait for it.
const AVOIDED: Duration = Duration::from_secs(300);
/// What stands for a bridge port that is in no table of its VLAN; no ifIndex is as large (InterfaceIndex, RFC 2863).
const NO_PORT: u32 = 0x8000_0000;

/// What the tables of all VLANs say.
#[derive(Debug, Default)]
pub(crate) struct OfVlans {
    /// MAC address, VLAN where there is more than one view, ifIndex.
    pub entries: Vec<(MacAddr, Option<u16>, u32)>,
    /// The VLANs that could not be read, and why.
    pub unread: Vec<(u16, SnmpError)>,
}

/// Rows of a column: index and value.
pub(in crate::switch) type Rows = Vec<(Vec<u32>, Value)>;

impl Switch {
    /// True if MAC addresses have to be asked for VLAN by VLAN.
    pub(in crate::switch) fn is_per_vlan(&self) -> bool {
        self.profile().is_fdb_per_vlan()
    }

    /// What one VLAN says, unless it was silent a moment ago.
    async fn ask_vlan<'a, T>(
        &'a self,
        vlan: u16,
        ask: impl FnOnce(Arc<dyn Snmp>) -> BoxFuture<'a, Result<T, SnmpError>> + Send,
    ) -> Result<Option<T>, SnmpError> {
        let Some(agent) = self.snmp().of_vlan(vlan) else {
            return Ok(None);
        };
        let silent = || {
            let kept = self.silent_vlans().lock();
            kept.unwrap_or_else(PoisonError::into_inner)
        };
        let known = silent().get(&vlan).cloned();
        if let Some((_, e)) = known.filter(|(at, _)| at.elapsed() < AVOIDED) {
            return Err(e);
        }
        let asked = ask(agent).await;
        match &asked {
            Err(e) => silent().insert(vlan, (Instant::now(), e.clone())),
            Ok(_) => silent().remove(&vlan),
        };
        asked.map(Some)
    }

    /// The forwarding table of one VLAN, and its bridge ports.
    async fn fdb_of_vlan(&self, vlan: u16) -> Result<Option<(Rows, Rows)>, SnmpError> {
        let (Some(fdb), Some(base)) = (
            self.profile().object("fdb_1d"),
            self.profile().object("bridge_port"),
        ) else {
            return Ok(None);
        };
        self.ask_vlan(vlan, |agent| {
            async move {
                let learned = agent.walk(&fdb.oid).await?;
                let ports = if learned.is_empty() {
                    Vec::new()
                } else {
                    agent.walk(&base.oid).await?
                };
                Ok((below(&learned, &fdb.oid), below(&ports, &base.oid)))
            }
            .boxed()
        })
        .await
    }

    /// Where one VLAN has these MAC addresses.
    async fn places_in_vlan(
        &self,
        vlan: u16,
        macs: &[MacAddr],
    ) -> Result<Option<Vec<Option<u32>>>, SnmpError> {
        let (Some(fdb), Some(base)) = (
            self.profile().object("fdb_1d"),
            self.profile().object("bridge_port"),
        ) else {
            return Ok(None);
        };
        let oids: Vec<Oid> = macs.iter().map(|m| fdb.oid.at(&mac_index(*m))).collect();
        self.ask_vlan(vlan, |agent| {
            async move {
                let found = agent.get(&oids).await?;
                let ports: Vec<u32> = found.iter().filter_map(small).filter(|p| *p != 0).collect();
                let rows: Vec<Oid> = ports.iter().map(|p| base.oid.at(&[*p])).collect();
                let indexes = if rows.is_empty() {
                    Vec::new()
                } else {
                    agent.get(&rows).await?
                };
                let pairs = ports.into_iter().zip(indexes.iter().map(small));
                let index_of = pairs.filter_map(|(p, i)| Some((p, i?))).collect();
                let places = found.iter().map(|v| Some(place(small(v)?, &index_of)));
                Ok(places.collect())
            }
            .boxed()
        })
        .await
    }

    /// The forwarding tables of all VLANs.
    pub(in crate::switch) async fn fdb_of_vlans(&self, vlans: &[u16]) -> OfVlans {
        let mut all = Vec::new();
        for some in vlans.chunks(AT_ONCE) {
            let asked = some.iter().map(|v| self.fdb_of_vlan(*v).boxed());
            let read = join_all(asked.collect::<Vec<_>>()).await;
            let none = read.iter().all(|r| matches!(r, Err(e) if e.is_silence()));
            all.extend(some.iter().copied().zip(read));
            // It answers for no VLAN at all: the others are not waited for.
            if none && all.len() == some.len() {
                break;
            }
        }
        all.sort_by_key(|(vlan, _)| *vlan);
        let mut out = OfVlans::default();
        let mut views = Vec::new();
        for (vlan, read) in all {
            match read {
                Ok(Some((learned, ports))) if !learned.is_empty() => {
                    views.push((vlan, learned, ports));
                }
                Ok(_) => {}
                Err(e) => out.unread.push((vlan, e)),
            }
        }
        // An agent that has one view for all VLANs (a recording) tells no VLANs.
        let one_view = views.len() > 1 && views.windows(2).all(|w| w[0].1 == w[1].1);
        views.truncate(if one_view { 1 } else { views.len() });
        for (vlan, learned, ports) in views {
            let index_of = index_of(&ports);
            for (index, value) in &learned {
                if let (Some(mac), Some(port)) = (mac_of(index), small(value)) {
                    let vlan = Some(vlan).filter(|_| !one_view);
                    out.entries.push((mac, vlan, place(port, &index_of)));
                }
            }
        }
        out
    }

    /// The forwarding tables of all VLANs as one: MAC address as index, ifIndex as value.
    ///
    /// # Errors
    /// Nothing of them could be read.
    pub(in crate::switch) async fn fdb_rows_of_vlans(&self) -> Result<Rows, SnmpError> {
        let read = self.fdb_of_vlans(&self.map().vlans()).await;
        match read.unread.into_iter().next() {
            Some((_, e)) if read.entries.is_empty() => Err(e),
            _ => {
                let rows = read.entries.into_iter();
                let rows =
                    rows.map(|(mac, _, at)| (mac_index(mac).to_vec(), Value::Uint(at.into())));
                Ok(rows.collect())
            }
        }
    }

    /// For each MAC address, where the VLAN's table has it, or those of all VLANs that the switch lists: by single rows.
    ///
    /// # Errors
    /// No VLAN could be read.
    pub(in crate::switch) async fn places_in_vlans(
        &self,
        macs: &[MacAddr],
        vlan: Option<VlanId>,
    ) -> Result<Vec<Vec<Place>>, SnmpError> {
        let mut places = vec![Vec::new(); macs.len()];
        if macs.is_empty() {
            return Ok(places);
        }
        let vlans = vlan.map_or_else(|| self.map().vlans(), |v| vec![v.0]);
        let (mut any, mut failed) = (false, None);
        for some in vlans.chunks(AT_ONCE) {
            let asked = some.iter().map(|v| self.places_in_vlan(*v, macs).boxed());
            let read = join_all(asked.collect::<Vec<_>>()).await;
            let silent = |r: &Result<_, SnmpError>| matches!(r, Err(e) if e.is_silence());
            let none = !any && failed.is_none() && read.iter().all(silent);
            for (vlan, read) in some.iter().zip(read) {
                match read {
                    Ok(found) => {
                        any = true;
                        for (places, at) in places.iter_mut().zip(found.into_iter().flatten()) {
                            places.extend(at.map(|at| (Some(u32::from(*vlan)), at)));
                        }
                    }
                    Err(e) => failed = failed.or(Some(e)),
                }
            }
            // It answers for no VLAN at all: the others are not waited for.
            if none {
                break;
            }
        }
        match failed {
            Some(e) if !any => Err(e),
            _ => Ok(places),
        }
    }

    /// Bridge ports of all VLANs: (bridge port) and ifIndex, as a walk has them.
    pub(in crate::switch) async fn bases_of_vlans(&self, vlans: &[u16]) -> Rows {
        let Some(base) = self.profile().object("bridge_port").filter(|o| o.per_vlan) else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for some in vlans.chunks(AT_ONCE) {
            let asked = some.iter().map(|v| {
                let ask = |agent: Arc<dyn Snmp>| async move { agent.walk(&base.oid).await }.boxed();
                self.ask_vlan(*v, ask).boxed()
            });
            for read in join_all(asked.collect::<Vec<_>>()).await {
                rows.extend(below(&read.ok().flatten().unwrap_or_default(), &base.oid));
            }
        }
        rows
    }
}

/// Indexes and values of the rows of a column.
fn below(rows: &[(Oid, Value)], column: &Oid) -> Rows {
    let rows = rows.iter();
    rows.filter_map(|(oid, v)| Some((oid.after(column)?.to_vec(), v.clone())))
        .collect()
}

/// Bridge port to ifIndex.
fn index_of(ports: &Rows) -> BTreeMap<u32, u32> {
    let rows = ports.iter();
    rows.filter_map(|(index, v)| Some((*index.first()?, small(v)?)))
        .collect()
}

fn place(port: u32, index_of: &BTreeMap<u32, u32>) -> u32 {
    match port {
        // The switch itself.
        0 => 0,
        port => index_of.get(&port).copied().unwrap_or(NO_PORT | port),
    }
}
