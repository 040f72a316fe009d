//! What must hold, judged by the world and not by what a daemon believes (`simulation.md`, 6).

use std::collections::BTreeMap;

/// Which of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// R1: never two machines that cameras hear, by a claim; and not for long, whoever made the second.
    OneOwner,
    /// R2: at a claim the peer's port, by its cable, is down.
    Grounds,
    /// R3: somebody is heard, or a person is told.
    OwnerOrAlarm,
    /// R3: all faults over, exactly one owner.
    OwnerAtLast,
    /// What is told to be verified is: each camera's stream was taken since the claim.
    Verdict,
    /// R4: link, address and fence are as the daemon says.
    Belief,
    /// R5: a standby leaves no gate, no address and no shut port that nobody knows of.
    NothingLeft,
    /// R6: only ports of a fence that was in force are written.
    ForeignPorts,
    /// R8: a hold that was told to be durable outlives everything.
    Durable,
    /// R9: orders are answered, and after a hold nobody who does not own shuts anything, and nothing is claimed.
    Orders,
    /// R10: tasks and frames are bounded.
    Bounds,
    /// R11: an owner that lives and is reached is not fenced by itself.
    TheLiving,
    /// R12: soon after a claim no camera believes in another owner.
    Caches,
    /// R13: the journal played back gives the same decisions.
    Replay,
    /// R14: a daemon that ends while it owns is heard throughout, and owns again.
    Restart,
}

impl Rule {
    pub const ALL: [Rule; 15] = [
        Rule::OneOwner,
        Rule::Grounds,
        Rule::OwnerOrAlarm,
        Rule::OwnerAtLast,
        Rule::Verdict,
        Rule::Belief,
        Rule::NothingLeft,
        Rule::ForeignPorts,
        Rule::Durable,
        Rule::Orders,
        Rule::Bounds,
        Rule::TheLiving,
        Rule::Caches,
        Rule::Replay,
        Rule::Restart,
    ];
}

/// A rule that was broken, and when: microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub rule: Rule,
    pub at: u64,
    pub what: String,
}

/// What was seen of the rules, and how often each was put to the test.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub found: Vec<Broken>,
    pub armed: BTreeMap<Rule, u64>,
    /// How often each fault struck.
    pub struck: BTreeMap<String, u64>,
}

impl Ledger {
    pub fn arm(&mut self, rule: Rule) {
        *self.armed.entry(rule).or_default() += 1;
    }

    pub fn broken(&mut self, rule: Rule, at: u64, what: String) {
        if self.found.iter().all(|b| b.rule != rule) {
            self.found.push(Broken { rule, at, what });
        }
    }

    /// One more test of the rule, which held or did not.
    pub fn check(&mut self, rule: Rule, holds: bool, at: u64, what: impl FnOnce() -> String) {
        self.arm(rule);
        if !holds {
            self.broken(rule, at, what());
        }
    }

    pub fn add(&mut self, other: &Ledger) {
        for (rule, n) in &other.armed {
            *self.armed.entry(*rule).or_default() += n;
        }
        for (kind, n) in &other.struck {
            *self.struck.entry(kind.clone()).or_default() += n;
        }
    }
}

const SECOND: u64 = 1_000_000;
/// The time of a fence, microseconds.
pub const FENCE: u64 = 10 * SECOND;
/// Nobody is heard for so long: suspect and confirm, the time of the fence, and what a takeover takes.
pub const DARK: u64 = 350_000 + FENCE + 2 * SECOND;
/// The daemons are asked twice a second.
pub const LOOK: u64 = SECOND / 2;
/// Two are heard: told within this, over within that.
pub const TWO_TOLD: u64 = 3 * SECOND + LOOK;
pub const TWO_OVER: u64 = 5 * SECOND + FENCE + LOOK;
/// Link and address are known.
pub const KNOWN: u64 = 2 * SECOND + LOOK;
/// A fence that is not so is told: where the switch answers, where it does not.
pub const FENCE_TOLD: u64 = 5 * SECOND + LOOK;
pub const FENCE_TOLD_SILENT: u64 = 30 * SECOND + LOOK;
/// The switch's tables are looked at once a minute, and twice.
pub const PAST_TOLD: u64 = 80 * SECOND + LOOK;
/// What failed is tried again, at most five seconds apart.
pub const TRIED_AGAIN: u64 = 10 * SECOND;
/// Nothing is left behind.
pub const LEFT: u64 = 5 * SECOND + LOOK;
/// An order is answered; nothing begins after a hold.
pub const ANSWERED: u64 = 7 * SECOND;
pub const HELD: u64 = SECOND;
/// An owner that was well for so long is not fenced.
pub const WELL: u64 = 10 * SECOND;
/// Every camera knows the owner.
pub const CACHES: u64 = 2 * SECOND + LOOK;
/// A daemon is back.
pub const BACK: u64 = 3 * SECOND + 2 * LOOK;
