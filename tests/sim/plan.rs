//! What fails, when, and what people do: made from the seed before anything runs.

use serde::{Deserialize, Serialize};
use standin::rt::sim::dice;

use crate::disk::Fault;
use crate::machine::Tells;
use crate::world::Lie;

/// Something that happens to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A machine loses its power; true: its network card holds the link.
    Off(usize, bool),
    /// It has power again, and its daemon is started.
    On(usize),
    /// Its media server dies, or is there again; its kernel and its daemon go on.
    Serves(usize, bool),
    /// It hangs whole, and goes on as if nothing had been.
    Freeze(usize, bool),
    /// Its daemon gets no processor for so many microseconds; its kernel goes on.
    Stall(usize, u64),
    /// Its cable is pulled, or plugged in again.
    Cable(usize, bool),
    /// Its cable is plugged into another port: ge1, ge2 or ge3.
    Plug(usize, usize),
    /// It is plugged into ge3 and says nothing there, with its link up; or is back in its port and goes on.
    Hides(usize, bool),
    /// Its interface is made anew by somebody; its own address comes back with the next `Own`.
    Remake(usize),
    /// Its interface is renamed, or has its name again.
    Rename(usize, bool),
    /// Its own address is taken away, or is there again.
    Own(usize, bool),
    /// Its rules of nftables are flushed.
    FlushRules(usize),
    /// Its kernel tells of changes like this from now on.
    Tells(usize, Tells),
    /// A machine's disk takes so many microseconds longer from now on.
    SlowDisk(usize, u64),
    /// Its disk gives nothing back for so many microseconds.
    HungDisk(usize, u64),
    /// What is wrong with its disk from now on.
    Disk(usize, Fault),
    /// Its journal is gone, and its daemon is killed.
    JournalLost(usize),
    /// So many ARP frames fit into its send queue in a hundredth of a second; nothing: all do.
    Queue(usize, Option<u64>),
    /// Its kernel takes no address, or does again.
    NoAddress(usize, bool),
    /// Its `nft` takes so many microseconds longer from now on.
    SlowNft(usize, u64),
    /// It has no `nft`, or has it again.
    NoNft(usize, bool),
    /// The switch's agent falls silent, or answers again.
    Silent(bool),
    /// Its answers come so many microseconds later.
    SlowSwitch(u64),
    /// It says yes to each SET and does nothing, or does again.
    Ignores(bool),
    /// It tells of its links out of a cache, or no more.
    Stale(bool),
    /// It starts again, with what it has saved.
    Reboot,
    /// A person opens the port of a machine at the switch.
    Opened(usize),
    /// Of a thousand frames so many are lost from now on; or come twice.
    Loss(u64),
    Twice(u64),
    /// Frames come up to so many microseconds later.
    Delay(u64),
    /// Nothing passes from the one to the other any more, or passes again.
    Cut(usize, usize, bool),
    /// The two machines do not hear each other any more, on no network; or do again.
    Apart(bool),
    /// The switch has no power, and has it again: with what it has saved.
    SwitchOff(bool),
    /// Somebody takes the address off a machine that has it; its kernel tells of it, or does not.
    TakeOff(usize, bool),
    /// Nothing on the cameras' network passes to it or from it, and its link stays; or passes again.
    Alone(usize, bool),
    /// The file of its configuration says something else from now on, and it is told to read it (SIGHUP).
    Reload(usize, Edit),
    /// A person says something to its daemon.
    Order(usize, Order),
    /// Its daemon is told to end (SIGTERM), and started again.
    Term(usize),
    /// Its daemon is killed, and started again half a second later.
    Kill(usize),
    /// Something breaks its word from now on.
    Lies(Lie),
    /// Nothing.
    Rest,
}

/// What a person says to a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    Hold(bool),
    Takeover,
    Release,
}

/// What is changed in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    /// As it was in the beginning.
    None,
    /// The peer's port is another one, on which nobody is.
    OtherPort,
    /// Other times.
    Times,
    /// It does not have the switch any more that it names.
    NoSwitch,
}

impl What {
    /// Its kind.
    pub fn kind(self) -> String {
        let all = format!("{self:?}");
        let ends = all.find(|c: char| !c.is_alphanumeric());
        let (name, rest) = all.split_at(ends.unwrap_or(all.len()));
        match self {
            What::Order(..) | What::Reload(..) | What::Disk(..) => {
                let inside = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')'));
                let last = inside.and_then(|r| r.split(", ").nth(1));
                format!("{name} {}", last.unwrap_or_default())
            }
            _ => name.to_owned(),
        }
    }
}

