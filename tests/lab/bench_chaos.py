"""scripts/bench chaos: a site with faults at random moments, judged by who serves.

Each run is one death of the primary (power cut, panic, hang, or none at all) with one to four faults around it. Every
figure is printed from the seed: `--seed` with `--only N` plays run N again. What was measured stands in a JSON-lines
file, by which an interrupted bench goes on.
"""
import contextlib
import json
import os
import random
import shutil
import subprocess
import threading
import time

import chaos_faults
import run as labrun
import trial
from asker import Asker
from scenarios_site import Site

MODES = ("agentless", "pair", "option-a")
TWO_FOR = 5.0         # never two that serve for longer
ALARM_WITHIN = 3.0    # of the moment from which two serve
ALARM_LATE = 10.0     # of the daemon's return, or of hearing the other again
SETTLED = 75.0        # after the last fault is over
DEATHS = ("cut", "panic", "freeze", "none")


class LogPipe:
    """The standby's log is a pipe that can be left unread; what is read goes to a file."""

    def __init__(self, path):
        self.path, self.text = path, path + ".txt"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.mkfifo(path)
        open(self.text, "wb").close()
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.open, self.paused = True, False
        self.thread = threading.Thread(target=self.copy, daemon=True)
        self.thread.start()

    def copy(self):
        with open(self.text, "ab", buffering=0) as out:
            while self.open:
                if self.paused:
                    time.sleep(0.05)
                    continue
                try:
                    out.write(os.read(self.fd, 65536))
                except BlockingIOError:
                    time.sleep(0.02)

    def pause(self):
        """Nothing more is read, and what would still fit is filled up."""
        self.paused = True
        with contextlib.suppress(OSError):
            while True:
                os.write(self.fd, b"." * 4095 + b"\n")

    def go_on(self):
        self.paused = False

    def close(self):
        self.open = False
        self.thread.join()
        os.close(self.fd)


class Chaos(Site):
    """A lab whose standby has a state folder that can be full or hang, and a log that can block."""

    def up(self):
        super().up()
        self.run.load()
        self.folder = self.info["hosts"]["standby"]["var_lib_standin"]
        image = self.run.path("state.img")
        self.lab("cut", "standby")
        with open(image, "wb") as f:
            f.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, self.folder], check=True)
        shutil.rmtree(os.path.join(self.folder, "lost+found"), ignore_errors=True)
        self.lab("plug", "standby")
        self.log_pipe = LogPipe(self.info["hosts"]["standby"]["agent_log"])
        return self

    def log_path(self, host="standby"):
        return self.log_pipe.text if host == "standby" else super().log_path(host)

    def down(self):
        with contextlib.suppress(AttributeError):
            self.log_pipe.close()
        with contextlib.suppress(AttributeError):
            subprocess.run(["fsfreeze", "-u", self.folder], stderr=subprocess.DEVNULL)
            self.lab("agent", "kill", "standby", ok=False)
            subprocess.run(["umount", "-l", self.folder], stderr=subprocess.DEVNULL)
        super().down()


def planned(seed, mode, n):
    """What happens in run `n`: the death, and the faults with their moments and durations. From the seed alone."""
    r = random.Random(f"{seed}/{mode}/{n}")
    able = [f for f in chaos_faults.FAULTS.values() if mode in f.modes]
    names = []
    while len(names) < r.choice((1, 2, 2, 3, 4)):
        f = r.choices(able, [f.weight for f in able])[0]
        if f.name not in names:
            names.append(f.name)
    death = r.choices(DEATHS, (5, 4, 1, 1))[0]
    faults = [{"fault": name, "at": round(r.choice((r.uniform(-3, 0), r.uniform(0, 1.5), r.uniform(1.5, 8))), 2),
               "lasts": round(r.uniform(*chaos_faults.FAULTS[name].lasts), 2)} for name in names]
    return {"death": death, "faults": sorted(faults, key=lambda f: f["at"])}


