//! A change over the command line: the same transaction, with commands for SETs and shows for GETs.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::client::Switch;
use super::super::commands::{self, ARMED_MINUTES};
use super::super::error::SwitchError;
use super::super::guard::Guard;
use super::super::op::Operation;
use super::super::profile::{ShowRow, SshOp, Transport};
use super::super::render::{RenderError, Scene};
use super::super::ssh::{Commit, Record, Vars, vlan_list};
use super::guards::{self, Around};
use super::run::{PAUSE, Read};
use super::scene::Before;
use super::undo::UndoRecord;
use super::{ChangeError, ChangeProof, ChangeRequest};
use crate::types::VlanId;

/// What was shown before, and what commands are filled in with.
pub(super) struct Shown {
    pub before: Before,
    pub record: Option<Record>,
    pub vars: Vars,
    pub old: Vec<u16>,
}

pub(super) fn op(switch: &Switch, operation: Operation) -> Result<&SshOp, ChangeError> {
    let name = operation.name();
    Ok(switch
        .profile()
        .ssh_ops
        .get(name)
        .ok_or_else(|| RenderError {
            profile: switch.profile().name.clone(),
            op: name.to_owned(),
            why: "it has no such operation over SSH".into(),
        })?)
}

/// Looks at the port and its VLANs, and says what every guard says.
pub(super) async fn look(
    switch: &Switch,
    request: &ChangeRequest,
) -> Result<(Shown, Vec<Guard>), ChangeError> {
    let shown = show(switch, request).await?;
    let op = op(switch, request.operation)?;
    let macs = match &shown.before.port {
        // A switch that does not show its table must not stop what was ordered.
        Some(port) => switch.macs_of(port).await.ok(),
        None => None,
    };
    let target = switch.target();
    let around = Around {
        uplinks: &target.uplinks,
        own_ports: &target.own_ports,
        macs: macs.as_deref(),
        needs: &op.need,
    };
    let refusals = guards::refusals(request, &shown.before, &around);
    Ok((shown, refusals))
}

async fn show(switch: &Switch, request: &ChangeRequest) -> Result<Shown, ChangeError> {
    let cli = switch.cli()?;
    let new = request.operation.vlan().map(|v| v.0);
    let mut vars = Vars::new();
    if let Some(new) = new {
        vars = vars.with("new", new).with("vlan", new);
    }
    match request.operation {
        Operation::FlushMac(mac, _) => vars = vars.mac(mac),
        Operation::ClearArp(ip) => vars = vars.with("ip", ip),
        Operation::PortOff
        | Operation::PortOn
        | Operation::SetAccessVlan(_)
        | Operation::TrunkAllow(_)
        | Operation::TrunkRemove(_)
        | Operation::PoeCycle
        | Operation::Save => {}
    }
    if let (Operation::FlushMac(mac, vlan), None) = (request.operation, &request.port) {
        vars = switch.at_place(vars, mac, vlan).await?;
    }
    let (mut port, mut record) = (None, None);
    if let Some(name) = &request.port {
        vars = vars.port(name);
        let shown = switch.shown_port(name).await?;
        port = Some(switch.state_of(name, &shown)?);
        record = Some(shown);
    }
    let field = |name: &str| record.as_ref().and_then(|r| r.get(name));
    let pvid: Option<u16> = field("pvid").and_then(|p| p.trim().parse().ok());
    let tagged = field("tagged").and_then(|t| vlan_list(t));
    let mut before = Before {
        scene: Scene::default(),
        port,
        untagged: pvid.map(|p| BTreeSet::from([p])),
        tagged,
        vlan_exists: None,
        forbidden: false,
        says_trunk: field("mode").map(|m| m.eq_ignore_ascii_case("trunk")),
        anchors: Vec::new(),
    };
    let old: Vec<u16> = pvid.into_iter().filter(|p| Some(*p) != new).collect();
    if let Some(old) = old.first() {
        vars = vars.with("old", *old);
    }
    if request.operation.is_move() && cli.rules().shows.contains_key("vlans") {
        let all = cli.show("vlans", &vars).await.map_err(SwitchError::from)?;
        let named = |vlan: u16| {
            let one = all
                .iter()
                .find(|r| r.get("vlan").and_then(|v| v.parse().ok()) == Some(vlan));
            one.map(|r| r.get("name").cloned().unwrap_or_default())
        };
        before.vlan_exists = new.map(|v| named(v).is_some());
        for (variable, vlan) in [("new.name", new), ("old.name", old.first().copied())] {
            if let Some(name) = vlan.and_then(named) {
                vars = vars.with(variable, name);
            }
        }
    }
    Ok(Shown {
        before,
        record,
        vars,
        old,
    })
}

