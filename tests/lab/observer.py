"""The observer outside every machine: what the wire shows, with the kernel's receive timestamps.

    observer.py RUN

Taps a few cameras' ports and the ports of primary and standby, inside the
switch, through BPF filters (media never reaches it), and writes one JSON line
per event to <run>/observer.jsonl, CLOCK_REALTIME in microseconds:

  {"ev":"arp","t_us":..,"port":"c001","dir":"in|out","op":1|2,"src":eth source,"dst":eth destination,
   "smac":..,"sip":..,"tmac":..,"tip":..}          every ARP whose sender address is the VIP
  {"ev":"receipt","t_us":..,"at":"standby|primary","camera":ip,"mac":camera's,"dst":..}
                                                   an ARP reply to the VIP, delivered to that machine
  {"ev":"syn","t_us":..,"at":"standby|primary","camera":ip,"sport":..,"dst":..}
                                                   a TCP SYN to the VIP's RTMP port, delivered to that machine

`dir` is the switch's view: "in" came from the device on the port, "out" goes to it.
"""
import ctypes
import errno
import json
import os
import selectors
import socket
import struct
import subprocess
import sys

import ns
import topology
from nl import mac_text
from run import Run

SO_TIMESTAMPNS, SO_ATTACH_FILTER, PACKET_OUTGOING, ETH_P_ALL = 35, 26, 4, 3
VIP_HEX = "0x" + socket.inet_aton(topology.VIP).hex()
ARP_FROM_VIP = f"(arp and arp[14:4] = {VIP_HEX})"
ARP_TO_VIP = f"(arp and arp[6:2] = 2 and arp[24:4] = {VIP_HEX})"
SYN_TO_VIP = f"(tcp[13] & 0x12 = 2 and dst host {topology.VIP} and dst port {topology.RTMP_PORT})"


def compile_filter(expression):
    """Classic BPF, compiled by tcpdump."""
    got = subprocess.run(["tcpdump", "-y", "EN10MB", "-s", "200", "-ddd", expression], capture_output=True, text=True)
    if got.returncode:
        sys.exit(f"observer: tcpdump refused the filter: {got.stderr.strip()}")
    lines = got.stdout.split("\n")[1:]
    return b"".join(struct.pack("=HBBI", *map(int, l.split())) for l in lines if l.strip())


def tap(ifname, program):
    """A packet socket on one switch port, filtered before it is bound, so nothing else ever gets in."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    code = ctypes.create_string_buffer(program)
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                 struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    s.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
    s.bind((ifname, ETH_P_ALL))
    s.setblocking(False)
    return s


def describe(port, at, data, outgoing):
    """The event a frame is, or None."""
    dst, src = mac_text(data[0:6]), mac_text(data[6:12])
    if data[12:14] == b"\x08\x06":
        op = struct.unpack_from("!H", data, 20)[0]
        smac, sip = mac_text(data[22:28]), socket.inet_ntoa(data[28:32])
        tmac, tip = mac_text(data[32:38]), socket.inet_ntoa(data[38:42])
        if sip == topology.VIP:
            return {"ev": "arp", "port": port, "dir": "out" if outgoing else "in", "op": op, "src": src, "dst": dst,
                    "smac": smac, "sip": sip, "tmac": tmac, "tip": tip}
        if at and outgoing:
            return {"ev": "receipt", "at": at, "camera": sip, "mac": smac, "dst": dst}
    elif data[12:14] == b"\x08\x00" and at and outgoing:
        head = 14 + (data[14] & 15) * 4
        return {"ev": "syn", "at": at, "camera": socket.inet_ntoa(data[26:30]),
                "sport": struct.unpack_from("!H", data, head)[0], "dst": dst}
    return None


def sample_ports(count):
    """A few cameras spread over all of them."""
    wanted = sorted({1, max(1, count // 3), max(1, 2 * count // 3), count})
    return [f"c{n:03d}" for n in wanted]


def main():
    run = Run(sys.argv[1]).load()
    poll = selectors.DefaultSelector()
    machine_filter = compile_filter(f"{ARP_FROM_VIP} or {ARP_TO_VIP} or {SYN_TO_VIP}")
    camera_filter = compile_filter(ARP_FROM_VIP)
    with ns.inside(run.netns("switch")):
        machines = [("p-stby", "standby"), ("p-prim", "primary")]
        if run.option_a:
            machines.append((topology.PARKED_PORT, "standby"))
        for port, at in machines:
            poll.register(tap(port, machine_filter), selectors.EVENT_READ, (port, at))
        for port in sample_ports(run.state["cameras"]):
            poll.register(tap(port, camera_filter), selectors.EVENT_READ, (port, None))
    out = os.open(run.path("observer.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    while True:
        lines = []
        for key, _ in poll.select():
            port, at = key.data
            for _ in range(256):
                try:
                    data, anc, _, address = key.fileobj.recvmsg(200, 64)
                except BlockingIOError:
                    break
                except OSError as e:
                    if e.errno == errno.ENETDOWN:  # the port went down; the tap stays and wakes with it
                        break
                    raise
                seconds, nanos = struct.unpack("=qq", anc[0][2][:16])
                event = describe(port, at, data, address[2] == PACKET_OUTGOING)
                if event:
                    lines.append((seconds * 1_000_000 + nanos // 1000, event))
        lines.sort(key=lambda pair: pair[0])
        if lines:
            os.write(out, "".join(json.dumps({"ev": e.pop("ev"), "t_us": t, **e}) + "\n" for t, e in lines).encode())


if __name__ == "__main__":
    main()
