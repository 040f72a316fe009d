"""Self-test checks of the switch's command line: a real ssh client, its credentials, and one switch behind both ways."""
import os
import subprocess
import time

from selftest_switch import ADMIN, OPER, PVID, VLAN, port
from selftest_tools import expect, until

SAVED = "1.3.6.1.4.1.8072.9999.9999.1.0"


def ssh(lab, command, user=None, key=True, password=None, known=None):
    """What OpenSSH's client gets on the standby: (exit code, output, errors). Nothing of the machine's own is used."""
    there = lab.info["switch"]["ssh"]
    known = known or there["known_hosts"]
    argv = [lab.COMMAND, "exec", "--run", lab.id, "standby", "ssh", "-F", "none", "-p", str(there["port"]),
            "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes",
            "-o", "GlobalKnownHostsFile=none", "-o", "NumberOfPasswordPrompts=1", "-o", "ConnectTimeout=5"]
    env = dict(os.environ, DISPLAY="none", SSH_ASKPASS_REQUIRE="force")
    env.pop("SSH_AUTH_SOCK", None)
    if password:
        env["SSH_ASKPASS"] = ask = lab.run.path("askpass")
        with open(ask, "w") as f:
            f.write(f"#!/bin/sh\ncat '{password}'\n")
        os.chmod(ask, 0o755)
        argv += ["-o", "PreferredAuthentications=password"]
    else:
        argv += ["-o", "BatchMode=yes"] + (["-i", there["key"]] if key else [])
    got = subprocess.run(argv + [f"{user or there['user']}@192.168.20.2", command], capture_output=True, text=True,
                         timeout=30, env=env)
    return got.returncode, got.stdout.strip(), got.stderr.strip()


def key_and_password_open_the_switch(lab):
    there = lab.info["switch"]["ssh"]
    at = time.monotonic()
    got = ssh(lab, "ovs-vsctl list-br")
    took = (time.monotonic() - at) * 1000
    expect(got[:2] == (0, "br0"), f"with the key: {got}")
    got = ssh(lab, "ovs-vsctl list-br", password=there["password"])
    expect(got[:2] == (0, "br0"), f"with the password: {got}")
    for secret in (there["key"], there["password"]):
        expect(os.stat(secret).st_mode & 0o77 == 0, f"{secret} is readable by others")
    return f"a login and a command in {took:.0f} ms"


def nobody_else_gets_in(lab):
    wrong = lab.run.path("wrong.password")
    with open(wrong, "w") as f:
        f.write("wrong\n")
    for what, got in (("a wrong password", ssh(lab, "true", password=wrong)), ("no key", ssh(lab, "true", key=False)),
                      ("root, a user of the machine", ssh(lab, "true", user="root")),
                      ("an unknown host key", ssh(lab, "true", known="/dev/null"))):
        expect(got[0] == 255, f"{what}: {got}")


def its_users_are_its_own(lab):
    _, users, _ = ssh(lab, "cut -d: -f1 /etc/passwd; ls /var/log; ls -d /run/netns")
    expect(users.split() == ["root", lab.info["switch"]["ssh"]["user"], "sshd"], f"it has {users.split()}")
    with open("/etc/passwd") as f:
        expect(lab.info["switch"]["ssh"]["user"] not in f.read(), "the machine's own /etc/passwd was written")


def both_ways_are_one_switch(lab):
    p = port(lab, "p-third")
    pvid, members = PVID + str(p["bridge_port"]), VLAN + "2.20"
    before = lab.snmp("snmpget", "-Ox", members)
    try:
        ssh(lab, "ovs-vsctl set port p-third tag=20")
        until("dot1qPvid follows the command line", 1, lambda: lab.snmp("snmpget", pvid) == ["20"])
        expect(lab.snmp("snmpget", "-Ox", members) != before, "dot1qVlanStaticEgressPorts does not")
        ssh(lab, "ovs-ofctl mod-port br0 p-third down")
        index = str(p["ifindex"])
        expect(lab.snmp("snmpget", ADMIN + index, OPER + index) == ["2", "2"], "ifAdminStatus does not")
        lab.snmp("snmpset", ADMIN + index, "i", "1")
        _, said, _ = ssh(lab, "ovs-vsctl get interface p-third admin_state; ovs-vsctl get port p-third tag")
        expect(said.split() == ["up", "20"], f"the command line does not follow a SET: {said}")
    finally:
        lab("switch", "vlan", "p-third", "10")
        lab("switch", "port", "p-third", "up")
    expect(lab.snmp("snmpget", "-Ox", members) == before, "the members are not as they were")


def what_is_saved_survives(lab):
    saved = lambda: lab.snmp("snmpget", SAVED)
    expect(saved() == ["1"] and ssh(lab, "./switch-config unsaved")[1] == "", "something is unsaved at first")
    try:
        lab("switch", "vlan", "p-third", "998")
        expect(saved() == ["0"] and ssh(lab, "./switch-config unsaved")[1] == "p-third differs", "a change is not seen")
        expect(ssh(lab, "./switch-config save")[1] == "saved" and saved() == ["1"], "it was not saved over SSH")
        lab("switch", "reboot", "--dark", "0.2")
        expect(port(lab, "p-third")["vlan"] == 998, "what was saved was forgotten")
        expect(ssh(lab, "true")[0] == 0, "SSH is not back after a reboot")
        lab("switch", "vlan", "p-third", "10")
        lab.snmp("snmpset", SAVED, "i", "1")
        lab("switch", "reboot", "--dark", "0.2")
        expect(port(lab, "p-third")["vlan"] == 10, "what was saved over SNMP was forgotten")
    finally:
        lab("switch", "vlan", "p-third", "10")
        lab("switch", "save")
    lab.all_publishing(15)


def it_can_be_stopped(lab):
    session = subprocess.Popen([lab.COMMAND, "exec", "--run", lab.id, "standby", "ssh", "-F", "none", "-i",
                                lab.info["switch"]["ssh"]["key"], "-o", "BatchMode=yes", "-o",
                                f"UserKnownHostsFile={lab.info['switch']['ssh']['known_hosts']}",
                                f"{lab.info['switch']['ssh']['user']}@192.168.20.2", "echo in; sleep 60"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    expect(session.stdout.readline() == "in\n", "no session")
    lab("switch", "ssh", "stop")
    try:
        expect(session.wait(3) == 255, "a session outlives the server")
        got = ssh(lab, "true")
        expect(got[0] == 255 and "refused" in got[2], f"it answers while stopped: {got}")
    finally:
        lab("switch", "ssh", "start")
    expect(ssh(lab, "true")[0] == 0, "it does not answer again")


CHECKS = [key_and_password_open_the_switch, nobody_else_gets_in, its_users_are_its_own, both_ways_are_one_switch,
          what_is_saved_survives, it_can_be_stopped]
