//! Heartbeat frames of version 2: one for all addresses of a machine, made of parts that may be added to.
//!
//! All numbers big endian:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | `SIHB` |
//! | 4 | 1 | version, 2 |
//! | 5 | 1 | 0; ignored |
//! | 6 | 2 | length of all that stands before the code |
//! | 8 | 8 | boot counter, durable, grows with each start of the sender |
//! | 16 | 8 | sequence, from 1 at each start |
//! | 24 | .. | parts: type (1 byte), length of the value (1 byte), value |
//! | .. | 32 | HMAC-SHA-256 (RFC 2104) of all before, under the shared key |
//!
//! A part of an unknown type is skipped; if its type has bit 7 set, the frame is refused with words. A part that is
//! longer than what is known of it has new fields at its end, which are skipped.
//!
//! | type | value |
//! | --- | --- |
//! | 0x81 | name of the sender, 1 to 32 bytes; once |
//! | 0x02 | from one heartbeat to the next, microseconds (4) |
//! | 0x03 | features of the sender, a bit each (8); none is defined yet, unknown ones are ignored |
//! | 0x05 | boot counter of the receiver that the sender last heard (8) |
//! | 0x84 | one service address: address (4), prefix (1), flags (2), epoch (8), the epoch that is spoken of (8), MAC (6), witnesses (2), how long the sender's fence may take, ms (4; optional) |
//!
//! Flags: bits 0 to 5 as in version 1, 6 hold, 7 preferred, 8 it is known whether the fence port is confirmed, 9 it is.
//! Bits 10 and 11 may be ignored where they are unknown, 12 to 15 must be understood.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{About, BeatError, Flags, LONGEST_NAME, MAGIC, Message, mac};
use crate::types::{Epoch, MacAddr, Vip};

/// The version.
pub const VERSION: u8 = 2;
/// Longest frame: what an Ethernet frame carries without fragments.
pub const LONGEST: usize = 1400;
/// Service addresses in one frame; more go into the next one.
pub const MOST: usize = 32;
const HEAD: usize = 24;
const CODE: usize = 32;
const MUST: u8 = 0x80;
const NAME: u8 = 0x81;
const INTERVAL: u8 = 0x02;
const FEATURES: u8 = 0x03;
const ECHO: u8 = 0x05;
const ADDRESS: u8 = 0x84;
/// An address without what may follow it.
const SHORTEST: usize = 31;
const BITS_THAT_MUST_BE_KNOWN: u16 = 0xf000;

/// The frame of a message; at most [`MOST`] of its addresses.
pub fn encode(message: &Message, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(LONGEST);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[VERSION, 0, 0, 0]);
    out.extend_from_slice(&message.boot.to_be_bytes());
    out.extend_from_slice(&message.sequence.to_be_bytes());
    let length = message.node.floor_char_boundary(LONGEST_NAME);
    part(&mut out, NAME, &message.node.as_bytes()[..length]);
    if let Some(interval) = message.interval {
        let us = u32::try_from(interval.as_micros()).unwrap_or(u32::MAX);
        part(&mut out, INTERVAL, &us.to_be_bytes());
    }
    part(&mut out, FEATURES, &message.features.to_be_bytes());
    if let Some(boot) = message.echo {
        part(&mut out, ECHO, &boot.to_be_bytes());
    }
    for about in message.about.iter().take(MOST) {
        let mut value = Vec::with_capacity(SHORTEST + 4);
        value.extend_from_slice(&about.vip.addr.octets());
        value.push(about.vip.prefix);
        value.extend_from_slice(&bits(about).to_be_bytes());
        value.extend_from_slice(&about.epoch.0.to_be_bytes());
        value.extend_from_slice(&about.about.0.to_be_bytes());
        value.extend_from_slice(&about.mac.0);
        value.extend_from_slice(&about.witnesses.to_be_bytes());
        if let Some(timeout) = about.fence_timeout {
            let ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            value.extend_from_slice(&ms.to_be_bytes());
        }
        part(&mut out, ADDRESS, &value);
    }
    // At most LONGEST, so the cast cannot cut.
    let signed = (out.len() as u16).to_be_bytes();
    out[6..8].copy_from_slice(&signed);
    let code = hmac::Mac::finalize(mac(key, &out)).into_bytes();
    out.extend_from_slice(&code);
    out
}

fn part(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    out.push(kind);
    // Names and addresses are shorter than 255.
    out.push(value.len() as u8);
    out.extend_from_slice(value);
}

fn bits(about: &About) -> u16 {
    let bit = |i: u16, set: bool| u16::from(set) << i;
    u16::from(about.flags.to_bits())
        | bit(6, about.hold)
        | bit(7, about.preferred)
        | bit(8, about.confirmed.is_some())
        | bit(9, about.confirmed == Some(true))
}

