"""The profile `lab-switch`: the SNMP side of generic-qbridge and the SSH side of openvswitch in one, and `save` for both.

The lab's switch is both to whoever manages it, as a vendor's switch is: SNMP objects and a command line over the same
ports. It has a running and a start-up configuration, so a change is lost at a reboot unless it was saved. The shipped
profiles are taken as they are; only what is the lab's own stands here.
"""
import os

import run as labrun

NAME = "lab-switch"
HEAD = """# Made by tests/lab/lab_profile.py from generic-qbridge.toml (SNMP) and openvswitch.toml (SSH).
format = 1
tested = []
persistence = "save"
oper_staleness = "3s"
prefer = { default = ["snmp", "ssh"] }

[identify]
sysobjectid = []
"""
SAVE_OBJECT = """save = { oid = "1.3.6.1.4.1.8072.9999.9999.1", type = "i32" }  # 1: running and start-up are the same
"""
SAVE = """
[op.save.snmp]
do = [{ pdu = [{ set = "save", value = "1" }] }]
prove = [{ get = "save", is = "1" }]

[ssh.show.unsaved]
send = "./switch-config unsaved"
row = '^(?<port>\\S+) differs$'

[op.save.ssh]
do = [{ cli = ["./switch-config save"], expect = 'saved' }]
prove = [{ show = "unsaved", absent = true }]
"""


def tables(profile):
    """[(header, its lines)] of a shipped profile, without what stands before the first table."""
    out = []
    with open(os.path.join(labrun.ROOT, "switch-profiles", profile + ".toml")) as f:
        for line in f:
            if line.startswith("["):
                out.append((line.split("]")[0].strip("[]"), []))
            if out:
                out[-1][1].append(line)
    return [(name, "".join(lines)) for name, lines in out]


def text():
    parts = [HEAD]
    for name, body in tables("generic-qbridge"):
        if name.startswith("snmp") or name.endswith(".snmp"):
            parts.append(body.rstrip("\n") + "\n" + (SAVE_OBJECT if name == "snmp.object" else ""))
    parts += [body for name, body in tables("openvswitch") if name.startswith("ssh") or name.endswith(".ssh")]
    return "\n".join(parts) + SAVE


def write(folder):
    """Into the folder that the machines see as their /etc/standin/switch-profiles."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, NAME + ".toml"), "w") as f:
        f.write(text())
