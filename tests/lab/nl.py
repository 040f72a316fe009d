"""A small rtnetlink client: links, addresses, routes, link events.

One process builds a lab of a hundred namespaces with it; forking `ip` for
every step would take most of the time. Only what the lab needs is here.
"""
import errno
import os
import socket
import struct

NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLM_F_DUMP, NLM_F_CREATE, NLM_F_EXCL = 0x300, 0x400, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE = 24
IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINKINFO, IFLA_IFALIAS = 1, 3, 18, 20
IFLA_GROUP, IFLA_NET_NS_FD, IFLA_EXT_MASK = 27, 28, 29
IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES, IFLA_STATS64 = 31, 32, 23
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFF_UP, IFF_LOWER_UP = 1, 0x10000
RTMGRP_LINK = 1


def attr(kind, payload):
    """One netlink attribute, padded."""
    if isinstance(payload, str):
        payload = payload.encode() + b"\0"
    elif isinstance(payload, int):
        payload = struct.pack("=I", payload)
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + b"\0" * (-size % 4)


def parse_attrs(data):
    """All attributes of a message body as {kind: bytes}."""
    out, at = {}, 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            break
        out[kind & 0x3FFF] = data[at + 4:at + size]
        at += (size + 3) & ~3
    return out


def mac_bytes(mac):
    return bytes(int(x, 16) for x in mac.split(":"))


def mac_text(raw):
    return ":".join("%02x" % b for b in raw)


class Link:
    """One interface as the kernel describes it."""

    def __init__(self, body):
        _, _, self.index, self.flags, _ = struct.unpack_from("=BxHiII", body)
        at = parse_attrs(body[16:])
        self.name = at.get(IFLA_IFNAME, b"").rstrip(b"\0").decode()
        self.mac = mac_text(at.get(IFLA_ADDRESS, b""))
        self.alias = at.get(IFLA_IFALIAS, b"").rstrip(b"\0").decode("utf-8", "replace")
        # packets in, packets out, octets in, octets out
        self.counters = struct.unpack_from("=4Q", at[IFLA_STATS64]) if IFLA_STATS64 in at else (0, 0, 0, 0)
        self.up = bool(self.flags & IFF_UP)
        self.carrier = bool(self.flags & IFF_LOWER_UP)


