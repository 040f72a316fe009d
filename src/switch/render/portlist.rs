//! Sets of ports as switches write them: Q-BRIDGE-MIB's PortList (RFC 4363) and its relatives. Pure.
//!
//! A bitmap keeps the length it was received with: agents trim trailing zeros or send hundreds of octets, and some
//! refuse any other length than their own. It only grows when a bit past its end is set.

use std::collections::BTreeSet;

use crate::switch::profile::{Encoding, PortListRule};

/// The numbers that are in it; `None` if the octets are no such list (text encodings only).
pub fn numbers(rule: PortListRule, octets: &[u8]) -> Option<BTreeSet<u32>> {
    match rule.encoding {
        Encoding::Bitmap => Some(
            octets
                .iter()
                .zip(0u32..)
                .flat_map(|(octet, at)| {
                    (0..8u32)
                        .filter(move |bit| octet & (0x80 >> bit) != 0)
                        .map(move |bit| at * 8 + bit + rule.first)
                })
                .collect(),
        ),
        Encoding::Csv | Encoding::Ranges => text_numbers(octets),
    }
}

/// True if `number` is in it.
pub fn contains(rule: PortListRule, octets: &[u8], number: u32) -> Option<bool> {
    if rule.encoding != Encoding::Bitmap {
        return Some(text_numbers(octets)?.contains(&number));
    }
    let bit = number.checked_sub(rule.first)?;
    let octet = octets.get(usize::try_from(bit / 8).ok()?);
    Some(octet.is_some_and(|o| o & (0x80 >> (bit % 8)) != 0))
}

/// The same list with `number` in it or not. `None` if it cannot be written that way.
pub fn with(rule: PortListRule, octets: &[u8], number: u32, on: bool) -> Option<Vec<u8>> {
    if rule.encoding != Encoding::Bitmap {
        let mut all = text_numbers(octets)?;
        if on {
            all.insert(number);
        } else {
            all.remove(&number);
        }
        return Some(text(rule.encoding, &all));
    }
    let bit = number.checked_sub(rule.first)?;
    // No MIB has more ports than this; a number beyond it is a mistake, not a longer list.
    let at = usize::try_from(bit / 8).ok().filter(|at| *at < 8192)?;
    let mut out = octets.to_vec();
    let mask = 0x80 >> (bit % 8);
    if on {
        if out.len() <= at {
            out.resize(at + 1, 0);
        }
        out[at] |= mask;
    } else if let Some(octet) = out.get_mut(at) {
        *octet &= !mask;
    }
    Some(out)
}

/// Pads a bitmap with zero octets to `length`; other encodings have no length.
pub fn padded(rule: PortListRule, mut octets: Vec<u8>, length: usize) -> Vec<u8> {
    if rule.encoding == Encoding::Bitmap && octets.len() < length {
        octets.resize(length, 0);
    }
    octets
}

fn text_numbers(octets: &[u8]) -> Option<BTreeSet<u32>> {
    let text = std::str::from_utf8(octets).ok()?;
    let mut out = BTreeSet::new();
    let parts = text.trim_end_matches('\0').split(',').map(str::trim);
    for part in parts.filter(|p| !p.is_empty()) {
        match part.split_once('-') {
            Some((from, to)) => {
                let (from, to): (u32, u32) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
                // A range is at most a switch long: a longer one is garbage.
                if to < from || to - from > 4096 {
                    return None;
                }
                out.extend(from..=to);
            }
            None => {
                out.insert(part.parse().ok()?);
            }
        }
    }
    Some(out)
}

/// Numbers in words, such as `1, 3, 4-7`.
pub fn ranges(numbers: &BTreeSet<u32>) -> String {
    String::from_utf8_lossy(&text(Encoding::Ranges, numbers)).into_owned()
}

