"""Owns a bed: makes its folder, starts its process 1, and removes every trace when it is to end.

    python3 -m kerf_bed.keeper      its standard input is a channel to who asked for the bed

It runs outside the bed's namespaces and in a session of its own, so that it outlives who asked for
the bed: when that one is gone without having said "keep", for whatever reason, the bed goes too.
"""
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

from . import cgroups, linux
from .common import BedError, Channel, folder_of, plain_environment

IS_UP = "is up already"
NAMESPACES = ["--pid", "--mount", "--net", "--ipc", "--uts"]


def lock_folder(path):
    """The open folder, locked for as long as its bed lives; None if absent; BedError if held."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise BedError(IS_UP) from None
    return folder


def remove_remains(name):
    """Removes what a bed leaves outside its namespaces, once its processes are dead."""
    cgroups.remove(name)
    path = folder_of(name)
    deadline = time.monotonic() + 10
    while path.exists():
        # If the keeper was killed, the last writers may still be ending.
        shutil.rmtree(path, ignore_errors=time.monotonic() < deadline)


def copy_logs(folder, target):
    """The logs of the control plane, and of each node in a folder of its name."""
    shutil.copytree(folder / "log", target, dirs_exist_ok=True)
    for node in (folder / "nodes").glob("*/log"):
        shutil.copytree(node, target / node.parent.name, dirs_exist_ok=True)
    return target


class Keeper:
    def __init__(self, asker):
        self.asker = asker
        self.owns = self.ready = False
        self.logs_to = None
        self.pid1 = self.unshare = self.init = None
        self.failure = None

    def prepare(self):
        options = self.asker.receive()
        if not options:
            raise BedError("nobody wants it any more")
        self.name = options["name"]
        self.folder = folder_of(self.name)
        for attempt in range(2):
            try:
                self.folder.mkdir(mode=0o700)
                break
            except FileExistsError:
                held = None if attempt else lock_folder(self.folder)
                if held is None:
                    raise BedError("its folder changes while it starts") from None
                remove_remains(self.name)  # of a bed that was killed together with its keeper
                os.close(held)
        self.lock = lock_folder(self.folder)
        self.owns = True
        for part in ("log", "nodes"):
            (self.folder / part).mkdir()
        (self.folder / "bed.json").write_text(json.dumps(options, indent=1))
        (self.folder / "keeper.pid").write_text(str(os.getpid()))
        with open(self.folder / "log/bed.log", "ab") as log:
            os.dup2(log.fileno(), 2)
        self.environment = plain_environment(options["parts"], TMPDIR=str(self.folder.parent))

    def start(self):
        self.init, theirs = Channel.pair()
        me = os.getpid()
        with open(self.folder / "log/bed.log", "ab") as log, theirs:
            self.unshare = subprocess.Popen(
                ["unshare", "--fork", "--kill-child=KILL", *NAMESPACES, sys.executable, "-B",
                 "-m", "kerf_bed.control_plane", self.folder],
                stdin=theirs, stdout=log, stderr=log, env=self.environment, cwd="/",
                start_new_session=True, preexec_fn=lambda: linux.die_with_parent(me))

    def keep(self, woken):
        """Until someone wants the bed to end, or it ends itself."""
        while True:
            watched = [woken, self.init] + ([] if self.asker is None else [self.asker])
            ready = select.select(watched, [], [])[0]
            if woken in ready:
                return
            if self.init in ready and any([self.hear_init(said) for said in self.init.receive_all()]):
                return
            if self.asker in ready and any([self.hear_asker(said) for said in self.asker.receive_all()]):
                return

    def hear_asker(self, message):
        """Is the bed to end?"""
        if message is None:  # gone
            return self.asker is not None
        self.logs_to = message.get("logs_to")
        if message.get("keep"):
            self.asker.send(kept=True)
            self.asker = None
        return "stop" in message

    def hear_init(self, message):
        """Is the bed at its end?"""
        if message is None:
            self.failure = self.failure or "process 1 of the bed has ended; see bed.log"
            return True
        if "pid" in message:
            self.pid1 = message["pid"]
            (self.folder / "pid1").write_text(str(self.pid1))
            return False
        if "error" in message:
            self.failure = message["error"]
            return True
        self.ready = self.ready or "ready" in message
        if self.asker:
            self.asker.send(**message)
        return False

    def stop(self):
        """Process 1 is killed, and the kernel ends every process of the bed before that one is gone."""
        if self.unshare:
            for pid in [self.pid1] if self.pid1 else linux.children_of(self.unshare.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not self.pid1:
                self.unshare.kill()
            self.unshare.wait()
        asked = self.folder / "logs-to"  # by who takes down a kept bed
        target = asked.read_text() if asked.exists() else self.logs_to
        if self.failure and not self.ready:
            target = target or str(self.folder) + "-logs"
        logs = str(copy_logs(self.folder, type(self.folder)(target))) if target else None
        remove_remains(self.name)
        return logs


def main():
    asker = Channel.of_stdin()
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    keeper = Keeper(asker)
    logs = None
    try:
        keeper.prepare()
        keeper.start()
        keeper.keep(woken)
    except (BedError, OSError) as error:
        keeper.failure = str(error)
    if keeper.owns:
        try:
            logs = keeper.stop()
        except (BedError, OSError) as error:
            keeper.failure = str(error)
    asker.send(gone=True, error=keeper.failure, logs=logs)


if __name__ == "__main__":
    main()
