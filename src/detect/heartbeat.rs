//! Heartbeats between two machines that both run standin: one UDP datagram, authenticated, never replayable.
//!
//! Version 2 is [`v2`]. Version 1 is understood for one release more, and sent to a machine that speaks it: 120 bytes,
//! one frame for each service address, all numbers big endian:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | `SIHB` |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | flags, see [`Flags`]; unknown bits are refused |
//! | 6 | 2 | witnesses that answered in the sender's last check |
//! | 8 | 8 | boot counter, durable, grows with each start of the sender |
//! | 16 | 8 | sequence, from 1 at each start |
//! | 24 | 8 | the sender's epoch of this address |
//! | 32 | 8 | the epoch that wants-yield, yielded or released speaks of; else 0 |
//! | 40 | 4 + 1 | the service address and its prefix length |
//! | 45 | 1 | length of the name |
//! | 46 | 6 | MAC of the sender's data interface |
//! | 52 | 4 | 0 |
//! | 56 | 32 | name of the sender, filled up with zeros |
//! | 88 | 32 | HMAC-SHA-256 (RFC 2104) of the 88 bytes before, under the shared key |

mod flags;
pub mod v2;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use self::flags::Flags;
use crate::types::{Epoch, MacAddr, Vip};

/// Length of a frame in bytes.
pub const FRAME: usize = 120;
/// Longest name of a sender in bytes.
pub const LONGEST_NAME: usize = 32;

const MAGIC: &[u8; 4] = b"SIHB";
const VERSION: u8 = 1;
const SIGNED: usize = 88;

/// One heartbeat: what the sender says of itself and of one service address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Name of the sender, 1 to 32 bytes.
    pub node: String,
    /// The address it speaks of.
    pub vip: Vip,
    /// The sender's boot counter.
    pub boot: u64,
    /// Grows by one with each frame of this start.
    pub sequence: u64,
    /// The highest epoch of this address that the sender knows.
    pub epoch: Epoch,
    /// The epoch that [`Flags::wants_yield`], [`Flags::yielded`] or [`Flags::released`] speaks of; 0 without them.
    pub about: Epoch,
    /// What is true at the sender.
    pub flags: Flags,
    /// MAC of the sender's data interface.
    pub mac: MacAddr,
    /// Witnesses that answered in the sender's last check.
    pub witnesses: u16,
}

/// What one machine says, in whatever version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The version of the frame.
    pub version: u8,
    /// Name of the sender.
    pub node: String,
    /// The sender's boot counter.
    pub boot: u64,
    /// Grows by one with each frame of this start.
    pub sequence: u64,
    /// From one heartbeat to the next; version 1 does not say.
    pub interval: Option<Duration>,
    /// What the sender can do, a bit each; unknown ones are ignored.
    pub features: u64,
    /// The receiver's boot counter, as the sender last heard it.
    pub echo: Option<u64>,
    /// What it says of each service address.
    pub about: Vec<About>,
}

/// What a sender says of one service address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The address.
    pub vip: Vip,
    /// The highest epoch of it that the sender knows.
    pub epoch: Epoch,
    /// The epoch that [`Flags::wants_yield`], [`Flags::yielded`] or [`Flags::released`] speaks of; 0 without them.
    pub about: Epoch,
    /// What is true at the sender.
    pub flags: Flags,
    /// MAC of the sender's interface on its network.
    pub mac: MacAddr,
    /// Witnesses that answered in the sender's last check.
    pub witnesses: u16,
    /// A hold that binds both machines is on.
    pub hold: bool,
    /// The sender is the preferred node.
    pub preferred: bool,
    /// The port that the sender would fence is confirmed; `None`: it does not know.
    pub confirmed: Option<bool>,
    /// How long the sender's fence may take.
    pub fence_timeout: Option<Duration>,
}

