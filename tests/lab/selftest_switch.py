"""Self-test checks of the switch: SNMP with real tools, carrier, VLANs, FDB, traps, lies, reboot."""
import os
import re
import time

import snmpraw
from selftest_tools import Failed, expect, until

ADMIN, OPER, LAST = "1.3.6.1.2.1.2.2.1.7.", "1.3.6.1.2.1.2.2.1.8.", "1.3.6.1.2.1.2.2.1.9."
ALIAS, NAME = "1.3.6.1.2.1.31.1.1.1.18.", "1.3.6.1.2.1.31.1.1.1.1."
BASE_IF, STP = "1.3.6.1.2.1.17.1.4.1.2.", "1.3.6.1.2.1.17.2.15.1.3."
FDB, VLAN, PVID = "1.3.6.1.2.1.17.7.1.2.2.1.2.", "1.3.6.1.2.1.17.7.1.4.3.1.", "1.3.6.1.2.1.17.7.1.4.5.1.1."


def port(lab, name):
    return lab("switch", "status")["ports"][name]


def mac_oid(mac):
    return ".".join(str(int(x, 16)) for x in mac.split(":"))


def every_camera_publishes(lab):
    expect(lab("cameras", "status")["publishing"] == 100, "not all cameras publish")
    counted = lab("exec", "primary", "sh", "-c", "ss -Htn state established '( sport = :1935 )' | wc -l")
    expect(int(counted) == 100, f"the server has {counted} connections")
    return f"up in {lab.info['up_ms']} ms"


def names_and_indexes_agree(lab):
    p = port(lab, "p-prim")
    expect(p["bridge_port"] != p["ifindex"], "bridge port and ifIndex must differ, or mix-ups go unnoticed")
    expect(lab.snmp("snmpget", NAME + str(p["ifindex"])) == ["p-prim"], "ifName")
    expect(lab.snmp("snmpget", BASE_IF + str(p["bridge_port"])) == [str(p["ifindex"])], "dot1dBasePortIfIndex")
    expect(lab.snmp("snmpget", STP + str(p["bridge_port"])) == ["5"], "dot1dStpPortState")


def walks_are_complete(lab):
    for tool in ("snmpwalk", "snmpbulkwalk"):
        ports = len(lab("switch", "status")["ports"])
        expect(len(lab.snmp(tool, BASE_IF.rstrip("."))) == ports, f"{tool} of dot1dBasePortIfIndex")
        expect(len(lab.snmp(tool, OPER.rstrip("."))) >= ports, f"{tool} of ifOperStatus")
        expect(len(lab.snmp(tool, "1.3.6.1.2.1.17")) > 1000, f"{tool} of the bridge subtree")


def v3_works_and_wrong_keys_do_not(lab):
    index = str(port(lab, "p-prim")["ifindex"])
    for user in ("standin", "standin-sha1"):
        expect(lab.snmp("snmpget", OPER + index, v3=user) == ["1"], f"v3 user {user}")
        lab.snmp("snmpset", ALIAS + index, "s", f"set by {user}", v3=user)
        expect(lab.snmp("snmpget", ALIAS + index) == [f"set by {user}"], "ifAlias over v3")
    lab.snmp("snmpset", ALIAS + index, "s", "primary data")
    got = lab.snmp("snmpget", "-A", "wrongwrongwrong", OPER + index, ok=False, v3="standin")
    expect(isinstance(got, str) and "uthentication" in got, f"wrong key: {got}")
    for name in os.listdir(lab.run.dir):
        if name.startswith("snmp."):
            expect(os.stat(lab.run.path(name)).st_mode & 0o77 == 0, f"{name} is readable by others")


