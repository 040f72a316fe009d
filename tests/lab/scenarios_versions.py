"""Scenarios: a pair of which one node runs the version before (heartbeat version 1, commit 9e90df5), while it is upgraded.

`STANDIN_OLD` names that binary; without it a scenario says that it was skipped, and fails under REQUIRE_OLD=1.
"""
import os

import trial
from scenarios_owner import answering
from scenarios_site import expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)
OLD = os.environ.get("STANDIN_OLD")
OTHER = {"primary": "standby", "standby": "primary"}


def runs(site, host, binary):
    """A node is stopped and started with another binary; an owner keeps the address meanwhile."""
    site.lab("agent", "stop", host)
    site.lab("agent", "start", host, "--bin", binary)
    site.until(f"{host}'s standin answers", 15, lambda: site.status(host), host=host)


def hears(site, host):
    """A node takes the other one's heartbeats for fresh ones."""
    def heard():
        s = site.status(host)
        ago = s and s["peer"]["heartbeat_ms_ago"]
        return ago is not None and ago < 1500
    site.until(f"{host} hears the other one", 15, heard, host=host)


def mixed(site, old):
    """Both hear each other, nobody is fenced, one has the address; ordered over and back; then the owner dies."""
    for host in OTHER:
        hears(site, host)
    site.healthy(40)
    expect(answering(site) == "P", f"{answering(site)} answer")
    port = site.port()
    expect(port["admin"] == "up", f"a living peer was fenced: {port}")
    code, answer, err = site.standin("takeover", trial.PEER, timeout=60)
    expect(code == 0, f"the switchover with the old {old}: exit {code} {answer} {err}")
    expect(answering(site) == "S", f"after the switchover answer {answering(site)}")
    code, answer, err = site.standin("release", trial.PEER, timeout=60)
    expect(code == 0, f"the release with the old {old}: exit {code} {answer} {err}")
    expect(answering(site) == "P", f"after the release answer {answering(site)}")
    site.healthy(40)


@scenario(mode="pair")
def upgraded_one_after_the_other(site, _quick):
    """A pair is upgraded node by node from heartbeats of version 1: it hears, hands over and takes over at each stage."""
    if not OLD:
        expect(os.environ.get("REQUIRE_OLD") != "1", "REQUIRE_OLD=1 wants STANDIN_OLD, a release binary of commit 9e90df5")
        return "SKIPPED: STANDIN_OLD names no binary of the version before (commit 9e90df5)"
    expect(os.access(OLD, os.X_OK), f"STANDIN_OLD={OLD} is no program")
    new = site.binary
    site.undo.callback(site.rebuild)
    for host in ("standby", "primary"):
        site.lab("agent", "stop", host)
    site.clear_states()
    for host in ("primary", "standby"):
        site.lab("agent", "start", host, "--bin", OLD)
    site.until("the old primary has the VIP", 30, lambda: (site.status("primary") or {}).get("owner"), host="primary")
    site.healthy(30)

    # The standby first, as one does: the owner is the old one.
    runs(site, "standby", new)
    mixed(site, "primary")
    cut = site.lab("cut", "primary", "--carrier-stays")
    site.until("the new standby has taken over from the old primary", 30,
               lambda: (lambda s: s and s["state"] == "active" and s["verdict"] == "verified")(site.status()))
    fine(site.collect(cut, "active"))
    # It boots with the old binary, behind the fence.
    site.lab("plug", "primary")
    if not site.status("primary"):
        site.lab("agent", "start", "primary", "--bin", OLD, ok=False)
    site.until("the plugged primary answers", 15, lambda: site.status("primary"), host="primary")
    code, answer, err = site.standin("release", trial.PEER, timeout=60)
    expect(code == 0, f"the release to the old primary: exit {code} {answer} {err}")
    site.healthy(40)

    # Then the primary, and the other way round: the standby is the old one.
    runs(site, "primary", new)
    runs(site, "standby", OLD)
    mixed(site, "standby")
    site.lab("cut", "primary", "--carrier-stays")
    site.until("the old standby has taken over from the new primary", 30,
               lambda: (lambda s: s and s["state"] == "active" and s["verdict"] == "verified")(site.status()))
    expect(site.port()["admin"] == "down", "the new primary was not fenced")
    # The survivor is upgraded while it has the address: it keeps it, and its fence.
    runs(site, "standby", new)
    s = site.reaches("active", 20)
    expect(s["owner"] and s["fence"] in ("proven", "shut, unconfirmed"), f"after the upgrade of the owner: {s}")
    expect(answering(site) == "S", f"{answering(site)} answer")
    site.plug()
    code, answer, err = site.standin("release", trial.PEER, timeout=60)
    expect(code == 0, f"the release after the upgrade: exit {code} {answer} {err}")
    site.healthy(40)
    return "switchover, release, takeover from a fenced peer: old owner with new standby, and the reverse; upgraded as owner"
