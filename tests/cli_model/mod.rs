//! A switch with a command line and a state of its own, in the test's process, on loopback: four families' languages,
//! running, candidate and start-up configuration, armed changes that take themselves back, and faults at any line.
//! The state is the truth that outcomes are judged against.

pub mod family;
pub mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{self, Auth, ChannelOpenHandle, Config, Handle, Msg, Session, run_stream};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet, Pty};
use secrecy::SecretString;
use standin::switch::ssh::SshTarget;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use family::{Asked, At, Family, Said};
use truth::Truth;

pub const PASSWORD: &str = "SENTINEL-ssh-password";
pub const ENABLE: &str = "SENTINEL-enable-password";

/// How long a switch that restarts does not answer.
pub const DOWN: Duration = Duration::from_millis(300);
/// How long a session whose connection is gone still counts as open at the switch.
pub const GHOST: Duration = Duration::from_millis(700);
/// How long after the end of the connection a line is carried out that was still on its way.
pub const LATE: Duration = Duration::from_millis(150);

/// What goes wrong at one line that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The connection ends before the line is carried out.
    DropsBefore,
    /// It is carried out, and the connection ends in the middle of the echo.
    DropsMid,
    /// It is carried out and printed, and the connection ends before the prompt.
    DropsAfter,
    /// The connection ends, and a moment later it is carried out.
    DropsThenApplies,
    /// As `DropsAfter`, and the switch keeps the dead session, and what it holds, for a while.
    DropsAndKeepsSession,
    /// Nothing is carried out and nothing said.
    HangsBefore,
    /// It is carried out and nothing said.
    HangsAfter,
    /// Nothing is carried out, and a prompt is printed as if it were.
    Ignores,
    /// It is carried out, and refused in words.
    ErrorsButApplies,
    /// It is refused.
    Refuses,
    /// It asks something that no profile knows.
    AsksUnexpected,
    /// The switch restarts once it is carried out.
    Reboots,
}

/// What is wrong with the switch.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// What goes wrong, and at which line that writes, counted from 0.
    pub at: Option<(Kind, usize)>,
    /// Every output of more than a line is paged.
    pub pages: bool,
    /// Log lines are printed into and behind every output.
    pub logs: bool,
    /// The configuration is locked for so many attempts.
    pub locked: usize,
    /// Shows read the beginning's configuration for this long after the first change.
    pub stale: Option<Duration>,
    /// What was changed is changed back by the switch after this time; zero: before the next line.
    pub bounces: Option<Duration>,
    /// Every answer repeats what it was logged in with.
    pub repeats_secrets: bool,
    /// Nothing else is in the answers to shows.
    pub garbles: bool,
}

/// Everything that sessions share.
pub struct Shared {
    pub truth: Truth,
    pub faults: Faults,
    /// Lines that write, so far.
    pub writes: usize,
    /// The line at which the fault struck.
    pub struck: Option<String>,
    /// Sessions that were opened.
    pub sessions: usize,
    outs: BTreeMap<usize, UnboundedSender<Out>>,
    ghosts: BTreeSet<usize>,
}

pub struct Model {
    pub family: Family,
    pub address: SocketAddr,
    pub shared: Arc<Mutex<Shared>>,
    pub folder: tempfile::TempDir,
}

/// What a channel sends, in order.
enum Out {
    Text(String),
    Pause(Duration),
    Drop,
    /// Nothing more gets through.
    Mute,
}

impl Model {
    pub async fn start(family: Family, faults: Faults) -> Model {
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
        let config = Arc::new(Config {
            methods: MethodSet::from([MethodKind::Password].as_slice()),
            auth_rejection_time: Duration::from_millis(5),
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![key.clone()],
            nodelay: true,
            ..Config::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            truth: Truth::new(family.conf()),
            faults,
            writes: 0,
            struck: None,
            sessions: 0,
            outs: BTreeMap::new(),
            ghosts: BTreeSet::new(),
        }));
        let state = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (id, reachable, cut) = {
                    let mut s = state.lock().unwrap();
                    let reachable = s.truth.is_reachable();
                    s.sessions += 1;
                    (s.sessions, reachable, s.truth.cut_unless.is_some())
                };
                if !reachable {
                    if cut {
                        // A path that is cut says nothing at all.
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_secs(5)).await;
                            drop(stream);
                        });
                    }
                    continue;
                }
                let peer = Peer {
                    family,
                    shared: state.clone(),
                    id,
                    at: family.start(),
                    state: State::Line,
                    line: Vec::new(),
                    out: None,
                };
                let (config, state) = (config.clone(), state.clone());
                tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, peer).await {
                        // How a session ends is what the client sees of it.
                        let _ = session.await;
                    }
                    let ghost = state.lock().unwrap().ghosts.contains(&id);
                    if ghost {
                        tokio::time::sleep(GHOST).await;
                    }
                    let mut s = state.lock().unwrap();
                    s.outs.remove(&id);
                    s.truth.left(id);
                });
            }
        });
        let model = Model {
            family,
            address,
            shared,
            folder: tempfile::tempdir().unwrap(),
        };
        let text = key.public_key().to_openssh().unwrap();
        let port = address.port();
        std::fs::write(model.known_hosts(), format!("[127.0.0.1]:{port} {text}\n")).unwrap();
        model
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    pub fn target(&self) -> SshTarget {
        let mut target = SshTarget::new("core", self.address, "ops", self.known_hosts());
        target.password = Some(SecretString::from(PASSWORD));
        target.enable = Some(SecretString::from(ENABLE));
        target.timeout = Duration::from_secs(3);
        target
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut Shared) -> T) -> T {
        let mut shared = self.shared.lock().unwrap();
        shared.truth.tick();
        f(&mut shared)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Line,
    Answer(Asked),
    Unanswerable,
    More(Vec<String>),
    Hung,
}

