//! What is asked and done beside the steps: the peer's service and port, the gate of a takeover that is over, the
//! address that is renewed.

use super::fencing::Unread;
use super::hub::Input;
use super::interfaces::Interface;
use super::owed::Owed;
use super::parked;
use super::perform::{Hands, Shared};
use super::steps::{Asked, Way};
use crate::detect::icmp::IcmpError;
use crate::detect::rtmp::From;
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::event::{Event, FenceRead};
use crate::takeover::left::{PortLeft, PortState};
use crate::takeover::policy::MANAGEMENT_ANSWERS;
use crate::types::IfIndex;
use std::io::ErrorKind;
use std::time::Duration;

/// Why something could not be asked where our own task panicked.
const FAULT: &str =
    "a fault of standin (the log has a line that begins with `panic at`: please report it)";

impl Hands {
    /// Opens the gate of a takeover that is over, if one was closed.
    pub(super) fn open_gate(&mut self, shared: &Shared) {
        self.gate_closed = None;
        self.gate.order_open();
        self.look_at_gate(shared);
    }

    /// The gate is closed again, or opened, as it is wanted.
    pub(super) fn look_at_gate(&self, shared: &Shared) {
        let _slow = shared.slow.enter();
        self.gate.look(self.me, &shared.tx);
    }

    /// How the peer's service is reached on the VIP. An address that is ours too is reached only by naming the interface.
    pub(super) fn way(&self, interface: &Interface, shared: &Shared) -> Way {
        Way {
            at: self.service_at(self.vip().addr),
            from: match (&self.parked, interface.own) {
                (Some(_), _) => Ok(From::Interface(interface.name.clone())),
                (None, _) if self.vip_is_here => {
                    Err(format!("{} is on this machine itself", self.vip().addr))
                }
                (None, Some(own)) => Ok(From::Address(own)),
                (None, None) => Err(format!("{} has no address of its own", interface.name)),
            },
            by: (interface.name.clone(), IfIndex(interface.index)),
            listening: self
                .parked
                .as_ref()
                .map(|_| (shared.host.kernel.clone(), IfIndex(interface.index))),
            wire: shared.host.wire.clone(),
        }
    }

    /// One echo request to the VIP. What keeps it from leaving is our own fault (no route, our firewall), and is said.
    pub(super) fn ping(&mut self, shared: &Shared) {
        let (Some(pinger), false) = (&self.pinger, self.vip_is_here) else {
            return;
        };
        self.ping.0 = self.ping.0.wrapping_add(1);
        let fault = match pinger.send(self.ping.0) {
            Ok(()) => None,
            // A full queue is none.
            Err(IcmpError::Io { source, .. }) if source.kind() == ErrorKind::WouldBlock => return,
            Err(e) => Some(e.to_string()),
        };
        let (peer, key, before) = (Some(self.me), "cannot-ping", self.ping.1);
        self.ping.1 = fault.is_some();
        let said = match fault {
            Some(e) => Input::Raise {
                peer,
                key,
                level: Level::Warning,
                text: format!("no ping leaves from here, which says nothing of the peer: {e}"),
            },
            None if before => Input::Settle {
                peer,
                key,
                text: "pings leave again".to_owned(),
            },
            None => return,
        };
        let _ = shared.tx.send(said);
    }

    /// One echo request to the peer's management address, by whatever way the kernel has.
    pub(super) fn ask_management(&self, shared: &Shared) {
        let Some(target) = self.peer.management else {
            return;
        };
        let (peer, tx) = (self.me, shared.tx.clone());
        let id = rt::random() as u16;
        let wire = shared.host.wire.clone();
        shared.slow.spawn(async move {
            let probe = wire.echo(None, target, id).and_then(|p| p.send(0).map(|()| p));
            let key = "cannot-ask-management";
            let probe = match probe {
                Ok(probe) => probe,
                Err(e) => {
                    let text = format!("the peer's management address cannot be asked from here, so whether it is alive there is not known: {e}");
                    let _ = tx.send(Input::Raise { peer: Some(peer), key, level: Level::Warning, text });
                    return;
                }
            };
            let text = "the peer's management address can be asked again".to_owned();
            let _ = tx.send(Input::Settle { peer: Some(peer), key, text });
            if let Ok(Ok(_)) = rt::timeout(MANAGEMENT_ANSWERS, probe.recv()).await {
                let _ = tx.send(Input::Event(peer, Event::ManagementAnswers));
            }
        });
    }

    pub(super) fn probe_service(&self, interface: &Interface, shared: &Shared) {
        let (way, me, tx) = (self.way(interface, shared), self.me, shared.tx.clone());
        let within = self.peer.detect.service_timeout;
        let event = Event::ServiceNotAsked {
            why: FAULT.to_owned(),
        };
        let owed = Owed::new(&tx, [Input::Event(me, event)]);
        shared.slow.spawn(async move {
            let asked = way.ask(within).await;
            owed.paid();
            let event = match asked {
                Asked::Serves => Event::Service {
                    ok: true,
                    fault: String::new(),
                },
                Asked::Fails(fault) => Event::Service { ok: false, fault },
                Asked::Prevented(why) => Event::ServiceNotAsked { why },
            };
            let _ = tx.send(Input::Event(me, event));
        });
    }

    /// Reads each port of a fence that was left in place.
    pub(super) fn read_back(&self, shared: &Shared) {
        let (fencing, tx, me) = (self.fencing.clone(), shared.tx.clone(), self.me);
        let said = move |ports| Input::Event(me, Event::ReadBack(ports));
        let state = PortState::Unknown;
        let unread = fencing
            .ports()
            .into_iter()
            .map(|port| PortLeft { port, state });
        let unread = said(unread.collect());
        let read = async move { said(fencing.read_each().await) };
        shared.slow.spawn(Owed::answer(tx, unread, read));
    }

    /// Looks whether both of a pair have shut the other.
    pub(super) fn read_tie(&self, shared: &Shared) {
        let (fencing, tx, me) = (self.fencing.clone(), shared.tx.clone(), self.me);
        let said = move |tied| Input::Event(me, Event::Tied(tied));
        let read = async move { said(fencing.tied().await) };
        shared.slow.spawn(Owed::answer(tx, said(false), read));
    }

    pub(super) fn read_fence(&self, shared: &Shared) {
        let (fencing, tx, me) = (self.fencing.clone(), shared.tx.clone(), self.me);
        let said = move |read| Input::Event(me, Event::FenceRead(read));
        let read = async move { said(fencing.read().await) };
        shared
            .slow
            .spawn(Owed::answer(tx, said(FenceRead::Unknown), read));
    }

    pub(super) fn poll_port(&self, shared: &Shared) {
        let (fencing, me, tx) = (self.fencing.clone(), self.me, shared.tx.clone());
        let silent = [
            Input::Switch(me, Err(Unread::Fault(FAULT.to_owned()))),
            Input::Event(me, Event::SwitchSilent),
        ];
        let owed = Owed::new(&tx, silent);
        shared.slow.spawn(async move {
            let polled = fencing.poll().await;
            owed.paid();
            let event = match polled {
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
        if self.parked.is_some() {
            let (kernel, index) = (shared.host.kernel.clone(), interface.index);
            let vip = self.vip();
            let name = interface.name.clone();
            rt::spawn(async move {
                if let Err(e) = parked::ensure(&*kernel, (&name, index), vip).await {
                    tracing::error!(%vip, error = %e, "the VIP could not be put back");
                }
            });
            return;
        }
        if let Some((keeper, _)) = self.order_address(lifetime, interface) {
            keeper.look(self.me, &shared.tx);
        }
    }
}
