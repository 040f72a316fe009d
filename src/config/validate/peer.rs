//! `[peer.NAME]`: who it is, and where its address goes.

use std::net::Ipv4Addr;

use super::{detect, fence, health, macs, names, port_takeover, service, steps};
use crate::config::problem::Check;
use crate::config::resolved::Peer;
use crate::config::schema::{self, Kind};
use crate::config::surroundings::Surroundings;
use crate::types::Vip;

pub(super) fn peer(
    name: &str,
    peer: &schema::Peer,
    file: &schema::File,
    around: &Surroundings,
    check: &mut Check<'_>,
) -> Option<Peer> {
    let at = format!("peer.{name}");
    let key = |k: &str| format!("{at}.{k}");
    names::name(&at, name, check);
    let kind = check.require(
        &key("kind"),
        peer.kind,
        "kind = \"agentless\" where nothing is installed on the peer, \"pair\" where standin runs on it too",
    );
    let vip = check.require(
        &key("vip"),
        peer.vip,
        "the service address with its prefix length, such as vip = \"192.168.1.101/24\"",
    );
    let interface = check.require(
        &key("interface"),
        peer.interface.clone(),
        "this machine's interface on the cameras' network, such as interface = \"eth0\"",
    );
    let possible = interface
        .as_ref()
        .filter(|name| names::interface(&key("interface"), name, check));
    if let Some(vip) = vip {
        the_address(&key("vip"), vip, (kind, peer), around, check);
        if let Some(interface) = possible {
            the_leg(&at, vip, interface, around, check);
        }
        others(&at, vip, peer, check);
    }
    let macs = macs::macs(&at, peer, around, check);
    match kind {
        Some(Kind::Pair) => pair(&at, peer, file, check),
        Some(Kind::Agentless) => agentless(&at, peer, check),
        None => {}
    }
    detect::detect(&at, peer, vip, file, check);
    service::service(&at, peer, check);
    let added = steps::steps(&at, &peer.step, around.steps, check);
    let health = health::checks(
        &at,
        &peer.health,
        health::About::Peer(vip, peer.port_takeover.is_some()),
        around.health,
        check,
    );
    let fence = fence::levels(&at, peer, file, around, check);
    let moved = peer.port_takeover.as_ref();
    let moved = moved.map(|t| port_takeover::port_takeover(&at, t, peer, file, around, check));
    let cameras = check.origin.resolve(&peer.verify.cameras);
    if !cameras.is_file() {
        check.error_for_now(
            &key("verify.cameras"),
            format!("there is no camera inventory at {}", cameras.display()),
            "a CSV file: name,address,mac,stream".to_owned(),
        );
    }
    Some(Peer {
        name: name.to_owned(),
        kind: kind?,
        vip: vip?,
        interface: interface?,
        macs,
        management: peer.management,
        addresses: peer.addresses.clone(),
        takeover: peer.takeover,
        preferred: peer.preferred,
        detect: peer.detect.clone(),
        policy: peer.policy.clone(),
        port_takeover: match moved {
            None => None,
            Some(t) => Some(t?),
        },
        fence: fence?,
        steps: added.as_ref()?.0.clone(),
        site: added?.1,
        health,
        service: peer.service.clone(),
        announce: peer.announce.clone(),
        address: peer.address.clone(),
        verify: schema::Verify {
            cameras,
            ..peer.verify.clone()
        },
        release: peer.release.clone(),
    })
}

/// The VIP can be a host's address, and is nobody's but the service's.
fn the_address(
    key: &str,
    vip: Vip,
    (kind, peer): (Option<Kind>, &schema::Peer),
    around: &Surroundings,
    check: &mut Check<'_>,
) {
    let addr = vip.addr;
    if vip.prefix == 32 {
        check.error(
            key,
            format!(
                "{vip} is a network of one address: nobody is asked in it, and no camera is in it"
            ),
            "the address with the prefix length of the cameras' network, such as /24",
        );
        return;
    }
    let host_bits = u32::MAX.checked_shr(u32::from(vip.prefix)).unwrap_or(0);
    let host = u32::from(addr) & host_bits;
    if addr.is_loopback() || addr.is_multicast() || addr.is_unspecified() || addr.is_broadcast() {
        check.error(
            key,
            format!("{addr} cannot be the address of a service"),
            "the address the cameras push to",
        );
    } else if vip.prefix < 31 && (host == 0 || host == host_bits) {
        let what = if host == 0 {
            "the network itself"
        } else {
            "the broadcast address"
        };
        check.error(
            key,
            format!("{addr} is {what} of {vip}"),
            "the address the cameras push to, with their network's prefix length",
        );
    }
    let parked = peer
        .port_takeover
        .as_ref()
        .map(|t| t.interface.as_deref().unwrap_or(""));
    for interface in around.interfaces.iter().flatten() {
        if parked == Some(interface.name.as_str()) {
            continue;
        }
        if interface.addresses.iter().any(|(own, _)| *own == addr) {
            let what = format!(
                "{addr} is this machine's own address, on {}",
                interface.name
            );
            let mend = "the address of the machine to stand in for; take it off this one";
            match around.vip_may_be_here {
                true => check.warn(key, what, mend),
                false => check.error(key, what, mend),
            }
        }
    }
    let set_by = around.static_addresses.iter().find(|(a, _)| *a == addr);
    if let (Some((_, path)), None) = (set_by, parked) {
        let why = match kind {
            Some(Kind::Pair) => "in a pair standin alone sets it, on both machines",
            Some(Kind::Agentless) | None => "it would be set at the next boot, beside its owner's",
        };
        check.error(
            key,
            format!("{} also sets {addr}: {why}", path.display()),
            format!("remove it from {}", path.display()),
        );
    }
}

