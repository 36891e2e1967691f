#!/usr/bin/env python3
"""A TCP proxy that misbehaves when told to: tcp_proxy.py HOST PORT. Run by api_tests.py.

Prints the port on 127.0.0.1 where it listens. Commands on standard input, one a line, each answered
by a line when it is done:
  cut      closes all connections with a reset, and accepts no new ones
  stall    what is connected stays so, and nothing passes any more; new connections work
  drip     from now on bytes pass in pieces of 100
  slow     from now on what comes waits for 30 ms, and everything else with it
  open     accepts connections again, all of them at full speed
"""
import os
import selectors
import socket
import struct
import sys
import time

RESET = struct.pack("ii", 1, 0)  # close() sends a reset


class Proxy:
    def __init__(self, host, port):
        self.target = (host, port)
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.pairs = {}  # socket -> its other side; what is stalled is not in it
        self.stalled = []
        self.is_open, self.piece, self.wait = True, 65536, 0.0
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(sys.stdin, selectors.EVENT_READ)

    def accept(self):
        client, _ = self.listener.accept()
        if not self.is_open:
            self.reset(client)
            return
        try:
            server = socket.create_connection(self.target)
        except OSError:
            self.reset(client)
            return
        for one, other in ((client, server), (server, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs[one] = other
            self.selector.register(one, selectors.EVENT_READ)

    @staticmethod
    def reset(one):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        one.close()

    def end(self, one):
        other = self.pairs.pop(one)
        del self.pairs[other]
        for side in (one, other):
            self.selector.unregister(side)
            self.reset(side)

    def copy(self, one):
        try:
            data = one.recv(65536)
            if not data:
                self.end(one)
                return
            time.sleep(self.wait)
            for at in range(0, len(data), self.piece):
                self.pairs[one].sendall(data[at:at + self.piece])
        except OSError:
            self.end(one)

    def obey(self, word):
        if word == "cut":
            self.is_open = False
            for one in list(self.pairs):
                if one in self.pairs:
                    self.end(one)
        elif word == "stall":
            for one in list(self.pairs):
                self.selector.unregister(one)
                self.stalled.append(one)
            self.pairs.clear()
        elif word == "drip":
            self.piece = 100
        elif word == "slow":
            self.wait = 0.03
        elif word == "open":
            self.is_open, self.piece, self.wait = True, 65536, 0.0
        print(word, flush=True)

    def serve(self):
        print(self.listener.getsockname()[1], flush=True)
        words = b""
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is sys.stdin:
                    read = os.read(0, 4096)
                    if not read:
                        return
                    words += read
                    while b"\n" in words:
                        word, _, words = words.partition(b"\n")
                        self.obey(word.decode())
                elif key.fileobj in self.pairs:
                    self.copy(key.fileobj)


if __name__ == "__main__":
    Proxy(sys.argv[1], int(sys.argv[2])).serve()
