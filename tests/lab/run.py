"""One lab run: its name, its directory, its recorded state, and whether it is dead."""
import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import sys
import time

import ns
import topology

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BASE = os.environ.get("STANDIN_LAB_DIR") or os.path.join(ROOT, "target", "lab")
CACHE = os.path.join(BASE, "cache")
DEFAULT = "lab"


class LabError(Exception):
    """Something the user should read, without a traceback."""


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


def poll(seconds, check, every):
    """The value of check() as soon as it is true; what it was last, if that takes longer."""
    deadline = time.monotonic() + seconds
    while True:
        got = check()
        if got or time.monotonic() > deadline:
            return got
        time.sleep(every)


def wait_for(what, seconds, check, every=0.01):
    """Waits until check() is true; raises with a name for what was awaited otherwise."""
    got = poll(seconds, check, every)
    if not got:
        raise LabError(f"{what}: not after {seconds} s")
    return got


def listens(path):
    """True if somebody accepts at this unix socket: its file is there before that."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(1.0)
        try:
            s.connect(path)
        except OSError:
            return False
    return True


def random_id():
    return secrets.token_hex(2)


class Run:
    def __init__(self, run_id):
        if not re.fullmatch(r"[a-z0-9]{1,12}", run_id):
            raise LabError(f"run id '{run_id}': 1 to 12 of a-z and 0-9 (it becomes part of namespace names)")
        self.id = run_id
        self.dir = os.path.join(BASE, run_id)
        self.prefix = f"si{run_id}-"
        if len(self.path("sw", "ovs", "db.sock")) > 100:
            raise LabError(f"the run directory is too deep for unix sockets: {self.dir} (set STANDIN_LAB_DIR)")
        self.state = {}

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def netns(self, host):
        """The network namespace of a host (full name, or cNNN)."""
        return self.prefix + topology.SHORT.get(host, host)

    # -- state: one JSON file, changed under a lock ---------------------------

    @property
    def state_file(self):
        return self.path("state.json")

    def load(self):
        try:
            with open(self.state_file) as f:
                self.state = json.load(f)
        except FileNotFoundError:
            raise LabError(f"no lab '{self.id}' is up (scripts/lab up --run {self.id})") from None
        except ValueError as e:
            raise LabError(f"{self.state_file} is damaged ({e}); scripts/lab down --run {self.id}") from None
        return self

    @contextlib.contextmanager
    def change(self):
        """Loads the state, lets the body change it, saves it; alone among all processes."""
        with open(self.path("state.lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.exists(self.state_file):
                self.load()
            yield self.state
            tmp = self.state_file + ".new"
            with open(tmp, "w") as f:
                json.dump(self.state, f, indent=1)
            os.rename(tmp, self.state_file)

    def record(self, name, pid):
        """Remembers a process of this run, to be ended with it."""
        with self.change() as s:
            s.setdefault("pids", {})[name] = ns.identify(pid)

    def pid(self, name):
        return self.state.get("pids", {}).get(name)

    def host(self, name):
        return self.state["hosts"][name]

    @property
    def mode(self):
        return self.state["mode"]

    @property
    def option_a(self):
        return bool(self.state.get("option_a"))

    def vip_leg(self, host):
        """The interface by which a machine speaks for the VIP."""
        return topology.PARKED if self.option_a and host == "standby" else "eth0"

    def legs(self):
        return topology.all_legs(self.mode, self.state["cameras"], self.option_a)

    def legs_of(self, host):
        return [l for l in self.legs() if l.host == host]

    # -- life ------------------------------------------------------------------

    def is_dead(self):
        """Why this run is a leftover, or None: its builder or its owner was killed, or its machine rebooted."""
        try:
            self.load()
        except LabError:
            return None if time.time() - os.stat(self.dir).st_mtime < 60 else "it has no readable state"
        s = self.state
        if s.get("boot_id") != boot_id():
            return "the machine has rebooted since"
        if s.get("phase") != "up" and not ns.alive(s.get("builder")):
            return "whoever built it was killed"
        if s.get("owner") and not ns.alive(s["owner"]):
            return "its owner is gone"
        return None

    def down(self, keep_logs=False):
        """Ends every process and removes every namespace and file of the run; fine if half of it never was."""
        with contextlib.suppress(LabError):
            self.load()
        if self.state:
            # Killed in the middle of this, it is a dead run that the next `up` removes.
            with self.change() as s:
                s.update(phase="going down", builder=ns.identify(os.getpid()))
        idents = [i for i in self.state.get("pids", {}).values() if i]
        idents += [h["init"] for h in self.state.get("hosts", {}).values() if h.get("init")]
        for ident in idents:
            ns.kill(ident)
        names = ns.list_netns(self.prefix)
        for name in names:
            for pid in _stable_pids(name):
                ns.kill(ns.identify(pid))
        left = ns.wait_gone(idents, 5.0)
        stuck = [name for name in names if not _deleted(name)]
        if keep_logs:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.state_file)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        if left:
            raise LabError(f"processes of run {self.id} would not end: {[i[0] for i in left]}")
        if stuck:
            raise LabError(f"files of namespaces cannot be removed (findmnt -R {ns.NETNS_DIR} shows what is mounted "
                           f"on them; the next up uses them again): {', '.join(stuck[:5])}")
        return bool(names or idents)


def _deleted(name):
    try:
        ns.delete_netns(name)
    except OSError:
        return False
    return True


def _stable_pids(name):
    path = ns.netns_path(name)
    # Cameras and gateways never have processes of their own unless someone used exec.
    return ns_index().get(os.stat(path).st_ino, []) if os.path.exists(path) else []


_index = {"at": 0.0, "map": {}}


def ns_index():
    """{inode of network namespace: [pid...]}, one pass over /proc, reused for 200 ms."""
    if time.monotonic() - _index["at"] > 0.2:
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    found.setdefault(os.stat(f"/proc/{name}/ns/net").st_ino, []).append(int(name))
        _index.update(at=time.monotonic(), map=found)
    return _index["map"]


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as f:
        return f.read().strip()


def all_runs():
    with contextlib.suppress(FileNotFoundError):
        return [Run(n) for n in sorted(os.listdir(BASE))
                if re.fullmatch(r"[a-z0-9]{1,12}", n) and n != "cache" and os.path.isdir(os.path.join(BASE, n))]
    return []


def remove_dead():
    for run in all_runs():
        why = run.is_dead()
        if why:
            say(f"removing dead run {run.id}: {why}")
            run.down()
