//! The mark that says whose a fence is: a suffix of the port's description (ifAlias), the old text kept. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::Epoch;

/// What ifAlias can hold, octets (IF-MIB: `DisplayString (SIZE (0..64))`).
pub const ALIAS_MAX: usize = 64;

const OPEN: &[u8] = b"[standin:";

/// Whose fence it is: `[standin:NODE:EPOCH]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FenceTag {
    /// Name of the machine that fenced.
    pub node: String,
    /// The takeover it fenced for.
    pub epoch: Epoch,
}

impl fmt::Display for FenceTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[standin:{}:{}]", self.node, self.epoch)
    }
}

/// Splits a description into its own text and our tag, if one is at its end.
///
/// Spaces behind the tag are ignored (some switches pad); the one space before it belongs to the tag.
pub fn split(alias: &[u8]) -> (&[u8], Option<FenceTag>) {
    let trimmed = alias.trim_ascii_end();
    let found = trimmed
        .windows(OPEN.len())
        .rposition(|w| w == OPEN)
        .and_then(|at| Some((at, parse(&trimmed[at..])?)));
    match found {
        None => (alias, None),
        Some((at, tag)) => {
            let text = &alias[..at];
            (text.strip_suffix(b" ").unwrap_or(text), Some(tag))
        }
    }
}

fn parse(tag: &[u8]) -> Option<FenceTag> {
    let inner = tag.strip_prefix(OPEN)?.strip_suffix(b"]")?;
    let (node, epoch) = std::str::from_utf8(inner).ok()?.split_once(':')?;
    let plain =
        !node.is_empty() && !node.contains(|c: char| c.is_whitespace() || "[]:".contains(c));
    Some(FenceTag {
        node: plain.then(|| node.to_owned())?,
        epoch: Epoch(epoch.parse().ok()?),
    })
}

/// The description with `tag` in place of any tag of ours that is there; `None` if it would not fit into
/// [`ALIAS_MAX`] octets, or if the node's name could not be read back.
pub fn with_tag(alias: &[u8], tag: &FenceTag) -> Option<Vec<u8>> {
    let (text, _) = split(alias);
    let mut out = text.to_vec();
    if !out.is_empty() {
        out.push(b' ');
    }
    out.extend_from_slice(tag.to_string().as_bytes());
    let readable = split(&out) == (text, Some(tag.clone()));
    (out.len() <= ALIAS_MAX && readable).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(node: &str, epoch: u64) -> FenceTag {
        FenceTag {
            node: node.into(),
            epoch: Epoch(epoch),
        }
    }

    #[test]
    fn the_old_text_comes_back_octet_by_octet() {
        let t = tag("standby-b", 7);
        for text in [
            &b""[..],
            b"slave-a",
            b"two words ",
            b"\xff\xfe",
            b"[standin]",
            b"x [standin:",
        ] {
            let tagged = with_tag(text, &t).unwrap();
            assert_eq!(split(&tagged), (text, Some(t.clone())), "{tagged:?}");
        }
        assert_eq!(
            with_tag(b"slave-a", &t).unwrap(),
            b"slave-a [standin:standby-b:7]"
        );
        assert_eq!(split(b"slave-a [standin:b:7]  ").1, Some(tag("b", 7)));
    }

    #[test]
    fn a_new_tag_replaces_the_old_one_and_never_stacks() {
        let once = with_tag(b"slave-a", &tag("b", 7)).unwrap();
        assert_eq!(
            with_tag(&once, &tag("c", 8)).unwrap(),
            b"slave-a [standin:c:8]"
        );
    }

    #[test]
    fn what_does_not_fit_is_not_tagged_rather_than_cut() {
        let t = tag("b", 7); // " [standin:b:7]" is 14 octets
        assert!(with_tag(&[b'a'; 50], &t).is_some());
        assert!(with_tag(&[b'a'; 51], &t).is_none());
        assert!(with_tag(b"x", &tag("a b", 7)).is_none());
        assert!(with_tag(b"x", &tag("", 7)).is_none());
    }

    #[test]
    fn what_only_looks_like_a_tag_is_text() {
        for text in [
            "[standin:b]",
            "[standin:b:x]",
            "[standin:b:7] spare",
            "standin:b:7",
            "[standin::7]",
        ] {
            assert_eq!(split(text.as_bytes()), (text.as_bytes(), None), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_description_is_its_text_survives_tag_and_untag(
            text in proptest::collection::vec(proptest::num::u8::ANY, 0..64), epoch in 0u64..100_000,
        ) {
            let t = tag("b", epoch);
            let plain = split(&text).0;
            if let Some(tagged) = with_tag(&text, &t) {
                proptest::prop_assert!(tagged.len() <= ALIAS_MAX);
                proptest::prop_assert_eq!(split(&tagged), (plain, Some(t)));
            }
        }
    }
}
