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
from scenarios_site import PORT, Failed, expect, reboots, register

SCENARIOS = []
scenario = register(SCENARIOS)
PORT_3, ADDRESS_3 = "p-third", "192.168.1.250"
REFUSED, NOT_THERE, NO_PERMISSION, CONFIG = 4, 69, 77, 78     # exit codes as src/manual/exit-codes.md has them
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
        expect(code is None or got == code, f"`standin {group} {' '.join(map(str, words))}`: exit {got}, not {code}: {(err or out).strip()}")
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
    return f"shut and proven in {off['proof']['took_ms']:.0f} ms"


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


@over_both
def switch_trunk(site, way):
    """a VLAN is allowed on a trunk and removed, and tagged frames pass in both directions only meanwhile; undo too."""
    run, wire = begin(site, way)
    site.lab("switch", "trunk", PORT_3, topology.VLAN_QUARANTINE, topology.VLAN_PARKING)
    vlan, camera = topology.VLAN_PRODUCTION, wire.other

    def carried(what):
        got = frames.passes(camera, wire.third, seconds=1), frames.passes(wire.third, camera, vlan, 1)
        expect(got == (vlan, "untagged"), f"{what}, and frames out of and into the trunk arrive as {got}")

    def kept_out(what):
        for _ in range(2):
            got = frames.passes(camera, wire.third), frames.passes(wire.third, camera, vlan)
            expect(got == (None, None), f"{what}, and frames out of and into the trunk arrive as {got}")
        expect(frames.passes(camera, wire.production, seconds=1) == "untagged", "nothing passes between access ports")

    kept_out("the VLAN is not on the trunk yet")
    run.apply("trunk-allow", PORT_3, vlan)
    carried("the VLAN was allowed")
    row = next(p for p in run("ports", "core") if p["if_name"] == PORT_3)
    expect(sorted(row["tagged"]) == [vlan, topology.VLAN_PARKING], f"`ports` says {row}")
    removed = run.apply("trunk-remove", PORT_3, vlan)
    kept_out("the VLAN was removed")
    run("undo", removed["id"])
    carried("the removal was taken back")
    run.apply("trunk-remove", PORT_3, vlan)
    allowed = run.apply("trunk-allow", PORT_3, vlan)
    run("undo", allowed["id"])
    kept_out("what was allowed was taken back")


@over_both
def switch_found_and_flushed(site, way):
    """a MAC is found where it is; flushed where the profile can, it is gone, frames to it are flooded, and it comes back."""
    run, wire = begin(site, way)
    quiet = {"snmp": "02:03:00:00:0f:0e", "ssh": "02:03:00:00:0f:0f"}[way]    # nobody has it: only a frame that says so
    port, camera, bystander = wire.third, wire.production, wire.other
    floods = lambda: frames.passes(camera, bystander, mac=quiet)
    places = lambda: [p["if_name"] for p in run("find", "core", quiet, code=None)["places"]]

    def seen():
        port.send(frames.ETH_MARK, b"here", source=quiet)
        site.until("the switch has learned the MAC", 2, lambda: any(
            m["mac"] == quiet for m in site.port(PORT_3)["macs"]), 0.02)

    expect(places() == [], f"a MAC that never spoke is found on {places()}")
    expect(floods() == "untagged", "a frame to a MAC that is not learned is not flooded")
    seen()
    expect(places() == [PORT_3], f"found on {places()}")
    expect(floods() is None and frames.passes(camera, port, seconds=1, mac=quiet) == "untagged",
           "a frame to a MAC that is learned does not go to its port alone")
    if way == "snmp":   # no standard MIB has an object that flushes
        answer = run("apply", "core", "flush-mac", quiet, code=NOT_THERE)
        expect("generic-qbridge" in answer["error"] and "flush-mac" in answer["error"], f"it says {answer['error']}")
        expect(places() == [PORT_3] and floods() is None, "it was flushed all the same")
        return answer["error"].removeprefix("standin: ")
    run.apply("flush-mac", quiet)
    expect(places() == [] and floods() == "untagged", "it was flushed, and is still known")
    again = run.apply("flush-mac", quiet)
    expect(again["proof"]["already"], f"an entry that is not there was flushed: {again['proof']}")
    seen()
    expect(places() == [PORT_3] and floods() is None, "it spoke again, and was not learned")


