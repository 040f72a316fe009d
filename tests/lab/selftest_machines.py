"""Self-test checks of the machines: cut, panic, plug, freeze, conflict, the agent, the observer, two labs."""
import os
import stat
import time

import ns
from selftest_tools import Failed, expect, until

VIP = "192.168.1.101"


def take_over(lab):
    """A crude takeover by hand on the standby: address and one gratuitous ARP."""
    lab("exec", "standby", "ip", "addr", "add", VIP + "/24", "dev", "eth0", "noprefixroute")
    lab("exec", "standby", "arping", "-q", "-U", "-c", "1", "-I", "eth0", VIP)


def give_back(lab):
    lab("exec", "standby", "ip", "addr", "del", VIP + "/24", "dev", "eth0")


def port_oper(lab, name="p-prim"):
    return lab("switch", "status")["ports"][name]["oper"]


def a_cut_is_a_cut(lab):
    boot = open(lab.run.path("primary", "boot_id")).read()
    cut = lab("cut", "primary")
    expect(port_oper(lab) == "down", "the port keeps its carrier")
    expect(lab("switch", "status")["ports"]["p-prim"]["admin"] == "up", "the port is admin down")
    expect(not ns.pids_in("net", ns.netns_path(lab.run.netns("primary"))), "processes are left")
    expect("is down" in lab("exec", "primary", "true", ok=False), "exec on a dead machine")
    expect(cut["killed_after_us"] < 5000, f"slow: {cut}")
    take_over(lab)
    until("every camera dialled the standby", 10, lambda: lab("figures", "--since", str(cut["t_us"]))["cameras_syn"]
          == lab.info["cameras"]["count"], every=0.1)
    f = lab("figures", "--since", str(cut["t_us"]), "--before", str(cut["t_us"] + 60_000_000))
    expect(f["first_announce_ms"] and f["first_announce_ms"] < f["first_syn_ms"] <= f["last_syn_ms"], f"figures: {f}")
    expect(len(f["vip_frames_before"]) >= 1, "the announce was not seen leaving the standby")
    expect(not lab("figures", "--since", str(cut["t_us"]))["vip_frames_before"], "frames before the cut")
    give_back(lab)
    lab("plug", "primary")
    stale = lab("exec", "primary", "ss", "-Htn", "state", "fin-wait-1", "state", "close-wait")
    expect(not stale.strip(), f"connections from before the cut: {stale}")
    lab("exec", "primary", "arping", "-q", "-U", "-c", "1", "-I", "eth0", VIP)
    new = lab("exec", "primary", "cat", "/proc/sys/kernel/random/boot_id")
    expect(new.strip() != boot.strip() and len(new.strip()) == 36, "boot_id did not change")
    expect(port_oper(lab) == "up", "no carrier after plug")
    lab.all_publishing(15)
    return f"link gone {cut['link_gone_after_us']} us, all killed {cut['killed_after_us']} us after the given moment"


def a_panic_keeps_the_carrier(lab):
    cut = lab("cut", "primary", "--carrier-stays")
    expect(port_oper(lab) == "up", "the carrier went")
    expect(not lab.answers("standby", VIP, 2), "a panicked machine answered ARP")
    expect(not ns.pids_in("net", ns.netns_path(lab.run.netns("primary"))), "processes are left")
    lab("plug", "primary")
    expect(lab.answers("standby", VIP, 2), "it does not answer after plug")
    lab.all_publishing(15)
    return f"silent {cut['link_gone_after_us']} us after the given moment"


def a_frozen_machine_answers_arp_only(lab):
    lab("freeze", "primary")
    expect(lab.answers("standby", VIP), "its kernel does not answer ARP")
    states = lab("exec", "primary", "sh", "-c", "cat /proc/[0-9]*/stat | grep nginx")
    expect(all(") T " in line for line in states.strip().splitlines()), f"nginx runs: {states}")
    lab("thaw", "primary")
    lab.all_publishing(15)


def a_reboot_is_another_boot(lab):
    old = lab("exec", "standby", "cat", "/proc/sys/kernel/random/boot_id")
    take_over_marker = lab.run.path("standby", "var-lib-standin", "marker")
    open(take_over_marker, "w").close()
    lab("exec", "standby", "ip", "addr", "add", "192.168.1.77/24", "dev", "eth0")
    lab("reboot", "standby")
    expect(old != lab("exec", "standby", "cat", "/proc/sys/kernel/random/boot_id"), "the same boot_id")
    addresses = lab("exec", "standby", "ip", "-4", "-br", "addr", "show", "dev", "eth0")
    expect("192.168.1.102/24" in addresses and "192.168.1.77" not in addresses, addresses)
    expect("marker" in lab("exec", "standby", "ls", "/var/lib/standin"), "/var/lib/standin did not survive")
    expect(lab("service", "standby", "status")["pids"], "its media server was not started")


