//! The network adapters against the real kernel, in network namespaces that each test makes for
//! itself (unnamed: they vanish with the test, also when it is killed). Needs root.

use std::fs::File;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, setns, unshare};
use standin::detect::icmp::IcmpProbe;
use standin::detect::rtmp::{self, RtmpFault};
use standin::net::address::{self, AddressLife, OUR_PROTO};
use standin::net::announce::{Announcer, Next};
use standin::net::arp::{ArpFrame, ArpOp};
use standin::net::arp_socket::ArpSocket;
use standin::net::budget::Budget;
use standin::net::netlink::Netlink;
use standin::net::sockets::{self, TcpState};
use standin::net::watch::{NetEvent, Watch};
use standin::net::{gate, link};
use standin::types::{BootTime, IfIndex, MacAddr, Vip};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 102);
const CAMERA: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 11);
const VIP: Vip = Vip {
    addr: Ipv4Addr::new(10, 99, 0, 101),
    prefix: 24,
};
const PATIENCE: Duration = Duration::from_secs(5);

/// A network namespace, kept by a descriptor.
struct Host(File);

/// The standby and a camera at the two ends of a cable: `s0` and `c0`.
struct Lab {
    standby: Host,
    camera: Host,
}

impl Host {
    fn new() -> Result<Host, String> {
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|e| format!("unshare: {e}"))?;
            let ns = File::open("/proc/thread-self/ns/net");
            ns.map(Host).map_err(|e| e.to_string())
        })
    }

    /// Runs `f` in this namespace, on a thread of its own.
    fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.0, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            f()
        })
    }

    /// Runs a future in this namespace, as the fast path does: one thread.
    fn block_on<F: Future>(&self, f: impl FnOnce() -> F + Send) -> F::Output
    where
        F::Output: Send,
    {
        self.run(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async { tokio::time::timeout(PATIENCE * 2, f()).await.unwrap() })
        })
    }

    fn sh(&self, command: &str) -> String {
        self.run(|| {
            let output = Command::new("sh").args(["-ec", command]).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command}: {stderr}");
            String::from_utf8(output.stdout).unwrap()
        })
    }
}

fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| {
        let result = s.spawn(f).join();
        result.unwrap_or_else(|e| std::panic::resume_unwind(e))
    })
}

/// Two namespaces and a cable; `None` (said aloud) where that is impossible and not required.
fn lab() -> Option<Lab> {
    let hosts = Host::new().and_then(|a| Ok((a, Host::new()?)));
    let (standby, camera) = match hosts {
        Ok(hosts) => hosts,
        Err(reason) => return skipped(&reason),
    };
    standby.sh("ip link set lo up; ip link add s0 type veth peer name c0");
    // `ip link set netns` takes a process or thread that lives in the namespace.
    camera.run(|| {
        let thread = nix::unistd::gettid();
        standby.sh(&format!("ip link set c0 netns {thread}"));
    });
    standby.sh(&format!("ip addr add {OWN}/24 dev s0; ip link set s0 up"));
    camera.sh(&format!(
        "ip link set lo up; ip addr add {CAMERA}/24 dev c0; ip link set c0 up"
    ));
    Some(Lab { standby, camera })
}

fn skipped<T>(reason: &str) -> Option<T> {
    let required = std::env::var_os("REQUIRE_LAB").is_some_and(|v| v == "1");
    assert!(!required, "REQUIRE_LAB=1, but: {reason}");
    eprintln!("SKIPPED: {reason}");
    None
}

fn nft_is_there() -> bool {
    Command::new("nft").arg("--version").output().is_ok() || skipped::<()>("no nft").is_some()
}

async fn interface(netlink: &Netlink, name: &str) -> (IfIndex, MacAddr) {
    let link = link::link(netlink, name).await.unwrap().expect(name);
    (link.ifindex, link.mac)
}

/// Sends all that an announcer has to say in its first round.
fn first_round(announcer: &mut Announcer, arp: &ArpSocket) {
    let mut budget = Budget::new(1000, 100);
    while let Next::Send(frame) = announcer.next(BootTime(0), &mut budget) {
        arp.send(&frame).unwrap();
    }
}

