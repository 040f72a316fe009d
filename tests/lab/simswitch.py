"""Simulated switches: one net-snmp snmpd each, a process of its own, with the values of a managed 28-port switch.

The values stand in snmpd.conf as `override` lines (snmpd.conf(5)), those that may be written with `-rw`: the protocol
engine, its GETBULK, SET and access control are net-snmp's own; only what lies behind an object is not a switch. All are
on loopback (127.7.x.y, UDP 16161). Numbers that a program must not confuse differ: bridge port, ifIndex, FdbId, VLAN.
"""
import contextlib
import os
import subprocess
import sys
import time

import ns
from run import HERE, LabError
from snmp import secret

UDP_PORT = 16161
PORTS, UPLINKS, UP = 28, (25, 26), range(1, 21)   # bridge ports; those that lead on; access ports with a link
FENCE_PORT, OWN_PORT = 7, 8
VLANS = {1: "default", 10: "cctv", 20: "management", 998: "quarantine", 999: "parking"}
FDB_OF = {vlan: n for n, vlan in enumerate(VLANS, start=101)}
COMMUNITY = "private-sim"
# Only what answers: the overrides, the system group, and who may ask.
MODULES = "override,system_mib,snmpEngine,usmConf,vacm_conf,vacm_vars"
IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
BRIDGE, QBRIDGE, LLDP = "1.3.6.1.2.1.17", "1.3.6.1.2.1.17.7.1", "1.0.8802.1.1.2.1"


def address(n):
    return f"127.7.{n // 200}.{n % 200 + 1}"


def late_address(n):
    """Where the relay answers for it (simdelay.py)."""
    return f"127.8.{n // 200}.{n % 200 + 1}"


def if_name(port):
    return f"ge{port}"


def if_index(port):
    return 1000 + port


def alias(n, port):
    if port in UPLINKS:
        return f"uplink {port - UPLINKS[0] + 1}"
    return {FENCE_PORT: f"server {n:03}", OWN_PORT: f"standby {n:03}"}.get(port, f"camera {n:03}-{port}")


def mac(n, host):
    return f"02:70:{n >> 8:02x}:{n & 255:02x}:{host >> 8:02x}:{host & 255:02x}"


