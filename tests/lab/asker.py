"""Who serves for the VIP, found by asking: an RTMP handshake (C0/C1, then S0/S1) to each machine's own MAC.

Listening alone misses two owners that only answer when they are asked. Each machine is asked from a port of the
cameras' VLAN of its own (the spare desk's and the gateway's), whose neighbour entry for the VIP is nailed to that MAC.
"""
import os
import socket
import struct
import subprocess
import threading
import time

import hosts
import ns
import topology

FROM = {"standby": ("third", "192.168.1.240/24"), "primary": ("gateway", None)}
EVERY, PATIENCE = 0.4, 0.8
GAP = 2.0   # answers further apart than this are two spells


class Asker:
    """Asks every machine until it is closed; `spells` says who served when."""

    def __init__(self, site):
        self.site, self.stop, self.answers = site, threading.Event(), {h: [] for h in FROM}
        self.threads = [threading.Thread(target=self.ask, args=(h,), daemon=True) for h in FROM]

    def __enter__(self):
        for host, (at, address) in FROM.items():
            ip = [["ip", "neigh", "replace", topology.VIP, "lladdr", self.site.mac(host), "dev", "eth0", "nud", "permanent"]]
            if address:
                ip = [["ip", "address", "replace", address, "dev", "eth0"], ["ip", "link", "set", "eth0", "up"]] + ip
            for command in ip:
                subprocess.run(hosts.enter_command(self.site.run, at, command), check=True)
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()

    def ask(self, host):
        fd = os.open(ns.netns_path(self.site.run.netns(FROM[host][0])), os.O_RDONLY | os.O_CLOEXEC)
        ns.setns(fd, ns.CLONE_NEWNET)  # of this thread alone
        os.close(fd)
        while not self.stop.is_set():
            begun = time.time()
            if serves():
                self.answers[host].append(begun)
            self.stop.wait(max(0.0, EVERY - (time.time() - begun)))

    def spells(self, host):
        """[[first, last], ...] of answers, seconds since the epoch."""
        out = []
        for t in list(self.answers[host]):
            if out and t - out[-1][1] <= GAP:
                out[-1][1] = t
            else:
                out.append([t, t])
        return out

    def both(self):
        """[[from, to], ...] in which both served."""
        got = [[max(a[0], b[0]), min(a[1], b[1])] for a in self.spells("primary") for b in self.spells("standby")]
        return [g for g in got if g[1] > g[0]]


def serves():
    """Whether a handshake with the VIP completes as far as S0 and S1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(PATIENCE)
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.connect((topology.VIP, topology.RTMP_PORT))
            s.sendall(b"\x03" + struct.pack(">II", 0, 0) + bytes(1528))
            have = 0
            while have < 1537:
                more = len(s.recv(4096))
                if not more:
                    return False
                have += more
            return True
        except OSError:
            return False