/// Asks the camera and waits for its answer: it has read everything that was sent before.
async fn settled(arp: &ArpSocket, mac: MacAddr) {
    arp.send(&ArpFrame::probe(mac, CAMERA, None)).unwrap();
    loop {
        let frame = arp.recv().await.unwrap();
        if frame.op == ArpOp::Reply && frame.tpa.is_unspecified() {
            return;
        }
    }
}

#[test]
fn an_address_is_claimed_read_back_renewed_and_dropped() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let read = async || address::read_back(&netlink, s0, VIP.addr).await.unwrap();
        assert_eq!(read().await, None);

        let life = AddressLife::For(Duration::from_secs(10));
        address::add(&netlink, s0, "s0", VIP, life).await.unwrap();
        let state = read().await.unwrap();
        assert!(state.ours && state.secondary, "{state:?}");
        assert_eq!(state.vip, VIP);
        assert_eq!(state.proto, Some(OUR_PROTO));
        assert_eq!(state.label.as_deref(), Some("s0:standin"));
        assert!(
            matches!(state.life, AddressLife::For(d) if (8..=10).contains(&d.as_secs())),
            "{state:?}"
        );

        address::add(&netlink, s0, "s0", VIP, AddressLife::Forever)
            .await
            .unwrap();
        let state = read().await.unwrap();
        assert_eq!((state.life, state.ours), (AddressLife::Forever, true));
        assert_eq!(address::strays(&netlink).await.unwrap(), [state]);
        let own = link::ipv4_addresses(&netlink, s0).await.unwrap();
        assert_eq!(own, [(OWN, 24), (VIP.addr, 24)]);
    });
    let routes = lab.standby.sh("ip -4 route show table all");
    assert_eq!(routes.matches("10.99.0.0/24 dev").count(), 1, "{routes}");
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let elsewhere = Vip { prefix: 25, ..VIP };
        assert!(
            !address::remove(&netlink, s0, elsewhere).await.unwrap(),
            "another prefix"
        );
        assert!(address::remove(&netlink, s0, VIP).await.unwrap());
        assert!(
            !address::remove(&netlink, s0, VIP).await.unwrap(),
            "again is fine"
        );
        assert!(!address::remove(&netlink, IfIndex(9999), VIP).await.unwrap());
        assert_eq!(address::strays(&netlink).await.unwrap(), []);
    });
}

#[test]
fn an_address_that_nobody_renews_goes_by_itself_and_the_watch_says_so() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let mut watch = Watch::open().unwrap();
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        let life = AddressLife::For(Duration::from_secs(1));
        address::add(&netlink, s0, "s0", VIP, life).await.unwrap();
        let mut set = false;
        loop {
            match watch.next().await.unwrap() {
                NetEvent::AddressSet(a) if a.vip == VIP => set = a.ours,
                NetEvent::AddressGone(a) if a.vip == VIP => break,
                _ => {}
            }
        }
        assert!(set);
        assert_eq!(address::strays(&netlink).await.unwrap(), []);
    });
}

#[test]
fn dropping_the_first_address_of_a_prefix_keeps_the_others() {
    let Some(lab) = lab() else { return };
    lab.standby.sh("ip addr flush dev s0");
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        address::promote_secondaries("s0").unwrap();
        address::add(&netlink, s0, "s0", VIP, AddressLife::Forever)
            .await
            .unwrap();
    });
    lab.standby.sh(&format!("ip addr add {OWN}/24 dev s0"));
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        assert!(address::remove(&netlink, s0, VIP).await.unwrap());
        let left = link::ipv4_addresses(&netlink, s0).await.unwrap();
        assert_eq!(left, [(OWN, 24)]);
    });
}

#[test]
fn a_cable_that_is_pulled_is_seen_in_the_link_and_in_the_watch() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let mut watch = Watch::open().unwrap();
        let read = async |name| link::link(&netlink, name).await.unwrap();
        let before = read("s0").await.unwrap();
        assert!(before.carrier && before.admin_up, "{before:?}");
        assert!(before.mac.is_unicast());
        assert_eq!(read("nosuch0").await, None);
        assert_eq!(read("a-name-that-is-far-too-long").await, None);

        lab.camera.sh("ip link set c0 down");
        loop {
            if let NetEvent::Link(l) = watch.next().await.unwrap()
                && (l.name.as_str(), l.carrier, l.admin_up) == ("s0", false, true)
            {
                break;
            }
        }
        let after = read("s0").await.unwrap();
        assert!(!after.carrier && after.admin_up, "{after:?}");
    });
}

