"""Scenarios: who may have the address, and who may not."""
import time

import topology
import trial
from scenarios_site import PORT, Failed, expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)


@scenario(owners="[PT]*")
def third_machine(site, _quick):
    """A third machine answers for the VIP: a conflict, said so, and nothing is claimed."""
    since = trial.wall_us()
    site.sabotage("third-machine", "up", undo=("third-machine", "down"))
    site.says("conflict", since, 5)
    cut = site.cut()
    site.untaken(6, cut["t_us"])
    s = site.status()
    expect("conflict" in (s["why"] or ""), f"status does not speak of the conflict: {s['state']}, {s['why']}")
    return s["why"]


@scenario(owners="[PT]*")
def third_machine_beside(site, _quick):
    """A third machine answers for the VIP beside a healthy primary: it is told, with its MAC, and nothing else."""
    since = trial.wall_us()
    site.sabotage("third-machine", "up", undo=("third-machine", "down"))
    said = site.says(site.mac("third"), since, 5)
    site.untaken(3, since)
    return said


@scenario()
def third_machine_leaves(site, _quick):
    """A third machine that has left is no conflict any more: the dead primary is taken over."""
    time.sleep(3.5)  # a conflict of the scenario before is remembered for 3 s, and not told twice
    since = trial.wall_us()
    site.sabotage("third-machine", "up", undo=("third-machine", "down"))
    site.says("conflict", since, 5)
    site.cut()
    time.sleep(2)
    site.undo.close()
    left = trial.wall_us()
    s = site.reaches("active", 90)
    expect(s["verdict"] == "verified", f"the verdict is {s['verdict']}")
    expect(site.owner_letters(left) == "S", f"owners {site.owners_text(left)}")
    return f"active {(trial.wall_us() - left) / 1000:.0f} ms after it left"


@scenario(owners="P*S?P?", sets=('detect.startup-grace="12s"',))
def power_cut_of_the_site(site, _quick):
    """The standby boots first after a power cut of the whole site: nothing within the start-up grace."""
    since = site.cut()["t_us"]
    site.lab("reboot", "standby")
    booted = trial.wall_us()
    site.until("standin answers again", 10, site.status)
    site.untaken(9, since)
    s = site.status()
    expect("grace" in (s["why"] or ""), f"status does not speak of the grace: {s['state']}, {s['why']}")
    why = s["why"]
    s = site.reaches("active", 40)
    expect(s["verdict"] == "verified", f"the verdict is {s['verdict']}")
    expect(trial.wall_us() - booted >= 12e6, "it did not wait for the grace")
    return why


@scenario(owners="P*", sets=('detect.startup-grace="12s"',))
def power_cut_then_back(site, _quick):
    """The standby boots first, the primary a little later: the standby stands by."""
    since = site.cut()["t_us"]
    site.lab("reboot", "standby")
    site.until("standin answers again", 10, site.status)
    time.sleep(3)
    site.lab("plug", "primary")
    site.healthy()
    site.untaken(12, since)


@scenario()
def standby_reboots(site, _quick):
    """The standby reboots while it is active: the fence is read first, then it has the address again."""
    cut = fine(site.takeover())["cut"]
    dark = trial.wall_us()
    site.lab("reboot", "standby")
    booted = trial.wall_us()
    site.reaches("active", 40)
    proven = next((site.wall(r) for r in site.journal() if r["kind"] == "outcome" and site.wall(r) > dark
                   and r["data"]["step"] == "fence" and "done" in r["data"]["outcome"]), None)
    expect(proven, "the journal does not say that the fence was proven again")
    site.silent(dark, proven)
    expect(site.status()["grounds"] == "fenced", f"the grounds are {site.status()['grounds']}")
    site.all_publishing(30, "standby")
    problems = site.one_owner("standby") + site.never_two(cut["t_us"])
    expect(not problems, "; ".join(problems))
    return f"active {(trial.wall_us() - booted) / 1000:.0f} ms after its boot"


@scenario(owners="P*SP?", sets=('policy.service-dead="takeover"',))
def frozen_taken_over(site, _quick):
    """A primary that hangs while its kernel answers: with service-dead = takeover it is fenced, then taken over."""
    boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    cut = {"t_us": trial.wall_us(), "boottime_us": boottime}
    site.lab("freeze", "primary")
    got = fine(site.takeover(cut=cut))
    return f"first announce {got['ms']['first_announce']:.0f} ms, last SYN {got['ms']['last_syn']:.0f} ms"


@scenario(owners="P*")
def frozen_alert(site, _quick):
    """A primary that hangs while its kernel answers: with service-dead = alert a person is told, and nothing moves."""
    since = trial.wall_us()
    site.sabotage("freeze", "primary", undo=("thaw", "primary"))
    said = site.says("service-dead = alert", since, 10, level="ERROR")
    site.untaken(4, since)
    site.undo.close()
    site.healthy(30)
    return said


@scenario()
def back_by_itself(site, _quick):
    """A primary that comes back by itself stays fenced: one owner, every camera stays."""
    cut = fine(site.takeover())["cut"]
    site.lab("plug", "primary")
    time.sleep(4)
    problems = site.one_owner("standby") + site.never_two(cut["t_us"])
    expect(not problems, "; ".join(problems))
    expect(site.port()["admin"] == "down", "the port was opened")
    expect(site.publishing("standby") == site.count, f"{site.publishing('standby')} cameras publish")


