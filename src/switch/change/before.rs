//! Reads what a change rests on: the port, its VLANs, and every instance that would be written or must read back.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChangeError, ChangeRequest, current_vlans};
use crate::rt;
use crate::switch::model::port::PortState;
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::{Index, VlanIf};
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::{Switch, small};
use crate::switch::render::portlist;
use crate::switch::render::{PortNumbers, Renderer, Scene};

/// What a port is to VLANs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortMode {
    /// In one VLAN, untagged.
    Access,
    /// VLANs with tags.
    Trunk,
    /// Neither, as the switch calls it: hybrid, routed, a tunnel, a port of a private VLAN. What puts it into a VLAN makes an
    /// access port of it, and what takes that back does not make it again what it was.
    Other(String),
}

impl PortMode {
    /// As the object `port_mode` of a profile has it.
    fn of_number(mode: i64) -> PortMode {
        match mode {
            1 => PortMode::Trunk,
            2 => PortMode::Access,
            other => PortMode::Other(format!("mode {other}")),
        }
    }

    /// As a show of the port has it.
    pub(super) fn of_word(mode: &str) -> Option<PortMode> {
        match mode.trim().to_lowercase().as_str() {
            "" | "unknown" => None,
            "access" => Some(PortMode::Access),
            "trunk" => Some(PortMode::Trunk),
            other => Some(PortMode::Other(other.to_owned())),
        }
    }
}

/// What was read before a change.
pub(super) struct Before {
    /// For rendering.
    pub scene: Scene,
    /// The port.
    pub port: Option<PortState>,
    /// VLANs that leave the port untagged, where the switch tells.
    pub untagged: Option<BTreeSet<u16>>,
    /// VLANs that leave it tagged, where the switch tells.
    pub tagged: Option<BTreeSet<u16>>,
    /// Whether the VLAN that is meant is there; `None` where the switch does not tell.
    pub vlan_exists: Option<bool>,
    /// Whether the port is in its forbidden list.
    pub forbidden: bool,
    /// What the switch itself says that the port is.
    pub mode: Option<PortMode>,
    /// What ties the port's name to the numbers that are written to: its name by ifIndex, and its ifIndex by bridge
    /// port. While these read the same, it is the same port.
    pub anchors: Vec<(Oid, Value)>,
}

impl Before {
    /// The first anchor that reads otherwise now.
    pub fn drifted(&self, now: &BTreeMap<Oid, Value>) -> Option<(Oid, Value)> {
        let is_same = |oid: &Oid, was: &Value| match (now.get(oid), was.number()) {
            (Some(is), Some(n)) => is.number() == Some(n),
            (Some(is), None) => is.text() == was.text(),
            (None, _) => false,
        };
        let mut anchors = self.anchors.iter();
        anchors.find(|(oid, was)| !is_same(oid, was)).cloned()
    }

    /// ifName, or nothing.
    pub fn name(&self) -> &str {
        self.port.as_ref().map_or("", |p| p.if_name.as_str())
    }
}

fn anchors(switch: &Switch, port: &PortState) -> Vec<(Oid, Value)> {
    let at = |object: &str, index: u32| Some(switch.profile().object(object)?.oid.at(&[index]));
    let name = at("name", port.if_index.0)
        .map(|oid| (oid, Value::Bytes(port.if_name.clone().into_bytes())));
    // Of a table per VLAN no one row says it, and nothing is written by it.
    let one_table = (switch.profile().object("bridge_port")).is_some_and(|o| !o.per_vlan);
    let base = port.bridge_port.filter(|_| one_table);
    let base = base.and_then(|b| at("bridge_port", b.0));
    let base = base.map(|oid| (oid, Value::Uint(port.if_index.0.into())));
    name.into_iter().chain(base).collect()
}

