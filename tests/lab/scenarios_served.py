"""Scenarios: the media server takes no stream, and cameras that do not wait for its word send media all the same."""
import contextlib
import socket
import threading

import ctl
import ns
import rtmp
import topology
from scenarios_site import expect, register

SCENARIOS = []
scenario = register(SCENARIOS)


def impatient(site):
    ctl.ask(site.run.path("cameras.ctl"), "patience", waits=False)
    site.undo.callback(ctl.ask, site.run.path("cameras.ctl"), "patience", waits=True)


def told(site, within, fault):
    """The takeover ends; none of the light cameras is back, each is missing with this fault."""
    cut = site.cut()
    site.until("the takeover ends", within, lambda: (site.status() or {}).get("verdict"), 0.3)
    s, (_, report, _) = site.status(), site.standin("report")
    expect(s["verdict"] != "verified" and report["verdict"] != "verified", f"verified, and no stream was taken: {s}")
    light = [c for c in report["cameras"]["cameras"] if c["stream"] not in ffmpegs(site)]
    back = [c["name"] for c in light if c["back"]]
    expect(not back, f"back, although the server took none of them: {back[:5]}")
    others = sorted({f"{c['fault']}: {c.get('detail')}" for c in light if c["fault"] not in fault})
    expect(not others, f"the faults are {others}")
    code, out, _ = site.on("standby", site.binary, "report", "--config", site.config())
    return cut, light[0], out


def ffmpegs(site):
    return {c.stream for c in topology.cameras(site.count)[:site.ffmpeg]}


@scenario(sets=('verify.within="8s"',))
def publishes_denied(site, _quick):
    """Our media server denies every publish and closes, while cameras do not wait: no camera is back, and it says why."""
    conf = site.run.path("standby", "nginx.conf")
    with open(conf) as f:
        before = f.read()

    def write(text):
        with open(conf, "w") as f:
            f.write(text)
        site.lab("service", "standby", "stop")
        site.lab("service", "standby", "start")
    site.undo.callback(write, before)
    write(before.replace("live on;", "live on; on_publish http://127.0.0.1:8080/deny;")
          .replace("location /stat", "location /deny { return 403; }\n        location /stat"))
    impatient(site)
    _, camera, _ = told(site, 30, ("refused", "closed_by_server", "closed_after_media"))
    return f"{camera['name']}: {camera['fault']} {camera.get('detail') or ''}"


@scenario(sets=('verify.within="8s"',))
def streams_busy(site, _quick):
    """Every stream's name is busy on our media server, which refuses and stays connected: no camera is back."""
    holders = contextlib.ExitStack()
    site.undo.callback(holders.close)
    publishers = []
    with ns.inside(site.run.netns("standby")):
        for camera in topology.cameras(site.count):
            s = holders.enter_context(socket.create_connection(("127.0.0.1", topology.RTMP_PORT), 5))
            p = rtmp.Publisher("127.0.0.1", topology.APPLICATION, camera.stream)
            while not p.publishing:
                s.sendall(bytes(p.out))
                p.out.clear()
                if not p.publishing:
                    p.feed(s.recv(65536))
            publishers.append((s, p))
    going = threading.Event()

    def go_on():
        at = 0
        while not going.wait(0.5):
            at += 500
            for s, p in publishers:
                with contextlib.suppress(OSError):
                    s.sendall(p.video(at, bytes(64)))
    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    holders.callback(lambda: (going.set(), thread.join()))
    impatient(site)
    _, camera, text = told(site, 30, ("refused",))
    expect("BadName" in (camera.get("detail") or ""), f"the server's words are not there: {camera}")
    expect("BadName" in text, f"the page for people does not say them: {text[:400]}")
    return f"{camera['name']}: {camera['detail']}"
