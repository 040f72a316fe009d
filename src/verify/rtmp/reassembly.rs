//! One direction of a TCP connection put in order, as an observer sees it (RFC 9293): segments come late, twice,
//! overlapping, cut by the capture, or are missing from the capture although the receiver got them.

use std::collections::BTreeMap;

/// A segment this far ahead of what is expected (bytes) is not of this connection: no window is that large.
const FARTHEST: i64 = 64 << 20;
/// What a kept segment costs besides its bytes, so that many empty ones are bounded too.
const OVERHEAD: usize = 64;
/// A hole that the receiver acknowledged is given this long (microseconds) to be filled by a frame that the capture
/// delivered late.
const HOLE_PATIENCE_US: u64 = 1_000_000;

/// The next part of the byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes.
    Data(&'a [u8]),
    /// So many bytes that the capture does not have.
    Lost(u64),
}

/// Puts segments in order, with bounded memory.
#[derive(Debug)]
pub struct Reassembler {
    /// Sequence number of the next expected byte.
    next: u32,
    /// Offset of the next expected byte from the start of the stream.
    offset: u64,
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// How far the receiver says it has everything, as an offset.
    acked: u64,
    hole_since: Option<u64>,
}

#[derive(Debug)]
struct Held {
    data: Vec<u8>,
    missing: u64,
}

impl Held {
    fn len(&self) -> u64 {
        self.data.len() as u64 + self.missing
    }
}

impl Reassembler {
    /// Starts at the sequence number of the first byte (the one after the SYN's).
    pub fn new(next: u32) -> Self {
        Reassembler {
            next,
            offset: 0,
            held: BTreeMap::new(),
            held_bytes: 0,
            acked: 0,
            hole_since: None,
        }
    }

