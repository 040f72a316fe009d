//! Our own side of the network may change under us: carrier that comes late, an interface that is deleted and made
//! anew or renamed, another MAC, another address. The kernel's events are subscribed before anything is read; on each
//! event, and each second, everything is read again, and sockets, announcer and core are brought up to date.
//!
//! An interface is found by its configured name; while no interface has that name, by its index (it was renamed).

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::hub::{Input, Tx};
use super::opening::open_pinger;
use super::perform::Hands;
use super::run_loop::Loop;
use crate::host::{Host, Kernel, KernelEvents};
use crate::net::kernel_view::KernelView;
use crate::net::link::LinkState;
use crate::net::netlink::NetlinkError;
use crate::net::watch::NetEvent;
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::event::{Event, Outcome};
use crate::types::{BootTime, MacAddr};

/// Everything is read again this often, whether the kernel said something or not.
const EVERY: Duration = Duration::from_secs(1);
/// Events that come together are one reason to read.
const TOGETHER: Duration = Duration::from_millis(50);
/// A subscription that the kernel refuses is tried again after this.
const RESUBSCRIBE: Duration = Duration::from_secs(1);

/// A subscription to the kernel's events, from before anything was read.
pub struct Follower(Arc<dyn Kernel>, Option<Box<dyn KernelEvents>>);

impl Follower {
    /// Subscribes; where the kernel refuses, [`follow`] tries again.
    pub fn subscribe(kernel: Arc<dyn Kernel>) -> Follower {
        let events = kernel.events().ok();
        Follower(kernel, events)
    }
}

/// Reads events and everything else into the loop from now on.
pub fn follow(Follower(kernel, events): Follower, tx: &Tx) {
    let changed = Arc::new(Notify::new());
    let subscribed = (kernel.clone(), events);
    rt::spawn(read_events(subscribed, changed.clone(), tx.clone()));
    rt::spawn(read_all(kernel, changed, tx.clone()));
}

async fn read_events(
    (kernel, mut events): (Arc<dyn Kernel>, Option<Box<dyn KernelEvents>>),
    changed: Arc<Notify>,
    tx: Tx,
) {
    loop {
        let Some(mut open) = events.take().or_else(|| kernel.events().ok()) else {
            rt::sleep(RESUBSCRIBE).await;
            continue;
        };
        // What was queued until now is older than what is read next.
        while let Some(Some(_)) = open.next().now_or_never() {}
        changed.notify_one();
        while let Some(event) = open.next().await {
            let input = match event {
                NetEvent::Link(link) => Some(Input::Link(link)),
                NetEvent::LinkGone(gone) => Some(Input::LinkGone(gone.0)),
                NetEvent::AddressGone(a) => Some(Input::AddressGone(a.ifindex.0, a.vip.addr)),
                NetEvent::AddressSet(_) | NetEvent::Resync => None,
            };
            if let Some(input) = input
                && tx.send(input).is_err()
            {
                return;
            }
            changed.notify_one();
        }
    }
}

async fn read_all(kernel: Arc<dyn Kernel>, changed: Arc<Notify>, tx: Tx) {
    loop {
        let begun = rt::boot();
        match view_of(&*kernel).await {
            Ok(view) => {
                if tx.send(Input::Kernel(Box::new(view), begun)).is_err() {
                    return;
                }
            }
            // Said by whatever else needs the kernel.
            Err(e) => tracing::debug!(error = %e, "interfaces and addresses could not be read"),
        }
        rt::sleep(TOGETHER).await;
        let _ = rt::timeout(EVERY, changed.notified()).await;
    }
}

/// Everything that the kernel shows.
async fn view_of(kernel: &dyn Kernel) -> Result<KernelView, NetlinkError> {
    Ok(KernelView {
        links: kernel.links().await?,
        addresses: kernel.addresses().await?,
    })
}

impl Hands {
    /// ICMP echo from the interface that is called `name` now.
    pub(super) fn ping_from(&mut self, name: &str, index: u32, host: &Host, tx: &Tx) {
        let opened = open_pinger(&self.peer, name, self.me, (host, tx));
        let (probe, reader) = opened.unzip();
        (self.pinger, self.pings) = (probe, (reader, index));
    }
}

