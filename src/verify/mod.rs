//! Proof that the cameras came back: who is expected, what was seen of each on the wire, and whose fault it is where
//! something is missing.
//!
//! - [`inventory`] - `cameras.csv`.
//! - [`wire`], [`rtmp`] - bytes to facts; pure, survive any bytes, bounded in memory.
//! - [`rungs`], [`conn`], [`tracker`] - facts to five rungs per camera.
//! - [`verdict`] - rungs to a verdict, as JSON for scripts.
//! - [`pcap`] - a capture file instead of a live interface.
//!
//! Nothing here opens a socket: frames come from the caller.

pub mod conn;
pub mod inventory;
pub mod pcap;
mod report;
pub mod rtmp;
pub mod rungs;
mod settle;
mod state;
pub mod tracker;
mod undecoded;
pub mod verdict;
pub mod wire;

pub use inventory::{Camera, Inventory, Problem};
pub use rungs::{Blame, Fault, Reading, Rung, Source, Unknowable};
pub use tracker::{Change, Direction, Tracker};
pub use undecoded::NotDecoded;
pub use verdict::{CameraReport, Summary, Verdict};
