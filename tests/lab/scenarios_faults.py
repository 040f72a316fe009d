"""Scenarios: a switch that does not do what it should, and fences that cannot be proven."""
import time

import trial
from scenarios_site import PORT, expect, fine, register
from snmp import secret

SCENARIOS = []
scenario = register(SCENARIOS)
FENCE_TIMEOUT = 10  # the shipped fence.timeout: from then on it says that the fence is not proven


def holds(site, cut, seconds, words):
    """The fence is not proven: it says so, goes on holding, and nothing of the VIP leaves the standby."""
    said = site.says(words, cut["t_us"], seconds)
    time.sleep(1.5)
    s = site.status()
    expect(s and not s["owner"], f"it owns the VIP without a proven fence: {s}")
    expect(s["state"].startswith("taking fence"), f"hold does not hold: the state is {s['state']} ({s['why']})")
    expect(s["fence"] != "proven", "status says that the fence is proven")
    expect(not site.vip_here(), "the VIP is on the standby's interface")
    site.silent(cut["t_us"])
    return said


def holds_and_goes_on(site, cut, seconds, words, *within):
    """It holds, and once the switch does as it should, the takeover ends verified."""
    said = holds(site, cut, seconds, words)
    site.undo.close()
    site.ends_verified(cut, *within)
    return said


@scenario()
def set_forgotten(site, _quick):
    """A switch that acknowledges the fence and forgets it: hold holds, says so, and goes on when the switch works."""
    site.sabotage("switch", "snmp", "lie", "ack", undo=("switch", "snmp", "lie", "off"))
    return holds_and_goes_on(site, site.cut(carrier_stays=True), FENCE_TIMEOUT + 6, "not proven")


@scenario()
def set_claimed(site, _quick):
    """A switch that says the port is shut while it still forwards: that fence is not proven, and hold holds."""
    site.sabotage("switch", "snmp", "lie", "admin", undo=("switch", "snmp", "lie", "off"))
    return holds_and_goes_on(site, site.cut(carrier_stays=True), FENCE_TIMEOUT + 6, "not proven")


@scenario()
def snmp_stopped(site, _quick):
    """A switch whose SNMP does not answer: hold holds and says so, and goes on when it answers."""
    site.sabotage("switch", "snmp", "stop", undo=("switch", "snmp", "start"))
    return holds_and_goes_on(site, site.cut(), FENCE_TIMEOUT + 6, ["not proven", "does not answer", "no answer"], 40)


@scenario()
def snmp_late(site, _quick):
    """A switch whose SNMP answers 200 ms late costs time, and no more."""
    site.sabotage("switch", "snmp", "delay", 200, undo=("switch", "snmp", "delay", 0))
    got = fine(site.takeover())
    return f"first announce {got['ms']['first_announce']:.0f} ms, last SYN {got['ms']['last_syn']:.0f} ms"


@scenario()
def snmp_too_late(site, _quick):
    """A switch whose SNMP answers 2 s late: hold holds and says so, and goes on when it is quick again."""
    site.sabotage("switch", "snmp", "delay", 2000, undo=("switch", "snmp", "delay", 0))
    return holds_and_goes_on(site, site.cut(), FENCE_TIMEOUT + 10, ["not proven", "does not answer", "no answer"], 40)


@scenario(snmp="3")
def snmp_v3(site, _quick):
    """With SNMPv3 authPriv a takeover and a release go as well."""
    got = fine(site.takeover(True))
    site.reset()
    return f"first announce {got['ms']['first_announce']:.0f} ms"


@scenario()
def wrong_community(site, _quick):
    """With a wrong community `check` and the log say what is wrong, and nothing is claimed."""
    wrong = site.run.path("wrong.community")
    secret(wrong, "not-the-community")
    site.configure(site.sets + [f':switch.core.snmp.community-file="{wrong}"'])
    since = trial.wall_us()
    code, _, err = check(site)
    expect(code != 0, "`standin check` finds nothing wrong")
    expect("community" in err.lower(), f"`standin check` does not speak of the community: {err[-500:]}")
    site.restart_agent()
    site.undo.callback(site.rebuild, site.sets, site.snmp)
    site.says(["community", "does not answer", "no answer"], since, 10)
    cut = site.cut()
    holds(site, cut, FENCE_TIMEOUT + 6, ["not proven", "community", "does not answer"])
    return err.strip().splitlines()[-1][:160]


def check(site):
    """`standin check`: exit code, output, all text."""
    code, out, err = site.on("standby", site.binary, "check", "--config", site.config(), timeout=30)
    return code, out, out + err


@scenario(snmp="3")
def wrong_passphrase(site, _quick):
    """With a wrong SNMPv3 pass phrase `check` names it."""
    wrong = site.run.path("wrong.auth")
    secret(wrong, "not-the-passphrase")
    site.configure(site.sets + [f':switch.core.snmp.auth-file="{wrong}"'])
    site.undo.callback(site.configure)
    code, _, text = check(site)
    line = next((x.strip() for x in text.splitlines() if "auth" in x.lower() and "core" in x), None)
    expect(code != 0 and line, f"`standin check`: exit {code}: {text[-600:]}")
    return line[:160]


@scenario()
def switch_reboots(site, _quick):
    """The switch reboots and forgets the fence while the primary is back: fenced again, never two owners."""
    fine(site.takeover())
    site.lab("plug", "primary")
    time.sleep(3)
    expect(site.owner_letters(trial.wall_us() - 2_000_000) in ("S", ""), "the plugged primary got through the fence")
    since = trial.wall_us()
    reboot = site.lab("switch", "reboot", "--dark", "1.0")
    site.until("the port is shut again", 25, lambda: site.port()["admin"] == "down", 0.2)
    site.reaches("active", 40)
    back = trial.wall_us()
    letters = site.owner_letters(since)
    expect(letters in ("S", "SP", "SPS", "PS", "PSS"), f"the wire shows the owners {site.owners_text(since)}")
    problems = site.one_owner("standby")
    expect(not problems, "; ".join(problems))
    site.all_publishing(60, "standby")
    return (f"SNMP back {(reboot['snmp_back_us'] - since) / 1000:.0f} ms, active again "
            f"{(back - since) / 1000:.0f} ms after the reboot; owners {site.owners_text(since)}")


@scenario()
def foreign_shut(site, _quick):
    """A port that somebody else shut is reported at the start and never lifted."""
    site.lab("agent", "stop", "standby")
    site.clear_states()
    site.sabotage("switch", "port", PORT, "down", undo=("switch", "port", PORT, "up"))
    since = trial.wall_us()
    site.start("standby")
    said = site.says(["not by us", "shut"], since, 10)
    time.sleep(2)
    expect(site.port()["admin"] == "down", "the port was opened")
    site.silent(since)
    return said
