"""scripts/bench preflight: `standin switch preflight --all` over many simulated switches, as a process of its own."""
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import run as labrun
import simswitch

GOAL_S, GOAL_OF = 10, 200
# What must be said of every switch: (check, port, verdict), in order. The agents answer as a switch of no known family.
FENCE, OWN = simswitch.if_name(simswitch.FENCE_PORT), simswitch.if_name(simswitch.OWN_PORT)
PROTECTIONS = ("arp-inspection", "source-guard", "port-security", "dot1x")
EXPECTED = [
    ("reachable", None, "ok"), ("credentials", None, "ok"), ("profile", None, "warning"), ("ports", None, "ok"),
    *((check, FENCE, "ok") for check in ("mapping", "state", "alias", "macs", "uplink", "vlans", "stp")),
    *((check, FENCE, "not-known") for check in PROTECTIONS),
    ("may-write", FENCE, "ok"),
    *((check, OWN, "ok") for check in ("mapping", "state", "macs", "uplink", "vlans", "stp")),
    *((check, OWN, "not-known") for check in PROTECTIONS),
    ("save", None, "not-known"), ("oper-staleness", None, "warning"), ("operations", None, "ok")]


def problems(answer, count):
    """What was not said as it must be, switch by switch."""
    out = []
    said = {s["switch"]: s for s in answer["switches"]}
    wanted = [f"sim{n:03}" for n in range(count)]
    if list(said) != wanted:
        out.append(f"{len(said)} switches were told of, not {count}, or in another order")
    for n, name in enumerate(wanted):
        lines = said.get(name, {}).get("lines", [])
        got = [(x["check"], x["port"], x["verdict"]) for x in lines]
        if got != EXPECTED:
            wrong = next((g for g, e in zip(got, EXPECTED) if g != e), f"{len(got)} lines, not {len(EXPECTED)}")
            detail = next((x["detail"] for x in lines if (x["check"], x["port"], x["verdict"]) == wrong), "")
            out.append(f"{name}: {wrong} {detail}")
        # The values behind the verdicts are of this switch and no other.
        for check, text in (("alias", simswitch.alias(n, simswitch.FENCE_PORT)), ("reachable", f"sim-{n:03} "),
                            ("macs", simswitch.mac(n, simswitch.FENCE_PORT))):
            if not any(x["check"] == check and text in x["detail"] for x in lines):
                out.append(f"{name}: `{check}` does not say {text!r}")
    return out


def once(binary, config, folder):
    """One run: (its answer, exit code, seconds, peak RSS in MB, CPU seconds).

    wait4 would tell as peak RSS of a child what its parent had when it was forked, if that is more: this process is the
    larger one. So GNU time starts it, which is small.
    """
    told = os.path.join(folder, "time")
    argv = ["/usr/bin/time", "-q", "-f", "%M", "-o", told, binary, "--config", config, "switch", "preflight", "--all",
            "--json"]
    with open(os.path.join(folder, "out"), "w+b") as out, open(os.path.join(folder, "err"), "w+b") as err:
        begun = time.monotonic()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        try:
            answer = json.loads(out.read())
        except ValueError:
            raise labrun.LabError(f"no answer, exit {process.returncode}: {err.read()[-500:].decode()}") from None
    with open(told) as f:
        peak = int(f.read()) / 1024
    return answer, process.returncode, took, peak, usage.ru_utime + usage.ru_stime


def measure(binary, count, ms, runs, say, failures):
    """(time, peak RSS, CPU of standin, CPU of the agents) of each run, and the memory of the agents in MB."""
    folder = tempfile.mkdtemp(prefix="standin-bench-")
    try:
        config = simswitch.config(count, folder, late=bool(ms))
        rows = []
        with simswitch.Switches(count, folder) as agents, simswitch.late(count, ms):
            memory = agents.memory_mb()
            for n in range(runs):
                before = agents.cpu_seconds()
                answer, code, took, rss, cpu = once(binary, config, folder)
                theirs = agents.cpu_seconds() - before
                bad = problems(answer, count) + ([] if code == 0 else [f"exit {code}"])
                failures += [f"{count} switches, {ms:g} ms late, run {n + 1}: {p}" for p in bad[:5]]
                say(f"{count} switches, {ms:g} ms late, {n + 1}/{runs}: {took:.2f} s, {rss:.1f} MB, CPU {cpu:.2f} s, agents {theirs:.2f} s"
                    + "".join(f" !! {p}" for p in bad[:3]))
                if not bad:
                    rows.append((took, rss, cpu, theirs))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows, memory


HEADER = ["| switches | answers late by ms | runs | wall s: median | min | max | peak RSS MB | CPU s, standin | CPU s, agents "
          "| goal |", "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]


def bench(args, binary, say, failures):
    """The growth over the numbers of switches; lines of Markdown."""
    out, seen, memory = list(HEADER), [], 0
    for count, ms in [(n, 0) for n in args.switches] + [(max(args.switches), ms) for ms in args.late]:
        rows, memory = measure(binary, count, ms, args.runs, say, failures)
        if not rows:
            continue
        took, rss, cpu, theirs = (statistics.median(column) for column in zip(*rows))
        worst = max(r[1] for r in rows)
        goal = f"<= {GOAL_S} s {'met' if took <= GOAL_S else 'NOT MET'}" if count == GOAL_OF else ""
        out.append(f"| {count} | {ms:g} | {len(rows)} | {took:.2f} | {min(r[0] for r in rows):.2f} | "
                   f"{max(r[0] for r in rows):.2f} | {worst:.1f} | {cpu:.2f} | {theirs:.2f} | {goal} |")
        if not ms:
            seen.append((count, took, worst, cpu))
    version = subprocess.run(["snmpget", "-V"], capture_output=True, text=True).stderr.strip()
    if len(seen) > 1:
        (a, ta, ma, ca), (b, tb, mb, cb) = seen[0], seen[-1]
        out += ["", f"From {a} to {b} switches ({b / a:.0f} times): time x {tb / ta:.1f}, CPU x {cb / max(ca, 0.001):.1f}, "
                f"memory x {mb / ma:.2f} ({(mb - ma) / (b - a) * 1024:.0f} KB for each further switch)."]
    return out + ["", f"Each switch is a process of its own, net-snmp's snmpd ({version}) with 28 ports, 5 VLANs, 80 "
                  f"learned addresses and 2 LLDP neighbours as `override` values (tests/lab/simswitch.py), on loopback; "
                  f"{max(args.switches)} of them take {memory:.0f} MB. They answer within a millisecond, which a switch "
                  "does not: `late` is a relay that holds every answer back (tests/lab/simdelay.py; its CPU is in no "
                  "column). Each run is a new process of standin with one fence port and one own port per switch, and "
                  "writes the value that is there back to each fence port. A run counts only if every line about every "
                  "switch has the verdict that it must have; `peak RSS` is the largest of all runs.", ""]
