"""scripts/bench fence: from the order to the proof that a port is down, standin beside what else there is.

All contestants take turns at the same port of the same lab: the last camera's. Each run is judged by its effect, looked
at from outside at the moment the contestant says that it is done, and the port is opened again before the next.
"""
import contextlib
import json
import os
import select
import socket
import statistics
import struct
import subprocess
import time
import tomllib

import ctl
import nl
import ns
import ovs
import run as labrun
import site_config
import topology
from run import LabError

VENV = os.path.join(labrun.ROOT, ".venv", "bin", "python")
IF_ADMIN, IF_OPER = "1.3.6.1.2.1.2.2.1.7", "1.3.6.1.2.1.2.2.1.8"
BY_HAND = """snmpset -v2c -c "$1" "$2" {admin}.$3 i 2 > /dev/null || exit 1
until [ "$(snmpget -v2c -c "$1" -Oqve "$2" {admin}.$3 {oper}.$3 | tr '\\n' ' ')" = "2 2 " ]; do :; done
""".format(admin=IF_ADMIN, oper=IF_OPER)
GOAL_SNMP = 30
HOST = "standby"


class Port:
    """The port that is shut: how it really is, and how it is opened again."""

    def __init__(self, run):
        self.run = run
        self.camera = topology.cameras(run.state["cameras"])[-1]
        self.name, self.mac, self.alias = self.camera.short, self.camera.mac, self.camera.leg().alias
        self.switch = ovs.Switch(run.path("sw", "ovs"))
        with ns.inside(run.netns("switch")):
            self.index = ns.ifindex(self.name)
        self.number = self.switch.port_numbers()[self.name]

    def _link(self, where, ifname):
        with ns.inside(self.run.netns(where)), contextlib.closing(nl.Netlink()) as n:
            link = n.links()[ifname]
            return link.up, link.carrier

    def ovs_says(self):
        row = self.switch.transact([{"op": "select", "table": "Interface", "where": [["name", "==", self.name]],
                                     "columns": ["admin_state", "link_state"]}], wait=False)[0]["rows"][0]
        return row["admin_state"], row["link_state"]

    def problems(self):
        """What is not as it must be when somebody has just said that the port is down."""
        switch_end, host_end = self._link("switch", self.name), self._link(self.camera.short, "eth0")
        out = []
        if switch_end[0]:
            out.append("the switch's interface is still up")
        if host_end[1]:
            out.append("the camera still has a link")
        try:  # its own database follows the kernel
            labrun.wait_for("Open vSwitch", 1, lambda: self.ovs_says() == ("down", "down"))
        except LabError:
            out.append(f"Open vSwitch says admin {self.ovs_says()[0]}, link {self.ovs_says()[1]}")
        return out

    def open(self):
        """As it was: up at both ends, not marked, and its machine's address learned there."""
        d = self.run.path("sw", "ovs")
        with ns.inside(self.run.netns("switch")):
            subprocess.run(["ovs-ofctl", "mod-port", f"unix:{d}/{ovs.BRIDGE}.mgmt", self.name, "up"], check=True)
            with contextlib.closing(nl.Netlink()) as n:
                n.set_alias(self.index, self.alias)
        ctl.ask(self.run.path("switch.ctl"), "port", port=self.name, up=True)
        labrun.wait_for(f"port {self.name} is up again", 5, lambda: self.ovs_says() == ("up", "up")
                        and self._link("switch", self.name) == (True, True))
        self.heard()
        time.sleep(0.3)

    def heard(self):
        """A frame of its machine, so that the switch has learned it."""
        frame = struct.pack("!6s6sHHHBBH6s4s6s4s", b"\xff" * 6, bytes.fromhex(self.mac.replace(":", "")), 0x0806, 1,
                            0x0800, 6, 4, 1, bytes.fromhex(self.mac.replace(":", "")),
                            socket.inet_aton(self.camera.address), b"\0" * 6, socket.inet_aton(topology.GATEWAY))
        with ns.inside(self.run.netns(self.camera.short)), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind(("eth0", 0))
            s.send(frame)
        labrun.wait_for(f"{self.mac} is learned on {self.name}", 5, lambda: any(
            mac == self.mac and port == self.number for port, _, mac, _ in self.switch.fdb()))


