//! What happens to the machines: power, and an address that comes or goes without us.

use standin::takeover::event::Event;

use super::{MS, World};

impl World {
    /// The host loses its power; the journal stays.
    pub fn power_off(&mut self, i: usize) {
        self.crash(i);
        self.hosts[i].up = false;
        self.hosts[i].vip = None;
        self.hosts[i].service = false;
    }

    pub fn power_on(&mut self, i: usize, daemon: bool) {
        let now = self.now;
        let h = &mut self.hosts[i];
        h.up = true;
        h.boot += 1;
        h.booted_at = now;
        h.service = true;
        h.vip = h.vip_of_os.then_some(u64::MAX);
        self.carriers();
        if self.hosts[i].vip.is_some() && self.on_data(i) {
            self.frame_from(i);
        }
        if daemon {
            self.start_daemon(i);
        }
    }

    pub fn prune(&mut self, i: usize) {
        self.hosts[i].vip = None;
        self.to(i, MS / 2, Event::AddressLost);
    }

    /// A network manager or a person, or a fault of the peer's, puts the VIP there.
    pub fn force_address(&mut self, i: usize) {
        self.hosts[i].vip = Some(u64::MAX);
        self.frame_from(i);
    }
}
