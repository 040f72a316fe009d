"""`lab switch ...` and `lab cable ...`: what can happen to the switch."""
import contextlib
import time

import ctl
import delay
import nl
import ns
import snmp
import sshd

SILENT = """table inet lab_silent {
 chain input { type filter hook input priority 0; udp dport 161 drop
 }
}
"""
# Ports are rewritten packet by packet, without connection tracking: a NAT rule would not catch a client that has been
# talking from the same port since before the rule.
REDIRECT = f"""table ip lab_delay {{
 chain prerouting {{ type filter hook prerouting priority raw; iifname "mgmt0" udp dport 161 udp dport set {delay.PORT}
 }}
 chain output {{ type filter hook output priority raw; oifname "mgmt0" udp sport {delay.PORT} udp sport set 161
 }}
}}
"""


def ask(run, command, **arguments):
    return ctl.ask(run.path("switch.ctl"), command, **arguments)


def run_command(run, args):
    if args.what == "status":
        return ask(run, "status")
    if args.what == "vlan":
        return ask(run, "vlan", port=args.port, vid=args.vid)
    if args.what == "trunk":
        return ask(run, "trunk", port=args.port, native=args.native, tagged=args.tagged)
    if args.what in ("save", "unsaved"):
        return ask(run, args.what)
    if args.what == "port":
        return ask(run, "port", port=args.port, up=args.state == "up")
    if args.what == "ssh":
        at = time.time_ns() // 1000
        sshd.stop(run) if args.ssh == "stop" else sshd.start(run)
        return {"switch": "ssh " + args.ssh, "t_us": at}
    if args.what == "stp":
        return ask(run, "stp", port=args.port, on=args.state == "on")
    if args.what == "reboot":
        return reboot(run, args.dark)
    return snmp_command(run, args)


def snmp_command(run, args):
    at = time.time_ns() // 1000
    if args.snmp == "stop":
        snmp.rules(run, SILENT)
        snmp.stop_snmpd(run)
    elif args.snmp == "start":
        snmp.rules(run, "")
        snmp.start_snmpd(run)
    elif args.snmp == "delay":
        ask(run, "delay", ms=args.ms)
        snmp.rules(run, REDIRECT if args.ms else "")
    elif args.snmp == "lie":
        ask(run, "lie", kind=args.kind)
    return {"switch": "snmp " + args.snmp, "t_us": at}


def reboot(run, dark):
    """Links dark, SNMP and SSH gone at once; after `dark` seconds the start-up configuration, then both again."""
    snmp.rules(run, "")
    at = ask(run, "dark")["t_us"]
    ask(run, "delay", ms=0)
    snmp.stop_snmpd(run)
    sshd.stop(run)
    left = at / 1e6 + dark - time.time()
    if left > 0:
        time.sleep(left)
    back = ask(run, "forget")["t_us"]
    snmp.start_snmpd(run)
    sshd.start(run)
    return {"switch": "rebooted", "t_us": at, "links_back_us": back, "snmp_back_us": time.time_ns() // 1000}


def cable(run, host, ifname, up):
    """One cable out or in. The kernel end of the switch's port is moved, and the switch says admin up.

    With --stock-snmpd net-snmp would report that as admin down, so there the host's end is moved instead.
    """
    leg = next(l for l in run.legs_of(host) if l.ifname == ifname)
    if not run.state["stock_snmpd"]:
        return dict(ask(run, "cable", port=leg.port, up=up), host=host, ifname=ifname)
    with ns.inside(run.netns(host)), contextlib.closing(nl.Netlink()) as n:
        at = time.time_ns() // 1000
        n.set_up(ns.ifindex(ifname), up)
        if up and ifname == "eth0":
            with contextlib.suppress(OSError):
                import topology
                n.add_default_route(topology.GATEWAY)
    return {"port": leg.port, "cable": "in" if up else "out", "t_us": at, "host": host, "ifname": ifname}
