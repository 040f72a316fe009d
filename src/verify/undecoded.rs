//! Counts of what a capture holds and verification does not look into, so that it is said and no camera is blamed for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::Serialize;

use super::wire::Opaque;

/// Kinds that are told apart; all further ones are counted together.
const MOST_KINDS: usize = 32;

/// What was not looked into.
#[derive(Debug, Default)]
pub(super) struct Undecoded {
    kinds: BTreeMap<String, u64>,
    /// Senders of IP fragments to the VIP.
    fragmented: BTreeSet<Ipv4Addr>,
    /// Frames in which any camera may be.
    anyones: u64,
}

/// One kind of frames that were not looked into although a camera's stream may be in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotDecoded {
    /// What they are.
    pub what: String,
    /// How many.
    pub frames: u64,
}

impl Undecoded {
    pub(super) fn note(&mut self, opaque: Opaque, vip: Ipv4Addr) {
        match opaque {
            Opaque::Fragment { src, dst } if dst == vip => {
                self.fragmented.insert(src);
            }
            // Of other traffic: no camera's.
            Opaque::Fragment { src, .. } if src != vip => return,
            Opaque::Fragment { dst, .. } => {
                self.fragmented.insert(dst);
            }
            // A broken frame of somebody is no reason to doubt all the others.
            Opaque::Malformed => {}
            Opaque::EtherType(_)
            | Opaque::Tags
            | Opaque::Tunnel(_)
            | Opaque::UdpTunnel(_)
            | Opaque::Tzsp
            | Opaque::Cut => self.anyones += 1,
        }
        self.count(opaque.name(), 1);
    }

    /// Packets that could not even be made frames of.
    pub(super) fn skipped(&mut self, what: &str, packets: u64) {
        self.anyones += packets;
        self.count(what.to_owned(), packets);
    }

    fn count(&mut self, what: String, n: u64) {
        let full = self.kinds.len() >= MOST_KINDS && !self.kinds.contains_key(&what);
        let what = if full { "others".to_owned() } else { what };
        *self.kinds.entry(what).or_default() += n;
    }

    /// A camera of which nothing else is known may be among them.
    pub(super) fn may_hide(&self, camera: Ipv4Addr) -> bool {
        self.anyones > 0 || self.fragmented.contains(&camera)
    }

    /// Parts of this camera's packets are among them.
    pub(super) fn has_fragments_of(&self, camera: Ipv4Addr) -> bool {
        self.fragmented.contains(&camera)
    }

    /// All of it, the most frequent first.
    pub(super) fn list(&self) -> Vec<NotDecoded> {
        let mut list: Vec<_> = self
            .kinds
            .iter()
            .map(|(what, frames)| NotDecoded {
                what: what.clone(),
                frames: *frames,
            })
            .collect();
        list.sort_by_key(|n| std::cmp::Reverse(n.frames));
        list
    }
}