/// Reads it.
pub(super) async fn read(switch: &Switch, request: &ChangeRequest) -> Result<Before, ChangeError> {
    let port = match &request.port {
        Some(name) => Some(switch.port(name).await?),
        None => None,
    };
    let scene = Scene {
        port: port.as_ref().map(|p| PortNumbers {
            if_name: p.if_name.clone(),
            if_index: p.if_index,
            bridge_port: p.bridge_port.map(|b| b.0),
        }),
        random: random_row(),
        ..Scene::ordered(request.operation)
    };
    let mut before = Before {
        scene,
        anchors: port.as_ref().map_or_else(Vec::new, |p| anchors(switch, p)),
        port,
        untagged: None,
        tagged: None,
        vlan_exists: None,
        forbidden: false,
        mode: None,
    };
    if request.operation.is_move() {
        vlans(switch, &mut before).await?;
    }
    current_vlans::find(switch, request.operation, &mut before.scene).await?;
    let wanted =
        Renderer::new(switch.profile(), request.operation.name(), &before.scene)?.instances()?;
    let oids: Vec<Oid> = wanted.into_iter().map(|(_, oid)| oid).collect();
    before.scene.now = get(switch, &oids).await?;
    Ok(before)
}

/// Reads these instances.
pub(super) async fn get(
    switch: &Switch,
    oids: &[Oid],
) -> Result<BTreeMap<Oid, Value>, SwitchError> {
    if oids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let values = switch.snmp().get(oids).await?;
    Ok(oids.iter().cloned().zip(values).collect())
}

/// The VLANs that the port is in, and whether the one that is meant is there.
async fn vlans(switch: &Switch, before: &mut Before) -> Result<(), ChangeError> {
    let profile = switch.profile();
    find_interfaces(switch, before).await?;
    let Some(port) = &before.port else {
        return Ok(());
    };
    let number = Renderer::new(profile, "set-access-vlan", &before.scene)
        .and_then(|r| r.list_number())
        .ok();
    let untagged = lists(switch, before, "untagged").await?;
    let egress = lists(switch, before, "egress").await?;
    let rule = profile.snmp.portlist;
    let has = |octets: &Vec<u8>| {
        number
            .and_then(|n| portlist::contains(rule, octets, n))
            .unwrap_or(false)
    };
    let of = |lists: &BTreeMap<u16, Vec<u8>>| -> BTreeSet<u16> {
        lists
            .iter()
            .filter(|(_, l)| has(l))
            .map(|(v, _)| *v)
            .collect()
    };
    before.untagged = untagged.as_ref().map(of);
    before.tagged = egress.as_ref().map(of).map(|all| match &before.untagged {
        Some(plain) => all.difference(plain).copied().collect(),
        None => all,
    });
    let mut asked = Vec::new();
    let mut at = |name: &str, index: Option<u32>| {
        let oid = profile.object(name).zip(index).map(|(o, i)| o.oid.at(&[i]));
        oid.inspect(|o| asked.push(o.clone()))
    };
    let base = port.bridge_port.map(|b| b.0);
    let by_base = profile
        .object("pvid")
        .is_some_and(|o| o.index == [Index::BasePort]);
    let pvid = at("pvid", if by_base { base } else { Some(port.if_index.0) });
    let mode = at("port_mode", Some(port.if_index.0));
    let new = before.scene.new;
    let row = new.and_then(|v| row_of(before, profile.object("vlan_row")?.index.as_slice(), v));
    let exists = row.and_then(|i| Some(profile.object("vlan_row")?.oid.at(&i)));
    let no_go = new.and_then(|v| row_of(before, profile.object("forbidden")?.index.as_slice(), v));
    let no_go = no_go.and_then(|i| Some(profile.object("forbidden")?.oid.at(&i)));
    asked.extend(exists.iter().chain(&no_go).cloned());
    let got = get(switch, &asked).await?;
    let value = |oid: &Option<Oid>| oid.as_ref().and_then(|o| got.get(o));
    before.vlan_exists = value(&exists).map(|v| *v != Value::Absent);
    before.mode = value(&mode)
        .and_then(Value::number)
        .map(PortMode::of_number);
    before.forbidden = matches!(value(&no_go), Some(Value::Bytes(b)) if has(b));
    let pvid = value(&pvid)
        .and_then(small)
        .and_then(|v| u16::try_from(v).ok())
        .filter(|v| *v != 0);
    let mut old: Vec<u16> = pvid.into_iter().collect();
    old.extend(
        before
            .untagged
            .iter()
            .flatten()
            .filter(|v| Some(**v) != pvid),
    );
    // What it moves into is nothing that it leaves.
    old.retain(|v| Some(*v) != new);
    before.scene.old = old;
    Ok(())
}

