//! RTMP chunk streams (Adobe, "Real-Time Messaging Protocol", 1.0, section 5.3) back into messages, without keeping
//! the media: of a message only its kind and length matter, of a command its first bytes.

use std::collections::BTreeMap;

use super::reassembly::Piece;

/// Message types (section 5.4 and 7.1) that the parser acts on.
const SET_CHUNK_SIZE: u8 = 1;
const ABORT: u8 = 2;
const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const AMF3_COMMAND: u8 = 17;
const AMF0_COMMAND: u8 = 20;
const AGGREGATE: u8 = 22;

/// Chunk streams that one direction may use at once; ffmpeg uses 4, cameras fewer.
const MOST_STREAMS: usize = 32;
/// What is kept of a command.
const MOST_BODY: usize = 4096;
/// A basic header (3 bytes), a message header (11) and an extended timestamp (4).
const LONGEST_HEADER: usize = 18;

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Audio, video or an aggregate (types 8, 9, 22) that is not empty.
    Media,
    /// AMF0 body of a command (types 20 and 17), its first 4096 bytes.
    Command(&'a [u8]),
    /// What there is of a command of which the capture lacks bytes, up to the first that is missing.
    CutCommand(&'a [u8]),
}

/// Why the parser cannot go on with this direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The capture lacks bytes that decide where the next chunk starts.
    Gap,
    /// A chunk stream begins with a header that inherits from one before it (format 2 or 3; seen of real cameras, which
    /// some servers take): what it carries, and how much, is not said.
    Unclear,
    /// What was sent is not RTMP.
    NotRtmp,
}

/// The parser of one direction, fed after its handshake.
#[derive(Debug)]
pub struct Chunks {
    chunk_size: u32,
    state: State,
    streams: BTreeMap<u32, ChunkStream>,
}

#[derive(Debug)]
enum State {
    Header {
        buf: [u8; LONGEST_HEADER],
        have: usize,
    },
    Payload {
        stream: u32,
        left: u32,
    },
    Broken(Broken),
}

const START: State = State::Header {
    buf: [0; LONGEST_HEADER],
    have: 0,
};

#[derive(Debug, Default)]
struct ChunkStream {
    kind: u8,
    len: u32,
    extended: Option<[u8; 4]>,
    /// Bytes of the current message still to come; 0 between messages.
    left: u32,
    body: Vec<u8>,
    body_cut: bool,
}

impl Default for Chunks {
    fn default() -> Self {
        Chunks {
            chunk_size: 128,
            state: START,
            streams: BTreeMap::new(),
        }
    }
}

