"""Namespaces and processes: entering, making, listing, ending them.

Python 3.11 has no os.setns, so libc is called. Processes are named by
(pid, start time), so that a pid used again by a stranger is never killed.
"""
import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV, MS_NOEXEC = 4096, 16384, 1 << 18, 2, 4, 8
MS_SHARED, MNT_DETACH = 1 << 20, 2
NETNS_DIR = "/run/netns"


def _check(rc, what):
    if rc != 0:
        e = ctypes.get_errno()
        raise OSError(e, f"{what}: {os.strerror(e)}")


def setns(fd, kind=0):
    _check(libc.setns(fd, kind), "setns")


def unshare(flags):
    _check(libc.unshare(flags), "unshare")


def mount(source, target, fstype=None, flags=0, data=None):
    enc = [x.encode() if x is not None else None for x in (source, target, fstype)]
    _check(libc.mount(*enc, ctypes.c_ulong(flags), data.encode() if data else None),
           f"mount {fstype or source} on {target}")


def netns_path(name):
    return f"{NETNS_DIR}/{name}"


def share_netns_dir():
    """Makes /run/netns a shared mount of its own, as the first `ip netns add` does (iproute2, ip/ipnetns.c).

    Done here before anything is mounted in it. Else somebody's `ip netns add` while a lab is up binds the directory
    over itself: each of our names is then mounted twice, and the lower one holds its file for ever.
    """
    os.makedirs(NETNS_DIR, exist_ok=True)
    lock = os.open(NETNS_DIR, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if libc.mount(b"", NETNS_DIR.encode(), b"none", ctypes.c_ulong(MS_SHARED | MS_REC), None) != 0:
            mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC)
            mount("", NETNS_DIR, "none", MS_SHARED | MS_REC)
    finally:
        os.close(lock)


def create_netns(name):
    """A named network namespace, as `ip netns add` makes it; loopback up, IPv6 off."""
    path = netns_path(name)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o444))
    if is_netns(path):
        raise FileExistsError(errno.EEXIST, "a namespace of that name is there", path)
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_NEWNET)
        mount("/proc/self/ns/net", path, None, MS_BIND)
        for which in ("default", "all"):
            with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "w") as f:
                f.write("1")
        set_lo_up()
    finally:
        setns(home, CLONE_NEWNET)
        os.close(home)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def set_lo_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 0x49))


def is_netns(path):
    """Whether a namespace is mounted there; a file alone is what is left of one."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(path).st_dev == os.stat("/proc/self/ns/net").st_dev
    return False


def delete_netns(name):
    """Removes a named namespace, however often it is mounted; fine when it is gone already."""
    path = netns_path(name)
    unmount_all(path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as e:
        if e.errno != errno.EBUSY:
            raise
        with covered_netns_dir() as lower:
            unmount_all(f"{lower}/{name}")
        os.unlink(path)


def unmount_all(path):
    while libc.umount2(path.encode(), MNT_DETACH) == 0:
        pass


@contextlib.contextmanager
def covered_netns_dir():
    """A path to /run/netns as it is below the mount that covers it.

    No name leads there; a file handle (open_by_handle_at) opened on the file system of /run does.
    """
    class Handle(ctypes.Structure):
        _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("handle", ctypes.c_ubyte * 128)]

    handle, mount_id = Handle(bytes=128), ctypes.c_int()
    at_fdcwd = -100
    _check(libc.name_to_handle_at(at_fdcwd, NETNS_DIR.encode(), ctypes.byref(handle), ctypes.byref(mount_id), 0),
           f"the handle of {NETNS_DIR}")
    above = os.open(os.path.dirname(NETNS_DIR), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    lower = -1
    try:
        lower = libc.open_by_handle_at(above, ctypes.byref(handle), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        _check(min(lower, 0), f"open {NETNS_DIR} below its cover")
        yield f"/proc/self/fd/{lower}"
    finally:
        os.close(above)
        if lower >= 0:
            os.close(lower)


def list_netns(prefix):
    with contextlib.suppress(FileNotFoundError):
        return sorted(n for n in os.listdir(NETNS_DIR) if n.startswith(prefix))
    return []


@contextlib.contextmanager
def inside(where):
    """Runs the body in another network namespace (a name or an open descriptor)."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    fd = where if isinstance(where, int) else os.open(netns_path(where), os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(fd, CLONE_NEWNET)
        yield
    finally:
        setns(home, CLONE_NEWNET)
        os.close(home)
        if fd is not where:
            os.close(fd)


def tx_checksum_off(ifname):
    """`ethtool -K IF tx off`, by ioctl: Open vSwitch's userspace datapath needs full checksums."""
    value = ctypes.create_string_buffer(struct.pack("=II", 0x17, 0))  # ETHTOOL_STXCSUM
    request = struct.pack("16sP16x", ifname.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8946, request)


def ifindex(ifname):
    return socket.if_nametoindex(ifname)


# -- processes ----------------------------------------------------------------

def start_time(pid):
    """The start time of a process in clock ticks since boot, or None if it is gone (or a zombie)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            fields = f.read().rsplit(b")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def identify(pid):
    """(pid, start time) for the records, or None when it is gone."""
    start = start_time(pid)
    return None if start is None else [pid, start]


def alive(ident):
    return bool(ident) and start_time(ident[0]) == ident[1]


def kill(ident, sig=signal.SIGKILL):
    """Signals a recorded process if it is still the same one."""
    if alive(ident):
        with contextlib.suppress(ProcessLookupError):
            os.kill(ident[0], sig)
            return True
    return False


def wait_gone(idents, timeout):
    """Waits until none of the recorded processes lives; returns those that do at the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        left = [i for i in idents if alive(i)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.005)


def end(idents, timeout=2.0):
    """SIGTERM, then SIGKILL for what remains at the deadline."""
    idents = [i for i in idents if kill(i, signal.SIGTERM)]
    for left in wait_gone(idents, timeout):
        kill(left)
    return wait_gone(idents, 2.0)


def pids_in(kind, inode_of):
    """Pids whose namespace `kind` (net, pid, mnt) is the one `inode_of` (a path) names."""
    try:
        want = os.stat(inode_of)
    except FileNotFoundError:
        return []
    out = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                st = os.stat(f"/proc/{name}/ns/{kind}")
                if (st.st_ino, st.st_dev) == (want.st_ino, want.st_dev):
                    out.append(int(name))
    return out


def spawn(argv, log, netns=None, env=None, stdin=None, cwd="/"):
    """Starts a daemon (own session, output to a log file), optionally in a network namespace."""
    import subprocess
    fd = os.open(netns_path(netns), os.O_RDONLY | os.O_CLOEXEC) if netns else None

    def enter():
        if fd is not None:
            setns(fd, CLONE_NEWNET)

    try:
        with open(log, "ab") as out:
            process = subprocess.Popen(argv, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                                       env=dict(os.environ, **(env or {})), start_new_session=True, preexec_fn=enter)
    finally:
        if fd is not None:
            os.close(fd)
    return process
