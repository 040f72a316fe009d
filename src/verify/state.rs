//! What was seen of one camera.

use super::inventory::Camera;
use super::rtmp::{Published, stream_matches};
use super::rungs::{Change, Rung, Source};
use crate::types::MacAddr;

#[derive(Debug)]
pub(super) struct State {
    pub(super) camera: Camera,
    pub(super) rungs: [Option<(u64, Source)>; 5],
    pub(super) syn_answered: bool,
    pub(super) reset_syns: u32,
    pub(super) other_mac: Option<MacAddr>,
    /// The connection that made it be back: its port and the SYN's number; `None` after it hung up by itself.
    pub(super) by: Option<(u16, u32)>,
    /// When that one, or the last one, was dialled.
    pub(super) by_dialled: u64,
    /// When its stream was first known to be served, microseconds.
    pub(super) served_at: Option<u64>,
}

impl State {
    pub(super) fn has(&self, rung: Rung) -> bool {
        self.rungs[rung as usize].is_some()
    }
    pub(super) fn back(&self) -> bool {
        self.has(Rung::Media) && self.has(Rung::Handshake)
    }
    pub(super) fn mark(&mut self, index: usize, rung: Rung, at: u64, changes: &mut Vec<Change>) {
        if !self.has(rung) {
            self.rungs[rung as usize] = Some((at, Source::Capture));
            changes.push(Change {
                camera_index: index,
                rung,
                at,
            });
        }
    }
    /// Its stream was refused or closed on after all.
    pub(super) fn turned_away(&mut self) {
        self.rungs[Rung::Media as usize] = None;
        (self.by, self.served_at) = (None, None);
    }
    /// The time of a rung that was first reached on a connection that came to nothing.
    pub(super) fn correct(&mut self, rung: Rung, at: u64) {
        if let Some((old, Source::Capture)) = &mut self.rungs[rung as usize] {
            *old = at;
        }
    }
}

/// Which camera of an address publishes this: the one whose stream fits best, else the one that takes any.
pub(super) fn owner(
    cameras: &[State],
    at_address: &[usize],
    published: Published<'_>,
) -> Option<usize> {
    let fits = |i: &usize| match &cameras[*i].camera.stream {
        Some(stream) => stream_matches(stream, published).map(|n| (n + 1, *i)),
        None => Some((0, *i)),
    };
    at_address
        .iter()
        .filter_map(fits)
        .max_by_key(|(n, _)| *n)
        .map(|(_, i)| i)
}
