//! One switch: its ports by name, its forwarding table, one writer at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::SwitchError;
use super::index_map::{Map, Relearn, panel_number};
use super::silent_vlans::SilentVlans;
use super::target::SwitchTarget;
use crate::host::Datagrams;
use crate::rt::Instant;
use crate::switch::model::port::{FdbEntry, Learned, PortIdentity, PortState, SystemInfo};
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::{FdbId, FdbPort, Profile, Transport};
use crate::switch::snmp::target::Credentials;
use crate::switch::snmp::{Snmp, SnmpError, UdpSnmp};
use crate::switch::ssh::Cli;
use crate::types::{IfIndex, MacAddr, VlanId};

pub(in crate::switch) const SYS_UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// One switch. Cheap to clone; all clones share the socket, the map of names and the right to write.
#[derive(Clone)]
pub struct Switch {
    inner: Arc<Inner>,
}

struct Inner {
    target: SwitchTarget,
    /// Where its SNMP goes instead of over a socket.
    way: Option<Arc<dyn Datagrams>>,
    snmp: Box<dyn Snmp>,
    map: Mutex<Arc<Map>>,
    relearn: Mutex<Relearn>,
    writer: tokio::sync::Mutex<()>,
    cli: Option<Cli>,
    /// Names of ports as places of the command line's forwarding table.
    names: Mutex<Vec<String>>,
    /// VLANs whose tables could not be read a moment ago.
    silent_vlans: SilentVlans,
    /// The transport that answered last, by which the next reading begins for a while.
    answered: Mutex<Option<(Transport, Instant)>>,
}

/// How long a transport that was silent is not the first to be tried.
const AVOIDED: Duration = Duration::from_secs(30);

impl Switch {
    /// For this target; sends nothing yet.
    pub fn new(target: SwitchTarget) -> Switch {
        Switch::by(target, None)
    }

    /// The same, whose SNMP goes over these datagrams instead of a socket, where there are any.
    pub fn by(target: SwitchTarget, way: Option<Arc<dyn Datagrams>>) -> Switch {
        let snmp = Box::new(UdpSnmp::by(target.snmp(), way.clone()));
        Switch::made(target, snmp, way)
    }

    /// The same over another transport.
    pub fn over(target: SwitchTarget, snmp: Box<dyn Snmp>) -> Switch {
        Switch::made(target, snmp, None)
    }

