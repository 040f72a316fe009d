//! What leaves a machine of the world and arrives at it.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Weak};
use std::time::Duration;

use standin::detect::beat_socket::HeartbeatError;
use standin::detect::icmp::IcmpError;
use standin::detect::rtmp::{Conversation, DialFault, From, VERSION};
use standin::host::{ArpEnd, BeatEnd, CaptureEnd, EachFrame, EchoEnd, Reply, SentEnd, Wire};
use standin::net::arp::ArpFrame;
use standin::net::arp_socket::ArpError;
use standin::net::ask_at_mac::{AtMac, NoAnswer};
use standin::net::capture::{CaptureError, Frame};
use standin::rt::sim::Place;
use standin::rt::{self, Lane};
use standin::types::{BootTime, IfIndex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::host::At;
use crate::inbox::Inbox;
use crate::lan::send;
use crate::world::{Captured, Datagram, Lie, PORT, VIP, later, takes};

/// Bytes of S1, S2 and their counterparts.
const PART: usize = 1536;

impl Wire for At {
    fn arp(&self, interface: &str) -> Result<Arc<dyn ArpEnd>, ArpError> {
        let m = &mut self.world.lock().unwrap().machines[self.me];
        if interface != m.name {
            return Err(ArpError::NoInterface(interface.to_owned()));
        }
        let (inbox, way) = Inbox::new();
        m.frames.push(way);
        Ok(Arc::new(Arp(self.clone(), inbox)))
    }

    fn echo(
        &self,
        interface: Option<&str>,
        target: Ipv4Addr,
        _id: u16,
    ) -> Result<Arc<dyn EchoEnd>, IcmpError> {
        let (inbox, way) = Inbox::new();
        let index = interface.map(|_| self.world.lock().unwrap().machines[self.me].index);
        let at = self.clone();
        Ok(Arc::new(Echo {
            at,
            index,
            target,
            inbox,
            way,
        }))
    }

    fn beats(
        &self,
        at: SocketAddrV4,
        _interface: Option<&str>,
    ) -> Result<Arc<dyn BeatEnd>, HeartbeatError> {
        let (inbox, way) = Inbox::new();
        let mut world = self.world.lock().unwrap();
        world.machines[self.me].datagrams.push((at, way));
        Ok(Arc::new(Beats(self.clone(), at, inbox)))
    }

    fn dial<'a>(
        &'a self,
        to: SocketAddrV4,
        _from: &'a From,
    ) -> Reply<'a, Box<dyn Conversation>, DialFault> {
        Box::pin(async move {
            rt::sleep(Duration::from_micros(takes(300, 700))).await;
            match self.listens(*to.ip()) {
                Some(true) => Ok(Box::new(served()) as Box<dyn Conversation>),
                Some(false) => Err(DialFault::There(io::Error::from_raw_os_error(
                    libc::ECONNREFUSED,
                ))),
                // Nobody answers ARP: the kernel says so after three seconds.
                None => {
                    rt::sleep(Duration::from_secs(3)).await;
                    Err(DialFault::There(io::Error::from_raw_os_error(
                        libc::EHOSTUNREACH,
                    )))
                }
            }
        })
    }

    fn sent_syns(&self, _: IfIndex, _: SocketAddrV4) -> Option<Box<dyn SentEnd>> {
        None
    }

    fn first_answer<'a>(
        &'a self,
        ask: AtMac,
        _hello: &'a [u8],
        within: Duration,
    ) -> Reply<'a, Vec<u8>, NoAnswer> {
        Box::pin(async move {
            rt::sleep(within).await;
            let source = io::Error::from(io::ErrorKind::Unsupported);
            Err(NoAnswer::Local(ask.interface, source))
        })
    }

    fn capture(
        &self,
        at: IfIndex,
        vip: Ipv4Addr,
        port: u16,
    ) -> Result<Box<dyn CaptureEnd>, CaptureError> {
        assert_eq!((vip, port), (VIP.addr, PORT));
        let m = &mut self.world.lock().unwrap().machines[self.me];
        if at.0 != m.index {
            return Err(CaptureError::Open {
                interface: at,
                source: io::Error::from_raw_os_error(libc::ENODEV),
            });
        }
        let (inbox, way) = Inbox::new();
        m.captures.push(way);
        Ok(Box::new(Captures {
            at: self.clone(),
            interface: at,
            inbox,
            excluded: Vec::new(),
        }))
    }
}

