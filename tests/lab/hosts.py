"""The lab's machines: boot, run something on them, cut, plug, freeze, cables.

A machine is a network namespace plus a process tree of its own (hostinit.py).
Killing its PID 1 kills everything on it at once, as a power cut does.
"""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid

import lab_profile
import nl
import ns
import rtmpserver
import run as labrun
import topology
from run import LabError

MACHINES = ("primary", "standby")
DROP = """table netdev cut {{
{chains}
}}
"""
CHAIN = """ chain {dir}_{i} {{ type filter hook {dir} device "{i}" priority -500; policy drop;
 }}"""


def machine(run, host):
    if host not in MACHINES:
        raise LabError(f"'{host}' is no machine that can do this; the machines are {', '.join(MACHINES)}")
    return run.host(host)


def init_of(run, host):
    """The pid of a running machine's PID 1; an error that says so when it is down."""
    ident = machine(run, host).get("init")
    if not ns.alive(ident):
        raise LabError(f"{host} is down (cut); scripts/lab plug {host} brings it back")
    return ident[0]


def boot(run, host):
    """Powers a machine on: addresses, links, a new boot_id, its media server and its agent as configured."""
    h = machine(run, host)
    netns = run.netns(host)
    d = run.path(host)
    os.makedirs(os.path.join(d, "var-lib-standin"), exist_ok=True)
    lab_profile.write(os.path.join(d, "switch-profiles"))
    with open(os.path.join(d, "boot_id"), "w") as f:
        f.write(str(uuid.uuid4()) + "\n")
    got = subprocess.run([sys.executable, "-I", "-B", "-c",
                          f"import sys; sys.path.insert(0, {labrun.HERE!r}); import hostinit; hostinit.main()",
                          netns, host, os.path.join(d, "boot_id"), os.path.join(d, "var-lib-standin"),
                          os.path.join(d, "switch-profiles")],
                         stdout=subprocess.PIPE, text=True, start_new_session=True)
    if got.returncode:
        raise LabError(f"{host} did not boot: its namespaces could not be made")
    with run.change() as s:
        s["hosts"][host].update(init=ns.identify(int(got.stdout)), booted_us=time.time_ns() // 1000)
    configure_links(run, host)
    if h.get("rtmp", True):
        run_on(run, host, [os.path.join(d, "start-rtmp")])
    if run.mode == "keepalived":
        import keepalived
        keepalived.start(run, host)


def configure_links(run, host):
    """Addresses as the machine's configuration has them, then links up and routes."""
    with ns.inside(run.netns(host)):
        with contextlib.closing(nl.Netlink()) as n:
            links = n.links()
            for leg in run.legs_of(host):
                n.flush_addresses(links[leg.ifname].index)
                for cidr in leg.addresses:
                    n.add_address(links[leg.ifname].index, cidr)
                n.set_up(links[leg.ifname].index)
            if run.option_a and host == "standby":
                park(n, links)
            if host != "gateway" and any(a.startswith("192.168.1.") for l in run.legs_of(host) for a in l.addresses):
                n.add_default_route(topology.GATEWAY)


def park(n, links):
    """What `standin help configure` tells the engineer to set for port takeover: ARP, and routes of the parked address."""
    index = links[topology.PARKED].index
    n.flush_addresses(index)
    ip = ["ip", "-batch", "-"]
    subprocess.run(ip, check=True, text=True, input=f"""address add {topology.VIP}/24 dev {topology.PARKED} noprefixroute
route replace 192.168.1.0/24 dev {topology.PARKED} table 101
route replace default via {topology.GATEWAY} dev {topology.PARKED} table 101
""")
    if "lookup 101" not in subprocess.run(["ip", "rule"], check=True, text=True, capture_output=True).stdout:
        subprocess.run(["ip", "rule", "add", "from", topology.VIP, "lookup", "101", "priority", "101"], check=True)
    for leg in ("eth0", topology.PARKED):
        both, listening = (("arp_ignore", 1), ("arp_announce", 2)), (("accept_local", 1), ("rp_filter", 2))
        for key, value in both + (listening if leg == "eth0" else ()):
            with open(f"/proc/sys/net/ipv4/conf/{leg}/{key}", "w") as f:
                f.write(f"{value}\n")


def enter_command(run, host, command):
    """The command line that runs `command` on a host."""
    if host in MACHINES:
        pid = init_of(run, host)
        return ["nsenter", "-t", str(pid), "-n", "-m", "-u", "-i", "-p", f"--wdns={os.getcwd()}", "--",
                "setpriv", "--pdeathsig", "TERM", "--"] + command  # ends with the nsenter that forked it
    name = run.netns(host)
    if name not in ns.list_netns(name):
        raise LabError(f"no host '{host}' in lab '{run.id}'")
    return ["nsenter", f"--net={ns.netns_path(name)}", "--"] + command


def run_on(run, host, command, **kw):
    """Runs a command on a host and waits; an error with its output when it fails."""
    got = subprocess.run(enter_command(run, host, command), capture_output=True, text=True, timeout=20, **kw)
    if got.returncode:
        raise LabError(f"{host}: {' '.join(command)}: exit {got.returncode}: {(got.stderr or got.stdout).strip()}")
    return got.stdout


def spawn_on(run, host, argv, log, env=None):
    """Starts a long-running process on a machine; returns its pid as seen from outside.

    It is forked twice inside, so that the machine's own PID 1 inherits and reaps it: a process that someone
    outside has to reap would hold up the end of the machine's pid namespace. Its outside pid comes with the
    credentials of a message it sends.
    """
    init = init_of(run, host)
    fds = [os.open(f"/proc/{init}/ns/{k}", os.O_RDONLY | os.O_CLOEXEC) for k in ("net", "uts", "ipc", "pid", "mnt")]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    middle = os.fork()
    if middle == 0:
        try:
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            null = os.open("/dev/null", os.O_RDONLY)
            for fd in fds:
                ns.setns(fd)
            inside = os.fork()
            if inside:
                os._exit(os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1]))
            if os.fork():
                os._exit(0)
            os.setsid()
            os.dup2(null, 0), os.dup2(out, 1), os.dup2(out, 2)
            os.chdir("/")
            theirs.send(b"here")
            os.execvpe(argv[0], argv, dict(os.environ, **(env or {})))
        except OSError as e:
            os.write(2, f"{argv[0]}: {e}\n".encode())
        finally:
            os._exit(1)
    theirs.close()
    for fd in fds:
        os.close(fd)
    ours.settimeout(10)
    with ours:
        told, ancillary, _, _ = ours.recvmsg(16, socket.CMSG_SPACE(12))
    os.waitpid(middle, 0)
    if not told:
        raise LabError(f"{host}: could not start {argv[0]} (log: {log})")
    return struct.unpack("=3i", ancillary[0][2][:12])[0]


