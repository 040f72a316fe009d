//! Whether a change reads back as it must: every object of the proof, and every object that was written.

use std::collections::BTreeMap;
use std::time::Duration;

use super::over_snmp::{PAUSE, Read, Run};
use super::{before, current_vlans};
use crate::rt::{Instant, sleep, sleep_until, timeout_at};
use crate::switch::model::op::Operation;
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Kind;
use crate::switch::read::error::SwitchError;
use crate::switch::render::portlist;
use crate::switch::render::{Expected, Proof, SetVar};

impl Run<'_> {
    /// Reads back until all is as it must be, or the time is over.
    pub(super) async fn prove(&mut self) -> Read {
        let until = (self.settled + self.settle.max(self.stale_until())).min(self.deadline);
        let this = &*self;
        let mut linkless = Vec::new();
        let read = this
            .until(until, |now| this.judge(now, &mut linkless))
            .await;
        self.linkless = linkless;
        read
    }

    /// How long an oper state that was so before may be an old value.
    fn stale_until(&self) -> Duration {
        if self.rests_on_old_news() {
            self.switch.target().staleness() + PAUSE.1
        } else {
            Duration::ZERO
        }
    }

    /// True if an oper state that proves it was so before, and the switch's word for it may be an old one.
    pub(super) fn rests_on_old_news(&self) -> bool {
        self.proofs.iter().any(|p| self.may_be_stale(p))
    }

    fn may_be_stale(&self, proof: &Proof) -> bool {
        let was = self.before.scene.now.get(&proof.oid);
        proof.object == "oper"
            && !self.switch.target().staleness().is_zero()
            && was.is_some_and(|v| proof.want.is_met(self.switch.profile(), v))
    }

    /// What one reading says: the profile's proof, and every object that was written and can be read. `linkless` are
    /// the rows that were not as they should be and do not count, because the port has no link.
    fn judge(&self, now: &BTreeMap<Oid, Value>, linkless: &mut Vec<Oid>) -> Read {
        let profile = self.switch.profile();
        linkless.clear();
        for p in &self.proofs {
            let value = now.get(&p.oid).unwrap_or(&Value::Absent);
            if !p.want.is_met(profile, value) {
                if p.while_up && self.has_no_link(now) {
                    linkless.push(p.oid.clone());
                    continue;
                }
                return Read::No(format!(
                    "{} reads {}",
                    p.oid.named(),
                    self.told(&p.want, value)
                ));
            }
            if self.may_be_stale(p) && self.settled.elapsed() < self.switch.target().staleness() {
                return Read::No(format!("{} may be an old value", p.oid.named()));
            }
        }
        for var in self.last_writes() {
            // What could not be read before (an action, a row that is made by being written) is no evidence after.
            let was = self.before.scene.now.get(&var.oid);
            let acts = matches!(self.operation, Operation::Save | Operation::PoeCycle);
            if acts || matches!(was, None | Some(Value::Absent)) {
                continue;
            }
            let value = now.get(&var.oid).unwrap_or(&Value::Absent);
            if !self.reads_as(var, value) {
                return Read::No(format!("{} was written and reads {value}", var.oid.named()));
            }
        }
        Read::Yes
    }

    /// True if the port's oper state reads down in this reading.
    pub(super) fn has_no_link(&self, now: &BTreeMap<Oid, Value>) -> bool {
        let oper = self.switch.profile().object("oper");
        let port = self.before.port.as_ref();
        let oid = oper.zip(port).map(|(o, p)| o.oid.at(&[p.if_index.0]));
        oid.and_then(|oid| now.get(&oid))
            .is_some_and(current_vlans::is_down)
    }

    fn told(&self, want: &Expected, value: &Value) -> String {
        match want {
            Expected::Bit { on, .. } => {
                format!("without it{}", if *on { "" } else { " having left" })
            }
            Expected::Numbers(_) | Expected::Octets(_) => value.to_string(),
        }
    }

    /// The last value that was sent for each instance.
    fn last_writes(&self) -> Vec<&SetVar> {
        let mut last: BTreeMap<&Oid, &SetVar> = BTreeMap::new();
        for var in &self.sent {
            last.insert(&var.oid, var);
        }
        last.into_values().collect()
    }

    /// True if `value` is what `var` wrote; of a PortList only this port's bit, whatever length came back.
    pub(super) fn reads_as(&self, var: &SetVar, value: &Value) -> bool {
        match (var.kind, &var.value, value) {
            (Kind::PortList, Value::Bytes(sent), Value::Bytes(read)) => {
                let rule = self.switch.profile().snmp.portlist;
                let bit = |list: &[u8]| self.number.and_then(|n| portlist::contains(rule, list, n));
                bit(sent) == bit(read)
            }
            (Kind::PortList, ..) => false,
            (_, Value::Bytes(sent), _) => value.bytes() == Some(sent.as_slice()),
            _ => var.value.number().is_some() && var.value.number() == value.number(),
        }
    }

    /// Reads every instance again and again until `judge` is content.
    pub(super) async fn until(
        &self,
        end: Instant,
        mut judge: impl FnMut(&BTreeMap<Oid, Value>) -> Read,
    ) -> Read {
        let mut oids: Vec<Oid> = self.before.scene.now.keys().cloned().collect();
        oids.extend(self.before.anchors.iter().map(|(oid, _)| oid.clone()));
        let mut pause = PAUSE.0;
        let mut seen = Read::No("nothing could be read back".into());
        loop {
            // A reading has its own timeout and retries: one that has begun in time is not cut off, so that a switch
            // that is slow to answer is not taken for one that did nothing.
            let reading = async {
                let mut now = before::get(self.switch, &oids).await?;
                current_vlans::follow(self.switch, &self.proofs, &mut now).await?;
                Ok::<_, SwitchError>(now)
            };
            match timeout_at(self.deadline, reading).await {
                Ok(Ok(now)) => match self.before.drifted(&now) {
                    Some((oid, was)) => {
                        let is = now.get(&oid).unwrap_or(&Value::Absent);
                        let named = oid.named();
                        seen = Read::No(format!(
                            "the switch has renumbered its ports: {named} was {was} and reads {is}"
                        ));
                    }
                    None => match judge(&now) {
                        Read::Yes => return Read::Yes,
                        no => seen = no,
                    },
                },
                Ok(Err(e)) => seen = Read::No(format!("it could not be read back: {e}")),
                Err(_) => return seen,
            }
            let now = Instant::now();
            if now >= end {
                return seen;
            }
            sleep_until((now + pause).min(end)).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    pub(super) async fn poll(
        &self,
        oid: &Oid,
        until: &[i64],
        fail: &[i64],
        within: Duration,
    ) -> Result<(), String> {
        let end = (Instant::now() + within).min(self.deadline);
        let asked = [oid.clone()];
        let mut seen = "nothing".to_owned();
        loop {
            match timeout_at(end, self.switch.snmp().get(&asked)).await {
                Ok(Ok(values)) => {
                    let value = values.first().and_then(Value::number);
                    if value.is_some_and(|v| until.contains(&v)) {
                        return Ok(());
                    }
                    if value.is_some_and(|v| fail.contains(&v)) {
                        return Err(format!(
                            "{} reads {}: the switch says that it failed",
                            oid.named(),
                            values[0]
                        ));
                    }
                    seen = values.first().map_or(seen, Value::to_string);
                }
                Ok(Err(e)) if e.is_silence() => seen = e.to_string(),
                Ok(Err(e)) => return Err(e.to_string()),
                Err(_) => {}
            }
            if Instant::now() >= end {
                return Err(format!(
                    "{} did not become {until:?} within {within:?}, it reads {seen}",
                    oid.named()
                ));
            }
            sleep(PAUSE.1).await;
        }
    }
}
