"""PID 1 of a lab machine: its own pid, mount and host name namespaces, a boot_id of its own.

    hostinit.py NETNS HOSTNAME BOOT_ID_FILE STATE_DIR PROFILES_DIR

Prints its pid (as seen from outside) on stdout once everything is mounted,
then reaps children until it is killed - and with it everything on the host.
"""
import os
import signal
import socket
import sys

import ns


def own_folder(source, parent, name):
    """Shows `source` as parent/name on this machine alone, beside everything else that is in `parent`.

    A mount point in the real `parent` would be everybody's: whoever removed it would take it from every lab.
    """
    beside = "/run/lab" + parent
    os.makedirs(beside)
    ns.mount(parent, beside, None, ns.MS_BIND | ns.MS_REC)
    ns.mount("tmpfs", parent, "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=755,size=16m")
    for entry in os.scandir(beside):
        if entry.name != name.split("/")[0]:
            os.symlink(os.readlink(entry.path) if entry.is_symlink() else entry.path, os.path.join(parent, entry.name))
    place = os.path.join(parent, name)
    os.makedirs(place)
    ns.mount(source, place, None, ns.MS_BIND)


def set_up(hostname, boot_id_file, state_dir, profiles_dir):
    ns.mount("none", "/", None, ns.MS_REC | ns.MS_PRIVATE)
    ns.mount("proc", "/proc", "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    ns.mount("sysfs", "/sys", "sysfs", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    ns.mount("tmpfs", "/run", "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=755,size=64m")
    os.makedirs("/run/standin", exist_ok=True)
    ns.mount(boot_id_file, "/proc/sys/kernel/random/boot_id", None, ns.MS_BIND)
    own_folder(state_dir, "/var/lib", "standin")
    own_folder(profiles_dir, "/etc", "standin/switch-profiles")
    socket.sethostname(hostname)


def main():
    netns, hostname, *own = sys.argv[1:6]
    fd = os.open(ns.netns_path(netns), os.O_RDONLY | os.O_CLOEXEC)
    ns.setns(fd, ns.CLONE_NEWNET)
    ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC | ns.CLONE_NEWPID)
    ready_r, ready_w = os.pipe()
    child = os.fork()
    if child:
        os.close(ready_w)
        told = os.read(ready_r, 1000)
        if told != b"ok":
            sys.exit(f"hostinit {hostname}: {told.decode() or 'died at its start'}")
        print(child, flush=True)
        os._exit(0)
    os.close(ready_r)
    try:
        os.setsid()
        set_up(hostname, *own)
    except OSError as e:
        os.write(ready_w, str(e).encode())
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    os.write(ready_w, b"ok")
    os.close(ready_w)
    null = os.open("/dev/null", os.O_RDWR)
    for n in (0, 1, 2):
        os.dup2(null, n)
    os.chdir("/")
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


if __name__ == "__main__":
    main()
