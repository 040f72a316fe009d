//! Cameras that are connected to us while the takeover begins again.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};

use crate::daemon_kernel::site::Site;

/// A camera at `10.99.0.n` that shakes hands with the VIP and then pushes until the site is gone.
fn push(site: &Site, n: u8) {
    use std::os::fd::AsRawFd;
    let from = SocketAddrV4::new([10, 99, 0, n].into(), 0);
    let vip = SocketAddrV4::new([10, 99, 0, 101].into(), 1935);
    let mut stream = site.lab.camera.run(|| {
        let fd = socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        setsockopt(&fd, sockopt::ReuseAddr, &true).unwrap();
        bind(fd.as_raw_fd(), &SockaddrIn::from(from)).unwrap();
        connect(fd.as_raw_fd(), &SockaddrIn::from(vip)).unwrap();
        TcpStream::from(fd)
    });
    std::thread::spawn(move || -> std::io::Result<()> {
        let mut hello = vec![3u8];
        hello.extend([1u8; 1536]);
        stream.write_all(&hello)?;
        let mut answer = vec![0; 3073];
        stream.read_exact(&mut answer)?;
        stream.write_all(&answer[1..1537])?;
        loop {
            stream.write_all(&[9; 200])?;
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn a_fence_that_was_opened_and_is_set_again_knows_the_cameras_that_never_left() {
    let Some(mut site) = Site::new("", "") else {
        return;
    };
    site.serve_rtmp(&site.lab.standby, "0.0.0.0:1935");
    site.start();
    site.healthy();
    site.take_over();
    site.until("the cameras were waited for", |s| s["state"] == "active");
    for n in 11..=14 {
        push(&site, n);
    }
    // What they push is no stream: as long as their SYN was seen, the bytes are judged, and nobody is back.
    std::thread::sleep(Duration::from_millis(1500));
    let before = site.status();
    assert_eq!(before["verdict"], "failed", "{before:#}");
    site.fake.with(|s| s.port("ge1").admin = 1);
    site.until("the fence is set again", |_| {
        site.fake.with(|s| s.port("ge1").admin == 2)
    });
    site.until("they are known by the kernel's counters", |s| {
        s["state"] == "active" && s["verdict"] == "verified"
    });
}
