"""What passes between two sockets of the switch: ARP probes, and marked frames with and without a VLAN tag.

Everything is sent and received on the hosts' own interfaces, so what is judged is what the switch does with frames, not
what it says of itself.
"""
import os
import select
import socket
import struct
import time

import ns

ETH_ALL, ETH_ARP, ETH_VLAN = 3, 0x0806, 0x8100
ETH_MARK = 0x88b5           # IEEE 802 local experimental
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4
BROADCAST = "ff:ff:ff:ff:ff:ff"


def octets(mac):
    return bytes.fromhex(mac.replace(":", ""))


class Leg:
    """A raw socket on an interface of a host of the lab, with the tags of what comes in."""

    def __init__(self, run, host, ifname="eth0"):
        with ns.inside(run.netns(host)):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)   # the kernel takes the tag out of the frame
            self.socket.bind((ifname, ETH_ALL))
        self.socket.setblocking(False)
        self.mac = self.socket.getsockname()[4].hex(":")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, payload, to=BROADCAST, vlan=None, source=None):
        tag = struct.pack("!HH", ETH_VLAN, vlan) if vlan else b""
        self.socket.send(octets(to) + octets(source or self.mac) + tag
                         + struct.pack("!H", kind) + payload.ljust(46, b"\0"))

    def receive(self, seconds, wanted):
        """The first frame that came in with wanted(type, source MAC, payload, VLAN tag or None) true, or None."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            data, ancillary, _, address = self.socket.recvmsg(2048, 64)
            if address[2] == socket.PACKET_OUTGOING or len(data) < 14:
                continue
            vlan = None
            for level, kind, value in ancillary:
                if level == SOL_PACKET and kind == PACKET_AUXDATA:
                    status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", value[:20])
                    vlan = tci & 0xfff if status & VLAN_VALID else None
            got = (struct.unpack_from("!H", data, 12)[0], data[6:12].hex(":"), data[14:], vlan)
            if wanted(*got):
                return got


def arp_probe(leg, address, seconds=0.15):
    """The MAC that answers who-has (sender 0.0.0.0, RFC 5227) within the time, or None."""
    target = socket.inet_aton(address)
    leg.send(ETH_ARP, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + octets(leg.mac) + bytes(10) + target)
    got = leg.receive(seconds, lambda kind, _mac, data, _vlan: kind == ETH_ARP and data[6:8] == b"\0\2"
                      and data[14:18] == target)
    return got and got[1]


def passes(source, to, vlan=None, seconds=0.15, mac=BROADCAST):
    """Sends one marked frame; the tag it arrived with ("untagged" without one), or None if it did not arrive."""
    mark = os.urandom(16)
    source.send(ETH_MARK, mark, mac, vlan)
    got = to.receive(seconds, lambda kind, _mac, data, _vlan: kind == ETH_MARK and data.startswith(mark))
    return got and (got[3] or "untagged")
