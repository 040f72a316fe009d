"""scripts/bench mutants: how many runs of the simulation it takes to find each fault that was planted on purpose."""
import os
import time

import mutants
import run as labrun


def hunt(program, mutant, args):
    """(rules or None, runs, seconds, reached): until a run is red that is green without the fault, or the bound."""
    begun, runs, first, reached = time.monotonic(), 0, args.seed, False
    while True:
        left = args.seconds - (time.monotonic() - begun)
        if runs >= args.runs or left <= 0:
            return None, runs, time.monotonic() - begun, reached
        told, ended = mutants.run(program, mutant, first, args.runs - runs, left)
        reached |= any("reached" in t for t in told)
        red = next((t for t in told if "seed" in t), None)
        done = sum("run" in t for t in told)
        if red is None:
            runs += done
            if ended == "hangs":
                return ["the run does not end"], runs + 1, time.monotonic() - begun, reached
            if ended == "over" and not any("runs" in t for t in told):
                return ["the run fell"], runs + 1, time.monotonic() - begun, reached
            return None, runs, time.monotonic() - begun, reached
        runs += red["seed"] - first + 1
        first = red["seed"] + 1
        control, _ = mutants.run(program, 0, red["seed"], 1, 120)
        if not any("seed" in t for t in control):
            return red["rules"], runs, time.monotonic() - begun, reached


def control(program, args, reds):
    """The same seeds with nothing planted."""
    first, end, count = args.seed, args.seed + args.control, 0
    while first < end:
        told, _ = mutants.run(program, 0, first, end - first, 3600)
        red = next((t for t in told if "seed" in t), None)
        if red is None:
            count += sum("run" in t for t in told)
            break
        reds.append(f"- With nothing planted, seed {red['seed']} is red: {red['rules']}\n{red['told']}")
        count += red["seed"] - first + 1
        first = red["seed"] + 1
    return count


def bench(args, say, failures):
    table = mutants.table()
    if args.only:
        table = [m for number in args.only for m in table if m["id"] == number]
    program = mutants.build(say)
    begun, reds = time.monotonic(), []
    count = control(program, args, reds) if args.control else 0
    each = (time.monotonic() - begun) / max(count, 1)
    say(f"control: {count} runs, {each * 1e3:.0f} ms each, {len(reds)} red")
    rows, found, unfound = [], 0, []
    for mutant in table:
        rules, runs, seconds, reached = hunt(program, mutant["id"], args)
        found += rules is not None
        by = ", ".join(rules) if rules else ("**not found**" if reached else "**not found, never reached**")
        if not rules:
            unfound.append(mutant["id"])
        rows.append(f"| {mutant['id']} | {mutant['of']} | {mutant['what']} | {by} | {runs} | {seconds * 1e3:.0f} |")
        say(rows[-1])
    return [f"Each fault of {os.path.relpath(mutants.TABLE, labrun.ROOT)} alone, over seeds from {args.seed} on (one of three a "
            f"pair), until a run is red that is green without it; at most {args.runs} runs or {args.seconds} s. Control, "
            f"nothing planted: {count} runs from the same seed on, {each * 1e3:.0f} ms each, "
            f"{len(reds) or 'none'} red.", "", *reds, "",
            f"{found} of {len(table)} found; not found: {', '.join(map(str, unfound)) or 'none'}.", "",
            "| id | of | fault | found by | runs | ms |", "| ---: | --- | --- | --- | ---: | ---: |", *rows, ""]
