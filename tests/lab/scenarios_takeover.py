"""Scenarios: takeovers that must go well, killed agents, isolated standbys."""
import os
import random
import threading
import time

import ns
import trial
from scenarios_site import PORT, Failed, expect, fine, register
from scenarios_sets import SetSpy

SCENARIOS = []
scenario = register(SCENARIOS)

RESTART_AFTER = 0.5
MOMENTS = 2.2     # seconds from a cut to its verdict; most of the moments are in the first half second of it


def takeovers(site, quick, carrier_stays):
    rows = []
    for _ in range(2 if quick else 5):
        got = fine(site.takeover(carrier_stays))
        back = site.reset()
        rows.append((got["ms"]["first_announce"], got["ms"]["last_syn"], back["ms"]["last_camera_back"]))
    return "first announce, last SYN, released: " + "; ".join(" ".join(f"{v:.0f}" for v in r) + " ms" for r in rows)


@scenario()
def power_cut(site, quick):
    """A primary whose power is cut is taken over and gets everything back."""
    return takeovers(site, quick, False)


@scenario()
def panic(site, quick):
    """A primary that panics while its port stays up is taken over and gets everything back."""
    return takeovers(site, quick, True)


@scenario("pair")
def pair_power_cut(site, quick):
    """In a pair, a primary whose power is cut is taken over and gets everything back."""
    return takeovers(site, quick, False)


@scenario("pair")
def pair_panic(site, quick):
    """In a pair, a primary that panics while its port stays up is taken over and gets everything back."""
    return takeovers(site, quick, True)


# -- kills ------------------------------------------------------------------------


