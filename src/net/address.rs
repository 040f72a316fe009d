//! IPv4 addresses of this machine, by rtnetlink: claim, renew, read back, drop, find strays.
//!
//! An address of ours is marked twice: by `IFA_PROTO` (Linux 5.18) and by its label, which older
//! kernels and `ip address` show. It may carry a lifetime: a frozen agent's address then expires by
//! itself in the kernel (late: up to 1.1 times its life plus 0.5 s, measured).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures_util::TryStreamExt;
use rtnetlink::AddressMessageBuilder;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};

use super::netlink::{Netlink, NetlinkError};
use crate::types::{IfIndex, Vip};

/// `IFA_PROTO` of every address we set: "S". Below 0x04 the numbers are the kernel's.
pub const OUR_PROTO: u8 = 0x53;

const MARK: &str = "standin";
/// Longest label the kernel takes (`IFNAMSIZ` less the closing zero).
const LABEL_MAX: usize = 15;
/// `INFINITY_LIFE_TIME` of the kernel.
const FOREVER: u32 = u32::MAX;

/// How long an address stays if nobody renews it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressLife {
    /// Until somebody removes it.
    Forever,
    /// For this long; the kernel counts whole seconds, so it is rounded up, to at least 1 s.
    For(Duration),
}

impl AddressLife {
    fn seconds(self) -> u32 {
        match self {
            AddressLife::Forever => FOREVER,
            AddressLife::For(life) => {
                let seconds = life.as_millis().div_ceil(1000).max(1);
                u32::try_from(seconds).unwrap_or(FOREVER).min(FOREVER - 1)
            }
        }
    }

    fn from_seconds(seconds: u32) -> Self {
        match seconds {
            FOREVER => AddressLife::Forever,
            n => AddressLife::For(Duration::from_secs(u64::from(n))),
        }
    }
}

/// An IPv4 address of this machine as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressState {
    /// Address and prefix length.
    pub vip: Vip,
    /// The interface it is on.
    pub ifindex: IfIndex,
    /// Whether it carries our mark (in `proto`, or in `label`).
    pub ours: bool,
    /// What is left of its life.
    pub life: AddressLife,
    /// Its label, if any.
    pub label: Option<String>,
    /// `IFA_PROTO`, if set.
    pub proto: Option<u8>,
    /// Whether the kernel ranks it behind another address of the same prefix.
    pub secondary: bool,
}

/// The label of our addresses on `interface`: `eth0:standin`, cut to 15 bytes. A name of 14 bytes or
/// more leaves no room; then the label is the bare name and only `IFA_PROTO` marks the address.
pub fn label_for(interface: &str) -> String {
    let room = LABEL_MAX.saturating_sub(interface.len() + 1);
    match &MARK[..room.min(MARK.len())] {
        "" => interface.to_owned(),
        mark => format!("{interface}:{mark}"),
    }
}

/// Recognises [`label_for`]'s labels without knowing the interface, which may have been renamed.
fn is_our_label(label: &str) -> bool {
    label.rsplit_once(':').is_some_and(|(_, mark)| {
        mark == MARK || (!mark.is_empty() && label.len() == LABEL_MAX && MARK.starts_with(mark))
    })
}

impl AddressState {
    /// `None` for what is no IPv4 address.
    pub(super) fn from_message(message: &AddressMessage) -> Option<Self> {
        let (mut local, mut peer, mut life) = (None, None, AddressLife::Forever);
        let (mut label, mut proto) = (None, None);
        let mut secondary = false;
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(IpAddr::V4(addr)) => local = Some(*addr),
                AddressAttribute::Address(IpAddr::V4(addr)) => peer = Some(*addr),
                AddressAttribute::Label(text) => label = Some(text.clone()),
                AddressAttribute::Protocol(p) => proto = Some(u8::from(*p)),
                AddressAttribute::CacheInfo(c) => life = AddressLife::from_seconds(c.ifa_valid),
                AddressAttribute::Flags(f) => secondary = f.contains(AddressFlags::Secondary),
                _ => {}
            }
        }
        Some(AddressState {
            vip: Vip {
                addr: local.or(peer)?,
                prefix: message.header.prefix_len,
            },
            ifindex: IfIndex(message.header.index),
            ours: proto == Some(OUR_PROTO) || label.as_deref().is_some_and(is_our_label),
            life,
            label,
            proto,
            secondary,
        })
    }
}

