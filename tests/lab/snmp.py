"""net-snmp's snmpd in the switch's namespace: configuration, credentials, start and stop."""
import os
import secrets
import subprocess
import sys

import ctl
import ns
import run as labrun
import topology
from run import LabError, wait_for

COMMUNITY, COMMUNITY_RO, COMMUNITY_TRAP = "private-lab", "public-lab", "trap-lab"
USERS = {"standin": "SHA-256", "standin-sha1": "SHA"}  # authPriv, AES-128 both
CONF = """# snmpd of the lab's switch
agentAddress udp:{address}:161,udp:127.0.0.1:161
master agentx
agentXSocket unix:{sw}/agentx.sock
agentXTimeout 2
rwcommunity {rw}
rocommunity {ro}
{users}
trap2sink {sink} {trap}
sysName lab-switch
sysDescr standin lab switch, Open vSwitch with the userspace datapath
sysLocation target/lab
# New interfaces do not come and go here; ask the kernel for nothing else.
dontLogTCPWrappersConnects yes
"""


def write(run):
    """The configuration, and the credentials where `info` says they are (mode 0600)."""
    sw = run.path("sw")
    os.makedirs(os.path.join(sw, "snmp"), mode=0o700, exist_ok=True)
    secret(run.path("snmp.community"), COMMUNITY)
    secret(run.path("snmp.community-ro"), COMMUNITY_RO)
    secret(run.path("snmp.community-trap"), COMMUNITY_TRAP)
    create = []
    for user, auth in USERS.items():
        keys = secrets.token_hex(10), secrets.token_hex(10)
        secret(run.path(f"snmp.{user}.auth"), keys[0])
        secret(run.path(f"snmp.{user}.priv"), keys[1])
        create.append(f'createUser {user} {auth} "{keys[0]}" AES "{keys[1]}"\n')
    secret(os.path.join(sw, "snmp", "snmpd.conf"), "".join(create), newline=False)
    with open(os.path.join(sw, "snmpd.conf"), "w") as f:
        f.write(CONF.format(address=topology.SWITCH_ADDRESS, sw=sw, rw=COMMUNITY, ro=COMMUNITY_RO,
                            users="\n".join(f"rwuser {u} priv" for u in USERS), sink=topology.TRAP_SINK + ":162",
                            trap=COMMUNITY_TRAP))


def secret(path, text, newline=True):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as f:
        f.write(text + ("\n" if newline else ""))


def start_snmpd(run):
    sw = run.path("sw")
    if ns.alive(run.pid("snmpd")):
        raise LabError("snmpd runs already")
    env = {"SNMP_PERSISTENT_DIR": os.path.join(sw, "snmp"), "SNMPCONFPATH": f"{sw}:{sw}/snmp", "MIBS": ""}
    p = ns.spawn(["snmpd", "-f", "-Lf", os.path.join(sw, "snmpd.log"),
                  "-p", os.path.join(sw, "snmpd.pid"), "-I", "-smux,mteTrigger,mteTriggerConf"],
                 os.path.join(sw, "snmpd.out"), run.netns("switch"), env)
    run.record("snmpd", p.pid)

    def ready():
        if p.poll() is not None:
            raise LabError(f"snmpd ended at once (log: {sw}/snmpd.log)")
        return ctl.ask(run.path("switch.ctl"), "ready")["ready"]
    wait_for("the switch's SNMP agent with its subagent", 5, ready)


def stop_snmpd(run):
    """A clean end, so that it writes its engineBoots; then nothing answers on the port, not even ICMP."""
    ident = run.pid("snmpd")
    if ident and ns.end([ident]):
        raise LabError("snmpd would not end")


def rules(run, text):
    """Replaces the switch's own packet rules ('' for none)."""
    with ns.inside(run.netns("switch")):
        subprocess.run(["nft", "-f", "-"], input="flush ruleset\n" + text, text=True, check=True)


def start(run):
    write(run)
    argv = [sys.executable, "-B", os.path.join(labrun.HERE, "switchd.py"), run.id]
    p = ns.spawn(argv, run.path("switchd.log"), run.netns("switch"), {"STANDIN_LAB_DIR": labrun.BASE})
    run.record("switchd", p.pid)

    def listening():
        if p.poll() is not None:
            raise LabError(f"switchd ended at once (log: {run.path('switchd.log')})")
        return labrun.listens(run.path("switch.ctl"))
    wait_for("switchd's socket", 20, listening)
    start_snmpd(run)
