//! Looks at the world after each event, and at what the daemons say twice a second.

use serde_json::Value;

use crate::history::History;
use crate::plan::{Order, What};
use crate::rules::*;
use crate::world::{CAMERAS, PORTS, VIP, World};

/// True if an alarm stands that a person should look at.
pub fn alarmed(said: &Value) -> bool {
    let alarms = said["alarms"].as_array();
    alarms.is_some_and(|all| all.iter().any(|a| a["level"] != "info"))
}

/// What was seen so far.
#[derive(Default)]
pub struct Judge {
    pub ledger: Ledger,
    pub of: [History; 2],
    /// Who was the last one owner, and how often another one was.
    owner: Option<usize>,
    pub changes: u64,
    pub verified: u64,
    pub steps: Vec<u64>,
    /// Since when nobody, or two, are heard, microseconds.
    dark: Option<u64>,
    pub two: Option<u64>,
    two_at: u64,
    /// When an alarm last stood.
    told_at: u64,
    /// When a person last ordered a takeover, opened a port, or changed what a machine may write.
    ordered: u64,
    opened: u64,
    pub polls: u64,
    /// The switch's agent has answered nobody since then.
    pub silent_since: Option<u64>,
    /// Heartbeats are fresh for so long, microseconds.
    pub fresh: u64,
    /// A death is noticed so much later than with the defaults, microseconds.
    pub slower: u64,
    /// The switch does what it is told, and tells it, since then.
    obeys_since: u64,
    written: usize,
    shut: usize,
}

impl Judge {
    /// Something was done to the world.
    pub fn acted(&mut self, what: What, world: &mut World, now: u64) {
        *self.ledger.struck.entry(what.kind()).or_default() += 1;
        match what {
            What::Stall(i, us) | What::HungDisk(i, us) => {
                self.of[i].stalled_until = self.of[i].stalled_until.max(now + us);
            }
            What::SlowDisk(i, us) => self.of[i].stalled_until = now + us * 3,
            What::Order(i, Order::Takeover) => {
                (self.ordered, self.of[i].ordered) = (now, Some(now));
            }
            What::TakeOff(i, _) => self.of[i].taken_off = now,
            // Whether it is answered or not.
            What::Order(_, Order::Hold(false)) => self.of.iter_mut().for_each(|of| {
                (of.held, of.freed) = (None, now);
            }),
            What::JournalLost(i) => self.of[i].held = None,
            What::Opened(_) | What::Reboot | What::SwitchOff(_) | What::Plug(..) => {
                self.opened = now
            }
            _ => {}
        }
        // Nobody says what was fenced where the journal is lost and the switch cannot be read.
        let unread = world.silent || world.dark || world.slow > 0 || !world.cuts.is_empty();
        let apart = [0, 1].map(|i: usize| self.of[1 - i].answers && !world.both_ways(i, 1 - i));
        // Another process says something else: it has its own time.
        if let What::Kill(i) | What::Off(i, _) | What::JournalLost(i) = what {
            self.of[i].wrong = Default::default();
        }
        let ends = matches!(what, What::Kill(_) | What::Term(_) | What::JournalLost(_));
        for (i, apart) in apart.into_iter().enumerate() {
            let (heard, of) = (world.heard(i, VIP.addr), &mut self.of[i]);
            // Without its journal only its fence says that the address is its own.
            let fenced = world.switch.port(world.machines[1 - i].plug).admin == 2;
            let this = match what {
                What::Kill(k) | What::Term(k) => k == i,
                What::JournalLost(k) => k == i && fenced && !unread,
                _ => false,
            };
            let well = of.answers && of.active && of.stalled_until < now;
            // No daemon can give an address a longer life that the kernel refuses; and one that is cut off from a peer
            // which lives is fenced by it, as it should be.
            // Nor does one start on an interface that bears another name now than the file has, which was told.
            let m = &world.machines[i];
            let kept = !m.no_address && m.name == "eth0" && !apart;
            if this && well && kept && heard && world.machines[i].disk.fault == Default::default() {
                of.back_by = Some(now + BACK);
            } else if !ends && what != What::Rest {
                of.back_by = None;
            }
            // It knows nothing of what it was, until it is seen again.
            if what == What::JournalLost(i) {
                of.active = false;
                of.back_by = of.back_by.filter(|_| this && kept);
            }
        }
    }

