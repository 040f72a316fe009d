//! The few system calls that have no safe wrapper, each with its reason.
#![expect(unsafe_code, reason = "this file exists to hold them")]

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

/// Ethertype of every protocol (`ETH_P_ALL`): both directions, before the kernel looks at it.
pub const ETHERTYPE_ALL: u16 = 0x0003;
/// Ethertype of ARP (RFC 826).
pub const ETHERTYPE_ARP: u16 = 0x0806;

/// The kernel's random identity of this boot (`/proc/sys/kernel/random/boot_id`).
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |s| s.trim().to_owned())
}

/// Opens a non-blocking `AF_PACKET` raw socket that sees only what `filter` passes on one interface.
///
/// The socket is created with protocol 0, so that not one unfiltered frame can be queued before the
/// filter is attached; only then it is bound. `rcvbuf` is in bytes and is forced past
/// `net.core.rmem_max` where CAP_NET_ADMIN allows it, else the kernel's limit applies silently.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_RAW; `ENODEV` where no interface has this index;
/// `EINVAL` where the kernel refuses the filter.
pub fn packet_socket(
    ethertype: u16,
    ifindex: u32,
    filter: &[SockFilter],
    rcvbuf: usize,
) -> io::Result<Socket> {
    let kind = Type::RAW.nonblocking().cloexec();
    let socket = Socket::new(Domain::PACKET, kind, Some(Protocol::from(0)))?;
    if !filter.is_empty() {
        socket.attach_filter(filter)?;
    }
    if setsockopt(&socket, sockopt::RcvBufForce, &rcvbuf).is_err() {
        socket.set_recv_buffer_size(rcvbuf)?;
    }
    socket.bind(&link_layer_address(ethertype, ifindex)?)?;
    Ok(socket)
}

/// The `sockaddr_ll` that binds a packet socket: nix and socket2 can read one but not build one.
fn link_layer_address(ethertype: u16, ifindex: u32) -> io::Result<SockAddr> {
    let ifindex = i32::try_from(ifindex).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of the address types that sockaddr_storage is made to hold, and
    // all of its fields are plain numbers, so any bytes (here zeroes) are a valid value.
    let ll = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    ll.sll_family = libc::AF_PACKET as libc::sa_family_t;
    ll.sll_protocol = ethertype.to_be();
    ll.sll_ifindex = ifindex;
    let len = mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: `len` bytes of `storage` were just written as a valid sockaddr_ll, and its family
    // says that it is one.
    Ok(unsafe { SockAddr::new(storage, len) })
}

/// Registers a non-blocking socket with the current tokio runtime.
///
/// # Errors
/// What epoll says.
///
/// # Panics
/// Outside of a tokio runtime with IO enabled.
pub fn async_fd(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: `Socket` owns a valid descriptor for as long as it lives, and neither we nor AsyncFd
    // hand out a way to replace or close it before that.
    Ok(unsafe { AsyncFd::register(socket)? })
}

/// Counters of a packet socket since the last time they were read: `(packets, drops)`.
///
/// `packets` counts what passed the filter, dropped ones included; `drops` those that found the
/// receive buffer full. **Reading resets both to zero** (packet(7), `PACKET_STATISTICS`).
///
/// # Errors
/// `EBADF`/`ENOTSOCK`/`ENOPROTOOPT` when `socket` is no packet socket.
pub fn packet_drops(socket: &impl AsFd) -> io::Result<(u32, u32)> {
    let mut stats = MaybeUninit::<libc::tpacket_stats>::zeroed();
    let mut len = mem::size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the pointer and `len` describe `stats`, which outlives the call; the kernel writes at
    // most `len` bytes.
    let rc = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            stats.as_mut_ptr().cast(),
            &mut len,
        )
    };
    if rc != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: two plain integers, zeroed before the call: every byte is initialised.
    let stats = unsafe { stats.assume_init() };
    Ok((stats.tp_packets, stats.tp_drops))
}

