"""The management side of the lab's switch: AgentX subagent, link traps, and the lab's own handle on it.

    switchd.py RUN          (started inside the switch's namespace)

Reads the kernel and Open vSwitch live, sends linkDown/linkUp the moment
rtnetlink tells, and can be asked (on <run>/switch.ctl) to lie, to answer
late, to pull a cable, to move a port, to forget everything.
"""
import selectors
import sys
import time

import agentx
import ctl
import nl
import ovs
import switch_mib
import topology
from delay import DelayProxy
from run import Run
from up import SWITCH_MAC

LINK_DOWN, LINK_UP = agentx.oid("1.3.6.1.6.3.1.1.5.3"), agentx.oid("1.3.6.1.6.3.1.1.5.4")
TRAP_OID = agentx.oid("1.3.6.1.6.3.1.1.4.1.0")
VLANS_FRESH = 0.02
IF_INDEX = agentx.oid("1.3.6.1.2.1.2.2.1.1")


def log(text):
    print(f"{time.time():.6f} {text}", flush=True)


class State:
    """The live switch, as the MIB needs it."""

    def __init__(self, run):
        self.run, self.log = run, log
        self.switch = ovs.Switch(run.path("sw", "ovs"))
        self.netlink = nl.Netlink()
        self.bridge_mac = SWITCH_MAC
        self.started = time.monotonic()
        self.lie, self.fake_admin, self.pulled = "off", {}, {}
        self.changed = {}
        self.stp_ports = set()
        self._load_links()
        numbers = self.switch.port_numbers()
        self.port_index = {p: self.by_name[n] for n, p in numbers.items() if n in self.by_name and n != ovs.BRIDGE}
        self.port_name = {p: n for n, p in numbers.items() if p in self.port_index}
        self.number = {n: p for p, n in self.port_name.items()}
        self.cables = [l.port for l in run.legs()]
        self.load_vlans()
        self.home = self.running()        # what a reboot goes back to

    def _load_links(self):
        links = self.netlink.links()
        self.by_name = {n: l.index for n, l in links.items()}
        self.indexes = sorted(self.by_name.values())
        self.was_up = {l.index: l.up and l.carrier for l in links.values()}

    def load_vlans(self):
        now = self.switch.ports()
        pvid = {p: now[n][0] for p, n in self.port_name.items()}
        self.shadow = switch_mib.Vlans(topology.VLAN_NAMES, pvid,
                                       {p: now[n][1] for p, n in self.port_name.items() if now[n][1]})
        self.followed = time.monotonic()

    @property
    def vlans(self):
        """The VLANs; what the command line has changed in Open vSwitch is in them at most VLANS_FRESH later."""
        if time.monotonic() - self.followed > VLANS_FRESH:
            for name, (tag, tagged) in self.switch.ports().items():
                number = self.number.get(name)
                if number and self.shadow.effective(number) != (tag, tagged):
                    self.shadow.place(number, tag, tagged)
            self.followed = time.monotonic()
        return self.shadow

    def running(self):
        """{port: (tag, tagged VLANs, alias, admin)} as it is now."""
        now = self.switch.ports()
        return {n: (*now[n], self.alias(self.by_name[n]), self.admin(self.by_name[n])) for n in self.cables}

    def unsaved(self):
        """The ports that a reboot would change."""
        return sorted(n for n, port in self.running().items() if port != self.home[n])

    def save(self):
        self.home = self.running()

    # -- what the MIB reads ---------------------------------------------------------

    def uptime_ticks(self):
        return int((time.monotonic() - self.started) * 100)

    def interface_indexes(self):
        return self.indexes

    def kernel_up(self, index):
        link = self.netlink.link(index)
        return bool(link and link.up)

    def admin(self, index):
        if index in self.fake_admin:
            return self.fake_admin[index]
        if index in self.pulled:        # the cable is out: the kernel's state is not the administrator's
            return self.pulled[index]
        return 1 if self.kernel_up(index) else 2

    def oper(self, index):
        link = self.netlink.link(index)
        return 1 if link and link.up and link.carrier else 2

    def last_change(self, index):
        at = self.changed.get(index)
        return 0 if at is None else max(0, int((at - self.started) * 100))

    def alias(self, index):
        link = self.netlink.link(index)
        return link.alias if link else ""

    def stp(self, port):
        """dot1dStpPortState: Open vSwitch's own word for a port that takes part, else whether it has a link."""
        name = self.port_name[port]
        if self.oper(self.port_index[port]) != 1:
            return 1
        return self.switch.stp_state(name) if name in self.stp_ports else 5

    def edge(self, port):
        """dot1dStpPortAdminEdgePort, a TruthValue."""
        return 2 if self.port_name[port] in self.stp_ports else 1

    def counter(self, index, which):
        link = self.netlink.link(index)
        return link.counters[which] if link else 0

    # -- what the MIB writes ----------------------------------------------------------

    def set_admin(self, index, value):
        if self.lie == "ack":
            return
        if self.lie == "admin":
            self.fake_admin[index] = value
            return
        if index in self.pulled:
            self.pulled[index] = value
        else:
            self.netlink.set_up(index, value == 1)

    def set_alias(self, index, text):
        self.netlink.set_alias(index, text)

    def set_vlans(self, vlans):
        changes = {self.port_name[p]: vlans.effective(p) for p in vlans.pvid
                   if vlans.effective(p) != self.vlans.effective(p)}
        for name in self.stp_ports & set(changes):
            self.switch.stp_begins(name, changes[name][0])
        self.switch.set_ports(changes)
        for name in changes:            # a moved port's old addresses are no longer true
            for port, vid, mac, _ in self.switch.fdb():
                if self.port_name.get(port) == name and vid != changes[name][0]:
                    self.switch.appctl("fdb/del", ovs.BRIDGE, str(vid), mac)
        self.shadow, self.followed = vlans, time.monotonic()

    # -- events -------------------------------------------------------------------------

    def link_changes(self, links):
        """[(ifindex, is up)] of ports whose operational state really changed."""
        out = []
        for link in links:
            if link.index not in self.was_up:
                continue
            up = link.up and link.carrier
            if up != self.was_up[link.index]:
                self.was_up[link.index] = up
                self.changed[link.index] = time.monotonic()
                out.append((link.index, up))
        return out


