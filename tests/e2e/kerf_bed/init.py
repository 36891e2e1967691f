"""Process 1 of a bed and of each of its nodes: starts services, watches them, buries the dead, takes orders."""
import os
import select
import signal
import sys
import time

from . import control
from .common import BedError, Channel, tail

RESTART_AFTER = 1.0  # seconds, as a service manager does


class Service:
    """A program that is to run always, unless it is told to stop."""

    def __init__(self, name, command, environment, log):
        self.name, self.command, self.environment, self.log = name, command, environment, log
        self.pid = None
        self.wanted = True
        self.start_at = None  # when to start it again
        self.how = ""  # it ended last

    def start(self):
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.start_at = None
        self.pid = os.posix_spawnp(
            self.command[0], self.command, self.environment,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                          (os.POSIX_SPAWN_OPEN, 1, str(self.log), append, 0o644),
                          (os.POSIX_SPAWN_DUP2, 1, 2)],
            setsid=True, setsigmask=[], setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])


class Init:
    """Single-threaded. While starting, a service that ends is an error; later it is started again.

    Ends this process, and with it the namespace and all that is in it, when the other side of
    `lifeline` is gone. Takes orders (control.py) in `folder` while it serves."""

    def __init__(self, lifeline, folder):
        self.lifeline, self.folder = lifeline, folder
        self.services = []
        self.listener = control.listen(folder)
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def start(self, name, command, environment):
        service = Service(name, [str(word) for word in command], environment,
                          self.folder / "log" / f"{name}.log")
        self.services.append(service)
        service.start()
        return service

    def wait_until(self, what, condition, seconds):
        """Like common.wait_until, but gives up when a service ended or nobody waits any more."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            ended = self._bury()
            if ended:
                service = ended[0]
                raise BedError(f"{service.name} {service.how} while starting; its last lines:\n"
                               f"{tail(service.log)}")
            if time.monotonic() > deadline:
                raise BedError(f"{what}: not within {seconds} s\n" + "".join(
                    f"{service.name} said last:\n{tail(service.log, 4)}" for service in self.services))
            self._sleep(0.05, orders=False)

    def serve(self):
        while True:
            self._look_after()
            waiting = any(service.start_at is not None for service in self.services)
            if self.listener in self._sleep(0.2 if waiting else None):
                self._take_order()

    def _look_after(self):
        for service in self._bury():
            if service.wanted:
                print(f"{service.name} {service.how}; starting it again", file=sys.stderr, flush=True)
                service.start_at = time.monotonic() + RESTART_AFTER
        for service in self.services:
            if service.start_at is not None and service.start_at <= time.monotonic():
                service.start()

    def _take_order(self):
        connection, _ = self.listener.accept()
        channel = Channel(connection)
        asked = channel.receive(5.0)
        if asked:
            try:
                channel.send(**self._obey(asked))
            except (BedError, OSError, KeyError, ValueError) as error:
                channel.send(error=f"{asked.get('verb')} {asked.get('name')}: {error}")
        channel.close()

    def _obey(self, asked):
        verb, name = asked["verb"], asked["name"]
        service = next((service for service in self.services if service.name == name), None)
        if verb == "run":
            return {"pid": self._run(service, asked)}
        if service is None:
            known = " ".join(service.name for service in self.services)
            raise BedError(f"there is no such service; there are: {known}")
        if verb == "pid":
            return {"pid": service.pid or 0}
        if verb == "start":
            service.wanted = True
            if service.pid is None:
                service.start()
            return {"pid": service.pid}
        if verb in ("stop", "kill"):
            if verb == "stop":
                service.wanted, service.start_at = False, None
            self._end(service, asked.get("signal", signal.SIGTERM if verb == "stop" else signal.SIGKILL))
            return {"ended": service.how}
        raise BedError("no such verb")

    def _run(self, service, asked):
        environment = asked["environment"]
        if service is None:
            return self.start(asked["name"], asked["command"], environment).pid
        service.wanted = False
        self._end(service, signal.SIGTERM)
        service.command, service.environment = [str(word) for word in asked["command"]], environment
        service.wanted = True
        service.start()
        return service.pid

    def _end(self, service, number):
        if service.pid is None:
            return
        os.kill(service.pid, number)
        deadline = time.monotonic() + control.PATIENCE
        while service.pid is not None:
            if time.monotonic() > deadline:
                os.kill(service.pid, signal.SIGKILL)
            self._sleep(0.2, orders=False)
            self._look_after()

    def _bury(self):
        """Takes in all dead children; the services among them, which know how they ended."""
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
                    service.how = (f"ended with {code}" if code >= 0 else
                                   f"was ended by {signal.Signals(-code).name}")
                    ended.append(service)

    def _sleep(self, seconds, orders=True):
        """Until a child ends, an order comes, `seconds` have passed, or the lifeline is cut, which ends
        all. What there is to read."""
        watched = [self._woken] + ([self.lifeline] if self.lifeline else []) + (
            [self.listener] if orders else [])
        ready = select.select(watched, [], [], seconds)[0]
        if self._woken in ready:
            os.read(self._woken, 4096)
        if self.lifeline in ready and self.lifeline.receive() is None:
            os._exit(0)
        return ready
