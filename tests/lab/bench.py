"""scripts/bench: full counts in the lab, written to benches/ with date, command and machine.

takeover    medians of every figure, release and idle cost, keepalived in the same run
kills       SIGKILL of the agent at random moments of a takeover
isolations  a standby that is itself cut off
fence       from the order to the proof that a port is down, beside snmpset, fence_ifmib and netmiko
chaos       faults at random moments; who serves is asked, not only listened for
falls       a living primary behind a bad network is left alone, and its death is noticed; keepalived beside it
preflight   `standin switch preflight` of 10 to 200 simulated switches: time, memory, CPU time
sim         fresh seeds of the simulation: how often each rule was put to the test, ms a failover
mutants     faults planted on purpose: which rule of the simulation finds each, after how many runs
"""
import argparse
import datetime
import hashlib
import os
import platform
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import bench_against
import bench_chaos
import bench_falls
import bench_fence
import bench_mutants
import bench_preflight
import bench_sim
import run as labrun
import scenarios_takeover
import trial
from scenarios_site import Site

FIGURES = ("noticed", "fence_proven", "claimed", "first_announce", "receipts_last", "first_syn", "last_syn")
LABEL = {"noticed": "noticed", "fence_proven": "fence proven", "claimed": "address claimed",
         "first_announce": "first announce on a camera's port", "receipts_last": "last ARP receipt",
         "first_syn": "first SYN at the standby", "last_syn": "last SYN at the standby",
         "last_camera_back": "release: order to last camera's SYN at the primary"}
GOALS = {("pair", "first_announce"): 500, ("pair", "last_syn"): 1000, ("agentless", "first_announce"): 900,
         ("agentless", "last_syn"): 1800, ("pair", "last_camera_back"): 2000, ("agentless", "last_camera_back"): 2000}
