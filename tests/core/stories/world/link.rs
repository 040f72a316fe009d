//! What the links lose, and what the budget of an interface lets out: the real budget, and the real choice of witnesses.

use std::net::Ipv4Addr;

use standin::daemon::witnesses::Witnesses;
use standin::net::arp::{ArpFrame, ArpOp};
use standin::net::budget::Budget;
use standin::takeover::event::{Asked, Event, Sent, Witness};
use standin::types::{BootTime, MacAddr};

use super::{MS, World};
use crate::policies::mac_of;

const CAMERA: MacAddr = MacAddr([2, 0, 0, 0, 1, 0]);

/// Losses, in per cent of the frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// What leaves `b`, whoever it is for.
    pub out: u32,
    /// What comes to `b`.
    pub back: u32,
    /// At `a`'s own leg, each way.
    pub leg: u32,
    /// Nothing passes `a`'s own leg until then.
    pub leg_gap: u64,
    /// Nothing passes `b`'s leg until then.
    pub gap: u64,
}

/// The asking side of one host.
pub struct Asking {
    budget: Budget,
    witnesses: Witnesses,
    own: Ipv4Addr,
}

impl Asking {
    pub fn new(i: usize, per_second: u32, cameras: u8) -> Asking {
        let vip = crate::policies::policy(i, false).vip;
        let all = (0..cameras).map(|n| (camera(n), None));
        Asking {
            budget: Budget::per_second(per_second),
            witnesses: Witnesses::new(vip, all, None, std::iter::empty()),
            own: Ipv4Addr::new(192, 168, 1, 250 + i as u8),
        }
    }
}

pub fn camera(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, n)
}

impl World {
    pub fn seed(&mut self, seed: u64) {
        self.dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    }

    fn lost(&mut self, percent: u32) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        percent > 0 && self.dice % 100 < u64::from(percent)
    }

    /// One frame from `b`'s leg to a camera and its answer, or the way of one frame of `a` where `legs` is one more.
    fn round(&mut self, peer: bool) -> bool {
        let l = self.losses;
        let gap = self.now < l.gap || (peer && self.now < l.leg_gap);
        let near = self.lost(l.out) | self.lost(l.back);
        let far = peer && (self.lost(l.leg) | self.lost(l.leg));
        !gap && !near && !far
    }

    /// A frame that nobody asked for comes from `a` to `b`.
    pub(super) fn one_way(&mut self) -> bool {
        let l = self.losses;
        let gap = self.now < l.gap || self.now < l.leg_gap;
        let lost = self.lost(l.back) | self.lost(l.leg);
        !gap && !lost
    }

    /// What of the round is answered.
    pub(super) fn answered(&mut self) -> bool {
        self.round(true)
    }

    /// The question for the VIP leaves, if the budget has room and there is carrier.
    pub(super) fn ask_vip(&mut self, i: usize, to: Option<MacAddr>) {
        let now = BootTime(self.now);
        let sent = match (self.has_carrier(i), self.asking[i].budget.take(now)) {
            (false, _) => Sent::Failed,
            (true, Err(_)) => Sent::Refused,
            (true, Ok(())) => Sent::Left,
        };
        self.asked.get_or_insert_with(Asked::default).vip = Some(sent);
        if sent == Sent::Left && self.answered() {
            self.arp_probe(i, to);
        }
    }

    pub(super) fn ask_witnesses(&mut self, i: usize, count: usize) {
        let now = BootTime(self.now);
        let carrier = self.has_carrier(i);
        let targets = self.asking[i].witnesses.next(now, count);
        for target in targets {
            if !carrier || self.asking[i].budget.take_for_witness(now).is_err() {
                break;
            }
            let counts = self.asking[i].witnesses.asked(now, target);
            let asked = self.asked.get_or_insert_with(Asked::default);
            asked.witnesses.extend(counts);
            self.camera_answers(i, target);
        }
    }

    /// As the daemon does once a second.
    pub(super) fn look_for_witnesses(&mut self, i: usize) {
        let now = BootTime(self.now);
        if !self.has_carrier(i) || self.hosts[i].machine.is_none() {
            return;
        }
        for target in self.asking[i].witnesses.unseen() {
            if self.asking[i].budget.take_for_witness(now).is_err() {
                break;
            }
            self.asking[i].witnesses.asked(now, target);
            self.camera_answers(i, target);
        }
    }

    fn camera_answers(&mut self, i: usize, target: Ipv4Addr) {
        if !self.on_data(i) || target.octets()[3] >= self.cameras || !self.round(false) {
            return;
        }
        let (mac, own) = (mac_of(i), self.asking[i].own);
        let frame = ArpFrame {
            op: ArpOp::Reply,
            tha: mac,
            ..ArpFrame::request(CAMERA, target, own, Some(mac))
        };
        let now = BootTime(self.now + MS);
        let who = self.asking[i].witnesses.answer(now, &frame, mac, own);
        if let Some(w @ Witness::Camera(_)) = who {
            self.to(i, MS, Event::Witness(w));
        }
    }
}
