//! The command line of Junos.

use super::super::truth::Truth;
use super::{Asked, At, Family, Said, Words, list, said};

pub(super) static WORDS: Words = Words {
    profile: "juniper-junos",
    ports: ["ge-0/0/1", "ge-0/0/2", "ge-0/0/3"],
    start: At::Exec,
    refusal: "                    ^\nsyntax error.\n",
    log_line: "\nBroadcast Message from root@lab-sw1 (no tty) at 16:36: error: nothing of yours\n",
    pager: "---(more 50%)---",
    locked: "error: configuration database locked by:\n  eve terminal p1 (pid 4711) on since 10:00\n      exclusive [edit]\n",
};

pub(super) fn prompt(at: &At) -> String {
    match at {
        At::Config | At::Interface(_) => "\n[edit]\nops@lab-sw1# ".into(),
        _ => "ops@lab-sw1> ".into(),
    }
}

impl Family {
    pub(super) fn junos(
        self,
        truth: &mut Truth,
        session: usize,
        at: &mut At,
        words: &[&str],
    ) -> Option<Said> {
        match (&*at, words) {
            (At::Exec, ["set", "cli", ..]) => {}
            (At::Exec, ["show", "interfaces", port, "|", "match", _]) => {
                let port_of = truth.shown().ports.get(*port)?;
                let (admin, oper) = if port_of.up {
                    ("Enabled", "Up")
                } else {
                    ("Administratively down", "Down")
                };
                return Some(Said::Text(format!(
                    "Physical interface: {port}, {admin}, Physical link is {oper}\n"
                )));
            }
            (At::Exec, ["show", "configuration", "interfaces", port, "unit", "0", ..]) => {
                let port = truth.shown().ports.get(*port)?;
                let members = if port.trunk {
                    &port.allowed
                } else {
                    &[port.access].into()
                };
                let members = match members.len() {
                    0 => String::new(),
                    1 => format!("vlan {{\n    members {};\n}}\n", list(members, " ")),
                    _ => format!("vlan {{\n    members [ {} ];\n}}\n", list(members, " ")),
                };
                let mode = if port.trunk { "trunk" } else { "access" };
                return Some(Said::Text(format!("interface-mode {mode};\n{members}")));
            }
            (At::Exec, ["show", "vlans", "brief"]) => {
                let rows = truth
                    .shown()
                    .vlans
                    .iter()
                    .map(|v| format!("default-switch     v{v}      {v}\n"));
                return Some(Said::Text(rows.collect()));
            }
            (At::Exec, ["show", "ethernet-switching", "table", ..]) => {
                return Some(said("Ethernet switching table : 0 entries\n"));
            }
            (At::Exec, ["show", "system", "commit"]) => {
                let pending = if truth.armed.is_some() {
                    " commit confirmed, rollback in 2mins"
                } else {
                    ""
                };
                return Some(Said::Text(format!(
                    "0   2026-11-25 10:00:00 UTC by ops via cli{pending}\n1   2026-11-24 10:00:00 UTC by ops via cli\n"
                )));
            }
            (At::Exec, ["configure", "exclusive"]) => {
                if let Some(busy) = self.lock(truth, session) {
                    return Some(busy);
                }
                *at = At::Config;
                return Some(said(
                    "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n",
                ));
            }
            (At::Config, ["exit", "configuration-mode"]) => {
                if truth.is_dirty(session) {
                    return Some(Said::Asks(
                        "The configuration has been modified\nDiscard uncommitted changes? [yes,no] (yes) ".into(),
                        Asked::Discard,
                    ));
                }
                truth.candidates.remove(&session);
                truth.lock.take_if(|l| *l == session);
                *at = At::Exec;
                return Some(said("Exiting configuration mode\n"));
            }
            (At::Config, ["rollback", "0"]) => {
                truth.candidates.remove(&session);
                return Some(said("load complete\n"));
            }
            (At::Config, ["commit"]) => {
                // What was confirmed stays, with what is new.
                truth.armed = None;
                truth.commit(session);
                // A commit is what the next boot finds, too.
                truth.startup = truth.running.clone();
                return Some(said("commit complete\n"));
            }
            (At::Config, ["commit", "confirmed", minutes]) => {
                let minutes: u32 = minutes.parse().ok()?;
                truth.arm(minutes);
                truth.commit(session);
                return Some(Said::Text(format!(
                    "commit confirmed will be automatically rolled back in {minutes} minutes unless confirmed\ncommit complete\n\n# commit confirmed will be rolled back in {minutes} minutes\n"
                )));
            }
            (At::Config, ["set", "interfaces", port, "disable"]) => {
                return self.edit(truth, session, port, |p| p.up = false);
            }
            (At::Config, ["delete", "interfaces", port, "disable"]) => {
                return self.edit(truth, session, port, |p| p.up = true);
            }
            (
                At::Config,
                [
                    verb,
                    "interfaces",
                    port,
                    "unit",
                    "0",
                    "family",
                    "ethernet-switching",
                    "vlan",
                    "members",
                    rest @ ..,
                ],
            ) => {
                let v: Option<u16> = rest.first().and_then(|v| v.parse().ok());
                return match (*verb, v) {
                    ("set", Some(v)) => self.edit(truth, session, port, |p| {
                        if p.trunk {
                            p.allow(v);
                        } else {
                            p.access = v;
                        }
                    }),
                    ("delete", Some(v)) => self.edit(truth, session, port, |p| {
                        p.allowed.remove(&v);
                    }),
                    ("delete", None) => self.edit(truth, session, port, |p| {
                        p.allowed.clear();
                        p.access = 1;
                    }),
                    _ => None,
                };
            }
            _ => return None,
        }
        Some(said(""))
    }
}