@scenario(owners="P*")
def switch_saved(site, _quick):
    """A change that is saved, by SNMP or by SSH, outlives a reboot of the switch, and one that is not saved does not."""
    site.undo.callback(site.lab, "switch", "save")      # runs after the wire is as it was
    for way in ("snmp,ssh", "ssh,snmp"):
        run, wire = begin(site, way)
        run.apply("set-access-vlan", PORT_3, topology.VLAN_MANAGEMENT)
        wire.in_management("the port was moved")
        reboots(site)
        wire.in_production("the switch was rebooted without a save")
        run.apply("set-access-vlan", PORT_3, topology.VLAN_MANAGEMENT)
        run.apply("save")
        expect(site.lab("switch", "unsaved")["unsaved"] == [], "something is not saved")
        reboots(site)
        wire.in_management("the switch was rebooted after a save")
        wire.as_it_was()
        site.lab("switch", "save")


@over_both
def switch_not_saved(site, way):
    """with a profile that cannot save, `save` says so, and `check` refuses a fence that should be saved."""
    run, _ = begin(site, way)
    profile = {"snmp": "generic-qbridge", "ssh": "openvswitch"}[way]
    answer = run("apply", "core", "save", code=NOT_THERE)
    expect(profile in answer["error"] and "save" in answer["error"], f"it says {answer['error']}")
    line = next(x for x in run("preflight", "core", "--no-write", code=None)["switches"][0]["lines"] if x["check"] == "save")
    expect(line["verdict"] == "not-known", f"preflight says {line}")
    wants = Commands(site, way, ["fence.persist=true"])
    problems = wants("", group="check", code=CONFIG)["problems"]
    expect(any("persist" in p["key"] and profile in p["problem"] for p in problems), f"check says {problems}")
    return answer["error"].removeprefix("standin: ")


@over_both
def switch_guards(site, way):
    """each guard refuses for a real reason, nothing is written, and frames pass as before."""
    run, wire = begin(site, way, [':switch.core.uplinks=["p-gw"]'])
    said = [run.refused("own-port", "port-off", "p-stby-m"),
            run.refused("own-mac", "port-off", "p-stby", "--override", "own-port"),
            run.refused("uplink", "port-off", "p-gw"),
            run.refused("uplink", "port-off", "p-gw", "--override", "uplink"),
            run.refused("other-host", "port-off", PORT_3, "--expect-mac", topology.cameras(1)[0].mac)]
    if way == "ssh":    # Open vSwitch has no list of VLANs, and no descriptions
        said.append(run.refused("trunk-port", "trunk-allow", PORT_3, topology.VLAN_MANAGEMENT))
    else:
        said += [run.refused("vlan-exists", "set-access-vlan", PORT_3, 777),
                 run.refused("alias", "port-off", PORT_3, "--expect-alias", "primary data")]
    for n in range(5):
        wire.third.send(frames.ETH_MARK, b"", source=f"02:03:00:00:0f:{n:02x}")
    site.until("the MACs are learned", 2, lambda: len(site.port(PORT_3)["macs"]) > 4, 0.02)
    said.append(run.refused("too-many-macs", "port-off", PORT_3))
    site.lab("switch", "trunk", PORT_3, topology.VLAN_PRODUCTION, topology.VLAN_PARKING)
    said.append(run.refused("access-port", "set-access-vlan", PORT_3, topology.VLAN_MANAGEMENT, "--override",
                            "too-many-macs"))
    for text in said:
        expect("--override" in text or "uplink" in text or "777" in text, f"a refusal does not say what to do: {text}")
    site.lab("switch", "vlan", PORT_3, topology.VLAN_PRODUCTION)
    wire.in_production("every change was refused")
    expect(frames.arp_probe(wire.production, "192.168.1.102", 1), "the standby's own port does not forward")
    return f"{len(said)} refusals"


