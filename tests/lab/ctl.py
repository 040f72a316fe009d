"""One JSON line in, one JSON line out, over a unix socket: how `lab` talks to its daemons."""
import json
import os
import socket

from run import LabError


def read_line(s):
    """A whole line; nothing if the other side has closed before its end."""
    text = b""
    while not text.endswith(b"\n"):
        part = s.recv(1 << 16)
        if not part:
            return None
        text += part
    return text


def ask(path, command, timeout=15.0, **arguments):
    """Sends one request to a lab daemon; raises LabError with its message when it says no."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            s.connect(path)
            s.sendall(json.dumps(dict(arguments, command=command)).encode() + b"\n")
            text = read_line(s)
            if text is None:
                raise LabError(f"{os.path.basename(path)}: no answer to '{command}'{last_words(path)}")
    except OSError as e:
        raise LabError(f"{os.path.basename(path)}: {e} - is that part of the lab running?{last_words(path)}") from None
    answer = json.loads(text)
    if isinstance(answer, dict) and answer.get("error"):
        raise LabError(answer["error"])
    return answer


def last_words(path):
    """The end of a daemon's log, by its socket; the log is gone with the lab."""
    return last_lines(path.removesuffix(".ctl") + ("d.log" if path.endswith("switch.ctl") else ".log"))


def last_lines(log):
    """The end of a log, to go behind a message; nothing if it cannot be read."""
    try:
        with open(log, errors="replace") as f:
            return "".join(f"\n  | {line.rstrip()}" for line in f.readlines()[-20:])
    except OSError:
        return ""


def listen(path):
    """The server's socket; serve it with `serve_one` when it is readable."""
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    os.chmod(path, 0o600)
    s.listen(16)
    return s


def serve_one(server, handlers):
    """Accepts one client and answers it; a bad request gets an error, never an exception."""
    client, _ = server.accept()
    with client:
        client.settimeout(2.0)
        try:
            text = read_line(client)
            if text is None:
                return
            request = json.loads(text)
            handler = handlers.get(request.pop("command", None))
            answer = handler(**request) if handler else {"error": "unknown command"}
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, LabError) as e:
            answer = {"error": f"{type(e).__name__}: {e}"}
        try:
            client.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            pass  # the asker left