/// Why a datagram is not a heartbeat that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeatError {
    /// Another length than a heartbeat has.
    #[error(
        "a datagram of {0} bytes is no heartbeat (version 1 has {FRAME}, version 2 at least 56)"
    )]
    Length(usize),
    /// Another protocol's datagram.
    #[error("the datagram does not begin as a heartbeat does")]
    Magic,
    /// A frame of another standin.
    #[error(
        "heartbeat of version {0}, this standin knows the versions 1 and 2: update the older machine"
    )]
    Version(u8),
    /// A part that must be understood, and is not known here.
    #[error(
        "the heartbeat has a part of type {0:#04x} that must be understood and is not known here: update this machine"
    )]
    NotUnderstood(u8),
    /// The code over the frame is wrong.
    #[error("the heartbeat's authentication is wrong: is the key file the same on both machines?")]
    Forged,
    /// Authenticated, but a field has an impossible value.
    #[error("the heartbeat's {0} is impossible: the sender is another version or broken")]
    Field(&'static str),
    /// Our own frame came back.
    #[error(
        "our own heartbeat came back: both machines are named `{0}`, or the network reflects it"
    )]
    Own(String),
    /// From before the sender's last start.
    #[error(
        "heartbeat of `{node}` from its start {boot}, but {seen} was seen already: \
         a replay, or its counter was lost (then: `standin peer reset` with the peer's name in this configuration)"
    )]
    OldBoot {
        /// The sender.
        node: String,
        /// Its counter in this frame.
        boot: u64,
        /// The highest one seen.
        seen: u64,
    },
    /// Seen already.
    #[error("heartbeat {sequence} of `{node}` was seen already: a replay or a late duplicate")]
    Replayed {
        /// The sender.
        node: String,
        /// The frame's number.
        sequence: u64,
    },
}

/// The frame of a beat. A name that is too long is cut at 32 bytes (the configuration refuses it before).
pub fn encode(beat: &Beat, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME);
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.push(beat.flags.to_bits());
    out.extend_from_slice(&beat.witnesses.to_be_bytes());
    for number in [beat.boot, beat.sequence, beat.epoch.0, beat.about.0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&beat.vip.addr.octets());
    out.push(beat.vip.prefix);
    let length = beat.node.floor_char_boundary(LONGEST_NAME);
    // At most 32, so the cast cannot cut.
    out.push(length as u8);
    out.extend_from_slice(&beat.mac.0);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&beat.node.as_bytes()[..length]);
    out.resize(SIGNED, 0);
    let code = mac(key, &out).finalize().into_bytes();
    out.extend_from_slice(&code);
    out
}

/// Reads a frame.
///
/// # Errors
///
/// It is no heartbeat, not under this key (compared in constant time), or impossible. Whether it is *new* is
/// [`ReplayWindow::accept`]'s to say.
pub fn decode(frame: &[u8], key: &[u8]) -> Result<Beat, BeatError> {
    let frame: &[u8; FRAME] = frame
        .try_into()
        .map_err(|_| BeatError::Length(frame.len()))?;
    if frame[..4] != *MAGIC {
        return Err(BeatError::Magic);
    }
    if frame[4] != VERSION {
        return Err(BeatError::Version(frame[4]));
    }
    let (body, code) = frame.split_at(SIGNED);
    mac(key, body)
        .verify_slice(code)
        .map_err(|_| BeatError::Forged)?;
    let flags = Flags::from_bits(frame[5]).ok_or(BeatError::Field("flags"))?;
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&frame[at..at + 8]);
        u64::from_be_bytes(bytes)
    };
    let prefix = frame[44];
    if !(1..=32).contains(&prefix) {
        return Err(BeatError::Field("prefix length"));
    }
    let length = usize::from(frame[45]);
    let name = &frame[56..SIGNED];
    if length == 0 || length > LONGEST_NAME || name[length..].iter().any(|b| *b != 0) {
        return Err(BeatError::Field("name"));
    }
    let node = std::str::from_utf8(&name[..length]).map_err(|_| BeatError::Field("name"))?;
    if frame[52..56] != [0; 4] {
        return Err(BeatError::Field("reserved part"));
    }
    let mut mac = [0; 6];
    mac.copy_from_slice(&frame[46..52]);
    Ok(Beat {
        node: node.to_owned(),
        vip: Vip {
            addr: Ipv4Addr::new(frame[40], frame[41], frame[42], frame[43]),
            prefix,
        },
        boot: number(8),
        sequence: number(16),
        epoch: Epoch(number(24)),
        about: Epoch(number(32)),
        flags,
        mac: MacAddr(mac),
        witnesses: u16::from_be_bytes([frame[6], frame[7]]),
    })
}

