//! Sockets and subscriptions of the fast path, opened before the loop starts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use super::beats::{BeatPeer, Beats};
use super::hub::{Input, Tx};
use super::interfaces::{Interface, Reader};
use super::run_loop::PeerRun;
use super::start_error::{StartError, adapter};
use crate::config::{Config, Kind, Peer, Secrets};
use crate::host::{EchoEnd, Host};
use crate::net::address;
use crate::rt;
use crate::takeover::event::Event;

pub(super) async fn open_interface(
    host: &Host,
    peer: &Peer,
    interfaces: &mut Vec<Interface>,
) -> Result<usize, StartError> {
    open_leg(host, peer, &peer.interface, interfaces).await
}

/// Opens one of this machine's interfaces for `peer`: the listening one, or the parked one.
pub(super) async fn open_leg(
    host: &Host,
    peer: &Peer,
    name: &str,
    interfaces: &mut Vec<Interface>,
) -> Result<usize, StartError> {
    if let Some(at) = interfaces.iter().position(|i| i.name == name) {
        interfaces[at].share(peer.announce.arp_per_second);
        return Ok(at);
    }
    let err = adapter(peer);
    let state = host.kernel.link(name).await;
    let state = state.map_err(|e| err(Box::new(e)))?;
    let state = state.ok_or_else(|| StartError::NoInterface {
        peer: peer.name.clone(),
        interface: name.to_owned(),
    })?;
    // The parked interface needs none: it only ever speaks for the VIP. The other may be without one for a while: an owner
    // whose daemon starts meanwhile must not lose the VIP.
    let own = match name == peer.interface {
        true => {
            let all = host.kernel.addresses().await;
            address::own_in(&all.map_err(|e| err(Box::new(e)))?, state.ifindex, peer.vip)
        }
        false => None,
    };
    let socket = host.wire.arp(name).map_err(|e| err(Box::new(e)))?;
    let facts = (state.ifindex.0, state.mac, own, state.carrier);
    interfaces.push(Interface::new(
        name,
        facts,
        peer.vip,
        socket,
        peer.announce.arp_per_second,
    ));
    Ok(interfaces.len() - 1)
}

/// Opens ICMP echo to the VIP out of the interface that is called `interface` now, and reads the answers into the loop.
pub(super) fn open_pinger(
    peer: &Peer,
    interface: &str,
    me: usize,
    (host, tx): (&Host, &Tx),
) -> Option<(Arc<dyn EchoEnd>, Reader)> {
    let id = rt::random() as u16;
    match host.wire.echo(Some(interface), peer.vip.addr, id) {
        Ok(probe) => {
            let (theirs, tx) = (probe.clone(), tx.clone());
            let task = rt::spawn(async move {
                loop {
                    match theirs.recv().await {
                        Ok(_) => {
                            if tx.send(Input::Event(me, Event::Pong)).is_err() {
                                return;
                            }
                        }
                        Err(e) => {
                            tracing::debug!(error = %e, "ICMP receive");
                            rt::sleep(std::time::Duration::from_millis(20)).await;
                        }
                    }
                }
            });
            Some((probe, Reader(task)))
        }
        Err(e) => {
            tracing::warn!(peer = %peer.name, error = %e, "no ICMP probes: ARP alone says whether the machine lives");
            None
        }
    }
}

pub(super) fn open_beats(
    config: &Config,
    (secrets, boot): (Secrets, Option<u64>),
    interfaces: &[Interface],
    runs: &[PeerRun],
    (host, tx): (&Host, &Tx),
) -> Result<Option<Beats>, StartError> {
    let (Some(heartbeat), Some(key), Some(boot)) = (&config.heartbeat, secrets.heartbeat, boot)
    else {
        return Ok(None);
    };
    let mut sockets = Vec::new();
    let mut peers = Vec::new();
    let mut by_interface: BTreeMap<usize, usize> = BTreeMap::new();
    let mut other = None;
    for (index, peer) in config
        .peers
        .values()
        .enumerate()
        .filter(|(_, p)| p.kind == Kind::Pair)
    {
        let err = adapter(peer);
        let at = runs[index].interface;
        let interface = &interfaces[at];
        let data_socket = match by_interface.get(&at) {
            Some(socket) => *socket,
            None => {
                let own = interface.own.unwrap_or(Ipv4Addr::UNSPECIFIED);
                let bound = SocketAddrV4::new(own, heartbeat.port);
                let socket = host.wire.beats(bound, Some(&interface.name));
                sockets.push(socket.map_err(|e| err(Box::new(e)))?);
                by_interface.insert(at, sockets.len() - 1);
                sockets.len() - 1
            }
        };
        let other_socket = match other {
            Some(socket) => socket,
            None => {
                let any = Ipv4Addr::UNSPECIFIED;
                let at = SocketAddrV4::new(any, heartbeat.port);
                let socket = host.wire.beats(at, None).map_err(|e| err(Box::new(e)))?;
                sockets.push(socket);
                *other.insert(sockets.len() - 1)
            }
        };
        peers.push(BeatPeer {
            index,
            name: peer.name.clone(),
            vip: peer.vip,
            addresses: peer.addresses.clone(),
            data_socket,
            other_socket,
        });
    }
    let mut beats = Beats::new(
        &config.node.name,
        (heartbeat.port, heartbeat.interval),
        key,
        boot,
        sockets,
        peers,
        rt::boot(),
    );
    beats.listen(tx);
    Ok(Some(beats))
}
