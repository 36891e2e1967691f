"""Steps of a cut as a file system shows them while they happen: journal, instances, CDI files (inotify)."""
import ctypes
import os
import select
import struct
import time
from pathlib import Path

CREATE, DELETE, MOVED_TO, ISDIR = 0x100, 0x200, 0x80, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Steps:
    """Of one node, from now on. Not to be used by two threads at once."""

    def __init__(self, bed, node):
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._watched = {}  # number -> (folder, what it is of)
        self._ready = []
        folder = bed.folder / "nodes" / node
        self._add(folder / "root/var/lib/kerf", "journal")
        self._add(bed.node_root(node) / "run/cdi", "cdi")
        for gpu in sorted((folder / "gpus/proc/driver/nvidia/capabilities").glob("gpu*/mig")):
            self._add(gpu, "instance")
            for instance in gpu.glob("gi*"):
                self._add(instance, "compute")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def _add(self, folder, kind):
        number = _libc.inotify_add_watch(self._fd, os.fsencode(folder), CREATE | DELETE | MOVED_TO)
        if number < 0:
            raise OSError(ctypes.get_errno(), f"inotify_add_watch {folder}")
        self._watched[number] = (Path(folder), kind)

    def next(self, seconds):
        """("+" or "-", "journal" | "cdi" | "instance" | "compute", name), or None if none comes in time."""
        deadline = time.monotonic() + seconds
        while not self._ready:
            if not select.select([self._fd], [], [], max(0, deadline - time.monotonic()))[0]:
                return None
            self._read()
        return self._ready.pop(0)

    def _read(self):
        data = os.read(self._fd, 65536)
        at = 0
        while at < len(data):
            number, mask, _, size = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + size].rstrip(b"\0").decode()
            at += 16 + size
            if number not in self._watched:
                continue
            folder, kind = self._watched[number]
            if not mask & (CREATE | DELETE | MOVED_TO):
                self._watched.pop(number)  # the folder is gone
            elif kind in ("journal", "cdi") or mask & ISDIR:
                self._ready.append(("-" if mask & DELETE else "+", kind, name))
                if kind == "instance" and mask & CREATE:
                    self._watch_new(folder / name)

    def _watch_new(self, folder):
        try:
            self._add(folder, "compute")
        except OSError:  # gone again
            pass
