//! A switch in the test's own process, on loopback, whose command line is like Cisco IOS and misbehaves as it is told.

mod session;

use std::sync::{Arc, Mutex};

use russh::{MethodKind, Preferred};
use standin::switch::profile::schema;
use standin::switch::profile::ssh::rules::CliRules;
use standin::switch::ssh::{Cli, SshTarget};

use crate::ssh_server::{Host, serve};
use session::Session;

pub const PASSWORD: &str = "SENTINEL-password";
pub const ENABLE: &str = "SENTINEL-enable";

/// Rules for this switch; `auth`, `login` and the like come before the tables.
pub const IOS: &str = r#"
channel = "shell"
mac = "xxxx.xxxx.xxxx"
port_name = [{ from = 'Gi(\d.*)', to = 'GigabitEthernet$1' }]
pager = [{ see = '--More--', key = " " }]
refuse = ['^% (Ambiguous|Incomplete|Invalid|Unknown|Access denied|Bad)']
allow = ['Access VLAN does not exist']
noise = ['^\*\w+ +\d+ [\d:.]+: %\S+-\d-\S+:']
busy = ['locked by another']
within = "3s"
[mode.user]
prompt = '^[\w.\-@/:]{1,63}>\s*$'
[mode.exec]
prompt = '^[\w.\-@/:]{1,63}#\s*$'
from = "user"
enter = "enable"
ask = [{ see = 'Password:', secret = "enable" }]
first = ["terminal length 0", "terminal width 511"]
[mode.config]
prompt = '\(config[^)]*\)#\s*$'
from = "exec"
enter = "configure terminal"
leave = "end"
[show.port]
mode = "exec"
send = "show interfaces {port} status"
row = '^(?<port>\S+).*\s(?<status>connected|notconnect|disabled|err-disabled)\s+(?<pvid>\d+)'
map = { status = { disabled = { admin = "down", oper = "down" }, connected = { admin = "up", oper = "up" } } }
[show.running]
mode = "exec"
send = "show running-config"
raw = true
[show.nonsense]
mode = "exec"
send = "show clock"
json = { list = "/ports", port = "/name" }
"#;

/// What the switch does wrong, and how it lets in.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Authentication methods it takes.
    pub methods: Vec<MethodKind>,
    /// It asks for name and password in its shell too.
    pub asks_in_shell: bool,
    /// How often it echoes a line.
    pub echoes: usize,
    /// It sends byte by byte.
    pub slow: bool,
    /// So many attempts to configure find the configuration locked.
    pub locked: usize,
    /// It starts in the privileged mode.
    pub privileged: bool,
    /// Log lines are printed into and behind every output.
    pub logs: bool,
    /// Terminal codes as ProCurve has them around its prompt.
    pub codes: bool,
    /// Algorithms it has.
    pub preferred: Preferred,
    /// What it is called.
    pub host: &'static str,
    /// Before the password of `enable` it asks for a name, in these words.
    pub asks_name: Option<&'static str>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            methods: vec![MethodKind::Password],
            asks_in_shell: false,
            echoes: 1,
            slow: false,
            locked: 0,
            privileged: false,
            logs: false,
            codes: false,
            preferred: Preferred::DEFAULT,
            host: "lab-sw1",
            asks_name: None,
        }
    }
}

/// The state that outlives sessions.
#[derive(Debug, Default)]
pub struct Device {
    /// Every line that was sent to it.
    pub lines: Vec<String>,
    /// Ports that are shut down.
    pub shut: Vec<String>,
    /// VLAN of the port.
    pub vlan: u16,
    /// Saved to flash.
    pub saved: bool,
    /// Sessions that were opened.
    pub sessions: usize,
    /// Attempts to log in with a password.
    pub passwords: usize,
    locked: usize,
}

pub struct Server {
    pub host: Host,
    pub device: Arc<Mutex<Device>>,
}

impl Server {
    pub async fn start(setup: Setup) -> Server {
        let (host, listener, config) = Host::start(&setup.methods, setup.preferred.clone()).await;
        let device = Arc::new(Mutex::new(Device {
            vlan: 8,
            locked: setup.locked,
            ..Device::default()
        }));
        let shared = device.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let session = Session::new(setup.clone(), shared.clone());
                tokio::spawn(serve(config.clone(), stream, session));
            }
        });
        Server { host, device }
    }

    pub fn target(&self) -> SshTarget {
        self.host.target(PASSWORD, ENABLE)
    }

    pub fn cli(&self) -> Cli {
        Cli::new(self.target(), Arc::new(rules(IOS)))
    }

    pub fn lines(&self) -> Vec<String> {
        self.device.lock().unwrap().lines.clone()
    }
}

pub fn rules(text: &str) -> CliRules {
    let raw: schema::Ssh = toml::from_str(text).unwrap();
    CliRules::compile(&raw).unwrap()
}
