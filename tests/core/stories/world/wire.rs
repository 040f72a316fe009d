//! The wire: whose frames reach whom, and what the machines say on it unasked.

use std::time::Duration;

use standin::takeover::event::{Beat, Event};
use standin::types::MacAddr;

use super::{MS, World};

const A_THIRD_MACHINE: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x99]);

impl World {
    /// True if the host's frames reach the production VLAN.
    pub fn on_data(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        h.up && self.has_carrier(i) && h.in_vlan
    }

    pub(super) fn has_carrier(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        h.cable && (!h.fenced || h.elsewhere) && self.switch_up
    }

    pub(super) fn hears(&self, i: usize, j: usize) -> bool {
        i != j && !self.parted && self.on_data(i) && self.on_data(j)
    }

    pub(super) fn answers(&self, i: usize) -> bool {
        let h = &self.hosts[i];
        // A mute machine's port may be anywhere; one that may speak answers where its port is.
        self.on_data(i) && h.vip.is_some() && (h.production || !h.rewires())
    }

    pub(super) fn holders_speak(&mut self) {
        for i in 0..2 {
            if self.chatter && self.answers(i) && self.one_way() {
                self.frame_from(i);
            }
        }
    }

    /// An ARP frame with the VIP as sender leaves host `i`.
    pub(super) fn frame_from(&mut self, i: usize) {
        if self.hears(i, 1 - i) {
            let mac = self.hosts[i].mac;
            self.to(1 - i, MS, Event::VipSeen { mac });
        }
    }

    pub(super) fn arp_probe(&mut self, i: usize, to: Option<MacAddr>) {
        let other = self.hosts[1 - i].mac;
        let hit = |mac: MacAddr| to.is_none_or(|t| t == mac);
        if self.hears(i, 1 - i) && self.answers(1 - i) && hit(other) {
            self.to(i, MS, Event::VipSeen { mac: other });
        }
        if self.third && self.on_data(i) && hit(A_THIRD_MACHINE) {
            let mac = A_THIRD_MACHINE;
            self.to(i, MS, Event::VipSeen { mac });
        }
    }

    pub(super) fn beats(&mut self) {
        for i in 0..2 {
            self.beat_of(i);
        }
    }

    /// One heartbeat of host `i`, on each path.
    pub(super) fn beat_of(&mut self, i: usize) {
        let h = &self.hosts[i];
        let (Some(m), true) = (&h.machine, h.up && h.stalled_until <= self.now) else {
            return;
        };
        if !m.policy().pair {
            return;
        }
        let flags = m.flags();
        let beat = Beat {
            data_path: true,
            node: h.name.to_owned(),
            holds: flags.holds,
            epoch: flags.epoch,
            carrier: self.has_carrier(i),
            service_ok: h.service,
            wants_yield: flags.wants_yield,
            yielded: flags.yielded,
            grants: flags.grants,
            mac: h.mac,
            hold: flags.hold,
            preferred: m.policy().preferred,
            confirmed: None,
            interval: Some(Duration::from_micros(self.beat_every)),
            fence_timeout: Some(m.policy().fence_timeout),
        };
        if self.hears(i, 1 - i) && self.one_way() {
            self.to(1 - i, MS, Event::Beat(beat.clone()));
        }
        let mgmt = self.hosts[i].mgmt && self.hosts[1 - i].mgmt && !self.parted;
        if mgmt && self.hosts[1 - i].up {
            let data_path = false;
            self.to(1 - i, MS, Event::Beat(Beat { data_path, ..beat }));
        }
    }

    pub(super) fn carriers(&mut self) {
        for i in 0..2 {
            let up = self.has_carrier(i);
            if self.hosts[i].carrier_told != up {
                self.hosts[i].carrier_told = up;
                self.to(i, MS / 2, Event::Carrier { up });
            }
        }
    }
}
