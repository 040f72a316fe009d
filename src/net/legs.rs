//! Two interfaces in one network, one of them parked with an address that another machine serves: what the kernel must
//! be told so that it does not answer for that address on the wrong one.
//!
//! Linux answers ARP for any local address on any interface, asks with any local address as sender, and drops frames
//! that come from an address of its own. Four settings of `net.ipv4.conf` change that (kernel, ip-sysctl).

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use futures_util::TryStreamExt;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};

use super::netlink::{Netlink, NetlinkError};
use crate::types::Vip;

/// A setting that is not as it must be, in words, with the command that mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One setting: its name, which values will do, the value to set, and why.
struct Want {
    key: &'static str,
    fits: fn(u32) -> bool,
    set: u32,
    why: &'static str,
}

const ON_BOTH: [Want; 2] = [
    Want {
        key: "arp_ignore",
        fits: |v| v == 1 || v == 2,
        set: 1,
        why: "it would answer ARP for the parked address",
    },
    Want {
        key: "arp_announce",
        fits: |v| v == 2,
        set: 2,
        why: "it would name the parked address as ARP sender",
    },
];

const LISTENING: [Want; 2] = [
    Want {
        key: "accept_local",
        fits: |v| v >= 1,
        set: 1,
        why: "it would drop every answer of the peer, whose address is ours too",
    },
    Want {
        key: "rp_filter",
        fits: |v| v != 1,
        set: 2,
        why: "it would drop every answer of the peer, to whose address no route leads there",
    },
];

/// Everything about the two legs that is not as it must be: `listening` stays in production, `parked` has the address.
///
/// Reads files of procfs: never call it on the fast path.
pub fn faults(listening: &str, parked: &str) -> Vec<Fault> {
    faults_in(Path::new("/proc/sys/net/ipv4/conf"), listening, parked)
}

fn faults_in(conf: &Path, listening: &str, parked: &str) -> Vec<Fault> {
    let both = ON_BOTH.iter().flat_map(|w| [(listening, w), (parked, w)]);
    let one = LISTENING.iter().map(|w| (listening, w));
    both.chain(one)
        .filter_map(|(leg, want)| fault(conf, leg, want))
        .collect()
}

fn fault(conf: &Path, leg: &str, want: &Want) -> Option<Fault> {
    let read = |which: &str| {
        let text = std::fs::read_to_string(conf.join(which).join(want.key)).ok()?;
        text.trim().parse::<u32>().ok()
    };
    let (key, set) = (want.key, want.set);
    let Some((all, own)) = read("all").zip(read(leg)) else {
        return Some(Fault(format!(
            "net.ipv4.conf.{leg}.{key} cannot be read: is there an interface {leg}?"
        )));
    };
    // The kernel takes the larger of `all` and the interface's own.
    let now = all.max(own);
    let which = if all >= own && !(want.fits)(all) && own != now {
        "all"
    } else {
        leg
    };
    (!(want.fits)(now)).then(|| {
        Fault(format!(
            "{leg}: {key} is {now}: {}; `sysctl -w net.ipv4.conf.{which}.{key}={set}`, and in /etc/sysctl.d to keep it",
            want.why
        ))
    })
}

/// How a packet would leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Index of the interface.
    pub out: Option<u32>,
    /// The next hop, where it is not the destination itself.
    pub via: Option<Ipv4Addr>,
}

/// The way that a packet from our address `from` to `to` would take.
///
/// # Errors
/// [`NetlinkError`] where there is no such route, or `from` is not ours.
pub async fn way_out(netlink: &Netlink, from: Ipv4Addr, to: Ipv4Addr) -> Result<Way, NetlinkError> {
    let question: RouteMessage = RouteMessageBuilder::<IpAddr>::new()
        .source_prefix(IpAddr::V4(from), 32)
        .and_then(|b| b.destination_prefix(IpAddr::V4(to), 32))
        .map_err(|e| NetlinkError {
            doing: format!("ask for the route from {from} to {to}"),
            source: std::io::Error::other(e.to_string()),
        })?
        .build();
    let mut answers = Box::pin(netlink.handle.route().get(question).execute());
    let answer = answers
        .try_next()
        .await
        .map_err(|e| NetlinkError::new(format!("ask for the route from {from} to {to}"), e))?;
    let mut way = Way::default();
    for attribute in answer.into_iter().flat_map(|m| m.attributes) {
        match attribute {
            RouteAttribute::Oif(index) => way.out = Some(index),
            RouteAttribute::Gateway(RouteAddress::Inet(via)) => way.via = Some(via),
            _ => {}
        }
    }
    Ok(way)
}