class Session:
    """A program that takes orders on its standard input and answers each with a line of JSON."""

    def __init__(self, run, argv, log):
        self.log = log
        with ns.inside(run.netns(HOST)), open(log, "ab") as err:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True)

    def ask(self, order, seconds=30):
        try:
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise LabError(f"{' '.join(self.process.args[:2])}: no answer to `{order}` (log: {self.log})")
        answer = json.loads(line)
        if not answer["ok"]:
            raise LabError(f"`{order}`: {answer['error']}")
        return answer["ms"]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Contest:
    def __init__(self, run, info, binary, session):
        self.run, self.info, self.binary = run, info, binary
        self.session_program = session
        self.port = Port(run)
        self.sessions = contextlib.ExitStack()
        self.configs = {way: self.config(way) for way in ("snmp", "ssh")}
        with open(info["switch"]["credentials"]["community"]) as f:
            self.community = f.read().strip()
        with open(os.path.join(labrun.ROOT, "switch-profiles", "openvswitch.toml"), "rb") as f:
            profile = tomllib.load(f)
        [step] = profile["op"]["port-off"]["ssh"]["do"]
        there = info["switch"]["ssh"]
        self.netmiko = json.dumps({
            "host": info["switch"]["address"], "port": there["port"], "user": there["user"], "key": there["key"],
            "known_hosts": there["known_hosts"], "down": ["down", "down"],
            "off": step["cli"][0].replace("{port}", self.port.name),
            "show": profile["ssh"]["show"]["port"]["send"].replace("{port}", self.port.name)})

    def config(self, way):
        path = self.run.path(f"fence-{way}.toml")
        sets = [f':node.state-dir="{self.run.path("fence-state")}"']
        with open(path, "w") as f:
            f.write(site_config.config(self.info, HOST, False, sets, "2c", [way]))
        return path

    def kept(self, *argv):
        session = Session(self.run, list(argv), self.run.path("fence-sessions.log"))
        self.sessions.callback(session.close)
        return session

    def whole(self, *argv):
        """A command on the standby: (its standard output, milliseconds as a process)."""
        with ns.inside(self.run.netns(HOST)):
            begun = time.monotonic()
            try:
                got = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            except subprocess.TimeoutExpired:
                raise LabError(f"{os.path.basename(argv[0])}: not done after 60 s") from None
            ms = (time.monotonic() - begun) * 1000
        if got.returncode:
            raise LabError(f"{os.path.basename(argv[0])}: exit {got.returncode}: {(got.stderr or got.stdout).strip()}")
        return got.stdout, ms

    def apply(self, way):
        """standin, one process for one order."""
        out, ms = self.whole(self.binary, "--config", self.configs[way], "switch", "apply", "core", "port-off",
                             self.port.name, "--yes", "--json")
        proof = json.loads(out)["proof"]
        if proof["already"] or proof["transport"] != way:
            raise LabError(f"not what was asked for: {proof}")
        return {"inside": proof["took_ms"], "whole": ms}

    def contestants(self):
        """{name: what does it once, and returns its figures}."""
        switch, index = self.info["switch"]["address"], str(self.port.index)
        program, port = self.session_program, self.port.name
        standin = {way: self.kept(program, self.configs[way], "core", port, self.port.mac) for way in self.configs}
        netmiko = self.kept(VENV, os.path.join(labrun.HERE, "peer_netmiko.py"), "session", self.netmiko)

        def in_session(session, order):
            def act():
                session.ask("look")  # a session that is used all the time, as the daemon's is
                return {"inside": session.ask(order)}
            return act

        def netmiko_once():
            out, ms = self.whole(VENV, os.path.join(labrun.HERE, "peer_netmiko.py"), "once", self.netmiko)
            answer = json.loads(out)
            if not answer["ok"]:
                raise LabError(answer["error"])
            return {"inside": answer["ms"], "whole": ms}
        return {
            "standin snmp": lambda: self.apply("snmp"),
            "standin snmp kept": in_session(standin["snmp"], "off"),
            "standin snmp fence": in_session(standin["snmp"], "fence"),
            "by hand": lambda: {"whole": self.whole("sh", "-c", BY_HAND, "sh", self.community, switch, index)[1]},
            "fence_ifmib": lambda: {"whole": self.whole(
                "/usr/sbin/fence_ifmib", "--ip", switch, "--community", self.community, "--plug", index, "--action",
                "off")[1]},
            "standin ssh": lambda: self.apply("ssh"),
            "standin ssh kept": in_session(standin["ssh"], "off"),
            "standin ssh fence": in_session(standin["ssh"], "fence"),
            "netmiko": netmiko_once,
            "netmiko kept": in_session(netmiko, "off"),
        }

    def play(self, runs, say, failures):
        """{(name, figure): [ms, ...]} of the runs that did what they said."""
        figures = {}
        with self.sessions:
            contestants = list(self.contestants().items())
            self.port.open()
            for n in range(runs):
                turn = n % len(contestants)
                for name, act in contestants[turn:] + contestants[:turn]:
                    try:
                        got = act()
                        problems = self.port.problems()
                    except LabError as e:
                        got, problems = {}, [str(e)]
                    failures += [f"{name}, run {n + 1}: {p}" for p in problems]
                    say(f"{n + 1}/{runs} {name}: " + ", ".join(f"{k} {v:.1f} ms" for k, v in got.items())
                        + "".join(f" !! {p}" for p in problems))
                    if not problems:
                        for key, value in got.items():
                            figures.setdefault((name, key), []).append(value)
                    self.port.open()
        return figures


