"""standin itself on a lab machine: start, stop, kill, log, and start again when the machine boots."""
import os
import signal
import sys
import time

import hosts
import ns
import run as labrun
from run import LabError


def log_of(run, host):
    return run.path(f"{host}-agent.log")


def start(run, host, args):
    if ns.alive(hosts.machine(run, host).get("agent")):
        raise LabError(f"standin runs on {host} already (pid {run.host(host)['agent'][0]})")
    binary = os.path.abspath(args.bin or os.path.join(labrun.ROOT, "target", "release", "standin"))
    config = os.path.abspath(args.config or run.path(f"{host}.toml"))
    for what, path in (("binary", binary), ("configuration", config)):
        if not os.path.exists(path):
            raise LabError(f"no {what} {path}")
    with run.change() as s:
        s["hosts"][host]["agent_as"] = {"bin": binary, "config": config}
    return _launch(run, host)


def _launch(run, host):
    how = run.host(host)["agent_as"]
    at = time.time_ns() // 1000
    pid = hosts.spawn_on(run, host, [how["bin"], "run", "--config", how["config"]], log_of(run, host))
    with run.change() as s:
        s["hosts"][host].update(agent=ns.identify(pid), agent_wanted=True)
    return {"host": host, "pid": pid, "t_us": at, "log": log_of(run, host)}


def resume(run, host):
    """After a boot: the agent starts if it was meant to run (it was started and not stopped)."""
    run.load()
    if run.host(host).get("agent_wanted"):
        _launch(run, host)


def _signal(run, host, sig, wanted):
    ident = hosts.machine(run, host).get("agent")
    at = time.time_ns() // 1000
    was = ns.kill(ident, sig)
    if was and ns.wait_gone([ident], 15.0):
        raise LabError(f"standin on {host} (pid {ident[0]}) did not end within 15 s of {sig.name}")
    with run.change() as s:
        s["hosts"][host].update(agent=None, agent_wanted=wanted and s["hosts"][host].get("agent_wanted", False))
    return {"host": host, "t_us": at, "was_running": bool(was)}


def stop(run, host, _args):
    return _signal(run, host, signal.SIGTERM, wanted=False)


def kill(run, host, _args):
    return _signal(run, host, signal.SIGKILL, wanted=True)


def status(run, host, _args):
    h = hosts.machine(run, host)
    running = ns.alive(h.get("agent"))
    return {"host": host, "running": running, "pid": h["agent"][0] if running else None,
            "wanted": h.get("agent_wanted", False), "log": log_of(run, host), **h.get("agent_as", {})}


def log(run, host, _args):
    try:
        with open(log_of(run, host), "rb") as f:
            sys.stdout.buffer.write(f.read())
    except FileNotFoundError:
        raise LabError(f"standin has not run on {host}") from None
