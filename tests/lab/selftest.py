#!/usr/bin/env python3
"""Brings labs up and checks, with real tools, that they do what they say. Exit 0 only if all of it holds.

    selftest.py [--only TEXT]      (usually as scripts/lab selftest)
"""
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import ns
import run as labrun
import selftest_machines
import selftest_ns
import selftest_ssh
import selftest_switch
from selftest_tools import Lab, Failed, results, check_all

RUNS = ("st1", "st2", "st3", "st4", "st5", "st6")


def down_leaves_nothing(before):
    """After `down`: no namespace, no process, no run directory, no mount point of ours."""
    left = [n for n in ns.list_netns("si") if n.startswith(tuple(f"si{r}-" for r in RUNS))]
    if left:
        raise Failed(f"namespaces left: {left[:5]}")
    for run_id in RUNS:
        if os.path.exists(os.path.join(labrun.BASE, run_id)):
            raise Failed(f"run directory {run_id} left")
    deadline = time.monotonic() + 5
    while True:
        stray = sorted(p for p in Lab.processes() - before
                       if any(f"/{r}/" in p or p.endswith(f".py {r}") or f"si{r}-" in p for r in RUNS))
        if not stray or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if stray:
        raise Failed(f"processes left: {stray}")


def killed_up_is_removed():
    """SIGKILL in the middle of `up`; the next `up` removes what it left."""
    process = subprocess.Popen([Lab.COMMAND, "up", "--run", "st4", "--cameras", "60"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while len(ns.list_netns("sist4-")) < 20:
        if time.monotonic() > deadline:
            raise Failed("it made no namespaces within 10 s")
        time.sleep(0.002)
    process.kill()
    process.wait()
    if not ns.list_netns("sist4-"):
        raise Failed("it was not caught half way")
    with Lab("st3", "--cameras", "3", "--ffmpeg", "0"):
        left = ns.list_netns("sist4-")
        if left:
            raise Failed(f"the next up left {len(left)} namespaces of the dead run")


def interrupted_up_cleans_up():
    """SIGTERM in the middle of `up`: it takes everything down itself and says so."""
    process = subprocess.Popen([Lab.COMMAND, "up", "--run", "st4", "--cameras", "60"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 10
    while len(ns.list_netns("sist4-")) < 20 and time.monotonic() < deadline:
        time.sleep(0.002)
    process.terminate()
    _, text = process.communicate(timeout=20)
    if process.returncode == 0 or "interrupted by SIGTERM" not in text:
        raise Failed(f"exit {process.returncode}: {text}")
    if ns.list_netns("sist4-"):
        raise Failed("namespaces left")
    subprocess.run([Lab.COMMAND, "down", "--run", "st4"], check=True, stderr=subprocess.DEVNULL)


def owner_gone():
    """A lab whose owner was killed is a dead run, and is removed by the next `up`."""
    owner = subprocess.Popen(["sleep", "60"])
    subprocess.run([Lab.COMMAND, "up", "--run", "st3", "--cameras", "3", "--ffmpeg", "0", "--owner", str(owner.pid)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    owner.kill()
    owner.wait()
    listed = json.loads(subprocess.run([Lab.COMMAND, "list"], capture_output=True, text=True, check=True).stdout)
    if not any(r["run"] == "st3" and r["dead"] for r in listed):
        raise Failed(f"not listed as dead: {listed}")
    with Lab("st2", "--cameras", "3", "--ffmpeg", "0"):
        if ns.list_netns("sist3-"):
            raise Failed("the dead run is still there")


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    before = Lab.processes()
    for run_id in RUNS:
        subprocess.run([Lab.COMMAND, "down", "--run", run_id], stderr=subprocess.DEVNULL)
    with Lab("st1") as one, Lab("st2", "--mode", "pair", "--cameras", "10", "--ffmpeg", "1") as two:
        check_all(selftest_switch.CHECKS, only, one)
        check_all(selftest_ssh.CHECKS, only, one)
        check_all(selftest_machines.CHECKS, only, one)
        check_all(selftest_machines.PAIR, only, two)
        check_all([selftest_machines.side_by_side], only, one, two)
    with Lab("st3", "--stock-snmpd", "--cameras", "4", "--ffmpeg", "0") as stock:
        check_all(selftest_switch.STOCK, only, stock)
    check_all([killed_up_is_removed, interrupted_up_cleans_up, owner_gone], only)
    check_all(selftest_ns.CHECKS, only)
    check_all([down_leaves_nothing], only, before)
    failed = [name for name, ok in results if not ok]
    print(f"selftest: {len(results) - len(failed)} of {len(results)} checks hold"
          + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