def kill_moments(count):
    """Stratified: each stretch of the takeover gets its share, and the dense beginning the most."""
    return [(random.random() + n) / count * 2 * MOMENTS if n < count / 4 else
            (random.random() + n - count // 4) / (count - count // 4) * 0.6 for n in range(count)] if count > 3 else [
                random.random() for _ in range(count)]


def kill_at(site, delay, carrier_stays=False):
    """One takeover whose agent is killed `delay` seconds after the cut and started again; its figures."""
    site.run.load()
    init, agent = site.run.host("primary")["init"], site.run.host("standby")["agent"]
    killed = {}

    def killer():
        deadline = time.monotonic() + 10
        while ns.alive(init) and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(delay)
        killed["state"] = last_state(site)
        ns.kill(agent)
        killed["at"] = trial.wall_us()
    thread = threading.Thread(target=killer)
    with SetSpy(site) as spy:
        watch = trial.Progress(site)
        thread.start()
        cut = site.cut(carrier_stays)
        watch.since = cut["t_us"]
        thread.join()
        while trial.wall_us() < killed["at"] + RESTART_AFTER * 1e6:
            time.sleep(0.01)
        site.lab("agent", "kill", "standby")  # it is dead; the lab takes note
        site.start("standby")
        got = site.collect(cut, watch.to_the_end(45))
    moment = f"killed {(killed['at'] - cut['t_us']) / 1000:.0f} ms after the cut, in {killed['state']}"
    problems = [f"{p} ({moment})" for p in got["problems"] + once(site, cut, spy)]
    return got | {"problems": problems, "moment": moment}


def last_state(site):
    states = [r["data"]["label"] for r in site.journal() if r["kind"] == "state"]
    return states[-1] if states else "?"


def once(site, cut, spy):
    """What must not be done twice, or to another port."""
    problems = []
    fenced = {(f["switch"], f["port"]) for r in site.journal() if r["kind"] in ("intent", "state")
              for f in r["data"].get("fence", [])}
    if fenced != {("core", PORT)}:
        problems.append(f"the journal names the fences {fenced}")
    wrong = [s for s in spy.admin() if s[0] != site.ifindex(PORT)]
    if wrong:
        problems.append(f"ifAdminStatus of other ports was set: {wrong}")
    opened = [s for s in spy.admin() if s[1] != 2]
    if opened:
        problems.append(f"a port was opened during a takeover: {opened}")
    if len(spy.admin()) > 2:
        problems.append(f"{len(spy.admin())} SETs of ifAdminStatus for one takeover and one restart")
    if site.vip_here() != 1:
        problems.append(f"the VIP is {site.vip_here()} times on the standby")
    tables = site.on("standby", "nft", "list", "tables")[1]
    if "standin" in tables:
        problems.append(f"the gate was left closed: {tables.strip()}")
    return problems


def kills(site, count, each=None):
    """So many takeovers with a SIGKILL in each, at random moments."""
    moments = kill_moments(count)
    random.shuffle(moments)
    bad, rows = [], []
    for n, delay in enumerate(moments):
        got = kill_at(site, delay, carrier_stays=n % 2 == 1)
        bad += got["problems"]
        rows.append(got)
        if each:
            each(got)
        if got["problems"]:
            site.rebuild(site.sets, site.snmp)
        else:
            try:
                site.reset()
            except trial.TrialError as e:
                bad.append(f"{e} (after it was {got['moment']})")
                site.rebuild(site.sets, site.snmp)
    return bad, rows


@scenario()
def killed_at_any_moment(site, quick):
    """The agent is killed at any moment of a takeover, is started again, and ends verified."""
    count = 6 if quick else 30
    bad, rows = kills(site, count)
    expect(not bad, f"{len(bad)} problems in {count} kills: " + " | ".join(bad))
    return "; ".join(r["moment"] for r in rows)


# -- isolations ---------------------------------------------------------------------

def port_shut(site):
    return site.sabotage("switch", "port", "p-stby", "down", undo=("switch", "port", "p-stby", "up"))


def cable_out(site):
    return site.sabotage("cable", "standby", "eth0", "down", undo=("cable", "standby", "eth0", "up"))


def wrong_vlan(site):
    return site.sabotage("switch", "vlan", "p-stby", 998, undo=("switch", "vlan", "p-stby", 10))


def isolations(site, count, seconds=4.0):
    """A standby that is itself cut off does nothing. What went wrong, and what each run said."""
    bad, said = [], []
    for n in range(count):
        how = (wrong_vlan, port_shut, cable_out)[n % 3]
        since = trial.wall_us()
        how(site)
        try:
            site.untaken(seconds, since)
            said.append((site.status() or {}).get("why"))
            expect(said[-1], f"{how.__name__}: status does not say why nothing is done: {site.status()}")
            expect(site.publishing() == site.count, f"{how.__name__}: only {site.publishing()} cameras publish")
            site.undo.close()
            site.healthy()
            site.silent(since)
        except (Failed, trial.TrialError) as e:
            bad.append(f"{how.__name__}: {e}")
            site.undo.close()
            site.rebuild(site.sets, site.snmp)
    return bad, said


@scenario(owners="P*")
def isolated(site, quick):
    """A standby that is itself cut off does nothing (wrong VLAN, port shut, cable out)."""
    count = 3 if quick else 20
    bad, said = isolations(site, count)
    expect(not bad, f"{len(bad)} of {count}: " + " | ".join(bad))
    return "; ".join(dict.fromkeys(said))


@scenario("pair", owners="P*")
def pair_isolated(site, quick):
    """In a pair, a standby that is itself cut off does nothing, though heartbeats still arrive over management."""
    bad, said = isolations(site, 3 if quick else 6)
    expect(not bad, " | ".join(bad))
    return "; ".join(dict.fromkeys(said))


# -- the same cameras, seen again -----------------------------------------------------

@scenario()
def capture_and_journal(site, _quick):
    """`verify --pcap` of a run gives the live run's cameras and rungs, and `replay` its decisions."""
    path = os.path.join(site.run.dir, "run.pcap")
    site.lab("pcap", "start", path)
    try:
        got = fine(site.takeover())
    finally:
        site.lab("pcap", "stop")
    code, again, err = site.standin("verify", "--pcap", path, "--cameras", site.info["cameras"]["csv"],
                                    "--vip", site.info["vip"])
    expect(again is not None, f"verify --pcap: exit {code}: {err}")
    again = again.get("summary", again)
    live = got["report"]["cameras"]
    expect(code == 0 and again["verdict"] == "verified", f"verify --pcap: exit {code}, {again.get('verdict')}")
    rungs = [{(c["name"], c["stream"]): (c["back"], c["rung"]) for c in x["cameras"]} for x in (live, again)]
    differ = {k: (v, rungs[1].get(k)) for k, v in rungs[0].items() if rungs[1].get(k) != v}
    expect(not differ, f"{len(differ)} cameras differ: {list(differ.items())[:3]}")
    moments = [{c["name"]: c["rungs"]["syn"].get("at_us") for c in x["cameras"]} for x in (live, again)]
    late = {k: (v, moments[1][k]) for k, v in moments[0].items() if v and abs(v - moments[1][k]) > 1000}
    journal = os.path.join(site.info["hosts"]["standby"]["var_lib_standin"], "journal.jsonl")
    code, replay, err = site.standin("replay", journal)
    expect(code == 0 and replay and replay["differ"] == 0 and replay["recordings"] > 0,
           f"replay: exit {code}: {replay} {err[-400:]}")
    return (f"{len(rungs[1])} cameras alike, {len(late)} SYNs more than 1 ms apart, {replay['events']} events "
            f"of {replay['recordings']} recordings replayed")
