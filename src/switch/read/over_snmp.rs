//! One GET for everything that is asked about some ports, with the names checked in the same answer.

use super::error::SwitchError;
use super::index_map::Map;
use super::switch::{SYS_UPTIME, Switch, small};
use crate::rt::Instant;
use crate::switch::model::port::Place;
use crate::switch::model::port::{Admin, Oper, PortState};
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::{Object, Transport};
use crate::switch::snmp::SnmpError;
use crate::types::{BridgePort, IfIndex, MacAddr, VlanId};

/// One answer about several ports, taken between `started` and `ended`.
pub(crate) struct Reading {
    pub started: Instant,
    pub ended: Instant,
    /// By which way it was read.
    pub over: Transport,
    pub ports: Vec<PortState>,
    /// For each MAC address asked for: where it is.
    pub places: Vec<Vec<Place>>,
    /// Why no place could be asked for; the ports are read all the same.
    pub unread: Option<SnmpError>,
}

impl Switch {
    /// Ports and places of MAC addresses, by the first transport that answers.
    pub(crate) async fn read(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        vlan: Option<VlanId>,
    ) -> Result<Reading, SwitchError> {
        let mut failed = None;
        for transport in self.route("port-status") {
            let read = match transport {
                Transport::Snmp => self.read_over_snmp(ports, macs, vlan).await,
                Transport::Ssh => self.read_over_ssh(ports, macs, vlan).await,
            };
            match read {
                Err(e) if e.is_silence() => failed = failed.or(Some(e)),
                Ok(reading) if failed.is_some() => {
                    self.answered_over(transport);
                    return Ok(reading);
                }
                done => return done,
            }
        }
        Err(failed.unwrap_or_else(|| self.no_way("to read a port")))
    }

    /// The same in one GET. A hint that proves wrong is learned anew, once.
    pub(crate) async fn read_over_snmp(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        vlan: Option<VlanId>,
    ) -> Result<Reading, SwitchError> {
        let mut map = self.whole_map().await;
        let mut fresh = false;
        if ports.is_empty() && map.is_empty() {
            map = self.learn_map().await?;
        }
        loop {
            if !fresh
                && ports
                    .iter()
                    .any(|p| map.if_indexes(self.target(), p).len() != 1)
            {
                map = self.learn_map().await?;
                fresh = true;
            }
            match self.read_by(&map, ports, macs, vlan).await {
                Err(SwitchError::Moving { .. }) if !fresh => {}
                Ok(reading) if !fresh && self.is_base_outdated(&map, &reading) => {}
                done => return done,
            }
            map = self.learn_map().await?;
            fresh = true;
        }
    }

    /// True if the map has a bridge port for one of the ports and the switch just said that it is another's.
    fn is_base_outdated(&self, map: &Map, reading: &Reading) -> bool {
        self.base_object().is_some()
            && reading
                .ports
                .iter()
                .any(|p| p.bridge_port.is_none() && map.bridge_port(p.if_index.0).is_some())
    }

    /// dot1dBasePortIfIndex, where one table has it for all VLANs.
    fn base_object(&self) -> Option<&Object> {
        let object = self.profile().object("bridge_port")?;
        Some(object).filter(|o| !o.per_vlan)
    }

    async fn read_by(
        &self,
        map: &Map,
        ports: &[&str],
        macs: &[MacAddr],
        vlan: Option<VlanId>,
    ) -> Result<Reading, SwitchError> {
        let mut oids = vec![Oid::new(SYS_UPTIME)];
        let mut asked = Vec::new();
        for port in ports {
            let (ask, more) = self.ask(map, port)?;
            asked.push((ask, oids.len()));
            oids.extend(more);
        }
        let mut tables = Vec::new();
        for mac in macs {
            let instances = map.fdb_instances(self.profile(), *mac, vlan);
            tables.push((
                oids.len(),
                instances.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            ));
            oids.extend(instances.into_iter().map(|(_, oid)| oid));
        }
        let started = Instant::now();
        let values = self.snmp().get(&oids).await?;
        let (in_vlans, unread) = match self.is_per_vlan() {
            true => match self.places_in_vlans(macs, vlan).await {
                Ok(places) => (places, None),
                Err(e) => (Vec::new(), Some(e)),
            },
            false => (Vec::new(), None),
        };
        let ended = Instant::now();
        let uptime = small(&values[0]);
        let ports = asked
            .iter()
            .map(|(ask, at)| self.answered(ask, &oids[*at..], &values[*at..], uptime))
            .collect::<Result<_, _>>()?;
        let mut places: Vec<Vec<Place>> = tables
            .into_iter()
            .map(|(at, ids)| {
                ids.into_iter()
                    .zip(&values[at..])
                    .filter_map(|(id, v)| Some((id, small(v)?)))
                    .collect()
            })
            .collect();
        for (places, more) in places.iter_mut().zip(in_vlans) {
            places.extend(more);
        }
        Ok(Reading {
            started,
            ended,
            over: Transport::Snmp,
            ports,
            places,
            unread,
        })
    }

