//! A session with the switch: its modes, what it prints at each line, and what it does wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::MethodKind;

use super::{Device, ENABLE, PASSWORD, Setup};
use crate::ssh_server::{Out, Screen, Shell};

#[derive(Clone, Debug, PartialEq)]
enum Mode {
    UserName,
    LoginPassword,
    User,
    EnableName,
    EnablePassword,
    Exec,
    Config,
    Interface(String),
    Overwrite,
    More(Vec<String>),
    Hung,
}

/// One session with the switch.
pub struct Session {
    setup: Setup,
    device: Arc<Mutex<Device>>,
    mode: Mode,
    line: Vec<u8>,
    out: Option<Screen>,
}

impl Session {
    pub fn new(setup: Setup, device: Arc<Mutex<Device>>) -> Session {
        Session {
            setup,
            device,
            mode: Mode::User,
            line: Vec::new(),
            out: None,
        }
    }

    fn say(&self, text: &str) {
        let text = text.replace('\n', "\r\n");
        if !self.setup.slow {
            return self.put(Out::Text(text));
        }
        for byte in text.chars() {
            self.put(Out::Pause(Duration::from_micros(200)));
            self.put(Out::Text(byte.into()));
        }
    }

    fn put(&self, out: Out) {
        if let Some(to) = &self.out {
            to.put(out);
        }
    }

    fn prompt(&self) {
        let end = match &self.mode {
            Mode::User => ">",
            Mode::Exec => "#",
            Mode::Config => "(config)#",
            Mode::Interface(_) => "(config-if)#",
            _ => return,
        };
        if self.setup.codes {
            self.say(&format!(
                "\x1b[24;1H\x1b[2Klab-sw1{end} \x1b[24;1H\x1b[24;12H\x1b[?25h"
            ));
        } else {
            self.say(&format!("{}{end}", self.setup.host));
        }
        if self.setup.logs {
            self.put(Out::Pause(Duration::from_millis(5)));
            self.say("\n*Mar  1 00:01:02.123: %LINK-5-CHANGED: Interface Gi1/0/9, changed state\n");
        }
    }

    fn page(&mut self, mut lines: Vec<String>) {
        let rest = lines.split_off(lines.len().min(10));
        for line in lines {
            self.say(&format!("{line}\n"));
        }
        if rest.is_empty() {
            self.prompt();
        } else {
            self.say(" --More-- ");
            self.mode = Mode::More(rest);
        }
    }

    fn take(&mut self, line: &str) {
        let secret = matches!(self.mode, Mode::EnablePassword | Mode::LoginPassword);
        if !secret {
            self.device.lock().unwrap().lines.push(line.to_owned());
            for _ in 0..self.setup.echoes {
                self.say(&format!("{line}\n"));
            }
        }
        if self.setup.logs {
            self.say("*Mar  1 00:01:02.100: %SYS-5-CONFIG_I: % Invalid input of somebody else\n");
        }
        match (self.mode.clone(), line) {
            (Mode::UserName, _) => {
                self.mode = Mode::LoginPassword;
                self.say("Password:");
            }
            (Mode::LoginPassword, PASSWORD) => {
                self.say("\n");
                self.mode = Mode::User;
                self.prompt();
            }
            (Mode::LoginPassword, _) => {
                self.say("\nauthentication failed\nUser Name:");
                self.mode = Mode::UserName;
            }
            (Mode::User, "enable") if self.setup.asks_name.is_some() => {
                self.mode = Mode::EnableName;
                self.say(self.setup.asks_name.unwrap_or_default());
            }
            (Mode::EnableName, "ops") => {
                self.mode = Mode::EnablePassword;
                self.say("Password: ");
            }
            (Mode::User, "enable") => {
                self.mode = Mode::EnablePassword;
                self.say("Password: ");
            }
            (Mode::EnablePassword, ENABLE) => {
                self.say("\n");
                self.mode = Mode::Exec;
                self.prompt();
            }
            (Mode::EnablePassword, _) => {
                self.say("\n% Access denied\n\nPassword: ");
            }
            (Mode::Hung, _) => {}
            (_, "hang") => {
                self.say("Working... \nstill at it, user SENTINEL-enable logged in\n");
                self.mode = Mode::Hung;
            }
            (_, "drop") => {
                self.say("Shutting dow");
                self.put(Out::Drop);
            }
            (_, "slowly") => {
                self.put(Out::Pause(Duration::from_millis(500)));
                self.say("done at last\n");
                self.prompt();
            }
            _ => {
                self.command(line);
                if !matches!(self.mode, Mode::Overwrite | Mode::More(_)) {
                    self.prompt();
                }
            }
        }
    }