CUTS = {False: "power cut", True: "carrier stays"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    p = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, epilog="STANDIN_BIN=FILE measures that "
                                "binary instead of building one.", formatter_class=argparse.RawDescriptionHelpFormatter)
    subs = p.add_subparsers(dest="what", required=True)
    t = subs.add_parser("takeover", help="takeovers and releases, idle cost, keepalived")
    t.add_argument("--runs", type=int, default=20)
    t.add_argument("--mode", choices=["agentless", "pair", "both"], default="both")
    cut = t.add_mutually_exclusive_group()
    cut.add_argument("--cut", dest="cuts", action="store_const", const=[False], help="only the power cut")
    cut.add_argument("--carrier-stays", dest="cuts", action="store_const", const=[True], help="only the panic")
    t.add_argument("--stock-snmpd", action="store_true", help="a switch whose port states are up to 3 s old")
    t.add_argument("--option-a", action="store_true",
                   help="port takeover: our parked port is moved, the dead machine's goes to quarantine (agentless only)")
    t.add_argument("--keepalived", type=int, nargs="?", const=20, default=0, metavar="RUNS",
                   help="keepalived at its defaults, in the same lab shape")
    t.add_argument("--idle", type=int, default=60, metavar="S", help="seconds of idle cost (60; 0: not measured)")
    t.add_argument("--cameras", type=int, default=100)
    t.add_argument("--against", metavar="FILE", help="another binary: both in turn in one lab, and the ratio of their medians")
    c = subs.add_parser("chaos", help="faults at random moments")
    c.add_argument("--runs", type=int, default=100, help="of each kind of site")
    c.add_argument("--mode", choices=["agentless", "pair", "option-a", "all"], default="all")
    c.add_argument("--cameras", type=int, default=12)
    c.add_argument("--seed", type=int, default=None, help="of the faults; the same seed goes on where it was interrupted")
    c.add_argument("--only", type=int, metavar="N", help="play this run again")
    c.add_argument("--results", metavar="FILE", help="JSON lines (chaos-SEED.jsonl in the lab's folder)")
    c.add_argument("--prefix", default="b", help=argparse.SUPPRESS)
    f = subs.add_parser("falls", help="false takeovers on a bad network, and the time to a true one")
    f.add_argument("--minutes", type=float, default=3, help="that the primary lives in each cell (3)")
    f.add_argument("--deaths", type=int, default=3, help="after that, each behind the same impairment (3)")
    f.add_argument("--mode", choices=["agentless", "pair", "both"], default="both")
    f.add_argument("--settings", choices=[*bench_falls.SETTINGS, "both"], default="both")
    f.add_argument("--cell", default="", metavar="TEXT", help="only impairments whose name contains this")
    f.add_argument("--keepalived", action="store_true", help="keepalived at 1 s, 0.1 s and 0.01 s too")
    f.add_argument("--cameras", type=int, default=100)
    f.add_argument("--seed", type=int, default=1, help="of the gaps (1)")
    f.add_argument("--results", metavar="FILE", default=os.path.join(labrun.BASE, "falls.jsonl"),
                   help="JSON lines, a cell each: what stands there is not measured again (falls.jsonl in the lab's folder)")
    f.add_argument("--prefix", default="b", help=argparse.SUPPRESS)
    for name, runs in (("kills", 30), ("isolations", 20)):
        s = subs.add_parser(name)
        s.add_argument("--runs", type=int, default=runs)
        s.add_argument("--mode", choices=["agentless", "pair"], default="agentless")
        s.add_argument("--cameras", type=int, default=100)
        s.add_argument("--seed", type=int, default=None)
    s = subs.add_parser("fence", help="fences over SNMP and SSH, and what else there is")
    s.add_argument("--runs", type=int, default=25)
    s.add_argument("--cameras", type=int, default=100)
    s = subs.add_parser("sim", help="fresh seeds of the simulation; STANDIN_SIM=FILE is its test program")
    s.add_argument("--runs", type=int, default=2000)
    s.add_argument("--seed", type=int, help="the first one; printed, so that a run can be told again")
    s.add_argument("--workers", type=int, help="at once (one a processor)")
    s.add_argument("--minimise", type=int, metavar="SEED", help="what of a red seed makes it red, as a story; nothing else is done")
    s.add_argument("--pair", action=argparse.BooleanOptionalAction, help="the seed's site (a seed that 3 divides is a pair's)")
    s.add_argument("--planted", type=int, default=0, metavar="ID", help="with this fault of benches/mutants/mutants.toml")
    s.add_argument("--story", metavar="NAME", help="it becomes tests/sim/stories/NAME.toml")
    s = subs.add_parser("mutants", help="faults planted on purpose, and what of the simulation finds them")
    s.add_argument("--runs", type=int, default=2000, help="of each fault, at most (2000)")
    s.add_argument("--seconds", type=float, default=300, help="for each fault, at most (300)")
    s.add_argument("--control", type=int, default=300, help="runs with nothing planted (300)")
    s.add_argument("--seed", type=int, help="the first one; printed, so that a run can be told again")
    s.add_argument("--only", type=int, nargs="+", metavar="ID", help="only these faults")
    s = subs.add_parser("preflight", help="many switches at once")
    s.add_argument("--runs", type=int, default=5)
    s.add_argument("--switches", type=int, nargs="+", default=[10, 50, 100, 200], metavar="N",
                   help="how many, at most 400 (10 50 100 200)")
    s.add_argument("--late", type=float, nargs="*", default=[10, 50], metavar="MS",
                   help="then, with the most of them, every answer so late (10 50)")
    for s in subs.choices.values():
        s.add_argument("--out", metavar="FILE", help="where the result goes (benches/WHAT.md, takeover-option-a.md)")
        s.add_argument("--no-out", action="store_true", help="only print it")
    args = p.parse_args()
    if not all(1 <= n <= 400 for n in getattr(args, "switches", [])):
        p.error("--switches: 1 to 400, each is a process")
    if getattr(args, "option_a", False):
        if args.mode == "pair":
            p.error("--option-a: with --mode agentless only")
        args.mode = "agentless"
    if getattr(args, "against", None) and not os.access(args.against, os.X_OK):
        p.error(f"--against: {args.against} is no program")
    return args


def binary():
    return os.path.abspath(os.environ.get("STANDIN_BIN") or trial.BINARY)


def head(args):
    def text(*argv):
        return subprocess.run(argv, capture_output=True, text=True, cwd=labrun.ROOT).stdout.strip()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    digest = ""
    if args.what not in ("sim", "mutants"):
        with open(binary(), "rb") as f:
            digest = f"; binary sha256 {hashlib.file_digest(f, 'sha256').hexdigest()[:16]}..."
    dirty = " with changes in src/" if text("git", "status", "--porcelain", "src", "Cargo.toml") else ""
    return [f"# bench {args.what}", "",
            f"- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
            f"- command: `scripts/bench {shlex.join(sys.argv[1:])}`",
            f"- machine: {os.cpu_count()} cores ({cpu}), {int(memory) // 1048576} GiB, Linux {platform.release()}",
            f"- commit: {text('git', 'rev-parse', '--short=12', 'HEAD')}{dirty}{digest}",
            f"- load before: {' '.join(f'{x:.2f}' for x in os.getloadavg())}"
            + (f"; lab of {args.cameras} cameras" if hasattr(args, "cameras") else ""), ""]