@over_both
def switch_looked_at(site, way):
    """what `list`, `identify`, `ports`, `preflight`, `backup` and `diff` say is what the switch is, and nothing is written."""
    run, wire = begin(site, way)
    profile = {"snmp": "generic-qbridge", "ssh": "openvswitch"}[way]
    listed = run("list")["switches"][0]
    expect((listed["name"], listed["transports"]) == ("core", [way]), f"list says {listed}")
    who = run("identify", "core")
    expect(who["profile"] == profile and "Open vSwitch" in who["system"]["sys_descr"], f"identify says {who}")
    rows, truth = {p["if_name"]: p for p in run("ports", "core")}, site.lab("switch", "status")["ports"]
    for name, port in truth.items():
        row = rows[name]
        expect((row["admin"], row["oper"], row["pvid"], row["untagged"], row["tagged"])
               == (port["admin"], port["oper"], port["vlan"], [port["vlan"]], []), f"ports says {row}, the switch {port}")
    expect(any(m["mac"] == site.mac("primary") for m in rows[PORT]["macs"]), f"the primary is not on its port: {rows[PORT]}")
    before = site.lab("switch", "unsaved")["unsaved"]
    preflight = run("preflight", "core")["switches"][0]
    verdicts = {(x["check"], x["port"]): x for x in preflight["lines"]}
    expect(preflight["ok"] and verdicts["may-write", PORT]["verdict"] == "ok", f"preflight says {preflight}")
    expect(verdicts["mapping", PORT]["verdict"] == "ok", f"preflight says {verdicts['mapping', PORT]}")
    kept = run("backup", "core")
    expect(kept["ports"] >= len(truth) and site.on("standby", "stat", "-c", "%a", kept["file"])[1].strip() == "600",
           f"the backup: {kept}")
    expect(run("diff", "core")["changes"] == [], "there is a difference at once")
    expect(site.lab("switch", "unsaved")["unsaved"] == before, "something was written")
    moved = run.apply("set-access-vlan", PORT_3, topology.VLAN_MANAGEMENT)
    changes = {c["field"]: (c["was"], c["is"]) for c in run("diff", "core", code=None)["changes"] if c["port"] == PORT_3}
    expect(changes.get("pvid") == (10, 20), f"diff says {changes}")
    run("undo", moved["id"])
    wire.in_production("the move was taken back")
    expect(run("diff", "core")["changes"] == [], "there is a difference after the undo")
    return f"{len(verdicts)} lines of preflight"


@scenario()
def switch_trusted(site, _quick):
    """A host key is trusted once, by `trust`, with the fingerprint that the switch has; another key is refused after."""
    known = site.run.path("trusted")
    site.undo.callback(lambda: os.path.exists(known) and os.unlink(known))
    password = [f':switch.core.ssh.password-file="{site.info["switch"]["ssh"]["password"]}"',
                f':switch.core.ssh.known-hosts="{known}"']
    run = Commands(site, "ssh", password)
    with open(run.config) as f:
        lines = [line for line in f if not line.startswith("key-file")]
    with open(run.config, "w") as f:
        f.writelines(lines)
    said = run("ports", "core", code=NO_PERMISSION)["error"]
    expect("standin switch trust core" in said, f"an unknown host key: {said}")
    key = site.run.path("sw", "ssh", "host")
    _, real, _ = trial.call(["ssh-keygen", "-lf", key], stdout=-1)
    trusted = run("trust", "core", "--yes")
    expect(trusted["added"] and trusted["fingerprint"] == real.split()[1], f"trust says {trusted}, the switch has {real}")
    expect(not run("trust", "core", "--yes")["added"], "it was added twice")
    expect(run("ports", "core"), "the password does not work")
    with open(site.run.path("ssh.known_hosts")) as f, open(known, "w") as out:
        address, algorithm, text = f.read().split()[:3]
        out.write(f"{address} {algorithm} {text[:30]}{'A' if text[30] != 'A' else 'B'}{text[31:]}\n")
    said = run("apply", "core", "port-off", PORT_3, code=NO_PERMISSION)["error"]
    expect("key" in said and site.port(PORT_3)["admin"] == "up", f"another host key: {said}")
    return said.removeprefix("standin: ")[:160]
