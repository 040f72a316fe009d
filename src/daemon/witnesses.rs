//! Which cameras are asked as witnesses: a rotating sample of those that answered lately, by unicast where their MAC
//! address is known.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::config::{Config, Peer};
use crate::net::arp::{ArpFrame, ArpOp};
use crate::takeover::event::Witness;
use crate::types::{BootTime, MacAddr, Vip};
use crate::verify::Inventory;

/// A camera that answered within this before the newest answer of any is a witness.
const LATELY: Duration = Duration::from_secs(600);
/// All cameras are asked once in this, so that it is known which of them answer.
const ROUND: u32 = 240;
/// While some were never asked, so many are asked at a time.
const AT_FIRST: usize = 4;
/// A camera that never answered is asked so often before it is taken for one that does not.
const TRIES: u32 = 6;
/// A question that is not answered by then may be asked again before the others.
const AGAIN: Duration = Duration::from_millis(20);

/// The witnesses of one VIP.
#[derive(Clone, Debug, Default)]
pub struct Witnesses {
    cameras: Vec<Ipv4Addr>,
    gateway: Option<Ipv4Addr>,
    switches: Vec<Ipv4Addr>,
    macs: BTreeMap<Ipv4Addr, MacAddr>,
    seen: BTreeMap<Ipv4Addr, Seen>,
    newest: BootTime,
    next: usize,
    look: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    asked: Option<BootTime>,
    answered: Option<BootTime>,
    /// Questions since the last answer.
    tries: u32,
}

impl Seen {
    fn unknown(&self) -> bool {
        self.answered.is_none() && self.tries < TRIES
    }

    fn open(&self) -> bool {
        self.asked.is_some() && self.answered < self.asked
    }
}

impl Witnesses {
    /// Those of `peer`: its cameras, its gateway, the switches of its fence.
    pub fn of(config: &Config, peer: &Peer, inventory: &Inventory) -> Self {
        let cameras = inventory.cameras().iter().map(|c| (c.address, c.mac));
        let switches = peer
            .fence
            .iter()
            .flat_map(|f| f.by_switch())
            .filter_map(|(name, _)| config.switches.get(name));
        Witnesses::new(
            peer.vip,
            cameras,
            peer.detect.gateway,
            switches.map(|s| *s.address.ip()),
        )
    }

    /// `cameras` with the MAC addresses that the inventory knows; those that are not on the VIP's network are left
    /// out, as are `gateway` and `switches` off it.
    pub fn new(
        vip: Vip,
        cameras: impl Iterator<Item = (Ipv4Addr, Option<MacAddr>)>,
        gateway: Option<Ipv4Addr>,
        switches: impl Iterator<Item = Ipv4Addr>,
    ) -> Self {
        let mut out = Witnesses {
            gateway: gateway.filter(|g| vip.on_link(*g)),
            switches: switches.filter(|s| vip.on_link(*s)).collect(),
            ..Witnesses::default()
        };
        for (address, mac) in cameras.filter(|(a, _)| vip.on_link(*a)) {
            if !out.cameras.contains(&address) {
                out.cameras.push(address);
            }
            out.macs.extend(mac.map(|m| (address, m)));
        }
        out
    }

    /// The next `count` cameras to ask, and gateway and switches. At most half of the cameras are asked again, because
    /// their last question is open; the others follow in turn.
    pub fn next(&mut self, now: BootTime, count: usize) -> Vec<Ipv4Addr> {
        let mut due: Vec<(BootTime, Ipv4Addr)> = self
            .cameras
            .iter()
            .filter(|c| self.counts(**c))
            .filter_map(|c| {
                let seen = self.seen.get(c).filter(|s| s.open())?;
                let asked = seen.asked.filter(|a| now >= *a + AGAIN)?;
                // What was left open long ago was not asked in this suspicion.
                (now < asked + AGAIN * 250).then_some((asked, *c))
            })
            .collect();
        due.sort_unstable();
        let mut out: Vec<Ipv4Addr> = due.into_iter().map(|(_, c)| c).take(count / 2).collect();
        let n = self.cameras.len();
        for _ in 0..n {
            if out.len() >= count {
                break;
            }
            let camera = self.cameras[self.next % n];
            self.next = (self.next + 1) % n;
            if self.counts(camera) && !out.contains(&camera) {
                out.push(camera);
            }
        }
        out.extend(self.gateway);
        out.extend(&self.switches);
        out
    }

    /// A few cameras, so that all are asked now and then: those that were off, or never asked, are found.
    pub fn unseen(&mut self) -> Vec<Ipv4Addr> {
        let n = self.cameras.len();
        let unknown = |c: &&Ipv4Addr| self.seen.get(c).is_none_or(Seen::unknown);
        let first: Vec<Ipv4Addr> = self
            .cameras
            .iter()
            .filter(unknown)
            .take(AT_FIRST)
            .copied()
            .collect();
        if !first.is_empty() {
            return first;
        }
        let count = n.div_ceil(ROUND as usize);
        (0..count)
            .map(|_| {
                self.look = (self.look + 1) % n;
                self.cameras[self.look]
            })
            .collect()
    }