struct Peer {
    family: Family,
    shared: Arc<Mutex<Shared>>,
    id: usize,
    at: At,
    state: State,
    line: Vec<u8>,
    out: Option<UnboundedSender<Out>>,
}

impl Peer {
    fn say(&self, text: &str) {
        self.put(Out::Text(text.replace('\n', "\r\n")));
    }

    fn put(&self, out: Out) {
        if let Some(to) = &self.out {
            // The other end may be gone.
            let _ = to.send(out);
        }
    }

    fn logs(&self) -> bool {
        self.shared.lock().unwrap().faults.logs
    }

    fn prompt(&self) {
        self.say(&self.family.prompt(&self.at));
        if self.logs() {
            self.put(Out::Pause(Duration::from_millis(5)));
            self.say(self.family.log_line());
        }
    }

    fn key(&mut self, byte: u8) {
        match &self.state {
            State::Hung | State::Unanswerable => {}
            State::More(rest) => {
                let rest = rest.clone();
                let back = "\x08".repeat(self.family.pager().len());
                let blank = " ".repeat(self.family.pager().len());
                self.say(&format!("{back}{blank}{back}"));
                self.page(rest);
            }
            _ if matches!(byte, b'\n' | b'\r') => {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                match self.state.clone() {
                    State::Answer(asked) => self.answer(asked, &line),
                    _ => self.take(&line),
                }
            }
            _ => self.line.push(byte),
        }
    }

    fn page(&mut self, mut lines: Vec<String>) {
        let rest = lines.split_off(lines.len().min(1));
        for line in lines {
            self.say(&format!("{line}\n"));
        }
        if rest.is_empty() {
            self.state = State::Line;
            self.prompt();
        } else {
            self.say(self.family.pager());
            self.state = State::More(rest);
        }
    }

    /// What it was logged in with, if it is one that says so, in a line that is a refusal.
    fn repeated(&self) -> String {
        if self.shared.lock().unwrap().faults.repeats_secrets {
            format!("% Invalid is nothing of ops, {PASSWORD}, {ENABLE}\n")
        } else {
            String::new()
        }
    }

    /// Prints an output, and the prompt behind it.
    fn print(&mut self, text: &str) {
        let pages = self.shared.lock().unwrap().faults.pages;
        if pages && text.lines().count() > 1 {
            self.page(text.lines().map(str::to_owned).collect());
        } else {
            self.say(text);
            self.state = State::Line;
            self.prompt();
        }
    }

    fn answer(&mut self, asked: Asked, line: &str) {
        self.state = State::Line;
        match asked {
            Asked::Enable if line == ENABLE => {
                self.say("\n");
                self.at = At::Exec;
                self.prompt();
            }
            Asked::Enable => {
                self.say("\n% Access denied\n\n");
                self.prompt();
            }
            Asked::Destination => {
                let mut s = self.shared.lock().unwrap();
                s.truth.startup = s.truth.running.clone();
                drop(s);
                self.print("\nBuilding configuration...\n[OK]\n");
            }
            Asked::Discard => {
                let mut s = self.shared.lock().unwrap();
                let id = self.id;
                s.truth.candidate = None;
                s.truth.lock.take_if(|l| *l == id);
                drop(s);
                self.at = At::Exec;
                self.print("\nExiting configuration mode\n");
            }
        }
    }

    /// The fault that strikes at this line, if one does.
    fn strikes(&self, line: &str) -> Option<Kind> {
        let mut s = self.shared.lock().unwrap();
        s.truth.lines.push((self.id, line.to_owned()));
        if !Family::writes(line) {
            return None;
        }
        let number = s.writes;
        s.writes += 1;
        let kind = s.faults.at.take_if(|(_, at)| *at == number).map(|(k, _)| k);
        s.struck = kind.map(|_| line.to_owned()).or(s.struck.take());
        kind
    }