class Alarms:
    """What `status` says while a run goes on: alarms and conflicts, with the moment; and whether the daemon answers."""

    def __init__(self, site):
        self.site, self.stop, self.seen, self.answered = site, threading.Event(), [], []
        self.thread = threading.Thread(target=self.look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def look(self):
        while not self.stop.is_set():
            begun = time.time()
            for host in self.site.agents:
                with contextlib.suppress(Exception):
                    s = self.site.status(host)
                    if s:
                        self.answered.append((begun, host))
                        told = json.dumps(s.get("alarms") or [])
                        if s.get("alarms") or s.get("conflict"):
                            self.seen.append((begun, host, told[:300]))
            self.stop.wait(0.4)


def play(site, plan):
    """One run; what came of it, with `problems`."""
    begun = trial.wall_us()
    result = {"problems": [], "notes": []}
    undo, deaf, done = [], [], []
    with Asker(site) as asker, Alarms(site) as alarms:
        time.sleep(3.2)
        zero = time.time()
        events = [(0.0, None, "death")] + [(f["at"], f, "do") for f in plan["faults"]]
        shift = max(0.0, -min(e[0] for e in events))
        zero += shift
        queue = sorted(events, key=lambda e: e[0])
        while queue:
            at, f, what = queue.pop(0)
            time.sleep(max(0.0, zero + at - time.time()))
            try:
                if what == "death":
                    die(site, plan["death"])
                elif what == "do":
                    fault = chaos_faults.FAULTS[f["fault"]]
                    back = fault.act(site)
                    done.append([f["fault"], round(time.time() - zero, 2)])
                    if fault.deaf:
                        deaf.append([time.time(), None])
                    if back or fault.deaf:
                        queue.append((time.time() - zero + f["lasts"], (f, back, len(deaf) - 1), "undo"))
                        queue.sort(key=lambda e: e[0])
                else:
                    f, back, i = f
                    if back:
                        back()
                    if chaos_faults.FAULTS[f["fault"]].deaf:
                        deaf[i][1] = time.time()
            except Exception as e:  # a fault that finds nothing to break is noted, and the run goes on
                result["notes"].append(f"{what} {f and f if isinstance(f, dict) else ''}: {type(e).__name__}: {e}"[:200])
        over = time.time()
        site.run.load()
        if not site.agent_pid():
            with contextlib.suppress(Exception):
                site.start("standby")
        # Who held it lifts the hold also if nobody was there to hear it the first time.
        if any(name == "held" for name, _ in done):
            chaos_faults.order(site, "hold", "cctv", "off")
        ended = settle(site, over)
        time.sleep(1)
        both = asker.both()
        spells = {h: [[round(a - zero, 1), round(b - zero, 1)] for a, b in asker.spells(h)] for h in ("primary", "standby")}
    result.update(ended, done=done, served=spells, both=[[round(a - zero, 1), round(b - zero, 1)] for a, b in both])
    judge(site, plan, result, both, deaf, alarms, begun)
    return result


def die(site, death):
    if death == "cut":
        site.lab("cut", "primary")
    elif death == "panic":
        site.lab("cut", "primary", "--carrier-stays")
    elif death == "freeze":
        site.lab("freeze", "primary")


def settle(site, since):
    """Waits until somebody serves every camera, or the standby has said for long enough that it holds."""
    last = None
    while time.time() - since < SETTLED:
        s = site.status() or {}
        last = s
        if s.get("state") == "active" and s.get("verdict") == "verified":
            return {"ended": "verified", "took": round(time.time() - since, 1)}
        if s.get("state") == "standby" and site.publishing("primary") == site.count:
            return {"ended": "primary serves", "took": round(time.time() - since, 1)}
        time.sleep(0.5)
    return {"ended": "held", "state": last.get("state"), "why": last.get("why"), "verdict": last.get("verdict"),
            "fence": last.get("fence"), "alarms": last.get("alarms")}


def judge(site, plan, result, both, deaf, alarms, begun):
    names = [f["fault"] for f in plan["faults"]]
    reasons = [chaos_faults.FAULTS[n].holds for n in names if chaos_faults.FAULTS[n].holds]
    if plan["death"] == "freeze":
        reasons.append("the primary hangs and answers: policy.service-dead is alert")
    if result["ended"] == "held":
        result["justified"] = "; ".join(reasons) or None
        if not reasons:
            result["problems"].append(f"held, and nothing justifies it: {result.get('state')}: {result.get('why')}")
    for first, last in both:
        excused = [b for a, b in deaf if a <= last and (b is None or b >= first)]
        answered = [t for t, host in alarms.answered if first - 1 <= t <= last + 1]
        said = [t for t, _, _ in alarms.seen if t >= first - 0.5]
        said += [t / 1e6 for t, level, text in site.log(since_us=begun) if level == "ERROR" and t / 1e6 >= first - 0.5]
        late = min(said, default=None)
        if last - first > TWO_FOR and answered and not excused:
            result["problems"].append(f"two served for {last - first:.1f} s while the daemon ran and could hear")
        if last - first > 1.0:
            allowed = ALARM_WITHIN if answered and not excused else ALARM_LATE + (last - first)
            if late is None or late - first > allowed:
                result["problems"].append(f"two served for {last - first:.1f} s, alarmed "
                                          + ("never" if late is None else f"after {late - first:.1f} s"))
    if result["problems"]:
        result["log"] = [f"{(t - begun) / 1e6:.2f} {level} {text[:300]}" for t, level, text in site.log(since_us=begun)][-60:]


def bench(args, binary, say, failures):
    args.results = args.results or os.path.join(labrun.BASE, f"chaos-{args.seed}.jsonl")
    rows = list(read(args))
    modes = MODES if args.mode == "all" else (args.mode,)
    for mode in modes:
        have = {r["n"] for r in rows if r["mode"] == mode}
        wanted = [args.only] if args.only is not None else [n for n in range(args.runs) if n not in have]
        if not wanted:
            continue
        with Chaos("agentless" if mode == "option-a" else mode, args.cameras, binary=binary, prefix=args.prefix,
                   option_a=mode == "option-a") as site:
            site.start_agents()
            for n in wanted:
                plan = planned(args.seed, mode, n)
                row = {"mode": mode, "n": n, "seed": args.seed, **plan}
                try:
                    site.begin()
                    row.update(play(site, plan))
                except (trial.TrialError, labrun.LabError, subprocess.SubprocessError, OSError) as e:
                    row.update(ended="broken", problems=[f"the run did not begin or end: {e}"[:500]])
                rows.append(row)
                with open(args.results, "a") as f:
                    f.write(json.dumps(row) + "\n")
                say(f"{mode} {n + 1}/{args.runs} {plan['death']} {' '.join(f['fault'] for f in plan['faults'])}: {row['ended']}"
                    + (f" ({row.get('justified')})" if row["ended"] == "held" else "") + "".join(f" !! {p}" for p in row["problems"]))
    failures += [f"{r['mode']}, run {r['n']} (--seed {r['seed']} --mode {r['mode']} --only {r['n']}): {p}"
                 for r in rows if r["mode"] in modes for p in r["problems"]]
    return summary(args, modes, rows)


def read(args):
    with contextlib.suppress(FileNotFoundError), open(args.results) as f:
        for line in f:
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if row["seed"] == args.seed:
                    yield row


def summary(args, modes, rows):
    out = [f"Seed {args.seed}; every run is in `{os.path.basename(args.results)}`.", "",
           "| site | runs | verified | primary serves | held, justified | held, not | two for over 5 s | problems |",
           "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for mode in modes:
        mine = [r for r in rows if r["mode"] == mode]

        def count(check):
            return sum(bool(check(r)) for r in mine)
        out.append("| " + " | ".join(map(str, (
            mode, len(mine), count(lambda r: r["ended"] == "verified"), count(lambda r: r["ended"] == "primary serves"),
            count(lambda r: r["ended"] == "held" and r.get("justified")),
            count(lambda r: r["ended"] == "held" and not r.get("justified")),
            count(lambda r: any("two served" in p and "while the daemon" in p for p in r["problems"])),
            count(lambda r: r["problems"])))) + " |")
    out += ["", "Held, and what justifies it:", ""]
    out += [f"- {r['mode']} {r['n']}: {r['justified']} ({r.get('state')}: {r.get('why')})" for r in rows
            if r["mode"] in modes and r["ended"] == "held" and r.get("justified")] or ["- none"]
    return out + [""]
