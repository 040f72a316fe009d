//! What one machine offers: its kernel, its wires, its programs, its disk, and the ways to its switches.
//!
//! Whoever runs the daemon hands it a [`Host`]. [`real`] is this machine; a simulation hands in one of its own, on the
//! same virtual time as [`rt`](crate::rt). Plain data goes in and out; what is below these traits is thin, and tested
//! against the real kernel (`tests/kernel/net_lab`).

mod disk;
mod kernel;
mod programs;
pub mod real;
mod reply;
mod switches;
mod wire;

use std::sync::Arc;

pub use disk::{Disk, DiskFile, DiskLock, LockFault};
pub use kernel::{Kernel, KernelEvents};
pub use programs::Programs;
pub use reply::Reply;
pub use switches::{Datagrams, SwitchIo};
pub use wire::{ArpEnd, BeatEnd, CaptureEnd, EachFrame, EchoEnd, SentEnd, Wire};

/// One machine. Clones are the same machine.
#[derive(Clone)]
pub struct Host {
    /// Interfaces, addresses, routes, connections.
    pub kernel: Arc<dyn Kernel>,
    /// What leaves and arrives.
    pub wire: Arc<dyn Wire>,
    /// What is run.
    pub programs: Arc<dyn Programs>,
}
