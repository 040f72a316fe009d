//! The kernel's side of the network: interfaces, addresses, routes, connections.

use std::net::Ipv4Addr;

use futures_util::future::BoxFuture;

use super::reply::Reply;
use crate::net::address::{AddressLife, AddressState};
use crate::net::legs::Fault;
use crate::net::link::LinkState;
use crate::net::netlink::NetlinkError;
use crate::net::route::Connected;
use crate::net::sockets::{Connection, SocketsError};
use crate::net::watch::NetEvent;
use crate::types::{IfIndex, Vip};

/// A kernel. Requests may overlap; none of them blocks.
///
/// What an error means is said at the functions of [`net`](crate::net) of the same purpose.
pub trait Kernel: Send + Sync {
    /// The identity of this boot; another one after each.
    fn boot_id(&self) -> String;
    /// The interface of this name; `None` if there is none.
    fn link<'a>(&'a self, name: &'a str) -> Reply<'a, Option<LinkState>, NetlinkError>;
    /// All interfaces.
    fn links(&self) -> Reply<'_, Vec<LinkState>, NetlinkError>;
    /// All IPv4 addresses, in the kernel's order.
    fn addresses(&self) -> Reply<'_, Vec<AddressState>, NetlinkError>;
    /// Adds `vip`, marked as ours, to the interface `at`, which is called `interface`; or renews it.
    fn put_address<'a>(
        &'a self,
        at: IfIndex,
        interface: &'a str,
        vip: Vip,
        life: AddressLife,
    ) -> Reply<'a, (), NetlinkError>;
    /// Removes exactly this address, prefix and interface. True if it was there.
    fn remove_address(&self, at: IfIndex, vip: Vip) -> Reply<'_, bool, NetlinkError>;
    /// Keeps the connected routes that are wanted, and no other of ours; what was done, in words.
    fn keep_connected<'a>(
        &'a self,
        wanted: &'a [Connected],
    ) -> Reply<'a, Vec<String>, NetlinkError>;
    /// What is not as it must be about two legs in one network: `listening` with its own address, `parked` with its VIP.
    /// Routes only where a neighbour `near` them is known.
    fn leg_faults<'a>(
        &'a self,
        listening: (&'a str, Ipv4Addr),
        parked: (&'a str, Vip),
        near: Option<Ipv4Addr>,
    ) -> Reply<'a, Vec<Fault>, NetlinkError>;
    /// Forgets which MAC address `address` has on an interface; false if nothing was known.
    fn forget_neighbour(&self, at: IfIndex, address: Ipv4Addr) -> Reply<'_, bool, NetlinkError>;
    /// Connections to `vip`:`port` that the service has, or could have, accepted.
    fn connections(&self, vip: Ipv4Addr, port: u16) -> Reply<'_, Vec<Connection>, SocketsError>;
    /// Resets every TCP connection of this machine whose local address is `vip`; how many there were.
    fn reset_connections(&self, vip: Ipv4Addr) -> Reply<'_, usize, SocketsError>;
    /// Makes an interface keep its other addresses when the first of their prefix is removed. Blocks: not for the fast
    /// path.
    ///
    /// # Errors
    /// [`NetlinkError`] where the kernel does not take it.
    fn promote_secondaries(&self, interface: &str) -> Result<(), NetlinkError>;
    /// What happens to interfaces and addresses from now on.
    ///
    /// # Errors
    /// [`NetlinkError`] where the kernel refuses.
    fn events(&self) -> Result<Box<dyn KernelEvents>, NetlinkError>;
}

/// A subscription to what happens to interfaces and addresses.
pub trait KernelEvents: Send {
    /// Waits for the next change; `None` when the subscription has broken. Cancelling it loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Option<NetEvent>>;
}