/// Reads a frame of this version.
pub(super) fn decode(frame: &[u8], key: &[u8]) -> Result<Message, BeatError> {
    if !(HEAD + CODE..=LONGEST + CODE).contains(&frame.len()) {
        return Err(BeatError::Length(frame.len()));
    }
    let (body, code) = frame.split_at(frame.len() - CODE);
    hmac::Mac::verify_slice(mac(key, body), code).map_err(|_| BeatError::Forged)?;
    if usize::from(u16::from_be_bytes([frame[6], frame[7]])) != body.len() {
        return Err(BeatError::Field("length"));
    }
    let mut message = Message {
        version: VERSION,
        node: String::new(),
        boot: number(body, 8),
        sequence: number(body, 16),
        interval: None,
        features: 0,
        echo: None,
        about: Vec::new(),
    };
    let mut rest = &body[HEAD..];
    while let [kind, length, after @ ..] = rest {
        let (value, next) = after
            .split_at_checked(usize::from(*length))
            .ok_or(BeatError::Field("part"))?;
        rest = next;
        let long = |n: usize| {
            (value.len() >= n)
                .then_some(value)
                .ok_or(BeatError::Field("part"))
        };
        match *kind {
            NAME => message.node = name(&message, value)?,
            INTERVAL => {
                let us = u32::from_be_bytes(first(long(4)?));
                message.interval = Some(Duration::from_micros(us.into()));
            }
            FEATURES => message.features = number(long(8)?, 0),
            ECHO => message.echo = Some(number(long(8)?, 0)),
            ADDRESS => message.about.push(address(long(SHORTEST)?)?),
            unknown if unknown & MUST != 0 => return Err(BeatError::NotUnderstood(unknown)),
            _ => {}
        }
    }
    if !rest.is_empty() {
        return Err(BeatError::Field("part"));
    }
    if message.node.is_empty() {
        return Err(BeatError::Field("name"));
    }
    Ok(message)
}

fn name(so_far: &Message, value: &[u8]) -> Result<String, BeatError> {
    let one = so_far.node.is_empty() && (1..=LONGEST_NAME).contains(&value.len());
    let name = std::str::from_utf8(value).ok().filter(|_| one);
    name.map(str::to_owned).ok_or(BeatError::Field("name"))
}

fn address(value: &[u8]) -> Result<About, BeatError> {
    let prefix = value[4];
    if !(1..=32).contains(&prefix) {
        return Err(BeatError::Field("prefix length"));
    }
    let bits = u16::from_be_bytes([value[5], value[6]]);
    if bits & BITS_THAT_MUST_BE_KNOWN != 0 {
        return Err(BeatError::NotUnderstood(ADDRESS));
    }
    let bit = |i: u16| bits & (1 << i) != 0;
    // The six lowest bits, so the cast cuts nothing that is meant.
    let flags = Flags::from_bits(bits as u8 & 0x3f).ok_or(BeatError::Field("flags"))?;
    let timeout = value
        .get(SHORTEST..SHORTEST + 4)
        .map(|v| u32::from_be_bytes(first(v)));
    Ok(About {
        vip: Vip {
            addr: Ipv4Addr::new(value[0], value[1], value[2], value[3]),
            prefix,
        },
        epoch: Epoch(number(value, 7)),
        about: Epoch(number(value, 15)),
        flags,
        mac: MacAddr(first(&value[23..])),
        witnesses: u16::from_be_bytes([value[29], value[30]]),
        hold: bit(6),
        preferred: bit(7),
        confirmed: bit(8).then(|| bit(9)),
        fence_timeout: timeout.map(|ms| Duration::from_millis(ms.into())),
    })
}

/// The first bytes of what is known to be long enough.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(first(&bytes[at..]))
}

#[cfg(test)]
mod tests {
    use super::super::decode_any;
    use super::*;
    use proptest::prelude::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn about() -> About {
        About {
            vip: "192.168.1.101/24".parse().unwrap(),
            epoch: Epoch(3),
            about: Epoch(4),
            flags: Flags {
                holds_vip: true,
                carrier: true,
                yielded: true,
                ..Flags::default()
            },
            mac: MacAddr([2, 0, 0x5e, 0x10, 0, 1]),
            witnesses: 8,
            hold: true,
            preferred: true,
            confirmed: Some(false),
            fence_timeout: Some(Duration::from_secs(10)),
        }
    }

    fn message() -> Message {
        Message {
            version: VERSION,
            node: "cctv-1".into(),
            boot: 7,
            sequence: 0x0102_0304,
            interval: Some(Duration::from_millis(50)),
            features: 0,
            echo: Some(9),
            about: vec![about()],
        }
    }