def table(mode, cut, rows, count):
    """Markdown: median, min and max of every figure."""
    lines = [f"## {mode}, {cut}", "", f"{count} runs, all verified with every camera back." if len(rows) == count else
             f"{len(rows)} of {count} runs verified.", "",
             "| ms from the cut | median | min | max | goal |", "| --- | ---: | ---: | ---: | ---: |"]
    for key in [*FIGURES, "last_camera_back"]:
        values = [r[key] for r in rows if r.get(key) is not None]
        if values:
            goal = GOALS.get((mode, key))
            median = statistics.median(values)
            met = "" if goal is None else f"{goal} {'met' if median <= goal else 'NOT MET'}"
            short = "" if len(values) == len(rows) else f" ({len(values)} of {len(rows)} runs)"
            lines.append(f"| {LABEL[key]}{short} | {median:.0f} | {min(values):.0f} | {max(values):.0f} | {met} |")
    return lines + [""]


def idle(site, seconds):
    """CPU of one core in percent and RSS in MB of the standby's daemon while nothing happens."""
    pid = site.agent_pid()

    def ticks():
        with open(f"/proc/{pid}/stat") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    before, at = ticks(), time.monotonic()
    time.sleep(seconds)
    cpu = (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - at) * 100
    with open(f"/proc/{pid}/status") as f:
        fields = dict(line.split(":", 1) for line in f)
    rss, locked, threads = (fields[k].split()[0] for k in ("VmRSS", "VmLck", "Threads"))
    say(f"idle: {cpu:.2f} % of a core, RSS {int(rss) / 1024:.1f} MB")
    return [f"Idle in standby over {seconds} s: **{cpu:.2f} %** of one core (goal 1 %), RSS **{int(rss) / 1024:.1f} MB** "
            f"(goal 25 MB), locked {int(locked) / 1024:.1f} MB, {threads} threads.", ""]


def takeovers(args, mode, failures):
    out = []
    title = mode + (", port takeover" if args.option_a else "") + (", stock snmpd" if args.stock_snmpd else "")
    with Site(mode, args.cameras, stock=args.stock_snmpd, binary=os.environ.get("STANDIN_BIN"), prefix="b",
              say=None, option_a=args.option_a) as site:
        site.start_agents()
        if args.idle:
            time.sleep(5)
            out += [f"## {title}, idle", ""] + idle(site, args.idle)
        for cut in args.cuts or [False, True]:
            rows = []
            for n in range(args.runs):
                got = site.takeover(cut)
                problems, ms = got["problems"], dict(got["ms"])
                if not problems:
                    site.plug()
                    back = site.release()
                    problems, ms["last_camera_back"] = back["problems"], back["ms"]["last_camera_back"]
                say(f"{mode} {CUTS[cut]} {n + 1}/{args.runs}: " + " ".join(
                    f"{k}={'-' if v is None else round(v)}" for k, v in ms.items()) + "".join(f" !! {p}" for p in problems))
                if problems:
                    failures += [f"{mode}, {CUTS[cut]}, run {n + 1}: {p}" for p in problems]
                    site.rebuild(site.sets, site.snmp)
                else:
                    rows.append(ms)
                    site.healthy(40)
                    site.sweep_over()
            out += table(title, CUTS[cut], rows, args.runs)
    return out


def keepalived(args):
    """The same lab, the same cameras, keepalived at its defaults on both machines; no fence, no proof."""
    rows = []
    with trial.Trial("keepalived", args.cameras, prefix="b") as site:
        home = [site.mac("primary")]
        for n in range(args.keepalived):
            site.until("keepalived's primary has the VIP", 40, lambda: site.owners() == home)
            site.all_publishing(60)
            time.sleep(2)
            since = site.lab("cut", "primary")["t_us"]
            try:
                site.until("all cameras at keepalived's standby", 40,
                           lambda: site.figures(since)["cameras_syn"] == args.cameras)
            except trial.TrialError as e:
                say(str(e))
            wire = site.figures(since)
            rows.append({"first_announce": wire["first_announce_ms"], "first_syn": wire["first_syn_ms"],
                         "last_syn": wire["last_syn_ms"] if wire["cameras_syn"] == args.cameras else None})
            say(f"keepalived {n + 1}/{args.keepalived}: {rows[-1]}")
            site.lab("plug", "primary")
    version = subprocess.run(["keepalived", "--version"], capture_output=True, text=True)
    name = (version.stderr or version.stdout).splitlines()[0].split("(")[0].strip()
    lines = table(f"{name} at its defaults", "power cut", rows, args.keepalived)
    lines[2] = f"{len(rows)} runs, for comparison: no fence, and nothing that knows whether a camera came back."
    return lines


