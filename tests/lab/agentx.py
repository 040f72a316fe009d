"""AgentX (RFC 2741), the subagent's side: PDUs as bytes, and a session that answers the master.

The objects are someone else's business: a `mib` with
  get(oid) -> (type, value), next(oid, include, end) -> (oid, type, value) or None,
  test(transaction, [(oid, type, value)]) raising SetError, commit(transaction),
  undo(transaction), cleanup(transaction).
"""
import socket
import struct

OPEN, CLOSE, REGISTER, UNREGISTER, GET, GETNEXT, GETBULK = 1, 2, 3, 4, 5, 6, 7
TESTSET, COMMITSET, UNDOSET, CLEANUPSET, NOTIFY, PING, RESPONSE = 8, 9, 10, 11, 12, 13, 18
NETWORK_ORDER = 0x10
INTEGER, OCTETS, NULL, OBJECT, COUNTER32, GAUGE32, TIMETICKS, COUNTER64 = 2, 4, 5, 6, 65, 66, 67, 70
NO_OBJECT, NO_INSTANCE, END_OF_VIEW = 128, 129, 130
WRONG_TYPE, WRONG_LENGTH, WRONG_VALUE, NO_CREATION, INCONSISTENT_VALUE = 7, 8, 10, 11, 12
RESOURCE, COMMIT_FAILED, UNDO_FAILED, NOT_WRITABLE = 13, 14, 15, 17


class SetError(Exception):
    """A refused SET: the SNMP error and which varbind (from 1) it is about."""

    def __init__(self, error, index=0):
        super().__init__(f"error {error} at {index}")
        self.error, self.index = error, index


def oid(text):
    return tuple(int(x) for x in text.strip(".").split("."))


def put_oid(value, include=0):
    prefix = 0
    if len(value) > 4 and value[:4] == (1, 3, 6, 1) and 0 < value[4] < 256:
        prefix, value = value[4], value[5:]
    return struct.pack(f">BBBB{len(value)}I", len(value), prefix, include, 0, *value)


def get_oid(data, at):
    count, prefix, include = data[at], data[at + 1], data[at + 2]
    ids = struct.unpack_from(f">{count}I", data, at + 4)
    return ((1, 3, 6, 1, prefix) if prefix else ()) + ids, include, at + 4 + 4 * count


def put_octets(value):
    return struct.pack(">I", len(value)) + value + b"\0" * (-len(value) % 4)


def put_varbind(name, kind, value):
    head = struct.pack(">HH", kind, 0) + put_oid(name)
    if kind == INTEGER:
        return head + struct.pack(">i", value)
    if kind in (COUNTER32, GAUGE32, TIMETICKS):
        return head + struct.pack(">I", value & 0xFFFFFFFF)
    if kind == COUNTER64:
        return head + struct.pack(">Q", value)
    if kind == OCTETS:
        return head + put_octets(value)
    if kind == OBJECT:
        return head + put_oid(value)
    return head


def get_varbind(data, at):
    kind = struct.unpack_from(">H", data, at)[0]
    name, _, at = get_oid(data, at + 4)
    value = None
    if kind == INTEGER:
        value, at = struct.unpack_from(">i", data, at)[0], at + 4
    elif kind in (COUNTER32, GAUGE32, TIMETICKS):
        value, at = struct.unpack_from(">I", data, at)[0], at + 4
    elif kind == OBJECT:
        value, _, at = get_oid(data, at)
    elif kind == COUNTER64:
        value, at = struct.unpack_from(">Q", data, at)[0], at + 8
    elif kind in (OCTETS, 64, 68):
        size = struct.unpack_from(">I", data, at)[0]
        value, at = data[at + 4:at + 4 + size], at + 4 + size + (-size % 4)
    return (name, kind, value), at


