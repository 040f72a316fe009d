"""The objects of the lab's switch: live interface columns, BRIDGE-MIB and Q-BRIDGE-MIB over Open vSwitch.

Reads come from the kernel and from Open vSwitch at the moment of the request
(the forwarding table is at most 20 ms old). A SET is tried on a shadow copy
(TestSet), committed in one OVSDB transaction (CommitSet), and can be undone.

A port's PVID decides its VLAN if the port is an untagged member there; a port
whose PVID names a VLAN it is no untagged member of is isolated (as with
ingress filtering on). Tagged memberships become a trunk.
"""
import bisect
import copy
import time

from agentx import (COMMIT_FAILED, COUNTER64, GAUGE32, INCONSISTENT_VALUE, INTEGER, NO_CREATION, NO_INSTANCE, NO_OBJECT,
                    NOT_WRITABLE, OCTETS, TIMETICKS, WRONG_LENGTH, WRONG_TYPE, WRONG_VALUE, SetError, oid)
from topology import LIMBO

IF_ADMIN, IF_OPER, IF_LAST = oid("1.3.6.1.2.1.2.2.1.7"), oid("1.3.6.1.2.1.2.2.1.8"), oid("1.3.6.1.2.1.2.2.1.9")
IF_ALIAS = oid("1.3.6.1.2.1.31.1.1.1.18")
# ifHCInUcastPkts, ifHCOutUcastPkts, ifHCInOctets, ifHCOutOctets, in the order of nl.Link.counters
IF_COUNTERS = [oid(f"1.3.6.1.2.1.31.1.1.1.{n}") for n in (7, 11, 6, 10)]
BRIDGE = oid("1.3.6.1.2.1.17")
SAVE = oid("1.3.6.1.4.1.8072.9999.9999.1")  # netSnmpPlaypen; vendors have such an object each of their own
FDB_FRESH = 0.02


class Vlans:
    """The shadow: names, untagged and tagged members by bridge port, PVIDs."""

    def __init__(self, names, pvid, tagged):
        self.names = dict(names)
        self.pvid = dict(pvid)
        self.untagged = {v: {p for p, t in pvid.items() if t == v} for v in names}
        self.egress = {v: set(m) for v, m in self.untagged.items()}
        for port, vids in tagged.items():
            for v in vids:
                self.egress.setdefault(v, set()).add(port)

    def place(self, port, tag, tagged):
        """Makes a port what the switch has it as, whoever did that; the others stay."""
        for vid in [tag, *tagged]:
            if vid != LIMBO and vid not in self.names:  # a VLAN is there as soon as a port is in it
                self.names[vid], self.egress[vid], self.untagged[vid] = f"VLAN{vid}", set(), set()
        for vid in self.names:
            self.egress[vid].discard(port)
            self.untagged[vid].discard(port)
            if vid == tag or vid in tagged:
                self.egress[vid].add(port)
        if tag != LIMBO:
            self.pvid[port] = tag
            self.untagged[tag].add(port)

    def effective(self, port):
        """What the switch must do with a port: (tag, [tagged VLANs])."""
        home = self.pvid[port]
        tag = home if port in self.untagged.get(home, ()) and port in self.egress.get(home, ()) else LIMBO
        return tag, sorted(v for v in self.egress if port in self.egress[v] and port not in self.untagged[v])


