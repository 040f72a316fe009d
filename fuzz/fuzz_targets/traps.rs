//! Any datagram where switches' notifications are received (loopback only): nothing panics, and the right one that comes
//! after it is still received.
#![no_main]

use std::net::{SocketAddr, UdpSocket};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use standin::switch::snmp::traps::{TrapRules, Traps};
use tokio::runtime::Runtime;

const COMMUNITY: &[u8] = b"fuzz";
static COUNT: AtomicU32 = AtomicU32::new(1);

static RECEIVER: LazyLock<(Runtime, Traps, UdpSocket)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be made");
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let rules = TrapRules {
        listen: here,
        community: Some(String::from_utf8_lossy(COMMUNITY).into_owned().into()),
        user: None,
        state_dir: std::env::temp_dir(),
        from: vec![here.ip()],
    };
    let traps = runtime
        .block_on(Traps::open(rules))
        .expect("loopback can be listened on");
    let sender = UdpSocket::bind(here).expect("loopback has a free port");
    sender
        .connect(traps.local_addr())
        .expect("loopback can be reached");
    (runtime, traps, sender)
});

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u8::try_from(body.len())
        .ok()
        .filter(|n| *n < 128)
        .expect("it is short");
    [&[tag, length], &body[..]].concat()
}

/// linkDown over v2c (RFC 3418, RFC 2863), with this ifIndex.
fn link_down(if_index: u32) -> Vec<u8> {
    let bind = |oid: &[u8], value: &[u8]| tlv(0x30, &[&tlv(6, &[oid]), value]);
    // The last arc, seven bits an octet.
    let arcs: Vec<u8> = (0..5)
        .rev()
        .map(|i| (if_index >> (7 * i)) as u8 & 0x7f | u8::from(i > 0) << 7)
        .collect();
    let arcs: Vec<u8> = arcs.into_iter().skip_while(|b| *b == 0x80).collect();
    let binds = [
        bind(&[0x2b, 6, 1, 2, 1, 1, 3, 0], &tlv(0x43, &[&[1]])),
        bind(
            &[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0],
            &tlv(6, &[&[0x2b, 6, 1, 6, 3, 1, 1, 5, 3]]),
        ),
        bind(
            &[&[0x2b, 6, 1, 2, 1, 2, 2, 1, 1], &arcs[..]].concat(),
            &tlv(2, &[&[1]]),
        ),
    ];
    let binds = tlv(0x30, &[&binds.concat()]);
    let zero = tlv(2, &[&[0]]);
    let pdu = tlv(0xa7, &[&tlv(2, &[&[1]]), &zero, &zero, &binds]);
    tlv(0x30, &[&tlv(2, &[&[1]]), &tlv(4, &[COMMUNITY]), &pdu])
}

fuzz_target!(|data: &[u8]| {
    let (runtime, traps, sender) = &*RECEIVER;
    // Longer than a datagram can be is no datagram.
    let _ = sender.send(data);
    let wanted = 1_000_000 + COUNT.fetch_add(1, Ordering::Relaxed);
    sender
        .send(&link_down(wanted))
        .expect("loopback takes datagrams");
    let found = async { while traps.next().await.if_index != Some(wanted) {} };
    let found =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), found).await });
    found.expect("a right notification after a wrong one was not received");
});
