"""Scenarios of port takeover (option A): the standby's own port is moved, the dead machine's port is quarantined."""
import random
import threading
import time

import chaos_faults
import ns
import topology
import trial
from scenarios_sets import SetSpy
from scenarios_site import PORT, expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)
RESTART_AFTER = 0.5
BACK_WITHIN = 2000      # ms from the order of a release to the last camera's SYN at the primary
READY = (topology.VLAN_PRODUCTION, topology.VLAN_PARKING)
TAKEN = (topology.VLAN_QUARANTINE, topology.VLAN_PRODUCTION)


def vlans(site):
    return tuple(site.port(p)["vlan"] for p in (PORT, topology.PARKED_PORT))


def handed_back(site):
    """A release as it must be: quick, and with both ports where they belong."""
    back = site.reset()["ms"]["last_camera_back"]
    expect(back <= BACK_WITHIN, f"the last camera was back {back:.0f} ms after the order")
    expect(vlans(site) == READY, f"after the release the ports are in VLANs {vlans(site)}")
    return back


def moved(site, carrier_stays):
    expect(vlans(site) == READY, f"at first the ports are in VLANs {vlans(site)}")
    got = fine(site.takeover(carrier_stays))
    expect(vlans(site) == TAKEN, f"after the takeover the ports are in VLANs {vlans(site)}")
    ms, back = got["ms"], handed_back(site)
    return (f"first announce {ms['first_announce']:.0f} ms, last SYN {ms['last_syn']:.0f} ms, "
            f"released in {back:.0f} ms")


@scenario("option-a", owners="P*SP*")
def port_takeover(site, _quick):
    """A parked standby with the same address takes a dead primary's place by its port, and gives it back."""
    return moved(site, False)


@scenario("option-a", owners="P*SP*")
def port_takeover_after_a_panic(site, _quick):
    """The same, of a primary whose port stays up: only the quarantine keeps it away."""
    return moved(site, True)


@scenario("option-a", owners="P*SP*")
def port_takeover_primary_returns(site, _quick):
    """A primary that comes back by itself stays in quarantine, unheard, until it is released."""
    fine(site.takeover())
    site.plug()
    back = trial.wall_us()
    # What a machine says when it boots; without a word from it the switch would not know of it.
    site.on("primary", "arping", "-q", "-U", "-c", "2", "-I", "eth0", topology.VIP)
    time.sleep(2)
    frames = site.port()["macs"]
    expect(any(m["vlan"] == topology.VLAN_QUARANTINE for m in frames), f"the primary is not up in quarantine: {frames}")
    expect(not any(m["vlan"] == topology.VLAN_PRODUCTION for m in frames), f"it is heard in production: {frames}")
    expect(vlans(site) == TAKEN, f"the ports are in VLANs {vlans(site)}")
    expect(site.owner_letters(back) in ("", "S"), f"the wire shows the owners {site.owners_text(back)}")
    problems = site.one_owner("standby")
    expect(not problems, "; ".join(problems))
    expect(site.status()["state"] == "active", f"the standby is {site.status()['state']}")
    site.all_publishing(20, "standby")
    return f"released in {handed_back(site):.0f} ms"


# -- spanning tree -----------------------------------------------------------------


def outcome(site, cut, step):
    """When the journal says that a step of the takeover since `cut` ended, in ms from it, and its words."""
    for r in site.journal():
        if r["kind"] == "outcome" and r["boot_us"] >= cut["boottime_us"] and r["data"]["step"] == step:
            return (r["boot_us"] - cut["boottime_us"]) / 1000, str(r["data"]["outcome"])
    return None, "no outcome"


