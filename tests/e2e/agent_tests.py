"""Tests of kerfd agent on real nodes: pods get slices, and only theirs, while others are cut. Run by bed_test.py."""
import json

from agent_bed import AgentTest, capabilities, gpu_pod, running
from kerf_bed.api import ApiError
from kerf_bed.testing import TAINT, claim
from layouts import layout
from standin import GROUP

ONE = "nvidia.com/mig-1g.10gb"
COMMON = {"/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", "/dev/nvidiactl"}


class AgentSlices(AgentTest):
    def test_pods_get_the_slices_that_are_cut(self):
        with self.world("slices") as world:
            world.add_node("gpu-1", "H100-80:2")
            self.clock.lap("node and agent")
            with self.scenario(world, "the node's capacity names each slice"):
                self.names_each_slice(world)
            with self.scenario(world, "a pod gets the device nodes of its slice, and no others"):
                self.gets_its_slice(world)
            with self.scenario(world, "a re-cut of what is free beside it leaves it running"):
                self.runs_on_beside_a_cut(world)
            with self.scenario(world, "a slice that an init container holds stays until the pod ends"):
                self.init_container_holds(world)
            with self.scenario(world, "a slice in use that the layout leaves out stays until its pod ends"):
                self.in_use_stays(world)
            with self.scenario(world, "another name for a free slice is not a cut"):
                self.is_renamed(world)
            with self.scenario(world, "an agent writes the status of its own GpuNode and nothing else"):
                self.may_write_its_own_status_only(world)

    def names_each_slice(self, world):
        world.standin.set_layout("gpu-1", layout(
            "1g.10gb@0 1g.10gb@1 1g.10gb@2 -1g.10gb@3 3g.40gb@4", "7g.80gb@0"))
        wanted = {ONE: 3, "nvidia.com/mig-3g.40gb": 1, "nvidia.com/mig-7g.80gb": 1}
        world.bed.wait("offer", lambda: world.standin.allocatable("gpu-1") == wanted)
        shown = json.loads(world.bed.kubectl("get", "node", "gpu-1", "-o", "jsonpath={.status.allocatable}"))
        self.assertEqual({name: int(shown[name]) for name in wanted}, wanted)
        self.assert_sound(world, "gpu-1")
        # A parked slice counts as capacity, which kubelet writes with its next status.
        world.bed.wait("capacity", lambda: world.api.get("/api/v1/nodes/gpu-1")["status"]["capacity"][ONE] == "4")
        seen = world.standin.gpu_node("gpu-1")["status"]
        self.assertEqual(seen["slices"], {"used": 0, "free": 5, "parked": 1, "total": 6})
        self.assertEqual(seen["gpus"][0]["layout"],
                         "H100-80 [1g.10gb@0 1g.10gb@1 1g.10gb@2 1g.10gb@3 3g.40gb@4]")

    def gets_its_slice(self, world):
        device, = world.start(gpu_pod("first", ONE))
        gpu, place = device.split("/")
        self.assertEqual(gpu, "gpu0")
        inside = world.bed.kubectl("exec", "first", "--", "sh", "-c",
                                   "ls -d /dev/nvidia*; ls /dev/nvidia-caps; env").split("\n")
        gi, uuids = world.instances("gpu-1")[0, place]
        self.assertEqual({line for line in inside if line.startswith("nvidia-cap")}, capabilities(0, gi))
        found = {line for line in inside if line.startswith("/dev/")}
        self.assertEqual(found - COMMON, {"/dev/nvidia0", "/dev/nvidia-caps"})
        self.assertLessEqual({"/dev/nvidiactl", "/dev/nvidia-uvm"}, found)
        self.assertEqual([line for line in inside if line.startswith("NVIDIA_")], [])
        slice = world.bed.wait("slice Used", lambda: self.used_by(world, "default/first"))
        self.assertEqual((slice["device"], slice["uuid"]), (device, uuids[0]))

    @staticmethod
    def used_by(world, pod):
        return next((slice for slice in world.standin.slices("gpu-1").values()
                     if slice.get("pod") == pod and slice["state"] == "Used"), None)

    def runs_on_beside_a_cut(self, world):
        before, device = running(world.pod("first")), world.devices("first")[0]
        place = world.instances("gpu-1")[0, device.partition("/")[2]]
        kept = device.rpartition("/")[2]
        # The three other small ones and the two big ones go; 2g@2 may be cut where the pod is not there.
        new = "2g.20gb@2" if kept in ("1g.10gb@0", "1g.10gb@1") else "2g.20gb@0"
        self.assertEqual(world.standin.set_layout("gpu-1", layout(
            f"{kept} {new} 1g.10gb@4 1g.10gb@5", "3g.40gb@0 3g.40gb@4"))["gpus"][1]["slices"][0]["start"], 0)
        got, = world.start(gpu_pod("second", "nvidia.com/mig-2g.20gb"))
        self.assertEqual(got, f"gpu0/{new}")
        self.assertEqual(running(world.pod("first")), before)
        self.assertEqual(world.instances("gpu-1")[0, kept], place)
        self.assert_sound(world, "gpu-1")
        world.remove("second")

    def init_container_holds(self, world):
        world.make(gpu_pod("early", "nvidia.com/mig-3g.40gb", seconds=None, init=4))
        world.bed.wait("init container", lambda: any(
            "running" in each["state"] for each in world.pod("early")["status"].get("initContainerStatuses", [])))
        spec = world.standin.gpu_node("gpu-1")["spec"]
        emptied = {"gpus": [spec["gpus"][0], {"slices": []}]}
        world.standin.write("gpu-1", emptied)  # at once: as a controller that does not look
        self.assertEqual(world.bed.wait("end of the pod", lambda: world.pod("early")["status"]["phase"] in (
            "Succeeded", "Failed") and world.pod("early")["status"]["phase"]), "Succeeded")
        world.standin.until("the slices to go, that one after the pod", lambda: not [
            place for gpu, place in world.instances("gpu-1") if gpu == 1])
        self.assert_sound(world, "gpu-1")
        world.remove("early")

    def in_use_stays(self, world):
        before, place = running(world.pod("first")), world.devices("first")[0].partition("/")[2]
        instance = world.instances("gpu-1")[0, place]
        world.standin.write("gpu-1", layout("", "7g.80gb@0"))
        world.standin.until("all else", lambda: set(world.instances("gpu-1")) == {(0, place), (1, "7g.80gb@0")})
        self.assertEqual(running(world.pod("first")), before)
        self.assertEqual(world.instances("gpu-1")[0, place], instance)
        self.assertEqual(self.used_by(world, "default/first")["state"], "Used")
        world.remove("first")
        world.standin.until("its slice goes with it", lambda: (0, place) not in world.instances("gpu-1"))
        self.assert_sound(world, "gpu-1")

    def is_renamed(self, world):
        world.standin.set_layout("gpu-1", layout("1g.10gb@0", ""))
        before = world.instances("gpu-1")
        world.standin.set_layout("gpu-1", layout("1g.10gb@0=kerf.dev/gpu-10gi", ""))
        self.assertEqual(world.start(gpu_pod("portable", "kerf.dev/gpu-10gi")), ["gpu0/1g.10gb@0"])
        self.assertEqual(world.instances("gpu-1"), before)
        self.assert_sound(world, "gpu-1")
        world.remove("portable")

    def may_write_its_own_status_only(self, world):
        api = world.bed.api(world.agents["gpu-1"].token())
        world.api.post(GROUP, {"apiVersion": "kerf.dev/v1alpha1", "kind": "GpuNode",
                               "metadata": {"name": "other"}, "spec": layout("1g.10gb@0")})
        for path, name in ((f"{GROUP}/other/status", "other"), (f"{GROUP}/gpu-1", "gpu-1")):
            with self.assertRaises(ApiError) as refused:
                api.put(path, {**world.api.get(f"{GROUP}/{name}"), "spec": layout("", ""),
                               "status": {"registrationEpoch": "a lie"}})
            self.assertEqual(refused.exception.code, 403)
        world.api.delete(f"{GROUP}/other")