@scenario()
def release_too_early(site, _quick):
    """A release while the primary is still dead: refused or ended active, with the reason, and no camera is lost."""
    fine(site.takeover())
    since = trial.wall_us()
    code, answer, err = site.standin("release", trial.PEER, timeout=60)
    expect(code != 0, f"the release of a dead primary ended well: {answer}")
    site.reaches("active", 30)
    problems = site.one_owner("standby")
    expect(not problems, "; ".join(problems))
    site.all_publishing(30, "standby")
    told = [text for _, lv, text in site.log(since_us=since) if lv in ("WARN", "ERROR")]
    expect(told, "nothing says why")
    return told[-1][:200]


@scenario(sets=('release.timeout="6s"',), slow=True)
def release_of_a_sick_primary(site, _quick):
    """A released primary whose service does not come: fenced again, claimed again, all cameras back here."""
    fine(site.takeover())
    site.lab("plug", "primary")
    site.undo.callback(site.lab, "service", "primary", "start")
    site.lab("service", "primary", "stop")
    since = trial.wall_us()
    code, answer, _ = site.standin("release", trial.PEER, timeout=60)
    expect(code != 0, f"the release ended well: {answer}")
    site.reaches("active", 40)
    site.all_publishing(40, "standby")
    problems = site.one_owner("standby")
    letters = site.owner_letters(since)
    expect(not problems and letters in ("S", "SPS"), f"{problems}, owners {site.owners_text(since)}")
    return f"owners {site.owners_text(since)}"


@scenario()
def stopped_while_active(site, _quick):
    """SIGTERM while active leaves the address where it is and says so; the next start goes on, no camera is lost."""
    cut = fine(site.takeover())["cut"]
    since = trial.wall_us()
    site.lab("agent", "stop", "standby")
    text = " ".join(t for _, _, t in site.log(since_us=since)).lower()
    expect("stay" in text or "leav" in text or "left" in text, f"the log does not say what is left: {text}")
    expect(site.vip_here() == 1, "the address is gone")
    _, out, _ = site.on("standby", "ip", "-4", "addr", "show")
    expect("valid_lft forever" in out.split(topology.VIP)[1][:200], f"the address expires: {out}")
    time.sleep(2)
    expect(site.publishing("standby") == site.count, f"{site.publishing('standby')} cameras publish without the daemon")
    site.start("standby")
    site.reaches("active", 30)
    site.until("the verdict is there again", 40, lambda: (site.status() or {}).get("verdict"))
    expect(site.status()["verdict"] == "verified", f"the verdict is {site.status()['verdict']}")
    expect(site.publishing("standby") == site.count, f"{site.publishing('standby')} cameras publish")
    problems = site.one_owner("standby") + site.never_two(cut["t_us"])
    expect(not problems, "; ".join(problems))
    site.reset()


@scenario()
def held(site, _quick):
    """Under the operator's hold a dead primary is told and left alone; hold off, and it is taken over."""
    code, _, err = site.standin("hold", trial.PEER, "on")
    expect(code == 0, err)
    cut = site.cut()
    time.sleep(3)
    expect(not site.status()["owner"] and not site.vip_here(), "it was taken over under hold")
    site.silent(cut["t_us"])
    why = site.status()["why"]
    code, _, err = site.standin("hold", trial.PEER, "off")
    expect(code == 0, err)
    site.ends_verified(cut)
    return why


@scenario(owners="P*SP*")
def planned(site, _quick):
    """A takeover ordered by hand, of a healthy primary: fenced first, verified, and back again."""
    boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    cut = {"t_us": trial.wall_us(), "boottime_us": boottime}
    code, answer, err = site.standin("takeover", trial.PEER, timeout=60)
    expect(code == 0, f"takeover: exit {code}: {answer} {err}")
    fine(site.collect(cut, "active"))
    fine(site.release())


@scenario()
def unfence_refused(site, _quick):
    """`unfence` refuses while the VIP is answered."""
    fine(site.takeover())
    code, out, err = site.standin("unfence", f"core:{PORT}")
    expect(code != 0 and site.port()["admin"] == "down", f"exit {code}, the port is {site.port()['admin']}: {err}")
    return err.strip()[:200]


@scenario(sets=('verify.within="6s"',))
def dark_camera(site, _quick):
    """A camera that does not come back is named, with the rung that it is stuck on: degraded."""
    site.sabotage("switch", "port", "c007", "down", undo=("switch", "port", "c007", "up"))
    site.cut()
    s = site.reaches("active", 30)
    expect(s["verdict"] == "degraded", f"the verdict is {s['verdict']}")
    _, report, _ = site.standin("report")
    cameras = report["cameras"]
    stuck = [(c["name"], c["stuck_on"], c["blame"]) for c in cameras["cameras"] if not c["back"]]
    if cameras["missing"] != ["camera007"] or len(stuck) != 1:
        raise Failed(f"missing {cameras['missing']}, stuck {stuck}")
    return f"{stuck[0][0]} stuck on {stuck[0][1]} ({stuck[0][2]})"