def bench_takeover(args, failures):
    out = []
    if args.against:
        for mode in ("agentless", "pair") if args.mode == "both" else (args.mode,):
            out += bench_against.bench(args, mode, binary(), say, failures)
        return out
    for mode in ("agentless", "pair") if args.mode == "both" else (args.mode,):
        out += takeovers(args, mode, failures)
    if args.keepalived:
        out += keepalived(args)
    return out


def bench_kills(args, failures):
    out = ["| killed | in state | ended | last SYN, ms |", "| ---: | --- | --- | ---: |"]

    def each(got):
        moment, state = got["moment"].split(" after the cut, in ")
        ended = "; ".join(got["problems"]) or "verified"
        out.append(f"| {moment.removeprefix('killed ')} | {state} | {ended} | {got['ms']['last_syn'] or '-'} |")
        say(out[-1])
    with Site(args.mode, args.cameras, binary=os.environ.get("STANDIN_BIN"), prefix="b") as site:
        site.start_agents()
        bad, rows = scenarios_takeover.kills(site, args.runs, each)
    failures += bad
    good = sum(not r["problems"] for r in rows)
    return [f"{args.mode}, seed {args.seed}: **{good} of {len(rows)}** ended verified, with 100 of 100 cameras, no frame "
            "before the fence was proven, one owner, one address, no gate left, no SET of another port, and no more than "
            "one SET of the peer's per life of the daemon. Killed by SIGKILL, started again 0.5 s later; every second "
            "cut leaves the carrier.", ""] + out + [""]


def bench_isolations(args, failures):
    with Site(args.mode, args.cameras, binary=os.environ.get("STANDIN_BIN"), prefix="b") as site:
        site.start_agents()
        bad, said = scenarios_takeover.isolations(site, args.runs)
    failures += bad
    lines = [f"{args.mode}: **{args.runs - len(bad)} of {args.runs}** did nothing for 4 s (no SET, no claim, no frame with "
             "the VIP, every camera stayed), said why, and stood by again afterwards. In turn: own data VLAN changed, own "
             "port shut, own data cable out; the switch answers on management all the while.", ""]
    return lines + [f"- {said.count(s)} times: {s}" for s in dict.fromkeys(said)] + [""]


def fences(args, failures):
    with trial.Trial("agentless", args.cameras, binary=binary(), prefix="b") as site:
        session = shutil.copy2(os.path.join(os.path.dirname(binary()), "examples", "switch_session"),
                               site.run.path("switch_session"))
        site.all_publishing(60)
        return bench_fence.bench(args, site, session, say, failures)


def preflights(args, failures):
    return bench_preflight.bench(args, binary(), say, failures)


def simulation(args, failures):
    return bench_sim.bench(args, say, failures)


def planted(args, failures):
    return bench_mutants.bench(args, say, failures)


def chaos(args, failures):
    return bench_chaos.bench(args, binary(), say, failures)


def falls(args, failures):
    return bench_falls.bench(args, say, failures)


BENCHES = {"chaos": chaos, "falls": falls, "takeover": bench_takeover, "kills": bench_kills, "isolations": bench_isolations, "fence": fences,
           "preflight": preflights, "sim": simulation, "mutants": planted}


def main():
    args = arguments()
    trial.interruptible()
    if getattr(args, "seed", 0) is None:
        args.seed = random.randrange(1 << 32)
    random.seed(getattr(args, "seed", 0))
    lines, failures = head(args), []
    begun = time.monotonic()
    try:
        lines += BENCHES[args.what](args, failures)
    except (trial.TrialError, labrun.LabError) as e:
        failures.append(f"the bench did not end: {e}")
    except KeyboardInterrupt as e:
        sys.exit(f"interrupted by {e}")
    lines += [f"Took {time.monotonic() - begun:.0f} s. " + ("Nothing failed." if not failures else "Failures:"), ""]
    lines += [f"- {f}" for f in failures]
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if not args.no_out and getattr(args, "minimise", None) is None:
        name = args.what + ("-option-a" if getattr(args, "option_a", False) else "")
        path = args.out or os.path.join(labrun.ROOT, "benches", f"{name}.md")
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        say(f"written to {os.path.relpath(path)}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