/// Does it, and proves it.
pub(super) async fn change(
    switch: &Switch,
    request: &ChangeRequest,
    start: Instant,
) -> Result<ChangeProof, ChangeError> {
    let (shown, refusals) = look(switch, request).await?;
    if let Some(guard) = refusals.into_iter().next() {
        return Err(ChangeError::Guarded {
            switch: switch.target().name.clone(),
            port: request.port.clone().unwrap_or_else(|| "-".into()),
            guard,
        });
    }
    let op = op(switch, request.operation)?;
    let run = CliRun {
        switch,
        request,
        op,
        shown: &shown,
        start,
        deadline: start + request.within,
    };
    run.run().await
}

pub(super) struct CliRun<'a> {
    pub(super) switch: &'a Switch,
    pub(super) request: &'a ChangeRequest,
    pub(super) op: &'a SshOp,
    pub(super) shown: &'a Shown,
    pub(super) start: Instant,
    pub(super) deadline: Instant,
}

impl CliRun<'_> {
    async fn run(&self) -> Result<ChangeProof, ChangeError> {
        let operation = self.request.operation;
        let acts = matches!(
            operation,
            Operation::Save | Operation::PoeCycle | Operation::ClearArp(_)
        );
        if !acts
            && !self.op.prove.is_empty()
            && !self.is_surely_otherwise(&self.op.prove)
            && let Read::Yes = self.look(&self.op.prove).await
        {
            return Ok(self.proof(true, Vec::new()));
        }
        let commit = self.commit();
        let report = commands::send(
            self.switch,
            self.op,
            &self.shown.vars,
            &self.shown.old,
            commit,
            self.deadline,
        )
        .await;
        let failed = report.error.as_ref().map(ToString::to_string);
        if failed.is_some() && !report.may_have_changed() {
            return Err(match report.error {
                Some(e) => ChangeError::Unreadable(e.into()),
                None => ChangeError::Unreadable(self.switch.no_way("that")),
            });
        }
        // A session that broke, or a command that was refused after others were taken: what is shown decides.
        let mut notes = Vec::new();
        let proven = self.until_proven(&self.op.prove).await;
        match (proven, failed) {
            (Read::Yes, failed) => {
                if self.op.prove.is_empty()
                    && let Some(why) = failed
                {
                    return Err(self.give_up(why, report.armed).await);
                }
                if let Some(why) = failed {
                    notes.push(format!(
                        "a command was not accepted, but it shows as done ({why})"
                    ));
                }
                if self.op.prove.is_empty() {
                    notes.push("accepted by the command line; this family shows nothing that could be read back".into());
                }
                if report.armed {
                    self.confirm().await?;
                    notes.push(format!(
                        "armed for {ARMED_MINUTES} minutes, and confirmed when it was proven"
                    ));
                }
                Ok(self.proof(false, notes))
            }
            (Read::No(seen), failed) => {
                let why = failed.map_or_else(|| seen.clone(), |f| format!("{f}; {seen}"));
                Err(self.give_up(why, report.armed).await)
            }
        }
    }

    /// Only moves are armed: what was shut has to stay shut.
    fn commit(&self) -> Commit {
        let operation = self.request.operation;
        let transaction = self
            .switch
            .cli_if_any()
            .and_then(|c| c.rules().transaction.as_ref());
        let arms = transaction.is_some_and(|t| t.arm_for.contains(operation.name()));
        match operation {
            Operation::FlushMac(..) | Operation::ClearArp(_) | Operation::Save => Commit::No,
            _ if arms && operation.is_move() => Commit::Armed {
                minutes: ARMED_MINUTES,
            },
            Operation::PortOff
            | Operation::PortOn
            | Operation::SetAccessVlan(_)
            | Operation::TrunkAllow(_)
            | Operation::TrunkRemove(_)
            | Operation::PoeCycle => Commit::Now,
        }
    }

    /// Confirms, and looks again: what could not be confirmed undoes itself.
    async fn confirm(&self) -> Result<(), ChangeError> {
        let unclear = |why: String| ChangeError::Unclear {
            switch: self.switch.target().name.clone(),
            operation: self.request.operation.to_string(),
            why,
            seen: format!(
                "It was armed: unless it was confirmed, it undoes itself after {ARMED_MINUTES} minutes. "
            ),
        };
        let cli = self.switch.cli()?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let report = cli
            .confirm(self.op.mode.as_deref(), &self.shown.vars, left)
            .await;
        if let Some(e) = report.error {
            return Err(unclear(e.to_string()));
        }
        match self.until_proven(&self.op.prove).await {
            Read::Yes => Ok(()),
            Read::No(seen) => Err(unclear(seen)),
        }
    }

    /// Takes a move back: by not confirming, or by the inverse operation; and looks whether all is as before.
    async fn give_up(&self, why: String, armed: bool) -> ChangeError {
        let switch = self.switch.target().name.clone();
        let operation = self.request.operation.to_string();
        let unclear = |seen: String| ChangeError::Unclear {
            switch: switch.clone(),
            operation: operation.clone(),
            why: why.clone(),
            seen,
        };
        if !self.request.operation.is_move() {
            return unclear("What was done stays as it is. ".into());
        }
        let left = self.deadline.max(Instant::now() + self.op.settle) + Duration::from_secs(5);
        let taken_back = if armed {
            let Ok(cli) = self.switch.cli() else {
                return unclear(String::new());
            };
            let patience = left.saturating_duration_since(Instant::now());
            cli.abort(self.op.mode.as_deref(), &self.shown.vars, patience)
                .await
                .error
        } else {
            self.send_inverse(left).await
        };
        match (self.is_as_before().await, taken_back) {
            (true, _) => ChangeError::Undone {
                switch,
                operation,
                why,
            },
            (false, Some(e)) => unclear(format!("It could not be taken back either: {e}. ")),
            (false, None) if armed => unclear(format!(
                "It was not confirmed, so that it undoes itself after {ARMED_MINUTES} minutes. "
            )),
            (false, None) => unclear("It was taken back, but does not show as before. ".into()),
        }
    }

    async fn send_inverse(&self, until: Instant) -> Option<super::super::ssh::CliError> {
        let old = self.shown.old.first().copied();
        let inverse = self.request.operation.inverse(old.map(VlanId))?;
        let op = self.switch.profile().ssh_ops.get(inverse.name())?;
        let mut vars = self.shown.vars.clone();
        if let Some(vlan) = inverse.vlan() {
            vars = vars.with("new", vlan.0).with("vlan", vlan.0);
        }
        let leaves: Vec<u16> = self
            .request
            .operation
            .vlan()
            .map(|v| v.0)
            .into_iter()
            .collect();
        commands::send(self.switch, op, &vars, &leaves, Commit::Now, until)
            .await
            .error
    }

    async fn is_as_before(&self) -> bool {
        let (Some(port), Some(before)) = (&self.request.port, &self.shown.record) else {
            return false;
        };
        let end = Instant::now() + self.op.settle;
        loop {
            if let Ok(now) = self.switch.shown_port(port).await
                && ["admin", "pvid", "mode", "tagged"]
                    .iter()
                    .all(|f| now.get(*f) == before.get(*f))
            {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep_until((Instant::now() + PAUSE.1).min(end)).await;
        }
    }

    fn proof(&self, already: bool, notes: Vec<String>) -> ChangeProof {
        let told = |row: &ShowRow| {
            if row.absent {
                return format!("{}: nothing", row.show);
            }
            let fields = [
                ("admin", &row.admin),
                ("oper", &row.oper),
                ("pvid", &row.pvid),
                ("mode", &row.mode),
                ("tagged with", &row.tagged),
                ("tagged without", &row.not_tagged),
            ];
            let fields: Vec<String> = fields
                .iter()
                .filter_map(|(f, v)| v.as_deref().map(|v| format!("{f} {}", self.fill(v))))
                .collect();
            format!("{}: {}", row.show, fields.join(", "))
        };
        let old = self.shown.old.first().copied().map(VlanId);
        let operation = self.request.operation;
        let undoable = !already && operation.inverse(old).is_some();
        ChangeProof {
            switch: self.switch.target().name.clone(),
            port: self.request.port.clone(),
            operation: operation.to_string(),
            transport: Transport::Ssh,
            already,
            took: self.start.elapsed(),
            proven: self.op.prove.iter().map(told).collect(),
            notes,
            undo: undoable.then(|| UndoRecord {
                switch: self.switch.target().name.clone(),
                operation,
                port: self.request.port.clone(),
                old,
                vars: Vec::new(),
            }),
        }
    }
}
