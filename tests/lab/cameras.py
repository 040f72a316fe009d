"""All cameras in one process: light RTMP publishers, each with its socket in its own namespace, and ffmpegs.

    cameras.py RUN

A camera dials rtmp://VIP:1935/live/streamN, publishes a small stream, and
after any error redials 0.2 s later. When its send buffer is full it keeps the
connection and drops frames, as a camera does. Ask it on <run>/cameras.ctl.
"""
import errno
import heapq
import os
import selectors
import signal
import socket
import subprocess
import sys
import time

import ctl
import ns
import rtmp
import topology
from run import Run

REDIAL = 0.2
CONNECT_TIMEOUT = 2.5
PROTOCOL_TIMEOUT = 5.0
FRAME_EVERY = 0.2
PHASES = 2            # the cameras send in this many groups, so that wake-ups stay few
FRAME = b"\x12" + bytes(499)


class Light:
    """One light camera."""

    def __init__(self, fleet, camera):
        self.fleet, self.camera = fleet, camera
        self.netns = os.open(ns.netns_path(fleet.run.netns(camera.short)), os.O_RDONLY | os.O_CLOEXEC)
        self.sock = self.session = None
        self.state, self.since, self.dials, self.error = "off", time.time(), 0, None
        self.pending = bytearray()
        self.serial = 0

    def become(self, state):
        self.state, self.since = state, time.time()

    def dial(self):
        self.dials += 1
        self.serial += 1
        ns.setns(self.netns, ns.CLONE_NEWNET)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.session = rtmp.Publisher(topology.VIP, topology.APPLICATION, self.camera.stream, self.fleet.impatient)
        self.pending.clear()
        self.become("connecting")
        code = self.sock.connect_ex((topology.VIP, topology.RTMP_PORT))
        if code not in (0, errno.EINPROGRESS):
            return self.fail(os.strerror(code))
        self.fleet.poll.register(self.sock, selectors.EVENT_WRITE | selectors.EVENT_READ, self)
        self.fleet.at(CONNECT_TIMEOUT, self._timeout, self.serial, "connecting")

    def _timeout(self, serial, state):
        if self.serial == serial and self.state == state:
            self.fail(f"timed out while {state}")

    def hang_up(self):
        if self.sock is not None:
            try:
                self.fleet.poll.unregister(self.sock)
            except KeyError:
                pass
            self.sock.close()
            self.sock = None
        self.become("off")

    def fail(self, why):
        self.hang_up()
        self.error = str(why)
        self.become("waiting")
        self.serial += 1
        self.fleet.at(REDIAL, self._redial, self.serial)

    def _redial(self, serial):
        if self.serial == serial and self.fleet.running:
            self.dial()

    def ready(self, events):
        try:
            if self.state == "connecting" and events & selectors.EVENT_WRITE:
                code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    return self.fail(os.strerror(code))
                self.become("handshake")
                self.fleet.at(PROTOCOL_TIMEOUT, self._timeout, self.serial, "handshake")
            if events & selectors.EVENT_READ:
                data = self.sock.recv(65536)
                if not data:
                    return self.fail("closed by the server")
                self.session.feed(data)
            self.flush()
            if self.session.publishing and self.state != "publishing":
                self.become("publishing")
                self.error = None
        except BlockingIOError:
            pass
        except (OSError, rtmp.RtmpError) as e:
            self.fail(e)

    def flush(self):
        """Sends what waits; a full buffer waits for the socket, it never ends the connection."""
        self.pending += self.session.out
        self.session.out.clear()
        try:
            while self.pending:
                del self.pending[:self.sock.send(self.pending)]
        except BlockingIOError:
            pass
        want = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.pending else 0)
        if self.fleet.poll.get_key(self.sock).events != want:
            self.fleet.poll.modify(self.sock, want, self)

    def frame(self, timestamp_ms):
        if self.state == "publishing" and not self.pending:
            self.session.out += self.session.video(timestamp_ms, FRAME)
            try:
                self.flush()
            except OSError as e:
                self.fail(e)