    /// True if `camera` is a witness: it answered lately, or nobody knows yet whether it does.
    fn counts(&self, camera: Ipv4Addr) -> bool {
        match self.seen.get(&camera) {
            None => true,
            Some(Seen {
                answered: Some(at), ..
            }) => *at + LATELY >= self.newest,
            Some(seen) => seen.unknown(),
        }
    }

    /// Where a question to `target` goes.
    pub fn mac(&self, target: Ipv4Addr) -> Option<MacAddr> {
        self.macs.get(&target).copied()
    }

    /// A question to `target` left. Which witness that is, if it counts as one.
    pub fn asked(&mut self, now: BootTime, target: Ipv4Addr) -> Option<Witness> {
        let who = self.who(target)?;
        let counts = !matches!(who, Witness::Camera(_)) || self.counts(target);
        let seen = self.seen.entry(target).or_default();
        seen.asked = Some(now);
        seen.tries = seen.tries.saturating_add(1);
        counts.then_some(who)
    }

    fn who(&self, address: Ipv4Addr) -> Option<Witness> {
        if self.gateway == Some(address) {
            Some(Witness::Gateway)
        } else if self.switches.contains(&address) {
            Some(Witness::Switch)
        } else if self.cameras.contains(&address) {
            Some(Witness::Camera(address))
        } else {
            None
        }
    }

    /// Who answered, if `frame` is a witness's answer to us.
    pub fn answer(
        &mut self,
        now: BootTime,
        frame: &ArpFrame,
        own_mac: MacAddr,
        own: Ipv4Addr,
    ) -> Option<Witness> {
        if frame.op != ArpOp::Reply || frame.tha != own_mac || frame.tpa != own {
            return None;
        }
        let who = self.who(frame.spa)?;
        self.macs.insert(frame.spa, frame.sha);
        let seen = self.seen.entry(frame.spa).or_default();
        seen.answered = Some(now);
        seen.tries = 0;
        self.newest = now;
        Some(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 102);
    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
    const CAMERA: MacAddr = MacAddr([2, 0, 0, 0, 1, 0]);

    fn at(ms: u64) -> BootTime {
        BootTime(1_000_000 + ms * 1000)
    }

    fn camera(i: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 1, 110 + i)
    }

    fn witnesses(n: u8) -> Witnesses {
        let vip = "192.168.1.101/24".parse().unwrap();
        let cameras = (0..n).map(|i| (camera(i), None));
        Witnesses::new(vip, cameras, None, std::iter::empty())
    }

    fn answer(w: &mut Witnesses, now: BootTime, from: Ipv4Addr) -> Option<Witness> {
        let frame = ArpFrame {
            op: ArpOp::Reply,
            tha: MAC,
            ..ArpFrame::request(CAMERA, from, OWN, Some(MAC))
        };
        w.answer(now, &frame, MAC, OWN)
    }

    #[test]
    fn every_camera_has_its_turn() {
        let mut w = witnesses(10);
        let mut asked: Vec<Ipv4Addr> = (0..5).flat_map(|_| w.next(at(0), 4)).collect();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 10);
    }

    #[test]
    fn fewer_cameras_than_asked_for_are_each_asked_once() {
        assert_eq!(witnesses(2).next(at(0), 8).len(), 2);
        assert!(witnesses(0).next(at(0), 8).is_empty());
    }

    #[test]
    fn a_camera_behind_a_router_is_no_witness() {
        let vip = "192.168.1.101/24".parse().unwrap();
        let cameras = [(Ipv4Addr::new(10, 0, 0, 7), None)].into_iter();
        let mut w = Witnesses::new(vip, cameras, None, std::iter::empty());
        assert!(w.next(at(0), 8).is_empty());
    }

    #[test]
    fn a_camera_that_does_not_answer_any_more_is_no_witness_and_one_that_is_not_known_is() {
        let mut w = witnesses(4);
        for i in 0..4 {
            for _ in 0..6 {
                assert!(w.asked(at(0), camera(i)).is_some(), "nobody knows yet");
            }
        }
        for i in 0..3 {
            assert!(answer(&mut w, at(1), camera(i)).is_some());
        }
        assert_eq!(
            w.asked(at(100), camera(3)),
            None,
            "it was asked and did not answer"
        );
        assert_eq!(w.next(at(100), 8).len(), 3);
        // While nobody answers at all, those that did stay witnesses, however long it lasts.
        assert!(w.asked(at(3_600_000), camera(0)).is_some());
        answer(&mut w, at(3_600_001), camera(1));
        assert_eq!(w.asked(at(3_600_100), camera(0)), None);
    }

    #[test]
    fn an_open_question_is_asked_again_and_takes_at_most_half() {
        let mut w = witnesses(20);
        let first = w.next(at(0), 8);
        for c in &first {
            w.asked(at(0), *c);
        }
        let second = w.next(at(25), 8);
        let again = second.iter().filter(|c| first.contains(c)).count();
        assert_eq!((second.len(), again), (8, 4));
    }
}
