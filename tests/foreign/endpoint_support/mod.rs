//! Servers of a test's own on loopback: where they listen, whether they are installed, that they end with the test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of loopback that no other test listens at: below those that the kernel hands out, by process and call. Not
/// another address of 127/8: BIND listens only at those that an interface has.
pub fn place() -> SocketAddr {
    loop {
        let nth = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (std::process::id().wrapping_mul(64) + nth) % 22_000;
        let at = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port as u16);
        if UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok() {
            return at;
        }
    }
}

/// The programs, if all of them are installed; `package` brings them. Otherwise says so, or fails with REQUIRE_LAB=1.
pub fn programs<const N: usize>(names: [&str; N], package: &str) -> Option<[PathBuf; N]> {
    let found = names.map(|name| {
        let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        let mut paths = folders.iter().map(|f| PathBuf::from(f).join(name));
        paths.find(|p| p.exists())
    });
    if found.iter().all(Option::is_some) {
        return Some(found.map(Option::unwrap_or_default));
    }
    let needed = std::env::var_os("REQUIRE_LAB").is_some_and(|v| v == "1");
    assert!(
        !needed,
        "not installed: {package} (scripts/lib-install.sh servers)"
    );
    println!("SKIPPED: {package} is not installed (scripts/lib-install.sh servers)");
    None
}

/// A program that is killed when the test ends.
pub struct Server(pub Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
