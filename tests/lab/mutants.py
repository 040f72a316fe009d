"""Faults planted in a copy of the sources (benches/mutants/mutants.toml), and the test program of the simulation with them."""
import json
import os
import select
import shutil
import subprocess
import time
import tomllib

import run as labrun

TABLE = os.path.join(labrun.ROOT, "benches", "mutants", "mutants.toml")
BUILT = os.path.join(labrun.ROOT, "target", "mutants")
TREE = os.path.join(BUILT, "tree")
# A run that takes so many seconds does not come to its end: something goes round in a circle and time stands.
HANGS = 60
# Which fault is planted is read once; the bench learns from the line whether the run came to its place at all.
SWITCH = '''
/// True if fault `number` of benches/mutants/mutants.toml is planted (STANDIN_PLANTED).
pub fn planted(number: u32) -> bool {
    use std::sync::atomic::{AtomicBool, Ordering};
    static WHICH: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    static TOLD: AtomicBool = AtomicBool::new(false);
    let which = WHICH.get_or_init(|| {
        let named = std::env::var("STANDIN_PLANTED").ok();
        named.and_then(|n| n.parse().ok()).unwrap_or(0)
    });
    let here = *which == number;
    if here && !TOLD.swap(true, Ordering::Relaxed) && std::env::var_os("SIM_FROM").is_some() {
        println!("SIM {{\\"reached\\": {number}}}");
    }
    here
}
'''


def table():
    with open(TABLE, "rb") as f:
        return tomllib.load(f)["mutant"]


def place(mutant, text):
    """Where its old text stands: (begin, end)."""
    within = mutant.get("within", mutant["old"])
    name = f"mutant {mutant['id']} in {mutant['file']}"
    if text.count(within) != 1:
        raise labrun.LabError(f"{name}: {within.strip()!r} occurs {text.count(within)} times, not once")
    if within.count(mutant["old"]) != 1:
        raise labrun.LabError(f"{name}: {mutant['old']!r} occurs {within.count(mutant['old'])} times in its `within`, not once")
    begin = text.index(within) + within.index(mutant["old"])
    return begin, begin + len(mutant["old"])


def planted(mutant):
    both = f"if crate::planted({mutant['id']}) {{ {mutant['new']} }} else {{ {mutant['old']} }}"
    return both if mutant["old"].rstrip().endswith(";") else f"({both})"


def sources(mutants):
    """Each changed file with all of its faults."""
    changed = {}
    for name in sorted({m["file"] for m in mutants}):
        with open(os.path.join(labrun.ROOT, name)) as f:
            text = f.read()
        here = sorted((*place(m, text), m) for m in mutants if m["file"] == name)
        for (_, end, one), (begin, _, other) in zip(here, here[1:]):
            if end > begin:
                raise labrun.LabError(f"mutants {one['id']} and {other['id']} overlap in {name}")
        for begin, end, mutant in reversed(here):
            text = text[:begin] + planted(mutant) + text[end:]
        changed[name] = text
    with open(os.path.join(labrun.ROOT, "src/lib.rs")) as f:
        changed["src/lib.rs"] = changed.get("src/lib.rs", f.read()) + SWITCH
    return changed


def copy(changed):
    """The tree of this repository as it is, with those files changed. What is as it was keeps its time, for cargo."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=labrun.ROOT, capture_output=True,
                            text=True, check=True).stdout.split("\0")
    kept = set()
    for name in filter(None, listed):
        source, target = os.path.join(labrun.ROOT, name), os.path.join(TREE, name)
        if not os.path.isfile(source):
            continue
        kept.add(target)
        content = changed[name].encode() if name in changed else open(source, "rb").read()
        if os.path.isfile(target) and open(target, "rb").read() == content:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(content)
    for folder, _, files in os.walk(TREE):
        for file in files:
            if (path := os.path.join(folder, file)) not in kept:
                os.remove(path)


def build(say):
    """The test program with every fault in it; STANDIN_MUTANTS=FILE is one that was built before."""
    if os.environ.get("STANDIN_MUTANTS"):
        return os.environ["STANDIN_MUTANTS"]
    copy(sources(table()))
    # The dependencies are those of this repository's own tests.
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(labrun.ROOT, "target")
    argv = ["cargo", "test", "--locked", "--test", "sim", "--no-run", "--message-format=json",
            "--config", "profile.dev.package.standin.opt-level=1"]
    say(f"building ({' '.join(argv)}, in {os.path.relpath(TREE)})")
    built = subprocess.run(argv, cwd=TREE, env={**os.environ, "CARGO_TARGET_DIR": target}, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    if built.returncode:
        said = [m["message"]["rendered"] for m in messages
                if m.get("reason") == "compiler-message" and m["message"]["level"] == "error"]
        raise labrun.LabError("it does not build with the faults in it:\n" + "".join(said[:5]) + built.stderr[-2000:])
    built = {(m["target"]["name"], m["target"]["kind"][0]): m["executable"] for m in messages if m.get("executable")}
    # Another build in the same folder puts its own program there.
    for name, kind in (("sim", "test"), ("standin", "bin")):
        shutil.copy2(built[name, kind], os.path.join(BUILT, name + ".new"))
        os.replace(os.path.join(BUILT, name + ".new"), os.path.join(BUILT, name))
    return os.path.join(BUILT, "sim")


def run(program, mutant, first, runs, seconds):
    """Runs until one is red; what the program said, one dictionary a line, and how it ended: over, late, hangs."""
    env = {**os.environ, "SIM_FROM": str(first), "SIM_RUNS": str(runs), "SIM_UNTIL_RED": "1",
           "STANDIN_PLANTED": str(mutant), "SIM_STANDIN": os.path.join(os.path.dirname(program), "standin")}
    child = subprocess.Popen(["nice", "-n", "15", program, "fresh::fresh_seeds", "--exact", "--nocapture"], cwd=labrun.ROOT,
                             env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    end, told, ended = time.monotonic() + seconds, b"", None
    while ended is None:
        if not select.select([child.stdout], [], [], HANGS)[0]:
            ended = "hangs"
        elif not (piece := os.read(child.stdout.fileno(), 1 << 16)):
            ended = "over"
        elif time.monotonic() > end:
            ended = "late"
        else:
            told += piece
    child.kill()
    child.wait()
    lines = [line[line.index("SIM {") + 4:] for line in told.decode().splitlines() if "SIM {" in line]
    return [json.loads(line) for line in lines if line.endswith("}")], ended
