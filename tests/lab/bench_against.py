"""scripts/bench takeover --against FILE: two binaries in turn in one lab, and the 95 % interval of the ratio of medians.

Run by run the machine's load, the cameras' timers and the switch drift; in turn both binaries see the same.
"""
import random
import statistics
import time

from scenarios_site import Site

RESAMPLES = 10_000
GOAL = 1.05
FIGURES = (("last_syn", "last SYN at the standby"), ("first_announce", "first announce on a camera's port"))
STEADY = 25  # seconds that a standby watches a healthy primary before each death: what it knows of the link's loss is younger
             # after a start, and a verdict takes its time then (tests/findings.md, rule 3)
ROUND = 2   # takeovers of one binary before the other's turn: a change boots both machines


def interval(new, old, seed=1):
    """(ratio of medians, lower, upper bound): the bootstrap's 2.5 and 97.5 percentiles."""
    r = random.Random(seed)
    ratios = sorted(statistics.median(r.choices(new, k=len(new))) / statistics.median(r.choices(old, k=len(old)))
                    for _ in range(RESAMPLES))
    return (statistics.median(new) / statistics.median(old), ratios[int(RESAMPLES * 0.025)], ratios[int(RESAMPLES * 0.975) - 1])


def bench(args, mode, binary, say, failures):
    rows = {"new": [], "old": []}
    sources = {"new": binary, "old": args.against}
    cuts = args.cuts or [False, True]
    with Site(mode, args.cameras, stock=args.stock_snmpd, binary=binary, prefix="b", option_a=args.option_a) as site:
        site.start_agents()
        done = {"new": 0, "old": 0}
        turn = 0
        while min(done.values()) < args.runs:
            # Which of the two is first changes too.
            which = ("new", "old", "old", "new")[turn % 4]
            turn += 1
            site.source = sources[which]
            site.rebuild(site.sets, site.snmp)
            for _ in range(min(ROUND, args.runs - done[which])):
                cut = cuts[done[which] % len(cuts)]
                time.sleep(STEADY)
                got = site.takeover(cut)
                problems = got["problems"]
                if not problems:
                    site.plug()
                    problems = site.release()["problems"]
                done[which] += 1
                say(f"{mode} {which} {done[which]}/{args.runs}: " + " ".join(
                    f"{k}={'-' if got['ms'][k] is None else round(got['ms'][k])}" for k, _ in FIGURES)
                    + "".join(f" !! {p}" for p in problems))
                if problems:
                    failures += [f"{mode}, {which}, run {done[which]}: {p}" for p in problems]
                    site.rebuild(site.sets, site.snmp)
                else:
                    rows[which].append(got["ms"])
                    site.healthy(40)
                    site.sweep_over()
    return table(args, mode, rows, failures)


def table(args, mode, rows, failures):
    out = [f"## {mode}: new and old in turn, {len(rows['new'])} and {len(rows['old'])} runs of {args.runs} each", "",
           f"Old: `{args.against}`.", "", "| ms from the cut | old, median | new, median | ratio | 95 % interval | goal |",
           "| --- | ---: | ---: | ---: | --- | --- |"]
    for key, label in FIGURES:
        new, old = ([r[key] for r in rows[w] if r.get(key) is not None] for w in ("new", "old"))
        if not new or not old:
            failures.append(f"{mode}: {label}: {len(new)} and {len(old)} figures")
            continue
        ratio, low, high = interval(new, old)
        met = low <= GOAL
        out.append(f"| {label} | {statistics.median(old):.0f} | {statistics.median(new):.0f} | {ratio:.3f} | "
                   f"{low:.3f} to {high:.3f} | reaches {GOAL} or below: {'met' if met else 'NOT MET'} |")
        if not met:
            failures.append(f"{mode}: {label}: the interval begins at {low:.3f}")
    return out + [""]