/// An address of no network (RFC 5737): the way to it is the default route.
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Everything about routes that is not as it must be: what comes from the parked address must leave by `parked`, what
/// comes from `own` by `listening`, near and, where there is a default route by `listening`, far. `near` is any
/// neighbour in their network.
///
/// # Errors
/// [`NetlinkError`] where an interface cannot be looked up.
pub async fn route_faults(
    netlink: &Netlink,
    (listening, own): (&str, Ipv4Addr),
    (parked, vip): (&str, Vip),
    near: Ipv4Addr,
) -> Result<Vec<Fault>, NetlinkError> {
    let mut index = Vec::new();
    for leg in [listening, parked] {
        index.push(super::link::link(netlink, leg).await?.map(|l| l.ifindex.0));
    }
    let (here, there) = (index[0], index[1]);
    let mut faults = Vec::new();
    let network = network(vip);
    let mut check = |from: Ipv4Addr,
                     to: Ipv4Addr,
                     leg: &str,
                     must: Option<u32>,
                     way,
                     mend: &str| {
        let what = match &way {
            Ok(Way { out, via }) if out.is_some() && *out == must => match via {
                // Through the gateway it would arrive with the gateway's MAC, or not at all.
                Some(via) if to == near && vip.on_link(near) => format!("through {via}"),
                Some(_) | None => return,
            },
            Ok(_) => "by another interface".to_owned(),
            Err(e) => format!("by none ({e})"),
        };
        faults.push(Fault(format!(
            "what {from} sends to {to} must leave by {leg}, and would leave {what}: {mend}, where the operating system keeps it"
        )));
    };
    check(
        own,
        near,
        listening,
        here,
        way_out(netlink, own, near).await,
        &format!("`ip route replace {network} dev {listening} src {own}`"),
    );
    // A table of its own, because the main table has room for one of two routes to the same network.
    let rule = format!(
        "`ip rule add from {} lookup 101 priority 101` (101: any free table, any free priority)",
        vip.addr
    );
    check(
        vip.addr,
        near,
        parked,
        there,
        way_out(netlink, vip.addr, near).await,
        &format!(
            "`ip address replace {vip} dev {parked} noprefixroute`, `ip route replace {network} dev {parked} table 101`, {rule}"
        ),
    );
    if let Ok(Way { out, via }) = way_out(netlink, own, FAR).await
        && out == here
        && let Some(via) = via
    {
        check(
            vip.addr,
            FAR,
            parked,
            there,
            way_out(netlink, vip.addr, FAR).await,
            &format!("`ip route replace default via {via} dev {parked} table 101`, {rule}"),
        );
    }
    Ok(faults)
}

/// The network of an address, as `ip route` writes it.
fn network(vip: Vip) -> String {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(vip.prefix))
        .unwrap_or(0);
    format!(
        "{}/{}",
        Ipv4Addr::from(u32::from(vip.addr) & mask),
        vip.prefix
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(values: &[(&str, &str, u32)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let good = [
            ("arp_ignore", 1),
            ("arp_announce", 2),
            ("accept_local", 1),
            ("rp_filter", 2),
        ];
        for leg in ["all", "eth0", "eth2"] {
            std::fs::create_dir(dir.path().join(leg)).unwrap();
            for (key, value) in good {
                let value = if leg == "all" { 0 } else { value };
                let other = values.iter().find(|(l, k, _)| *l == leg && *k == key);
                let value = other.map_or(value, |(_, _, v)| *v);
                std::fs::write(dir.path().join(leg).join(key), format!("{value}\n")).unwrap();
            }
        }
        dir
    }

    #[test]
    fn what_the_kernel_really_uses_is_the_larger_of_all_and_the_interface() {
        assert_eq!(faults_in(conf(&[]).path(), "eth0", "eth2"), []);
        let by_all = conf(&[("all", "arp_ignore", 1), ("eth0", "arp_ignore", 0)]);
        assert_eq!(faults_in(by_all.path(), "eth0", "eth2"), []);
        let strict = conf(&[("all", "rp_filter", 1), ("eth0", "rp_filter", 0)]);
        let found = faults_in(strict.path(), "eth0", "eth2");
        assert!(
            found.len() == 1 && found[0].0.contains("net.ipv4.conf.all.rp_filter=2"),
            "{found:?}"
        );
    }

    #[test]
    fn each_setting_that_is_missing_is_named_with_its_remedy() {
        for (leg, key, value) in [
            ("eth0", "arp_ignore", 0),
            ("eth2", "arp_ignore", 8),
            ("eth2", "arp_announce", 0),
            ("eth0", "accept_local", 0),
            ("eth0", "rp_filter", 1),
        ] {
            let found = faults_in(conf(&[(leg, key, value)]).path(), "eth0", "eth2");
            let command = format!("sysctl -w net.ipv4.conf.{leg}.{key}=");
            assert!(
                found.len() == 1 && found[0].0.contains(&command),
                "{leg} {key}: {found:?}"
            );
        }
        let none = faults_in(conf(&[]).path(), "eth0", "eth7");
        assert!(none.len() == 2 && none[0].0.contains("eth7"), "{none:?}");
    }
}
