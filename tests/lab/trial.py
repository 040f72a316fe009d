"""One takeover (and release) in a lab, watched from outside: what demo, bench and scenarios are made of.

    trial.py [--mode agentless|pair] [--carrier-stays] [--stock-snmpd] [--release] [--set KEY=VALUE ...]

prints one JSON line per trial. Every trial is judged by the same rules (`problems`): no frame with the VIP as ARP
sender left the standby before the fence was proven, every camera came back, the fence is proven, exactly one machine
answers for the VIP at the end, and the wire never shows two owners at a time.

Times: the agent's marks come from its journal (CLOCK_BOOTTIME, as the cut's), everything else from the lab's observer.
"""
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
import ctl
import figures
import hosts
import ns
import run as labrun
import site_config
import topology

LAB = [sys.executable, "-B", os.path.join(labrun.HERE, "lab.py")]
BINARY = os.path.join(labrun.ROOT, "target", "release", "standin")
PEER = "cctv"
LINE = re.compile(r"^(\S+Z)\s+(ERROR|WARN|INFO|DEBUG|TRACE)\s+(.*)$")
CHANGE = re.compile(r"^(.+?) -> (.+?): (.*?)(?: peer=\S+)?$")


class TrialError(Exception):
    """What did not happen, in words for a person."""


def wall_us():
    return time.time_ns() // 1000


def call(argv, timeout=60, **kw):
    """A child that does not outlive us: on any exception it is told to end, and waited for, before going on."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, text=True, start_new_session=True, **kw)
    try:
        out, err = process.communicate(timeout=timeout)
    except BaseException:
        process.terminate()
        try:
            process.wait(10)
        except BaseException:
            process.kill()
            process.wait()
            raise
        raise
    return process.returncode, out or "", err or ""


def missing(cameras):
    """Each camera that is not back, with what it is stuck on, from a report."""
    rows = [f"{c['name']} at {c['rung']}, stuck on {c['stuck_on']}: {c.get('fault')} (blame: {c['blame']})"
            for c in cameras.get("cameras", []) if not c["back"]]
    return "; ".join(rows[:4]) + (f"; and {len(rows) - 4} more" if len(rows) > 4 else "")


class Tail:
    """What is appended to a file from now on (or from its start), in whole lines."""

    def __init__(self, path, from_start=False):
        self.path, self.at = path, 0
        if not from_start and os.path.exists(path):
            self.at = os.path.getsize(path)

    def lines(self):
        try:
            with open(self.path, "rb") as f:
                f.seek(self.at)
                text = f.read()
        except FileNotFoundError:
            return []
        whole = text[:text.rfind(b"\n") + 1]
        self.at += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


def log_lines(lines):
    """(t_us, level, text) of an agent's log lines, colours removed."""
    for line in lines:
        got = LINE.match(re.sub(r"\x1b\[[0-9;]*m", "", line))
        if got:
            at = datetime.datetime.fromisoformat(got[1].replace("Z", "+00:00"))
            yield round(at.timestamp() * 1e6), got[2], got[3]


