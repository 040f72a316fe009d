"""Scenarios of what the switch tells by itself: notifications, and the port of a fence that is found (`ports = "auto"`)."""
import os
import signal
import socket
import time

import ns
import ovs
import snmpraw
import trial
from scenarios_site import PORT, expect, fine, register
from scenarios_takeover import kill_at
from site_config import TRAPS

SCENARIOS = []
scenario = register(SCENARIOS)
AUTO = 'fence.ports="auto"'
# Long enough that neither silence nor the next poll can be what is noticed within a second.
SLOW = ('detect.switch-poll="60s"', 'detect.suspect-after="3s"')
SOON = 1000
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"


# -- notifications -------------------------------------------------------------------

@scenario(sets=(TRAPS, *SLOW))
def trap_is_noticed(site, _quick):
    """With a poll a minute apart, the switch's linkDown makes the standby notice at once, and silence alone does not."""
    got = fine(site.takeover())
    by_trap = got["ms"]["noticed"]
    expect(by_trap < SOON, f"noticed after {by_trap} ms: not by the notification")
    code, status, err = site.standin("status")
    heard = (status or {}).get("traps") or {}
    expect(code == 0 and heard.get("received"), f"status knows of no notification: {heard} {err}")
    expect(heard["last"]["switch"] == "core", f"the last one is of {heard['last']}")
    site.reset()
    got = fine(site.takeover(carrier_stays=True))
    by_silence = got["ms"]["noticed"]
    expect(by_silence > 2 * SOON, f"noticed after {by_silence} ms although no link changed")
    site.reset()
    return f"noticed {by_trap:.0f} ms after the cut with a linkDown, {by_silence:.0f} ms without; {heard['received']} received"


def link_down(site, community):
    """A linkDown of the primary's port, as the switch would send it."""
    index = site.ifindex(PORT)
    bind = lambda oid, value: snmpraw.tlv(0x30, snmpraw.tlv(6, snmpraw.encode_oid(oid)) + value)
    binds = [bind("1.3.6.1.2.1.1.3.0", snmpraw.integer(4711, 0x43)),
             bind("1.3.6.1.6.3.1.1.4.1.0", snmpraw.tlv(6, snmpraw.encode_oid(LINK_DOWN))),
             bind(f"1.3.6.1.2.1.2.2.1.1.{index}", snmpraw.integer(index)),
             bind(f"1.3.6.1.2.1.2.2.1.8.{index}", snmpraw.integer(2))]
    pdu = snmpraw.tlv(0xA7, snmpraw.integer(1) + snmpraw.integer(0) * 2 + snmpraw.tlv(0x30, b"".join(binds)))
    return snmpraw.tlv(0x30, snmpraw.integer(1) + snmpraw.tlv(4, community.encode()) + pdu)


@scenario(sets=(TRAPS, *SLOW), owners="P*")
def trap_is_forged(site, _quick):
    """A forged linkDown does nothing: from another machine it is counted and said, from the switch's own address the port is read."""
    with open(site.info["switch"]["trap_community"]) as f:
        community = f.read().strip()
    sink, port = site.info["switch"]["trap_sink"].split(":")
    heard = lambda: site.standin("status")[1]["traps"]
    since, before = trial.wall_us(), heard()
    for host, words in (("primary", community), ("switch", "not-the-community"), ("switch", community)):
        with site.socket_at(host, socket.SOCK_DGRAM) as s:
            for _ in range(300):
                s.sendto(link_down(site, words), (sink, int(port)))
                time.sleep(0.001)
    site.untaken(4, since)
    s = site.status()
    expect(s["state"] == "standby" and s["peer"]["port_up"], f"it is {s['state']} ({s['why']})")
    suspected = [text for _, _, text in site.log("standby", since) if "-> confirming" in text or "-> suspect" in text]
    expect(not suspected, f"the peer was suspected: {suspected[:2]}")
    after = heard()
    ignored, received = after["ignored"] - before["ignored"], after["received"] - before["received"]
    expect(ignored >= 550, f"only {ignored} of 600 are counted as ignored")
    expect(received >= 250, f"only {received} of 300 with the switch's address were received: the test tests nothing")
    said = [text for _, level, text in site.log("standby", since) if level == "WARN" and "not taken" in text]
    expect(1 <= len(said) <= 3, f"{len(said)} lines in the log: {said[:4]}")
    return f"{ignored} ignored, {received} received and looked at; the log: {said[0][:120]}"


# -- ports that are found -----------------------------------------------------------------

def level(site):
    return site.status()["fence_ports"][0]


