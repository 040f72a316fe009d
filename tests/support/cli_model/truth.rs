//! What the switch of the tests really is: ports, VLANs, running, start-up and candidate configuration, and the timer
//! that takes an armed change back. Nothing here knows how a command line looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What stands for one minute of an armed change.
pub const MINUTE: Duration = Duration::from_millis(1500);

/// A port as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub up: bool,
    pub trunk: bool,
    /// Neither a trunk nor an access port: hybrid, or of a private VLAN.
    pub neither: bool,
    pub access: u16,
    pub allowed: BTreeSet<u16>,
    /// A VLAN that is allowed takes the place of all others.
    pub replaces: bool,
    pub alias: &'static str,
    /// Lines that its configuration has besides.
    pub more: Vec<&'static str>,
}

impl Port {
    pub fn allow(&mut self, vlan: u16) {
        if self.replaces {
            self.allowed.clear();
        }
        self.allowed.insert(vlan);
    }
}

/// One configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conf {
    pub ports: BTreeMap<String, Port>,
    pub vlans: BTreeSet<u16>,
}

/// A change that takes itself back.
#[derive(Clone, Debug)]
pub struct Armed {
    pub before: Conf,
    pub at: Instant,
    /// What armed it, where only that confirms it: a session, or a name.
    pub by: String,
}

/// A configuration that has a name and outlives the session that it was written in.
#[derive(Clone, Debug)]
pub enum Named {
    Pending(Conf),
    /// Committed or aborted: the name is taken.
    Done,
}

/// Everything that outlives sessions.
pub struct Truth {
    pub running: Conf,
    pub startup: Conf,
    /// What each session has not committed, where the family has candidates.
    pub candidates: BTreeMap<usize, Conf>,
    pub named: BTreeMap<String, Named>,
    pub armed: Option<Armed>,
    /// An armed change is taken back when the session ends that armed it.
    pub armed_ends_with_session: bool,
    /// How often the timer took a change back.
    pub rolled_back: usize,
    /// Who holds the configuration.
    pub lock: Option<usize>,
    /// Every line, with the number of its session.
    pub lines: Vec<(usize, String)>,
    /// Sessions that are open.
    pub open: BTreeSet<usize>,
    /// No new session until then.
    pub deaf_until: Option<Instant>,
    /// The change cuts the way to the switch: nobody gets in while the running configuration is not this one.
    pub cut_unless: Option<Conf>,
    /// What shows read in place of the running configuration, until then.
    pub stale: Option<(Conf, Instant)>,
    /// What the switch goes back to by itself before the next line.
    pub bounces_to: Option<Conf>,
    /// The VLAN whose ARP is inspected.
    pub inspected: Option<u16>,
    /// What goes into every running configuration, for tests of secrets.
    pub secrets: Vec<String>,
    /// A machine's MAC address as the command line writes it, and the ports that it hangs on: it is learned behind the
    /// first that is up.
    pub machine: Option<(&'static str, Vec<&'static str>)>,
}

impl Truth {
    pub fn new(running: Conf) -> Truth {
        Truth {
            startup: running.clone(),
            running,
            candidates: BTreeMap::new(),
            named: BTreeMap::new(),
            armed: None,
            armed_ends_with_session: false,
            rolled_back: 0,
            lock: None,
            lines: Vec::new(),
            open: BTreeSet::new(),
            deaf_until: None,
            cut_unless: None,
            stale: None,
            bounces_to: None,
            inspected: None,
            secrets: Vec::new(),
            machine: None,
        }
    }

    /// Lets the time pass: an armed change whose time is over is taken back.
    pub fn tick(&mut self) {
        if let Some(conf) = self.bounces_to.take() {
            self.running = conf;
        }
        if let Some(armed) = self.armed.take_if(|a| a.at <= Instant::now()) {
            self.running = armed.before;
            self.rolled_back += 1;
        }
    }

    pub fn arm(&mut self, minutes: u32) {
        self.arm_by(minutes, "");
    }

    /// Arms, and says what may confirm. To arm again moves the time only.
    pub fn arm_by(&mut self, minutes: u32, by: &str) {
        let before = self.armed.take().filter(|a| !by.is_empty() && a.by == by);
        self.armed = Some(Armed {
            before: before.map_or_else(|| self.running.clone(), |a| a.before),
            at: Instant::now() + MINUTE * minutes,
            by: by.to_owned(),
        });
    }

    /// What the session has not committed becomes what runs.
    pub fn commit(&mut self, session: usize) {
        if let Some(conf) = self.candidates.remove(&session) {
            self.running = conf;
        }
    }

    /// What a show reads.
    pub fn shown(&self) -> &Conf {
        match &self.stale {
            Some((conf, until)) if Instant::now() < *until => conf,
            _ => &self.running,
        }
    }

    /// Where the machine is learned: its address, and the port.
    pub fn learned(&self) -> Option<(&'static str, &'static str)> {
        let (mac, ports) = self.machine.as_ref()?;
        let is_up = |p: &&&str| self.running.ports.get(**p).is_some_and(|p| p.up);
        Some((*mac, *ports.iter().find(is_up)?))
    }

    /// What a session writes to.
    pub fn target(&mut self, session: usize, candidate: bool) -> &mut Conf {
        if !candidate {
            return &mut self.running;
        }
        let running = self.running.clone();
        self.candidates.entry(session).or_insert(running)
    }

    /// Whether a session has something that it has not committed.
    pub fn is_dirty(&self, session: usize) -> bool {
        self.candidates
            .get(&session)
            .is_some_and(|c| *c != self.running)
    }

    pub fn is_reachable(&mut self) -> bool {
        self.tick();
        let deaf = self.deaf_until.is_some_and(|t| Instant::now() < t);
        let cut = self.cut_unless.as_ref().is_some_and(|c| *c != self.running);
        !deaf && !cut
    }

    /// A session is gone: what it did not commit and what it held is gone too.
    pub fn left(&mut self, session: usize) {
        self.open.remove(&session);
        if self.lock == Some(session) {
            self.lock = None;
        }
        self.candidates.remove(&session);
        let ends = |a: &mut Armed| a.by == by_session(session);
        if self.armed_ends_with_session
            && let Some(armed) = self.armed.take_if(ends)
        {
            self.running = armed.before;
            self.rolled_back += 1;
        }
    }

    /// Power off and on.
    pub fn reboot(&mut self, down: Duration) {
        self.running = self.startup.clone();
        self.candidates.clear();
        self.named.clear();
        self.armed = None;
        self.lock = None;
        self.deaf_until = Some(Instant::now() + down);
    }
}

/// How a session is named where it is the one that may confirm.
pub fn by_session(session: usize) -> String {
    format!("session {session}")
}