impl Loop {
    /// The kernel says that the interface of this index changed.
    pub(super) fn link_changed(&mut self, index: u32, carrier: bool) {
        for i in 0..self.interfaces.len() {
            if self.interfaces[i].index == index && self.interfaces[i].carrier != carrier {
                self.link_changed = rt::boot();
                self.carrier(i, carrier);
            }
        }
    }

    pub(super) fn address_gone(&mut self, index: u32, address: Ipv4Addr) {
        for i in 0..self.peers.len() {
            let p = &self.peers[i];
            let here = self.interfaces[p.hands.serving].index == index;
            if here && p.hands.peer.vip.addr == address {
                self.event(i, Event::AddressLost);
            }
        }
    }

    /// Everything was read.
    pub(super) fn kernel_seen(&mut self, view: &KernelView, begun: BootTime) {
        // What the kernel told meanwhile is newer, and is the reason for another look.
        if begun < self.link_changed {
            return;
        }
        self.our_macs = view.macs().chain(self.old_macs.iter().copied()).collect();
        self.remove_strays(view);
        for i in 0..self.interfaces.len() {
            self.follow_interface(i, view);
        }
        for i in 0..self.peers.len() {
            self.follow_sockets(i);
            self.look_for_vip(i, view, begun);
        }
    }

    fn follow_interface(&mut self, i: usize, view: &KernelView) {
        let at = &self.interfaces[i];
        let key = format!("interface {}", at.configured);
        let Some(link) = view.find(&at.configured, at.index).cloned() else {
            let text = format!(
                "there is no interface {} any more (it was number {}): nothing can be seen or taken over until it is back, under this name",
                at.configured, at.index
            );
            self.carrier(i, false);
            self.own_address(i, None);
            return self.raise(None, &key, Level::Critical, text);
        };
        if link.ifindex.0 != at.index && !self.made_anew(i, &link, &key) {
            return;
        }
        let at = &mut self.interfaces[i];
        at.name.clone_from(&link.name);
        let (configured, index) = (at.configured.clone(), at.index);
        if link.name == configured {
            self.settle(
                None,
                &key,
                format!("interface {configured} is there, number {index}"),
            );
        } else {
            let text = format!(
                "interface {configured} is called {} now: it is followed by its number {index}; write `interface = \"{}\"` into the configuration before the next start, or rename it back",
                link.name, link.name
            );
            self.raise(None, &key, Level::Warning, text);
        }
        if self.interfaces[i].mac != link.mac && link.mac.is_unicast() {
            self.mac_changed(i, link.mac);
        }
        let vips: Vec<Ipv4Addr> = self.peers.iter().map(|p| p.hands.peer.vip.addr).collect();
        let at = &self.interfaces[i];
        let own = view.own_address(link.ifindex, at.network, &vips, at.own);
        self.own_address(i, own);
        self.carrier(i, link.carrier);
    }

    /// The interface has another index: whatever was bound to the old one is deaf, and its addresses are gone.
    fn made_anew(&mut self, i: usize, link: &LinkState, key: &str) -> bool {
        self.carrier(i, false);
        let (wire, tx) = (self.shared.host.wire.clone(), self.shared.tx.clone());
        let at = &mut self.interfaces[i];
        let was = at.index;
        if let Err(e) = at.reopen(i, (&*wire, &tx), &link.name, link.ifindex.0) {
            self.raise(None, key, Level::Critical, e.to_string());
            return false;
        }
        tracing::warn!(
            "interface {} was made anew: number {} instead of {was}; its sockets are opened again",
            link.name,
            link.ifindex
        );
        let (name, kernel) = (link.name.clone(), self.shared.host.kernel.clone());
        self.shared.slow.spawn_blocking(move || {
            if let Err(e) = kernel.promote_secondaries(&name) {
                tracing::warn!("{e}");
            }
        });
        true
    }

