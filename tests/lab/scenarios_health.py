"""Scenarios of the health checks (`[[peer.NAME.health]]`): what they say, and what a takeover makes of them."""
import os
import signal
import time

import trial
from scenarios_site import expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)


def with_checks(site, feeds):
    """The daemon with checks of the peer and of this machine: each is well while its file is there. Their folder."""
    folder = os.path.join(os.path.dirname(site.config()), "health")
    os.makedirs(folder, exist_ok=True)
    site.configure()
    text = ""
    for name, on in (("twin", "peer"), ("disk", "here")):
        path = os.path.join(folder, name)
        with open(path, "w"):
            pass
        more = f'feeds = "{feeds}"\n' if on == "peer" else ""
        text += (f'\n[[peer.{trial.PEER}.health]]\nkind = "command"\nname = "{name}"\non = "{on}"\ninterval = "200ms"\n'
                 f'timeout = "200ms"\nfall = 2\nrise = 2\nrun = ["/usr/bin/test", "-e", "{path}"]\n{more}')
    with open(site.config(), "a") as f:
        f.write(text)

    def as_before():
        site.configure()
        site.restart_agent()
    site.undo.callback(as_before)
    site.restart_agent()
    site.healthy()
    site.until("all checks are up", 10, lambda: states(site) == {"twin": "up", "disk": "up"})
    return folder


def states(site):
    return {c["name"]: c["state"] for c in site.status()["health"]}


def alarms(site):
    return {a["key"]: a for a in site.status()["alarms"]}


@scenario(owners="P*")
def health_alert(site, _quick):
    """A service of the peer that is not well is an alarm, and nothing moves; it ends by itself. `check` says the same."""
    folder = with_checks(site, "alert")
    since = trial.wall_us()
    for name, level in (("twin", "critical"), ("disk", "warning")):
        path = os.path.join(folder, name)
        os.unlink(path)
        gone = time.monotonic()
        key = f"health:{name}"
        site.until(f"{key} is told", 5, lambda key=key: key in alarms(site))
        took = time.monotonic() - gone
        # fall * interval + timeout, and what asking for the status takes.
        expect(took < 2 * 0.2 + 0.2 + 1, f"{key} was told after {took:.2f} s")
        expect(alarms(site)[key]["level"] == level, f"{alarms(site)[key]}")
        code, answer, _ = site.standin("check", timeout=60)
        lines = {c["check"]: c["state"] for c in (answer or {}).get("checks", [])}
        found = lines.get(f"health check {name} of {trial.PEER}")
        expect(found == "failed", f"check says {found} of {name}")
        with open(path, "w"):
            pass
        site.until(f"{key} is over", 5, lambda key=key: key not in alarms(site))
    site.untaken(1, since)
    kept = [r for r in site.journal() if r["kind"] == "health" and r["data"]["was"] != "unknown"]
    told = [(r["data"]["check"], r["data"]["state"]) for r in kept]
    expect(told[-4:] == [("twin", "down"), ("twin", "up"), ("disk", "down"), ("disk", "up")], f"the journal has {told}")


@scenario(owners="P*SP?", sets=('policy.service-dead="takeover"',))
def health_takeover(site, _quick):
    """With feeds = takeover a service of a healthy peer that is not well is one that does not serve: fenced, taken over."""
    folder = with_checks(site, "takeover")
    boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    cut = {"t_us": trial.wall_us(), "boottime_us": boottime}
    os.unlink(os.path.join(folder, "twin"))
    got = fine(site.takeover(cut=cut))
    said = [text for _, _, text in site.log(since_us=cut["t_us"]) if "health check twin" in text]
    expect(said, "nothing says which service it was")
    return f"first announce {got['ms']['first_announce']:.0f} ms, last SYN {got['ms']['last_syn']:.0f} ms"


@scenario(owners="P*", sets=('policy.service-dead="alert"',))
def health_policy(site, _quick):
    """The policy of a dead service holds for checks too: with service-dead = alert nothing moves."""
    folder = with_checks(site, "takeover")
    since = trial.wall_us()
    os.unlink(os.path.join(folder, "twin"))
    said = site.says("service-dead = alert", since, 10, level="ERROR")
    expect("health check twin" in said, said)
    site.untaken(4, since)
    with open(os.path.join(folder, "twin"), "w"):
        pass
    site.until("it is over", 10, lambda: "answers-does-not-serve" not in alarms(site))
    return said


def points_at(site):
    """As the daemon shows it; of one that is still starting nothing is known."""
    all_of_them = (site.standin("status")[1] or {}).get("redirects")
    return all_of_them[0] if all_of_them else {"state": "", "places": [{"state": ""}]}


