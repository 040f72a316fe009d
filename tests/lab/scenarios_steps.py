"""Scenarios of the steps that a site adds to a takeover (`[[peer.NAME.step]]`)."""
import json
import os
import signal

import trial
from scenarios_site import expect, fine, register
from scenarios_takeover import kill_at

SCENARIOS = []
scenario = register(SCENARIOS)

# What a step did stands in one file, and that it is in effect in another: idempotent, as a step has to be.
PROGRAM = """#!/bin/sh
set -eu
cd "$(dirname "$0")"
sleep "$3"
if [ "$2" = do ]; then touch "effect-$1"; else rm -f "effect-$1"; fi
echo "$1 $2 $STANDIN_PEER $STANDIN_VIP $STANDIN_UNDO" >> done
echo "$1 is $2ne"
"""


def table(name, folder, takes, *more):
    """One step whose effect is a file, and whose probe looks for it."""
    program = os.path.join(folder, "step.sh")
    keys = [f"run = {json.dumps([program, name, 'do', takes])}",
            f"undo = {json.dumps([program, name, 'undo', takes])}",
            f"probe = {json.dumps(['/usr/bin/test', '-e', os.path.join(folder, 'effect-' + name)])}", *more]
    return f'\n[[peer.{trial.PEER}.step]]\nkind = "command"\nname = "{name}"\n' + "\n".join(keys) + "\n"


def with_steps(site):
    """The daemon with three steps: one that the claim waits for, two after it. Where they leave their traces."""
    folder = os.path.join(os.path.dirname(site.config()), "steps")
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    with open(os.path.join(folder, "step.sh"), "w") as f:
        f.write(PROGRAM)
    os.chmod(os.path.join(folder, "step.sh"), 0o755)
    site.configure()
    with open(site.config(), "a") as f:
        f.write(table("twin", folder, "0.1", 'needs = ["command:names"]'))
        f.write(table("db", folder, "0.4", 'before = ["claim"]'))
        f.write(table("names", folder, "0.1"))

    def as_before():
        site.configure()
        site.restart_agent()
    site.undo.callback(as_before)
    site.restart_agent()
    site.healthy()
    return folder


def done(folder):
    """What was run, in order."""
    path = os.path.join(folder, "done")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [line.split() for line in f]


def effects(folder):
    return sorted(name.removeprefix("effect-") for name in os.listdir(folder) if name.startswith("effect-"))


@scenario()
def steps_of_the_site(site, _quick):
    """Steps of the site are checked, planned, done in order at a takeover, reported, and taken back in reverse at the release."""
    folder = with_steps(site)
    code, answer, _ = site.standin("check", timeout=60)
    lines = [c for c in (answer or {}).get("checks", []) if c["check"].startswith("step ")]
    expect(len(lines) == 3 and all(c["state"] == "ok" for c in lines), f"check: exit {code}: {lines}")
    code, plan, _ = site.standin("plan", trial.PEER, timeout=60)
    names = [s["step"] for s in plan["steps"]]
    order = [names.index(s) for s in ("command:db", "claim", "command:names", "command:twin")]
    expect(order == sorted(order), f"plan has the steps in the order {names}")
    expect(all(s["undo"] for s in plan["steps"] if s["step"].startswith("command:")), "plan does not say how they are taken back")

    got = fine(site.takeover())
    expect([d[:2] for d in done(folder)] == [["db", "do"], ["names", "do"], ["twin", "do"]], f"done: {done(folder)}")
    expect(done(folder)[0][2:] == [trial.PEER, "192.168.1.101", "0"], f"told: {done(folder)[0]}")
    code, report, _ = site.standin("report")
    marks = dict(report["ms"])
    expect(marks["command:db"] <= marks["claimed"] <= marks["command:names"] <= marks["command:twin"], f"marks: {marks}")
    told = {s["step"]: s for s in report["steps"]}
    expect(told["command:twin"]["state"] == "done" and "twin is done" in told["command:twin"]["detail"],
           f"report: {told['command:twin']}")
    expect([s["state"] for s in site.status()["steps"]] == ["done"] * 3, f"status: {site.status()['steps']}")

    # Another file, which has none of them: what stands goes on as it began, and is taken back as it was done.
    since = trial.wall_us()
    site.configure()
    os.kill(site.agent_pid(), signal.SIGHUP)
    site.says("the configuration was read again and is in force", since, 10)
    expect([s["state"] for s in site.status()["steps"]] == ["done"] * 3, f"after a reload: {site.status()['steps']}")

    site.reset()
    undone = [d[:2] for d in done(folder)[3:]]
    expect(undone[:2] == [["twin", "undo"], ["names", "undo"]], f"taken back: {undone}")
    site.until("the last one is taken back", 10, lambda: not effects(folder))
    expect(done(folder)[-1][:2] == ["db", "undo"] and done(folder)[-1][4] == "1", f"taken back: {done(folder)[3:]}")
    expect(not site.status()["steps"], f"status: {site.status()['steps']}")

    def reported():
        code, report, _ = site.standin("report")
        steps = {s["step"]: s["state"] for s in (report or {}).get("steps", [])}
        return report and report["kind"] == "release" and steps.get("undo command:db") == "done"
    site.until("the report says that the last one is taken back", 10, reported)
    return ", ".join(f"{k} {marks[k]:.0f} ms" for k in ("command:db", "claimed", "command:names", "command:twin"))


@scenario()
def steps_and_a_killed_agent(site, quick):
    """An agent that is killed among the steps of the site and started again does each of them, and takes each back."""
    folder = with_steps(site)
    rows = []
    for delay in (0.5, 0.95) if quick else (0.35, 0.5, 0.7, 0.95, 1.1, 1.3):
        got = fine(kill_at(site, delay))
        site.until("every step is in effect", 20, lambda: effects(folder) == ["db", "names", "twin"])
        site.reset()
        site.until("every step is taken back", 20, lambda: not effects(folder))
        rows.append(got["moment"])
    return "; ".join(rows)


@scenario()
def a_step_that_fails(site, _quick):
    """A step of the site that fails leaves the cameras served and the takeover degraded, and the report names it."""
    folder = with_steps(site)
    with open(site.config(), "a") as f:
        f.write(f'\n[[peer.{trial.PEER}.step]]\nkind = "command"\nname = "never"\ntries = 2\npause = "100ms"\n'
                'run = ["/bin/false"]\n')
    site.restart_agent()
    site.healthy()
    cut = site.cut()
    site.reaches("active", 30)
    told = site.status()
    expect(told["verdict"] == "degraded", f"status: {told['verdict']}")
    expect(told["cameras"]["back"] == told["cameras"]["expected"] == site.count, f"status: {told['cameras']}")
    expect("command:never failed" in (told["why"] or ""), f"status says why: {told['why']}")
    alarm = [a for a in told["alarms"] if a["key"] == "step:command:never"]
    expect(alarm and "/bin/false" in alarm[0]["text"], f"alarms: {told['alarms']}")
    expect(effects(folder) == ["db", "names", "twin"], f"in effect: {effects(folder)}")
    site.never_two(cut["t_us"])
    site.reset()
    site.until("every step is taken back", 20, lambda: not effects(folder))
    return f"degraded: {told['why'][:80]}"
