//! Sends a change over SNMP, judges it by what reads back, and takes a half-done move back.

use std::time::Duration;

use super::before;
use super::before::Before;
use super::current_vlans;
use super::guards;
use super::guards::Around;
use super::port_down::PortDown;
use super::read_until::LONGEST;
use super::undo::{Rewrite, UndoRecord, put_back};
use super::{ChangeError, ChangeProof, ChangeRequest};
use crate::rt::{Instant, sleep, timeout_at};
use crate::switch::model::op::Operation;
use crate::switch::model::port::Learned;
use crate::switch::model::value::Oid;
use crate::switch::profile::{Need, Transport};
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::switch::render::{Expected, Proof, Rendered, Renderer, SetVar};

pub(super) fn too_late(switch: &Switch, request: &ChangeRequest) -> ChangeError {
    ChangeError::TooLate {
        switch: switch.target().name.clone(),
        within: request.within,
    }
}

/// Does it, and proves it.
pub(super) async fn change(
    switch: &Switch,
    request: &ChangeRequest,
    start: Instant,
) -> Result<ChangeProof, ChangeError> {
    let deadline = start + request.within;
    let before = timeout_at(deadline, prepare(switch, request)).await;
    let before = before.map_err(|_| too_late(switch, request))??;
    let mut run = Run::new(switch, request, &before, start)?;
    // A port that shuts is proven by what it reads when all guards have passed.
    let down = timeout_at(deadline, PortDown::read(switch, request, start)).await;
    run.down = down.map_err(|_| too_late(switch, request))??;
    run.run().await
}

/// Reads what the change rests on, and asks the guards.
pub(super) async fn prepare(
    switch: &Switch,
    request: &ChangeRequest,
) -> Result<Before, ChangeError> {
    let (before, refusals) = look(switch, request).await?;
    match refusals.into_iter().next() {
        None => Ok(before),
        Some(guard) => Err(ChangeError::Guarded {
            switch: switch.target().name.clone(),
            port: request.port.clone().unwrap_or_else(|| "-".into()),
            guard,
        }),
    }
}

/// Reads what the change rests on, and says what every guard says.
pub(super) async fn look(
    switch: &Switch,
    request: &ChangeRequest,
) -> Result<(Before, Vec<super::guard::Guard>), ChangeError> {
    let before = before::read(switch, request).await?;
    let macs = match &before.port {
        Some(port) => Some(match switch.learned_on(port).await {
            Ok(learned) => learned,
            Err(e) => Learned::Unreadable(e.to_string()),
        }),
        None => None,
    };
    let listed = guards::listed(switch, request, &before);
    let needs: &[Need] = switch
        .profile()
        .snmp_op(request.operation.name())
        .map_or(&[], |op| op.need.as_slice());
    let around = Around {
        listed,
        macs: macs.as_ref(),
        needs,
    };
    let refusals = guards::refusals(request, &before, &around);
    Ok((before, refusals))
}

pub(super) struct Run<'a> {
    pub(super) switch: &'a Switch,
    pub(super) operation: Operation,
    port: Option<String>,
    pub(super) before: &'a Before,
    steps: Vec<Rendered>,
    pub(super) proofs: Vec<Proof>,
    pub(super) number: Option<u32>,
    start: Instant,
    pub(super) deadline: Instant,
    pub(super) settle: Duration,
    /// What was sent, or may have been received, in order.
    pub(super) sent: Vec<SetVar>,
    /// When the first SET left.
    pub(super) sent_at: Option<Instant>,
    /// The port that is to be shut, as it was read before.
    pub(super) down: Option<PortDown>,
    /// When the fate of the last SET was known.
    pub(super) settled: Instant,
    /// Why nothing was sent: the port is not what it was, or could not be looked at again.
    pub(super) unread: Option<SwitchError>,
    /// False once a SET may have been applied, whatever was answered.
    pub(super) all_refused: bool,
    pub(super) notes: Vec<String>,
    /// Rows of the proof that did not count in the last reading, because the port has no link.
    pub(super) linkless: Vec<Oid>,
}