@scenario("option-a", owners="P*SP*")
def port_takeover_spanning_tree(site, _quick):
    """Our moved port listens and learns, as the switch's spanning tree wants it: it is announced when it forwards."""
    site.sabotage("switch", "stp", topology.PARKED_PORT, "on", undo=("switch", "stp", topology.PARKED_PORT, "off"))
    code, answer, err = site.standin("check")
    line = next(x for x in answer["checks"] if x["check"] == f"spanning tree on core:{topology.PARKED_PORT}")
    expect(code == 0 and line["state"] == "warning" and "edge port" in line["detail"], f"`check` says: {line} {err}")
    cut = site.cut()
    waiting = site.reaches("taking forward", 10)
    expect("spanning tree" in (waiting["why"] or ""), f"`status` says why: {waiting['why']}")
    expect(waiting["owner"], f"it waits before it has the address: {waiting}")
    got = fine(site.takeover(cut=cut))
    moved_at, _ = outcome(site, cut, "rewire")
    at, words = outcome(site, cut, "forward")
    expect(at and "forwards" in words, f"the journal says of the wait: {words}")
    expect(7000 < at - moved_at < 10000, f"spanning tree takes 8 s, and {at - moved_at:.0f} ms were waited for")
    first = got["ms"]["first_announce"]
    expect(at - 150 < first < at + 500, f"announced at {first:.0f} ms, forwarding at {at:.0f} ms")
    handed_back(site)
    return (f"forwarding {at - moved_at:.0f} ms after the move, announced {first - at:.0f} ms later, "
            f"last SYN {got['ms']['last_syn'] - first:.0f} ms after that")


@scenario("option-a", owners="P*SP*", slow=True, sets=['port-takeover.forwarding="2s"'])
def port_takeover_never_forwards(site, _quick):
    """Spanning tree takes longer than it is waited for: a person is told, and the cameras come when it forwards."""
    site.sabotage("switch", "stp", topology.PARKED_PORT, "on", undo=("switch", "stp", topology.PARKED_PORT, "off"))
    cut = site.cut()
    said = site.says("announcing all the same", cut["t_us"], 15)
    fine(site.takeover(cut=cut))
    handed_back(site)
    return said[:160]


# -- a slow nft ------------------------------------------------------------------------


@scenario("option-a", owners="P*SP*")
def port_takeover_slow_nft(site, _quick):
    """Every `nft` takes 3 s, longer than it is given at first: the mute comes off all the same, and on again."""
    site.lab("agent", "stop", "standby")
    undo = chaos_faults.slow_nft(site)
    try:
        site.start("standby")
        site.healthy(60)
        cut = site.cut()
        got = site.ends_verified(cut, 90)
        expect(vlans(site) == TAKEN, f"after the takeover the ports are in VLANs {vlans(site)}")
        at, words = outcome(site, cut, "claim")
        mute = [a for a in site.status()["alarms"] if a["key"] == "mute"]
        expect(not mute, f"the mute is off, and its alarm stands: {mute}")
        site.plug()
        site.all_publishing(60, "standby")
        fine(site.release())
        expect(vlans(site) == READY, f"after the release the ports are in VLANs {vlans(site)}")
        site.all_publishing(60, "primary")
    finally:
        undo()
    expect(got["fence"] == "proven", f"the fence is {got['fence']}")
    return f"the claim ended {at:.0f} ms after the cut ({words[:80]})"


# -- settings of both legs -----------------------------------------------------------

SETTINGS = [("sysctl", "-w", f"net.ipv4.conf.{leg}.{key}={value}") for leg, key, value in (
    ("eth0", "arp_ignore", 0), ("eth2", "arp_ignore", 0), ("eth0", "arp_announce", 0), ("eth2", "arp_announce", 0),
    ("eth0", "accept_local", 0), ("eth0", "rp_filter", 1))]
ROUTES = [("ip", "rule", "del", "from", topology.VIP, "lookup", "101", "priority", "101"),
          ("ip", "route", "del", "192.168.1.0/24", "dev", "eth2", "table", "101"),
          ("ip", "route", "del", "default", "dev", "eth2", "table", "101"),
          ("ip", "address", "del", f"{topology.VIP}/24", "dev", "eth2")]


def mended(site, fault):
    """Types what a fault says between back quotes, as a person would; the commands."""
    commands = fault.split("`")[1::2]
    for command in commands:
        site.on("standby", *command.split())
    return commands