class SwitchMib:
    def __init__(self, state):
        """`state` is the daemon's live view: see switchd.State for what it must offer."""
        self.live = state
        self.pending, self.undone = {}, {}
        self._fdb = (0.0, [])
        b = BRIDGE
        ports = lambda: [(p,) for p in sorted(self.live.port_index)]
        ifs = lambda: [(i,) for i in self.live.interface_indexes()]
        vlans = lambda: [(v,) for v in sorted(self.live.vlans.names)]
        current = lambda: [(0, v) for v in sorted(self.live.vlans.names)]
        scalar = lambda: [(0,)]
        macs = lambda: sorted({tuple(m): None for _, _, m in self.fdb()})
        fdb = lambda: sorted((v, *m) for _, v, m in self.fdb())
        port_count = lambda: max(self.live.port_index, default=0)

        def portset(members):
            octets = bytearray((port_count() + 7) // 8)
            for p in members:
                octets[(p - 1) // 8] |= 0x80 >> ((p - 1) % 8)
            return bytes(octets)

        def mac_port(index, vlan=None):
            return next((p for p, v, m in self.fdb() if tuple(m) == index and vlan in (None, v)), None)

        integer = lambda f: (lambda i: (INTEGER, f(i)))
        gauge = lambda f: (lambda i: (GAUGE32, f(i)))
        octets = lambda f: (lambda i: (OCTETS, f(i)))
        v = lambda: self.live.vlans
        q = b + (7, 1)
        # column: (rows, read); kept sorted by OID, which is what GETNEXT needs
        self.columns = sorted([
            (IF_ADMIN, ifs, integer(lambda i: self.live.admin(i[0]))),
            (IF_OPER, ifs, integer(lambda i: self.live.oper(i[0]))),
            (IF_LAST, ifs, lambda i: (TIMETICKS, self.live.last_change(i[0]))),
            (IF_ALIAS, ifs, octets(lambda i: self.live.alias(i[0]).encode())),
            (b + (1, 1), scalar, octets(lambda i: bytes.fromhex(self.live.bridge_mac.replace(":", "")))),
            (b + (1, 2), scalar, integer(lambda i: len(self.live.port_index))),
            (b + (1, 3), scalar, integer(lambda i: 2)),
            (b + (1, 4, 1, 1), ports, integer(lambda i: i[0])),
            (b + (1, 4, 1, 2), ports, integer(lambda i: self.live.port_index[i[0]])),
            (b + (2, 15, 1, 1), ports, integer(lambda i: i[0])),
            (b + (2, 15, 1, 3), ports, integer(lambda i: self.live.stp(i[0]))),
            (b + (2, 19, 1, 2), ports, integer(lambda i: self.live.edge(i[0]))),
            (b + (2, 19, 1, 3), ports, integer(lambda i: self.live.edge(i[0]))),
            (b + (4, 2), scalar, integer(lambda i: 300)),
            (b + (4, 3, 1, 1), macs, octets(lambda i: bytes(i))),
            (b + (4, 3, 1, 2), macs, integer(lambda i: mac_port(i))),
            (b + (4, 3, 1, 3), macs, integer(lambda i: 3)),
            (q + (1, 1), scalar, integer(lambda i: 1)),
            (q + (1, 2), scalar, integer(lambda i: 4094)),
            (q + (1, 3), scalar, gauge(lambda i: 4093)),
            (q + (1, 4), scalar, gauge(lambda i: len(v().names))),
            (q + (2, 1, 1, 2), vlans, gauge(lambda i: sum(1 for _, x, _ in self.fdb() if x == i[0]))),
            (q + (2, 2, 1, 2), fdb, integer(lambda i: mac_port(i[1:], i[0]))),
            (q + (2, 2, 1, 3), fdb, integer(lambda i: 3)),
            (q + (4, 2, 1, 3), current, gauge(lambda i: i[1])),
            (q + (4, 2, 1, 4), current, octets(lambda i: portset(v().egress[i[1]]))),
            (q + (4, 2, 1, 5), current, octets(lambda i: portset(v().untagged[i[1]]))),
            (q + (4, 2, 1, 6), current, integer(lambda i: 2)),
            (q + (4, 3, 1, 1), vlans, octets(lambda i: v().names[i[0]].encode())),
            (q + (4, 3, 1, 2), vlans, octets(lambda i: portset(v().egress[i[0]]))),
            (q + (4, 3, 1, 3), vlans, octets(lambda i: portset(()))),
            (q + (4, 3, 1, 4), vlans, octets(lambda i: portset(v().untagged[i[0]]))),
            (q + (4, 3, 1, 5), vlans, integer(lambda i: 1)),
            (q + (4, 5, 1, 1), ports, gauge(lambda i: v().pvid[i[0]])),
            (q + (4, 5, 1, 2), ports, integer(lambda i: 1)),
            (q + (4, 5, 1, 3), ports, integer(lambda i: 1)),
            (SAVE, scalar, integer(lambda i: 0 if self.live.unsaved() else 1)),
        ] + [(column, ifs, (lambda which: lambda i: (COUNTER64, self.live.counter(i[0], which)))(which))
             for which, column in enumerate(IF_COUNTERS)], key=lambda c: c[0])
        self.prefixes = [c[0] for c in self.columns]
        self.writers = {IF_ADMIN: self._set_admin, IF_ALIAS: self._set_alias, q + (4, 3, 1, 1): self._set_name,
                        q + (4, 3, 1, 2): self._set_members, q + (4, 3, 1, 3): self._set_forbidden,
                        q + (4, 3, 1, 4): self._set_members, q + (4, 3, 1, 5): self._set_row,
                        q + (4, 5, 1, 1): self._set_pvid, SAVE: self._set_save}
        self.egress_column = q + (4, 3, 1, 2)

    def fdb(self):
        """[(bridge port, VLAN, MAC as bytes)], never older than FDB_FRESH."""
        at, entries = self._fdb
        if time.monotonic() - at > FDB_FRESH:
            entries = [(p, vlan, bytes.fromhex(mac.replace(":", ""))) for p, vlan, mac, _ in self.live.switch.fdb()
                       if p in self.live.port_index]
            self._fdb = (time.monotonic(), entries)
        return entries

    # -- reading ------------------------------------------------------------------

    def _column(self, name):
        at = bisect.bisect_right(self.prefixes, name) - 1
        if at >= 0 and name[:len(self.prefixes[at])] == self.prefixes[at]:
            return self.columns[at]
        return None

    def get(self, name):
        column = self._column(name)
        if column is None:
            return NO_OBJECT, None
        index = name[len(column[0]):]
        if index not in column[1]():
            return NO_INSTANCE, None
        return column[2](index)

    def next(self, name, include, end):
        at = max(0, bisect.bisect_right(self.prefixes, name) - 1)
        for prefix, rows, read in self.columns[at:]:
            if end and prefix >= end:
                break
            rows = rows()
            index = name[len(prefix):] if name[:len(prefix)] == prefix else (() if prefix > name else None)
            if index is None:
                continue
            where = bisect.bisect_left(rows, index) if include else bisect.bisect_right(rows, index)
            if where < len(rows):
                found = prefix + rows[where]
                return None if end and found >= end else (found, *read(rows[where]))
        return None

    # -- writing: everything is tried on a copy first ------------------------------

    def test(self, transaction, binds):
        draft = self.pending.get(transaction) or {"vlans": copy.deepcopy(self.live.vlans), "admin": {}, "alias": {}}
        for number, (name, kind, value) in enumerate(binds, start=1):
            column = self._column(name)
            writer = self.writers.get(column[0]) if column else None
            try:
                if writer is None:
                    raise SetError(NOT_WRITABLE)
                writer(draft, column[0], name[len(column[0]):], kind, value)
            except SetError as e:
                raise SetError(e.error, number) from None
        self.pending[transaction] = draft

    def commit(self, transaction):
        draft = self.pending.get(transaction)
        if draft is None:
            raise SetError(COMMIT_FAILED)
        self.undone[transaction] = self._apply(draft)

    def undo(self, transaction):
        back = self.undone.pop(transaction, None)
        if back:
            self._apply(back)
        self.pending.pop(transaction, None)

    def cleanup(self, transaction):
        self.pending.pop(transaction, None)
        self.undone.pop(transaction, None)

    def _apply(self, draft):
        """Makes the draft true; returns the draft that undoes it."""
        back = {"vlans": self.live.vlans, "admin": {i: self.live.admin(i) for i in draft["admin"]},
                "alias": {i: self.live.alias(i) for i in draft["alias"]}}
        try:
            self.live.set_vlans(draft["vlans"])
            for index, text in draft["alias"].items():
                self.live.set_alias(index, text)
            for index, value in draft["admin"].items():
                self.live.set_admin(index, value)
            if draft.get("save"):
                self.live.save()
        except (OSError, RuntimeError) as e:
            self.live.log(f"a SET could not be applied: {e}")
            raise SetError(COMMIT_FAILED) from None
        return back

    def _index(self, index, rows, size=1):
        if len(index) != size or index[0] not in rows:
            raise SetError(NO_CREATION)
        return index[0]

    def _want(self, kind, *allowed):
        if kind not in allowed:
            raise SetError(WRONG_TYPE)

    def _set_admin(self, draft, _column, index, kind, value):
        self._want(kind, INTEGER)
        number = self._index(index, self.live.interface_indexes())
        if value not in (1, 2):
            raise SetError(WRONG_VALUE)
        draft["admin"][number] = value

    def _set_alias(self, draft, _column, index, kind, value):
        self._want(kind, OCTETS)
        number = self._index(index, self.live.interface_indexes())
        if len(value) > 64:  # DisplayString (SIZE(0..64)), as the MIB has it
            raise SetError(WRONG_LENGTH)
        draft["alias"][number] = value.decode("utf-8", "replace")

    def _set_name(self, draft, _column, index, kind, value):
        self._want(kind, OCTETS)
        draft["vlans"].names[self._index(index, draft["vlans"].names)] = value.decode("utf-8", "replace")

    def _ports(self, value):
        ports = {8 * n + bit + 1 for n, octet in enumerate(value) for bit in range(8) if octet & (0x80 >> bit)}
        if ports - set(self.live.port_index):
            raise SetError(WRONG_VALUE)
        return ports

    def _set_members(self, draft, column, index, kind, value):
        self._want(kind, OCTETS)
        vid = self._index(index, draft["vlans"].names)
        members = draft["vlans"].egress if column == self.egress_column else draft["vlans"].untagged
        members[vid] = self._ports(value)

    def _set_forbidden(self, draft, _column, index, kind, value):
        self._want(kind, OCTETS)
        self._index(index, draft["vlans"].names)
        if self._ports(value):  # this switch cannot forbid a port
            raise SetError(INCONSISTENT_VALUE)

    def _set_row(self, draft, _column, index, kind, value):
        self._want(kind, INTEGER)
        if len(index) != 1 or not 1 <= index[0] < LIMBO:
            raise SetError(NO_CREATION)
        vlans, vid = draft["vlans"], index[0]
        if value == 4 and vid not in vlans.names:        # createAndGo
            vlans.names[vid], vlans.egress[vid], vlans.untagged[vid] = f"VLAN{vid}", set(), set()
        elif value == 6 and vid in vlans.names:          # destroy, only when nobody lives there
            if vid in vlans.pvid.values():
                raise SetError(INCONSISTENT_VALUE)
            del vlans.names[vid], vlans.egress[vid], vlans.untagged[vid]
        elif not (value == 1 and vid in vlans.names):
            raise SetError(INCONSISTENT_VALUE)

    def _set_save(self, draft, _column, index, kind, value):
        """1: what runs now is what the switch boots with from now on. An undo of that SET does not take it back."""
        self._want(kind, INTEGER)
        if index != (0,):
            raise SetError(NO_CREATION)
        if value != 1:
            raise SetError(WRONG_VALUE)
        draft["save"] = True

    def _set_pvid(self, draft, _column, index, kind, value):
        self._want(kind, GAUGE32, INTEGER)
        port = self._index(index, draft["vlans"].pvid)
        if value not in draft["vlans"].names:
            raise SetError(INCONSISTENT_VALUE)
        draft["vlans"].pvid[port] = value
