//! Where a task runs, and whose turn it is.

/// A simulated machine. Zero is the world itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u32);

/// The threads of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thread {
    /// The loop, heartbeats, probes, netlink.
    #[default]
    Fast,
    /// SNMP, SSH, child processes, the control socket.
    Slow,
    /// The journal's writer.
    Journal,
    /// Capture and verification.
    Verify,
}

impl Thread {
    pub(super) const ALL: [Thread; 4] =
        [Thread::Fast, Thread::Slow, Thread::Journal, Thread::Verify];
}

/// A thread of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The machine.
    pub node: Node,
    /// Its thread.
    pub thread: Thread,
}

/// Which of several ready tasks goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The one that became ready first.
    Fifo,
    /// By dice with this seed.
    Dice(u64),
}

impl Order {
    pub(super) fn seed(self) -> u64 {
        match self {
            Order::Fifo => 0,
            Order::Dice(seed) => seed,
        }
    }
}