def bits(ports):
    """A PortList (RFC 4363) of `ports`: the first port is the highest bit of the first octet."""
    octets = bytearray((PORTS + 7) // 8)
    for port in ports:
        octets[(port - 1) // 8] |= 0x80 >> (port - 1) % 8
    return "0x" + octets.hex()


def vlan_of(port):
    return 20 if port == OWN_PORT + 1 else 10


def learned(n):
    """(VLAN, MAC, bridge port): one host on each access port that is up, 60 behind the first uplink."""
    for port in UP:
        yield vlan_of(port), mac(n, port), port
    for host in range(60):
        yield 10, mac(n, 0x100 + host), UPLINKS[0]


def rows(n):
    """(OID, type, value, may be written) of switch number `n`."""
    for port in range(1, PORTS + 1):
        i, up = if_index(port), port in UP or port in UPLINKS
        yield f"{IF}.2.{i}", "octet_str", f'"Gigabit Ethernet {port}"', False     # ifDescr
        yield f"{IF}.7.{i}", "integer", 1, True                                   # ifAdminStatus
        yield f"{IF}.8.{i}", "integer", 1 if up else 2, False                     # ifOperStatus
        yield f"{IF}.9.{i}", "timeticks", 100, False                              # ifLastChange
        yield f"{IFX}.1.{i}", "octet_str", f'"{if_name(port)}"', False            # ifName
        yield f"{IFX}.18.{i}", "octet_str", f'"{alias(n, port)}"', True           # ifAlias
        yield f"{BRIDGE}.1.4.1.2.{port}", "integer", i, False                     # dot1dBasePortIfIndex
        yield f"{BRIDGE}.2.15.1.3.{port}", "integer", 5 if up else 1, False       # dot1dStpPortState
        yield f"{QBRIDGE}.4.5.1.1.{port}", "uinteger", vlan_of(port), True        # dot1qPvid
        yield f"{LLDP}.3.7.1.2.{port}", "integer", 5, False                       # lldpLocPortIdSubtype: interfaceName
        yield f"{LLDP}.3.7.1.3.{port}", "octet_str", f'"{if_name(port)}"', False  # lldpLocPortId
        yield f"{LLDP}.3.7.1.4.{port}", "octet_str", f'"Gigabit Ethernet {port}"', False  # lldpLocPortDesc
    for vlan, name in VLANS.items():
        plain = [p for p in range(1, PORTS + 1) if p not in UPLINKS and vlan_of(p) == vlan]
        egress = sorted({*plain, *UPLINKS})
        for column, ports in ((4, egress), (5, plain)):                           # dot1qVlanCurrentEgress, -Untagged
            yield f"{QBRIDGE}.4.2.1.{column}.0.{vlan}", "octet_str", bits(ports), False
        yield f"{QBRIDGE}.4.2.1.3.0.{vlan}", "uinteger", FDB_OF[vlan], False      # dot1qVlanFdbId
        yield f"{QBRIDGE}.4.3.1.1.{vlan}", "octet_str", f'"{name}"', True         # dot1qVlanStaticName
        for column, ports in ((2, egress), (3, []), (4, plain)):                  # static egress, forbidden, untagged
            yield f"{QBRIDGE}.4.3.1.{column}.{vlan}", "octet_str", bits(ports), True
        yield f"{QBRIDGE}.4.3.1.5.{vlan}", "integer", 1, True                     # dot1qVlanStaticRowStatus
    for vlan, address_, port in learned(n):
        index = ".".join(str(int(x, 16)) for x in address_.split(":"))
        yield f"{QBRIDGE}.2.2.1.2.{FDB_OF[vlan]}.{index}", "integer", port, False  # dot1qTpFdbPort
        yield f"{BRIDGE}.4.3.1.2.{index}", "integer", port, False                 # dot1dTpFdbPort
    for port in UPLINKS:                                                          # lldpRemEntry: a switch
        at = f"0.{port}.1"
        for column, kind, value in ((4, "integer", 4), (5, "octet_str", "0x027000ff00" + f"{port:02x}"),
                                    (6, "integer", 5), (7, "octet_str", '"ge1"'), (9, "octet_str", f'"core-{port}"'),
                                    (12, "octet_str", "0x28")):                    # bridge, router
            yield f"{LLDP}.4.1.1.{column}.{at}", kind, value, False


def conf(n):
    lines = [f"agentAddress udp:{address(n)}:{UDP_PORT}", f"rwcommunity {COMMUNITY}", f"sysName sim-{n:03}",
             "sysDescr simulated 28-port switch (net-snmp, override)", "sysObjectID 1.3.6.1.4.1.8072.3.2.255",
             "dontLogTCPWrappersConnects yes"]
    lines += [f"override{' -rw' if rw else ''} {oid} {kind} {value}" for oid, kind, value, rw in rows(n)]
    return "\n".join(lines) + "\n"


class Switches:
    """So many agents; a context manager. All of them answer when it is entered."""

    def __init__(self, count, folder):
        self.count, self.folder, self.processes = count, folder, []

    def __enter__(self):
        try:
            for n in range(self.count):
                self.start(n)
            deadline = time.monotonic() + 30 + self.count / 4
            for n in range(self.count):
                self.until_ready(n, deadline)
            return self
        except BaseException:
            self.__exit__()
            raise

    def start(self, n):
        home = os.path.join(self.folder, f"{n:03}")
        os.makedirs(os.path.join(home, "state"), exist_ok=True)
        with open(os.path.join(home, "snmpd.conf"), "w") as f:
            f.write(conf(n))
        log = os.path.join(home, "snmpd.log")
        env = {"SNMP_PERSISTENT_DIR": os.path.join(home, "state"), "SNMPCONFPATH": home, "MIBS": ""}
        argv = ["snmpd", "-f", "-C", "-c", os.path.join(home, "snmpd.conf"), "-Lf", log, "-I", MODULES]
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.processes.append(ns.spawn(argv, os.path.join(home, "out"), env=env | {"PATH": path}))

    def until_ready(self, n, deadline):
        """It says so in its log; asking would cost more than all the rest."""
        log = os.path.join(self.folder, f"{n:03}", "snmpd.log")
        while True:
            if os.path.exists(log):
                with open(log) as f:
                    text = f.read()
                wrong = [line for line in text.splitlines() if "Error" in line or "Unknown" in line]
                if wrong:
                    raise LabError(f"the agent of simulated switch {n:03} complains: {wrong[0]}")
                if "NET-SNMP version" in text:
                    return
            if self.processes[n].poll() is not None:
                raise LabError(f"the agent of simulated switch {n:03} ended at once (log: {log})")
            if time.monotonic() > deadline:
                raise LabError(f"the agent of simulated switch {n:03} is not up after {30 + self.count / 4:.0f} s")
            time.sleep(0.02)

    def cpu_seconds(self):
        """User and system time of all agents so far."""
        total = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/stat") as f:
                total += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        return total / os.sysconf("SC_CLK_TCK")

    def memory_mb(self):
        """Proportional set size of all agents: shared pages counted once."""
        total = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/smaps_rollup") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        return total / 1024

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def late(count, ms):
    """The relay that lets every answer come `ms` late, for as long as the body runs; nothing for 0."""
    if not ms:
        yield None
        return
    argv = [sys.executable, "-B", os.path.join(HERE, "simdelay.py"), str(count), str(ms)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
        if relay.stdout.readline() != b"ready\n":
            raise LabError("the relay that delays the simulated switches did not start")
        yield relay
        if relay.poll() is not None:
            raise LabError(f"the relay that delays the simulated switches ended with {relay.returncode}")


def config(count, folder, late=False):
    """standin's configuration of `count` switches, with one peer on each; its path."""
    where = late_address if late else address
    os.makedirs(folder, exist_ok=True)
    community, cameras = os.path.join(folder, "community"), os.path.join(folder, "cameras.csv")
    secret(community, COMMUNITY)
    with open(cameras, "w") as f:
        f.write("name,address,mac,stream\nc001,192.168.0.110,02:70:ff:00:00:01,stream1\n")
    tables = ['[node]\nname = "bench"\n']
    for n in range(count):
        name = f"sim{n:03}"
        tables.append(f"""[switch.{name}]
address = "{where(n)}:{UDP_PORT}"
profile = "generic-qbridge"
uplinks = ["{if_name(UPLINKS[0])}", "{if_name(UPLINKS[1])}"]
own-ports = ["{if_name(OWN_PORT)}"]
[switch.{name}.snmp]
version = "2c"
community-file = "{community}"
""")
        tables.append(f"""[peer.server{n:03}]
kind = "agentless"
vip = "10.{n // 200}.{n % 200}.101/24"
interface = "eth0"
mac = "{mac(n, FENCE_PORT)}"
takeover = "manual"
[[peer.server{n:03}.fence]]
switch = "{name}"
ports = ["{if_name(FENCE_PORT)}"]
alias = "{alias(n, FENCE_PORT)}"
persist = false
[peer.server{n:03}.verify]
cameras = "{cameras}"
""")
    path = os.path.join(folder, "standin.toml")
    with open(path, "w") as f:
        f.write("\n".join(tables))
    return path
