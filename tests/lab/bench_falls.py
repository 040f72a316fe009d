"""scripts/bench falls: is a living primary taken for dead on a bad network, and a dead one noticed all the same?

A cell is a kind of site, settings, and an impairment. For so many minutes the primary lives behind it, and nothing may
be fenced or claimed; then it dies behind it, several times. Loss is made by nft's `numgen` where frames leave (the
standby's leg: its own egress and the switch port's towards it; the peer's leg likewise), so that no raw socket sees what
is lost; what was really lost is read from nft's counters. Cells that are in the results file are not measured again.
"""
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import threading
import time

import hosts
import ns
import run as labrun
import trial
from scenarios_site import PORT, Site

OURS, PEERS = ("standby", "p-stby"), ("primary", PORT)      # a leg: the machine, and the switch port it hangs on
FASTEST = ('detect.probe-interval="20ms"', 'detect.suspect-after="50ms"', "detect.confirm-probes=1",
           'detect.confirm-interval="10ms"')
SETTINGS = {"shipped": (), "fastest": FASTEST}
PAIRS_FASTEST = (':heartbeat.interval="25ms"',)      # two of them are what suspect-after must be at least
JIFFIES_MS = 8   # that a kernel of 250 Hz may end a gap late
DARK = """table netdev {table} {{
 set dark {{ type ether_type; flags timeout; }}
 chain in {{ type filter hook ingress device "{device}" priority -401; ether type @dark drop; }}
 chain out {{ type filter hook egress device "{device}" priority -401; ether type @dark drop; }}
}}
"""
GOAL_MS = {0: 1000, 40: 3000}
TABLE = "falls"
CHAIN = """table netdev {table} {{
 chain out {{
  type filter hook egress device "{device}" priority {priority}; policy {policy};
  {rules}
 }}
}}
"""


class Cell:
    def __init__(self, name, loss=0, legs=(OURS,), ways=2, gaps=None, sets=(), busy=0, pings=True, peers=1):
        self.name, self.loss, self.legs, self.ways, self.gaps = name, loss, legs, ways, gaps
        self.sets, self.busy, self.pings, self.peers = tuple(sets), busy, pings, peers


PROMISED = "gaps of the peer's leg alone, up to what check promises"     # shares of that, not seconds
CELLS = (
    Cell("no loss"),
    Cell("20 % both ways", loss=20),
    Cell("40 % both ways", loss=40),
    Cell("20 % one way", loss=20, ways=1),
    Cell("30 % both ways at the peer's leg alone", loss=30, legs=(PEERS,)),
    Cell("gaps of 100 to 800 ms of our leg", gaps=(OURS, 0.1, 0.8)),
    Cell(PROMISED, gaps=(PEERS, 0.5, 1.0)),
    Cell("8 busy loops a core", busy=8),
    Cell("no pings are answered", pings=False),
    Cell("40 % both ways, no pings", loss=40, pings=False),
    Cell("10 ARP a second", sets=("announce.arp-per-second=10",)),
    Cell("40 peers on the interface", peers=40),
)
ADVERTS = (1, 0.1, 0.01)
KEEPALIVED = ("no loss", "20 % both ways", "40 % both ways", "20 % one way", "gaps of 100 to 800 ms of our leg",
              "8 busy loops a core")


