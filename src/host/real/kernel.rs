//! The kernel by rtnetlink, sock_diag and procfs.

use std::net::Ipv4Addr;

use futures_util::future::BoxFuture;

use crate::host::{Kernel, KernelEvents, Reply};
use crate::net::address::{self, AddressLife, AddressState};
use crate::net::legs::{self, Fault};
use crate::net::link::{self, LinkState};
use crate::net::neighbour;
use crate::net::netlink::{Netlink, NetlinkError};
use crate::net::route::{self, Connected};
use crate::net::sockets::{self, Connection, SocketsError};
use crate::net::watch::{NetEvent, Watch};
use crate::types::{IfIndex, Vip};

/// The kernel of this network namespace.
#[derive(Clone, Debug)]
pub struct RealKernel(Netlink);

impl RealKernel {
    /// Over this connection.
    pub fn of(netlink: Netlink) -> Self {
        RealKernel(netlink)
    }
}

impl Kernel for RealKernel {
    fn boot_id(&self) -> String {
        crate::sys::boot_id()
    }

    fn link<'a>(&'a self, name: &'a str) -> Reply<'a, Option<LinkState>, NetlinkError> {
        Box::pin(link::link(&self.0, name))
    }

    fn links(&self) -> Reply<'_, Vec<LinkState>, NetlinkError> {
        Box::pin(link::all(&self.0))
    }

    fn addresses(&self) -> Reply<'_, Vec<AddressState>, NetlinkError> {
        Box::pin(address::all(&self.0))
    }

    fn put_address<'a>(
        &'a self,
        at: IfIndex,
        interface: &'a str,
        vip: Vip,
        life: AddressLife,
    ) -> Reply<'a, (), NetlinkError> {
        Box::pin(address::add(&self.0, at, interface, vip, life))
    }

    fn remove_address(&self, at: IfIndex, vip: Vip) -> Reply<'_, bool, NetlinkError> {
        Box::pin(address::remove(&self.0, at, vip))
    }

    fn keep_connected<'a>(
        &'a self,
        wanted: &'a [Connected],
    ) -> Reply<'a, Vec<String>, NetlinkError> {
        Box::pin(route::keep_connected(&self.0, wanted))
    }

    fn leg_faults<'a>(
        &'a self,
        listening: (&'a str, Ipv4Addr),
        parked: (&'a str, Vip),
        near: Option<Ipv4Addr>,
    ) -> Reply<'a, Vec<Fault>, NetlinkError> {
        Box::pin(async move {
            let mut faults = legs::faults(listening.0, parked.0);
            if let Some(near) = near {
                faults.extend(legs::route_faults(&self.0, listening, parked, near).await?);
            }
            Ok(faults)
        })
    }

    fn forget_neighbour(&self, at: IfIndex, address: Ipv4Addr) -> Reply<'_, bool, NetlinkError> {
        Box::pin(neighbour::forget(&self.0, at, address))
    }

    fn connections(&self, vip: Ipv4Addr, port: u16) -> Reply<'_, Vec<Connection>, SocketsError> {
        Box::pin(sockets::established(vip, port))
    }

    fn reset_connections(&self, vip: Ipv4Addr) -> Reply<'_, usize, SocketsError> {
        Box::pin(sockets::destroy(vip))
    }

    fn promote_secondaries(&self, interface: &str) -> Result<(), NetlinkError> {
        address::promote_secondaries(interface)
    }

    fn events(&self) -> Result<Box<dyn KernelEvents>, NetlinkError> {
        Ok(Box::new(Watch::open()?))
    }
}

impl KernelEvents for Watch {
    fn next(&mut self) -> BoxFuture<'_, Option<NetEvent>> {
        Box::pin(Watch::next(self))
    }
}
