//! What fails, when: made from the seed before anything runs.

use standin::rt::sim::dice;

/// Something that happens to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The primary loses its power; true: its network card holds the link.
    Power(bool),
    /// The primary's media server hangs; its kernel goes on.
    Hang,
    /// The primary's cable is pulled, or plugged in again.
    Cable(bool),
    /// The standby's cable.
    OurCable(bool),
    /// The switch's agent falls silent, or answers again.
    Silent(bool),
    /// Of a thousand frames so many are lost from now on.
    Loss(u64),
    /// The standby's daemon is killed, and started again half a second later.
    Kill,
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

/// The acts of the seed that the simulation of this thread was made with; in the order of their times.
pub fn random(_seed: u64) -> Vec<Act> {
    let die = |below| dice(10, 0, below);
    let mut acts = vec![Act::at(0, What::Loss(die(3) * 30))];
    let dies = 3_000_000 + die(3_000_000);
    acts.push(Act::at(
        dies,
        match die(4) {
            0 => What::Power(false),
            1 => What::Power(true),
            2 => What::Hang,
            _ => What::Cable(false),
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
    if die(4) == 0 {
        both(What::OurCable(false), What::OurCable(true), 4_000_000);
    }
    for _ in 0..die(3) {
        acts.push(Act::at(1_000_000 + die(9_000_000), What::Kill));
    }
    acts.sort_by_key(|a| a.at);
    acts
}
