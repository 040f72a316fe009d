"""The command line of the lab's switch: a real OpenSSH server in the switch's namespace, with users of its own.

It runs in a mount namespace of its own, where /etc/passwd and /etc/shadow are the switch's, and /run and /var/log are
empty: the machine's own users, keys, configuration and logs are neither read nor written. Who logs in may run
ovs-vsctl, ovs-ofctl and ovs-appctl; OVS_RUNDIR says which switch they speak to.
"""
import ctypes
import os
import secrets
import socket
import subprocess

import ns
import snmp
import topology
from run import LabError, wait_for

USER = "netadmin"
PORT = 22
CONF = """# sshd of the lab's switch
ListenAddress {address}:{port}
HostKey {d}/host
AuthorizedKeysFile {d}/authorized
# The run folder may lie below one that others may write to.
StrictModes no
PermitRootLogin yes
AllowUsers {user}
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
PidFile none
LogLevel VERBOSE
# A client that reconnects for every command must not be thinned out.
MaxStartups 100:30:200
SetEnv OVS_RUNDIR={ovs} STANDIN_LAB_SWITCH={ctl}
"""
START = """set -e
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir /run/sshd
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
exec /usr/sbin/sshd -D -E "$1/sshd.log" -f "$1/sshd.conf"
"""


SWITCH_CONFIG = """#!/bin/sh
# What a switch's own command line has for its start-up configuration: save it, or say which ports differ from it.
exec python3 -I - "$1" << 'END'
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(os.environ["STANDIN_LAB_SWITCH"])
    s.sendall(json.dumps({"command": {"save": "save", "unsaved": "unsaved"}[sys.argv[1]]}).encode() + b"\\n")
    answer = json.loads(s.makefile().readline())
if answer.get("error"):
    sys.exit("switch-config: error: " + answer["error"])
for port in answer.get("unsaved", []):
    print(port, "differs")
if answer.get("saved"):
    print("saved")
END
"""


def crypt(password):
    """The password as /etc/shadow has it (crypt(3), SHA-512)."""
    lib = ctypes.CDLL("libcrypt.so.1")
    lib.crypt.restype = ctypes.c_char_p
    salt = "$6$rounds=1000$" + secrets.token_hex(8)
    return lib.crypt(password.encode(), salt.encode()).decode()


def write(run):
    """Host key, users, and the client's credentials where `info` says they are (mode 0600)."""
    d = run.path("sw", "ssh")
    os.makedirs(os.path.join(d, "home"), mode=0o700, exist_ok=True)
    password = secrets.token_hex(10)
    snmp.secret(run.path("ssh.password"), password)
    keys = [subprocess.Popen(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path])
            for path in (os.path.join(d, "host"), run.path("ssh.key"))]
    with open(os.path.join(d, "passwd"), "w") as f:
        f.write(f"root:x:0:0:root:/:/usr/sbin/nologin\n{USER}:x:0:0:switch:{d}/home:/bin/sh\n"
                "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
    snmp.secret(os.path.join(d, "shadow"), f"root:*:1::::::\n{USER}:{crypt(password)}:19000::::::\nsshd:*:1::::::")
    with open(os.path.join(d, "home", "switch-config"), "w") as f:
        f.write(SWITCH_CONFIG)
    os.chmod(os.path.join(d, "home", "switch-config"), 0o755)
    with open(os.path.join(d, "sshd.conf"), "w") as f:
        f.write(CONF.format(address=topology.SWITCH_ADDRESS, port=PORT, user=USER, d=d, ovs=run.path("sw", "ovs"),
                            ctl=run.path("switch.ctl")))
    if any(k.wait(10) for k in keys):
        raise LabError("ssh-keygen made no key for the switch")
    for private, public, line in ((os.path.join(d, "host"), run.path("ssh.known_hosts"), topology.SWITCH_ADDRESS + " "),
                                  (run.path("ssh.key"), os.path.join(d, "authorized"), "")):
        with open(private + ".pub") as key, open(public, "w") as f:
            f.write(line + " ".join(key.read().split()[:2]) + "\n")


def answers(run):
    """Whether an SSH server says its banner at the switch's address."""
    with ns.inside(run.netns("switch")), socket.socket() as s:
        s.settimeout(1)
        try:
            s.connect((topology.SWITCH_ADDRESS, PORT))
            return s.recv(4) == b"SSH-"
        except OSError:
            return False


def start(run):
    """Starts the server with the credentials that are there; a run has one set of them."""
    d = run.path("sw", "ssh")
    if ns.alive(run.pid("sshd")):
        raise LabError("the switch's sshd runs already")
    if not os.path.exists(os.path.join(d, "sshd.conf")):
        write(run)
    p = ns.spawn(["unshare", "-m", "--propagation", "private", "sh", "-c", START, "sh", d],
                 os.path.join(d, "sshd.out"), run.netns("switch"))
    run.record("sshd", p.pid)

    def ready():
        if p.poll() is not None:
            raise LabError(f"the switch's sshd ended at once (log: {d}/sshd.log, {d}/sshd.out)")
        return answers(run)
    wait_for("the switch's SSH server", 5, ready)


def sessions(run):
    """The processes that serve SSH connections: all of the server's namespace that descend from it."""
    ident = run.pid("sshd")
    if not ns.alive(ident):
        return []
    return [p for p in ns.pids_in("mnt", f"/proc/{ident[0]}/ns/mnt") if p != ident[0]]


def stop(run):
    """No SSH any more: the server and every open session end at once."""
    ident = run.pid("sshd")
    idents = [i for i in [ident, *map(ns.identify, sessions(run))] if i]
    for i in idents:
        ns.kill(i)
    if ns.wait_gone(idents, 2.0):
        raise LabError("the switch's SSH server would not end")
