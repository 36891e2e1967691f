"""What the agent's tests build on: kubelet crashes as is said, and a pod notices when its slice is destroyed."""
from agent_bed import AgentTest, World, by_hand, capabilities, gpu_pod
from kerf_bed.common import E2E
from kerf_bed.testing import phase


class AgentPremises(AgentTest):
    def test_wrong_plugins_crash_kubelet_and_pods_notice_lost_slices(self):
        with self.bed("premises", karpenter=False) as bed:
            bed.node_up("gpu-1", gpus=["H100-80:1"])
            with self.subTest("a pod notices that its slice is destroyed, or was made anew meanwhile"):
                for verbs, ends in (((), "Succeeded"), (("destroy",), "Failed"), (("destroy", "create"), "Failed")):
                    self.account(bed, verbs, ends)
            self.clock.lap("pods that look at their slices")
            with self.subTest("kubelet crashes when a device is unlisted that is being allocated"):
                self.crash(bed)
            self.clock.lap("kubelet crashed")
        self.assert_nothing_left()

    def account(self, bed, verbs, ends):
        name = f"pod-{len(verbs)}"
        by_hand(bed, "gpu-1", "create", 0, 2)
        gi = World.instances_of(bed, "gpu-1")[0, "1g.10gb@2"][0]
        made = gpu_pod(name, "none", seconds=1000)
        del made["spec"]["containers"][0]["resources"]
        cap = min(capabilities(0, gi), key=lambda word: int(word.removeprefix("nvidia-cap")))
        made["spec"]["volumes"].append({"name": "cap", "hostPath": {"path": f"/dev/nvidia-caps/{cap}"}})
        made["spec"]["containers"][0]["volumeMounts"].append(
            {"name": "cap", "mountPath": f"/dev/nvidia-caps/{cap}"})
        bed.apply(made)
        bed.wait("account", lambda: f"gi{gi}/access" in bed.kubectl("logs", name))
        for verb in verbs:
            by_hand(bed, "gpu-1", verb, 0, gi if verb == "destroy" else 2)
        bed.kubectl("exec", name, "--", "kill", "-TERM", "1")
        bed.wait(f"pod {ends}", lambda: phase(bed, name) == ends)
        for _, (instance, _) in World.instances_of(bed, "gpu-1").items():
            by_hand(bed, "gpu-1", "destroy", 0, instance)

    def crash(self, bed):
        """Why the agent marks devices unhealthy before it unlists them."""
        pid = bed.order("pid", "kubelet", "gpu-1")["pid"]
        bed.run_service("wrong", ["/usr/bin/python3", E2E / "wrong_plugin.py", "example.com/wrong", "2",
                                  "--unlist"], "gpu-1")
        bed.wait("its devices", lambda: bed.get("node", "gpu-1")["status"]["allocatable"].get(
            "example.com/wrong") == "2")
        bed.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "victim"}, "spec": {"containers": [
            {"name": "main", "image": "kerf.test/box:1", "args": ["-c", "exec sleep 1000"],
             "resources": {"limits": {"example.com/wrong": "1"}}}]}})
        bed.wait("kubelet to crash", lambda: bed.order("pid", "kubelet", "gpu-1")["pid"] != pid)
        said = bed.log("kubelet", "gpu-1").read_text(errors="replace")
        self.assertIn("panic: runtime error: invalid memory address", said)
        self.assertIn("devicemanager.(*ManagerImpl).allocateContainerResources", said)
