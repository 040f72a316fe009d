//! The command lines of six families, as far as a change needs them: what they print, and what a line does.
//! Outputs have the form of the vendors' own; they are written anew here.

mod comware;
mod cx;
mod eos;
mod ios;
mod junos;
mod vrp;

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
    Eos,
    /// Huawei VRP 8; a trial that its session left behind ends with its time.
    Vrp,
    /// The same, where a trial ends with its session.
    VrpBound,
}

pub const FAMILIES: [Family; 8] = [
    Family::Ios,
    Family::IosArmed,
    Family::Junos,
    Family::Cx,
    Family::Comware,
    Family::Eos,
    Family::Vrp,
    Family::VrpBound,
];

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    User,
    Exec,
    Config,
    Interface(String),
    /// In a configuration session with a name, and perhaps in an interface.
    Session(String, Option<String>),
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
    /// Whether what is not committed is committed before the mode is left.
    Uncommitted,
    /// Whether the trial is rolled back.
    RollBack,
}

/// What a family says always in the same words.
struct Words {
    profile: &'static str,
    /// The access port, the trunk, and a port of somebody else.
    ports: [&'static str; 3],
    /// Where a session begins.
    start: At,
    refusal: &'static str,
    log_line: &'static str,
    pager: &'static str,
    locked: &'static str,
}

fn said(text: &str) -> Said {
    Said::Text(text.to_owned())
}

fn list(vlans: &BTreeSet<u16>, between: &str) -> String {
    let texts: Vec<String> = vlans.iter().map(u16::to_string).collect();
    texts.join(between)
}

impl Family {
    fn words(self) -> &'static Words {
        match self {
            Family::Ios | Family::IosArmed => &ios::WORDS,
            Family::Junos => &junos::WORDS,
            Family::Cx => &cx::WORDS,
            Family::Comware => &comware::WORDS,
            Family::Eos => &eos::WORDS,
            Family::Vrp | Family::VrpBound => &vrp::WORDS,
        }
    }

    pub fn profile(self) -> &'static str {
        self.words().profile
    }

    /// The access port, the trunk, and a port of somebody else.
    pub fn ports(self) -> [&'static str; 3] {
        self.words().ports
    }

    pub fn start(self) -> At {
        self.words().start.clone()
    }

    pub fn refusal(self) -> &'static str {
        self.words().refusal
    }

    pub fn log_line(self) -> &'static str {
        self.words().log_line
    }

    pub fn pager(self) -> &'static str {
        self.words().pager
    }

    pub fn locked(self) -> &'static str {
        self.words().locked
    }

    /// `dirty`: the session has something that it has not committed.
    pub fn prompt(self, at: &At, dirty: bool) -> String {
        match self {
            Family::Ios | Family::IosArmed => ios::prompt(at),
            Family::Junos => junos::prompt(at),
            Family::Cx => cx::prompt(at),
            Family::Comware => comware::prompt(at),
            Family::Eos => eos::prompt(at),
            Family::Vrp | Family::VrpBound => vrp::prompt(at, dirty),
        }
    }

    /// True if moves are armed.
    pub fn arms(self) -> bool {
        self != Family::Ios
    }

    /// True if an armed change ends with the session that armed it.
    pub fn ends_with_session(self) -> bool {
        self == Family::VrpBound
    }

    fn has_candidate(self) -> bool {
        matches!(self, Family::Junos | Family::Vrp | Family::VrpBound)
    }

    /// The configuration at the beginning.
    pub fn conf(self) -> Conf {
        let port = |trunk: bool, alias| Port {
            up: true,
            trunk,
            neither: false,
            access: 10,
            allowed: if trunk {
                [10, 20, 30].into()
            } else {
                [].into()
            },
            alias,
            replaces: false,
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
            || line.starts_with("commit timer")
            || line.starts_with("commit trial")
    }

    /// The port's name in full, if there is one.
    fn port_of(self, truth: &Truth, name: &str) -> Option<String> {
        let long = match self {
            Family::Ios | Family::IosArmed => name.replace("GigabitEthernet", "Gi"),
            Family::Eos if !name.starts_with("Ethernet") => name.replace("Et", "Ethernet"),
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
            Family::Eos => self.eos(truth, at, &words),
            Family::Vrp | Family::VrpBound => self.vrp(truth, session, at, &words),
        };
        done.unwrap_or_else(|| said(self.refusal()))
    }

    /// Takes the answer to a question that only this family asks, and says what is printed.
    pub fn answer(
        self,
        truth: &mut Truth,
        session: usize,
        at: &mut At,
        asked: Asked,
        line: &str,
    ) -> &'static str {
        vrp::answer(truth, session, at, asked, line)
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
}
