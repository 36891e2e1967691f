"""What all parts of the bed share: its folder, errors, waiting, the channel between its processes."""
import json
import os
import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent
PREFIX = "kerf-bed-"

# A bed's own addresses; they are inside its network namespace, so that all beds have the same.
API_ADDRESS = "10.0.0.1"
SERVICE_ADDRESS = "10.96.0.1"  # of the Service "kubernetes"
API_PORT = 443
MAX_NODES = 250


class BedError(Exception):
    """What went wrong and what to do, in words for the user."""


def folder_of(name):
    return Path(tempfile.gettempdir()) / f"{PREFIX}{name}"


def plain_environment(parts, **more):
    """What the bed's programs get, whatever the caller's environment is: no proxies, no settings."""
    path = f"{parts}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "PYTHONPATH": str(E2E), **more}


def run(command, what, **more):
    """Runs a short command; its output is in the error if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        said = done.stdout.strip()[-2000:]
        raise BedError(f"{what}: {command[0]} ended with {done.returncode}: {said}")
    return done.stdout


def wait_until(what, condition, seconds, pause=0.05):
    """Waits until `condition()` is true and returns its value; BedError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise BedError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def tail(path, lines=15):
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(f"  {line[:400]}\n" for line in text.splitlines()[-lines:])


class Channel:
    """Messages (JSON, one a line) over a socket; it also tells when the other side is gone."""

    def __init__(self, end):
        self.socket = end
        self._buffer = b""

    @staticmethod
    def pair():
        """A channel for this process and a socket to hand to a child, as its standard input."""
        mine, theirs = socket.socketpair()
        return Channel(mine), theirs

    @staticmethod
    def of_stdin():
        """The other end. Standard input is left empty, so that no child of ours holds the channel."""
        end = socket.socket(fileno=os.dup(0))
        with open(os.devnull, encoding="utf-8") as nothing:
            os.dup2(nothing.fileno(), 0)
        return Channel(end)

    def fileno(self):
        return self.socket.fileno()

    def send(self, **message):
        """A message to someone who is gone is lost; who reads will find out."""
        try:
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass

    def receive(self, timeout=None):
        """The next message; None when the other side is gone; {} when none came in `timeout`."""
        while b"\n" not in self._buffer:
            if not select.select([self.socket], [], [], timeout)[0]:
                return {}
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def receive_all(self):
        """When select says that there is something: all messages that are there; None if it is gone."""
        messages = [self.receive()]
        while b"\n" in self._buffer:
            messages.append(self.receive())
        return messages

    def close(self):
        self.socket.close()
