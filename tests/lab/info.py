"""What is where in a lab, for programs (JSON) and people."""
import os

import hosts
import ns
import sshd
import topology


def info(run):
    machines = {}
    for host in ("primary", "standby", "gateway", "third"):
        legs = run.legs_of(host)
        machines[host] = {
            "netns": run.netns(host),
            "interfaces": {l.ifname: {"mac": l.mac, "port": l.port, "vlan": l.vlan, "addresses": l.addresses}
                           for l in legs}}
        if host in hosts.MACHINES:
            h = run.host(host)
            machines[host].update(
                up=ns.alive(h.get("init")), init_pid=h["init"][0] if ns.alive(h.get("init")) else None,
                dir=run.path(host), boot_id_file=run.path(host, "boot_id"), config=run.path(f"{host}.toml"),
                agent_log=run.path(f"{host}-agent.log"), var_lib_standin=run.path(host, "var-lib-standin"),
                service={"start": run.path(host, "start-rtmp"), "stop": run.path(host, "stop-rtmp"),
                         "stat_url": "http://127.0.0.1:8080/stat"})
    sw = run.path("sw")
    return {
        "run": run.id, "dir": run.dir, "mode": run.mode, "stock_snmpd": run.state["stock_snmpd"], "option_a": run.option_a,
        "up_ms": run.state.get("up_ms"), "vip": topology.VIP + "/24", "rtmp_port": topology.RTMP_PORT,
        "url": f"rtmp://{topology.VIP}:{topology.RTMP_PORT}/{topology.APPLICATION}/streamN",
        "vlans": {"production": 10, "management": 20, "quarantine": 998, "parking": 999},
        "gateway": topology.GATEWAY,
        "hosts": machines,
        "switch": {"netns": run.netns("switch"), "address": topology.SWITCH_ADDRESS, "snmp_port": 161,
                   "trap_sink": topology.TRAP_SINK + ":162", "trap_community": run.path("snmp.community-trap"),
                   "ovs_rundir": os.path.join(sw, "ovs"),
                   "ssh": {"port": sshd.PORT, "user": sshd.USER, "password": run.path("ssh.password"),
                           "key": run.path("ssh.key"), "known_hosts": run.path("ssh.known_hosts"),
                           "log": os.path.join(sw, "ssh", "sshd.log")},
                   "credentials": {
                       "community": run.path("snmp.community"), "community_ro": run.path("snmp.community-ro"),
                       "v3": [
                           {"user": "standin", "level": "authPriv", "auth": "SHA-256", "priv": "AES",
                            "auth_file": run.path("snmp.standin.auth"), "priv_file": run.path("snmp.standin.priv")},
                           {"user": "standin-sha1", "level": "authPriv", "auth": "SHA", "priv": "AES",
                            "auth_file": run.path("snmp.standin-sha1.auth"),
                            "priv_file": run.path("snmp.standin-sha1.priv")}]}},
        "cameras": {"count": run.state["cameras"], "ffmpeg": run.state["ffmpeg"], "csv": run.path("cameras.csv"),
                    "first_address": topology.cameras(1)[0].address, "netns": run.prefix + "cNNN"},
        "observer": run.path("observer.jsonl"),
    }


def text(d):
    lines = [f"lab {d['run']} ({d['mode']}{', stock snmpd' if d['stock_snmpd'] else ''}) in {d['dir']}",
             f"  VIP {d['vip']}, cameras push {d['url']}"]
    for name, h in d["hosts"].items():
        for ifname, i in h["interfaces"].items():
            lines.append(f"  {name:8} {h['netns']:14} {ifname} {i['mac']} port {i['port']:9} vlan {i['vlan']} "
                         f"{' '.join(i['addresses'])}")
    s = d["switch"]
    lines.append(f"  switch   {s['netns']:14} snmp {s['address']}:161 v2c {s['credentials']['community']}, v3 user "
                 f"{s['credentials']['v3'][0]['user']}; traps to {s['trap_sink']}")
    lines.append(f"           ssh {s['ssh']['user']}@{s['address']}:{s['ssh']['port']} key {s['ssh']['key']}, password in "
                 f"{s['ssh']['password']}, host key in {s['ssh']['known_hosts']}")
    c = d["cameras"]
    lines.append(f"  {c['count']} cameras from {c['first_address']} on ({c['ffmpeg']} ffmpeg), {c['csv']}")
    lines.append(f"  observer {d['observer']}")
    return "\n".join(lines)
