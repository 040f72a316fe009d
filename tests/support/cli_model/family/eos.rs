//! The command line of Arista EOS. Its configuration sessions have names, outlive the connection that they were written
//! over, and keep their names when they are committed or aborted.

use super::super::truth::{Conf, Named, Port, Truth};
use super::{Asked, At, Family, Said, Words, list, said};

pub(super) static WORDS: Words = Words {
    profile: "arista-eos",
    ports: ["Ethernet1", "Ethernet2", "Ethernet3"],
    start: At::User,
    refusal: "% Invalid input\n",
    log_line: "\nNov 25 10:00:00 lab-sw1 ConfigAgent: %SYS-5-CONFIG_I: % Invalid input of somebody else\n",
    pager: " --More-- ",
    locked: "% Configuration is locked by another user, since the configuration is locked by eve\n",
};

/// So many sessions may be open.
const PENDING: usize = 5;

pub(super) fn prompt(at: &At) -> String {
    match at {
        At::User => "lab-sw1>".into(),
        At::Exec => "lab-sw1#".into(),
        At::Config => "lab-sw1(config)#".into(),
        At::Interface(port) => format!("lab-sw1(config-if-{})#", short(port)),
        // Of the name six letters are shown.
        At::Session(name, None) => format!("lab-sw1(config-s-{:.6})#", name),
        At::Session(name, Some(port)) => {
            format!("lab-sw1(config-s-{:.6}-if-{})#", name, short(port))
        }
    }
}

/// The name in tables and prompts.
fn short(port: &str) -> String {
    port.replace("Ethernet", "Et")
}

impl Family {
    pub(super) fn eos(self, truth: &mut Truth, at: &mut At, words: &[&str]) -> Option<Said> {
        match (&*at, words) {
            (At::User, ["enable"]) => {
                return Some(Said::Asks("Password: ".into(), Asked::Enable));
            }
            (At::User, _) => return None,
            (At::Exec, ["terminal", "length", _]) => return Some(said("Pagination disabled.\n")),
            (At::Exec, ["terminal", "width", columns]) => {
                return Some(Said::Text(format!("Width set to {columns} columns.\n")));
            }
            // What is done in the privileged mode is done in every mode above it too.
            (_, ["show", rest @ ..]) => return self.eos_show(truth, rest),
            (_, ["configure", "terminal"]) => *at = At::Config,
            (_, ["configure", "session", name]) => {
                if let Err(refused) = enter(truth, name) {
                    return Some(refused);
                }
                *at = At::Session((*name).to_owned(), None);
            }
            (_, ["configure", "session", name, "commit"]) => {
                return Some(commit(truth, name, None).err().unwrap_or(said("")));
            }
            (_, ["configure", "session", name, "abort"]) => {
                return Some(abort(truth, name).err().unwrap_or(said("")));
            }
            (At::Session(name, _), ["commit"]) => {
                let done = commit(truth, name, None);
                *at = At::Exec;
                return Some(done.err().unwrap_or(said("")));
            }
            (At::Session(name, _), ["commit", "timer", time]) => {
                let minutes = minutes(time)?;
                if let Err(refused) = commit(truth, name, Some(minutes)) {
                    return Some(refused);
                }
                *at = At::Exec;
            }
            (At::Session(name, port), ["abort"]) => {
                // In the middle of an interface it leaves the session, which goes on.
                if port.is_none() {
                    let _ = abort(truth, name);
                }
                *at = At::Exec;
            }
            (At::Config | At::Interface(_) | At::Session(..), ["end"]) => *at = At::Exec,
            (At::Config | At::Interface(_), ["interface", port]) => {
                *at = At::Interface(self.port_of(truth, port)?);
            }
            (At::Session(name, _), ["interface", port]) => {
                *at = At::Session(name.clone(), Some(self.port_of(truth, port)?));
            }
            (At::Interface(port), rest) => {
                let conf = &mut truth.running;
                edit(conf.ports.get_mut(port)?, rest)?;
            }
            (At::Session(name, Some(port)), rest) => {
                let Some(Named::Pending(conf)) = truth.named.get_mut(name) else {
                    return None;
                };
                edit(conf.ports.get_mut(port)?, rest)?;
            }
            _ => return None,
        }
        Some(said(""))
    }

    fn eos_show(self, truth: &Truth, words: &[&str]) -> Option<Said> {
        match words {
            ["interfaces", "status"] => Some(Said::Text(status(truth, None))),
            ["interfaces", port, "status"] => {
                let name = self.port_of(truth, port)?;
                Some(Said::Text(status(truth, Some(&name))))
            }
            ["interfaces", port, "switchport"] => {
                let name = self.port_of(truth, port)?;
                let port = truth.shown().ports.get(&name)?;
                let (mode, allowed) = if port.trunk {
                    ("trunk", list(&port.allowed, ","))
                } else {
                    ("static access", "ALL".into())
                };
                Some(Said::Text(format!(
                    "Name: {}\nSwitchport: Enabled\nAdministrative Mode: {mode}\nOperational Mode: {mode}\nMAC Address Learning: enabled\nAccess Mode VLAN: {} (VLAN)\nTrunking Native Mode VLAN: 1 (default)\nAdministrative Native VLAN tagging: disabled\nTrunking VLANs Enabled: {allowed}\nTrunk Groups:\n\n",
                    short(&name),
                    port.access
                )))
            }
            ["vlan"] => {
                let rows = truth.shown().vlans.iter();
                let rows = rows.map(|v| {
                    format!("{v:<5} VLAN{v:04}                         active    Et1, Et2\n")
                });
                Some(Said::Text(format!(
                    "VLAN  Name                             Status    Ports\n----- -------------------------------- --------- -------------------------------\n{}\n",
                    rows.collect::<String>()
                )))
            }
            ["mac", "address-table", ..] => Some(said(
                "          Mac Address Table\n------------------------------------------------------------------\n\nVlan    Mac Address       Type        Ports      Moves   Last Move\n----    -----------       ----        -----      -----   ---------\nTotal Mac Addresses for this criterion: 0\n",
            )),
            ["configuration", "sessions", "detail"] => Some(Said::Text(sessions(truth))),
            _ => None,
        }
    }
}

