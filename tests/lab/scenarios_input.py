"""Scenarios: bad input of every kind, each with a message that a stranger understands."""
import os
import socket

import trial
from scenarios_site import expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)


def reload(site):
    os.kill(site.agent_pid(), 1)


@scenario(owners="P*")
def broken_reload(site, _quick):
    """SIGHUP with a broken configuration: it is named with its line, and the old one stays in force."""
    path = site.config()
    with open(path) as f:
        good = f.read()
    site.undo.callback(site.configure)
    since = trial.wall_us()
    with open(path, "w") as f:
        f.write(good.replace("192.168.1.101/24", "192.168.1.301/24"))
    reload(site)
    said = site.says(["NOT in force, the old one is"], since, 5, level="ERROR")
    raw = open(site.log_path()).read()
    expect("192.168.1.301" in raw and "standby.toml:" in raw, "the log does not name the line")
    site.untaken(1, since)
    expect(site.is_healthy(), f"not healthy after it: {site.status()}")
    since = trial.wall_us()
    with open(path, "w") as f:
        f.write(good.replace("[peer.cctv.detect]\n", '[peer.cctv.detect]\nsuspect-after = "400ms"\n'))
    reload(site)
    site.says("in force", since, 5, level="INFO")
    return said


@scenario()
def garbage_on_the_socket(site, _quick):
    """Garbage on the control socket is answered or dropped, and the daemon goes on."""
    site.run.load()
    init = site.run.host("standby")["init"][0]
    path = os.path.join("/proc", str(init), "root", "run", "standin", "standin.sock")
    for junk in (b"\0" * 5000 + b"\n", b"{\n", b"[]\n", b'{"version":99,"command":"status"}\n', b"\xff\xfe\n",
                 b'{"command":' + b"[" * 50000 + b"\n", b"x" * 2_000_000, b""):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(3)
            s.connect(path)
            try:
                s.sendall(junk)
                s.shutdown(socket.SHUT_WR)
                s.recv(4096)
            except OSError:
                pass
    expect(site.status(), "the daemon does not answer any more")
    fine(site.takeover())


@scenario()
def broken_journal(site, _quick):
    """A journal with a torn end: the good part is used, the bad part is kept aside and named."""
    fine(site.takeover())
    site.lab("agent", "kill", "standby")
    folder = site.info["hosts"]["standby"]["var_lib_standin"]
    path = os.path.join(folder, "journal.jsonl")
    with open(path, "ab") as f:
        f.write(b'{"seq":99999,"boot_id":"torn')
    since = trial.wall_us()
    site.start("standby")
    said = site.says("journal", since, 10)
    site.reaches("active", 30)
    aside = [n for n in os.listdir(folder) if n.startswith("journal") and n != "journal.jsonl"]
    expect(aside, f"nothing was kept aside: {os.listdir(folder)}")
    expect(any(n in said for n in aside), f"the log names no file of {aside}: {said}")
    return said[:200]


@scenario(owners="P*")
def broken_configuration(site, _quick):
    """A broken configuration stops the start, with every problem's line at once."""
    path = site.run.path("broken.toml")
    with open(site.config()) as f:
        good = f.read()
    with open(path, "w") as f:
        f.write(good.replace('"192.168.1.101/24"', '"192.168.1.301/24"').replace('["p-prim"]', '["p-stby"]')
                .replace("[node]", "[node]\nnmae = 1"))
    code, out, err = site.on("standby", site.binary, "check", "--config", path)
    text = out + err
    expect(code == 78, f"exit {code}: {text}")
    for part in ("192.168.1.301", "nmae", "broken.toml:"):
        expect(part in text, f"'{part}' is not named: {text}")
    return f"{text.count('broken.toml:')} problems named"


@scenario(owners="[PT?]*")
def others_who_answer(site, _quick):
    """Rule 9: two who answer one question, and a router that answers for everybody, fail `check` and `preflight` by name."""
    def fails(what, *words):
        for command in (("check",), ("switch", "preflight", "core")):
            code, out, err = site.on("standby", site.binary, *command, "--config", site.config(), timeout=60)
            expect(code not in (0, 2) and all(w in out + err for w in words), f"{what}: `{' '.join(command)}` exits {code}: {out}{err}")
    code, out, err = site.on("standby", site.binary, "check", "--config", site.config(), timeout=60)
    expect(code == 0, f"with nobody else `check` fails: {out}{err}")
    site.sabotage("third-machine", "up", undo=("third-machine", "down"))
    fails("a second machine with the address", site.mac("third"), "p-third")
    site.undo.close()

    knob = "net.ipv4.conf.eth0.proxy_arp_pvlan"
    site.undo.callback(site.on, "gateway", "sysctl", "-qw", f"{knob}=0")
    code, _, err = site.on("gateway", "sysctl", "-qw", "net.ipv4.ip_forward=1", f"{knob}=1")
    expect(code == 0, err)
    gateway = site.info["hosts"]["gateway"]["interfaces"]["eth0"]["mac"]
    fails("a gateway that answers for everybody", gateway, "proxy")
    return "a second machine by MAC and port; proxy ARP by the gateway's MAC"