class Daemon:
    def __init__(self, run):
        self.run, self.state = run, State(run)
        self.poll = selectors.DefaultSelector()
        self.events = nl.Netlink(groups=nl.RTMGRP_LINK)
        self.server = ctl.listen(run.path("switch.ctl"))
        self.poll.register(self.events, selectors.EVENT_READ, self.on_links)
        self.poll.register(self.server, selectors.EVENT_READ, lambda: ctl.serve_one(self.server, self.handlers))
        self.delay = DelayProxy(self.poll)
        self.mib = switch_mib.SwitchMib(self.state)
        self.session = None
        self.next_try = 0.0
        self.handlers = {"status": self.status, "lie": self.lie, "delay": self.set_delay, "cable": self.cable,
                         "vlan": self.vlan, "port": self.port, "forget": self.forget, "dark": self.dark,
                         "trunk": self.trunk, "save": self.save, "unsaved": self.unsaved,
                         "stp": self.stp,
                         "ready": lambda: {"ready": self.session is not None}}

    # -- AgentX ---------------------------------------------------------------------------

    def subtrees(self):
        # Stock shape: net-snmp's own ifAdminStatus, ifOperStatus, ifLastChange and counters stay; a lie needs ours.
        live = [switch_mib.IF_ADMIN, switch_mib.IF_OPER, switch_mib.IF_LAST] + list(switch_mib.IF_COUNTERS)
        if self.run.state["stock_snmpd"]:
            live = [switch_mib.IF_ADMIN] if self.state.lie != "off" else []
        return live + [switch_mib.IF_ALIAS, switch_mib.BRIDGE, switch_mib.SAVE]

    def connect(self):
        self.next_try = time.monotonic() + 0.05
        try:
            session = agentx.Session(self.run.path("sw", "agentx.sock"), self.mib, "standin lab switch")
        except (OSError, ConnectionError, RuntimeError):
            return
        try:
            for subtree in self.subtrees():
                session.register(subtree)
                uptime = session.call(agentx.PING, b"")[1]
            self.state.started = time.monotonic() - uptime / 100
        except (OSError, ConnectionError, RuntimeError) as e:
            log(f"registration failed: {e}")
            session.close()
            return
        self.session = session
        self.registered = self.subtrees()
        self.poll.register(session, selectors.EVENT_READ, self.on_agentx)
        log("connected to snmpd")

    def on_agentx(self):
        try:
            self.session.read()
        except (OSError, ConnectionError) as e:
            log(f"snmpd went away: {e}")
            self.poll.unregister(self.session)
            self.session.close()
            self.session = None

    def on_links(self):
        for index, up in self.state.link_changes(self.events.link_events()):
            log(f"link {index} {'up' if up else 'down'}")
            if self.session:
                admin, oper = self.state.admin(index), 1 if up else 2
                try:
                    self.session.notify([
                        (TRAP_OID, agentx.OBJECT, LINK_UP if up else LINK_DOWN),
                        (IF_INDEX + (index,), agentx.INTEGER, index),
                        (switch_mib.IF_ADMIN + (index,), agentx.INTEGER, admin),
                        (switch_mib.IF_OPER + (index,), agentx.INTEGER, oper)])
                except OSError as e:
                    log(f"trap not sent: {e}")

    # -- what the lab asks ----------------------------------------------------------------

    def _port(self, name):
        if name not in self.state.number:
            raise RuntimeError(f"no port '{name}' (p-prim, p-prim-m, p-stby, p-stby-m, p-gw, p-third, c001...)")
        return self.state.number[name]

    def status(self):
        s, macs = self.state, {}
        for port, vid, mac, age in s.switch.fdb():
            macs.setdefault(port, []).append({"mac": mac, "vlan": vid, "age_s": age})
        ports = {}
        for number in sorted(s.port_name):
            index = s.port_index[number]
            ports[s.port_name[number]] = {
                "bridge_port": number, "ifindex": index, "admin": "up" if s.admin(index) == 1 else "down",
                "oper": "up" if s.oper(index) == 1 else "down", "vlan": s.vlans.effective(number)[0],
                "tagged": s.vlans.effective(number)[1], "alias": s.alias(index),
                "cable": index not in s.pulled, "macs": macs.get(number, [])}
        return {"snmp": self.session is not None, "lie": s.lie, "delay_ms": self.delay.ms, "ports": ports}

    def lie(self, kind):
        s = self.state
        s.lie = kind
        if kind == "off":
            s.fake_admin.clear()
        if self.session:
            want = self.subtrees()
            for subtree in [x for x in want if x not in self.registered]:
                self.session.register(subtree)
            for subtree in [x for x in self.registered if x not in want]:
                self.session.unregister(subtree)
            self.registered = want
        return {"lie": kind}

    def set_delay(self, ms):
        self.delay.ms = ms
        return {"delay_ms": ms}

    def cable(self, port, up):
        s, index = self.state, self.state.port_index[self._port(port)]
        if not up and index not in s.pulled:
            s.pulled[index] = 1 if s.kernel_up(index) else 2
            at = time.time_ns()
            s.netlink.set_up(index, False)
        elif up and index in s.pulled:
            at = time.time_ns()
            s.netlink.set_up(index, s.pulled.pop(index) == 1)
        else:
            at = time.time_ns()
        return {"port": port, "cable": "in" if up else "out", "t_us": at // 1000}

    def vlan(self, port, vid):
        import copy
        number, s = self._port(port), self.state
        draft = copy.deepcopy(s.vlans)
        draft.names.setdefault(vid, f"VLAN{vid}")
        for table in (draft.egress, draft.untagged):
            for members in table.values():
                members.discard(number)
            table.setdefault(vid, set()).add(number)
        draft.pvid[number] = vid
        at = time.time_ns()
        s.set_vlans(draft)
        return {"port": port, "vlan": vid, "t_us": at // 1000}

    def trunk(self, port, native, tagged):
        """Makes a port a trunk: `native` leaves it untagged, the others tagged."""
        number, s = self._port(port), self.state
        at = time.time_ns()
        s.switch.set_ports({port: (native, tagged)})
        s.vlans.place(number, native, sorted(set(tagged) - {native}))
        return {"port": port, "native": native, "tagged": tagged, "t_us": at // 1000}

    def save(self):
        self.state.save()
        return {"saved": True, "t_us": time.time_ns() // 1000}

    def unsaved(self):
        return {"unsaved": self.state.unsaved()}

    def port(self, port, up):
        at = time.time_ns()
        index = self.state.port_index[self._port(port)]
        if index in self.state.pulled:
            self.state.pulled[index] = 1 if up else 2
        else:
            self.state.netlink.set_up(index, up)
        return {"port": port, "admin": "up" if up else "down", "t_us": at // 1000}

    def stp(self, port, on):
        """A port takes part in spanning tree from now on (and listens and learns after each move), or not any more."""
        self._port(port)
        s, at = self.state, time.time_ns()
        (s.stp_ports.add if on else s.stp_ports.discard)(port)
        s.switch.stp(s.stp_ports, set(s.cables) - s.stp_ports)
        return {"port": port, "stp": on, "t_us": at // 1000}

    def dark(self):
        """Every link down at once."""
        at = time.time_ns()
        n = self.state.netlink
        n.send(n.up_message(0, False, group=topology.LINK_GROUP))
        return {"t_us": at // 1000}

    def forget(self):
        """What a reboot leaves: the start-up configuration, which is the one of `lab up` unless another was saved."""
        s = self.state
        s.lie = "off"
        s.fake_admin.clear()
        if s.stp_ports:
            s.stp_ports.clear()
            s.switch.stp((), s.cables)
        s.switch.set_ports({port: (tag, tagged) for port, (tag, tagged, _, _) in s.home.items()})
        s.switch.appctl("fdb/flush", ovs.BRIDGE)
        s.load_vlans()
        for port, (_, _, alias, admin) in s.home.items():
            index = s.by_name[port]
            s.set_alias(index, alias)
            s.set_admin(index, admin)
        return {"t_us": time.time_ns() // 1000}

    def loop(self):
        while True:
            if self.session is None and time.monotonic() >= self.next_try:
                self.connect()
            timeout = None if self.session else 0.05
            due = self.delay.due()
            if due is not None:
                timeout = due if timeout is None else min(due, timeout)
            for key, _ in self.poll.select(timeout):
                key.data()
            self.delay.flush()


if __name__ == "__main__":
    Daemon(Run(sys.argv[1]).load()).loop()
