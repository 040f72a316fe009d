//! A machine of the world as the daemon on it finds it: the traits of `standin::host`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use standin::host::{Datagrams, Host, Kernel, KernelEvents, Programs, Reply, SwitchIo};
use standin::net::address::{AddressLife, AddressState};
use standin::net::legs::Fault;
use standin::net::link::LinkState;
use standin::net::netlink::NetlinkError;
use standin::net::nft::NftError;
use standin::net::route::Connected;
use standin::net::sockets::{Connection, SocketsError, TcpState};
use standin::net::watch::NetEvent;
use standin::rt;
use standin::service::{Ended, ServiceError};
use standin::types::{IfIndex, Vip};
use tokio::sync::mpsc::UnboundedSender;

use crate::agent;
use crate::inbox::Inbox;
use crate::machine::Held;
use crate::world::{AGENT, Lie, PORT, Shared, later, now, takes};

/// Machine number `me`.
#[derive(Clone)]
pub struct At {
    pub world: Shared,
    pub me: usize,
}

impl At {
    pub fn host(&self) -> Host {
        Host {
            kernel: Arc::new(self.clone()),
            wire: Arc::new(self.clone()),
            programs: Arc::new(self.clone()),
        }
    }
}

fn refused(what: &str, errno: i32) -> NetlinkError {
    NetlinkError {
        doing: what.to_owned(),
        source: io::Error::from_raw_os_error(errno),
    }
}

/// A request to the kernel.
async fn asks() {
    rt::sleep(Duration::from_micros(takes(15, 60))).await;
}

impl Kernel for At {
    fn boot_id(&self) -> String {
        let boots = self.world.lock().unwrap().machines[self.me].boots;
        format!("boot-{}-{boots}", self.me)
    }

    fn link<'a>(&'a self, name: &'a str) -> Reply<'a, Option<LinkState>, NetlinkError> {
        Box::pin(async move {
            asks().await;
            let world = self.world.lock().unwrap();
            let m = &world.machines[self.me];
            Ok((name == m.name).then(|| m.link()))
        })
    }

    fn links(&self) -> Reply<'_, Vec<LinkState>, NetlinkError> {
        Box::pin(async move {
            asks().await;
            let world = self.world.lock().unwrap();
            let mut link = world.machines[self.me].link();
            link.carrier |= world.lie == Some(Lie::LinkStays);
            Ok(vec![link])
        })
    }

    fn addresses(&self) -> Reply<'_, Vec<AddressState>, NetlinkError> {
        Box::pin(async move {
            asks().await;
            let (world, now) = (self.world.lock().unwrap(), now());
            let m = &world.machines[self.me];
            let held = m.addresses.iter().filter(|h| h.until > now);
            Ok(held.map(|h| m.shown(h)).collect())
        })
    }

    fn put_address<'a>(
        &'a self,
        at: IfIndex,
        _interface: &'a str,
        vip: Vip,
        life: AddressLife,
    ) -> Reply<'a, (), NetlinkError> {
        Box::pin(async move {
            asks().await;
            let until = match life {
                AddressLife::Forever => u64::MAX,
                // The kernel counts whole seconds, and is late.
                AddressLife::For(d) => now() + d.as_secs_f64().ceil() as u64 * 1_000_000,
            };
            let held = Held {
                vip,
                ours: true,
                until,
            };
            let mut world = self.world.lock().unwrap();
            let machine = &mut world.machines[self.me];
            if at.0 != machine.index {
                return Err(refused("add an address", libc::ENODEV));
            }
            if machine.no_address {
                return Err(refused("add an address", libc::ENOBUFS));
            }
            machine.put(held);
            Ok(())
        })
    }

    fn remove_address(&self, at: IfIndex, vip: Vip) -> Reply<'_, bool, NetlinkError> {
        Box::pin(async move {
            asks().await;
            let mut world = self.world.lock().unwrap();
            let machine = &mut world.machines[self.me];
            let here = at.0 == machine.index;
            Ok(here && machine.remove(vip))
        })
    }

    fn keep_connected<'a>(
        &'a self,
        _wanted: &'a [Connected],
    ) -> Reply<'a, Vec<String>, NetlinkError> {
        Box::pin(async {
            asks().await;
            Ok(Vec::new())
        })
    }

    fn leg_faults<'a>(
        &'a self,
        _listening: (&'a str, Ipv4Addr),
        _parked: (&'a str, Vip),
        _near: Option<Ipv4Addr>,
    ) -> Reply<'a, Vec<Fault>, NetlinkError> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn forget_neighbour(&self, _at: IfIndex, _: Ipv4Addr) -> Reply<'_, bool, NetlinkError> {
        Box::pin(async { Ok(false) })
    }

    fn connections(&self, _vip: Ipv4Addr, port: u16) -> Reply<'_, Vec<Connection>, SocketsError> {
        assert_eq!(port, PORT);
        Box::pin(async {
            asks().await;
            let world = self.world.lock().unwrap();
            let all = world.machines[self.me].connections.iter();
            let shown = all.map(|c| Connection {
                peer: SocketAddrV4::new(world.cameras[c.camera].address(), c.port),
                bytes_acked: Some(4000),
                bytes_received: Some(c.received),
                state: TcpState::Established,
            });
            Ok(shown.collect())
        })
    }

    fn reset_connections(&self, _vip: Ipv4Addr) -> Reply<'_, usize, SocketsError> {
        Box::pin(async {
            asks().await;
            let mut world = self.world.lock().unwrap();
            Ok(world.machines[self.me].connections.drain(..).count())
        })
    }

    fn promote_secondaries(&self, _interface: &str) -> Result<(), NetlinkError> {
        Ok(())
    }

    fn events(&self) -> Result<Box<dyn KernelEvents>, NetlinkError> {
        let (inbox, way) = Inbox::new();
        self.world.lock().unwrap().machines[self.me]
            .events
            .push(way);
        Ok(Box::new(Events(inbox)))
    }
}

