//! Sends one request of a change: looks once more right before it, and judges it by what reads back.

use super::before;
use super::over_snmp::{Read, Run};
use crate::rt::{Instant, timeout_at};
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Kind;
use crate::switch::read::error::SwitchError;
use crate::switch::render::portlist;
use crate::switch::render::{Rendered, SetVar};
use crate::switch::snmp::SnmpError;

impl Run<'_> {
    /// One SET. What reads back decides, not the answer: some switches refuse and do it all the same, and an answer
    /// may be lost.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) async fn pdu(&mut self, vars: &[SetVar], reply_counts: bool) -> Result<(), String> {
        let refusal = match self.send(vars).await? {
            None => return Ok(()),
            Some(_) if !reply_counts => return Ok(()),
            Some(refusal) => refusal,
        };
        let why = refusal.to_string();
        let until = (self.settled + self.settle).min(self.deadline);
        let targets: Vec<(Oid, &SetVar)> = vars.iter().map(|v| (v.oid.clone(), v)).collect();
        let read = self
            .until(until, |now| {
                let wrong = targets
                    .iter()
                    .find(|(oid, var)| !now.get(oid).is_some_and(|v| self.reads_as(var, v)));
                wrong.map_or(Read::Yes, |(oid, _)| {
                    Read::No(format!("{} was not set", oid.named()))
                })
            })
            .await;
        match read {
            Read::Yes => {
                self.notes.push(format!(
                    "a SET was not acknowledged, but reads back as done ({why})"
                ));
                Ok(())
            }
            // Some switches take one object in a SET, or have small messages.
            Read::No(_) if vars.len() > 1 && refusal.may_fit_apart() => {
                for var in vars {
                    Box::pin(self.pdu(std::slice::from_ref(var), reply_counts)).await?;
                }
                self.notes.push(format!(
                    "a SET was sent again, each object on its own ({why})"
                ));
                Ok(())
            }
            Read::No(seen) => Err(format!("{why}; {seen}")),
        }
    }

    /// Sends it; says what came back in place of an acknowledgement.
    async fn send(&mut self, vars: &[SetVar]) -> Result<Option<Refusal>, String> {
        let vars = match timeout_at(self.deadline, self.fresh(vars)).await {
            Ok(Ok(vars)) => vars,
            Ok(Err(e)) => {
                let why = e.to_string();
                self.unread = Some(e);
                return Err(why);
            }
            Err(_) => return Err("the time was over before it could be looked at again".into()),
        };
        self.sent.extend(vars.iter().cloned());
        let answer = timeout_at(self.deadline, self.switch.snmp().set_many(&vars)).await;
        self.settled = Instant::now();
        let refusal = match answer {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(Refusal::Said(e)),
            Err(_) => Some(Refusal::NoTime),
        };
        self.all_refused &= refusal.as_ref().is_some_and(Refusal::is_plain);
        Ok(refusal)
    }

    /// The same varbinds on what is there at this moment: the lists may have been changed by somebody else since they
    /// were read (Q-BRIDGE-MIB has no lock), and the switch may have renumbered its ports. What happens between this
    /// reading and the SET behind it cannot be seen.
    async fn fresh(&self, vars: &[SetVar]) -> Result<Vec<SetVar>, SwitchError> {
        let anchors = &self.before.anchors;
        let lists = vars.iter().filter(|v| v.kind == Kind::PortList);
        let oids: Vec<Oid> = lists
            .map(|v| v.oid.clone())
            .chain(anchors.iter().map(|(oid, _)| oid.clone()))
            .collect();
        let now = before::get(self.switch, &oids).await?;
        if let Some((oid, _)) = self.before.drifted(&now) {
            let found = now.get(&oid).map_or_else(String::new, Value::to_string);
            return Err(SwitchError::Moving {
                switch: self.switch.target().name.clone(),
                port: self.before.name().to_owned(),
                found: format!("{found}` at `{}", oid.named()),
            });
        }
        let rule = self.switch.profile().snmp.portlist;
        let rebased = |var: &SetVar| {
            let (Kind::PortList, Value::Bytes(wanted)) = (var.kind, &var.value) else {
                return None;
            };
            let Some(Value::Bytes(there)) = now.get(&var.oid) else {
                return None;
            };
            let number = self.number?;
            let on = portlist::contains(rule, wanted, number)?;
            let there = portlist::padded(rule, there.clone(), wanted.len());
            portlist::with(rule, &there, number, on).map(Value::Bytes)
        };
        Ok(vars
            .iter()
            .map(|var| SetVar {
                value: rebased(var).unwrap_or_else(|| var.value.clone()),
                ..var.clone()
            })
            .collect())
    }

    /// Some switches acknowledge a PDU and apply only its first varbind: each is sent on its own, once.
    pub(super) async fn resend_apart(&mut self, steps: &[Rendered]) -> bool {
        let together = steps
            .iter()
            .any(|s| matches!(s, Rendered::Pdu { vars, .. } if vars.len() > 1));
        if !together || !self.operation.is_move() {
            return false;
        }
        for step in steps {
            let Rendered::Pdu { vars, .. } = step else {
                continue;
            };
            for var in vars {
                if !matches!(self.send(std::slice::from_ref(var)).await, Ok(None)) {
                    return false;
                }
            }
        }
        true
    }
}

/// What came in place of an acknowledgement.
enum Refusal {
    Said(SnmpError),
    NoTime,
}

impl Refusal {
    /// True if the switch itself said that nothing of it was applied, because of what was asked (RFC 3416, 4.2.5).
    fn is_plain(&self) -> bool {
        matches!(
            self,
            Refusal::Said(
                SnmpError::Denied { .. } | SnmpError::BadValue { .. } | SnmpError::TooBig { .. }
            )
        )
    }

    /// True if fewer objects may be taken.
    fn may_fit_apart(&self) -> bool {
        matches!(
            self,
            Refusal::Said(SnmpError::TooBig { .. } | SnmpError::Refused { .. })
        )
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Said(e) => e.fmt(f),
            Refusal::NoTime => f.write_str("no answer to a SET in the time that was left"),
        }
    }
}