/// The index of a VLAN's row.
fn row_of(before: &Before, index: &[Index], vlan: u16) -> Option<Vec<u32>> {
    index
        .iter()
        .map(|part| match part {
            Index::Vlan => Some(u32::from(vlan)),
            Index::VlanIf => before.scene.vlan_if.get(&vlan).copied(),
            Index::Fixed(n) => Some(*n),
            _ => None,
        })
        .collect()
}

/// The PortLists of all VLANs.
async fn lists(
    switch: &Switch,
    before: &Before,
    object: &str,
) -> Result<Option<BTreeMap<u16, Vec<u8>>>, SwitchError> {
    let Some(o) = switch.profile().object(object) else {
        return Ok(None);
    };
    let by_interface = o.index == [Index::VlanIf];
    let rows = switch.walk(object).await?;
    let vlan_of = |row: u32| before.scene.vlan_of(row, by_interface);
    let found: BTreeMap<u16, Vec<u8>> = rows
        .into_iter()
        .filter_map(|(index, value)| match value {
            Value::Bytes(octets) => Some((vlan_of(*index.last()?)?, octets)),
            _ => None,
        })
        .collect();
    Ok(Some(found).filter(|f| !f.is_empty()))
}

/// VLANs that are interfaces: their ifIndexes and names.
async fn find_interfaces(switch: &Switch, before: &mut Before) -> Result<(), SwitchError> {
    let profile = switch.profile();
    let Some(rule) = &profile.snmp.vlanif else {
        return Ok(());
    };
    match rule {
        VlanIf::Object(object) => {
            for (index, value) in switch.walk(object).await? {
                let tag = small(&value).and_then(|v| u16::try_from(v).ok());
                if let (Some(i), Some(tag)) = (index.last(), tag) {
                    before.scene.vlan_if.insert(tag, *i);
                }
            }
        }
        VlanIf::Name(pattern) => {
            let map = switch.map();
            let descr = switch.walk("descr").await?;
            let descr = descr
                .iter()
                .filter_map(|(i, v)| Some((*i.first()?, v.text()?)));
            let names = map.ports().map(|(i, n)| (i, n.to_owned())).chain(descr);
            let named: BTreeMap<String, u32> = names.map(|(i, n)| (n.to_lowercase(), i)).collect();
            for vlan in 1..=4094u16 {
                let name = pattern.replace("{vlan}", &vlan.to_string()).to_lowercase();
                if let Some(i) = named.get(&name) {
                    before.scene.vlan_if.insert(vlan, *i);
                }
            }
        }
    }
    let by_interface = profile
        .object("vlan_name")
        .is_some_and(|o| o.index == [Index::VlanIf]);
    for (index, value) in switch.walk("vlan_name").await? {
        let Some((last, name)) = index.last().copied().zip(value.text()) else {
            continue;
        };
        if let Some(vlan) = before.scene.vlan_of(last, by_interface) {
            before.scene.vlan_names.insert(vlan, name);
        }
    }
    Ok(())
}

/// A row number that nobody else uses at the same time (RowStatus tables of copy jobs). Not a secret.
fn random_row() -> u32 {
    (rt::random() % 2_000_000_000) as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// hh3cifVLANType has 3 for a hybrid port; a show has what the switch calls it.
    #[test]
    fn what_is_neither_is_no_access_port() {
        let told = [1, 2, 3].map(PortMode::of_number);
        let hybrid = PortMode::Other("mode 3".to_owned());
        assert_eq!(told, [PortMode::Trunk, PortMode::Access, hybrid]);
        for word in ["hybrid", "private-vlan host", "routed", "dot1q-tunnel"] {
            let told = PortMode::of_word(word);
            assert_eq!(told, Some(PortMode::Other(word.to_owned())));
        }
        for (word, told) in [
            ("Access", Some(PortMode::Access)),
            (" trunk ", Some(PortMode::Trunk)),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(PortMode::of_word(word), told, "{word:?}");
        }
    }
}
