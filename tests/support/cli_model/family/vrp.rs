//! The command line of Huawei VRP 8 in two stages: every session has a candidate, and a trial belongs to the session
//! that began it. No other can confirm or abort it.

use super::super::truth::{Port, Truth, by_session};
use super::{Asked, At, Family, Said, Words, list, said};

pub(super) static WORDS: Words = Words {
    profile: "huawei-vrp8",
    ports: ["10GE1/0/1", "10GE1/0/2", "10GE1/0/3"],
    start: At::Exec,
    refusal: " ^\nError: Unrecognized command found at '^' position.\n",
    log_line: "\nNov 25 2026 10:00:00 lab-sw1 %%01SHELL/4/LOGIN(l): Error: of somebody else\n",
    pager: "  ---- More ----",
    locked: "Error: The configuration is locked by other user.\n",
};

const IN_TRIAL: &str = "Error: The system is in trial configuration mode.\n";

pub(super) fn prompt(at: &At, dirty: bool) -> String {
    let mark = if dirty { '*' } else { '~' };
    match at {
        At::Config => format!("[{mark}lab-sw1]"),
        At::Interface(port) => format!("[{mark}lab-sw1-{port}]"),
        _ => "<lab-sw1>".into(),
    }
}

impl Family {
    pub(super) fn vrp(
        self,
        truth: &mut Truth,
        session: usize,
        at: &mut At,
        words: &[&str],
    ) -> Option<Said> {
        let by = by_session(session);
        let ours = truth.armed.as_ref().is_some_and(|a| a.by == by);
        let somebody = truth.armed.is_some() && !ours;
        match (&*at, words) {
            (_, ["display", rest @ ..]) => return self.vrp_display(truth, rest),
            (At::Exec, ["screen-length", "0", "temporary"] | ["undo", "terminal", "monitor"]) => {}
            (At::Exec, ["system-view"]) => {
                *at = At::Config;
                return Some(said(
                    "Enter system view, return user view with return command.\n",
                ));
            }
            (At::Exec, _) => return None,
            (_, ["return"]) if truth.is_dirty(session) => {
                return Some(Said::Asks(
                    "Warning: Uncommitted configurations found. Are you sure to commit them before exiting? [Y(yes)/N(no)/C(cancel)]:".into(),
                    Asked::Uncommitted,
                ));
            }
            (_, ["return"]) => *at = At::Exec,
            (_, ["commit", ..]) if somebody => return Some(said(IN_TRIAL)),
            (_, ["commit"]) => {
                truth.armed = None;
                truth.commit(session);
            }
            (_, ["commit", "trial", seconds]) => {
                let seconds: u32 = seconds.parse().ok()?;
                truth.arm_by(seconds.div_ceil(60), &by);
                truth.commit(session);
                return Some(Said::Text(format!(
                    "Committing..done.\nInfo: The system enters the trial configuration mode.\nThe system will revert to previous configuration if the trial configuration is not confirmed in {seconds} seconds.\n"
                )));
            }
            (_, ["abort", "trial"]) if ours => {
                return Some(Said::Asks(
                    "Warning: The trial configuration will be rolled back. Continue? [Y/N]:".into(),
                    Asked::RollBack,
                ));
            }
            (_, ["abort", "trial"]) if somebody => return Some(said(IN_TRIAL)),
            (_, ["abort", "trial"]) => {
                return Some(said(
                    "Error: The system is not in trial configuration mode.\n",
                ));
            }
            (_, ["clear", "configuration", "candidate"]) => {
                truth.candidates.remove(&session);
            }
            (_, ["interface", port]) => *at = At::Interface(self.port_of(truth, port)?),
            (At::Interface(port), rest) => {
                let conf = truth.target(session, true);
                edit(conf.ports.get_mut(port)?, rest)?;
            }
            _ => return None,
        }
        Some(said(""))
    }