    /// After each event.
    pub fn after(&mut self, world: &mut World, lives: [bool; 2], now: u64) {
        self.steps.push(now);
        let heard = [0, 1].map(|i| world.heard(i, VIP.addr));
        let mut claim = false;
        for i in 0..2 {
            let owns = world.machines[i].has(VIP.addr);
            if lives[i] {
                self.of[i].lived = now;
            }
            // What somebody took off and its keeper put back is the same claim: no camera had to come back for it.
            let of = &self.of[i];
            let again = of.says_owner && now - of.taken_off < KNOWN;
            if owns && !of.owns && !again {
                self.of[i].claimed = now;
                self.of[i].caches_checked = false;
                if lives[i] {
                    claim = true;
                    self.grounds(world, i, now);
                }
            }
            let of = &mut self.of[i];
            of.owns = owns;
            of.heard_since = heard[i].then(|| of.heard_since.unwrap_or(now));
            if let (Some(_), false) = (of.back_by, heard[i]) {
                of.back_by = None;
                let what = format!("machine {i} is not heard while its daemon is away");
                self.ledger.broken(Rule::Restart, now, what);
            }
            if heard[i] && !heard[1 - i] && self.owner != Some(i) {
                self.changes += u64::from(self.owner.is_some());
                self.owner = Some(i);
            }
        }
        self.two(heard[0] && heard[1], claim, now);
        // A port that was shut just now takes its machine away: how it was before counts.
        self.sets(world, now);
        self.well(world, lives, now);
        // Nobody could where no daemon has a way to the cameras.
        let could = (0..2).any(|i| {
            let of = &self.of[i];
            of.answers && lives[i] && of.stalled_until < now && world.both_ways(i, CAMERAS)
        });
        self.dark = match heard[0] || heard[1] || !could {
            true => None,
            false => self.dark.or(Some(now)),
        };
    }

    /// R2: its peer's port is down; or the peer lives and has it not, so that it may have given it away. Its word is good for
    /// as long as its heartbeats are fresh.
    fn grounds(&mut self, world: &mut World, owner: usize, now: u64) {
        let peer = 1 - owner;
        let plug = world.machines[peer].plug;
        let down = world.switch.port(plug).admin == 2 && !world.lies;
        let word = now - self.of[peer].lived < self.fresh;
        let given = word && !world.machines[peer].has(VIP.addr);
        // A machine without a link that was plugged into another port is nowhere in the switch's tables: nobody can know.
        let m = &world.machines[peer];
        let hidden = !(m.power && m.cable) && plug != PORTS[peer];
        // A person who opens a port at the very moment is seen by R1.
        let fine = down || given || hidden || now - self.opened < SECOND_AGO;
        self.ledger.check(Rule::Grounds, fine, now, || {
            format!("machine {owner} claims, and its peer's port is open")
        });
        if let Some(held) = self.of[owner].held {
            let fine = now < held + HELD;
            let what = || format!("machine {owner} claims, and is held since {held}");
            self.ledger.check(Rule::Orders, fine, now, what);
        }
    }

    fn two(&mut self, two: bool, claim: bool, now: u64) {
        if claim {
            self.ledger.arm(Rule::OneOwner);
        }
        if two {
            self.two_at = now;
        }
        if !two {
            self.two = None;
        } else if self.two.is_none() {
            self.two = Some(now);
            let what = || "two are heard, by a claim".to_owned();
            let fine = !claim || now - self.opened < SECOND_AGO;
            self.ledger.check(Rule::OneOwner, fine, now, what);
        }
    }