    fn command(&mut self, line: &str) {
        let mut device = self.device.lock().unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        match (self.mode.clone(), words.as_slice()) {
            (_, []) => {}
            (Mode::Exec, ["terminal", ..] | ["no", "page"]) => {}
            (Mode::Exec, ["configure", "terminal"]) if device.locked > 0 => {
                device.locked -= 1;
                drop(device);
                self.say("% Configuration Database locked by another application - try later\n");
            }
            (Mode::Exec, ["configure", "terminal"]) => self.mode = Mode::Config,
            (Mode::Config | Mode::Interface(_), ["interface", port]) => {
                self.mode = Mode::Interface((*port).to_owned());
            }
            (Mode::Interface(port), ["shutdown"]) => device.shut.push(port),
            (Mode::Interface(port), ["no", "shutdown"]) => device.shut.retain(|p| *p != port),
            (Mode::Interface(_), ["switchport", "access", "vlan", vlan]) => {
                device.vlan = vlan.parse().unwrap();
                drop(device);
                self.say(&format!(
                    "% Access VLAN does not exist. Creating vlan {vlan}\n"
                ));
            }
            (Mode::Config | Mode::Interface(_), ["end"]) => self.mode = Mode::Exec,
            (Mode::Config | Mode::Interface(_), ["commit"]) => {
                drop(device);
                self.say("commit complete\n");
            }
            (Mode::Config | Mode::Interface(_), ["commit", "confirmed", minutes]) => {
                drop(device);
                self.say(&format!(
                    "commit confirmed will be automatically rolled back in {minutes} minutes\n"
                ));
            }
            (Mode::Config | Mode::Interface(_), ["rollback", "0"]) => {}
            (Mode::Exec, ["show", "interfaces", port, "status"]) => {
                let state = if device.shut.iter().any(|p| p == port) {
                    "disabled"
                } else {
                    "connected"
                };
                let vlan = device.vlan;
                drop(device);
                self.say(&format!(
                    "\nPort      Name               Status       Vlan\nGi1/0/2   the primary        {state:12} {vlan}\n\n"
                ));
            }
            (Mode::Exec, ["show", "clock"]) => {
                drop(device);
                self.say("12:00:00 UTC\n");
            }
            (Mode::Exec, ["show", "running-config"]) => {
                drop(device);
                self.page((0..35).map(|n| format!("line {n}")).collect());
                // The pager or the prompt is printed already.
                if self.mode == Mode::Exec {
                    self.mode = Mode::Hung;
                }
            }
            (Mode::Exec, ["write", "memory"]) => {
                drop(device);
                self.say("Overwrite file [startup-config].... (Y/N)[N] ?");
                self.mode = Mode::Overwrite;
            }
            _ => {
                drop(device);
                self.say("            ^\n% Invalid input detected at '^' marker.\n\n");
            }
        }
    }
}

impl Shell for Session {
    fn asks(&self) -> bool {
        true
    }

    fn lets_in(&mut self, method: MethodKind, user: &str, password: &[u8]) -> bool {
        let takes = self.setup.methods.contains(&method);
        let is_right = password == PASSWORD.as_bytes();
        match method {
            MethodKind::None => takes,
            MethodKind::Password => {
                self.device.lock().unwrap().passwords += 1;
                takes && user == "ops" && is_right
            }
            _ => {
                self.device.lock().unwrap().passwords += 1;
                is_right
            }
        }
    }

    fn open(&mut self, screen: Screen) {
        self.out = Some(screen);
        self.device.lock().unwrap().sessions += 1;
        if self.setup.asks_in_shell {
            self.mode = Mode::UserName;
            self.say("\n\nUser Name:");
        } else {
            self.mode = if self.setup.privileged {
                Mode::Exec
            } else {
                Mode::User
            };
            self.say("\nAuthorised users only.\n\n");
            self.prompt();
        }
    }

    fn key(&mut self, byte: u8) {
        match &self.mode {
            Mode::Overwrite => {
                if matches!(byte, b'y' | b'Y') {
                    self.device.lock().unwrap().saved = true;
                    self.say("Y\nCopy succeeded\n");
                } else {
                    self.say("N\n% Aborted\n");
                }
                self.mode = Mode::Exec;
                self.prompt();
            }
            Mode::More(rest) => {
                let rest = rest.clone();
                self.say("\x08\x08\x08\x08\x08\x08\x08\x08\x08         \x08\x08\x08\x08\x08\x08\x08\x08\x08");
                self.mode = Mode::Exec;
                self.page(rest);
            }
            _ if matches!(byte, b'\n' | b'\r') => {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                self.take(&line);
            }
            _ => self.line.push(byte),
        }
    }
}
