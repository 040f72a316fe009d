//! The MAC addresses of one peer.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MacAddr;

/// By which MAC addresses a peer answers: the one by which it does now, and those that the configuration lists because
/// it has several (a bond in balance-alb or with fail_over_mac, two cards). Each of them is the peer.
///
/// As JSON `null`, or the address as text, as long as there is one at most; an object where several are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerMacs {
    now: Option<MacAddr>,
    /// Empty unless there are several.
    listed: Vec<MacAddr>,
    /// The last one that is not on the list and is the peer's all the same: a new card, or as its heartbeat says.
    other: Option<MacAddr>,
}

impl PeerMacs {
    /// As the configuration lists them: the first one counts as the one that answers, until another does.
    pub fn listed(all: &[MacAddr]) -> Self {
        PeerMacs {
            now: all.first().copied(),
            listed: if all.len() > 1 {
                all.to_vec()
            } else {
                Vec::new()
            },
            other: None,
        }
    }

    /// Those of the list, and `now` as the one that answers: in the place of a list of one, beside a longer one.
    pub fn and_now(&self, now: Option<MacAddr>) -> Self {
        let mut macs = self.clone();
        if let Some(now) = now {
            macs.set_now(now);
        }
        macs
    }

    /// The one by which it answered last; `None`: nothing is known of it yet.
    pub fn now(&self) -> Option<MacAddr> {
        self.now
    }

    /// The same, and of those that are listed always the first: what a journal keeps, so that it is not written each time
    /// that the next leg of a bond answers.
    pub fn lead(&self) -> Option<MacAddr> {
        let listed = self.now.is_some_and(|now| self.listed.contains(&now));
        if listed {
            self.listed.first().copied()
        } else {
            self.now
        }
    }

    /// True if this is the peer.
    pub fn has(&self, mac: MacAddr) -> bool {
        self.now == Some(mac) || self.other == Some(mac) || self.listed.contains(&mac)
    }

    /// True if any is known.
    pub fn known(&self) -> bool {
        self.now.is_some()
    }

    /// True if the configuration lists more than one.
    pub fn several(&self) -> bool {
        !self.listed.is_empty()
    }

    /// All of them, the one that answers first.
    pub fn iter(&self) -> impl Iterator<Item = MacAddr> {
        let rest = self.listed.iter().copied().chain(self.other);
        self.now
            .into_iter()
            .chain(rest.filter(|m| self.now != Some(*m)))
    }

    /// The same as a list.
    pub fn all(&self) -> Vec<MacAddr> {
        self.iter().collect()
    }

    /// It answers by this one from now on; the listed ones stay its own.
    pub fn set_now(&mut self, mac: MacAddr) {
        if self.several() && !self.listed.contains(&mac) {
            self.other = Some(mac);
        }
        self.now = Some(mac);
    }
}

impl From<MacAddr> for PeerMacs {
    fn from(mac: MacAddr) -> Self {
        Some(mac).into()
    }
}

impl From<Option<MacAddr>> for PeerMacs {
    fn from(now: Option<MacAddr>) -> Self {
        PeerMacs {
            now,
            ..PeerMacs::default()
        }
    }
}

impl fmt::Display for PeerMacs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.iter().map(|m| m.to_string()).collect();
        f.write_str(&words.join(", "))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(Option<MacAddr>),
    Several {
        now: Option<MacAddr>,
        listed: Vec<MacAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<MacAddr>,
    },
}

impl Serialize for PeerMacs {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (now, listed, other) = (self.now, self.listed.clone(), self.other);
        match listed.is_empty() {
            true => Written::One(now),
            false => Written::Several { now, listed, other },
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for PeerMacs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(d)? {
            Written::One(now) => now.into(),
            Written::Several { now, listed, other } => PeerMacs { now, listed, other },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
    const NEW: MacAddr = MacAddr([2, 0, 0, 0, 0, 3]);

    #[test]
    fn each_of_the_listed_is_the_peer_whichever_answers() {
        let mut macs = PeerMacs::listed(&[A, B]);
        assert!(macs.has(A) && macs.has(B) && !macs.has(NEW) && macs.several());
        macs.set_now(B);
        assert_eq!((macs.all(), macs.lead()), (vec![B, A], Some(A)));
        // A new card beside them takes nothing from them.
        macs.set_now(NEW);
        assert_eq!((macs.all(), macs.lead()), (vec![NEW, A, B], Some(NEW)));
        macs.set_now(A);
        assert_eq!(macs.all(), [A, B, NEW]);
        let mut one = PeerMacs::listed(&[A]);
        one.set_now(NEW);
        assert!(!one.has(A) && one.has(NEW) && !one.several());
    }

    #[test]
    fn written_as_ever_unless_there_are_several() {
        let mut several = PeerMacs::listed(&[A, B]);
        several.set_now(NEW);
        for (macs, text) in [
            (PeerMacs::default(), "null"),
            (A.into(), "\"02:00:00:00:00:01\""),
            (
                several,
                "{\"now\":\"02:00:00:00:00:03\",\"listed\":[\"02:00:00:00:00:01\",\"02:00:00:00:00:02\"],\"other\":\"02:00:00:00:00:03\"}",
            ),
        ] {
            assert_eq!(serde_json::to_string(&macs).unwrap(), text);
            assert_eq!(serde_json::from_str::<PeerMacs>(text).unwrap(), macs);
        }
    }
}
