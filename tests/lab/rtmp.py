"""A light RTMP publisher: the client side of the protocol as a state machine over bytes.

Real handshake (C0/C1, S0/S1/S2 awaited, C2), then connect, createStream and
publish, each answer awaited; afterwards small video messages. No I/O here.
"""
import os
import struct

CHUNK = 4096


class RtmpError(Exception):
    pass


def amf(value):
    """One AMF0 value."""
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01" + bytes([value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + struct.pack(">H", len(value)) + value.encode()
    body = b"".join(struct.pack(">H", len(k)) + k.encode() + amf(v) for k, v in value.items())
    return b"\x03" + body + b"\x00\x00\x09"


def message(kind, payload, csid=3, stream=0, timestamp=0):
    """One message in a single chunk (our chunk size is announced first)."""
    return (bytes([csid]) + timestamp.to_bytes(3, "big") + len(payload).to_bytes(3, "big") + bytes([kind])
            + struct.pack("<I", stream) + payload)


def command(name, number, *args, stream=0):
    return message(20, amf(name) + amf(number) + b"".join(amf(a) for a in args), stream=stream)


class Publisher:
    """Feed it what the server sends; `out` collects what is to be sent; `publishing` says when media may flow."""

    def __init__(self, address, application, stream, impatient=False):
        """`impatient`: media is sent right after publish, whatever the server says of it, as many cameras do."""
        self.address, self.application, self.stream, self.impatient = address, application, stream, impatient
        self.out = bytearray(b"\x03" + struct.pack(">II", 0, 0) + os.urandom(1528))
        self.buffer = bytearray()
        self.phase = "handshake"
        self.in_chunk = 128
        self.headers, self.partial = {}, {}

    @property
    def publishing(self):
        return self.phase == "publishing"

    def feed(self, data):
        self.buffer += data
        if self.phase == "handshake":
            if len(self.buffer) < 3073:
                return
            if self.buffer[0] != 3:
                raise RtmpError(f"server speaks version {self.buffer[0]}")
            s1 = bytes(self.buffer[1:1537])
            del self.buffer[:3073]
            url = f"rtmp://{self.address}:1935/{self.application}"
            self.out += s1[:4] + struct.pack(">I", 0) + s1[8:]  # C2
            self.out += message(1, struct.pack(">I", CHUNK), csid=2)
            self.out += command("connect", 1, {"app": self.application, "type": "nonprivate",
                                               "flashVer": "standin-lab", "tcUrl": url})
            self.phase = "connect"
        while self._chunk():
            pass

    def _chunk(self):
        """Takes one chunk off the buffer; False when it is not complete yet."""
        b = self.buffer
        if not b:
            return False
        fmt, csid, at = b[0] >> 6, b[0] & 63, 1
        if csid == 0:
            if len(b) < 2:
                return False
            csid, at = b[1] + 64, 2
        size = (11, 7, 3, 0)[fmt]
        if len(b) < at + size:
            return False
        length, kind = self.headers.get(csid, (0, 0))
        extended = size >= 3 and b[at:at + 3] == b"\xff\xff\xff"
        if fmt <= 1:
            length, kind = int.from_bytes(b[at + 3:at + 6], "big"), b[at + 6]
        at += size + (4 if extended else 0)
        have = self.partial.get(csid, b"")
        take = min(self.in_chunk, length - len(have))
        if len(b) < at + take:
            return False
        self.headers[csid] = (length, kind)
        have += bytes(b[at:at + take])
        del b[:at + take]
        if len(have) >= length:
            self.partial.pop(csid, None)
            self._message(kind, have)
        else:
            self.partial[csid] = have
        return True

    def _message(self, kind, body):
        if kind == 1 and len(body) >= 4:
            self.in_chunk = struct.unpack(">I", body[:4])[0] & 0x7FFFFFFF
        elif kind == 4 and body[:2] == b"\x00\x06":  # ping request
            self.out += message(4, b"\x00\x07" + body[2:6], csid=2)
        elif kind == 20:
            self._command(body)

    def _command(self, body):
        if self.phase == "connect" and b"_result" in body[:12]:
            self.out += command("createStream", 2, None)
            self.phase = "createStream"
        elif self.phase == "createStream" and b"_result" in body[:12]:
            stream_id = int(struct.unpack(">d", body[-8:])[0])
            self.out += command("publish", 3, None, self.stream, "live", stream=stream_id)
            self.stream_id = stream_id
            self.phase = "publishing" if self.impatient else "publish"
        elif self.phase == "publishing":
            pass
        elif b"_error" in body[:12] or b"NetStream.Publish.BadName" in body:
            raise RtmpError(f"server refused {self.phase}")
        elif self.phase == "publish" and b"NetStream.Publish.Start" in body:
            self.phase = "publishing"

    def video(self, timestamp_ms, payload):
        """A video message, ready to send."""
        return message(9, payload, csid=6, stream=self.stream_id, timestamp=timestamp_ms & 0x7FFFFF)
