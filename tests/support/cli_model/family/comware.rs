//! The command line of Comware 7.

use super::super::truth::Truth;
use super::{At, Family, Said, Words, list, said};

pub(super) static WORDS: Words = Words {
    profile: "hpe-comware",
    ports: [
        "GigabitEthernet1/0/1",
        "GigabitEthernet1/0/2",
        "GigabitEthernet1/0/3",
    ],
    start: At::Exec,
    refusal: " ^\n % Unrecognized command found at '^' position.\n",
    log_line: "\n%Nov 25 10:00:00:000 2026 lab-sw1 SHELL/5/LOGIN: Error: of somebody else\n",
    pager: "---- More ----",
    locked: "The configuration is locked by another user.\n",
};

pub(super) fn prompt(at: &At) -> String {
    match at {
        At::Config => "[lab-sw1]".into(),
        At::Interface(port) => format!("[lab-sw1-{port}]"),
        _ => "<lab-sw1>".into(),
    }
}

impl Family {
    pub(super) fn comware(
        self,
        truth: &mut Truth,
        session: usize,
        at: &mut At,
        words: &[&str],
    ) -> Option<Said> {
        match (&*at, words) {
            (At::Exec, ["screen-length", "disable"] | ["undo", "terminal", "monitor"]) => {}
            (At::Exec, ["display", "interface", name, "brief"]) => {
                let port = truth.shown().ports.get(*name)?;
                let link = if port.up { "UP" } else { "ADM" };
                let kind = match (port.neither, port.trunk) {
                    (true, _) => "H",
                    (false, true) => "T",
                    (false, false) => "A",
                };
                let pvid = if port.trunk { 1 } else { port.access };
                return Some(Said::Text(format!(
                    "Brief information on interfaces in bridge mode:\nLink: ADM - administratively down; Stby - standby\nSpeed: (a) - auto\nDuplex: (a)/A - auto; H - half; F - full\nType: A - access; T - trunk; H - hybrid\nInterface            Link Speed   Duplex Type PVID Description\n{:20} {link:4} 1G(a)   F(a)   {kind}    {pvid:<4} {}\n",
                    name.replace("GigabitEthernet", "GE"),
                    port.alias
                )));
            }
            (At::Exec, ["display", "current-configuration", "interface", name]) => {
                let port = truth.shown().ports.get(*name)?;
                let vlans = if port.trunk {
                    format!(
                        " port link-type trunk\n port trunk permit vlan {}\n",
                        list(&port.allowed, " ")
                    )
                } else {
                    format!(" port access vlan {}\n", port.access)
                };
                let shut = if port.up { "" } else { " shutdown\n" };
                return Some(Said::Text(format!(
                    "#\ninterface {name}\n port link-mode bridge\n{vlans}{shut}#\nreturn\n"
                )));
            }
            (At::Exec, ["display", "vlan", "brief"]) => {
                let rows = truth
                    .shown()
                    .vlans
                    .iter()
                    .map(|v| format!("{v:<10} VLAN {v:04}                        GE1/0/3\n"));
                return Some(Said::Text(format!(
                    "Brief information about all VLANs:\nVLAN ID   Name                             Port\n{}",
                    rows.collect::<String>()
                )));
            }
            (At::Exec, ["display", "mac-address", ..]) => {
                return Some(said(
                    "MAC Address      VLAN ID    State            Port/Nickname            Aging\n",
                ));
            }
            (At::Exec, ["system-view"]) => {
                if let Some(busy) = self.lock(truth, session) {
                    return Some(busy);
                }
                *at = At::Config;
                return Some(said("System View: return to User View with Ctrl+Z.\n"));
            }
            (At::Config | At::Interface(_), ["return"]) => {
                truth.lock.take_if(|l| *l == session);
                *at = At::Exec;
            }
            (At::Config | At::Interface(_), ["interface", port]) => {
                *at = At::Interface(self.port_of(truth, port)?);
            }
            (At::Config | At::Interface(_), ["configuration", "commit", "delay", minutes]) => {
                truth.arm(minutes.parse().ok()?);
            }
            (At::Config | At::Interface(_), ["configuration", "commit"]) => {
                truth.armed = None;
            }
            (At::Interface(p), rest) => {
                let p = p.clone();
                let v: Option<u16> = rest.last().and_then(|v| v.parse().ok());
                return match (rest, v) {
                    (["shutdown"], _) => self.edit(truth, session, &p, |p| p.up = false),
                    (["undo", "shutdown"], _) => self.edit(truth, session, &p, |p| p.up = true),
                    (["port", "link-type", "access"], _) => {
                        self.edit(truth, session, &p, |p| p.trunk = false)
                    }
                    (["port", "access", "vlan", _], Some(v)) => {
                        self.edit(truth, session, &p, |p| p.access = v)
                    }
                    (["port", "trunk", "permit", "vlan", _], Some(v)) => {
                        self.edit(truth, session, &p, |p| {
                            p.allow(v);
                        })
                    }
                    (["undo", "port", "trunk", "permit", "vlan", _], Some(v)) => {
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
