"""Orders to a process 1 of a bed or node: which of its services run, start again, are killed.

One order a connection, over a socket in the folder of the bed or node: {"verb", "name", ...}, answered
by {"pid"}, {"ended"} or {"error"}. Process ids are those of the namespace that the service runs in.

    run    a new service, or another program for one that is there; command, environment, at_boot
    start  one that was stopped
    stop   until `start`; signal (15); answered when it has ended, by SIGKILL if it takes too long
    kill   signal (9); answered when it has ended, after which it is started again as always
    pid    0 while it does not run
"""
import os
import socket
from contextlib import contextmanager

from .common import BedError, Channel

NAME = "control"
PATIENCE = 60.0  # seconds for a service to end when it is told to


@contextmanager
def _short_path(folder):
    """A path of any length does not fit into a socket's address; this one does."""
    at = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{at}/{NAME}"
    finally:
        os.close(at)


def listen(folder):
    (folder / NAME).unlink(missing_ok=True)  # of a node before its reboot
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with _short_path(folder) as path:
        listener.bind(path)
    listener.listen(64)
    return listener


def order(folder, verb, name, **more):
    """The answer; BedError if it is an error, or nobody is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with _short_path(folder) as path:
                connection.connect(path)
        except OSError as error:
            raise BedError(f"{folder.name}: nobody takes orders there: {error.strerror}") from error
        channel = Channel(connection)
        channel.send(verb=verb, name=name, **more)
        answer = channel.receive(PATIENCE + 30)
    if not answer:
        raise BedError(f"{verb} {name}: {folder.name} did not answer")
    if "error" in answer:
        raise BedError(answer["error"])
    return answer
