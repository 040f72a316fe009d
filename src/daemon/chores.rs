//! What is done once a second, whatever happens: the watchdog is fed, who is on the peer's ports is read, our own
//! service is looked at.

use std::net::Ipv4Addr;

use super::beats::HEARD;
use super::clock;
use super::hub::Input;
use super::journal::Entry;
use super::notify;
use super::run_loop::{Loop, PeerRun};
use super::two_legs;
use crate::detect::rtmp::{self, From};
use crate::net::{address, link};
use crate::takeover::state::State;
use crate::types::IfIndex;

/// Who is on the peer's ports is read again this often while it is healthy, in chores.
const IDENTIFY_EVERY: u64 = 60;

/// snmpEngineBoots is read this often, in chores; sysUpTime comes with every poll of the port.
const BOOTS_EVERY: u64 = 5;
/// The newest heartbeats are journaled this often, in chores.
const REMEMBER_EVERY: u64 = 60;

impl Loop {
    pub(super) fn chores(&mut self, count: u64) {
        notify::alive(&self.status_line());
        if count.is_multiple_of(REMEMBER_EVERY)
            && let Some(beats) = &self.beats
        {
            let heard = serde_json::json!(beats.seen());
            self.journal
                .append(Entry::new(clock::now(), "", HEARD, heard));
        }
        self.look_for_ports();
        self.take_up_fences();
        for i in 0..self.peers.len() {
            self.check_legs(i);
            let p = &self.peers[i];
            let healthy =
                matches!(p.machine.state(), State::Standby) && p.machine.evidence().healthy;
            if healthy && count.is_multiple_of(IDENTIFY_EVERY) {
                let (fencing, tx) = (p.hands.fencing.clone(), self.shared.tx.clone());
                self.shared.slow.spawn(async move {
                    let _ = tx.send(Input::Identities(i, fencing.identities().await));
                });
            }
            if count.is_multiple_of(BOOTS_EVERY) {
                let (fencing, tx) = (p.hands.fencing.clone(), self.shared.tx.clone());
                self.shared.slow.spawn(async move {
                    if let Some(boots) = fencing.engine_boots().await {
                        let _ = tx.send(Input::EngineBoots(i, boots));
                    }
                });
            }
            if self.beats.is_some() {
                self.check_own_service(i);
            }
        }
    }

    /// Port takeover: the settings of both legs and their routes, read every time.
    fn check_legs(&self, peer: usize) {
        let p = &self.peers[peer];
        if p.hands.parked.is_none() {
            return;
        }
        let own = self.interfaces[p.hands.listening].own;
        let (tx, netlink) = (self.shared.tx.clone(), self.shared.netlink.clone());
        let (config, cameras) = (p.hands.peer.clone(), p.hands.inventory.clone());
        self.shared.slow.spawn(async move {
            if let Ok(faults) = two_legs::faults(&netlink, &config, own, &cameras).await {
                let _ = tx.send(Input::Legs(peer, faults));
            }
        });
    }

    /// What is wrong with the legs' settings is said when it changes.
    pub(super) fn legs_read(&mut self, peer: usize, faults: Vec<String>) {
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        if p.leg_faults != faults {
            for fault in &faults {
                tracing::error!(peer = %p.hands.name, "port takeover: {fault}");
            }
            if faults.is_empty() {
                tracing::info!(peer = %p.hands.name, "the settings of both legs are right again");
            }
            p.leg_faults = faults;
        }
    }

    fn check_own_service(&self, peer: usize) {
        let p = &self.peers[peer];
        let own = self.interfaces[p.interface].own;
        let at = std::net::SocketAddrV4::new(own, p.hands.peer.service.port);
        let (tx, within) = (self.shared.tx.clone(), p.hands.peer.detect.service_timeout);
        self.shared.slow.spawn(async move {
            let ok = rtmp::handshake(at, &From::Anywhere, within).await.is_ok();
            let _ = tx.send(Input::OwnService(peer, ok));
        });
    }

    fn status_line(&self) -> String {
        let states = self
            .peers
            .iter()
            .map(|p| format!("{} {}", p.hands.name, p.machine.label()));
        states.collect::<Vec<_>>().join(", ")
    }

    /// The kernel dropped notifications: carriers and addresses are read anew.
    pub(super) fn look_again(&self) {
        for (i, interface) in self.interfaces.iter().enumerate() {
            let (netlink, tx) = (self.shared.netlink.clone(), self.shared.tx.clone());
            let (name, index) = (interface.name.clone(), interface.index);
            let here = |p: &&PeerRun| p.hands.serving == i && p.machine.ownership().is_some();
            let owned: Vec<Ipv4Addr> = self
                .peers
                .iter()
                .filter(here)
                .map(|p| p.hands.peer.vip.addr)
                .collect();
            tokio::spawn(async move {
                if let Ok(state) = link::link(&netlink, &name).await {
                    let _ = tx.send(Input::Carrier(i, state.is_some_and(|l| l.carrier)));
                }
                for vip in owned {
                    let found = address::read_back(&netlink, IfIndex(index), vip).await;
                    if matches!(found, Ok(None)) {
                        let _ = tx.send(Input::AddressGone(index, vip));
                    }
                }
            });
        }
    }
}
