"""The lab as scenarios use it: sabotage that is undone, a clean beginning, and what must not have happened."""
import contextlib
import os
import shutil
import socket
import time

import hosts
import ns
import topology
import trial
from trial import Trial, TrialError

PORT = "p-prim"


class Failed(Exception):
    """Something that standin must show, and did not."""


class Scenario:
    def __init__(self, check, mode, owners, slow, sets, snmp, way):
        self.check, self.mode, self.owners, self.slow = check, mode, owners, slow
        self.sets, self.snmp, self.way = sets, snmp, way
        self.name = check.__doc__.strip().splitlines()[0].rstrip(".")


def register(into):
    """A decorator that adds a scenario to a module's list.

    `owners`: a regular expression over who spoke for the VIP in order; "" checks nothing here, because the scenario
    looks at each of its takeovers itself.
    """
    def scenario(mode="agentless", owners="", slow=False, sets=(), snmp="2c", way="snmp"):
        def add(check):
            into.append(Scenario(check, mode, owners, slow, sets, snmp, way))
            return check
        return add
    return scenario


def expect(condition, text):
    if not condition:
        raise Failed(text)


def fine(result):
    """A takeover or release that must have gone well."""
    expect(not result["problems"], "; ".join(result["problems"]))
    return result


def reboots(site):
    """The switch reboots: a short time without links, then its start-up configuration."""
    site.lab("switch", "reboot", "--dark", "0.2")