@scenario("option-a")
def port_takeover_settings(site, _quick):
    """Each setting and route of the two legs that is wrong is refused by `check` and at the start, with what to type."""
    site.undo.callback(site.rebuild, site.sets, site.snmp)
    site.lab("agent", "stop", "standby")
    for command in SETTINGS + ROUTES:
        code, out, err = site.on("standby", *command)
        expect(code == 0, f"{' '.join(command)}: {out}{err}")
        code, answer, err = site.standin("check")
        faults = [x["detail"] for x in answer["checks"] if x["check"] == "legs of cctv" and x["state"] == "failed"]
        expect(code != 0 and faults, f"after `{' '.join(command)}` `check` exits {code} and finds {faults} {err}")
        code, out, err = site.on("standby", site.binary, "run", "--config", site.config(), timeout=15)
        expect(code not in (0, None), f"after `{' '.join(command)}` the daemon starts")
        expect(faults[0] in out + err, f"the daemon says {(out + err)[-400:]}, `check` says {faults[0]}")
        for fault in faults:
            expect(mended(site, fault), f"nothing to type in: {fault}")
        code, answer, err = site.standin("check")
        left = [x for x in answer["checks"] if x["check"] == "legs of cctv" and x["state"] != "ok"]
        expect(not left, f"`{' '.join(command)}` is not mended by what it said: {left}")
    site.start("standby")
    site.reaches("standby", 10)
    since = trial.wall_us()
    site.on("standby", *SETTINGS[0])
    site.says("arp_ignore", since, 5)
    return f"{len(SETTINGS)} settings and {len(ROUTES)} routes, each mended by what was said"


# -- plan and unfence ------------------------------------------------------------------


@scenario("option-a", owners="P*")
def port_takeover_planned(site, _quick):
    """`plan` names every SET of quarantine and move in order, and writes nothing."""
    before = trial.wall_us()
    with SetSpy(site) as spy:
        code, plan, err = site.standin("plan", trial.PEER)
    expect(code == 0 and plan["ok"], f"`plan` exits {code}: {err}")
    expect(not spy.sets, f"`plan` wrote {spy.sets}")
    steps = [s["step"] for s in plan["steps"]]
    order = list(dict.fromkeys(steps))
    expect(order == ["watch", "gate", "service", "fence", "silence", "claim", "rewire", "open", "forward", "announce",
                     "verify"], f"the order is {order}")
    for step, port, to in (("fence", PORT, topology.VLAN_QUARANTINE),
                           ("rewire", topology.PARKED_PORT, topology.VLAN_PRODUCTION)):
        lines = [s for s in plan["steps"] if s["step"] == step]
        expect(all(port in s["what"] for s in lines), f"{step} is about another port: {lines}")
        pvid = [s for s in lines if "dot1qPvid" in s["what"]]
        expect(len(pvid) == 1 and f":= {to} " in pvid[0]["what"], f"{step} has the PVIDs {pvid}")
        expect(all(s.get("command", "").startswith("snmpset") for s in lines), f"{step}: no command by hand: {lines}")
    expect(vlans(site) == READY, f"the ports are in VLANs {vlans(site)}")
    site.silent(before)
    return f"{steps.count('fence')} lines of quarantine, {steps.count('rewire')} of the move"


def answered_by(site, host):
    """Only this machine answers for the VIP on the wire."""
    problems = site.one_owner(host)
    expect(not problems, "; ".join(problems))


@scenario("option-a")
def port_takeover_unfenced(site, _quick):
    """`unfence` lifts a quarantine when the survivor is dead: after a restart as journaled, without journal as configured."""
    site.undo.callback(site.rebuild, site.sets, site.snmp)
    said = []
    for journal in (True, False):
        fine(site.takeover())
        code, _, err = site.standin("unfence", f"core:{PORT}")
        expect(code == 75 and "this machine" in err, f"while active `unfence` exits {code}: {err}")
        expect(vlans(site) == TAKEN, "the refused `unfence` moved a port")
        site.plug()
        # The survivor's agent dies, and its port with it: nobody answers for the VIP any more.
        site.lab("agent", "kill", "standby")
        site.lab("switch", "vlan", topology.PARKED_PORT, topology.VLAN_PARKING)
        expect(site.owners() == [], f"the VIP is answered by {site.owners()}")
        if journal:
            # What counts is where the port was, not what the configuration says by now.
            site.configure(site.sets + ["port-takeover.production=20"])
        else:
            site.clear_states()
        code, answer, err = site.standin("unfence", f"core:{PORT}")
        site.configure()
        expect(code == 0, f"`unfence` exits {code}: {err} {answer}")
        expect(vlans(site)[0] == topology.VLAN_PRODUCTION, f"the ports are in VLANs {vlans(site)}")
        answered_by(site, "primary")
        said.append(answer["proof"][:60])
        code, _, err = site.standin("unfence", f"core:{PORT}")
        expect(code == 75 and site.mac("primary") in err, f"while the primary answers it exits {code}: {err}")
        site.rebuild(site.sets, site.snmp)
    return said[0]


