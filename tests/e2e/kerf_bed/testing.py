"""What tests in a bed share: objects to apply, printed times, and the proof that nothing is left."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from .bed import Bed
from .common import E2E
from .leftovers import Snapshot, left_behind

SKIPPED = 77
INSIDE = "KERF_E2E_MARK"  # set in our namespaces; part of the name of every bed
MARK = os.environ.get(INSIDE, "")
PROGRAM = [sys.executable, str(E2E / "bed")]
TAINT = "kerf.dev/starting"


def say(text):
    print(f"e2e: {text}", flush=True)


class Clock:
    """Says how long each step took."""

    def __init__(self):
        self.last = time.monotonic()

    def lap(self, what):
        now = time.monotonic()
        say(f"{now - self.last:6.1f} s  {what}")
        self.last = now


def pod(name, script, node=None, mounts=(), **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "terminationGracePeriodSeconds": 1, "restartPolicy": "Never",
        "tolerations": [{"key": TAINT, "operator": "Exists"}],
        "containers": [{"name": "main", "image": "kerf.test/box:1", "args": ["-c", script],
                        "volumeMounts": list(mounts)}],
        **({"nodeName": node} if node else {}), **spec}}


def claim(name, instance_type="g6.xlarge"):
    """A NodeClaim that no NodePool made, as Kerf buys."""
    node_class = {"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass",
                  "metadata": {"name": "gpu"}}
    requirements = {"node.kubernetes.io/instance-type": instance_type,
                    "karpenter.sh/capacity-type": "on-demand",
                    "topology.kubernetes.io/zone": "us-east-1a"}
    return node_class, {
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
        "metadata": {"name": name, "labels": {"kerf.dev/test": "walk"}}, "spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "gpu"},
            "expireAfter": "Never", "startupTaints": [{"key": TAINT, "effect": "NoSchedule"}],
            "requirements": [{"key": key, "operator": "In", "values": [value]}
                             for key, value in requirements.items()]}}


def phase(bed, name):
    return ((bed.get("pod", name) or {}).get("status") or {}).get("phase")


def buy_node(bed, name, instance_type="g6.xlarge"):
    """Applies a claim and waits until a real node of its Node's name is Ready and free for pods."""
    bed.apply(*claim(name, instance_type))
    node = bed.wait("Node of the claim",
                    lambda: (bed.get("nodeclaim", name).get("status") or {}).get("nodeName"))
    bed.wait(f"node {node} Ready", lambda: bed.node_is_ready(node))
    return node


class BedTest(unittest.TestCase):
    def setUp(self):
        say(self.id().partition(".")[2])
        self.clock = Clock()
        self.before = Snapshot(MARK)

    def assert_nothing_left(self):
        self.assertEqual(left_behind(self.before), [])

    def bed(self, name, **options):
        return Bed(f"{MARK}-{name}", **options)


def run_inside():
    """In namespaces of its own, as a child of a process 1 that buries orphans as a real one does."""
    parts = subprocess.run([E2E / "build"], stdout=subprocess.PIPE, check=False)
    if parts.returncode == 3:
        say("SKIPPED: needs Go >= 1.26")
        return SKIPPED
    if parts.returncode != 0:
        return parts.returncode
    folder = tempfile.mkdtemp(prefix="kerf-e2e-")
    environment = {**os.environ, "TMPDIR": folder, INSIDE: f"t{os.urandom(3).hex()}"}
    try:
        return subprocess.run(["unshare", "--fork", "--kill-child=KILL", "--pid", "--mount-proc",
                               "--net", "--ipc", "--uts", sys.executable, "-B", *sys.argv],
                              env=environment, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def be_process_one():
    child = os.fork()
    if child == 0:
        return None
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def become_root():
    """By sudo, where that asks for no password; all else stays, so that the parts are found."""
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], check=False,
                                               stderr=subprocess.DEVNULL).returncode == 0:
        kept = [f"{key}={value}" for key, value in os.environ.items()
                if key in ("HOME", "PATH", "TMPDIR") or key.startswith(("KERF_", "XDG_"))]
        os.execvp("sudo", ["sudo", "-n", "env", *kept, sys.executable, "-B", *sys.argv])


def main():
    """Runs the tests of the main module; returns the exit code."""
    if os.geteuid() != 0:
        become_root()
        say("SKIPPED: needs root, for namespaces, mounts and control groups")
        return SKIPPED
    if not MARK:
        return run_inside()
    if os.getpid() == 1:
        code = be_process_one()
        if code is not None:
            return code
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # So that what others leave there is not taken for ours.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], check=True)
    return 0 if unittest.main(exit=False, verbosity=0).result.wasSuccessful() else 1