def only_the_switch_answers_for_its_address(lab):
    lab("exec", "standby", "ip", "neigh", "flush", "dev", "eth1")
    said = lab("exec", "standby", "arping", "-b", "-c", "2", "-w", "5", "-I", "eth1", "192.168.20.2", ok=False).lower()
    macs = set(re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", said))
    own = lab("exec", "switch", "ip", "-br", "link", "show", "mgmt0").split()[2]
    expect(macs == {own}, f"{own} is the switch's; ARP answers for its address come from {macs or 'nobody'}: {said}")


def a_get_is_quick(lab):
    index = port(lab, "p-prim")["ifindex"]
    s = lab.socket_on("standby")
    with s:
        times = sorted(snmpraw.ask(s, "192.168.20.2", snmpraw.get("private-lab", OPER + str(index), n))[0] or 9999
                       for n in range(1, 51))
        many = sorted(snmpraw.ask(s, "192.168.20.2", snmpraw.get(
            "private-lab", FDB + "10." + mac_oid("02:01:00:00:01:1f"), n))[0] or 9999 for n in range(1, 21))
    expect(times[25] < 5 and many[10] < 10, f"median GET {times[25]:.1f} ms, of the FDB {many[10]:.1f} ms")
    return f"ifOperStatus median {times[25]:.2f} ms, worst {times[-1]:.2f}; FDB median {many[10]:.2f} ms"


def set_down_takes_the_carrier(lab):
    index = str(port(lab, "p-prim")["ifindex"])
    s = lab.socket_on("standby")
    with s:
        took = []
        for n in range(5):
            at = time.monotonic()
            answered, _ = snmpraw.ask(s, "192.168.20.2", snmpraw.set_integer("private-lab", ADMIN + index, 2, n + 1))
            expect(answered is not None, "no answer to the SET")
            until("host carrier lost", 1, lambda: not lab.carrier("primary"), every=0)
            took.append((time.monotonic() - at) * 1000)
            expect(lab.snmp("snmpget", ADMIN + index, OPER + index) == ["2", "2"], "read-back right after the SET")
            now, last = (int(x.split(":")[-1].replace(".", "")) if ":" in x else int(x) for x in
                         lab.snmp("snmpget", "-Ot", "1.3.6.1.2.1.1.3.0", LAST + index))
            expect(0 <= now - last < 200, f"ifLastChange {last}, sysUpTime {now} (hundredths)")
            lab.snmp("snmpset", ADMIN + index, "i", "1")
            expect(lab.snmp("snmpget", OPER + index) == ["1"], "oper right after the port was opened again")
            until("host carrier back", 1, lambda: lab.carrier("primary"))
    lab.all_publishing()
    return f"SET to carrier lost {min(took):.1f}..{max(took):.1f} ms"


def traps_come_at_once(lab):
    index = str(port(lab, "c005")["ifindex"])
    s = lab.socket_on("standby", ("192.168.20.102", 162))
    took = []
    with s:
        s.settimeout(2)
        for n in range(6):
            down = n % 2 == 0
            at = time.monotonic()
            lab.run.load()
            import switch_cli
            switch_cli.ask(lab.run, "port", port="c005", up=not down)
            want = snmpraw.encode_oid("1.3.6.1.6.3.1.1.5.3" if down else "1.3.6.1.6.3.1.1.5.4")
            while True:
                data = s.recv(65536)
                if want in data and snmpraw.encode_oid(f"1.3.6.1.2.1.2.2.1.1.{index}") in data:
                    break
            took.append((time.monotonic() - at) * 1000)
    expect(max(took) < 100, f"slowest trap {max(took):.1f} ms")
    return f"{min(took):.1f}..{max(took):.1f} ms"


def fdb_is_the_switchs(lab):
    for machine, name in (("primary", "p-prim"), ("standby", "p-stby")):
        leg = lab.info["hosts"][machine]["interfaces"]["eth0"]
        lab("exec", machine, "ping", "-c1", "-W1", "192.168.1.1")
        got = lab.snmp("snmpget", FDB + "10." + mac_oid(leg["mac"]))
        expect(got == [str(port(lab, name)["bridge_port"])], f"{machine}'s MAC: {got}")
    expect(len(lab.snmp("snmpwalk", FDB + "10")) >= 101, "fewer MACs in the production VLAN than cameras")


def counters_count(lab):
    i = str(port(lab, "p-prim")["ifindex"])
    read = lambda: [int(x) for x in lab.snmp("snmpget", *(f"1.3.6.1.2.1.31.1.1.1.{c}.{i}" for c in (6, 7, 10, 11)))]
    before = read()
    took = until("all four counters rising", 2, lambda: all(b > a for a, b in zip(before, read())), every=0.02)
    return f"after {took} ms"


def a_vlan_move_isolates(lab):
    p = port(lab, "p-prim")["bridge_port"]
    octets = (max(x["bridge_port"] for x in lab("switch", "status")["ports"].values()) + 7) // 8
    bit = lambda value: bytes(value[:(p - 1) // 8]) + bytes([value[(p - 1) // 8] | 0x80 >> (p - 1) % 8]) + bytes(
        value[(p - 1) // 8 + 1:])
    members = bytes.fromhex(lab.snmp("snmpget", "-Ox", VLAN + "2.10")[0].replace(" ", ""))
    without = bytearray(members)
    without[(p - 1) // 8] &= ~(0x80 >> (p - 1) % 8) & 0xFF
    in_998 = bit(bytes(octets))
    expect(lab.answers("standby", "192.168.1.101"), "the primary did not answer before")
    hexed = lambda b: bytes(b).hex()
    lab.snmp("snmpset", VLAN + "2.10", "x", hexed(without), VLAN + "4.10", "x", hexed(without),
             VLAN + "2.998", "x", hexed(in_998), VLAN + "4.998", "x", hexed(in_998), PVID + str(p), "u", "998")
    expect(port(lab, "p-prim")["vlan"] == 998, "the port did not move")
    expect(lab.snmp("snmpget", PVID + str(p)) == ["998"], "PVID read back")
    expect(not lab.answers("standby", "192.168.1.101"), "it still answers from quarantine")
    expect(lab.carrier("primary"), "a quarantined port keeps its carrier")
    expect(not isinstance(lab.snmp("snmpget", FDB + "10." + mac_oid("02:01:00:00:01:1f"), ok=False), list)
           or "o Such" in lab.snmp("snmpget", FDB + "10." + mac_oid("02:01:00:00:01:1f"))[0], "MAC still in production")
    lab("switch", "vlan", "p-prim", "10")
    expect(lab.answers("standby", "192.168.1.101", 3), "it does not answer back in production")
    expect(bytes.fromhex(lab.snmp("snmpget", "-Ox", VLAN + "2.10")[0].replace(" ", "")) == members, "egress restored")
    lab.all_publishing()


def a_refused_varbind_changes_nothing(lab):
    p, i = port(lab, "p-prim")["bridge_port"], port(lab, "p-prim")["ifindex"]
    for bad in ((PVID + str(p), "u", "77"), (ADMIN + str(i), "i", "9"), (VLAN + "2.10", "s", "x" * 40),
                ("1.3.6.1.2.1.17.1.1.0", "x", "00")):
        got = lab.snmp("snmpset", PVID + str(p), "u", "998", *bad, ALIAS + str(i), "s", "touched", ok=False)
        expect(isinstance(got, str), f"{bad} was accepted")
        now = port(lab, "p-prim")
        expect(now["vlan"] == 10 and now["alias"] == "primary data" and now["admin"] == "up", f"after {bad}: {now}")
    got = lab.snmp("snmpset", "-c", "public-lab", ADMIN + str(i), "i", "2", ok=False)
    expect(isinstance(got, str) and port(lab, "p-prim")["oper"] == "up", "the read-only community may write")


def lies_are_told(lab):
    i = str(port(lab, "p-third")["ifindex"])
    p = str(port(lab, "p-prim")["ifindex"])
    lab("switch", "snmp", "lie", "ack")
    lab.snmp("snmpset", ADMIN + p, "i", "2")
    expect(lab.snmp("snmpget", ADMIN + p, OPER + p) == ["1", "1"] and lab.carrier("primary"), "lie ack")
    lab("switch", "snmp", "lie", "admin")
    lab.snmp("snmpset", ADMIN + p, "i", "2")
    expect(lab.snmp("snmpget", ADMIN + p, OPER + p) == ["2", "1"] and lab.carrier("primary"), "lie admin")
    lab("switch", "snmp", "lie", "off")
    expect(lab.snmp("snmpget", ADMIN + p, OPER + p) == ["1", "1"], "lie off")
    lab.snmp("snmpset", ADMIN + i, "i", "2")
    expect(lab.snmp("snmpget", ADMIN + i) == ["2"], "honest again")
    lab("switch", "port", "p-third", "up")


def late_and_silent(lab):
    index = str(port(lab, "p-prim")["ifindex"])
    s = lab.socket_on("standby")
    with s:
        message = snmpraw.get("private-lab", OPER + index)
        lab("switch", "snmp", "delay", "300")
        took, _ = snmpraw.ask(s, "192.168.20.2", message)
        expect(took and 300 <= took < 400, f"delay 300: {took} ms")
        lab("switch", "snmp", "delay", "0")
        took, _ = snmpraw.ask(s, "192.168.20.2", message)
        expect(took and took < 50, f"delay 0: {took} ms")
        boots = int(lab.snmp("snmpget", "1.3.6.1.6.3.10.2.1.2.0")[0])
        lab("switch", "snmp", "stop")
        took, _ = snmpraw.ask(s, "192.168.20.2", message, timeout=0.3)
        expect(took is None, "it answers while stopped")
        lab("switch", "snmp", "start")
        expect(int(lab.snmp("snmpget", "1.3.6.1.6.3.10.2.1.2.0")[0]) == boots + 1, "engineBoots")


def a_cable_is_no_admin_state(lab):
    i = str(port(lab, "p-prim")["ifindex"])
    nginx = lab("service", "primary", "status")["pids"]
    lab("cable", "primary", "eth0", "down")
    expect(not lab.carrier("primary"), "the host keeps its carrier")
    expect(lab.snmp("snmpget", ADMIN + i, OPER + i) == ["1", "2"], "admin up, oper down")
    lab("cable", "primary", "eth0", "up")
    expect(lab.carrier("primary") and lab.snmp("snmpget", OPER + i) == ["1"], "the cable is back in")
    expect(lab("service", "primary", "status")["pids"] == nginx, "processes went on")
    lab.all_publishing(15)


def a_reboot_forgets(lab):
    i = str(port(lab, "p-prim")["ifindex"])
    lab.snmp("snmpset", ADMIN + i, "i", "2", ALIAS + i, "s", "fenced by node1")
    lab("switch", "vlan", "p-third", "998")
    boots = int(lab.snmp("snmpget", "1.3.6.1.6.3.10.2.1.2.0")[0])
    got = lab("switch", "reboot", "--dark", "0.5")
    now = port(lab, "p-prim")
    expect(now["admin"] == now["oper"] == "up" and now["alias"] == "primary data", f"after the reboot: {now}")
    expect(port(lab, "p-third")["vlan"] == 10, "the VLAN was not forgotten")
    expect(int(lab.snmp("snmpget", "1.3.6.1.6.3.10.2.1.2.0")[0]) == boots + 1, "engineBoots")
    up = lab.snmp("snmpget", "-Ot", "1.3.6.1.2.1.1.3.0")[0]
    expect(int(up) < 500, f"sysUpTime {up}")
    lab.all_publishing(15)
    return f"dark {(got['links_back_us'] - got['t_us']) / 1e6:.2f} s, SNMP back after " \
           f"{(got['snmp_back_us'] - got['t_us']) / 1e6:.2f} s"


def stock_shape_is_stale(lab):
    """net-snmp's own columns: the SET works at once, the read-back lags (that is the point of the shape)."""
    i = str(port(lab, "p-prim")["ifindex"])
    until("the agent's cache has the port up", 6, lambda: lab.snmp("snmpget", ADMIN + i, OPER + i) == ["1", "1"], 0.05)
    lab.snmp("snmpset", ADMIN + i, "i", "2")
    until("host carrier lost", 1, lambda: not lab.carrier("primary"))
    admin_ms = until("admin reads down", 6, lambda: lab.snmp("snmpget", ADMIN + i) == ["2"], every=0.02)
    oper_ms = until("oper reads down", 6, lambda: lab.snmp("snmpget", OPER + i) == ["2"], every=0.02)
    lab.snmp("snmpset", ADMIN + i, "i", "1")
    back_ms = until("oper reads up", 6, lambda: lab.snmp("snmpget", OPER + i) == ["1"], every=0.02)
    expect(lab.snmp("snmpget", PVID + str(port(lab, "p-prim")["bridge_port"])) == ["10"], "Q-BRIDGE is still there")
    time.sleep(3.1)
    lab("switch", "port", "p-prim", "down")  # by somebody else than snmpd itself
    other_ms = until("admin reads down", 6, lambda: lab.snmp("snmpget", ADMIN + i) == ["2"], every=0.02)
    lab("switch", "port", "p-prim", "up")
    lab("switch", "snmp", "lie", "ack")
    lab.snmp("snmpset", ADMIN + i, "i", "2")
    expect(lab.carrier("primary"), "lie ack in the stock shape")
    lab("switch", "snmp", "lie", "off")
    return f"after a SET admin reads it after {admin_ms} ms, oper after {oper_ms} ms more, up again after " \
           f"{back_ms} ms; a port shut by somebody else reads so after {other_ms} ms"


CHECKS = [every_camera_publishes, names_and_indexes_agree, walks_are_complete, v3_works_and_wrong_keys_do_not,
          only_the_switch_answers_for_its_address, a_get_is_quick, set_down_takes_the_carrier, traps_come_at_once, fdb_is_the_switchs, counters_count,
          a_vlan_move_isolates, a_refused_varbind_changes_nothing, lies_are_told, late_and_silent,
          a_cable_is_no_admin_state, a_reboot_forgets]
STOCK = [stock_shape_is_stale]