class AgentBoot(AgentTest):
    def test_a_node_is_cut_as_it_was_bought_before_anybody_wrote_a_layout_for_it(self):
        with self.world("boot", karpenter=True, gpus=True) as world:
            node_class, wanted = claim("c1", "p5.4xlarge")
            spec = layout("1g.10gb@0 1g.10gb@1 -2g.20gb@2 3g.40gb@4")
            wanted["metadata"]["annotations"] = {"kerf.dev/layout": json.dumps(spec)}
            world.bed.apply(node_class, wanted)
            node = world.bed.wait("Node of the claim", lambda: (world.bed.get("nodeclaim", "c1").get(
                "status") or {}).get("nodeName"))
            self.assertEqual(json.loads(world.api.get(f"/api/v1/nodes/{node}")["metadata"]["annotations"][
                "kerf.dev/layout"]), spec)
            world.bed.wait("Node Ready", lambda: world.bed.node_is_ready(node))
            self.clock.lap("claim to Node Ready")
            world.add_agent(node)
            world.bed.wait("the layout stands", lambda: {place for (_, place), (_, uuids) in world.instances(
                node).items() if uuids} == {"1g.10gb@0", "1g.10gb@1", "2g.20gb@2", "3g.40gb@4"})
            self.clock.lap("agent started to cut")
            self.assertIsNone(world.standin.gpu_node(node))
            world.bed.wait("kubelet's own status", lambda: world.standin.allocatable(node).get(ONE) == 2)
            world.bed.kubectl("taint", "node", node, f"{TAINT}-")
            device, = world.start(gpu_pod("first", ONE))
            instances = world.instances(node)
            with self.scenario(world, "the same layout, written, changes nothing"):
                world.standin.set_layout(node, spec)
                self.assertEqual(world.instances(node), instances)
                self.assertEqual(world.devices("first"), [device])
                self.assert_sound(world, node)
            with self.scenario(world, "the annotation permits nothing once there is a GpuNode"):
                world.standin.set_layout(node, layout("1g.10gb@0 1g.10gb@1"))
                world.agents[node].kill()
                world.bed.wait("agent again", lambda: world.agents[node].pid())
                world.bed.wait("and sound", lambda: world.mismatches(node) == [])
                self.assertEqual({place for _, place in world.instances(node)}, {"1g.10gb@0", "1g.10gb@1"})
