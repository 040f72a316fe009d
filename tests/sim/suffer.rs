//! What happens to the world when something is done to it.

use std::time::Duration;

use crate::machine::Tells;
use crate::plan::What;
use crate::world::{CAMERAS, Lie, PORTS, VIP, World, now};

impl World {
    pub fn suffer(&mut self, what: What) {
        match what {
            What::Off(i, linked) => {
                self.machines[i].linked_when_off = linked;
                self.machines[i].power_off();
            }
            What::On(i) => {
                let m = &mut self.machines[i];
                if !m.power {
                    (m.power, m.serves, m.boots) = (true, true, m.boots + 1);
                }
            }
            What::Serves(i, on) => self.machines[i].serves = on,
            What::Freeze(i, on) => self.machines[i].frozen = on,
            What::Cable(i, on) => self.machines[i].cable = on,
            What::Plug(i, port) => {
                // A port takes one cable: the one that was there takes its place.
                let port = PORTS[port - 1];
                let was = std::mem::replace(&mut self.machines[i].plug, port);
                let other = &mut self.machines[1 - i].plug;
                if *other == port {
                    *other = was;
                }
            }
            What::Hides(i, on) => {
                self.suffer(What::Freeze(i, on));
                self.suffer(What::Plug(i, if on { 3 } else { i + 1 }));
                return self.suffer(What::Cable(i, true));
            }
            What::Remake(i) => self.machines[i].remake(),
            What::Rename(i, back) => {
                let m = &mut self.machines[i];
                m.name = if back { "eth0" } else { "enp3s0" };
                let link = m.link();
                m.tell(standin::net::watch::NetEvent::Link(link));
            }
            What::Own(i, there) => self.machines[i].set_own(there),
            What::FlushRules(i) => self.machines[i].tables.clear(),
            What::Tells(i, how) => self.machines[i].tells = how,
            What::SlowDisk(i, us) => self.machines[i].disk.slow = us,
            What::HungDisk(i, us) => self.machines[i].disk.hangs_until = now() + us,
            What::Disk(i, fault) => self.machines[i].disk.fault = fault,
            What::Silent(on) => self.silent = on,
            What::SlowSwitch(us) => self.slow = us,
            What::Ignores(on) => {
                self.switch.faults.ignores = if on { vec![0] } else { Vec::new() };
            }
            What::Stale(on) => {
                self.switch.faults.oper_cache = on.then_some(Duration::from_secs(2));
            }
            What::Reboot => self.reboot_switch(),
            What::Opened(i) => {
                let plug = self.machines[i].plug;
                self.switch.port(plug).admin = 1;
            }
            What::Loss(thousandths) => self.loss = thousandths,
            What::Twice(thousandths) => self.twice = thousandths,
            What::Delay(us) => self.delay = us,
            What::Cut(from, to, true) => drop(self.cuts.insert((from, to))),
            What::Cut(from, to, false) => drop(self.cuts.remove(&(from, to))),
            What::Apart(on) => self.apart = on,
            What::SwitchOff(off) => {
                if self.dark && !off {
                    self.reboot_switch();
                }
                self.dark = off;
            }
            What::TakeOff(i, told) => {
                let m = &mut self.machines[i];
                let tells = m.tells;
                m.tells = if told { tells } else { Tells::Never };
                m.remove(VIP);
                m.tells = tells;
            }
            What::Alone(i, on) => {
                for other in [1 - i, CAMERAS] {
                    for way in [(i, other), (other, i)] {
                        match on {
                            true => drop(self.cuts.insert(way)),
                            false => drop(self.cuts.remove(&way)),
                        }
                    }
                }
            }
            What::JournalLost(i) => self.machines[i].disk.lose_journal(),
            What::Queue(i, room) => self.machines[i].queue_room = room,
            What::NoAddress(i, on) => self.machines[i].no_address = on,
            What::SlowNft(i, us) => self.machines[i].nft_slow = us,
            What::NoNft(i, on) => self.machines[i].no_nft = on,
            What::Lies(lie) => {
                self.lie = Some(lie);
                if lie == Lie::LinkStays {
                    self.machines[1].tells = Tells::Never;
                }
            }
            What::Stall(..)
            | What::Reload(..)
            | What::Order(..)
            | What::Term(_)
            | What::Kill(_)
            | What::Rest => {}
        }
        self.settle();
    }
}
