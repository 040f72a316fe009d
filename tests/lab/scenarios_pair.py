"""Scenarios of a pair: standin on both machines."""
import random
import time

import trial
from scenarios_site import expect, fine, register
from scenarios_takeover import kills
from snmp import secret

SCENARIOS = []
scenario = register(SCENARIOS)


def now():
    return {"t_us": trial.wall_us(), "boottime_us": time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000}


@scenario("pair", owners="P*SP*")
def data_cable_out(site, _quick):
    """The primary's data cable is out while its heartbeats arrive over management: it is taken over, fenced."""
    cut = now()
    site.sabotage("cable", "primary", "eth0", "down", undo=("cable", "primary", "eth0", "up"))
    got = fine(site.takeover(cut=cut))
    expect((site.status("primary") or {}).get("owner") is False, f"the primary thinks it owns: {site.status('primary')}")
    return f"first announce {got['ms']['first_announce']:.0f} ms, last SYN {got['ms']['last_syn']:.0f} ms"


@scenario("pair", owners="P*SP*")
def switchover(site, _quick):
    """A planned switchover: given up there before it is claimed here, no fence, every camera back; and home again."""
    cut = now()
    code, answer, err = site.standin("takeover", trial.PEER, timeout=60)
    expect(code == 0, f"takeover: exit {code}: {answer} {err}")
    wire = site.figures(cut["t_us"])
    expect(wire["cameras_syn"] == site.count, f"{wire['cameras_syn']} cameras dialled; missing {wire['missing_syn'][:5]}")
    problems = site.one_owner("standby") + site.never_two(cut["t_us"])
    expect(not problems, "; ".join(problems))
    expect(not site.vip_here("primary"), "the primary still has the VIP")
    s = site.status()
    expect(s["verdict"] == "verified", f"the verdict is {s['verdict']}")
    back = fine(site.release())
    return (f"grounds {s['grounds']}, first announce {wire['first_announce_ms']} ms, last SYN {wire['last_syn_ms']} ms; "
            f"back {back['ms']['last_camera_back']} ms")


@scenario("pair", owners="P*SP?")
def pair_frozen(site, _quick):
    """Everything on the primary hangs, standin too, while its kernel answers ARP: fenced before anything is claimed."""
    cut = now()
    site.lab("freeze", "primary")
    site.undo.callback(site.lab, "thaw", "primary")
    got = fine(site.takeover(cut=cut))
    return f"first announce {got['ms']['first_announce']:.0f} ms"


@scenario("pair", owners="P*")
def primary_agent_killed(site, _quick):
    """The primary's standin is killed and started again: the address stays where it is, no camera is lost."""
    since = trial.wall_us()
    site.lab("agent", "kill", "primary")
    time.sleep(0.5)
    site.start("primary")
    site.reaches("active", 20, "primary")
    site.untaken(3, since)
    expect(site.vip_here("primary") == 1, "the primary lost the VIP")
    expect(site.publishing() == site.count, f"{site.publishing()} cameras publish")


@scenario("pair", owners="P*")
def standby_agent_restarted(site, _quick):
    """The standby's standin is stopped and started again: nothing moves."""
    since = trial.wall_us()
    site.restart_agent()
    site.healthy()
    site.untaken(2, since)


@scenario("pair", owners="P*")
def garbage_heartbeats(site, _quick):
    """Garbage, replayed and foreign heartbeats change nothing."""
    since = trial.wall_us()
    with site.socket_at("gateway") as s:
        for _ in range(2000):
            s.sendto(random.randbytes(random.randrange(0, 400)), ("192.168.1.102", 4117))
    site.untaken(2, since)
    expect(site.is_healthy(), f"not healthy: {site.status()}")


@scenario("pair", owners="P*")
def other_key(site, _quick):
    """A standby with another heartbeat key says so."""
    wrong = site.run.path("other.key")
    secret(wrong, "ab" * 32)
    site.configure(site.sets)
    path = site.config()
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace(site.run.path("heartbeat.key"), wrong))
    site.undo.callback(site.rebuild, site.sets, site.snmp)
    since = trial.wall_us()
    site.restart_agent()
    said = site.says(["key", "authentic"], since, 10)
    site.untaken(3, since)
    return said


@scenario("pair")
def pair_standby_reboots(site, _quick):
    """In a pair, the standby reboots while it is active: it has the address again only after the fence is read."""
    cut = fine(site.takeover())["cut"]
    site.lab("reboot", "standby")
    booted = trial.wall_us()
    site.reaches("active", 40)
    site.all_publishing(30, "standby")
    problems = site.one_owner("standby") + site.never_two(cut["t_us"])
    expect(not problems, "; ".join(problems))
    return f"active {(trial.wall_us() - booted) / 1000:.0f} ms after its boot"


@scenario("pair", owners="P*")
def both_boot(site, _quick):
    """Both machines boot at the same time: the preferred one has the address, the other stands by."""
    since = trial.wall_us()
    for host in site.agents:
        site.lab("agent", "kill", host)
    for host in ("primary", "standby"):
        site.lab("plug", host)
    site.reaches("active", 30, "primary")
    site.healthy(30)
    site.untaken(3, since)


@scenario("pair")
def pair_killed_at_any_moment(site, quick):
    """In a pair, the agent is killed at any moment of a takeover, is started again, and ends verified."""
    count = 2 if quick else 12
    bad, rows = kills(site, count)
    expect(not bad, f"{len(bad)} problems in {count} kills: " + " | ".join(bad))
    return "; ".join(r["moment"] for r in rows)