    /// Signs `body` (its length is put right) as a sender with the key would.
    fn signed(mut body: Vec<u8>) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        body[6..8].copy_from_slice(&length);
        let code = hmac::Mac::finalize(mac(KEY, &body)).into_bytes();
        body.extend_from_slice(&code);
        body
    }

    fn body(message: &Message) -> Vec<u8> {
        let mut frame = encode(message, KEY);
        frame.truncate(frame.len() - CODE);
        frame
    }

    /// The code was made by another implementation: `openssl dgst -sha256 -mac HMAC` over what stands before it.
    #[test]
    fn the_golden_frame_stays_as_it_is() {
        let frame = encode(&message(), KEY);
        let hex: String = frame.iter().map(|b| format!("{b:02x}")).collect();
        let body = concat!(
            "53494842",
            "02",
            "00",
            "005f",
            "0000000000000007",
            "0000000001020304",
            "8106",
            "636374762d31",
            "0204",
            "0000c350",
            "0308",
            "0000000000000000",
            "0508",
            "0000000000000009",
            "8423",
            "c0a80165",
            "18",
            "01d3",
            "0000000000000003",
            "0000000000000004",
            "02005e100001",
            "0008",
            "00002710",
        );
        assert_eq!(&hex[..body.len()], body);
        assert_eq!(&hex[body.len()..], GOLDEN_CODE);
        assert_eq!(decode_any(&frame, KEY), Ok(message()));
    }
    const GOLDEN_CODE: &str = "d0675f8419f08c6063ead0ee5aafb372a631d7794c325ae0adaef54f129f1330";

    #[test]
    fn what_is_new_is_skipped_and_what_must_be_understood_is_refused_with_words() {
        let plain = body(&message());
        let with = |extra: &[u8]| signed([plain.as_slice(), extra].concat());
        assert_eq!(decode_any(&with(&[0x41, 3, 1, 2, 3]), KEY), Ok(message()));
        let refused = decode_any(&with(&[0xc1, 1, 0]), KEY).unwrap_err();
        assert_eq!(refused, BeatError::NotUnderstood(0xc1));
        assert!(
            refused.to_string().contains("update this machine"),
            "{refused}"
        );
        // A longer address has fields that are not known here.
        let mut longer = plain.clone();
        longer[plain.len() - 36] = 0x25;
        longer.extend_from_slice(&[9, 9]);
        assert_eq!(decode_any(&signed(longer), KEY), Ok(message()));
        // An address without what came later, and a bit that must be known.
        let mut shorter = plain.clone();
        shorter[plain.len() - 36] = 0x1f;
        shorter.truncate(plain.len() - 4);
        let read = decode_any(&signed(shorter), KEY).unwrap();
        assert_eq!(read.about[0].fence_timeout, None);
        let mut bits = plain.clone();
        bits[plain.len() - 30] |= 0x10;
        assert_eq!(
            decode_any(&signed(bits), KEY),
            Err(BeatError::NotUnderstood(0x84))
        );
    }

    #[test]
    fn parts_that_are_cut_short_or_doubled_are_refused() {
        let plain = body(&message());
        for (extra, field) in [
            (&[0x41][..], "part"),
            (&[0x41, 5, 1][..], "part"),
            (&[0x02, 2, 0, 0][..], "part"),
            (&[0x81, 1, b'x'][..], "name"),
        ] {
            let frame = signed([plain.as_slice(), extra].concat());
            assert_eq!(
                decode_any(&frame, KEY),
                Err(BeatError::Field(field)),
                "{extra:?}"
            );
        }
    }

    #[test]
    fn more_addresses_than_one_frame_holds_are_cut() {
        let many = Message {
            about: vec![about(); MOST + 1],
            node: "n".repeat(32),
            ..message()
        };
        let frame = encode(&many, KEY);
        assert!(frame.len() <= LONGEST + CODE, "{}", frame.len());
        assert_eq!(decode_any(&frame, KEY).unwrap().about.len(), MOST);
    }

    proptest! {
        #[test]
        fn signed_bytes_of_any_kind_never_panic(parts in prop::collection::vec(any::<u8>(), 0..120)) {
            let head = body(&Message { about: Vec::new(), ..message() });
            let frame = signed([&head[..HEAD], parts.as_slice()].concat());
            let _ = decode_any(&frame, KEY);
        }

        #[test]
        fn any_flipped_bit_is_refused(bit in 0..127usize * 8) {
            let mut frame = encode(&message(), KEY);
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode_any(&frame, KEY).is_err());
        }

        #[test]
        fn every_message_comes_back_as_it_was(
            node in "[a-zA-Z0-9_-]{1,32}", boot: u64, sequence: u64, epoch: u64, spoken: u64, low in 0u8..64,
            hold: bool, preferred: bool, confirmed: Option<bool>, interval: Option<u32>, echo: Option<u64>,
            timeout: Option<u32>, mac: [u8; 6], count in 0..3usize,
        ) {
            let one = About {
                epoch: Epoch(epoch), about: Epoch(spoken), flags: Flags::from_bits(low).unwrap(), hold, preferred,
                confirmed, mac: MacAddr(mac), fence_timeout: timeout.map(|ms| Duration::from_millis(ms.into())),
                ..about()
            };
            let message = Message {
                node, boot, sequence, echo, about: vec![one; count],
                interval: interval.map(|us| Duration::from_micros(us.into())), ..message()
            };
            prop_assert_eq!(decode_any(&encode(&message, KEY), KEY), Ok(message));
        }
    }
}
