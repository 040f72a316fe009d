"""Lets the answers of simulated switches come late: a UDP relay in front of all of them, in a process of its own.

    simdelay.py COUNT MS

Switch number N answers at simswitch.late_address(N), each answer MS milliseconds after its agent gave it: what a
switch's own processor and a longer way take. Says `ready`, and ends with its standard input.
"""
import heapq
import selectors
import socket
import sys
import time

import simswitch


class Relay:
    def __init__(self, count, ms):
        self.delay, self.queue, self.order = ms / 1000, [], 0
        self.poll = selectors.DefaultSelector()
        for n in range(count):
            front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            front.bind((simswitch.late_address(n), simswitch.UDP_PORT))
            front.setblocking(False)
            self.poll.register(front, selectors.EVENT_READ, lambda f=front, n=n: self.request(f, n))
        self.backs = {}  # (switch, who asks): a socket of its own, so that each answer finds its way

    def request(self, front, n):
        data, client = front.recvfrom(65536)
        back = self.backs.get((n, client))
        if back is None:
            back = self.backs[n, client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            back.connect((simswitch.address(n), simswitch.UDP_PORT))
            back.setblocking(False)
            self.poll.register(back, selectors.EVENT_READ, lambda: self.reply(front, back, client))
        back.send(data)

    def reply(self, front, back, client):
        self.order += 1
        heapq.heappush(self.queue, (time.monotonic() + self.delay, self.order, front, client, back.recv(65536)))

    def serve(self):
        end = []
        self.poll.register(sys.stdin, selectors.EVENT_READ, lambda: end.append(sys.stdin.read()))
        print("ready", flush=True)
        while not end:
            left = max(0.0, self.queue[0][0] - time.monotonic()) if self.queue else None
            for key, _ in self.poll.select(left):
                key.data()
            while self.queue and self.queue[0][0] <= time.monotonic():
                _, _, front, client, data = heapq.heappop(self.queue)
                front.sendto(data, client)


if __name__ == "__main__":
    Relay(int(sys.argv[1]), float(sys.argv[2])).serve()
