"""Scenarios: the owner keeps looking, and a person can stop it. Owners are found by asking: an RTMP handshake to each
machine's MAC, and `arping` from the gateway, not only by listening."""
import time

import topology
import trial
from scenarios_site import PORT, expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)


def answering(site, seconds=2):
    """Who answers a camera's question for the VIP: the letters of the machines, sorted."""
    _, out, _ = site.on("c001", "arping", "-c", str(seconds), "-w", str(seconds + 1), "-I", "eth0", topology.VIP)
    letters = {site.mac("primary"): "P", site.mac("standby"): "S", site.mac("third"): "T"}
    return "".join(sorted({letter for mac, letter in letters.items() if mac.lower() in out.lower()}))


def alarms(site):
    s = site.status() or {}
    return {a["key"]: a["text"] for a in s.get("alarms", [])}


@scenario(owners="P*S[SP]*P[SP]*")
def opened_while_silent(site, _quick):
    """The switch falls silent, the peer's port is opened and the peer serves: the owner sees it by asking, and gives way."""
    fine(site.takeover())
    site.lab("plug", "primary")
    time.sleep(2)
    expect(answering(site) == "S", f"behind the fence answer {answering(site)}")
    site.sabotage("switch", "snmp", "stop", undo=("switch", "snmp", "start"))
    since = trial.wall_us()
    site.says("has not been read", since, 30)
    stale = site.status()
    expect(stale["fence"] == "stale", f"status says {stale['fence']}")
    opened = trial.wall_us()
    site.lab("switch", "port", PORT, "up")
    site.until("two are seen", 8, lambda: "conflict" in alarms(site), 0.1)
    seen = trial.wall_us()
    foreign = site.status()["conflict"]
    site.until("it gives way", 12, lambda: not site.vip_here(), 0.1)
    gone = trial.wall_us()
    expect(answering(site) == "P", f"afterwards answer {answering(site)}")
    text = [t for _, _, t in site.log("standby", opened) if "giving the VIP up" in t]
    expect(text, "the log does not say why")
    return (f"stale said; conflict {(seen - opened) / 1000:.0f} ms after the port was opened ({foreign}), "
            f"given up after {(gone - opened) / 1000:.0f} ms: {text[0][:120]}")


@scenario(owners="P*")
def held_with_the_switch_silent(site, _quick):
    """A planned takeover of a living primary, the switch silent, then the hold: nothing is shut when the switch is back."""
    site.sabotage("switch", "snmp", "stop", undo=("switch", "snmp", "start"))
    site.standin("takeover", trial.PEER, "--no-wait")
    site.reaches("taking fence", 10)
    time.sleep(2)
    code, answer, err = site.standin("hold", trial.PEER, "on")
    expect(code == 0, err)
    expect(answer["state"] == "held", f"the answer says {answer}")
    site.undo.close()
    time.sleep(15)
    expect(site.port()["admin"] == "up", "the primary's port was shut under hold")
    expect(not site.vip_here(), "the VIP is here")
    expect(site.publishing("primary") == site.count, f"{site.publishing('primary')} cameras at the primary")
    site.standin("hold", trial.PEER, "off")
    return f"the answer of hold: {answer}"


@scenario(owners="P*S[SPT?]*P*")
def released_to_a_new_card(site, _quick):
    """The repaired primary has another MAC: the release ends within 2 s of its answer and names the command, which works."""
    fine(site.takeover())
    new = "02:de:ad:00:00:77"
    old = site.mac("primary")
    site.lab("plug", "primary")
    site.on("primary", "ip", "link", "set", "eth0", "address", new)
    site.undo.callback(site.on, "primary", "ip", "link", "set", "eth0", "address", old)
    since = trial.wall_us()
    code, answer, _ = site.standin("release", trial.PEER, timeout=60)
    expect(code != 0, f"the release to a foreign card succeeded: {answer}")
    said = site.says(f"standin release {trial.PEER} --new-mac {new}", since, 5)
    heard = next(t for t, _, text in site.log("standby", since) if "conflict" in text and new in text)
    ended = next(t for t, _, text in site.log("standby", since) if "release failed" in text)
    expect(ended - heard < 2_000_000, f"it ended {(ended - heard) / 1000:.0f} ms after the answer")
    site.reaches("active", 20)
    code, answer, err = site.standin("release", trial.PEER, "--new-mac", new, timeout=60)
    expect(code == 0, f"the release with the address named: exit {code}: {answer} {err}")
    expect(site.status()["peer"]["mac"] == new, "status shows the old address")
    return f"ended {(ended - heard) / 1000:.0f} ms after the answer: {said[:160]}; then {answer['state']}"


@scenario(owners="P*S[SPT?]*P*")
def plugged_into_another_port(site, _quick):
    """F10: the repaired primary's second leg lands in the cameras' network with the address: alarmed as long as it lasts."""
    fine(site.takeover())
    site.lab("plug", "primary")
    leg = next(x for x in site.run.load().legs_of("primary") if x.port == "p-prim-m")
    site.sabotage("switch", "vlan", leg.port, topology.VLAN_PRODUCTION, undo=("switch", "vlan", leg.port, leg.vlan))
    # Else its own kernel answers for what it has on eth0 already, by either leg.
    site.on("primary", "ip", "address", "flush", "dev", "eth0")
    site.on("primary", "ip", "address", "replace", f"{topology.VIP}/24", "dev", "eth1")
    site.on("primary", "arping", "-U", "-q", "-c", "2", "-w", "3", "-I", "eth1", topology.VIP)
    began = trial.wall_us()
    site.until("it is alarmed", 5, lambda: "conflict" in alarms(site), 0.1)
    after = (trial.wall_us() - began) / 1000
    # It lasts longer than the first answer to it, and it is said where that machine hangs.
    for _ in range(4):
        time.sleep(2)
        said = alarms(site).get("conflict", "")
        expect(leg.mac in said and leg.port in said, f"the alarm says {said!r}")
        expect(site.vip_here(), "a third machine made it give the address up")
    expect("what the alarm says" in site.on("standby", site.binary, "status", "--config", site.config())[1], "next says nothing of it")
    site.on("primary", "ip", "address", "del", f"{topology.VIP}/24", "dev", "eth1")
    site.until("the alarm is over", 20, lambda: "conflict" not in alarms(site), 0.2)
    site.undo.close()
    site.lab("plug", "primary")   # with its address where it belongs
    code, answer, err = site.standin("release", trial.PEER, timeout=60)
    expect(code == 0, f"the release: exit {code} {answer} {err}")
    return f"alarmed after {after:.0f} ms: {said[:100]}"
