"""Scenarios: the night operator's walk. In each state what `status`, `report` and the orders say is held against who answers,
how the switch has the port, and who publishes. What was typed by hand, and what it said, stands in tests/walk.md."""
import contextlib
import re
import time

import topology
import trial
from scenarios_owner import answering
from scenarios_site import PORT, expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)
SHUT = ("proven", "shut, unconfirmed")


def typed(site, *words, host="standby", timeout=40):
    """(exit code, what a person reads) of a command of standin, without --json."""
    code, out, err = site.on(host, site.binary, *words, "--config", site.config(host), timeout=timeout)
    return code, out + err


def line(text, name):
    """What a line of `status` says, or None."""
    got = re.search(rf"^  {name}\s+(.*)$", text, re.M)
    return got and got[1]


def untrue(site):
    """What `status` says now that is not so, in words."""
    code, text = typed(site, "status")
    s, port = site.status(), site.port()
    here, admin, up = site.vip_here() == 1, port["admin"], port["oper"] == "up"
    alarms = {a["key"] for a in s["alarms"]}
    wrong = []

    def check(fine_, words):
        if not fine_:
            wrong.append(words)
    check(code == 0, f"exit {code}")
    check(s["owner"] == here, f"owner {s['owner']}, and the address is {'' if here else 'not '}here")
    check(s["fence"] not in SHUT or admin == "down", f"fence {s['fence']}, and the port is admin {admin}")
    check(s["peer"]["port_up"] in (None, up), f"port_up {s['peer']['port_up']}, and its port is oper {port['oper']}")
    check(s["fence"] or s["owner"] or s["left"] or admin == "up", "no fence, and the port is shut")
    check(not s["cameras"]["expected"] or s["owner"] or s["state"].startswith("taking"),
          f"{s['cameras']} while nothing is under way")
    served = site.publishing("standby")
    check(s["verdict"] != "verified" or served == site.count or "own-service" in alarms,
          f"verified, and {served} of {site.count} publish here, without an alarm")
    check(line(text, "next") != "nothing to do" or not (alarms or s["peer"]["switch_silent"]),
          f"nothing to do, and alarms {alarms} stand")
    check("hold" not in text or s["hold"] or s["state"] != "active", "a hold that is not on")
    check(not s["hold"] or "HELD" in text or line(text, "hold"), "the hold is not shown")
    return wrong


def true(site, when):
    """Everything that `status` says is so; looked at once more where it may have changed between two looks."""
    wrong = untrue(site) and untrue(site)
    expect(not wrong, f"{when}: {'; '.join(wrong or [])}")


def says(site, words, *command, code=0):
    """A command ends with this code, and a person reads these words."""
    got, text = typed(site, *command)
    expect(got == code and words in text, f"`standin {' '.join(command)}` exits {got}, not {code} with '{words}': {text}")


@scenario(owners="P*S[SP]*P*")
def night_walk(site, _quick):
    """What status, report and orders say is true from a healthy standby through hold, takeover, trouble and release."""
    true(site, "standby")
    says(site, "nothing to hand back", "release", trial.PEER, code=75)
    says(site, "open already", "unfence", f"core:{PORT}")
    says(site, "", "hold", trial.PEER, "on")
    true(site, "held")
    says(site, "a hold is on", "plan", trial.PEER)
    says(site, "", "hold", trial.PEER, "off")

    fine(site.takeover(carrier_stays=True))
    true(site, "active")
    says(site, "VERIFIED", "report")
    says(site, "has the address already", "takeover", trial.PEER, code=75)
    says(site, "has the address already", "plan", trial.PEER)
    says(site, f"mark of a fence: [standin:standby:{site.status()['epoch']}]", "check")
    says(site, "", "hold", trial.PEER, "on")
    true(site, "active under hold")
    says(site, "", "hold", trial.PEER, "off")
    says(site, "precheck of the release failed", "release", trial.PEER, code=1)
    says(site, "FAILED at precheck", "report")
    says(site, "VERIFIED", "report", f"{trial.PEER}-{site.status()['epoch']}-takeover")
    true(site, "active after a failed release")

    opened = trial.wall_us()
    site.lab("switch", "port", PORT, "up")
    site.says("fencing again", opened, 5)
    site.until("it is active again", 10, lambda: site.status()["state"] == "active", 0.1)
    expect(site.status()["verdict"] == "verified", f"cameras that never went are missed: {site.status()['verdict']}")
    true(site, "active, fenced again")

    site.sabotage("service", "standby", "stop", undo=("service", "standby", "start"))
    site.until("the dead service is told", 8, lambda: "own-service" in {a["key"] for a in site.status()["alarms"]})
    true(site, "active, our service is dead")
    site.undo.close()
    site.until("it is over", 15, lambda: not site.status()["alarms"])
    site.all_publishing(20, "standby")

    site.plug()
    says(site, "the peer serves", "release", trial.PEER)
    expect(answering(site) == "P", f"after the release answer {answering(site)}")
    true(site, "standby after a release")
    says(site, "HANDED BACK", "report")
    return "11 states, 17 commands"


@scenario(mode="pair", owners="P*S[SP]*P*")
def night_walk_of_a_pair(site, _quick):
    """Both nodes of a pair say what is so: the regular owner, under hold, after a switchover and back."""
    def at_the_primary(*keys):
        code, text = typed(site, "status", host="primary")
        for key in keys:
            expect(code == 0 and key in text, f"the primary's status does not say '{key}': {text}")
    with contextlib.suppress(trial.TrialError):
        site.until("the primary is active", 15, lambda: site.status("primary")["state"] == "active", host="primary")
    expect(not site.status("primary")["alarms"], f"the regular owner has {site.status('primary')['alarms']}")
    at_the_primary("nothing to do", "heartbeat")
    true(site, "standby of a pair")
    says(site, "", "hold", trial.PEER, "on")
    site.until("the hold is known there", 5, lambda: site.status("primary")["hold"], host="primary")
    at_the_primary("on (of the other node)")
    true(site, "held in a pair")
    says(site, "", "hold", trial.PEER, "off")
    says(site, "active", "takeover", trial.PEER)
    true(site, "switched over")
    says(site, "hands the address to the other machine", "status")
    time.sleep(1)
    at_the_primary("STANDBY")
    says(site, "the peer serves", "release", trial.PEER)
    says(site, "HANDED BACK", "report")
    report = site.standin("report")[1]
    expect(report["fence"] == "none", f"nothing was fenced, and the report says {report['fence']}")
    true(site, f"standby again, {topology.VIP} is with the primary")
    return "5 states at both nodes"