class Impairment:
    """What a cell does to the network and the machine, for as long as its body runs."""

    def __init__(self, site, cell, seed):
        self.site, self.cell, self.random = site, cell, random.Random(seed)
        self.undo, self.ended = contextlib.ExitStack(), threading.Event()

    def __enter__(self):
        try:
            for leg in self.cell.legs if self.cell.loss else ():
                for where, device in self.ends(leg)[:self.cell.ways]:
                    self.table(where, device, f"numgen random mod 100 < {self.cell.loss} counter drop")
            if self.cell.gaps:
                thread = threading.Thread(target=self.gaps, daemon=True)
                thread.start()
                self.undo.callback(thread.join)
            for _ in range(self.cell.busy * (os.cpu_count() or 1)):
                p = subprocess.Popen(["sh", "-c", "while :; do :; done"])
                self.undo.callback(lambda p=p: (p.kill(), p.wait()))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.undo.close()

    def ends(self, leg):
        """Where frames of a leg leave: towards the machine first, then from it."""
        machine, port = leg
        return ((self.site.run.netns("switch"), port), (self.site.run.netns(machine), "eth0"))

    def table(self, where, device, rule):
        """Every frame is counted, then the rule. The table is the cell's own."""
        self.nft(where, CHAIN.format(table=f"{TABLE}-{device}", device=device, priority=-400, policy="accept",
                                     rules=f"counter\n{rule}"))
        self.undo.callback(self.nft, where, f"delete table netdev {TABLE}-{device}", False)

    @staticmethod
    def nft(where, text, must=True):
        with ns.inside(where):
            got = subprocess.run(["nft", "-f", "-"], input=text, text=True, capture_output=True, timeout=20)
        if got.returncode and must:
            raise trial.TrialError(f"nft refused {text}: {got.stderr.strip()}")

    def lost(self):
        """Frames that were to leave, and those that were dropped, of all ends."""
        seen = dropped = 0
        for leg in self.cell.legs if self.cell.loss else ():
            for where, device in self.ends(leg)[:self.cell.ways]:
                with ns.inside(where):
                    got = subprocess.run(["nft", "-j", "list", "table", "netdev", f"{TABLE}-{device}"], text=True,
                                         capture_output=True, timeout=20, check=True)
                counts = [e["counter"]["packets"] for r in json.loads(got.stdout)["nftables"] if "rule" in r
                          for e in r["rule"]["expr"] if "counter" in e]
                seen, dropped = seen + counts[0], dropped + counts[1]
        return seen, dropped

    def gaps(self):
        """Both directions of a leg are dark for so long, again and again, 1 to 4 s apart."""
        leg, shortest, longest = self.cell.gaps
        if leg is PEERS:
            self.gaps_to_the_millisecond(promised(self.site), shortest, longest)
        while not self.ended.wait(self.random.uniform(1, 4)):
            for where, device in self.ends(leg):
                self.nft(where, CHAIN.format(table=f"{TABLE}-gap-{device}", device=device, priority=-401, policy="drop",
                                             rules=""))
            self.ended.wait(self.random.uniform(shortest, longest))
            for where, device in self.ends(leg):
                self.nft(where, f"delete table netdev {TABLE}-gap-{device}", False)


    def gaps_to_the_millisecond(self, longest_ms, least, most):
        """As `gaps`, in shares of `longest_ms`, at the machine's own end, where the kernel ends what one command begins: however
        late a program of ours runs, no gap is longer than it is meant to be."""
        machine, table = self.site.run.netns(self.cell.gaps[0][0]), f"{TABLE}-dark"
        self.nft(machine, DARK.format(table=table, device="eth0"))
        while not self.ended.wait(self.random.uniform(1, 4)):
            ms = int(longest_ms * self.random.uniform(least, most)) - JIFFIES_MS
            self.nft(machine, f"add element netdev {table} dark {{ arp timeout {ms}ms, ip timeout {ms}ms }}")
        self.nft(machine, f"delete table netdev {table}", False)


def promised(site):
    """The longest gap of the peer alone, in milliseconds, that `plan` says is survived."""
    said = json.dumps(site.standin("plan", "cctv")[1]["detection"])
    return int(re.search(r"gap of the peer alone of up to (\d+) ms is survived", said).group(1))


def more_peers(site, count):
    """Further machines on the same interface: addresses of the spare one, each a peer of its own."""
    leg = site.run.legs_of("third")[0]
    sets = []
    with ns.inside(site.run.netns("third")):
        subprocess.run(["ip", "link", "set", leg.ifname, "up"], check=True)
        for n in range(1, count):
            address = f"192.168.1.{40 + n}"
            subprocess.run(["ip", "address", "replace", f"{address}/24", "dev", leg.ifname], check=True)
            name = f":peer.more{n}."
            sets += [f'{name}kind="agentless"', f'{name}vip="{address}/24"', f'{name}interface="eth0"',
                     f'{name}takeover="manual"', f':[peer.more{n}.fence].switch="core"',
                     # Never fenced here; a port belongs to one peer.
                     f':[peer.more{n}.fence].ports=["c{n:03d}"]', f":[peer.more{n}.fence].persist=false",
                     f":peer.more{n}.detect.gateway=\"192.168.1.1\"",
                     f":peer.more{n}.verify.cameras={json.dumps(site.info['cameras']['csv'])}"]
    return sets


