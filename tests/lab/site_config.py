#!/usr/bin/env python3
"""Writes the configuration that standin would have on the lab's machines: site_config.py [--run ID] [--set KEY=VALUE ...].

`--way` says how the switch is reached: `snmp` (profile generic-qbridge), `ssh` (profile openvswitch), or both in the
order in which they are tried: `snmp,ssh` and `ssh,snmp` (profile lab-switch, which is both; see lab_profile.py).

Everything that the site does not dictate is left at the shipped defaults, so that what is measured is what is shipped.
`--set` adds or replaces one line, as in `--set policy.service-dead='"takeover"'`; the key is below [peer.cctv], or
whole where it begins with a colon, as in `--set ':node.log="debug"'`; `--set :traps` listens to the switch's traps.
Prints the paths as JSON.
"""
import argparse
import json
import os
import secrets
import subprocess

import lab_profile

TRAPS = ":traps"   # in place of KEY=VALUE: notifications are received, with what the site dictates
HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts", "lab")
WAYS = ("snmp", "ssh", "snmp,ssh", "ssh,snmp")


def info(run):
    cmd = [LAB, "info", "--json"] + (["--run", run] if run else [])
    return json.loads(subprocess.run(cmd, check=True, stdout=subprocess.PIPE).stdout)


def toml(value):
    return json.dumps(value)


def snmp(lab, version):
    creds = lab["switch"]["credentials"]
    if version != "3":
        return [f"version = {toml(version)}", f"community-file = {toml(creds['community'])}"]
    user = creds["v3"][0]
    return ['version = "3"', f"user = {toml(user['user'])}", 'auth = "sha256"', f"auth-file = {toml(user['auth_file'])}",
            'priv = "aes128"', f"priv-file = {toml(user['priv_file'])}"]


def ssh(lab):
    there = lab["switch"]["ssh"]
    return [f"port = {there['port']}", f"user = {toml(there['user'])}", f"key-file = {toml(there['key'])}",
            f"known-hosts = {toml(there['known_hosts'])}"]


def switch(lab, me, ways, version):
    """The tables of the switch: what it is, and each way to reach it."""
    both = len(ways) > 1
    profile = lab_profile.NAME if both else {"snmp": "generic-qbridge", "ssh": "openvswitch"}[ways[0]]
    core = [f"address = {toml(lab['switch']['address'])}", f"profile = {toml(profile)}",
            f"own-ports = {toml([i['port'] for name, i in me.items() if name != 'eth2'])}"]
    core += [] if lab["stock_snmpd"] else ['oper-staleness = "0s"']
    core += [f"prefer = {toml(ways)}"] if both else []
    tables = {"switch.core": core}
    if "snmp" in ways:
        tables["switch.core.snmp"] = snmp(lab, version)
    if "ssh" in ways:
        tables["switch.core.ssh"] = ssh(lab)
    return tables


def config(lab, host, pair, sets, version, ways):
    other = "standby" if host == "primary" else "primary"
    me, peer = lab["hosts"][host]["interfaces"], lab["hosts"][other]["interfaces"]
    address = {"primary": ["192.168.1.31" if pair else "192.168.1.101", "192.168.20.31"],
               "standby": ["192.168.1.102", "192.168.20.102"]}
    tables = {
        "node": [f"name = {toml(host)}"],
        **switch(lab, me, ways, version),
        "peer.cctv": [f"kind = {toml('pair' if pair else 'agentless')}", f"vip = {toml(lab['vip'])}",
                      'interface = "eth0"', f"management = {toml(address[other][1])}"]
        + ([f"addresses = {toml(address[other])}"] if pair else [])
        + (["preferred = true"] if pair and host == "primary" else []),
        "peer.cctv.detect": [f"gateway = {toml(lab['gateway'])}"],
        "[peer.cctv.fence]": ['switch = "core"', f"ports = {toml([peer['eth0']['port']])}", "persist = false"],
        "peer.cctv.verify": [f"cameras = {toml(lab['cameras']['csv'])}"],
    }
    if lab["option_a"]:
        vlans = lab["vlans"]
        tables["peer.cctv.port-takeover"] = [
            'switch = "core"', f"port = {toml(me['eth2']['port'])}", 'interface = "eth2"',
            *(f"{name} = {vlans[name]}" for name in ("production", "parking", "quarantine"))]
        tables["[peer.cctv.fence]"].append('kind = "quarantine"')
    if pair:
        tables["heartbeat"] = [f"key-file = {toml(os.path.join(lab['dir'], 'heartbeat.key'))}"]
    for item in sets:
        if item == TRAPS:
            tables["traps"] = [f"listen = {toml(lab['switch']['trap_sink'])}",
                               f"community-file = {toml(lab['switch']['trap_community'])}"]
            continue
        key, _, value = item.partition("=")
        if key.startswith(":"):
            name, _, key = key[1:].rpartition(".")
        else:
            table, _, key = ("." + key).rpartition(".")
            name = {".fence": "[peer.cctv.fence]"}.get(table, "peer.cctv" + table)
        lines = tables.setdefault(name, [])
        lines[:] = [line for line in lines if not line.startswith(key + " =")] + [f"{key} = {value}"]
    order = ["node", "heartbeat", "switch.core", "switch.core.snmp", "switch.core.ssh", "peer.cctv"]
    names = [n for n in order if n in tables] + [n for n in tables if n not in order]
    return "\n".join(f"[{n}]\n" + "\n".join(tables[n]) + "\n" for n in names)


def write(lab, sets=(), version="2c", way="snmp"):
    """Writes the file of every machine that runs standin; {host: path}."""
    if way not in WAYS:
        raise ValueError(f"'{way}' is no way to reach the switch; there are {', '.join(WAYS)}")
    pair = lab["mode"] == "pair"
    paths = {}
    key = os.path.join(lab["dir"], "heartbeat.key")
    if pair and not os.path.exists(key):
        fd = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write(secrets.token_hex(32) + "\n")
    for host in ["standby"] + (["primary"] if pair else []):
        paths[host] = lab["hosts"][host]["config"]
        with open(paths[host], "w") as f:
            f.write(config(lab, host, pair, sets, version, way.split(",")))
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=os.environ.get("STANDIN_LAB_RUN"))
    parser.add_argument("--snmp", choices=["1", "2c", "3"], default="2c")
    parser.add_argument("--way", choices=WAYS, default="snmp")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    print(json.dumps(write(info(args.run), args.set, args.snmp, args.way)))


if __name__ == "__main__":
    main()
