"""Every subcommand and option of scripts/lab, with its help."""
import argparse

import topology

EPILOG = """\
hosts: primary (prim), standby (stby), gateway (gw), switch (sw), third, c001, c002, ...
Without --run: $STANDIN_LAB_RUN, or the only lab that is up, or 'lab'.
A packet's or a cut's time is CLOCK_REALTIME in microseconds everywhere (t_us).
Progress goes to stderr; what a program may read is JSON on stdout."""


def parse(lab, argv=None):
    top = argparse.ArgumentParser(prog="scripts/lab", epilog=EPILOG,
                                  formatter_class=argparse.RawDescriptionHelpFormatter,
                                  description="A CCTV site in network namespaces: switch, primary, standby, cameras.")
    subs = top.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def sub(name, call, text, host=False):
        p = subs.add_parser(name, help=text, description=text, epilog=EPILOG,
                            formatter_class=argparse.RawDescriptionHelpFormatter)
        p.add_argument("--run", metavar="ID", help="which lab (default: see below)")
        if host:
            p.add_argument("host", metavar="HOST")
        p.set_defaults(call=call)
        return p

    p = sub("up", lab.cmd_up, "bring a lab up (default id 'lab'; 'random' picks one); dead runs are removed first")
    p.add_argument("--mode", choices=["agentless", "pair", "keepalived"], default="agentless",
                   help="who holds the VIP: the primary's OS, standin on both, or keepalived on both")
    p.add_argument("--cameras", type=int, default=100, metavar="N", help=f"1 to {topology.MAX_CAMERAS} (100)")
    p.add_argument("--ffmpeg", type=int, default=4, metavar="N", help="how many of them are real ffmpeg (4)")
    p.add_argument("--stock-snmpd", action="store_true",
                   help="ifAdminStatus, ifOperStatus and ifLastChange from net-snmp itself, with its 3 s cache")
    p.add_argument("--option-a", action="store_true",
                   help="port takeover: the standby has a third leg, parked in VLAN 999 with the VIP on it")
    p.add_argument("--owner", type=int, metavar="PID",
                   help="the lab belongs to this process: when it is gone, the next `up` removes the lab")
    p.add_argument("--json", action="store_true", help="print what `info --json` prints")
    p = sub("down", lab.cmd_down, "take a lab down (without --run: $STANDIN_LAB_RUN or 'lab'); fine if it is not up")
    p.add_argument("--all", action="store_true", help="every lab of this checkout")
    p.add_argument("--keep-logs", action="store_true", help="leave the run directory with its logs")
    sub("keep", lab.cmd_keep, "make an owned lab stay after its owner ends")
    sub("list", lab.cmd_list, "every lab of this checkout, as JSON; 'dead' says why one is a leftover")
    p = sub("info", lab.cmd_info, "what is where: namespaces, MACs, ports, addresses, credentials")
    p.add_argument("--json", action="store_true")
    p = sub("exec", lab.cmd_exec, "run a command on a host, in its namespaces", host=True)
    p.add_argument("argv", nargs=argparse.REMAINDER, metavar="CMD...")
    p = sub("cut", lab.cmd_cut, "the machine dies: links first, then every process; prints the moment", host=True)
    p.add_argument("--carrier-stays", action="store_true", help="a panic: nothing in or out, but the port stays up")
    sub("plug", lab.cmd_plug, "power a machine on (again): fresh boot_id, addresses, services, agent", host=True)
    sub("reboot", lab.cmd_plug, "the same as plug, of a machine that may be running", host=True)
    sub("freeze", lab.cmd_signal, "SIGSTOP every user process of a machine; its kernel still answers", host=True)
    sub("thaw", lab.cmd_signal, "SIGCONT them", host=True)
    p = sub("cable", lab.cmd_cable, "pull or plug one cable: carrier goes at both ends, nothing else", host=True)
    p.add_argument("ifname", choices=["eth0", "eth1", "eth2"])
    p.add_argument("state", choices=["down", "up"])
    sub("unplug-port", lab.cmd_unplug_port, "pull every cable of a host (processes go on)", host=True)
    p = sub("service", lab.cmd_service, "the media server of a machine", host=True)
    p.add_argument("what", choices=["start", "stop", "kill", "hang", "resume", "status"])
    p = sub("agent", lab.cmd_agent, "standin on a machine: start, stop (SIGTERM), kill (SIGKILL), log, status")
    p.add_argument("what", choices=["start", "stop", "kill", "log", "status"])
    p.add_argument("host", metavar="HOST")
    p.add_argument("--bin", metavar="PATH", help="default target/release/standin")
    p.add_argument("--config", metavar="FILE", help="default <run>/<host>.toml")
    p = sub("cameras", lab.cmd_cameras, "the cameras: status, stop, start")
    p.add_argument("what", choices=["status", "stop", "start"])
    p.add_argument("--full", action="store_true", help="status: every camera")
    p = sub("third-machine", lab.cmd_third, "another machine that answers for the VIP with its own MAC")
    p.add_argument("state", choices=["up", "down"])
    p = sub("figures", lab.cmd_figures, "what the observer saw, counted from a moment")
    p.add_argument("--since", type=int, required=True, metavar="T_US")
    p.add_argument("--at", choices=["standby", "primary"], default="standby", help="whose announce and SYNs")
    p.add_argument("--before", type=int, metavar="T_US", help="list VIP frames sent before this moment")
    p.add_argument("--start", type=int, metavar="T_US", help="... and after this one (default: --since)")
    p = sub("pcap", lab.cmd_pcap, "capture eth0 of a machine: arp or tcp port 1935, whole frames")
    p.add_argument("what", choices=["start", "stop"])
    p.add_argument("file", nargs="?")
    p.add_argument("--host", default="standby")
    switch_options(sub("switch", lab.cmd_switch, "the switch: its SNMP agent, its SSH server, its ports, its state"))
    p = sub("selftest", lab.cmd_selftest, "bring labs up and check that they do what they say")
    p.add_argument("--only", metavar="TEXT", default="", help="only checks whose name contains this")
    return top.parse_args(argv)