/// One of them at its time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub at: u64,
    pub what: What,
}

impl Act {
    pub fn at(at: u64, what: What) -> Act {
        Act { at, what }
    }
}

/// The acts of the seed that the simulation of this thread was made with, in the order of their times: what an owner
/// does to a standby that watches it.
pub fn of_a_standby(seed: u64) -> Vec<Act> {
    let die = |below| dice(10, 0, below);
    let mut acts = vec![Act::at(0, What::Loss(die(3) * 30))];
    let dies = 3_000_000 + die(3_000_000);
    // One of four lives for long, and what fails fails beside an owner that is well; some of those do not die at all.
    let lives = die(4) == 0;
    let dies = if lives {
        22_000_000 + die(4_000_000)
    } else {
        dies
    };
    let (death, repair) = match die(5) {
        4 => (What::Freeze(0, true), What::Freeze(0, false)),
        0 => (What::Off(0, false), What::On(0)),
        1 => (What::Off(0, true), What::On(0)),
        2 => (What::Serves(0, false), What::Serves(0, true)),
        _ => (What::Cable(0, false), What::Cable(0, true)),
    };
    if !lives || die(2) == 0 {
        acts.push(Act::at(dies, death));
    }
    // One of two comes back, fenced or not.
    if die(2) == 0 && !lives {
        acts.push(Act::at(dies + 2_000_000 + die(16_000_000), repair));
    }
    let from = if lives { 11_000_000 } else { 1_000_000 };
    for n in (0..=die(4)).map(|n| n * 2) {
        // Half of it while the takeover is under way.
        let at = match die(2) {
            0 => from + die(9_000_000),
            _ => dies + 100_000 + die(2_500_000),
        };
        let kind = kind(seed, n, &die);
        // What can happen to the owner happens to it too, whose kernel and cables nobody watches.
        let i = match kind {
            0..=5 => die(2) as usize,
            7 | 8 | 43 => usize::from(die(4) == 0),
            _ => 1,
        };
        let (begins, ends) = one_of(kind, i, false, &die);
        let mended = at + 50_000 + die(8_000_000);
        acts.push(Act::at(at, begins));
        acts.push(Act::at(mended, ends));
        // In the middle of it its daemon is started again.
        if die(5) == 0 {
            let ends = [What::Kill(1), What::Term(1)][die(2) as usize];
            acts.push(Act::at(at + die(mended - at), ends));
        }
        // What is ordered while the switch answers nobody waits for it.
        if matches!(begins, What::Order(..)) && die(2) == 0 {
            acts.push(Act::at(dies, What::Silent(true)));
            acts.push(Act::at(mended, What::Silent(false)));
        }
    }
    // All is over but the takeover, and its daemon ends.
    if die(2) == 0 {
        let ends = if die(2) == 0 {
            What::Kill(1)
        } else {
            What::Term(1)
        };
        acts.push(Act::at(21_000_000 + die(3_000_000), ends));
    }
    acts.sort_by_key(|a| a.at);
    acts
}

/// The same for a pair: anything may fail on either side; each is mended, and the next one begins before or after that.
pub fn of_a_pair(seed: u64) -> Vec<Act> {
    let die = |below| dice(10, 0, below);
    let mut acts = vec![Act::at(0, What::Loss(die(3) * 20))];
    let mut at = 3_000_000;
    for n in 0..2 + die(4) {
        at += 500_000 + die(3_000_000);
        // The first owner is hit more often.
        let i = usize::from(die(3) == 0);
        let mended = at + 200_000 + die(12_000_000);
        let (begins, ends) = one_of(kind(seed, n, &die), i, true, &die);
        acts.extend([Act::at(at, begins), Act::at(mended, ends)]);
        // In the middle of it a daemon is started again, or two faults come together.
        if die(4) == 0 {
            let during = at + die(mended - at);
            let i = die(2) as usize;
            let ends = [What::Kill(i), What::Term(i)][die(2) as usize];
            acts.push(Act::at(during, ends));
        }
        if die(3) > 0 {
            at = mended;
        }
    }
    acts.sort_by_key(|a| a.at);
    acts
}

/// How many kinds there are, those that come more often counted more often.
/// No multiple of three, as one of three seeds of `fresh_seeds` has a pair.
pub const KINDS: u64 = 49;

