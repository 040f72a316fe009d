//! The wires by sockets of this machine.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use crate::detect::beat_socket::{HeartbeatError, HeartbeatSocket};
use crate::detect::icmp::{IcmpError, IcmpProbe};
use crate::detect::rtmp::{self, Conversation, DialFault, From};
use crate::host::{ArpEnd, BeatEnd, CaptureEnd, EachFrame, EchoEnd, Reply, SentEnd, Wire};
use crate::net::arp::ArpFrame;
use crate::net::arp_socket::{ArpError, ArpSocket};
use crate::net::ask_at_mac::{self, AtMac, NoAnswer};
use crate::net::capture::{Capture, CaptureError};
use crate::net::sent_syns::SentSyns;
use crate::types::IfIndex;

/// The network of this machine.
#[derive(Clone, Copy, Debug)]
pub struct RealWire;

impl Wire for RealWire {
    fn arp(&self, interface: &str) -> Result<Arc<dyn ArpEnd>, ArpError> {
        Ok(Arc::new(ArpSocket::open(interface)?))
    }

    fn echo(
        &self,
        interface: Option<&str>,
        target: Ipv4Addr,
        id: u16,
    ) -> Result<Arc<dyn EchoEnd>, IcmpError> {
        Ok(Arc::new(match interface {
            Some(interface) => IcmpProbe::open(interface, target, id)?,
            None => IcmpProbe::open_anywhere(target, id)?,
        }))
    }

    fn beats(
        &self,
        at: SocketAddrV4,
        interface: Option<&str>,
    ) -> Result<Arc<dyn BeatEnd>, HeartbeatError> {
        let socket = HeartbeatSocket::bind(*at.ip(), at.port(), interface)?;
        Ok(Arc::new(socket))
    }

    fn dial<'a>(
        &'a self,
        to: SocketAddrV4,
        from: &'a From,
    ) -> Reply<'a, Box<dyn Conversation>, DialFault> {
        Box::pin(async move {
            let stream = rtmp::dial(to, from).await?;
            Ok(Box::new(stream) as Box<dyn Conversation>)
        })
    }

    fn sent_syns(&self, interface: IfIndex, to: SocketAddrV4) -> Option<Box<dyn SentEnd>> {
        let sent = SentSyns::open(interface, to).ok()?;
        Some(Box::new(sent))
    }

    fn first_answer<'a>(
        &'a self,
        ask: AtMac,
        first: &'a [u8],
        within: Duration,
    ) -> Reply<'a, Vec<u8>, NoAnswer> {
        Box::pin(ask_at_mac::first_answer(ask, first, within))
    }

    fn capture(
        &self,
        at: IfIndex,
        vip: Ipv4Addr,
        port: u16,
    ) -> Result<Box<dyn CaptureEnd>, CaptureError> {
        Ok(Box::new(Capture::open(at, vip, port)?))
    }
}

impl ArpEnd for ArpSocket {
    fn send(&self, frame: &ArpFrame) -> Result<(), ArpError> {
        ArpSocket::send(self, frame)
    }

    fn recv(&self) -> Reply<'_, ArpFrame, ArpError> {
        Box::pin(ArpSocket::recv(self))
    }

    fn try_recv(&self) -> Option<ArpFrame> {
        ArpSocket::try_recv(self)
    }
}

impl EchoEnd for IcmpProbe {
    fn send(&self, sequence: u16) -> Result<(), IcmpError> {
        IcmpProbe::send(self, sequence)
    }

    fn recv(&self) -> Reply<'_, u16, IcmpError> {
        Box::pin(async { IcmpProbe::recv(self).await.map(|(_, sequence)| sequence) })
    }

    fn try_recv(&self) -> Option<u16> {
        IcmpProbe::try_recv(self)
    }
}

impl BeatEnd for HeartbeatSocket {
    fn send(&self, beat: &[u8], to: SocketAddrV4) -> Result<(), HeartbeatError> {
        HeartbeatSocket::send(self, beat, to)
    }

    fn recv(&self) -> Reply<'_, (Vec<u8>, SocketAddrV4), HeartbeatError> {
        Box::pin(HeartbeatSocket::recv(self))
    }

    fn try_recv(&self) -> Option<(Vec<u8>, SocketAddrV4)> {
        HeartbeatSocket::try_recv(self)
    }
}

impl CaptureEnd for Capture {
    // It blocks, on the thread of whoever waits for it.
    fn read<'a>(
        &'a mut self,
        within: Duration,
        most: usize,
        each: EachFrame<'a>,
    ) -> Reply<'a, usize, CaptureError> {
        Box::pin(std::future::ready(Capture::read(self, within, most, each)))
    }

    fn exclude(&mut self, addresses: &[Ipv4Addr]) -> Result<(), CaptureError> {
        Capture::exclude(self, addresses)
    }

    fn drops(&mut self) -> Result<u64, CaptureError> {
        Capture::drops(self)
    }
}

impl SentEnd for SentSyns {
    fn any(&self) -> bool {
        SentSyns::any(self)
    }
}
