//! A switch with a command line and a state of its own, in the test's process, on loopback: six families' languages,
//! running, candidate and start-up configuration, armed changes that take themselves back, and faults at any line.
//! The state is the truth that outcomes are judged against.

pub mod family;
mod session;
pub mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::{MethodKind, Preferred};
use standin::switch::ssh::SshTarget;

use crate::ssh_server::{Host, Screen, serve};
use family::Family;
use session::Session;
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
    /// The next answers, so many, to shows of a port's status are torn by a log line in the middle of a row.
    pub torn: usize,
    /// Shows whose line has this word tell of another port: the one that was asked for is not part of what they know.
    pub untold: Option<&'static str>,
    /// Saving asks once more whether the start-up configuration may be overwritten.
    pub confirms: bool,
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
    outs: BTreeMap<usize, Screen>,
    ghosts: BTreeSet<usize>,
}

pub struct Model {
    pub family: Family,
    pub shared: Arc<Mutex<Shared>>,
    host: Host,
}

/// Where it is reached.
impl Deref for Model {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Model {
    pub async fn start(family: Family, faults: Faults) -> Model {
        let (host, listener, config) =
            Host::start(&[MethodKind::Password], Preferred::DEFAULT).await;
        let mut truth = Truth::new(family.conf());
        truth.armed_ends_with_session = family.ends_with_session();
        let shared = Arc::new(Mutex::new(Shared {
            truth,
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
                let session = Session::new(family, state.clone(), id);
                let (config, state) = (config.clone(), state.clone());
                tokio::spawn(async move {
                    serve(config, stream, session).await;
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
        Model {
            family,
            shared,
            host,
        }
    }

    pub fn target(&self) -> SshTarget {
        self.host.target(PASSWORD, ENABLE)
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut Shared) -> T) -> T {
        let mut shared = self.shared.lock().unwrap();
        shared.truth.tick();
        f(&mut shared)
    }
}
