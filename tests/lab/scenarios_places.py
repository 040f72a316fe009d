"""Scenarios: the fence is on the machine that is meant, or it is not used. Who owns the VIP is found by asking."""
import os
import signal
import time

import trial
from scenarios_site import PORT, expect, register

SCENARIOS = []
scenario = register(SCENARIOS)
# A port with a link to nobody.
WRONG = "p-third"
HANG = 20.0
MISPLACED = 25.0  # two looks at least 10 s apart, and what the machine is slower


def hang(site, on):
    """The primary's kernel says nothing and hears nothing, and its link stays up."""
    if not on:
        site.on("primary", "nft", "delete", "table", "netdev", "hang")
        return
    chains = "".join(f"chain {way} {{ type filter hook {way} device eth0 priority -300; policy drop; }}\n"
                     for way in ("ingress", "egress"))
    code, out, err = site.on("primary", "nft", f"table netdev hang {{\n{chains}}}")
    expect(code == 0, f"nft: {out}{err}")


def renamed(site, wrong, right):
    """The fence's port in the standby's configuration is another from now on."""
    path = site.info["hosts"]["standby"]["config"]
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace(f'ports = ["{wrong}"]', f'ports = ["{right}"]'))
    os.kill(site.agent_pid(), signal.SIGHUP)


def placement(site):
    return ((site.status() or {}).get("placement") or [{}])[0]


@scenario(owners="P*")
def wrong_port_hang(site, _quick):
    """A fence that names another port than the primary's is misplaced, said everywhere, and shuts nothing when the primary hangs."""
    renamed(site, PORT, WRONG)
    got = site.until("the fence is misplaced", MISPLACED, lambda: (lambda p: p.get("state") == "misplaced" and p)(placement(site)))
    expect(PORT in got["detail"] or "no port of" in got["detail"], f"it does not say where the machine hangs: {got}")
    alarms = [a["key"] for a in (site.status() or {}).get("alarms", [])]
    expect("misplaced" in alarms, f"the alarms are {alarms}")
    code, check, err = site.standin("check")
    failed = [c for c in (check or {}).get("checks", []) if c["state"] == "failed"]
    expect(code == 1 and any(PORT in c["detail"] for c in failed), f"check exits {code}: {failed} {err}")
    code, looked, err = site.standin("switch", "preflight", "core", "--no-write")
    lines = [x for s in (looked or {}).get("switches", []) for x in s["lines"] if x["check"] == "place"]
    expect(code == 1 and any(x["verdict"] == "failed" and PORT in x["detail"] for x in lines), f"preflight exits {code}: {lines} {err}")
    since = trial.wall_us()
    hang(site, True)
    try:
        site.says("the fence is not on the peer", since, 5)
        site.untaken(HANG, since)
    finally:
        hang(site, False)
    time.sleep(10)
    expect(site.port(WRONG)["admin"] in ("up", 1, True), f"{WRONG} was shut: {site.port(WRONG)}")
    who = site.owners()
    expect(who == [site.mac("primary")], f"the VIP is answered by {who}")
    return got["detail"]


@scenario()
def right_port_hang(site, _quick):
    """The control: the fence is confirmed within seconds of the start, a primary that hangs is shut, and there is one owner after it."""
    got = site.until("the fence is confirmed", 4, lambda: (lambda p: p.get("state") == "confirmed" and p)(placement(site)))
    since = trial.wall_us()
    hang(site, True)
    try:
        site.reaches("active", 15)
        time.sleep(5)
    finally:
        hang(site, False)
    time.sleep(10)
    who = site.owners()
    expect(who == [site.mac("standby")], f"the VIP is answered by {who}")
    s = site.status() or {}
    expect(s.get("fence") == "proven", f"status says fence {s.get('fence')}")
    site.reset()
    return f"{got['level']}: {got['detail']}; {len(site.owner_letters(since))} changes of owner"


@scenario(owners="P*")
def wrong_port_is_corrected(site, _quick):
    """A misplaced fence is confirmed again within seconds of the reload that names the right port, and then takes over."""
    renamed(site, PORT, WRONG)
    site.until("the fence is misplaced", MISPLACED, lambda: placement(site).get("state") == "misplaced")
    renamed(site, WRONG, PORT)
    got = site.until("the fence is confirmed", 20, lambda: (lambda p: p.get("state") == "confirmed" and p)(placement(site)))
    return got["detail"]


@scenario(owners="P*S[SP]*P*")
def reload_moves_the_fence(site, _quick):
    """x_reload_moves_the_fence: a file that names another port, read while the fence stands, moves nothing at the switch."""
    result = site.takeover()
    expect(not result["problems"], "; ".join(result["problems"]))
    renamed(site, PORT, WRONG)
    site.undo.callback(renamed, site, WRONG, PORT)

    def stands(when):
        expect(site.port(PORT)["admin"] == "down", f"{when}: the primary's port was opened")
        expect(site.port(WRONG)["admin"] == "up", f"{when}: the port that the file names was shut")
        expect(site.vip_here(), f"{when}: the address is gone")
    time.sleep(3)
    stands("after the reload")
    site.until("it is said", 10, lambda: "fence-of-the-journal" in [a["key"] for a in site.status()["alarms"]])
    site.lab("agent", "kill", "standby")
    site.start("standby")
    site.reaches("active", 15)
    time.sleep(3)
    stands("after a crash")
    site.lab("plug", "primary")
    code, answer, err = site.standin("release", trial.PEER, timeout=60)
    expect(code == 0, f"the release: exit {code} {answer} {err}")
    expect(site.port(PORT)["admin"] == "up" and site.port(WRONG)["admin"] == "up", "the release left a port shut")
    return "the journal's port stays shut, also after a crash; released at that port"