    /// Bytes of memory that out-of-order segments take.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Takes a segment of `payload` and `missing` further bytes; hands over what is in order now. Memory stays
    /// within `limit` bytes: beyond it the oldest hole is given up as [`Piece::Lost`].
    pub fn push(
        &mut self,
        seq: u32,
        payload: &[u8],
        missing: usize,
        limit: usize,
        sink: &mut impl FnMut(Piece<'_>),
    ) {
        let missing = missing as u64;
        let len = payload.len() as u64 + missing;
        let ahead = i64::from(seq.wrapping_sub(self.next) as i32);
        if len == 0 || ahead > FARTHEST || ahead + (len as i64) <= 0 {
            return;
        }
        if ahead <= 0 {
            self.deliver(ahead.unsigned_abs(), payload, missing, sink);
            self.drain(sink);
            return;
        }
        let at = self.offset + ahead as u64;
        let old = self.held.get(&at);
        if old.is_some_and(|h| h.len() >= len) {
            return;
        }
        if let Some(old) = self.held.remove(&at) {
            self.held_bytes -= old.data.len() + OVERHEAD;
        }
        self.held_bytes += payload.len() + OVERHEAD;
        self.held.insert(
            at,
            Held {
                data: payload.to_vec(),
                missing,
            },
        );
        while self.held_bytes > limit {
            self.give_up_hole(sink);
        }
    }

    /// Notes that the receiver acknowledged `ack` at time `at` (microseconds). If that covers a hole for long enough,
    /// the bytes were received and only the capture lacks them.
    pub fn acknowledged(&mut self, at: u64, ack: u32, sink: &mut impl FnMut(Piece<'_>)) {
        let ahead = i64::from(ack.wrapping_sub(self.next) as i32);
        if (1..=FARTHEST).contains(&ahead) {
            self.acked = self.acked.max(self.offset + ahead as u64);
        }
        if self.acked <= self.offset {
            self.hole_since = None;
            return;
        }
        let since = *self.hole_since.get_or_insert(at);
        if at.saturating_sub(since) < HOLE_PATIENCE_US {
            return;
        }
        while self.acked > self.offset {
            let hole_ends = self
                .held
                .keys()
                .next()
                .map_or(self.acked, |first| self.acked.min(*first));
            self.skip(hole_ends - self.offset, sink);
            self.drain(sink);
        }
        self.hole_since = None;
    }

    /// The capture is over: hands over all that waits, with what is missing before it as [`Piece::Lost`]. True if there
    /// was such a hole.
    pub fn end(&mut self, sink: &mut impl FnMut(Piece<'_>)) -> bool {
        let hole = !self.held.is_empty() || self.acked > self.offset;
        while !self.held.is_empty() {
            self.give_up_hole(sink);
        }
        if self.acked > self.offset {
            self.skip(self.acked - self.offset, sink);
        }
        hole
    }

    fn give_up_hole(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        if let Some(first) = self.held.keys().next() {
            self.skip(first - self.offset, sink);
            self.drain(sink);
        }
    }

    fn skip(&mut self, bytes: u64, sink: &mut impl FnMut(Piece<'_>)) {
        if bytes > 0 {
            sink(Piece::Lost(bytes));
            self.advance(bytes);
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.offset += bytes;
        self.next = self.next.wrapping_add(bytes as u32);
    }

    /// Hands over a segment without its first `skip` bytes, which were handed over before.
    fn deliver(
        &mut self,
        skip: u64,
        payload: &[u8],
        missing: u64,
        sink: &mut impl FnMut(Piece<'_>),
    ) {
        let fresh = usize::try_from(skip)
            .ok()
            .and_then(|s| payload.get(s..))
            .unwrap_or(&[]);
        if !fresh.is_empty() {
            sink(Piece::Data(fresh));
            self.advance(fresh.len() as u64);
        }
        let missing = missing.saturating_sub(skip.saturating_sub(payload.len() as u64));
        self.skip(missing, sink);
    }

    fn drain(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > self.offset {
                break;
            }
            let (at, held) = entry.remove_entry();
            self.held_bytes -= held.data.len() + OVERHEAD;
            if at + held.len() > self.offset {
                self.deliver(self.offset - at, &held.data, held.missing, sink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 4096;

    /// What a run of pushes handed over; lost bytes as `None`.
    struct Out(Vec<Option<u8>>);
    impl Out {
        fn sink(&mut self) -> impl FnMut(Piece<'_>) + '_ {
            |p| match p {
                Piece::Data(d) => self.0.extend(d.iter().copied().map(Some)),
                Piece::Lost(n) => self
                    .0
                    .extend(std::iter::repeat_n(None, n.min(100_000) as usize)),
            }
        }
    }

    #[test]
    fn a_snaplen_cut_is_lost_bytes_in_the_right_place() {
        let mut r = Reassembler::new(u32::MAX);
        let mut out = Out(vec![]);
        r.push(u32::MAX, b"ab", 2, LIMIT, &mut out.sink());
        r.push(3, b"e", 0, LIMIT, &mut out.sink());
        assert_eq!(out.0, [Some(b'a'), Some(b'b'), None, None, Some(b'e')]);
    }

    #[test]
    fn a_hole_that_the_receiver_acknowledged_is_given_up_after_a_second_and_not_before() {
        let mut r = Reassembler::new(0);
        let mut out = Out(vec![]);
        r.push(2, b"cd", 0, LIMIT, &mut out.sink());
        r.acknowledged(0, 4, &mut out.sink());
        r.acknowledged(HOLE_PATIENCE_US - 1, 4, &mut out.sink());
        assert!(out.0.is_empty());
        r.acknowledged(HOLE_PATIENCE_US, 4, &mut out.sink());
        assert_eq!(out.0, [None, None, Some(b'c'), Some(b'd')]);
        assert_eq!(r.held_bytes(), 0);
    }

    #[test]
    fn the_end_of_the_capture_gives_up_every_hole_and_says_that_there_was_one() {
        let mut r = Reassembler::new(0);
        let mut out = Out(vec![]);
        r.push(1, b"b", 0, LIMIT, &mut out.sink());
        r.push(3, b"d", 0, LIMIT, &mut out.sink());
        r.acknowledged(0, 5, &mut out.sink());
        assert!(r.end(&mut out.sink()));
        assert_eq!(out.0, [None, Some(b'b'), None, Some(b'd'), None]);
        assert_eq!(r.held_bytes(), 0);
        assert!(!r.end(&mut out.sink()));
    }

    #[test]
    fn a_hole_that_is_never_filled_costs_no_more_than_the_limit() {
        let mut r = Reassembler::new(0);
        let mut out = Out(vec![]);
        for i in 0..1000u32 {
            r.push(1 + i * 100, &[7; 100], 0, LIMIT, &mut out.sink());
            assert!(r.held_bytes() <= LIMIT);
        }
        assert_eq!(out.0.len(), 100_001);
        assert_eq!(out.0[0], None);
        assert!(out.0[1..].iter().all(|b| *b == Some(7)));
    }

    proptest! {
        #[test]
        fn any_cutting_order_and_repetition_within_the_limit_gives_the_stream_back(
            start in prop_oneof![any::<u32>(), (u32::MAX - 300)..u32::MAX],
            data in proptest::collection::vec(any::<u8>(), 1..600),
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..120), 0..40),
            order in any::<u64>(),
        ) {
            // Random pieces, overlapping, and a cover of the whole in small steps, shuffled.
            let mut segments: Vec<(usize, usize)> = cuts
                .iter()
                .map(|(at, len)| (at.index(data.len()), *len))
                .chain((0..data.len()).step_by(37).map(|at| (at, 37)))
                .collect();
            let mut state = order | 1;
            for i in (1..segments.len()).rev() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                segments.swap(i, (state >> 33) as usize % (i + 1));
            }
            let mut r = Reassembler::new(start);
            let mut out = Out(vec![]);
            for (at, len) in segments {
                let end = data.len().min(at + len);
                r.push(start.wrapping_add(at as u32), &data[at..end], 0, 1 << 20, &mut out.sink());
            }
            let want: Vec<_> = data.iter().copied().map(Some).collect();
            prop_assert_eq!(out.0, want);
            prop_assert_eq!(r.held_bytes(), 0);
        }

        #[test]
        fn any_segments_and_acknowledgements_are_survived_within_the_limit(
            ops in proptest::collection::vec((any::<bool>(), any::<u32>(), 0usize..2000, 0usize..2000), 0..80),
        ) {
            let mut r = Reassembler::new(0);
            let mut out = Out(vec![]);
            for (i, (push, seq, len, missing)) in ops.into_iter().enumerate() {
                // Most numbers near the stream, some anywhere.
                let seq = if i % 4 == 0 { seq } else { seq % 10_000 };
                if push {
                    r.push(seq, &vec![0; len], missing, LIMIT, &mut out.sink());
                } else {
                    r.acknowledged(i as u64 * 400_000, seq, &mut out.sink());
                }
                prop_assert!(r.held_bytes() <= LIMIT);
            }
        }
    }
}