class Netlink:
    """A NETLINK_ROUTE socket in the namespace the process is in when it opens it."""

    def __init__(self, groups=0):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((0, groups))
        self.seq = 0

    def close(self):
        self.sock.close()

    def fileno(self):
        return self.sock.fileno()

    @staticmethod
    def messages(data):
        at = 0
        while at + 16 <= len(data):
            size, kind, _, seq, _ = struct.unpack_from("=IHHII", data, at)
            yield kind, seq, data[at + 16:at + size]
            at += (size + 3) & ~3

    def message(self, kind, flags, body):
        """The bytes of a request; to be kept ready when the moment matters."""
        self.seq += 1
        return struct.pack("=IHHII", 16 + len(body), kind, flags | NLM_F_REQUEST, self.seq, 0) + body

    def send(self, message):
        """Sends a prepared request and waits for its answer; raises OSError if refused."""
        self.sock.send(message)
        seq = struct.unpack_from("=I", message, 8)[0]
        out = []
        while True:
            for kind, s, body in self.messages(self.sock.recv(1 << 18)):
                if s != seq:
                    continue
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                    return out
                if kind == NLMSG_DONE:
                    return out
                out.append((kind, body))

    def request(self, kind, flags, body):
        return self.send(self.message(kind, flags | NLM_F_ACK, body))

    # -- links ---------------------------------------------------------------

    @staticmethod
    def _ifinfo(index=0, flags=0, change=0):
        return struct.pack("=BxHiII", 0, 0, index, flags, change)

    def add_veth(self, name, ns_fd, mac, peer, peer_ns_fd, peer_mac):
        """A veth pair, each end made directly in its namespace (one queue each)."""
        queues = attr(IFLA_NUM_TX_QUEUES, 1) + attr(IFLA_NUM_RX_QUEUES, 1)
        peer_body = (self._ifinfo() + attr(IFLA_IFNAME, peer) + attr(IFLA_ADDRESS, mac_bytes(peer_mac))
                     + attr(IFLA_NET_NS_FD, peer_ns_fd) + queues)
        info = attr(IFLA_INFO_KIND, b"veth") + attr(IFLA_INFO_DATA, attr(VETH_INFO_PEER, peer_body))
        self.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
                     self._ifinfo() + attr(IFLA_IFNAME, name) + attr(IFLA_ADDRESS, mac_bytes(mac))
                     + attr(IFLA_NET_NS_FD, ns_fd) + queues + attr(IFLA_LINKINFO, info))

    def links(self):
        """Every interface of the namespace, by name."""
        found = [Link(b) for k, b in self.request(RTM_GETLINK, NLM_F_DUMP, self._ifinfo()) if k == RTM_NEWLINK]
        return {l.name: l for l in found}

    def link(self, index):
        """One interface by index, or None; asked of the kernel at this moment."""
        try:
            answer = self.request(RTM_GETLINK, 0, self._ifinfo(index))
        except OSError as e:
            if e.errno == errno.ENODEV:
                return None
            raise
        return Link(answer[0][1])

    def up_message(self, index, up, group=None):
        """A prepared request that sets one link (or a whole group at once) up or down."""
        body = self._ifinfo(index, IFF_UP if up else 0, IFF_UP)
        if group is not None:
            body += attr(IFLA_GROUP, group)
        return self.message(RTM_NEWLINK, NLM_F_ACK, body)

    def set_up(self, index, up=True):
        self.send(self.up_message(index, up))

    def set_group(self, index, group):
        self.request(RTM_NEWLINK, 0, self._ifinfo(index) + attr(IFLA_GROUP, group))

    def set_alias(self, index, text):
        self.request(RTM_NEWLINK, 0, self._ifinfo(index) + attr(IFLA_IFALIAS, text.encode() or b"\0"))

    # -- addresses and routes --------------------------------------------------

    def add_address(self, index, cidr):
        ip, prefix = cidr.split("/")
        raw = socket.inet_aton(ip)
        mask = (0xFFFFFFFF << (32 - int(prefix))) & 0xFFFFFFFF
        bcast = struct.pack("!I", struct.unpack("!I", raw)[0] | (~mask & 0xFFFFFFFF))
        body = struct.pack("=BBBBi", socket.AF_INET, int(prefix), 0, 0, index)
        try:
            self.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
                         body + attr(2, raw) + attr(1, raw) + attr(4, bcast))
        except OSError as e:
            if e.errno != errno.EEXIST:
                raise

    def flush_addresses(self, index):
        """Removes every IPv4 address of an interface."""
        dump = self.request(RTM_GETADDR, NLM_F_DUMP, struct.pack("=BBBBi", socket.AF_INET, 0, 0, 0, 0))
        for _, body in dump:
            if struct.unpack_from("=i", body, 4)[0] != index:
                continue
            local = parse_attrs(body[8:]).get(2)
            try:
                self.request(RTM_DELADDR, 0, body[:8] + attr(2, local))
            except OSError as e:
                if e.errno != errno.EADDRNOTAVAIL:  # went with its primary address
                    raise

    def add_default_route(self, gateway):
        body = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 3, 0, 1, 0)
        try:
            self.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body + attr(5, socket.inet_aton(gateway)))
        except OSError as e:
            if e.errno != errno.EEXIST:
                raise

    def neighbour_flush(self, index):
        """Forgets every ARP entry of an interface (as a reboot would)."""
        for _, body in self.request(30, NLM_F_DUMP, struct.pack("=BBHiHBB", socket.AF_INET, 0, 0, 0, 0, 0, 0)):
            if struct.unpack_from("=i", body, 4)[0] == index and 1 in parse_attrs(body[12:]):
                try:
                    self.request(29, 0, body[:12] + attr(1, parse_attrs(body[12:])[1]))
                except OSError:
                    pass  # gone meanwhile, or one the kernel keeps

    def link_events(self):
        """Link changes waiting on a socket opened with RTMGRP_LINK."""
        out = []
        while True:
            try:
                data = self.sock.recv(1 << 18, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return out
            except OSError as e:
                if e.errno == errno.ENOBUFS:
                    continue
                raise
            out += [Link(body) for kind, _, body in self.messages(data) if kind == RTM_NEWLINK]
