"""What the observer saw, counted from one moment: announce, receipts, SYNs."""
import json

import topology


def read(path, since_us):
    """The observer's events from `since_us` on."""
    try:
        with open(path, "rb") as f:
            for line in f:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue  # the line that is being written right now
                if event["t_us"] >= since_us:
                    yield event
    except FileNotFoundError:
        return


def figures(run, since_us, at="standby", before_us=None, start_us=None):
    """All figures relative to `since_us`; a time that was not reached is null.

    `vip_frames_before` lists the frames with the VIP as ARP sender that left
    `at` between `start_us` (default: since_us) and `before_us` (for example
    the time the fence was proven; default: since_us, so nothing).
    """
    mac = next(l.mac for l in run.legs_of(at) if l.ifname == run.vip_leg(at))
    macs = {l.mac for l in run.legs_of(at)}  # by whichever leg it leaves
    start_us = since_us if start_us is None else start_us
    before_us = since_us if before_us is None else before_us
    cameras = {c.address for c in topology.cameras(run.state["cameras"])}
    first_announce, receipts, syns, early, foreign = None, {}, {}, [], {}
    for e in read(run.path("observer.jsonl"), min(start_us, since_us)):
        t = e["t_us"]
        if e["ev"] == "arp":
            if e["dir"] == "in" and macs & {e["src"], e["smac"]} and start_us <= t < before_us:
                early.append(e)
            if t < since_us:
                continue
            if e["dir"] == "out" and e["port"].startswith("c") and e["smac"] == mac:
                first_announce = t if first_announce is None else min(first_announce, t)
            elif e["smac"] != mac:
                foreign[e["smac"]] = foreign.get(e["smac"], 0) + 1
        elif t >= since_us and e["at"] == at and e["dst"] == mac and e["camera"] in cameras:
            which = receipts if e["ev"] == "receipt" else syns
            which[e["camera"]] = min(t, which.get(e["camera"], t))

    def ms(value):
        return None if value is None else round((value - since_us) / 1000, 1)

    return {"since_us": since_us, "at": at, "first_announce_ms": ms(first_announce),
            "receipts": len(receipts), "receipts_last_ms": ms(max(receipts.values(), default=None)),
            "first_syn_ms": ms(min(syns.values(), default=None)), "last_syn_ms": ms(max(syns.values(), default=None)),
            "cameras_syn": len(syns), "cameras": len(cameras), "missing_syn": sorted(cameras - set(syns)),
            "vip_frames_before": early, "foreign_senders": foreign}
