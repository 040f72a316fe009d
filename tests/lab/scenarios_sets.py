"""What is written to the switch: SNMP SETs as they arrive there (v1 and v2c; v3 is encrypted)."""
import socket
import struct

import ns

ADMIN_STATUS = bytes([0x2b, 6, 1, 2, 1, 2, 2, 1, 7])   # 1.3.6.1.2.1.2.2.1.7
PVID = bytes([0x2b, 6, 1, 2, 1, 17, 7, 1, 4, 5, 1, 1])  # 1.3.6.1.2.1.17.7.1.4.5.1.1
ALL_PROTOCOLS = 3


def varbinds(data):
    """(oid bytes, value bytes) of a SetRequest in an SNMP message; nothing for any other message."""
    def tlv(at):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            n = length & 0x7f
            length, at = int.from_bytes(data[at:at + n], "big"), at + n
        return tag, at, length
    _, at, _ = tlv(0)
    for _ in range(2):                       # version, community
        _, start, length = tlv(at)
        at = start + length
    tag, at, _ = tlv(at)
    if tag != 0xA3:
        return
    for _ in range(3):                       # request id, error status, error index
        _, start, length = tlv(at)
        at = start + length
    _, at, length = tlv(at)
    end = at + length
    while at < end:
        _, inner, length = tlv(at)
        at = inner + length
        _, start, n = tlv(inner)
        oid = data[start:start + n]
        _, start, m = tlv(start + n)
        yield oid, data[start:start + m]


def number(encoded):
    value = 0
    for byte in encoded:
        value = value << 7 | byte & 0x7f
    return value


class SetSpy:
    """Listens on the switch's management interface while its body runs."""

    def __init__(self, site):
        self.site, self.sets = site, []

    def __enter__(self):
        with ns.inside(self.site.run.netns("switch")):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
            self.socket.bind(("mgmt0", ALL_PROTOCOLS))
        self.socket.setblocking(False)
        return self

    def __exit__(self, *_):
        self.read()
        self.socket.close()

    def read(self):
        while True:
            try:
                frame = self.socket.recv(2048)
            except (BlockingIOError, ValueError):
                return
            if frame[12:14] != b"\x08\x00" or frame[23] != 17:
                continue
            udp = 14 + (frame[14] & 15) * 4
            if struct.unpack_from("!H", frame, udp + 2)[0] == 161:
                try:
                    self.sets += list(varbinds(frame[udp + 8:]))
                except IndexError:
                    continue

    def admin(self):
        """(ifIndex, value) of every SET of ifAdminStatus, in order."""
        return [(number(oid[len(ADMIN_STATUS):]), int.from_bytes(value, "big")) for oid, value in self.sets
                if oid.startswith(ADMIN_STATUS)]

    def pvids(self):
        """(bridge port, VLAN) of every SET of dot1qPvid, in order."""
        return [(number(oid[len(PVID):]), int.from_bytes(value, "big")) for oid, value in self.sets
                if oid.startswith(PVID)]