#[test]
fn a_probe_is_answered_and_leaves_no_trace_in_the_cache() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (_, mac) = interface(&netlink, "s0").await;
        let arp = ArpSocket::open("s0").unwrap();
        arp.send(&ArpFrame::probe(mac, CAMERA, None)).unwrap();
        let reply = arp.recv().await.unwrap();
        assert_eq!(
            (reply.op, reply.spa, reply.tha),
            (ArpOp::Reply, CAMERA, mac)
        );
        assert!(!reply.is_receipt(VIP.addr, mac));
        arp.send(&ArpFrame::probe(mac, CAMERA, Some(reply.sha)))
            .unwrap();
        assert_eq!(arp.recv().await.unwrap().spa, CAMERA, "unicast too");
        assert_eq!(arp.drops().unwrap(), 0);
    });
    assert_eq!(lab.camera.sh("ip neigh show").trim(), "");
}

#[test]
fn the_announcement_moves_the_camera_to_us_and_the_release_moves_it_back() {
    let Some(lab) = lab() else { return };
    let peer = MacAddr([2, 0, 0, 0, 0x99, 1]);
    let vip = VIP.addr;
    let check = |mac: MacAddr| {
        let entry = lab.camera.sh(&format!("ip neigh show {vip}"));
        assert!(
            entry.contains(&mac.to_string()),
            "`{entry}` should be at {mac}"
        );
    };
    lab.camera.sh(&format!(
        "ip neigh replace {vip} lladdr {peer} dev c0 nud reachable"
    ));
    let mac = lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, mac) = interface(&netlink, "s0").await;
        address::add(&netlink, s0, "s0", VIP, AddressLife::Forever)
            .await
            .unwrap();
        let arp = ArpSocket::open("s0").unwrap();
        let refresh = Duration::from_secs(60);
        let mut announcer = Announcer::claim(mac, vip, &[CAMERA], refresh, BootTime(0));
        first_round(&mut announcer, &arp);
        loop {
            let frame = arp.recv().await.unwrap();
            if frame.is_receipt(vip, mac) {
                assert!(announcer.receipt(frame.spa, BootTime(1)));
                return mac;
            }
        }
    });
    check(mac);
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, mac) = interface(&netlink, "s0").await;
        address::remove(&netlink, s0, VIP).await.unwrap();
        let arp = ArpSocket::open("s0").unwrap();
        let mut announcer = Announcer::release(mac, peer, vip, &[CAMERA], BootTime(0));
        first_round(&mut announcer, &arp);
        settled(&arp, mac).await;
    });
    check(peer);
}

#[test]
fn every_form_alone_moves_an_entry() {
    let Some(lab) = lab() else { return };
    let vip = VIP.addr;
    let peer = MacAddr([2, 0, 0, 0, 0x99, 1]);
    let mac = lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        interface(&netlink, "s0").await.1
    });
    for (frame, old, new) in [
        (ArpFrame::announce_request(mac, vip), peer, mac),
        (ArpFrame::announce_reply(mac, vip), peer, mac),
        (ArpFrame::sweep(mac, vip, CAMERA), peer, mac),
        (ArpFrame::release_announce(mac, peer, vip), mac, peer),
        (
            ArpFrame::directed_release(mac, peer, vip, CAMERA),
            mac,
            peer,
        ),
    ] {
        lab.camera.sh(&format!(
            "ip neigh replace {vip} lladdr {old} dev c0 nud reachable"
        ));
        lab.standby.block_on(|| async {
            let arp = ArpSocket::open("s0").unwrap();
            arp.send(&frame).unwrap();
            settled(&arp, mac).await;
        });
        let entry = lab.camera.sh(&format!("ip neigh show {vip}"));
        assert!(entry.contains(&new.to_string()), "{frame}: {entry}");
    }
}