    /// Since when the owner could not be better, as seen from the other machine.
    fn well(&mut self, world: &mut World, lives: [bool; 2], now: u64) {
        for (i, alive) in lives.into_iter().enumerate() {
            let other = 1 - i;
            let quiet = |w: &World| w.loss <= 60 && w.delay == 0 && w.cuts.is_empty();
            let usual = |w: &World, i: usize| {
                let m = &w.machines[i];
                m.has(m.own) && m.name == "eth0" && m.tells == Default::default()
            };
            let well = world.heard(i, VIP.addr)
                && world.both_ways(i, other)
                && world.machines[i].serves
                && quiet(world)
                && usual(world, i)
                && usual(world, other);
            let alone = world.machines[i].carrier && !world.way(CAMERAS, i) && !world.way(other, i);
            let of = &mut self.of[i];
            of.alone_since = alone.then(|| of.alone_since.unwrap_or(now));
            let runs = alive && of.answers && of.stalled_until < now;
            of.runs_since = runs.then(|| of.runs_since.unwrap_or(now));
            of.well_since = well.then(|| of.well_since.unwrap_or(now));
        }
    }

    /// R6 and R11, at each SET.
    fn sets(&mut self, world: &mut World, now: u64) {
        for n in self.written..world.written.len() {
            let (by, index) = world.written[n];
            let fine = match index {
                101 | 102 => true,
                103 => self.of[by].may_write_other,
                _ => false,
            };
            let what = || format!("machine {by} writes the port of ifIndex {index}");
            self.ledger.check(Rule::ForeignPorts, fine, now, what);
        }
        self.written = world.written.len();
        for n in self.shut..world.shut.len() {
            let (by, index) = world.shut[n];
            let plug = |i: usize| match world.machines[i].plug {
                "ge1" => 101,
                "ge2" => 102,
                _ => 103,
            };
            let victim = (0..2).find(|i| plug(*i) == index);
            if let Some(victim) = victim {
                let since = self.of[victim].well_since;
                let well = since.is_some_and(|since| now - since > WELL);
                // Who can be asked is asked, whatever a person ordered.
                let asked = self.of[victim].runs_since.is_some_and(|at| now - at > WELL);
                // Of two that are heard the owner shuts the other one's port again (rule 4).
                let again = self.of[by].owns && now - self.two_at < LOOK;
                let fine = !well || again || (!asked && now - self.ordered < 2 * FENCE);
                self.ledger.check(Rule::TheLiving, fine, now, || {
                    format!("machine {victim} owns, is well since {since:?}, and its port is shut")
                });
            }
            let alone = self.of[by].alone_since;
            // Whoever ordered it is asked again by nobody.
            let fine = self.of[by].owns
                || self.of[by].ordered.is_some_and(|at| now - at < 2 * FENCE)
                || alone.is_none_or(|since| now - since < ALONE);
            self.ledger.check(Rule::TheLiving, fine, now, || {
                format!("machine {by} shuts a port, and is cut off itself since {alone:?}")
            });
            if let Some(held) = self.of[by].held {
                // A hold ends what is taken without ownership; an owner keeps its fence shut, held or not.
                let fine = now < held + HELD || self.of[by].owns;
                let what = || format!("machine {by} shuts a port, and is held since {held}");
                self.ledger.check(Rule::Orders, fine, now, what);
            }
        }
        self.shut = world.shut.len();
    }

