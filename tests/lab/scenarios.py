#!/usr/bin/env python3
"""What standin must show in the lab, one sentence a scenario; exit 0 only if all of it holds.

    scenarios.py [--quick] [--only TEXT] [--mode agentless|pair] [--list] [--stop] [--jobs N]

`--quick` is what CI runs: the same scenarios with fewer repetitions, and without the slow ones. One lab per mode is
reused, and with `--jobs` so many labs are at work side by side; before each scenario everything in it is as it was at first. Beside what each scenario checks, the wire must
never show two owners of the VIP: each scenario says who may speak for it, in order (P primary, S standby, T the third
machine), and the observer's record is held against that.
"""
import argparse
import os
import random
import re
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
import run as labrun
import scenarios_addresses
import scenarios_alerts
import scenarios_faults
import scenarios_health
import scenarios_input
import scenarios_kernel
import scenarios_networkd
import scenarios_owner
import scenarios_pair
import scenarios_parked
import scenarios_peers
import scenarios_places
import scenarios_ports
import scenarios_served
import scenarios_runbook
import scenarios_steps
import scenarios_switch
import scenarios_takeover
import scenarios_versions
import scenarios_walk
import scenarios_ways
import trial
from scenarios_site import Failed, Site

MODULES = (scenarios_takeover, scenarios_alerts, scenarios_health, scenarios_faults, scenarios_addresses, scenarios_input,
           scenarios_peers, scenarios_pair,
           scenarios_switch, scenarios_ways, scenarios_parked, scenarios_ports, scenarios_served, scenarios_places,
           scenarios_kernel, scenarios_owner, scenarios_walk, scenarios_steps, scenarios_runbook,
           scenarios_versions, scenarios_networkd)
BUGS = os.path.join(labrun.BASE, "BUGS.md")


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    p.add_argument("--quick", action="store_true", help="fewer repetitions, and not the slow ones")
    p.add_argument("--only", default="", metavar="TEXT", help="those whose sentence or function name contains this")
    p.add_argument("--mode", choices=["agentless", "pair", "option-a"], help="only those of one mode")
    p.add_argument("--cameras", type=int, default=100, metavar="N", help="how many there are (100)")
    p.add_argument("--bin", metavar="PATH", help="the program (default: target/release/standin)")
    p.add_argument("--list", action="store_true", help="say what there is")
    p.add_argument("--stop", action="store_true", help="stop at the first failure, and keep the lab up")
    p.add_argument("--verbose", action="store_true", help="show each takeover as it happens")
    p.add_argument("--seed", type=int, default=None, help="of the random moments")
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="labs side by side (1): a scenario mostly waits")
    p.add_argument("--part", metavar="K/N", type=part, default=(1, 1), help="only the K-th of N parts of the list")
    args = p.parse_args()
    if args.jobs < 1 or (args.jobs > 1 and args.part != (1, 1)):
        p.error("--jobs is 1 or more, and not together with --part, which it gives to each of its own")
    return args


def part(text):
    """K/N as two numbers."""
    match = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", text)
    if not match or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"'{text}' is not K/N with K up to N, such as 1/2")
    return int(match[1]), int(match[2])


