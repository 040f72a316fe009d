"""What scripts/bench fence measures standin against over SSH: netmiko, with the same commands and a read-back.

    peer_netmiko.py once|session JSON      (run by .venv/bin/python)

The JSON has host, port, user, key, known_hosts, and the commands `off` and `show`, and in `down` what the end of the
show must be. `once` logs in, shuts the port, reads back until it is down. `session` logs in, and does that for each line
`off` of standard input; `look` shows the port once. Each answer is a line of JSON: ok, ms.

The connection is closed at the end, not by netmiko's `disconnect`: that takes the `#` of a user who is not called root
for a configuration mode, and waits 10 s for the way out of it.
"""
import json
import sys
import time

from netmiko import ConnectHandler


def connect(a):
    return ConnectHandler(device_type="linux", host=a["host"], port=a["port"], username=a["user"], use_keys=True,
                          key_file=a["key"], ssh_strict=True, system_host_keys=False, alt_host_keys=True,
                          alt_key_file=a["known_hosts"])


def off(session, a):
    said = session.send_command(a["off"])
    if said.strip():
        raise RuntimeError(f"the switch said: {said.strip()}")
    until = time.monotonic() + 20
    while not session.send_command(a["show"]).split()[-2:] == a["down"]:
        if time.monotonic() > until:
            raise RuntimeError("it is not down after 20 s")


def timed(work):
    begun = time.monotonic()
    try:
        work()
        error = None
    except Exception as e:  # whatever it is, the bench has to be told
        error = f"{type(e).__name__}: {e}"
    print(json.dumps({"ok": error is None, "ms": (time.monotonic() - begun) * 1000, "error": error}), flush=True)


def once(a):
    kept = []

    def work():
        kept.append(connect(a))
        off(kept[0], a)
    timed(work)
    for session in kept:
        session.paramiko_cleanup()


def main():
    how, a = sys.argv[1], json.loads(sys.argv[2])
    if how == "once":
        return once(a)
    session = connect(a)
    for line in sys.stdin:
        timed({"off": lambda: off(session, a), "look": lambda: session.send_command(a["show"])}[line.strip()])
    session.paramiko_cleanup()


if __name__ == "__main__":
    main()
