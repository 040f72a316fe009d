//! What was there before a change, kept so that it can be put back: at once when a move fails, or later by a person.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::current_vlans::{PutBack, Was};
use super::{ChangeRequest, before, current_vlans};
use crate::rt::{Instant, sleep};
use crate::switch::model::op::Operation;
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Kind;
use crate::switch::read::switch::Switch;
use crate::switch::render::SetVar;
use crate::switch::render::portlist;
use crate::types::VlanId;

/// A change, and the values that it replaced, in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRecord {
    /// Name of the switch.
    pub switch: String,
    /// What was done.
    pub operation: Operation,
    /// ifName.
    pub port: Option<String>,
    /// The VLAN that the port left, where a command line takes it back by the inverse operation.
    pub old: Option<VlanId>,
    /// What was there; empty for a change over SSH.
    pub vars: Vec<UndoVar>,
}

/// One object as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoVar {
    /// Name of the object in the profile.
    pub object: String,
    /// Its instance.
    pub oid: String,
    /// The value before: a number, or hexadecimal octets as received.
    pub value: String,
    /// Of a PortList: the number that stands for the port. Only its bit is put back, because others may have moved
    /// their ports since.
    pub number: Option<u32>,
}

impl UndoRecord {
    pub(super) fn new(
        switch: &Switch,
        operation: Operation,
        port: Option<&str>,
        number: Option<u32>,
        sent: &[SetVar],
        before: &std::collections::BTreeMap<Oid, Value>,
    ) -> UndoRecord {
        let mut vars: Vec<UndoVar> = Vec::new();
        for var in sent {
            let oid = var.oid.to_string();
            // The first SET of an instance replaced what was there; the later ones replaced our own.
            let value = before.get(&var.oid).and_then(|v| match v {
                Value::Bytes(octets) => Some(octets.iter().map(|b| format!("{b:02x}")).collect()),
                other => other.number().map(|n| n.to_string()),
            });
            if let Some(value) = value.filter(|_| vars.iter().all(|v| v.oid != oid)) {
                let number = number.filter(|_| var.kind == Kind::PortList);
                vars.push(UndoVar {
                    object: var.object.clone(),
                    oid,
                    value,
                    number,
                });
            }
        }
        UndoRecord {
            switch: switch.target().name.clone(),
            operation,
            port: port.map(str::to_owned),
            old: None,
            vars,
        }
    }
}

/// Puts back what was there, in reverse, and reads it back.
///
/// # Errors
/// What does not read as before, in words: how things are is then not known.
pub async fn undo(switch: &Switch, record: &UndoRecord, within: Duration) -> Result<(), String> {
    if record.vars.is_empty() {
        return inverse(switch, record, within).await;
    }
    let writer = switch.writer().await;
    let how = Rewrite::WhereItDiffers;
    let done = put_back(switch, record, within, how, &Was::new()).await;
    drop(writer);
    done
}

/// What is written to put things back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// Only what reads otherwise than before.
    WhereItDiffers,
    /// Everything: a SET was sent that may still be on its way, or is not in what the switch lets read yet. It takes
    /// them in order, so that ours comes last.
    All,
}

/// What a command line did is taken back by the inverse operation, as a change of its own.
async fn inverse(switch: &Switch, record: &UndoRecord, within: Duration) -> Result<(), String> {
    let operation = record.operation.inverse(record.old);
    let operation =
        operation.ok_or_else(|| format!("{} cannot be taken back", record.operation))?;
    let mut request = ChangeRequest::new(operation, record.port.as_deref(), within);
    // What was changed with these guards overridden is taken back all the same.
    request.overrides = [
        "own-port",
        "own-mac",
        "too-many-macs",
        "macs-unread",
        "access-port",
        "trunk-port",
    ]
    .map(str::to_owned)
    .into();
    super::change(switch, request)
        .await
        .map(|_| ())
        .map_err(|e| e.to_string())
}

