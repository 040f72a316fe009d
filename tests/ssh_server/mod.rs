//! A switch in the test's own process, on loopback, whose command line is like Cisco IOS and misbehaves as it is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    self, Auth, ChannelOpenHandle, Config, Handle, Msg, Response, Session, run_stream,
};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet, Preferred, Pty};
use secrecy::SecretString;
use standin::switch::schema;
use standin::switch::ssh::{Cli, CliRules, SshTarget};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

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
        }
    }
}

/// What a channel sends, in order.
enum Out {
    Text(String),
    Pause(Duration),
    Drop,
}

#[derive(Clone, Debug, PartialEq)]
enum Mode {
    UserName,
    LoginPassword,
    User,
    EnablePassword,
    Exec,
    Config,
    Interface(String),
    Overwrite,
    More(Vec<String>),
    Hung,
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
    pub address: SocketAddr,
    pub device: Arc<Mutex<Device>>,
    pub folder: tempfile::TempDir,
    pub key: PrivateKey,
}

impl Server {
    pub async fn start(setup: Setup) -> Server {
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
        let config = Arc::new(Config {
            methods: MethodSet::from(setup.methods.as_slice()),
            auth_rejection_time: Duration::from_millis(5),
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![key.clone()],
            preferred: setup.preferred.clone(),
            nodelay: true,
            ..Config::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let device = Arc::new(Mutex::new(Device {
            vlan: 8,
            locked: setup.locked,
            ..Device::default()
        }));
        let shared = device.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let peer = Peer {
                    setup: setup.clone(),
                    device: shared.clone(),
                    mode: Mode::User,
                    line: Vec::new(),
                    out: None,
                };
                let config = config.clone();
                tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, peer).await {
                        // How a session ends is what the client sees of it.
                        let _ = session.await;
                    }
                });
            }
        });
        let server = Server {
            address,
            device,
            folder: tempfile::tempdir().unwrap(),
            key,
        };
        server.know(&server.key);
        server
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// Makes this the only key that is known of it.
    pub fn know(&self, key: &PrivateKey) {
        let text = key.public_key().to_openssh().unwrap();
        let port = self.address.port();
        std::fs::write(self.known_hosts(), format!("[127.0.0.1]:{port} {text}\n")).unwrap();
    }

    pub fn target(&self) -> SshTarget {
        let mut target = SshTarget::new("core", self.address, "ops", self.known_hosts());
        target.password = Some(SecretString::from(PASSWORD));
        target.enable = Some(SecretString::from(ENABLE));
        target.timeout = Duration::from_secs(3);
        target
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

struct Peer {
    setup: Setup,
    device: Arc<Mutex<Device>>,
    mode: Mode,
    line: Vec<u8>,
    out: Option<UnboundedSender<Out>>,
}

impl Peer {
    fn say(&self, text: &str) {
        self.put(Out::Text(text.replace('\n', "\r\n")));
    }

    fn put(&self, out: Out) {
        if let Some(to) = &self.out {
            to.send(out).unwrap();
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
            self.say(&format!("lab-sw1{end}"));
        }
        if self.setup.logs {
            self.put(Out::Pause(Duration::from_millis(5)));
            self.say("\n*Mar  1 00:01:02.123: %LINK-5-CHANGED: Interface Gi1/0/9, changed state\n");
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
            (Mode::Exec, ["terminal", ..]) => {}
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

    fn open(&mut self, id: ChannelId, to: Handle) {
        let (sender, mut receiver) = unbounded_channel();
        let slow = self.setup.slow;
        tokio::spawn(async move {
            while let Some(out) = receiver.recv().await {
                match out {
                    Out::Text(text) if slow => {
                        for byte in text.into_bytes() {
                            tokio::time::sleep(Duration::from_micros(200)).await;
                            if to.data(id, vec![byte]).await.is_err() {
                                return;
                            }
                        }
                    }
                    Out::Text(text) => {
                        if to.data(id, text.into_bytes()).await.is_err() {
                            return;
                        }
                    }
                    Out::Pause(time) => tokio::time::sleep(time).await,
                    Out::Drop => {
                        let gone =
                            to.disconnect(Disconnect::ConnectionLost, String::new(), String::new());
                        gone.await.unwrap();
                        return;
                    }
                }
            }
        });
        self.out = Some(sender);
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
}

impl server::Handler for Peer {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, Self::Error> {
        Ok(if self.setup.methods.contains(&MethodKind::None) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.device.lock().unwrap().passwords += 1;
        let fine = self.setup.methods.contains(&MethodKind::Password)
            && user == "ops"
            && password == PASSWORD;
        Ok(if fine { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        match response.and_then(|mut r| r.next()) {
            None => Ok(Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Password: ".into(), false)].into(),
            }),
            Some(answer) => {
                self.device.lock().unwrap().passwords += 1;
                Ok(if &*answer == PASSWORD.as_bytes() {
                    Auth::Accept
                } else {
                    Auth::reject()
                })
            }
        }
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        columns: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        assert_eq!(columns, 511);
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        self.open(channel, session.handle());
        Ok(())
    }

    async fn data(
        &mut self,
        _: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        for byte in data {
            self.key(*byte);
        }
        Ok(())
    }
}
