"""The few calls of the Linux kernel that Python 3.11 does not offer, and what /proc tells."""
import ctypes
import os
import signal
import socket

MS_REC, MS_BIND, MS_PRIVATE = 0x4000, 0x1000, 1 << 18
MNT_DETACH = 2
CLONE_NEWCGROUP, CLONE_NEWNET = 0x02000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _bytes(text):
    return None if text is None else os.fsencode(text)


def mount(source, target, kind=None, flags=0, data=None):
    _check(_libc.mount(_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags),
                       _bytes(data)), f"mount {source} on {target}")


def bind(source, target):
    """Shows `source` at `target` too, with all that is mounted below it."""
    mount(source, target, None, MS_BIND | MS_REC)


def make_mounts_private():
    mount(None, "/", None, MS_REC | MS_PRIVATE)


def enter_root(folder):
    """Makes `folder` the root of this mount namespace; what was the root before is let go."""
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    os.chdir(folder)
    _check(_libc.syscall(ctypes.c_long(number), b".", b"."), f"pivot_root {folder}")
    _check(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def unshare_cgroup():
    _check(_libc.unshare(CLONE_NEWCGROUP), "unshare of the cgroup namespace")


def connect_in_network_of(pid, address, timeout):
    """A TCP connection made in the network namespace of a process; only this thread goes there, and returns."""
    with open(f"/proc/{pid}/ns/net", "rb") as theirs, open("/proc/thread-self/ns/net", "rb") as ours:
        _check(_libc.setns(theirs.fileno(), CLONE_NEWNET), f"setns to the network of process {pid}")
        try:
            return socket.create_connection(address, timeout)
        finally:
            _check(_libc.setns(ours.fileno(), CLONE_NEWNET), "setns back")


def die_with_parent(parent):
    """For a child that was just forked by the process `parent`: it is to be killed when that ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def children_of(parent):
    """The ids of a process's children."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    after_name = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(after_name[1]) == parent:
                found.append(int(entry))
    return found


def pid_seen_from_outside():
    """This process's id as the /proc mounted here counts, which may be that of an outer namespace."""
    return int(os.readlink("/proc/self"))
