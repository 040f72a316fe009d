//! ICMP, the gate, and connections to the VIP.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use standin::daemon::claim;
use standin::daemon::keeper::{Keeper, Place, Want};
use standin::detect::icmp::IcmpProbe;
use standin::detect::rtmp::{self, RtmpFault};
use standin::host::real::{RealKernel, RealPrograms};
use standin::net::address;
use standin::net::gate;
use standin::net::netlink::Netlink;
use standin::net::nft;
use standin::net::sockets::{self, TcpState};
use standin::takeover::event::Outcome;

use crate::lab::*;

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
        gate::close(&RealPrograms, "site-1", VIP.addr, 1935)
            .await
            .unwrap();
        gate::close(&RealPrograms, "site-1", VIP.addr, 1935)
            .await
            .unwrap();
        assert_eq!(
            gate::closed(&RealPrograms).await.unwrap(),
            ["standin_site_2d1"]
        );
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
        gate::open(&RealPrograms, "site-1", nft::DEADLINE)
            .await
            .unwrap();
        gate::open(&RealPrograms, "site-1", nft::DEADLINE)
            .await
            .unwrap();
        assert_eq!(gate::closed(&RealPrograms).await.unwrap(), [""; 0]);
    });
    assert!(refused(1935));
    lab.standby.block_on(|| async {
        gate::close(&RealPrograms, "a", VIP.addr, 1935)
            .await
            .unwrap();
        gate::close(&RealPrograms, "b", VIP.addr, 1936)
            .await
            .unwrap();
        assert_eq!(gate::clean_all(&RealPrograms).await.unwrap(), 2);
        assert_eq!(gate::clean_all(&RealPrograms).await.unwrap(), 0);
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

/// A machine that hung was fenced, and its kernel still has its connections when it gets the VIP back.
#[test]
fn who_claims_the_vip_has_no_connections_of_an_earlier_time() {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    let Some(lab) = lab() else { return };
    let service = lab
        .standby
        .run(|| TcpListener::bind(("0.0.0.0", 1935)).unwrap());
    let connect = || lab.camera.run(|| TcpStream::connect((VIP.addr, 1935)));
    let claim = || {
        lab.standby.block_on(|| async {
            let netlink = Netlink::open().unwrap();
            let (s0, _) = interface(&netlink, "s0").await;
            let place = Place {
                name: "s0".to_owned(),
                index: s0.0,
                own: Some(OWN),
            };
            let keeper = Keeper::new(
                Arc::new(RealKernel::of(netlink)),
                VIP,
                place.clone(),
                Arc::default(),
            );
            match claim::claim(&keeper, keeper.order(Want::Forever, place)).await {
                Outcome::Done(_) => sockets::established(VIP.addr, 1935).await.unwrap().len(),
                other => panic!("{other:?}"),
            }
        })
    };
    assert_eq!(claim(), 0);
    let mut camera = connect().unwrap();
    let _served = service.accept().unwrap();
    assert_eq!(claim(), 1, "the address is in place: its connections live");
    let left = lab.standby.block_on(|| async {
        let netlink = Netlink::open().unwrap();
        let (s0, _) = interface(&netlink, "s0").await;
        assert!(address::remove(&netlink, s0, VIP).await.unwrap());
        sockets::established(VIP.addr, 1935).await.unwrap().len()
    });
    assert_eq!(
        left, 1,
        "without the address the kernel keeps the connection"
    );
    match claim() {
        0 => {}
        _ if !can_destroy(&lab) => return,
        n => panic!("{n} connections of an earlier time"),
    }
    camera.set_read_timeout(Some(PATIENCE)).unwrap();
    camera.write_all(&[1]).unwrap();
    let err = camera.read(&mut [0; 1]).unwrap_err();
    assert_eq!(
        err.kind(),
        ErrorKind::ConnectionReset,
        "the camera learns it"
    );
    connect().unwrap();
}

/// Whether this kernel can reset a connection of another program.
fn can_destroy(lab: &Lab) -> bool {
    let asked = lab.standby.block_on(|| sockets::destroy(VIP.addr));
    match asked {
        Err(e) if e.source.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            skipped::<()>(&e.to_string());
            false
        }
        _ => true,
    }
}
