//! What must hold after every event, judged by the world and not by what a daemon believes.

use crate::world::{VIP, World};

/// Which of the rules (`simulation.md`, 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// R1: never two machines that cameras hear.
    OneOwner,
    /// R2: at a claim the peer's port, by its cable, is down.
    Grounds,
    /// R3: somebody is heard, or a person is told.
    OwnerOrAlarm,
    /// What is told to be verified is: each camera's stream was taken since the claim.
    Verdict,
    /// R3: all faults over, exactly one owner.
    OwnerAtLast,
}

/// A rule that was broken, and when: microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub rule: Rule,
    pub at: u64,
    pub what: String,
}

/// Nobody is heard for so long, microseconds: suspect and confirm, the time of the fence, and what a takeover takes.
pub const DARK: u64 = 350_000 + 10_000_000 + 2_000_000;

/// R1.
pub fn never_two(world: &mut World) -> bool {
    let all = 0..world.machines.len();
    let heard = all.filter(|i| world.heard(*i, VIP.addr)).count();
    heard < 2
}

/// R2, where `owner` has just put the address on: its peer's port is down; or the peer lives and has it not, so that it
/// may have given it away.
pub fn grounds(world: &mut World, owner: usize, peer_lives: bool) -> bool {
    let peer = 1 - owner;
    let plug = world.machines[peer].plug;
    let down = world.switch.port(plug).admin == 2 && !world.lies;
    down || (peer_lives && !world.machines[peer].has(VIP.addr))
}

/// True if somebody is heard.
pub fn anybody(world: &mut World) -> bool {
    (0..world.machines.len()).any(|i| world.heard(i, VIP.addr))
}
