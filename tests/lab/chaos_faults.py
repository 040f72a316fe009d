"""What may happen to a site at a random moment. Each fault does something, may have something undone, and says what of the
three things that a takeover needs it takes away for good: the switch, the confirmed port, the witnesses.
"""
import contextlib
import os
import signal
import subprocess
import time

import hosts
import nl
import ns
import topology

FAULTS = {}
IFLA_NEW_IFINDEX = 49   # linux/if_link.h, since Linux 5.13


class Fault:
    def __init__(self, name, act, modes, lasts, holds, deaf, weight):
        self.name, self.act, self.modes, self.lasts = name, act, modes, lasts
        self.holds, self.deaf, self.weight = holds, deaf, weight


def fault(modes="agentless pair option-a", lasts=(0.5, 4.0), holds=None, deaf=False, weight=1):
    """`holds`: why a run may end held although everything temporary is over. `deaf`: the machines may not hear each other."""
    def add(act):
        name = act.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, act, modes.split(), lasts, holds, deaf, weight)
        return act
    return add


def sh(site, *argv, host="standby"):
    """A command on a machine; a machine that is off runs none."""
    with contextlib.suppress(hosts.LabError, subprocess.TimeoutExpired):
        return site.on(host, *argv)
    return 1, "", ""


def order(site, *words):
    with contextlib.suppress(Exception):
        site.standin(*words, timeout=8)


def pid_of(site):
    pid = site.agent_pid()
    return pid


# -- the daemon ----------------------------------------------------------------


@fault()
def killed(site):
    site.lab("agent", "kill", "standby")
    return lambda: site.lab("agent", "start", "standby", "--bin", site.binary, ok=False)


@fault()
def stopped(site):
    site.lab("agent", "stop", "standby")
    return lambda: site.lab("agent", "start", "standby", "--bin", site.binary, ok=False)


@fault()
def frozen(site):
    pid = pid_of(site)
    if pid:
        os.kill(pid, signal.SIGSTOP)
        return lambda: contextlib.suppress(ProcessLookupError).__enter__() or os.kill(pid, signal.SIGCONT)
    return None


def reread(site):
    pid = pid_of(site)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGHUP)


@fault()
def sighup_with_another_file(site):
    site.configure(site.sets + ['detect.probe-interval="150ms"', 'detect.suspect-after="400ms"', 'verify.within="40s"'])
    reread(site)

    def back():
        site.configure()
        reread(site)
    return back


@fault(holds="the fence names a port on which the peer is not")
def wrong_fence_port(site):
    site.configure(site.sets + ['fence.ports=["p-third"]'])
    reread(site)

    def back():
        site.configure()
        reread(site)
    return back


@fault()
def held(site):
    order(site, "hold", "cctv", "on")
    return lambda: order(site, "hold", "cctv", "off")


@fault()
def release_ordered(site):
    order(site, "release", "cctv")


@fault()
def takeover_ordered(site):
    order(site, "takeover", "cctv")


# -- its machine ---------------------------------------------------------------


@fault()
def full_disk(site):
    path = os.path.join(site.info["hosts"]["standby"]["var_lib_standin"], "filler")
    # By processes of their own: where the disk hangs too, they hang and not the bench, which ends the hanging.
    fill = subprocess.Popen(["dd", "if=/dev/zero", f"of={path}", "bs=64k"], stderr=subprocess.DEVNULL)

    def undo():
        fill.kill()
        subprocess.Popen(["rm", "-f", path])
    return undo


@fault()
def hung_disk(site):
    """Every write to the state folder hangs (a file system of its own is frozen)."""
    folder = site.info["hosts"]["standby"]["var_lib_standin"]
    if subprocess.run(["fsfreeze", "-f", folder], stderr=subprocess.DEVNULL).returncode:
        return None
    return lambda: subprocess.run(["fsfreeze", "-u", folder], stderr=subprocess.DEVNULL)


@fault()
def blocked_log(site):
    site.log_pipe.pause()
    return site.log_pipe.go_on


@fault()
def slow_nft(site):
    """Every nft takes 3 s more: a wrapper is mounted over it on this machine alone."""
    script = site.run.path("slow-nft")
    real = site.run.path("nft-real")
    if not os.path.exists(real):
        subprocess.run(["cp", "/usr/sbin/nft", real], check=True)
    with open(script, "w") as f:
        f.write(f"#!/bin/sh\nsleep 3\nexec {real} \"$@\"\n")
    os.chmod(script, 0o755)
    sh(site, "mount", "--bind", script, "/usr/sbin/nft")
    # One that runs keeps the file busy.
    return lambda: sh(site, "umount", "-l", "/usr/sbin/nft")


@fault()
def nft_flushed(site):
    sh(site, "nft", "flush", "ruleset")


@fault()
def interface_bounced(site):
    sh(site, "ip", "link", "set", "eth0", "down")
    return lambda: sh(site, "sh", "-c", "ip link set eth0 up; ip address replace 192.168.1.102/24 dev eth0; "
                      f"ip route replace default via {topology.GATEWAY}")


