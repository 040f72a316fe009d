"""A switch that answers late: a UDP relay in front of snmpd that holds every reply back.

Only used while `switch snmp delay MS` is on: nftables then redirects port 161
to it; otherwise snmpd is asked directly.
"""
import heapq
import selectors
import socket
import time

PORT = 1161


class DelayProxy:
    def __init__(self, poll):
        self.poll, self.ms, self.queue, self.order = poll, 0, [], 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("0.0.0.0", PORT))
        self.front.setblocking(False)
        self.back = {}
        poll.register(self.front, selectors.EVENT_READ, self.request)

    def request(self):
        try:
            data, client = self.front.recvfrom(65536)
            s = self.back.get(client)
            if s is None:
                if len(self.back) > 200:  # old clients; a late answer to them is lost, as it may be
                    for old in self.back.values():
                        self.poll.unregister(old)
                        old.close()
                    self.back.clear()
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.connect(("127.0.0.1", 161))
                s.setblocking(False)
                self.back[client] = s
                self.poll.register(s, selectors.EVENT_READ, lambda: self.reply(s, client))
            s.send(data)
        except OSError:
            pass  # snmpd is stopped: no answer

    def reply(self, s, client):
        try:
            data = s.recv(65536)
        except OSError:
            return
        self.order += 1
        heapq.heappush(self.queue, (time.monotonic() + self.ms / 1000, self.order, client, data))

    def due(self):
        return max(0.0, self.queue[0][0] - time.monotonic()) if self.queue else None

    def flush(self):
        while self.queue and self.queue[0][0] <= time.monotonic():
            _, _, client, data = heapq.heappop(self.queue)
            try:
                self.front.sendto(data, client)
            except OSError:
                pass