    /// What to ask about one port: its status objects, and whether the map is right about its bridge port.
    fn ask<'a>(&self, map: &Map, port: &'a str) -> Result<(Ask<'a>, Vec<Oid>), SwitchError> {
        let switch = || self.target().name.clone();
        let if_index = match map.if_indexes(self.target(), port).as_slice() {
            [one] => *one,
            [] => {
                return Err(SwitchError::NoSuchPort {
                    switch: switch(),
                    port: port.to_owned(),
                    there: map.near(port),
                });
            }
            many => {
                return Err(SwitchError::Ambiguous {
                    switch: switch(),
                    port: port.to_owned(),
                    indexes: many
                        .iter()
                        .map(u32::to_string)
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            }
        };
        let profile = self.profile();
        let status = profile.snmp_op("port-status");
        let mut oids: Vec<Oid> = status
            .into_iter()
            .flat_map(|op| &op.read)
            .filter_map(|name| Some(profile.object(name)?.oid.at(&[if_index])))
            .collect();
        let base = map.bridge_port(if_index);
        if let (Some(base), Some(object)) = (base, self.base_object()) {
            oids.push(object.oid.at(&[base]));
        }
        Ok((
            Ask {
                port,
                name: map.name(if_index).unwrap_or(port).to_owned(),
                if_index,
                base,
            },
            oids,
        ))
    }

    fn answered(
        &self,
        ask: &Ask<'_>,
        oids: &[Oid],
        values: &[Value],
        uptime: Option<u32>,
    ) -> Result<PortState, SwitchError> {
        let profile = self.profile();
        let find = |name: &str| {
            let oid = profile.object(name)?.oid.at(&[ask.if_index]);
            let at = oids.iter().position(|o| *o == oid)?;
            Some((oid, values.get(at)?))
        };
        let missing = |object: String, value: &Value| SwitchError::Missing {
            switch: self.target().name.clone(),
            port: ask.port.to_owned(),
            object,
            came_back: value.to_string(),
        };
        let name = find("name").and_then(|(_, v)| v.text());
        if name.as_deref() != Some(ask.name.as_str()) {
            return Err(SwitchError::Moving {
                switch: self.target().name.clone(),
                port: ask.port.to_owned(),
                found: name.unwrap_or_else(|| "nothing".into()),
            });
        }
        let status = |what: &str| {
            let (oid, value) =
                find(what).ok_or_else(|| missing(what.to_owned(), &Value::Absent))?;
            value.number().ok_or_else(|| missing(oid.named(), value))
        };
        // Where every VLAN has a table of its own, nothing rests on the bridge port, and no one row says it.
        let unchecked = self.base_object().is_none() && profile.object("bridge_port").is_some();
        let base = ask.base.filter(|base| {
            if unchecked {
                return true;
            }
            let oid = profile.object("bridge_port").map(|o| o.oid.at(&[*base]));
            let at = oids.iter().position(|o| Some(o) == oid.as_ref());
            at.and_then(|at| small(values.get(at)?)) == Some(ask.if_index)
        });
        Ok(PortState {
            if_name: ask.name.clone(),
            if_index: IfIndex(ask.if_index),
            bridge_port: base.map(BridgePort),
            if_alias: None,
            tag: None,
            admin: Admin::from(status("admin")?),
            oper: Oper::from(status("oper")?),
            last_change_cs: find("last_change").and_then(|(_, v)| small(v)),
            sys_uptime_cs: uptime,
            place: self.place_number(&ask.name, ask.if_index, base),
            alias_octets: None,
        }
        .with_alias(find("alias").and_then(|(_, v)| Some(v.bytes()?.to_vec()))))
    }
}

struct Ask<'a> {
    /// As it was asked for.
    port: &'a str,
    /// As the switch spells it.
    name: String,
    if_index: u32,
    base: Option<u32>,
}