impl At {
    /// Whether a server is behind an address as it is reached from here; `None`: nobody has it.
    fn listens(&self, address: Ipv4Addr) -> Option<bool> {
        let mut world = self.world.lock().unwrap();
        for i in 0..world.machines.len() {
            let reached = match i == self.me {
                true => world.machines[i].has(address),
                false if world.lie == Some(Lie::DeafStandby) => false,
                false => world.machines[i].has(address) && world.both_ways(self.me, i),
            };
            let managed = world.managed(self.me, i);
            let m = &world.machines[i];
            if reached || (managed && m.management == address) {
                return Some(m.serves);
            }
        }
        None
    }
}

/// The client's end of a connection to a media server that completes handshakes.
fn served() -> tokio::io::DuplexStream {
    let (ours, mut theirs) = tokio::io::duplex(1 << 14);
    drop(Lane::simulated(Place::default()).spawn(async move {
        let mut asked = vec![0; 1 + PART];
        if theirs.read_exact(&mut asked).await.is_err() {
            return;
        }
        let mut answer = vec![VERSION];
        answer.extend([7; PART]);
        answer.extend(&asked[1..]);
        rt::sleep(Duration::from_micros(takes(200, 500))).await;
        let _ = theirs.write_all(&answer).await;
        let _ = theirs.read_exact(&mut asked[..PART]).await;
    }));
    ours
}

/// What was captured on an interface, and of which addresses the media are not.
struct Captures {
    at: At,
    interface: IfIndex,
    inbox: Arc<Inbox<Captured>>,
    excluded: Vec<Ipv4Addr>,
}

impl Captures {
    /// Bytes 26 to 29 of a frame are the sender of its packet, 47 are the flags of TCP.
    fn passes(&self, frame: &Captured) -> bool {
        let bytes = &frame.bytes;
        let ends = bytes.get(47).is_none_or(|flags| flags & 7 != 0);
        let tcp = bytes[12..14] == [8, 0];
        frame.outgoing || !tcp || ends || self.excluded.iter().all(|a| a.octets() != bytes[26..30])
    }
}

impl CaptureEnd for Captures {
    fn read<'a>(
        &'a mut self,
        within: Duration,
        most: usize,
        each: EachFrame<'a>,
    ) -> Reply<'a, usize, CaptureError> {
        Box::pin(async move {
            let (mut next, mut count) = (rt::timeout(within, self.inbox.take()).await.ok(), 0);
            let interface = self.interface;
            if self.at.world.lock().unwrap().machines[self.at.me].index != interface.0 {
                return Err(CaptureError::Gone { interface });
            }
            while let Some(frame) = next {
                if self.passes(&frame) {
                    each(Frame {
                        real_us: frame.at,
                        boot: BootTime(0),
                        bytes: &frame.bytes,
                        original_len: frame.bytes.len(),
                        outgoing: frame.outgoing,
                    });
                    count += 1;
                }
                next = (count < most).then(|| self.inbox.try_take()).flatten();
            }
            Ok(count)
        })
    }

    fn exclude(&mut self, addresses: &[Ipv4Addr]) -> Result<(), CaptureError> {
        self.excluded = addresses.to_vec();
        Ok(())
    }

    fn drops(&mut self) -> Result<u64, CaptureError> {
        Ok(0)
    }
}

struct Arp(At, Arc<Inbox<ArpFrame>>);