#[test]
fn arp_of_another_vlan_and_broken_arp_are_not_heard() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let arp = ArpSocket::open("s0").unwrap();
        let claim = |n: u8| ArpFrame::announce_request(MacAddr([2, 0, 0, 0, 0x99, n]), VIP.addr);
        lab.camera.run(|| {
            let index = nix::net::if_::if_nametoindex("c0").unwrap();
            let raw = standin::sys::packet_socket(0, index, &[], 4096).unwrap();
            let tagged = claim(1).to_bytes();
            let tagged = [&tagged[..12], &[0x81, 0, 0, 10], &tagged[12..]].concat();
            raw.send(&tagged).unwrap();
            let mut broken = claim(2).to_bytes();
            broken[18] = 7;
            raw.send(&broken).unwrap();
            raw.send(&claim(3).to_bytes()).unwrap();
        });
        assert_eq!(arp.recv().await.unwrap(), claim(3));
        assert_eq!(
            arp.malformed(),
            1,
            "the broken one; the tagged one never came up"
        );
    });
}

#[test]
fn events_that_were_lost_are_owned_up_to_and_the_watch_goes_on() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let mut watch = Watch::open().unwrap();
        // The subscription is made; while the shell runs nobody reads from it.
        lab.standby.sh(
            "for i in $(seq 0 2999); do echo addr add 10.8.$((i / 200)).$((i % 200))/32 dev lo; done \
             | ip -batch -",
        );
        let mut resyncs = 0;
        while resyncs < 2 {
            resyncs += u32::from(watch.next().await.unwrap() == NetEvent::Resync);
        }
        lab.standby.sh("ip link set s0 down");
        loop {
            if let NetEvent::Link(l) = watch.next().await.unwrap()
                && (l.name.as_str(), l.admin_up) == ("s0", false)
            {
                break;
            }
        }
    });
}

#[test]
fn the_arp_socket_sleeps_while_the_link_is_down_and_hears_again_after() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (_, mac) = interface(&netlink, "s0").await;
        let arp = ArpSocket::open("s0").unwrap();
        lab.standby.sh("ip link set s0 down");
        let err = arp.send(&ArpFrame::probe(mac, CAMERA, None)).unwrap_err();
        assert!(
            err.to_string().contains("s0: the interface is down"),
            "{err}"
        );
        let before = thread_cpu();
        let heard = tokio::time::timeout(Duration::from_millis(300), arp.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
        let spent = thread_cpu() - before;
        assert!(spent < Duration::from_millis(20), "spun for {spent:?}");
        lab.standby.sh("ip link set s0 up");
        lab.camera.sh(&format!("ping -c1 -W2 {OWN} >/dev/null"));
        while arp.recv().await.unwrap().spa != CAMERA {}
    });
}

fn thread_cpu() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    Duration::from(nix::time::clock_gettime(clock).unwrap())
}