def processes(run, host):
    """Every process of a machine: of its pid namespace, and strays that entered its network namespace."""
    init = machine(run, host).get("init")
    pids = set(ns.pids_in("net", ns.netns_path(run.netns(host))))
    if ns.alive(init):
        pids |= set(ns.pids_in("pid", f"/proc/{init[0]}/ns/pid"))
    spared = {i[0] for i in run.state.get("pids", {}).values() if i}  # the lab's own (packet captures)
    return sorted(pids - spared - {os.getpid()})


def cut(run, host, carrier_stays):
    """The machine dies. Returns the moment it happened; nothing slow lies between the clock and the act."""
    ident = machine(run, host).get("init")
    if not ns.alive(ident):
        raise LabError(f"{host} is down already")
    legs = run.legs_of(host)
    with ns.inside(run.netns(host)):
        if carrier_stays:
            act = _prepare_panic(legs)
        else:
            n = nl.Netlink()
            for leg in legs:  # one group, so that both cables go in one request: no farewell by the other
                n.set_group(ns.ifindex(leg.ifname), topology.LINK_GROUP)
            message = n.up_message(0, False, group=topology.LINK_GROUP)

            def act():
                n.send(message)
        boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        at = time.time_ns()
        act()
        acted = time.time_ns()
        os.kill(ident[0], signal.SIGKILL)
        killed = time.time_ns()
    for pid in processes(run, host):
        ns.kill(ns.identify(pid))
    if ns.wait_gone([ident], 5.0):
        raise LabError(f"{host}: its processes would not die")
    with run.change() as s:
        s["hosts"][host].update(init=None, cut="panic" if carrier_stays else "power")
    return {"host": host, "t_us": at // 1000, "boottime_us": boottime // 1000, "carrier_stays": carrier_stays,
            "link_gone_after_us": (acted - at) // 1000, "killed_after_us": (killed - at) // 1000}


def _prepare_panic(legs):
    """nft is started beforehand and waits for its rules, so that only parsing and commit remain."""
    nft = subprocess.Popen(["nft", "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(0.05)
    rules = DROP.format(chains="\n".join(CHAIN.format(dir=d, i=l.ifname) for l in legs for d in ("ingress", "egress")))

    def act():
        out, _ = nft.communicate(rules.encode(), timeout=5)
        if nft.returncode:
            raise LabError(f"the drop rules were refused: {out.decode().strip()}")
    return act


def power_off(run, host):
    """Everything off, without the care for the moment that `cut` takes; fine if it is off already."""
    h = machine(run, host)
    with ns.inside(run.netns(host)), contextlib.closing(nl.Netlink()) as n:
        for leg in run.legs_of(host):  # first, as with a reset: nothing says farewell
            n.set_up(ns.ifindex(leg.ifname), False)
    for pid in processes(run, host):
        ns.kill(ns.identify(pid))
    if h.get("init") and ns.wait_gone([h["init"]], 5.0):
        raise LabError(f"{host}: its processes would not die")
    with ns.inside(run.netns(host)):
        # Without power there are no connections either; the namespace, which is kept, would have them for minutes. What
        # they say in parting goes nowhere.
        subprocess.run(["ss", "-K", "-n", "-t", "-a"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10)
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        with contextlib.closing(nl.Netlink()) as n:
            links = n.links()
            for leg in run.legs_of(host):
                index = links[leg.ifname].index
                n.flush_addresses(index)
                n.neighbour_flush(index)
            for name, link in links.items():  # what an agent may have made (macvlan, ...)
                if name not in {"lo"} | {l.ifname for l in run.legs_of(host)}:
                    with contextlib.suppress(OSError):
                        n.request(nl.RTM_DELLINK, 0, n._ifinfo(link.index))
    with run.change() as s:
        s["hosts"][host].update(init=None)


def plug(run, host):
    """The machine comes back, freshly booted, as it was configured."""
    power_off(run, host)
    with run.change() as s:
        s["hosts"][host].pop("cut", None)
    boot(run, host)


def signal_all(run, host, sig):
    """Every user process of the machine; twice, to catch what was forked meanwhile. The kernel goes on."""
    init = init_of(run, host)
    count = 0
    for _ in range(2):
        pids = [p for p in processes(run, host) if p != init]
        count = max(count, len(pids))
        for pid in pids:
            ns.kill(ns.identify(pid), sig)
    return count


def service(run, host, what):
    """The media server: start and stop as configured, kill and hang as failures."""
    init_of(run, host)
    d = run.path(host)
    if what in ("start", "stop"):
        run_on(run, host, [os.path.join(d, f"{what}-rtmp")])
        with run.change() as s:  # a boot brings it up only if it was meant to run
            s["hosts"][host]["rtmp"] = what == "start"
    pids = [p for p in processes(run, host) if _comm(p) == "nginx"]
    sig = {"kill": signal.SIGKILL, "hang": signal.SIGSTOP, "resume": signal.SIGCONT}.get(what)
    at = time.time_ns() // 1000
    for pid in pids:
        if sig:
            ns.kill(ns.identify(pid), sig)
    return {"host": host, "service": what, "t_us": at, "pids": pids if what != "kill" else []}


def _comm(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as f:
        return f.read().strip()


def third(run, up):
    """The machine of the conflict case: its kernel answers ARP for the VIP, nothing more."""
    leg = run.legs_of("third")[0]
    with ns.inside(run.netns("third")), contextlib.closing(nl.Netlink()) as n:
        index = ns.ifindex(leg.ifname)
        if up:
            n.add_address(index, topology.VIP + "/24")
            n.set_up(index)
        else:
            n.set_up(index, False)
            n.flush_addresses(index)
    return {"host": "third", "up": up, "mac": leg.mac, "t_us": time.time_ns() // 1000}


def pcap(run, what, path, host):
    """tcpdump on a machine's eth0; it belongs to the lab and survives the machine's cut."""
    name = f"pcap-{host}"
    if what == "stop":
        ident = run.pid(name)
        if not ns.alive(ident):
            raise LabError(f"no capture runs on {host}")
        ns.end([ident])
        return {"host": host, "pcap": "stopped"}
    if not path:
        raise LabError("pcap start: which file?")
    if ns.alive(run.pid(name)):
        raise LabError(f"a capture runs on {host} already")
    path = os.path.abspath(path)
    log = run.path(f"{name}.log")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log)
    process = ns.spawn(["tcpdump", "-i", "eth0", "-s", "0", "-B", "8192", "-U", "-w", path, "-Z", "root",
                        "--time-stamp-precision=micro", "arp or tcp port 1935"], log, run.netns(host))
    run.record(name, process.pid)

    def listening():
        if process.poll() is not None:
            raise LabError(f"tcpdump ended: {open(log).read().strip()}")
        return "listening on" in open(log).read()
    labrun.wait_for("tcpdump listening", 5, listening)
    return {"host": host, "pcap": path, "pid": process.pid}