def switch_options(p):
    subs = p.add_subparsers(dest="what", required=True, metavar="WHAT")
    snmp = subs.add_parser("snmp", help="stop | start | delay MS | lie off|ack|admin")
    kinds = snmp.add_subparsers(dest="snmp", required=True)
    kinds.add_parser("stop", help="no SNMP answer at all")
    kinds.add_parser("start", help="answers again (engineBoots +1)")
    kinds.add_parser("delay", help="every answer this late; 0 ends it").add_argument("ms", type=int)
    kinds.add_parser("lie", help="ack: a SET of ifAdminStatus is acknowledged and forgotten; admin: it also reads "
                     "back as set, while the port stays as it was").add_argument(
                         "kind", choices=["off", "ack", "admin"])
    ssh = subs.add_parser("ssh", help="stop | start its SSH server")
    ssh.add_argument("ssh", choices=["stop", "start"])
    reboot = subs.add_parser("reboot", help="ports dark, then the configuration it booted with, fresh sysUpTime")
    reboot.add_argument("--dark", type=float, default=1.0, metavar="S", help="how long all links are down (1.0)")
    vlan = subs.add_parser("vlan", help="put an access port into a VLAN")
    vlan.add_argument("port"), vlan.add_argument("vid", type=int)
    trunk = subs.add_parser("trunk", help="make a port a trunk: one VLAN untagged, the others tagged")
    trunk.add_argument("port"), trunk.add_argument("native", type=int)
    trunk.add_argument("tagged", type=int, nargs="*")
    subs.add_parser("save", help="what runs now is what a reboot goes back to")
    subs.add_parser("unsaved", help="the ports that a reboot would change")
    port = subs.add_parser("port", help="shut or open a port, as the switch's own command line would")
    port.add_argument("port"), port.add_argument("state", choices=["up", "down"])
    stp = subs.add_parser("stp", help="a port takes part in spanning tree (real, 8 s after each move), or is an edge port")
    stp.add_argument("port"), stp.add_argument("state", choices=["on", "off"])
    subs.add_parser("status", help="per port: admin, oper, vlan, alias, macs")
