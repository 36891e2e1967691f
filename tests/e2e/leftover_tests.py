"""Tests that nothing is left behind, however a bed ends. Run by bed_test.py."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from kerf_bed import BedError
from kerf_bed.leftovers import left_behind
from kerf_bed.linux import mount
from kerf_bed.testing import MARK, PROGRAM, BedTest


class Checker(BedTest):
    """What is to prove that nothing is left must be able to say that something is."""

    def planted(self, kind, plant, remove):
        self.assert_nothing_left()
        plant()
        try:
            left = left_behind(self.before, seconds=0.5)
            self.assertTrue([line for line in left if line.startswith(kind)],
                            f"{kind} was not found: {left}")
        finally:
            remove()

    def test_finds_each_kind_of_leftover(self):
        temporary = Path(tempfile.gettempdir())
        group = Path("/sys/fs/cgroup/memory")  # of v1
        group = group if group.exists() else group.parent
        group = group / f"kerf-bed-{MARK}-planted"
        forwarding = Path("/proc/sys/net/ipv4/ip_forward")
        old = forwarding.read_text()
        kept = []

        def sleeper(*words):
            kept.append(subprocess.Popen([*words, "sleep", "1000"]))

        def wake():
            kept[-1].kill()
            kept.pop().wait()

        def listen(family, address):
            kept.append(socket.socket(family))
            kept[-1].bind(address)
            kept[-1].listen()
        ip = ["ip", "link"]
        self.planted("process", lambda: sleeper("env"), wake)
        self.planted("namespace", lambda: sleeper("unshare", "--net"), wake)
        self.planted("mount", lambda: mount("tmpfs", "/mnt", "tmpfs"),
                     lambda: subprocess.run(["umount", "/mnt"], check=True))
        self.planted("network interface",
                     lambda: subprocess.run([*ip, "add", "name", "k0", "type", "veth"], check=True),
                     lambda: subprocess.run([*ip, "delete", "k0"], check=True))
        self.planted("socket tcp", lambda: listen(socket.AF_INET, ("127.0.0.1", 4567)),
                     lambda: kept.pop().close())
        self.planted("socket unix", lambda: listen(socket.AF_UNIX, f"{temporary}/s"),
                     lambda: (kept.pop().close(), os.unlink(f"{temporary}/s")))
        self.planted("control group", group.mkdir, group.rmdir)
        self.planted("file", lambda: (temporary / "left").write_text(""), (temporary / "left").unlink)
        self.planted("setting", lambda: forwarding.write_text("1"), lambda: forwarding.write_text(old))
        self.assert_nothing_left()


class Interrupted(BedTest):
    def start(self, *words):
        """The program itself, and its first line of progress, which means that the bed is half up."""
        process = subprocess.Popen([*PROGRAM, "run", "--name", f"{MARK}-cut", *words], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertIn("API server is ready", process.stderr.readline())
        return process

    def start_command(self):
        """With a real node and a pod, which then waits to be cut off."""
        wait = "kubectl wait --timeout=180s"
        script = (f"{wait} --for=create node/n && {wait} --for=condition=Ready node/n && "
                  "kubectl run p --image=kerf.test/box:1 -- -c 'sleep 1000' && "
                  f"{wait} --for=condition=Ready pod/p")
        process = self.start("--no-karpenter", "--", "sh", "-c",
                             f"({script}) >&2 && echo begun && exec sleep 1000")
        node = [*PROGRAM, "node", "--name", f"{MARK}-cut", "up", "n"]
        deadline = time.monotonic() + 180
        while subprocess.run(node, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(process.stdout.readline(), "begun\n")
        return process

    def cut(self, process, number, code):
        self.clock.lap("started")
        process.send_signal(number)
        self.assertEqual(process.wait(180), code)
        self.clock.lap(f"{number.name} to end")
        self.assert_nothing_left()
        self.clock.lap("to nothing left")

    def test_killed_while_starting(self):
        self.cut(self.start("--", "true"), signal.SIGKILL, -signal.SIGKILL)

    def test_ctrl_c_while_starting(self):
        self.cut(self.start("--", "true"), signal.SIGINT, 130)

    def test_killed_with_a_pod_running(self):
        self.cut(self.start_command(), signal.SIGKILL, -signal.SIGKILL)

    def test_terminated_with_a_pod_running(self):
        self.cut(self.start_command(), signal.SIGTERM, 128 + signal.SIGTERM)

    def test_keeper_killed_ends_all_and_run_removes_the_rest(self):
        process = self.start_command()
        folder = Path(tempfile.gettempdir()) / f"kerf-bed-{MARK}-cut"
        os.kill(int((folder / "keeper.pid").read_text()), signal.SIGKILL)
        self.assertEqual(process.wait(180), 128 + signal.SIGKILL)
        self.assert_nothing_left()

    def test_kept_bed_whose_keeper_is_killed(self):
        name = ["--name", f"{MARK}-kept"]
        subprocess.run([*PROGRAM, "up", "--no-karpenter", *name], check=True, stdout=subprocess.DEVNULL)
        folder = Path(tempfile.gettempdir()) / f"kerf-bed-{MARK}-kept"
        os.kill(int((folder / "keeper.pid").read_text()), signal.SIGKILL)
        refused = subprocess.run([*PROGRAM, "kubectl", *name, "get", "nodes"], text=True, check=False,
                                 stderr=subprocess.PIPE)
        self.assertIn("was killed; remove its remains", refused.stderr)
        subprocess.run([*PROGRAM, "down", *name], check=True)
        self.assert_nothing_left()

    def test_failing_command_passes_its_code_on_and_leaves_logs_only(self):
        process = self.start("--no-karpenter", "--", "sh", "-c", "kubectl get namespaces; exit 7")
        out, err = process.communicate(timeout=180)
        self.assertEqual(process.returncode, 7)
        self.assertIn("kube-system", out)
        logs = Path(err.strip().rpartition("logs: ")[2])
        self.assertTrue((logs / "kube-apiserver.log").exists(), err)
        shutil.rmtree(logs)
        self.assert_nothing_left()

    def test_name_in_use_is_refused_and_that_bed_lives(self):
        with self.bed("cut", karpenter=False) as bed:
            with self.assertRaisesRegex(BedError, "is up already"):
                self.bed("cut", karpenter=False).start()
            self.assertIn("kube-system", bed.kubectl("get", "namespaces"))
        self.assert_nothing_left()
