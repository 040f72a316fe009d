#!/usr/bin/python3
"""A Cisco of fake-switches (PyPI) behind SSH on loopback, for tests/foreign/switch_fake.rs.

The package's own launcher compares the enable password as bytes with what comes as text, and takes none; this one uses
the package as a library. Prints the port; answers each line on stdin with the ports as the switch has them, as JSON;
ends with stdin.
"""

import json
import sys

from fake_switches.switch_configuration import Port, Vlan
from fake_switches.switch_factory import SwitchFactory
from fake_switches.transports.ssh_service import SwitchSshService
from twisted.internet import reactor, stdio
from twisted.protocols.basic import LineReceiver

PORTS = ["FastEthernet0/1", "FastEthernet0/2", "FastEthernet0/3"]
VLANS = {10: "cameras", 20: "quarantine", 30: "voice"}


class Questions(LineReceiver):
    """Tells how things are."""

    delimiter = b"\n"

    def __init__(self, configuration):
        self.configuration = configuration

    def lineReceived(self, line):
        state = {
            port.name: {
                "shut": bool(port.shutdown),
                "mode": port.mode,
                "vlan": port.access_vlan,
                "trunk": port.trunk_vlans,
            }
            for port in self.configuration.get_physical_ports()
        }
        self.sendLine(json.dumps(state).encode())

    def connectionLost(self, reason):
        if reactor.running:
            reactor.stop()


def main():
    core = SwitchFactory().get("cisco_generic", "core1", "enable-password", ports=[Port(name) for name in PORTS])
    configuration = core.switch_configuration
    for number, name in VLANS.items():
        configuration.add_vlan(Vlan(number, name))
    for name in PORTS[:2]:
        port = configuration.get_port(name)
        port.mode, port.access_vlan = "access", 10
    trunk = configuration.get_port(PORTS[2])
    trunk.mode, trunk.trunk_vlans = "trunk", [10, 30]
    service = SwitchSshService(ip="127.0.0.1", port=0, switch_core=core, users={"ops": b"login-password"})
    listening = service.hook_to_reactor(reactor)
    print(listening.getHost().port, flush=True)
    stdio.StandardIO(Questions(configuration))
    reactor.run()


if __name__ == "__main__":
    sys.exit(main())
