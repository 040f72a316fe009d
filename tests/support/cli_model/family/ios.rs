//! The command line of Cisco IOS, with and without `archive`.

use super::super::truth::Truth;
use super::{Asked, At, Family, Said, Words, list, said};

pub(super) static WORDS: Words = Words {
    profile: "cisco-ios",
    ports: ["Gi1/0/1", "Gi1/0/2", "Gi1/0/3"],
    start: At::User,
    refusal: "            ^\n% Invalid input detected at '^' marker.\n",
    log_line: "\n*Mar  1 00:01:02.100: %SYS-5-CONFIG_I: % Invalid input of somebody else\n",
    pager: " --More-- ",
    locked: "Configuration mode is locked by process '3' user 'eve' from terminal '2'. Please try later.\n",
};

pub(super) fn prompt(at: &At) -> String {
    let end = match at {
        At::User => ">",
        At::Exec => "#",
        At::Config => "(config)#",
        At::Interface(_) | At::Session(..) => "(config-if)#",
    };
    format!("lab-sw1{end}")
}

impl Family {
    pub(super) fn ios(
        self,
        truth: &mut Truth,
        session: usize,
        at: &mut At,
        words: &[&str],
    ) -> Option<Said> {
        let number = |w: &&str| w.parse::<u16>().ok();
        match (&*at, words) {
            (At::User, ["enable"]) => {
                return Some(Said::Asks("Password: ".into(), Asked::Enable));
            }
            (At::User, _) => return None,
            (At::Exec, ["terminal", ..]) => {}
            (At::Exec, ["show", "interfaces", port, "status"]) => {
                let name = self.port_of(truth, port)?;
                return Some(Said::Text(ios_status(truth, Some(&name))));
            }
            (At::Exec, ["show", "interfaces", "status"]) => {
                return Some(Said::Text(ios_status(truth, None)));
            }
            (At::Exec, ["show", "version"]) => {
                return Some(said(
                    "Cisco IOS Software, C3560 Software, Version 15.0(2)SE11, RELEASE SOFTWARE\ncisco WS-C3560 (PowerPC405) processor\nlab-sw1 uptime is 3 weeks\n",
                ));
            }
            (At::Exec, ["show", "spanning-tree", "interface", port]) => {
                let state = self.port_of(truth, port).map(|_| "FWD")?;
                return Some(Said::Text(format!(
                    "Vlan                Role Sts Cost      Prio.Nbr Type\n------------------- ---- --- --------- -------- ----\nVLAN0010            Desg {state} 4         128.1    P2p Edge\n"
                )));
            }
            (At::Exec, ["show", "lldp", "neighbors"]) => {
                return Some(said(
                    "Device ID           Local Intf     Hold-time  Capability      Port ID\n",
                ));
            }
            (At::Exec, ["show", "ip", "arp", "inspection", "vlan", vlan]) => {
                let vlan: u16 = vlan.parse().ok()?;
                let state = match truth.inspected {
                    Some(v) if v == vlan => "Enabled          Active",
                    _ => "Disabled         Inactive",
                };
                return Some(Said::Text(format!(
                    "\nSource Mac Validation      : Disabled\n\n Vlan     Configuration    Operation   ACL Match          Static ACL\n ----     -------------    ---------   ---------          ----------\n   {vlan}     {state}\n"
                )));
            }
            (At::Exec, ["show", "interfaces", port, "switchport"]) => {
                let name = self.port_of(truth, port)?;
                let port = truth.shown().ports.get(&name)?;
                let (mode, allowed) = if port.neither {
                    ("private-vlan host", "ALL".into())
                } else if port.trunk {
                    ("trunk", list(&port.allowed, ","))
                } else {
                    ("static access", "ALL".into())
                };
                return Some(Said::Text(format!(
                    "Name: {name}\nSwitchport: Enabled\nAdministrative Mode: {mode}\nAccess Mode VLAN: {} (VLAN)\nTrunking Native Mode VLAN: 1 (default)\nTrunking VLANs Enabled: {allowed}\nPruning VLANs Enabled: 2-1001\n",
                    port.access
                )));
            }
            (At::Exec, ["show", "vlan", "brief"]) => {
                let rows = truth
                    .shown()
                    .vlans
                    .iter()
                    .map(|v| format!("{v:<4} VLAN{v:04}                         active    \n"));
                return Some(Said::Text(format!(
                    "\nVLAN Name                             Status    Ports\n---- -------------------------------- --------- ------\n{}",
                    rows.collect::<String>()
                )));
            }
            (At::Exec, ["show", "mac", "address-table", ..]) => {
                let row = truth
                    .learned()
                    .map(|(mac, port)| format!("  10    {mac}    DYNAMIC     {port}\n"));
                return Some(Said::Text(format!(
                    "          Mac Address Table\n-------------------------------------------\n\nVlan    Mac Address       Type        Ports\n----    -----------       --------    -----\n{}",
                    row.unwrap_or_default()
                )));
            }
            (At::Exec, ["show", "archive", "config", "rollback", "timer"]) => {
                return Some(match &truth.armed {
                    Some(_) => said(
                        "Time configured(or reconfigured): 22:50:48 UTC Mon Sep 4 2006\nTimer type: absolute timer\nTimer value: 2 min\nUser: ops\n",
                    ),
                    None => said("%No Rollback Confirmed Change pending\n"),
                });
            }
            (At::Exec, ["show", "running-config", "interface", port]) => {
                let name = self.port_of(truth, port)?;
                let port = truth.shown().ports.get(&name)?;
                let more: String = port.more.iter().map(|l| format!(" {l}\n")).collect();
                return Some(Said::Text(format!(
                    "Building configuration...\n\nCurrent configuration : 120 bytes\n!\ninterface {}\n description {}\n switchport access vlan {}\n{more}end\n\n",
                    name.replace("Gi", "GigabitEthernet"),
                    port.alias,
                    port.access
                )));
            }
            (At::Exec, ["show", "running-config"]) => {
                return Some(Said::Text(format!(
                    "Building configuration...\n\nhostname lab-sw1\n{}end\n",
                    truth
                        .secrets
                        .iter()
                        .map(|s| format!("{}\n", s.replace("{n}", &truth.lines.len().to_string())))
                        .collect::<String>()
                )));
            }
            (At::Exec, ["configure", "terminal"]) => {
                if let Some(busy) = self.lock(truth, session) {
                    return Some(busy);
                }
                *at = At::Config;
                return Some(said(
                    "Enter configuration commands, one per line.  End with CNTL/Z.\n",
                ));
            }
            (At::Exec, ["configure", "terminal", "revert", "timer", minutes]) => {
                if let Some(busy) = self.lock(truth, session) {
                    return Some(busy);
                }
                truth.arm(minutes.parse().ok()?);
                *at = At::Config;
                return Some(said(
                    "Rollback Confirmed Change: Backing up current running config to flash:\nEnter configuration commands, one per line.  End with CNTL/Z.\n",
                ));
            }
            (At::Exec, ["configure", "confirm"]) => {
                return Some(match truth.armed.take() {
                    Some(_) => said(""),
                    None => said("%No Rollback Confirmed Change pending\n"),
                });
            }
            (At::Exec, ["configure", "revert", "now"]) => {
                return Some(match truth.armed.take() {
                    Some(armed) => {
                        truth.running = armed.before;
                        said(
                            "Rollback Confirmed Change: rolling to: flash:\nTotal number of passes: 1\nRollback Done\n",
                        )
                    }
                    None => said("%No Rollback Confirmed Change pending\n"),
                });
            }
            (At::Exec, ["copy", "running-config", "startup-config"]) => {
                return Some(Said::Asks(
                    "Destination filename [startup-config]? ".into(),
                    Asked::Destination,
                ));
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
                return match rest {
                    ["shutdown"] => self.edit(truth, session, &p, |p| p.up = false),
                    ["no", "shutdown"] => self.edit(truth, session, &p, |p| p.up = true),
                    ["switchport", "mode", "access"] => {
                        self.edit(truth, session, &p, |p| p.trunk = false)
                    }
                    ["switchport", "access", "vlan", v] => {
                        let v = number(v)?;
                        self.edit(truth, session, &p, |p| p.access = v)
                    }
                    ["switchport", "trunk", "allowed", "vlan", "add", v] => {
                        let v = number(v)?;
                        self.edit(truth, session, &p, |p| {
                            p.allow(v);
                        })
                    }
                    ["switchport", "trunk", "allowed", "vlan", "remove", v] => {
                        let v = number(v)?;
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

fn ios_status(truth: &Truth, only: Option<&str>) -> String {
    let mut out =
        "\nPort      Name               Status       Vlan       Duplex  Speed Type\n".to_owned();
    for (name, port) in &truth.shown().ports {
        if only.is_some_and(|o| o != name) {
            continue;
        }
        let status = if port.up { "connected" } else { "disabled" };
        let vlan = if port.neither {
            "123,1234".to_owned()
        } else if port.trunk {
            "trunk".to_owned()
        } else {
            port.access.to_string()
        };
        out.push_str(&format!(
            "{name:9} {:18} {status:12} {vlan:10} a-full a-1000 10/100/1000BaseTX\n",
            port.alias
        ));
    }
    out.push('\n');
    out
}