    /// Our MAC address changed (a bond's failover, a driver, a cloned MAC): who sends and who is announced is the new one.
    fn mac_changed(&mut self, i: usize, mac: MacAddr) {
        let was = std::mem::replace(&mut self.interfaces[i].mac, mac);
        let name = self.interfaces[i].name.clone();
        tracing::warn!("interface {name} has another MAC address: {mac} instead of {was}");
        self.old_macs.insert(was);
        let now = rt::boot();
        for p in &mut self.peers {
            let hands = &mut p.hands;
            if hands.listening != i && hands.serving != i {
                continue;
            }
            hands.fencing.own_macs = vec![
                self.interfaces[hands.listening].mac,
                self.interfaces[hands.serving].mac,
            ];
            if hands.listening == i {
                let mut policy = p.machine.policy().clone();
                policy.own_mac = mac;
                p.set_policy(policy);
            }
            let hands = &mut p.hands;
            if hands.serving != i {
                continue;
            }
            if let Some(parked) = &mut hands.parked {
                parked.mac = mac;
            }
            if p.machine.ownership().is_some() {
                hands.announce(now, &self.interfaces[i]);
            }
        }
    }

    fn own_address(&mut self, i: usize, own: Option<Ipv4Addr>) {
        let was = std::mem::replace(&mut self.interfaces[i].own, own);
        let (name, network) = (self.interfaces[i].name.clone(), self.interfaces[i].network);
        for p in 0..self.peers.len() {
            if self.peers[p].interface != i {
                continue;
            }
            match own {
                Some(own) => {
                    let text = format!("our own address on {name} is {own}");
                    self.settle(Some(p), "own-address", text);
                }
                None => {
                    let text = format!(
                        "{name} has no address of its own in the network of {network}: the peer and the witnesses cannot be asked, so nothing is noticed and nothing is taken over by itself; give it one (`ip address add ADDRESS/{} dev {name}`)",
                        network.prefix
                    );
                    self.raise(Some(p), "own-address", Level::Critical, text);
                }
            }
        }
        if let (Some(was), Some(own)) = (was, own)
            && was != own
        {
            tracing::warn!("our own address on {name} is {own} now, and was {was}");
        }
    }

    /// What is bound to index or address of an interface is opened again where they changed; tried until it works.
    fn follow_sockets(&mut self, peer: usize) {
        let tx = self.shared.tx.clone();
        let p = &mut self.peers[peer];
        let at = &self.interfaces[p.interface];
        if p.hands.pings.1 != at.index {
            p.hands
                .ping_from(&at.name, at.index, &self.shared.host, &tx);
        }
        let serving = &self.interfaces[p.hands.serving];
        let watch = p.hands.watch.as_ref();
        let moved = watch.is_some_and(|w| w.runs() && w.on() != (serving.index, serving.mac));
        // One that died with its interface, or could not be opened while that was away.
        if moved || watch.is_some_and(super::watch::Watch::failed) {
            p.hands.adopt = true;
            if let Outcome::Failed(e) = p.hands.begin_watch(serving, &self.shared)
                && moved
            {
                tracing::error!(peer = %p.hands.name, "the capture could not be opened again: {e}");
            }
        }
        let Some((beats, own)) = self.beats.as_mut().zip(at.own) else {
            return;
        };
        let (name, index) = (at.name.clone(), at.index);
        let Some(socket) = beats.data_socket(peer) else {
            return;
        };
        if self.beats_on.get(&socket) == Some(&(index, own)) {
            return;
        }
        match beats.rebind(socket, (own, &name), &*self.shared.host.wire, &tx) {
            Ok(()) => {
                self.beats_on.insert(socket, (index, own));
                self.settle(
                    Some(peer),
                    "heartbeat-socket",
                    "heartbeats are sent and heard again",
                );
            }
            Err(e) => self.raise(
                Some(peer),
                "heartbeat-socket",
                Level::Critical,
                e.to_string(),
            ),
        }
    }

    pub(super) fn carrier(&mut self, interface: usize, up: bool) {
        if std::mem::replace(&mut self.interfaces[interface].carrier, up) == up {
            return;
        }
        for i in 0..self.peers.len() {
            let p = &self.peers[i];
            if p.interface == interface || p.hands.serving == interface {
                // Without both legs there is nothing to take over with.
                let carrier = |leg: usize| self.interfaces[leg].carrier;
                let up = carrier(p.interface) && carrier(p.hands.serving);
                self.event(i, Event::Carrier { up });
            }
        }
    }
}