ROWS = (
    ("SNMP v2c", (
        ("`standin switch apply port-off`: from the order to the proof", "standin snmp", "inside"),
        ("the same, the whole process", "standin snmp", "whole"),
        ("the same order in a process that runs already", "standin snmp kept", "inside"),
        ("the daemon's fence (marked as ours, peer's MAC looked for)", "standin snmp fence", "inside"),
        ("`snmpset`, then `snmpget` of admin and oper until both are down, in `sh`", "by hand", "whole"),
        ("`fence_ifmib --action off`", "fence_ifmib", "whole"))),
    ("SSH, OpenSSH before Open vSwitch", (
        ("`standin switch apply port-off`, new session: from the order to the proof", "standin ssh", "inside"),
        ("netmiko, new session: from connecting to the proof", "netmiko", "inside"),
        ("`standin switch apply port-off`, the whole process", "standin ssh", "whole"),
        ("netmiko, the whole process", "netmiko", "whole"),
        ("standin, kept session", "standin ssh kept", "inside"),
        ("netmiko, kept session", "netmiko kept", "inside"),
        ("the daemon's fence, kept session", "standin ssh fence", "inside"))))
NOTES = """What each of them knows when it says that it is done:

- standin: the port is the one that is meant (name, ifIndex and MACs read before, guards asked), and admin down and oper
  down in a reading that began after the SET. The daemon's fence also looks for the peer's MAC in the forwarding table.
- by hand: admin down and oper down. The ifIndex was looked up beforehand, the community stands in the process list, and
  nothing would notice an index that has moved to another port.
- `fence_ifmib`: ifAdminStatus alone, read once before and until it is down after; oper is not looked at. Tried: with a
  switch that acknowledges and reads back what was set but leaves the port up (`scripts/lab switch snmp lie admin`), it
  says "Success: Powered OFF". ifIndex and community as above.
- netmiko: the same command and the same show as standin's profile `openvswitch` has, the show until it says admin down
  and oper down. It does not look at the port before, asks no guard, and logs in with the same key, strict host keys. Its
  `disconnect` is left out (10 s: it takes the `#` of this user for a configuration mode); the connection is closed.

Judged from outside at the moment each says so: the switch's interface is down, the camera has no link, and within 1 s
Open vSwitch's own database says admin down, link down. The agent's ifOperStatus is live here (`oper-staleness = "0s"`)."""


def table(figures):
    out = []
    for title, rows in ROWS:
        out += [f"## {title}", "", "| ms | runs | median | min | max | goal |", "| --- | ---: | ---: | ---: | ---: | --- |"]
        for text, name, key in rows:
            values = figures.get((name, key))
            if values:
                median = statistics.median(values)
                out.append(f"| {text} | {len(values)} | {median:.1f} | {min(values):.1f} | {max(values):.1f} | "
                           f"{goal(figures, name, key, median)} |")
        out.append("")
    return out


def goal(figures, name, key, median):
    """The issue's: SNMP within 30 ms; SSH no slower than netmiko."""
    if (name, key) == ("standin snmp", "inside"):
        limit, what = GOAL_SNMP, f"<= {GOAL_SNMP}"
    else:
        other = {"standin ssh": "netmiko", "standin ssh kept": "netmiko kept"}.get(name)
        theirs = figures.get((other, key))
        if not theirs:
            return ""
        limit, what = statistics.median(theirs), "no slower than netmiko"
    return f"{what}: {'met' if median <= limit else 'NOT MET'}"


def versions():
    def first(*argv):
        got = subprocess.run(argv, capture_output=True, text=True)
        return (got.stdout + got.stderr).strip().splitlines()[0]
    return ", ".join([
        first("snmpget", "-V"), first("ssh", "-V").split(",")[0],
        "fence-agents " + first("dpkg-query", "-W", "-f=${Version}", "fence-agents"),
        "netmiko " + first(VENV, "-c", "import netmiko; print(netmiko.__version__)"),
        first("ovs-vsctl", "--version")])


def bench(args, site, session, say, failures):
    """The whole of it in a lab that is up; lines of Markdown."""
    contest = Contest(site.run.load(), site.info, site.binary, session)
    figures = contest.play(args.runs, say, failures)
    return [f"{args.runs} rounds; in each, every contestant once, in turn. Peers: {versions()}.", "",
            *table(figures), NOTES, ""]
