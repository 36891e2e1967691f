"""Tests of what a bed offers: Karpenter, real nodes, pods, beds side by side. Run by bed_test.py."""
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

from kerf_bed import BedError
from kerf_bed.leftovers import Snapshot
from kerf_bed.testing import MARK, TAINT, BedTest, buy_node, phase, pod


class Walk(BedTest):
    def test_karpenter_claim_becomes_a_real_node_that_runs_pods_until_the_claim_goes(self):
        with self.bed("walk") as bed:
            self.clock.lap("start to ready, with Karpenter")
            node = buy_node(bed, "c1")
            self.clock.lap("claim to Node Ready")
            self.assertEqual(bed.nodes(), [node])
            seen = bed.get("node", node)
            self.assertEqual(seen["metadata"]["labels"]["kerf.dev/test"], "walk")
            self.assertEqual(seen["metadata"]["labels"]["node.kubernetes.io/instance-type"], "g6.xlarge")
            self.assertTrue(seen["spec"]["providerID"].startswith("kwok://"))
            self.assertIn(TAINT, [taint["key"] for taint in seen["spec"]["taints"]])
            bed.kubectl("taint", "node", node, f"{TAINT}-")
            bed.kubectl("wait", "--for=condition=Initialized", "nodeclaim/c1", "--timeout=180s")
            self.clock.lap("taint removed to claim Initialized")

            bed.apply(pod("stays", "echo I am here; exec sleep 100000"),
                      pod("ends", "echo good bye; exit 3"))
            bed.wait("pod Running", lambda: phase(bed, "stays") == "Running")
            self.clock.lap("pod created to Running")
            status = bed.get("pod", "stays")["status"]
            self.assertRegex(status["podIP"], r"^10\.244\.")
            bed.wait("logs", lambda: bed.kubectl("logs", "stays") == "I am here\n")
            self.assertEqual(bed.kubectl("exec", "stays", "--", "hostname"), "stays\n")
            bed.wait("pod Failed", lambda: phase(bed, "ends") == "Failed")
            ended = bed.get("pod", "ends")["status"]["containerStatuses"][0]["state"]["terminated"]
            self.assertEqual(ended["exitCode"], 3)
            self.assertEqual(bed.kubectl("logs", "ends"), "good bye\n")

            of_node = {"kubelet", "containerd", "containerd-shim-runc-v2", "sleep"}
            self.assertEqual(set(self.processes_named(of_node)), of_node)
            self.clock.lap("looked at")
            bed.kubectl("delete", "nodeclaim", "c1", "--timeout=180s")
            self.assertIsNone(bed.get("pod", "stays"))
            self.assertIsNone(bed.get("node", node))
            bed.wait("end of the real node", lambda: bed.nodes() == [])
            self.assertEqual(self.processes_named(of_node), [])
            self.clock.lap("claim deleted to real node gone")
        self.clock.lap("stop")
        self.assert_nothing_left()

    @staticmethod
    def processes_named(names):
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                except OSError:
                    continue
                found += [name for name in names if words[0].rpartition("/")[2] == name]
        return found