class Session:
    """One connection to the master. Call `read` when the socket is readable."""

    def __init__(self, path, mib, description, timeout=2.0):
        self.mib, self.id, self.packet, self.buffer = mib, 0, 0, b""
        self.uptime = 0
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        answer = self.call(OPEN, struct.pack(">B3x", 5) + put_oid(()) + put_octets(description.encode()))
        self.id = answer[0]

    def close(self):
        self.sock.close()

    def fileno(self):
        return self.sock.fileno()

    def _send(self, kind, payload, transaction=0, packet=None, session=None):
        if packet is None:
            self.packet += 1
            packet = self.packet
        self.sock.sendall(struct.pack(">BBBBIIII", 1, kind, NETWORK_ORDER, 0, self.id if session is None else session,
                                      transaction, packet, len(payload)) + payload)
        return packet

    def call(self, kind, payload):
        """An administrative request, and its answer; requests that come in between are served."""
        packet = self._send(kind, payload)
        while True:
            self._receive()
            for head, body in list(self._packets()):
                if head[1] == RESPONSE and head[6] == packet:
                    uptime, error, _ = struct.unpack_from(">IHH", body)
                    if error:
                        raise RuntimeError(f"the AgentX master refused request {kind}: error {error}")
                    return head[4], uptime
                self._serve(head, body)

    def register(self, subtree, priority=100):
        self.call(REGISTER, struct.pack(">BBBB", 0, priority, 0, 0) + put_oid(subtree))

    def unregister(self, subtree, priority=100):
        self.call(UNREGISTER, struct.pack(">BBBB", 0, priority, 0, 0) + put_oid(subtree))

    def notify(self, varbinds):
        """A trap, without waiting for the master's answer (it is dropped when it comes)."""
        self._send(NOTIFY, b"".join(put_varbind(*v) for v in varbinds))

    def _packets(self):
        while len(self.buffer) >= 20:
            head = struct.unpack_from(">BBBBIIII", self.buffer)
            order = ">" if head[2] & NETWORK_ORDER else "<"
            if order == "<":
                raise RuntimeError("the AgentX master does not use network byte order")
            size = head[7]
            if len(self.buffer) < 20 + size:
                return
            body, self.buffer = self.buffer[20:20 + size], self.buffer[20 + size:]
            yield head, body

    def _receive(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError("the AgentX master closed the session")
        self.buffer += data

    def read(self):
        self._receive()
        for head, body in self._packets():
            self._serve(head, body)

    def _serve(self, head, body):
        kind, session, transaction, packet = head[1], head[4], head[5], head[6]
        if kind in (RESPONSE, CLOSE):
            return
        at = 0
        if head[2] & 0x08:  # a context is named; we have only one
            at = 4 + (struct.unpack_from(">I", body)[0] + 3 & ~3)
        error, index, out = 0, 0, b""
        try:
            if kind in (GET, GETNEXT, GETBULK):
                out = b"".join(put_varbind(*v) for v in self._get(kind, body, at))
            elif kind == TESTSET:
                binds = []
                while at < len(body):
                    bind, at = get_varbind(body, at)
                    binds.append(bind)
                self.mib.test(transaction, binds)
            elif kind == COMMITSET:
                self.mib.commit(transaction)
            elif kind == UNDOSET:
                self.mib.undo(transaction)
            elif kind == CLEANUPSET:
                self.mib.cleanup(transaction)
                return  # it has no answer
        except SetError as e:
            error, index = e.error, e.index
        # Of the switch itself, on a machine that is short of time, a value that is not there for a moment too: an answer, and no end.
        except (OSError, RuntimeError, ValueError, TypeError, struct.error) as e:
            print(f"no value: {e!r}", flush=True)
            error, index, out = 5, 1, b""  # genErr
        payload = struct.pack(">IHH", 0, error, index) + out
        self._send(RESPONSE, payload, transaction, packet, session)

    def _get(self, kind, body, at):
        none, repeat = 0, 1
        if kind == GETBULK:
            none, repeat = struct.unpack_from(">HH", body, at)
            at += 4
        ranges = []
        while at < len(body):
            start, include, at = get_oid(body, at)
            end, _, at = get_oid(body, at)
            ranges.append((start, include, end))
        if kind == GET:
            return [(start, *self.mib.get(start)) for start, _, _ in ranges]
        out = []
        singles = ranges if kind == GETNEXT else ranges[:none]
        for start, include, end in singles:
            out.append(self.mib.next(start, include, end) or (start, END_OF_VIEW, None))
        repeating = [] if kind == GETNEXT else [list(r) for r in ranges[none:]]
        for _ in range(repeat if repeating else 0):
            done = True
            for r in repeating:
                got = self.mib.next(*r)
                if got:
                    r[0], r[1], done = got[0], 0, False
                out.append(got or (r[0], END_OF_VIEW, None))
            if done:
                break
        return out