/// The interface that will carry the VIP.
fn the_leg(at: &str, vip: Vip, interface: &str, around: &Surroundings, check: &mut Check<'_>) {
    let Some(interfaces) = &around.interfaces else {
        return;
    };
    let key = format!("{at}.interface");
    let Some(leg) = interfaces.iter().find(|i| i.name == interface) else {
        let names: Vec<&str> = interfaces.iter().map(|i| i.name.as_str()).collect();
        check.warn(
            &key,
            format!("this machine has no interface `{interface}` now"),
            format!(
                "it has {}; without this one the daemon does not start",
                names.join(", ")
            ),
        );
        return;
    };
    if !leg.addresses.iter().any(|(own, _)| vip.on_link(*own)) {
        check.warn(
            &key,
            format!("`{interface}` has no address of its own in the network of {vip}"),
            "witnesses are asked from our own address: without one the daemon does not start, unless it has the VIP (`standin check` fails then)",
        );
    }
}

/// The peer's other addresses.
fn others(at: &str, vip: Vip, peer: &schema::Peer, check: &mut Check<'_>) {
    let vip_key = format!("{at}.vip");
    let (management, addresses) = (format!("{at}.management"), format!("{at}.addresses"));
    if let Some(addr) = peer.management {
        if addr == vip.addr {
            check.clash(
                &management,
                (&vip_key, "the address that moves"),
                format!("{addr} is the service address itself"),
                "an address that stays with the machine, off the data path; or \"\"",
            );
        } else if vip.on_link(addr) {
            check.warn(
                &management,
                format!("{addr} is in the network of {vip}: it is no second path"),
                "an address on another network or cable; or \"\"",
            );
        }
    }
    for (i, addr) in peer.addresses.iter().enumerate() {
        let key = format!("{addresses}[{i}]");
        if *addr == vip.addr {
            check.clash(
                &key,
                (&vip_key, "the address that moves"),
                format!("{addr} is the service address: heartbeats never use it"),
                "an address that stays with the peer",
            );
        } else if peer.addresses[..i].contains(addr) {
            check.error(&key, format!("{addr} is listed twice"), "each address once");
        } else if unusable(*addr) {
            check.error(
                &key,
                format!("{addr} is not a host's address"),
                "the peer's own address",
            );
        }
    }
}

fn unusable(addr: Ipv4Addr) -> bool {
    addr.is_unspecified() || addr.is_multicast() || addr.is_broadcast()
}

fn pair(at: &str, peer: &schema::Peer, file: &schema::File, check: &mut Check<'_>) {
    let kind = format!("{at}.kind");
    if file.heartbeat.is_none() && !check.refused.iter().any(|r| r == "heartbeat") {
        check.error(
            &kind,
            "a pair needs heartbeats, and there is no [heartbeat] table",
            "add [heartbeat] with a key-file that is the same on both machines",
        );
    }
    let addresses = format!("{at}.addresses");
    let refused = check.refused.iter().any(|r| r.starts_with(&addresses));
    if peer.addresses.is_empty() && !refused {
        check.error(
            &addresses,
            "a pair needs the peer's own addresses for heartbeats",
            "addresses = [\"192.168.1.31\"]: one that stays with the peer, data path first",
        );
    }
    if peer.addresses.len() > 4 {
        check.error(
            &addresses,
            format!(
                "{} addresses: heartbeats use at most 4",
                peer.addresses.len()
            ),
            "one for each path, data path first",
        );
    }
}

fn agentless(at: &str, peer: &schema::Peer, check: &mut Check<'_>) {
    let unused = [
        ("addresses", !peer.addresses.is_empty()),
        ("preferred", peer.preferred),
    ];
    for (name, set) in unused {
        if set {
            check.error(
                &format!("{at}.{name}"),
                format!("`{name}` belongs to kind = \"pair\""),
                "remove it: nothing of ours runs on an agentless peer",
            );
        }
    }
}