class Nodes(BedTest):
    """Nodes started by hand, in a bed without Karpenter."""

    def test_nodes_are_machines_of_their_own(self):
        folder = Path(tempfile.mkdtemp(prefix="shown-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        (folder / "gpus/0").mkdir(parents=True)
        (folder / "gpus/0/information").write_text("Model: none\n")
        (folder / "library").write_text("code\n")
        self.before = Snapshot(MARK)
        library = f"/usr/lib/kerf-{MARK}/libnvidia-ml.so.1"
        with self.bed("nodes", karpenter=False) as bed:
            self.clock.lap("start to ready, without Karpenter")
            bed.node_up("gpu-1", env={"KERF_GPU": "emulated"}, labels={"kerf.dev/gpu": "yes"}, binds=[
                (folder / "gpus", "/proc/driver/nvidia/gpus"), (folder / "library", library),
                (folder / "library", "/dev/nvidia0"), (folder / "library", "/etc/cdi/nvidia.yaml")])
            self.clock.lap("node started to Ready")
            bed.node_up("plain")
            with self.subTest("what is bound is shown, on that node and nowhere else"):
                show = ["cat", "/proc/driver/nvidia/gpus/0/information", library, "/dev/nvidia0",
                        "/etc/cdi/nvidia.yaml"]
                self.assertEqual(bed.output(show, node="gpu-1"), "Model: none\n" + "code\n" * 3)
                for path in show[1:]:
                    self.assertFalse(Path(path).exists(), path)
                    with self.assertRaises(BedError):
                        bed.output(["cat", path], node="plain")
                self.assertEqual(bed.output(["sh", "-c", "echo $KERF_GPU $(hostname)"], node="gpu-1"),
                                 "emulated gpu-1\n")
                self.assertEqual(bed.get("node", "gpu-1")["metadata"]["labels"]["kerf.dev/gpu"], "yes")
            with self.subTest("kubelet's device plugin and pod resources sockets are its own"):
                listing = ["stat", "-c", "%i", "/var/lib/kubelet/device-plugins/kubelet.sock",
                           "/var/lib/kubelet/pod-resources/kubelet.sock"]
                self.assertNotEqual(bed.output(listing, node="gpu-1"), bed.output(listing, node="plain"))
                self.assertFalse(Path("/var/lib/kubelet").exists())
            with self.subTest("pods of different nodes reach each other, and the API by their account"):
                self.pods_talk(bed)
            with self.subTest("a kubelet that is killed comes back"):
                which = ["pgrep", "-x", "kubelet"]
                pid = bed.output(which, node="plain")
                bed.output(["kill", "-9", pid.strip()], node="plain")
                bed.wait("kubelet again", lambda: bed.output(which, node="plain") != pid)
                self.assertEqual(phase(bed, "server"), "Running")
            with self.subTest("what runs on a node ends with it"):
                daemon = bed.popen(["sleep", "1000"], node="plain")
                bed.node_down("plain")
                self.assertEqual(daemon.wait(60), -signal.SIGKILL)
                self.assertEqual(bed.nodes(), ["gpu-1"])
                bed.kubectl("delete", "pod", "server", "--force", "--grace-period=0")
                bed.node_up("plain")  # adopts the Node that is still there
                bed.apply(pod("again", "exit 0", node="plain"))
                bed.wait("pod on the node that came again", lambda: phase(bed, "again") == "Succeeded")
            self.clock.lap("looked at")
        self.clock.lap("stop")
        self.assert_nothing_left()

    def pods_talk(self, bed):
        bed.apply(pod("server", "while true; do echo hello | nc -l -p 80; done", node="plain"))
        bed.wait("server", lambda: phase(bed, "server") == "Running")
        address = bed.get("pod", "server")["status"]["podIP"]
        ask = f"until nc {address} 80 </dev/null; do sleep 0.2; done; /parts/kubectl auth whoami -o json"
        bed.apply(pod("client", ask, node="gpu-1", volumes=[
            {"name": "parts", "hostPath": {"path": bed.options["parts"], "type": "Directory"}}],
            mounts=[{"name": "parts", "mountPath": "/parts"}]))
        bed.wait("client", lambda: phase(bed, "client") in ("Succeeded", "Failed"))
        said = bed.kubectl("logs", "client")
        self.assertEqual(phase(bed, "client"), "Succeeded", said)
        self.assertTrue(said.startswith("hello\n"), said)
        user = json.loads(said.removeprefix("hello\n"))["status"]["userInfo"]
        self.assertEqual(user["username"], "system:serviceaccount:default:default")
        self.assertEqual(user["extra"]["authentication.kubernetes.io/node-name"], ["gpu-1"])


class Together(BedTest):
    def test_two_beds_do_not_meet(self):
        with self.bed("one", karpenter=False) as one, self.bed("two", karpenter=False) as two:
            self.clock.lap("two beds ready, one after the other")
            for bed in (one, two):
                bed.node_up("same-name")
                bed.apply(pod(f"only-in-{bed.name[-3:]}", "exec sleep 1000"))
            for bed, own, other in ((one, "one", "two"), (two, "two", "one")):
                bed.wait("pod", lambda bed=bed, own=own: phase(bed, f"only-in-{own}") == "Running")
                self.assertIsNone(bed.get("pod", f"only-in-{other}"))
            one.stop()
            self.assertEqual(phase(two, "only-in-two"), "Running")
            self.assertEqual(two.kubectl("exec", "only-in-two", "--", "hostname"), "only-in-two\n")
        self.assert_nothing_left()


class Again(BedTest):
    def test_whole_bed_many_times_leaves_nothing(self):
        cycles = int(os.environ.get("KERF_E2E_CYCLES", "10"))
        for number in range(1, cycles + 1):
            with self.bed("again") as bed:
                self.clock.lap(f"cycle {number} of {cycles}: ready")
                node = buy_node(bed, "c1")
                self.clock.lap(f"cycle {number}: claim to Node Ready")
                bed.apply(pod("stays", "exec sleep 100000"))
                bed.wait("pod Running", lambda bed=bed: phase(bed, "stays") == "Running")
                self.assertEqual(bed.get("pod", "stays")["spec"]["nodeName"], node)
                self.clock.lap(f"cycle {number}: pod created to Running")
            self.clock.lap(f"cycle {number}: stop")
            self.assert_nothing_left()