@fault()
def interface_remade(site):
    """The interface goes and comes with the same name and MAC and another index, as a card that is reset.

    By way of the spare desk's namespace: the switch's end stays, and the lab's switch knows it by its index.
    """
    fds = [os.open(ns.netns_path(site.run.netns(h)), os.O_RDONLY | os.O_CLOEXEC) for h in ("third", "standby")]
    try:
        for here, there, name, new in ((1, 0, "eth0", "moved0"), (0, 1, "moved0", "eth0")):
            with ns.inside(fds[here]), contextlib.closing(nl.Netlink()) as n:
                index = ns.ifindex(name)
                n.set_up(index, False)
                n.request(nl.RTM_NEWLINK, 0, n._ifinfo(index) + nl.attr(nl.IFLA_NET_NS_FD, fds[there])
                          + nl.attr(nl.IFLA_IFNAME, new) + nl.attr(IFLA_NEW_IFINDEX, int(time.time() * 10) % 100_000 + 1000))
            time.sleep(0.3)
    finally:
        for fd in fds:
            os.close(fd)
    sh(site, "sh", "-c", "ip link set eth0 up; ip address replace 192.168.1.102/24 dev eth0; "
       f"ip route replace default via {topology.GATEWAY}")


@fault()
def own_address_renewed(site):
    sh(site, "sh", "-c", "ip address del 192.168.1.102/24 dev eth0; sleep 0.3; ip address add 192.168.1.102/24 dev eth0; "
       f"ip route replace default via {topology.GATEWAY}")


# -- the network ----------------------------------------------------------------


@fault(lasts=(1.0, 5.0))
def snmp_gone(site):
    site.lab("switch", "snmp", "stop")
    return lambda: site.lab("switch", "snmp", "start")


@fault()
def port_opened_by_hand(site):
    site.lab("switch", "port", "p-prim", "up")
    site.lab("switch", "vlan", "p-prim", topology.VLAN_PRODUCTION)


def dropped(site, devices, rule):
    chains = "".join(f' chain in_{d} {{ type filter hook ingress device "{d}" priority -400; {rule} }}\n' for d in devices)
    sh(site, "sh", "-c", f"nft -f - <<'EOF'\ntable netdev chaos {{\n{chains}}}\nEOF")
    return lambda: sh(site, "nft", "delete", "table", "netdev", "chaos")


@fault(deaf=True)
def one_way(site):
    """The standby does not hear the primary on the cameras' network; everybody else hears everybody."""
    return dropped(site, ["eth0"], f"ether saddr {site.mac('primary')} drop;")


@fault(modes="pair", deaf=True)
def pair_parted(site):
    """The two machines do not hear each other on any path."""
    legs = site.run.load().legs_of("primary")
    return dropped(site, ["eth0", "eth1"], f"ether saddr {{ {', '.join(l.mac for l in legs)} }} drop;")


# -- the primary ----------------------------------------------------------------


@fault(weight=2)
def primary_is_back(site):
    """It boots, still fenced or not."""
    with contextlib.suppress(Exception):
        site.lab("plug", "primary")


@fault(modes="agentless option-a")
def primary_with_acd(site):
    """It boots and tests its address first (RFC 5227); where somebody answers it goes without."""
    with contextlib.suppress(Exception):
        site.lab("plug", "primary")
        sh(site, "sh", "-c", f"ip address del {topology.VIP}/24 dev eth0; arping -D -q -c 3 -w 4 -I eth0 {topology.VIP} && "
           f"ip address add {topology.VIP}/24 dev eth0; ip route replace default via {topology.GATEWAY}", host="primary")


# -- what the users' runbook tells a person to type on the standby ------------------


@fault(holds="a person took the standby's own address away")
def runbook_address_deleted(site):
    sh(site, "ip", "addr", "del", "192.168.1.102/24", "dev", "eth0")
    return lambda: sh(site, "sh", "-c", "ip address replace 192.168.1.102/24 dev eth0; "
                      f"ip route replace default via {topology.GATEWAY}")


@fault()
def runbook_address_added(site):
    sh(site, "ip", "addr", "add", f"{topology.VIP}/24", "dev", "eth0")
    return lambda: site.status() and (site.status() or {}).get("owner") or sh(
        site, "ip", "addr", "del", f"{topology.VIP}/24", "dev", "eth0")


@fault()
def runbook_networking_restarted(site):
    """`systemctl restart networking`, as ifupdown does it: everything flushed, down, up, as configured."""
    sh(site, "sh", "-c", "ip address flush dev eth0; ip link set eth0 down; sleep 0.5; ip link set eth0 up; "
       f"ip address add 192.168.1.102/24 dev eth0; ip route replace default via {topology.GATEWAY}")


@fault()
def runbook_services_started(site):
    sh(site, site.run.path("standby", "start-rtmp"))


@fault(holds="a person took the standby's own address away")
def runbook_whole(site):
    """All commands, one after the other."""
    sh(site, "ip", "addr", "del", "192.168.1.102/24", "dev", "eth0")
    back = runbook_address_added(site)
    runbook_networking_restarted(site)
    runbook_services_started(site)
    return back
