//! What is asked of the peer and of the witnesses on an interface, and what of it left: the core counts nothing else.

use super::interfaces::{Interface, Unsent};
use super::perform::Hands;
use super::run_loop::Loop;
use crate::net::arp::ArpFrame;
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::event::{Asked, Event, Sent};
use crate::types::{BootTime, MacAddr};

/// The alarm of a peer that cannot be asked because of something on this machine.
const CANNOT_ASK: &str = "cannot-ask";

/// What the last actions asked, until the core is told.
#[derive(Debug, Default)]
pub struct Questions {
    asked: Option<Asked>,
    /// Why the peer could not be asked, or that it could.
    fault: Option<Result<(), String>>,
}

impl Hands {
    /// Asks who has the VIP, from our own address.
    pub(super) fn ask_peer(
        &mut self,
        now: BootTime,
        to: Option<MacAddr>,
        interface: &mut Interface,
    ) {
        let vip = self.vip().addr;
        let sent = interface.ask(now, |mac, own| ArpFrame::request(mac, own, vip, to));
        let said = match sent {
            Ok(()) => Sent::Left,
            Err(Unsent::Refused) => Sent::Refused,
            Err(Unsent::Failed(_)) => Sent::Failed,
        };
        self.questions.fault = match sent {
            Ok(()) => Some(Ok(())),
            Err(Unsent::Refused) => None,
            Err(Unsent::Failed(why)) => Some(Err(why)),
        };
        self.questions.asked.get_or_insert_default().vip = Some(said);
    }

    /// Asks the next witnesses in turn, as many as the budget has room for.
    pub(super) fn ask_witnesses(&mut self, now: BootTime, interface: &mut Interface) {
        let count = self.peer.detect.witnesses as usize;
        let asked = self.questions.asked.get_or_insert_default();
        for target in self.witnesses.next(now, count) {
            let to = self.witnesses.mac(target);
            let question = |mac, own| ArpFrame::request(mac, own, target, to);
            if interface.ask_witness(now, question).is_err() {
                // The rest has its turn in the next round.
                break;
            }
            asked.witnesses.extend(self.witnesses.asked(now, target));
        }
    }

    /// Finds out which cameras answer at all, a few a second: they are the witnesses of the next suspicion.
    pub(super) fn look_for_witnesses(&mut self, now: BootTime, interface: &mut Interface) {
        for target in self.witnesses.unseen() {
            let to = self.witnesses.mac(target);
            let question = |mac, own| ArpFrame::request(mac, own, target, to);
            if interface.ask_witness(now, question).is_err() {
                break;
            }
            self.witnesses.asked(now, target);
        }
    }
}

impl Loop {
    /// Tells a core what of its questions left, and a person if our own side could not ask.
    pub(super) fn tell_asked(&mut self, peer: usize) {
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        let Questions { asked, fault } = std::mem::take(&mut p.hands.questions);
        let name = self.interfaces[p.hands.listening].name.clone();
        match fault {
            Some(Err(why)) => self.raise(
                Some(peer),
                CANNOT_ASK,
                Level::Critical,
                format!("the peer cannot be asked on {name}: {why}; its silence proves nothing until that is mended on this machine"),
            ),
            Some(Ok(())) => self.settle(Some(peer), CANNOT_ASK, format!("the peer is asked on {name} again")),
            None => {}
        }
        if let Some(asked) = asked {
            self.event(peer, Event::Asked(asked));
        }
    }

    /// The peers of an interface take turns in looking for witnesses: each hears the answers to all.
    pub(super) fn look_for_witnesses(&mut self, count: u64) {
        let now = rt::boot();
        for at in 0..self.interfaces.len() {
            let here: Vec<usize> = (0..self.peers.len())
                .filter(|i| self.peers[*i].hands.listening == at)
                .filter(|i| self.peers[*i].machine.ownership().is_none())
                .collect();
            if here.is_empty() {
                continue;
            }
            let turn = here[(count % here.len() as u64) as usize];
            let hands = &mut self.peers[turn].hands;
            hands.look_for_witnesses(now, &mut self.interfaces[at]);
        }
    }
}