    fn take(&mut self, line: &str) {
        let kind = self.strikes(line);
        let echo = format!("{line}\n");
        let half = &line[..line.len() / 2];
        if self.logs() {
            self.say(self.family.log_line());
        }
        match kind {
            None => {
                self.say(&echo);
                let garbles = self.shared.lock().unwrap().faults.garbles;
                let said = match self.carry_out(line) {
                    Said::Text(_) if garbles && line.starts_with("show ") => {
                        Said::Text(self.repeated().replace("% Invalid", "Here"))
                    }
                    said => said,
                };
                self.hear(said);
            }
            Some(Kind::DropsBefore) => {
                self.say(half);
                self.put(Out::Drop);
                self.state = State::Hung;
            }
            Some(Kind::DropsMid) => {
                self.carry_out(line);
                self.say(half);
                self.put(Out::Drop);
                self.state = State::Hung;
            }
            Some(kind @ (Kind::DropsAfter | Kind::DropsAndKeepsSession)) => {
                self.say(&echo);
                if let Said::Text(text) = self.carry_out(line) {
                    self.say(&text);
                }
                if kind == Kind::DropsAndKeepsSession {
                    self.shared.lock().unwrap().ghosts.insert(self.id);
                }
                self.put(Out::Drop);
                self.state = State::Hung;
            }
            Some(Kind::DropsThenApplies) => {
                self.put(Out::Drop);
                self.state = State::Hung;
                // The session's own candidate and mode live on for as long.
                self.shared.lock().unwrap().ghosts.insert(self.id);
                let (shared, family) = (self.shared.clone(), self.family);
                let (id, mut at, line) = (self.id, self.at.clone(), line.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    let mut s = shared.lock().unwrap();
                    family.take(&mut s.truth, id, &mut at, &line);
                });
            }
            Some(Kind::HangsBefore) => {
                self.say(&echo);
                self.say(&self.repeated());
                self.state = State::Hung;
            }
            Some(Kind::HangsAfter) => {
                self.say(&echo);
                self.carry_out(line);
                self.state = State::Hung;
            }
            Some(Kind::Ignores) => self.print(&echo),
            Some(Kind::ErrorsButApplies) => {
                self.say(&echo);
                self.carry_out(line);
                let refusal = self.family.refusal();
                self.print(refusal);
            }
            Some(Kind::Refuses) => {
                self.say(&echo);
                let refusal = format!("{}{}", self.repeated(), self.family.refusal());
                self.print(&refusal);
            }
            Some(Kind::AsksUnexpected) => {
                self.say(&format!(
                    "{echo}This may affect traffic. Are you quite sure? (yes/no): "
                ));
                self.state = State::Unanswerable;
            }
            Some(Kind::Reboots) => {
                self.say(&echo);
                self.carry_out(line);
                let mut s = self.shared.lock().unwrap();
                s.truth.reboot(DOWN);
                for out in s.outs.values() {
                    let _ = out.send(Out::Drop);
                }
                drop(s);
                self.state = State::Hung;
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Text(text) => self.print(&text),
            Said::Asks(text, asked) => {
                self.say(&text);
                self.state = State::Answer(asked);
            }
        }
    }

    /// Carries a line out, and whatever follows from a change.
    fn carry_out(&mut self, line: &str) -> Said {
        let mut s = self.shared.lock().unwrap();
        let s = &mut *s;
        if s.faults.locked > 0 && (line.starts_with("configure") || line == "system-view") {
            s.faults.locked -= 1;
            return Said::Text(self.family.locked().to_owned());
        }
        let before = s.truth.running.clone();
        let said = self.family.take(&mut s.truth, self.id, &mut self.at, line);
        if s.truth.running == before {
            return said;
        }
        if let Some(time) = s.faults.stale.take() {
            s.truth.stale = Some((before.clone(), Instant::now() + time));
        }
        if s.faults.bounces.take_if(|t| t.is_zero()).is_some() {
            s.truth.bounces_to = Some(before.clone());
        }
        if let Some(time) = s.faults.bounces.take() {
            let shared = self.shared.clone();
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                shared.lock().unwrap().truth.running = before;
            });
        }
        if s.truth.cut_unless.is_some() && !s.truth.is_reachable() {
            for out in s.outs.values() {
                let _ = out.send(Out::Mute);
            }
            self.state = State::Hung;
        }
        said
    }

    fn open(&mut self, id: ChannelId, to: Handle) {
        let (sender, mut receiver) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(out) = receiver.recv().await {
                match out {
                    Out::Text(text) => {
                        if to.data(id, text.into_bytes()).await.is_err() {
                            return;
                        }
                    }
                    Out::Pause(time) => tokio::time::sleep(time).await,
                    Out::Mute => return,
                    Out::Drop => {
                        let _ = to
                            .disconnect(Disconnect::ConnectionLost, String::new(), String::new())
                            .await;
                        return;
                    }
                }
            }
        });
        let mut s = self.shared.lock().unwrap();
        s.outs.insert(self.id, sender.clone());
        s.truth.open.insert(self.id);
        drop(s);
        self.out = Some(sender);
        self.say("\nAuthorised users only.\n\n");
        self.prompt();
    }
}

impl server::Handler for Peer {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let fine = user == "ops" && password == PASSWORD;
        Ok(if fine { Auth::Accept } else { Auth::reject() })
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
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
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