/// The first of a seed goes round, so that a few seeds have them all.
fn kind(seed: u64, n: u64, die: &impl Fn(u64) -> u64) -> u64 {
    match n {
        0 => seed % KINDS,
        // Power, link, service: what a takeover is for.
        1 => die(6),
        // A switch that is not what it should be, in the middle of something else.
        _ if die(3) == 0 => 20 + die(5),
        _ => die(KINDS),
    }
}

/// Something that happens to machine `i`, or to all, and its end.
fn one_of(kind: u64, i: usize, pair: bool, die: &impl Fn(u64) -> u64) -> (What, What) {
    use What::*;
    let (home, other) = (i + 1, 2 - i);
    match kind {
        0 | 1 => (Off(i, false), On(i)),
        2 => (Off(i, true), On(i)),
        3 | 4 => (Cable(i, false), Cable(i, true)),
        5 => (Serves(i, false), Serves(i, true)),
        6 => (Stall(i, 50_000 + die(5_000_000)), Rest),
        7 if pair => (Plug(i, other), Plug(i, home)),
        7 | 8 => (Plug(i, 3), Plug(i, home)),
        9 => (Remake(i), Own(i, true)),
        10 => (Rename(i, false), Rename(i, true)),
        11 => (Own(i, false), Own(i, true)),
        12 => (FlushRules(i), FlushRules(i)),
        13 => (
            Tells(i, self::Tells::Late(die(3_000_000))),
            Tells(i, self::Tells::AtOnce),
        ),
        14 => (Tells(i, self::Tells::Never), Tells(i, self::Tells::AtOnce)),
        15 => (SlowDisk(i, 1_000_000), SlowDisk(i, 0)),
        16 => (HungDisk(i, die(6_000_000)), Rest),
        17 => (Disk(i, Fault::Full), Disk(i, Fault::None)),
        18 => (Disk(i, Fault::ReadOnly), Disk(i, Fault::None)),
        19 => (Disk(i, Fault::Broken), Disk(i, Fault::None)),
        20 => (Silent(true), Silent(false)),
        // Until somebody looks at it.
        21 => (Silent(true), Rest),
        22 => (SlowSwitch(die(900_000)), SlowSwitch(0)),
        23 => (Ignores(true), Ignores(false)),
        24 => (Stale(true), Stale(false)),
        25 => (Reboot, Rest),
        26 => (Opened(1 - i), Rest),
        27 => (Twice(die(500)), Twice(0)),
        28 => (Delay(die(400_000)), Delay(0)),
        29 => {
            let (from, to) = [(0, 1), (1, 0), (i, 2), (2, i), (i, 3), (3, i)][die(6) as usize];
            (Cut(from, to, true), Cut(from, to, false))
        }
        30 => {
            let edit = [Edit::OtherPort, Edit::Times, Edit::NoSwitch][die(3) as usize];
            (Reload(i, edit), Reload(i, Edit::None))
        }
        31 => (
            Order(i, self::Order::Hold(true)),
            Order(i, self::Order::Hold(false)),
        ),
        32 => (Order(1 - i, self::Order::Release), Rest),
        33 => (
            Order(i, self::Order::Takeover),
            Order(i, self::Order::Release),
        ),
        34 => (Term(i), Term(i)),
        35 => (Kill(i), Kill(i)),
        36 => (Alone(i, true), Alone(i, false)),
        37 => (Queue(i, Some(1 + die(9))), Queue(i, None)),
        38 => (NoAddress(i, true), NoAddress(i, false)),
        39 => (SlowNft(i, die(3_000_000)), SlowNft(i, 0)),
        40 => (NoNft(i, true), NoNft(i, false)),
        41 => (JournalLost(i), Rest),
        42 => (Reload(i, Edit::OtherPort), Order(i, self::Order::Release)),
        43 => (Freeze(i, true), Freeze(i, false)),
        44 => (Apart(true), Apart(false)),
        45 => (SwitchOff(true), SwitchOff(false)),
        46 | 47 => (Hides(i, true), Hides(i, false)),
        _ => (TakeOff(i, die(2) == 0), Rest),
    }
}

/// The names of all kinds.
pub fn kinds() -> Vec<String> {
    let all = (0..KINDS).map(|kind| one_of(kind, 1, true, &|_| 0).0.kind());
    all.collect()
}
