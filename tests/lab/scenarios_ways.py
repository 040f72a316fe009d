"""Scenarios: takeovers whose fence goes over SSH, over the one way that is left, and onto the start-up configuration."""
import os
import time

import topology
import trial
from scenarios_sets import SetSpy
from scenarios_site import PORT, expect, fine, reboots, register

SCENARIOS = []
scenario = register(SCENARIOS)


def taken_over(site, between=lambda: None):
    """A takeover of a primary whose port stays up, verified, with no frame of the VIP before the proof, and the way back.

    Only the fence keeps that primary away, so the wire shows whether the port was shut. No SET may arrive meanwhile.
    """
    logins = site.run.path("sw", "ssh", "sshd.log")
    size = os.path.getsize(logins)
    with SetSpy(site) as spy:
        got = fine(site.takeover(carrier_stays=True))
        expect(site.port()["oper"] == "down", "the primary's port is up")
    expect(not spy.sets, f"SETs were sent by SNMP: {spy.admin()}")
    with open(logins) as f:
        f.seek(size)
        commands = f.read().count("Starting session")
    expect(commands, "no command arrived over SSH")
    between()
    site.reset()
    expect(site.port()["oper"] == "up", "the primary's port is down after the release")
    return f"fence proven {got['ms']['fence_proven']:.0f} ms, first announce {got['ms']['first_announce']:.0f} ms, " \
           f"last SYN {got['ms']['last_syn']:.0f} ms, {commands} commands"


@scenario(owners="P*SP*", way="ssh")
def fence_over_ssh(site, _quick):
    """Over SSH alone a dead primary is fenced, taken over, verified; a killed standin goes on; it is handed back."""
    def killed():   # no tag on the port says whose the fence is: only the journal knows
        site.lab("agent", "kill", "standby")
        since = trial.wall_us()
        site.start("standby")
        site.reaches("active", 20)
        expect(site.port()["admin"] == "down", "the fence was lifted by a restart")
        expect(site.owner_letters(since) in ("", "S"), f"after the restart: {site.owners_text(since)}")
    return taken_over(site, killed)


@scenario(owners="P*SP*", way="snmp,ssh")
def fence_falls_back_to_ssh(site, _quick):
    """A switch whose SNMP is dead when the primary dies is fenced over SSH, and SNMP is back before the release."""
    site.sabotage("switch", "snmp", "stop", undo=("switch", "snmp", "start"))
    return taken_over(site, site.undo.close)


@scenario(owners="P*SP*", way="ssh,snmp", slow=True)
def fence_falls_back_to_snmp(site, _quick):
    """The other way round: a switch whose SSH server is dead is fenced over SNMP."""
    site.sabotage("switch", "ssh", "stop", undo=("switch", "ssh", "start"))
    with SetSpy(site) as spy:
        got = fine(site.takeover(carrier_stays=True))
        site.reset()
    index = site.ifindex(PORT)
    expect([value for port, value in spy.admin() if port == index] == [2, 1], f"the SETs were {spy.admin()}")
    return f"fence proven {got['ms']['fence_proven']:.0f} ms, first announce {got['ms']['first_announce']:.0f} ms"


@scenario(owners="P*SP*", way="ssh,snmp", sets=["fence.persist=true"])
def fence_is_saved(site, _quick):
    """With `persist = true` the fence is saved, and the primary stays away when the switch reboots; the release is saved too."""
    site.undo.callback(site.lab, "switch", "save")
    site.undo.callback(site.port_open)
    saved = lambda: site.lab("switch", "unsaved")["unsaved"] == []
    fine(site.takeover(carrier_stays=True))
    site.until("the fence is saved", 5, saved, 0.05)
    since = trial.wall_us()
    reboots(site)
    site.lab("plug", "primary")     # alive again: only the switch keeps it away
    time.sleep(3)
    expect(site.port()["admin"] == "down", "the port came up with the switch")
    expect("P" not in site.owner_letters(since), f"after the reboot: {site.owners_text(since)}")
    problems = site.one_owner("standby")
    expect(not problems, "; ".join(problems))
    # The reboot took our own carrier too: the takeover is verified anew, and what is not verified is not given back.
    site.reaches("active", 30)
    released = site.release()
    expect(not released["problems"], "; ".join(released["problems"]))
    site.until("the release is saved", 5, saved, 0.05)
    reboots(site)
    expect(site.port()["admin"] == "up", "the port was shut by a reboot of the switch after the release")


@scenario("option-a", owners="P*SP*", way="ssh")
def port_takeover_over_ssh(site, _quick):
    """A port takeover over SSH alone: the dead machine's port to quarantine, ours into production, and both back."""
    vlans = lambda: tuple(site.port(p)["vlan"] for p in (PORT, topology.PARKED_PORT))
    expect(vlans() == (10, 999), f"at first the ports are in VLANs {vlans()}")
    with SetSpy(site) as spy:
        got = fine(site.takeover(carrier_stays=True))
        expect(vlans() == (998, 10), f"after the takeover the ports are in VLANs {vlans()}")
        site.reset()
    expect(vlans() == (10, 999), f"after the release the ports are in VLANs {vlans()}")
    expect(not spy.sets, f"SETs were sent by SNMP: {len(spy.sets)}")
    return f"first announce {got['ms']['first_announce']:.0f} ms, last SYN {got['ms']['last_syn']:.0f} ms"
