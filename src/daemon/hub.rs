//! What reaches the loop, from whichever thread.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::auto::Looked;
use super::fencing::Unread;
use super::look_id::LookId;
use super::new_config::New;
use crate::exit::ExitCode;
use crate::health::Looked as LookedAt;
use crate::net::arp::ArpFrame;
use crate::net::kernel_view::KernelView;
use crate::net::link::LinkState;
use crate::switch::PortIdentity;
use crate::takeover::action::Level;
use crate::takeover::event::Event;
use crate::types::{BootTime, PortRef};

/// The one channel into the loop. It is unbounded, because no sender may be made to wait by a busy loop; what feeds
/// it is bounded itself (probes, beats, one task per step).
pub type Tx = mpsc::UnboundedSender<Input>;

/// One thing for the loop.
pub enum Input {
    /// An event for the peer of this index.
    Event(usize, Event),
    /// An ARP frame that arrived on the interface of this index.
    Frame(usize, ArpFrame),
    /// A datagram that arrived on the heartbeat socket of this index.
    Beat {
        /// Which socket.
        socket: usize,
        /// Who sent it, as far as the datagram says.
        from: SocketAddrV4,
        /// What it says; not yet authenticated.
        bytes: Vec<u8>,
    },
    /// One more question to the peer, which is no evidence; told whether it left.
    AskAside(usize, oneshot::Sender<bool>),
    /// What a read of the peer's switch brought: sysUpTime in hundredths of a second where it tells, or why nothing.
    Switch(usize, Result<Option<u32>, Unread>),
    /// A switch of the configuration says that a link changed.
    Trap {
        /// Its name.
        switch: String,
        /// The port's ifIndex, where it says which.
        if_index: Option<u32>,
    },
    /// snmpEngineBoots of a peer's switches, added up.
    EngineBoots(usize, u64),
    /// Where the peer's ports are that the configuration leaves to be found.
    Ports(usize, Vec<Looked>),
    /// Who is on the peer's switch ports, seen while it was healthy.
    Identities(usize, BTreeMap<PortRef, PortIdentity>),
    /// What is wrong with the settings of the two legs of a port takeover.
    Legs(usize, Vec<String>),
    /// Our own service for this peer completes handshakes, or why it does not.
    OwnService(usize, Option<String>),
    /// One look of a health check of this peer, and how long it took.
    Health(usize, LookId, LookedAt, Duration),
    /// Addresses with connections to our service on which bytes arrive, after a restart.
    Fed(usize, Vec<Ipv4Addr>),
    /// What verification knows of the cameras.
    Cameras(usize, Value),
    /// The kernel says that an interface changed.
    Link(LinkState),
    /// The interface of this kernel index is gone.
    LinkGone(u32),
    /// An address was removed from the interface of this kernel index.
    AddressGone(u32, Ipv4Addr),
    /// All interfaces and addresses, and when reading them began.
    Kernel(Box<KernelView>, BootTime),
    /// A task saw something that a person must know for as long as it lasts.
    Raise {
        /// The peer it is about; `None`: this machine.
        peer: Option<usize>,
        /// Under this key; the same key ends it.
        key: &'static str,
        /// How urgent it is.
        level: Level,
        /// One sentence that a stranger understands.
        text: String,
    },
    /// It is over.
    Settle {
        /// The peer it is about; `None`: this machine.
        peer: Option<usize>,
        /// The key under which it was raised.
        key: &'static str,
        /// What is said of its end.
        text: String,
    },
    /// A request from the control socket.
    Ask(Ask),
    /// The configuration was read again; or why it is not valid.
    Reload(Result<Box<New>, String>),
    /// SIGTERM or SIGINT.
    Stop,
}

/// A request from the control socket.
pub struct Ask {
    /// The command's name.
    pub command: String,
    /// The peer it is about, where it is about one.
    pub peer: Option<String>,
    /// Further arguments.
    pub args: Value,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Value, (ExitCode, String)>>,
}
