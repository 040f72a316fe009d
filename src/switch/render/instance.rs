//! Where an object is: from the parts of its index to an instance. Pure.

use super::{RenderError, Renderer};
use crate::switch::model::value::{Oid, mac_index};
use crate::switch::profile::{BitOf, Index};

impl Renderer<'_> {
    /// The instance of an object for this scene.
    pub(super) fn instance(&self, name: &str, vlan: Option<u16>) -> Result<Oid, RenderError> {
        let object = self.object(name)?;
        let vlan_or = |what: &str| vlan.ok_or_else(|| self.error(format!("{what} needs a VLAN")));
        let mut index = Vec::new();
        for part in &object.index {
            match part {
                Index::IfIndex => index.push(self.port()?.if_index.0),
                Index::BasePort => index.push(self.port()?.bridge_port.ok_or_else(|| {
                    self.error(
                        "the switch does not tell the port's number in the bridge (dot1dBasePort)",
                    )
                })?),
                Index::Vlan => index.push(u32::from(vlan_or("its index")?)),
                Index::VlanIf => {
                    let vlan = vlan_or("its index")?;
                    let found = self.scene.vlan_if.get(&vlan).copied();
                    index.push(found.ok_or_else(|| {
                        self.error(format!("the switch has no interface for VLAN {vlan}"))
                    })?);
                }
                Index::Slot => index.push(self.slot_port()?.0),
                Index::Mac => {
                    let mac = self
                        .scene
                        .mac
                        .ok_or_else(|| self.error("it needs a MAC address"))?;
                    index.extend(mac_index(mac));
                }
                Index::Ip => {
                    let ip = self
                        .scene
                        .ip
                        .ok_or_else(|| self.error("it needs an IPv4 address"))?;
                    index.extend(ip.octets().map(u32::from));
                }
                Index::Poe => {
                    let (group, port) = self.captured(self.profile.snmp.poe.as_ref(), "group")?;
                    index.extend([group, port]);
                }
                Index::Random => index.push(self.scene.random),
                Index::Fixed(n) => index.push(*n),
                Index::TimeMark => {
                    // Of a VLAN that has no row yet, the mark cannot be known: what reads as absent is looked for.
                    let marks = self.scene.marks.get(name);
                    let mark = marks.zip(vlan).and_then(|(m, v)| m.get(&v));
                    index.push(mark.copied().unwrap_or(0));
                }
                Index::FdbId => {
                    return Err(self.error("a row cannot be indexed by fdbid: it is only read"));
                }
            }
        }
        if index.is_empty() {
            index.push(0);
        }
        Ok(object.oid.at(&index))
    }

    fn slot_port(&self) -> Result<(u32, u32), RenderError> {
        self.captured(self.profile.snmp.slot_port.as_ref(), "slot")
    }

    fn captured(
        &self,
        rule: Option<&regex::Regex>,
        first: &str,
    ) -> Result<(u32, u32), RenderError> {
        let name = &self.port()?.if_name;
        let found = rule.and_then(|r| r.captures(name)).and_then(|c| {
            let number = |of: &str| c.name(of).map_or(Some(1), |m| m.as_str().parse().ok());
            Some((number(first)?, number("port")?))
        });
        found.ok_or_else(|| {
            self.error(format!(
                "{first} and port cannot be read from the name `{name}`"
            ))
        })
    }

    /// The number that stands for the port in a PortList.
    pub fn list_number(&self) -> Result<u32, RenderError> {
        let port = self.port()?;
        match self.profile.snmp.portlist.bit {
            BitOf::IfIndex => Ok(port.if_index.0),
            BitOf::SlotPort => Ok(self.slot_port()?.1),
            BitOf::BasePort => port.bridge_port.ok_or_else(|| {
                self.error(
                    "the switch does not tell the port's number in the bridge (dot1dBasePort)",
                )
            }),
        }
    }
}