/// The message that names `vip` on `ifindex` exactly. No broadcast address, as with plain `ip`.
fn exact(ifindex: IfIndex, vip: Vip) -> AddressMessage {
    let builder = AddressMessageBuilder::<Ipv4Addr>::new().index(ifindex.0);
    // /32, so that the builder does not add a broadcast address.
    let mut message = builder.address(vip.addr, 32).build();
    message.header.prefix_len = vip.prefix;
    message
}

/// Adds `vip` to the interface, or renews it, or changes its life: the last word counts.
///
/// It makes no route for its prefix, for the interface's own address already has one. `interface` is
/// the name for the label. Where exactly this address and prefix exist already, the kernel takes
/// over life and mark but keeps the old label.
///
/// # Errors
/// [`NetlinkError`]: EPERM without CAP_NET_ADMIN, ENODEV when the interface is gone.
pub async fn add(
    netlink: &Netlink,
    ifindex: IfIndex,
    interface: &str,
    vip: Vip,
    life: AddressLife,
) -> Result<(), NetlinkError> {
    let mut message = exact(ifindex, vip);
    let flags = AddressFlags::Noprefixroute | AddressFlags::Nodad;
    let mut cache = CacheInfo::default();
    cache.ifa_valid = life.seconds();
    cache.ifa_preferred = life.seconds();
    message.attributes.extend([
        AddressAttribute::Flags(flags),
        AddressAttribute::Label(label_for(interface)),
        AddressAttribute::Protocol(AddressProtocol::from(OUR_PROTO)),
        AddressAttribute::CacheInfo(cache),
    ]);
    let address = netlink.handle.address();
    let mut request = address.add(ifindex.0, vip.addr.into(), vip.prefix);
    *request.message_mut() = message;
    let doing = || format!("add {vip} to interface {interface}");
    let done = request.replace().execute().await;
    done.map_err(|e| NetlinkError::new(doing(), e))
}

/// All IPv4 addresses of this machine.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn all(netlink: &Netlink) -> Result<Vec<AddressState>, NetlinkError> {
    let _one = netlink.listing().await;
    let mut request = netlink.handle.address().get();
    request.message_mut().header.family = AddressFamily::Inet;
    let messages: Result<Vec<_>, _> = request.execute().try_collect().await;
    let messages = messages.map_err(|e| NetlinkError::new("list the IPv4 addresses", e))?;
    Ok(messages
        .iter()
        .filter_map(AddressState::from_message)
        .collect())
}

/// The address of our own that an interface has in the network of `vip`; `None` if it has none.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn own(
    netlink: &Netlink,
    ifindex: IfIndex,
    vip: Vip,
) -> Result<Option<Ipv4Addr>, NetlinkError> {
    Ok(own_in(&all(netlink).await?, ifindex, vip))
}

/// Among all addresses the one of our own that an interface has in the network of `vip`; `None` if it has none.
pub fn own_in(all: &[AddressState], ifindex: IfIndex, vip: Vip) -> Option<Ipv4Addr> {
    let own = all.iter().find(|a| {
        a.ifindex == ifindex && !a.ours && a.vip.addr != vip.addr && vip.on_link(a.vip.addr)
    });
    own.map(|a| a.vip.addr)
}

/// Among all addresses this one on this interface, whatever its prefix; `None` if it is not there.
pub fn on(all: &[AddressState], ifindex: IfIndex, addr: Ipv4Addr) -> Option<&AddressState> {
    all.iter()
        .find(|a| a.ifindex == ifindex && a.vip.addr == addr)
}

