"""scripts/bench sim: fresh seeds of the simulation (tests/sim), on all processors at once."""
import json
import os
import resource
import subprocess
import time

import mutants
import run as labrun


def build(say):
    build = "cargo --config tests/optimised.toml test --release --locked --test sim --no-run"
    say(f"building ({build})")
    told = subprocess.run([*build.split(), "--message-format=json"], cwd=labrun.ROOT, stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    for line in told.splitlines():
        message = json.loads(line)
        if message.get("target", {}).get("name") == "sim" and message.get("executable"):
            return message["executable"]
    raise labrun.LabError("cargo built no test program `sim`")


def shares(first, runs, workers):
    """Seeds for each worker: (first, how many)."""
    each, more = divmod(runs, workers)
    at = first
    for n in range(workers):
        count = each + (n < more)
        if count:
            yield at, count
        at += count


def added(all_of, one):
    for key, value in one.items():
        if isinstance(value, dict):
            added(all_of.setdefault(key, {}), value)
        else:
            all_of[key] = all_of.get(key, 0) + value


def minimise(args, say, failures):
    """Of a red seed, a story with what of it is needed."""
    program = mutants.build(say) if args.planted else os.environ.get("STANDIN_SIM") or build(say)
    env = {**os.environ, "SIM_MINIMISE": str(args.minimise), "STANDIN_PLANTED": str(args.planted)}
    if args.planted:
        env["SIM_STANDIN"] = os.path.join(os.path.dirname(program), "standin")
    if args.pair is not None:
        env["SIM_PAIR"] = str(int(args.pair))
    told = subprocess.run([program, "minimise::what_is_left_of_a_red_run_is_what_makes_it_red", "--exact", "--nocapture"],
                          cwd=labrun.ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    told = next((json.loads(line[4:]) for line in told.splitlines() if line.startswith("SIM {")), {})
    if "story" not in told:
        failures.append(f"seed {args.minimise} holds" if "green" in told else f"seed {args.minimise} fell")
        return []
    if args.story:
        path = os.path.join(labrun.ROOT, "tests", "sim", "stories", f"{args.story}.toml")
        with open(path, "w") as f:
            f.write(told["story"])
        say(f"written to {os.path.relpath(path)}: say in `about` what it is about")
    return [f"Seed {args.minimise}: {told['before']} acts, {told['after']} of them make {told['rule']} red; {told['told']} times "
            "told.", "", "```toml", told["story"].rstrip(), "```", ""]


def bench(args, say, failures):
    if args.minimise is not None:
        return minimise(args, say, failures)
    program = os.environ.get("STANDIN_SIM") or build(say)
    workers = args.workers or os.cpu_count() or 1
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    children = []
    for first, count in shares(args.seed, args.runs, workers):
        env = {**os.environ, "SIM_FROM": str(first), "SIM_RUNS": str(count)}
        children.append(subprocess.Popen([program, "fresh_seeds", "--nocapture"], cwd=labrun.ROOT, env=env,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
    total = {}
    for child in children:
        for line in child.stdout:
            if not line.startswith("SIM "):
                continue
            told = json.loads(line[4:])
            if "seed" in told:
                failures.append(f"seed {told['seed']}: SIM_SEED={told['seed']} cargo nextest run --test sim {told['test']}"
                                f" --no-capture tells it again\n{told['told']}")
            else:
                added(total, told)
        child.wait()
    if total.get("runs") != args.runs:
        failures.append(f"{total.get('runs', 0)} of {args.runs} runs came to an end")
        return []
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    took = time.monotonic() - begun
    failovers = max(total["owners"], 1)
    for what in ("armed", "struck"):
        failures += [f"{name} was never {what}" for name, n in total[what].items() if n == 0]
    least = {what: min(total[what].items(), key=lambda named: named[1]) for what in ("armed", "struck")}
    seldom = ", ".join(f"{name} {what} {n:,} times" for what, (name, n) in least.items())
    lines = [f"{args.runs} runs from seed {args.seed} on, two of three with one daemon; {total['failed']} failed; "
             f"{total['events']:,} events, {total['virtual_us'] / 3.6e9:,.0f} virtual hours; least of all {seldom}.", "",
             "| what | figure |", "| --- | --- |",
             f"| events (polls of tasks) | {total['events']:,} |",
             f"| virtual hours | {total['virtual_us'] / 3.6e9:.1f} |",
             f"| changes of the one owner | {total['owners']:,} |",
             f"| takeovers that were told to be verified | {total['verified']:,} |",
             f"| CPU time | {cpu:.1f} s, {cpu / args.runs * 1e3:.1f} ms a run, {cpu / failovers * 1e3:.1f} ms a change of owner |",
             f"| elapsed, {workers} at once | {took:.1f} s, {total['owners'] / took:.0f} changes of owner a second |", "",
             "| rule | put to the test |", "| --- | --- |",
             *(f"| {name} | {n:,} |" for name, n in total["armed"].items()), "",
             "| fault or order | struck |", "| --- | --- |",
             *(f"| {name} | {n:,} |" for name, n in sorted(total["struck"].items())), ""]
    return lines
