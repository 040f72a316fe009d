//! The connection to the kernel's rtnetlink, and the one error of everything that uses it.
//!
//! The crates below break their interface every few months; nothing outside of `net` sees them.

use std::io;
use std::sync::Arc;

use rtnetlink::Handle;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use tokio::sync::{Mutex, MutexGuard};

use crate::rt;

/// A request to the kernel that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {source}{}", hint(.source))]
pub struct NetlinkError {
    /// What was attempted.
    pub doing: String,
    /// What the kernel said.
    pub source: io::Error,
}

fn hint(e: &io::Error) -> &'static str {
    match e.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => " (it needs CAP_NET_ADMIN)",
        Some(libc::ENODEV) => " (no such interface: `ip link` lists them)",
        _ => "",
    }
}

impl NetlinkError {
    pub(super) fn new(doing: impl Into<String>, e: rtnetlink::Error) -> Self {
        let source = match e {
            rtnetlink::Error::NetlinkError(e) => e.to_io(),
            other => io::Error::other(other.to_string()),
        };
        NetlinkError {
            doing: doing.into(),
            source,
        }
    }

    /// The kernel's error number, where there was one.
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}

/// A connection to rtnetlink. Cheap to clone; requests may overlap.
#[derive(Clone, Debug)]
pub struct Netlink {
    pub(super) handle: Handle,
    /// One list at a time: the kernel refuses a second one on the same socket while the first is read (EBUSY).
    listing: Arc<Mutex<()>>,
}

impl Netlink {
    /// Connects, and starts the task that drives the connection on the current tokio runtime; it
    /// ends when the last clone is dropped.
    ///
    /// # Errors
    /// [`NetlinkError`] when the kernel refuses the socket.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open() -> Result<Self, NetlinkError> {
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(|source| NetlinkError {
                doing: "connect to rtnetlink".to_owned(),
                source,
            })?;
        rt::spawn(connection);
        Ok(Netlink {
            handle,
            listing: Arc::default(),
        })
    }

    /// To be held while a list is asked for and read.
    pub(super) async fn listing(&self) -> MutexGuard<'_, ()> {
        self.listing.lock().await
    }
}

/// What a notification of the kernel carries: a message, news that some were lost, or nothing for us.
pub(super) enum Notice {
    Message(RouteNetlinkMessage),
    Lost,
    Other,
}

impl From<NetlinkPayload<RouteNetlinkMessage>> for Notice {
    fn from(payload: NetlinkPayload<RouteNetlinkMessage>) -> Self {
        match payload {
            NetlinkPayload::InnerMessage(message) => Notice::Message(message),
            NetlinkPayload::Overrun(_) => Notice::Lost,
            _ => Notice::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_named() {
        let source = io::Error::from_raw_os_error(libc::EPERM);
        let doing = "add 192.168.1.101/24 to eth0".to_owned();
        let text = NetlinkError { doing, source }.to_string();
        assert!(
            text.starts_with("cannot add 192.168.1.101/24 to eth0: "),
            "{text}"
        );
        assert!(text.ends_with("(it needs CAP_NET_ADMIN)"), "{text}");
    }
}
