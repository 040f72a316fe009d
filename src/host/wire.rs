//! What leaves this machine and arrives at it: ARP, ICMP echo, heartbeats, connections.
//!
//! A send is a plain call that never waits; a receive costs one boxed future a frame.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use super::reply::Reply;
use crate::detect::beat_socket::HeartbeatError;
use crate::detect::icmp::IcmpError;
use crate::detect::rtmp::{Conversation, DialFault, From};
use crate::net::arp::ArpFrame;
use crate::net::arp_socket::ArpError;
use crate::net::ask_at_mac::{AtMac, NoAnswer};
use crate::net::capture::{CaptureError, Frame};
use crate::types::IfIndex;

/// Everything that this machine can send and hear with.
pub trait Wire: Send + Sync {
    /// ARP on the interface of this name.
    ///
    /// # Errors
    /// [`ArpError`]: no such interface, or the kernel refuses.
    fn arp(&self, interface: &str) -> Result<Arc<dyn ArpEnd>, ArpError>;
    /// ICMP echo with `target`, out of one interface, or as the routes say. `id` tells our replies from others'.
    ///
    /// # Errors
    /// [`IcmpError::Open`].
    fn echo(
        &self,
        interface: Option<&str>,
        target: Ipv4Addr,
        id: u16,
    ) -> Result<Arc<dyn EchoEnd>, IcmpError>;
    /// UDP for heartbeats at an address of ours, on one interface only if it is given.
    ///
    /// # Errors
    /// [`HeartbeatError::Bind`].
    fn beats(
        &self,
        at: SocketAddrV4,
        interface: Option<&str>,
    ) -> Result<Arc<dyn BeatEnd>, HeartbeatError>;
    /// A TCP connection to `to`. Who waits sets the limit.
    fn dial<'a>(
        &'a self,
        to: SocketAddrV4,
        from: &'a From,
    ) -> Reply<'a, Box<dyn Conversation>, DialFault>;
    /// Counts the SYNs to `to` that leave by an interface, from now on; `None` where they cannot be counted.
    fn sent_syns(&self, interface: IfIndex, to: SocketAddrV4) -> Option<Box<dyn SentEnd>>;
    /// What a server at one MAC address answers to `first`, whatever the ARP cache says.
    fn first_answer<'a>(
        &'a self,
        ask: AtMac,
        first: &'a [u8],
        within: Duration,
    ) -> Reply<'a, Vec<u8>, NoAnswer>;
    /// What the cameras send to `vip`:`port`, and get from it, from now on.
    ///
    /// # Errors
    /// [`CaptureError`]: no such interface, or the kernel refuses.
    fn capture(
        &self,
        at: IfIndex,
        vip: Ipv4Addr,
        port: u16,
    ) -> Result<Box<dyn CaptureEnd>, CaptureError>;
}

/// ARP on one interface.
pub trait ArpEnd: Send + Sync {
    /// Sends one frame now; never waits.
    ///
    /// # Errors
    /// [`ArpError`]: the link is down, or the queue full.
    fn send(&self, frame: &ArpFrame) -> Result<(), ArpError>;
    /// Waits for the next frame that somebody else sent. Cancelling it loses nothing.
    fn recv(&self) -> Reply<'_, ArpFrame, ArpError>;
    /// The next frame that has arrived, without waiting.
    fn try_recv(&self) -> Option<ArpFrame>;
}

/// ICMP echo with one address.
pub trait EchoEnd: Send + Sync {
    /// Sends one request with this sequence number now; never waits.
    ///
    /// # Errors
    /// [`IcmpError`]: it cannot leave.
    fn send(&self, sequence: u16) -> Result<(), IcmpError>;
    /// Waits for the next reply: its sequence number. Cancelling it loses nothing.
    fn recv(&self) -> Reply<'_, u16, IcmpError>;
    /// The sequence number of the next reply that has arrived, without waiting.
    fn try_recv(&self) -> Option<u16>;
}

/// UDP at one address of ours.
pub trait BeatEnd: Send + Sync {
    /// Sends one heartbeat now or not at all.
    ///
    /// # Errors
    /// [`HeartbeatError::Send`].
    fn send(&self, beat: &[u8], to: SocketAddrV4) -> Result<(), HeartbeatError>;
    /// Waits for the next datagram and its sender. Cancelling it loses nothing.
    fn recv(&self) -> Reply<'_, (Vec<u8>, SocketAddrV4), HeartbeatError>;
    /// The next datagram that has arrived, without waiting.
    fn try_recv(&self) -> Option<(Vec<u8>, SocketAddrV4)>;
}

/// What does with each captured frame what is to be done.
pub type EachFrame<'a> = &'a mut (dyn FnMut(Frame<'_>) + Send);

/// Frames that are captured.
pub trait CaptureEnd: Send {
    /// Waits up to `within` for a frame, then hands over what is there, at most `most` frames; how many. May block: for a
    /// thread of its own.
    fn read<'a>(
        &'a mut self,
        within: Duration,
        most: usize,
        each: EachFrame<'a>,
    ) -> Reply<'a, usize, CaptureError>;
    /// Of these addresses only what begins or ends a connection is captured, and what we say; of the others everything.
    ///
    /// # Errors
    /// [`CaptureError::Filter`].
    fn exclude(&mut self, addresses: &[Ipv4Addr]) -> Result<(), CaptureError>;
    /// Frames that were lost because nobody read them, since the beginning.
    ///
    /// # Errors
    /// [`CaptureError::Read`].
    fn drops(&mut self) -> Result<u64, CaptureError>;
}

/// A count of SYNs.
pub trait SentEnd: Send + Sync {
    /// True if one left until now.
    fn any(&self) -> bool;
}
