//! Who answers on the wire for some addresses: each is asked by broadcast, from our own address. Never from 0.0.0.0, which
//! a host that tests its address must take for a conflict (RFC 5227 section 2.1.1), and never with the VIP as sender.
//! For a person who looks (`check`, `preflight`): it takes seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::rt::{Instant, sleep_until, timeout_at};

use super::arp::{ArpFrame, ArpOp};
use super::arp_socket::{ArpError, ArpSocket};
use crate::types::{MacAddr, Vip};

/// Each address is asked so often.
const ROUNDS: usize = 2;
/// An answer is waited for so long after the last question: a Linux machine that answers for others puts it off by up to
/// `net.ipv4.neigh.*.proxy_delay`, 0.8 s.
const LISTEN: Duration = Duration::from_millis(1_200);
/// From one question to the next, at least.
const GAP: Duration = Duration::from_millis(20);
/// Of the interface's budget the daemon, if it runs, has the rest.
const SHARE: u32 = 4;

/// The MAC addresses that answered for each address; those of nobody are not there.
pub type Answers = BTreeMap<Ipv4Addr, BTreeSet<MacAddr>>;

/// From where it is asked.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    /// Name of the interface.
    pub interface: &'a str,
    /// Our MAC address there.
    pub mac: MacAddr,
    /// Our own address there; not the VIP.
    pub own: Ipv4Addr,
    /// ARP frames in a second that may leave it for this.
    pub per_second: u32,
}

/// Asks for all `targets` and returns who answered.
///
/// # Errors
/// [`ArpError`], where we cannot ask at all.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn ask(from: From<'_>, targets: &[Ipv4Addr]) -> Result<Answers, ArpError> {
    let socket = ArpSocket::open(from.interface)?;
    let gap = GAP.max(Duration::from_secs(1) * SHARE / from.per_second.max(1));
    let mut answers = Answers::new();
    let mut next = Instant::now();
    for target in std::iter::repeat_n(targets, ROUNDS).flatten() {
        sleep_until(next).await;
        socket.send(&ArpFrame::request(from.mac, from.own, *target, None))?;
        next += gap;
    }
    let until = Instant::now() + LISTEN;
    // What came meanwhile lies in the socket.
    while let Ok(frame) = timeout_at(until, socket.recv()).await {
        let frame = frame?;
        let to_us = frame.op == ArpOp::Reply && frame.tpa == from.own;
        if to_us && targets.contains(&frame.spa) {
            answers.entry(frame.spa).or_default().insert(frame.sha);
        }
    }
    Ok(answers)
}

/// Up to `count` addresses of the VIP's network that nobody should have: those of `known` are left out. They lie apart,
/// so that one machine with some addresses in a row has at most one of them.
pub fn unused(vip: Vip, known: &BTreeSet<Ipv4Addr>, count: u32) -> Vec<Ipv4Addr> {
    let bits = 32 - u32::from(vip.prefix.min(32));
    // Network and broadcast address are nobody's.
    let Some(hosts) = 1u64.checked_shl(bits).map(|n| n.saturating_sub(2) as u32) else {
        return Vec::new();
    };
    let first = (vip.addr.to_bits() & !(((1u64 << bits) - 1) as u32)).wrapping_add(1);
    let mut found = Vec::new();
    for i in 0..count {
        // In the last part of each share: servers, routers and cameras are numbered from the beginnings.
        let (begin, end) = (share(hosts, i, count), share(hosts, i + 1, count));
        let free = (begin..end).rev().skip(((end - begin) / 5) as usize);
        let free = free.map(|at| Ipv4Addr::from_bits(first + at));
        found.extend(
            free.take(4096)
                .find(|a| *a != vip.addr && !known.contains(a)),
        );
    }
    found
}

fn share(hosts: u32, part: u32, of: u32) -> u32 {
    (u64::from(hosts) * u64::from(part) / u64::from(of.max(1))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_nobody_should_have_lie_apart_and_are_none_of_those_that_are_known() {
        let vip = |text: &str| text.parse::<Vip>().unwrap();
        let all = unused(vip("192.168.1.101/24"), &BTreeSet::new(), 4);
        let [a, b, c, d] = all[..] else {
            panic!("{all:?}")
        };
        assert!(a < b && b < c && c < d, "{all:?}");
        let known: BTreeSet<_> = all.iter().copied().collect();
        let others = unused(vip("192.168.1.101/24"), &known, 4);
        assert!(others.len() == 4 && others.iter().all(|a| !known.contains(a)));
        let small = unused(
            vip("10.0.0.1/30"),
            &BTreeSet::from([Ipv4Addr::new(10, 0, 0, 2)]),
            4,
        );
        assert_eq!(small, Vec::<Ipv4Addr>::new());
        for net in ["10.0.0.1/32", "10.0.0.1/31", "10.0.0.1/8", "10.0.0.1/1"] {
            for at in unused(vip(net), &BTreeSet::new(), 4) {
                assert!(vip(net).on_link(at) && at != vip(net).addr, "{net}: {at}");
            }
        }
    }
}
