"""The switch's data plane: Open vSwitch with the userspace datapath, in its own namespace.

Started with its own database and run directory, no kernel module, no system
service. Changes go to OVSDB by JSON-RPC in one transaction, which is faster
than forking ovs-vsctl and is applied when the call returns.
"""
import json
import os
import socket
import subprocess

import ctl
import ns
import run as labrun
from topology import LIMBO

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
BRIDGE = "br0"
FIRST_PORT = 9  # bridge port numbers are no ifIndexes: code that confuses the two must fail here


class JsonRpc:
    """A JSON-RPC 1.0 client on a unix socket, as OVSDB and ovs-appctl speak it."""

    def __init__(self, path, timeout=5.0):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.buffer, self.id = "", 0
        self.decoder = json.JSONDecoder()

    def close(self):
        self.sock.close()

    def _read(self):
        while True:
            text = self.buffer.lstrip()
            if text:
                try:
                    value, end = self.decoder.raw_decode(text)
                    self.buffer = text[end:]
                    return value
                except ValueError:
                    pass
            data = self.sock.recv(1 << 16)
            if not data:
                raise ConnectionError("closed by the switch")
            self.buffer += data.decode()

    def call(self, method, params):
        self.id += 1
        self.sock.sendall(json.dumps({"method": method, "params": params, "id": self.id}).encode())
        while True:
            got = self._read()
            if got.get("method") == "echo":
                self.sock.sendall(json.dumps({"result": got["params"], "error": None, "id": got["id"]}).encode())
            elif got.get("id") == self.id:
                if got.get("error"):
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]