impl<'a> Run<'a> {
    fn new(
        switch: &'a Switch,
        request: &ChangeRequest,
        before: &'a Before,
        start: Instant,
    ) -> Result<Run<'a>, ChangeError> {
        let profile = switch.profile();
        let renderer = Renderer::new(profile, request.operation.name(), &before.scene)?;
        let settle = profile
            .snmp_op(request.operation.name())
            .map_or(LONGEST, |op| op.settle);
        Ok(Run {
            switch,
            operation: request.operation,
            port: request.port.clone(),
            before,
            steps: renderer.steps()?,
            proofs: renderer.proofs()?,
            number: renderer.list_number().ok(),
            start,
            deadline: start + request.within,
            settle,
            sent: Vec::new(),
            sent_at: None,
            down: None,
            settled: start,
            unread: None,
            all_refused: true,
            notes: Vec::new(),
            linkless: Vec::new(),
        })
    }

    async fn run(&mut self) -> Result<ChangeProof, ChangeError> {
        if self.is_already() && (self.down.is_none() || self.is_still_so().await) {
            return Ok(self.proof(true));
        }
        let steps = std::mem::take(&mut self.steps);
        for step in &steps {
            if let Err(why) = self.step(step).await {
                return Err(match self.unread.take() {
                    Some(e) if self.sent.is_empty() => ChangeError::Unreadable(e),
                    _ => self.give_up(why).await,
                });
            }
        }
        let polled = steps.iter().any(|s| matches!(s, Rendered::Poll { .. }));
        if self.proofs.is_empty() && !polled {
            let why = "the switch acknowledged it, and this family shows nothing by which it could be proven";
            return Err(self.give_up(why.into()).await);
        }
        match self.prove().await {
            Ok(()) => Ok(self.proof(false)),
            Err(why) => {
                // Some switches acknowledge a PDU and apply only its first varbind: each on its own, once.
                if self.resend_apart(&steps).await
                    && let Ok(()) = self.prove().await
                {
                    self.notes.push(
                        "it did not read back after the first SETs: each object was sent again on its own".into(),
                    );
                    return Ok(self.proof(false));
                }
                Err(self.give_up(why).await)
            }
        }
    }

    /// True if everything that would be written and proven is there already. A port that was down before may be so
    /// for another reason than its configuration, so that only what is written counts there.
    fn is_already(&mut self) -> bool {
        let vars = self.steps.iter().flat_map(|s| match s {
            Rendered::Pdu { vars, .. } => vars.as_slice(),
            Rendered::Poll { .. } | Rendered::Wait(_) => &[],
        });
        let now = &self.before.scene.now;
        let mut any = false;
        for var in vars {
            any = true;
            if !now.get(&var.oid).is_some_and(|v| self.reads_as(var, v)) {
                return false;
            }
        }
        let is_met = |p: &Proof| {
            now.get(&p.oid)
                .is_some_and(|v| p.want.is_met(self.switch.profile(), v))
        };
        let (_, open): (Vec<&Proof>, Vec<&Proof>) = self.proofs.iter().partition(|p| is_met(p));
        let proven = open.iter().all(|p| p.while_up) && (open.is_empty() || self.has_no_link(now));
        let linkless = open.iter().map(|p| p.oid.clone()).collect();
        let acts = matches!(
            self.operation,
            Operation::Save
                | Operation::PoeCycle
                | Operation::FlushMac(..)
                | Operation::ClearArp(_)
        );
        self.linkless = linkless;
        any && proven && !acts
    }

    /// What the switch said may be as old as its answers may be: true if it says so still when that time is over.
    async fn is_still_so(&mut self) -> bool {
        self.prove().await.is_ok()
    }

    async fn step(&mut self, step: &Rendered) -> Result<(), String> {
        match step {
            Rendered::Wait(pause) => {
                sleep(*pause).await;
                Ok(())
            }
            Rendered::Poll {
                oid,
                until,
                fail,
                within,
            } => self.poll(oid, until, fail, *within).await,
            Rendered::Pdu { vars, reply_counts } => self.pdu(vars, *reply_counts).await,
        }
    }

    /// Undoes a move; says how things are.
    async fn give_up(&self, why: String) -> ChangeError {
        let switch = self.switch.target().name.clone();
        let operation = self.operation.to_string();
        if !self.operation.is_move() {
            let seen = "What was written stays as it is. ".to_owned();
            return ChangeError::Unclear {
                switch,
                operation,
                why,
                seen,
            };
        }
        let how = if self.all_refused {
            Rewrite::WhereItDiffers
        } else {
            Rewrite::All
        };
        let was = current_vlans::was(self.switch, &self.proofs, &self.before.scene.now);
        match put_back(self.switch, &self.undo_record(), self.settle, how, &was).await {
            Ok(()) => ChangeError::Undone {
                switch,
                operation,
                why,
            },
            Err(e) => {
                let seen = format!("It could not be taken back either: {e}. ");
                ChangeError::Unclear {
                    switch,
                    operation,
                    why,
                    seen,
                }
            }
        }
    }

    fn undo_record(&self) -> UndoRecord {
        UndoRecord::new(
            self.switch,
            self.operation,
            self.port.as_deref(),
            self.number,
            &self.sent,
            &self.before.scene.now,
        )
    }

    fn proof(&self, already: bool) -> ChangeProof {
        let told = |p: &Proof| match &p.want {
            Expected::Numbers(any) => {
                let any: Vec<String> = any.iter().map(i64::to_string).collect();
                format!("{} = {}", p.oid.named(), any.join(" or "))
            }
            Expected::Octets(_) => format!("{} as written", p.oid.named()),
            Expected::Bit { number, on } => {
                format!(
                    "{} {} port {number}",
                    p.oid.named(),
                    if *on { "has" } else { "is without" }
                )
            }
        };
        let mut notes = self.notes.clone();
        notes.extend(self.linkless.iter().map(|oid| {
            format!(
                "{} does not show it, and need not while the port has no link",
                oid.named()
            )
        }));
        let counted = |p: &&Proof| !self.linkless.contains(&p.oid);
        let undoable =
            !already && self.operation.inverse(None).is_some() || self.operation.is_move();
        ChangeProof {
            switch: self.switch.target().name.clone(),
            port: self.port.clone(),
            operation: self.operation.to_string(),
            transport: Transport::Snmp,
            already,
            took: self.start.elapsed(),
            proven: self.proofs.iter().filter(counted).map(told).collect(),
            notes,
            undo: (undoable && !already).then(|| self.undo_record()),
        }
    }
}
