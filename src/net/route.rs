//! The connected route of the VIP's network, where nobody else keeps one.
//!
//! The VIP carries no route, for our own address has one already. But our own address may go and come back (a DHCP lease,
//! a tool that flushes and sets): the VIP was promoted to be the first of its prefix meanwhile, the own one comes back as
//! its secondary, and the kernel makes no route for a secondary: every camera would be dark. A route of ours is marked by
//! its protocol number (`rtm_protocol`, as `proto 83` in `ip route`) and stands before others of the same network.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::{StreamExt, TryStreamExt};
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType,
};

use super::netlink::{Netlink, NetlinkError};
use crate::types::Vip;

/// `rtm_protocol` of every route we set: "S", as [`super::address::OUR_PROTO`]. iproute2's rt_protos gives it to nobody.
pub const OUR_PROTOCOL: u8 = 0x53;

/// `RT_TABLE_LOCAL`: the kernel's own table, whose routes lead to ourselves.
const LOCAL: u8 = 255;

/// A connected route that must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connected {
    /// Out of this interface.
    pub index: u32,
    /// To the network of this address and prefix length.
    pub network: Vip,
    /// Our own address there, the preferred sender of what we begin; `None`: as the kernel chooses.
    pub own: Option<Ipv4Addr>,
}

/// What one of the kernel's routes says, as far as it matters here.
struct Seen {
    message: RouteMessage,
    to: Ipv4Addr,
    out: Option<u32>,
    source: Option<Ipv4Addr>,
    direct: bool,
}

impl Seen {
    fn of(message: RouteMessage) -> Self {
        let mut seen = Seen {
            to: Ipv4Addr::UNSPECIFIED,
            out: None,
            source: None,
            direct: message.header.kind == RouteType::Unicast,
            message,
        };
        for attribute in &seen.message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(to)) => seen.to = *to,
                RouteAttribute::Oif(index) => seen.out = Some(*index),
                RouteAttribute::PrefSource(RouteAddress::Inet(own)) => seen.source = Some(*own),
                RouteAttribute::Gateway(_) | RouteAttribute::Via(_) => seen.direct = false,
                _ => {}
            }
        }
        seen
    }

    fn ours(&self) -> bool {
        self.message.header.protocol == RouteProtocol::from(OUR_PROTOCOL)
    }

    /// True if it leads to all of the network, without a gateway, out of the interface.
    fn serves(&self, wanted: &Connected) -> bool {
        let length = self.message.header.destination_prefix_length;
        let covers = length > 0
            && length <= wanted.network.prefix
            && network_of(Vip {
                addr: wanted.network.addr,
                prefix: length,
            }) == self.to;
        self.direct && covers && self.out == Some(wanted.index)
    }

    fn is(&self, wanted: &Connected) -> bool {
        self.serves(wanted)
            && self.message.header.destination_prefix_length == wanted.network.prefix
            && self.source == wanted.own
    }
}

/// The first address of the network of an address.
fn network_of(vip: Vip) -> Ipv4Addr {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(vip.prefix))
        .unwrap_or(0);
    Ipv4Addr::from(u32::from(vip.addr) & mask)
}

