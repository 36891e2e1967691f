"""Tests of nodes with simulated GPUs: what looks for a GPU finds it, and Kubernetes too. Run by bed_test.py.

KERF_NVIDIA_DEVICE_PLUGIN: NVIDIA's device plugin, built from its own repository. With it, pods get slices.
"""
import json
import os
import sys
from pathlib import Path

from kerf_bed import gpu
from kerf_bed.testing import BedTest, buy_node, phase, pod, say

PLUGIN = os.environ.get("KERF_NVIDIA_DEVICE_PLUGIN")
# What NVIDIA's tools do, by NVML alone: seven slices on GPU 0.
CUT = """
import ctypes
nvml = ctypes.CDLL("libnvidia-ml.so.1")
def call(name, *words):
    code = getattr(nvml, name)(*words)
    assert code == 0, f"{name}: {code}"
call("nvmlInit_v2")
device = ctypes.c_void_p()
call("nvmlDeviceGetHandleByIndex_v2", 0, ctypes.byref(device))
for _ in range(7):
    instance, part = ctypes.c_void_p(), ctypes.c_void_p()
    call("nvmlDeviceCreateGpuInstance", device, 19, ctypes.byref(instance))
    call("nvmlGpuInstanceCreateComputeInstance", instance, 0, ctypes.byref(part))
"""


class Gpus(BedTest):
    def test_a_node_of_karpenter_has_the_gpus_of_its_type(self):
        with self.bed("gpus", gpus=True) as bed:
            self.clock.lap("start to ready, with Karpenter")
            node = buy_node(bed, "c1", "p5.4xlarge")
            self.clock.lap("claim to Node Ready")
            with self.subTest("programs find it as on a real node"):
                self.assertIn("H100 80GB", bed.output(["nvidia-smi", "-L"], node=node))
                self.assertIn("nvidia", bed.output(["cat", "/proc/driver/nvidia/version"], node=node).lower())
                self.assertTrue(bed.output(["ls", "/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap1"], node=node))
            bed.output([sys.executable, "-c", CUT], node=node)
            with self.subTest("kerfd sees what was cut"):
                seen = json.loads(bed.output([Path(gpu.build_folder()) / "kerfd", "agent", "--inventory",
                                              "-o", "json"], node=node))
                self.assertEqual(len(self.slices(seen)), 7)
            if PLUGIN is None:
                say("no KERF_NVIDIA_DEVICE_PLUGIN: pods with slices are not tried")
            else:
                self.pods_get_slices(bed, node, self.slices(seen))
            self.clock.lap("looked at")
        self.assert_nothing_left()

    @staticmethod
    def slices(inventory):
        """{UUID: minor of its compute instance's capability}"""
        return {compute["uuid"]: 4 + 9 * instance["id"] + compute["id"]
                for card in inventory["gpus"] for instance in card["mig"]["instances"]
                for compute in instance["compute_instances"]}

    def pods_get_slices(self, bed, node, slices):
        """NVIDIA's device plugin, on the simulated driver, for the real kubelet."""
        resource = "nvidia.com/mig-1g.10gb"
        plugin = bed.popen([PLUGIN, "--mig-strategy=mixed", "--pass-device-specs"], node=node)
        try:
            bed.wait("slices in allocatable", lambda: bed.get("node", node)["status"]["allocatable"].get(
                resource) == "7")
            self.clock.lap("plugin started to slices in allocatable")
            script = "echo $NVIDIA_VISIBLE_DEVICES; ls /dev/nvidia-caps; exec sleep 1000"
            for number in (1, 2):
                wanted = pod(f"slice-{number}", script)
                wanted["spec"]["containers"][0]["resources"] = {"limits": {resource: "1"}}
                bed.apply(wanted)
                bed.wait("pod with a slice", lambda n=number: phase(bed, f"slice-{n}") == "Running")
            got = set()
            for number in (1, 2):
                uuid, *nodes = bed.kubectl("logs", f"slice-{number}").split()
                self.assertIn(f"nvidia-cap{slices[uuid]}", nodes)
                got.add(uuid)
            self.assertEqual(len(got), 2)
            self.clock.lap("two pods with a slice each")
        finally:
            plugin.kill()
            plugin.wait()