    fn made(target: SwitchTarget, snmp: Box<dyn Snmp>, way: Option<Arc<dyn Datagrams>>) -> Switch {
        let cli = match (&target.ssh, &target.profile.cli) {
            (Some(ssh), Some(rules)) => Some(Cli::new(ssh.clone(), Arc::clone(rules))),
            _ => None,
        };
        Switch {
            inner: Arc::new(Inner {
                cli,
                names: Mutex::default(),
                answered: Mutex::default(),
                silent_vlans: SilentVlans::default(),
                target,
                way,
                snmp,
                map: Mutex::default(),
                relearn: Mutex::default(),
                writer: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// The same switch over connections of its own: what is slow there keeps nobody here from writing.
    pub fn beside(&self) -> Switch {
        Switch::by(self.target().clone(), self.inner.way.clone())
    }

    /// What it was made for.
    pub fn target(&self) -> &SwitchTarget {
        &self.inner.target
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.inner.target.profile
    }

    pub(crate) fn snmp(&self) -> &dyn Snmp {
        &*self.inner.snmp
    }

    pub(crate) fn cli_if_any(&self) -> Option<&Cli> {
        self.inner.cli.as_ref()
    }

    pub(in crate::switch) fn silent_vlans(&self) -> &SilentVlans {
        &self.inner.silent_vlans
    }

    /// What changed about the SNMPv3 engine of its agent since this was asked last, in words for a person.
    pub fn engine_news(&self) -> Option<String> {
        self.snmp().engine_news()
    }

    pub(in crate::switch) fn names(&self) -> &Mutex<Vec<String>> {
        &self.inner.names
    }

    /// The transports that can do `op`, in the order in which they are tried now: one that was silent a moment ago
    /// comes after one that answered.
    pub(crate) fn route(&self, op: &str) -> Vec<Transport> {
        let mut route = self.target().transports(op);
        let answered = *self
            .inner
            .answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((transport, at)) = answered
            && at.elapsed() < AVOIDED
        {
            route.sort_by_key(|t| *t != transport);
        }
        route
    }

    /// Notes that `transport` answered after another was silent.
    pub(in crate::switch) fn answered_over(&self, transport: Transport) {
        *self
            .inner
            .answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((transport, Instant::now()));
    }

    pub(in crate::switch) fn no_way(&self, what: &str) -> SwitchError {
        SwitchError::NoWay {
            switch: self.target().name.clone(),
            what: what.to_owned(),
            profile: self.profile().name.clone(),
        }
    }

    /// The right to write to this switch; hold it from the reading that a write rests on to the write's end.
    pub(crate) async fn writer(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.writer.lock().await
    }

    /// Who the switch says it is, in one GET.
    ///
    /// # Errors
    /// The request failed. What a switch does not tell is empty.
    pub async fn system(&self) -> Result<SystemInfo, SwitchError> {
        if matches!(self.target().credentials, Credentials::Off) {
            return self.system_over_ssh().await;
        }
        let oids = [
            Oid::new([1, 3, 6, 1, 2, 1, 1, 5, 0]),
            Oid::new([1, 3, 6, 1, 2, 1, 1, 1, 0]),
            Oid::new([1, 3, 6, 1, 2, 1, 1, 2, 0]),
            Oid::new(SYS_UPTIME),
            Oid::new([1, 3, 6, 1, 6, 3, 10, 2, 1, 2, 0]),
        ];
        let v = self.snmp().get(&oids).await?;
        Ok(SystemInfo {
            sys_name: v[0].text().unwrap_or_default(),
            sys_descr: v[1].text().unwrap_or_default(),
            sys_object_id: match &v[2] {
                Value::Oid(oid) => oid.to_string(),
                _ => String::new(),
            },
            sys_uptime_cs: small(&v[3]).unwrap_or_default(),
            engine_boots: small(&v[4]),
        })
    }

    /// One port, in one GET as long as its ifIndex has not changed since the last call.
    ///
    /// # Errors
    /// The request failed, no port or several have this name, or the switch does not tell its state.
    pub async fn port(&self, name: &str) -> Result<PortState, SwitchError> {
        Ok(self.read(&[name], &[], None).await?.ports.remove(0))
    }

    /// Several ports, in one GET.
    ///
    /// # Errors
    /// As [`Switch::port`], for the first port that has one.
    pub async fn ports(&self, names: &[&str]) -> Result<Vec<PortState>, SwitchError> {
        Ok(self.read(names, &[], None).await?.ports)
    }

    /// Where the forwarding table has this MAC address, by GETs of its instances: in the given VLAN, or in all that
    /// the switch lists. Empty if it is nowhere, or if the switch does not tell.
    ///
    /// # Errors
    /// The request failed.
    pub async fn where_is(
        &self,
        mac: MacAddr,
        vlan: Option<VlanId>,
    ) -> Result<Vec<FdbEntry>, SwitchError> {
        let reading = self.read(&[], &[mac], vlan).await?;
        if let Some(e) = reading.unread {
            return Err(e.into());
        }
        let map = self.map();
        let places: Vec<_> = reading.places.into_iter().flatten().collect();
        // An agent may have an entry in the table of BRIDGE-MIB, which knows no VLAN, and in that of Q-BRIDGE-MIB too.
        let again = |place: &(Option<u32>, u32)| {
            place.0.is_none() && places.iter().any(|p| p.0.is_some() && p.1 == place.1)
        };
        Ok(places
            .iter()
            .filter(|p| !again(p))
            .copied()
            .map(|(fdb_id, port_number)| {
                let (if_index, if_name) = match reading.over {
                    Transport::Ssh => (None, self.name_of_place(port_number)),
                    Transport::Snmp => {
                        let index = map.if_index_at(self.profile(), port_number);
                        (index, index.and_then(|i| map.name(i)).map(str::to_owned))
                    }
                };
                FdbEntry {
                    fdb_id,
                    port_number,
                    if_index: if_index.map(IfIndex),
                    if_name,
                }
            })
            .collect())
    }

    /// All MAC addresses learned on a port, sorted, by a walk of the forwarding table.
    ///
    /// # Errors
    /// As [`Switch::port`].
    pub async fn macs_on(&self, port: &str) -> Result<Vec<MacAddr>, SwitchError> {
        let state = self.port(port).await?;
        self.macs_of(&state).await
    }

    /// As [`Switch::learned_on`], where what cannot be read counts as nothing: for those who only look for a MAC address
    /// that is there.
    pub(crate) async fn macs_of(&self, port: &PortState) -> Result<Vec<MacAddr>, SwitchError> {
        match self.learned_on(port).await {
            Ok(Learned::These(macs)) => Ok(macs),
            Ok(Learned::Unreadable(_)) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// The port as it is now, for the journal while all is healthy.
    ///
    /// # Errors
    /// As [`Switch::port`].
    pub async fn identity(&self, port: &str) -> Result<PortIdentity, SwitchError> {
        let state = self.port(port).await?;
        Ok(PortIdentity {
            macs: self.macs_of(&state).await?,
            if_name: state.if_name,
            if_index: state.if_index,
            if_alias: state.if_alias,
        })
    }

    /// The number by which the forwarding table calls this port.
    pub(crate) fn place_of(&self, port: &PortState) -> Option<u32> {
        port.place
    }

    pub(in crate::switch) fn place_number(
        &self,
        name: &str,
        if_index: u32,
        bridge_port: Option<u32>,
    ) -> Option<u32> {
        match self.profile().snmp.fdb.port {
            _ if self.is_per_vlan() => Some(if_index),
            FdbPort::IfIndex => Some(if_index),
            FdbPort::BasePort => bridge_port,
            FdbPort::Panel => bridge_port.and_then(|_| panel_number(name)),
        }
    }

    pub(in crate::switch) async fn walk(
        &self,
        object: &str,
    ) -> Result<Vec<(Vec<u32>, Value)>, SnmpError> {
        let Some(object) = self.profile().object(object) else {
            return Ok(Vec::new());
        };
        if self.is_per_vlan() && self.profile().object("fdb_1d") == Some(object) {
            return self.fdb_rows_of_vlans().await;
        }
        let rows = self.snmp().walk(&object.oid).await?;
        Ok(rows
            .into_iter()
            .filter_map(|(oid, v)| Some((oid.after(&object.oid)?.to_vec(), v)))
            .collect())
    }

    pub(in crate::switch) fn map(&self) -> Arc<Map> {
        // A map is replaced whole, so that even after a panic elsewhere it is a usable one.
        Arc::clone(
            &self
                .inner
                .map
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(in crate::switch) async fn learn_map(&self) -> Result<Arc<Map>, SwitchError> {
        let (names, base, tables) =
            futures_util::try_join!(self.walk("name"), self.walk("bridge_port"), self.tables())?;
        let mut map = Map::new(&names, &base, &tables);
        if tables.is_empty() && self.profile().object("fdb").is_some() {
            // It lists neither VLANs nor tables: what its entries are numbered by.
            let learned = self.walk("fdb").await.unwrap_or_default();
            map.add_tables(learned.iter().filter_map(|(i, _)| i.first().copied()));
        }
        self.set_map(map)
    }

    /// The map; learned again where the switch had one of its tables empty, as one that boots has. Where that fails, or
    /// finds no more, it stays as it was.
    pub(in crate::switch) async fn whole_map(&self) -> Arc<Map> {
        let due = self.relearn().is_due();
        match due {
            true => self.learn_map().await.unwrap_or_else(|_| self.map()),
            false => self.map(),
        }
    }

    fn relearn(&self) -> MutexGuard<'_, Relearn> {
        let relearn = self.inner.relearn.lock();
        relearn.unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::switch) fn set_map(&self, map: Map) -> Result<Arc<Map>, SwitchError> {
        self.relearn().learned(map.is_whole(self.profile()));
        let map = Arc::new(map);
        *self
            .inner
            .map
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::clone(&map);
        Ok(map)
    }

    /// VLANs and their filtering databases; where the switch lists only VLANs, each is its own.
    async fn tables(&self) -> Result<Vec<(Vec<u32>, Value)>, SnmpError> {
        if self.profile().snmp.fdb.id == FdbId::Table {
            let tables = self.walk("vlan_fdb").await?;
            if !tables.is_empty() {
                return Ok(tables);
            }
        }
        let mut vlans = self.walk("vlan_row").await?;
        if self.is_per_vlan() {
            // vtpVlanState: 1 operational. Of the others there is no table to ask.
            vlans.retain(|(_, v)| small(v) == Some(1));
        }
        Ok(vlans
            .into_iter()
            .filter_map(|(i, _)| Some((i.clone(), Value::Uint(u64::from(*i.last()?)))))
            .collect())
    }
}

pub(in crate::switch) fn small(v: &Value) -> Option<u32> {
    u32::try_from(v.number()?).ok()
}