impl ArpEnd for Arp {
    fn send(&self, frame: &ArpFrame) -> Result<(), ArpError> {
        {
            let m = &mut self.0.world.lock().unwrap().machines[self.0.me];
            if !m.queues() {
                return Err(ArpError::QueueFull(m.name.to_owned()));
            }
        }
        send(&self.0.world, self.0.me, *frame);
        Ok(())
    }

    fn recv(&self) -> Reply<'_, ArpFrame, ArpError> {
        Box::pin(async { Ok(self.1.take().await) })
    }

    fn try_recv(&self) -> Option<ArpFrame> {
        self.1.try_take()
    }
}

struct Echo {
    at: At,
    /// The interface that it is bound to.
    index: Option<u32>,
    target: Ipv4Addr,
    inbox: Arc<Inbox<u16>>,
    way: Weak<Inbox<u16>>,
}

impl EchoEnd for Echo {
    fn send(&self, sequence: u16) -> Result<(), IcmpError> {
        let (at, target, way) = (self.at.clone(), self.target, self.way.clone());
        let index = self.at.world.lock().unwrap().machines[self.at.me].index;
        if self.index.is_some_and(|bound| bound != index) {
            let source = io::Error::from_raw_os_error(libc::ENODEV);
            return Err(IcmpError::Unreachable { target, source });
        }
        let back = {
            let world = self.at.world.lock().unwrap();
            world.on_the_way().0 + world.on_the_way().0
        };
        later(back, move || {
            let mut world = at.world.lock().unwrap();
            let others = (0..world.machines.len()).filter(|i| *i != at.me);
            let mut lives = false;
            for i in others {
                lives |= world.managed(at.me, i) && world.machines[i].management == target;
                lives |= world.lie != Some(Lie::DeafStandby)
                    && world.machines[i].has(target)
                    && world.machines[i].pings
                    && world.both_ways(at.me, i)
                    && !world.lost()
                    && !world.lost();
            }
            if let (true, Some(inbox)) = (lives, way.upgrade()) {
                inbox.put(sequence);
            }
        });
        Ok(())
    }

    fn recv(&self) -> Reply<'_, u16, IcmpError> {
        Box::pin(async { Ok(self.inbox.take().await) })
    }

    fn try_recv(&self) -> Option<u16> {
        self.inbox.try_take()
    }
}

struct Beats(At, SocketAddrV4, Arc<Inbox<Datagram>>);

impl BeatEnd for Beats {
    fn send(&self, beat: &[u8], to: SocketAddrV4) -> Result<(), HeartbeatError> {
        let (at, port, beat) = (self.0.clone(), self.1.port(), beat.to_vec());
        let on_the_way = at.world.lock().unwrap().on_the_way().0;
        later(on_the_way, move || {
            let mut world = at.world.lock().unwrap();
            for i in (0..world.machines.len()).filter(|i| *i != at.me) {
                let (me, m) = (&world.machines[at.me], &world.machines[i]);
                let data = m.own == *to.ip();
                if !data && m.management != *to.ip() {
                    continue;
                }
                let from = if data { me.own } else { me.management };
                if data && (world.lost() || !world.way(at.me, i)) || !world.managed(at.me, i) {
                    return;
                }
                // The narrower socket wins.
                let ends = &world.machines[i].datagrams;
                let bound = |at: Ipv4Addr| ends.iter().rfind(|(a, _)| *a.ip() == at);
                let end = bound(*to.ip()).or_else(|| bound(Ipv4Addr::UNSPECIFIED));
                if let Some(inbox) = end.and_then(|(_, way)| way.upgrade()) {
                    inbox.put((beat, SocketAddrV4::new(from, port)));
                }
                return;
            }
        });
        Ok(())
    }

    fn recv(&self) -> Reply<'_, Datagram, HeartbeatError> {
        Box::pin(async { Ok(self.2.take().await) })
    }

    fn try_recv(&self) -> Option<Datagram> {
        self.2.try_take()
    }
}
