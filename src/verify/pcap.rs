//! Capture files: pcap and pcapng as tcpdump and Wireshark write them. Frames of other link layers are handed over
//! with an Ethernet header of their own, so that the tracker knows only one.

mod blocks;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{PcapError, create_reader};

use self::blocks::Reading;
use super::tracker::Direction;

/// How much is read at once, and how much one packet may take in the file.
const BUFFER: usize = 256 << 10;
const LARGEST_BLOCK: usize = 16 << 20;

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum PcapFileError {
    /// It cannot be opened or read.
    #[error("cannot read the capture {file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error(
        "{file} is not a capture: {found}; expected a pcap or pcapng file, as `tcpdump -w FILE` writes it"
    )]
    NotACapture {
        /// The file.
        file: String,
        /// What it looks like.
        found: &'static str,
    },
    /// Nothing in it has a link layer that is understood.
    #[error(
        "{file} was captured on an interface with link type {link_type}; expected Ethernet (1), Linux cooked (113, 276) or raw IP (101, 228)"
    )]
    LinkType {
        /// The file.
        file: String,
        /// Number of <https://www.tcpdump.org/linktypes.html>.
        link_type: i32,
    },
}

/// One frame of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Microseconds since the epoch.
    pub at_us: u64,
    /// An Ethernet frame; MACs that the file does not know are zero.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub original_len: usize,
    /// Which way it went, if the file says so.
    pub direction: Direction,
}

/// What a whole file was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Frames handed over.
    pub frames: u64,
    /// Packets that could not be made frames of.
    pub skipped: u64,
    /// The same by kind: a link layer that is not understood, no time, no interface.
    pub skipped_kinds: BTreeMap<String, u64>,
    /// Time of the first frame, microseconds since the epoch.
    pub first_us: Option<u64>,
    /// Time of the last frame.
    pub last_us: Option<u64>,
    /// The end of the file is missing or damaged: what was found where. All before it was used.
    pub damaged: Option<String>,
}

impl Contents {
    fn skip(&mut self, what: &str) {
        self.skipped += 1;
        match self.skipped_kinds.get_mut(what) {
            Some(n) => *n += 1,
            None => {
                self.skipped_kinds.insert(what.to_owned(), 1);
            }
        }
    }
}

/// Reads a file, calling `each` with every frame in the order of the file.
pub fn read(path: &Path, each: impl FnMut(Frame<'_>)) -> Result<Contents, PcapFileError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|source| PcapFileError::Io {
        file: name.clone(),
        source,
    })?;
    read_from(&name, file, each)
}

/// Like [`read`], from anything; `name` is for the messages.
pub fn read_from(
    name: &str,
    mut source: impl Read + Send,
    mut each: impl FnMut(Frame<'_>),
) -> Result<Contents, PcapFileError> {
    let io_error = |source| PcapFileError::Io {
        file: name.to_owned(),
        source,
    };
    // Looked at here because the parser's own errors do not tell an empty file from a wrong one.
    let mut magic = Vec::new();
    source
        .by_ref()
        .take(4)
        .read_to_end(&mut magic)
        .map_err(io_error)?;
    let found = match magic[..] {
        [] => Some("it is empty"),
        [0x1f, 0x8b, ..] => Some("it is compressed with gzip; unpack it with gunzip first"),
        [0x28, 0xb5, 0x2f, 0xfd] => Some("it is compressed with zstd; unpack it with unzstd first"),
        [0x0a, 0x0d, 0x0d, 0x0a] => None,
        [a, b, c, d]
            if matches!(
                u32::from_be_bytes([a, b, c, d]),
                0xa1b2_c3d4 | 0xd4c3_b2a1 | 0xa1b2_3c4d | 0x4d3c_b2a1
            ) =>
        {
            None
        }
        _ => Some("its first bytes are those of another kind of file"),
    };
    let not_a_capture = |found| PcapFileError::NotACapture {
        file: name.to_owned(),
        found,
    };
    if let Some(found) = found {
        return Err(not_a_capture(found));
    }
    let whole = io::Cursor::new(magic).chain(source);
    let mut reader = create_reader(BUFFER, FullReads(whole))
        .map_err(|_| not_a_capture("its header is damaged or incomplete"))?;
    let mut file = Reading::default();
    let mut contents = Contents::default();
    loop {
        let error = match reader.next() {
            Ok((used, block)) => {
                file.block(block, &mut contents, &mut each);
                reader.consume(used);
                continue;
            }
            // The error may borrow from the reader's buffer; what it borrows does not matter.
            Err(e) => without_input(&e),
        };
        let ended = reader.reader_exhausted();
        match error {
            PcapError::Eof => break,
            PcapError::Incomplete(_) | PcapError::UnexpectedEof
                if ended && reader.data().is_empty() =>
            {
                break;
            }
            PcapError::Incomplete(_) if !ended => {
                let before = reader.data().len();
                if reader.refill().is_err() {
                    return Err(io_error(io::Error::other("reading failed half way")));
                }
                let stuck = reader.data().len() == before && !reader.reader_exhausted();
                if stuck && !grow(reader.as_mut()) {
                    contents.damaged = Some(damage(&contents, "a packet longer than any can be"));
                    break;
                }
            }
            PcapError::BufferTooSmall if grow(reader.as_mut()) => {}
            PcapError::BufferTooSmall => {
                contents.damaged = Some(damage(&contents, "a packet longer than any can be"));
                break;
            }
            PcapError::Incomplete(_) | PcapError::UnexpectedEof => {
                contents.damaged = Some(damage(&contents, "the file ends within a packet"));
                break;
            }
            PcapError::ReadError => {
                return Err(io_error(io::Error::other("reading failed half way")));
            }
            PcapError::HeaderNotRecognized
            | PcapError::NomError(..)
            | PcapError::OwnedNomError(..) => {
                contents.damaged = Some(damage(&contents, "what follows is no packet"));
                break;
            }
        }
    }
    match file.refused {
        Some(link_type) if contents.frames == 0 => Err(PcapFileError::LinkType {
            file: name.to_owned(),
            link_type,
        }),
        _ => Ok(contents),
    }
}

fn without_input(error: &PcapError<&[u8]>) -> PcapError<&'static [u8]> {
    match error {
        PcapError::Eof => PcapError::Eof,
        PcapError::BufferTooSmall => PcapError::BufferTooSmall,
        PcapError::UnexpectedEof => PcapError::UnexpectedEof,
        PcapError::ReadError => PcapError::ReadError,
        PcapError::Incomplete(n) => PcapError::Incomplete(*n),
        PcapError::HeaderNotRecognized => PcapError::HeaderNotRecognized,
        PcapError::NomError(_, kind) | PcapError::OwnedNomError(_, kind) => {
            PcapError::NomError(&[], *kind)
        }
    }
}

fn damage(contents: &Contents, what: &str) -> String {
    format!(
        "after {} packets {what}",
        contents.frames + contents.skipped
    )
}

fn grow<'a>(reader: &mut (dyn PcapReaderIterator + Send + 'a)) -> bool {
    let have = reader.data().len().max(BUFFER);
    have < LARGEST_BLOCK && reader.grow(have * 2)
}

/// Fills the buffer as far as the source allows: the parser takes a short first read for a short file.
struct FullReads<R>(R);

impl<R: Read> Read for FullReads<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut have = 0;
        while have < buf.len() {
            match self.0.read(&mut buf[have..]) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(have)
    }
}
