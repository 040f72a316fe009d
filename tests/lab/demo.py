"""scripts/demo: one takeover shown as it happens, its report, and one line of JSON for programs."""
import argparse
import json
import os
import shlex
import statistics
import sys
import time

sys.dont_write_bytecode = True
import run as labrun
import trial
from trial import Trial, TrialError

DESCRIPTION = """\
Brings a lab up (a switch, two servers, 100 cameras, all in network namespaces), cuts the primary, and shows how
standin takes its place: on stderr as it happens, then the report, and as the last line of stdout one JSON object.
Exit 0 only if it is verified: fence proven, nothing said before that, every camera back, one owner."""
EPILOG = """\
The JSON: verdict (verified | degraded | failed, or null), mode, fence (proven | unclear), cameras, and ms from the
cut: noticed, fence_proven, claimed as the agent says; first_announce, receipts_last, first_syn, last_syn as an
observer outside of it saw them on the wire. A time that was not reached is null. With --release also "release": ms
from the order to the first and the last camera back at the primary. With --runs N: "runs", and ms are medians.
It may be interrupted at any time and leaves nothing behind; what a SIGKILL leaves is removed at the next start.
The machine's own network is not touched."""


def arguments():
    p = argparse.ArgumentParser(prog="scripts/demo", description=DESCRIPTION, epilog=EPILOG,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = p.add_mutually_exclusive_group()
    mode.add_argument("--agentless", dest="mode", action="store_const", const="agentless", default="agentless",
                      help="nothing is installed on the primary (default)")
    mode.add_argument("--pair", dest="mode", action="store_const", const="pair", help="standin runs on both machines")
    p.add_argument("--carrier-stays", action="store_true",
                   help="the primary panics: it is silent, but its switch port stays up")
    p.add_argument("--stock-snmpd", action="store_true", help="a switch whose port states are up to 3 s old")
    p.add_argument("--option-a", action="store_true",
                   help="port takeover: the standby waits with the same address on a parked port, which is moved; the\n"
                   "dead machine's port goes to quarantine")
    p.add_argument("--release", action="store_true", help="then plug the primary back in and hand everything back")
    p.add_argument("--keep", action="store_true", help="leave the lab up at the end, and say how to look around")
    p.add_argument("--runs", type=int, default=1, metavar="N", help="so many takeovers in one lab (1)")
    p.add_argument("--cameras", type=int, default=100, metavar="N", help="1 to 140 (100)")
    args = p.parse_args()
    if not 1 <= args.cameras <= 140:
        p.error("--cameras: 1 to 140")
    if args.option_a and args.mode != "agentless":
        p.error("--option-a: with --agentless only")
    if args.runs < 1:
        p.error("--runs: at least 1")
    return args


def say(text):
    print(text, file=sys.stderr, flush=True)


def look_around(t):
    lab = os.path.relpath(os.path.join(labrun.ROOT, "scripts", "lab"))
    mine = f"{lab} exec --run {t.id} standby {shlex.quote(t.binary)} --config {shlex.quote(t.config())}"
    say(f"""
The lab stays up (run {t.id}):
  {lab} info --run {t.id}                 what is where
  {mine} status
  {mine} report
  {lab} exec --run {t.id} standby ip addr      a shell command on a machine (c001.. are the cameras)
  {lab} switch --run {t.id} status        the switch's ports
  {lab} agent --run {t.id} log standby    what the daemon said
  {lab} plug --run {t.id} primary; {mine} release cctv
  {lab} down --run {t.id}                 when you are done""")


def report(t):
    """The report as a person reads it."""
    _, out, err = t.on("standby", t.binary, "report", "--config", t.config())
    return (out or err).rstrip()


def summary(got, released, runs):
    line = {k: got[-1][k] for k in ("verdict", "mode", "fence", "cameras", "ms")} if got else {
        "verdict": None, "mode": None, "fence": "unclear", "cameras": None, "ms": None}
    if runs > 1:
        line |= worst(got) | {"runs": len(got), "ms": medians([g["ms"] for g in got])}
    if released:
        last = released[-1]
        line["release"] = {"cameras": last["cameras"], "ms": medians([r["ms"] for r in released])}
    return line


def worst(got):
    """What was not as it should be in any run is what the summary says."""
    bad = [g for g in got if g["problems"]] or got[-1:]
    return {k: bad[0][k] for k in ("verdict", "fence", "cameras")}


def medians(rows):
    out = {}
    for key in rows[0]:
        values = [r[key] for r in rows if r[key] is not None]
        out[key] = round(statistics.median(values), 1) if len(values) == len(rows) else None
    return out


WATCHED = 25   # seconds before each cut


def play(t, args, got, released):
    t.start_agents()
    for n in range(args.runs):
        if args.runs > 1:
            say(f"-- takeover {n + 1} of {args.runs}")
        say(f"for {WATCHED} s the standby watches a healthy primary: right after its start it would be slower, since it knows "
            "little of what the link loses")
        time.sleep(WATCHED)
        got.append(t.takeover(args.carrier_stays))
        for problem in got[-1]["problems"]:
            say(f"NOT AS IT SHOULD BE: {problem}")
        last = n + 1 == args.runs
        if last or got[-1]["problems"]:
            print(report(t), flush=True)
        if args.release or not last:
            t.plug()
            released.append(t.release())
            for problem in released[-1]["problems"]:
                say(f"NOT AS IT SHOULD BE: {problem}")
            if released[-1]["problems"]:
                break
            if not last:
                t.healthy(40)
    if not args.release:
        released.clear()


def perform(t, args):
    """The whole demo; its exit code. Unless it is kept, the lab is down at the end."""
    got, released, fault = [], [], None
    try:
        t.up()
        play(t, args, got, released)
    except (TrialError, labrun.LabError) as e:
        fault = str(e)
    done = len(got) == args.runs and not fault
    ok = done and not any(g["problems"] for g in got) and not any(r["problems"] for r in released)
    if args.keep and t.info is not None:
        t.keep()
        look_around(t)
    else:
        t.down()
    if fault:
        say(f"demo: {fault}")
    line = summary(got, released, args.runs) | {"mode": args.mode} | ({"option": "a"} if args.option_a else {})
    if not ok and line["verdict"] == "verified":
        line["verdict"] = "failed"  # the agent's own word is not enough: something above was not as it should be
    print(json.dumps(line), flush=True)
    return 0 if ok else 1


def main():
    args = arguments()
    trial.interruptible()
    t = Trial(args.mode, args.cameras, stock=args.stock_snmpd, binary=os.environ.get("STANDIN_BIN"), prefix="demo", option_a=args.option_a,
              say=say)
    try:
        code = perform(t, args)
    except KeyboardInterrupt as e:
        say(f"interrupted by {e}; taking the lab down")
        t.down()
        code = 130
    except BaseException:
        t.down()
        raise
    sys.exit(code)


if __name__ == "__main__":
    main()