/// Opens a session, or goes on with one that is open.
fn enter(truth: &mut Truth, name: &str) -> Result<(), Said> {
    let pending = |n: &Named| matches!(n, Named::Pending(_));
    let open = truth.named.values().filter(|n| pending(n)).count();
    match truth.named.get(name) {
        Some(Named::Pending(_)) => Ok(()),
        Some(Named::Done) => Err(Said::Text(format!(
            "% Cannot enter session {name} (already completed)\n"
        ))),
        None if open >= PENDING => Err(said("% Maximum number of pending sessions reached\n")),
        None => {
            let conf = Named::Pending(truth.running.clone());
            truth.named.insert(name.to_owned(), conf);
            Ok(())
        }
    }
}

/// Commits a session, for good or with a timer; of a session whose timer runs, confirms it. What others changed since
/// the session was opened is overwritten.
fn commit(truth: &mut Truth, name: &str, minutes: Option<u32>) -> Result<(), Said> {
    if minutes.is_none() && truth.armed.take_if(|a| a.by == name).is_some() {
        return Ok(());
    }
    if minutes.is_some() && truth.armed.is_some() {
        return Err(said(
            "% Cannot commit session: another commit timer is pending\n",
        ));
    }
    let Some(Named::Pending(conf)) = truth.named.get(name).cloned() else {
        return Err(Said::Text(format!("% Cannot commit session {name}\n")));
    };
    if let Some(minutes) = minutes {
        truth.arm_by(minutes, name);
    }
    truth.named.insert(name.to_owned(), Named::Done);
    truth.running = conf;
    Ok(())
}

/// Drops a session, or takes back the one whose timer runs.
fn abort(truth: &mut Truth, name: &str) -> Result<(), Said> {
    if let Some(armed) = truth.armed.take_if(|a| a.by == name) {
        truth.running = armed.before;
        return Ok(());
    }
    match truth.named.get_mut(name) {
        Some(session @ Named::Pending(_)) => {
            *session = Named::Done;
            Ok(())
        }
        _ => Err(Said::Text(format!("% Cannot abort session {name}\n"))),
    }
}

/// Minutes of `00:02:00`.
fn minutes(time: &str) -> Option<u32> {
    let parts: Option<Vec<u32>> = time.split(':').map(|p| p.parse().ok()).collect();
    match parts?.as_slice() {
        [hours, minutes, _] => Some(hours * 60 + minutes),
        _ => None,
    }
}

fn edit(port: &mut Port, words: &[&str]) -> Option<()> {
    let vlan: Option<u16> = words.last().and_then(|v| v.parse().ok());
    match (words, vlan) {
        (["shutdown"], _) => port.up = false,
        (["no", "shutdown"], _) => port.up = true,
        (["switchport", "mode", "access"], _) => port.trunk = false,
        (["switchport", "access", "vlan", _], Some(v)) => port.access = v,
        (["switchport", "trunk", "allowed", "vlan", "add", _], Some(v)) => {
            port.allow(v);
        }
        (["switchport", "trunk", "allowed", "vlan", "remove", _], Some(v)) => {
            port.allowed.remove(&v);
        }
        _ => return None,
    }
    Some(())
}

fn status(truth: &Truth, only: Option<&str>) -> String {
    let conf: &Conf = truth.shown();
    let mut out = "Port       Name                   Status       Vlan        Duplex  Speed Type\n"
        .to_owned();
    for (name, port) in &conf.ports {
        if only.is_some_and(|o| o != name) {
            continue;
        }
        let status = if port.up { "connected" } else { "disabled" };
        let vlan = if port.trunk {
            "trunk".to_owned()
        } else {
            port.access.to_string()
        };
        out.push_str(&format!(
            "{:10} {:22} {status:12} {vlan:11} a-full  a-1G  1000BASE-T\n",
            short(name),
            port.alias
        ));
    }
    out
}

/// As EOS 4.35 has it: a session whose timer runs is committed, and is named above.
fn sessions(truth: &Truth) -> String {
    let mut out = "Maximum number of completed sessions: 1\nMaximum number of pending sessions: 5\nMerge on commit is disabled\nAutosave to startup-config on commit is disabled\n\n".to_owned();
    if let Some(armed) = &truth.armed {
        out.push_str(&format!(
            "Session with pending commit timer: {}\nTime left until commit timer expiry: in 0:01:59\n\n",
            armed.by
        ));
    }
    out.push_str("  Name             State     User  Terminal Completed Time      Committed By\n- ---------------- --------- ----- -------- ------------------- ------------\n");
    for (name, session) in &truth.named {
        let state = match session {
            Named::Pending(_) => "pending",
            Named::Done => "committed",
        };
        out.push_str(&format!("  {name:16} {state}\n"));
    }
    out
}
