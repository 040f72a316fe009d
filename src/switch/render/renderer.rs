//! Renders one operation of one profile for one scene: instances, steps, proofs. Pure.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::portlist;
use super::{Expected, PortNumbers, Proof, RenderError, Rendered, Scene, SetVar};
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::{Index, Kind, Object, Op, Profile, Row, Step, VlanOf, Want};

/// Renders one operation of one profile for one scene.
pub struct Renderer<'a> {
    pub(super) profile: &'a Profile,
    name: &'a str,
    op: &'a Op,
    pub(super) scene: &'a Scene,
}

impl<'a> Renderer<'a> {
    /// For the operation `name`.
    ///
    /// # Errors
    /// The profile has no such operation over SNMP.
    pub fn new(
        profile: &'a Profile,
        name: &'a str,
        scene: &'a Scene,
    ) -> Result<Renderer<'a>, RenderError> {
        let op = profile.snmp_op(name).ok_or_else(|| RenderError {
            profile: profile.name.clone(),
            op: name.to_owned(),
            why: "it has no such operation over SNMP".into(),
        })?;
        Ok(Renderer {
            profile,
            name,
            op,
            scene,
        })
    }

    pub(super) fn error(&self, why: impl Into<String>) -> RenderError {
        RenderError {
            profile: self.profile.name.clone(),
            op: self.name.to_owned(),
            why: why.into(),
        }
    }

    pub(super) fn port(&self) -> Result<&'a PortNumbers, RenderError> {
        self.scene
            .port
            .as_ref()
            .ok_or_else(|| self.error("it is about a port, and none is named"))
    }

    /// The VLANs for which a row stands: one, or for `each = "old"` each that the port leaves.
    fn vlan(&self, row: &Row, old: Option<u16>) -> Result<Option<u16>, RenderError> {
        Ok(match row.vlan {
            None => None,
            Some(VlanOf::Number(n)) => Some(n),
            Some(VlanOf::New) => Some(
                self.scene
                    .new
                    .ok_or_else(|| self.error("it needs a VLAN, and none is named"))?,
            ),
            Some(VlanOf::Old) => Some(old.ok_or_else(|| {
                self.error("it needs the VLAN that the port is in, and the switch does not tell")
            })?),
        })
    }

    pub(super) fn object(&self, name: &str) -> Result<&'a Object, RenderError> {
        self.profile
            .object(name)
            .ok_or_else(|| self.error(format!("it has no object `{name}`")))
    }

    /// Every instance that is written or must read back, with the object's name; read them into [`Scene::now`].
    ///
    /// # Errors
    /// The scene lacks what an index needs.
    pub fn instances(&self) -> Result<Vec<(String, Oid)>, RenderError> {
        let mut out: Vec<(String, Oid)> = Vec::new();
        for (row, old) in self.rows() {
            if self.is_left_out(row, old)? {
                continue;
            }
            let oid = self.instance(&row.object, self.vlan(row, old)?)?;
            if !out.iter().any(|(_, o)| *o == oid) {
                out.push((row.object.clone(), oid));
            }
        }
        if self.op.prove.iter().any(|row| row.while_up) {
            let oid = self.instance("oper", None)?;
            if !out.iter().any(|(_, o)| *o == oid) {
                out.push(("oper".into(), oid));
            }
        }
        Ok(out)
    }

    fn is_left_out(&self, row: &Row, old: Option<u16>) -> Result<bool, RenderError> {
        let untold = row.where_told && self.scene.untold.contains(&row.object);
        let vlan = self.vlan(row, old)?;
        Ok(untold || vlan.is_some_and(|v| row.unless_vlan.contains(&v)))
    }

    /// Every row of every step and of the proof, each with the old VLAN it stands for.
    fn rows(&self) -> Vec<(&'a Row, Option<u16>)> {
        let mut out = Vec::new();
        for step in &self.op.steps {
            if let Step::Pdu { rows, each_old, .. } = step {
                for old in self.olds(*each_old) {
                    out.extend(rows.iter().map(|r| (r, old)));
                }
            }
        }
        for row in &self.op.prove {
            for old in self.olds(row.vlan == Some(VlanOf::Old)) {
                out.push((row, old));
            }
        }
        out
    }

    fn olds(&self, each: bool) -> Vec<Option<u16>> {
        let old = &self.scene.old;
        if each {
            old.iter().copied().map(Some).collect()
        } else {
            vec![old.first().copied()]
        }
    }

    /// The steps with all their values. PortLists are read-modify-written: each row goes on from what the rows before
    /// it made of the list.
    ///
    /// # Errors
    /// The scene lacks something, or a value does not fit its object.
    pub fn steps(&self) -> Result<Vec<Rendered>, RenderError> {
        let mut lists: BTreeMap<Oid, Vec<u8>> = self.received_lists()?;
        let mut out = Vec::new();
        for step in &self.op.steps {
            match step {
                Step::Wait(pause) => out.push(Rendered::Wait(*pause)),
                Step::Poll {
                    object,
                    until,
                    fail,
                    within,
                } => out.push(Rendered::Poll {
                    oid: self.instance(object, None)?,
                    until: until.clone(),
                    fail: fail.clone(),
                    within: *within,
                }),
                Step::Pdu {
                    rows,
                    reply_counts,
                    each_old,
                } => {
                    for old in self.olds(*each_old) {
                        let mut vars = Vec::new();
                        for row in rows {
                            if !self.is_left_out(row, old)? {
                                vars.push(self.set_var(row, old, &mut lists)?);
                            }
                        }
                        if !vars.is_empty() {
                            out.push(Rendered::Pdu {
                                vars,
                                reply_counts: *reply_counts,
                            });
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    /// The PortLists that were read, all as long as the longest: an agent that trims takes padded ones too, and one
    /// that does not refuses short ones. What is only read back (a row with a time mark) has a length of its own.
    fn received_lists(&self) -> Result<BTreeMap<Oid, Vec<u8>>, RenderError> {
        let mut out = BTreeMap::new();
        for (name, oid) in self.instances()? {
            let object = self.object(&name)?;
            if object.kind == Kind::PortList
                && !object.index.contains(&Index::TimeMark)
                && let Some(Value::Bytes(octets)) = self.scene.now.get(&oid)
            {
                out.insert(oid, octets.clone());
            }
        }
        let longest = out.values().map(Vec::len).max().unwrap_or(0);
        for list in out.values_mut() {
            *list = portlist::padded(self.profile.snmp.portlist, std::mem::take(list), longest);
        }
        Ok(out)
    }

    fn set_var(
        &self,
        row: &Row,
        old: Option<u16>,
        lists: &mut BTreeMap<Oid, Vec<u8>>,
    ) -> Result<SetVar, RenderError> {
        let object = self.object(&row.object)?;
        let oid = self.instance(&row.object, self.vlan(row, old)?)?;
        let value = match &row.want {
            Want::Bit(on) => {
                let number = self.list_number()?;
                let list = lists.entry(oid.clone()).or_default();
                let changed = portlist::with(self.profile.snmp.portlist, list, number, *on);
                *list = changed.ok_or_else(|| {
                    self.error(format!("{} cannot name port {number}", oid.named()))
                })?;
                Value::Bytes(list.clone())
            }
            Want::Any(values) => {
                let text = values.first().map_or("", String::as_str);
                self.value(object.kind, text, &row.object, old)?
            }
        };
        Ok(SetVar {
            object: row.object.clone(),
            oid,
            kind: object.kind,
            value,
        })
    }

    fn value(
        &self,
        kind: Kind,
        text: &str,
        object: &str,
        old: Option<u16>,
    ) -> Result<Value, RenderError> {
        if text == "{alias}" {
            return Ok(Value::Bytes(self.scene.alias.clone()));
        }
        let filled = self.filled(text, old)?;
        let value = match kind {
            Kind::I32 => filled.parse::<i32>().ok().map(|n| Value::Int(n.into())),
            Kind::U32 => filled.parse::<u32>().ok().map(|n| Value::Uint(n.into())),
            Kind::Text | Kind::PortList => Some(Value::Bytes(filled.clone().into_bytes())),
            Kind::Octets => hex(&filled).map(Value::Bytes),
            Kind::Ip => filled
                .parse::<Ipv4Addr>()
                .ok()
                .map(|a| Value::Bytes(a.octets().to_vec())),
            Kind::Ticks => None,
        };
        value.ok_or_else(|| self.error(format!("`{filled}` does not fit `{object}`")))
    }

    /// A row's text with its variables filled in.
    fn filled(&self, text: &str, old: Option<u16>) -> Result<String, RenderError> {
        let mut out = text.to_owned();
        let name_of = |v: Option<u16>| v.and_then(|v| self.scene.vlan_names.get(&v).cloned());
        let variables: [(&str, Option<String>); 9] = [
            ("{new}", self.scene.new.map(|v| v.to_string())),
            ("{vlan}", self.scene.new.map(|v| v.to_string())),
            ("{old}", old.map(|v| v.to_string())),
            ("{new.name}", name_of(self.scene.new)),
            ("{old.name}", name_of(old)),
            (
                "{port}",
                self.scene.port.as_ref().map(|p| p.if_name.clone()),
            ),
            ("{mac}", self.scene.mac.map(|m| m.to_string())),
            ("{ip}", self.scene.ip.map(|i| i.to_string())),
            ("{random}", Some(self.scene.random.to_string())),
        ];
        for (variable, value) in variables {
            if out.contains(variable) {
                let value = value.ok_or_else(|| self.error(format!("{variable} is not known")))?;
                out = out.replace(variable, &value);
            }
        }
        Ok(out)
    }

    /// What must read back when all is done: the profile's proof, and every value that was written and stays
    /// readable, so that a switch that applies only some of them is noticed.
    ///
    /// # Errors
    /// As [`Renderer::steps`].
    pub fn proofs(&self) -> Result<Vec<Proof>, RenderError> {
        let mut out: Vec<Proof> = Vec::new();
        for row in &self.op.prove {
            for old in self.olds(row.vlan == Some(VlanOf::Old)) {
                let old_is_new = row.vlan == Some(VlanOf::Old) && old == self.scene.new;
                if (row.vlan == Some(VlanOf::Old) && old.is_none())
                    || old_is_new
                    || self.is_left_out(row, old)?
                {
                    continue;
                }
                let object = self.object(&row.object)?;
                let oid = self.instance(&row.object, self.vlan(row, old)?)?;
                let want = self.expected(row, object.kind, old)?;
                out.push(Proof {
                    object: row.object.clone(),
                    oid,
                    want,
                    while_up: row.while_up,
                });
            }
        }
        Ok(out)
    }

    fn expected(&self, row: &Row, kind: Kind, old: Option<u16>) -> Result<Expected, RenderError> {
        let values = match &row.want {
            Want::Bit(on) => {
                return Ok(Expected::Bit {
                    number: self.list_number()?,
                    on: *on,
                });
            }
            Want::Any(values) => values,
        };
        let values = values.iter().map(|v| self.value(kind, v, &row.object, old));
        let values: Vec<Value> = values.collect::<Result<_, _>>()?;
        if values.iter().all(|v| v.number().is_some()) {
            return Ok(Expected::Numbers(
                values.iter().filter_map(Value::number).collect(),
            ));
        }
        let octets = values.iter().filter_map(|v| v.bytes().map(<[u8]>::to_vec));
        Ok(Expected::Octets(octets.collect()))
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok())
        .collect()
}