# -- kills -----------------------------------------------------------------------------


def killed_after(site, seconds, trigger):
    """Kills the standby's agent so long after `trigger` began, and starts it again; the state it was killed in."""
    site.run.load()
    agent, killed = site.run.host("standby")["agent"], {}

    def killer():
        time.sleep(seconds)
        killed["state"] = next((r["data"]["label"] for r in reversed(list(site.journal())) if r["kind"] == "state"), "?")
        ns.kill(agent)
    thread = threading.Thread(target=killer)
    thread.start()
    got = trigger()
    thread.join()
    time.sleep(RESTART_AFTER)
    site.lab("agent", "kill", "standby")  # it is dead; the lab takes note
    site.start("standby")
    return got, f"killed {seconds * 1000:.0f} ms later, in {killed['state']}"


def spied(site, spy, moment):
    """Each port was moved once, or by the half-done and the finishing try; no other port, none shut."""
    own = {site.port(p)["bridge_port"]: p for p in (PORT, topology.PARKED_PORT)}
    sets = spy.pvids()
    wrong = [s for s in sets if s[0] not in own]
    expect(not wrong, f"other ports were moved: {wrong} ({moment})")
    expect(not spy.admin(), f"a port was shut or opened: {spy.admin()} ({moment})")
    for number, name in own.items():
        mine = [v for n, v in sets if n == number]
        expect(len(set(mine)) <= 1, f"{name} was moved to and fro: {mine} ({moment})")
        expect(len(mine) <= 2, f"{name} was moved {len(mine)} times ({moment})")
    twice = [n for n in own if [s[0] for s in sets].count(n) > 1]
    return f"{moment}{', one move finished by the next' if twice else ''}"


@scenario("option-a")
def port_takeover_killed(site, quick):
    """A standin that is killed at any moment of a port takeover ends it after its restart, and does nothing twice."""
    said = []
    count = 4 if quick else 10
    for n in range(count):
        with SetSpy(site) as spy:
            seconds = 0.2 + (n + random.random()) / count * 0.6
            cut, moment = killed_after(site, seconds, lambda: site.cut(carrier_stays=n % 2 == 0))
            got = site.ends_verified(cut, 40)
        expect(vlans(site) == TAKEN, f"the ports are in VLANs {vlans(site)} ({moment})")
        said.append(spied(site, spy, moment))
        expect(got["fence"] == "proven", f"the fence is {got['fence']} ({moment})")
        tables = site.on("standby", "nft", "list", "tables")[1]
        expect("standin" not in tables, f"mute or gate are left: {tables} ({moment})")
        handed_back(site)
    return "; ".join(said)


@scenario("option-a")
def port_release_killed(site, quick):
    """A standin that is killed at any moment of a release goes on with it, or stays active; one owner throughout."""
    said = []
    count = 3 if quick else 8
    for n in range(count):
        fine(site.takeover())
        site.plug()
        since = trial.wall_us()
        with SetSpy(site) as spy:
            seconds = 0.03 + (n + random.random()) / count * 0.35
            _, moment = killed_after(site, seconds, lambda: site.standin("release", trial.PEER, "--no-wait"))
            # Right after its start it is in standby for a moment, before it goes on with the release.
            s = site.until("the release ends, with the ports where they belong", 40, lambda: (lambda s: s and (
                s["state"] == "active" or s["state"] == "standby" and vlans(site) == READY) and s)(site.status()), 0.2)
        problems = site.never_two(since)
        expect(not problems, f"{'; '.join(problems)} ({moment})")
        if s["state"] == "active":      # killed before anything was given away
            expect(vlans(site) == TAKEN and not spy.pvids(), f"active with {vlans(site)}, {spy.pvids()} ({moment})")
            answered_by(site, "standby")
            fine(site.release())
        else:
            expect(vlans(site) == READY, f"the ports are in VLANs {vlans(site)} ({moment})")
            spied(site, spy, moment)
            answered_by(site, "primary")
        site.healthy(60)
        site.sweep_over()
        said.append(f"{moment}: {s['state']}")
    return "; ".join(said)
