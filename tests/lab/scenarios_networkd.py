"""Scenarios: the primary is a systemd-networkd machine that tests its address before it uses it (RFC 5227), as Windows and
NetworkManager do too. A real networkd, in the primary's namespaces; judged by the frames that leave the standby.
"""
import contextlib
import os
import socket
import struct
import time

import topology
import trial
from scenarios_owner import answering
from scenarios_site import expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)
NETWORKD = "/lib/systemd/systemd-networkd"
NETWORK = f"""[Match]
Name=eth0
[Network]
LinkLocalAddressing=no
[Address]
Address={topology.VIP}/24
DuplicateAddressDetection=ipv4
[Route]
Gateway={topology.GATEWAY}
"""
START = f"""mount -o remount,ro /sys
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases
printf '%s' '{NETWORK}' > /run/systemd/network/10-eth0.network
chown -R systemd-network:systemd-network /run/systemd/netif
ip address flush dev eth0
SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console setsid {NETWORKD} > /run/networkd.log 2>&1 < /dev/null &
echo $! > /run/networkd.pid"""


def there():
    if os.access(NETWORKD, os.X_OK):
        return True
    expect(os.environ.get("REQUIRE_LAB") != "1", f"there is no {NETWORKD} (Debian package systemd)")
    return False


def start_networkd(site):
    """The primary's eth0 is configured by networkd from now on; nothing of it is left when the scenario is over."""
    def stop():
        site.on("primary", "sh", "-c", "kill $(cat /run/networkd.pid) 2>/dev/null; mount -o remount,rw /sys; "
                f"ip address replace {topology.VIP}/24 dev eth0; ip route replace default via {topology.GATEWAY}")
    site.undo.callback(lambda: contextlib.suppress(Exception).__enter__() or stop())
    code, _, err = site.on("primary", "sh", "-c", START)
    expect(code == 0, f"networkd was not started: {err}")


def networkd_log(site):
    return site.on("primary", "cat", "/run/networkd.log")[1]


def has_address(site):
    return f" {topology.VIP}/" in site.on("primary", "ip", "-4", "-o", "address", "show", "dev", "eth0")[1]


def gets_address(site, seconds):
    try:
        site.until("networkd has set the address", seconds, lambda: has_address(site), 0.1)
    except trial.TrialError as e:
        said = [t for t in networkd_log(site).splitlines() if "ACD" in t or "onflict" in t or "rror" in t]
        expect(False, f"{e}; networkd says: {said[-6:]}")


class Frames:
    """Every ARP frame at the standby's eth0, both ways, with its time (microseconds)."""

    def __init__(self, site):
        self.site, self.path = site, site.run.path("acd.pcap")

    def __enter__(self):
        self.site.lab("pcap", "start", self.path)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Nothing more is captured, and what was is in the file; once more does nothing."""
        self.site.lab("pcap", "stop", ok=False)

    def arp(self):
        """(t_us, Ethernet source, operation, sender address) of each."""
        with open(self.path, "rb") as f:
            data = f.read()
        nanos = struct.unpack_from("<I", data)[0] == 0xa1b23c4d
        at = 24
        while at + 16 <= len(data):
            sec, frac, length, _ = struct.unpack_from("<IIII", data, at)
            frame, at = data[at + 16:at + 16 + length], at + 16 + length
            if len(frame) >= 42 and frame[12:14] == b"\x08\x06":
                yield (sec * 1_000_000 + (frac // 1000 if nanos else frac), frame[6:12].hex(":"),
                       struct.unpack_from("!H", frame, 20)[0], socket.inet_ntoa(frame[28:32]))


def manners(site, frames, since):
    """No frame of the standby has 0.0.0.0 as sender; none has the VIP before the primary has said that it is its own.

    `since`: from when on the address was not here. How many ARP frames that judges."""
    # The kernel hands a capture its frames up to a second late, and those that it has not handed on by the end are lost.
    time.sleep(2)
    frames.stop()
    ours, theirs = site.mac("standby"), site.mac("primary")
    seen = [f for f in frames.arp() if f[0] >= since]
    mine = [f for f in seen if f[1] == ours]
    expect(mine, "no ARP frame of the standby was captured")
    zero = [f for f in mine if f[3] == "0.0.0.0"]
    expect(not zero, f"{len(zero)} frames of the standby have the sender 0.0.0.0")
    first = next((f[0] for f in seen if f[1] == theirs and f[3] == topology.VIP), None)
    expect(first, "the primary never said that the address is its own")
    early = [f for f in mine if f[3] == topology.VIP and f[0] < first]
    expect(not early, f"{len(early)} frames of the standby have the VIP as sender {(first - early[0][0]) / 1000 if early else 0:.0f} ms "
           "before the primary had it")
    probes = sum(f[1] == theirs and f[3] == "0.0.0.0" for f in seen)
    expect(probes >= 3, f"the primary sent {probes} probes: it did not test its address")
    return f"{len(mine)} frames of the standby, {probes} probes of networkd"


@scenario(owners="P*")
def networkd_tests_its_address_under_hold(site, _quick):
    """A primary whose networkd tests its address gets it when it returns under hold: no conflict is made for it."""
    if not there():
        return f"SKIPPED: no {NETWORKD}"
    code, _, err = site.standin("hold", trial.PEER, "on")
    expect(code == 0, err)
    site.undo.callback(site.standin, "hold", trial.PEER, "off")
    with Frames(site) as frames:
        since = trial.wall_us()
        start_networkd(site)
        gets_address(site, 25)
        took = (trial.wall_us() - since) / 1e6
        told = manners(site, frames, since)
    expect("Conflict" not in networkd_log(site), "networkd saw a conflict")
    site.all_publishing(30)
    return f"address after {took:.1f} s; {told}"


@scenario(owners="P*S[SP]*P*")
def networkd_tests_its_address_in_a_release(site, _quick):
    """A repaired primary whose networkd tests its address gets it in a release, and every camera goes back."""
    if not there():
        return f"SKIPPED: no {NETWORKD}"
    fine(site.takeover())
    site.lab("plug", "primary")
    start_networkd(site)
    time.sleep(1)
    with Frames(site) as frames:
        ordered = trial.wall_us()
        code, answer, err = site.standin("release", trial.PEER, timeout=60)
        took = (trial.wall_us() - ordered) / 1e6
        expect(code == 0, f"the release failed: exit {code}: {answer} {err}")
        report = site.standin("report")[1]
        told = manners(site, frames, report["t0_us"] + round(dict(report["ms"])["lifted"] * 1000))
    expect(answering(site) == "P", f"after the release answer {answering(site)}")
    expect("Conflict" not in networkd_log(site), "networkd saw a conflict")
    site.all_publishing(30)
    return f"released in {took:.1f} s; {told}"
