"""Scenarios: more than one peer in one configuration, each with a state of its own."""
import contextlib
import os
import socket
import threading

from scenarios_site import expect, register

SCENARIOS = []
scenario = register(SCENARIOS)

LOBBY = "192.168.1.251"
PORT = "p-third"
TABLES = f"""
[peer.lobby]
kind = "agentless"
vip = "{LOBBY}/24"
interface = "eth0"

[[peer.lobby.fence]]
switch = "core"
ports = ["{PORT}"]
persist = false

[peer.lobby.verify]
cameras = "lobby.csv"
within = "3s"
"""


def serve(listener):
    """The server's half of RTMP handshakes: what a probe asks of a healthy service."""
    while True:
        try:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(2)
                got = b""
                while len(got) < 1537:
                    got += connection.recv(4096) or b"\0" * 1537
                connection.sendall(b"\x03" + os.urandom(1536) + got[1:1537])
                connection.recv(4096)
        except OSError:
            return


def peers(site):
    code, answer, _ = site.standin("status")
    return {p["name"]: p for p in answer["peers"]} if code == 0 and answer else {}


@scenario(owners="P*")
def two_peers(site, _quick):
    """Two peers in one configuration: one dies, is fenced and taken over, and the other's state does not move."""
    site.on("third", "ip", "addr", "add", f"{LOBBY}/24", "dev", "eth0")
    site.undo.callback(site.on, "third", "ip", "addr", "del", f"{LOBBY}/24", "dev", "eth0")
    site.on("third", "ip", "link", "set", "eth0", "up")
    listener = site.undo.enter_context(site.socket_at("third", socket.SOCK_STREAM))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOBBY, 1935))
    listener.listen(64)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    with open(site.run.path("lobby.csv"), "w") as f:
        f.write("name,address\nlobby1,192.168.1.110\nlobby2,192.168.1.111\nlobby3,192.168.1.112\n")
    with open(site.config(), "a") as f:
        f.write(TABLES)
    site.restart_agent()
    site.undo.callback(site.rebuild, site.sets, site.snmp)
    site.undo.callback(site.lab, "switch", "port", PORT, "up")
    site.until("both peers are seen healthy", 10, lambda: (lambda p: len(p) == 2 and all(
        x["peer"]["healthy_since_boot"] and x["state"] == "standby" and all(q["state"] != "unknown" for q in x["placement"])
        for x in p.values()))(peers(site)))
    site.on("third", "ip", "link", "set", "eth0", "down")
    site.undo.callback(site.on, "third", "ip", "link", "set", "eth0", "up")
    lobby = site.until("the lobby's takeover has its verdict", 20, lambda: (lambda p: p.get("lobby", {}).get("verdict")
                                                                            and p["lobby"])(peers(site)))
    expect(lobby["owner"] and lobby["fence"] == "proven", f"the lobby is not owned on a proven fence: {lobby}")
    expect(lobby["verdict"] == "failed", f"its cameras push elsewhere, and yet the verdict is {lobby['verdict']}")
    other = peers(site)["cctv"]
    expect(other["state"] == "standby" and not other["owner"], f"the other peer moved: {other['state']}")
    expect(site.port()["admin"] in ("up", 1, True), "the other peer's port was shut")
    expect(site.port(PORT)["admin"] in ("down", 2, False), "the lobby's port is open")
    expect(not site.vip_here(), "the other peer's VIP is here")
    return "lobby active on a proven fence, cctv standby"