fn text(encoding: Encoding, numbers: &BTreeSet<u32>) -> Vec<u8> {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for n in numbers {
        match parts.last_mut() {
            Some((_, end)) if encoding == Encoding::Ranges && end.checked_add(1) == Some(*n) => {
                *end = *n;
            }
            _ => parts.push((*n, *n)),
        }
    }
    let separator = if encoding == Encoding::Ranges {
        ", "
    } else {
        ","
    };
    let words: Vec<String> = parts
        .iter()
        .map(|(from, to)| {
            if from == to {
                from.to_string()
            } else {
                format!("{from}-{to}")
            }
        })
        .collect();
    words.join(separator).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::profile::BitOf;

    fn rule(encoding: Encoding, first: u32) -> PortListRule {
        PortListRule {
            encoding,
            bit: BitOf::BasePort,
            first,
        }
    }

    #[test]
    fn the_first_port_is_the_most_significant_bit_of_the_first_octet() {
        let r = rule(Encoding::Bitmap, 1);
        assert_eq!(numbers(r, &[0x80, 0x01]).unwrap(), BTreeSet::from([1, 16]));
        assert_eq!(with(r, &[0, 0], 1, true).unwrap(), [0x80, 0]);
        assert_eq!(with(r, &[0xff, 0xff], 16, false).unwrap(), [0xff, 0xfe]);
        let zero = rule(Encoding::Bitmap, 0);
        assert_eq!(
            numbers(zero, &[0x80, 0x01]).unwrap(),
            BTreeSet::from([0, 15])
        );
        assert_eq!(with(r, &[0x80], 0, true), None);
    }

    #[test]
    fn the_length_received_is_kept_and_grows_only_for_a_bit_past_its_end() {
        let r = rule(Encoding::Bitmap, 1);
        assert_eq!(with(r, &[0; 512], 3, true).unwrap().len(), 512);
        assert_eq!(with(r, &[0x80], 20, true).unwrap(), [0x80, 0, 0x10]);
        assert_eq!(with(r, &[0x80], 20, false).unwrap(), [0x80]);
        assert_eq!(contains(r, &[0x80], 20), Some(false));
        assert_eq!(padded(r, vec![1], 3), [1, 0, 0]);
    }

    #[test]
    fn text_lists_are_read_and_written_as_their_switches_do() {
        let csv = rule(Encoding::Csv, 1);
        assert_eq!(
            with(csv, b"0,4097,4099", 4098, true).unwrap(),
            b"0,4097,4098,4099"
        );
        let ranges = rule(Encoding::Ranges, 1);
        assert_eq!(with(ranges, b"1, 3, 4-7, 11", 2, true).unwrap(), b"1-7, 11");
        assert_eq!(with(ranges, b"1-3", 2, false).unwrap(), b"1, 3");
        assert_eq!(numbers(csv, b"").unwrap(), BTreeSet::new());
        for bad in [&b"x"[..], b"7-3", b"1-99999999", b"\xff\x00", b"-"] {
            assert_eq!(numbers(csv, bad), None, "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_set_is_there_and_nothing_else_changed(
            octets in proptest::collection::vec(proptest::num::u8::ANY, 0..40), n in 1u32..600, on: bool, csv: bool
        ) {
            let r = rule(if csv { Encoding::Csv } else { Encoding::Bitmap }, 1);
            let octets = if csv { b"4,9,12".to_vec() } else { octets };
            let after = with(r, &octets, n, on).unwrap();
            proptest::prop_assert_eq!(contains(r, &after, n), Some(on));
            let mut want = numbers(r, &octets).unwrap();
            if on { want.insert(n); } else { want.remove(&n); }
            proptest::prop_assert_eq!(numbers(r, &after).unwrap(), want);
        }

        #[test]
        fn no_octets_panic(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..40), n: u32) {
            for e in [Encoding::Bitmap, Encoding::Csv, Encoding::Ranges] {
                for first in [0, 1] {
                    let r = rule(e, first);
                    let _ = (numbers(r, &octets), contains(r, &octets, n), with(r, &octets, n, true));
                }
            }
        }
    }
}
