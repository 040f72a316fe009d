//! The command lines of four families, as far as a change needs them: what they print, and what a line does.
//! Outputs have the form of the vendors' own; they are written anew here.

use std::collections::BTreeSet;

use super::truth::{Conf, Port, Truth};

/// A family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Cisco IOS; nothing is armed, as the built-in profile has it.
    Ios,
    /// The same with `archive`: moves are armed.
    IosArmed,
    Junos,
    Cx,
    Comware,
}

pub const FAMILIES: [Family; 5] = [
    Family::Ios,
    Family::IosArmed,
    Family::Junos,
    Family::Cx,
    Family::Comware,
];

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    User,
    Exec,
    Config,
    Interface(String),
}

/// What a line leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It prints this, and a prompt.
    Text(String),
    /// It asks this, and an answer goes on.
    Asks(String, Asked),
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Enable,
    Destination,
    Discard,
}

fn said(text: &str) -> Said {
    Said::Text(text.to_owned())
}

fn list(vlans: &BTreeSet<u16>, between: &str) -> String {
    let texts: Vec<String> = vlans.iter().map(u16::to_string).collect();
    texts.join(between)
}

impl Family {
    pub fn profile(self) -> &'static str {
        match self {
            Family::Ios | Family::IosArmed => "cisco-ios",
            Family::Junos => "juniper-junos",
            Family::Cx => "aruba-cx",
            Family::Comware => "hpe-comware",
        }
    }

    /// True if moves are armed.
    pub fn arms(self) -> bool {
        self != Family::Ios
    }

    fn has_candidate(self) -> bool {
        self == Family::Junos
    }

    /// The access port, the trunk, and a port of somebody else.
    pub fn ports(self) -> [&'static str; 3] {
        match self {
            Family::Ios | Family::IosArmed => ["Gi1/0/1", "Gi1/0/2", "Gi1/0/3"],
            Family::Junos => ["ge-0/0/1", "ge-0/0/2", "ge-0/0/3"],
            Family::Cx => ["1/1/1", "1/1/2", "1/1/3"],
            Family::Comware => [
                "GigabitEthernet1/0/1",
                "GigabitEthernet1/0/2",
                "GigabitEthernet1/0/3",
            ],
        }
    }

    /// The configuration at the beginning.
    pub fn conf(self) -> Conf {
        let port = |trunk: bool, alias| Port {
            up: true,
            trunk,
            access: 10,
            allowed: if trunk {
                [10, 20, 30].into()
            } else {
                [].into()
            },
            alias,
            more: Vec::new(),
        };
        let [a, t, b] = self.ports();
        Conf {
            ports: [
                (a.to_owned(), port(false, "the primary")),
                (t.to_owned(), port(true, "trunk")),
                (b.to_owned(), port(false, "disabled by nobody")),
            ]
            .into(),
            vlans: [1, 10, 20, 30, 40].into(),
        }
    }

    pub fn start(self) -> At {
        match self {
            Family::Ios | Family::IosArmed => At::User,
            _ => At::Exec,
        }
    }

    pub fn prompt(self, at: &At) -> String {
        match (self, at) {
            (Family::Ios | Family::IosArmed | Family::Cx, At::User) => "lab-sw1>".into(),
            (Family::Ios | Family::IosArmed, At::Exec) => "lab-sw1#".into(),
            (Family::Cx, At::Exec) => "lab-sw1# ".into(),
            (Family::Ios | Family::IosArmed, At::Config) => "lab-sw1(config)#".into(),
            (Family::Ios | Family::IosArmed, At::Interface(_)) => "lab-sw1(config-if)#".into(),
            (Family::Cx, At::Config) => "lab-sw1(config)# ".into(),
            (Family::Cx, At::Interface(_)) => "lab-sw1(config-if)# ".into(),
            (Family::Junos, At::Config | At::Interface(_)) => "\n[edit]\nops@lab-sw1# ".into(),
            (Family::Junos, _) => "ops@lab-sw1> ".into(),
            (Family::Comware, At::Config) => "[lab-sw1]".into(),
            (Family::Comware, At::Interface(port)) => {
                format!("[lab-sw1-{port}]")
            }
            (Family::Comware, _) => "<lab-sw1>".into(),
        }
    }

    pub fn refusal(self) -> &'static str {
        match self {
            Family::Ios | Family::IosArmed => {
                "            ^\n% Invalid input detected at '^' marker.\n"
            }
            Family::Junos => "                    ^\nsyntax error.\n",
            Family::Cx => "Invalid input: that\n",
            Family::Comware => " ^\n % Unrecognized command found at '^' position.\n",
        }
    }

    pub fn log_line(self) -> &'static str {
        match self {
            Family::Ios | Family::IosArmed => {
                "\n*Mar  1 00:01:02.100: %SYS-5-CONFIG_I: % Invalid input of somebody else\n"
            }
            Family::Junos => {
                "\nBroadcast Message from root@lab-sw1 (no tty) at 16:36: error: nothing of yours\n"
            }
            Family::Cx => {
                "\n2026-11-25T10:00:00.000 hpe-logd: Invalid input: nothing that you sent\n"
            }
            Family::Comware => {
                "\n%Nov 25 10:00:00:000 2026 lab-sw1 SHELL/5/LOGIN: Error: of somebody else\n"
            }
        }
    }

    pub fn pager(self) -> &'static str {
        match self {
            Family::Ios | Family::IosArmed => " --More-- ",
            Family::Junos => "---(more 50%)---",
            Family::Cx => "-- MORE --, next page: Space, next line: Enter, quit: q",
            Family::Comware => "---- More ----",
        }
    }

    pub fn locked(self) -> &'static str {
        match self {
            Family::Ios | Family::IosArmed => {
                "Configuration mode is locked by process '3' user 'eve' from terminal '2'. Please try later.\n"
            }
            Family::Junos => {
                "error: configuration database locked by:\n  eve terminal p1 (pid 4711) on since 10:00\n      exclusive [edit]\n"
            }
            Family::Cx => "Configuration is locked by another user is editing\n",
            Family::Comware => "The configuration is locked by another user.\n",
        }
    }

    /// True if the line changes something, or leads to where something is changed.
    pub fn writes(line: &str) -> bool {
        let reads = [
            "show ",
            "display ",
            "terminal ",
            "set cli ",
            "no page",
            "screen-length ",
            "undo terminal ",
            "enable",
            "disable",
        ];
        !line.is_empty() && !reads.iter().any(|r| line.starts_with(r))
    }

    /// True if the line arms something.
    pub fn is_arm(line: &str) -> bool {
        line.starts_with("configure terminal revert timer")
            || line.starts_with("commit confirmed")
            || line.starts_with("checkpoint auto ") && !line.ends_with("confirm")
            || line.starts_with("configuration commit delay")
    }

    /// The port's name in full, if there is one.
    fn port_of(self, truth: &Truth, name: &str) -> Option<String> {
        let long = match self {
            Family::Ios | Family::IosArmed => name.replace("GigabitEthernet", "Gi"),
            _ => name.to_owned(),
        };
        truth.running.ports.contains_key(&long).then_some(long)
    }

    /// Carries a line out.
    pub fn take(self, truth: &mut Truth, session: usize, at: &mut At, line: &str) -> Said {
        truth.tick();
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() {
            return said("");
        }
        let done = match self {
            Family::Ios | Family::IosArmed => self.ios(truth, session, at, &words),
            Family::Junos => self.junos(truth, session, at, &words),
            Family::Cx => self.cx(truth, session, at, &words),
            Family::Comware => self.comware(truth, session, at, &words),
        };
        done.unwrap_or_else(|| said(self.refusal()))
    }

    fn lock(self, truth: &mut Truth, session: usize) -> Option<Said> {
        if truth.lock.is_some_and(|by| by != session) {
            return Some(said(self.locked()));
        }
        truth.lock = Some(session);
        None
    }

    fn edit(
        self,
        truth: &mut Truth,
        session: usize,
        port: &str,
        how: impl FnOnce(&mut Port),
    ) -> Option<Said> {
        let candidate = self.has_candidate();
        let conf = truth.target(session, candidate);
        how(conf.ports.get_mut(port)?);
        Some(said(""))
    }

    fn ios(self, truth: &mut Truth, session: usize, at: &mut At, words: &[&str]) -> Option<Said> {
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
                let (mode, allowed) = if port.trunk {
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
                return Some(said(
                    "          Mac Address Table\n-------------------------------------------\n",
                ));
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
                            p.allowed.insert(v);
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

    fn junos(self, truth: &mut Truth, session: usize, at: &mut At, words: &[&str]) -> Option<Said> {
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
                let changed = truth
                    .candidate
                    .as_ref()
                    .is_some_and(|(_, c)| *c != truth.running);
                if changed {
                    return Some(Said::Asks(
                        "The configuration has been modified\nDiscard uncommitted changes? [yes,no] (yes) ".into(),
                        Asked::Discard,
                    ));
                }
                truth.candidate = None;
                truth.lock.take_if(|l| *l == session);
                *at = At::Exec;
                return Some(said("Exiting configuration mode\n"));
            }
            (At::Config, ["rollback", "0"]) => {
                truth.candidate = None;
                return Some(said("load complete\n"));
            }
            (At::Config, ["commit"]) => {
                // What was confirmed stays, with what is new.
                truth.armed = None;
                if let Some((_, conf)) = truth.candidate.take() {
                    truth.running = conf;
                }
                // A commit is what the next boot finds, too.
                truth.startup = truth.running.clone();
                return Some(said("commit complete\n"));
            }
            (At::Config, ["commit", "confirmed", minutes]) => {
                let minutes: u32 = minutes.parse().ok()?;
                truth.arm(minutes);
                if let Some((_, conf)) = truth.candidate.take() {
                    truth.running = conf;
                }
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
                            p.allowed.insert(v);
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

    fn cx(self, truth: &mut Truth, session: usize, at: &mut At, words: &[&str]) -> Option<Said> {
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
                            p.allowed.insert(v);
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

    fn comware(
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
                let kind = if port.trunk { "T" } else { "A" };
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
                            p.allowed.insert(v);
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

fn ios_status(truth: &Truth, only: Option<&str>) -> String {
    let mut out =
        "\nPort      Name               Status       Vlan       Duplex  Speed Type\n".to_owned();
    for (name, port) in &truth.shown().ports {
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
            "{name:9} {:18} {status:12} {vlan:10} a-full a-1000 10/100/1000BaseTX\n",
            port.alias
        ));
    }
    out.push('\n');
    out
}