class Ffmpeg:
    """One real ffmpeg pusher, started again whenever it ends."""

    def __init__(self, fleet, camera):
        self.fleet, self.camera = fleet, camera
        self.process, self.dials, self.error = None, 0, None
        self.state, self.since = "off", time.time()

    def dial(self):
        self.dials += 1
        url = f"rtmp://{topology.VIP}:{topology.RTMP_PORT}/{topology.APPLICATION}/{self.camera.stream}"
        argv = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-fflags", "nobuffer", "-re",
                "-stream_loop", "-1", "-i", self.fleet.clip, "-c", "copy", "-rw_timeout", "5000000", "-f", "flv", url]
        log = self.fleet.run.path(f"ffmpeg-{self.camera.short}.log")
        self.process = ns.spawn(argv, log, self.fleet.run.netns(self.camera.short))
        self.state, self.since = "running", time.time()

    def hang_up(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.state, self.since = "off", time.time()

    def reap(self):
        if self.process and self.process.poll() is not None:
            self.error = f"ended with {self.process.returncode}"
            self.process, self.state, self.since = None, "waiting", time.time()
            self.fleet.at(REDIAL, self._redial)

    def _redial(self):
        if self.fleet.running and self.state == "waiting":
            self.dial()


class Fleet:
    def __init__(self, run, count, ffmpegs, clip):
        self.run, self.clip, self.running, self.impatient = run, clip, False, False
        self.poll = selectors.DefaultSelector()
        self.timers, self.order = [], 0
        cams = topology.cameras(count)
        self.ffmpegs = [Ffmpeg(self, c) for c in cams[:ffmpegs]]
        self.lights = [Light(self, c) for c in cams[ffmpegs:]]
        self.server = ctl.listen(run.path("cameras.ctl"))
        self.poll.register(self.server, selectors.EVENT_READ, "ctl")
        self.wake_r, wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_w)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll.register(self.wake_r, selectors.EVENT_READ, "child")

    def at(self, delay, call, *args):
        self.order += 1
        heapq.heappush(self.timers, (time.monotonic() + delay, self.order, call, args))

    def start(self):
        if not self.running:
            self.running = True
            for n, camera in enumerate(self.lights):  # spread over half a second
                self.at(0.5 * n / max(1, len(self.lights)), self._first_dial, camera)
            for camera in self.ffmpegs:
                camera.dial()
        return self.status()

    def _first_dial(self, camera):
        if self.running and camera.state == "off":
            camera.dial()

    def patience(self, waits):
        """Whether the light cameras wait for the answer to their publish, from their next dial on."""
        self.impatient = not waits
        return self.status()

    def stop(self):
        self.running = False
        for camera in self.lights + self.ffmpegs:
            camera.serial = getattr(camera, "serial", 0) + 1
            camera.hang_up()
        return self.status()

    def status(self, full=False):
        every = self.ffmpegs + self.lights
        counts = {}
        for c in every:
            counts[c.state] = counts.get(c.state, 0) + 1
        out = {"running": self.running, "cameras": len(every), "ffmpeg": len(self.ffmpegs),
               "publishing": counts.get("publishing", 0) + counts.get("running", 0), "states": counts}
        if full:
            out["list"] = [{"name": c.camera.name, "address": c.camera.address, "state": c.state, "dials": c.dials,
                            "since_us": int(c.since * 1e6), "error": c.error} for c in every]
        return out

    def loop(self):
        handlers = {"status": self.status, "start": self.start, "stop": self.stop, "patience": self.patience}
        phase, next_tick, begun = 0, time.monotonic(), time.monotonic()
        while True:
            now = time.monotonic()
            if now >= next_tick:
                next_tick = max(next_tick + FRAME_EVERY / PHASES, now)
                for camera in self.lights[phase::PHASES]:
                    camera.frame(int((now - begun) * 1000))
                phase = (phase + 1) % PHASES
            while self.timers and self.timers[0][0] <= now:
                _, _, call, args = heapq.heappop(self.timers)
                call(*args)
            due = min(next_tick, self.timers[0][0]) if self.timers else next_tick
            for key, events in self.poll.select(max(0.0, due - time.monotonic())):
                if key.data == "ctl":
                    ctl.serve_one(self.server, handlers)
                elif key.data == "child":
                    os.read(self.wake_r, 4096)
                    for camera in self.ffmpegs:
                        camera.reap()
                elif key.data.sock is key.fileobj:
                    key.data.ready(events)


def make_clip(path):
    """A tiny clip for the ffmpeg cameras, encoded once: 10 s, 10 frames per second."""
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tmp = f"{path}.{os.getpid()}.flv"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
                        "color=c=gray:size=64x48:rate=10", "-t", "10", "-c:v", "flv1", "-b:v", "20k", "-g", "10",
                        tmp], check=True)
        os.rename(tmp, path)
    return path


if __name__ == "__main__":
    this = Run(sys.argv[1]).load()
    fleet = Fleet(this, this.state["cameras"], this.state["ffmpeg"], this.state["clip"])
    fleet.start()
    fleet.loop()