/// Makes a packet socket not receive what this machine itself sends (Linux 4.20).
///
/// # Errors
/// `ENOPROTOOPT` on an older kernel: the caller must then compare source addresses.
pub fn packet_ignore_outgoing(socket: &impl AsFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer and the length describe `on`, which outlives the call; the kernel only
    // reads it.
    let rc = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_IGNORE_OUTGOING,
            (&raw const on).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if rc == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Gives the calling thread real-time priority `priority` (1 lowest to 99) under `SCHED_FIFO`.
///
/// Processes and threads it starts do **not** inherit it (`SCHED_RESET_ON_FORK`): a service started
/// by us must not run in front of everything else.
///
/// # Errors
/// `PermissionDenied` without CAP_SYS_NICE or an RLIMIT_RTPRIO that allows it; `EINVAL` for a
/// priority outside of 1..=99.
pub fn become_realtime(priority: i32) -> io::Result<()> {
    let param = libc::sched_param {
        sched_priority: priority,
    };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: pid 0 means the calling thread; `param` outlives the call and is only read.
    let rc = unsafe { libc::sched_setscheduler(0, policy, &param) };
    if rc == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Keeps every page this process has or will touch in memory, so that a full disk or a swap storm
/// cannot delay a heartbeat.
///
/// `MCL_ONFAULT` locks a page when it is first touched: without it each thread's whole stack would
/// be pinned at once.
///
/// # Errors
/// `PermissionDenied`/`ENOMEM` without CAP_IPC_LOCK or enough RLIMIT_MEMLOCK.
pub fn lock_memory() -> io::Result<()> {
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT as libc::c_int);
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault)?;
    Ok(())
}

/// Secrets are in our memory: no core dump is made of it, neither by a crash nor by a watchdog's SIGABRT, and no other
/// process of the same user may look into it (prctl(2), `PR_SET_DUMPABLE`). Programs that we start are not concerned.
///
/// # Errors
/// The kernel refuses.
pub fn keep_memory_private() -> io::Result<()> {
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}

/// Lets `command` be killed under memory pressure like any other: our own protection (`OOMScoreAdjust` of the unit, negative)
/// would be inherited by the service that it starts, and by everything that one starts.
pub fn as_killable_as_others(command: &mut tokio::process::Command) {
    const OURS: &str = "/proc/self/oom_score_adj";
    let adjusted = std::fs::read_to_string(OURS).unwrap_or_default();
    if !adjusted.trim_start().starts_with('-') {
        return;
    }
    // SAFETY: between fork and exec only open, write and close are called, which are async-signal-safe
    // (signal-safety(7)); the texts are constants.
    unsafe {
        command.pre_exec(|| {
            let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY);
            if file >= 0 {
                libc::write(file, c"0".as_ptr().cast(), 1);
                libc::close(file);
            }
            // A service that is protected too well is better than none.
            Ok(())
        });
    }
}

/// Columns of the terminal on standard output; `None` where it is none, or does not say (TIOCGWINSZ).
pub fn terminal_columns() -> Option<u16> {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: the kernel writes at most one winsize to where the pointer says, and that is ours.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, size.as_mut_ptr()) };
    // SAFETY: all of its fields are plain numbers, so the zeroes that were there before are a valid value too.
    let columns = unsafe { size.assume_init() }.ws_col;
    (asked == 0 && columns > 0).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bind_address_carries_family_ethertype_in_network_order_and_index() {
        let address = link_layer_address(ETHERTYPE_ARP, 7).unwrap();
        assert_eq!(i32::from(address.family()), libc::AF_PACKET);
        assert_eq!(address.len() as usize, mem::size_of::<libc::sockaddr_ll>());
        // SAFETY: the address was built as a sockaddr_ll above; two bytes at offset 2 are its
        // protocol, four at offset 4 its index.
        let bytes = unsafe { std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), 8) };
        assert_eq!(bytes[2..4], [0x08, 0x06]);
        assert_eq!(bytes[4..8], 7i32.to_ne_bytes());
        assert!(link_layer_address(ETHERTYPE_ARP, u32::MAX).is_err());
    }

    #[test]
    fn a_socket_that_is_not_a_packet_socket_has_no_drop_counter() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(packet_drops(&udp).is_err());
        assert!(packet_ignore_outgoing(&udp).is_err());
    }

    #[test]
    fn a_packet_socket_opens_with_its_filter_and_counts_from_zero() {
        let all = [SockFilter::new(0x06, 0, 0, 0)];
        match packet_socket(ETHERTYPE_ALL, 1, &all, 1 << 20) {
            Ok(socket) => {
                packet_ignore_outgoing(&socket).unwrap();
                assert_eq!(packet_drops(&socket).unwrap(), (0, 0));
            }
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::PermissionDenied, "{e}"),
        }
    }

    #[test]
    fn memory_and_priority_are_granted_or_refused_with_a_reason() {
        let granted = std::thread::spawn(|| become_realtime(1)).join().unwrap();
        for result in [granted, lock_memory()] {
            if let Err(e) = result {
                let errno = e.raw_os_error();
                assert!(matches!(errno, Some(libc::EPERM | libc::ENOMEM)), "{e}");
            }
        }
    }

    #[test]
    fn a_priority_that_does_not_exist_is_refused() {
        let err = become_realtime(0).unwrap_err();
        assert_eq!(err.raw_os_error(), Some(libc::EINVAL));
    }
}