pub(super) async fn put_back(
    switch: &Switch,
    record: &UndoRecord,
    within: Duration,
    how: Rewrite,
    was: &Was,
) -> Result<(), String> {
    let wanted = parsed(switch, record)?;
    let oids: Vec<Oid> = wanted.iter().map(|w| w.oid.clone()).collect();
    let mut refused = None;
    for want in wanted.iter().rev() {
        let now = before::get(switch, std::slice::from_ref(&want.oid))
            .await
            .map_err(|e| e.to_string())?;
        let now = now.get(&want.oid).unwrap_or(&Value::Absent);
        if how == Rewrite::WhereItDiffers && want.is_met(switch, now) {
            continue;
        }
        let var = SetVar {
            object: want.object.clone(),
            oid: want.oid.clone(),
            kind: want.kind,
            value: want.value_over(switch, now)?,
        };
        // Not the answer but what reads back at the end counts.
        match switch.snmp().set_many(&[var]).await {
            Err(e) if how == Rewrite::All && e.is_silence() => {
                return Err(format!("{e}; what was sent before may still be on its way"));
            }
            answer => refused = answer.err().or(refused),
        }
    }
    let lists: Vec<PutBack> = wanted.iter().filter_map(|w| w.put_back(switch)).collect();
    let end = Instant::now() + within;
    loop {
        let seen = match before::get(switch, &oids).await {
            Ok(now) => {
                let value = |w: &Wanted| now.get(&w.oid).cloned().unwrap_or(Value::Absent);
                match wanted.iter().find(|w| !w.is_met(switch, &value(w))) {
                    None => {
                        match current_vlans::behind(switch, record.port.as_deref(), &lists, was)
                            .await
                        {
                            Ok(None) => return Ok(()),
                            Ok(Some(seen)) => seen,
                            Err(e) => e.to_string(),
                        }
                    }
                    Some(w) => format!("{} does not read as before", w.oid.named()),
                }
            }
            Err(e) => e.to_string(),
        };
        if Instant::now() >= end {
            return Err(refused.map_or(seen.clone(), |e| format!("{seen} ({e})")));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

struct Wanted {
    object: String,
    oid: Oid,
    kind: Kind,
    value: Value,
    number: Option<u32>,
}

fn parsed(switch: &Switch, record: &UndoRecord) -> Result<Vec<Wanted>, String> {
    let bad = |v: &UndoVar| format!("the undo record is damaged at {}", v.oid);
    record
        .vars
        .iter()
        .map(|v| {
            let object = switch
                .profile()
                .object(&v.object)
                .ok_or_else(|| format!("the profile has no object `{}` any more", v.object))?;
            let hex = || -> Option<Vec<u8>> {
                (0..v.value.len())
                    .step_by(2)
                    .map(|i| u8::from_str_radix(v.value.get(i..i + 2)?, 16).ok())
                    .collect()
            };
            let value = match object.kind {
                Kind::I32 | Kind::U32 | Kind::Ticks => v.value.parse().ok().map(Value::Int),
                Kind::Text | Kind::PortList | Kind::Octets | Kind::Ip => hex().map(Value::Bytes),
            };
            Ok(Wanted {
                object: v.object.clone(),
                oid: v.oid.parse().map_err(|_| bad(v))?,
                kind: object.kind,
                value: value.ok_or_else(|| bad(v))?,
                number: v.number,
            })
        })
        .collect()
}

impl Wanted {
    fn bit(&self, switch: &Switch, value: &Value) -> Option<bool> {
        match value {
            Value::Bytes(octets) => {
                portlist::contains(switch.profile().snmp.portlist, octets, self.number?)
            }
            _ => None,
        }
    }

    /// As a VLAN's list of ports, if it is one.
    fn put_back(&self, switch: &Switch) -> Option<PutBack<'_>> {
        let vlan = self.oid.arcs().last()?;
        Some(PutBack {
            object: &self.object,
            vlan: u16::try_from(*vlan).ok()?,
            number: self.number?,
            on: self.bit(switch, &self.value)?,
        })
    }

    fn is_met(&self, switch: &Switch, now: &Value) -> bool {
        match (self.number, self.kind) {
            (Some(_), Kind::PortList) => self.bit(switch, now) == self.bit(switch, &self.value),
            _ => match &self.value {
                Value::Bytes(was) => matches!(now, Value::Bytes(is) if is == was),
                was => was.number() == now.number(),
            },
        }
    }

    /// The value to write, given what is there now.
    fn value_over(&self, switch: &Switch, now: &Value) -> Result<Value, String> {
        let (Some(number), Kind::PortList, Value::Bytes(octets)) = (self.number, self.kind, now)
        else {
            return Ok(self.value.clone());
        };
        let on = self.bit(switch, &self.value).unwrap_or(false);
        portlist::with(switch.profile().snmp.portlist, octets, number, on)
            .map(Value::Bytes)
            .ok_or_else(|| format!("{} cannot name port {number}", self.oid.named()))
    }
}
