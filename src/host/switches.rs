//! The ways to switches.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

/// How switches are reached.
pub trait SwitchIo: Send + Sync {
    /// The way to the SNMP agent at this address; `None`: a UDP socket of one's own.
    fn snmp(&self, agent: SocketAddr) -> Option<Arc<dyn Datagrams>>;
}

/// SNMP messages to one agent and back.
pub trait Datagrams: Send + Sync {
    /// Sends one message now; whatever comes back goes into `answers`, in its time. Whoever asked tells which answer it is.
    fn ask(&self, message: Vec<u8>, answers: UnboundedSender<Vec<u8>>);
}
