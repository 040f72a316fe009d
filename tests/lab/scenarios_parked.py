"""Scenarios of port takeover (option A): the standby's own port is moved, the dead machine's port is quarantined."""
import random
import time

import topology
from scenarios_site import PORT, expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)
RESTART_AFTER = 0.5


def vlans(site):
    return tuple(site.port(p)["vlan"] for p in (PORT, topology.PARKED_PORT))


def moved(site, carrier_stays):
    expect(vlans(site) == (10, 999), f"at first the ports are in VLANs {vlans(site)}")
    got = fine(site.takeover(carrier_stays))
    expect(vlans(site) == (998, 10), f"after the takeover the ports are in VLANs {vlans(site)}")
    site.reset()
    expect(vlans(site) == (10, 999), f"after the release the ports are in VLANs {vlans(site)}")
    return f"first announce {got['ms']['first_announce']:.0f} ms, last SYN {got['ms']['last_syn']:.0f} ms"


@scenario("option-a", owners="P*SP*")
def port_takeover(site, _quick):
    """A parked standby with the same address takes a dead primary's place by its port, and gives it back."""
    return moved(site, False)


@scenario("option-a", owners="P*SP*")
def port_takeover_after_a_panic(site, _quick):
    """The same, of a primary whose port stays up: only the quarantine keeps it away."""
    return moved(site, True)


@scenario("option-a", slow=True)
def port_takeover_killed(site, _quick):
    """A standin that is killed at any moment of a port takeover ends it after its restart."""
    for _ in range(4):
        cut = site.cut(carrier_stays=True)
        moment = random.uniform(0.25, 0.75)
        time.sleep(moment)
        site.lab("agent", "kill", "standby")
        time.sleep(RESTART_AFTER)
        site.start("standby")
        site.ends_verified(cut)
        expect(vlans(site) == (998, 10), f"killed after {moment:.3f} s, the ports are in VLANs {vlans(site)}")
        site.reset()
