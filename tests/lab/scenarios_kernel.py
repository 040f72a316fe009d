"""Scenarios: our own side of the network changes under us, and what we put into the kernel is taken away."""
import time

import topology
import trial
from scenarios_site import expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)


def shell(site, text, host="standby"):
    code, out, err = site.on(host, "sh", "-c", text, timeout=30)
    expect(code == 0, f"`{text}` on {host}: {out}{err}")
    return out


def own(site):
    """The standby's own address on eth0, with its prefix length."""
    out = shell(site, "ip -4 -o addr show dev eth0")
    return next(word for line in out.splitlines() for word in line.split() if "/" in word
                and not word.startswith(topology.VIP))


def served(site, since):
    site.all_publishing(30, "standby")
    problems = site.one_owner("standby") + site.never_two(since)
    expect(not problems, "; ".join(problems))


@scenario()
def own_address_goes_and_comes_back(site, _quick):
    """Our own address is deleted and set again a second later while we are active: every camera stays."""
    cut = fine(site.takeover())["cut"]
    address = own(site)
    shell(site, f"ip addr del {address} dev eth0; sleep 1; ip addr add {address} dev eth0")
    time.sleep(8)
    served(site, cut["t_us"])
    routes = shell(site, "ip -4 route show dev eth0")
    expect(f"src {address.split('/')[0]}" in routes, f"the routes are {routes}")
    shell(site, f"ip route replace 192.168.1.0/24 dev eth0 src {address.split('/')[0]}")


@scenario()
def everything_flushed(site, _quick):
    """All addresses of our interface are flushed and only our own one is set again: every camera is back."""
    cut = fine(site.takeover())["cut"]
    address = own(site)
    default = shell(site, "ip -4 route show default").strip()
    shell(site, f"ip addr flush dev eth0; sleep 1; ip addr add {address} dev eth0"
          + (f"; ip route replace {default}" if default else ""))
    time.sleep(8)
    served(site, cut["t_us"])


@scenario(sets=('announce.refresh="5s"',))
def our_mac_changes_while_active(site, _quick):
    """Our MAC address changes while we are active: the new one is announced, no refresh names the old one."""
    fine(site.takeover())
    before = site.mac("standby")
    shell(site, "ip link set eth0 address 02:de:ad:00:00:99")
    try:
        for _ in range(4):
            time.sleep(5)
            site.all_publishing(10, "standby")
    finally:
        shell(site, f"ip link set eth0 address {before}")
    time.sleep(3)
    site.all_publishing(20, "standby")


@scenario(sets=('policy.service-dead="takeover"',), owners="P*")
def own_address_changes(site, _quick):
    """Our own address changes while a healthy primary is watched: it is not taken for a dead service of the primary."""
    since = trial.wall_us()
    address = own(site)
    other = "192.168.1.253/24"
    shell(site, f"ip addr add {other} dev eth0; ip addr del {address} dev eth0")
    try:
        site.untaken(8, since)
        s = site.status()
        expect(s["state"] == "standby", f"the standby is {s['state']}: {s['why']}")
    finally:
        shell(site, f"ip addr add {address} dev eth0; ip addr del {other} dev eth0")


@scenario()
def stopped_before_the_gate_opens(site, _quick):
    """SIGTERM after the claim and before the service serves: the gate is open, the cameras come when the service does."""
    site.undo.callback(site.lab, "service", "standby", "start")
    site.lab("service", "standby", "stop")
    cut = site.cut()
    site.until("the address is here", 20, site.vip_here)
    site.lab("agent", "stop", "standby")
    tables = shell(site, "nft list tables")
    expect("standin_" not in tables, f"after the stop there is {tables}")
    site.lab("service", "standby", "start")
    site.all_publishing(30, "standby")
    expect(site.never_two(cut["t_us"]) == [], "two owners")
    site.start("standby")
    site.reaches("active", 40)
    site.reset()


@scenario("option-a")
def port_takeover_mute_flushed(site, _quick):
    """The rules of nftables are flushed under a parked standby: it is mute again within seconds, and that is said."""
    since = trial.wall_us()
    shell(site, "nft flush ruleset")
    said = site.says("is in place again", since, 5)
    tables = shell(site, "nft list tables")
    expect(tables.count("standinmute_") == 2, f"the tables are {tables}")
    begun = trial.wall_us()
    site.on("standby", "ping", "-c", "2", "-W", "1", "-I", topology.VIP, "192.168.1.1")
    letters = site.owner_letters(begun)
    expect("S" not in letters, f"the standby speaks for the VIP: {site.owners_text(begun)}")
    return said[:120]
