//! Live capture on a virtual cable in a network namespace of its own. Needs root (or CAP_SYS_ADMIN and CAP_NET_ADMIN).

use std::process::Command;
use std::time::Duration;

use crate::verify_support::*;
use standin::net::capture::Capture;
use standin::sys;
use standin::types::IfIndex;
use standin::verify::{Direction, Tracker, Verdict};

const INNER: &str = "STANDIN_VERIFY_INNER";

/// Runs the test of this name again inside of a new network namespace; true if this is that run.
fn inside(name: &str) -> bool {
    if std::env::var_os(INNER).is_some() {
        return true;
    }
    let me = std::env::current_exe().unwrap();
    let run = Command::new("unshare")
        .arg("--net")
        .arg(me)
        .args(["--exact", &format!("verify_live::{name}"), "--nocapture"])
        .env(INNER, "1")
        .output();
    match run {
        Ok(out) if out.status.success() => {
            let said = String::from_utf8_lossy(&out.stdout);
            assert!(said.contains("1 passed"), "no test has that name: {said}");
        }
        Ok(out) => {
            let err = String::from_utf8_lossy(&out.stderr);
            let no_right =
                err.contains("unshare failed") || err.contains("Operation not permitted");
            assert!(
                no_right && std::env::var_os("REQUIRE_LAB").is_none(),
                "{err}{}",
                String::from_utf8_lossy(&out.stdout)
            );
            eprintln!("SKIPPED {name}: needs root: {err}");
        }
        Err(e) => {
            assert!(
                std::env::var_os("REQUIRE_LAB").is_none(),
                "cannot run unshare: {e}"
            );
            eprintln!("SKIPPED {name}: needs unshare: {e}");
        }
    }
    false
}

fn ip(line: &str) {
    let out = Command::new("ip").args(line.split(' ')).output().unwrap();
    assert!(
        out.status.success(),
        "ip {line}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

fn up(end: &str) -> bool {
    let out = Command::new("ip")
        .args(["-o", "link", "show", end])
        .output()
        .unwrap();
    String::from_utf8_lossy(&out.stdout).contains("state UP")
}

/// A cable `us0`-`cam0`, both ends up, without addresses: our end and the cameras' end.
fn cable() -> (u32, u32) {
    ip(&format!(
        "link add us0 address {OUR_MAC} type veth peer name cam0"
    ));
    ip("link set us0 up");
    ip("link set cam0 up");
    // The kernel attaches the sending queue a moment after the carrier comes; until then it drops what is sent.
    let begin = std::time::Instant::now();
    for end in ["us0", "cam0"] {
        while !up(end) {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "{end} has no carrier"
            );
        }
    }
    let index = |name| nix::net::if_::if_nametoindex(name).unwrap();
    (index("us0"), index("cam0"))
}

fn sender(index: u32) -> socket2::Socket {
    sys::packet_socket(
        sys::ETHERTYPE_ALL,
        index,
        &[socket2::SockFilter::new(6, 0, 0, 0)],
        4096,
    )
    .unwrap()
}

#[test]
fn a_session_on_the_wire_is_seen_in_both_directions_and_the_camera_leaves_the_filter() {
    if !inside("a_session_on_the_wire_is_seen_in_both_directions_and_the_camera_leaves_the_filter")
    {
        return;
    }
    let (a, b) = cable();
    let mut capture = Capture::open(IfIndex(a), vip().addr, PORT).unwrap();
    let mut tracker = Tracker::new(&cameras(&[11]), vip(), PORT, Some(OUR_MAC));
    let (from_us, from_camera) = (sender(a), sender(b));
    let send = |f: &[u8]| {
        let socket = if f[6..12] == OUR_MAC.0 {
            &from_us
        } else {
            &from_camera
        };
        assert_eq!(socket.send(f).unwrap(), f.len());
    };
    let mut sent = 0;
    for At(_, f) in comes_back(11, 0, "live", "s1") {
        send(&f);
        sent += 1;
        // Not of the service: the filter keeps it away.
        let mut other = Wire::new(11, 4000).segment(true, ACK, 0, 0, b"x");
        other[36..38].copy_from_slice(&8080u16.to_be_bytes());
        send(&other);
    }
    let (mut seen, mut out, mut last) = (0, 0, 0);
    let mut take = |capture: &mut Capture| loop {
        let n = capture.read(Duration::from_millis(200), 7, |f| {
            let direction = if f.outgoing {
                Direction::Out
            } else {
                Direction::In
            };
            out += u32::from(f.outgoing);
            assert!(f.boot.0 >= last && f.real_us > f.boot.0);
            last = f.boot.0;
            tracker.observe(f.boot.0, f.bytes, f.original_len, direction);
        });
        match n.unwrap() {
            0 => break seen,
            n => seen += n,
        }
    };
    assert_eq!(take(&mut capture), sent, "frames seen and sent");
    capture.exclude(&[camera_ip(11)]).unwrap();
    let w = Wire::new(11, 40_000);
    for f in [
        w.segment(true, ACK, 9000, 0, b"media"),
        w.segment(false, ACK, 0, 9000, &[]),
        w.syn(),
        w.syn_ack(),
        receipt(11),
    ] {
        send(&f);
    }
    assert_eq!(take(&mut capture) - sent, 3, "SYN, SYN-ACK and ARP");
    assert_eq!(capture.drops().unwrap(), 0);
    assert!(out > 1);
    assert_eq!(tracker.verdict(), Verdict::Verified);
}

#[test]
fn a_capture_outlives_its_link_and_not_its_interface() {
    if !inside("a_capture_outlives_its_link_and_not_its_interface") {
        return;
    }
    let (a, b) = cable();
    let mut capture = Capture::open(IfIndex(a), vip().addr, PORT).unwrap();
    let count = |capture: &mut Capture| capture.read(Duration::from_millis(300), 10, |_| {});
    ip("link set us0 down");
    assert_eq!(count(&mut capture).unwrap(), 0);
    ip("link set us0 up");
    while !up("us0") || !up("cam0") {}
    sender(b).send(&receipt(11)).unwrap();
    assert_eq!(count(&mut capture).unwrap(), 1);
    ip("link del us0");
    let gone = count(&mut capture).unwrap_err();
    assert!(gone.to_string().contains("was removed"), "{gone}");
}