/// The address as the kernel has it on this interface, whatever its prefix; `None` if it is not there.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn read_back(
    netlink: &Netlink,
    ifindex: IfIndex,
    addr: Ipv4Addr,
) -> Result<Option<AddressState>, NetlinkError> {
    Ok(on(&all(netlink).await?, ifindex, addr).cloned())
}

/// All addresses on this machine that carry our mark, on whatever interface: what a crash left.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the question.
pub async fn strays(netlink: &Netlink) -> Result<Vec<AddressState>, NetlinkError> {
    let mut found = all(netlink).await?;
    found.retain(|a| a.ours);
    Ok(found)
}

/// Removes exactly this address, prefix and interface. True if it was there.
///
/// If the address is the first of its prefix on the interface, the kernel removes the others of that
/// prefix with it, unless `net.ipv4.conf.*.promote_secondaries` is 1: see [`promote_secondaries`].
///
/// # Errors
/// [`NetlinkError`]: EPERM without CAP_NET_ADMIN. A missing address or interface is no error.
pub async fn remove(netlink: &Netlink, ifindex: IfIndex, vip: Vip) -> Result<bool, NetlinkError> {
    let request = netlink.handle.address().del(exact(ifindex, vip));
    let Err(e) = request.execute().await else {
        return Ok(true);
    };
    let e = NetlinkError::new(format!("remove {vip} from interface number {ifindex}"), e);
    match e.errno() {
        Some(libc::EADDRNOTAVAIL | libc::ENODEV) => Ok(false),
        _ => Err(e),
    }
}

/// Makes the kernel keep an interface's other addresses when the first of their prefix is removed.
/// Writes a file of procfs: call it at start, not on the fast path.
///
/// # Errors
/// [`NetlinkError`] where the file cannot be written.
pub fn promote_secondaries(interface: &str) -> Result<(), NetlinkError> {
    let path = format!("/proc/sys/net/ipv4/conf/{interface}/promote_secondaries");
    std::fs::write(&path, "1").map_err(|source| NetlinkError {
        doing: format!(
            "write 1 to {path}, so that dropping the VIP cannot take other addresses with it"
        ),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_fit_the_kernel_and_are_recognised_again() {
        for (interface, label) in [
            ("eth0", "eth0:standin"),
            ("enp3s0f1", "enp3s0f1:standi"),
            ("enp101s0f0np0", "enp101s0f0np0:s"),
        ] {
            assert_eq!(label_for(interface), label);
            assert!(label.len() <= LABEL_MAX);
            assert!(is_our_label(label), "{label}");
        }
        for interface in ["enp101s0f0np00", "enp101s0f0np001"] {
            assert_eq!(label_for(interface), interface);
            assert!(!is_our_label(interface));
        }
        for other in [
            "eth0",
            "eth0:1",
            "eth0:s",
            "eth0:",
            "eth0:standing",
            "standin",
        ] {
            assert!(!is_our_label(other), "{other}");
        }
    }

    #[test]
    fn a_life_is_rounded_up_and_never_by_accident_for_ever_or_zero() {
        let seconds = |d| AddressLife::For(d).seconds();
        assert_eq!(seconds(Duration::ZERO), 1);
        assert_eq!(seconds(Duration::from_millis(2001)), 3);
        assert_eq!(seconds(Duration::MAX), FOREVER - 1);
        assert_eq!(AddressLife::Forever.seconds(), FOREVER);
        assert_eq!(AddressLife::from_seconds(FOREVER), AddressLife::Forever);
    }

    #[test]
    fn either_mark_makes_an_address_ours() {
        let vip: Vip = "192.168.1.101/24".parse().unwrap();
        let state = |attribute: Option<AddressAttribute>| {
            let mut message = exact(IfIndex(2), vip);
            message.attributes.extend(attribute);
            AddressState::from_message(&message).unwrap()
        };
        assert_eq!(state(None).vip, vip);
        assert!(!state(None).ours);
        let proto = AddressAttribute::Protocol(AddressProtocol::from(OUR_PROTO));
        assert!(state(Some(proto)).ours);
        let label = AddressAttribute::Label("eth0:standin".to_owned());
        assert!(state(Some(label)).ours);
    }
}