def answer_pings(site, yes):
    """Of the primary, the gateway and the cameras."""
    names = [site.run.netns(h) for h in ("primary", "gateway")] + [
        n for n in ns.list_netns(site.run.prefix + "c") if n.removeprefix(site.run.prefix + "c").isdigit()]
    for name in names:
        with ns.inside(name), open("/proc/sys/net/ipv4/icmp_echo_ignore_all", "w") as f:
            f.write("0" if yes else "1")


def fell(site, since):
    """What was done to a living primary, in words."""
    bad = [f"{r['data']['step']} at {(site.wall(r) - since) / 1e6:.1f} s" for r in site.journal()
           if r["kind"] == "intent" and site.wall(r) >= since and r["data"]["step"] in ("fence", "claim")]
    if site.port()["admin"] not in ("up", 1, True):
        bad.append("its port is shut")
    if site.vip_here():
        bad.append("the VIP is here")
    return bad


def suspicions(site, since):
    return sum(r["kind"] == "changed" and r["data"]["to"].startswith(("confirming", "suspect")) for r in site.journal()
               if r["boot_us"] and site.wall(r) >= since)


def death(site, cell, seed, watched, say):
    """One death behind the impairment, after so many seconds behind it: milliseconds to the proof and to the claim."""
    with Impairment(site, cell, seed):
        time.sleep(watched)
        cut = site.cut(carrier_stays=True)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            ms = site.marks(cut)
            if ms["claimed"] is not None:
                break
            time.sleep(0.2)
    ms = site.marks(cut)
    say(f"    death: fence proven {ms['fence_proven']} ms, claimed {ms['claimed']} ms")
    return ms


def measure(args, mode, settings, cell, say):
    sets = [*SETTINGS[settings], *(PAIRS_FASTEST if (mode, settings) == ("pair", "fastest") else ()), *cell.sets]
    with Site(mode, max(args.cameras, cell.peers), binary=os.environ.get("STANDIN_BIN"), prefix=args.prefix) as site:
        if cell.peers > 1:
            sets += more_peers(site, cell.peers)
        site.sets = sets
        site.start_agents()
        if not cell.pings:
            answer_pings(site, False)
            site.restart_agent()
            site.healthy(60)
        time.sleep(3)
        # A loss that keeps a TCP handshake from ending in time says "service dead", which is alerted, not taken.
        since = trial.wall_us()
        with Impairment(site, cell, args.seed) as impairment:
            deadline, bad = time.monotonic() + args.minutes * 60, []
            while time.monotonic() < deadline and not bad:
                time.sleep(1)
                bad = fell(site, since)
            lived = (trial.wall_us() - since) / 1e6
            seen, dropped = impairment.lost()
            suspected = suspicions(site, since)
        row = {"mode": mode, "settings": settings, "cell": cell.name, "lived_s": round(lived), "falls": bad,
               "suspicions": suspected, "frames": seen, "dropped": dropped, "deaths": []}
        say(f"{mode}, {settings}, {cell.name}: {lived:.0f} s, {'; '.join(bad) or 'nothing done'}; {suspected} suspicions; "
            f"{dropped} of {seen} frames lost")
        for n in range(args.deaths):
            if n or bad:
                site.rebuild(sets)
                if not cell.pings:
                    answer_pings(site, False)
                    site.healthy(60)
            # What a standby knows of the loss is that of the last minute.
            row["deaths"].append(death(site, cell, args.seed + n, 60 if n or bad else 5, say))
        return row


