//! Checks the command-line side of a profile: its rules and the operations that use them. Pure.

use toml::Spanned;

use super::fill::{KNOWN, placeholders};
use super::rules::{Answer, CliRules, RuleProblem};
use crate::switch::profile::check::Check;
use crate::switch::profile::model::*;
use crate::switch::profile::schema;
use crate::switch::profile::snmp::operations::SETTLE;

impl Check<'_> {
    /// The rules of the command line.
    pub(in crate::switch::profile) fn cli(
        &mut self,
        raw: &Spanned<schema::Ssh>,
    ) -> Option<CliRules> {
        match CliRules::compile(raw.get_ref()) {
            Ok(rules) => {
                for show in rules.shows.values() {
                    self.variables(raw, "ssh.show", &show.send);
                }
                Some(rules)
            }
            Err(problems) => {
                for p in problems {
                    self.rule_problem(p);
                }
                None
            }
        }
    }

    fn rule_problem(&mut self, p: RuleProblem) {
        self.wrong_at(p.span.start, &p.key, p.message);
    }

    fn variables<T>(&mut self, at: &Spanned<T>, key: &str, command: &str) {
        for name in placeholders(command) {
            if !KNOWN.contains(&name) {
                let there = KNOWN.join("}, {");
                self.wrong(
                    at,
                    key,
                    format!("`{command}`: {{{name}}} is not filled in; there are {{{there}}}"),
                );
            }
        }
    }

    /// One operation over SSH.
    pub(in crate::switch::profile) fn ssh_op(
        &mut self,
        name: &str,
        raw: &Spanned<schema::OpSsh>,
        rules: Option<&CliRules>,
    ) -> SshOp {
        let key = format!("op.{name}.ssh");
        let op = raw.get_ref();
        if let (Some(mode), Some(rules)) = (&op.mode, rules)
            && !rules.modes.contains_key(mode.get_ref())
        {
            let there: Vec<&str> = rules.modes.keys().map(String::as_str).collect();
            let message = format!(
                "there is no [ssh.mode.{}]; there are: {}",
                mode.get_ref(),
                there.join(", ")
            );
            self.wrong(mode, &key, message);
        }
        let needs = [
            ("vlan-exists", Need::VlanExists),
            ("access-port", Need::AccessPort),
            ("trunk-port", Need::TrunkPort),
        ];
        let need = op
            .need
            .iter()
            .filter_map(|n| self.choice(n, &key, &needs))
            .collect();
        let settle = op
            .settle
            .as_ref()
            .and_then(|s| self.duration(s, &key))
            .unwrap_or(SETTLE);
        let steps = op
            .steps
            .iter()
            .filter_map(|s| self.cli_step(s, &key))
            .collect();
        if op.steps.is_empty() {
            self.wrong(raw, &key, "`do` must have at least one step");
        }
        let prove: Vec<ShowRow> = op
            .prove
            .iter()
            .filter_map(|p| self.show_row(p, &key, rules))
            .collect();
        let shows_both =
            prove.iter().any(|p| p.admin.is_some()) && prove.iter().any(|p| p.oper.is_some());
        if name == "port-off" && !shows_both {
            self.wrong(
                raw,
                &key,
                "`prove` must show `admin` and `oper`: that a command is accepted proves nothing",
            );
        }
        SshOp {
            mode: op.mode.as_ref().map(|m| m.get_ref().clone()),
            need,
            settle,
            steps,
            prove,
        }
    }

    fn cli_step(&mut self, raw: &Spanned<schema::CliStep>, key: &str) -> Option<CliStep> {
        let s = raw.get_ref();
        let wait = s.wait.as_ref().and_then(|w| self.duration(w, key));
        if s.cli.is_empty() == s.wait.is_none() {
            self.wrong(raw, key, "a step has exactly one of `cli` and `wait`");
            return None;
        }
        for command in &s.cli {
            self.variables(command, key, command.get_ref());
        }
        let mut problems = Vec::new();
        let asks = s
            .ask
            .iter()
            .filter_map(|a| Answer::compile(a, key, &mut problems))
            .collect();
        for p in problems {
            self.rule_problem(p);
        }
        let expect = s.expect.as_ref().and_then(|e| self.regex(e, key, &[]));
        let each = s
            .each
            .as_ref()
            .and_then(|e| self.choice(e, key, &[("old", ())]));
        Some(CliStep {
            commands: s.cli.iter().map(|c| c.get_ref().clone()).collect(),
            asks,
            each_old: each.is_some(),
            expect,
            within: s.within.as_ref().and_then(|w| self.duration(w, key)),
            wait,
            unless_vlan: s.unless_vlan.clone(),
        })
    }

    fn show_row(
        &mut self,
        raw: &Spanned<schema::ShowProof>,
        key: &str,
        rules: Option<&CliRules>,
    ) -> Option<ShowRow> {
        let p = raw.get_ref();
        if rules.is_some_and(|r| !r.shows.contains_key(&p.show)) {
            self.wrong(raw, key, format!("there is no [ssh.show.{}]", p.show));
        }
        for (what, value) in [("admin", &p.admin), ("oper", &p.oper)] {
            if value.as_ref().is_some_and(|v| v != "up" && v != "down") {
                self.wrong(raw, key, format!("`{what}` is `up` or `down`"));
            }
        }
        let fields = [
            &p.admin,
            &p.oper,
            &p.pvid,
            &p.mode,
            &p.tagged,
            &p.not_tagged,
        ];
        if fields.iter().all(|f| f.is_none()) && !p.absent {
            self.wrong(
                raw,
                key,
                "it proves nothing: give it a field, or `absent = true`",
            );
            return None;
        }
        Some(ShowRow {
            show: p.show.clone(),
            admin: p.admin.clone(),
            oper: p.oper.clone(),
            pvid: p.pvid.clone(),
            mode: p.mode.clone(),
            tagged: p.tagged.clone(),
            not_tagged: p.not_tagged.clone(),
            absent: p.absent,
        })
    }
}