def wanted(args):
    """What was asked for, mode by mode, and of that the part that is to be played here."""
    text = args.only.lower()
    chosen = [s for module in MODULES for s in module.SCENARIOS
              if not (args.quick and s.slow) and args.mode in (None, s.mode)
              and (text in s.name.lower() or text in s.check.__name__)]
    modes = list(dict.fromkeys(s.mode for s in chosen))
    chosen.sort(key=lambda s: modes.index(s.mode))
    k, n = args.part
    return chosen[len(chosen) * (k - 1) // n:len(chosen) * k // n]


def side_by_side(args):
    """Plays the list in so many processes, each with labs of its own; exits as they do."""
    own = [a for a in sys.argv[1:]]
    at = next(i for i, a in enumerate(own) if a.startswith("--jobs"))
    del own[at:at + (1 if "=" in own[at] else 2)]
    argv = [sys.executable, "-B", os.path.abspath(__file__), *own]
    parts = [subprocess.Popen([*argv, "--part", f"{k}/{args.jobs}"], stdin=subprocess.DEVNULL)
             for k in range(1, args.jobs + 1)]
    try:
        codes = [p.wait() for p in parts]
    except KeyboardInterrupt as e:
        for p in parts:
            p.terminate()
        for p in parts:
            p.wait()
        sys.exit(f"interrupted by {e}")
    sys.exit(max(abs(c) for c in codes))


def note(s, site, since, error):
    """What a person needs who mends it."""
    os.makedirs(labrun.BASE, exist_ok=True)
    with open(BUGS, "a") as f:
        f.write(f"\n## {time.strftime('%H:%M:%S')} {s.mode}: {s.name}\n`{s.check.__name__}`: {error}\n```\n")
        for host in site.agents:
            for t, level, text in site.log(host, since)[-25:]:
                f.write(f"{host:8} {(t - since) / 1000:8.0f} ms {level} {text[:400]}\n")
        f.write("owners on the wire: " + site.owners_text(since) + "\n```\n")


def play(s, site, args):
    """One scenario; whether it held."""
    begun = time.monotonic()
    since = trial.wall_us()
    try:
        site.begin(s.sets, s.snmp, s.way)
        since = trial.wall_us()
        said = s.check(site, args.quick)
        if s.owners and not re.fullmatch(s.owners, site.owner_letters(since)):
            raise Failed(f"the wire shows the owners {site.owners_text(since)}, allowed is {s.owners}")
        print(f"PASS  {s.name}" + (f" ({said})" if said else "") + f" [{time.monotonic() - begun:.1f} s]", flush=True)
        return True
    except (Failed, trial.TrialError, labrun.LabError, OSError, subprocess.SubprocessError, KeyError, TypeError,
            ValueError) as e:
        if not isinstance(e, (Failed, trial.TrialError, labrun.LabError)):
            traceback.print_exc()
        print(f"FAIL  {s.name}: {e} [{time.monotonic() - begun:.1f} s]", flush=True)
        note(s, site, since, e)
        return False


def main():
    args = arguments()
    chosen = wanted(args)
    if args.jobs > 1 and not args.list:
        trial.interruptible()
        side_by_side(args)
    if args.list:
        for s in chosen:
            print(f"{s.mode:9} {s.check.__name__:34} {s.name}{' (slow)' if s.slow else ''}")
        return
    seed = args.seed if args.seed is not None else random.randrange(1 << 16)
    random.seed(seed)
    of = f" (part {args.part[0]} of {args.part[1]})" if args.part[1] > 1 else ""
    print(f"{len(chosen)} scenarios{of}, seed {seed}", flush=True)
    trial.interruptible()
    say = (lambda text: print(f"      {text}", file=sys.stderr, flush=True)) if args.verbose else None
    failed, held, begun = [], set(), time.monotonic()
    for mode in dict.fromkeys(s.mode for s in chosen):
        option_a = mode == "option-a"
        site = Site("agentless" if option_a else mode, args.cameras, binary=args.bin, prefix="s", say=say,
                    option_a=option_a)
        try:
            site.up()
            site.start_agents()
            for s in (s for s in chosen if s.mode == mode):
                if play(s, site, args):
                    held.add(s.name)
                else:
                    failed.append(s.name)
                    if args.stop:
                        site.keep()
                        sys.exit(f"the lab stays up: {site.id}")
        except KeyboardInterrupt as e:
            site.down()
            sys.exit(f"interrupted by {e}")
        except (trial.TrialError, labrun.LabError) as e:
            print(f"FAIL  the {mode} lab: {e}", flush=True)
            failed += [s.name for s in chosen if s.mode == mode and s.name not in failed and s.name not in held]
        except BaseException:
            if not args.stop:
                site.down()
            raise
        site.down()
    print(f"{len(chosen) - len(failed)} of {len(chosen)} scenarios{of} hold, in {time.monotonic() - begun:.0f} s"
          + "".join(f"\n  FAILED: {name}" for name in failed), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