/// Reads a frame of any version that is known.
///
/// # Errors
///
/// As [`decode`]; or it has a part that must be understood and is not.
pub fn decode_any(frame: &[u8], key: &[u8]) -> Result<Message, BeatError> {
    if frame.get(..4) == Some(MAGIC.as_slice()) && frame.get(4) == Some(&v2::VERSION) {
        return v2::decode(frame, key);
    }
    let beat = decode(frame, key)?;
    Ok(Message {
        version: VERSION,
        node: beat.node,
        boot: beat.boot,
        sequence: beat.sequence,
        interval: None,
        features: 0,
        echo: None,
        about: vec![About {
            vip: beat.vip,
            epoch: beat.epoch,
            about: beat.about,
            flags: beat.flags,
            mac: beat.mac,
            witnesses: beat.witnesses,
            hold: false,
            preferred: false,
            confirmed: None,
            fence_timeout: None,
        }],
    })
}

fn mac(key: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length (RFC 2104)");
    mac.update(body);
    mac
}

/// Accepts each frame of each sender once, and only in order.
///
/// A frame that was overtaken on the way is refused too: what it says is older than what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    own: String,
    /// Sender to (boot, sequence) of its last frame.
    last: BTreeMap<String, (u64, u64)>,
}

impl ReplayWindow {
    /// A window that has seen nothing yet; `own` is this machine's name.
    pub fn new(own: &str) -> Self {
        ReplayWindow {
            own: own.to_owned(),
            last: BTreeMap::new(),
        }
    }

    /// Takes the frame as seen.
    ///
    /// # Errors
    ///
    /// It is our own, from before the sender's last start, or not newer than the last one; nothing changes then.
    pub fn accept(&mut self, beat: &Beat) -> Result<(), BeatError> {
        self.take(&beat.node, beat.boot, beat.sequence)
    }

    /// The same for a frame of any version.
    ///
    /// # Errors
    ///
    /// As [`ReplayWindow::accept`].
    pub fn take(&mut self, node: &str, boot: u64, sequence: u64) -> Result<(), BeatError> {
        if node == self.own {
            return Err(BeatError::Own(node.to_owned()));
        }
        if let Some((seen_boot, seen)) = self.last.get(node) {
            if boot < *seen_boot {
                return Err(BeatError::OldBoot {
                    node: node.to_owned(),
                    boot,
                    seen: *seen_boot,
                });
            }
            if boot == *seen_boot && sequence <= *seen {
                return Err(BeatError::Replayed {
                    node: node.to_owned(),
                    sequence,
                });
            }
        }
        self.last.insert(node.to_owned(), (boot, sequence));
        Ok(())
    }

    /// (boot, sequence) of the last accepted frame of each sender, to be kept over a restart of ours.
    pub fn seen(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.last.iter().map(|(n, (b, s))| (n.as_str(), *b, *s))
    }

    /// Takes up what an earlier run of ours saw; never lowers what is known.
    pub fn restore(&mut self, node: &str, boot: u64, sequence: u64) {
        let known = self.last.entry(node.to_owned()).or_default();
        *known = (*known).max((boot, sequence));
    }

