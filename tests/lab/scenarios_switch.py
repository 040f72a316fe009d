"""Scenarios: `standin switch ...` on the lab's switch, over SNMP and over SSH, judged by the frames that pass.

Changes are made on p-third, behind which a machine of the scenario's own answers: what is moved and shut there is
nobody else's. Before and after each change frames are sent, never only the read-back asked.
"""
import contextlib
import json
import os
import time

import frames
import site_config
import topology
import trial
from scenarios_sets import SetSpy
from scenarios_site import PORT, Failed, expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)
PORT_3, ADDRESS_3 = "p-third", "192.168.1.250"
REFUSED, CONFIG = 4, 78     # exit codes as README.md has them
WAYS = {"snmp": "SNMP", "ssh": "SSH"}


def over(way, **options):
    """Registers a scenario once for a way to the switch; its sentence says which."""
    def add(check):
        def run(site, quick):
            return check(site, way)
        run.__doc__ = f"Over {WAYS[way]}: " + check.__doc__.strip()
        run.__name__ = f"{check.__name__}_{way}"
        scenario(**options)(run)
        return check
    return add


def over_both(check):
    """Registers a scenario for SNMP and for SSH."""
    for way in WAYS:
        over(way)(check)
    return check


class Commands:
    """`standin switch ...` on the standby, with a configuration of its own: the daemon's is not touched."""

    def __init__(self, site, way, sets=()):
        self.site, self.way = site, way
        self.config = site.run.path(f"switch-{way.replace(',', '-')}.toml")
        with open(self.config, "w") as f:
            f.write(site_config.config(site.info, "standby", False, list(sets), "2c", way.split(",")))

    def __call__(self, *words, code=0, group="switch"):
        """Its JSON; a scenario fails that expects another exit code."""
        argv = [self.site.binary, group, *map(str, words), "--json", "--config", self.config]
        got, out, err = self.site.on("standby", *[a for a in argv if a], timeout=60)
        expect(got == code, f"`standin {group} {' '.join(map(str, words))}`: exit {got}, not {code}: {(err or out).strip()}")
        with contextlib.suppress(ValueError):
            return json.loads(out)
        return {"error": err.strip()}

    def apply(self, op, *words):
        """A change that must be proven, over the way that was asked for; its id and proof."""
        answer = self("apply", "core", op, *words)
        proof = answer["proof"]
        expect(proof["transport"] == self.way.split(",")[0], f"{op} went over {proof['transport']}: {proof}")
        expect(proof["already"] or proof["proven"], f"{op} is said to be done, and nothing was read back: {proof}")
        return answer

    def refused(self, guard, op, *words):
        """A change that a guard must refuse."""
        answer = self("apply", "core", op, *words, code=REFUSED)
        expect(answer.get("guard") == guard and answer["outcome"] == "refused", f"{op} {words}: {answer}")
        return answer["error"]


class Wire:
    """The machine behind p-third, a neighbour in production (gateway), and one in management (standby's eth1)."""

    def __init__(self, site):
        self.site = site
        site.on("third", "ip", "addr", "add", f"{ADDRESS_3}/24", "dev", "eth0")
        site.undo.callback(site.on, "third", "ip", "addr", "del", f"{ADDRESS_3}/24", "dev", "eth0")
        site.on("third", "ip", "link", "set", "eth0", "up")
        site.undo.callback(site.on, "third", "ip", "link", "set", "eth0", "down")
        leg = lambda host, ifname="eth0": site.undo.enter_context(frames.Leg(site.run, host, ifname))
        self.third, self.production, self.management = leg("third"), leg("gateway"), leg("standby", "eth1")
        self.other = leg("c002")
        site.undo.callback(self.as_it_was)

    def as_it_was(self):
        self.site.lab("switch", "vlan", PORT_3, topology.VLAN_PRODUCTION)
        self.site.lab("switch", "port", PORT_3, "up")

    def reaches(self, leg, what):
        """Somebody there hears the machine behind p-third; a link that comes up may take its time."""
        deadline = time.monotonic() + 3
        while not frames.arp_probe(leg, ADDRESS_3):
            if time.monotonic() > deadline:
                raise Failed(f"{what}, and yet nobody answers for {ADDRESS_3}")

    def silent(self, leg, control, what):
        """Three probes in a row go unanswered, while the control answers on the same wire."""
        for _ in range(3):
            mac = frames.arp_probe(leg, ADDRESS_3)
            expect(mac is None, f"{what}, and yet {mac} answers for {ADDRESS_3}")
            expect(frames.arp_probe(leg, control, 1), f"the control {control} does not answer")

    def in_production(self, what):
        self.reaches(self.production, what)
        self.silent(self.management, topology.SWITCH_ADDRESS, what)

    def in_management(self, what):
        self.reaches(self.management, what)
        self.silent(self.production, topology_control(), what)

    def nowhere(self, what):
        self.silent(self.production, topology_control(), what)
        self.silent(self.management, topology.SWITCH_ADDRESS, what)


def topology_control():
    """An address that answers in the production VLAN, whatever is done to p-third."""
    return topology.cameras(1)[0].address


def begin(site, way, sets=()):
    wire = Wire(site)
    wire.in_production("nothing was changed yet")
    return Commands(site, way, sets), wire


@over_both
def switch_fence(site, way):
    """a port is shut and opened, and nobody hears the machine behind it meanwhile; undo opens it too."""
    run, wire = begin(site, way)
    plan = run("plan", "core", "port-off", PORT_3)["plan"]
    expect(plan["lines"] and not plan["refused"], f"the plan: {plan}")
    wire.in_production("a plan was shown")
    run.apply("port-off", PORT_3)
    wire.nowhere("the port was shut")
    again = run.apply("port-off", PORT_3)
    expect(again["proof"]["already"], f"a port that is shut was shut again: {again['proof']}")
    run.apply("port-on", PORT_3)
    wire.in_production("the port was opened")
    off = run.apply("port-off", PORT_3)
    wire.nowhere("the port was shut again")
    run("undo", off["id"])
    wire.in_production("that was taken back")
    return f"shut and proven in {off['proof']['took']}"


@over_both
def switch_vlan(site, way):
    """an access port is moved into another VLAN and back, in both directions; undo takes each back."""
    run, wire = begin(site, way)
    there = run.apply("set-access-vlan", PORT_3, topology.VLAN_MANAGEMENT)
    wire.in_management("the port was moved to management")
    run.apply("set-access-vlan", PORT_3, topology.VLAN_PRODUCTION)
    wire.in_production("the port was moved back")
    there = run.apply("set-access-vlan", PORT_3, topology.VLAN_MANAGEMENT)
    back = run.apply("set-access-vlan", PORT_3, topology.VLAN_PRODUCTION)
    run("undo", back["id"])
    wire.in_management("the way back was taken back")
    run("undo", there["id"])
    wire.in_production("the way there was taken back")
    taken = {c["id"]: c["undone"] for c in run("undo", "--list")["changes"]}
    expect(taken[there["id"]] and taken[back["id"]], f"undo --list does not say that they were taken back: {taken}")