@scenario(owners="P*")
def redirect_falls_back(site, _quick):
    """What has no address to move is pointed elsewhere at once, finished after a kill, held and released by a person."""
    folder = os.path.join(os.path.dirname(site.config()), "redirect")
    os.makedirs(folder, exist_ok=True)
    well, at, slow = (os.path.join(folder, name) for name in ("well", "at", "slow"))
    program = os.path.join(folder, "point.sh")
    with open(program, "w") as f:
        f.write(f'#!/bin/sh\nset -eu\n[ -e {slow} ] && sleep 5\necho "$1" > {at}\necho "$1 $STANDIN_EPOCH" >> {at}.all\n')
    os.chmod(program, 0o755)
    for name in os.listdir(folder):
        if name != "point.sh":
            os.unlink(os.path.join(folder, name))
    with open(well, "w"):
        pass
    site.configure()
    text = "\n[redirect.twin]\n"
    for name, checks in (("primary", '"well"'), ("spare", "")):
        text += (f'[[redirect.twin.place]]\nname = "{name}"\nchecks = [{checks}]\nafter = "1s"\nsays = "Mode of {name}"\n'
                 f'[[redirect.twin.place.step]]\nkind = "command"\nname = "point"\nrun = ["{program}", "{name}"]\n'
                 f'probe = ["/bin/grep", "-qx", "{name}", "{at}"]\n')
    text += ('[[redirect.twin.health]]\nkind = "command"\nname = "well"\ninterval = "200ms"\ntimeout = "200ms"\nfall = 2\n'
             f'run = ["/usr/bin/test", "-e", "{well}"]\n')
    with open(site.config(), "a") as f:
        f.write(text)

    def as_before():
        site.configure()
        site.restart_agent()
    site.undo.callback(as_before)
    site.restart_agent()
    site.healthy()
    site.until("the primary is well", 10, lambda: points_at(site)["places"][0]["state"] == "up")
    code, answer, _ = site.standin("check", timeout=60)
    lines = [c for c in (answer or {}).get("checks", []) if "twin" in c["check"]]
    expect(len(lines) == 4 and not [c for c in lines if c["state"] == "failed"], f"check says {lines}")
    expect(any("unfenced" in c["detail"] for c in lines if c["state"] == "warning"), f"check says {lines}")
    # Killed in the middle of its step: the next daemon finishes it.
    with open(slow, "w"):
        pass
    os.unlink(well)
    site.until("it is being pointed", 5, lambda: points_at(site)["state"] == "pointing at spare")
    os.kill(site.agent_pid(), signal.SIGKILL)
    site.until("it is dead", 5, lambda: site.agent_pid() is None)
    os.unlink(slow)
    site.start("standby")
    site.until("it points at the spare", 20, lambda: points_at(site)["state"] == "spare")
    shown = points_at(site)
    expect(shown["verdict"] == "degraded: unfenced" and shown["says"] == "Mode of spare", f"{shown}")
    with open(at) as f:
        expect(f.read() == "spare\n", "the step says that it is done, and it is not")
    site.until("it is told", 5, lambda: "redirect:twin" in {a["key"] for a in site.standin("status")[1]["alarms"]})
    code, _, err = site.standin("release", "twin")
    expect(code != 0 and "not seen well" in err, f"released to what is not well: {code} {err}")
    with open(well, "w"):
        pass
    site.until("the primary is well", 10, lambda: points_at(site)["places"][0]["state"] == "up")
    code, answer, err = site.standin("hold", "twin", "on")
    expect(code == 0 and answer["state"] == "held at spare" and answer["durable"], f"hold says {code} {answer} {err}")
    code, _, err = site.standin("release", "twin")
    expect(code != 0 and "held" in err, f"released under a hold: {err}")
    site.standin("hold", "twin", "off")
    code, answer, err = site.standin("release", "twin", timeout=30)
    expect(code == 0 and answer["place"] == "primary", f"release says {answer} {err}")
    with open(at) as f:
        expect(f.read() == "primary\n", "the release says that it is done, and it is not")
    site.until("it is over", 5, lambda: "redirect:twin" not in {a["key"] for a in site.standin("status")[1]["alarms"]})
    expect(site.status()["state"] == "standby", "the peer was touched")


@scenario(owners="P*SP?")
def health_delays_nothing(site, _quick):
    """A takeover beside twenty checks that hang, five times a second each, is as soon as without them."""
    site.configure()
    vip = site.status()["vip"].split("/")[0]
    with open(site.config(), "a") as f:
        for i in range(20):
            # A media server says nothing first: each look hangs until its deadline.
            f.write(f'\n[[peer.{trial.PEER}.health]]\nkind = "tcp"\nname = "hangs{i}"\non = "peer"\nat = "{vip}:1935"\n'
                    'greeting = "never said"\ninterval = "200ms"\ntimeout = "200ms"\n')

    def as_before():
        site.configure()
        site.restart_agent()
    site.undo.callback(as_before)
    site.restart_agent()
    site.healthy()
    site.until("all are down", 10, lambda: set(states(site).values()) == {"down"})
    got = fine(site.takeover())
    expect(got["ms"]["first_announce"] < 1000, f"{got['ms']}")
    site.until("nobody asks our own service for the peer's", 5, lambda: set(states(site).values()) == {"paused"})
    return f"first announce {got['ms']['first_announce']:.0f} ms, last SYN {got['ms']['last_syn']:.0f} ms"
