"""Builds a lab: namespaces, switch, machines, cameras, observer. Undoes itself when it is interrupted."""
import contextlib
import csv
import os
import shutil
import signal
import sys
import time

import cameras
import hosts
import nl
import ns
import ovs
import rtmpserver
import run as labrun
import topology
from run import LabError, say, wait_for

NEEDED = {"ovs-vswitchd": "openvswitch-switch", "ovsdb-tool": "openvswitch-switch", "nginx": "nginx-light",
          "sshd": "openssh-server", "ssh-keygen": "openssh-client", "snmpd": "snmpd", "snmpget": "snmp", "ffmpeg": "ffmpeg", "nft": "nftables", "tcpdump": "tcpdump",
          "nsenter": "util-linux", "ip": "iproute2"}
SWITCH_MAC = "0a:00:00:00:00:02"


def check_tools(mode):
    if os.geteuid() != 0:
        raise LabError("the lab needs root (namespaces, packet sockets)")
    needed = dict(NEEDED, keepalived="keepalived") if mode == "keepalived" else NEEDED
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = sorted({p for tool, p in needed.items() if not shutil.which(tool, path=search)})
    if missing:
        raise LabError(f"missing: {' '.join(missing)} (scripts/lib-install.sh lab installs them)")
    os.environ["PATH"] = search


def interrupted(number, _frame):
    raise LabError(f"interrupted by {signal.Signals(number).name}")


def up(run, mode, count, ffmpegs, stock_snmpd, owner, option_a=False):
    """Brings the run up; on any failure or interruption everything of it is taken down again."""
    check_tools(mode)
    if os.path.exists(run.state_file):
        raise LabError(f"lab '{run.id}' is up already (scripts/lab down --run {run.id}, or another --run)")
    if ns.list_netns(run.prefix):
        say(f"removing namespaces left by an earlier run '{run.id}'")
        run.down()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    os.makedirs(run.path("sw"), mode=0o755, exist_ok=True)
    begun = time.monotonic()
    try:
        with run.change() as s:
            s.update(run=run.id, mode=mode, cameras=count, ffmpeg=ffmpegs, stock_snmpd=stock_snmpd, option_a=option_a, phase="building",
                     boot_id=labrun.boot_id(), builder=ns.identify(os.getpid()), pids={},
                     owner=ns.identify(owner) if owner else None, hosts={h: {} for h in hosts.MACHINES},
                     clip=os.path.join(labrun.CACHE, "clip.flv"))
        build(run, count, ffmpegs)
        with run.change() as s:
            s.update(phase="up", builder=None, up_ms=int((time.monotonic() - begun) * 1000))
    except BaseException:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say("not up; taking down what was made (logs are kept in " + run.dir + ")")
        with contextlib.suppress(LabError):
            run.down(keep_logs=True)
        raise
    say(f"up in {run.state['up_ms'] / 1000:.1f} s")


def build(run, count, ffmpegs):
    if ffmpegs:
        cameras.make_clip(run.state["clip"])
    wire(run)
    ovs.start(run, run.netns("switch"))
    ovs.make_bridge(run, run.legs(), SWITCH_MAC)
    ovs.widen_buffers(run.pid("ovs-vswitchd")[0])
    with ns.inside(run.netns("switch")), contextlib.closing(nl.Netlink()) as n:
        # The ports are interfaces of this namespace too: only mgmt0 may answer for the switch's address, or the
        # kernel takes requests from a port, past the switch and past the rules on mgmt0.
        with open("/proc/sys/net/ipv4/conf/all/arp_ignore", "w") as f:
            f.write("1")
        index = n.links()["mgmt0"].index
        n.add_address(index, topology.SWITCH_ADDRESS + "/24")
        n.set_up(index)
    write_inventory(run, count)
    start_switch_management(run)
    hosts.configure_links(run, "gateway")
    for host in hosts.MACHINES:
        rtmpserver.write(run, host)
        hosts.boot(run, host)
    daemon(run, "observer")
    daemon(run, "cameras")
    import ctl
    wait_for("the cameras' process", 20, lambda: labrun.listens(run.path("cameras.ctl")))
    if run.mode != "pair":  # in pair mode nobody has the VIP until standin runs
        def publishing():
            return ctl.ask(run.path("cameras.ctl"), "status")["publishing"] == count
        wait_for(f"{count} cameras publishing (scripts/lab cameras status)", 20, publishing, every=0.1)


def start_switch_management(run):
    """snmpd, the subagent that answers for the live switch, and the SSH server."""
    import snmp
    import sshd
    sshd.write(run)
    server = sshd.launch(run)
    snmp.start(run)
    sshd.ready(run, server)


def daemon(run, name):
    """Starts one of the lab's Python daemons (argument: the run id) and records it."""
    argv = [sys.executable, "-B", os.path.join(labrun.HERE, f"{name}.py"), run.id]
    process = ns.spawn(argv, run.path(f"{name}.log"), env={"STANDIN_LAB_DIR": labrun.BASE})
    run.record(name, process.pid)


def wire(run):
    """All namespaces and cables, by netlink from this one process."""
    fds = {}
    legs = run.legs()
    ns.share_netns_dir()
    try:
        for host in ["switch"] + list(dict.fromkeys(l.host for l in legs)):
            fds[host] = ns.create_netns(run.netns(host))
        with contextlib.closing(nl.Netlink()) as n:
            for leg in legs:
                n.add_veth(leg.port, fds["switch"], leg.port_mac, leg.ifname, fds[leg.host], leg.mac)
        with ns.inside(fds["switch"]), contextlib.closing(nl.Netlink()) as n:
            links = n.links()
            for leg in legs:
                index = links[leg.port].index
                n.set_alias(index, leg.alias)
                n.set_group(index, topology.LINK_GROUP)
                ns.tx_checksum_off(leg.port)
                n.set_up(index)
        for leg in legs:
            camera = leg.host.startswith("c")
            with ns.inside(fds[leg.host]):
                ns.tx_checksum_off(leg.ifname)
                if camera:
                    with contextlib.closing(nl.Netlink()) as n:
                        index = ns.ifindex(leg.ifname)
                        n.add_address(index, leg.addresses[0])
                        n.set_up(index)
                        n.add_default_route(topology.GATEWAY)
    finally:
        for fd in fds.values():
            os.close(fd)


def write_inventory(run, count):
    with open(run.path("cameras.csv"), "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["name", "address", "mac", "stream"])
        for c in topology.cameras(count):
            out.writerow([c.name, c.address, c.mac, c.stream])