    /// `standin peer reset NODE`: its counter was lost, begin anew. True if anything was known of it.
    pub fn forget(&mut self, node: &str) -> bool {
        self.last.remove(node).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn beat() -> Beat {
        Beat {
            node: "cctv-1".into(),
            vip: "192.168.1.101/24".parse().unwrap(),
            boot: 7,
            sequence: 0x0102_0304,
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
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The code was made by another implementation: `openssl dgst -sha256 -mac HMAC` over the first 88 bytes.
    #[test]
    fn the_golden_frame_stays_as_it_is() {
        let frame = encode(&beat(), KEY);
        let body = concat!(
            "53494842",
            "01",
            "13",
            "0008",
            "0000000000000007",
            "0000000001020304",
            "0000000000000003",
            "0000000000000004",
            "c0a80165",
            "18",
            "06",
            "02005e100001",
            "00000000",
            "636374762d310000000000000000000000000000000000000000000000000000",
        );
        assert_eq!(hex(&frame[..SIGNED]), body);
        assert_eq!(hex(&frame[SIGNED..]), GOLDEN_CODE);
        assert_eq!(decode(&frame, KEY), Ok(beat()));
    }
    const GOLDEN_CODE: &str = "c647c527746ec8e2d1ac46befc56fcf89511ea246e02d2cb932ef19e7bcab52a";

    #[test]
    fn a_frame_of_another_key_version_or_protocol_is_refused_by_name() {
        let frame = encode(&beat(), KEY);
        assert_eq!(decode(&frame, b"another key"), Err(BeatError::Forged));
        let mut newer = frame.clone();
        newer[4] = 3;
        assert_eq!(decode(&newer, KEY), Err(BeatError::Version(3)));
        assert_eq!(decode_any(&newer, KEY), Err(BeatError::Version(3)));
        assert_eq!(decode(&frame[1..], KEY), Err(BeatError::Length(FRAME - 1)));
        let mut other = frame;
        other[0] = b'X';
        assert_eq!(decode(&other, KEY), Err(BeatError::Magic));
    }

    #[test]
    fn what_is_signed_but_impossible_is_refused() {
        for (at, value, field) in [
            (5, 0x40, "flags"),
            (44, 33, "prefix length"),
            (45, 0, "name"),
            (45, 33, "name"),
            (45, 2, "name"),
            (52, 1, "reserved part"),
            (56, 0xff, "name"),
        ] {
            let mut frame = encode(&beat(), KEY);
            frame[at] = value;
            let code = mac(KEY, &frame[..SIGNED]).finalize().into_bytes();
            frame[SIGNED..].copy_from_slice(&code);
            assert_eq!(decode(&frame, KEY), Err(BeatError::Field(field)), "{at}");
        }
    }

    #[test]
    fn each_frame_counts_once_and_an_old_start_never() {
        let mut window = ReplayWindow::new("cctv-2");
        let mut at = |boot, sequence| {
            window.accept(&Beat {
                boot,
                sequence,
                ..beat()
            })
        };
        assert_eq!(at(7, 1), Ok(()));
        assert!(matches!(at(7, 1), Err(BeatError::Replayed { .. })));
        assert_eq!(at(7, 5), Ok(()));
        assert!(matches!(at(7, 4), Err(BeatError::Replayed { .. })));
        assert_eq!(at(8, 1), Ok(()));
        let old = at(7, 99).unwrap_err();
        assert!(old.to_string().contains("`standin peer reset`"), "{old}");
        let own = ReplayWindow::new("cctv-1").accept(&beat());
        assert_eq!(own, Err(BeatError::Own("cctv-1".into())));
    }

    #[test]
    fn what_was_seen_outlives_our_restart_and_a_reset_forgets_it() {
        let mut window = ReplayWindow::new("cctv-2");
        window.accept(&beat()).unwrap();
        let mut next = ReplayWindow::new("cctv-2");
        for (node, boot, sequence) in window.seen() {
            next.restore(node, boot, sequence);
        }
        assert!(next.accept(&beat()).is_err());
        next.restore("cctv-1", 1, 1);
        assert!(next.accept(&beat()).is_err(), "restoring must not lower it");
        assert!(next.forget("cctv-1"));
        assert_eq!(next.accept(&beat()), Ok(()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes, KEY).is_err());
        }

        #[test]
        fn a_signed_body_of_any_bytes_never_panics(body in prop::collection::vec(any::<u8>(), SIGNED)) {
            let mut frame = body;
            frame[..4].copy_from_slice(MAGIC);
            frame[4] = VERSION;
            let code = mac(KEY, &frame).finalize().into_bytes();
            frame.extend_from_slice(&code);
            if let Ok(beat) = decode(&frame, KEY) {
                prop_assert_eq!(encode(&beat, KEY), frame);
            }
        }

        #[test]
        fn any_flipped_bit_is_refused(bit in 0..FRAME * 8) {
            let mut frame = encode(&beat(), KEY);
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(&frame, KEY).is_err());
        }

        #[test]
        fn every_beat_comes_back_as_it_was(
            node in "[a-zA-Z0-9_-]{1,32}", boot: u64, sequence: u64, epoch: u64, about: u64,
            bits in 0u8..64, witnesses: u16, addr: u32, prefix in 1u8..=32, mac: [u8; 6],
        ) {
            let beat = Beat {
                node, boot, sequence, witnesses,
                vip: Vip { addr: addr.into(), prefix },
                epoch: Epoch(epoch),
                about: Epoch(about),
                flags: Flags::from_bits(bits).unwrap(),
                mac: MacAddr(mac),
            };
            prop_assert_eq!(decode(&encode(&beat, KEY), KEY), Ok(beat));
        }
    }
}
