"""Scenarios of the alert sinks (`[[alert.sink]]`): who is told of a takeover, and that nobody who is told delays it."""
import contextlib
import json
import socket
import threading
import time

import trial
from scenarios_site import expect, fine, register

SCENARIOS = []
scenario = register(SCENARIOS)

HOOK, HANGS = 9901, 9902
# Seconds.
OLD_ENOUGH = 5


class Receiver:
    """An HTTP server at a socket of the standby's loopback; one that hangs takes connections and never answers."""

    def __init__(self, listener, hangs):
        self.told, self.open, self.hangs = [], [], hangs
        self.listener = listener
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", HANGS if hangs else HOOK))
        listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.open.append(connection)
            if not self.hangs:
                with connection:
                    self.hear(connection)

    def hear(self, connection):
        connection.settimeout(5)
        data = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, body = data.split(b"\r\n\r\n", 1)
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            while len(body) < length:
                body += connection.recv(65536)
            self.told.append((trial.wall_us(), json.loads(body)))
            connection.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")


def sink(name, port, *more):
    keys = [f'kind = "webhook"\nname = "{name}"\nurl = "http://127.0.0.1:{port}/"', *more]
    return "\n[[alert.sink]]\n" + "\n".join(keys) + "\n"


@scenario()
def alerts_of_a_takeover(site, _quick):
    """A webhook hears of a takeover in its order while another sink hangs, and the takeover takes as long as without them."""
    # Both by an agent of the same age: one that has just been started is slower to call a silent peer dead.
    site.restart_agent()
    site.healthy()
    time.sleep(OLD_ENOUGH)
    without = fine(site.takeover())
    site.reset()
    with site.socket_at("standby", socket.SOCK_STREAM) as one, site.socket_at("standby", socket.SOCK_STREAM) as other:
        good, bad = Receiver(one, False), Receiver(other, True)
        with open(site.config(), "a") as f:
            f.write(sink("hook", HOOK, 'level = "info"') + sink("bad", HANGS, 'level = "info"', 'timeout = "2s"'))

        def as_before():
            site.configure()
            site.restart_agent()
        site.undo.callback(as_before)
        site.restart_agent()
        site.healthy()
        code, answer, _ = site.standin("alert", "test", "hook")
        expect(code == 0 and answer["sinks"][0]["ok"], f"alert test hook: exit {code}: {answer}")
        code, answer, _ = site.standin("alert", "test", "bad")
        expect(code == 1 and "answer" in answer["sinks"][0]["said"], f"alert test bad: exit {code}: {answer}")
        expect(good.told[-1][1]["status"] == "test", f"told: {good.told[-1]}")

        time.sleep(OLD_ENOUGH)
        since = trial.wall_us()
        got = fine(site.takeover())
        site.until("the takeover is told to its end", 20, lambda: any(
            t["key"] == "takeover" and "cameras are back" in t["text"] for _, t in good.told))
        told = [(at, t) for at, t in good.told if at >= since]
        texts = [t["text"] for _, t in told if t["key"] == "takeover"]
        order = [next((i for i, t in enumerate(texts) if word in t), None)
                 for word in ("no sign of life", "takes over", "cameras are back")]
        expect(None not in order and order == sorted(order), f"told in the order {texts}")
        expect(all(t["peer"] == trial.PEER and t["do"] and t["status"] == "firing" for _, t in told if t["key"] == "takeover"),
               f"told: {told}")
        expect(bad.open, "the sink that hangs was not asked")
        # The machine is shared: what is compared is far more than that, and far less than the time-out of the sink.
        for mark in ("claimed", "first_announce"):
            more = got["ms"][mark] - without["ms"][mark]
            expect(more < 1000, f"{mark}: {without['ms'][mark]} ms without sinks, {got['ms'][mark]} ms with one that hangs")

        def is_said():
            status = site.standin("status")[1]
            keys = [a["key"] for a in status["alarms"]]
            shown = {s["name"]: s for s in status["sinks"]}
            return "alert-sink:bad" in keys and "alert-sink:hook" not in keys and shown["bad"]["queued"] and shown
        shown = site.until("the sink that hangs is an alarm", 30, is_said)
        expect(shown["hook"]["error"] is None and shown["hook"]["sent"] >= 3, f"status: {shown['hook']}")
        site.until("the other sink is told of it", 20, lambda: any(t["key"] == "alert-sink:bad" for _, t in good.told))
        site.reset()
        site.until("that it is over is told", 30, lambda: any(
            t["key"] == "takeover" and t["status"] == "resolved" for _, t in good.told))
        time.sleep(0.2)
        first = told[0][0] - since
        return f"first alert {first / 1000:.0f} ms after the cut was ordered; claimed {got['ms']['claimed']:.0f} ms, without sinks {without['ms']['claimed']:.0f} ms"
