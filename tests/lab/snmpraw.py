"""Just enough SNMP v2c to time a request and to read a trap, without a process start in the figure."""
import socket
import time


def tlv(tag, body):
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + body


def integer(value, tag=2):
    return tlv(tag, value.to_bytes(max(1, (value.bit_length() + 8) // 8), "big", signed=True))


def encode_oid(text):
    ids = [int(x) for x in text.strip(".").split(".")]
    out = bytearray([ids[0] * 40 + ids[1]])
    for n in ids[2:]:
        part = [n & 0x7F]
        while n > 0x7F:
            n >>= 7
            part.append(0x80 | n & 0x7F)
        out += bytes(reversed(part))
    return bytes(out)


def get(community, oid, number=1):
    bind = tlv(0x30, tlv(6, encode_oid(oid)) + b"\x05\x00")
    pdu = tlv(0xA0, integer(number) + integer(0) + integer(0) + tlv(0x30, bind))
    return tlv(0x30, integer(1) + tlv(4, community.encode()) + pdu)


def set_integer(community, oid, value, number=1):
    bind = tlv(0x30, tlv(6, encode_oid(oid)) + integer(value))
    pdu = tlv(0xA3, integer(number) + integer(0) + integer(0) + tlv(0x30, bind))
    return tlv(0x30, integer(1) + tlv(4, community.encode()) + pdu)


def ask(sock, address, message, timeout=2.0):
    """Sends a request; (milliseconds, answer), or (None, None) when none came in time."""
    sock.settimeout(timeout)
    at = time.monotonic()
    sock.sendto(message, (address, 161))
    try:
        answer = sock.recv(65536)
    except (socket.timeout, ConnectionError):
        return None, None
    return (time.monotonic() - at) * 1000, answer
