"""What the lab's self-test stands on: a lab under test, and checks that are counted."""
import contextlib
import json
import os
import socket
import subprocess
import time
import traceback

import ns
import run as labrun

results = []


class Failed(Exception):
    pass


def check_all(checks, only, *args):
    """Runs each check; its return value is printed as its figure."""
    for check in checks:
        if only and only not in check.__name__:
            continue
        try:
            figure = check(*args)
            print(f"ok      {check.__name__}" + (f": {figure}" if figure else ""), flush=True)
            results.append((check.__name__, True))
        except (Failed, subprocess.SubprocessError, OSError, KeyError, TypeError, labrun.LabError) as e:
            if not isinstance(e, Failed):
                traceback.print_exc()
            print(f"FAILED  {check.__name__}: {e}", flush=True)
            results.append((check.__name__, False))


def expect(condition, text):
    if not condition:
        raise Failed(text)


def until(what, seconds, check, every=0.005):
    """Waits for check() to be true; how many milliseconds it took."""
    at = time.monotonic()
    while True:
        if check():
            return round((time.monotonic() - at) * 1000, 1)
        if time.monotonic() - at > seconds:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(every)


class Lab:
    """A lab brought up for the test, driven by its own command line."""

    COMMAND = os.path.join(labrun.ROOT, "scripts", "lab")

    def __init__(self, run_id, *options):
        self.id, self.options = run_id, options

    def __enter__(self):
        subprocess.run([self.COMMAND, "up", "--run", self.id, *self.options], check=True, stdout=subprocess.DEVNULL)
        self.run = labrun.Run(self.id).load()
        self.info = self("info", "--json")
        return self

    def __exit__(self, *_):
        subprocess.run([self.COMMAND, "down", "--run", self.id], check=True, stderr=subprocess.DEVNULL)

    def __call__(self, *args, ok=True):
        """A subcommand; its JSON, or its text."""
        argv = [self.COMMAND, args[0], "--run", self.id, *args[1:]]
        got = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        if ok and got.returncode:
            raise Failed(f"lab {' '.join(args)}: exit {got.returncode}: {got.stderr.strip()}")
        try:
            return json.loads(got.stdout)
        except ValueError:
            return got.stdout + got.stderr

    @staticmethod
    def processes():
        """'pid command line' of every live process."""
        out = set()
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as f:
                    line = f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
                    if line and "selftest" not in line:
                        out.add(f"{name} {line}")
        return out

    def snmp(self, tool, *args, ok=True, v3=None):
        """net-snmp's own tools, run on the standby."""
        if v3:
            v3 = next(u for u in self.info["switch"]["credentials"]["v3"] if u["user"] == v3)
            keys = [open(v3[k]).read().strip() for k in ("auth_file", "priv_file")]
            how = ["-v3", "-l", "authPriv", "-u", v3["user"], "-a", v3["auth"], "-A", keys[0], "-x", v3["priv"],
                   "-X", keys[1]]
        else:
            how = ["-v2c", "-c", "private-lab"]
        argv = [self.COMMAND, "exec", "--run", self.id, "standby", tool, *how, "-t", "2", "-r", "0", "-On", "-Oe",
                "-Oq", "192.168.20.2", *args]
        got = subprocess.run(argv, capture_output=True, text=True, timeout=20, env=dict(os.environ, MIBS=""))
        if ok and got.returncode:
            raise Failed(f"{tool} {' '.join(args)}: {got.stderr.strip()}")
        return [line.split(" ", 1)[1].strip().strip('"').strip() if " " in line else ""
                for line in got.stdout.strip().splitlines()] if got.returncode == 0 else got.stderr.strip()

    def carrier(self, host, ifname="eth0"):
        """Whether the host itself sees a link."""
        with ns.inside(self.run.netns(host)):
            import nl
            n = nl.Netlink()
            link = n.links()[ifname]
            n.close()
            return link.carrier

    def answers(self, host, address, count=1, ifname="eth0"):
        """Whether `address` answers an ARP probe (sender 0.0.0.0) sent on `host`."""
        argv = [self.COMMAND, "exec", "--run", self.id, host, "arping", "-D", "-q", "-c", str(count), "-w", "1",
                "-I", ifname, address]
        got = subprocess.run(argv, capture_output=True)
        return got.returncode == 1  # duplicate address detection: 1 means that somebody has it

    def socket_on(self, host, bind=None):
        with ns.inside(self.run.netns(host)):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            if bind:
                s.bind(bind)
            return s

    def all_publishing(self, seconds=10):
        return until("every camera publishing", seconds, lambda: (
            lambda s: s["publishing"] == s["cameras"])(self("cameras", "status")), every=0.1)
