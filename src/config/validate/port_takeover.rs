//! `[peer.NAME.port-takeover]`: which port of ours is moved, and between which VLANs.

use super::range::{self, ms};
use super::{fence, names};
use crate::config::problem::Check;
use crate::config::resolved::PortTakeover;
use crate::config::schema::{self, Kind, Unproven};
use crate::config::surroundings::Surroundings;
use crate::types::{PortName, VlanId};

pub(super) fn port_takeover(
    peer_at: &str,
    takeover: &schema::PortTakeover,
    peer: &schema::Peer,
    file: &schema::File,
    around: &Surroundings,
    check: &mut Check<'_>,
) -> Option<PortTakeover> {
    let at = format!("{peer_at}.port-takeover");
    let key = |k: &str| format!("{at}.{k}");
    if peer.kind == Some(Kind::Pair) {
        check.error(
            &at,
            "port takeover is for kind = \"agentless\": in a pair standin moves the address, not the port",
            "remove this table, or kind = \"agentless\"",
        );
    }
    if peer.policy.unproven == Unproven::ClaimAnyway {
        check.error(
            &format!("{peer_at}.policy.unproven"),
            "with port takeover nothing is claimed without a proven fence: an address of the operating system has no \
             lifetime that would end it if we did",
            "unproven = \"hold\"",
        );
    }
    let switch = check.require(
        &key("switch"),
        takeover.switch.clone(),
        "the NAME of the [switch.NAME] that our parked port is on",
    );
    let port = check.require(
        &key("port"),
        takeover.port.clone(),
        "the ifName of this machine's own parked port",
    );
    if let Some(port) = &port {
        names::port(&key("port"), port, check);
    }
    if let (Some(switch), Some(port)) = (&switch, &port) {
        the_port(peer_at, (switch, port), peer, file, check);
    }
    let interface = check.require(
        &key("interface"),
        takeover.interface.clone(),
        "this machine's interface that is plugged in there and has the address",
    );
    if let Some(interface) = &interface {
        the_interface(peer_at, interface, peer, around, check);
    }
    let mut vlan = |name: &str, value: Option<u16>, what: &str| -> Option<VlanId> {
        let value = check.require(&key(name), value, what)?;
        if !(1..=4094).contains(&value) {
            let text = format!("{value} is not a VLAN");
            check.error(&key(name), text, "1 to 4094");
        }
        Some(VlanId(value))
    };
    let production = vlan("production", takeover.production, "the VLAN of the cameras");
    let parking = vlan(
        "parking",
        takeover.parking,
        "the VLAN in which our port waits",
    );
    let quarantine = vlan(
        "quarantine",
        takeover.quarantine,
        "the VLAN in which a dead machine's ports are kept; not the parking VLAN",
    );
    let all = [
        ("production", production),
        ("parking", parking),
        ("quarantine", quarantine),
    ];
    for (i, (name, vlan)) in all.iter().enumerate() {
        let same = all[..i].iter().find(|(_, v)| vlan.is_some() && v == vlan);
        if let (Some((other, _)), Some(vlan)) = (same, vlan) {
            check.clash(
                &key(name),
                (&key(other), "here too"),
                format!("VLAN {} is also the {other} VLAN", vlan.0),
                "three different VLANs: in one VLAN the dead machine and its stand-in would meet",
            );
        }
    }
    range::duration(
        &key("timeout"),
        takeover.timeout,
        (ms(500), ms(120_000)),
        check,
    );
    range::duration(
        &key("forwarding"),
        takeover.forwarding,
        (ms(0), ms(300_000)),
        check,
    );
    quarantine?;
    Some(PortTakeover {
        switch: switch?,
        port: port?,
        interface: interface?,
        production: production?,
        parking: parking?,
        timeout: takeover.timeout,
        forwarding: takeover.forwarding,
    })
}

fn the_port(
    peer_at: &str,
    (name, port): (&str, &str),
    peer: &schema::Peer,
    file: &schema::File,
    check: &mut Check<'_>,
) {
    let key = format!("{peer_at}.port-takeover.port");
    let Some(switch) = file.switch.get(name) else {
        return fence::unknown_switch(
            &format!("{peer_at}.port-takeover.switch"),
            name,
            file,
            check,
        );
    };
    fence::in_neither(
        &key,
        (name, port),
        [
            (
                "own-ports",
                &switch.own_ports,
                "one that is never written, such as that of our listening leg",
            ),
            ("uplinks", &switch.uplinks, "an uplink"),
        ],
        "the port of the parked interface, in neither list",
        check,
    );
    for (level, fence) in peer.fence.iter().enumerate() {
        for (at, switch, names) in fence.named() {
            let here = switch == Some(name);
            if let Some(n) = PortName::position(names, port).filter(|_| here) {
                check.clash(
                    &key,
                    (
                        &format!("{peer_at}.fence[{level}].{at}[{n}]"),
                        "fenced here",
                    ),
                    format!("port `{port}` is also the peer's"),
                    "this machine's own parked port",
                );
            }
        }
    }
}

fn the_interface(
    peer_at: &str,
    interface: &str,
    peer: &schema::Peer,
    around: &Surroundings,
    check: &mut Check<'_>,
) {
    let key = format!("{peer_at}.port-takeover.interface");
    if !names::interface(&key, interface, check) {
        return;
    }
    if peer.interface.as_deref() == Some(interface) {
        check.clash(
            &key,
            (&format!("{peer_at}.interface"), "the listening leg"),
            format!("`{interface}` cannot be parked and listen in production at once"),
            "a second interface, on the parked port",
        );
    }
    let Some(interfaces) = &around.interfaces else {
        return;
    };
    match interfaces.iter().find(|i| i.name == interface) {
        None => check.warn(
            &key,
            format!("this machine has no interface `{interface}` now"),
            "as `ip link` shows it",
        ),
        Some(found) => {
            let vip = peer.vip.map(|v| v.addr);
            if !found.addresses.iter().any(|(own, _)| Some(*own) == vip) {
                check.warn(
                    &key,
                    format!("`{interface}` does not have the address now"),
                    "standin puts it there at a takeover; its routes (`standin help configure`) are for the operating system to set",
                );
            }
        }
    }
}
