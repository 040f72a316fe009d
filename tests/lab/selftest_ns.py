"""Names of namespaces outlive what others do to /run/netns. In a mount namespace of its own, over a /run of its own."""
import os
import subprocess
import sys

import ns
import run as labrun
from selftest_tools import Failed, Lab, expect

HERE = os.path.dirname(os.path.abspath(__file__))


def alone(test):
    """Runs `python3 selftest_ns.py TEST` where /run is empty and nobody else's."""
    got = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                          'mount -t tmpfs tmpfs /run && mkdir /run/lock && exec "$0" -B "$1" "$2"',
                          sys.executable, os.path.join(HERE, "selftest_ns.py"), test], capture_output=True, text=True,
                         timeout=120)
    if got.returncode:
        raise Failed((got.stdout + got.stderr).strip()[-600:])


def ip_netns(what, name):
    subprocess.run(["ip", "netns", what, name], check=True)


def gone(prefix):
    left = ns.list_netns(prefix)
    expect(not left, f"left: {left[:5]}")
    with open("/proc/self/mountinfo") as f:
        mounts = [line.split()[4] for line in f if f"/{prefix}" in line]
    expect(not mounts, f"still mounted: {mounts[:5]}")


def ip_netns_add_while_up():
    alone("while_up")


def ip_netns_add_over_older_names():
    alone("over_older")


def down_that_was_killed():
    alone("down_killed")


def while_up():
    """Somebody runs `ip netns add` while a lab is up: it can be taken down, and brought up again."""
    for _ in range(2):
        with Lab("st5", "--cameras", "2", "--ffmpeg", "0"):
            ip_netns("add", "somebody")
            ip_netns("delete", "somebody")
        gone("sist5-")


def over_older():
    """Names that were made before the directory was shared, as older labs made them, then `ip netns add`."""
    os.makedirs(ns.NETNS_DIR, exist_ok=True)
    for name in ("sist5-a", "sist5-b"):
        os.close(ns.create_netns(name))
    ip_netns("add", "somebody")
    ns.delete_netns("sist5-a")
    # A file that is all that is left of a name does not stop the next one.
    with open(ns.netns_path("sist5-c"), "w"):
        pass
    os.close(ns.create_netns("sist5-c"))
    for name in ("sist5-b", "sist5-c", "sist5-never-was"):
        ns.delete_netns(name)
    ip_netns("delete", "somebody")
    gone("sist5-")


def down_killed():
    """`down` is killed half way, with `ip netns add` before it: the next `up` takes away what is left."""
    subprocess.run([Lab.COMMAND, "up", "--run", "st5", "--cameras", "30", "--ffmpeg", "0"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ip_netns("add", "somebody")
    run = labrun.Run("st5").load()
    process = subprocess.Popen([Lab.COMMAND, "down", "--run", "st5"], stderr=subprocess.DEVNULL)
    while process.poll() is None and run.state["phase"] == "up":
        run.load()
    process.kill()
    process.wait()
    expect(ns.list_netns("sist5-"), "it was not caught half way")
    with Lab("st6", "--cameras", "2", "--ffmpeg", "0"):
        gone("sist5-")
    gone("sist")
    ip_netns("delete", "somebody")


CHECKS = [ip_netns_add_while_up, ip_netns_add_over_older_names, down_that_was_killed]

if __name__ == "__main__":
    try:
        {"while_up": while_up, "over_older": over_older, "down_killed": down_killed}[sys.argv[1]]()
    except Failed as e:
        sys.exit(str(e))
