"""Scenario of `standin runbook`: what it prints is typed, with standin gone."""
import re

import topology
import trial
from scenarios_site import expect, register

SCENARIOS = []
scenario = register(SCENARIOS)


def chapter(text, heading):
    """The commands of one chapter, step by step."""
    inside = text.split(f"### {heading}", 1)[1].split("\n### ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", inside, re.S)
    return [re.sub(r"^   ", "", block, flags=re.M) for block in blocks]


def type_in(site, commands):
    """Each step as a person types it, on the machine where it says; what each printed. systemd is not in this lab."""
    said = []
    for block in commands:
        script = "set -eu\n" + re.sub(r"systemctl \w+ standin;?", ":", block).replace(": standin status", ":")
        secrets = "".join(line + "\n" for line in said_secrets if line not in script)
        host = "primary" if block.startswith(f"# on {trial.PEER}") else "standby"
        code, out, err = site.on(host, "/bin/sh", "-c", secrets + script, timeout=40)
        said_secrets.extend(line for line in block.splitlines() if re.match(r"[A-Z_]+=\$\(cat", line))
        said.append((block, code, out + err))
    return said


# A person types all of it in one shell; here each step is one, and has what was set before.
said_secrets = []


@scenario()
def runbook_by_hand(site, _quick):
    """With the daemon gone and the primary dead, the commands of the runbook, as printed, bring every camera to the standby and back."""
    said_secrets.clear()
    code, answer, _ = site.standin("runbook", timeout=60)
    expect(code == 0 and answer["ok"] and not answer["missing"], f"runbook: exit {code}: {answer and answer['missing']}")
    text = answer["text"]
    for word in (topology.VIP, "p-prim", *(c.address for c in topology.cameras(site.count))):
        expect(word in text, f"the runbook does not name {word}")
    with open(site.info["standby_community"] if "standby_community" in site.info else site.run.path("snmp.community")) as f:
        expect(f.read().strip() not in text, "the runbook has the switch's secret")
    takeover, release = chapter(text, f"standin does not run: {trial.PEER} by hand"), chapter(text, "Handing back by hand")

    site.lab("agent", "stop", "standby")
    alive = type_in(site, takeover[:1])[0]
    expect(alive[1] == 0, f"the first question finds nobody, and the primary lives: {alive}")
    site.cut()
    silent = type_in(site, takeover[:1])[0]
    expect(silent[1] != 0, f"the first question finds somebody, and the primary is dead: {silent}")

    done = type_in(site, takeover[1:])
    wrong = [(b, c, o) for b, c, o in done if c and "arping" not in b]
    expect(not wrong, f"what the runbook says cannot be typed: {wrong}")
    proof = next(o for b, _, o in done if "snmpget" in b)
    expect(len(re.findall(r"INTEGER: (?:down\()?2\b", proof)) == 2, f"the proof reads {proof}")
    site.all_publishing(30, host="standby")
    count = type_in(site, takeover[-1:])[0][2].split()
    expect(count and count[0] == str(site.count), f"the last step counts {count} of {site.count} cameras")
    port = site.port()
    expect(port["admin"] == "down", f"the port is admin {port['admin']}")

    site.plug()
    wrong = [(b, c, o) for b, c, o in type_in(site, release) if c and "arping" not in b]
    expect(not wrong, f"what the runbook says of handing back cannot be typed: {wrong}")
    site.all_publishing(30)
    port = site.port()
    expect(port["admin"] == "up" and "[standin:" not in port["alias"], f"the port is admin {port['admin']}, {port['alias']!r}")
    site.start("standby")
    site.healthy(40)
    return f"{len(takeover)} steps there, {len(release)} back"