    /// Twice a second.
    pub fn look(
        &mut self,
        world: &mut World,
        said: &[Value; 2],
        (tasks, polls): ([usize; 2], u64),
        now: u64,
    ) {
        self.bounds(world, tasks, polls, now);
        if !world.switch_obeys() {
            self.obeys_since = now;
        }
        let silent = self.silent_since.unwrap_or(now);
        self.silent_since = (world.silent || world.dark).then_some(silent);
        let told = said.iter().any(alarmed);
        if told {
            self.told_at = now;
        }
        if let Some(began) = self.two {
            // Who told may be ended, and tells again in its time (R3 too).
            let told = now - began.max(self.told_at) < TWO_TOLD;
            let what = || format!("two are heard, and nothing is told: {said:?}");
            self.ledger.check(Rule::OneOwner, told, now, what);
            // It cannot be over where a person plugged a machine into a port that no fence names: no other one may be shut
            // (R6). It is told.
            let named = ["ge1", "ge2"];
            let reachable = (0..2).all(|i| world.machines[i].plug == named[i]);
            if reachable && world.switch_obeys() {
                let what = || "two are heard for too long".to_owned();
                // A try that began while the switch did not do what it was told has its time first.
                let fine = now - began.max(self.obeys_since) < TWO_OVER;
                self.ledger.check(Rule::OneOwner, fine, now, what);
            }
        }
        if let Some(since) = self.dark {
            // Who tells may be killed, and tells again in its time: from when the one that runs longer was there.
            let runs = self.of.iter().filter_map(|of| of.runs_since).min();
            let from = since.max(self.told_at).max(runs.unwrap_or(now));
            let fine = now - from <= DARK + self.slower || said.iter().any(|s| s["hold"] == true);
            self.ledger.check(Rule::OwnerOrAlarm, fine, now, || {
                format!("nobody is heard since {since}, and nothing is told: {said:?}")
            });
        }
        for (i, said) in said.iter().enumerate() {
            self.of[i].answers = !said.is_null();
            let state = said["state"].as_str().unwrap_or_default();
            let rests = ["standby", "suspect", "held", "confirming"];
            let rests = rests.iter().any(|s| state.starts_with(s));
            self.of[i].says_owner = said["owner"] == true;
            self.of[i].in_place = said["owner"] == true || !rests;
            self.of[i].may_write_other |= self.of[i].names_other && rests;
            if !said.is_null() {
                self.verdict(world, i, said, now);
                self.beliefs(world, i, said, now);
                self.kept(world, i, said, now);
            }
            self.caches(world, i, now);
        }
    }

    /// A daemon has ended because it was told to.
    pub fn stopped(&mut self, i: usize, world: &World, now: u64) {
        self.of[i].wrong = Default::default();
        let m = &world.machines[i];
        let gate = m.tables.values().any(|until| *until > now);
        let fine = !gate || m.no_nft || m.nft_slow > 0;
        let what = || format!("machine {i} has stopped, and its gate is closed");
        self.ledger.check(Rule::NothingLeft, fine, now, what);
    }

    /// Another file is read.
    pub fn edited(&mut self, i: usize, names_other: bool) {
        let of = &mut self.of[i];
        of.names_other = names_other;
        of.may_write_other |= names_other && !of.in_place;
    }

    /// A hold was asked for at `asked`, and is told now to be durable, if `on`.
    pub fn hold(&mut self, i: usize, on: bool, asked: u64, now: u64) {
        if on && self.of[i].freed <= asked {
            self.of[i].held = Some(now);
        }
    }

    /// A takeover was ordered, and is begun: the later word of a person outranks the hold.
    pub fn begins(&mut self, i: usize, asked: u64) {
        (self.of[i].held, self.of[i].freed) = (None, asked);
    }

    /// True if a machine could not answer what was asked at `at`.
    pub fn stalled(&self, i: usize, at: u64) -> bool {
        self.of[i].stalled_until >= at
    }

    /// The end: all faults are over.
    pub fn end(&mut self, world: &mut World, last: &[Value; 2], now: u64) {
        let heard = (0..2).filter(|i| world.heard(*i, VIP.addr)).count();
        let fine = heard == 1 || last.iter().any(alarmed) || last.iter().any(|s| s["hold"] == true);
        self.ledger.check(Rule::OwnerAtLast, fine, now, || {
            format!("{heard} are heard at the end, and nothing is told: {last:?}")
        });
    }
}

/// Who hears nothing for so long knows it, microseconds.
const ALONE: u64 = 500_000;
/// A port that was opened so shortly ago, microseconds.
const SECOND_AGO: u64 = 1_000_000;