struct Events(Arc<Inbox<NetEvent>>);

impl KernelEvents for Events {
    fn next(&mut self) -> BoxFuture<'_, Option<NetEvent>> {
        Box::pin(async { Some(self.0.take().await) })
    }
}

/// Until when an element with this timeout is in its set.
fn lasts(line: &str) -> u64 {
    let seconds = line
        .split("timeout ")
        .nth(1)
        .and_then(|s| s.split('s').next());
    let seconds: u64 = seconds
        .and_then(|s| s.parse().ok())
        .expect("an element has a timeout");
    now() + seconds * 1_000_000
}

impl Programs for At {
    /// The part of nft's language that the daemon writes; anything else is refused.
    fn nft<'a>(
        &'a self,
        arguments: &'a [&'a str],
        input: &'a str,
        within: Duration,
        doing: &'a str,
    ) -> Reply<'a, String, NftError> {
        Box::pin(async move {
            let (slow, none) = {
                let m = &self.world.lock().unwrap().machines[self.me];
                (m.nft_slow, m.no_nft)
            };
            if none {
                return Err(NftError::NoNft(doing.to_owned()));
            }
            if Duration::from_micros(slow) >= within {
                rt::sleep(within).await;
                let doing = doing.to_owned();
                return Err(NftError::Timeout { doing, within });
            }
            rt::sleep(Duration::from_micros(takes(4000, 4000) + slow)).await;
            let mut world = self.world.lock().unwrap();
            let lie = world.lie;
            let tables = &mut world.machines[self.me].tables;
            if let ["list", "tables", ..] = arguments {
                if lie == Some(Lie::GateStays) {
                    return Ok(String::new());
                }
                return Ok(tables.keys().map(|t| format!("table {t}\n")).collect());
            }
            let mut inside = String::new();
            for line in input.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                match words[..] {
                    ["add" | "delete", "table", family, name] => {
                        let name = format!("{family} {name}");
                        match words[0] {
                            "add" => tables.entry(name).or_default(),
                            _ if lie == Some(Lie::GateStays) => tables.entry(name).or_default(),
                            _ => &mut tables.remove(&name).unwrap_or_default(),
                        };
                    }
                    ["table", family, name, "{"] => {
                        inside = format!("{family} {name}");
                        tables.entry(inside.clone()).or_default();
                    }
                    ["flush", "set", family, name, _] | ["add", "element", family, name, ..]
                        if !tables.contains_key(&format!("{family} {name}")) =>
                    {
                        let said = format!("no such table: {line}");
                        let doing = doing.to_owned();
                        return Err(NftError::Refused { doing, said });
                    }
                    ["flush", "set", family, name, _] => {
                        tables.insert(format!("{family} {name}"), 0);
                    }
                    ["add", "element", family, name, ..] => {
                        tables.insert(format!("{family} {name}"), lasts(line));
                    }
                    ["elements", ..] => {
                        tables.insert(inside.clone(), lasts(line));
                    }
                    // The rule itself is known.
                    _ if line.starts_with(' ') || line == "}" => {}
                    _ => panic!("nft was told something that is not known here: {line}"),
                }
            }
            Ok(String::new())
        })
    }

    /// `systemctl`, of which the unit of the media server is known.
    /// No site of the simulation has a sink.
    fn feed<'a>(
        &'a self,
        program: &'a str,
        _arguments: &'a [String],
        _input: &'a str,
        _within: Duration,
    ) -> Reply<'a, Ended, ServiceError> {
        panic!("{program} is fed")
    }

    fn run<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [String],
        _within: Duration,
    ) -> Reply<'a, Ended, ServiceError> {
        Box::pin(async move {
            assert_eq!(program, "systemctl");
            let started = arguments[0] == "start";
            let least = if started { 200_000 } else { 5_000 };
            rt::sleep(Duration::from_micros(takes(least, least * 4))).await;
            let mut world = self.world.lock().unwrap();
            let serves = &mut world.machines[self.me].serves;
            *serves |= started;
            let active = if *serves { "active" } else { "inactive" };
            Ok(Ended {
                status: ExitStatus::default(),
                output: format!(
                    "LoadState=loaded\nActiveState={active}\nSubState=running\nResult=success\nType=simple"
                ),
            })
        })
    }
}

impl SwitchIo for At {
    fn snmp(&self, _agent: SocketAddr) -> Option<Arc<dyn Datagrams>> {
        Some(Arc::new(self.clone()))
    }
}

impl Datagrams for At {
    fn ask(&self, message: Vec<u8>, answers: UnboundedSender<Vec<u8>>) {
        let (world, me) = (self.world.clone(), self.me);
        later(takes(200, 800), move || {
            let mut world = world.lock().unwrap();
            if world.cuts.contains(&(me, AGENT)) {
                return;
            }
            let slow = world.slow;
            if let Some(answer) = agent::answer(&mut world, me, message)
                && !world.cuts.contains(&(AGENT, me))
            {
                later(takes(200, 2000) + slow, move || {
                    let _ = answers.send(answer);
                });
            }
        });
    }
}
