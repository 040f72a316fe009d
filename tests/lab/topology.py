"""What the lab looks like: hosts, ports, addresses, VLANs. Pure data, no side effects."""
VIP = "192.168.1.101"
RTMP_PORT = 1935
APPLICATION = "live"
VLAN_PRODUCTION, VLAN_MANAGEMENT, VLAN_QUARANTINE, VLAN_PARKING = 10, 20, 998, 999
VLAN_NAMES = {1: "default", 10: "production", 20: "management", 998: "quarantine", 999: "parking"}
LIMBO = 4094        # an access VLAN nobody is in: where a port without untagged membership goes
SWITCH_ADDRESS = "192.168.20.2"
TRAP_SINK = "192.168.20.102"
GATEWAY = "192.168.1.1"
FIRST_CAMERA = 110  # 192.168.1.110 and on
MAX_CAMERAS = 140
PARKED_PORT, PARKED = "p-stby-a", "eth2"  # option A: the standby's leg that waits with the VIP
LINK_GROUP = 77     # all lab interfaces of a namespace, so that one request moves them together

ALIASES = {"prim": "primary", "stby": "standby", "gw": "gateway", "sw": "switch", "third-machine": "third"}
SHORT = {"primary": "prim", "standby": "stby", "gateway": "gw", "third": "third", "switch": "sw"}


class Leg:
    """One cable: a host's interface and the switch port it is plugged into."""

    def __init__(self, host, ifname, port, vlan, mac, addresses, alias):
        self.host, self.ifname, self.port, self.vlan = host, ifname, port, vlan
        self.mac, self.addresses, self.alias = mac, addresses, alias

    @property
    def port_mac(self):
        """The MAC of the switch's end, different from the host's."""
        return "0a" + self.mac[2:]


class Camera:
    def __init__(self, number):
        self.number = number
        self.name = f"camera{number:03d}"
        self.short = f"c{number:03d}"
        self.address = f"192.168.1.{FIRST_CAMERA + number - 1}"
        self.mac = f"02:ca:00:00:00:{number:02x}"
        self.stream = f"stream{number}"

    def leg(self):
        return Leg(self.short, "eth0", self.short, VLAN_PRODUCTION, self.mac, [self.address + "/24"],
                   f"camera {self.number}")


def cameras(count):
    return [Camera(n) for n in range(1, count + 1)]


def legs(mode, option_a=False):
    """The cables of the machines (not the cameras), in switch port order."""
    if mode == "agentless":
        primary = [VIP + "/24"]          # the primary's own operating system holds the VIP
    else:
        primary = ["192.168.1.31/24"]    # standin (or keepalived) adds the VIP on top
    return [
        Leg("primary", "eth0", "p-prim", VLAN_PRODUCTION, "02:01:00:00:01:1f", primary, "primary data"),
        Leg("primary", "eth1", "p-prim-m", VLAN_MANAGEMENT, "02:01:00:00:14:1f", ["192.168.20.31/24"],
            "primary management"),
        Leg("standby", "eth0", "p-stby", VLAN_PRODUCTION, "02:02:00:00:01:66", ["192.168.1.102/24"], "standby data"),
        Leg("standby", "eth1", "p-stby-m", VLAN_MANAGEMENT, "02:02:00:00:14:66", ["192.168.20.102/24"],
            "standby management"),
    ] + ([
        Leg("standby", "eth2", PARKED_PORT, VLAN_PARKING, "02:02:00:00:01:65", [VIP + "/24"], "standby parked"),
    ] if option_a else []) + [
        Leg("gateway", "eth0", "p-gw", VLAN_PRODUCTION, "02:fe:00:00:01:01", [GATEWAY + "/24"], "gateway"),
        Leg("third", "eth0", "p-third", VLAN_PRODUCTION, "02:03:00:00:01:03", [], "spare desk"),
    ]


def all_legs(mode, count, option_a=False):
    return legs(mode, option_a) + [c.leg() for c in cameras(count)]


def canonical(host):
    """The full name of a host given by a name or short name; None if there is none."""
    host = ALIASES.get(host, host)
    if host in SHORT:
        return host
    for prefix in ("camera", "cam", "c"):
        digits = host[len(prefix):]
        if host.startswith(prefix) and digits.isdigit():
            return f"c{int(digits):03d}"
    return None