impl Chunks {
    /// Takes the next part of the stream; hands over each message that ends in it.
    pub fn push(&mut self, piece: Piece<'_>, sink: &mut impl FnMut(Message<'_>)) {
        match piece {
            Piece::Data(bytes) => self.data(bytes, sink),
            Piece::Lost(bytes) => self.lost(bytes, sink),
        }
    }

    /// Why nothing more will come, if so.
    pub fn broken(&self) -> Option<Broken> {
        match self.state {
            State::Broken(why) => Some(why),
            State::Header { .. } | State::Payload { .. } => None,
        }
    }

    /// A message or its header has begun and not ended.
    pub fn within_message(&self) -> bool {
        match &self.state {
            State::Header { have, .. } => *have > 0 || self.streams.values().any(|s| s.left > 0),
            State::Payload { .. } => true,
            State::Broken(_) => false,
        }
    }

    fn break_off(&mut self, why: Broken) {
        self.state = State::Broken(why);
        self.streams.clear();
    }

    fn data(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Message<'_>)) {
        while let Some(&byte) = bytes.first() {
            match &mut self.state {
                State::Broken(_) => return,
                State::Header { buf, have } => {
                    buf[*have] = byte;
                    *have += 1;
                    bytes = &bytes[1..];
                    let (header, have) = (*buf, *have);
                    if have == header_length(&header[..have], &self.streams) {
                        self.chunk(&header[..have], sink);
                    }
                }
                State::Payload { stream, left } => {
                    let stream = *stream;
                    let n = bytes.len().min(*left as usize);
                    let (now, rest) = bytes.split_at(n);
                    *left -= n as u32;
                    let ended = *left == 0;
                    bytes = rest;
                    if let Some(s) = self.streams.get_mut(&stream) {
                        if is_kept(s.kind) && !s.body_cut {
                            let room = MOST_BODY.saturating_sub(s.body.len()).min(n);
                            s.body.extend_from_slice(&now[..room]);
                        }
                        s.left -= n as u32;
                    }
                    if ended {
                        self.state = START;
                        self.message(stream, sink);
                    }
                }
            }
        }
    }

    /// Bytes missing from the capture do no harm inside of a chunk whose header is known.
    fn lost(&mut self, bytes: u64, sink: &mut impl FnMut(Message<'_>)) {
        let State::Payload { stream, left } = &mut self.state else {
            if self.broken().is_none() {
                self.break_off(Broken::Gap);
            }
            return;
        };
        let stream = *stream;
        let inside = u32::try_from(bytes).ok().filter(|n| *n <= *left);
        let Some(n) = inside else {
            self.break_off(Broken::Gap);
            return;
        };
        *left -= n;
        let ended = *left == 0;
        if let Some(s) = self.streams.get_mut(&stream) {
            s.left -= n;
            s.body_cut = true;
        }
        if ended {
            self.state = START;
            self.message(stream, sink);
        }
    }

    /// A chunk's header is complete: what it says, and what its payload belongs to.
    fn chunk(&mut self, header: &[u8], sink: &mut impl FnMut(Message<'_>)) {
        let Some((stream, basic)) = basic_header(header) else {
            return self.break_off(Broken::NotRtmp);
        };
        let format = header[0] >> 6;
        if !self.streams.contains_key(&stream)
            // A new stream has nothing to inherit (section 5.3.1.2.1 asks for format 0; librtmp starts one with 1).
            && (format > 1 || self.streams.len() >= MOST_STREAMS)
        {
            return self.break_off(if format > 1 {
                Broken::Unclear
            } else {
                Broken::NotRtmp
            });
        }
        let s = self.streams.entry(stream).or_default();
        let message_header = &header[basic..];
        let mut not_extended = None;
        if format < 3 {
            if format < 2 {
                s.len = u32::from_be_bytes([
                    0,
                    message_header[3],
                    message_header[4],
                    message_header[5],
                ]);
                s.kind = message_header[6];
                if !matches!(s.kind, 1..=6 | 8 | 9 | 15..=20 | 22) {
                    return self.break_off(Broken::NotRtmp);
                }
            }
            let at = basic + message_header_length(format);
            s.extended = header.get(at..at + 4).and_then(|b| b.try_into().ok());
            s.begin();
        } else if s.left == 0 {
            s.begin();
        } else if let Some(extended) = s.extended
            && header[basic..] != extended
        {
            // Section 5.3.1.3 repeats the extended timestamp in every chunk of type 3; some senders do not, and then
            // these four bytes are payload.
            not_extended = header[basic..].try_into().ok();
        }
        let left = s.left.min(self.chunk_size);
        if left == 0 {
            self.state = START;
            self.message(stream, sink);
        } else {
            self.state = State::Payload { stream, left };
        }
        if let Some(payload) = not_extended {
            let payload: [u8; 4] = payload;
            self.data(&payload, sink);
        }
    }

    /// After a chunk: if it was the message's last one, act on the message.
    fn message(&mut self, stream: u32, sink: &mut impl FnMut(Message<'_>)) {
        let Some(s) = self.streams.get_mut(&stream) else {
            return;
        };
        if s.left > 0 {
            return;
        }
        let body = std::mem::take(&mut s.body);
        let (kind, len, cut) = (s.kind, s.len, s.body_cut);
        let number = |b: &[u8]| b.first_chunk::<4>().map(|b| u32::from_be_bytes(*b));
        match kind {
            SET_CHUNK_SIZE if cut => self.break_off(Broken::Gap),
            // The first bit is zero (section 5.4.1), and a size of zero would never end.
            SET_CHUNK_SIZE => match number(&body) {
                Some(n @ 1..=0x7fff_ffff) => self.chunk_size = n.min(0x00ff_ffff),
                _ => self.break_off(Broken::NotRtmp),
            },
            ABORT if cut => self.break_off(Broken::Gap),
            ABORT => {
                if let Some(s) = number(&body).and_then(|n| self.streams.get_mut(&n)) {
                    s.left = 0;
                    s.body.clear();
                }
            }
            AUDIO | VIDEO | AGGREGATE if len > 0 => sink(Message::Media),
            AMF0_COMMAND | AMF3_COMMAND => {
                // Type 17's body is an AMF3 marker byte and then AMF0.
                let skip = usize::from(kind == AMF3_COMMAND);
                let amf0 = body.get(skip..).unwrap_or(&[]);
                sink(if cut {
                    Message::CutCommand(amf0)
                } else {
                    Message::Command(amf0)
                });
            }
            _ => {}
        }
    }
}

impl ChunkStream {
    fn begin(&mut self) {
        self.left = self.len;
        self.body.clear();
        self.body_cut = false;
    }
}

fn is_kept(kind: u8) -> bool {
    matches!(kind, SET_CHUNK_SIZE | ABORT | AMF0_COMMAND | AMF3_COMMAND)
}

/// Chunk stream id and length of the basic header (section 5.3.1.1), if `header` holds it all.
fn basic_header(header: &[u8]) -> Option<(u32, usize)> {
    match (header.first()? & 0x3f, header) {
        (0, [_, a, ..]) => Some((64 + u32::from(*a), 2)),
        (1, [_, a, b, ..]) => Some((64 + u32::from(*a) + 256 * u32::from(*b), 3)),
        (0 | 1, _) => None,
        (id, _) => Some((u32::from(id), 1)),
    }
}

fn message_header_length(format: u8) -> usize {
    [11, 7, 3, 0][usize::from(format & 3)]
}

/// How long the header is as far as its first bytes tell; more than `have.len()` while it is incomplete.
fn header_length(have: &[u8], streams: &BTreeMap<u32, ChunkStream>) -> usize {
    let Some((id, basic)) = basic_header(have) else {
        return have.len() + 1;
    };
    let format = have[0] >> 6;
    let fixed = basic + message_header_length(format);
    let extended = match have.get(basic..basic + 3) {
        _ if format == 3 => streams.get(&id).is_some_and(|s| s.extended.is_some()),
        Some(timestamp) => timestamp == [0xff; 3],
        None => false,
    };
    if extended { fixed + 4 } else { fixed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(pieces: &[Piece<'_>]) -> (Vec<String>, Option<Broken>) {
        let mut chunks = Chunks::default();
        let mut out = Vec::new();
        for p in pieces {
            chunks.push(*p, &mut |m| {
                out.push(match m {
                    Message::Media => "media".to_owned(),
                    Message::Command(b) => String::from_utf8_lossy(b).into_owned(),
                    Message::CutCommand(b) => format!("cut: {}", String::from_utf8_lossy(b)),
                })
            });
        }
        (out, chunks.broken())
    }

    /// A chunk of type 0 with the header of a message of `len` bytes.
    fn first(id: u8, timestamp: u32, len: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut v = vec![id];
        v.extend(&timestamp.min(0x00ff_ffff).to_be_bytes()[1..]);
        v.extend(&len.to_be_bytes()[1..]);
        v.push(kind);
        v.extend([1, 0, 0, 0]);
        if timestamp >= 0x00ff_ffff {
            v.extend(timestamp.to_be_bytes());
        }
        v.extend(payload);
        v
    }

    #[test]
    fn interleaved_messages_with_set_chunk_size_and_abort_are_told_apart() {
        let stream = [
            first(4, 0, 200, 9, &[0; 128]),
            first(3, 0, 5, 20, b"hello"),
            first(2, 0, 4, 1, &[0, 0, 0, 64]),
            vec![0xc4],
            vec![0; 64],
            vec![0xc4],
            vec![0; 8],
            first(5, 0, 100, 8, &[0; 64]),
            first(2, 0, 4, 2, &[0, 0, 0, 5]),
            // Type 3 after the abort is a new message of 100 bytes.
            vec![0xc5],
            vec![0; 64],
            vec![0xc5],
            vec![0; 36],
        ]
        .concat();
        assert_eq!(
            run(&[Piece::Data(&stream)]),
            (vec!["hello".into(), "media".into(), "media".into()], None)
        );
    }

    #[test]
    fn long_stream_ids_and_types_1_and_2_are_read() {
        let mut a = first(0, 0, 3, 20, b"abc");
        a.insert(1, 10);
        let mut b = first(1, 0, 3, 20, b"def");
        b.splice(1..1, [10, 1]);
        let c = [&[0x40, 10, 0, 0, 1, 0, 0, 2, 20][..], b"gh"].concat();
        let d = [&[0x80, 10, 0, 0, 1][..], b"ij"].concat();
        let (out, broken) = run(&[Piece::Data(&[a, b, c, d].concat())]);
        assert_eq!(
            (out, broken),
            (["abc", "def", "gh", "ij"].map(String::from).to_vec(), None)
        );
    }

    #[test]
    fn extended_timestamps_are_read_with_and_without_repetition_in_type_3() {
        let ts = 0x0102_0304u32;
        let head = first(4, ts, 150, 20, &[b'x'; 128]);
        let with = [&head[..], &[0xc4], &ts.to_be_bytes(), &[b'y'; 22]].concat();
        let without = [&head[..], &[0xc4], &[b'y'; 22]].concat();
        for stream in [with, without] {
            let next = first(3, 0, 2, 20, b"ok");
            let (out, broken) = run(&[Piece::Data(&[stream, next].concat())]);
            assert_eq!(broken, None);
            assert_eq!(out, ["x".repeat(128) + &"y".repeat(22), "ok".into()]);
        }
    }

    #[test]
    fn lost_bytes_inside_of_a_chunk_do_no_harm_and_others_end_the_reading() {
        let head = first(4, 0, 100, 9, &[0; 10]);
        let tail = first(3, 0, 2, 20, b"ok");
        let (out, broken) = run(&[Piece::Data(&head), Piece::Lost(90), Piece::Data(&tail)]);
        assert_eq!((out, broken), (vec!["media".into(), "ok".into()], None));
        let (out, broken) = run(&[Piece::Data(&head), Piece::Lost(91), Piece::Data(&tail)]);
        assert_eq!((out, broken), (vec![], Some(Broken::Gap)));
    }

    #[test]
    fn an_empty_media_message_is_not_media_and_garbage_is_named() {
        assert_eq!(run(&[Piece::Data(&first(4, 0, 0, 9, &[]))]).0.len(), 0);
        let (_, broken) = run(&[Piece::Data(b"GET / HTTP/1.1\r\n\r\n")]);
        assert_eq!(broken, Some(Broken::NotRtmp));
    }

    #[test]
    fn a_stream_that_begins_with_an_inheriting_header_is_unclear_and_a_cut_command_is_told() {
        for format in [0x80u8, 0xc0] {
            let (_, broken) = run(&[Piece::Data(&[format | 4, 0, 0, 1, 0])]);
            assert_eq!(broken, Some(Broken::Unclear));
        }
        let head = first(3, 0, 10, 20, b"onSt");
        let (out, broken) = run(&[Piece::Data(&head), Piece::Lost(3), Piece::Data(b"xyz")]);
        assert_eq!((out, broken), (vec!["cut: onSt".into()], None));
    }

    proptest! {
        #[test]
        fn any_bytes_and_losses_are_survived(
            pieces in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..100), 0u64..300), 0..20),
        ) {
            let mut chunks = Chunks::default();
            // A header first, so that the rest is not thrown out at its first byte.
            chunks.push(Piece::Data(&first(4, 0xffff_ffff, 3000, 20, &[1; 128])), &mut |_| {});
            for (data, lost) in pieces {
                chunks.push(Piece::Data(&data), &mut |_| {});
                if lost % 5 == 0 {
                    chunks.push(Piece::Lost(lost), &mut |_| {});
                }
            }
            let kept: usize = chunks.streams.values().map(|s| s.body.len()).sum();
            prop_assert!(kept <= MOST_STREAMS * MOST_BODY);
        }
    }
}