def keepalived(args, advert, cell, say):
    """The same with keepalived's backup: how often it takes the address of a master that lives."""
    with trial.Trial("keepalived", args.cameras, prefix=args.prefix) as site:
        for host in hosts.MACHINES:
            conf = site.run.path(host, "keepalived.conf")
            with open(conf) as f:
                text = f.read()
            with open(conf, "w") as f:
                f.write(text.replace("global_defs {", "global_defs {\n    vrrp_version 3")
                        .replace("priority", f"advert_int {advert}\n    priority"))
            for pid in hosts.processes(site.run.load(), host):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as f:
                    if f.read().strip() == "keepalived":
                        os.kill(pid, 1)
        home = [site.mac("primary")]
        site.until("keepalived's primary has the VIP", 40, lambda: site.owners() == home)
        time.sleep(3)
        log = site.run.path("standby-keepalived.log")
        tail = trial.Tail(log)
        begun = time.monotonic()
        with Impairment(site, cell, args.seed):
            time.sleep(args.minutes * 60)
        falls = sum("Entering MASTER STATE" in line for line in tail.lines())
        say(f"keepalived, {advert} s, {cell.name}: {falls} times master beside a living one")
        return {"mode": "keepalived", "settings": f"advert_int {advert}", "cell": cell.name,
                "lived_s": round(time.monotonic() - begun), "falls": falls}


def wanted(args):
    """(key, how to measure it) of every cell that was asked for."""
    chosen = [c for c in CELLS if args.cell.lower() in c.name.lower()]
    for mode in ("agentless", "pair") if args.mode == "both" else (args.mode,):
        for settings in SETTINGS if args.settings == "both" else (args.settings,):
            for c in chosen:
                if not (settings == "fastest" and c.sets):
                    yield (mode, settings, c.name), lambda say, a=(mode, settings, c): measure(args, *a, say)
    for advert in ADVERTS if args.keepalived else ():
        for c in chosen:
            if c.name in KEEPALIVED:
                yield ("keepalived", f"advert_int {advert}", c.name), lambda say, a=(advert, c): keepalived(args, *a, say)


def bench(args, say, failures):
    os.makedirs(os.path.dirname(os.path.abspath(args.results)), exist_ok=True)
    rows = {}
    with contextlib.suppress(FileNotFoundError), open(args.results) as f:
        for line in f:
            row = json.loads(line)
            rows[row["mode"], row["settings"], row["cell"]] = row
    keys = []
    for key, how in wanted(args):
        keys.append(key)
        if key in rows:
            continue
        try:
            rows[key] = how(say)
        except (trial.TrialError, labrun.LabError) as e:
            failures.append(f"{', '.join(key)}: {e}")
            continue
        with open(args.results, "a") as f:
            f.write(json.dumps(rows[key]) + "\n")
    return table([rows[k] for k in keys if k in rows], failures)


def loss_of(cell_name):
    return next((c.loss for c in CELLS if c.name == cell_name), None)


def table(rows, failures):
    out = ["| site | settings | impairment | lived, s | frames lost | suspicions | false takeovers | death to claim, median ms (all) |",
           "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |"]
    for r in rows:
        lost = f"{100 * r['dropped'] / r['frames']:.1f} %" if r.get("frames") else "-"
        name = f"{r['mode']}, {r['settings']}, {r['cell']}"
        if r["mode"] == "keepalived":
            out.append(f"| keepalived | {r['settings']} | {r['cell']} | {r['lived_s']} | - | - | {r['falls']} | - |")
            continue
        claimed = [d["claimed"] for d in r["deaths"]]
        took = [c for c in claimed if c is not None]
        median = f"{statistics.median(took):.0f}" if took else "none"
        out.append(f"| {r['mode']} | {r['settings']} | {r['cell']} | {r['lived_s']} | {lost} | {r['suspicions']} | "
                   f"{len(r['falls'])} | {median} ({', '.join('none' if c is None else f'{c:.0f}' for c in claimed)}) |")
        failures += [f"{name}: {f}" for f in r["falls"]]
        if len(took) < len(claimed):
            failures.append(f"{name}: {len(claimed) - len(took)} of {len(claimed)} deaths were not taken over within 90 s")
        goal = GOAL_MS.get(loss_of(r["cell"])) if r["settings"] == "shipped" and "gaps" not in r["cell"] else None
        if goal and took and statistics.median(took) > goal and r["cell"] in ("no loss", "40 % both ways"):
            failures.append(f"{name}: {median} ms, the goal is {goal} ms")
    return out + [""]
