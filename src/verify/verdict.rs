//! What verification says in the end, for people and scripts.
//!
//! The JSON (field names are kept):
//!
//! | Field | Meaning |
//! | --- | --- |
//! | `verdict` | `verified` (each camera: our S0/S1/S2 sent, its publish neither refused nor closed on, media seen), `degraded` (some), `failed` (none) |
//! | `expected`, `back` | number of cameras in the list, and of those that are back |
//! | `missing` | names of the others |
//! | `first_syn_us`, `last_syn_us` | the measured time of return of the first and the last camera that is back |
//! | `last_receipt_us` | the last camera's first ARP receipt |
//! | `cameras` | per camera, in the order of the list, see [`CameraReport`] |
//! | `unknown` | addresses or streams that pushed and are not in the list: `address`, `stream`, `syns`, `segments`, `first_us`, `last_us` |
//! | `unknown_unlisted` | segments of further such addresses, when there are too many to list |
//! | `frames` | `seen`; `cut` by the capture; `foreign_vip`: from another machine that uses the VIP |
//! | `not_decoded` | frames that may hold a camera's stream and were not looked into, by kind: `what`, `frames` |
//!
//! Times are microseconds of the clock that the frames came with: since the epoch for a capture file, since boot
//! (`CLOCK_BOOTTIME`) live.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::rungs::{Blame, Fault, Reading, Rung, Source};
use super::undecoded::NotDecoded;
use crate::types::MacAddr;

/// The verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every camera is back.
    Verified,
    /// Some are.
    Degraded,
    /// None is.
    Failed,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Verdict::Verified => "verified",
            Verdict::Degraded => "degraded",
            Verdict::Failed => "failed",
        })
    }
}

/// All that is known at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The verdict.
    pub verdict: Verdict,
    /// Cameras in the inventory.
    pub expected: usize,
    /// Cameras that are back.
    pub back: usize,
    /// Names of the others.
    pub missing: Vec<String>,
    /// Return of the first camera, microseconds.
    pub first_syn_us: Option<u64>,
    /// Return of the last camera that is back, microseconds.
    pub last_syn_us: Option<u64>,
    /// First ARP receipt of the last camera that gave one, microseconds.
    pub last_receipt_us: Option<u64>,
    /// Each camera, in the order of the inventory.
    pub cameras: Vec<CameraReport>,
    /// Who pushes and is not in the inventory.
    pub unknown: Vec<Talker>,
    /// Segments from further such addresses.
    pub unknown_unlisted: u64,
    /// Counts of frames.
    pub frames: Frames,
    /// What was not looked into although a camera's stream may be in it.
    pub not_decoded: Vec<NotDecoded>,
}

/// One camera.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CameraReport {
    /// Name in the inventory.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its stream, if the inventory names one.
    pub stream: Option<String>,
    /// The handshake complete, the publish neither refused nor closed on, and media seen.
    pub back: bool,
    /// The highest rung that was reached.
    pub rung: Option<Rung>,
    /// All five.
    pub rungs: Readings,
    /// The first rung after the highest one; `None` if it is back.
    pub stuck_on: Option<Rung>,
    /// What is wrong; `None` if it is back.
    #[serde(flatten)]
    pub fault: Option<Fault>,
    /// Whose fault that is.
    pub blame: Option<Blame>,
    /// Who says so: where the evidence for `rung` came from.
    pub source: Option<Source>,
    /// Time of the SYN of the connection that brought the media, microseconds.
    pub returned_at_us: Option<u64>,
    /// SYNs that were answered by a reset.
    pub reset_syns: u32,
    /// ARP for its address came from this MAC, which is not the one in the inventory.
    pub other_mac: Option<MacAddr>,
}

/// The five rungs of one camera by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Readings {
    /// See [`Rung::ArpReceipt`].
    pub arp_receipt: Reading,
    /// See [`Rung::AnyTcp`].
    pub any_tcp: Reading,
    /// See [`Rung::Syn`].
    pub syn: Reading,
    /// See [`Rung::Handshake`].
    pub handshake: Reading,
    /// See [`Rung::Media`].
    pub media: Reading,
}

/// An address or a stream that pushes to the VIP and is not in the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Talker {
    /// From where.
    pub address: Ipv4Addr,
    /// What it publishes, where the address is known and only the stream is not.
    pub stream: Option<String>,
    /// SYNs.
    pub syns: u64,
    /// Segments with data.
    pub segments: u64,
    /// First seen, microseconds.
    pub first_us: u64,
    /// Last seen, microseconds.
    pub last_us: u64,
}

/// Counts of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Frames {
    /// All.
    pub seen: u64,
    /// Cut by the capture (snaplen).
    pub cut: u64,
    /// From a machine that is not us with the VIP as its address.
    pub foreign_vip: u64,
}

/// The verdict for so many of so many.
pub fn verdict(back: usize, expected: usize) -> Verdict {
    match back {
        0 => Verdict::Failed,
        n if n >= expected => Verdict::Verified,
        _ => Verdict::Degraded,
    }
}
