"""Finds what was left behind: compares all that processes can leave on a machine, before and after."""
import os
import re
import socket
import tempfile
import time
from pathlib import Path

# Places outside the temporary folder in which Kubernetes, containerd or CNI would leave something.
# Folders count everywhere in them; files too where they are few.
FOLDERS = ("/usr/libexec", "/usr/lib/cni", "/usr/local", "/var/lib", "/var/log", "/opt", "/srv")
FILES = ("/etc", "/run", "/dev")
NOISY = ("/run/systemd", "/dev/pts", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd")
SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
            "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/ipv4/ip_forward",
            "net/ipv4/conf/all/forwarding", "kernel/hostname", "fs/inotify/max_user_instances")


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def processes():
    """Every process that is seen, the dead that nobody buried too: {(id, start): what it is}."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            status = _text(f"/proc/{entry}/stat").rpartition(")")[2].split()
            if status:
                command = _text(f"/proc/{entry}/cmdline").replace("\0", " ").strip()
                found[entry, status[19]] = f"{entry} ({status[0]}) {command[:200]}"
    return found


def namespaces():
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                for kind in os.listdir(f"/proc/{entry}/ns"):
                    found.add(os.readlink(f"/proc/{entry}/ns/{kind}"))
            except OSError:
                continue  # it has just ended
    return found


def mounts():
    found = []
    for line in _text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        found.append(f"{left.split()[3]} on {left.split()[4]}, {right.split()[0]}")
    return found


def sockets():
    """Listening and bound ones of this network namespace, and all unix sockets with a name."""
    found = []
    for kind, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07"), ("raw", "07")):
        for line in _text(f"/proc/net/{kind}").splitlines()[1:]:
            words = line.split()
            if words[3] == state:
                found.append(f"{kind} {words[1]}")
    for line in _text("/proc/net/unix").splitlines()[1:]:
        if len(line.split()) > 7:
            found.append(f"unix {line.split()[7]}")
    return found


def cgroups(marks):
    """Groups of beds named in `marks`, and those of containers that are in no bed's group."""
    container = re.compile(r"/([0-9a-f]{64}|kubepods\S*|k8s\.io|cri-containerd\S*)(/|$)")
    found = []
    for folder, _, _ in os.walk("/sys/fs/cgroup"):
        ours = any(mark in folder for mark in marks)
        if ours or ("kerf-bed-" not in folder and container.search(folder)):
            found.append(folder)
    return found


def files():
    found = []
    for top in (tempfile.gettempdir(), *FILES, *FOLDERS):
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if f"{folder}/{name}" not in NOISY]
            found.append(folder)
            if top not in FOLDERS:
                found += [f"{folder}/{name}" for name in names]
    return found


class Snapshot:
    """`marks` are parts of the names of beds that are ours; control groups of others do not count."""

    def __init__(self, *marks):
        self.marks = marks
        self.processes = processes()
        self.kinds = {
            "namespace": namespaces(), "mount": mounts(), "socket": sockets(),
            "control group": cgroups(marks), "network interface": [name for _, name in socket.if_nameindex()], "file": files(),
            "setting": [f"{name} = {_text('/proc/sys/' + name).strip()}" for name in SETTINGS]}

    def new_since(self, before):
        """One line for each thing that is here and was not `before`."""
        left = [f"process {what}" for key, what in self.processes.items() if key not in before.processes]
        for kind, things in self.kinds.items():
            known = list(before.kinds[kind])
            counts = {}
            for thing in known:
                counts[thing] = counts.get(thing, 0) + 1
            for thing in things:
                counts[thing] = counts.get(thing, 0) - 1
                if counts[thing] < 0:
                    left.append(f"{kind} {thing}")
        return left


def left_behind(before, seconds=30):
    """What is still new after `seconds`: the kernel takes a moment to bury the dead."""
    deadline = time.monotonic() + seconds
    while True:
        left = Snapshot(*before.marks).new_since(before)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)
