//! This machine: the traits of [`host`](super) by what is below them in `net` and `detect`.

mod disk;
mod kernel;
mod programs;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Datagrams, Host, SwitchIo};
use crate::net::netlink::{Netlink, NetlinkError};
pub use disk::RealDisk;
pub use kernel::RealKernel;
pub use programs::RealPrograms;
pub use wire::RealWire;

/// This machine. Its tasks run on the tokio runtime that this is called on.
///
/// # Errors
/// [`NetlinkError`] when the kernel refuses the connection to rtnetlink.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn host() -> Result<Host, NetlinkError> {
    Ok(Host {
        kernel: Arc::new(RealKernel::of(Netlink::open()?)),
        wire: Arc::new(RealWire),
        programs: Arc::new(RealPrograms),
    })
}

/// Switches over the network: each has a socket of its own.
#[derive(Clone, Copy, Debug)]
pub struct RealSwitches;

impl SwitchIo for RealSwitches {
    fn snmp(&self, _agent: SocketAddr) -> Option<Arc<dyn Datagrams>> {
        None
    }
}