class Switch:
    """A running Open vSwitch, by its run directory."""

    def __init__(self, rundir):
        self.rundir = rundir
        self._db = self._ctl = None

    def _call(self, slot, path, method, params):
        for attempt in (0, 1):  # a connection that went stale is opened again, once
            client = getattr(self, slot)
            try:
                if client is None:
                    client = JsonRpc(path() if callable(path) else path)
                    setattr(self, slot, client)
                return client.call(method, params)
            except (OSError, ConnectionError):
                if client is not None:
                    client.close()
                setattr(self, slot, None)
                if attempt:
                    raise

    def appctl(self, *args):
        """What `ovs-appctl` would print."""
        def path():
            with open(os.path.join(self.rundir, "ovs-vswitchd.pid")) as f:
                return os.path.join(self.rundir, f"ovs-vswitchd.{f.read().strip()}.ctl")
        return self._call("_ctl", path, args[0], list(args[1:]))

    def transact(self, operations, wait=True):
        """One transaction; with `wait` it returns when the switch has applied it."""
        ops = ["Open_vSwitch"] + operations
        if wait:
            ops += [{"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]},
                    {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}]
        result = self._call("_db", os.path.join(self.rundir, "db.sock"), "transact", ops)
        for entry in result:
            if entry and entry.get("error"):
                raise RuntimeError(f"OVSDB: {entry['error']}: {entry.get('details')}")
        if wait:
            target = result[len(operations) + 1]["rows"][0]["next_cfg"]
            self._await_cfg(target)
        return result

    def _await_cfg(self, target):
        select = ["Open_vSwitch", {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["cur_cfg"]}]

        def done():
            rows = self._call("_db", os.path.join(self.rundir, "db.sock"), "transact", select)
            return rows[0]["rows"][0]["cur_cfg"] >= target
        try:
            labrun.wait_for("the switch applies a change", 5, done, every=0.001)
        except labrun.LabError as e:        # whoever asked is told that it failed; the agent goes on
            raise RuntimeError(f"{e}{ctl.last_lines(os.path.join(self.rundir, 'vswitchd.log'))}") from None

    def set_ports(self, changes):
        """{port: (tag, [tagged VLANs])} in one transaction."""
        ops = []
        for port, (tag, trunks) in changes.items():
            row = {"tag": tag, "trunks": ["set", sorted(set(trunks) | {tag}) if trunks else []],
                   "vlan_mode": "native-untagged" if trunks else "access"}
            ops.append({"op": "update", "table": "Port", "where": [["name", "==", port]], "row": row})
        if ops:
            self.transact(ops)

    def _option(self, table, name, key, value):
        """Operations that set one key of a row's other_config; None removes it."""
        where = [["name", "==", name]]
        ops = [{"op": "mutate", "table": table, "where": where, "mutations": [["other_config", "delete", ["set", [key]]]]}]
        if value is not None:
            ops.append({"op": "mutate", "table": table, "where": where,
                        "mutations": [["other_config", "insert", ["map", [[key, value]]]]]})
        return ops

    def stp(self, takes_part, others):
        """Real spanning tree (802.1D) on the ports `takes_part`, with the shortest times it allows; none: it is off."""
        times = {"stp-hello-time": "1", "stp-max-age": "6", "stp-forward-delay": "4"}
        ops = [{"op": "update", "table": "Bridge", "where": [["name", "==", BRIDGE]],
                "row": {"stp_enable": bool(takes_part)}}]
        for key, value in times.items():
            ops += self._option("Bridge", BRIDGE, key, value if takes_part else None)
        for port in others:
            ops += self._option("Port", port, "stp-enable", "false" if takes_part else None)
        for port in takes_part:
            ops += self._option("Port", port, "stp-enable", "true")
        self.transact(ops)
        for port in others if not takes_part else ():
            # A port that did not forward when spanning tree ended is left out of floods (3.1.0) until it is set anew.
            for flag in ("no-flood", "flood"):
                subprocess.run(["ovs-ofctl", "mod-port", f"unix:{self.rundir}/{BRIDGE}.mgmt", port, flag], check=True)

    def stp_begins(self, port, tag):
        """Moves a port and begins its spanning tree anew in the same instant, as a switch with a tree per VLAN does."""
        self.transact(self._option("Port", port, "stp-enable", "false"))
        self.transact([{"op": "update", "table": "Port", "where": [["name", "==", port]], "row": {"tag": tag}}]
                      + self._option("Port", port, "stp-enable", "true"))

    def stp_state(self, port):
        """dot1dStpPortState as the data path has it: 1 disabled, 2 blocking, 3 listening, 4 learning, 5 forwarding."""
        words = ("disabled", "blocking", "listening", "learning", "forwarding")
        for line in self.appctl("stp/show", BRIDGE).splitlines():
            f = line.split()
            if len(f) > 2 and f[0] == port and f[2] in words:
                return words.index(f[2]) + 1
        return 1

    def ports(self):
        """{port: (tag, [tagged VLANs])} as the database has them."""
        rows = self.transact([{"op": "select", "table": "Port", "where": [], "columns": ["name", "tag", "trunks"]}],
                             wait=False)[0]["rows"]
        out = {}
        for r in rows:
            trunks = r["trunks"][1] if isinstance(r["trunks"], list) else [r["trunks"]]
            tag = r["tag"] if isinstance(r["tag"], int) else LIMBO
            if r["name"] != BRIDGE:
                out[r["name"]] = (tag, sorted(v for v in trunks if v != tag))
        return out

    def port_numbers(self):
        """{name: OpenFlow port number}; it serves as the bridge port number of the MIBs."""
        rows = self.transact([{"op": "select", "table": "Interface", "where": [], "columns": ["name", "ofport"]}],
                             wait=False)[0]["rows"]
        return {r["name"]: r["ofport"] for r in rows if isinstance(r["ofport"], int) and 0 < r["ofport"] < 65000}

    def fdb(self):
        """[(port number, VLAN, MAC, age in seconds)] learned right now."""
        out = []
        for line in self.appctl("fdb/show", BRIDGE).splitlines()[1:]:
            f = line.split()
            if len(f) == 4 and f[0].isdigit() and f[3].isdigit():
                out.append((int(f[0]), int(f[1]), f[2], int(f[3])))
        return out


def start(run, netns):
    """Starts database and switch and makes the bridge with all ports, in one ovs-vsctl transaction."""
    d = run.path("sw", "ovs")
    os.makedirs(d, exist_ok=True)
    env = {"OVS_RUNDIR": d, "OVS_LOGDIR": d, "OVS_DBDIR": d, "OVS_SYSCONFDIR": d}
    sock, db = os.path.join(d, "db.sock"), os.path.join(d, "conf.db")
    subprocess.run(["ovsdb-tool", "create", db, SCHEMA], check=True)
    p = ns.spawn(["ovsdb-server", db, f"--remote=punix:{sock}", f"--pidfile={d}/ovsdb-server.pid",
                  f"--unixctl={d}/ovsdb-server.ctl", "-vconsole:off", f"-vfile:warn", f"--log-file={d}/ovsdb.log"],
                 run.path("sw", "ovsdb.out"), netns, env)
    run.record("ovsdb-server", p.pid)
    labrun.wait_for("ovsdb-server's socket", 20, lambda: labrun.listens(sock))
    subprocess.run(["ovs-vsctl", f"--db=unix:{sock}", "--no-wait", "init"], check=True, env=dict(os.environ, **env))
    p = ns.spawn(["ovs-vswitchd", f"unix:{sock}", "--disable-system", f"--pidfile={d}/ovs-vswitchd.pid",
                  "-vconsole:off", "-vfile:warn", f"--log-file={d}/vswitchd.log"],
                 run.path("sw", "vswitchd.out"), netns, env)
    run.record("ovs-vswitchd", p.pid)
    labrun.wait_for("ovs-vswitchd's pid file", 20, lambda: os.path.exists(f"{d}/ovs-vswitchd.pid"))


def make_bridge(run, legs, switch_mac):
    """The bridge, its ports with their VLANs, and the management port; waits until the switch has them."""
    import topology
    d = run.path("sw", "ovs")
    # Few revalidator threads and a lazy statistics round: the lab shares its cores with the code under test.
    args = ["ovs-vsctl", f"--db=unix:{d}/db.sock", "--timeout=20",
            "set", "open", ".", "other_config:n-revalidator-threads=1", "other_config:n-handler-threads=1",
            "other_config:stats-update-interval=60000", "--",
            "add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev", "fail-mode=standalone",
            "other_config:mac-table-size=4096", f'other_config:hwaddr="{switch_mac}"',
            "other_config:disable-in-band=true", "--",
            "add-port", BRIDGE, "mgmt0", f"tag={topology.VLAN_MANAGEMENT}", "--",
            "set", "interface", "mgmt0", "type=internal", "ofport_request=1"]
    for number, leg in enumerate(legs, start=FIRST_PORT):
        args += ["--", "add-port", BRIDGE, leg.port, f"tag={leg.vlan}", "--",
                 "set", "interface", leg.port, f"ofport_request={number}"]
    got = subprocess.run(args, capture_output=True, text=True, env=dict(os.environ, OVS_RUNDIR=d))
    if got.returncode:
        raise labrun.LabError(f"Open vSwitch refused the bridge: {got.stderr.strip()} (log: {d}/vswitchd.log)")


def widen_buffers(pid, octets=8 << 20):
    """Gives every packet socket of the switch a receive buffer that holds a burst of all cameras.

    With the system's default (208 KiB, about 90 full frames) the handshakes of 100 cameras that dial at once
    lost a few SYN-ACKs, each worth a second. The default is the host's to keep, so the switch's own sockets
    are borrowed (pidfd_getfd) and widened one by one.
    """
    pidfd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                    continue
                fd = ns.libc.syscall(438, pidfd, int(name), 0)  # pidfd_getfd
                if fd < 0:
                    continue
                with socket.socket(fileno=fd) as s:
                    if s.family == socket.AF_PACKET:
                        s.setsockopt(socket.SOL_SOCKET, 33, octets)  # SO_RCVBUFFORCE
            except OSError:
                continue  # closed meanwhile
    finally:
        os.close(pidfd)