    fn vrp_display(self, truth: &Truth, words: &[&str]) -> Option<Said> {
        match words {
            ["interface", name] => {
                let port = truth.shown().ports.get(*name)?;
                let (state, line) = match port.up {
                    true => ("UP", "UP"),
                    false => ("Administratively DOWN", "DOWN"),
                };
                let pvid = if port.trunk { 1 } else { port.access };
                Some(Said::Text(format!(
                    "{name} current state : {state}\nLine protocol current state : {line}\nDescription: {}\nSwitch Port, PVID : {pvid:4}, TPID : 8100(Hex), The Maximum Frame Length is 9216\nIP Sending Frames' Format is PKTFMT_ETHNT_2, Hardware address is 0011-2233-4455\n",
                    port.alias
                )))
            }
            ["port", "vlan", name] => {
                let port = truth.shown().ports.get(*name)?;
                let (kind, pvid, vlans) = if port.neither {
                    ("hybrid", 1, "2".to_owned())
                } else if port.trunk {
                    ("trunk", 1, wrapped(&list(&port.allowed, " ")))
                } else {
                    ("access", port.access, "-".into())
                };
                Some(Said::Text(format!(
                    "Port                        Link Type    PVID  Trunk VLAN List\n-------------------------------------------------------------------------------\n{name:27} {kind:12} {pvid:<5} {vlans}\n"
                )))
            }
            ["vlan"] => {
                let rows = truth.shown().vlans.iter();
                let rows = rows.map(|v| {
                    format!("{v:4} common   enable  default   enable  disable VLAN {v:04}\n")
                });
                Some(Said::Text(format!(
                    "The total number of vlans is : 5\nVID  Type     Status  Property  MAC-LRN STAT    Description\n--------------------------------------------------------------------------------\n{}",
                    rows.collect::<String>()
                )))
            }
            ["mac-address", ..] => Some(said("Total items: 0\n")),
            ["configuration", "trial", "status"] => {
                let (status, left) = match truth.armed {
                    Some(_) => (" ACTIVE", 51),
                    None => ("INACTIVE", 0),
                };
                Some(Said::Text(format!(
                    "Trial status: {status}\nTrial time left (sec): {left}\n"
                )))
            }
            _ => None,
        }
    }
}

/// What an answer to its questions does, and what is printed.
pub(super) fn answer(
    truth: &mut Truth,
    session: usize,
    at: &mut At,
    asked: Asked,
    line: &str,
) -> &'static str {
    match (asked, line.to_ascii_lowercase().as_str()) {
        (Asked::Uncommitted, "y") => {
            truth.commit(session);
            *at = At::Exec;
        }
        (Asked::Uncommitted, "n") => {
            truth.candidates.remove(&session);
            *at = At::Exec;
        }
        (Asked::RollBack, "y") => {
            if let Some(armed) = truth.armed.take() {
                truth.running = armed.before;
                return "Info: The trial configuration rollback succeeded.\n";
            }
        }
        _ => {}
    }
    ""
}

fn edit(port: &mut Port, words: &[&str]) -> Option<()> {
    let vlan: Option<u16> = words.last().and_then(|v| v.parse().ok());
    match (words, vlan) {
        (["shutdown"], _) => port.up = false,
        (["undo", "shutdown"], _) => port.up = true,
        (["port", "link-type", "access"], _) => port.trunk = false,
        (["port", "default", "vlan", _], Some(v)) => port.access = v,
        (["port", "trunk", "allow-pass", "vlan", _], Some(v)) => {
            port.allow(v);
        }
        (["undo", "port", "trunk", "allow-pass", "vlan", _], Some(v)) => {
            port.allowed.remove(&v);
        }
        _ => return None,
    }
    Some(())
}

/// A list as its column has it, 32 characters in a line.
fn wrapped(list: &str) -> String {
    let mut lines = vec![String::new()];
    for vlan in list.split(' ') {
        let last = lines.last_mut().unwrap();
        if last.is_empty() {
            last.push_str(vlan);
        } else if last.len() + 1 + vlan.len() <= 32 {
            last.push(' ');
            last.push_str(vlan);
        } else {
            lines.push(vlan.to_owned());
        }
    }
    lines.join(&format!("\n{}", " ".repeat(47)))
}
