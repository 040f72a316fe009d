//! Any bytes as the two halves of an RTMP connection, after a handshake, with holes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin::verify::rtmp::{HANDSHAKE, Piece, Session, amf};

fuzz_target!(|data: &[u8]| {
    let mut session = Session::default();
    let mut shake = vec![0; HANDSHAKE as usize];
    shake[0] = 3;
    session.client(0, Piece::Data(&shake));
    session.server(0, Piece::Data(&shake));
    let mut rest = data;
    while let Some((len, tail)) = rest.split_first() {
        let (part, tail) = tail.split_at(tail.len().min(usize::from(*len & 0x3f)));
        match len >> 6 {
            0 | 1 => session.client(1, Piece::Data(part)),
            2 => session.server(1, Piece::Data(part)),
            _ => session.client(1, Piece::Lost(u64::from(*len & 0x3f) + 1)),
        }
        rest = tail;
    }
    if let Some(published) = session.published() {
        published.path();
    }
    amf::command(data);
});
