//! Network namespaces of a test's own (unnamed: they vanish with the test, also when it is killed).

use std::fs::File;
use std::future::Future;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, setns, unshare};
use standin::net::announce::{Announcer, Next};
use standin::net::arp::{ArpFrame, ArpOp};
use standin::net::arp_socket::ArpSocket;
use standin::net::budget::Budget;
use standin::net::link;
use standin::net::netlink::Netlink;
use standin::types::{BootTime, IfIndex, MacAddr, Vip};
pub const OWN: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 102);
pub const CAMERA: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 11);
pub const VIP: Vip = Vip {
    addr: Ipv4Addr::new(10, 99, 0, 101),
    prefix: 24,
};
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A network namespace, kept by a descriptor.
pub struct Host(File);

/// The standby and a camera at the two ends of a cable: `s0` and `c0`.
pub struct Lab {
    pub standby: Host,
    pub camera: Host,
}

impl Host {
    pub fn new() -> Result<Host, String> {
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|e| format!("unshare: {e}"))?;
            let ns = File::open("/proc/thread-self/ns/net");
            ns.map(Host).map_err(|e| e.to_string())
        })
    }

    /// Runs `f` in this namespace, on a thread of its own.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.0, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            f()
        })
    }

    /// Runs a future in this namespace, as the fast path does: one thread.
    pub fn block_on<F: Future>(&self, f: impl FnOnce() -> F + Send) -> F::Output
    where
        F::Output: Send,
    {
        self.run(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async { tokio::time::timeout(PATIENCE * 2, f()).await.unwrap() })
        })
    }

    pub fn sh(&self, command: &str) -> String {
        self.run(|| {
            let output = Command::new("sh").args(["-ec", command]).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command}: {stderr}");
            String::from_utf8(output.stdout).unwrap()
        })
    }
}

pub fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| {
        let result = s.spawn(f).join();
        result.unwrap_or_else(|e| std::panic::resume_unwind(e))
    })
}

/// Two namespaces and a cable; `None` (said aloud) where that is impossible and not required.
pub fn lab() -> Option<Lab> {
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

pub fn skipped<T>(reason: &str) -> Option<T> {
    let required = std::env::var_os("REQUIRE_LAB").is_some_and(|v| v == "1");
    assert!(!required, "REQUIRE_LAB=1, but: {reason}");
    eprintln!("SKIPPED: {reason}");
    None
}

pub fn nft_is_there() -> bool {
    Command::new("nft").arg("--version").output().is_ok() || skipped::<()>("no nft").is_some()
}

pub async fn interface(netlink: &Netlink, name: &str) -> (IfIndex, MacAddr) {
    let link = link::link(netlink, name).await.unwrap().expect(name);
    (link.ifindex, link.mac)
}

/// Sends all that an announcer has to say in its first round.
pub fn first_round(announcer: &mut Announcer, arp: &ArpSocket) {
    let mut budget = Budget::new(1000, 100);
    while let Next::Send(frame) = announcer.next(BootTime(0), &mut budget) {
        arp.send(&frame).unwrap();
    }
}

/// Asks the camera and waits for its answer: it has read everything that was sent before.
pub async fn settled(arp: &ArpSocket, mac: MacAddr) {
    arp.send(&ArpFrame::request(mac, OWN, CAMERA, None))
        .unwrap();
    loop {
        let frame = arp.recv().await.unwrap();
        if frame.op == ArpOp::Reply && frame.tpa == OWN {
            return;
        }
    }
}
