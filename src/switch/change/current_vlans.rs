//! The table of what a switch does now, beside that of what it was told (dot1qVlanCurrentTable, RFC 4363): some agents
//! take a static row and go on as before. Its rows have a time mark before the VLAN (a TimeFilter, RFC 4502); agents put
//! anything there, and some another one after each change.

use std::collections::BTreeMap;

use crate::switch::model::op::Operation;
use crate::switch::model::port::Oper;
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Index;
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::switch::render::portlist;
use crate::switch::render::{Expected, Proof, Scene};

/// Whether a port may be left out of a table of what is transmitted now: it has no link.
pub(super) fn is_down(oper: &Value) -> bool {
    let oper = oper.number().map(Oper::from);
    matches!(
        oper,
        Some(Oper::Down | Oper::NotPresent | Oper::LowerLayerDown)
    )
}

fn is_marked(switch: &Switch, object: &str) -> bool {
    let object = switch.profile().object(object);
    object.is_some_and(|o| o.index.contains(&Index::TimeMark))
}

/// The rows of an object with index (time mark, VLAN): the last of each VLAN.
async fn rows(switch: &Switch, object: &str) -> Result<BTreeMap<u16, (u32, Value)>, SwitchError> {
    let rows = switch.walk(object).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(index, value)| match index[..] {
            [mark, vlan] => Some((u16::try_from(vlan).ok()?, (mark, value))),
            _ => None,
        })
        .collect())
}

/// Finds the rows that the operation's proof asks for, and what the agent does not tell at all.
pub(super) async fn find(
    switch: &Switch,
    operation: Operation,
    scene: &mut Scene,
) -> Result<(), SwitchError> {
    let op = switch.profile().snmp_op(operation.name());
    for row in op.iter().flat_map(|op| &op.prove) {
        let (name, marked) = (&row.object, is_marked(switch, &row.object));
        if scene.marks.contains_key(name) || scene.untold.contains(name) {
            continue;
        }
        if marked {
            let there = rows(switch, name).await?;
            if there.is_empty() {
                scene.untold.insert(name.clone());
            }
            let marks = there.into_iter().map(|(vlan, (mark, _))| (vlan, mark));
            scene.marks.insert(name.clone(), marks.collect());
        } else if row.where_told && switch.walk(name).await?.is_empty() {
            scene.untold.insert(name.clone());
        }
    }
    Ok(())
}

/// Looks again for rows that were not there under their old mark, and puts what they say under it.
pub(super) async fn follow(
    switch: &Switch,
    proofs: &[Proof],
    now: &mut BTreeMap<Oid, Value>,
) -> Result<(), SwitchError> {
    let mut found: BTreeMap<&str, BTreeMap<u16, (u32, Value)>> = BTreeMap::new();
    for proof in proofs.iter().filter(|p| is_marked(switch, &p.object)) {
        if now.get(&proof.oid).is_some_and(|v| *v != Value::Absent) {
            continue;
        }
        if !found.contains_key(proof.object.as_str()) {
            found.insert(&proof.object, rows(switch, &proof.object).await?);
        }
        let vlan = proof.oid.arcs().last().and_then(|v| u16::try_from(*v).ok());
        let row = vlan.and_then(|v| found.get(proof.object.as_str())?.get(&v));
        if let Some((_, value)) = row {
            now.insert(proof.oid.clone(), value.clone());
        }
    }
    Ok(())
}

/// Whether the port was in a current list before a change, by object and VLAN.
pub(super) type Was = BTreeMap<(String, u16), bool>;

/// Where the port was, as far as the proof asks for it.
pub(super) fn was(switch: &Switch, proofs: &[Proof], before: &BTreeMap<Oid, Value>) -> Was {
    let rule = switch.profile().snmp.portlist;
    let marked = proofs.iter().filter(|p| is_marked(switch, &p.object));
    marked
        .filter_map(|p| {
            let Expected::Bit { number, .. } = p.want else {
                return None;
            };
            let there = match before.get(&p.oid) {
                Some(Value::Bytes(octets)) => portlist::contains(rule, octets, number)?,
                _ => false,
            };
            let vlan = u16::try_from(*p.oid.arcs().last()?).ok()?;
            Some(((p.object.clone(), vlan), there))
        })
        .collect()
}

/// A static list that was put back: its object, and this port's bit in it.
pub(super) struct PutBack<'a> {
    pub object: &'a str,
    pub vlan: u16,
    pub number: u32,
    pub on: bool,
}

/// Says which current list is not as it `was`, or, where that is not known, does not follow what was put back; where the
/// agent tells.
pub(super) async fn behind(
    switch: &Switch,
    port: Option<&str>,
    lists: &[PutBack<'_>],
    was: &Was,
) -> Result<Option<String>, SwitchError> {
    for object in ["egress", "untagged"] {
        let name = format!("{object}_now");
        if !is_marked(switch, &name) || lists.iter().all(|l| l.object != object) {
            continue;
        }
        let there = rows(switch, &name).await?;
        for list in lists
            .iter()
            .filter(|l| l.object == object && !there.is_empty())
        {
            let rule = switch.profile().snmp.portlist;
            let has = match there.get(&list.vlan) {
                Some((_, Value::Bytes(octets))) => portlist::contains(rule, octets, list.number),
                _ => Some(false),
            };
            let want = was.get(&(name.clone(), list.vlan)).copied();
            let want = want.unwrap_or(list.on);
            if has == Some(want) || (want && has_no_link(switch, port).await) {
                continue;
            }
            let told = if want { "lacks" } else { "still has" };
            return Ok(Some(format!(
                "the current {object} list of VLAN {} {told} the port",
                list.vlan
            )));
        }
    }
    Ok(None)
}

async fn has_no_link(switch: &Switch, port: Option<&str>) -> bool {
    match port {
        Some(name) => {
            let port = switch.port(name).await;
            port.is_ok_and(|p| is_down(&Value::Int(p.oper.into())))
        }
        None => false,
    }
}