def a_third_machine_answers(lab):
    got = lab("third-machine", "up")
    time.sleep(0.05)
    seen = lab("exec", "standby", "arping", "-c", "2", "-w", "1", "-I", "eth0", VIP, ok=False)
    expect(got["mac"].upper() in seen.upper(), f"only: {seen}")
    lab("third-machine", "down")
    seen = lab("exec", "standby", "arping", "-c", "1", "-w", "1", "-I", "eth0", VIP, ok=False)
    expect(got["mac"].upper() not in seen.upper(), "it still answers")
    lab.all_publishing(15)


def a_service_dies_alone(lab):
    lab("service", "primary", "kill")
    expect(lab.answers("standby", VIP), "the machine went with its service")
    refused = lab("exec", "standby", "timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{VIP}/1935", ok=False)
    expect("refused" in refused, f"the port: {refused}")
    lab("service", "primary", "start")
    lab.all_publishing(15)


def a_pcap_is_whole(lab):
    path = lab.run.path("capture.pcap")
    lab("pcap", "start", path)
    lab("exec", "standby", "arping", "-q", "-c", "2", "-w", "2", "-I", "eth0", "192.168.1.110")
    lab("pcap", "stop")
    got = lab("exec", "standby", "tcpdump", "-nr", path)
    expect(got.count("Request who-has 192.168.1.110") >= 1, f"the capture has: {got}")


def receipts_are_counted(lab):
    at = time.time_ns() // 1000
    lab("exec", "standby", "arping", "-q", "-b", "-c", "1", "-w", "1", "-I", "eth0", "192.168.1.111")
    expect(lab("figures", "--since", str(at))["receipts"] == 0, "an ordinary reply counted as a receipt")


def a_herd_is_carried(lab):
    """All cameras redial within a few milliseconds; the switch must lose none of it (a lost SYN costs a second)."""
    count = lambda: int(lab("exec", "primary", "nstat", "-asz", "TcpExtTCPSynRetrans").split()[-2])
    before, took = count(), []
    for _ in range(3):
        lab("exec", "primary", "ss", "-tK", "sport = :1935")
        took.append(lab.all_publishing(5))
        time.sleep(1.2)
    expect(count() == before, f"{count() - before} SYN-ACKs were sent again")


def cameras_stop_and_start(lab):
    lab("cameras", "stop")
    expect(lab("cameras", "status")["publishing"] == 0, "still publishing")
    lab("cameras", "start")
    lab.all_publishing(15)


def agent_follows_the_machine(lab):
    """In pair mode: start, kill, start, cut and plug (it comes back), stop and plug (it does not)."""
    fake = lab.run.path("fake-standin")
    with open(fake, "w") as f:
        f.write("#!/bin/sh\necho \"started as $* on $(hostname)\"\ntrap 'echo bye; exit 0' TERM\n"
                "while :; do sleep 0.1; done\n")
    os.chmod(fake, os.stat(fake).st_mode | stat.S_IXUSR)
    open(lab.run.path("primary.toml"), "w").close()
    lab("agent", "start", "primary", "--bin", fake)
    expect(lab("agent", "status", "primary")["running"], "it does not run")
    expect("already" in lab("agent", "start", "primary", "--bin", fake, ok=False), "two agents")
    lab("agent", "kill", "primary")
    lab("agent", "start", "primary", "--bin", fake)
    lab("cut", "primary")
    expect(not lab("agent", "status", "primary")["running"], "it survived the cut")
    lab("plug", "primary")
    expect(lab("agent", "status", "primary")["running"], "plug did not start it again")
    addresses = lab("exec", "primary", "ip", "-4", "-br", "addr", "show", "dev", "eth0")
    expect("192.168.1.31/24" in addresses and VIP not in addresses, addresses)
    lab("agent", "stop", "primary")
    log = lab("agent", "log", "primary")
    expect(log.count("started as run --config") == 3 and log.count("bye") == 1 and "on primary" in log, log)
    lab("plug", "primary")
    expect(not lab("agent", "status", "primary")["running"], "plug started a stopped agent")


def pair_cameras_find_the_vip(lab):
    lab("exec", "primary", "ip", "addr", "add", VIP + "/24", "dev", "eth0", "noprefixroute")
    return f"all publishing after {lab.all_publishing(15)} ms"


def side_by_side(one, two):
    """Cutting a machine of one lab does nothing to the other."""
    one("cut", "primary")
    time.sleep(0.3)
    expect(two("cameras", "status")["publishing"] == 10, "the other lab's cameras noticed")
    expect(two("switch", "status")["ports"]["p-prim"]["oper"] == "up", "the other lab's port noticed")
    one("plug", "primary")
    one.all_publishing(20)


CHECKS = [a_cut_is_a_cut, a_panic_keeps_the_carrier, a_frozen_machine_answers_arp_only, a_reboot_is_another_boot,
          a_third_machine_answers, a_service_dies_alone, a_pcap_is_whole, receipts_are_counted, a_herd_is_carried,
          cameras_stop_and_start]
PAIR = [agent_follows_the_machine, pair_cameras_find_the_vip]