def is_found(site, seconds=15):
    return site.until("the fence's port is found", seconds, lambda: (lambda f: f["ports"] and f)(level(site)), 0.2)


@scenario(sets=(AUTO,))
def port_is_found(site, _quick):
    """ports = "auto": the port is found while the primary is healthy, shown with how it is known, fenced and lifted."""
    told = is_found(site)
    expect(told["ports"] == [PORT] and told["auto"], f"status has {told}")
    for command in (["check"], ["plan", trial.PEER]):
        code, answer, err = site.standin(*command)
        text = str(answer)
        expect(code == 0 and PORT in text and "auto" in text and "learned" in text,
               f"{command[0]}: exit {code}: {text[-500:]} {err[-300:]}")
    figures = []
    for carrier_stays in (False, True):
        got = fine(site.takeover(carrier_stays))
        expect(site.port()["admin"] == "down", "the primary's port is not shut")
        others = [n for n, p in site.lab("switch", "status")["ports"].items() if p["admin"] != "up" and n != PORT]
        expect(not others, f"other ports are shut: {others}")
        site.reset()
        figures.append(f"fence proven {got['ms']['fence_proven']:.0f} ms")
        is_found(site)
    kept = [r["data"]["found"] for r in site.journal() if r["kind"] == "state" and r["data"].get("found")]
    expect(kept and kept[-1][0]["found"]["port"] == PORT, f"the journal has {kept[-1:]}")
    return f"{told['how']}; {', '.join(figures)}"


@scenario(sets=(AUTO,))
def port_is_remembered(site, _quick):
    """ports = "auto": killed before it notices and in the fence of a takeover, it goes on with the port of its journal."""
    said = []
    for delay, carrier_stays in ((0.05, True), (0.05, False), (0.3, True)):
        is_found(site)
        got = fine(kill_at(site, delay, carrier_stays))
        said.append(got["moment"])
        site.reset()
    return "; ".join(said)


def crowd(site, count=8):
    """So many machines appear behind the primary's port."""
    with ns.inside(site.run.netns("primary")):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind(("eth0", 0))
    with raw:
        for n in range(count):
            mac = bytes([2, 0x77, 0, 0, 0, n])
            raw.send(b"\xff" * 6 + mac + b"\x88\xb5" + bytes(46))


@scenario(sets=(AUTO,))
def port_is_not_guessed(site, _quick):
    """ports = "auto" with a crowd behind the port: there is no fence, it says so, does nothing at the cut, and takes over once told and ordered."""
    site.lab("agent", "stop", "standby")
    site.clear_states()
    flush = lambda: ovs.Switch(site.run.path("sw", "ovs")).appctl("fdb/flush", ovs.BRIDGE)
    site.undo.callback(flush)
    crowd(site)
    since = trial.wall_us()
    site.start("standby")
    site.until("the standby sees the peer healthy", 20, lambda: (site.status() or {}).get("peer", {}).get("healthy_since_boot"))
    said = site.says("NOT there: its port is not known", since, 15, level="ERROR")
    told = site.until("status says why", 10, lambda: (lambda f: "MAC addresses" in (f["why"] or "") and f)(level(site)))
    expect(not told["ports"], f"status has {told}")
    code, answer, _ = site.standin("check")
    expect(code != 0 and "no port is known" in str(answer), f"check: exit {code}: {str(answer)[-400:]}")
    cut = site.cut(carrier_stays=True)
    site.reaches("suspect", 10)
    time.sleep(3)
    expect(site.port()["admin"] == "up", "a port was shut that nobody knew")
    site.silent(cut["t_us"])
    said_at_cut = site.status()["why"] or ""
    expect("nothing has confirmed that the fence's port is the peer's" in said_at_cut, f"status says {said_at_cut}")
    # Nobody can confirm a port by the address of a machine that is dead: a person takes it upon himself.
    _, advice, _ = site.on("standby", site.binary, "status", "--config", site.config("standby"))
    expect("name the ports" in advice and f"standin takeover {trial.PEER}" in advice, f"status advises {advice}")
    # Else a guard refuses the port that is named, too: so many machines are learned behind it.
    flush()
    site.configure([f'fence.ports=["{PORT}"]'])
    os.kill(site.agent_pid(), signal.SIGHUP)
    site.until("the reload is in force", 10, lambda: level(site)["ports"])
    expect(site.port()["admin"] == "up", "a port was shut that nothing had confirmed")
    code, answer, _ = site.standin("takeover", trial.PEER, "--no-wait")
    expect(code == 0, f"takeover: exit {code}: {answer}")
    site.ends_verified(cut, 30, fence="shut, unconfirmed")
    return said[:200]
