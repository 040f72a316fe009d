//! A change over the command line: the same transaction, with commands for SETs and shows for GETs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::before::{Before, PortMode};
use super::commands;
use super::commands::ARMED_MINUTES;
use super::guard::Guard;
use super::guards;
use super::guards::Around;
use super::pending::Pending;
use super::port_down::PortDown;
use super::undo::UndoRecord;
use super::{ChangeError, ChangeProof, ChangeRequest};
use crate::rt::Instant;
use crate::switch::model::op::Operation;
use crate::switch::model::port::Learned;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::ssh::rules::Transaction;
use crate::switch::profile::{ShowRow, SshOp, Transport};
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::switch::render::{RenderError, Scene};
use crate::switch::ssh::{CliError, Commit, Record, random, vlan_list};
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
        Some(port) => Some(match switch.learned_on(port).await {
            Ok(learned) => learned,
            Err(e) => Learned::Unreadable(e.to_string()),
        }),
        None => None,
    };
    let listed = guards::listed(switch, request, &shown.before);
    let around = Around {
        listed,
        macs: macs.as_ref(),
        needs: &op.need,
    };
    let refusals = guards::refusals(request, &shown.before, &around);
    Ok((shown, refusals))
}

/// What is ordered, as commands are filled in with it.
fn ordered(operation: Operation) -> Vars {
    let mut vars = Vars::new().with("random", random());
    if let Some(new) = operation.vlan().map(|v| v.0) {
        vars = vars.with("new", new).with("vlan", new);
    }
    if let Some(mac) = operation.mac() {
        vars = vars.mac(mac);
    }
    match operation.ip() {
        Some(ip) => vars.with("ip", ip),
        None => vars,
    }
}

async fn show(switch: &Switch, request: &ChangeRequest) -> Result<Shown, ChangeError> {
    let cli = switch.cli()?;
    let new = request.operation.vlan().map(|v| v.0);
    let mut vars = ordered(request.operation);
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
        mode: field("mode").and_then(|m| PortMode::of_word(m)),
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
    let down = PortDown::read(switch, request, start).await?;
    let run = CliRun {
        down,
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
    /// The port that is to be shut, as it was read before.
    down: Option<PortDown>,
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
            && let Ok(()) = self.look(&self.op.prove).await
        {
            return match self.pending().await {
                Pending::Yes(line) => Err(self.held_by_another(line)),
                Pending::No | Pending::NotShown => Ok(self.proof(true, Vec::new())),
            };
        }
        let commit = self.commit();
        let sent = Instant::now();
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
        if let Some(e) = report.error.clone().filter(|_| !report.may_have_changed()) {
            // Some switches refuse in words what they carry out.
            let shows = !report.sent.is_empty() && !acts;
            if !shows
                || self.until_proven(&self.op.prove).await.is_err()
                    && self.is_as_before(Duration::ZERO).await
            {
                return Err(ChangeError::Unreadable(e.into()));
            }
        }
        // A session that broke, or a command that was refused after others were taken: what is shown decides.
        let mut notes = Vec::new();
        let settled = Instant::now();
        let mut proven = self.until_proven(&self.op.prove).await;
        if let (Ok(()), Some(down)) = (&proven, &self.down) {
            let until = (settled + self.op.settle, self.deadline);
            if let Err(why) = down.prove(self.switch, (sent, settled), until).await {
                proven = Err(why);
            }
        }
        match (proven, failed) {
            (Ok(()), failed) => {
                if self.op.prove.is_empty()
                    && let Some(why) = failed
                {
                    return Err(self.give_up(why, &report).await);
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
                    notes.push(self.confirm().await?);
                } else if commit != Commit::No
                    && let Pending::Yes(line) = self.pending().await
                {
                    return Err(self.unclear(line, "It is done as it should be now. ".into()));
                }
                Ok(self.proof(false, notes))
            }
            (Err(seen), failed) => {
                let why = failed.map_or_else(|| seen.clone(), |f| format!("{f}; {seen}"));
                Err(self.give_up(why, &report).await)
            }
        }
    }

    fn held_by_another(&self, line: String) -> ChangeError {
        let switch = self.switch.target().name.clone();
        let command = self.request.operation.to_string();
        ChangeError::Unreadable(SwitchError::from(CliError::Busy {
            switch,
            command,
            line,
        }))
    }

    pub(super) fn transaction(&self) -> Option<&Transaction> {
        self.switch.cli_if_any()?.rules().transaction.as_ref()
    }

    /// Only moves are armed: what was shut has to stay shut.
    fn commit(&self) -> Commit {
        let operation = self.request.operation;
        let arms = self
            .transaction()
            .is_some_and(|t| t.arm_for.contains(operation.name()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::Profile;
    use crate::switch::model::op::tests::ORDERS;

    #[test]
    fn commands_are_filled_in_with_what_was_ordered_and_with_nothing_else() {
        let text = Profile::built_in_text("linux-bridge").unwrap();
        let profile = Profile::parse("linux-bridge", "linux-bridge.toml", text).unwrap();
        let rules = profile.cli.expect("it has a command line");
        for (name, words) in ORDERS {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            let vars = ordered(Operation::from_words(name, &words).unwrap());
            let filled = ["{vlan}", "{mac}", "{ip}"].map(|what| rules.fill(what, &vars).ok());
            let mut filled: Vec<String> = filled.into_iter().flatten().collect();
            let mut words = words.clone();
            filled.sort();
            words.sort();
            assert_eq!(filled, words, "{name}");
            let both = [rules.fill("{new}", &vars), rules.fill("{vlan}", &vars)];
            assert_eq!(both[0].as_ref().ok(), both[1].as_ref().ok(), "{name}");
        }
    }
}
