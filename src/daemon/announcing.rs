//! Announcing the VIP, and handing it back: what is asked of whom, and when it is sent.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::interfaces::Interface;
use super::perform::Hands;
use crate::net::announce::{Announcer, Next};
use crate::takeover::event::Outcome;
use crate::types::{BootTime, MacAddr};

/// A frame that could not be sent is tried again after this.
const RESEND: Duration = Duration::from_millis(20);

impl Hands {
    /// Begins to announce the VIP from the start.
    pub(super) fn announce(&mut self, now: BootTime, interface: &Interface) {
        let vip = self.vip();
        let cameras = self.sweep_targets();
        let refresh = self.peer.announce.refresh;
        self.announcing_on = self.serving;
        self.announcer = Some(Announcer::claim(
            interface.mac,
            vip.addr,
            &cameras,
            refresh,
            now,
        ));
    }

    pub(super) fn hand_back(
        &mut self,
        now: BootTime,
        peer_mac: Option<MacAddr>,
        interfaces: &mut [Interface],
    ) -> Outcome {
        let Some(mac) = peer_mac else {
            return Outcome::Failed("the peer's MAC address is not known".to_owned());
        };
        let cameras = self.sweep_targets();
        self.announcing_on = self.listening;
        self.announcer = Some(Announcer::release(
            interfaces[self.listening].mac,
            mac,
            self.vip().addr,
            &cameras,
            now,
        ));
        self.pump(now, interfaces);
        Outcome::Done(format!("the directed release sweep names {mac}"))
    }

    /// Every camera on the link, and the gateway for those that are not.
    fn sweep_targets(&self) -> Vec<Ipv4Addr> {
        let vip = self.vip();
        let all = self.inventory.cameras().iter().map(|c| c.address);
        let gateway = self.peer.detect.gateway.filter(|g| vip.on_link(*g));
        all.filter(|a| vip.on_link(*a)).chain(gateway).collect()
    }

    /// Sends what the announcement has due; returns when it is due next.
    pub fn pump(&mut self, now: BootTime, interfaces: &mut [Interface]) -> Option<BootTime> {
        let interface = &mut interfaces[self.announcing_on];
        loop {
            let announcer = self.announcer.as_mut()?;
            match announcer.next(now, &mut interface.budget) {
                Next::Send(frame) => {
                    if !interface.send(&frame) {
                        announcer.not_sent(&frame, now + RESEND);
                    }
                }
                Next::At(when) => return Some(when),
                Next::Done => {
                    self.announcer = None;
                    return None;
                }
            }
        }
    }
}