class Trial:
    """A lab with standin in it."""

    def __init__(self, mode="agentless", cameras=100, ffmpeg=4, stock=False, binary=None, sets=(), snmp="2c",
                 run_id=None, prefix="t", say=None, option_a=False, way="snmp"):
        self.mode, self.count, self.ffmpeg, self.stock = mode, cameras, ffmpeg, stock
        self.source, self.sets, self.snmp = os.path.abspath(binary or BINARY), list(sets), snmp
        self.id = run_id or prefix + labrun.random_id()
        self.run = labrun.Run(self.id)
        self.say = say or (lambda text: None)
        self.option_a, self.way = option_a, way
        self.info = None
        self.agents = ["standby"] if mode == "agentless" else ["primary", "standby"] if mode == "pair" else []

    # -- the lab ---------------------------------------------------------------

    def lab(self, *args, timeout=60, ok=True):
        """A subcommand of scripts/lab; its JSON, or None."""
        code, out, err = call(LAB + [args[0], "--run", self.id, *map(str, args[1:])], timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if code and ok:
            raise TrialError(f"scripts/lab {' '.join(map(str, args))}: exit {code}: {err.strip()}")
        with contextlib.suppress(ValueError):
            return json.loads(out)
        return None

    def up(self):
        more = ["--stock-snmpd"] * self.stock + ["--option-a"] * self.option_a
        self.lab("up", "--mode", self.mode, "--cameras", self.count, "--ffmpeg", min(self.ffmpeg, self.count),
                 "--owner", os.getpid(), *more)
        self.info = self.lab("info", "--json")
        self.run.load()
        if self.agents:
            self.binary = self.run.path("standin")
            self.fresh_binary()
        self.say(f"lab {self.id} is up in {self.run.state['up_ms'] / 1000:.1f} s: {self.count} cameras, "
                 f"{self.mode}{', stock snmpd' if self.stock else ''}")
        return self

    def fresh_binary(self):
        """A copy of its own, so that a build meanwhile changes nothing."""
        shutil.copy2(self.source, self.binary + ".new")
        os.rename(self.binary + ".new", self.binary)

    def keep(self):
        self.lab("keep")

    def down(self):
        call(LAB + ["down", "--run", self.id], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            self.down()
            raise

    def __exit__(self, *_):
        self.down()

    # -- standin ---------------------------------------------------------------

    def config(self, host="standby"):
        return self.info["hosts"][host]["config"]

    def configure(self, sets=None, snmp=None):
        site_config.write(self.info, self.sets if sets is None else sets, snmp or self.snmp, self.way)

    def on(self, host, *argv, timeout=20):
        """A command on a machine: (exit code, stdout, stderr)."""
        self.run.load()
        return call(hosts.enter_command(self.run, host, list(argv)), timeout, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)

    def standin(self, *args, host="standby", timeout=20):
        """A command of standin on a machine: (exit code, JSON or None, stderr)."""
        code, out, err = self.on(host, self.binary, *args, "--json", "--config", self.config(host), timeout=timeout)
        with contextlib.suppress(ValueError):
            return code, json.loads(out), err
        return code, None, err + out

    def status(self, host="standby"):
        """The peer's status there, or None while the daemon does not answer."""
        try:
            code, answer, _ = self.standin("status", host=host)
        except labrun.LabError:
            return None  # the machine is down
        return answer["peers"][0] if code == 0 and answer else None

    def journal(self, host="standby"):
        """The records of its journal."""
        try:
            with open(os.path.join(self.info["hosts"][host]["var_lib_standin"], "journal.jsonl")) as f:
                for line in f:
                    with contextlib.suppress(ValueError):
                        yield json.loads(line)
        except FileNotFoundError:
            return

    def log(self, host="standby", since_us=0):
        return [x for x in log_lines(Tail(self.log_path(host), True).lines()) if x[0] >= since_us]

    def log_path(self, host="standby"):
        return self.info["hosts"][host]["agent_log"]

    def start(self, host):
        self.lab("agent", "start", host, "--bin", self.binary)

    def agent_pid(self, host="standby"):
        self.run.load()
        ident = self.run.host(host).get("agent")
        return ident[0] if ns.alive(ident) else None

    def until(self, what, seconds, check, every=0.1, host="standby"):
        """Waits for check(); its value. If it takes longer than `seconds`: an error with the end of the log."""
        got = labrun.poll(seconds, check, every)
        if not got:
            tail = "\n".join(f"    {lv} {text}" for _, lv, text in self.log(host)[-6:]) if self.agents else ""
            raise TrialError(f"{what}: not within {seconds} s" + (f"; {host}'s log ends:\n{tail}" if tail else ""))
        return got

    def start_agents(self):
        """Configuration, agents, healthy. In a pair the preferred one, the primary, claims when the other has said that it
        does not hold the VIP: both must run."""
        self.configure()
        for host in self.agents:
            self.start(host)
        if self.mode == "pair":
            self.until("the primary's standin has the VIP", 20, lambda: (self.status("primary") or {}).get("owner"),
                       host="primary")
        self.healthy()
        return self

    def publishing(self, host="primary"):
        """How many streams a machine's media server really has: a camera's own word is not enough."""
        with contextlib.suppress(OSError), ns.inside(self.run.netns(host)):
            with urllib.request.urlopen("http://127.0.0.1:8080/stat", timeout=2) as answer:
                return sum(b"<publishing/>" in s for s in answer.read().split(b"<stream>")[1:])
        return 0

    def all_publishing(self, seconds=20, host="primary"):
        try:
            self.until(f"all cameras publishing at the {host}", seconds, lambda: self.publishing(host) == self.count, 0.2)
        except TrialError as e:
            raise TrialError(f"{self.publishing(host)} of {self.count} cameras publish at the {host}; {e}") from None

    def is_healthy(self):
        s = self.status()
        # Whose port the fence's is has been looked at: nothing is fenced before that.
        return bool(s and s["state"] == "standby" and s["peer"]["healthy_since_boot"] and not s["owner"]
                    and s["peer"]["port_up"] and s["peer"]["service_ok_ms_ago"] is not None
                    and all(p["state"] != "unknown" for p in s.get("placement") or []))

    def healthy(self, seconds=20):
        """The standby stands by and has seen the peer healthy; every camera publishes."""
        if self.agents:
            self.until("the standby sees the peer healthy", seconds, self.is_healthy)
        self.all_publishing(30)
        self.say(f"healthy: {self.count} of {self.count} cameras publish to the primary"
                 + (", the standby watches it" if self.agents else ""))

    def sweep_over(self):
        """Waits until the directed sweep of a release, which is repeated after 1.1 s, has ended at the standby."""
        def last():
            with open(self.run.path("observer.jsonl"), "rb") as f:
                f.seek(max(0, os.path.getsize(f.name) - 400_000))
                events = [json.loads(line) for line in f.read().split(b"\n")[1:-1]]
            return max((e["t_us"] for e in events if e["ev"] == "arp" and e["dir"] == "in" and e["port"] == "p-stby"),
                       default=0)
        self.until("the standby says no more of the VIP", 15, lambda: wall_us() - last() > 1_500_000)

    def owners(self):
        """The MACs that answer for the VIP on the wire, asked from the gateway."""
        _, out, _ = call(hosts.enter_command(self.run, "gateway", [
            "arping", "-b", "-c", "2", "-w", "1", "-I", "eth0", topology.VIP]), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        return sorted({m.lower() for m in re.findall(r"\[([0-9A-Fa-f:]{17})\]", out)})

    def mac(self, host):
        return self.info["hosts"][host]["interfaces"][self.run.vip_leg(host)]["mac"]

    # -- a takeover ------------------------------------------------------------

    def figures(self, since, at="standby", before=None, start=None):
        return figures.figures(self.run.load(), since, at, before, start)

    def takeover(self, carrier_stays=False, within=40, cut=None):
        """Cuts the primary (unless that was done) and follows what comes of it; a dict with `problems`."""
        watch = Progress(self)
        cut = cut or self.lab("cut", "primary", *(["--carrier-stays"] if carrier_stays else []))
        watch.since = cut["t_us"]
        self.say("   0 ms  CUT: the primary is dead" + (", its port stays up" if carrier_stays else ""))
        ended = watch.to_the_end(within)
        return self.collect(cut, ended)

    def marks(self, cut, host="standby"):
        """Milliseconds from the cut to what the agent's journal says, the first of each."""
        ms = {"noticed": None, "fence_proven": None, "claimed": None, "verified": None}
        for r in self.journal(host):
            if r["boot_us"] < cut["boottime_us"]:
                continue
            data, name = r["data"], None
            if r["kind"] == "changed" and data["to"].startswith("confirming"):
                name = "noticed"
            elif r["kind"] == "changed" and data["to"] == "active":
                name = "verified"
            elif r["kind"] == "outcome" and "done" in data["outcome"]:
                name = {"fence": "fence_proven", "claim": "claimed"}.get(data["step"])
            if name and ms[name] is None:
                ms[name] = round((r["boot_us"] - cut["boottime_us"]) / 1000, 1)
        return ms

    def collect(self, cut, ended, fence="proven"):
        """Everything that is known of the takeover since `cut`, whose fence must end so."""
        since = cut["t_us"]
        code, report, err = self.standin("report")
        ms = self.marks(cut)
        time.sleep(0.1)  # the observer writes what it has seen at once, but it may be waiting for its turn
        proven = None if ms["fence_proven"] is None else since + round(ms["fence_proven"] * 1000)
        wire = self.figures(since, before=proven or wall_us())
        problems = []
        if not report:
            problems.append(f"no report: {err.strip()}")
        cameras = (report or {}).get("cameras") or {}
        result = {
            "verdict": (report or {}).get("verdict"), "mode": self.mode, "fence": (report or {}).get("fence"),
            "cameras": {"expected": cameras.get("expected", self.count), "back": cameras.get("back", 0)},
            "ms": {k: ms[k] for k in ("noticed", "fence_proven", "claimed")}
            | {"first_announce": wire["first_announce_ms"],
               "receipts_last": wire["receipts_last_ms"] if wire["receipts"] == self.count else None,
               "first_syn": wire["first_syn_ms"],
               "last_syn": wire["last_syn_ms"] if wire["cameras_syn"] == self.count else None},
        }
        if ended != "active":
            problems.append(f"it ended {ended}, not active")
        if result["verdict"] != "verified":
            problems.append(f"the verdict is {result['verdict']}, not verified; missing: {missing(cameras)}")
        if result["fence"] != fence:
            problems.append(f"the fence is {result['fence']}, not {fence}")
        if ms["fence_proven"] is None:
            problems.append("the journal does not say that the fence was proven")
        if result["cameras"] != {"expected": self.count, "back": self.count}:
            problems.append(f"cameras: {result['cameras']}, not {self.count} of {self.count}")
        if wire["cameras_syn"] != self.count:
            problems.append(f"the wire shows SYNs of {wire['cameras_syn']} cameras; missing: {wire['missing_syn'][:5]}")
        if wire["vip_frames_before"]:
            problems.append(f"frames with the VIP left before the fence was proven: {wire['vip_frames_before'][:3]}")
        problems += self.one_owner("standby") + self.never_two(since)
        return result | {"problems": problems, "cut": cut, "report": report, "wire": wire}

    def one_owner(self, host):
        got = self.owners()
        return [] if got == [self.mac(host)] else [f"the VIP is answered by {got}, not only by {host} ({self.mac(host)})"]

    def owner_spells(self, since, until=None):
        """Who spoke for the VIP on the machines' own ports, in order: [[mac, first, last, frames], ...].

        With option A a dead machine may speak in quarantine: there it is who was heard at the cameras.
        """
        ours = {self.mac("primary"), self.mac("standby"), self.mac("third")}
        ports = {"p-prim": "in", "p-stby": "in", topology.PARKED_PORT: "in"}
        heard = self.option_a and (lambda e: e["dir"] == "out" and e["port"] not in ports)
        events = [(e["t_us"], e["smac"]) for e in figures.read(self.run.path("observer.jsonl"), since)
                  if e["ev"] == "arp" and (until is None or e["t_us"] < until)
                  and (heard(e) if heard else ports.get(e["port"]) == e["dir"] or e["smac"] == self.mac("third") or e["smac"] not in ours)]
        spells = []
        for t, mac in sorted(events):
            if spells and spells[-1][0] == mac:
                spells[-1][2], spells[-1][3] = t, spells[-1][3] + 1
            else:
                spells.append([mac, t, t, 1])
        return spells

    def never_two(self, since, until=None):
        """Nobody who has stopped to speak for the VIP speaks again: that would be two live owners."""
        spells = self.owner_spells(since, until)
        macs = [s[0] for s in spells]
        if len(macs) != len(set(macs)):
            return ["two owners on the wire: " + ", ".join(
                f"{m} {(a - since) / 1000:.1f}..{(b - since) / 1000:.1f} ms ({n})" for m, a, b, n in spells)]
        return []

    # -- and back ----------------------------------------------------------------

    def plug(self):
        """The repaired primary boots; in a pair its standin starts and answers."""
        self.lab("plug", "primary")
        self.run.load()
        if self.mode == "pair":
            self.until("the plugged primary's standin answers", 15, lambda: self.status("primary"), host="primary")
        self.say("the primary is plugged in again")

    def release(self, within=40):
        """Orders the release of a plugged primary, and follows it; a dict with `problems`."""
        watch = Progress(self, "primary")
        since = watch.since = wall_us()
        self.say("   0 ms  RELEASE ordered")
        code, answer, err = self.standin("release", PEER, timeout=within)
        ended = wall_us()
        problems = []
        if code or not answer:
            problems.append(f"release: exit {code}: {err.strip()} {answer or ''}")
        with contextlib.suppress(TrialError):
            self.until("cameras at the primary", 15 if not problems else 1,
                       lambda: self.figures(since, "primary")["cameras_syn"] == self.count, 0.05)
        watch.look()
        wire = self.figures(since, "primary")
        back = wire["cameras_syn"]
        if back != self.count:
            problems.append(f"{back} of {self.count} cameras dialled the primary; missing: {wire['missing_syn'][:5]}")
        problems += self.one_owner("primary") + self.never_two(since)
        if not problems:
            self.all_publishing()
        return {"cameras": {"expected": self.count, "back": back},
                "ms": {"first_syn": wire["first_syn_ms"], "ended": round((ended - since) / 1000, 1),
                       "last_camera_back": wire["last_syn_ms"] if back == self.count else None},
                "problems": problems, "since": since}

    def reset(self):
        """After a takeover: everything as it was before it. What the release measured."""
        self.plug()
        result = self.release()
        if result["problems"]:
            raise TrialError("the release did not end well: " + "; ".join(result["problems"]))
        self.healthy(40)
        return result


class Progress:
    """Follows the standby's log and the observer, and says what happens in milliseconds since `since`."""

    def __init__(self, trial, dialled="standby"):
        self.trial, self.at, self.since = trial, dialled, 0
        self.log, self.wire = Tail(trial.log_path()), Tail(trial.run.path("observer.jsonl"))
        self.cameras = {c.address for c in topology.cameras(trial.count)}
        self.seen, self.told, self.ended, self.announced = set(), 0, None, False

    def say(self, t, text):
        self.trial.say(f"{(t - self.since) / 1000:6.0f} ms  {text}")

    def look(self):
        lines = []
        for t, level, text in log_lines(self.log.lines()):
            if t < self.since:
                continue
            plain = re.sub(r" peer=\S+$", "", text)
            lines.append((t, plain if level == "INFO" else f"{level}: {plain}"))
            change = CHANGE.match(text)
            if change and change[2] in ("active", "halted"):
                self.ended = change[2]
        mac = self.trial.mac(self.at)
        for line in self.wire.lines():
            e = json.loads(line)
            if e["t_us"] < self.since:
                continue
            if e["ev"] == "arp" and e["smac"] == mac and e["dir"] == "out" and not self.announced:
                self.announced = True
                lines.append((e["t_us"], f"(wire) the first announcement of the {self.at} reaches a camera"))
            if e["ev"] == "syn" and e["dst"] == mac and e["camera"] in self.cameras - self.seen:
                self.seen.add(e["camera"])
                quarter = 4 * len(self.seen) // self.trial.count
                if len(self.seen) == 1 or quarter > self.told:
                    self.told = max(quarter, self.told)
                    lines.append((e["t_us"], f"(wire) {len(self.seen)} of {self.trial.count} cameras "
                                  f"have dialled the {self.at}"))
        for t, text in sorted(lines):
            self.say(t, text)

    def to_the_end(self, within):
        """Until the takeover is over; how it ended. Status is asked seldom, to leave the machine to what is measured."""
        begun = asked = time.monotonic()
        while True:
            self.look()
            if self.ended:
                return self.ended
            now = time.monotonic()
            if now - asked > 2:
                asked = now
                s = self.trial.status() or {}
                if s.get("state") == "active" and s.get("verdict") or s.get("state") == "halted":
                    return s["state"]
            if now - begun > within:
                return f"after {within} s still {(self.trial.status() or {}).get('state', 'without an answer')}"
            time.sleep(0.02)


def interruptible():
    """INT, TERM and HUP become an exception, so that everything is cleaned up on the way out."""
    def stop(number, _frame):
        for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(n, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def main():
    import argparse
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--mode", choices=["agentless", "pair"], default="agentless")
    p.add_argument("--carrier-stays", action="store_true")
    p.add_argument("--stock-snmpd", action="store_true")
    p.add_argument("--option-a", action="store_true")
    p.add_argument("--release", action="store_true")
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--cameras", type=int, default=100)
    p.add_argument("--bin", default=BINARY)
    p.add_argument("--snmp", default="2c")
    p.add_argument("--way", choices=site_config.WAYS, default="snmp", help="how the switch is reached (snmp)")
    p.add_argument("--set", action="append", default=[])
    args = p.parse_args()
    interruptible()
    bad = 0
    with Trial(args.mode, args.cameras, stock=args.stock_snmpd, option_a=args.option_a, binary=args.bin, sets=args.set, snmp=args.snmp,
               way=args.way, say=lambda text: print(text, file=sys.stderr, flush=True)) as trial:
        trial.start_agents()
        for n in range(args.runs):
            got = trial.takeover(args.carrier_stays)
            bad += bool(got["problems"])
            del got["report"], got["wire"]
            print(json.dumps(got), flush=True)
            if args.release or n + 1 < args.runs:
                print(json.dumps(trial.reset()), flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    try:
        main()
    except (TrialError, labrun.LabError) as e:
        sys.exit(f"trial: {e}")