class Site(Trial):
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.undo = contextlib.ExitStack()
        self.current = (list(self.sets), self.snmp, self.way)

    # -- a clean beginning -------------------------------------------------------

    def begin(self, sets=(), snmp="2c", way="snmp"):
        """Undoes what the last scenario did; everything is as after the start, with this configuration."""
        self.undo.close()
        if (list(sets), snmp, way) != self.current or not self.untouched():
            self.rebuild(sets, snmp, way)

    def untouched(self):
        with contextlib.suppress(TrialError):
            healthy = self.is_healthy() and self.publishing() == self.count
            ours = self.mode == "agentless" or (self.status("primary") or {}).get("owner")
            return bool(healthy and ours)
        return False

    def rebuild(self, sets=(), snmp="2c", way="snmp"):
        """Both machines boot afresh, with empty journals, and the switch is as it was configured."""
        for host in self.agents:
            self.lab("agent", "kill", host)
            self.lab("agent", "stop", host)
        self.clear_states()
        self.port_open()
        for host in ("standby", "primary"):
            self.lab("plug", host)
        self.sets, self.snmp, self.way = list(sets), snmp, way
        self.fresh_binary()
        if self.mode == "agentless":
            # A booting Linux announces nothing, and cameras that have the standby's MAC would stay dark for a minute.
            self.on("primary", "arping", "-U", "-q", "-c", "2", "-w", "3", "-I", "eth0", trial.topology.VIP)
        self.lab("cameras", "stop")   # an ffmpeg without a timeout may hang for ever on a half-made connection
        self.lab("cameras", "start")
        self.start_agents()
        self.current = (list(sets), snmp, way)

    def clear_states(self):
        for host in self.agents:
            folder = self.info["hosts"][host]["var_lib_standin"]
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def port_open(self):
        for leg in self.run.load().legs_of("primary") + self.run.legs_of("standby"):
            self.lab("switch", "vlan", leg.port, leg.vlan)
            self.lab("switch", "port", leg.port, "up")
            trial.call(hosts.enter_command(self.run, "switch", ["ip", "link", "set", leg.port, "alias", leg.alias]))

    def sabotage(self, *command, undo):
        """A command of scripts/lab, and the one that undoes it."""
        self.undo.callback(self.lab, *undo)
        return self.lab(*command)

    # -- what is so, and must not be ----------------------------------------------

    def restart_agent(self, host="standby"):
        self.lab("agent", "stop", host)
        self.start(host)

    def port(self, name=PORT):
        """What the switch itself says of a port: admin, oper, alias, vlan."""
        answer = self.lab("switch", "status")
        ports = answer.get("ports", answer)
        if isinstance(ports, list):
            return next(p for p in ports if name in (p.get("port"), p.get("name")))
        return ports[name]

    def says(self, what, since, seconds, host="standby", level=None):
        """Waits until the agent's log says something (a piece of text, or one of several)."""
        wanted = [what] if isinstance(what, str) else list(what)

        def said():
            return next((text for _, lv, text in self.log(host, since) if (level is None or lv == level)
                         and any(w.lower() in text.lower() for w in wanted)), None)
        try:
            return self.until(f"{host} says '{' or '.join(wanted)}'", seconds, said, 0.05, host)
        except TrialError as e:
            raise Failed(str(e)) from None

    def reaches(self, state, seconds, host="standby"):
        """Waits for a state as `status` prints it."""
        try:
            return self.until(f"{host} is {state}", seconds,
                              lambda: (lambda s: s and s["state"].startswith(state) and s)(self.status(host)), 0.1, host)
        except TrialError as e:
            got = self.status(host) or {}
            raise Failed(f"{e} (it is {got.get('state')}, {got.get('why')})") from None

    def silent(self, since, until=None, host="standby"):
        """No frame with the VIP as ARP sender has left a machine."""
        frames = self.figures(since, host, before=until or trial.wall_us())["vip_frames_before"]
        expect(not frames, f"{len(frames)} frames with the VIP left the {host}: {frames[:2]}")

    def untaken(self, seconds, since):
        """For so long: nothing fenced, nothing claimed, nothing said, the cameras stay with the primary."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            s = self.status() or {}
            expect(not s.get("owner"), f"it owns the VIP: {s.get('state')}")
            time.sleep(0.25)
        self.silent(since)
        expect(not self.vip_here(), "the VIP is on the standby's interface")
        port = self.port()
        expect(port["admin"] in ("up", 1, True), f"the primary's port was shut: {port}")
        steps = [r["data"]["step"] for r in self.journal()
                 if r["kind"] == "intent" and self.wall(r) >= since and r["data"]["step"] in ("fence", "claim")]
        expect(not steps, f"the journal has the intents {steps}")

    @staticmethod
    def wall(record):
        """When a journal record was written, as wall clock microseconds of now's relation to the boot clock."""
        return record["boot_us"] + trial.wall_us() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def ifindex(self, port):
        with ns.inside(self.run.netns("switch")):
            return ns.ifindex(port)

    def vip_here(self, host="standby"):
        """How often the VIP is on a machine."""
        _, out, _ = self.on(host, "ip", "-4", "-o", "addr", "show")
        return out.count(f" {topology.VIP}/")

    def owner_letters(self, since, until=None):
        letters = {self.mac("primary"): "P", self.mac("standby"): "S", self.mac("third"): "T"}
        return "".join(letters.get(s[0], "?") for s in self.owner_spells(since, until))

    def owners_text(self, since):
        return ", ".join(f"{letter} {(a - since) / 1000:.0f}..{(b - since) / 1000:.0f} ms ({n})" for letter, (_, a, b, n)
                         in zip(self.owner_letters(since), self.owner_spells(since))) or "nobody"

    def cut(self, carrier_stays=False):
        return self.lab("cut", "primary", *(["--carrier-stays"] if carrier_stays else []))

    def ends_verified(self, cut, within=30, fence="proven"):
        """Follows a takeover that is under way to its end, by status, and judges it; `fence` as a report says it."""
        s = self.until("the takeover ends", within, lambda: (lambda s: s and (
            s["state"] == "halted" or s["state"] == "active" and s["verdict"]) and s)(self.status()), 0.2)
        return fine(self.collect(cut, s["state"], fence))

    @contextlib.contextmanager
    def socket_at(self, host, kind=socket.SOCK_DGRAM):
        with ns.inside(self.run.netns(host)):
            s = socket.socket(socket.AF_INET, kind)
        with s:
            yield s
