//! What fails, when: made from the seed before anything runs.

use standin::rt::sim::dice;

/// Something that happens to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A machine loses its power; true: its network card holds the link.
    Off(usize, bool),
    /// It has power again, and its daemon is started.
    On(usize),
    /// Its media server hangs; its kernel and its daemon go on.
    Hang(usize),
    /// It hangs whole, and goes on as if nothing had been.
    Freeze(usize, bool),
    /// Its cable is pulled, or plugged in again.
    Cable(usize, bool),
    /// The switch's agent falls silent, or answers again.
    Silent(bool),
    /// A machine's disk takes so many microseconds longer from now on.
    SlowDisk(usize, u64),
    /// It is full, or has room again.
    FullDisk(usize, bool),
    /// Of a thousand frames so many are lost from now on.
    Loss(u64),
    /// The file of its configuration says something else from now on, and it is told to read it (SIGHUP).
    Reload(usize, Edit),
    /// Its daemon is killed, and started again half a second later.
    Kill(usize),
}

/// What is changed in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// One of them at its time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
pub fn of_a_standby() -> Vec<Act> {
    let die = |below| dice(10, 0, below);
    let mut acts = vec![Act::at(0, What::Loss(die(3) * 30))];
    let dies = 3_000_000 + die(3_000_000);
    acts.push(Act::at(
        dies,
        match die(5) {
            4 => What::Freeze(0, true),
            0 => What::Off(0, false),
            1 => What::Off(0, true),
            2 => What::Hang(0),
            _ => What::Cable(0, false),
        },
    ));
    let mut both = |begins: What, ends: What, long: u64| {
        let at = 1_000_000 + die(8_000_000);
        acts.push(Act::at(at, begins));
        acts.push(Act::at(at + 50_000 + die(long), ends));
    };
    if die(4) == 0 {
        both(What::Silent(true), What::Silent(false), 8_000_000);
    }
    match die(6) {
        0 => both(
            What::FullDisk(1, true),
            What::FullDisk(1, false),
            10_000_000,
        ),
        1 => both(
            What::SlowDisk(1, 1_000_000),
            What::SlowDisk(1, 0),
            10_000_000,
        ),
        _ => {}
    }
    if die(4) == 0 {
        both(What::Cable(1, false), What::Cable(1, true), 4_000_000);
    }
    for _ in 0..die(3) {
        acts.push(Act::at(1_000_000 + die(9_000_000), What::Kill(1)));
    }
    acts.sort_by_key(|a| a.at);
    acts
}

/// The same for a pair: anything may fail on either side, one thing after the other; each is mended.
pub fn of_a_pair() -> Vec<Act> {
    let die = |below| dice(10, 0, below);
    let mut acts = vec![Act::at(0, What::Loss(die(3) * 20))];
    let mut at = 3_000_000;
    for _ in 0..=die(3) {
        at += 500_000 + die(3_000_000);
        // The first owner is hit more often.
        let i = usize::from(die(3) == 0);
        let mended = at + 200_000 + die(12_000_000);
        let (begins, ends) = match die(9) {
            0 | 7 => (What::Off(i, false), What::On(i)),
            1 => (What::Off(i, true), What::On(i)),
            2 | 8 => (What::Cable(i, false), What::Cable(i, true)),
            4 => (What::FullDisk(i, true), What::FullDisk(i, false)),
            5 => (What::SlowDisk(i, 1_000_000), What::SlowDisk(i, 0)),
            3 => (What::Silent(true), What::Silent(false)),
            _ => (What::Kill(i), What::Loss(0)),
        };
        acts.extend([Act::at(at, begins), Act::at(mended, ends)]);
        at = mended;
    }
    acts.sort_by_key(|a| a.at);
    acts
}
