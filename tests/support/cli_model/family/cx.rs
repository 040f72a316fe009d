//! The command line of Aruba CX.

use super::super::truth::Truth;
use super::{At, Family, Said, Words, list, said};

pub(super) static WORDS: Words = Words {
    profile: "aruba-cx",
    ports: ["1/1/1", "1/1/2", "1/1/3"],
    start: At::Exec,
    refusal: "Invalid input: that\n",
    log_line: "\n2026-11-25T10:00:00.000 hpe-logd: Invalid input: nothing that you sent\n",
    pager: "-- MORE --, next page: Space, next line: Enter, quit: q",
    locked: "Configuration is locked by another user is editing\n",
};

pub(super) fn prompt(at: &At) -> String {
    let end = match at {
        At::User => ">",
        At::Exec => "# ",
        At::Config => "(config)# ",
        At::Interface(_) | At::Session(..) => "(config-if)# ",
    };
    format!("lab-sw1{end}")
}

impl Family {
    pub(super) fn cx(
        self,
        truth: &mut Truth,
        session: usize,
        at: &mut At,
        words: &[&str],
    ) -> Option<Said> {
        match (&*at, words) {
            (At::Exec, ["no", "page"]) => {}
            (At::Exec, ["show", "interface", name]) => {
                let port = truth.shown().ports.get(*name)?;
                let state = if port.up { "up" } else { "down" };
                let vlans = if port.trunk {
                    format!(
                        " VLAN Mode: native-untagged\n Native VLAN: 1\n Allowed VLAN List: {}\n",
                        list(&port.allowed, ",")
                    )
                } else {
                    format!(" VLAN Mode: access\n Access VLAN: {}\n", port.access)
                };
                return Some(Said::Text(format!(
                    "\nInterface {name} is {state}\n Admin state is {state}\n Link state: {state} for 3 hours\n Description: {}\n Hardware: Ethernet, MAC Address: 00:11:22:33:44:55\n{vlans} Rate collection interval: 300 seconds\n",
                    port.alias
                )));
            }
            (At::Exec, ["show", "vlan"]) => {
                let rows =
                    truth.shown().vlans.iter().map(|v| {
                        format!("{v:<5} VLAN{v:<10} up      ok          static   1/1/1\n")
                    });
                return Some(Said::Text(rows.collect()));
            }
            (At::Exec, ["show", "mac-address-table"]) => {
                return Some(said("No MAC entries found.\n"));
            }
            (At::Exec, ["configure", "terminal"]) => {
                if let Some(busy) = self.lock(truth, session) {
                    return Some(busy);
                }
                *at = At::Config;
            }
            (At::Exec, ["checkpoint", "auto", "confirm"]) => {
                return Some(match truth.armed.take() {
                    Some(_) => said("checkpoint AUTO20261125100000 created\n"),
                    None => said("Auto checkpoint mode is not active\n"),
                });
            }
            (At::Exec, ["checkpoint", "auto", minutes]) => {
                truth.arm(minutes.parse().ok()?);
                return Some(Said::Text(format!(
                    "Auto checkpoint mode expires in {minutes} minute(s)\n"
                )));
            }
            (At::Config | At::Interface(_), ["end"]) => {
                truth.lock.take_if(|l| *l == session);
                *at = At::Exec;
            }
            (At::Config | At::Interface(_), ["interface", port]) => {
                *at = At::Interface(self.port_of(truth, port)?);
            }
            (At::Interface(p), rest) => {
                let p = p.clone();
                let v: Option<u16> = rest.last().and_then(|v| v.parse().ok());
                return match (rest, v) {
                    (["shutdown"], _) => self.edit(truth, session, &p, |p| p.up = false),
                    (["no", "shutdown"], _) => self.edit(truth, session, &p, |p| p.up = true),
                    (["no", "routing"], _) => Some(said("")),
                    (["vlan", "access", _], Some(v)) => {
                        self.edit(truth, session, &p, |p| (p.trunk, p.access) = (false, v))
                    }
                    (["vlan", "trunk", "allowed", _], Some(v)) => {
                        self.edit(truth, session, &p, |p| {
                            p.allow(v);
                        })
                    }
                    (["no", "vlan", "trunk", "allowed", _], Some(v)) => {
                        self.edit(truth, session, &p, |p| {
                            p.allowed.remove(&v);
                        })
                    }
                    _ => None,
                };
            }
            _ => return None,
        }
        Some(said(""))
    }
}