/// Sets each wanted route that nobody else has set, and removes those of ours that nobody wants or that others have set
/// by now. Returns what was done, in words; empty if all was right.
///
/// # Errors
/// [`NetlinkError`]: EPERM without CAP_NET_ADMIN, ENETDOWN where the interface is down.
pub async fn keep_connected(
    netlink: &Netlink,
    wanted: &[Connected],
) -> Result<Vec<String>, NetlinkError> {
    let seen = list(netlink).await?;
    let local = |s: &&Seen| s.message.header.table == LOCAL;
    let (ours, others): (Vec<&Seen>, Vec<&Seen>) =
        seen.iter().filter(|s| !local(s)).partition(|s| s.ours());
    // Of a /31 or /32 no neighbour is reached by a connected route.
    let needed = |w: &&Connected| w.network.prefix < 31 && !others.iter().any(|s| s.serves(w));
    let needed: Vec<&Connected> = wanted.iter().filter(needed).collect();
    let mut done = Vec::new();
    // First what is old: the kernel takes the first that fits the question, and a question without a preferred sender
    // fits the new one too.
    let old: Vec<&&Seen> = ours
        .iter()
        .filter(|s| !needed.iter().any(|w| s.is(w)))
        .collect();
    for route in &old {
        remove(netlink, route.message.clone()).await?;
        let length = route.message.header.destination_prefix_length;
        done.push(format!("our route to {}/{length} is taken away", route.to));
    }
    for wanted in needed {
        if !old.is_empty() || !ours.iter().any(|s| s.is(wanted)) {
            add(netlink, wanted).await?;
            done.push(format!("the connected route to {} is set", words(wanted)));
        }
    }
    Ok(done)
}

/// The gateways to which some route leads out of the interface `index`.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn gateways(netlink: &Netlink, index: u32) -> Result<Vec<Ipv4Addr>, NetlinkError> {
    let routes = list(netlink).await?.into_iter();
    let routes = routes.filter(|r| r.out == Some(index));
    let mut found: Vec<Ipv4Addr> = routes
        .flat_map(|r| r.message.attributes)
        .filter_map(|a| match a {
            RouteAttribute::Gateway(RouteAddress::Inet(to)) => Some(to),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

async fn list(netlink: &Netlink) -> Result<Vec<Seen>, NetlinkError> {
    let _one = netlink.listing().await;
    let question = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let found = netlink.handle.route().get(question).execute();
    let found: Result<Vec<RouteMessage>, _> = found.try_collect().await;
    let found = found.map_err(|e| NetlinkError::new("list the IPv4 routes", e))?;
    Ok(found.into_iter().map(Seen::of).collect())
}

fn words(wanted: &Connected) -> String {
    format!("{}/{}", network_of(wanted.network), wanted.network.prefix)
}

async fn add(netlink: &Netlink, wanted: &Connected) -> Result<(), NetlinkError> {
    let mut route = RouteMessageBuilder::<IpAddr>::new()
        .output_interface(wanted.index)
        .protocol(RouteProtocol::from(OUR_PROTOCOL))
        .scope(RouteScope::Link);
    let error = |e: String| NetlinkError {
        doing: format!("set the route to {}", words(wanted)),
        source: std::io::Error::other(e),
    };
    route = route
        .destination_prefix(network_of(wanted.network).into(), wanted.network.prefix)
        .map_err(|e| error(e.to_string()))?;
    if let Some(own) = wanted.own {
        route = route
            .pref_source(own.into())
            .map_err(|e| error(e.to_string()))?;
    }
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::NewRoute(route.build()));
    // Neither EXCL nor REPLACE nor APPEND: before what others have set for the same network, and beside it.
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    let mut handle = netlink.handle.clone();
    let answers = handle.request(message);
    let mut answers = answers.map_err(|e| error(e.to_string()))?;
    while let Some(answer) = answers.next().await {
        if let NetlinkPayload::Error(e) = answer.payload
            && e.code.is_some()
        {
            let source = e.to_io();
            // It is there already.
            if source.raw_os_error() == Some(libc::EEXIST) {
                continue;
            }
            return Err(NetlinkError {
                doing: format!("set the route to {}", words(wanted)),
                source,
            });
        }
    }
    Ok(())
}

async fn remove(netlink: &Netlink, route: RouteMessage) -> Result<(), NetlinkError> {
    match netlink.handle.route().del(route).execute().await {
        Ok(()) => Ok(()),
        Err(e) => {
            let e = NetlinkError::new("take a route of ours away", e);
            match e.errno() {
                Some(libc::ESRCH | libc::ENODEV) => Ok(()),
                _ => Err(e),
            }
        }
    }
}
