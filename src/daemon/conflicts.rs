//! Two that answer for one address: who else it is, whether it serves, where it hangs.

use std::time::Duration;

use serde_json::{Value, json};

use super::fencing::Level;
use super::hub::Input;
use super::interfaces::Interface;
use super::perform::{Hands, Shared};
use crate::detect::rtmp;
use crate::net::arp::ArpFrame;
use crate::net::ask_at_mac::AtMac;
use crate::rt;
use crate::switch::read::lldp::neighbours;
use crate::takeover::Machine;
use crate::takeover::event::Event;
use crate::types::{BootTime, IfIndex, MacAddr};

/// A handshake with a machine that answers for our address may take this long.
const HANDSHAKE: Duration = Duration::from_millis(900);
/// Whether it hangs on the peer's port is asked for no longer than this.
const ON_FENCE: Duration = Duration::from_millis(1200);
/// Whoever asks a switch where a machine hangs waits this long.
const LOCATE: Duration = Duration::from_secs(5);

/// Everybody else who answers for the VIP, as `status` shows them.
pub fn shown(machine: &Machine, now: BootTime) -> Value {
    let ms = |at: BootTime| now.since(at).as_millis() as u64;
    let foreign = machine.looks().foreign().iter();
    foreign
        .map(|f| {
            json!({
                "mac": f.mac,
                "is_peer": f.peer,
                "place": f.place,
                "serves": f.serves.map(|(serves, _)| serves),
                "for_ms": ms(f.since),
                "heard_ms_ago": ms(f.heard),
            })
        })
        .collect()
}

impl Hands {
    /// Asks who has the VIP that is ours: all, and the peer at its own address, which its port may filter otherwise.
    pub(super) fn ask_vip(&self, now: BootTime, to: Option<MacAddr>, interface: &mut Interface) {
        let (mac, vip) = (interface.mac, self.vip().addr);
        // A request whose sender is the VIP would be a claim; without another address of ours nothing is asked.
        let Some(own) = interface.own.filter(|own| *own != vip) else {
            return;
        };
        let all = std::iter::once(None).chain(to.map(Some));
        for to in all {
            interface.send_within_budget(now, &ArpFrame::request(mac, own, vip, to));
        }
    }

    /// One RTMP handshake to S0 with the machine at `mac`, in raw frames: our kernel would connect to ourselves.
    pub(super) fn ask_serves(&self, mac: MacAddr, interface: &Interface, shared: &Shared) {
        let (tx, me) = (shared.tx.clone(), self.me);
        let Some(our_address) = interface.own else {
            let fault = "we have no address of our own to ask from".to_owned();
            let _ = tx.send(Input::Event(
                me,
                Event::PeerServes {
                    mac,
                    ok: false,
                    fault,
                },
            ));
            return;
        };
        let ask = AtMac {
            interface: IfIndex(interface.index),
            our_mac: interface.mac,
            our_address,
            mac,
            at: self.service_at(self.vip().addr),
        };
        let wire = shared.host.wire.clone();
        shared.slow.spawn(async move {
            let hello = rtmp::c0_c1();
            let fault = match wire.first_answer(ask, &hello, HANDSHAKE).await {
                Ok(said) if said.first() == Some(&rtmp::VERSION) => String::new(),
                Ok(_) => "it answers, but not with RTMP".to_owned(),
                Err(e) => e.to_string(),
            };
            let ok = fault.is_empty();
            let _ = tx.send(Input::Event(me, Event::PeerServes { mac, ok, fault }));
        });
    }

    /// Asks the switches of the fence where this machine hangs.
    pub(super) fn locate(&self, mac: MacAddr, shared: &Shared) {
        let (fencing, tx, me) = (self.fencing.clone(), shared.tx.clone(), self.me);
        shared.slow.spawn(async move {
            // Where it is decides a release within 2 s; who it calls itself may take longer to read.
            let where_now = rt::timeout(ON_FENCE, fencing.on_fence(mac)).await;
            let (on_fence, others) = match where_now.ok().flatten() {
                Some((on_fence, others)) => (Some(on_fence), others),
                None => (None, Vec::new()),
            };
            let located = |place| Event::Located {
                mac,
                place,
                on_fence,
                others: others.clone(),
            };
            if on_fence.is_some() {
                let _ = tx.send(Input::Event(me, located(None)));
            }
            let place = rt::timeout(LOCATE, fencing.place_of(mac)).await;
            let _ = tx.send(Input::Event(me, located(place.ok().flatten())));
        });
    }
}

impl super::fencing::Fencing {
    /// True if this address is learned on one of the fence's ports, with who else is there; false if it is learned
    /// elsewhere; `None` if no switch says where it is.
    pub async fn on_fence(&self, mac: MacAddr) -> Option<(bool, Vec<MacAddr>)> {
        let mut elsewhere = None;
        for part in self.levels.iter().flat_map(Level::parts) {
            for port in &part.ports {
                let Ok(mut macs) = part.switch.macs_on(port).await else {
                    continue;
                };
                if macs.contains(&mac) {
                    macs.retain(|m| *m != mac);
                    return Some((true, macs));
                }
            }
            let there = part.switch.where_is(mac, None).await.unwrap_or_default();
            // A table that is read a moment later may have it on the fence's port by now: asked again, that is seen.
            let other = |name: &String| !part.ports.contains(&name.as_str());
            if there.iter().filter_map(|e| e.if_name.as_ref()).any(other) {
                elsewhere = Some((false, Vec::new()));
            }
        }
        elsewhere
    }

    /// Switch and port where this address is learned, with the LLDP name of who is there; the first switch that knows.
    pub async fn place_of(&self, mac: MacAddr) -> Option<String> {
        for part in self.levels.iter().flat_map(Level::parts) {
            let Ok(entries) = part.switch.where_is(mac, None).await else {
                continue;
            };
            let mut ports: Vec<String> = entries.into_iter().filter_map(|e| e.if_name).collect();
            ports.sort();
            ports.dedup();
            let Some(port) = ports.first() else { continue };
            let lldp = neighbours(part.switch).await.unwrap_or_default();
            let name = lldp
                .iter()
                .find(|n| n.if_name.as_deref() == Some(port))
                .map(|n| format!(", LLDP name {}", n.sys_name));
            return Some(format!(
                "{}:{}{}",
                part.on,
                ports.join(" or "),
                name.unwrap_or_default()
            ));
        }
        None
    }
}
