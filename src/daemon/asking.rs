//! What is asked and done beside the steps: the peer's service and port, the gate of a takeover that is over, the
//! address that is renewed.

use super::claim;
use super::hub::Input;
use super::interfaces::Interface;
use super::parked;
use super::perform::{Hands, Shared};
use super::steps::Way;
use crate::detect::rtmp::From;
use crate::net::gate;
use crate::takeover::event::{Event, Outcome};
use crate::types::IfIndex;
use std::time::Duration;

impl Hands {
    /// Removes the gate of a takeover that is over, if one was closed.
    pub(super) fn open_gate(&mut self, shared: &Shared) {
        if self.gate_closed.take().is_some() {
            let (name, turn) = (self.name.clone(), self.gate_turn.clone());
            shared.slow.spawn(async move {
                let _turn = turn.lock().await;
                if let Err(e) = gate::open(&name).await {
                    tracing::error!(peer = %name, error = %e, "the gate could not be removed");
                }
            });
        }
    }

    /// How the peer's service is reached on the VIP. An address that is ours too is reached only by naming the interface.
    pub(super) fn way(&self, interface: &Interface, shared: &Shared) -> Way {
        Way {
            at: self.service_at(self.vip().addr),
            from: match self.parked {
                Some(_) => From::Interface(interface.name.clone()),
                None => From::Address(interface.own),
            },
            listening: self
                .parked
                .as_ref()
                .map(|_| (shared.netlink.clone(), IfIndex(interface.index))),
        }
    }

    pub(super) fn probe_service(&self, interface: &Interface, shared: &Shared) {
        let (way, me, tx) = (self.way(interface, shared), self.me, shared.tx.clone());
        let within = self.peer.detect.service_timeout;
        shared.slow.spawn(async move {
            let result = way.ask(within).await;
            let event = Event::Service {
                ok: result.is_ok(),
                fault: result.err().unwrap_or_default(),
            };
            let _ = tx.send(Input::Event(me, event));
        });
    }

    /// Looks whether both of a pair have shut the other.
    pub(super) fn read_tie(&self, shared: &Shared) {
        let (fencing, tx, me) = (self.fencing.clone(), shared.tx.clone(), self.me);
        shared.slow.spawn(async move {
            let _ = tx.send(Input::Event(me, Event::Tied(fencing.tied().await)));
        });
    }

    pub(super) fn poll_port(&self, shared: &Shared) {
        let (fencing, me, tx) = (self.fencing.clone(), self.me, shared.tx.clone());
        shared.slow.spawn(async move {
            let event = match fencing.poll().await {
                Ok(read) => {
                    let _ = tx.send(Input::Switch(me, Ok(read.sys_uptime_cs)));
                    Event::PeerPort { up: read.up }
                }
                Err(fault) => {
                    let _ = tx.send(Input::Switch(me, Err(fault)));
                    Event::SwitchSilent
                }
            };
            let _ = tx.send(Input::Event(me, event));
        });
    }

    pub(super) fn put_address(
        &self,
        lifetime: Option<Duration>,
        interface: &Interface,
        shared: &Shared,
    ) {
        let (netlink, index, vip) = (shared.netlink.clone(), interface.index, self.vip());
        let name = interface.name.clone();
        if self.parked.is_some() {
            tokio::spawn(async move {
                if let Err(e) = parked::ensure(&netlink, (&name, index), vip).await {
                    tracing::error!(%vip, error = %e, "the VIP could not be put back");
                }
            });
            return;
        }
        tokio::spawn(async move {
            if let Outcome::Failed(e) = claim::claim(&netlink, &name, index, vip, lifetime).await {
                tracing::error!(%vip, error = %e, "the VIP could not be renewed");
            }
        });
    }
}
