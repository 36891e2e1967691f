"""Control groups of a bed: the one thing of it that no namespace takes away."""
import os
import time
from pathlib import Path

from . import linux
from .common import PREFIX, BedError

V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma")
NEEDED = ("cpu", "memory", "pids")  # by runc, for any pod


def hierarchies():
    """[(mount point, file system type, v1 options)] of those mounted under /sys/fs/cgroup."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            point = left.split()[4]
            kind, _, options = right.split()
            if point.startswith("/sys/fs/cgroup") and kind in ("cgroup", "cgroup2"):
                kept = [word for word in options.split(",") if word not in ("rw", "ro")]
                found.append((Path(point), kind, ",".join(kept)))
    if not found:
        raise BedError("no control groups are mounted under /sys/fs/cgroup")
    return found


def enter(bed, node):
    """Moves this process into new groups of the node, in every hierarchy."""
    for point, kind, options in hierarchies():
        group = point
        if kind == "cgroup2":
            _hand_down(group)
        for part in (PREFIX + bed, node):
            group = group / part
            try:
                group.mkdir(exist_ok=True)
            except OSError as error:
                raise BedError(f"cannot create the control group {group}: {error.strerror}") from error
            if "cpuset" in options.split(","):
                for name in ("cpuset.cpus", "cpuset.mems"):  # a new group of v1 starts with none
                    (group / name).write_text((group.parent / name).read_text())
            if kind == "cgroup2" and part != node:
                _hand_down(group)
        (group / "cgroup.procs").write_text("0")


def _hand_down(group):
    """v2: lets groups below use the controllers, as far as this one has them and may."""
    available = (group / "cgroup.controllers").read_text().split()
    for controller in V2_CONTROLLERS:
        if controller in available:
            try:
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError:  # as in a container whose processes are in its root group
                pass


def _check_controllers(group):
    have = (group / "cgroup.subtree_control").read_text().split()
    missing = [name for name in NEEDED if name not in have]
    if missing:
        raise BedError(f"pods need the control group controllers {' '.join(missing)}, which are not handed "
                       "down from /sys/fs/cgroup; in a container, its root group must be empty of processes")


def mount_own(target):
    """Shows at `target` the groups below this process's own as if they were all: a cgroup namespace.

    v2 allows processes only in leaves, so this process moves to one there."""
    mounted = hierarchies()
    linux.unshare_cgroup()
    if any(point != Path("/sys/fs/cgroup") for point, _, _ in mounted):
        linux.mount("tmpfs", target, "tmpfs", 0, "mode=755")
    for point, kind, options in mounted:
        place = target / point.relative_to("/sys/fs/cgroup")
        place.mkdir(exist_ok=True)
        linux.mount(kind, place, kind, 0, options if kind == "cgroup" else None)
        if place == target:
            (place / "daemons").mkdir()
            (place / "daemons" / "cgroup.procs").write_text("0")
            _hand_down(place)
            _check_controllers(place)


def remove(bed, node="", seconds=20):
    """Removes the groups of a bed or of one of its nodes, whose processes have been killed."""
    deadline = time.monotonic() + seconds
    tops = [point / (PREFIX + bed) / node for point, _, _ in hierarchies()]
    while True:
        for top in tops:
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:  # the kernel is still busy with the dead
                    pass
        left = [str(top) for top in tops if top.exists()]
        if not left:
            return
        if time.monotonic() > deadline:
            raise BedError(f"control groups are still in use: {' '.join(left)}")
        time.sleep(0.02)