#[test]
fn icmp_hears_its_own_echo_only() {
    let Some(lab) = lab() else { return };
    lab.standby.block_on(|| async {
        let probe = IcmpProbe::open("s0", CAMERA, 0x5eed).unwrap();
        let other = IcmpProbe::open("s0", CAMERA, 0x5eee).unwrap();
        other.send(1).unwrap();
        probe.send(7).unwrap();
        assert_eq!(probe.recv().await.unwrap(), (CAMERA, 7));
        assert_eq!(other.recv().await.unwrap(), (CAMERA, 1));
        let quiet = tokio::time::timeout(Duration::from_millis(50), probe.recv()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        assert_eq!(probe.malformed(), 0);
        assert!(IcmpProbe::open("nosuch0", CAMERA, 1).is_err());
        lab.standby.sh("ip link set s0 down");
        let err = probe.send(8).unwrap_err().to_string();
        assert!(err.contains("cannot ask 10.99.0.11"), "{err}");
    });
}

/// One try to shake hands with the VIP from the camera.
fn dial(lab: &Lab, port: u16) -> Result<Duration, RtmpFault> {
    let addr = SocketAddrV4::new(VIP.addr, port);
    let limit = Duration::from_millis(300);
    lab.camera
        .block_on(|| async move { rtmp::handshake(addr, &rtmp::From::Anywhere, limit).await })
}

#[test]
fn the_gate_drops_instead_of_refusing_and_goes_without_a_trace() {
    let Some(lab) = lab() else { return };
    if !nft_is_there() {
        return;
    }
    lab.standby.sh(&format!("ip addr add {VIP} dev s0"));
    let refused = |port| matches!(dial(&lab, port), Err(RtmpFault::Refused(_)));
    assert!(refused(1935));
    lab.standby.block_on(|| async {
        gate::close("site-1", VIP.addr, 1935).await.unwrap();
        gate::close("site-1", VIP.addr, 1935).await.unwrap();
        assert_eq!(gate::closed().await.unwrap(), ["standin_site_2d1"]);
        let local = SocketAddrV4::new(VIP.addr, 1935);
        let from_here = rtmp::handshake(local, &rtmp::From::Anywhere, PATIENCE).await;
        assert!(
            matches!(from_here, Err(RtmpFault::Refused(_))),
            "our own checks pass"
        );
    });
    let err = dial(&lab, 1935).unwrap_err();
    assert!(matches!(err, RtmpFault::ConnectTimeout { .. }), "{err}");
    assert!(refused(1936), "another port");
    let rules = lab.standby.sh("nft list table ip standin_site_2d1");
    assert!(rules.contains("counter packets 1 "), "{rules}");
    lab.standby.block_on(|| async {
        gate::open("site-1").await.unwrap();
        gate::open("site-1").await.unwrap();
        assert_eq!(gate::closed().await.unwrap(), [""; 0]);
    });
    assert!(refused(1935));
    lab.standby.block_on(|| async {
        gate::close("a", VIP.addr, 1935).await.unwrap();
        gate::close("b", VIP.addr, 1936).await.unwrap();
        assert_eq!(gate::clean_all().await.unwrap(), 2);
        assert_eq!(gate::clean_all().await.unwrap(), 0);
    });
    assert_eq!(lab.standby.sh("nft list tables").trim(), "");
}

#[test]
fn connections_to_the_vip_are_listed_with_their_bytes_and_reset_on_order() {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    let Some(lab) = lab() else { return };
    lab.standby.sh(&format!("ip addr add {VIP} dev s0"));
    let v4 = lab
        .standby
        .run(|| TcpListener::bind(("0.0.0.0", 1935)).unwrap());
    let v6 = lab.standby.run(|| TcpListener::bind(("::", 1936)).unwrap());
    let connect = |to: Ipv4Addr, port| lab.camera.run(|| TcpStream::connect((to, port)).unwrap());
    let mut camera = connect(VIP.addr, 1935);
    let mut served = v4.accept().unwrap().0;
    let mut other = connect(OWN, 1935);
    let _served_other = v4.accept().unwrap().0;
    let mut mapped = connect(VIP.addr, 1936);
    let _served_mapped = v6.accept().unwrap().0;
    camera.write_all(&[1; 1000]).unwrap();
    served.read_exact(&mut [0; 1000]).unwrap();
    served.write_all(&[2; 300]).unwrap();
    camera.read_exact(&mut [0; 300]).unwrap();
    // The next segment of the camera acknowledges our 300 bytes.
    camera.write_all(&[1]).unwrap();
    served.read_exact(&mut [0; 1]).unwrap();

    let destroyed = lab.standby.block_on(|| async {
        let list = async |port| sockets::established(VIP.addr, port).await.unwrap();
        let found = list(1935).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(SocketAddr::V4(found[0].peer), camera.local_addr().unwrap());
        assert_eq!(found[0].state, TcpState::Established);
        assert_eq!(found[0].bytes_received, Some(1001));
        // The kernel of a server does not count its SYN, that of a client does.
        assert!(matches!(found[0].bytes_acked, Some(300 | 301)), "{found:?}");
        assert_eq!(list(1936).await.len(), 1, "a service that listens on [::]");
        assert_eq!(list(1937).await, []);

        match sockets::destroy(VIP.addr).await {
            Ok(n) => assert_eq!(n, 2),
            Err(e) if e.source.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                return skipped::<()>(&e.to_string());
            }
            Err(e) => panic!("{e}"),
        }
        assert_eq!(list(1935).await, []);
        assert_eq!(
            sockets::destroy(VIP.addr).await.unwrap(),
            0,
            "again is fine"
        );
        Some(())
    });
    if destroyed.is_none() {
        return;
    }
    for stream in [&mut camera, &mut mapped] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let err = stream.read(&mut [0; 1]).unwrap_err();
        assert_eq!(
            err.kind(),
            ErrorKind::ConnectionReset,
            "the camera knows at once"
        );
    }
    other
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let err = other.read(&mut [0; 1]).unwrap_err();
    assert_eq!(
        err.kind(),
        ErrorKind::WouldBlock,
        "another address lives on"
    );
}
