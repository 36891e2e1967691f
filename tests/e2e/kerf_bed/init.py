"""Process 1 of a bed and of each of its nodes: starts services, watches them, buries the dead."""
import os
import select
import signal
import sys
import time

from .common import BedError, tail

RESTART_AFTER = 1.0  # seconds, as a service manager does


class Service:
    """A program that is to run always."""

    def __init__(self, name, command, environment, log):
        self.name, self.command, self.environment, self.log = name, command, environment, log
        self.pid = None
        self.start_at = None  # when to start it again

    def start(self):
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.pid = os.posix_spawnp(
            self.command[0], self.command, self.environment,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                          (os.POSIX_SPAWN_OPEN, 1, str(self.log), append, 0o644),
                          (os.POSIX_SPAWN_DUP2, 1, 2)],
            setsid=True, setsigmask=[], setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
        self.start_at = None


class Init:
    """Single-threaded. While starting, a service that ends is an error; later it is started again.

    Ends this process, and with it the namespace and all that is in it, when the other side of
    `lifeline` is gone."""

    def __init__(self, lifeline, logs):
        self.lifeline, self.logs = lifeline, logs
        self.services = []
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def start(self, name, command, environment):
        service = Service(name, [str(word) for word in command], environment, self.logs / f"{name}.log")
        self.services.append(service)
        service.start()

    def wait_until(self, what, condition, seconds):
        """Like common.wait_until, but gives up when a service ended or nobody waits any more."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            ended = self._bury()
            if ended:
                service, how = ended[0]
                raise BedError(f"{service.name} {how} while starting; its last lines:\n"
                               f"{tail(service.log)}")
            if time.monotonic() > deadline:
                raise BedError(f"{what}: not within {seconds} s\n" + "".join(
                    f"{service.name} said last:\n{tail(service.log, 4)}" for service in self.services))
            self._sleep(0.05)

    def serve(self):
        while True:
            for service, how in self._bury():
                print(f"{service.name} {how}; starting it again", file=sys.stderr, flush=True)
                service.start_at = time.monotonic() + RESTART_AFTER
            waiting = [service for service in self.services if service.start_at is not None]
            for service in waiting:
                if service.start_at <= time.monotonic():
                    service.start()
            self._sleep(0.2 if waiting else None)

    def _bury(self):
        """Takes in all dead children; the services among them, with how they ended."""
        ended = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            for service in self.services:
                if service.pid == pid:
                    service.pid = None
                    code = os.waitstatus_to_exitcode(status)
                    ended.append((service, f"ended with {code}" if code >= 0 else
                                  f"was ended by {signal.Signals(-code).name}"))

    def _sleep(self, seconds):
        """Until a child ends, `seconds` have passed, or the lifeline is cut, which ends all."""
        watched = [self._woken] + ([self.lifeline] if self.lifeline else [])
        ready = select.select(watched, [], [], seconds)[0]
        if self._woken in ready:
            os.read(self._woken, 4096)
        if self.lifeline in ready and self.lifeline.receive() is None:
            os._exit(0)
